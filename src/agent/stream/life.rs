//! A stream's life between a bot's dialect and a port: messages in, audio into the port; ticks in, messages out. Sans-IO: it
//! takes `now` and messages, and gives messages and events. Knows no socket, no clock, no service.
//!
//! After each `handle_*`, drain `poll_transmit` and `poll_event`, and look whether it [`has ended`](Life::ended).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use base64::Engine as _;
use trunkline_media::g711::Law;
use trunkline_media::port::WORDS_MAX;
use trunkline_media::{Clip, Digits, Port};

use super::backlog::Backlog;
use super::dialect::{self, Asked, BASE64, Interpreter, Malformed, Moment, Payload, Sound};
use super::intake::Intake;
use super::marks::Marks;
use super::outbox::Outbox;
use super::spec::Spec;
use super::voice::Voice;
use crate::model::{Step, Utterance};

pub use super::dialect::Incoming;
pub use super::outbox::Message;

/// What the call learns of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The bot is there, and has been told of the call. Again after a reconnection.
    Connected,
    /// The bot wants these sent to the callee.
    Digits(Box<Digits>),
    /// A model wants this done.
    Asked(Step),
    /// Somebody said this.
    Said(Utterance),
    /// Of the agent's last words no more than these were heard.
    Corrected(Utterance),
    /// Nothing more will come: once, and last of all.
    Ended(Ended),
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub why: Why,
    /// What it did.
    pub counters: Counters,
}

/// Why a stream ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The call is over.
    #[error("the call is over")]
    CallOver,
    /// The bot closed the connection in good order, and what it had said was heard.
    #[error("the bot closed the connection{}", code.map(|code| format!(" with code {code}")).unwrap_or_default())]
    Closed {
        /// The WebSocket's close code.
        code: Option<u16>,
    },
    /// The bot asked for a hang-up, and what it had said was heard.
    #[error("the bot hung up")]
    HungUp,
    /// The bot says that it has failed.
    #[error("the bot failed: {0}")]
    Failed(String),
    /// The connection broke.
    #[error("the connection to the bot broke: {0}")]
    Lost(String),
    /// Nobody was there in time.
    #[error("the bot cannot be reached: {0}")]
    Unreachable(String),
    /// The handshake was answered with an HTTP status that will not change.
    #[error("the bot refused the connection with status {0}")]
    Refused(u16),
    /// The WebSocket protocol was broken.
    #[error("the bot broke the WebSocket protocol: {0}")]
    Protocol(String),
    /// A message was longer than is read.
    #[error("the bot sent a message that is too long")]
    TooLong,
    /// Too many messages in a row said nothing in this dialect.
    #[error("the bot speaks another dialect")]
    Gibberish,
    /// The bot does not answer pings.
    #[error("the bot does not answer")]
    Unresponsive,
    /// The bot does not read.
    #[error("the bot does not read what it is sent")]
    NotReading,
}

/// What a stream did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// 20 ms that the bot said, rounded down.
    pub frames_in: u64,
    /// 20 ms of the callee that the bot was sent.
    pub frames_out: u64,
    /// 20 ms of the callee that were too late for the bot.
    pub passed_over: u64,
    /// Marks that the bot set.
    pub marks: u64,
    /// Times that the bot threw away what it had said.
    pub clears: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Digits that were dropped, either way, because too many waited.
    pub digits_dropped: u64,
    /// Connections after the first.
    pub reconnections: u64,
}

/// Messages in a row that may say nothing.
const GIBBERISH_MAX: u32 = 100;
/// Events that may wait for the call.
const EVENTS_MAX: usize = 64;
/// How far the stamps may lag behind the clock before they leap.
const LAG_MAX_MS: u64 = 200;
const FRAME_MS: u64 = 20;
const FRAME: u64 = 160;
/// Decoded bytes for which room is kept.
const SCRATCH_KEPT: usize = 32 * 1024;

/// The life of one stream.
#[derive(Debug)]
pub struct Life {
    interpreter: Box<dyn Interpreter>,
    port: Port,
    intake: Intake,
    voice: Voice,
    backlog: Backlog,
    marks: Marks,
    outbox: Outbox,
    events: VecDeque<Event>,
    bot: Bot,
    /// The bot was there at least once.
    connected: bool,
    answered: bool,
    /// It only hears: what it says and asks for is nobody's concern.
    only_listens: bool,
    ended: Option<Why>,
    /// The clock's two hands at the beginning.
    began: Instant,
    began_unix: Duration,
    /// Milliseconds since the bot was told, of the callee's next 20 ms.
    stamp_ms: u64,
    gibberish: u32,
    scratch: Vec<u8>,
    /// Bytes of PCMU that the bot said.
    said: u64,
    counters: Counters,
}

