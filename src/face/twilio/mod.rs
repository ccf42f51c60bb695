//! The verbs of Twilio's REST API that voice bots call by themselves: place a call, look at it, end it.

mod error;
mod record;

pub use error::error;
pub use record::{call, created};
