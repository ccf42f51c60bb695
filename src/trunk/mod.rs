//! The way out: how an INVITE for a trunk looks, and where it may go.

mod custom;
pub mod destination;
mod identity;
pub mod route;
mod stir;
mod uri;
