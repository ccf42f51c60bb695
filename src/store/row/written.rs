//! What the writer sends of calls, their events and deliveries.

use std::time::Duration;

use serde::Serialize;

use super::json;
use crate::model::{Attempt, CallId, CallRecord, Dialing, Disposition, EventKind, Timestamp};
use crate::store::outbox::{Settled, Settlement, Tried};
use crate::store::receivers::{others, receiver};
use crate::store::reviews;
use crate::store::types::Intent;

/// A new row of `calls`.
#[derive(Serialize)]
pub(in crate::store) struct IntentRow<'a> {
    call: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
    tenant: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<u64>,
    agent: u64,
    direction: &'static str,
    from_number: &'a str,
    to_number: &'a str,
    trunk: &'a str,
    sip_call_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_variables: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_face: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_key: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_events: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_receiver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_endpoints: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<String>,
    state: &'static str,
    created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<&'a str>,
}

impl<'a> From<&'a Intent> for IntentRow<'a> {
    fn from(intent: &'a Intent) -> Self {
        let record = &intent.record;
        let promise = intent.idempotency.as_ref();
        Self {
            call: record.call.get(),
            parent: record.parent.map(CallId::get),
            tenant: record.tenant.0,
            key_id: record.key.map(|key| key.0),
            agent: record.agent.0,
            direction: record.direction.as_str(),
            from_number: &record.from,
            to_number: &record.to,
            trunk: &record.trunk,
            sip_call_id: &record.sip_call_id,
            campaign: record.campaign.as_deref(),
            batch: record.recipient.map(|recipient| recipient.campaign.0),
            recipient: record.recipient.map(|recipient| recipient.position),
            metadata: record.metadata.as_deref(),
            unknown_variables: (!record.unknown_variables.is_empty())
                .then(|| json(&record.unknown_variables)),
            webhook_url: record.webhook.as_ref().map(|target| target.url.as_str()),
            webhook_face: record.webhook.as_ref().map(|target| target.face.as_str()),
            webhook_key: record.webhook.as_ref().map(|target| target.key.0),
            hold: record.hold.as_ref().map(|hold| serde_json::to_string(hold).expect("strings and numbers")),
            review: record.review.as_ref().map(reviews::object),
            webhook_events: record.webhook.as_ref().map(|target| target.events.words()),
            webhook_receiver: record.webhook.as_ref().map(|target| receiver(&target.url)),
            webhook_endpoints: others(record),
            application: record.application.map(|application| application.0),
            state: record.state.as_str(),
            created_at: record.created_at.0,
            idempotency_key: promise.map(|(idempotency, _)| idempotency.key.as_str()),
            body_hash: promise.map(|(idempotency, _)| hex::encode(idempotency.body_hash)),
            response_status: promise.map(|(_, response)| response.status),
            response_body: promise.map(|(_, response)| response.body.as_str()),
        }
    }
}

/// What is kept back for a call.
#[derive(Serialize)]
pub(in crate::store) struct HoldRow {
    call: u64,
    amount: i64,
}

impl HoldRow {
    pub fn of(record: &CallRecord) -> Option<Self> {
        Some(Self { call: record.call.get(), amount: record.hold.as_ref()?.amount.0 })
    }
}

/// What is given back of a call: all that is held, less what it cost. Without a time it is a call that was withdrawn.
#[derive(Serialize)]
pub(in crate::store) struct ReleaseRow {
    call: u64,
    charge: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

impl ReleaseRow {
    pub fn of(record: &CallRecord) -> Option<Self> {
        record.hold.as_ref()?;
        let charge = record.charge.unwrap_or_default().0;
        Some(Self {
            call: record.call.get(),
            charge,
            at: Some(record.ended_at.unwrap_or(record.created_at).0),
        })
    }

    pub fn nothing(call: CallId) -> Self {
        Self { call: call.get(), charge: 0, at: None }
    }
}

/// An INVITE about to leave.
#[derive(Serialize)]
pub(in crate::store) struct DialingRow<'a> {
    call: u64,
    trunk: &'a str,
    sip_call_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invites: Option<String>,
}

impl<'a> From<&'a Dialing> for DialingRow<'a> {
    fn from(dialing: &'a Dialing) -> Self {
        Self {
            call: dialing.call.get(),
            trunk: &dialing.trunk,
            sip_call_id: &dialing.sip_call_id,
            invites: invites(&dialing.attempts),
        }
    }
}

fn invites(attempts: &[Attempt]) -> Option<String> {
    (!attempts.is_empty()).then(|| json(attempts))
}

/// An answered call.
#[derive(Serialize)]
pub(in crate::store) struct AnsweredRow {
    pub call: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<i64>,
    pub answered_at: i64,
    pub dialog: String,
}

/// Who answered, and why that was said.
#[derive(Serialize)]
struct Verdict<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_evidence: Option<&'a str>,
}

impl<'a> From<&'a CallRecord> for Verdict<'a> {
    fn from(record: &'a CallRecord) -> Self {
        Self {
            verdict: record.verdict.as_deref(),
            verdict_reason: record.verdict_reason.as_deref(),
            verdict_evidence: record.verdict_evidence.as_deref(),
        }
    }
}

