//! Batch campaigns.

pub mod window;
