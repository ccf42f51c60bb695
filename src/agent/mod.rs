//! Who talks to the callee: the script agent, programs of steps, bots at the other end of a media stream, and people in a
//! browser; models join here.

#[cfg(feature = "browser")]
pub mod browser;
pub mod desk;
mod errand;
pub mod fate;
#[cfg(feature = "browser")]
pub mod floor;
mod program;
mod script;
pub mod stream;

pub use errand::{Errand, Errands};
pub use program::{Order, Program};
pub use script::{Act, Script};
