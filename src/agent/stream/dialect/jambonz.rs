//! jambonz's `listen` and `stream`, bidirectional (<https://docs.jambonz.org/verbs/verbs/listen>): audio as binary messages, first
//! of all the call's attributes as JSON, then JSON commands. Besides streaming a bot may hand over whole clips with
//! `playAudio`, and is told `playDone`.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use trunkline_media::Rate;

use super::super::spec::{Call, Encoding};
use super::{
    Asked, Incoming, Interpreter, Malformed, Moment, Outbox, Payload, Side, Sound, hz, label, object,
};

/// How a label is told from another: those of marks, and those of clips. One of a clip without an id is nothing but this.
const OF_MARK: char = 'm';
const OF_CLIP: char = 'c';
/// Hertz at which clips may come, besides those of a stream.
const WIDE: [u32; 3] = [32_000, 48_000, 64_000];
const SAMPLES_PER_MS: u128 = 8;

#[derive(Debug)]
pub(super) struct Jambonz {
    call: Call,
    encoding: Encoding,
}

impl Jambonz {
    pub fn new(call: Call, encoding: Encoding) -> Self {
        Self { call, encoding }
    }

    /// A clip says how it is to be read, and behind what it is to be heard.
    fn clip<'a>(&self, clip: Clip<'a>) -> Result<Asked<'a>, Malformed> {
        let sound = match clip.audio_content_type.as_deref() {
            None | Some("" | "raw") => self.raw(clip.audio_content, clip.sample_rate)?,
            Some("wav" | "wave") => {
                Sound { bytes: Payload::Wav(clip.audio_content), encoding: self.encoding }
            }
            Some(_) => return Err(Malformed),
        };
        let id = clip.id.filter(|id| !id.is_empty());
        let id = id.map_or(Ok(Cow::Borrowed("")), label)?;
        Ok(Asked::Play { sound, mark: prefixed(OF_CLIP, id), at_once: !clip.queue_play.unwrap_or_default() })
    }

    /// Linear samples. At more than a stream's rates they are a clip of their own.
    fn raw<'a>(&self, text: Cow<'a, str>, rate: Option<Hertz>) -> Result<Sound<'a>, Malformed> {
        let Some(rate) = rate else {
            return Ok(Sound { bytes: Payload::Base64(text), encoding: self.encoding });
        };
        let hz = rate.number()?;
        match Rate::from_hz(hz) {
            Some(rate) => Ok(Sound { bytes: Payload::Base64(text), encoding: Encoding::L16(rate) }),
            None if WIDE.contains(&hz) => {
                Ok(Sound { bytes: Payload::Linear(text, hz), encoding: self.encoding })
            }
            None => Err(Malformed),
        }
    }
}

fn prefixed(kind: char, label: Cow<'_, str>) -> Cow<'_, str> {
    format!("{kind}{label}").into()
}

impl Interpreter for Jambonz {
    fn open(&mut self, out: &mut Outbox) {
        let call = &self.call;
        let own = json!({
            "callSid": call.call,
            "accountSid": call.account,
            "callId": call.stream,
            "direction": "outbound",
            "from": call.from,
            "to": call.to,
            "sampleRate": hz(self.encoding),
            "mixType": "mono",
        });
        let mut metadata = object(&call.parameters);
        metadata.extend(own.as_object().cloned().unwrap_or_default());
        out.text(|text| {
            text.json(&metadata);
        });
    }

    fn voice(&mut self, _whose: Side, _at: Moment, bytes: &[u8], out: &mut Outbox) {
        out.binary(&[bytes]);
    }

    fn digit(&mut self, _at: Moment, digit: char, held: Duration, out: &mut Outbox) {
        // As its media server measures it: in samples at 8 kHz, and in a string.
        let samples = held.as_millis() * SAMPLES_PER_MS;
        let digit = json!({ "event": "dtmf", "dtmf": digit, "duration": samples.to_string() });
        out.text(|text| {
            text.json(&digit);
        });
    }

    fn marked(&mut self, label: &str, cleared: bool, out: &mut Outbox) {
        let told = match label.strip_prefix(OF_CLIP) {
            // A clip is done however it ends, as there.
            Some("") => json!({ "type": "playDone", "data": {} }),
            Some(id) => json!({ "type": "playDone", "data": { "id": id } }),
            None => {
                let name = label.strip_prefix(OF_MARK).unwrap_or(label);
                let event = if cleared { "cleared" } else { "playout" };
                json!({ "type": "mark", "data": { "name": name, "event": event } })
            }
        };
        out.text(|text| {
            text.json(&told);
        });
    }

    fn cleared(&mut self, _out: &mut Outbox) {}

    fn stop(&mut self, _out: &mut Outbox) {}

    fn read<'a>(&mut self, message: Incoming<'a>) -> Result<Asked<'a>, Malformed> {
        let text = match message {
            Incoming::Binary(bytes) => {
                return Ok(Asked::Say(Sound { bytes: Payload::Raw(bytes), encoding: self.encoding }));
            }
            Incoming::Text(text) => text,
        };
        let said: Said<'a> = serde_json::from_str(text)?;
        Ok(match &*said.kind {
            "playAudio" => {
                let clip = serde_json::from_str(said.data.ok_or(Malformed)?.get())?;
                self.clip(clip)?
            }
            "mark" => {
                let mark: Mark<'a> = serde_json::from_str(said.data.ok_or(Malformed)?.get())?;
                Asked::Mark(prefixed(OF_MARK, label(mark.name)?))
            }
            "killAudio" => Asked::Clear,
            "clearMarks" => Asked::ForgetMarks,
            "disconnect" => Asked::HangUp,
            _ => Asked::Nothing,
        })
    }
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a serde_json::value::RawValue>,
}

/// What is optional may be null too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Clip<'a> {
    #[serde(borrow)]
    audio_content: Cow<'a, str>,
    audio_content_type: Option<Cow<'a, str>>,
    sample_rate: Option<Hertz>,
    id: Option<Cow<'a, str>>,
    queue_play: Option<bool>,
}

/// The documentation writes a string, programs a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Hertz {
    Number(u32),
    Text(String),
}

impl Hertz {
    fn number(&self) -> Result<u32, Malformed> {
        match self {
            Self::Number(hz) => Ok(*hz),
            Self::Text(text) => text.parse().or(Err(Malformed)),
        }
    }
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}
