//! From what was seen to what is told. Pure functions; each file is a table of one step's observations.

mod configuration;
mod digest;
mod options;
mod reach;
mod words;

pub use configuration::configuration;
pub use options::{options, return_path};
pub use reach::{knocked, names};
