//! A call as ThunderPhone's reads show it.

use serde_json::{Value, json};

use crate::model::transcript::Said;
use crate::model::{CallRecord, CallState, Disposition, Speaker};

/// One call: `GET /v1/calls/{id}`. `base` is the scheme and host that the client used.
pub fn call(record: &CallRecord, base: &str) -> String {
    shown(record, base).to_string()
}

/// A page of calls: `GET /v1/calls`.
pub fn calls(records: &[CallRecord], total: u64, base: &str) -> String {
    let results: Vec<Value> = records.iter().map(|record| shown(record, base)).collect();
    json!({ "total": total, "results": results }).to_string()
}

/// What was said: `GET /v1/calls/{id}/transcript`.
pub fn transcript(record: &CallRecord) -> String {
    json!({ "call_id": record.call.get(), "transcript": lines(record) }).to_string()
}

/// What was said, where the agent has it kept.
pub fn lines(record: &CallRecord) -> Vec<Value> {
    let role = |by| if by == Speaker::Agent { "agent" } else { "user" };
    let line = |said: &Said| json!({ "role": role(said.by), "text": said.text, "at_ms": said.at_ms });
    record.transcript.iter().map(line).collect()
}

fn shown(record: &CallRecord, base: &str) -> Value {
    json!({
        "id": record.call.get(),
        "call_id": record.call.get(),
        "agent_id": record.agent.0,
        "direction": record.direction.as_str(),
        "from_number": record.from,
        "to_number": record.to,
        "status": status(record),
        "end_reason": end_reason(record),
        "started_at": record.created_at,
        "answered_at": record.answered_at,
        "ended_at": record.ended_at,
        "duration_seconds": seconds(record),
        "answered_by": record.verdict,
        "recording_url": recording_path(record).map(|path| format!("{base}{path}")),
    })
}

pub(super) fn seconds(record: &CallRecord) -> Option<u64> {
    record.duration().map(|duration| duration.as_secs_f64().round() as u64)
}

/// Where its audio is, once it ended.
pub(super) fn recording_path(record: &CallRecord) -> Option<String> {
    let recorded = record.state == CallState::Ended && record.recording.is_some();
    recorded.then(|| format!("/v1/calls/{}/audio", record.call))
}

pub(super) fn status(record: &CallRecord) -> &'static str {
    match record.state {
        CallState::Accepted => "queued",
        CallState::Dialing if record.ringing_at.is_some() => "ringing",
        CallState::Dialing => "initiated",
        CallState::Answered => "in_progress",
        CallState::Ended if record.answered_at.is_some() => "completed",
        CallState::Ended => "failed",
    }
}

/// The canonical end in ThunderPhone's five words.
pub(super) fn end_reason(record: &CallRecord) -> Option<&'static str> {
    record.disposition.map(reason)
}

pub(super) fn reason(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::CalleeHangup => "caller_hangup",
        Disposition::Completed
        | Disposition::Abandoned
        | Disposition::VoicemailDetected
        | Disposition::Cancelled => "agent_end",
        Disposition::SilenceTimeout | Disposition::MaxDuration | Disposition::HoldTimeout => "timeout",
        Disposition::Busy
        | Disposition::NoAnswer
        | Disposition::Rejected
        | Disposition::Unreachable
        | Disposition::InvalidNumber
        | Disposition::NetworkBlocked
        | Disposition::TrunkFailed
        | Disposition::MediaLost
        | Disposition::AgentFailed
        | Disposition::Overloaded
        | Disposition::Interrupted
        | Disposition::Indeterminate => "error",
    }
}
