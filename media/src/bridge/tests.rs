//! Stories on virtual time: two bridges against each other over a wire that loses, repeats, delays and reorders.

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::sdp::{self, Capabilities, Offer};

mod codecs;
mod hostile;
mod judged;
mod recorded;
mod seated;
mod secured;
mod silent;
mod sources;
mod stalled;

const NEAR: &str = "192.0.2.1:20000";
const FAR: &str = "192.0.2.2:30000";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// What the wire does, in parts of 100, and the most that it delays.
#[derive(Clone, Copy, Default)]
struct Wire {
    loss: u32,
    repeat: u32,
    jitter_ms: u64,
}

struct Side {
    bridge: Bridge,
    address: SocketAddr,
    events: Vec<(Instant, Event)>,
    frames: Vec<StereoFrame>,
    sent: Vec<(Channel, Vec<u8>)>,
}

impl Side {
    fn new(spec: BridgeSpec, address: SocketAddr, seed: u64) -> Self {
        let bridge = Bridge::new(spec, seed);
        Self { bridge, address, events: Vec::new(), frames: Vec::new(), sent: Vec::new() }
    }

    fn drain(&mut self, now: Instant) -> Vec<(Channel, SocketAddr, Vec<u8>)> {
        let mut out = Vec::new();
        while let Some(transmit) = self.bridge.poll_transmit() {
            self.sent.push((transmit.channel, transmit.payload.to_vec()));
            out.push((transmit.channel, transmit.to, transmit.payload.to_vec()));
        }
        self.events.extend(std::iter::from_fn(|| self.bridge.poll_event()).map(|event| (now, event)));
        self.frames.extend(self.bridge.poll_recording());
        out
    }

    fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| wanted(event)).count()
    }

    fn marks(&self) -> Vec<(u32, bool)> {
        let mark = |event: &Event| match event {
            Event::Marked { mark, cleared } => Some((*mark, *cleared)),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| mark(event)).collect()
    }

    fn digits(&self) -> String {
        let digit = |event: &Event| match event {
            Event::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| digit(event)).collect()
    }

    fn callee_side(&self) -> Vec<i16> {
        self.frames.iter().flat_map(|frame| frame.0.iter().step_by(2).copied()).collect()
    }

    fn agent_side(&self) -> Vec<i16> {
        self.frames.iter().flat_map(|frame| frame.0.iter().skip(1).step_by(2).copied()).collect()
    }
}

struct Flight {
    at: Instant,
    channel: Channel,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

struct Pair {
    now: Instant,
    near: Side,
    far: Side,
    wire: Wire,
    random: StdRng,
    flying: Vec<Flight>,
}

impl Pair {
    fn new(seed: u64, wire: Wire, near: BridgeSpec, far: BridgeSpec) -> Self {
        Self {
            now: Instant::now(),
            near: Side::new(near, address(NEAR), seed),
            far: Side::new(far, address(FAR), seed + 1),
            wire,
            random: StdRng::seed_from_u64(seed),
            flying: Vec::new(),
        }
    }

    /// Offer and answer are exchanged, and both sides know it.
    fn connected(seed: u64, wire: Wire, near: BridgeSpec, far: BridgeSpec) -> Self {
        let mut pair = Self::new(seed, wire, near, far);
        let (ours, theirs) = agreement(&Capabilities::default());
        pair.near(Command::Remote(ours));
        pair.far(Command::Remote(theirs));
        pair.near(Command::Answered);
        pair.far(Command::Answered);
        pair
    }

    fn near(&mut self, command: Command) {
        self.near.bridge.handle_command(self.now, command);
        self.carry();
    }

    fn far(&mut self, command: Command) {
        self.far.bridge.handle_command(self.now, command);
        self.carry();
    }

