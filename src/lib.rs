//! Trunkline: the switch and its control plane.
#![warn(missing_docs)]

pub mod dialer;
pub mod model;
