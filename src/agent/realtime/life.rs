//! A session's life between a provider's driver and a port: messages in, audio into the port; ticks in, messages out. Sans-IO: it
//! takes `now` and messages, and gives messages, events and errands. Knows no socket, no clock, no provider.
//!
//! After each `handle_*`, drain `poll_transmit`, `poll_event` and `poll_errand`, and look whether it [`has ended`](Life::ended).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use trunkline_media::Port;
use trunkline_media::port::WORDS_MAX;

use super::super::stream::backlog::Backlog;
use super::super::stream::intake::Intake;
use super::super::stream::outbox::Outbox;
use super::super::stream::voice::Voice;
use super::Spec;
use super::driver::{self, Asked, Driver, Malformed, Opening, Sound, ToolCall, ToolResult};
use super::speech::Speech;
use super::tools::{self, Deed};
use crate::agent::stream::dialect::BASE64;
use crate::agent::stream::{Counters, Ended, Event, Why};
use crate::model::{Encoding, Speaker, Step, Tools, Utterance};

pub use crate::agent::stream::life::{Incoming, Message};

/// What a webhook tool is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// By which its result is known.
    pub slot: u64,
    /// Where.
    pub url: String,
    /// How long it may take.
    pub deadline: Duration,
    /// A JSON object.
    pub body: String,
}

/// Messages in a row that may say nothing.
const GIBBERISH_MAX: u32 = 100;
/// Events that may wait for the call.
const EVENTS_MAX: usize = 64;
/// When a model has said so much that nobody has heard yet, its socket is not read: bytes of five minutes. Less would keep back
/// its word that the callee interrupts.
const AHEAD_MAX: usize = 300 * 8_000;
/// A model that speaks first and does not is given the callee to hear after so long.
const FIRST_WORDS_MAX: Duration = Duration::from_secs(5);
/// So long after the session stands somebody who rings is answered, although nothing was said yet.
const PICK_UP_MAX: Duration = Duration::from_secs(3);
/// A model that is sent no audio is told so often that we are there.
const IDLE: Duration = Duration::from_secs(4);
/// Keys that the callee presses within such pauses are told together; and so many.
const KEYS_PAUSE: Duration = Duration::from_millis(1_500);
const KEYS_MAX: usize = 64;
/// A model that wants to hang up may finish what it says: that is over when nothing came for so long. All of it takes at most so
/// long.
const LULL: Duration = Duration::from_millis(600);
const LEAVING_MAX: Duration = Duration::from_secs(30);
/// Tools of one call in all, and at the same time.
const TOOLS_MAX: u32 = 200;
const PENDING_MAX: usize = 8;
/// How long a transfer may take until the model hears that nothing is known of it.
const TRANSFER_MAX: Duration = Duration::from_secs(120);
/// Bytes of what was said that a new session is told.
const BEFORE_BYTES_MAX: usize = 8 * 1024;
/// Decoded bytes for which room is kept.
const SCRATCH_KEPT: usize = 32 * 1024;
const FRAME: u64 = 160;
const END_CALL: &str = "[END_CALL]";

/// The life of one session.
#[derive(Debug)]
pub struct Life {
    spec: Spec,
    driver: Box<dyn Driver>,
    port: Port,
    intake: Intake,
    voice: Voice,
    speaks: Encoding,
    backlog: Backlog,
    speech: Speech,
    outbox: Outbox,
    events: VecDeque<Event>,
    errands: VecDeque<Errand>,
    stage: Stage,
    ended: Option<Why>,
    /// It was there at least once.
    connected: bool,
    /// The call was told that it is there.
    announced: bool,
    answered: Option<Instant>,
    expired: bool,
    /// The utterance that was begun last.
    utterance: u64,
    pending: Vec<Pending>,
    tools_used: u32,
    keys: String,
    pressed: Instant,
    /// When anything was sent last.
    sent: Instant,
    before: String,
    gibberish: u32,
    scratch: Vec<u8>,
    /// Bytes of PCMU that it said.
    said: u64,
    counters: Counters,
}