/// A call of which it is known who answered.
#[derive(Serialize)]
pub(in crate::store) struct JudgedRow<'a> {
    call: u64,
    #[serde(flatten)]
    verdict: Verdict<'a>,
}

impl<'a> From<&'a CallRecord> for JudgedRow<'a> {
    fn from(record: &'a CallRecord) -> Self {
        Self { call: record.call.get(), verdict: Verdict::from(record) }
    }
}

/// An event that is owed, if the call's receiver wants it.
#[derive(Serialize)]
pub(in crate::store) struct EventRow {
    call: u64,
    event: &'static str,
    at: i64,
    /// When its receivers get it, if that is later.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<i64>,
}

impl EventRow {
    pub fn new(call: CallId, event: EventKind, at: Timestamp) -> Self {
        Self { call: call.get(), event: event.as_str(), at: at.0, due: None }
    }

    /// It waits so long for what its receivers are to hear with it.
    pub fn waiting(self, hold: Option<Duration>) -> Self {
        let later =
            |hold: Duration| self.at.saturating_add(i64::try_from(hold.as_millis()).unwrap_or(i64::MAX));
        Self { due: hold.map(later), ..self }
    }
}

/// A call to be gone over.
#[derive(Serialize)]
pub(in crate::store) struct ReviewRow {
    call: u64,
    at: i64,
}

impl ReviewRow {
    pub fn of(record: &CallRecord) -> Option<Self> {
        record.review.as_ref().filter(|review| review.is_pending())?;
        Some(Self { call: record.call.get(), at: record.ended_at.unwrap_or(record.created_at).0 })
    }
}

/// A recipient whose next call is put off, since its callee asks for it.
#[derive(Serialize)]
pub(in crate::store) struct LaterRow {
    campaign: u64,
    position: u32,
    call: u64,
    due_at: i64,
}

impl LaterRow {
    pub fn of(record: &CallRecord) -> Option<Self> {
        let (recipient, due_at) = record.recipient.zip(record.not_again_before)?;
        let (campaign, position) = (recipient.campaign.0, recipient.position);
        Some(Self { campaign, position, call: record.call.get(), due_at: due_at.0 })
    }
}

/// An ended call.
#[derive(Serialize)]
pub(in crate::store) struct EndedRow<'a> {
    call: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ringing_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<i64>,
    ended_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    disposition: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sip_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    q850: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(flatten)]
    verdict: Verdict<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invites: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_air_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<String>,
}

impl<'a> From<&'a CallRecord> for EndedRow<'a> {
    fn from(record: &'a CallRecord) -> Self {
        Self {
            call: record.call.get(),
            ringing_at: record.ringing_at.map(|at| at.0),
            answered_at: record.answered_at.map(|at| at.0),
            // A record without it was handed in by mistake; its creation is the last time that it knows.
            ended_at: record.ended_at.unwrap_or(record.created_at).0,
            disposition: record.disposition.map(Disposition::as_str),
            ended_by: record.ended_by.as_deref(),
            sip_status: record.sip_status,
            q850: record.q850,
            detail: record.detail.as_deref(),
            verdict: Verdict::from(record),
            invites: invites(&record.attempts),
            dead_air_ms: record.dead_air.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 1)),
            recording: record.recording.as_deref(),
            recording_error: record.recording_error.as_deref(),
            media: record.media.as_ref().map(|media| serde_json::to_string(media).expect("numbers")),
            charge: record.charge.map(|charge| charge.0),
            review: record.review.as_ref().map(reviews::object),
            people: (!record.people.is_empty()).then(|| {
                let ids: Vec<u64> = record.people.iter().map(|person| person.0).collect();
                serde_json::to_string(&ids).expect("numbers")
            }),
            transcript: (!record.transcript.is_empty())
                .then(|| serde_json::to_string(&record.transcript).expect("words and numbers")),
        }
    }
}

/// A try of a delivery.
#[derive(Serialize)]
pub(in crate::store) struct SettledRow<'a> {
    id: u64,
    attempt: u32,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    settled_at: i64,
}

impl<'a> From<&'a Settlement> for SettledRow<'a> {
    fn from(settlement: &'a Settlement) -> Self {
        let (state, due_at, reason) = match &settlement.settled {
            Settled::Delivered => ("delivered", None, None),
            Settled::Retry { due_at, reason } => ("pending", Some(due_at.0), Some(reason.as_str())),
            Settled::Dead { reason } => ("dead", None, Some(reason.as_str())),
        };
        Self {
            id: settlement.id,
            attempt: settlement.attempt,
            state,
            due_at,
            body: settlement.body.as_deref(),
            reason,
            settled_at: settlement.at.0,
        }
    }
}

/// A try in the delivery log.
#[derive(Serialize)]
pub(in crate::store) struct AttemptRow<'a> {
    delivery: u64,
    attempt: u32,
    started_at: i64,
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
}

impl<'a> AttemptRow<'a> {
    pub fn of(settlement: &'a Settlement) -> Option<Self> {
        let Tried { started_at, duration, status, error, response } = settlement.tried.as_ref()?;
        Some(Self {
            delivery: settlement.id,
            attempt: settlement.attempt,
            started_at: started_at.0,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX >> 1),
            status: *status,
            error: error.as_deref(),
            response: response.as_deref(),
        })
    }
}
