//! What a provider's protocol can be asked, and what it can ask: one file a provider, each of which knows its messages and nothing
//! else: no queue, no clock, no socket.

use std::borrow::Cow;
use std::time::Instant;

use super::speech::Heard;
use crate::agent::line::Incoming;
pub(super) use crate::agent::line::message::Malformed;
use crate::agent::line::outbox::Outbox;
use crate::model::{Briefed, Encoding, Speaker};

/// A model's message, read.
#[derive(Debug, PartialEq)]
pub(super) enum Asked<'a> {
    /// Nothing that concerns us.
    Nothing,
    /// The session is as we wanted it; audio is so encoded, theirs and ours.
    Ready { speaks: Encoding, hears: Encoding },
    /// Say this. Utterances are numbered upwards; what belongs together has one number.
    Say { utterance: u64, sound: Sound<'a> },
    /// The callee has begun to speak: what waits to be heard is of the past.
    Interrupted,
    /// Somebody said this.
    Said { by: Speaker, at: Instant, text: Cow<'a, str> },
    /// Of the model's last words no more than these were heard.
    Corrected(Cow<'a, str>),
    /// Use these tools.
    Call(Vec<ToolCall>),
    /// The session has reached its longest time, and may be opened again.
    Expired,
    /// The model cannot go on.
    Failed(String),
}

/// Audio as it came.
#[derive(Debug, PartialEq)]
pub(super) enum Sound<'a> {
    Raw(&'a [u8]),
    Base64(Cow<'a, str>),
}

/// A tool that a model wants used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ToolCall {
    /// By which its result is known.
    pub id: String,
    /// Which.
    pub name: String,
    /// A JSON object.
    pub arguments: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ToolResult {
    /// For the model to read.
    pub text: String,
    /// It came to nothing.
    pub is_error: bool,
}

/// A session that begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening<'a> {
    /// What was said before, if there was a session before this one.
    pub before: Option<&'a str>,
    /// Is the model to speak now?
    pub speaks: bool,
}

/// Speaks one provider's protocol.
pub(super) trait Driver: Send + std::fmt::Debug {
    /// The connection stands: the session is configured.
    fn open(&mut self, opening: Opening<'_>, out: &mut Outbox);
    /// The callee's next 20 ms, encoded.
    fn voice(&mut self, bytes: &[u8], out: &mut Outbox);
    /// Nothing was sent for some seconds.
    fn idle(&mut self, out: &mut Outbox);
    /// Something has happened that the model is to know and to act on. It is said in the callee's place, where the protocol has no
    /// other.
    fn note(&mut self, text: &str, out: &mut Outbox);
    /// Of this utterance no more than so much was heard. Told of each that was cut short, oldest first. Gives what was heard of its
    /// words, if those were told already and the provider will not correct them.
    fn truncated(&mut self, utterance: u64, heard: Heard, out: &mut Outbox) -> Option<String>;
    /// All up to this utterance was thrown away; `by_model`: as it said itself. No more of it is to be said.
    fn cut(&mut self, utterance: u64, by_model: bool, out: &mut Outbox);
    /// What came of a tool; nothing else that was asked for with it is under way if it is the last.
    fn result(&mut self, call: &ToolCall, result: &ToolResult, is_last: bool, out: &mut Outbox);
    /// What does this message ask?
    fn read<'a>(
        &mut self,
        now: Instant,
        message: Incoming<'a>,
        out: &mut Outbox,
    ) -> Result<Asked<'a>, Malformed>;
}

/// A model whose session was lost while it was its turn is told this in the callee's place.
pub(super) const GO_ON: &str = "(The connection was lost for a moment. Go on with the call.)";
/// So begins what a model is told in the callee's place of tools that a session before had asked for.
pub(super) const TOOL: &str = "(The tool ";

/// Bytes of a provider's own words about a failure.
const WORDS_MAX: usize = 200;

/// A provider's words about a failure, fit to be shown: some quote the key that they were given.
pub(super) fn words(briefed: &Briefed, code: &str, message: &str) -> String {
    let is_of_key = message.to_ascii_lowercase().contains("api key")
        || briefed.model.api_key.as_ref().is_some_and(|key| message.contains(key.reveal().as_str()));
    let message = if is_of_key { "" } else { message };
    let text: String =
        [code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match text.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None if text.is_empty() => "no reason given".to_owned(),
        None => text,
    }
}

/// The instructions, and what was said before if there was a session before.
pub(super) fn instructions(briefed: &Briefed, opening: Opening<'_>) -> String {
    match opening.before {
        Some(before) if !before.is_empty() => format!(
            "{}\n\nThe connection was lost for a moment; the call goes on. What was said so far:\n{before}",
            briefed.instructions
        ),
        _ => briefed.instructions.clone(),
    }
}
