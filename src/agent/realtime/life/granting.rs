//! What a model asks is granted: it is heard, it is interrupted, it is written down, its tools are used.

use std::time::Instant;

use super::{Life, Stage};
use crate::agent::line::message::Malformed;
use crate::agent::line::voice::Voice;
use crate::agent::line::{Event, Why};
use crate::agent::realtime::driver::{Asked, Sound, ToolCall, ToolResult};
use crate::agent::realtime::tools;
use crate::agent::realtime::work::{Begun, Pending, TOOLS_MAX};
use crate::model::{Encoding, Speaker, Utterance};

/// Prompts of scripts may ask for a hang-up by this word.
const END_CALL: &str = "[END_CALL]";

impl Life {
    pub(super) fn grant(&mut self, now: Instant, asked: Asked<'_>) -> Result<(), Malformed> {
        match asked {
            Asked::Nothing => {}
            Asked::Ready { speaks, hears } => self.ready(now, speaks, hears),
            Asked::Say { utterance, sound } => self.say(now, utterance, sound)?,
            // What it said goodbye with is heard.
            Asked::Interrupted if matches!(self.stage, Stage::Leaving { .. }) => {}
            Asked::Interrupted => {
                self.counters.clears += 1;
                self.throw_away(now, true);
            }
            Asked::Said { by, at, text } => self.note(now, by, at, text.into_owned()),
            Asked::Corrected(text) => self.correct(now, &text),
            Asked::Call(calls) => self.use_tools(now, calls)?,
            Asked::Expired => self.expired = true,
            Asked::Failed(why) => self.fail(Why::Failed(why)),
        }
        Ok(())
    }

    fn ready(&mut self, now: Instant, speaks: Encoding, hears: Encoding) {
        if let Stage::Opening { .. } = self.stage {
            self.stage = Stage::Ready { since: now };
        }
        for late in std::mem::take(&mut self.late) {
            self.driver.note(&late, &mut self.outbox);
        }
        self.mouth.begin();
        (self.speaks, self.voice) = (speaks, Voice::new(hears));
        // Nobody's first words are waited for.
        if !self.spec.briefed.speaks_first {
            self.announce();
        }
    }

    pub(super) fn announce(&mut self) {
        if !std::mem::replace(&mut self.announced, true) {
            self.tell(Event::Connected);
        }
    }

    fn say(&mut self, now: Instant, utterance: u64, sound: Sound<'_>) -> Result<(), Malformed> {
        let (heard, start) = (self.mouth.heard(), self.mouth.put());
        match sound {
            Sound::Raw(bytes) => self.mouth.say(now, self.speaks, bytes),
            Sound::Base64(text) => self.mouth.say_base64(now, self.speaks, &text)?,
        }
        let end = self.mouth.put();
        self.speech.heard(heard);
        self.speech.said(utterance, start, end);
        self.utterance = self.utterance.max(utterance);
        if let Stage::Leaving { spoke, .. } = &mut self.stage {
            *spoke = now;
        }
        self.announce();
        Ok(())
    }

    /// What was said and nobody has heard yet is gone, and the model learns how much was heard.
    pub(super) fn throw_away(&mut self, now: Instant, by_model: bool) {
        let (heard, mut words) = (self.mouth.heard(), Vec::new());
        for (utterance, heard) in self.speech.cut(heard) {
            words.extend(self.driver.truncated(utterance, heard, &mut self.outbox));
        }
        self.mouth.throw_away();
        self.driver.cut(self.utterance, by_model, &mut self.outbox);
        // Each is of the last line that stands: what nobody heard any of goes first.
        for words in words.into_iter().rev() {
            self.correct(now, &words);
        }
    }

    /// Of the model's last words no more than these were heard.
    fn correct(&mut self, now: Instant, text: &str) {
        let (text, _) = spoken(text);
        self.before.correct(text);
        if self.spec.briefed.transcript {
            self.tell(Event::Corrected(Utterance { by: Speaker::Agent, at: now, text: text.to_owned() }));
        }
    }

    fn note(&mut self, now: Instant, by: Speaker, at: Instant, text: String) {
        let (text, ends) = match by {
            Speaker::Agent => spoken(&text),
            Speaker::Callee => (text.as_str(), false),
        };
        let text = text.to_owned();
        if self.spec.briefed.model.reconnect_within.is_some() && !text.is_empty() {
            self.before.said(by, at, &text);
        }
        if self.spec.briefed.transcript && !text.is_empty() {
            self.tell(Event::Said(Utterance { by, at, text }));
        }
        if ends {
            self.leave(now);
        }
    }

    fn use_tools(&mut self, now: Instant, calls: Vec<ToolCall>) -> Result<(), Malformed> {
        if calls.iter().any(|call| call.id.len() > tools::ID_BYTES_MAX || call.id.is_empty()) {
            return Err(Malformed);
        }
        let (batch, mut done, mut leaves) = (self.work.begin_batch(), Vec::new(), false);
        for call in calls {
            if !self.work.count() {
                self.fail(Why::Failed(format!("it used its tools more than {TOOLS_MAX} times")));
                return Ok(());
            }
            match self.work.begin(now, &self.spec, &call) {
                // What was asked for beside it is begun first, wherever it stands.
                Begun::EndCall => leaves = true,
                Begun::Asked(step, result) => {
                    self.tell(Event::Asked(step));
                    done.extend(result.map(|result| (call, result)));
                }
                Begun::Known(result) => done.push((call, result)),
                Begun::UnderWay => {}
            }
        }
        if leaves {
            self.leave(now);
        }
        // Who leaves is told nothing more: it would speak of it.
        if let Stage::Leaving { .. } = self.stage {
            return Ok(());
        }
        let count = done.len();
        for (place, (call, result)) in done.into_iter().enumerate() {
            let is_last = place + 1 == count && self.work.is_done(batch);
            self.driver.result(&call, &result, is_last, &mut self.outbox);
        }
        Ok(())
    }

    pub(super) fn tell_result(&mut self, tool: &Pending, result: &ToolResult) {
        match self.stage {
            Stage::Ready { .. } if tool.is_of_before() => {
                self.driver.note(&tool.late(result), &mut self.outbox)
            }
            Stage::Ready { .. } => {
                let is_last = self.work.is_done(tool.batch);
                self.driver.result(&tool.call, result, is_last, &mut self.outbox);
            }
            Stage::Absent | Stage::Opening { .. } => self.late.push(tool.late(result)),
            Stage::Leaving { .. } | Stage::Gone(_) => {}
        }
    }
}

/// What of a model's words is spoken, and whether they end the call.
fn spoken(text: &str) -> (&str, bool) {
    text.split_once(END_CALL).map_or((text, false), |(before, _)| (before.trim_end(), true))
}
