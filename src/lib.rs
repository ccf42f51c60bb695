//! Trunkline: the switch and its control plane.
#![warn(missing_docs)]

pub mod dialer;
pub mod egress;
pub mod journal;
pub mod model;
pub mod store;
pub mod webhook;
