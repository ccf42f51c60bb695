//! Deepgram's Voice Agent: settings first, then audio as binary messages both ways, everything else as JSON. It stops by itself
//! when the callee speaks, and keeps its own account of what was heard.

use std::borrow::Cow;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

use super::driver::{Asked, Driver, Malformed, Opening, Sound, ToolCall, ToolResult, instructions, words};
use super::speech::Heard;
use super::tools;
use crate::agent::line::Incoming;
use crate::agent::line::outbox::Outbox;
use crate::model::{Briefed, Encoding, Speaker};

/// What understands the callee, and who thinks, if nobody says.
const LISTENER: &str = "nova-3";
const THINKER: &str = "open_ai";
const VOICE: &str = "aura-2-thalia-en";
/// A model that is to speak first and has nothing to say word for word is told this in the callee's place.
const BEGIN: &str = "(The callee has picked up the telephone. Begin the call.)";

#[derive(Debug)]
pub(super) struct Deepgram {
    briefed: Briefed,
    ready: bool,
    /// It is to be asked to speak once the settings are applied.
    begins: bool,
    utterance: u64,
    /// Some of its turn has come, and not the end.
    speaks: bool,
    /// What still comes of this turn was thrown away.
    is_cut: bool,
}

impl Deepgram {
    pub fn new(briefed: Briefed) -> Self {
        Self { briefed, ready: false, begins: false, utterance: 0, speaks: false, is_cut: false }
    }

    fn settings(&self, opening: Opening<'_>) -> Value {
        let Briefed { model, greeting, .. } = &self.briefed;
        let mut thinks = json!({ "type": model.thinker.as_deref().unwrap_or(THINKER), "model": model.model });
        if let Some(temperature) = model.temperature {
            thinks["temperature"] = temperature.into();
        }
        let functions = tools::told(&model.tools).into_iter().map(|tool| {
            json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters })
        });
        let think = json!({
            "provider": thinks,
            "prompt": instructions(&self.briefed, opening),
            "functions": functions.collect::<Vec<_>>(),
        });
        let listener = model.listener.as_deref().unwrap_or(LISTENER);
        let mut listens = json!({ "type": "deepgram", "version": "v1", "model": listener });
        if let Some(language) = &model.language {
            listens["language"] = language.as_str().into();
        }
        let voice = model.voice.as_deref().unwrap_or(VOICE);
        let mut speaks = json!({ "type": "deepgram", "model": voice });
        if let Some(speed) = model.speed {
            speaks["speed"] = speed.into();
        }
        let mut agent = json!({
            "listen": { "provider": listens }, "think": think, "speak": { "provider": speaks },
        });
        if let (Some(greeting), true) = (greeting, opening.speaks) {
            agent["greeting"] = greeting.as_str().into();
        }
        json!({
            "type": "Settings",
            "audio": {
                "input": { "encoding": "mulaw", "sample_rate": 8000 },
                "output": { "encoding": "mulaw", "sample_rate": 8000, "container": "none" },
            },
            "agent": agent,
        })
    }

    fn say<'a>(&mut self, bytes: &'a [u8]) -> Asked<'a> {
        self.speaks = true;
        if self.is_cut {
            return Asked::Nothing;
        }
        Asked::Say { utterance: self.utterance, sound: Sound::Raw(bytes) }
    }

    fn over(&mut self) {
        self.utterance += 1;
        (self.speaks, self.is_cut) = (false, false);
    }
}

impl Driver for Deepgram {
    fn open(&mut self, opening: Opening<'_>, out: &mut Outbox) {
        self.ready = false;
        self.over();
        self.begins = opening.speaks && self.briefed.greeting.is_none();
        send(out, &self.settings(opening));
    }

    fn voice(&mut self, bytes: &[u8], out: &mut Outbox) {
        out.binary(&[bytes]);
    }

    fn idle(&mut self, out: &mut Outbox) {
        out.text(|text| {
            text.raw(r#"{"type":"KeepAlive"}"#);
        });
    }

    fn digits(&mut self, digits: &str, out: &mut Outbox) {
        let content = format!("(The callee pressed these keys of the telephone: {digits})");
        send(out, &json!({ "type": "InjectUserMessage", "content": content }));
    }

    fn truncated(&mut self, _utterance: u64, _heard: Heard, _out: &mut Outbox) -> Option<String> {
        None
    }

    fn cut(&mut self, _utterance: u64, by_model: bool, _out: &mut Outbox) {
        self.is_cut = self.speaks && !by_model;
        self.utterance += 1;
    }

    fn result(&mut self, call: &ToolCall, result: &ToolResult, _is_last: bool, out: &mut Outbox) {
        let response = json!({
            "type": "FunctionCallResponse", "id": call.id, "name": call.name, "content": result.text,
        });
        send(out, &response);
    }

    fn read<'a>(
        &mut self,
        now: Instant,
        message: Incoming<'a>,
        out: &mut Outbox,
    ) -> Result<Asked<'a>, Malformed> {
        let text = match message {
            Incoming::Binary(bytes) => return Ok(self.say(bytes)),
            Incoming::Text(text) => text,
        };
        let said: Event<'a> = serde_json::from_str(text)?;
        match &*said.kind {
            "" => Err(Malformed),
            "SettingsApplied" => {
                self.ready = true;
                if std::mem::take(&mut self.begins) {
                    send(out, &json!({ "type": "InjectUserMessage", "content": BEGIN }));
                }
                Ok(Asked::Ready { speaks: Encoding::Pcmu, hears: Encoding::Pcmu })
            }
            "UserStartedSpeaking" => {
                self.over();
                Ok(if self.briefed.barge_in { Asked::Interrupted } else { Asked::Nothing })
            }
            "AgentAudioDone" => {
                self.over();
                Ok(Asked::Nothing)
            }
            "ConversationText" if said.content == BEGIN => Ok(Asked::Nothing),
            "ConversationText" => {
                let by = match &*said.role {
                    "assistant" => Speaker::Agent,
                    "user" => Speaker::Callee,
                    _ => return Err(Malformed),
                };
                Ok(Asked::Said { by, at: now, text: said.content })
            }
            "FunctionCallRequest" => {
                let ours = said.functions.into_iter().filter(|function| function.client_side);
                let calls = ours.map(|Function { id, name, arguments, .. }| ToolCall { id, name, arguments });
                Ok(Asked::Call(calls.collect()))
            }
            "Error" => Ok(Asked::Failed(words(&self.briefed, &said.code, &said.description))),
            _ => Ok(Asked::Nothing),
        }
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
    role: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Cow<'a, str>,
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    description: Cow<'a, str>,
    #[serde(default)]
    functions: Vec<Function>,
}

#[derive(Deserialize)]
struct Function {
    #[serde(default)]
    id: String,
    name: String,
    #[serde(default)]
    arguments: String,
    /// Others are called by Deepgram itself.
    #[serde(default)]
    client_side: bool,
}
