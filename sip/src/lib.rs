//! SIP without audio (RFC 3261): a user agent that does no I/O, and a batched UDP endpoint to drive it. Bodies are opaque bytes.
//!
//! From the wire upwards; each layer knows those above it in this list, and none below:
//!
//! | module | what it is |
//! |---|---|
//! | `message`, `digest`, `reason` | what is written: a byte index over a datagram, a writer, challenges and answers |
//! | `path`, `targets`, `timers` | where a message goes, and where next; the timer wheel |
//! | `transaction` | client and server transactions with every timer of §17 and RFC 6026; branches that say where their owner is |
//! | `dialog` | who speaks with whom, by which route and in which order (§12) |
//! | `invite`, `request`, `options` | a call's whole life; a request that stands for itself: BYE, OPTIONS, REGISTER, REFER, NOTIFY |
//! | `registration`, `referral`, `notices` | bindings at registrars; transfers (RFC 3515); what carriers say outside of calls |
//! | `user_agent` | [`UserAgent`] owns all of it; messages and time go in, messages and [`Event`]s come out |
//! | `transport`, `endpoint`, `resolver` | the shell: sockets, batches, names |
//!
//! Everything below `transport` is a core: it is told the time, seeded, never blocks, and never panics from what it hears. Call a
//! `handle_…` or an order such as [`UserAgent::invite`], then drain `poll_transmit`, `poll_event` and `poll_query` to `None`, and
//! call `handle_timeout` at `poll_timeout`. Each call that began ends with exactly one [`Event::Failed`] or [`Event::Ended`].
//!
//! ```
//! use std::time::Instant;
//! use trunkline_sip::{Body, Config, End, Event, Invite, Path, Reliable, SessionTimer, UserAgent};
//!
//! let (here, there) = ("10.0.0.1:5060".parse()?, "10.0.0.2:5060".parse()?);
//! let mut caller = UserAgent::new(Config::new(here), [1; 32]);
//! let mut callee = UserAgent::new(Config::new(there), [2; 32]);
//! let now = Instant::now();
//! let id = caller.invite(now, Invite {
//!     token: 42,
//!     uri: "sip:bob@10.0.0.2".into(),
//!     from: "<sip:alice@10.0.0.1>".into(),
//!     to: "<sip:bob@10.0.0.2>".into(),
//!     route: None,
//!     credentials: None,
//!     tls: None,
//!     headers: Vec::new(),
//!     body: Some(Body::sdp("v=0 …")),
//!     call_id: None,
//!     tap: false,
//!     reliable: Reliable::Supported,
//!     session: Some(SessionTimer::default()),
//! })?;
//!
//! let mut ended = 0;
//! while ended < 2 {
//!     while let Some(transmit) = caller.poll_transmit() {
//!         let path = Path::udp(there, here);
//!         callee.handle_message(now, path, transmit.payload);
//!     }
//!     while let Some(transmit) = callee.poll_transmit() {
//!         let path = Path::udp(here, there);
//!         caller.handle_message(now, path, transmit.payload);
//!     }
//!     while let Some(event) = callee.poll_event() {
//!         match event {
//!             Event::Incoming { id, .. } => callee.answer(now, id, Body::sdp("v=0 …")),
//!             Event::Ended { end: End::Remote { .. }, .. } => ended += 1,
//!             _ => {}
//!         }
//!     }
//!     while let Some(event) = caller.poll_event() {
//!         match event {
//!             Event::Answered { token: 42, .. } => caller.hangup(now, id, None),
//!             Event::Ended { end: End::Local, .. } => ended += 1,
//!             _ => {}
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod arena;
mod certificate;
mod config;
mod counters;
mod dialog;
pub mod digest;
mod dtmf;
mod endpoint;
mod error;
mod event;
mod invite;
mod locals;
pub mod message;
mod notices;
mod options;
mod path;
mod peers;
mod reason;
mod referral;
mod registration;
mod request;
mod resolver;
mod targets;
#[cfg(test)]
mod testing;
mod timers;
mod tls;
mod transaction;
pub mod transport;
mod transport_error;
mod user_agent;

pub use config::{
    Body, Config, Invite, OptionsRequest, Refer, Refresher, Register, Reliable, SessionTimer, Timers, Trust,
};
pub use counters::Counters;
pub use digest::Credentials;
pub use dtmf::{dtmf_info, dtmf_of};
pub use endpoint::Endpoint;
pub use error::Error;
pub use event::{
    Cause, DialogState, Direction, End, Event, Failure, Fork, Incoming, InviteId, Loss, Query, QueryId,
    RegistrationId, RequestId, Wire,
};
pub use message::{Message, Method, Name, Replaces};
pub use path::{Flow, FlowLost, Listen, Local, Path, Protocol, Target, TlsPeer, Transmit};
pub use reason::Reason;
pub use resolver::{Resolver, ResolverConfig, ResolverError};
pub use timers::{TimerId, Wheel};
pub use tls::{ClientTls, ClientTlsConfig, ServerTls, ServerTlsConfig, TlsError};
pub use transaction::shard_of;
pub use transport_error::TransportError;
pub use user_agent::{Authentication, UserAgent};
