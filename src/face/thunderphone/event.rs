//! ThunderPhone's webhooks: `{"type","data"}`, and their signature.

use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

use super::record::{end_reason, lines, recording_path, seconds, status};
use crate::model::{CallRecord, Micros};

/// The body of `telephony.complete`. What billing will fill is null while it is off.
pub fn completed(record: &CallRecord) -> String {
    let talked = seconds(record).unwrap_or(0);
    json!({
        "type": "telephony.complete",
        "data": {
            "call_id": record.call.get(),
            "agent_id": record.agent.0,
            "direction": record.direction.as_str(),
            "from_number": record.from,
            "to_number": record.to,
            "started_at": record.created_at,
            "answered_at": record.answered_at,
            "ended_at": record.ended_at,
            "duration_seconds": talked,
            "status": status(record),
            "end_reason": end_reason(record),
            "answered_by": record.verdict,
            "recording_url": record.recording_link.clone().or_else(|| recording_path(record)),
            "billable_minutes": record.billable_minutes().unwrap_or(0),
            "billing_total_cents": record.charge.map(Micros::cents_up),
            "transcripts": lines(record),
        },
    })
    .to_string()
}

/// The body of `webhook.test`.
pub fn test_event(endpoint: u64) -> String {
    json!({ "type": "webhook.test", "data": { "webhook_endpoint_id": endpoint } }).to_string()
}

/// `X-ThunderPhone-Signature`: hex HMAC-SHA256 of the raw body.
pub fn sign(secret: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    vec![("x-thunderphone-signature", hex::encode(mac.finalize().into_bytes()))]
}
