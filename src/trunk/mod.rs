//! The way out: how an INVITE for a trunk looks, and where it may go.

pub mod blocked;
mod custom;
pub mod destination;
mod identity;
pub mod route;
mod stir;
mod uri;
