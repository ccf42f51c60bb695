//! Between values and rows: what the writer sends as JSON, one array a kind, and what reads give back. The names of the
//! fields are the names of the columns, in both engines.

use serde::Serialize;

use super::outbox::{Delivery, Settled, Settlement, Tried};
use super::receivers::{endpoints, read_endpoints, read_target, receiver};
use super::types::Intent;
use super::{Replay, StoreError};
use crate::model::{
    AgentId, ApplicationId, Attempt, CallId, CallRecord, CallState, CampaignId, Dialing, DialogRecord,
    Direction, Disposition, EventKind, Idempotency, KeyId, Micros, RecipientId, StoredResponse, TenantId,
    Timestamp, WebhookEndpointId,
};

/// A new row of `calls`.
#[derive(Serialize)]
pub(super) struct IntentRow<'a> {
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
            webhook_events: record.webhook.as_ref().map(|target| target.events.words()),
            webhook_receiver: record.webhook.as_ref().map(|target| receiver(&target.url)),
            webhook_endpoints: endpoints(&record.endpoints),
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
pub(super) struct HoldRow {
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
pub(super) struct ReleaseRow {
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
pub(super) struct DialingRow<'a> {
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
pub(super) struct AnsweredRow {
    pub call: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<i64>,
    pub answered_at: i64,
    pub dialog: String,
}

/// An event that is owed, if the call's receiver wants it.
#[derive(Serialize)]
pub(super) struct EventRow {
    call: u64,
    event: &'static str,
    at: i64,
}

impl EventRow {
    pub fn new(call: CallId, event: EventKind, at: Timestamp) -> Self {
        Self { call: call.get(), event: event.as_str(), at: at.0 }
    }
}

/// An ended call.
#[derive(Serialize)]
pub(super) struct EndedRow<'a> {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_evidence: Option<&'a str>,
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
            verdict: record.verdict.as_deref(),
            verdict_reason: record.verdict_reason.as_deref(),
            verdict_evidence: record.verdict_evidence.as_deref(),
            invites: invites(&record.attempts),
            dead_air_ms: record.dead_air.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 1)),
            recording: record.recording.as_deref(),
            recording_error: record.recording_error.as_deref(),
            media: record.media.as_ref().map(|media| serde_json::to_string(media).expect("numbers")),
            charge: record.charge.map(|charge| charge.0),
            transcript: (!record.transcript.is_empty())
                .then(|| serde_json::to_string(&record.transcript).expect("words and numbers")),
        }
    }
}

/// A try of a delivery.
#[derive(Serialize)]
pub(super) struct SettledRow<'a> {
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
pub(super) struct AttemptRow<'a> {
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

/// Rows as one JSON array, which one statement takes apart, however many they are.
pub(super) fn json<T: Serialize>(rows: &[T]) -> String {
    let text = serde_json::to_string(rows).expect("rows are strings and numbers");
    if text.contains("\\u0000") { without_nul(&text) } else { text }
}

/// PostgreSQL's text cannot hold U+0000, and a peer's header can: it becomes U+FFFD.
fn without_nul(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = if escape.starts_with("\\u") { 6 } else { 2 };
        let (escape, after) = escape.split_at(length);
        out.push_str(if escape == "\\u0000" { "\\ufffd" } else { escape });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A row, in either engine's type. All integers are 64 bits wide.
pub(super) trait Columns {
    fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;
    fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error>;
}

macro_rules! columns {
    ($($row:ty),+) => {$(
        impl Columns for $row {
            fn integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
                sqlx::Row::try_get(self, column)
            }

            fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
                sqlx::Row::try_get(self, column)
            }
        }
    )+};
}

columns!(sqlx::sqlite::SqliteRow, sqlx::postgres::PgRow);

/// The columns that [`read_call`] wants, of a table or alias `c`.
pub(super) const CALL_COLUMNS: &str = "c.call, c.parent, c.tenant, c.direction, c.key_id, c.agent, c.from_number, c.to_number, c.trunk, \
     c.sip_call_id, c.campaign, c.batch, c.recipient, c.metadata, c.unknown_variables, c.webhook_url, c.webhook_face, c.webhook_key, \
     c.webhook_events, c.webhook_endpoints, c.application, c.state, \
     c.created_at, c.ringing_at, c.answered_at, c.ended_at, c.disposition, c.ended_by, c.sip_status, c.q850, c.detail, \
     c.verdict, c.verdict_reason, c.verdict_evidence, c.dead_air_ms, c.recording, c.recording_error, c.media, \
     c.invites, c.hold, c.charge, c.transcript";

