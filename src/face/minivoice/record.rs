//! A call as MiniVoice shows it. The create response and the read are one shape: the read goes on where the response ends.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::model::review::{Findings, Progress};
use crate::model::transcript::Said;
use crate::model::{
    Accepted, Application, CallRecord, CallState, Disposition, Micros, StoredResponse, Timestamp,
};

/// The answer to an accepted call: 201 and the call as it stands.
pub fn created(accepted: &Accepted) -> StoredResponse {
    let body = call(&accepted.record, accepted.application.as_deref(), "");
    StoredResponse { status: 201, body }
}

/// One call: `GET /v1/calls/{id}`. `base` is the scheme and host that the client used.
pub fn call(record: &CallRecord, application: Option<&Application>, base: &str) -> String {
    json(&Shown::of(record, application, base))
}

/// A page of calls.
#[derive(Serialize, ToSchema)]
#[schema(as = minivoice::CallPage)]
pub struct Page<'a> {
    calls: Vec<Shown<'a>>,
    count: u64,
    limit: u32,
    offset: u64,
}

/// A page of calls: `GET /v1/calls`.
pub fn calls(
    records: &[CallRecord],
    application: Option<&Application>,
    (count, limit, offset): (u64, u32, u64),
    base: &str,
) -> String {
    let calls = records.iter().map(|record| Shown::of(record, application, base)).collect();
    json(&Page { calls, count, limit, offset })
}

/// In the seed's order; what is not known is left out.
#[derive(Serialize, ToSchema)]
#[schema(as = minivoice::Call)]
pub struct Shown<'a> {
    id: String,
    status: &'static str,
    direction: &'static str,
    from: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_id: Option<String>,
    customer_id: String,
    provider_call_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawValue>,
    created_at: Timestamp,
    route_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_target: Option<String>,
    dialing_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recordings: Option<[Recording; 1]>,
    /// What was said, where the agent has it kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<&'a [Said]>,
    /// What it means, where the agent wants to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis: Option<Analysis<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billable_minutes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_micros: Option<Micros>,
}

/// Where its audio is.
#[derive(Serialize, ToSchema)]
#[schema(as = minivoice::Recording)]
pub struct Recording {
    id: String,
    status: &'static str,
    url: String,
}

/// What was said, and what it means; null until it is done, and if it failed.
#[derive(Serialize, ToSchema)]
#[schema(as = minivoice::Analysis)]
pub struct Analysis<'a> {
    /// `pending`, `done` or `failed`.
    status: &'static str,
    error: Option<&'a str>,
    summary: Option<&'a str>,
    /// `positive`, `neutral` or `negative`.
    sentiment: Option<&'static str>,
    success: Option<bool>,
    #[schema(value_type = Option<Object>)]
    fields: Option<&'a Map<String, Value>>,
}

impl<'a> Analysis<'a> {
    fn of(progress: &'a Progress, found: Option<&'a Findings>) -> Self {
        Self {
            status: progress.as_str(),
            error: progress.error(),
            summary: found.map(|found| found.summary.as_str()),
            sentiment: found.map(|found| found.sentiment.as_str()),
            success: found.and_then(|found| found.success),
            fields: found.and_then(Findings::extracted),
        }
    }
}

impl<'a> Shown<'a> {
    fn of(record: &'a CallRecord, application: Option<&'a Application>, base: &str) -> Self {
        let first = record.attempts.first().map_or(&record.sip_call_id, |attempt| &attempt.sip_call_id);
        let is_over = record.state == CallState::Ended;
        let recorded = is_over && record.recording.is_some();
        let recording = || Recording {
            id: recording_id(record),
            status: "completed",
            url: format!("{base}/v1/calls/{}/recording", id(record)),
        };
        Self {
            id: id(record),
            status: status(record),
            direction: record.direction.as_str(),
            from: &record.from,
            to: &record.to,
            application_id: record.application.map(|application| application.render()),
            customer_id: customer(record),
            provider_call_id: first,
            answer_url: application.and_then(|application| application.answer_url.as_deref()),
            metadata: metadata(record),
            created_at: record.created_at,
            route_mode: "webhook",
            routing_target: record.application.map(|application| application.render()),
            // The attempt is committed with the call: nothing of MiniVoice's waits.
            dialing_at: record.created_at,
            answered_at: record.answered_at,
            ended_at: record.ended_at,
            duration_seconds: record.duration().map(|duration| duration.as_secs_f64().round() as u64),
            end_reason: record.disposition.map(Disposition::as_str),
            answered_by: record.verdict.as_deref(),
            recordings: recorded.then(|| [recording()]),
            transcript: (!record.transcript.is_empty()).then_some(record.transcript.as_slice()),
            analysis: record.analysis().map(|progress| Analysis::of(progress, record.findings())),
            billable_minutes: record.charge.and(record.billable_minutes()),
            charge_micros: record.charge,
        }
    }
}

/// `call_` and the integer.
pub(super) fn id(record: &CallRecord) -> String {
    format!("call_{}", record.call)
}

/// The id of a call's recording.
pub(super) fn recording_id(record: &CallRecord) -> String {
    format!("rec_{}", record.call)
}

/// The tenant.
pub(super) fn customer(record: &CallRecord) -> String {
    format!("cust_{}", record.tenant)
}

/// dialing, in_progress, then completed if it was answered, else failed.
pub(super) fn status(record: &CallRecord) -> &'static str {
    match (record.state, record.answered_at) {
        (CallState::Accepted | CallState::Dialing, _) => "dialing",
        (CallState::Answered, _) => "in_progress",
        (CallState::Ended, Some(_)) => "completed",
        (CallState::Ended, None) => "failed",
    }
}

fn metadata(record: &CallRecord) -> Option<&RawValue> {
    serde_json::from_str(record.metadata.as_deref()?).ok()
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our own structs have string keys and no failing serializer")
}
