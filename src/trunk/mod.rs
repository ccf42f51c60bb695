//! The way out: how an INVITE for a trunk looks, and where it may go.

pub mod destination;
pub mod route;
