//! Who talks to the callee: the script agent, programs of steps, bots at the other end of a media stream, hosted realtime
//! models, and people in a browser.

#[cfg(feature = "browser")]
pub mod browser;
pub mod desk;
mod errand;
pub mod fate;
#[cfg(feature = "browser")]
pub mod floor;
pub mod line;
mod program;
pub mod realtime;
mod script;
pub mod stream;
mod walk;

pub use errand::{Errand, Errands, Place};
pub use program::{Order, Program};
pub use script::{Act, Script};
pub use walk::Walk;
