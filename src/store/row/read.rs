//! What reads give back of calls and their deliveries.

use super::{Columns, id, required, small, word};
use crate::model::{
    AgentId, ApplicationId, Attempt, CallId, CallRecord, CallState, CampaignId, DialogRecord, Direction,
    Disposition, EventKind, Idempotency, KeyId, Micros, PersonId, RecipientId, StoredResponse, TenantId,
    Timestamp,
};
use crate::store::outbox::Delivery;
use crate::store::receivers::{self, numbered, read_others, read_target};
use crate::store::{Replay, StoreError};

/// The columns that [`read_call`] wants, of a table or alias `c`.
pub(in crate::store) const CALL_COLUMNS: &str = "c.call, c.parent, c.tenant, c.direction, c.key_id, c.agent, c.from_number, c.to_number, c.trunk, \
     c.sip_call_id, c.campaign, c.batch, c.recipient, c.metadata, c.unknown_variables, c.webhook_url, c.webhook_face, c.webhook_key, \
     c.webhook_events, c.webhook_endpoints, c.application, c.state, \
     c.created_at, c.ringing_at, c.answered_at, c.ended_at, c.disposition, c.ended_by, c.sip_status, c.q850, c.detail, \
     c.verdict, c.verdict_reason, c.verdict_evidence, c.dead_air_ms, c.recording, c.recording_error, c.media, \
     c.invites, c.hold, c.charge, c.transcript, c.review, c.people";

/// A row of `calls`.
pub(in crate::store) fn read_call(row: &impl Columns) -> Result<CallRecord, StoreError> {
    let (callbacks, endpoints) = read_others(row)?;
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
        endpoints,
        callbacks,
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
        people: match row.text("people")? {
            Some(text) => serde_json::from_str::<Vec<u64>>(&text)
                .map_err(|_| StoreError::Corrupt("people"))?
                .into_iter()
                .map(PersonId)
                .collect(),
            None => Vec::new(),
        },
        media: match row.text("media")? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("media"))?),
            None => None,
        },
        recording_link: None,
        not_again_before: None,
        awaits_bot: false,
        stream_link: None,
        review: match row.text("review")? {
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("review"))?),
            None => None,
        },
        attempts: match row.text("invites")? {
            Some(text) => {
                serde_json::from_str::<Vec<Attempt>>(&text).map_err(|_| StoreError::Corrupt("attempts"))?
            }
            None => Vec::new(),
        },
    })
}

/// The dialog that an answered call left.
pub(in crate::store) fn read_dialog(row: &impl Columns) -> Result<Option<DialogRecord>, StoreError> {
    let text = row.text("dialog")?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("dialog"))).transpose()
}

/// A row of `outbox` joined with its call.
pub(in crate::store) fn read_delivery(row: &impl Columns) -> Result<Delivery, StoreError> {
    let record = read_call(row)?;
    let endpoint = required(id(row, "endpoint")?, "endpoint")?;
    let created_at = Timestamp(required(row.integer("outbox_created_at")?, "created_at")?);
    Ok(Delivery {
        id: required(id(row, "id")?, "id")?,
        event_id: id(row, "event_id")?,
        call: record.call,
        event: word(row.text("event")?, EventKind::from_word)?.ok_or(StoreError::Corrupt("event"))?,
        endpoint: receivers::endpoint(endpoint),
        target: numbered(&record, endpoint).cloned().ok_or(StoreError::Corrupt("webhook_endpoints"))?,
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
pub(in crate::store) fn read_replay(
    row: &impl Columns,
    idempotency: &Idempotency,
) -> Result<Replay, StoreError> {
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
