//! Who talks to the callee: the script agent, programs of steps, bots at the other end of a media stream, and hosted realtime
//! models; people join here.

mod errand;
mod program;
pub mod realtime;
mod script;
pub mod stream;

pub use errand::{Errand, Errands};
pub use program::{Order, Program};
pub use script::{Act, Script};
