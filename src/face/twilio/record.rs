//! A call resource as Twilio shows it. Its key's id is the account's SID.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{
    Accepted, CallId, CallRecord, CallState, Direction, Disposition, StoredResponse, Timestamp,
};

/// The answer to an accepted call: 201 and the resource.
pub fn created(accepted: &Accepted) -> StoredResponse {
    let account = accepted.key.as_ref().map_or("", |key| key.public.as_str());
    StoredResponse { status: 201, body: call(&accepted.record, account) }
}

/// The resource.
pub fn call(record: &CallRecord, account: &str) -> String {
    shown(record, account).to_string()
}

/// A page of them.
pub fn calls(records: &[CallRecord], account: &str) -> String {
    let calls: Vec<Value> = records.iter().map(|record| shown(record, account)).collect();
    json!({ "calls": calls }).to_string()
}

fn shown(record: &CallRecord, account: &str) -> Value {
    let sid = record.call.ca();
    let uri = format!("/2010-04-01/Accounts/{account}/Calls/{sid}");
    json!({
        "sid": sid,
        "account_sid": account,
        "api_version": "2010-04-01",
        "to": record.to,
        "to_formatted": record.to,
        "from": record.from,
        "from_formatted": record.from,
        "status": status(record),
        "direction": direction(record),
        "date_created": rfc_2822(record.created_at),
        "date_updated": rfc_2822(record.ended_at.or(record.answered_at).unwrap_or(record.created_at)),
        "start_time": record.answered_at.map(rfc_2822),
        "end_time": record.ended_at.map(rfc_2822),
        "duration": record.duration().map(seconds),
        "answered_by": record.verdict.as_deref().map(answered_by),
        "price": null,
        "price_unit": "USD",
        "parent_call_sid": record.parent.map(CallId::ca),
        "phone_number_sid": "",
        "forwarded_from": null,
        "caller_name": null,
        "group_sid": null,
        "queue_time": "0",
        "trunk_sid": "",
        "annotation": null,
        "uri": format!("{uri}.json"),
        "subresource_uris": { "recordings": format!("{uri}/Recordings.json") },
    })
}

pub(super) fn direction(record: &CallRecord) -> &'static str {
    match record.direction {
        Direction::Inbound => "inbound",
        Direction::Outbound if record.parent.is_some() => "outbound-dial",
        Direction::Outbound => "outbound-api",
    }
}

/// Twilio's `CallStatus`.
pub(super) fn status(record: &CallRecord) -> &'static str {
    match (record.state, record.disposition) {
        (CallState::Accepted, _) => "queued",
        (CallState::Dialing, _) if record.ringing_at.is_some() => "ringing",
        (CallState::Dialing, _) => "queued",
        (CallState::Answered, _) => "in-progress",
        (CallState::Ended, Some(Disposition::Cancelled)) if record.answered_at.is_none() => "canceled",
        // Its document could not be had, or not be done.
        (CallState::Ended, Some(Disposition::AgentFailed)) => "failed",
        (CallState::Ended, _) if record.answered_at.is_some() => "completed",
        (CallState::Ended, Some(Disposition::Busy | Disposition::Rejected)) => "busy",
        (CallState::Ended, Some(Disposition::NoAnswer | Disposition::HoldTimeout)) => "no-answer",
        (CallState::Ended, _) => "failed",
    }
}

/// Twilio's `AnsweredBy`.
pub(super) fn answered_by(verdict: &str) -> &'static str {
    match verdict {
        "human" => "human",
        "machine" | "network_announcement" => "machine_start",
        "voicemail" => "machine_end_beep",
        "machine_end" => "machine_end_silence",
        "fax" => "fax",
        _ => "unknown",
    }
}

/// `Tue, 14 Nov 2023 22:13:20 +0000`
pub(super) fn rfc_2822(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// Whole seconds, as text.
pub(super) fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().round().to_string()
}
