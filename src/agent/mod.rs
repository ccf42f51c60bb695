//! Who talks to the callee: the script agent, or a person in a browser. Bots and models join here.

#[cfg(feature = "browser")]
pub mod browser;
pub mod desk;
#[cfg(feature = "browser")]
pub mod floor;
mod script;

pub use script::{Act, Script};
