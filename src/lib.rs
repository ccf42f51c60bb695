//! Trunkline: the switch and its control plane.
#![warn(missing_docs)]

pub mod admission;
pub mod agent;
pub mod call;
pub mod cli;
pub mod config;
pub mod dialer;
pub mod directory;
pub mod egress;
pub mod face;
pub mod house;
pub mod http;
pub mod journal;
pub mod keyfile;
pub mod metrics;
pub mod model;
pub mod simulator;
pub mod store;
pub mod trunk;
pub mod tts;
pub mod webhook;
