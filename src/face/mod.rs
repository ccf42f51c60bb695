//! The faces: one a vendor, each pure. A face parses a request, renders an answer, an error and an event, and signs;
//! it knows the model and nothing else, neither HTTP's types nor another face.

pub mod nixflex;

use crate::model::{BatchRefusal, Refusal, Untransferable};

/// Why a request gets no answer of its own. Neutral: each face has its own words for it.
#[derive(Clone, PartialEq, Debug)]
pub enum Problem {
    /// The request was understood, and nothing was started.
    Refused(Refusal),
    /// A campaign was not made, or does not do what it was told. Never [`BatchRefusal::Refused`], which is the one above.
    Batch(BatchRefusal),
    /// No key, an unknown key, a wrong secret, or another face's key.
    InvalidApiKey,
    /// The public half of a key came alone.
    KeySecretRequired,
    /// No such call, or another tenant's.
    CallNotFound,
    /// What was asked of the call cannot be done as it stands.
    CallNotLive(Untransferable),
    /// The call has no recording, or not yet.
    RecordingNotFound,
    /// This trunk is being examined already.
    ExaminationRunning,
    /// No such path.
    NoSuchPath,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The body is longer than is taken.
    BodyTooLarge {
        /// What is taken, in bytes.
        limit: usize,
    },
    /// The body did not come in time.
    BodyTimeout,
    /// The switch failed in a way that nobody foresaw.
    Internal,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<BatchRefusal> for Problem {
    fn from(refusal: BatchRefusal) -> Self {
        match refusal {
            BatchRefusal::Refused(refusal) => Self::Refused(refusal),
            refusal => Self::Batch(refusal),
        }
    }
}
