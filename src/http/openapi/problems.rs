//! Problems as the document shows them: what each face's own renderer makes of them, so that no code is described that is never
//! sent.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::entry::{Entry, Speaker};
use crate::face::{self, Problem};
use crate::model::{Face, Limit, ObjectKind, ObjectProblem, Refusal};

/// A problem's answer, rendered.
pub struct Rendered {
    pub status: u16,
    /// The code that programs branch on.
    pub code: String,
    pub body: Value,
    /// The name of the envelope's schema.
    pub envelope: &'static str,
}

/// An entry's problems in its speaker's words.
pub fn rendered(entry: &Entry) -> Vec<Rendered> {
    entry.problems.iter().map(|problem| render(entry, problem)).collect()
}

fn render(entry: &Entry, problem: &Problem) -> Rendered {
    let needs_key = matches!(problem, Problem::InvalidApiKey | Problem::KeySecretRequired);
    let (stored, envelope) = match entry.speaker {
        _ if entry.is_refused_alike => (face::shared_error(problem), "SharedError"),
        Speaker::Face(face) if !(entry.is_shared && needs_key) => {
            (face::error(face, problem), envelope(face))
        }
        // Any face's key opens it, and each is answered in its own envelope; Nixflex's stands for them.
        Speaker::Native if !needs_key => (face::error(Face::Nixflex, problem), "AnyError"),
        _ => (face::shared_error(problem), "SharedError"),
    };
    let body: Value = serde_json::from_str(&stored.body).unwrap_or_default();
    let code = [&body["error"]["code"], &body["code"]].into_iter().find(|code| !code.is_null());
    let code = match code {
        Some(Value::String(code)) => code.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    Rendered { status: stored.status, code, body, envelope }
}

/// The name of a face's envelope.
pub const fn envelope(face: Face) -> &'static str {
    match face {
        Face::Nixflex => "nixflex.Error",
        Face::ThunderPhone => "thunderphone.Error",
        Face::Voiceflow => "voiceflow.Error",
        Face::MiniVoice => "minivoice.Error",
        Face::Twilio => "twilio.Error",
    }
}

/// By status, in order.
pub fn by_status(all: Vec<Rendered>) -> BTreeMap<u16, Vec<Rendered>> {
    let mut grouped: BTreeMap<u16, Vec<Rendered>> = BTreeMap::new();
    for one in all {
        grouped.entry(one.status).or_default().push(one);
    }
    grouped
}

/// Whoever needs a key may lack one, or ask too often.
pub fn keyed() -> Vec<Problem> {
    vec![Problem::InvalidApiKey, limited(Limit::Requests, "requests per minute")]
}

/// What reads the store may fail to.
pub fn stored() -> Vec<Problem> {
    vec![Refusal::Storage.into()]
}

/// What any body may be.
pub fn bodied() -> Vec<Problem> {
    vec![
        wrong("body", "is not valid JSON: expected value at line 1 column 1"),
        Problem::BodyTooLarge { limit: 1 << 20 },
        Problem::BodyTimeout,
    ]
}

/// Why the switch has no room, or its trunk no way.
pub fn crowded() -> Vec<Problem> {
    vec![
        limited(Limit::ConcurrentCalls, "concurrent calls"),
        limited(Limit::CallsPerSecond, "calls per second"),
        Refusal::TrunkDown { reason: "no address of the trunk answers".into(), sip_code: Some(503) }.into(),
        Refusal::DestinationForbidden { reason: "premium numbers".into() }.into(),
        Refusal::DoNotCall.into(),
        Refusal::InsufficientBalance.into(),
        Refusal::SpendControl.into(),
        Refusal::RateNotFound.into(),
        Refusal::IdempotencyConflict.into(),
        Refusal::Overloaded("no media port is free").into(),
        Refusal::Draining.into(),
        Refusal::Storage.into(),
    ]
}

/// A field that is not what it must be.
pub fn wrong(field: &str, reason: &str) -> Problem {
    Refusal::InvalidField { field: field.into(), reason: reason.into() }.into()
}

/// A required field that is not there.
pub fn missing(field: &'static str) -> Problem {
    Refusal::MissingField(field).into()
}

/// What is done to one object, and to its kind.
pub fn of_object(kind: ObjectKind) -> Vec<Problem> {
    vec![ObjectProblem::NotFound(kind).into()]
}

/// What a change may meet.
pub fn of_change(kind: ObjectKind) -> Vec<Problem> {
    let all = [
        ObjectProblem::Missing("name".into()),
        ObjectProblem::ManagedByFile,
        ObjectProblem::NameTaken("reminders".into()),
        ObjectProblem::TooMany("a tenant has 10000 objects at most".into()),
        ObjectProblem::InUse("a number dials through it".into()),
        ObjectProblem::Changed,
        ObjectProblem::Forbidden,
        ObjectProblem::NotFound(kind),
    ];
    let refused =
        [wrong("uri", "is no SIP URI"), Refusal::IdempotencyConflict.into(), Refusal::Storage.into()];
    all.into_iter().map(Problem::from).chain(refused).collect()
}

fn limited(limit: Limit, name: &'static str) -> Problem {
    Refusal::Limited { limit, name, retry_after: Duration::from_secs(1) }.into()
}
