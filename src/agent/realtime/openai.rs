//! OpenAI's Realtime API, as it is since it became generally available: a session of type `realtime`, µ-law both ways, the
//! server's own turn detection. Whoever carries the audio says how much of an item was heard (`conversation.item.truncate`), so
//! that the model remembers no more than that.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::driver::{Asked, Driver, Malformed, Opening, Sound, ToolCall, ToolResult, instructions, words};
use super::speech::Heard;
use super::tools;
use crate::agent::line::Incoming;
use crate::agent::line::outbox::Outbox;
use crate::model::{Briefed, Encoding, Speaker};

/// What understands the callee in words, if nobody says.
const LISTENER: &str = "gpt-4o-mini-transcribe";
/// Items of the model's whose audio may still be heard, and of the callee's that are not understood yet.
const ITEMS_MAX: usize = 64;
/// Bytes of an item's words that are kept while it may be cut short; longer ones stay as they were told.
const WORDS_KEPT: usize = 16 * 1024;
/// How our wish for a response is known when it is refused.
const WISH: &str = "trunkline_response";

#[derive(Debug)]
pub(super) struct OpenAi {
    briefed: Briefed,
    ready: bool,
    items: VecDeque<Item>,
    /// The last utterance, and up to which nothing more is said.
    utterance: u64,
    cut: u64,
    /// When the callee began what is not understood yet.
    began: VecDeque<(String, Instant)>,
    response: Response,
    /// The callee spoke last.
    is_asked: bool,
    failures: u32,
}

/// A piece of what the model says.
#[derive(Debug)]
struct Item {
    id: String,
    content: u32,
    utterance: u64,
    /// What it says in words, once that is known.
    words: Option<String>,
    /// It was cut short.
    heard: Option<Heard>,
}

/// There is one response at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    None,
    UnderWay,
    /// Another one is wanted after it.
    UnderWayAndWanted,
}

impl OpenAi {
    pub fn new(briefed: Briefed) -> Self {
        Self {
            briefed,
            ready: false,
            items: VecDeque::new(),
            utterance: 0,
            cut: 0,
            began: VecDeque::new(),
            response: Response::None,
            is_asked: false,
            failures: 0,
        }
    }

    fn session(&self, opening: Opening<'_>) -> Value {
        let Briefed { model, greeting, .. } = &self.briefed;
        let mut text = instructions(&self.briefed, opening);
        if let (Some(greeting), None) = (greeting, opening.before) {
            let when = if opening.speaks { "Begin" } else { "Once the callee has spoken, begin" };
            text.push_str(&format!("\n\n{when} by saying, word for word: {greeting}"));
        }
        let pcmu = json!({ "type": "audio/pcmu" });
        let turns = json!({
            "type": "server_vad", "create_response": true, "interrupt_response": self.briefed.barge_in,
        });
        let mut input = json!({ "format": pcmu, "turn_detection": turns });
        // A session that is opened again is told what the callee said, too.
        if self.briefed.transcript || model.listener.is_some() || model.reconnect_within.is_some() {
            let mut listener = json!({ "model": model.listener.as_deref().unwrap_or(LISTENER) });
            if let Some(language) = &model.language {
                listener["language"] = language.as_str().into();
            }
            input["transcription"] = listener;
        }
        let mut output = json!({ "format": pcmu });
        if let Some(voice) = &model.voice {
            output["voice"] = voice.as_str().into();
        }
        if let Some(speed) = model.speed {
            output["speed"] = speed.into();
        }
        let functions = tools::told(&model.tools).into_iter().map(|tool| {
            json!({
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": tool.parameters,
            })
        });
        json!({
            "type": "realtime",
            "instructions": text,
            "output_modalities": ["audio"],
            "audio": { "input": input, "output": output },
            "tools": functions.collect::<Vec<_>>(),
            "tool_choice": "auto",
        })
    }

    fn want_response(&mut self, out: &mut Outbox) {
        if self.response == Response::None {
            self.response = Response::UnderWay;
            send(out, &json!({ "type": "response.create", "event_id": WISH }));
        } else {
            self.response = Response::UnderWayAndWanted;
        }
    }