/// Where the bot is.
#[derive(Debug)]
enum Bot {
    Absent,
    Present {
        since: Instant,
    },
    /// It has gone in good order: the stream ends when what it said is heard.
    Gone(Why),
}

impl Life {
    /// A stream whose bot is not there yet. `unix` is `now` since 1970.
    #[must_use]
    pub fn new(spec: &Spec, port: Port, now: Instant, unix: Duration) -> Self {
        Self {
            interpreter: dialect::interpreter(spec),
            port,
            intake: Intake::new(spec.encoding()),
            voice: Voice::new(spec.encoding()),
            backlog: Backlog::default(),
            marks: Marks::default(),
            outbox: Outbox::default(),
            events: VecDeque::with_capacity(EVENTS_MAX),
            bot: Bot::Absent,
            connected: false,
            answered: false,
            only_listens: spec.call.listens.is_some(),
            ended: None,
            began: now,
            began_unix: unix,
            stamp_ms: 0,
            gibberish: 0,
            scratch: Vec::new(),
            said: 0,
            counters: Counters::default(),
        }
    }

    /// The connection stands.
    pub fn handle_connected(&mut self, now: Instant) {
        self.counters.reconnections += u64::from(std::mem::replace(&mut self.connected, true));
        self.bot = Bot::Present { since: now };
        self.stamp_ms = 0;
        self.intake.reset();
        self.interpreter.open(&mut self.outbox);
        self.tell(Event::Connected);
    }

    /// The connection is gone and will be tried again. What the bot said is still heard; nobody waits for its marks.
    pub fn handle_lost(&mut self) {
        self.bot = Bot::Absent;
        self.outbox.clear();
        self.marks.forget();
    }

    /// The connection is gone for good. In good order means: what the bot said is heard first.
    pub fn handle_gone(&mut self, why: Why, in_good_order: bool) {
        self.handle_lost();
        if in_good_order {
            self.bot = Bot::Gone(why);
            self.settle();
        } else {
            self.end(why);
        }
    }

    /// The callee has answered: from now on the bot hears him.
    pub fn handle_answered(&mut self) {
        self.answered = true;
    }

    /// The callee has pressed a key.
    pub fn handle_digit(&mut self, now: Instant, digit: char, held: Duration) {
        if let Bot::Present { since } = self.bot {
            let at = self.moment(now, since);
            self.interpreter.digit(at, digit, held, &mut self.outbox);
        } else {
            self.counters.digits_dropped += 1;
        }
    }

    /// The call is over: the bot is told.
    pub fn handle_over(&mut self) {
        if let Bot::Present { .. } = self.bot {
            self.interpreter.stop(&mut self.outbox);
        }
        self.end(Why::CallOver);
    }

    /// A message from the bot.
    pub fn handle_message(&mut self, message: Incoming<'_>) {
        let Bot::Present { .. } = self.bot else { return };
        let asked = self.interpreter.read(message);
        match asked.and_then(|asked| self.grant(asked)) {
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
        self.tell_marks();
    }

    /// Once every 20 ms. `writable`: what was sent before has left, so the callee's voice may follow; otherwise it waits in
    /// the port, and what gets too old there is passed over.
    pub fn handle_timeout(&mut self, now: Instant, writable: bool) {
        if self.port.is_over() {
            return self.handle_over();
        }
        if self.port.take_flush() {
            self.throw_away();
        }
        self.backlog.tick(&mut self.port);
        match self.bot {
            Bot::Present { since } if self.answered && writable => self.speak(now, since),
            Bot::Present { .. } if self.answered => self.port.pass_over(),
            Bot::Present { since } => {
                self.ignore();
                if writable {
                    self.be_silent(now, since);
                }
            }
            Bot::Absent | Bot::Gone(_) => self.ignore(),
        }
        self.tell_marks();
        self.settle();
    }

    /// Is the socket to be left alone, because more waits than may?
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.backlog.is_full()
            || self.marks.is_full()
            || self.outbox.is_full()
            || self.events.len() >= EVENTS_MAX
    }