/// A row of `calls`.
pub(super) fn read_call(row: &impl Columns) -> Result<CallRecord, StoreError> {
    Ok(CallRecord {
        call: call_id(row)?,
        parent: id(row, "parent")?.and_then(CallId::new),
        tenant: TenantId(required(id(row, "tenant")?, "tenant")?),
        direction: word(row.text("direction")?, Direction::from_word)?
            .ok_or(StoreError::Corrupt("direction"))?,
        key: id(row, "key_id")?.map(KeyId),
        application: id(row, "application")?.map(ApplicationId),
        agent: AgentId(required(id(row, "agent")?, "agent")?),
        from: required(row.text("from_number")?, "from_number")?,
        to: required(row.text("to_number")?, "to_number")?,
        trunk: required(row.text("trunk")?, "trunk")?,
        sip_call_id: required(row.text("sip_call_id")?, "sip_call_id")?,
        campaign: row.text("campaign")?,
        recipient: read_recipient_id(row)?,
        metadata: row.text("metadata")?,
        unknown_variables: match row.text("unknown_variables")? {
            Some(text) => {
                serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("unknown_variables"))?
            }
            None => Vec::new(),
        },
        webhook: read_target(row)?,
        endpoints: read_endpoints(row)?,
        hold: match row.text("hold")? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("hold"))?),
            None => None,
        },
        charge: row.integer("charge")?.map(Micros),
        state: word(row.text("state")?, CallState::from_word)?.ok_or(StoreError::Corrupt("state"))?,
        created_at: Timestamp(required(row.integer("created_at")?, "created_at")?),
        ringing_at: row.integer("ringing_at")?.map(Timestamp),
        answered_at: row.integer("answered_at")?.map(Timestamp),
        ended_at: row.integer("ended_at")?.map(Timestamp),
        disposition: word(row.text("disposition")?, Disposition::from_word)?,
        ended_by: row.text("ended_by")?,
        sip_status: small(row, "sip_status")?,
        q850: small(row, "q850")?,
        detail: row.text("detail")?,
        verdict: row.text("verdict")?,
        verdict_reason: row.text("verdict_reason")?,
        verdict_evidence: row.text("verdict_evidence")?,
        dead_air: id(row, "dead_air_ms")?.map(std::time::Duration::from_millis),
        recording: row.text("recording")?,
        recording_error: row.text("recording_error")?,
        transcript: match row.text("transcript")? {
            Some(text) => serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("transcript"))?,
            None => Vec::new(),
        },
        media: match row.text("media")? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("media"))?),
            None => None,
        },
        recording_link: None,
        awaits_bot: false,
        stream_link: None,
        attempts: match row.text("invites")? {
            Some(text) => {
                serde_json::from_str::<Vec<Attempt>>(&text).map_err(|_| StoreError::Corrupt("attempts"))?
            }
            None => Vec::new(),
        },
    })
}

/// The dialog that an answered call left.
pub(super) fn read_dialog(row: &impl Columns) -> Result<Option<DialogRecord>, StoreError> {
    let text = row.text("dialog")?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("dialog"))).transpose()
}

/// A row of `outbox` joined with its call.
pub(super) fn read_delivery(row: &impl Columns) -> Result<Delivery, StoreError> {
    let record = read_call(row)?;
    let endpoint = required(id(row, "endpoint")?, "endpoint")?;
    let target = match endpoint {
        0 => record.webhook.as_ref(),
        endpoint => record.endpoints.iter().find(|target| target.key.0 == endpoint),
    };
    let created_at = Timestamp(required(row.integer("outbox_created_at")?, "created_at")?);
    Ok(Delivery {
        id: required(id(row, "id")?, "id")?,
        event_id: id(row, "event_id")?,
        call: record.call,
        event: word(row.text("event")?, EventKind::from_word)?.ok_or(StoreError::Corrupt("event"))?,
        endpoint: (endpoint != 0).then_some(WebhookEndpointId(endpoint)),
        target: target.cloned().ok_or(StoreError::Corrupt("webhook_endpoints"))?,
        receiver: required(row.text("receiver")?, "receiver")?,
        created_at,
        owed_since: row.integer("replayed_at")?.map_or(created_at, Timestamp),
        attempt: id(row, "attempts")?
            .and_then(|count| u32::try_from(count).ok())
            .ok_or(StoreError::Corrupt("attempts"))?,
        body: row.text("body")?,
        record,
    })
}

/// What an earlier request left, measured against this one.
pub(super) fn read_replay(row: &impl Columns, idempotency: &Idempotency) -> Result<Replay, StoreError> {
    if row.text("body_hash")?.as_deref() != Some(hex::encode(idempotency.body_hash).as_str()) {
        return Ok(Replay::Conflict);
    }
    Ok(Replay::Same(StoredResponse {
        status: small(row, "response_status")?.ok_or(StoreError::Corrupt("response_status"))?,
        body: required(row.text("response_body")?, "response_body")?,
    }))
}

fn read_recipient_id(row: &impl Columns) -> Result<Option<RecipientId>, StoreError> {
    let (Some(campaign), Some(position)) = (id(row, "batch")?, id(row, "recipient")?) else {
        return Ok(None);
    };
    let position = u32::try_from(position).map_err(|_| StoreError::Corrupt("recipient"))?;
    Ok(Some(RecipientId { campaign: CampaignId(campaign), position }))
}

fn call_id(row: &impl Columns) -> Result<CallId, StoreError> {
    id(row, "call")?.and_then(CallId::new).ok_or(StoreError::Corrupt("call id"))
}

pub(super) fn id(row: &impl Columns, column: &'static str) -> Result<Option<u64>, StoreError> {
    row.integer(column)?
        .map(|value| u64::try_from(value).map_err(|_| StoreError::Corrupt(column)))
        .transpose()
}

pub(super) fn small(row: &impl Columns, column: &'static str) -> Result<Option<u16>, StoreError> {
    row.integer(column)?
        .map(|value| u16::try_from(value).map_err(|_| StoreError::Corrupt(column)))
        .transpose()
}

pub(super) fn word<T>(
    text: Option<String>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| read(&text).ok_or(StoreError::Corrupt("word"))).transpose()
}

pub(super) fn required<T>(value: Option<T>, column: &'static str) -> Result<T, StoreError> {
    value.ok_or(StoreError::Corrupt(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_becomes_a_replacement_character_and_a_written_escape_stays() {
        let text = json(&["a\0b", "\\u0000", "\"\\\0"]);
        let back: Vec<String> = serde_json::from_str(&text).expect("json");
        assert_eq!(back, ["a\u{fffd}b", "\\u0000", "\"\\\u{fffd}"]);
    }
}
