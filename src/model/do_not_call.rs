//! Numbers that a tenant calls no more, whoever asks for it.

use super::{CallId, PhoneNumber, TenantId, Timestamp};

/// Bytes of a note.
pub const NOTE_BYTES_MAX: usize = 256;

/// A number that its tenant calls no more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoNotCall {
    /// Whose list it stands on.
    pub tenant: TenantId,
    /// The number.
    pub number: PhoneNumber,
    /// How it came there.
    pub reason: Objection,
    /// What whoever put it there wants to remember, at most [`NOTE_BYTES_MAX`].
    pub note: Option<String>,
    /// In which call.
    pub call: Option<CallId>,
    /// Since when.
    pub at: Timestamp,
}

/// How a number came onto the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Objection {
    /// Its tenant put it there.
    Listed,
    /// Whoever has it said so in a call.
    Asked,
    /// Whoever has it, or its network in that one's name, refused a call as unwanted (RFC 8197).
    Unwanted,
}

impl Objection {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Listed, Self::Asked, Self::Unwanted];

    /// The word in the API and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Asked => "asked",
            Self::Unwanted => "unwanted",
        }
    }

    /// What the word means.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}
