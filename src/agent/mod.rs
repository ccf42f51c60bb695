//! Who talks to the callee. Today that is the script agent; bots, models and people join here.

mod script;

pub use script::{Act, Script};