#[derive(Debug)]
enum Stage {
    Absent,
    /// It was told of the call, and has not agreed yet.
    Opening {
        until: Instant,
    },
    Ready {
        since: Instant,
    },
    /// It wants to hang up.
    Leaving {
        since: Instant,
        spoke: Instant,
    },
    /// It has gone in good order: the session ends when what it said is heard.
    Gone(Why),
}

/// A tool under way.
#[derive(Debug)]
struct Pending {
    slot: u64,
    call: ToolCall,
    is_transfer: bool,
    until: Instant,
}

impl Life {
    /// A session that is not open yet.
    #[must_use]
    pub fn new(spec: Spec, port: Port, now: Instant) -> Self {
        Self {
            driver: driver::driver(&spec.briefed),
            spec,
            port,
            intake: Intake::new(Encoding::Pcmu),
            voice: Voice::new(Encoding::Pcmu),
            speaks: Encoding::Pcmu,
            backlog: Backlog::default(),
            speech: Speech::default(),
            outbox: Outbox::default(),
            events: VecDeque::with_capacity(EVENTS_MAX),
            errands: VecDeque::new(),
            stage: Stage::Absent,
            ended: None,
            connected: false,
            announced: false,
            answered: None,
            expired: false,
            utterance: 0,
            pending: Vec::new(),
            tools_used: 0,
            keys: String::new(),
            pressed: now,
            sent: now,
            before: String::new(),
            gibberish: 0,
            scratch: Vec::new(),
            said: 0,
            counters: Counters::default(),
        }
    }

    /// The connection stands.
    pub fn handle_connected(&mut self, now: Instant) {
        let again = std::mem::replace(&mut self.connected, true);
        self.counters.reconnections += u64::from(again);
        self.stage = Stage::Opening { until: now + self.spec.briefed.model.connect_within };
        self.intake.reset();
        // Who has said something already lets the callee speak.
        let speaks = self.spec.briefed.speaks_first && self.said == 0;
        let before = (again && self.has_media()).then_some(self.before.as_str());
        self.driver.open(Opening { before, speaks }, &mut self.outbox);
        self.sent = now;
    }

    /// The connection is gone and will be tried again. What was said is still heard; nobody waits for tools.
    pub fn handle_lost(&mut self) {
        self.stage = Stage::Absent;
        self.expired = false;
        self.outbox.clear();
        self.pending.clear();
    }

    /// The connection is gone for good. In good order means: what was said is heard first.
    pub fn handle_gone(&mut self, why: Why, in_good_order: bool) {
        self.handle_lost();
        if in_good_order {
            self.stage = Stage::Gone(why);
            self.settle();
        } else {
            self.end(why);
        }
    }

    /// The callee has answered.
    pub fn handle_answered(&mut self, now: Instant) {
        self.answered.get_or_insert(now);
    }

    /// The callee has pressed a key.
    pub fn handle_digit(&mut self, now: Instant, digit: char) {
        if self.keys.len() < KEYS_MAX {
            self.keys.push(digit);
            self.pressed = now;
        } else {
            self.counters.digits_dropped += 1;
        }
    }

    /// A transfer that the model asked for came to nothing.
    pub fn handle_untransferred(&mut self, why: &str) {
        let Some(place) = self.pending.iter().position(|pending| pending.is_transfer) else { return };
        let done = self.pending.remove(place);
        self.tell_result(&done.call, &failed(&format!("the transfer came to nothing: {why}")));
    }

    /// What a webhook tool answered, or why it did not.
    pub fn handle_result(&mut self, slot: u64, answer: Result<String, String>) {
        let Some(place) = self.pending.iter().position(|pending| pending.slot == slot) else { return };
        let done = self.pending.remove(place);
        let result = match answer {
            Ok(text) => ToolResult { text, is_error: false },
            Err(why) => failed(&why),
        };
        self.tell_result(&done.call, &result);
    }

    /// The call is over.
    pub fn handle_over(&mut self) {
        self.end(Why::CallOver);
    }

    /// A message from the model.
    pub fn handle_message(&mut self, now: Instant, message: Incoming<'_>) {
        if matches!(self.stage, Stage::Absent | Stage::Gone(_)) {
            return;
        }
        let asked = self.driver.read(now, message, &mut self.outbox);
        match asked.and_then(|asked| self.grant(now, asked)) {
            Ok(()) => self.gibberish = 0,
            Err(Malformed) => {
                self.counters.malformed += 1;
                self.gibberish += 1;
                if self.gibberish > GIBBERISH_MAX {
                    self.end(Why::Gibberish);
                }
            }
        }
        self.backlog.pump(&mut self.port);
    }

