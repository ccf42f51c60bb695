//! Exotel AgentStream, the Voicebot applet (<https://developer.exotel.com/docs/agentstream/websocket-protocol>): Twilio's messages
//! in snake case, every number a string, audio linear.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::super::spec::{Call, Encoding};
use super::{
    Asked, Incoming, Interpreter, Malformed, Moment, Outbox, Payload, Side, Sound, StreamId, addressed, hz,
    label, object, quoted,
};

#[derive(Debug)]
pub(super) struct Exotel {
    call: Call,
    encoding: Encoding,
    /// The stream's id as JSON.
    stream: String,
    sequence: u64,
    chunk: u64,
}

impl Exotel {
    pub fn new(call: Call, encoding: Encoding) -> Self {
        Self { stream: quoted(&call.stream), call, encoding, sequence: 0, chunk: 0 }
    }

    fn sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

impl Interpreter for Exotel {
    fn open(&mut self, out: &mut Outbox) {
        (self.sequence, self.chunk) = (0, 0);
        out.text(|text| {
            text.raw(r#"{"event":"connected"}"#);
        });
        let sequence = self.sequence().to_string();
        let call = &self.call;
        let start = json!({
            "event": "start",
            "sequence_number": sequence,
            "stream_sid": call.stream,
            "start": {
                "stream_sid": call.stream,
                "call_sid": call.call,
                "account_sid": call.account,
                "from": call.from,
                "to": call.to,
                "custom_parameters": object(&call.parameters),
                "media_format": {
                    "encoding": "audio/x-raw",
                    "sample_rate": hz(self.encoding).to_string(),
                    "bit_rate": "16",
                },
            },
        });
        out.text(|text| {
            text.json(&start);
        });
    }

    fn voice(&mut self, _whose: Side, at: Moment, bytes: &[u8], out: &mut Outbox) {
        let sequence = self.sequence();
        self.chunk += 1;
        out.text(|text| {
            text.raw(r#"{"event":"media","sequence_number":""#)
                .number(sequence)
                .raw(r#"","stream_sid":"#)
                .raw(&self.stream)
                .raw(r#","media":{"chunk":""#)
                .number(self.chunk)
                .raw(r#"","timestamp":""#)
                .number(at.stream_ms)
                .raw(r#"","payload":""#)
                .base64(bytes)
                .raw(r#""}}"#);
        });
    }

    fn digit(&mut self, _at: Moment, digit: char, held: Duration, out: &mut Outbox) {
        let digit = json!({
            "event": "dtmf",
            "sequence_number": self.sequence().to_string(),
            "stream_sid": self.call.stream,
            "dtmf": { "digit": digit, "duration": held.as_millis().to_string() },
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
                .raw(r#"","stream_sid":"#)
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
            "sequence_number": self.sequence().to_string(),
            "stream_sid": self.call.stream,
            "stop": {
                "call_sid": self.call.call,
                "account_sid": self.call.account,
                "reason": "callended",
            },
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
                Asked::Say(Sound { bytes: Payload::Base64(payload), encoding: self.encoding })
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
    #[serde(borrow, rename = "stream_sid")]
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
