//! What the call learns of whoever talks from afar.

use trunkline_media::Digits;

use crate::model::{Step, Utterance};

/// What the call learns of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The bot is there, and has been told of the call. Again after a reconnection.
    Connected,
    /// The bot wants these sent to the callee.
    Digits(Box<Digits>),
    /// A model wants this done.
    Asked(Step),
    /// Somebody said this.
    Said(Utterance),
    /// Of the agent's last words no more than these were heard.
    Corrected(Utterance),
    /// Nothing more will come: once, and last of all.
    Ended(Ended),
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub why: Why,
    /// What it did.
    pub counters: Counters,
}

/// Why a stream ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The call is over.
    #[error("the call is over")]
    CallOver,
    /// The bot closed the connection in good order, and what it had said was heard.
    #[error("the bot closed the connection{}", code.map(|code| format!(" with code {code}")).unwrap_or_default())]
    Closed {
        /// The WebSocket's close code.
        code: Option<u16>,
    },
    /// The bot asked for a hang-up, and what it had said was heard.
    #[error("the bot hung up")]
    HungUp,
    /// The bot says that it has failed.
    #[error("the bot failed: {0}")]
    Failed(String),
    /// The connection broke.
    #[error("the connection to the bot broke: {0}")]
    Lost(String),
    /// Nobody was there in time.
    #[error("the bot cannot be reached: {0}")]
    Unreachable(String),
    /// The handshake was answered with an HTTP status that will not change.
    #[error("the bot refused the connection with status {0}")]
    Refused(u16),
    /// The WebSocket protocol was broken.
    #[error("the bot broke the WebSocket protocol: {0}")]
    Protocol(String),
    /// A message was longer than is read.
    #[error("the bot sent a message that is too long")]
    TooLong,
    /// Too many messages in a row said nothing in this dialect.
    #[error("the bot speaks another dialect")]
    Gibberish,
    /// The bot does not answer pings.
    #[error("the bot does not answer")]
    Unresponsive,
    /// The bot does not read.
    #[error("the bot does not read what it is sent")]
    NotReading,
}

impl Why {
    /// What whoever counts calls each of them, by its [place](Self::place).
    pub const WORDS: [&'static str; 12] = [
        "call_over",
        "closed",
        "hung_up",
        "failed",
        "lost",
        "unreachable",
        "refused",
        "protocol",
        "too_long",
        "gibberish",
        "unresponsive",
        "not_reading",
    ];

    /// Where its word stands.
    pub const fn place(&self) -> usize {
        match self {
            Self::CallOver => 0,
            Self::Closed { .. } => 1,
            Self::HungUp => 2,
            Self::Failed(_) => 3,
            Self::Lost(_) => 4,
            Self::Unreachable(_) => 5,
            Self::Refused(_) => 6,
            Self::Protocol(_) => 7,
            Self::TooLong => 8,
            Self::Gibberish => 9,
            Self::Unresponsive => 10,
            Self::NotReading => 11,
        }
    }
}

/// What a stream did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// 20 ms that the bot said, rounded down.
    pub frames_in: u64,
    /// 20 ms of the callee that the bot was sent.
    pub frames_out: u64,
    /// 20 ms of the callee that were too late for the bot.
    pub passed_over: u64,
    /// Marks that the bot set.
    pub marks: u64,
    /// Times that the bot threw away what it had said.
    pub clears: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Digits that were dropped, either way, because too many waited.
    pub digits_dropped: u64,
    /// Connections after the first.
    pub reconnections: u64,
}

impl Counters {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            frames_in: self.frames_in + other.frames_in,
            frames_out: self.frames_out + other.frames_out,
            passed_over: self.passed_over + other.passed_over,
            marks: self.marks + other.marks,
            clears: self.clears + other.clears,
            malformed: self.malformed + other.malformed,
            digits_dropped: self.digits_dropped + other.digits_dropped,
            reconnections: self.reconnections + other.reconnections,
        }
    }
}
