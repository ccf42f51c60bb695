//! The answer to an accepted request, kept beside the call so that a repeated request gets the same bytes.

use std::sync::Arc;

use super::{Application, CallRecord, Key};

/// What a face needs to render its answer.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The call as it is about to be committed.
    pub record: CallRecord,
    /// The application that it counts to.
    pub application: Option<Arc<Application>>,
    /// The key that asked.
    pub key: Option<Arc<Key>>,
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
