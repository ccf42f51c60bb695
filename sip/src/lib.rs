//! SIP without audio (RFC 3261): a sans-IO user agent, and a batched UDP endpoint to drive it.
#![warn(missing_docs)]

mod arena;
mod counters;
pub mod digest;
mod error;
pub mod message;
mod path;
mod reason;
mod timers;
mod user_agent;

pub use counters::Counters;
pub use digest::Credentials;
pub use error::Error;
pub use message::{Message, Method, Name};
pub use path::{Path, Protocol, Transmit};
pub use reason::Reason;
pub use timers::{TimerId, Wheel};
pub use user_agent::{
    Body, Cause, Config, DialogState, Direction, End, Event, Failure, Fork, Incoming, Invite, InviteId,
    OptionsRequest, Query, QueryId, RequestId, Timers, Trust, UserAgent,
};
