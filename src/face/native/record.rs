//! A call in the switch's own words: everything that it knows of it.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::review::{Analysis, Transcription};
use crate::model::transcript::Said;
use crate::model::{
    Attempt, CallId, CallRecord, CallState, Disposition, EventKind, MediaCounters, Micros, Timestamp,
    WebhookTarget,
};

/// The whole record. `base` is the scheme and host that the client used; empty leaves the recording's path alone.
#[derive(Serialize, ToSchema)]
#[schema(as = native::Call)]
pub struct Call<'a> {
    id: u64,
    call_id: String,
    /// The call that it was made for, if it is that one's second party.
    parent_call_id: Option<String>,
    tenant: u64,
    key: Option<u64>,
    application: Option<u64>,
    agent: u64,
    direction: &'static str,
    from: &'a str,
    to: &'a str,
    state: &'static str,
    campaign: Option<String>,
    recipient: Option<u32>,
    created_at: Timestamp,
    ringing_at: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    duration_ms: Option<u64>,
    billable_minutes: Option<u64>,
    disposition: Option<&'static str>,
    ended_by: Option<&'a str>,
    sip: Sip<'a>,
    verdict: Option<Verdict<'a>>,
    dead_air_ms: Option<u64>,
    media: Option<&'a MediaCounters>,
    cost: Cost,
    recording: Recording<'a>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawValue>,
    /// Who talked, of the people who take calls in a browser, by id and in their order.
    people: Vec<u64>,
    /// What was said, where the agent has it kept.
    transcript: &'a [Said],
    transcription: Transcription<'a>,
    analysis: Analysis<'a>,
    unknown_variables: &'a [String],
    /// Where the agent's bot connects, if it is one that does, while the call lives: good for one connection, within ten minutes.
    stream_url: Option<&'a str>,
    webhook: Option<String>,
    webhook_endpoints: Vec<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CallSip)]
struct Sip<'a> {
    trunk: &'a str,
    call_id: &'a str,
    /// The INVITE's final status.
    status: Option<u16>,
    /// The Q.850 cause of a Reason header.
    q850: Option<u16>,
    detail: Option<&'a str>,
    /// Every INVITE, if there was more than one.
    attempts: &'a [Attempt],
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CallVerdict)]
struct Verdict<'a> {
    class: &'a str,
    reason: Option<&'a str>,
    #[schema(value_type = Option<Object>)]
    evidence: Option<&'a RawValue>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CallCost)]
struct Cost {
    held_micros: Option<Micros>,
    charged_micros: Option<Micros>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = native::CallRecording)]
struct Recording<'a> {
    url: Option<String>,
    error: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Of a record.
    pub fn of(record: &'a CallRecord, base: &str) -> Self {
        let raw = |text: &'a Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            id: record.call.get(),
            call_id: record.call.ca(),
            parent_call_id: record.parent.map(CallId::ca),
            tenant: record.tenant.0,
            key: record.key.map(|key| key.0),
            application: record.application.map(|application| application.0),
            agent: record.agent.0,
            direction: record.direction.as_str(),
            from: &record.from,
            to: &record.to,
            state: state(record),
            campaign: campaign(record),
            recipient: record.recipient.map(|recipient| recipient.position),
            created_at: record.created_at,
            ringing_at: record.ringing_at,
            answered_at: record.answered_at,
            ended_at: record.ended_at,
            duration_ms: record.duration().map(millis),
            billable_minutes: record.billable_minutes(),
            disposition: record.disposition.map(Disposition::as_str),
            ended_by: record.ended_by.as_deref(),
            sip: Sip {
                trunk: &record.trunk,
                call_id: &record.sip_call_id,
                status: record.sip_status,
                q850: record.q850,
                detail: record.detail.as_deref(),
                attempts: &record.attempts,
            },
            verdict: record.verdict.as_deref().map(|class| Verdict {
                class,
                reason: record.verdict_reason.as_deref(),
                evidence: raw(&record.verdict_evidence),
            }),
            dead_air_ms: record.dead_air.map(millis),
            media: record.media.as_ref(),
            cost: Cost {
                held_micros: record.hold.as_ref().map(|hold| hold.amount),
                charged_micros: record.charge,
            },
            recording: Recording {
                url: recorded(record).then(|| recording_url(record, base)),
                error: record.recording_error.as_deref(),
            },
            metadata: raw(&record.metadata),
            people: record.people.iter().map(|person| person.0).collect(),
            transcript: &record.transcript,
            transcription: Transcription::of(record),
            analysis: Analysis::of(record),
            unknown_variables: &record.unknown_variables,
            stream_url: record.stream_link.as_deref(),
            webhook: record.webhook.as_ref().map(receiver),
            webhook_endpoints: record.endpoints.iter().map(|target| target.key.0).collect(),
        }
    }
}

/// One call: `GET /v1/native/calls/{id}`.
pub fn call(record: &CallRecord, base: &str) -> String {
    json_of(&Call::of(record, base))
}

/// A page of calls.
#[derive(Serialize, ToSchema)]
#[schema(as = native::CallPage)]
pub struct Page<'a> {
    data: Vec<Call<'a>>,
    next_cursor: Option<String>,
}

/// A page of calls, and the cursor of the next one if there may be one.
pub fn calls(records: &[CallRecord], next: Option<String>, base: &str) -> String {
    let data = records.iter().map(|record| Call::of(record, base)).collect();
    json_of(&Page { data, next_cursor: next })
}

/// A page of recordings.
pub fn recordings(records: &[CallRecord], next: Option<String>, base: &str) -> Value {
    let shown = |record: &CallRecord| {
        json!({
            "call_id": record.call.ca(),
            "url": recording_url(record, base),
            "content_type": "audio/wav",
            "created_at": record.created_at,
            "answered_at": record.answered_at,
            "ended_at": record.ended_at,
        })
    };
    json!({ "data": records.iter().map(shown).collect::<Vec<_>>(), "next_cursor": next })
}

/// An event: `id` is the one that a stream resumes after.
pub fn event(id: u64, kind: EventKind, at: Timestamp, record: &CallRecord) -> String {
    #[derive(Serialize)]
    struct Event<'a> {
        id: u64,
        event: &'static str,
        created_at: Timestamp,
        call: Call<'a>,
    }
    let then = record.at(kind);
    json_of(&Event { id, event: kind.as_str(), created_at: at, call: Call::of(&then, "") })
}

/// Is there a file to be had?
pub fn recorded(record: &CallRecord) -> bool {
    record.state == CallState::Ended && record.recording.is_some()
}

fn recording_url(record: &CallRecord, base: &str) -> String {
    format!("{base}/v1/native/calls/{}/recording", record.call.ca())
}

/// A call that rings is dialled in the store's words, which know it from its time.
fn state(record: &CallRecord) -> &'static str {
    match record.state {
        CallState::Dialing if record.ringing_at.is_some() => "ringing",
        state => state.as_str(),
    }
}

/// The batch campaign that it is made for, or the one that the request named.
pub(super) fn campaign(record: &CallRecord) -> Option<String> {
    record.recipient.map(|recipient| recipient.campaign.to_string()).or_else(|| record.campaign.clone())
}

/// A receiver without what may be secret in its URL: user, password, query and fragment.
fn receiver(target: &WebhookTarget) -> String {
    match url::Url::parse(&target.url) {
        Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => "unreadable".to_owned(),
    }
}

pub(super) fn json_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers")
}