    /// Has the bot asked to be left, or gone? Then the connection has no purpose any more.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.bot, Bot::Gone(_))
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

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { frames_in: self.said / FRAME, passed_over: self.port.passed_over(), ..self.counters }
    }

    fn grant(&mut self, asked: Asked<'_>) -> Result<(), Malformed> {
        match asked {
            Asked::Say(_) | Asked::Play { .. } | Asked::Mark(_) | Asked::Clear | Asked::Digits(_)
                if self.only_listens => {}
            Asked::Nothing => {}
            Asked::Say(sound) => self.say(sound)?,
            Asked::Play { sound, mark, at_once } => {
                if at_once {
                    self.throw_away();
                }
                self.say(sound)?;
                if let Some(label) = mark {
                    self.mark(label.into_owned());
                }
            }
            Asked::Mark(label) => self.mark(label.into_owned()),
            Asked::Clear => {
                self.counters.clears += 1;
                self.throw_away();
                self.interpreter.cleared(&mut self.outbox);
            }
            Asked::ForgetMarks => self.marks.cleared(),
            Asked::Digits(digits) => {
                let digits: Digits = digits.parse().or(Err(Malformed))?;
                self.tell(Event::Digits(Box::new(digits)));
            }
            Asked::HangUp => self.handle_gone(Why::HungUp, true),
            Asked::Failed(what) => self.end(Why::Failed(what.into_owned())),
        }
        Ok(())
    }

    fn say(&mut self, sound: Sound<'_>) -> Result<(), Malformed> {
        let Self { scratch, backlog, intake, said, .. } = self;
        let before = backlog.put();
        scratch.clear();
        match &sound.bytes {
            Payload::Raw(bytes) => intake.push(sound.encoding, bytes, |pcmu| backlog.push(pcmu)),
            Payload::Base64(text) => {
                BASE64.decode_vec(text.as_bytes(), scratch).or(Err(Malformed))?;
                intake.push(sound.encoding, scratch, |pcmu| backlog.push(pcmu));
            }
            Payload::Wav(text) => {
                BASE64.decode_vec(text.as_bytes(), scratch).or(Err(Malformed))?;
                backlog.push(Clip::from_wav(scratch).or(Err(Malformed))?.pcmu());
            }
        }
        *said += backlog.put() - before;
        scratch.clear();
        scratch.shrink_to(SCRATCH_KEPT);
        Ok(())
    }

    fn mark(&mut self, label: String) {
        self.counters.marks += 1;
        let number = self.marks.set(label);
        self.backlog.mark(number);
    }

    /// What the bot said and nobody has heard yet is gone.
    fn throw_away(&mut self) {
        self.port.clear();
        self.intake.reset();
        if let Some(first) = self.backlog.clear() {
            self.marks.cleared_from(first);
        }
    }

    fn speak(&mut self, now: Instant, since: Instant) {
        let mut passed = self.port.passed_over();
        while let Some(frame) = self.port.hear() {
            let now_passed = self.port.passed_over();
            self.stamp_ms += FRAME_MS * (now_passed - std::mem::replace(&mut passed, now_passed));
            let at = self.stamp(now, since);
            let bytes = self.voice.bytes(&frame);
            self.interpreter.voice(at, bytes, &mut self.outbox);
            self.counters.frames_out += 1;
        }
    }

    /// Until the answer a bot hears silence, as it would hear from its own service what comes before the first word: some begin
    /// with the first audio only, and recognisers leave whom they hear nothing from.
    fn be_silent(&mut self, now: Instant, since: Instant) {
        let at = self.stamp(now, since);
        let bytes = self.voice.bytes(&[Law::Mu.silence(); FRAME as usize]);
        self.interpreter.voice(at, bytes, &mut self.outbox);
    }

    /// Nobody is to hear what the call has to say.
    fn ignore(&mut self) {
        while self.port.hear().is_some() {}
    }

    /// Where the next 20 ms stand: right behind those before, unless the clock says that some are missing.
    fn stamp(&mut self, now: Instant, since: Instant) -> Moment {
        let clock = self.moment(now, since);
        if clock.stream_ms > self.stamp_ms + LAG_MAX_MS {
            self.stamp_ms = clock.stream_ms / FRAME_MS * FRAME_MS;
        }
        let stream_ms = self.stamp_ms;
        self.stamp_ms += FRAME_MS;
        Moment { stream_ms, unix_ms: clock.unix_ms - clock.stream_ms + stream_ms }
    }

    fn moment(&self, now: Instant, since: Instant) -> Moment {
        let unix = self.began_unix + now.saturating_duration_since(self.began);
        let stream = now.saturating_duration_since(since);
        Moment { stream_ms: stream.as_millis() as u64, unix_ms: unix.as_millis() as u64 }
    }

    fn tell_marks(&mut self) {
        while let Some(marked) = self.port.poll_marked() {
            self.marks.came_back(marked);
        }
        while let Some((label, cleared)) = self.marks.pop() {
            if let Bot::Present { .. } = self.bot {
                self.interpreter.marked(&label, cleared, &mut self.outbox);
            }
        }
    }

    /// Ends if the bot has gone and been heard.
    fn settle(&mut self) {
        if let Bot::Gone(why) = &self.bot
            && self.backlog.is_empty()
            && self.port.room() == WORDS_MAX
        {
            self.end(why.clone());
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
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

#[cfg(test)]
mod tests;
