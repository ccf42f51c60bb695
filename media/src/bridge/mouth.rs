//! What the callee is told, tick by tick: keys first, then whatever the gate lets through of the queue of clips and of those who
//! sit at the bridge, else silence. Knows nothing of what the callee says.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{interface::Event, seats::Seats};
use crate::{
    clip::Clip,
    dtmf::{self, Sent},
    g711::{Law, is_faint},
    jitter::FRAME,
    leg::Leg,
    playout::Playout,
    tone::{self, Sounded},
};

/// One leg's mouth.
#[derive(Debug)]
pub(super) struct Mouth {
    playout: Playout,
    tones: tone::Sender,
    gate: Gate,
    /// Is what goes through the gate sent, or silence in its place?
    muted: bool,
    voice: Voice,
    /// Ticks since something was sent that can be heard.
    unheard: u32,
}

/// Is the callee spoken to?
#[derive(Clone, Copy, Debug, Default)]
struct Voice {
    speaks: bool,
    /// Ticks since the last that was no silence.
    pause: u32,
}

impl Voice {
    /// One tick: was there anything but silence in it, and was that the end?
    fn tick(&mut self, voiced: bool, ends: bool) -> Option<Event> {
        self.pause = if voiced { 0 } else { self.pause.saturating_add(1) };
        let speaks = voiced && !ends || self.speaks && self.pause < PAUSE && !ends;
        match (std::mem::replace(&mut self.speaks, speaks), speaks) {
            (false, true) => Some(Event::Speaks),
            (true, false) => Some(Event::Drained),
            // A clip of one tick.
            (false, false) if ends => Some(Event::Drained),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Gate {
    open: bool,
    /// The moment that dead air counts from, until the first packet.
    since: Option<Instant>,
    opened: bool,
    /// Whether the packet before was the agent's.
    speaking: bool,
    /// Ticks in which the agent had nothing to say, since it last had.
    quiet: u32,
}

/// One tick in which something may be said.
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) leg: &'a mut Leg,
    pub(super) seats: &'a mut Seats,
    pub(super) events: &'a mut VecDeque<Event>,
    /// Is silence sent too?
    pub(super) answered: bool,
    /// Gets what was said, where somebody records.
    pub(super) recorded: Option<&'a mut [i16; FRAME]>,
}

impl Mouth {
    pub(super) fn new() -> Self {
        Self {
            playout: Playout::new(),
            tones: tone::Sender::default(),
            gate: Gate { open: false, since: None, opened: false, speaking: false, quiet: 0 },
            muted: false,
            voice: Voice::default(),
            unheard: u32::MAX,
        }
    }

    /// The callee hears us, or has within the last 200 ms.
    pub(super) fn is_heard(&self) -> bool {
        self.unheard < PAUSE
    }

    pub(super) fn open(&mut self, since: Instant) {
        self.gate.since.get_or_insert(since);
        self.gate.open = true;
    }

    pub(super) fn close(&mut self) {
        self.gate.open = false;
    }

    pub(super) fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// False: the queue is full.
    pub(super) fn play(&mut self, clip: Arc<Clip>, mark: Option<u32>) -> bool {
        self.playout.push(clip, mark)
    }

    pub(super) fn clear(&mut self, events: &mut VecDeque<Event>) {
        self.playout.clear(|mark| events.push_back(Event::Marked { mark, cleared: true }));
    }

    pub(super) fn poll_spent(&mut self) -> Option<Arc<Clip>> {
        self.playout.poll_spent()
    }

    /// False: too many are queued, or nothing was agreed upon yet.
    pub(super) fn push_digits(&mut self, leg: &mut Leg, digits: &dtmf::Digits) -> bool {
        match leg.takes_events() {
            _ if leg.is_idle() => false,
            true => leg.push_digits(digits),
            false => self.tones.push(digits),
        }
    }

