//! Who talks to the callee: the script agent, programs of steps, and bots at the other end of a media stream; models and people
//! join here.

mod errand;
mod program;
mod script;
pub mod stream;

pub use errand::{Errand, Errands};
pub use program::{Order, Program};
pub use script::{Act, Script};
