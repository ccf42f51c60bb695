//! MiniVoice: calls of an application, reads and events, as its documents say (seed 004).

mod error;
mod record;

pub use error::error;
pub use record::{call, created};
