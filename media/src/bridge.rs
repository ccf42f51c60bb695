//! The bridge: who hears whom, tick by tick. It has one leg, the callee's. Opposite stands the agent, whose words come from a
//! queue of clips, or from one who sits at the bridge; others may sit beside. Sans-IO: commands and datagrams in, datagrams,
//! events and stereo frames out, one tick of 20 ms at a time. Knows nothing of sockets, files or SIP.
//!
//! Within one tick the order is: hear the callee, detect, fire rules, speak, tell those who sit. So a verdict opens the gate
//! for the packet of its own tick.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

mod interface;
mod mouth;
mod seats;
mod watch;

pub use self::interface::{BridgeSpec, Command, Event};
pub use self::seats::{Members, PLACES};
use self::{
    mouth::{Mouth, Turn},
    seats::Seats,
    watch::Watch,
};
use crate::{
    amd::{self, Origin},
    clip::Clip,
    datagram::{Channel, Transmit},
    digits::Digits,
    dtmf::Received,
    hearing::{Hearing, Noticed},
    jitter::{FRAME, Heard},
    leg::Leg,
    rule::{Cue, Rule, Rules, Then, When},
    sdp::Negotiated,
    stats::Stats,
    tape::StereoFrame,
};

/// One call's audio. After each `handle_*`, drain every `poll_*`.
#[derive(Debug)]
pub struct Bridge {
    leg: Leg,
    mouth: Mouth,
    seats: Seats,
    rules: Rules,
    hearing: Option<Hearing>,
    /// Where digits are listened for in the audio too.
    digits: Option<Box<Digits>>,
    record: bool,
    /// Is it heard before its answer too?
    early: bool,
    /// Is what the callee says heard by anybody?
    callee_heard: bool,
    phase: Phase,
    verdict: Option<(amd::Class, Instant)>,
    started: bool,
    watch: Watch,
    next_tick: Option<Instant>,
    frame: Option<StereoFrame>,
    events: VecDeque<Event>,
    ticks_missed: u64,
    refused: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Early,
    Answered(Instant),
    Closed,
}

impl Bridge {
    /// A bridge that has neither peer nor answer. `seed` makes its RTP numbers and RTCP intervals.
    #[must_use]
    pub fn new(spec: BridgeSpec, seed: u64) -> Self {
        Self {
            leg: Leg::new(spec.latch, seed),
            mouth: Mouth::new(),
            seats: Seats::new(),
            rules: Rules::default(),
            hearing: Hearing::new(spec.detect, spec.speech),
            digits: spec.inband_dtmf.then(|| Box::new(Digits::new())),
            record: spec.record,
            early: spec.early,
            callee_heard: true,
            phase: Phase::Early,
            verdict: None,
            started: false,
            watch: Watch::new(spec.rtp_timeout),
            next_tick: None,
            frame: None,
            events: VecDeque::with_capacity(16),
            ticks_missed: 0,
            refused: 0,
        }
    }

