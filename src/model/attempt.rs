//! One INVITE of a call, and what came of it. A call that met a trunk's own trouble makes another attempt by the next trunk.

use std::time::Duration;

use super::{CallId, Timestamp};

/// One INVITE of a call.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    /// The trunk's name.
    pub trunk: String,
    /// Its Call-ID (RFC 3261 §8.1.1.4): every attempt has its own.
    pub sip_call_id: String,
    /// The Request-URI, where a redirection named another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its final status. Of an attempt without one nobody knows, or nothing came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_status: Option<u16>,
    /// The Q.850 cause that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q850: Option<u16>,
    /// Who was meant to take the call's far end over, if it was a transfer: a number, or the Call-ID of an INVITE with Replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
    /// Why it came to nothing, in one clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Attempt {
    /// One that is about to be made.
    pub fn new(trunk: impl Into<String>, sip_call_id: impl Into<String>) -> Self {
        Self {
            trunk: trunk.into(),
            sip_call_id: sip_call_id.into(),
            uri: None,
            sip_status: None,
            q850: None,
            transfer: None,
            why: None,
        }
    }
}

/// What a call pays apart once it has moved to another party: a record of its own, whose price that party's number has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MovedLeg {
    /// Its record.
    pub call: CallId,
    /// How long it is paid for.
    pub lasts: Duration,
}

/// An INVITE of a call is about to leave, or to be answered: the first of one that waited, the next of one whose last came to
/// nothing, or that of a talking call which moves its far end to another party.
#[derive(Clone, Debug)]
pub struct Dialing {
    /// Whose.
    pub call: CallId,
    /// The name of the trunk that it goes by; of a call that moves, the trunk that it came to talk by.
    pub trunk: String,
    /// Its Call-ID; of a call that moves, that of the INVITE it came to talk by.
    pub sip_call_id: String,
    /// Every INVITE so far and this one, if it is not the first.
    pub attempts: Vec<Attempt>,
    /// When the call's life began with it, if it is the first: `call.started` is owed then.
    pub started_at: Option<Timestamp>,
}
