//! A stream's life between a bot's dialect and a port: messages in, audio into the port; ticks in, messages out. Sans-IO: it
//! takes `now` and messages, and gives messages and events. Knows no socket, no clock, no service.
//!
//! After each `handle_*`, drain `poll_transmit` and `poll_event`, and look whether it [has ended](Core::ended).

use std::convert::Infallible;
use std::time::{Duration, Instant};

use trunkline_media::g711::Law;
use trunkline_media::{Digits, Port};

use super::dialect::{self, Amiss, Asked, Interpreter, Moment, Payload, Sound};
use super::marks::{Kind, Marks};
use super::spec::{HearsFrom, Spec};
use crate::agent::line::message::Malformed;
use crate::agent::line::mouth::Mouth;
use crate::agent::line::outbox::Outbox;
use crate::agent::line::told::{EVENTS_MAX, Told};
use crate::agent::line::voice::Voice;
use crate::agent::line::{Core, Counters, Event, Incoming, Message, Why};
use crate::model::Side;

/// What the call tells its stream.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// The callee has answered: from now on the bot hears him, or from its own first words on.
    Answered,
    /// The callee has pressed a key, for so long.
    Digit(char, Duration),
}

/// When this much waits the socket is not read: five minutes. One more message may stand above it. Less would keep back the word
/// that throws it away, and a bot's pings, which leaves whoever does not answer.
const FULL: usize = 300 * 8_000;
/// How far the stamps may lag behind the clock before they leap.
const LAG_MAX_MS: u64 = 200;
const FRAME_MS: u64 = 20;
const FRAME: u64 = 160;

/// The life of one stream.
#[derive(Debug)]
pub struct Life {
    interpreter: Box<dyn Interpreter>,
    mouth: Mouth,
    voice: Voice,
    /// The agent's, of one who hears both sides each for itself.
    beside: Option<Box<Voice>>,
    /// Whose voice it hears, or hears first.
    whose: Side,
    marks: Marks,
    outbox: Outbox,
    told: Told,
    bot: Bot,
    /// The bot was there at least once.
    connected: bool,
    answered: Option<Instant>,
    hears_from: HearsFrom,
    /// It only hears: what it says and asks for is nobody's concern.
    only_listens: bool,
    /// The clock's two hands at the beginning.
    began: Instant,
    began_unix: Duration,
    /// Milliseconds since the bot was told, of the callee's next 20 ms.
    stamp_ms: u64,
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
            mouth: Mouth::new(port, spec.encoding()).without_lulls(),
            voice: Voice::new(spec.encoding()),
            beside: spec.call.hears_beside(spec.dialect).then(|| Box::new(Voice::new(spec.encoding()))),
            whose: spec.call.whose(),
            marks: Marks::default(),
            outbox: Outbox::default(),
            told: Told::new(),
            bot: Bot::Absent,
            connected: false,
            answered: None,
            hears_from: spec.hears_from,
            only_listens: spec.call.listens.is_some(),
            began: now,
            began_unix: unix,
            stamp_ms: 0,
            counters: Counters::default(),
        }
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.mouth.counted(self.counters)
    }
}

impl Core for Life {
    type Input = Input;
    type Errand = Infallible;

    fn handle_connected(&mut self, now: Instant) {
        self.counters.reconnections += u64::from(std::mem::replace(&mut self.connected, true));
        self.bot = Bot::Present { since: now };
        self.stamp_ms = 0;
        self.mouth.begin();
        self.interpreter.open(&mut self.outbox);
        self.tell(Event::Connected);
    }

    /// What the bot said is still heard; nobody waits for its marks.
    fn handle_lost(&mut self) {
        self.bot = Bot::Absent;
        self.outbox.clear();
        self.marks.forget();
        self.drop_marks();
    }

    fn handle_gone(&mut self, why: Why, in_good_order: bool) {
        self.handle_lost();
        if in_good_order {
            self.bot = Bot::Gone(why);
            self.settle();
        } else {
            self.end(why);
        }
    }

    fn handle_input(&mut self, now: Instant, input: Input) {
        match (input, &self.bot) {
            (Input::Answered, _) => {
                self.answered.get_or_insert(now);
            }
            (Input::Digit(digit, held), &Bot::Present { since }) => {
                let at = self.moment(now, since);
                self.interpreter.digit(at, digit, held, &mut self.outbox);
            }
            (Input::Digit(..), _) => self.counters.digits_dropped += 1,
        }
    }

    /// The bot is told.
    fn handle_over(&mut self) {
        if let Bot::Present { .. } = self.bot {
            self.interpreter.stop(&mut self.outbox);
        }
        self.end(Why::CallOver);
    }

    fn handle_message(&mut self, now: Instant, message: Incoming<'_>) {
        let Bot::Present { .. } = self.bot else { return };
        let understood = match self.interpreter.read(message) {
            Ok(asked) => self.grant(now, asked).or(Err(Amiss::Media)),
            Err(Malformed) => Err(Amiss::Message),
        };
        if let Err(what) = understood {
            self.counters.malformed += 1;
            self.interpreter.refused(what, &mut self.outbox);
        }
        if !self.told.understood(understood.is_ok()) {
            self.end(Why::Gibberish);
        }
        self.mouth.pump();
        self.tell_marks();
    }

    fn handle_timeout(&mut self, now: Instant, writable: bool) {
        if self.mouth.is_over() {
            return self.handle_over();
        }
        if self.mouth.take_flush() {
            self.throw_away();
        }
        self.mouth.tick();
        let listens = self.listens(now);
        match self.bot {
            Bot::Present { since } if listens && writable => self.speak(now, since),
            Bot::Present { .. } if listens => self.mouth.pass_over(),
            Bot::Present { since } => {
                self.mouth.ignore();
                if writable {
                    self.be_silent(now, since);
                }
            }
            Bot::Absent | Bot::Gone(_) => self.mouth.ignore(),
        }
        self.tell_marks();
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.told.pop()
    }

