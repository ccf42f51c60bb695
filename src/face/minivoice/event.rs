//! MiniVoice's webhooks: `{"event","created_at","call","variables","data"}`, and their signature.

use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::record::{customer, id, json, status};
use crate::model::{CallRecord, EventKind, Timestamp};

/// The body of a request that asks something of the call's application: an event's, with this name and this data.
pub(super) fn envelope(
    event: &'static str,
    at: Timestamp,
    record: &CallRecord,
    data: &serde_json::Value,
) -> String {
    json(&Envelope { event, created_at: at, call: Call::of(record), variables: Nothing {}, data })
}

/// The body of an event. The variables lived in memory alone, and are nobody's to send.
pub fn event(kind: EventKind, at: Timestamp, record: &CallRecord) -> String {
    let data = match kind {
        EventKind::Completed => Data { event_key: None },
        kind => Data { event_key: Some(format!("{}:{}", id(record), kind.as_str())) },
    };
    json(&Envelope {
        event: kind.as_str(),
        created_at: at,
        call: Call::of(record),
        variables: Nothing {},
        data,
    })
}

/// The body of `webhook.test`: there is no call.
pub fn test_event(endpoint: u64, at: Timestamp) -> String {
    let data = serde_json::json!({ "webhook_endpoint_id": endpoint });
    let test = serde_json::json!({
        "event": "webhook.test", "created_at": at, "call": null, "variables": {}, "data": data,
    });
    test.to_string()
}

#[derive(Serialize)]
struct Envelope<'a, D> {
    event: &'static str,
    created_at: Timestamp,
    call: Call<'a>,
    variables: Nothing,
    data: D,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_key: Option<String>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: String,
    customer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_id: Option<String>,
    status: &'static str,
    direction: &'static str,
    from: &'a str,
    to: &'a str,
}

impl<'a> Call<'a> {
    fn of(record: &'a CallRecord) -> Self {
        Self {
            id: id(record),
            customer_id: customer(record),
            application_id: record.application.map(|application| application.render()),
            status: status(record),
            direction: record.direction.as_str(),
            from: &record.from,
            to: &record.to,
        }
    }
}

/// `X-MiniVoice-Timestamp`, and `X-MiniVoice-Signature`: `v1=` and hex HMAC-SHA256 of timestamp, a dot, and the body.
pub fn sign(secret: &str, unix_seconds: i64, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(unix_seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    vec![
        ("x-minivoice-timestamp", unix_seconds.to_string()),
        ("x-minivoice-signature", format!("v1={}", hex::encode(mac.finalize().into_bytes()))),
    ]
}
