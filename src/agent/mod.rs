//! Who talks to the callee: the script agent, and programs of steps; bots, models and people join here.

mod errand;
mod program;
mod script;

pub use errand::{Errand, Errands};
pub use program::{Order, Program};
pub use script::{Act, Script};
