//! Twilio's status callbacks: a form, and its signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use url::form_urlencoded::Serializer;

use super::record::{answered_by, direction, rfc_2822, seconds, status};
use super::recording::source;
use crate::model::{CallRecord, DialStatus, EventKind, Occasion, Timestamp};

/// The form that tries a receiver: there is no call.
pub fn test_event(endpoint: u64, at: Timestamp, account: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("AccountSid", account)
        .append_pair("ApiVersion", "2010-04-01")
        .append_pair("CallbackSource", "webhook-test")
        .append_pair("WebhookEndpointId", &endpoint.to_string())
        .append_pair("Timestamp", &rfc_2822(at));
    form.finish()
}

/// The form of a callback.
pub fn event(kind: EventKind, at: Timestamp, record: &CallRecord, account: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("CallSid", &record.call.ca()).append_pair("AccountSid", account);
    match kind {
        EventKind::Judged => judged(&mut form, at, record),
        EventKind::RecordingStarted => recording(&mut form, "in-progress", record),
        EventKind::RecordingCompleted => recording(&mut form, "completed", record),
        EventKind::RecordingFailed => recording(&mut form, "absent", record),
        EventKind::Created | EventKind::Started => progress(&mut form, ("initiated", 0), at, record),
        EventKind::Ringing => progress(&mut form, ("ringing", 1), at, record),
        EventKind::Answered => progress(&mut form, ("in-progress", 1 + rang(record)), at, record),
        EventKind::Failed | EventKind::Completed => {
            let before = 1 + rang(record) + u8::from(record.answered_at.is_some());
            progress(&mut form, (status(record), before), at, record);
        }
    }
    form.finish()
}

/// A call may be answered without having rung.
fn rang(record: &CallRecord) -> u8 {
    u8::from(record.ringing_at.is_some())
}

/// Of a `StatusCallback`: the word for it, and how many of them came before.
fn progress(
    form: &mut Serializer<'_, String>,
    (word, sequence): (&str, u8),
    at: Timestamp,
    record: &CallRecord,
) {
    form.append_pair("From", &record.from)
        .append_pair("To", &record.to)
        .append_pair("Caller", &record.from)
        .append_pair("Called", &record.to)
        .append_pair("CallStatus", word)
        .append_pair("ApiVersion", "2010-04-01")
        .append_pair("Direction", direction(record))
        .append_pair("CallbackSource", "call-progress-events")
        .append_pair("SequenceNumber", &sequence.to_string())
        .append_pair("Timestamp", &rfc_2822(at));
    if let Some(duration) = record.duration() {
        form.append_pair("CallDuration", &seconds(duration));
        // Minutes begun.
        form.append_pair("Duration", &record.billable_minutes().unwrap_or_default().to_string());
        if let Some(status) = record.sip_status {
            form.append_pair("SipResponseCode", &status.to_string());
        }
        if let Some(verdict) = &record.verdict {
            form.append_pair("AnsweredBy", answered_by(verdict));
        }
        if let Some(link) = &record.recording_link {
            form.append_pair("RecordingUrl", link);
        }
    }
}

/// Of an `AsyncAmdStatusCallback`: who answered, and how long after the answer that was known. Of a call that ended before, nobody
/// knows.
fn judged(form: &mut Serializer<'_, String>, at: Timestamp, record: &CallRecord) {
    let took = record.answered_at.map_or(0, |answered| (at.0 - answered.0).max(0));
    form.append_pair("AnsweredBy", record.verdict.as_deref().map_or("unknown", answered_by))
        .append_pair("MachineDetectionDuration", &took.to_string());
}

/// Of a `RecordingStatusCallback`.
fn recording(form: &mut Serializer<'_, String>, word: &str, record: &CallRecord) {
    form.append_pair("RecordingSid", &record.call.re())
        .append_pair("RecordingStatus", word)
        .append_pair("RecordingChannels", "2")
        .append_pair("RecordingTrack", "both")
        .append_pair("RecordingSource", source(record));
    if let Some(answered_at) = record.answered_at {
        form.append_pair("RecordingStartTime", &rfc_2822(answered_at));
    }
    if let Some(duration) = record.duration().filter(|_| record.recording.is_some()) {
        form.append_pair("RecordingDuration", &seconds(duration));
    }
    if let Some(link) = record.recording_link.as_ref().filter(|_| record.recording.is_some()) {
        form.append_pair("RecordingUrl", link);
    }
}

/// The form that asks for TwiML, once somebody answered or digits were gathered.
pub fn question(occasion: &Occasion, record: &CallRecord, account: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("CallSid", &record.call.ca())
        .append_pair("AccountSid", account)
        .append_pair("From", &record.from)
        .append_pair("To", &record.to)
        .append_pair("Caller", &record.from)
        .append_pair("Called", &record.to)
        .append_pair("CallStatus", "in-progress")
        .append_pair("ApiVersion", "2010-04-01")
        .append_pair("Direction", direction(record));
    if let Some(verdict) = &record.verdict {
        form.append_pair("AnsweredBy", answered_by(verdict));
    }
    if let Occasion::Gathered { digits, .. } = occasion {
        form.append_pair("Digits", digits);
    }
    if let Occasion::Dialled(dialled) = occasion {
        form.append_pair("DialCallStatus", dialled.status.as_str());
        if let Some(call) = dialled.call {
            form.append_pair("DialCallSid", &call.ca());
            form.append_pair("DialCallDuration", &dialled.talked.as_secs().to_string());
        }
        if dialled.status == DialStatus::Completed {
            form.append_pair("DialBridged", "true");
        }
    }
    form.finish()
}

/// `X-Twilio-Signature`: Base64 of HMAC-SHA1, keyed by the auth token, over the URL and then every field's name and value, sorted
/// by name.
pub fn sign(secret: &str, url: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let mut fields: Vec<_> = url::form_urlencoded::parse(body).collect();
    fields.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(url.as_bytes());
    for (name, value) in &fields {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    vec![("x-twilio-signature", STANDARD.encode(mac.finalize().into_bytes()))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Twilio's own documentation and helper libraries (`RequestValidator`).
    #[test]
    fn the_published_example_verifies() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let body = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
        let signed = sign("12345", url, body.as_bytes());
        assert_eq!(signed, [("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=".to_owned())]);
    }
}
