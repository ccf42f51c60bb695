//! ElevenLabs' Agents: an agent that was made there, over whose prompt, first words and voice the call's own go. Its first answer
//! says how audio is encoded either way. It stops by itself when the callee speaks, and keeps its own account of what was heard.

use std::borrow::Cow;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use trunkline_media::Rate;

use super::driver::{Asked, Driver, GO_ON, Malformed, Opening, Sound, ToolCall, ToolResult, instructions};
use super::speech::Heard;
use crate::agent::line::Incoming;
use crate::agent::line::outbox::Outbox;
use crate::model::{Briefed, Encoding, Speaker};

#[derive(Debug)]
pub(super) struct ElevenLabs {
    briefed: Briefed,
    utterance: u64,
    /// The last of what was said, and up to which nothing more is.
    event: i64,
    interrupted: i64,
    /// Some of its turn has come.
    speaks: bool,
    /// The callee spoke last.
    is_asked: bool,
    /// It is to be asked to go on, once the session stands.
    owes: bool,
    /// What still comes of this turn was thrown away.
    is_cut: bool,
}

impl ElevenLabs {
    pub fn new(briefed: Briefed) -> Self {
        Self {
            briefed,
            utterance: 0,
            event: 0,
            interrupted: 0,
            speaks: false,
            is_asked: false,
            owes: false,
            is_cut: false,
        }
    }

    /// An agent allows what its owner lets be said over it, and refuses a session that says more: nothing is said needlessly.
    fn over(&self, opening: Opening<'_>) -> Value {
        let Briefed { model, greeting, .. } = &self.briefed;
        let (mut agent, mut tts) = (Map::new(), Map::new());
        let text = instructions(&self.briefed, opening);
        if !text.is_empty() {
            agent.insert("prompt".into(), json!({ "prompt": text }));
        }
        match (greeting, opening.speaks) {
            (Some(greeting), true) => drop(agent.insert("first_message".into(), greeting.as_str().into())),
            // Without first words it waits for the callee's.
            (_, false) => drop(agent.insert("first_message".into(), "".into())),
            (None, true) => {}
        }
        if let Some(language) = &model.language {
            agent.insert("language".into(), language.as_str().into());
        }
        if let Some(voice) = &model.voice {
            tts.insert("voice_id".into(), voice.as_str().into());
        }
        if let Some(speed) = model.speed {
            tts.insert("speed".into(), speed.into());
        }
        let tables = [("agent", agent), ("tts", tts)].into_iter().filter(|(_, table)| !table.is_empty());
        tables.map(|(name, table)| (name.to_owned(), Value::Object(table))).collect::<Map<_, _>>().into()
    }

    fn audio<'a>(&mut self, audio: Option<Audio<'a>>) -> Result<Asked<'a>, Malformed> {
        let audio = audio.ok_or(Malformed)?;
        self.event = self.event.max(audio.event_id);
        (self.speaks, self.is_asked) = (true, false);
        if audio.event_id <= self.interrupted || self.is_cut || audio.audio_base_64.is_empty() {
            return Ok(Asked::Nothing);
        }
        Ok(Asked::Say { utterance: self.utterance, sound: Sound::Base64(audio.audio_base_64) })
    }

    /// What was thrown away was of the turn before.
    fn turn(&mut self) {
        (self.speaks, self.is_cut) = (false, false);
    }

    fn begun(metadata: Option<Metadata<'_>>) -> Result<Asked<'_>, Malformed> {
        let metadata = metadata.ok_or(Malformed)?;
        let [speaks, hears] = [&*metadata.agent_output_audio_format, &*metadata.user_input_audio_format];
        Ok(match (encoding(speaks), encoding(hears)) {
            (Some(speaks), Some(hears)) => Asked::Ready { speaks, hears },
            _ => Asked::Failed(format!(
                "its agent's audio is `{speaks}` and `{hears}`: choose ulaw_8000 for both"
            )),
        })
    }

    fn call(call: Option<Call<'_>>) -> Result<Asked<'_>, Malformed> {
        let call = call.ok_or(Malformed)?;
        let arguments = call.parameters.map_or("", RawValue::get).to_owned();
        let (id, name) = (call.tool_call_id.into_owned(), call.tool_name.into_owned());
        Ok(Asked::Call(vec![ToolCall { id, name, arguments }]))
    }

    fn said<'a>(by: Speaker, at: Instant, text: &'a RawValue, field: &str) -> Result<Asked<'a>, Malformed> {
        let Value::Object(mut fields) = serde_json::from_str(text.get())? else { return Err(Malformed) };
        let Some(Value::String(text)) = fields.remove(field) else { return Err(Malformed) };
        Ok(Asked::Said { by, at, text: text.trim().to_owned().into() })
    }
}

