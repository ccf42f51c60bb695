//! MiniVoice: calls of an application, reads and events, as its documents say (seed 004).

mod actions;
pub mod billing;
mod error;
mod event;
mod record;
mod recording;
mod request;
pub mod resource;
pub(crate) mod schema;

pub use actions::{question, steps};
pub use error::error;
pub use event::{event, sign, test_event};
pub use record::{call, calls, created};
pub use recording::{parse_recording, recording};
pub use request::parse;
