//! The way out: how an INVITE for a trunk looks, and where it may go.

pub mod choice;
pub mod destination;
pub mod health;
pub mod keeper;
pub mod redirect;
pub mod route;
