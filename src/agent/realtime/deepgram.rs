//! Deepgram's Voice Agent: settings first, then audio as binary messages both ways, everything else as JSON. It stops by itself
//! when the callee speaks, and keeps its own account of what was heard.

use std::borrow::Cow;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

use super::driver::{
    Asked, Driver, GO_ON, Malformed, Opening, Sound, TOOL, ToolCall, ToolResult, instructions, words,
};
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
    /// So it is asked to speak once the settings are applied.
    prompt: Option<&'static str>,
    utterance: u64,
    /// Some of its turn has come, and not the end.
    speaks: bool,
    /// The callee spoke last.
    is_asked: bool,
    /// What still comes of this turn was thrown away.
    is_cut: bool,
}

impl Deepgram {
    pub fn new(briefed: Briefed) -> Self {
        Self {
            briefed,
            ready: false,
            prompt: None,
            utterance: 0,
            speaks: false,
            is_asked: false,
            is_cut: false,
        }
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
        (self.speaks, self.is_asked) = (true, false);
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
        let owes = opening.before.is_some() && (self.speaks || self.is_asked);
        (self.ready, self.is_asked) = (false, false);
        self.over();
        self.prompt = match opening.speaks {
            true => self.briefed.greeting.is_none().then_some(BEGIN),
            false => owes.then_some(GO_ON),
        };
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

    fn note(&mut self, text: &str, out: &mut Outbox) {
        send(out, &json!({ "type": "InjectUserMessage", "content": text }));
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
                if let Some(prompt) = self.prompt.take() {
                    self.note(prompt, out);
                }
                Ok(Asked::Ready { speaks: Encoding::Pcmu, hears: Encoding::Pcmu })
            }
            "UserStartedSpeaking" => {
                self.over();
                self.is_asked = true;
                Ok(if self.briefed.barge_in { Asked::Interrupted } else { Asked::Nothing })
            }
            "AgentAudioDone" => {
                self.over();
                Ok(Asked::Nothing)
            }
            // What we have put into the callee's mouth.
            "ConversationText" if is_ours(&said.content) => Ok(Asked::Nothing),
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

fn is_ours(content: &str) -> bool {
    matches!(content, BEGIN | GO_ON) || content.starts_with(TOOL)
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
