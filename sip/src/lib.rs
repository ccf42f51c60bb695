//! SIP without audio (RFC 3261): a sans-IO user agent, and a batched UDP endpoint to drive it.
#![warn(missing_docs)]

mod arena;
mod counters;
mod dialog;
pub mod digest;
mod endpoint;
mod error;
mod invite;
pub mod message;
mod options;
mod path;
mod reason;
mod request;
mod resolver;
mod targets;
#[cfg(test)]
mod testing;
mod timers;
mod transaction;
pub mod transport;
mod user_agent;

pub use counters::Counters;
pub use digest::Credentials;
pub use endpoint::Endpoint;
pub use error::Error;
pub use message::{Message, Method, Name};
pub use path::{Path, Protocol, Transmit};
pub use reason::Reason;
pub use resolver::resolve;
pub use timers::{TimerId, Wheel};
pub use transaction::shard_of;
pub use user_agent::{
    Body, Cause, Config, DialogState, Direction, End, Event, Failure, Fork, Incoming, Invite, InviteId,
    OptionsRequest, Query, QueryId, RequestId, Timers, Trust, UserAgent,
};
