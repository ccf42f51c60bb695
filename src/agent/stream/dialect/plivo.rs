//! Plivo audio streaming, bidirectional (<https://www.plivo.com/docs/voice-agents/audio-streaming/concepts/audio-streaming-reference>).
//! Sequence numbers and chunks are numbers, timestamps are strings of milliseconds since 1970. There is no message for the
//! end: the socket closes. A checkpoint comes back only if what stood before it was heard; clearing is answered.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use trunkline_media::Rate;

use super::super::spec::{Call, Encoding, track};
use super::{
    Asked, Chunks, Incoming, Interpreter, Malformed, Moment, Outbox, Payload, Side, Sound, StreamId,
    addressed, hz, label, quoted,
};

#[derive(Debug)]
pub(super) struct Plivo {
    call: Call,
    encoding: Encoding,
    /// The stream's id, and the parameters, as JSON.
    stream: String,
    headers: String,
    sequence: u64,
    chunks: Chunks,
}

impl Plivo {
    pub fn new(call: Call, encoding: Encoding) -> Self {
        let mut headers = String::new();
        for (name, value) in &call.parameters {
            let comma = if headers.is_empty() { "" } else { ";" };
            write!(headers, "{comma}{name}={value}").expect("a string grows");
        }
        let (stream, headers) = (quoted(&call.stream), quoted(&headers));
        Self { call, encoding, stream, headers, sequence: 0, chunks: Chunks::default() }
    }

    fn sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn content_type(&self) -> &'static str {
        if self.encoding == Encoding::Pcmu { "audio/x-mulaw" } else { "audio/x-l16" }
    }
}

impl Interpreter for Plivo {
    fn open(&mut self, out: &mut Outbox) {
        (self.sequence, self.chunks) = (0, Chunks::default());
        let sequence = self.sequence();
        let start = json!({
            "callId": self.call.call,
            "streamId": self.call.stream,
            "accountId": self.call.account,
            "tracks": self.call.tracks(),
            "mediaFormat": { "encoding": self.content_type(), "sampleRate": hz(self.encoding) },
        });
        out.text(|text| {
            text.raw(r#"{"event":"start","sequenceNumber":"#)
                .number(sequence)
                .raw(r#","start":"#)
                .json(&start)
                .raw(r#","extra_headers":"#)
                .raw(&self.headers)
                .raw("}");
        });
    }

    fn voice(&mut self, whose: Side, at: Moment, bytes: &[u8], out: &mut Outbox) {
        let sequence = self.sequence();
        let chunk = self.chunks.next(whose);
        out.text(|text| {
            text.raw(r#"{"event":"media","sequenceNumber":"#)
                .number(sequence)
                .raw(r#","streamId":"#)
                .raw(&self.stream)
                .raw(r#","media":{"track":""#)
                .raw(track(whose))
                .raw(r#"","timestamp":""#)
                .number(at.unix_ms)
                .raw(r#"","chunk":"#)
                .number(chunk)
                .raw(r#","payload":""#)
                .base64(bytes)
                .raw(r#""},"extra_headers":"#)
                .raw(&self.headers)
                .raw("}");
        });
    }

    fn digit(&mut self, at: Moment, digit: char, _held: Duration, out: &mut Outbox) {
        let digit = json!({
            "event": "dtmf",
            "sequenceNumber": self.sequence(),
            "streamId": self.call.stream,
            "dtmf": { "track": "inbound", "digit": digit, "timestamp": at.unix_ms.to_string() },
        });
        out.text(|text| {
            text.json(&digit);
        });
    }

    fn marked(&mut self, label: &str, cleared: bool, out: &mut Outbox) {
        if cleared {
            return;
        }
        let played = json!({
            "event": "playedStream",
            "sequenceNumber": self.sequence(),
            "streamId": self.call.stream,
            "name": label,
        });
        out.text(|text| {
            text.json(&played);
        });
    }

    fn cleared(&mut self, out: &mut Outbox) {
        let sequence = self.sequence();
        out.text(|text| {
            text.raw(r#"{"event":"clearedAudio","sequenceNumber":"#)
                .number(sequence)
                .raw(r#","streamId":"#)
                .raw(&self.stream)
                .raw("}");
        });
    }

    fn stop(&mut self, _out: &mut Outbox) {}

    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Asked<'a>, Malformed> {
        let Incoming::Text(text) = message else { return Err(Malformed) };
        let said: Said<'a> = serde_json::from_str(text)?;
        match &*said.event {
            "playAudio" | "checkpoint" | "clearAudio" => addressed(said.stream, &self.call.stream)?,
            _ => {}
        }
        Ok(match &*said.event {
            "playAudio" => Asked::Say(self.sound(said.media.ok_or(Malformed)?)?),
            "checkpoint" => Asked::Mark(label(said.name)?),
            "clearAudio" => Asked::Clear,
            "sendDTMF" => Asked::Digits(said.dtmf),
            "" => return Err(Malformed),
            _ => Asked::Nothing,
        })
    }
}

impl Plivo {
    /// What a bot says names its own encoding; where it does not, it is the stream's.
    fn sound<'a>(&self, media: Media<'a>) -> Result<Sound<'a>, Malformed> {
        let encoding = match (&*media.content_type, media.sample_rate) {
            ("", _) => self.encoding,
            ("audio/x-mulaw", None | Some(8_000)) => Encoding::Pcmu,
            ("audio/x-l16", None) => Encoding::L16(Rate::Hz8000),
            ("audio/x-l16", Some(hz)) => Encoding::L16(Rate::from_hz(hz).ok_or(Malformed)?),
            _ => return Err(Malformed),
        };
        Ok(Sound { bytes: Payload::Base64(media.payload), encoding })
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, rename = "streamId")]
    stream: Option<StreamId<'a>>,
    #[serde(borrow, default)]
    media: Option<Media<'a>>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    dtmf: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow, default)]
    content_type: Cow<'a, str>,
    sample_rate: Option<u32>,
}
