//! The plane over real sockets on loopback.

use std::{
    fs,
    net::UdpSocket,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use super::*;
use crate::{
    bridge::Event,
    clip::Clip,
    datagram::DATAGRAM_MAX,
    rtp::{self, Header},
    rule::{Rule, Then, When},
    sdp::{self, Capabilities, Negotiated, Offer, Srtp},
    tape::Recorded,
};

const PATIENCE: Duration = Duration::from_secs(10);

fn plane(ports: RangeInclusive<u16>) -> (Media, Receiver<Report>) {
    let (told, reports) = channel();
    // An address of this process's own, so that two runs at a time don't take each other's ports.
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let address = [127, 64 | high & 63, middle, low.clamp(1, 254)].into();
    let config = MediaConfig { address, ports, workers: 2, seed: [7; 32] };
    (Media::start(config, move |report| told.send(report).is_ok()).expect("threads"), reports)
}

/// A leg's token, and what one of its events must be.
type Wanted = (u64, fn(&Event) -> bool);

/// Waits until every wanted event came; gives all that came.
fn until(reports: &Receiver<Report>, mut wanted: Vec<Wanted>) -> Vec<Report> {
    let mut all = Vec::new();
    while !wanted.is_empty() {
        let report =
            reports.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("missing {wanted:?} after {all:#?}"));
        wanted.retain(|(token, is)| *token != report.token || !is(&report.event));
        all.push(report);
    }
    all
}

#[test]
fn two_legs_talk_over_loopback_and_are_recorded() {
    talk(22_000..=22_019, &Capabilities::default());
}

#[test]
fn two_legs_talk_over_srtp_with_rtcp_on_the_same_port() {
    talk(22_050..=22_069, &Capabilities { srtp: Srtp::Required, rtcp_mux: true, ..Capabilities::default() });
}

fn talk(ports: RangeInclusive<u16>, capabilities: &Capabilities) {
    let name = format!("trunkline-plane-{}-{}.wav", std::process::id(), ports.start());
    let (media, reports) = plane(ports);
    let path = std::env::temp_dir().join(name);
    let spec = || BridgeSpec { speech: false, ..BridgeSpec::default() };
    let near = media.open(spec(), 1, Some(RecordingSpec { path: path.clone() })).expect("a leg");
    let far = media.open(spec(), 2, None).expect("a leg");
    let (offer, pending) = Offer::new(near.local, 1, capabilities);
    let (answer, theirs) = sdp::answer(&offer.to_bytes(), far.local, 2, capabilities).expect("an answer");
    let ours = pending.accept(&answer).expect("agreement");
    for (leg, negotiated, mark) in [(near.leg, ours, 10), (far.leg, theirs, 20)] {
        let clip = Arc::new(Clip::from_samples(&[8_000; 1_600]));
        let rule = Rule { when: When::Answered, then: Then::OpenGate, once: true };
        for command in [
            Command::Remote(negotiated),
            Command::Arm(rule),
            Command::Play { clip, mark: Some(mark) },
            Command::Answered,
            Command::SendDtmf { digits: "42#".parse().expect("digits") },
        ] {
            media.send(leg, command).expect("room");
        }
    }
    let hash = |event: &Event| matches!(event, Event::Dtmf { digit: '#', .. });
    let marked = |event: &Event| matches!(event, Event::Marked { cleared: false, .. });
    let started = |event: &Event| matches!(event, Event::Started);
    until(&reports, vec![(1, hash), (2, hash), (1, marked), (2, marked), (1, started), (2, started)]);
    media.send(near.leg, Command::Close).expect("room");
    media.send(far.leg, Command::Close).expect("room");
    let closed = |event: &Event| matches!(event, Event::Closed(_));
    let recorded = |event: &Event| matches!(event, Event::Recorded(_));
    let last = until(&reports, vec![(1, closed), (2, closed), (1, recorded)]);
    let recorded = last.iter().find_map(|report| match report.event {
        Event::Recorded(recorded) => Some(recorded),
        _ => None,
    });
    let recorded = recorded.expect("recorded");
    let file = fs::read(&path).expect("a file");
    fs::remove_file(&path).expect("removed");
    assert_eq!((recorded.error, recorded.bytes), (None, file.len() as u64));
    assert!(recorded.duration >= Duration::from_millis(500), "{recorded:?}");
    let counters = media.counters();
    assert!(media.shutdown(Instant::now() + PATIENCE));
    assert_eq!((counters.strangers, counters.malformed, counters.frames_dropped), (0, 0, 0));
}

#[test]
fn a_recording_may_begin_while_the_leg_talks() {
    let (media, reports) = plane(22_090..=22_093);
    let path = std::env::temp_dir().join(format!("trunkline-later-{}.wav", std::process::id()));
    let leg = media.open(BridgeSpec::default(), 6, None).expect("a leg").leg;
    let begin = || Command::StartRecording { token: 6, spec: RecordingSpec { path: path.clone() } };
    media.send(leg, Command::Answered).expect("room");
    media.send(leg, begin()).expect("room");
    // The writer puts a second on the disk at once.
    let deadline = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < deadline, "nothing is written");
        std::thread::yield_now();
    }
    media.send(leg, Command::Close).expect("room");
    let recorded = |event: &Event| matches!(event, Event::Recorded(recorded) if recorded.bytes > 0);
    until(&reports, vec![(6, recorded)]);
    fs::remove_file(&path).expect("removed");
    // A leg that is gone has nothing to record, and says so.
    media.send(leg, begin()).expect("room");
    until(&reports, vec![(6, |event| matches!(event, Event::Recorded(Recorded { bytes: 0, .. })))]);
    assert!(media.shutdown(Instant::now() + PATIENCE));
}

