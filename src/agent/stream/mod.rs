//! Media streams: somebody's voice bot at the other end of a WebSocket, or of AudioSocket's TCP, whom we call. The bot was
//! written for a hosted service; which one's messages it expects is the [`Dialect`].
//!
//! | file | what it does |
//! |---|---|
//! | [`spec`] | what a stream is to be, and whether that can be |
//! | [`life`] | a stream's life between a dialect and a [`Port`](trunkline_media::Port), in virtual time |
//! | `dialect` | `Interpreter`: what a bot's messages ask, how it is told; one file a service |
//! | `intake`, `voice` | the bot's audio to PCMU of any length, the callee's PCMU to the bot's encoding |
//! | `backlog`, `marks` | what the bot has said and nobody has heard yet; who is to be told when it was |
//! | `outbox` | messages on their way to the bot, in one buffer |
//! | `link`, `connect` | the socket: messages in and out, deadlines, sizes, closing |
//! | `manners` | how long is waited, when it is tried again, how leave is taken: of models' sessions too |
//! | [`shell`] | one task a stream: it ticks every 20 ms, feeds, drains, sends |
//!
//! The stream is opened while the callee rings. The bot hears at once that the call has begun, and its first words wait behind
//! the gate. It is sent audio every 20 ms: silence until the answer, then the callee; what is late is passed over. Towards the
//! callee nothing is lost: bots speak faster than the ear, so a minute is taken, and then the socket is not read.

pub(super) mod backlog;
pub(super) mod connect;
pub(super) mod dialect;
pub(super) mod intake;
pub mod life;
pub(super) mod link;
pub(in crate::agent) mod manners;
mod marks;
pub(super) mod outbox;
pub mod shell;
pub mod spec;
pub(super) mod voice;

pub use life::{Counters, Ended, Event, Why};
pub use shell::{Handle, Sink, open};
pub use spec::{Call, Dialect, Encoding, Header, Spec, SpecError};

#[cfg(test)]
mod tests;
