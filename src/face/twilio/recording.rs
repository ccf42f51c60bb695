//! A recording resource as Twilio shows it. Its SID has its call's digits.

use serde_json::{Value, json};

use super::record::{rfc_2822, seconds};
use crate::model::{CallRecord, CallState, Direction};

/// The resource; `None`: there is no recording, or none yet.
pub fn recording(record: &CallRecord, account: &str) -> Option<String> {
    shown(record, account).map(|shown| shown.to_string())
}

/// The list of a call's recordings.
pub fn recordings(record: &CallRecord, account: &str) -> String {
    let recordings: Vec<Value> = shown(record, account).into_iter().collect();
    json!({ "recordings": recordings }).to_string()
}

fn shown(record: &CallRecord, account: &str) -> Option<Value> {
    record.recording.as_ref().filter(|_| record.state == CallState::Ended)?;
    let sid = record.call.re();
    let uri = format!("/2010-04-01/Accounts/{account}/Recordings/{sid}");
    Some(json!({
        "sid": sid,
        "account_sid": account,
        "call_sid": record.call.ca(),
        "conference_sid": null,
        "api_version": "2010-04-01",
        "date_created": record.ended_at.map(rfc_2822),
        "date_updated": record.ended_at.map(rfc_2822),
        "start_time": record.answered_at.map(rfc_2822),
        "duration": record.duration().map(seconds),
        "status": "completed",
        "channels": 2,
        "track": "both",
        "source": source(record),
        "error_code": null,
        "price": null,
        "price_unit": "USD",
        "encryption_details": null,
        "uri": format!("{uri}.json"),
        "media_url": uri,
        "subresource_uris": {},
    }))
}

/// What had it recorded, in Twilio's words.
pub(super) fn source(record: &CallRecord) -> &'static str {
    match record.direction {
        Direction::Outbound => "OutboundAPI",
        Direction::Inbound => "RecordVerb",
    }
}
