//! What is said from afar, at the bridge's port: decoded, queued before the port, taken back; and the ear beside it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use trunkline_media::port::{Frame, Marked, WORDS_MAX};
use trunkline_media::{Clip, Port};

use super::backlog::Backlog;
use super::event::Counters;
use super::intake::Intake;
use super::lull::{Heard, Lull};
use super::message::{BASE64, Malformed};
use crate::model::Encoding;

/// Characters of base64 that are decoded on the stack: some 20 ms of any encoding.
const SHORT: usize = 2 * 1024;
/// Decoded bytes of longer ones for which room is kept.
const SCRATCH_KEPT: usize = 32 * 1024;
/// Bytes of 20 ms.
const FRAME: u64 = 160;
/// The callee is kept from whoever speaks first for so long after the answer at most.
const FIRST_WORDS_MAX: Duration = Duration::from_secs(5);

/// A port, and what waits before it.
#[derive(Debug)]
pub(in crate::agent) struct Mouth {
    port: Port,
    intake: Intake,
    backlog: Backlog,
    scratch: Vec<u8>,
    /// Bytes that were thrown away after the port had taken them.
    unheard: u64,
    /// Of one who is not heard yet.
    lull: Option<Lull>,
    /// Bytes of PCMU that were said.
    said: u64,
}

impl Mouth {
    pub fn new(port: Port, encoding: Encoding) -> Self {
        Self {
            port,
            intake: Intake::new(encoding),
            backlog: Backlog::default(),
            scratch: Vec::new(),
            unheard: 0,
            lull: None,
            said: 0,
        }
    }

    /// One who may send audio from when he is connected, words or none: until anything of his is heard, what only shows that time passes
    /// is left out.
    pub fn without_lulls(self) -> Self {
        Self { lull: Some(Lull::default()), ..self }
    }

    /// Says these bytes behind all that waits.
    pub fn say(&mut self, now: Instant, encoding: Encoding, bytes: &[u8]) {
        let Self { backlog, intake, .. } = self;
        let before = backlog.put();
        intake.push(encoding, bytes, |pcmu| backlog.push(pcmu));
        self.without_time(now, (self.backlog.put() - before) as usize);
        self.said += self.backlog.put() - before;
    }

    /// What was said last, of one who is not heard yet.
    fn without_time(&mut self, now: Instant, last: usize) {
        let Some(lull) = &mut self.lull else { return };
        if self.port.played() > 0 {
            self.lull = None;
            return;
        }
        match lull.hear(now, self.backlog.last(last)) {
            Heard::Time => self.backlog.take_back(last),
            Heard::Words { paused: 0 } | Heard::Pause => {}
            Heard::Words { paused } => self.backlog.pause_before(last, paused),
        }
    }

    /// Says bytes in base64.
    pub fn say_base64(&mut self, now: Instant, encoding: Encoding, text: &str) -> Result<(), Malformed> {
        self.decoded(text, |mouth, bytes| {
            mouth.say(now, encoding, bytes);
            Ok(())
        })
    }

    /// Says a RIFF file in base64, as its header says that it is to be read.
    pub fn say_wav(&mut self, text: &str) -> Result<(), Malformed> {
        self.decoded(text, |mouth, bytes| {
            mouth.say_clip(&Clip::from_wav(bytes).or(Err(Malformed))?);
            Ok(())
        })
    }

    /// Says a clip of linear samples in base64, at so many hertz.
    pub fn say_linear(&mut self, text: &str, hz: u32) -> Result<(), Malformed> {
        self.decoded(text, |mouth, bytes| {
            mouth.say_clip(&Clip::from_linear(bytes, hz).or(Err(Malformed))?);
            Ok(())
        })
    }

    fn say_clip(&mut self, clip: &Clip) {
        self.backlog.push(clip.pcmu());
        self.said += clip.pcmu().len() as u64;
    }