    /// Takes a command. After [`Command::Close`] nothing has an effect.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        if self.phase == Phase::Closed {
            return;
        }
        match command {
            Command::Remote(negotiated) => self.negotiate(now, negotiated),
            Command::Answered => self.answered(now),
            Command::Arm(rule) => self.arm(rule),
            Command::Disarm(when) => self.rules.disarm(when),
            Command::Play { clip, mark } => self.play(clip, mark),
            Command::Clear => self.clear(),
            Command::OpenGate => {
                let answered = if let Phase::Answered(at) = self.phase { at } else { now };
                self.open(self.verdict.map_or(answered, |(_, at)| at));
            }
            Command::CloseGate => self.mouth.close(),
            Command::SendDtmf { digits } => {
                if !self.mouth.push_digits(&mut self.leg, &digits) {
                    self.refused += 1;
                    self.events.push_back(Event::DtmfSent { sent: false });
                }
            }
            Command::Heard { agent, seated, callee } => {
                self.mouth.mute(!agent);
                self.seats.set_apart(!seated);
                self.callee_heard = callee;
            }
            Command::Join { place, seat } => self.seats.join(place, *seat),
            Command::Part { place } => self.seats.part(place),
            Command::Hear { who, whom } => self.seats.hear(who, whom),
            Command::StartRecording { .. } => self.record = true,
            Command::Record(on) => self.record = on,
            Command::Close => self.close(now),
        }
    }

    /// Takes a datagram.
    pub fn handle_message(&mut self, now: Instant, channel: Channel, from: SocketAddr, packet: &[u8]) {
        if self.phase == Phase::Closed {
            return;
        }
        if channel == Channel::Rtcp {
            return self.leg.receive_rtcp(now, from, packet);
        }
        let arrival = self.leg.receive(now, from, packet);
        if arrival.valid {
            self.watch.restart(now);
            if !std::mem::replace(&mut self.started, true) {
                self.events.push_back(Event::Started);
            }
        }
        self.tell_digit(arrival.digit);
    }

    /// One tick, if it is due. Call again while [`Bridge::poll_timeout`] has passed: after a stall the ticks are made up
    /// for, so that detector and recording keep time; only those of the last 60 ms send audio.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = *self.next_tick.get_or_insert(now);
        if now < due || self.phase == Phase::Closed {
            return;
        }
        self.next_tick = Some(due + TICK);
        let mut callee = [0; FRAME];
        let mut agent = [0; FRAME];
        let (heard, digit) = self.leg.pull(now, &mut callee);
        self.tell_digit(digit);
        self.listen_for_digits(&callee);
        if !self.callee_heard {
            callee = [0; FRAME];
        }
        self.listen(now, &callee, self.origin(heard));
        self.leg.advance();
        if now - due < BURST {
            self.speak(now, &mut agent);
        } else {
            self.ticks_missed += 1;
        }
        self.seats.sweep();
        let is_heard = matches!(self.phase, Phase::Answered(_)) || self.early && self.started;
        if is_heard && !self.seats.is_empty() {
            self.seats.listen(&callee, &agent);
        }
        if let Phase::Answered(_) = self.phase {
            if self.record {
                self.frame = Some(StereoFrame::interleave(&callee, &agent));
            }
            self.leg.report(now, false);
            if self.watch.is_over(now, &self.leg) {
                self.events.push_back(Event::RtpTimeout);
            }
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        self.leg.poll_transmit()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The 20 ms of the recording that this tick made: one each tick from the answer on, if `record`.
    pub fn poll_recording(&mut self) -> Option<StereoFrame> {
        self.frame.take()
    }

    /// A clip that the bridge held last: freeing it is left to a thread that has time.
    pub fn poll_spent(&mut self) -> Option<Arc<Clip>> {
        self.mouth.poll_spent()
    }

    /// When the next tick is due. None before the first, whose time the caller chooses.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_tick.filter(|_| self.phase != Phase::Closed)
    }

    /// Nothing was agreed upon yet, so nothing can be heard or said: no tick is needed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Early && self.leg.is_idle()
    }

    /// RTP has come.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// The source that the leg has locked on to, where the description names it too and nobody else can be meant: a socket
    /// may be connected to it. Changes only in `handle_*`.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.leg.peer()
    }

    /// The figures so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { ticks_missed: self.ticks_missed, refused: self.refused, ..self.leg.stats() }
    }

    fn negotiate(&mut self, now: Instant, negotiated: Negotiated) {
        let held = !(self.leg.is_receiving() && self.leg.can_send());
        self.leg.negotiate(negotiated);
        if held {
            // Off hold: the silence before doesn't count.
            self.watch.restart(now);
        }
    }

    fn answered(&mut self, now: Instant) {
        if self.phase != Phase::Early {
            return;
        }
        self.phase = Phase::Answered(now);
        self.watch.restart(now);
        self.leg.answered();
        if let Some(hearing) = &mut self.hearing {
            hearing.answered();
        }
        self.fire(Cue::Answered, now);
    }

    fn arm(&mut self, rule: Rule) {
        let already = match (rule.when, self.phase, self.verdict) {
            (When::Answered, Phase::Answered(at), _) => Some((Cue::Answered, at)),
            (_, _, Some((class, at))) => Some((Cue::Verdict(class), at)),
            _ => None,
        };
        match already.filter(|(cue, _)| rule.when.matches(*cue)) {
            Some((_, at)) => {
                if !rule.once {
                    self.keep(rule);
                }
                self.apply(rule.then, at);
            }
            None => self.keep(rule),
        }
    }

    fn keep(&mut self, rule: Rule) {
        if !self.rules.arm(rule) {
            self.refused += 1;
        }
    }

    fn fire(&mut self, cue: Cue, at: Instant) {
        for then in self.rules.fire(cue) {
            self.apply(then, at);
        }
    }

    fn apply(&mut self, then: Then, at: Instant) {
        match then {
            Then::OpenGate => self.open(at),
            Then::Clear => self.clear(),
        }
    }

    fn open(&mut self, since: Instant) {
        self.mouth.open(since);
    }

    fn play(&mut self, clip: Arc<Clip>, mark: Option<u32>) {
        if !self.mouth.play(clip, mark) {
            self.refused += 1;
            self.events.extend(mark.map(|mark| Event::Marked { mark, cleared: true }));
        }
    }

    fn clear(&mut self) {
        self.mouth.clear(&mut self.events);
        self.seats.flush();
    }

    fn close(&mut self, now: Instant) {
        self.clear();
        self.leg.report(now, true);
        self.phase = Phase::Closed;
        self.events.push_back(Event::Closed(self.stats()));
    }

    /// Where the detector's next frame is from.
    fn origin(&self, heard: Heard) -> Origin {
        match heard {
            Heard::Audio if self.callee_heard => Origin::Sent,
            Heard::Silence if self.callee_heard && self.leg.is_steady() => Origin::Missing,
            Heard::Audio | Heard::Silence | Heard::Concealed => Origin::MadeUp,
        }
    }

    fn listen(&mut self, now: Instant, callee: &[i16; FRAME], origin: Origin) {
        // After the answer the detector's clock runs, packets or not; before it there may be nothing to hear.
        if !self.started && self.phase == Phase::Early {
            return;
        }
        let Some(hearing) = &mut self.hearing else { return };
        let Noticed { tone, verdict, speech_started, speaking, speech_ended } =
            hearing.listen(callee, origin, self.mouth.is_heard());
        self.events.extend(tone.map(Event::Tone));
        if let Some(verdict) = verdict {
            let class = verdict.class;
            self.verdict = Some((class, now));
            self.events.push_back(Event::Verdict(verdict));
            self.fire(Cue::Verdict(class), now);
        }
        if speech_started {
            self.events.push_back(Event::SpeechStarted);
        }
        if let Some(spoke) = speaking {
            self.fire(Cue::Speech(spoke), now);
        }
        if let Some(spoke) = speech_ended {
            self.rules.end_spurt();
            self.events.push_back(Event::SpeechEnded { spoke });
        }
    }

    /// Sends this tick's packet; `agent` gets what it says.
    fn speak(&mut self, now: Instant, agent: &mut [i16; FRAME]) {
        let is_listened_to = self.record || self.seats.hear_played();
        self.mouth.speak(Turn {
            now,
            leg: &mut self.leg,
            seats: &mut self.seats,
            events: &mut self.events,
            answered: matches!(self.phase, Phase::Answered(_)),
            recorded: is_listened_to.then_some(agent),
        });
    }

    /// Takes a digit that came as an event.
    fn tell_digit(&mut self, digit: Option<Received>) {
        let told = match &mut self.digits {
            Some(digits) => digit.and_then(|digit| digits.event(digit)),
            None => digit,
        };
        self.events.extend(told.map(|Received { digit, duration }| Event::Dtmf { digit, duration }));
    }

    fn listen_for_digits(&mut self, callee: &[i16; FRAME]) {
        let Some(digits) = self.digits.as_mut().filter(|_| self.started) else { return };
        let told = digits.listen(callee);
        self.events.extend(told.map(|Received { digit, duration }| Event::Dtmf { digit, duration }));
    }
}

/// One tick.
pub const TICK: Duration = Duration::from_millis(20);
/// A tick that comes later than this sends nothing: bursts help nobody.
const BURST: Duration = Duration::from_millis(60);

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests;