    fn carry(&mut self) {
        for near in [true, false] {
            let side = if near { &mut self.near } else { &mut self.far };
            let from = side.address;
            for (channel, to, bytes) in side.drain(self.now) {
                let copies = if self.random.random_ratio(self.wire.repeat, 100) { 2 } else { 1 };
                for _ in 0..copies {
                    if self.random.random_ratio(self.wire.loss, 100) {
                        continue;
                    }
                    let delay = Duration::from_millis(5 + self.random.random_range(0..=self.wire.jitter_ms));
                    self.flying.push(Flight {
                        at: self.now + delay,
                        channel,
                        from,
                        to,
                        bytes: bytes.clone(),
                    });
                }
            }
        }
    }

    fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.now += Duration::from_millis(5);
            let (due, flying) =
                std::mem::take(&mut self.flying).into_iter().partition(|flight| flight.at <= self.now);
            self.flying = flying;
            let mut due: Vec<Flight> = due;
            due.sort_by_key(|flight| flight.at);
            for flight in due {
                let near = flight.to.ip() == address(NEAR).ip();
                let side = if near { &mut self.near } else { &mut self.far };
                side.bridge.handle_message(self.now, flight.channel, flight.from, &flight.bytes);
            }
            self.near.bridge.handle_timeout(self.now);
            self.far.bridge.handle_timeout(self.now);
            self.carry();
        }
    }
}

fn agreement(capabilities: &Capabilities) -> (Negotiated, Negotiated) {
    let (offer, pending) = Offer::new(address(NEAR), 1, &Capabilities::default());
    let (answer, theirs) = sdp::answer(&offer.to_bytes(), address(FAR), 2, capabilities).expect("an answer");
    (pending.accept(&answer).expect("agreement"), theirs)
}

fn deaf() -> BridgeSpec {
    BridgeSpec { speech: false, record: true, ..BridgeSpec::default() }
}

fn clip(milliseconds: usize, value: i16) -> Arc<Clip> {
    Arc::new(Clip::from_samples(&vec![value; milliseconds * 8]))
}

fn listening() -> BridgeSpec {
    BridgeSpec { detect: Some(amd::Params::default()), speech: true, record: true, ..BridgeSpec::default() }
}

/// A voice: harmonics of 120 Hz that swell with the syllables; 300 ms of silence before.
fn greeting(milliseconds: usize) -> Arc<Clip> {
    let sample = |index: usize| {
        let time = index as f32 / 8_000.0;
        let swell = 0.4 + 0.6 * (time * 4.0 * std::f32::consts::TAU).sin().abs();
        let voice: f32 = (1..12u8)
            .map(|n| (time * 120.0 * f32::from(n) * std::f32::consts::TAU).sin() / f32::from(n))
            .sum();
        (voice * swell * 4_000.0) as i16
    };
    let samples: Vec<i16> = std::iter::repeat_n(0, 2_400).chain((0..milliseconds * 8).map(sample)).collect();
    Arc::new(Clip::from_samples(&samples))
}

fn play(clip: &Arc<Clip>, mark: u32) -> Command {
    Command::Play { clip: clip.clone(), mark: Some(mark) }
}

const SECOND: Duration = Duration::from_secs(1);
const BAD: Wire = Wire { loss: 10, repeat: 10, jitter_ms: 60 };

#[test]
fn marks_come_in_order_exactly_once() {
    let mut pair = Pair::connected(1, BAD, deaf(), deaf());
    for mark in 0..20 {
        pair.near(play(&clip(30 + mark as usize * 7, 5_000), mark));
    }
    pair.near(Command::OpenGate);
    pair.advance(3 * SECOND);
    assert_eq!(pair.near.marks(), (0..20).map(|mark| (mark, false)).collect::<Vec<_>>());
    assert_eq!(pair.near.count(|event| matches!(event, Event::Drained)), 1);
    assert_eq!(pair.near.count(|event| matches!(event, Event::Opened { .. })), 1);
}

