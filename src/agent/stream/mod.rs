//! Media streams: somebody's voice bot at the other end of a WebSocket, or of AudioSocket's TCP, whom we call, or who
//! calls us. The bot was written for a hosted service; which one's messages it expects is the [`Dialect`].
//!
//! | file | what it does |
//! |---|---|
//! | [`spec`] | what a stream is to be, and whether that can be |
//! | [`life`] | a stream's life between a dialect and a [`Port`](trunkline_media::Port), in virtual time |
//! | `dialect` | `Interpreter`: what a bot's messages ask, how it is told; one file a service |
//! | `marks` | who is to be told when what the bot said was heard |
//! | [`handle`] | how the call has a stream opened, and what it tells it |
//! | [`reception`] | bots that connect to the switch, and the calls that wait for them |
//!
//! The connection, its shell and what waits before the port are the [line](super::line)'s, which models share.
//!
//! The stream is opened while the callee rings. The bot hears at once that the call has begun, and its first words wait behind
//! the gate. It is sent audio every 20 ms: silence until the answer, or until its own first words are heard;
//! then the callee. What is late is passed over. Towards the callee nothing is lost: bots speak faster than the ear, so five
//! minutes are taken, and then the socket is not read.

mod dialect;
pub mod handle;
pub mod life;
mod marks;
pub mod reception;
pub mod spec;

pub use super::line::{Counters, Ended, Event, Sink, Why};
pub use handle::{Handle, await_bot, open, open_from};
pub use reception::Reception;
pub use spec::{Call, Dialect, Encoding, Header, Spec, SpecError};

#[cfg(test)]
mod tests;