    fn delta<'a>(&mut self, said: Event<'a>) -> Result<Asked<'a>, Malformed> {
        if said.item_id.is_empty() || said.delta.is_empty() {
            return Err(Malformed);
        }
        let utterance = match self.item(&said) {
            Some(item) => item.utterance,
            None => {
                self.utterance += 1;
                if self.items.len() == ITEMS_MAX {
                    self.items.pop_front();
                }
                let (id, content) = (said.item_id.into_owned(), said.content_index);
                let utterance = self.utterance;
                self.items.push_back(Item { id, content, utterance, words: None, heard: None });
                utterance
            }
        };
        // What was on its way when it was thrown away.
        if utterance <= self.cut {
            return Ok(Asked::Nothing);
        }
        Ok(Asked::Say { utterance, sound: Sound::Base64(said.delta) })
    }

    fn item(&mut self, said: &Event<'_>) -> Option<&mut Item> {
        let is_it = |item: &&mut Item| item.id == said.item_id && item.content == said.content_index;
        self.items.iter_mut().rev().find(is_it)
    }

    /// The words of an item. They come before it was heard, or when it was cut short: of what nobody heard none are told.
    fn worded<'a>(&mut self, now: Instant, mut said: Event<'a>) -> Asked<'a> {
        let mut text = std::mem::take(&mut said.transcript);
        if let Some(item) = self.item(&said) {
            match item.heard {
                Some(heard) => text = heard.of(&text).into(),
                // What has no words is no line either, that could be taken back.
                None if !text.trim().is_empty() && text.len() <= WORDS_KEPT => {
                    item.words = Some(text.clone().into_owned());
                }
                None => {}
            }
        }
        Asked::Said { by: Speaker::Agent, at: now, text }
    }

    fn done(&mut self, response: Option<&RawValue>, out: &mut Outbox) -> Result<Asked<'static>, Malformed> {
        let done: Done = serde_json::from_str(response.ok_or(Malformed)?.get())?;
        let wanted = std::mem::replace(&mut self.response, Response::None) == Response::UnderWayAndWanted;
        if done.status == "failed" {
            self.failures += 1;
            if self.failures > 1 {
                let error = done.status_details.and_then(|details| details.error).unwrap_or_default();
                return Ok(Asked::Failed(words(&self.briefed, error.code_or_kind(), &error.message)));
            }
            self.want_response(out);
            return Ok(Asked::Nothing);
        }
        self.failures = 0;
        let output = if is_whole(&done.status) { done.output } else { Vec::new() };
        let calls = output.into_iter().filter(|item| item.kind == "function_call");
        let calls: Vec<ToolCall> = calls
            .filter(|item| item.status.as_deref().is_none_or(is_whole))
            .map(|item| ToolCall { id: item.call_id, name: item.name, arguments: item.arguments })
            .collect();
        if wanted {
            self.want_response(out);
        }
        Ok(if calls.is_empty() { Asked::Nothing } else { Asked::Call(calls) })
    }

    /// Some are answers to what came too late, and mean nothing; before the session is as we wanted it, all of them do.
    fn error(&mut self, error: Option<&RawValue>, out: &mut Outbox) -> Result<Asked<'static>, Malformed> {
        let error: Error = serde_json::from_str(error.ok_or(Malformed)?.get())?;
        let code = error.code_or_kind();
        if code == "session_expired" {
            return Ok(Asked::Expired);
        }
        if !self.ready {
            return Ok(Asked::Failed(words(&self.briefed, code, &error.message)));
        }
        if error.event_id.as_deref() == Some(WISH) {
            if code == "conversation_already_has_active_response" {
                self.response = Response::UnderWayAndWanted;
            } else {
                self.response = Response::None;
                self.failures += 1;
                if self.failures > 1 {
                    return Ok(Asked::Failed(words(&self.briefed, code, &error.message)));
                }
                self.want_response(out);
            }
        }
        Ok(Asked::Nothing)
    }

    fn began(&mut self, now: Instant, item: Cow<'_, str>) {
        if self.began.len() == ITEMS_MAX {
            self.began.pop_front();
        }
        self.began.push_back((item.into_owned(), now));
    }

    fn understood<'a>(&mut self, now: Instant, said: Event<'a>) -> Asked<'a> {
        let place = self.began.iter().position(|(id, _)| *id == said.item_id);
        let at = place.and_then(|place| self.began.remove(place)).map_or(now, |(_, at)| at);
        Asked::Said { by: Speaker::Callee, at, text: said.transcript }
    }
}

impl Driver for OpenAi {
    fn open(&mut self, opening: Opening<'_>, out: &mut Outbox) {
        // The session before was in the middle of its turn, or was to begin it.
        let owes = opening.before.is_some() && (self.response != Response::None || self.is_asked);
        (self.ready, self.response, self.is_asked) = (false, Response::None, false);
        // Items of a session before are nobody's any more.
        self.cut = self.utterance;
        self.items.clear();
        self.began.clear();
        send(out, &json!({ "type": "session.update", "session": self.session(opening) }));
        if opening.speaks || owes {
            self.want_response(out);
        }
    }

