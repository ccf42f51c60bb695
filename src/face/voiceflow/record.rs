//! A call as Voiceflow's client sees it. Voiceflow documents no reads, so this is the switch's own record, in its own words.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::model::review::{Findings, Progress};
use crate::model::transcript::Said;
use crate::model::{CallRecord, CallState, Disposition, EventKind, Speaker, Timestamp};

/// One call: `GET /v1/calls/{id}`. `base` is the scheme and host that the client used.
pub fn call(record: &CallRecord, base: &str) -> String {
    shown(record, base).to_string()
}

/// A page of calls: `GET /v1/calls`.
pub fn calls(records: &[CallRecord], count: u64, limit: u32, offset: u64, base: &str) -> String {
    let calls: Vec<Value> = records.iter().map(|record| shown(record, base)).collect();
    json!({ "calls": calls, "count": count, "limit": limit, "offset": offset }).to_string()
}

/// The body of `runtime.call.start` and `runtime.call.end`.
pub fn event(kind: EventKind, at: Timestamp, record: &CallRecord) -> String {
    let name = if kind == EventKind::Completed { "runtime.call.end" } else { "runtime.call.start" };
    let mut data = shown(record, "");
    if let Some(link) = &record.recording_link {
        data["recordingUrl"] = link.as_str().into();
    }
    // What nobody could know yet is no part of a beginning.
    if kind != EventKind::Completed {
        let known = ["callId", "agentId", "direction", "from", "to", "status", "createdAt"];
        if let Some(fields) = data.as_object_mut() {
            fields.retain(|name, _| known.contains(&name.as_str()));
        }
    }
    json!({ "type": name, "time": at, "data": data }).to_string()
}

/// The body of `webhook.test`.
pub fn test_event(endpoint: u64, at: Timestamp) -> String {
    json!({ "type": "webhook.test", "time": at, "data": { "webhookEndpointId": endpoint } }).to_string()
}

fn shown(record: &CallRecord, base: &str) -> Value {
    let recorded = record.state == CallState::Ended && record.recording.is_some();
    let id = format!("call_{}", record.call);
    let evidence: Option<&RawValue> =
        record.verdict_evidence.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let found = record.findings();
    let role = |by| if by == Speaker::Agent { "agent" } else { "user" };
    let line = |said: &Said| json!({ "role": role(said.by), "text": said.text, "atMs": said.at_ms });
    json!({
        "callId": id,
        "agentId": record.agent.0,
        "direction": record.direction.as_str(),
        "from": record.from,
        "to": record.to,
        "status": status(record),
        "endReason": record.disposition.map(Disposition::as_str),
        "endedBy": record.ended_by,
        "createdAt": record.created_at,
        "ringingAt": record.ringing_at,
        "answeredAt": record.answered_at,
        "endedAt": record.ended_at,
        "durationSeconds": record.duration().map(|duration| duration.as_secs_f64().round() as u64),
        "answeredBy": record.verdict,
        "verdictReason": record.verdict_reason,
        "verdict": evidence,
        "sipStatus": record.sip_status,
        "q850": record.q850,
        "detail": record.detail,
        "transcript": record.transcript.iter().map(line).collect::<Vec<_>>(),
        "analysisStatus": record.analysis().map_or("none", Progress::as_str),
        "summary": found.map(|found| &found.summary),
        "sentiment": found.map(|found| found.sentiment.as_str()),
        "successful": found.and_then(|found| found.success),
        "extracted": found.and_then(Findings::extracted),
        "recordingUrl": recorded.then(|| format!("{base}/v1/calls/{id}/recording")),
    })
}

fn status(record: &CallRecord) -> &'static str {
    match record.state {
        CallState::Accepted => "queued",
        CallState::Dialing if record.ringing_at.is_some() => "ringing",
        CallState::Dialing => "initiated",
        CallState::Answered => "in_progress",
        CallState::Ended if record.answered_at.is_some() => "completed",
        CallState::Ended => "failed",
    }
}
