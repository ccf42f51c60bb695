//! The headers of a try: the face's own signature, keyed by the secret's UTF-8 bytes as they are, and Standard Webhooks'
//! (<https://www.standardwebhooks.com>). A secret in its form, `whsec_` and Base64, is given to its libraries as it is; any other
//! as `whsec_` and its UTF-8 bytes in Base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::face;
use crate::model::{CallId, Face};
use crate::store::Delivery;

const SIGNATURE: &str = "webhook-signature";

/// Names and values. The id is the same on every try, the times and signatures are each try's own. A secret that was rotated
/// signs beside the new one, as Standard Webhooks allows; the faces' own headers have room for one signature, the new one's.
pub(super) fn headers(
    delivery: &Delivery,
    (secret, previous): (&str, Option<&str>),
    unix_seconds: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let target = &delivery.target;
    let id = message_id(delivery);
    let beside = previous.map(|previous| standard(previous, &id, unix_seconds, body));
    let mut headers = signed(target.face, secret, &target.url, id, unix_seconds, body);
    if let (Some(beside), Some((_, signatures))) =
        (beside, headers.iter_mut().find(|(name, _)| *name == SIGNATURE))
    {
        *signatures = format!("{signatures} {beside}");
    }
    headers
}

/// The headers of any event for this receiver.
pub fn signed(
    face: Face,
    secret: &str,
    url: &str,
    id: String,
    unix_seconds: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let signature = standard(secret, &id, unix_seconds, body);
    let mut headers = face::sign(face, secret, url, unix_seconds, body);
    headers.extend([
        ("content-type", face::content_type(face).into()),
        ("webhook-id", id),
        ("webhook-timestamp", unix_seconds.to_string()),
        (SIGNATURE, signature),
    ]);
    headers
}

/// As [`message_id_of`] says; of an event from before events were kept, its delivery's row stands for it.
fn message_id(delivery: &Delivery) -> String {
    message_id_of(delivery.call, delivery.event_id.unwrap_or(delivery.id))
}

/// Unique to the event, and the same for all its receivers: the call and the event's id.
pub fn message_id_of(call: CallId, event: u64) -> String {
    format!("evt_{call}_{event}")
}

/// Standard Webhooks' signature: `v1,` and the Base64 of HMAC-SHA256 over id, timestamp and body, joined by dots. The key of a secret in
/// its form is what the Base64 behind `whsec_` says.
pub fn standard(secret: &str, id: &str, unix_seconds: i64, body: &[u8]) -> String {
    let decoded = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    let key = decoded.as_deref().unwrap_or(secret.as_bytes());
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{unix_seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks reference libraries.
    #[test]
    fn the_published_example_verifies() {
        let (secret, id) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek");
        let signature = standard(secret, id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// The example of Twilio's documentation, at a URL with a fragment, which its receiver is never told.
    #[test]
    fn what_stands_behind_a_hash_is_not_signed() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2#there";
        let body = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
        let headers = signed(Face::Twilio, "12345", url, "evt_1_2".into(), 0, body.as_bytes());
        assert_eq!(headers[0], ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=".to_owned()));
    }

    /// Checked against `printf 'evt_1_2.1700000000.{"a":1}' | openssl dgst -sha256 -hmac nxfs_demo -binary | base64`.
    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        assert_eq!(
            standard("nxfs_demo", "evt_1_2", 1_700_000_000, br#"{"a":1}"#),
            "v1,YobU+bArFsV5I92xFk2J9ELG1ZFt8jMbHoPVI292vAk="
        );
    }
}
