//! Who talks to the callee: the script agent, and people. Bots and models join here.

pub mod desk;
mod script;

pub use script::{Act, Script};