    fn decoded(
        &mut self,
        text: &str,
        say: impl FnOnce(&mut Self, &[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if text.len() <= SHORT {
            let mut short = [0; SHORT / 4 * 3];
            let length = BASE64.decode_slice(text, &mut short).or(Err(Malformed))?;
            return say(self, &short[..length]);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let read = BASE64.decode_vec(text.as_bytes(), &mut scratch).or(Err(Malformed));
        let said = read.and_then(|()| say(self, &scratch));
        scratch.clear();
        scratch.shrink_to(SCRATCH_KEPT);
        self.scratch = scratch;
        said
    }

    /// Sets a mark behind all that waits.
    pub fn mark(&mut self, mark: u32) {
        self.backlog.mark(mark);
    }

    /// Of the marks that did not reach the port only these are waited for.
    pub fn keep_marks(&mut self, keep: impl Fn(u32) -> bool) {
        self.backlog.keep_marks(keep);
    }

    /// What was said before has nothing to do with what is said now.
    pub fn begin(&mut self) {
        self.intake.reset();
    }

    /// What was said and nobody has heard yet is gone. Gives the first of the marks that did not reach the port.
    pub fn throw_away(&mut self) -> Option<u32> {
        // What is said next follows nothing.
        self.lull = self.lull.take().map(|_| Lull::default());
        self.port.clear();
        self.intake.reset();
        self.unheard = self.backlog.taken().saturating_sub(self.played() * FRAME);
        self.backlog.clear()
    }

    /// Gives the port what it has room for.
    pub fn pump(&mut self) {
        self.backlog.pump(&mut self.port);
    }

    /// The same, once every 20 ms.
    pub fn tick(&mut self) {
        self.backlog.tick(&mut self.port);
    }

    /// Bytes of PCMU that were said so far.
    pub fn said(&self) -> u64 {
        self.said
    }

    /// Bytes of PCMU that ever waited, silence that filled them up included.
    pub fn put(&self) -> u64 {
        self.backlog.put()
    }

    /// Bytes that have left for the callee, of all that ever came. What was thrown away here counts as if it had; what the bridge has thrown
    /// away does not until then.
    pub fn heard(&self) -> u64 {
        (self.played() * FRAME + self.unheard).min(self.backlog.taken())
    }

    /// Has all that was said left for the callee?
    pub fn is_heard(&self) -> bool {
        self.backlog.is_empty() && self.port.room() == WORDS_MAX
    }

    /// Bytes that wait, besides those that the port has.
    pub fn waiting(&self) -> usize {
        self.backlog.waiting()
    }

    /// Frames that the callee got so far.
    pub fn played(&self) -> u64 {
        self.port.played()
    }

    /// Whoever speaks first does so before it is interrupted: are its first words still awaited by a callee who answered then? They
    /// wait behind the gate while the answer is judged, and his "Hello?" would make it take them back.
    pub fn owes_first_words(&self, answered: Instant, now: Instant) -> bool {
        // The counter is the bridge's, which writes to it every 20 ms: it is left alone for the rest of the call.
        now.saturating_duration_since(answered) < FIRST_WORDS_MAX && self.played() == 0
    }

    /// The bridge is gone.
    pub fn is_over(&self) -> bool {
        self.port.is_over()
    }

    /// Has the bridge thrown away what waited, since this was last asked?
    pub fn take_flush(&mut self) -> bool {
        self.port.take_flush()
    }

    pub fn poll_marked(&mut self) -> Option<Marked> {
        self.port.poll_marked()
    }

    /// The call's next 20 ms.
    pub fn hear(&mut self) -> Option<Frame> {
        self.port.hear()
    }

    /// What else there was in the same 20 ms, for one who hears both sides each for itself.
    pub fn hear_beside(&mut self) -> Option<Frame> {
        self.port.hear_beside()
    }

    /// Nobody is to hear what the call has to say.
    pub fn ignore(&mut self) {
        while self.port.hear().is_some() {}
    }

    /// What the call has to say cannot be taken now: what gets too old is dropped.
    pub fn pass_over(&mut self) {
        self.port.pass_over();
    }

    /// Frames of the call that were too old.
    pub fn passed_over(&self) -> u64 {
        self.port.passed_over()
    }

    /// These, with what passed by here.
    pub fn counted(&self, counters: Counters) -> Counters {
        Counters { frames_in: self.said / FRAME, passed_over: self.passed_over(), ..counters }
    }
}
