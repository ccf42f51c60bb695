//! Who talks to the callee: the script agent, and programs of steps; bots, models and people join here.

mod program;
mod script;

pub use program::{Order, Program};
pub use script::{Act, Script};
