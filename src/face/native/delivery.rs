//! The delivery log in the switch's own words.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{CallId, EventKind, Timestamp, WebhookEndpointId};

/// One delivery.
pub struct Shown<'a> {
    /// Its id.
    pub id: u64,
    /// `webhook-id` of every try.
    pub message_id: String,
    /// What happened.
    pub event: EventKind,
    /// Whose event it is.
    pub call: CallId,
    /// Which endpoint it is for; `None`: the call's own receiver.
    pub endpoint: Option<WebhookEndpointId>,
    /// Scheme, host and port.
    pub receiver: &'a str,
    /// `pending`, `delivered` or `failed`.
    pub state: &'static str,
    /// When the event was written.
    pub created_at: Timestamp,
    /// When the next try is due.
    pub next_attempt_at: Option<Timestamp>,
    /// When the last try was settled.
    pub settled_at: Option<Timestamp>,
    /// When it was replayed last.
    pub replayed_at: Option<Timestamp>,
    /// Tries so far.
    pub attempts: u32,
    /// Why the last one failed.
    pub error: Option<&'a str>,
}

/// One try.
pub struct Attempt<'a> {
    /// Which, from 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// Until the answer.
    pub duration: Duration,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Why there is none.
    pub error: Option<&'a str>,
    /// The beginning of the answer.
    pub response: Option<&'a str>,
}

/// As a list has it.
pub fn brief(shown: &Shown<'_>) -> Value {
    json!({
        "id": shown.id,
        "message_id": shown.message_id,
        "event": shown.event.as_str(),
        "call_id": shown.call.ca(),
        "endpoint": shown.endpoint.map(|endpoint| endpoint.0),
        "receiver": shown.receiver,
        "state": shown.state,
        "created_at": shown.created_at,
        "next_attempt_at": shown.next_attempt_at,
        "settled_at": shown.settled_at,
        "replayed_at": shown.replayed_at,
        "attempts_count": shown.attempts,
        "error": shown.error,
    })
}

/// With what was sent and how each try went.
pub fn full(shown: &Shown<'_>, body: Option<&str>, attempts: &[Attempt<'_>]) -> Value {
    let mut value = brief(shown);
    value["body"] = json!(body);
    let tried = |attempt: &Attempt<'_>| {
        json!({
            "attempt": attempt.number,
            "started_at": attempt.started_at,
            "duration_ms": u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
            "status": attempt.status,
            "error": attempt.error,
            "response": attempt.response,
        })
    };
    value["attempts"] = attempts.iter().map(tried).collect();
    value
}
