//! skeleton

pub mod amd;
