//! Nixflex: single outbound calls, reads and events, as its documents say (seed 000).

mod event;
mod request;

pub use event::{SIGNATURE_HEADER, completed, sign};
pub use request::{Outbound, parse_outbound};
