//! Telnyx media streaming, bidirectional by RTP payloads
//! (<https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming>). Numbers of sequence, chunk and time are
//! strings. What a bot says names no stream. A frame that cannot be read is answered with an `error`, which has no number.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::super::spec::{Call, Encoding, track};
use super::{
    Amiss, Asked, Chunks, Incoming, Interpreter, Malformed, Moment, Outbox, Payload, Side, Sound, label,
    object, quoted,
};

/// The parameter that is the client's state (base64, as Telnyx has it) rather than one of the custom parameters.
const CLIENT_STATE: &str = "client_state";

#[derive(Debug)]
pub(super) struct Telnyx {
    call: Call,
    encoding: Encoding,
    /// The stream's id as JSON.
    stream: String,
    sequence: u64,
    chunks: Chunks,
}

impl Telnyx {
    pub fn new(call: Call, encoding: Encoding) -> Self {
        Self { stream: quoted(&call.stream), call, encoding, sequence: 0, chunks: Chunks::default() }
    }

    fn sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn start(&mut self) -> serde_json::Value {
        let sequence = self.sequence().to_string();
        let call = &self.call;
        let mut parameters = object(&call.parameters);
        let state = parameters.remove(CLIENT_STATE);
        let encoding = if self.encoding == Encoding::Pcma { "PCMA" } else { "PCMU" };
        let mut start = json!({
            "user_id": call.account,
            "call_control_id": call.call,
            "call_session_id": call.call,
            "from": call.from,
            "to": call.to,
            "tags": [],
            "custom_parameters": parameters,
            "media_format": { "encoding": encoding, "sample_rate": 8000, "channels": 1 },
        });
        if let Some(state) = state {
            start[CLIENT_STATE] = state;
        }
        json!({ "event": "start", "sequence_number": sequence, "start": start, "stream_id": call.stream })
    }
}

impl Interpreter for Telnyx {
    fn open(&mut self, out: &mut Outbox) {
        (self.sequence, self.chunks) = (0, Chunks::default());
        out.text(|text| {
            text.raw(r#"{"event":"connected","version":"1.0.0"}"#);
        });
        let start = self.start();
        out.text(|text| {
            text.json(&start);
        });
    }

    fn voice(&mut self, whose: Side, at: Moment, bytes: &[u8], out: &mut Outbox) {
        let sequence = self.sequence();
        let chunk = self.chunks.next(whose);
        out.text(|text| {
            text.raw(r#"{"event":"media","sequence_number":""#)
                .number(sequence)
                .raw(r#"","media":{"track":""#)
                .raw(track(whose))
                .raw(r#"","chunk":""#)
                .number(chunk)
                .raw(r#"","timestamp":""#)
                .number(at.stream_ms)
                .raw(r#"","payload":""#)
                .base64(bytes)
                .raw(r#""},"stream_id":"#)
                .raw(&self.stream)
                .raw("}");
        });
    }

    fn digit(&mut self, at: Moment, digit: char, _held: Duration, out: &mut Outbox) {
        let occurred = jiff::Timestamp::from_millisecond(at.unix_ms as i64).unwrap_or_default();
        let digit = json!({
            "event": "dtmf",
            "stream_id": self.call.stream,
            "occurred_at": format!("{occurred:.6}"),
            "sequence_number": self.sequence().to_string(),
            "dtmf": { "digit": digit },
        });
        out.text(|text| {
            text.json(&digit);
        });
    }

    fn marked(&mut self, label: &str, _cleared: bool, out: &mut Outbox) {
        let sequence = self.sequence();
        out.text(|text| {
            text.raw(r#"{"event":"mark","sequence_number":""#)
                .number(sequence)
                .raw(r#"","stream_id":"#)
                .raw(&self.stream)
                .raw(r#","mark":{"name":"#)
                .json(label)
                .raw("}}");
        });
    }

    fn cleared(&mut self, _out: &mut Outbox) {}

    fn refused(&mut self, what: Amiss, out: &mut Outbox) {
        let (code, title, detail) = match what {
            Amiss::Message => (100_003, "malformed_frame", "Received frame was not formed correctly"),
            Amiss::Media => (100_004, "invalid_media", "Media provided was not base64 encoded"),
        };
        let error = json!({
            "event": "error",
            "payload": { "code": code, "title": title, "detail": detail },
            "stream_id": self.call.stream,
        });
        out.text(|text| {
            text.json(&error);
        });
    }

    fn stop(&mut self, out: &mut Outbox) {
        let stop = json!({
            "event": "stop",
            "sequence_number": self.sequence().to_string(),
            "stop": { "user_id": self.call.account, "call_control_id": self.call.call },
            "stream_id": self.call.stream,
        });
        out.text(|text| {
            text.json(&stop);
        });
    }

    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Asked<'a>, Malformed> {
        let Incoming::Text(text) = message else { return Err(Malformed) };
        let said: Said<'a> = serde_json::from_str(text)?;
        Ok(match &*said.event {
            "media" => {
                let payload = said.media.ok_or(Malformed)?.payload;
                Asked::Say(Sound { bytes: Payload::Base64(payload), encoding: self.encoding })
            }
            "mark" => Asked::Mark(label(said.mark.ok_or(Malformed)?.name)?),
            "clear" => Asked::Clear,
            "" => return Err(Malformed),
            _ => Asked::Nothing,
        })
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    media: Option<Media<'a>>,
    #[serde(borrow, default)]
    mark: Option<Mark<'a>>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}
