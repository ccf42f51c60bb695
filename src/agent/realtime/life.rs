//! A session's life between a provider's driver and a port: messages in, audio into the port; ticks in, messages out. Sans-IO: it
//! takes `now` and messages, and gives messages, events and errands. Knows no socket, no clock, no provider.
//!
//! After each `handle_*`, drain `poll_transmit`, `poll_event` and `poll_errand`, and look whether it [has ended](Core::ended).

use std::time::{Duration, Instant};

use trunkline_media::Port;

use super::Spec;
use super::before::Before;
use super::driver::{Driver, Opening, ToolResult};
use super::provider;
use super::speech::Speech;
use super::work::{Work, failed};
use crate::agent::line::mouth::Mouth;
use crate::agent::line::outbox::Outbox;
use crate::agent::line::told::{EVENTS_MAX, Told};
use crate::agent::line::voice::Voice;
use crate::agent::line::{Core, Counters, Event, Incoming, Message, Why};
use crate::model::Encoding;

mod granting;

pub use super::work::Errand;

/// What the call tells its session.
#[derive(Clone, Debug)]
pub enum Input {
    /// The callee has answered.
    Answered,
    /// The callee has pressed a key.
    Digit(char),
    /// A transfer that the model asked for came to nothing.
    Untransferred(String),
    /// What a webhook tool answered, or why it did not.
    Result(u64, Result<String, String>),
}

/// When a model has said so much that nobody has heard yet, its socket is not read: bytes of five minutes. Less would keep back
/// its word that the callee interrupts.
const AHEAD_MAX: usize = 300 * 8_000;
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

/// The life of one session.
#[derive(Debug)]
pub struct Life {
    spec: Spec,
    driver: Box<dyn Driver>,
    mouth: Mouth,
    voice: Voice,
    speaks: Encoding,
    speech: Speech,
    outbox: Outbox,
    told: Told,
    work: Work,
    /// What a lost session's tools came to, before another one was ready.
    late: Vec<String>,
    stage: Stage,
    /// It was there at least once.
    connected: bool,
    /// The call was told that it is there.
    announced: bool,
    answered: Option<Instant>,
    expired: bool,
    /// The utterance that was begun last.
    utterance: u64,
    keys: String,
    pressed: Instant,
    /// When anything was sent last.
    sent: Instant,
    before: Before,
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
        /// The session is gone already.
        is_alone: bool,
    },
    /// It has gone in good order: the session ends when what it said is heard.
    Gone(Why),
}

impl Life {
    /// A session that is not open yet.
    #[must_use]
    pub fn new(spec: Spec, port: Port, now: Instant) -> Self {
        Self {
            driver: provider::driver(&spec.briefed),
            spec,
            mouth: Mouth::new(port, Encoding::Pcmu),
            voice: Voice::new(Encoding::Pcmu),
            speaks: Encoding::Pcmu,
            speech: Speech::default(),
            outbox: Outbox::default(),
            told: Told::new(),
            work: Work::default(),
            late: Vec::new(),
            stage: Stage::Absent,
            connected: false,
            announced: false,
            answered: None,
            expired: false,
            utterance: 0,
            keys: String::new(),
            pressed: now,
            sent: now,
            before: Before::default(),
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
    type Errand = Errand;

    fn handle_connected(&mut self, now: Instant) {
        let again = std::mem::replace(&mut self.connected, true);
        self.counters.reconnections += u64::from(again);
        self.stage = Stage::Opening { until: now + self.spec.briefed.model.connect_within };
        self.mouth.begin();
        // Who has said something already lets the callee speak.
        let speaks = self.spec.briefed.speaks_first && self.mouth.said() == 0;
        let under_way = self.work.under_way();
        let has_before = again && (self.has_media() || !under_way.is_empty());
        let before = has_before.then(|| self.before.text() + &under_way);
        self.driver.open(Opening { before: before.as_deref(), speaks }, &mut self.outbox);
        self.sent = now;
    }

    /// What was said is still heard, and its tools go on.
    fn handle_lost(&mut self) {
        self.stage = Stage::Absent;
        self.expired = false;
        self.outbox.clear();
        self.work.outlive();
    }

    fn handle_gone(&mut self, why: Why, in_good_order: bool) {
        if self.leave_alone() {
            return;
        }
        self.handle_lost();
        if in_good_order {
            self.stage = Stage::Gone(why);
            self.settle();
        } else {
            self.end(why);
        }
    }

    /// A session that never was is no session that ended well.
    fn handle_closed(&mut self, code: Option<u16>) {
        if matches!(self.stage, Stage::Ready { .. } | Stage::Leaving { .. }) {
            self.handle_gone(Why::Closed { code }, true);
        } else {
            let why = "it closed the connection before the session was ready".to_owned();
            self.handle_gone(Why::Failed(why), false);
        }
    }

    fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Answered => {
                self.answered.get_or_insert(now);
            }
            Input::Digit(digit) if self.keys.len() < KEYS_MAX => {
                self.keys.push(digit);
                self.pressed = now;
            }
            Input::Digit(_) => self.counters.digits_dropped += 1,
            Input::Untransferred(why) => {
                if let Some(tool) = self.work.finish_transfer() {
                    self.tell_result(&tool, &failed(&format!("the transfer came to nothing: {why}")));
                }
            }
            Input::Result(slot, answer) => {
                if let Some(tool) = self.work.finish(slot) {
                    let result = match answer {
                        Ok(text) => ToolResult { text, is_error: false },
                        Err(why) => failed(&why),
                    };
                    self.tell_result(&tool, &result);
                }
            }
        }
    }