    fn poll_errand(&mut self) -> Option<Infallible> {
        None
    }

    fn is_full(&self) -> bool {
        self.mouth.waiting() >= FULL || self.marks.is_full() || self.outbox.is_full() || self.told.is_full()
    }

    fn is_leaving(&self) -> bool {
        matches!(self.bot, Bot::Gone(_))
    }

    fn has_media(&self) -> bool {
        self.mouth.said() > 0 || self.counters.frames_out > 0
    }

    fn ended(&self) -> Option<&Why> {
        self.told.ended()
    }
}

impl Life {
    fn grant(&mut self, now: Instant, asked: Asked<'_>) -> Result<(), Malformed> {
        match asked {
            Asked::Say(_) | Asked::Play { .. } | Asked::Mark(_) | Asked::Clear | Asked::Digits(_)
                if self.only_listens => {}
            Asked::Nothing => {}
            Asked::Say(sound) => self.say(now, sound)?,
            Asked::Play { sound, mark, at_once } => {
                if at_once {
                    self.throw_away();
                }
                self.say(now, sound)?;
                self.mark(Kind::Clip, mark.into_owned());
            }
            Asked::Mark(label) => self.mark(Kind::Place, label.into_owned()),
            Asked::Clear => {
                self.counters.clears += 1;
                self.throw_away();
                self.interpreter.cleared(&mut self.outbox);
            }
            Asked::ForgetMarks => {
                self.marks.cleared();
                self.drop_marks();
            }
            Asked::Digits(digits) => {
                let digits: Digits = digits.parse().or(Err(Malformed))?;
                self.tell(Event::Digits(Box::new(digits)));
            }
            Asked::HangUp => self.handle_gone(Why::HungUp, true),
            Asked::Failed(what) => self.end(Why::Failed(what.into_owned())),
        }
        Ok(())
    }

    fn say(&mut self, now: Instant, Sound { bytes, encoding }: Sound<'_>) -> Result<(), Malformed> {
        match &bytes {
            Payload::Raw(bytes) => self.mouth.say(now, encoding, bytes),
            Payload::Base64(text) => self.mouth.say_base64(now, encoding, text)?,
            Payload::Wav(text) => self.mouth.say_wav(text)?,
            Payload::Linear(text, hz) => self.mouth.say_linear(text, *hz)?,
        }
        Ok(())
    }

    fn mark(&mut self, kind: Kind, label: String) {
        self.counters.marks += 1;
        let number = self.marks.set(kind, label);
        self.mouth.mark(number);
    }

    /// Marks that nobody waits for shall not stand between what is said.
    fn drop_marks(&mut self) {
        let Self { mouth, marks, .. } = self;
        mouth.keep_marks(|mark| marks.is_pending(mark));
    }

    /// What the bot said and nobody has heard yet is gone.
    fn throw_away(&mut self) {
        if let Some(first) = self.mouth.throw_away() {
            self.marks.cleared_from(first);
        }
    }

    fn speak(&mut self, now: Instant, since: Instant) {
        let mut passed = self.mouth.passed_over();
        while let Some(frame) = self.mouth.hear() {
            let now_passed = self.mouth.passed_over();
            self.stamp_ms += FRAME_MS * (now_passed - std::mem::replace(&mut passed, now_passed));
            let at = self.stamp(now, since);
            let bytes = self.voice.bytes(&frame);
            self.interpreter.voice(self.whose, at, bytes, &mut self.outbox);
            self.counters.frames_out += 1;
            if let Some(voice) = &mut self.beside
                && let Some(frame) = self.mouth.hear_beside()
            {
                self.interpreter.voice(Side::Agent, at, voice.bytes(&frame), &mut self.outbox);
            }
        }
    }

    /// Does it hear the callee?
    fn listens(&self, now: Instant) -> bool {
        self.answered.is_some_and(|at| match self.hears_from {
            HearsFrom::Answer => true,
            HearsFrom::FirstWords => !self.mouth.owes_first_words(at, now),
        })
    }

    /// Until it hears the callee a bot hears silence, as it would hear from its own service what comes before the first word: some begin
    /// with the first audio only, and recognisers leave whom they hear nothing from.
    fn be_silent(&mut self, now: Instant, since: Instant) {
        let at = self.stamp(now, since);
        let silence = [Law::Mu.silence(); FRAME as usize];
        let bytes = self.voice.bytes(&silence);
        self.interpreter.voice(self.whose, at, bytes, &mut self.outbox);
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
        while let Some(marked) = self.mouth.poll_marked() {
            self.marks.came_back(marked);
        }
        // What is thrown away at once may have many: the rest are told of when these have left.
        while !self.outbox.is_full()
            && let Some((label, cleared)) = self.marks.pop()
        {
            if let Bot::Present { .. } = self.bot {
                self.interpreter.marked(&label, cleared, &mut self.outbox);
            }
        }
    }

    /// Ends if the bot has gone and been heard.
    fn settle(&mut self) {
        if let Bot::Gone(why) = &self.bot
            && self.mouth.is_heard()
        {
            self.end(why.clone());
        }
    }

    fn tell(&mut self, event: Event) {
        self.counters.digits_dropped += u64::from(!self.told.tell(event, EVENTS_MAX));
    }

    fn end(&mut self, why: Why) {
        self.told.end(why, self.counters());
    }
}

#[cfg(test)]
mod tests;
