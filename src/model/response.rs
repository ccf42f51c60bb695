//! The answer to an accepted request, kept beside the call so that a repeated request gets the same bytes.

use super::{CallId, PhoneNumber};

/// What a face needs to render its answer.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The call's id.
    pub call: CallId,
    /// Who is called.
    pub to: PhoneNumber,
    /// From which of our numbers.
    pub from: PhoneNumber,
}

/// A rendered answer: stored with the accepting commit, replayed to the same idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: String,
}

/// What became of an accepted request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// A new call is on its way.
    New(StoredResponse),
    /// The same request was accepted before; nothing new was started.
    Replayed(StoredResponse),
}
