//! One leg's sockets, read tick by tick.

use std::net::{IpAddr, UdpSocket};

use super::*;
use crate::{
    bridge::BridgeSpec,
    rtp::{self, Header},
    sdp::{self, Capabilities, Offer},
};

/// A leg on a port of its own, and a telephone's two sockets beside it.
struct Scene {
    now: Instant,
    member: Member,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    buffer: Box<[u8; DATAGRAM_MAX]>,
    recent: Recent,
}

impl Scene {
    fn on(port: u16) -> Self {
        // An address of this process's own, so that two runs at a time don't take each other's ports.
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let address: IpAddr = [127, 64 | high & 63, middle, low.clamp(1, 254)].into();
        let pool = PortPool::new(address, &(port..=port + 1)).expect("a pair");
        let socket = || UdpSocket::bind((address, 0)).expect("a socket");
        let member = Member {
            leg: LegId::for_tests(1),
            token: 1,
            bridge: Box::new(Bridge::new(BridgeSpec::default(), 7)),
            pair: pool.bind().expect("sockets").expect("a pair"),
            slot: 0,
            frames: None,
            until_second: SECOND,
            fresh: true,
            told: Stats::default(),
            appetite: Appetite::new(),
            closed: false,
        };
        Self {
            now: Instant::now(),
            member,
            rtp: socket(),
            rtcp: socket(),
            buffer: Box::new([0; DATAGRAM_MAX]),
            recent: Recent::new(),
        }
    }

    /// The telephone's answer to our offer came.
    fn agree(&mut self) {
        let (offer, pending) = Offer::new(self.member.pair.local, 1, &Capabilities::default());
        let address = self.rtp.local_addr().expect("an address");
        let (answer, _) =
            sdp::answer(&offer.to_bytes(), address, 2, &Capabilities::default()).expect("an answer");
        let negotiated = pending.accept(&answer).expect("agreement");
        self.member.bridge.handle_command(self.now, Command::Remote(negotiated));
    }

    fn send(&self, sequence: u16) {
        let timestamp = u32::from(sequence) * 160;
        let header = Header { payload_type: 0, marker: false, sequence, timestamp, ssrc: 9 };
        let mut packet = [0; 200];
        let length = rtp::write(&header, &[0xff; 160], &mut packet);
        self.rtp.send_to(&packet[..length], self.member.pair.local).expect("sent");
    }

    fn tick(&mut self) {
        self.now += Duration::from_millis(20);
        self.member.read(self.now, &mut self.buffer, &mut self.recent);
    }
}

#[test]
fn of_what_came_before_any_agreement_the_end_alone_is_heard() {
    let mut scene = Scene::on(21_060);
    (0..100).for_each(|sequence| scene.send(sequence));
    scene.agree();
    scene.tick();
    let stats = scene.member.bridge.stats();
    assert_eq!((stats.packets_in, stats.lost, stats.late), (10, 0, 0));
    scene.send(100);
    scene.tick();
    assert_eq!(scene.member.bridge.stats().packets_in, 11, "and all that comes from now on");
}

#[test]
fn reports_wait_for_a_tenth_of_a_second() {
    let mut scene = Scene::on(21_070);
    scene.agree();
    scene.tick();
    let mut local = scene.member.pair.local;
    local.set_port(local.port() + 1);
    // An empty receiver report (RFC 3550 §6.4.2).
    scene.rtcp.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 1], local).expect("sent");
    for _ in 0..RTCP_TICKS {
        scene.tick();
    }
    assert_eq!(scene.member.bridge.stats().remote_reports, 1);
}

#[test]
fn what_came_while_we_were_held_up_is_heard_and_nothing_is_made_up() {
    let mut scene = Scene::on(21_080);
    scene.agree();
    scene.member.bridge.handle_command(scene.now, Command::Answered);
    let (mut sequence, mut stalled) = (0, 0);
    scene.member.bridge.handle_timeout(scene.now);
    for round in 0..200 {
        // Now and then the thread gets no turn for a tenth of a second, in which the telephone talks on.
        let ticks = if round > 50 && round % 20 == 0 { 5 } else { 1 };
        stalled += usize::from(ticks > 1);
        scene.now += Duration::from_millis(20 * (ticks - 1));
        for _ in 0..ticks {
            scene.send(sequence);
            sequence += 1;
        }
        scene.tick();
        while scene.member.bridge.poll_timeout().is_some_and(|due| due <= scene.now) {
            scene.member.bridge.handle_timeout(scene.now);
        }
    }
    let stats = scene.member.bridge.stats();
    assert_eq!((stalled, stats.packets_in), (7, u64::from(sequence)));
    assert_eq!((stats.lost, stats.late, stats.concealed), (0, 0, 0), "{stats:?}");
}