    /// Sends this tick's packet.
    pub(super) fn speak(&mut self, mut turn: Turn<'_>) {
        self.unheard = self.unheard.saturating_add(1);
        if !turn.leg.can_send() {
            self.gate.speaking = false;
            turn.events.extend(self.voice.tick(false, false));
            return turn.leg.pause();
        }
        match turn.leg.send_digits() {
            Sent::Event(_) => {
                self.gate.speaking = false;
                return;
            }
            Sent::Finished => turn.events.push_back(Event::DtmfSent { sent: true }),
            Sent::Nothing => {}
        }
        if !self.tones.is_idle() && self.speak_tone(&mut turn) {
            return;
        }
        let mut pcmu = [0; FRAME];
        let clip = self.gate.open && self.next_of_queue(&mut pcmu, &mut turn);
        let spoken = self.gate.open && turn.seats.speak(&mut pcmu, clip);
        let audible = spoken && !self.muted && !pcmu.iter().all(|byte| is_faint(*byte));
        let voiced = audible || clip && !self.muted;
        if audible {
            self.unheard = 0;
        }
        if spoken && !self.muted {
            self.speak_frame(&mut turn, &pcmu);
        } else if turn.answered {
            self.speak_silence(turn.leg);
        } else {
            self.gate.speaking = false;
            turn.leg.pause();
        }
        turn.events.extend(self.voice.tick(voiced, clip && self.playout.is_empty()));
    }

    fn next_of_queue(&mut self, pcmu: &mut [u8; FRAME], turn: &mut Turn<'_>) -> bool {
        let marked = |mark| turn.events.push_back(Event::Marked { mark, cleared: false });
        self.playout.next(pcmu, Law::Mu.silence(), marked)
    }

    /// Silence is sent too, at first without a gap and then sparsely: it opens a NAT's door and lets the other side latch,
    /// keeps both so, and costs a twentieth of a stream. A gap in RTP is silence to whoever hears it (RFC 3551 §4.1).
    fn speak_silence(&mut self, leg: &mut Leg) {
        self.gate.speaking = false;
        self.gate.quiet = self.gate.quiet.saturating_add(1);
        let quiet = self.gate.quiet;
        if quiet <= QUIET_DENSE {
            return leg.send_audio(&[Law::Mu.silence(); FRAME], false);
        }
        let due = quiet.is_multiple_of(QUIET_EVERY);
        // Where comfort noise was agreed upon, it says so at once, and then instead.
        if (due || quiet == QUIET_DENSE + 1) && leg.send_comfort() {
            return;
        }
        if due {
            leg.send_audio(&[Law::Mu.silence(); FRAME], false);
        } else {
            leg.pause();
        }
    }

    /// Sends this tick's part of a digit as a tone. False: there is nothing left of them.
    fn speak_tone(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut frame = [0; FRAME];
        match self.tones.tick(&mut frame) {
            Sounded::Nothing => return false,
            Sounded::Finished => {
                turn.events.push_back(Event::DtmfSent { sent: true });
                return false;
            }
            Sounded::Frame => {}
        }
        let mut pcmu = [0; FRAME];
        Law::Mu.encode(&frame, &mut pcmu);
        turn.leg.send_audio(&pcmu, false);
        (self.gate.speaking, self.gate.quiet, self.unheard) = (false, 0, 0);
        if let Some(recorded) = &mut turn.recorded {
            **recorded = frame;
        }
        true
    }

    fn speak_frame(&mut self, turn: &mut Turn<'_>, pcmu: &[u8; FRAME]) {
        let spurt = !std::mem::replace(&mut self.gate.speaking, true);
        self.gate.quiet = 0;
        turn.leg.send_audio(pcmu, spurt);
        if let Some(recorded) = &mut turn.recorded {
            Law::Mu.decode(pcmu, &mut **recorded);
        }
        if !std::mem::replace(&mut self.gate.opened, true) {
            let since = self.gate.since.unwrap_or(turn.now);
            let dead_air: Duration = turn.now.saturating_duration_since(since);
            turn.events.push_back(Event::Opened { dead_air });
        }
    }
}

/// Silence for so many ticks ends what was said: 200 ms. So long its echo may last, too.
const PAUSE: u32 = 10;
/// Ticks of silence that are sent without a gap: 200 ms.
const QUIET_DENSE: u32 = 10;
/// After those, one in so many is: every 400 ms.
const QUIET_EVERY: u32 = 20;