/// A telephone that is nothing but a socket.
struct Phone {
    socket: UdpSocket,
    sent: Header,
}

impl Phone {
    fn beside(leg: &Opened, ssrc: u32) -> Self {
        let socket = UdpSocket::bind((leg.local.ip(), 0)).expect("a socket");
        Self { socket, sent: Header { payload_type: 0, marker: false, sequence: 0, timestamp: 0, ssrc } }
    }

    /// What comes of the leg's offer if this telephone answers it.
    fn agrees(&self, leg: &Opened) -> Negotiated {
        let (offer, pending) = Offer::new(leg.local, 1, &Capabilities::default());
        let address = self.socket.local_addr().expect("an address");
        let (answer, _) =
            sdp::answer(&offer.to_bytes(), address, 2, &Capabilities::default()).expect("an answer");
        pending.accept(&answer).expect("agreement")
    }

    fn send(&mut self, leg: &Opened, payload_type: u8, payload: &[u8]) {
        self.sent.sequence += 1;
        self.sent.timestamp += 160;
        let mut packet = [0; DATAGRAM_MAX];
        let length = rtp::write(&Header { payload_type, ..self.sent }, payload, &mut packet);
        self.socket.send_to(&packet[..length], leg.local).expect("sent");
    }
}

#[test]
fn media_that_moves_to_another_port_is_followed_though_the_old_one_goes_on() {
    let (media, reports) = plane(22_070..=22_073);
    let leg = media.open(BridgeSpec::default(), 7, None).expect("a leg");
    let (mut old, mut new) = (Phone::beside(&leg, 1), Phone::beside(&leg, 2));
    media.send(leg.leg, Command::Remote(old.agrees(&leg))).expect("room");
    old.send(&leg, 0, &[0xff; 160]);
    until(&reports, vec![(7, |event| matches!(event, Event::Started))]);
    media.send(leg.leg, Command::Remote(new.agrees(&leg))).expect("room");
    let deadline = Instant::now() + PATIENCE;
    loop {
        old.send(&leg, 0, &[0xff; 160]);
        // The end of a 7 (RFC 4733).
        new.send(&leg, 101, &[7, 0x8a, 3, 32]);
        match reports.recv_timeout(Duration::from_millis(5)).map(|report| report.event) {
            Ok(Event::Dtmf { digit: '7', .. }) => break,
            _ => assert!(Instant::now() < deadline, "the new place is not heard"),
        }
    }
    assert!(media.shutdown(Instant::now() + PATIENCE));
}

#[test]
fn a_leg_is_closed_though_its_worker_s_mailbox_is_full() {
    let (media, reports) = plane(22_080..=22_083);
    for _ in 0..20 {
        let leg = media.open(BridgeSpec::default(), 8, None).expect("a leg").leg;
        while media.send(leg, Command::Clear).is_ok() {}
        let begin = Command::StartRecording { token: 8, spec: RecordingSpec { path: "/nonexistent".into() } };
        let begun = media.send(leg, begin).is_ok();
        media.send(leg, Command::Close).expect("there is always room");
        let mut wanted: Vec<Wanted> = vec![(8, |event| matches!(event, Event::Closed(_)))];
        if begun {
            wanted.push((8, |event| matches!(event, Event::Recorded(_))));
        }
        until(&reports, wanted);
    }
    assert!(media.shutdown(Instant::now() + PATIENCE));
    assert_eq!(reports.try_iter().count(), 0, "what was refused is not recorded");
}

#[test]
fn ports_run_out_and_come_back() {
    let (media, reports) = plane(22_020..=22_023);
    let open = || media.open(BridgeSpec::default(), 5, None);
    let first = open().expect("a leg");
    open().expect("a leg");
    assert!(matches!(open(), Err(OpenError::NoPorts)));
    media.send(first.leg, Command::Close).expect("room");
    until(&reports, vec![(5, |event| matches!(event, Event::Closed(_)))]);
    // The report comes a moment before the port.
    let deadline = Instant::now() + PATIENCE;
    let again = loop {
        match open() {
            Ok(opened) => break opened,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(again.local, first.local);
    assert_ne!(again.leg, first.leg);
    assert_eq!(media.send(first.leg, Command::Clear), Ok(()));
    assert!(media.shutdown(Instant::now() + PATIENCE));
}

#[test]
fn shutdown_closes_what_is_left() {
    let (media, reports) = plane(22_030..=22_033);
    let path = std::env::temp_dir().join(format!("trunkline-left-{}.wav", std::process::id()));
    media.open(BridgeSpec::default(), 9, Some(RecordingSpec { path })).expect("a leg");
    assert!(media.shutdown(Instant::now() + PATIENCE));
    let told: Vec<Event> = reports.try_iter().map(|report| report.event).collect();
    assert!(
        matches!(told[..], [Event::Closed(_), Event::Recorded(Recorded { bytes: 0, error: None, .. })]),
        "{told:?}"
    );
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    for (ports, workers) in [(22_041..=22_041, 1), (22_040..=22_049, 0), (22_040..=22_049, 65)] {
        let config = MediaConfig { address: [127, 0, 0, 1].into(), ports, workers, seed: [0; 32] };
        assert!(Media::start(config, |_| true).is_err());
    }
}
