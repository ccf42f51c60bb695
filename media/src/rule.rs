//! Armed rules: what a bridge does by itself, within the tick, when something is heard.

use std::{sync::Arc, time::Duration};

use crate::clip::Clip;

/// When `when` happens, do `then`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The condition.
    pub when: When,
    /// What it causes.
    pub then: Then,
    /// Spent by its first firing.
    pub once: bool,
}

/// What a rule waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `Command::Answered`.
    Answered,
    /// A verdict of `Class::Human`.
    Human,
    /// A verdict of `Class::Machine` or `Class::Voicemail`.
    Machine,
    /// A verdict of `Class::Voicemail`: the beep was heard.
    Beep,
    /// A verdict of `Class::NoSpeech`.
    NoSpeech,
    /// A verdict of `Class::Unknown`.
    Unknown,
    /// The callee has spoken without a pause for `min` (barge-in).
    Speech {
        /// Shortest speech that counts.
        min: Duration,
    },
}

/// What a rule causes.
#[derive(Clone, Debug)]
pub enum Then {
    /// As `Command::OpenGate`.
    OpenGate,
    /// As `Command::CloseGate`.
    CloseGate,
    /// As `Command::Clear`.
    Clear,
    /// As `Command::Play`.
    Play {
        /// What to play.
        clip: Arc<Clip>,
        /// Reported when it has been played.
        mark: Option<u32>,
    },
}