#[test]
fn clear_flushes_and_reports_the_marks() {
    let mut pair = Pair::connected(2, Wire::default(), deaf(), deaf());
    pair.near(Command::OpenGate);
    for mark in 0..3 {
        pair.near(play(&clip(500, 5_000), mark));
    }
    pair.advance(Duration::from_millis(700));
    pair.near(Command::Clear);
    let cleared = pair.near.frames.len();
    pair.advance(SECOND);
    assert_eq!(pair.near.marks(), [(0, false), (1, true), (2, true)]);
    assert!(pair.near.agent_side()[cleared * FRAME..].iter().all(|sample| *sample == 0));
}

#[test]
fn a_closed_gate_sends_silence_and_holds_the_queue() {
    let mut pair = Pair::connected(3, Wire::default(), deaf(), deaf());
    pair.near(play(&clip(500, 5_000), 1));
    pair.advance(SECOND);
    // Ten without a gap, then one every 400 ms.
    let rtp = pair.near.sent.iter().filter(|(channel, _)| *channel == Channel::Rtp).count();
    assert!((12..=13).contains(&rtp), "{rtp}");
    assert!(pair.near.sent.iter().all(|(_, packet)| packet[12..] == [0xff; FRAME]));
    assert!(pair.near.marks().is_empty());
    pair.near(Command::OpenGate);
    pair.advance(SECOND);
    assert_eq!(pair.near.marks(), [(1, false)]);
}

#[test]
fn an_armed_answer_opens_the_gate_in_the_first_packet() {
    let mut pair = Pair::new(4, Wire::default(), deaf(), deaf());
    let (ours, theirs) = agreement(&Capabilities::default());
    pair.near(Command::Remote(ours));
    pair.far(Command::Remote(theirs));
    pair.near(play(&clip(200, 5_000), 1));
    pair.near(Command::Arm(Rule { when: When::Answered, then: Then::OpenGate, once: true }));
    pair.advance(SECOND);
    assert!(pair.near.sent.is_empty());
    pair.near(Command::Answered);
    pair.advance(Duration::from_millis(40));
    let (_, first) = &pair.near.sent[0];
    assert!(first[1] & 0x80 != 0 && first[12..] != [0xff; FRAME]);
    let opened = pair.near.events.iter().find_map(|(_, event)| match event {
        Event::Opened { dead_air } => Some(*dead_air),
        _ => None,
    });
    assert!(opened.is_some_and(|dead_air| dead_air <= TICK), "{opened:?}");
}

#[test]
fn a_rule_armed_too_late_fires_at_once() {
    let mut pair = Pair::connected(5, Wire::default(), deaf(), deaf());
    pair.near(play(&clip(100, 5_000), 1));
    pair.near(Command::Arm(Rule { when: When::Answered, then: Then::OpenGate, once: true }));
    pair.advance(SECOND);
    assert_eq!(pair.near.marks(), [(1, false)]);
}

#[test]
fn digits_survive_loss() {
    for seed in 0..20 {
        let mut pair = Pair::connected(seed, Wire { loss: 10, repeat: 5, jitter_ms: 0 }, deaf(), deaf());
        pair.advance(SECOND);
        pair.near(Command::SendDtmf { digits: "0123456789*#".parse().expect("digits") });
        pair.advance(4 * SECOND);
        assert_eq!(pair.far.digits(), "0123456789*#", "seed {seed}");
        assert_eq!(pair.near.count(|event| matches!(event, Event::DtmfSent { sent: true })), 1);
    }
}

#[test]
fn digits_before_any_agreement_are_refused() {
    let mut pair = Pair::new(1, Wire::default(), deaf(), deaf());
    pair.near(Command::SendDtmf { digits: "1".parse().expect("a digit") });
    assert_eq!(pair.near.count(|event| matches!(event, Event::DtmfSent { sent: false })), 1);
}

