//! The faces: one a vendor, each pure. A face parses a request, renders an answer, an error and an event, and signs;
//! it knows the model and nothing else, neither HTTP's types nor another face. What they have in common to the rest of the
//! house stands here: one function a thing, one arm a face.

pub mod minivoice;
pub mod nixflex;
pub mod thunderphone;
pub mod twilio;
pub mod voiceflow;

use crate::model::{Accepted, Face, Refusal, StoredResponse};

/// The answer to an accepted call.
pub fn created(face: Face, accepted: &Accepted) -> StoredResponse {
    match face {
        Face::Nixflex => nixflex::created(accepted),
        Face::ThunderPhone => thunderphone::created(accepted),
        Face::Voiceflow => voiceflow::created(accepted),
        Face::MiniVoice => minivoice::created(accepted),
        Face::Twilio => twilio::created(accepted),
    }
}

/// The answer to a request that came to nothing.
pub fn error(face: Face, problem: &Problem) -> StoredResponse {
    match face {
        Face::Nixflex => nixflex::error(problem),
        Face::ThunderPhone => thunderphone::error(problem),
        Face::Voiceflow => voiceflow::error(problem),
        Face::MiniVoice => minivoice::error(problem),
        Face::Twilio => twilio::error(problem),
    }
}

/// The same for a path that several vendors document, asked without a valid key: whose client it is can't be told, so it
/// has the `error` that some read and the `detail` that others do.
pub fn shared_error(problem: &Problem) -> StoredResponse {
    nixflex::error_with_detail(problem)
}

/// Why a request gets no answer of its own. Neutral: each face has its own words for it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Problem {
    /// The request was understood, and nothing was started.
    #[error(transparent)]
    Refused(Refusal),
    /// No key, an unknown key, a wrong secret, or another face's key.
    #[error("no valid API key")]
    InvalidApiKey,
    /// The public half of a key came alone.
    #[error("the key's secret is missing")]
    KeySecretRequired,
    /// No such call, or another tenant's.
    #[error("there is no such call")]
    CallNotFound,
    /// The call has no recording, or not yet.
    #[error("this call has no recording, or not yet")]
    RecordingNotFound,
    /// This trunk is being examined already.
    #[error("this trunk is being examined already; ask again when that is over")]
    ExaminationRunning,
    /// No such path.
    #[error("there is no such path")]
    NoSuchPath,
    /// The path is there, the method is not.
    #[error("this path does not take this method")]
    MethodNotAllowed,
    /// The body is longer than is taken.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge {
        /// What is taken, in bytes.
        limit: usize,
    },
    /// The body did not come in time.
    #[error("the body did not come in time")]
    BodyTimeout,
    /// The switch failed in a way that nobody foresaw.
    #[error("the switch failed; nothing is known to have been started")]
    Internal,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
