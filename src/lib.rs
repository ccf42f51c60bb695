//! Trunkline: the switch and its control plane.
#![warn(missing_docs)]

pub mod cli;
pub mod config;
pub mod dialer;
pub mod directory;
pub mod egress;
pub mod face;
pub mod http;
pub mod journal;
pub mod metrics;
pub mod model;
pub mod store;
pub mod webhook;
