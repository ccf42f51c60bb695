//! The events `call.started` and `call.completed`, and their signature.

use hmac::{Hmac, Mac};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::json;
use super::record::{Line, duration_seconds, lines, metadata, standing};
use crate::model::review::Findings;
use crate::model::{CallRecord, EventKind, Timestamp};

/// The header that carries [`sign`]'s result.
pub const SIGNATURE_HEADER: &str = "x-nixflex-signature";

/// The body of an event: flat JSON.
pub fn event(kind: EventKind, record: &CallRecord) -> String {
    let (status, ended_reason) = standing(record);
    let found = record.findings();
    json(&Flat {
        event: kind.as_str(),
        call_id: record.call.ca(),
        agent_id: record.agent.render(),
        direction: record.direction.as_str(),
        from: &record.from,
        to: &record.to,
        status,
        ended_reason,
        started_at: record.created_at,
        ended_at: record.ended_at,
        duration_seconds: duration_seconds(record),
        transcript: lines(record),
        summary: found.map(|found| found.summary.as_str()),
        sentiment: found.map(|found| found.sentiment.as_str()),
        successful: found.and_then(|found| found.success),
        extracted: found.and_then(Findings::extracted),
        campaign_id: record.campaign.as_deref(),
        metadata: metadata(record),
    })
}

/// The body of `webhook.test`.
pub fn test_event(endpoint: u64) -> String {
    serde_json::json!({ "event": "webhook.test", "webhook_endpoint_id": endpoint }).to_string()
}

/// What post-call analysis finds is null without one, and where it failed or took longer than the event waits. `campaign_id` and `metadata` stand here only if the
/// request had them.
#[derive(Serialize)]
struct Flat<'a> {
    event: &'static str,
    call_id: String,
    agent_id: String,
    direction: &'static str,
    from: &'a str,
    to: &'a str,
    status: &'static str,
    ended_reason: Option<&'static str>,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    duration_seconds: Option<u64>,
    transcript: Vec<Line<'a>>,
    summary: Option<&'a str>,
    sentiment: Option<&'static str>,
    successful: Option<bool>,
    extracted: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

/// The value of [`SIGNATURE_HEADER`]: `t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`, keyed by the secret half
/// of the API key that created the call.
pub fn sign(secret: &str, unix_seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(unix_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("t={unix_seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::record::tests::{analysed, record};
    use super::*;
    use crate::model::Disposition;

    #[test]
    fn the_event_is_flat_and_complete() {
        let shown: Value = serde_json::from_str(&event(EventKind::Completed, &record())).expect("JSON");
        assert_eq!(
            shown,
            json!({
                "event": "call.completed",
                "call_id": "CA000000000000000000000000000000ff",
                "agent_id": "agent_0000000000000012",
                "direction": "outbound",
                "from": "+447446466847",
                "to": "+447386172392",
                "status": "completed",
                "ended_reason": "caller_hangup",
                "started_at": "2023-11-14T22:13:20.000Z",
                "ended_at": "2023-11-14T22:13:34.600Z",
                "duration_seconds": 13,
                "transcript": [],
                "summary": null,
                "sentiment": null,
                "successful": null,
                "extracted": null,
            })
        );
    }

    #[test]
    fn what_an_analysis_found_stands_in_its_fields() {
        let done = analysed(record());
        let shown: Value = serde_json::from_str(&event(EventKind::Completed, &done)).expect("JSON");
        let told = ["summary", "sentiment", "successful", "extracted"].map(|field| shown[field].clone());
        assert_eq!(
            told,
            [json!("They booked."), json!("positive"), json!(true), json!({ "day": "tuesday" })]
        );
    }

    #[test]
    fn a_call_that_nobody_answered_lasted_no_time() {
        let busy = CallRecord { answered_at: None, disposition: Some(Disposition::Busy), ..record() };
        let shown: Value = serde_json::from_str(&event(EventKind::Completed, &busy)).expect("JSON");
        assert_eq!((&shown["status"], &shown["duration_seconds"]), (&json!("busy"), &json!(0)));
    }

    /// Checked against `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac nxfs_demo`.
    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        let signature = sign("nxfs_demo", 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(
            signature,
            "t=1700000000,v1=e935de31580ba4519582c2dda56b9ae08b917f63aaf3b40fafb079d9439ddd4a"
        );
    }
}
