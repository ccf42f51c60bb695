//! The way out: how an INVITE for a trunk looks, and where it may go.

pub mod blocked;
pub mod choice;
mod custom;
pub mod destination;
pub mod health;
mod identity;
pub mod keeper;
pub mod redirect;
pub mod route;
mod stir;
mod uri;