#[test]
fn timestamps_go_on_in_wall_time_whatever_is_sent() {
    let mut pair = Pair::connected(9, Wire::default(), deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.advance(SECOND);
    pair.near(play(&clip(333, 5_000), 1));
    pair.near(Command::SendDtmf { digits: "5".parse().expect("a digit") });
    pair.advance(SECOND);
    let audio = pair.near.sent.iter().filter(|(channel, _)| *channel == Channel::Rtp);
    let mut last: Option<(u16, u32)> = None;
    let (mut first, mut packets) = (None, 0);
    for (header, _) in audio.map(|(_, packet)| crate::rtp::read(packet).expect("RTP")) {
        let step = last.map(|(sequence, _)| header.sequence.wrapping_sub(sequence));
        assert!(step.is_none_or(|step| step == 1));
        packets += 1;
        if header.payload_type == 0 {
            let ticks = last.map_or(160, |(_, timestamp)| header.timestamp.wrapping_sub(timestamp));
            assert_eq!(ticks % 160, 0, "audio stands on whole ticks");
            first.get_or_insert(header.timestamp);
            last = Some((header.sequence, header.timestamp));
        } else {
            last = last.map(|(_, timestamp)| (header.sequence, timestamp));
        }
    }
    let (_, latest) = last.expect("audio was sent");
    let span = latest.wrapping_sub(first.expect("audio was sent")) / 8;
    // Two seconds but for the silence after the clip, of which not every tick is sent.
    assert!((1_600..=2_000).contains(&span), "{span} ms of wall time in {packets} packets");
    assert!(packets < 50, "{packets}");
}

#[test]
fn strangers_are_ignored_and_counted() {
    let mut pair = Pair::connected(10, Wire::default(), deaf(), deaf());
    pair.far(Command::OpenGate);
    pair.far(play(&clip(2_000, 8_000), 1));
    pair.advance(SECOND);
    let (_, packet) = pair.far.sent.last().expect("packets").clone();
    let peer = pair.near.bridge.peer();
    assert_eq!(peer, Some(address(FAR)));
    for stranger in ["192.0.2.2:30002", "198.51.100.66:30000"] {
        pair.near.bridge.handle_message(pair.now, Channel::Rtp, address(stranger), &packet);
        pair.near.bridge.handle_message(
            pair.now,
            Channel::Rtcp,
            address("198.51.100.66:1"),
            &[0x80, 201, 0, 1, 0, 0, 0, 1],
        );
    }
    assert_eq!(pair.near.bridge.stats().strangers, 4);
    assert_eq!(pair.near.bridge.peer(), peer);
}

#[test]
fn silence_of_the_peer_is_told_once_and_again_after_it_spoke() {
    let spec = BridgeSpec { rtp_timeout: 2 * SECOND, ..deaf() };
    let mut pair = Pair::new(11, Wire::default(), spec, deaf());
    let (ours, theirs) = agreement(&Capabilities::default());
    pair.near(Command::Remote(ours));
    pair.advance(5 * SECOND);
    pair.near(Command::Answered);
    pair.advance(5 * SECOND);
    let told = |pair: &Pair| pair.near.count(|event| matches!(event, Event::RtpTimeout));
    assert_eq!(told(&pair), 1);
    pair.far(Command::Remote(theirs));
    pair.far(Command::Answered);
    pair.advance(SECOND);
    pair.wire.loss = 100;
    pair.advance(5 * SECOND);
    assert_eq!(told(&pair), 2);
    assert_eq!(pair.near.count(|event| matches!(event, Event::Started)), 1);
}

#[test]
fn a_hold_sends_nothing_and_expects_nothing() {
    let spec = BridgeSpec { rtp_timeout: 2 * SECOND, ..deaf() };
    let mut pair = Pair::connected(12, Wire::default(), spec, deaf());
    pair.near(Command::OpenGate);
    pair.near(play(&clip(2_000, 8_000), 1));
    pair.advance(SECOND);
    let (mut ours, _) = agreement(&Capabilities::default());
    let talking = ours.clone();
    (ours.remote, ours.send, ours.receive) = (None, false, false);
    pair.near(Command::Remote(ours));
    pair.wire.loss = 100;
    let sent = pair.near.bridge.stats().packets_out;
    pair.advance(5 * SECOND);
    assert_eq!(pair.near.bridge.stats().packets_out, sent);
    assert_eq!(pair.near.count(|event| matches!(event, Event::RtpTimeout)), 0);
    pair.wire.loss = 0;
    pair.near(Command::Remote(talking));
    pair.advance(2 * SECOND);
    assert_eq!(pair.near.marks(), [(1, false)]);
}

#[test]
fn an_agent_that_is_not_heard_goes_on_in_silence() {
    let mut pair = Pair::connected(14, Wire::default(), deaf(), deaf());
    pair.near(Command::Heard { agent: false, seated: true, callee: true });
    pair.near(Command::OpenGate);
    pair.near(play(&clip(500, 8_000), 1));
    pair.advance(SECOND);
    assert_eq!(pair.near.marks(), [(1, false)], "its words are over all the same");
    assert!(pair.near.agent_side().iter().all(|sample| *sample == 0), "nor are they recorded");
    assert!(pair.far.callee_side().iter().all(|sample| sample.unsigned_abs() < 100));
    pair.near(Command::Heard { agent: true, seated: true, callee: true });
    pair.near(play(&clip(500, 8_000), 2));
    pair.advance(SECOND);
    assert!(pair.far.callee_side().iter().any(|sample| *sample > 5_000));
}

#[test]
fn close_says_goodbye_and_is_the_end() {
    let mut pair = Pair::connected(14, Wire::default(), deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.near(play(&clip(5_000, 8_000), 7));
    pair.advance(SECOND);
    pair.near(Command::Close);
    let (channel, packet) = pair.near.sent.last().expect("packets");
    assert_eq!((*channel, packet[packet.len() - 7]), (Channel::Rtcp, 203));
    assert_eq!(pair.near.marks(), [(7, true)]);
    assert!(matches!(pair.near.events.last(), Some((_, Event::Closed(stats))) if stats.packets_out >= 49));
    let events = pair.near.events.len();
    pair.near(Command::Close);
    pair.near(play(&clip(10, 0), 8));
    pair.advance(SECOND);
    assert_eq!(pair.near.events.len(), events);
    assert_eq!(pair.near.bridge.poll_timeout(), None);
}

#[test]
fn reports_cross_and_tell_loss_and_round_trip() {
    let mut pair = Pair::connected(15, Wire { loss: 5, repeat: 0, jitter_ms: 0 }, deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.near(play(&clip(60_000, 5_000), 1));
    pair.advance(60 * SECOND);
    let stats = pair.near.bridge.stats();
    assert!((20..300).contains(&stats.remote_lost), "{stats:?}");
    // 5 ms there and back, and up to a tick on each side.
    assert!(stats.round_trip.is_some_and(|trip| trip <= Duration::from_millis(50)), "{stats:?}");
}

#[test]
fn a_peer_in_a_law_hears_what_was_said_in_mu_law() {
    let mut pair = Pair::new(16, Wire::default(), deaf(), deaf());
    let (ours, theirs) =
        agreement(&Capabilities { codecs: vec![crate::Codec::Pcma], ..Capabilities::default() });
    pair.near(Command::Remote(ours));
    pair.far(Command::Remote(theirs));
    pair.near(Command::Answered);
    pair.far(Command::Answered);
    pair.near(Command::OpenGate);
    pair.near(play(&clip(500, 10_000), 1));
    pair.advance(SECOND);
    let loud = pair.far.callee_side().iter().filter(|sample| (9_400..10_600).contains(*sample)).count();
    assert!((3_900..=4_000).contains(&loud), "{loud}");
}

#[test]
fn a_bad_wire_is_heard_as_one_stream() {
    let mut pair = Pair::connected(17, BAD, deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.near(play(&clip(60_000, 8_000), 1));
    pair.advance(60 * SECOND);
    let stats = pair.far.bridge.stats();
    assert!((150..450).contains(&stats.lost), "{stats:?}");
    assert!(stats.late < 60 && stats.duplicates > 150, "{stats:?}");
    assert!(stats.concealed < 600, "{stats:?}");
}