    fn voice(&mut self, bytes: &[u8], out: &mut Outbox) {
        out.text(|text| {
            text.raw(r#"{"type":"input_audio_buffer.append","audio":""#).base64(bytes).raw(r#""}"#);
        });
    }

    fn idle(&mut self, _out: &mut Outbox) {}

    fn note(&mut self, text: &str, out: &mut Outbox) {
        let content = json!([{ "type": "input_text", "text": text }]);
        let item = json!({ "type": "message", "role": "user", "content": content });
        send(out, &json!({ "type": "conversation.item.create", "item": item }));
        self.want_response(out);
    }

    fn truncated(&mut self, utterance: u64, heard: Heard, out: &mut Outbox) -> Option<String> {
        let item = self.items.iter_mut().find(|item| item.utterance == utterance)?;
        send(
            out,
            &json!({
                "type": "conversation.item.truncate", "item_id": item.id, "content_index": item.content,
                "audio_end_ms": heard.ms,
            }),
        );
        item.heard = Some(heard);
        item.words.take().map(|words| heard.of(&words))
    }

    fn cut(&mut self, utterance: u64, by_model: bool, out: &mut Outbox) {
        self.cut = self.cut.max(utterance);
        // The server has cancelled its own response when it heard the callee (`interrupt_response`).
        if !by_model && self.response != Response::None {
            send(out, &json!({ "type": "response.cancel" }));
        }
    }

    fn result(&mut self, call: &ToolCall, result: &ToolResult, is_last: bool, out: &mut Outbox) {
        let item = json!({ "type": "function_call_output", "call_id": call.id, "output": result.text });
        send(out, &json!({ "type": "conversation.item.create", "item": item }));
        if is_last {
            self.want_response(out);
        }
    }

    fn read<'a>(
        &mut self,
        now: Instant,
        message: Incoming<'a>,
        out: &mut Outbox,
    ) -> Result<Asked<'a>, Malformed> {
        let Incoming::Text(text) = message else { return Err(Malformed) };
        let said: Event<'a> = match serde_json::from_str(text) {
            Ok(said) => said,
            // Of an event that is none of ours, fields may be anything.
            Err(_) => {
                let head: Head<'a> = serde_json::from_str(text)?;
                return if OURS.contains(&&*head.kind) { Err(Malformed) } else { Ok(Asked::Nothing) };
            }
        };
        match &*said.kind {
            "" => Err(Malformed),
            "response.output_audio.delta" => self.delta(said),
            "session.updated" => {
                self.ready = true;
                Ok(Asked::Ready { speaks: Encoding::Pcmu, hears: Encoding::Pcmu })
            }
            "input_audio_buffer.speech_started" => {
                self.is_asked = true;
                self.began(now, said.item_id);
                Ok(if self.briefed.barge_in { Asked::Interrupted } else { Asked::Nothing })
            }
            "response.created" => {
                self.is_asked = false;
                if self.response == Response::None {
                    self.response = Response::UnderWay;
                }
                Ok(Asked::Nothing)
            }
            "response.done" => self.done(said.response, out),
            "response.output_audio_transcript.done" => Ok(self.worded(now, said)),
            "conversation.item.input_audio_transcription.completed" => Ok(self.understood(now, said)),
            "error" => self.error(said.error, out),
            _ => Ok(Asked::Nothing),
        }
    }
}

/// Events whose fields must be as they should be.
const OURS: [&str; 6] = [
    "response.output_audio.delta",
    "input_audio_buffer.speech_started",
    "response.done",
    "response.output_audio_transcript.done",
    "conversation.item.input_audio_transcription.completed",
    "error",
];

/// Was it said to its end? What was interrupted, or had no room, is not meant.
fn is_whole(status: &str) -> bool {
    matches!(status, "" | "completed")
}

fn send(out: &mut Outbox, message: &Value) {
    out.text(|text| {
        text.json(message);
    });
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    item_id: Cow<'a, str>,
    #[serde(default)]
    content_index: u32,
    #[serde(borrow, default)]
    delta: Cow<'a, str>,
    #[serde(borrow, default)]
    transcript: Cow<'a, str>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_details: Option<Details>,
    #[serde(default)]
    output: Vec<Output>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    call_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    arguments: String,
}

#[derive(Default, Deserialize)]
struct Error {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    event_id: Option<String>,
}

impl Error {
    fn code_or_kind(&self) -> &str {
        self.code.as_deref().or(self.kind.as_deref()).unwrap_or_default()
    }
}
