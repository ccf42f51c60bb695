//! The line to whoever talks from afar: a bot at the other end of a media stream, or a hosted model. What every kind of them needs,
//! and nothing of what they say.
//!
//! | file | what it does |
//! |---|---|
//! | [`core`] | what a life must be, that a shell can live it |
//! | [`shell`] | one task a line: it ticks every 20 ms, feeds, drains, sends, connects and takes leave |
//! | `beat` | when a line ticks, in step with who talks |
//! | [`lanes`] | the threads that carry shells, in turns |
//! | [`source`], [`hatch`] | where a connection comes from: we dial, or it is handed in |
//! | [`door`], `connect`, `threshold` | where to dial, getting a connection, and nothing of what comes behind its handshake is lost |
//! | [`link`], `websocket`, `frames`, `packets` | messages in and out of it: a WebSocket's, by frames, or AudioSocket's packets |
//! | [`wire`] | what is below these: bytes, what comes of them, and how they end |
//! | `vigil` | whether whoever it is still is there, and takes what he is sent |
//! | `manners` | how long is waited, when it is tried again, how leave is taken |
//! | `mouth` | what is said from afar, at the bridge's port: decoded, queued, thrown away, heard |
//! | `intake`, `voice` | audio from afar to PCMU of any length, the callee's PCMU to the encoding that is read there |
//! | `lull` | which silence is only time that passes |
//! | `backlog` | what has been said and nobody has heard yet |
//! | `outbox` | messages on their way, in one buffer |
//! | `told`, [`event`] | what the call learns: of things that happen, and of the end |
//! | [`tally`] | what all lines did, for whoever counts |

pub(super) mod backlog;
mod beat;
mod connect;
pub mod core;
pub mod door;
pub mod event;
pub(super) mod frames;
pub mod hatch;
pub(super) mod intake;
pub mod lanes;
pub mod link;
mod lull;
pub(super) mod manners;
pub mod message;
pub(super) mod mouth;
pub(super) mod outbox;
pub(super) mod packets;
pub mod shell;
pub mod source;
pub mod tally;
mod threshold;
pub(super) mod told;
mod vigil;
pub(super) mod voice;
mod websocket;
pub mod wire;

pub use self::core::Core;
pub use door::{Door, Header};
pub use event::{Counters, Ended, Event, Why};
pub use hatch::{Gap, Hatch};
pub use lanes::Lanes;
pub use link::Link;
pub use message::{Incoming, Message};
pub use shell::Sink;
pub use source::Source;
pub use tally::Tally;
