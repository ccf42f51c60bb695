//! The `call.completed` event and its signature.

use crate::model::CallRecord;

/// The header that carries [`sign`]'s result.
pub const SIGNATURE_HEADER: &str = "X-Nixflex-Signature";

/// The body of `call.completed`: flat JSON. The record must have ended.
pub fn completed(record: &CallRecord) -> String {
    let _ = record;
    todo!()
}

/// The value of [`SIGNATURE_HEADER`]: `t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`, keyed by the secret half
/// of the API key that created the call.
pub fn sign(secret: &str, unix_seconds: i64, body: &[u8]) -> String {
    let _ = (secret, unix_seconds, body);
    todo!()
}
