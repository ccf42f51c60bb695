//! Vonage's Voice API WebSockets and Audio Connector (<https://developer.vonage.com/en/voice/voice-api/guides/websockets>): audio
//! as binary messages of 20 ms, everything else as JSON. The tenant's parameters stand beside `event` in the first message. A
//! notification comes back with the payload that it was asked for with, and not at all if it was cleared; clearing is answered.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::super::spec::{Call, Encoding};
use super::{
    Asked, Incoming, Interpreter, Malformed, Moment, Outbox, Payload, Side, Sound, hz, label, object,
};

#[derive(Debug)]
pub(super) struct Vonage {
    call: Call,
    encoding: Encoding,
}

impl Vonage {
    pub fn new(call: Call, encoding: Encoding) -> Self {
        Self { call, encoding }
    }
}

impl Interpreter for Vonage {
    fn open(&mut self, out: &mut Outbox) {
        let mut connected = object(&self.call.parameters);
        connected.insert("event".into(), "websocket:connected".into());
        connected.insert("content-type".into(), format!("audio/l16;rate={}", hz(self.encoding)).into());
        out.text(|text| {
            text.json(&connected);
        });
    }

    fn voice(&mut self, _whose: Side, _at: Moment, bytes: &[u8], out: &mut Outbox) {
        out.binary(&[bytes]);
    }

    fn digit(&mut self, _at: Moment, digit: char, held: Duration, out: &mut Outbox) {
        let held_ms = held.as_millis() as u64;
        let digit = json!({ "event": "websocket:dtmf", "digit": digit, "duration": held_ms });
        out.text(|text| {
            text.json(&digit);
        });
    }

    fn marked(&mut self, label: &str, cleared: bool, out: &mut Outbox) {
        if !cleared {
            out.text(|text| {
                text.raw(r#"{"event":"websocket:notify","payload":"#).raw(label).raw("}");
            });
        }
    }

    fn cleared(&mut self, out: &mut Outbox) {
        out.text(|text| {
            text.raw(r#"{"event":"websocket:cleared"}"#);
        });
    }

    fn stop(&mut self, _out: &mut Outbox) {}

    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Asked<'a>, Malformed> {
        let text = match message {
            Incoming::Binary(bytes) => {
                return Ok(Asked::Say(Sound { bytes: Payload::Raw(bytes), encoding: self.encoding }));
            }
            Incoming::Text(text) => text,
        };
        let said: Said<'a> = serde_json::from_str(text)?;
        Ok(match &*said.action {
            "clear" => Asked::Clear,
            // The payload may be any value: it is kept as the text that it came as.
            "notify" => Asked::Mark(label(said.payload.map_or("{}", RawValue::get).into())?),
            _ => Asked::Nothing,
        })
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    action: Cow<'a, str>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}
