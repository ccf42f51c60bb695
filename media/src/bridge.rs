//! The bridge: who hears whom, tick by tick. Today it has one member, the callee's leg; opposite stands the agent, whose
//! words come from a queue of clips. Sans-IO: commands and datagrams in, datagrams, events and stereo frames out, one
//! tick of 20 ms at a time. Knows nothing of sockets, files or SIP.
//!
//! Within one tick the order is: hear the callee, detect, fire rules, speak. So a verdict opens the gate for the packet
//! of its own tick.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

mod interface;

pub use self::interface::{
    BridgeSpec, Channel, Command, DtmfMode, Event, Latch, Recorded, Stats, StereoFrame, Transmit,
};
use crate::{
    amd,
    clip::Clip,
    digits::Digits,
    dtmf::{self, Received, Sent},
    g711::Law,
    hearing::{Hearing, Noticed},
    jitter::FRAME,
    leg::Leg,
    playout::Playout,
    rule::{Cue, Rule, Rules, Then, When},
    sdp::Negotiated,
    tone::{self, Sounded},
};

/// One call's audio. After each `handle_*`, drain every `poll_*`.
#[derive(Debug)]
pub struct Bridge {
    leg: Leg,
    playout: Playout,
    rules: Rules,
    hearing: Option<Hearing>,
    /// Where digits are listened for in the audio too.
    digits: Option<Box<Digits>>,
    dtmf: DtmfMode,
    tones: tone::Sender,
    record: bool,
    heard: Heard,
    rtp_timeout: Duration,
    phase: Phase,
    gate: Gate,
    verdict: Option<(amd::Class, Instant)>,
    started: bool,
    silence: Silence,
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

/// Who is heard by the other.
#[derive(Clone, Copy, Debug)]
struct Heard {
    agent: bool,
    callee: bool,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    since: Option<Instant>,
    told: bool,
}

impl Bridge {
    /// A bridge that has neither peer nor answer. `seed` makes its RTP numbers and RTCP intervals.
    #[must_use]
    pub fn new(spec: BridgeSpec, seed: u64) -> Self {
        Self {
            leg: Leg::new(spec.latch, seed),
            playout: Playout::new(),
            rules: Rules::default(),
            hearing: Hearing::new(spec.detect, spec.speech),
            digits: spec.inband_dtmf.then(|| Box::new(Digits::new())),
            dtmf: spec.dtmf,
            tones: tone::Sender::default(),
            record: spec.record,
            heard: Heard { agent: true, callee: true },
            rtp_timeout: spec.rtp_timeout,
            phase: Phase::Early,
            gate: Gate { open: false, since: None, opened: false, speaking: false, quiet: 0 },
            verdict: None,
            started: false,
            silence: Silence { since: None, told: false },
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
            Command::Play { clip, mark } => self.play(clip, mark),
            Command::Clear => self.clear(),
            Command::OpenGate => {
                let answered = if let Phase::Answered(at) = self.phase { at } else { now };
                self.open(self.verdict.map_or(answered, |(_, at)| at));
            }
            Command::CloseGate => self.gate.open = false,
            Command::SendDtmf { digits } => {
                if !self.push_digits(&digits) {
                    self.refused += 1;
                    self.events.push_back(Event::DtmfSent { sent: false });
                }
            }
            Command::Heard { agent, callee } => self.heard = Heard { agent, callee },
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
            self.silence = Silence { since: Some(now), told: false };
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
        let (_, digit) = self.leg.pull(now, &mut callee);
        self.tell_digit(digit);
        self.listen_for_digits(&callee);
        if !self.heard.callee {
            callee = [0; FRAME];
        }
        self.listen(now, &callee);
        self.leg.advance();
        if now - due < BURST {
            self.speak(now, &mut agent);
        } else {
            self.ticks_missed += 1;
        }
        if let Phase::Answered(_) = self.phase {
            if self.record {
                self.frame = Some(StereoFrame::interleave(&callee, &agent));
            }
            self.leg.report(now, false);
            self.watch_silence(now);
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
        self.playout.poll_spent()
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

    /// The source that the leg has locked on to: a socket may be connected to it. Changes only in `handle_*`.
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
        let receiving = self.leg.is_receiving();
        self.leg.negotiate(negotiated);
        if !receiving {
            // Off hold: the silence before doesn't count.
            self.silence = Silence { since: Some(now), told: false };
        }
    }

    fn answered(&mut self, now: Instant) {
        if self.phase != Phase::Early {
            return;
        }
        self.phase = Phase::Answered(now);
        self.silence = Silence { since: Some(now), told: false };
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
                let then = rule.then.clone();
                if !rule.once {
                    self.keep(rule);
                }
                self.apply(then, at);
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
            Then::CloseGate => self.gate.open = false,
            Then::Clear => self.clear(),
            Then::Play { clip, mark } => self.play(clip, mark),
        }
    }

    fn open(&mut self, since: Instant) {
        self.gate.since.get_or_insert(since);
        self.gate.open = true;
    }

    fn play(&mut self, clip: Arc<Clip>, mark: Option<u32>) {
        if !self.playout.push(clip, mark) {
            self.refused += 1;
            self.events.extend(mark.map(|mark| Event::Marked { mark, cleared: true }));
        }
    }

    fn clear(&mut self) {
        let events = &mut self.events;
        self.playout.clear(|mark| events.push_back(Event::Marked { mark, cleared: true }));
    }

    fn close(&mut self, now: Instant) {
        self.clear();
        self.leg.report(now, true);
        self.phase = Phase::Closed;
        self.events.push_back(Event::Closed(self.stats()));
    }

    fn listen(&mut self, now: Instant, callee: &[i16; FRAME]) {
        // After the answer the detector's clock runs, packets or not; before it there may be nothing to hear.
        if !self.started && self.phase == Phase::Early {
            return;
        }
        let Some(hearing) = &mut self.hearing else { return };
        let Noticed { tone, verdict, speech_started, speaking, speech_ended } = hearing.listen(callee);
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
        if !self.leg.can_send() {
            self.gate.speaking = false;
            return self.leg.pause();
        }
        match self.leg.send_digits() {
            Sent::Event(_) => {
                self.gate.speaking = false;
                return;
            }
            Sent::Finished => self.events.push_back(Event::DtmfSent { sent: true }),
            Sent::Nothing => {}
        }
        if !self.tones.is_idle() && self.speak_tone(agent) {
            return;
        }
        let mut pcmu = [0; FRAME];
        let events = &mut self.events;
        let marked = |mark| events.push_back(Event::Marked { mark, cleared: false });
        let is_playing = self.gate.open && self.playout.next(&mut pcmu, Law::Mu.silence(), marked);
        if is_playing && self.heard.agent {
            self.speak_frame(now, &pcmu, agent);
        } else if let Phase::Answered(_) = self.phase {
            self.speak_silence();
        } else {
            self.gate.speaking = false;
            self.leg.pause();
        }
        if is_playing && self.playout.is_empty() {
            self.events.push_back(Event::Drained);
        }
    }

    /// Silence is sent too, at first without a gap and then sparsely: it opens a NAT's door and lets the other side latch,
    /// keeps both so, and costs a twentieth of a stream. A gap in RTP is silence to whoever hears it (RFC 3551 §4.1).
    fn speak_silence(&mut self) {
        self.gate.speaking = false;
        self.gate.quiet = self.gate.quiet.saturating_add(1);
        let quiet = self.gate.quiet;
        if quiet <= QUIET_DENSE {
            return self.leg.send_audio(&[Law::Mu.silence(); FRAME], false);
        }
        let due = quiet.is_multiple_of(QUIET_EVERY);
        // Where comfort noise was agreed upon, it says so at once, and then instead.
        if (due || quiet == QUIET_DENSE + 1) && self.leg.send_comfort() {
            return;
        }
        if due {
            self.leg.send_audio(&[Law::Mu.silence(); FRAME], false);
        } else {
            self.leg.pause();
        }
    }

    /// Sends this tick's part of a digit as a tone. False: there is nothing left of them.
    fn speak_tone(&mut self, agent: &mut [i16; FRAME]) -> bool {
        let mut frame = [0; FRAME];
        match self.tones.tick(&mut frame) {
            Sounded::Nothing => return false,
            Sounded::Finished => {
                self.events.push_back(Event::DtmfSent { sent: true });
                return false;
            }
            Sounded::Frame => {}
        }
        let mut pcmu = [0; FRAME];
        Law::Mu.encode(&frame, &mut pcmu);
        self.leg.send_audio(&pcmu, false);
        (self.gate.speaking, self.gate.quiet) = (false, 0);
        if self.record {
            *agent = frame;
        }
        true
    }

    fn speak_frame(&mut self, now: Instant, pcmu: &[u8; FRAME], agent: &mut [i16; FRAME]) {
        let spurt = !std::mem::replace(&mut self.gate.speaking, true);
        self.gate.quiet = 0;
        self.leg.send_audio(pcmu, spurt);
        if self.record {
            Law::Mu.decode(pcmu, agent);
        }
        if !std::mem::replace(&mut self.gate.opened, true) {
            let since = self.gate.since.unwrap_or(now);
            self.events.push_back(Event::Opened { dead_air: now.saturating_duration_since(since) });
        }
    }

    fn watch_silence(&mut self, now: Instant) {
        let Some(since) = self.silence.since.filter(|_| !self.silence.told && self.leg.is_receiving()) else {
            return;
        };
        // Who announced silence may be silent for longer, and its reports show that it is there.
        let (since, patience) = match self.leg.rtcp_at().filter(|_| self.leg.is_hushed()) {
            Some(at) => (since.max(at), self.rtp_timeout * HUSH_PATIENCE),
            None if self.leg.is_hushed() => (since, self.rtp_timeout * HUSH_PATIENCE),
            None => (since, self.rtp_timeout),
        };
        if now.saturating_duration_since(since) >= patience {
            self.silence.told = true;
            self.events.push_back(Event::RtpTimeout);
        }
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

    /// False: too many are queued, or nothing was agreed upon yet.
    fn push_digits(&mut self, digits: &dtmf::Digits) -> bool {
        match self.dtmf {
            _ if self.leg.is_idle() => false,
            DtmfMode::Events if self.leg.takes_events() => self.leg.push_digits(digits),
            DtmfMode::Events | DtmfMode::Inband => self.tones.push(digits),
        }
    }
}

/// Ticks of silence that are sent without a gap: 200 ms.
const QUIET_DENSE: u32 = 10;
/// After those, one in so many is: every 400 ms.
const QUIET_EVERY: u32 = 20;
/// How much longer an announced silence may last.
const HUSH_PATIENCE: u32 = 4;
/// One tick.
pub const TICK: Duration = Duration::from_millis(20);
/// A tick that comes later than this sends nothing: bursts help nobody.
const BURST: Duration = Duration::from_millis(60);

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests;
