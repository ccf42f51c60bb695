//! Trunkline: the switch and its control plane.
#![warn(missing_docs)]

pub mod config;
pub mod dialer;
pub mod directory;
pub mod egress;
pub mod face;
pub mod journal;
pub mod model;
pub mod store;
pub mod webhook;