    /// Once every 20 ms. `writable`: what was sent before has left, so the callee's voice may follow; otherwise it waits in
    /// the port, and what gets too old there is passed over.
    pub fn handle_timeout(&mut self, now: Instant, writable: bool) {
        if self.port.is_over() {
            return self.handle_over();
        }
        if self.port.take_flush() {
            self.throw_away(false);
        }
        self.backlog.tick(&mut self.port);
        match self.stage {
            Stage::Ready { since } => self.attend(now, since, writable),
            Stage::Opening { until } if now >= until => {
                let within = self.spec.briefed.model.connect_within;
                self.end(Why::Failed(format!("the session was not ready within {within:?}")));
            }
            Stage::Leaving { since, spoke } => {
                self.ignore();
                self.say_goodbye(now, since, spoke);
            }
            Stage::Absent | Stage::Opening { .. } | Stage::Gone(_) => self.ignore(),
        }
        self.settle();
    }

    /// Is the socket to be left alone, because more waits than may?
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.backlog.waiting() >= AHEAD_MAX
            || self.outbox.is_full()
            || self.events.len() >= EVENTS_MAX
            || self.errands.len() >= PENDING_MAX
    }

    /// Has it gone? Then the connection has no purpose any more.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Gone(_))
    }

    /// Has the session agreed to what it was told?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready { .. } | Stage::Leaving { .. })
    }

    /// Has the session reached its longest time?
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expired
    }

    /// Has anything been said by either side, that the other has got?
    #[must_use]
    pub fn has_media(&self) -> bool {
        self.said > 0 || self.counters.frames_out > 0
    }

    /// Why it has ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Why> {
        self.ended.as_ref()
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop()
    }

    /// The next thing to tell the call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next webhook tool to call. Answer with [`Life::handle_result`].
    pub fn poll_errand(&mut self) -> Option<Errand> {
        self.errands.pop_front()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { frames_in: self.said / FRAME, passed_over: self.port.passed_over(), ..self.counters }
    }

    fn grant(&mut self, now: Instant, asked: Asked<'_>) -> Result<(), Malformed> {
        match asked {
            Asked::Nothing => {}
            Asked::Ready { speaks, hears } => self.ready(now, speaks, hears),
            Asked::Say { utterance, sound } => self.say(now, utterance, sound)?,
            // What it said goodbye with is heard.
            Asked::Interrupted if matches!(self.stage, Stage::Leaving { .. }) => {}
            Asked::Interrupted => {
                self.counters.clears += 1;
                self.throw_away(true);
            }
            Asked::Said { by, at, text } => self.note(now, by, at, text.into_owned()),
            Asked::Corrected(text) => {
                let text = text.into_owned();
                if self.spec.briefed.transcript {
                    let line = Utterance { by: Speaker::Agent, at: now, text };
                    self.tell(Event::Corrected(line));
                }
            }
            Asked::Call(calls) => self.use_tools(now, calls)?,
            Asked::Expired => self.expired = true,
            Asked::Failed(why) => self.end(Why::Failed(why)),
        }
        Ok(())
    }

    fn ready(&mut self, now: Instant, speaks: Encoding, hears: Encoding) {
        if let Stage::Opening { .. } = self.stage {
            self.stage = Stage::Ready { since: now };
        }
        (self.intake, self.voice) = (Intake::new(speaks), Voice::new(hears));
        self.speaks = speaks;
        // Nobody's first words are waited for.
        if !self.spec.briefed.speaks_first {
            self.announce();
        }
    }

    fn announce(&mut self) {
        if !std::mem::replace(&mut self.announced, true) {
            self.tell(Event::Connected);
        }
    }

    fn say(&mut self, now: Instant, utterance: u64, sound: Sound<'_>) -> Result<(), Malformed> {
        let heard = self.heard();
        let Self { scratch, backlog, intake, speaks, .. } = self;
        let start = backlog.put();
        scratch.clear();
        match sound {
            Sound::Raw(bytes) => intake.push(*speaks, bytes, |pcmu| backlog.push(pcmu)),
            Sound::Base64(text) => {
                use base64::Engine as _;
                BASE64.decode_vec(text.as_bytes(), scratch).or(Err(Malformed))?;
                intake.push(*speaks, scratch, |pcmu| backlog.push(pcmu));
                scratch.clear();
                scratch.shrink_to(SCRATCH_KEPT);
            }
        }
        let end = backlog.put();
        self.said += end - start;
        self.speech.heard(heard);
        self.speech.said(utterance, start, end);
        self.utterance = self.utterance.max(utterance);
        if let Stage::Leaving { spoke, .. } = &mut self.stage {
            *spoke = now;
        }
        self.announce();
        Ok(())
    }

    /// Bytes that have left for the callee, of all that ever came. What was cleared counts as if it had.
    fn heard(&self) -> u64 {
        let waiting = (WORDS_MAX - self.port.room()) as u64 * FRAME;
        self.backlog.taken().saturating_sub(waiting)
    }

    fn is_heard(&self) -> bool {
        self.backlog.is_empty() && self.port.room() == WORDS_MAX
    }

    /// What was said and nobody has heard yet is gone, and the model learns how much was heard.
    fn throw_away(&mut self, by_model: bool) {
        let heard = self.heard();
        for (utterance, heard_ms) in self.speech.cut(heard) {
            self.driver.truncated(utterance, heard_ms, &mut self.outbox);
        }
        self.port.clear();
        self.intake.reset();
        self.backlog.clear();
        self.driver.cut(self.utterance, by_model, &mut self.outbox);
    }

    fn note(&mut self, now: Instant, by: Speaker, at: Instant, text: String) {
        // Prompts of scripts may ask for it by this word.
        let (text, ends) = match text.split_once(END_CALL) {
            Some((before, _)) if by == Speaker::Agent => (before.trim_end().to_owned(), true),
            _ => (text, false),
        };
        if self.spec.briefed.model.reconnect_within.is_some() {
            self.before.extend([by.as_str(), ": ", text.as_str(), "\n"]);
            let over = self.before.len().saturating_sub(BEFORE_BYTES_MAX);
            let over = self.before.ceil_char_boundary(over);
            self.before.drain(..over);
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
        let mut done = Vec::new();
        for call in calls {
            self.tools_used += 1;
            if self.tools_used > TOOLS_MAX {
                self.end(Why::Failed(format!("it used its tools more than {TOOLS_MAX} times")));
                return Ok(());
            }
            match self.use_tool(now, &call) {
                Some(result) => done.push((call, result)),
                None if matches!(self.stage, Stage::Leaving { .. }) => return Ok(()),
                None => {}
            }
        }
        let count = done.len();
        for (place, (call, result)) in done.into_iter().enumerate() {
            let is_last = place + 1 == count && self.pending.is_empty();
            self.driver.result(&call, &result, is_last, &mut self.outbox);
        }
        Ok(())
    }

    /// Its result, if that is known at once.
    fn use_tool(&mut self, now: Instant, call: &ToolCall) -> Option<ToolResult> {
        let tools: &Tools = &self.spec.briefed.model.tools;
        let deed = match tools::deed(tools, &call.name, &call.arguments) {
            Ok(deed) => deed,
            Err(why) => return Some(failed(&why)),
        };
        match deed {
            Deed::EndCall => self.leave(now),
            _ if self.pending.len() >= PENDING_MAX => return Some(failed("too many tools are under way")),
            Deed::Step(step @ Step::Transfer(_)) => {
                if self.pending.iter().any(|pending| pending.is_transfer) {
                    return Some(failed("a transfer is under way"));
                }
                self.await_tool(call, true, now + TRANSFER_MAX);
                self.tell(Event::Asked(step));
            }
            Deed::Step(step) => {
                self.tell(Event::Asked(step));
                return Some(ToolResult { text: r#"{"ok":true}"#.to_owned(), is_error: false });
            }
            Deed::Webhook(place, arguments) => {
                let tool = tools.webhooks[place].clone();
                let body = self.body(&tool.name, arguments);
                // The one who asks has the same deadline, and a little longer to say so.
                let slot = self.await_tool(call, false, now + tool.deadline + Duration::from_secs(2));
                self.errands.push_back(Errand { slot, url: tool.url, deadline: tool.deadline, body });
            }
        }
        None
    }

    fn await_tool(&mut self, call: &ToolCall, is_transfer: bool, until: Instant) -> u64 {
        let slot = u64::from(self.tools_used);
        self.pending.push(Pending { slot, call: call.clone(), is_transfer, until });
        slot
    }

    fn body(&self, tool: &str, arguments: Map<String, Value>) -> String {
        let Spec { call, from, to, .. } = &self.spec;
        json!({
            "type": "tool.call", "call_id": call.ca(), "from": from.as_str(), "to": to.as_str(),
            "tool": tool, "arguments": arguments,
        })
        .to_string()
    }

    fn tell_result(&mut self, call: &ToolCall, result: &ToolResult) {
        if let Stage::Ready { .. } = self.stage {
            self.driver.result(call, result, self.pending.is_empty(), &mut self.outbox);
        }
    }

    /// Nobody is left before he has answered: until then it is the call that knows how long it rings.
    fn say_goodbye(&mut self, now: Instant, since: Instant, spoke: Instant) {
        let Some(answered) = self.answered else { return };
        let is_heard = self.is_heard() && now.duration_since(spoke) >= LULL;
        if is_heard || now.duration_since(since.max(answered)) >= LEAVING_MAX {
            self.end(Why::HungUp);
        }
    }

    fn leave(&mut self, now: Instant) {
        if !matches!(self.stage, Stage::Leaving { .. }) {
            self.announce();
            self.stage = Stage::Leaving { since: now, spoke: now };
            self.pending.clear();
            self.errands.clear();
        }
    }

    /// The callee is heard, the keys are told, and whatever took too long.
    fn attend(&mut self, now: Instant, since: Instant, writable: bool) {
        if now.duration_since(since) >= PICK_UP_MAX {
            self.announce();
        }
        let listens = self.listens(now);
        match (listens, writable) {
            (true, true) => {
                while let Some(frame) = self.port.hear() {
                    self.driver.voice(self.voice.bytes(&frame), &mut self.outbox);
                    self.counters.frames_out += 1;
                    self.sent = now;
                }
            }
            (true, false) => self.port.pass_over(),
            (false, _) => self.ignore(),
        }
        if now.duration_since(self.sent) >= IDLE && writable {
            self.driver.idle(&mut self.outbox);
            self.sent = now;
        }
        if !self.keys.is_empty() && now.duration_since(self.pressed) >= KEYS_PAUSE {
            let keys = std::mem::take(&mut self.keys);
            self.driver.digits(&keys, &mut self.outbox);
        }
        while let Some(place) = self.pending.iter().position(|pending| now >= pending.until) {
            let late = self.pending.remove(place);
            self.tell_result(&late.call, &failed("nothing is known of it"));
        }
    }

    /// Does it hear the callee? Whoever speaks first does so before it is interrupted.
    fn listens(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| {
            !self.spec.briefed.speaks_first
                || self.port.played() > 0
                || now.duration_since(at) >= FIRST_WORDS_MAX
        })
    }

    /// Nobody is to hear what the call has to say.
    fn ignore(&mut self) {
        while self.port.hear().is_some() {}
    }

    /// Ends if it has gone and been heard.
    fn settle(&mut self) {
        if let Stage::Gone(why) = &self.stage
            && self.is_heard()
        {
            self.end(why.clone());
        }
    }

    fn tell(&mut self, event: Event) {
        // More are not read for while so many wait.
        if self.events.len() < 2 * EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.digits_dropped += 1;
        }
    }

    fn end(&mut self, why: Why) {
        if self.ended.is_none() {
            let counters = self.counters();
            self.ended = Some(why.clone());
            // The last event finds room whatever waits.
            self.events.push_back(Event::Ended(Ended { why, counters }));
        }
    }
}

fn failed(why: &str) -> ToolResult {
    ToolResult { text: json!({ "error": why }).to_string(), is_error: true }
}
