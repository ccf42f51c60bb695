//! Who talks to the callee: the script agent, and bots at the other end of a media stream.

mod script;
pub mod stream;

pub use script::{Act, Script};
