//! Realtime models: a hosted speech-to-speech model that talks in a call. We open a session at its provider's, tell it what the
//! call is about, carry audio both ways, and do what it asks by its tools.
//!
//! | file | what it does |
//! |---|---|
//! | [`life`] | a session's life between a driver and a [`Port`](trunkline_media::Port), in virtual time |
//! | `driver` | what every provider's protocol can be asked and can ask |
//! | `openai`, `deepgram`, `elevenlabs` | one provider's messages each; a fourth is one more file |
//! | `provider` | who speaks which, and where it is found |
//! | `tools` | what a model may do besides talking: what it is told of that, and what its asking means |
//! | `speech` | which of its utterances stands where in what it said, and how much of each was heard |
//! | `before` | what was said, for a session that is opened again |
//! | `work` | its tools at work |
//! | [`handle`] | how the call has a session opened, what it tells it, and who calls webhook tools |
//!
//! The connection, its shell and what waits before the port are the [line](super::line)'s. The session is opened while the callee rings; a model
//! that speaks first is asked for its first words at once, and they wait behind the gate. It hears the callee from the moment its
//! first words leave, so that a "Hello?" does not make it take them back. When it says that the callee interrupts, what it said
//! and nobody has heard yet is thrown away within the tick, and it is told how much was heard.

mod before;
mod deepgram;
mod driver;
mod elevenlabs;
pub mod handle;
pub mod life;
mod openai;
mod provider;
mod speech;
mod tools;
mod work;

pub use handle::{Handle, open};

use crate::model::{Briefed, CallId, PhoneNumber};

/// A session that is to be opened.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Who talks, and what they are told.
    pub briefed: Briefed,
    /// Which call: webhook tools are told.
    pub call: CallId,
    /// Who calls.
    pub from: PhoneNumber,
    /// Who is called.
    pub to: PhoneNumber,
}

#[cfg(test)]
mod tests;
