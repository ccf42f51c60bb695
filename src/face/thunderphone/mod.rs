//! ThunderPhone: its billing, as its documents say (seed 002).

pub mod billing;
