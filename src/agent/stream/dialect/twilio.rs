//! Twilio Media Streams, bidirectional (<https://www.twilio.com/docs/voice/media-streams/websocket-messages>). Sequence numbers,
//! chunks and timestamps are strings there; rate and channels are numbers. A mark comes back when it is heard or cleared, in
//! the same words.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::super::spec::{Call, Encoding, track};
use super::{
    Asked, Chunks, Incoming, Interpreter, Malformed, Moment, Outbox, Payload, Side, Sound, StreamId,
    addressed, label, object, quoted,
};

#[derive(Debug)]
pub(super) struct Twilio {
    call: Call,
    /// The stream's id as JSON.
    stream: String,
    sequence: u64,
    chunks: Chunks,
}

impl Twilio {
    pub fn new(call: Call) -> Self {
        Self { stream: quoted(&call.stream), call, sequence: 0, chunks: Chunks::default() }
    }

    fn sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

impl Interpreter for Twilio {
    fn open(&mut self, out: &mut Outbox) {
        (self.sequence, self.chunks) = (0, Chunks::default());
        out.text(|text| {
            text.raw(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#);
        });
        let sequence = self.sequence().to_string();
        let call = &self.call;
        let start = json!({
            "event": "start",
            "sequenceNumber": sequence,
            "start": {
                "accountSid": call.account,
                "streamSid": call.stream,
                "callSid": call.call,
                "tracks": call.tracks(),
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                "customParameters": object(&call.parameters),
            },
            "streamSid": call.stream,
        });
        out.text(|text| {
            text.json(&start);
        });
    }

    fn voice(&mut self, whose: Side, at: Moment, bytes: &[u8], out: &mut Outbox) {
        let sequence = self.sequence();
        let chunk = self.chunks.next(whose);
        out.text(|text| {
            text.raw(r#"{"event":"media","sequenceNumber":""#)
                .number(sequence)
                .raw(r#"","media":{"track":""#)
                .raw(track(whose))
                .raw(r#"","chunk":""#)
                .number(chunk)
                .raw(r#"","timestamp":""#)
                .number(at.stream_ms)
                .raw(r#"","payload":""#)
                .base64(bytes)
                .raw(r#""},"streamSid":"#)
                .raw(&self.stream)
                .raw("}");
        });
    }

    fn digit(&mut self, _at: Moment, digit: char, _held: Duration, out: &mut Outbox) {
        let sequence = self.sequence();
        out.text(|text| {
            text.raw(r#"{"event":"dtmf","streamSid":"#)
                .raw(&self.stream)
                .raw(r#","sequenceNumber":""#)
                .number(sequence)
                .raw(r#"","dtmf":{"track":"inbound_track","digit":"#)
                .json(&digit)
                .raw("}}");
        });
    }

    fn marked(&mut self, label: &str, _cleared: bool, out: &mut Outbox) {
        let sequence = self.sequence();
        out.text(|text| {
            text.raw(r#"{"event":"mark","sequenceNumber":""#)
                .number(sequence)
                .raw(r#"","streamSid":"#)
                .raw(&self.stream)
                .raw(r#","mark":{"name":"#)
                .json(label)
                .raw("}}");
        });
    }

    fn cleared(&mut self, _out: &mut Outbox) {}

    fn stop(&mut self, out: &mut Outbox) {
        let stop = json!({
            "event": "stop",
            "sequenceNumber": self.sequence().to_string(),
            "stop": { "accountSid": self.call.account, "callSid": self.call.call },
            "streamSid": self.call.stream,
        });
        out.text(|text| {
            text.json(&stop);
        });
    }

    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Asked<'a>, Malformed> {
        let Incoming::Text(text) = message else { return Err(Malformed) };
        let said: Said<'a> = serde_json::from_str(text)?;
        match &*said.event {
            "media" | "mark" | "clear" => addressed(said.stream, &self.call.stream)?,
            "" => return Err(Malformed),
            _ => return Ok(Asked::Nothing),
        }
        Ok(match &*said.event {
            "media" => {
                let payload = said.media.ok_or(Malformed)?.payload;
                Asked::Say(Sound { bytes: Payload::Base64(payload), encoding: Encoding::Pcmu })
            }
            "mark" => Asked::Mark(label(said.mark.ok_or(Malformed)?.name)?),
            _ => Asked::Clear,
        })
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, rename = "streamSid")]
    stream: Option<StreamId<'a>>,
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