    fn handle_over(&mut self) {
        self.end(Why::CallOver);
    }

    fn handle_message(&mut self, now: Instant, message: Incoming<'_>) {
        if matches!(self.stage, Stage::Absent | Stage::Gone(_) | Stage::Leaving { is_alone: true, .. }) {
            return;
        }
        let asked = self.driver.read(now, message, &mut self.outbox);
        let granted = asked.and_then(|asked| self.grant(now, asked));
        self.counters.malformed += u64::from(granted.is_err());
        if !self.told.understood(granted.is_ok()) {
            self.fail(Why::Gibberish);
        }
        self.mouth.pump();
    }

    fn handle_timeout(&mut self, now: Instant, writable: bool) {
        if self.mouth.is_over() {
            return self.handle_over();
        }
        if self.mouth.take_flush() {
            self.throw_away(now, false);
        }
        self.mouth.tick();
        match self.stage {
            Stage::Ready { since } => self.attend(now, since, writable),
            Stage::Opening { until } if now >= until => {
                let within = self.spec.briefed.model.connect_within;
                self.end(Why::Failed(format!("the session was not ready within {within:?}")));
            }
            Stage::Leaving { since, spoke, is_alone } => {
                self.mouth.ignore();
                if !is_alone {
                    self.keep_alive(now, writable);
                }
                self.say_goodbye(now, since, spoke);
            }
            Stage::Absent | Stage::Opening { .. } | Stage::Gone(_) => self.mouth.ignore(),
        }
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<Message> {
        self.outbox.pop()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.told.pop()
    }

    /// The next webhook tool to call. Answered with [`Input::Result`].
    fn poll_errand(&mut self) -> Option<Errand> {
        self.work.pop()
    }

    fn is_full(&self) -> bool {
        self.mouth.waiting() >= AHEAD_MAX
            || self.outbox.is_full()
            || self.told.is_full()
            || self.work.is_full()
    }

    fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Gone(_) | Stage::Leaving { is_alone: true, .. })
    }

    /// Who was to hang up has nothing more to say to anybody.
    fn wants_back(&self) -> bool {
        !matches!(self.stage, Stage::Leaving { .. })
    }

    fn is_expired(&self) -> bool {
        self.expired
    }

    fn has_media(&self) -> bool {
        self.mouth.said() > 0 || self.counters.frames_out > 0
    }

    fn ended(&self) -> Option<&Why> {
        self.told.ended()
    }
}

impl Life {
    /// Nobody is left before he has answered: until then it is the call that knows how long it rings.
    fn say_goodbye(&mut self, now: Instant, since: Instant, spoke: Instant) {
        let Some(answered) = self.answered else { return };
        let is_heard = self.mouth.is_heard() && now.duration_since(spoke) >= LULL;
        if is_heard || now.duration_since(since.max(answered)) >= LEAVING_MAX {
            self.end(Why::HungUp);
        }
    }

    /// Its tools go on, and nobody waits for them.
    fn leave(&mut self, now: Instant) {
        if !matches!(self.stage, Stage::Leaving { .. }) {
            self.announce();
            self.stage = Stage::Leaving { since: now, spoke: now, is_alone: false };
        }
    }

    /// The session is gone. If it wanted to hang up anyway, what it said goodbye with is still heard, and that is the end. Else false.
    fn leave_alone(&mut self) -> bool {
        let Stage::Leaving { is_alone, .. } = &mut self.stage else { return false };
        *is_alone = true;
        self.expired = false;
        self.outbox.clear();
        true
    }

    /// It cannot go on.
    fn fail(&mut self, why: Why) {
        if !self.leave_alone() {
            self.end(why);
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
                while let Some(frame) = self.mouth.hear() {
                    self.driver.voice(self.voice.bytes(&frame), &mut self.outbox);
                    self.counters.frames_out += 1;
                    self.sent = now;
                }
            }
            (true, false) => self.mouth.pass_over(),
            (false, _) => self.mouth.ignore(),
        }
        self.keep_alive(now, writable);
        if !self.keys.is_empty() && now.duration_since(self.pressed) >= KEYS_PAUSE {
            let keys = std::mem::take(&mut self.keys);
            let text = format!("(The callee pressed these keys of the telephone: {keys})");
            self.driver.note(&text, &mut self.outbox);
        }
        while let Some(late) = self.work.expire(now) {
            self.tell_result(&late, &failed("nothing is known of it"));
        }
    }

    fn keep_alive(&mut self, now: Instant, writable: bool) {
        if now.duration_since(self.sent) >= IDLE && writable {
            self.driver.idle(&mut self.outbox);
            self.sent = now;
        }
    }

    /// Does it hear the callee? Whoever speaks first does so before it is interrupted.
    fn listens(&self, now: Instant) -> bool {
        self.answered
            .is_some_and(|at| !self.spec.briefed.speaks_first || !self.mouth.owes_first_words(at, now))
    }

    /// Ends if it has gone and been heard.
    fn settle(&mut self) {
        if let Stage::Gone(why) = &self.stage
            && self.mouth.is_heard()
        {
            self.end(why.clone());
        }
    }

    /// More are not read for while so many wait: one message may bring several.
    fn tell(&mut self, event: Event) {
        self.counters.digits_dropped += u64::from(!self.told.tell(event, 2 * EVENTS_MAX));
    }

    fn end(&mut self, why: Why) {
        self.told.end(why, self.counters());
    }
}
