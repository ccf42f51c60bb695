//! A call that has come in, while it is asked who is to answer it.

use super::{AgentId, CallId, PhoneNumber, Timestamp};

/// What is told of it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The id that it will have.
    pub call: CallId,
    /// Who answers it if nobody says otherwise.
    pub agent: AgentId,
    /// Who calls, if that is known.
    pub from: Option<PhoneNumber>,
    /// The number of ours that was called.
    pub to: PhoneNumber,
    /// When it came.
    pub at: Timestamp,
}