impl Driver for ElevenLabs {
    fn open(&mut self, opening: Opening<'_>, out: &mut Outbox) {
        let is_asked = std::mem::take(&mut self.is_asked);
        self.owes = opening.before.is_some() && is_asked;
        (self.event, self.interrupted) = (0, 0);
        self.turn();
        let variables = self.briefed.variables.iter();
        let variables: Map<String, Value> =
            variables.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        send(
            out,
            &json!({
                "type": "conversation_initiation_client_data",
                "conversation_config_override": self.over(opening),
                "dynamic_variables": variables,
            }),
        );
    }

    fn voice(&mut self, bytes: &[u8], out: &mut Outbox) {
        out.text(|text| {
            text.raw(r#"{"user_audio_chunk":""#).base64(bytes).raw(r#""}"#);
        });
    }

    /// Else it would ask whether anybody is there.
    fn idle(&mut self, out: &mut Outbox) {
        out.text(|text| {
            text.raw(r#"{"type":"user_activity"}"#);
        });
    }

    fn note(&mut self, text: &str, out: &mut Outbox) {
        send(out, &json!({ "type": "user_message", "text": text }));
    }

    fn truncated(&mut self, _utterance: u64, _heard: Heard, _out: &mut Outbox) -> Option<String> {
        None
    }

    fn cut(&mut self, _utterance: u64, by_model: bool, _out: &mut Outbox) {
        self.is_cut = self.speaks && !by_model;
        self.utterance += 1;
    }

    fn result(&mut self, call: &ToolCall, result: &ToolResult, _is_last: bool, out: &mut Outbox) {
        send(
            out,
            &json!({
                "type": "client_tool_result", "tool_call_id": call.id, "result": result.text,
                "is_error": result.is_error,
            }),
        );
    }

    fn read<'a>(
        &mut self,
        now: Instant,
        message: Incoming<'a>,
        out: &mut Outbox,
    ) -> Result<Asked<'a>, Malformed> {
        let Incoming::Text(text) = message else { return Err(Malformed) };
        let said: Event<'a> = serde_json::from_str(text)?;
        match &*said.kind {
            "" => Err(Malformed),
            "audio" => self.audio(said.audio_event),
            "conversation_initiation_metadata" => {
                if std::mem::take(&mut self.owes) {
                    self.note(GO_ON, out);
                }
                Self::begun(said.conversation_initiation_metadata_event)
            }
            "ping" => {
                let id = said.ping_event.ok_or(Malformed)?.event_id;
                send(out, &json!({ "type": "pong", "event_id": id }));
                Ok(Asked::Nothing)
            }
            "interruption" => {
                self.interrupted = said.interruption_event.ok_or(Malformed)?.event_id.max(self.interrupted);
                self.turn();
                Ok(if self.briefed.barge_in { Asked::Interrupted } else { Asked::Nothing })
            }
            "agent_response" => {
                self.turn();
                let event = said.agent_response_event.ok_or(Malformed)?;
                Self::said(Speaker::Agent, now, event, "agent_response")
            }
            "agent_response_correction" => {
                let event = said.agent_response_correction_event.ok_or(Malformed)?;
                match Self::said(Speaker::Agent, now, event, "corrected_agent_response")? {
                    Asked::Said { text, .. } => Ok(Asked::Corrected(text)),
                    other => Ok(other),
                }
            }
            "user_transcript" => {
                self.is_asked = true;
                let event = said.user_transcription_event.ok_or(Malformed)?;
                Self::said(Speaker::Callee, now, event, "user_transcript")
            }
            "client_tool_call" => Self::call(said.client_tool_call),
            _ => Ok(Asked::Nothing),
        }
    }
}

/// An audio format by the name that it has there.
fn encoding(name: &str) -> Option<Encoding> {
    match name {
        "ulaw_8000" => Some(Encoding::Pcmu),
        "pcm_8000" => Some(Encoding::L16(Rate::Hz8000)),
        "pcm_16000" => Some(Encoding::L16(Rate::Hz16000)),
        "pcm_24000" => Some(Encoding::L16(Rate::Hz24000)),
        _ => None,
    }
}

fn send(out: &mut Outbox, message: &Value) {
    out.text(|text| {
        text.json(message);
    });
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    audio_event: Option<Audio<'a>>,
    #[serde(borrow, default)]
    conversation_initiation_metadata_event: Option<Metadata<'a>>,
    #[serde(default)]
    ping_event: Option<Numbered>,
    #[serde(default)]
    interruption_event: Option<Numbered>,
    #[serde(borrow, default)]
    agent_response_event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    agent_response_correction_event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user_transcription_event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    client_tool_call: Option<Call<'a>>,
}

#[derive(Deserialize)]
struct Audio<'a> {
    #[serde(borrow)]
    audio_base_64: Cow<'a, str>,
    #[serde(default)]
    event_id: i64,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    agent_output_audio_format: Cow<'a, str>,
    #[serde(borrow, default = "ulaw")]
    user_input_audio_format: Cow<'a, str>,
}

fn ulaw() -> Cow<'static, str> {
    "ulaw_8000".into()
}

#[derive(Deserialize)]
struct Numbered {
    event_id: i64,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    tool_name: Cow<'a, str>,
    #[serde(borrow)]
    tool_call_id: Cow<'a, str>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
}
