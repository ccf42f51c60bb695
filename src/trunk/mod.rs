//! The way out: how an INVITE for a trunk looks, and where it may go; and the way in: whose call it is, and for which number.

pub mod blocked;
pub mod called;
pub mod choice;
mod custom;
pub mod destination;
pub mod doors;
pub mod health;
mod identity;
pub mod keeper;
pub mod reach;
pub mod redirect;
pub mod route;
mod stir;
mod uri;
