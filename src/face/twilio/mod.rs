//! The verbs of Twilio's REST API that voice bots call by themselves: place a call, look at it, end it.

mod error;
mod event;
mod record;
mod request;
pub(crate) mod schema;
mod twiml;

pub use error::error;
pub use event::{event, sign};
pub use record::{call, calls, created};
pub use request::{Change, parse, parse_change};
