//! SDP, and a bridge that hears packets: RTP, RTCP, telephone events, and what merely looks like them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::codec::Codec;
use trunkline_media::sdp::{self, Local};
use trunkline_media::{
    Bridge, BridgeSpec, Capabilities, Channel, Clip, Command, Digits, Srtp, rtp, srtp::Secret,
};

use crate::dice::Dice;
use crate::transcript::Transcript;
use crate::{memory, spoil};

/// What carriers and phones offer.
const DESCRIPTIONS: &[&str] = &[
    "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n\
     a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n",
    "v=0\r\no=- 1 2 IN IP6 2001:db8::2\r\ns=x\r\nt=0 0\r\nm=audio 40000/2 RTP/SAVP 9 96 13\r\nc=IN IP6 2001:db8::2\r\n\
     a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;usedtx=1\r\n\
     a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\na=rtcp-mux\r\n",
    "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=image 5000 udptl t38\r\n\
     m=audio 0 RTP/AVP 0\r\na=inactive\r\nm=audio 4000 RTP/AVP 8 18\r\na=maxptime:60\r\na=ptime:30\r\na=rtcp:4009\r\n",
];

fn capabilities(dice: &mut Dice) -> Capabilities {
    Capabilities {
        codecs: dice
            .pick(&[vec![Codec::Pcmu, Codec::Pcma], vec![Codec::G722, Codec::Pcma], vec![Codec::Pcmu]])
            .clone(),
        telephone_event: dice.chance(80),
        ptime_ms: *dice.pick(&[10, 20, 30, 60]),
        srtp: *dice.pick(&[Srtp::Off, Srtp::Offered, Srtp::Required]),
        rtcp_mux: dice.chance(50),
        comfort_noise: dice.chance(50),
    }
}

fn description(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(DESCRIPTIONS).as_bytes().to_vec();
    if dice.chance(80) {
        bytes = spoil::lines(dice, &bytes);
    }
    if dice.chance(20) {
        spoil::bytes(dice, &mut bytes);
    }
    bytes
}

fn here() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 30_000))
}

fn local(dice: &mut Dice) -> Local {
    let capabilities = capabilities(dice);
    Local::new(here(), 1, capabilities, Secret::new([dice.byte(); 32]))
}

pub fn run_sdp(dice: &mut Dice, transcript: &mut Transcript) {
    for _ in 0..20 {
        let mut ours = local(dice);
        let (_, pending) = ours.offer();
        for _ in 0..5 {
            let theirs = description(dice);
            transcript.bytes("description", &theirs);
            let _ = sdp::inspect(&theirs);
            if let Ok((answer, ..)) = ours.answer(&theirs) {
                transcript.bytes("answered", &answer);
                assert!(sdp::inspect(&answer).is_ok(), "our own answer can be read");
            }
            let _ = pending.preview(&theirs);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "some instant to count from; nothing depends on which")]
fn start() -> Instant {
    Instant::now()
}

/// What one step may set free.
const GIVEN_AT_ONCE_MAX: usize = 20_000;

pub fn run_bridge(dice: &mut Dice, transcript: &mut Transcript) {
    let memory = memory::live_bytes();
    let spec = BridgeSpec {
        detect: dice.chance(50).then(Default::default),
        record: dice.chance(50),
        inband_dtmf: dice.chance(50),
        ..BridgeSpec::default()
    };
    let mut bridge = Bridge::new(spec, dice.word());
    let mut ours = local(dice);
    let mut now = start();
    let began = now;
    for _ in 0..60 + dice.below(200) {
        match dice.below(12) {
            0 => command(dice, &mut bridge, &mut ours, now),
            1..=5 => {
                let due = bridge.poll_timeout().filter(|_| dice.chance(80));
                now = due.unwrap_or(now + Duration::from_millis(dice.number() % 3_000)).max(now);
                transcript.step(format_args!("it is {:?}", now - began));
                bridge.handle_timeout(now);
            }
            _ => {
                let packet = packet(dice);
                let channel = if dice.chance(75) { Channel::Rtp } else { Channel::Rtcp };
                let from = SocketAddr::from(([192, 0, 2, 2], *dice.pick(&[40_000, 40_001, 9])));
                transcript.bytes(&format!("{channel:?} from {from}"), &packet);
                bridge.handle_message(now, channel, from, &packet);
            }
        }
        drain(&mut bridge, now);
        memory::assert_bounded(memory);
    }
    bridge.handle_command(now, Command::Close);
    drain(&mut bridge, now);
}

fn command(dice: &mut Dice, bridge: &mut Bridge, ours: &mut Local, now: Instant) {
    let command = match dice.below(8) {
        0..=2 => {
            let theirs = description(dice);
            match ours.answer(&theirs) {
                Ok((_, negotiated, _)) => Command::Remote(negotiated),
                Err(_) => return,
            }
        }
        3 => Command::Answered,
        4 => {
            let samples = vec![dice.word() as i16; dice.below(2_000)];
            Command::Play { clip: Arc::new(Clip::from_samples(&samples)), mark: dice.chance(50).then_some(1) }
        }
        5 => Command::OpenGate,
        6 => Command::Clear,
        _ => match "12#".parse::<Digits>() {
            Ok(digits) => Command::SendDtmf { digits },
            Err(_) => return,
        },
    };
    bridge.handle_command(now, command);
}

/// A packet of some kind, more or less.
fn packet(dice: &mut Dice) -> Vec<u8> {
    let mut packet = match dice.below(8) {
        0 => spoil::stun(dice),
        1 => dice.bytes(1_500),
        2 | 3 => rtcp(dice),
        _ => rtp_packet(dice),
    };
    if dice.chance(25) {
        spoil::bytes(dice, &mut packet);
    }
    let _ = (rtp::read(&packet), rtp::is_rtcp(&packet));
    packet
}

fn rtp_packet(dice: &mut Dice) -> Vec<u8> {
    let (extended, sources) = (dice.chance(10), dice.below(3) as u8);
    let mut packet =
        vec![0x80 | u8::from(extended) << 4 | sources, *dice.pick(&[0, 8, 9, 13, 96, 101, 128, 229])];
    packet.extend((dice.below(40) as u16).wrapping_add(*dice.pick(&[0, 65_520, 30_000])).to_be_bytes());
    packet
        .extend((dice.below(40) as u32 * 160).wrapping_add(*dice.pick(&[0, u32::MAX - 3_000])).to_be_bytes());
    packet.extend(dice.pick(&[1u32, 2, 0]).to_be_bytes());
    packet.extend(std::iter::repeat_n(0, usize::from(sources) * 4));
    if extended {
        packet.extend([0xbe, 0xde]);
        packet.extend((dice.number() as u16 % 5).to_be_bytes());
    }
    match dice.below(3) {
        // A telephone event (RFC 4733 §2.3).
        0 => packet.extend([dice.byte() % 20, dice.byte(), dice.byte(), dice.byte()]),
        1 => packet.extend(std::iter::repeat_n(dice.byte(), *dice.pick(&[0, 1, 80, 160, 240, 480, 1_400]))),
        _ => packet.extend(dice.bytes(200)),
    }
    packet
}

fn rtcp(dice: &mut Dice) -> Vec<u8> {
    let mut packet = Vec::new();
    for _ in 0..=dice.below(3) {
        let body = dice.bytes(60);
        let count = dice.below(32) as u8;
        packet.extend([0x80 | count, *dice.pick(&[200, 201, 202, 203, 204, 205, 206, 207])]);
        let words = if dice.chance(70) { body.len() / 4 } else { dice.number() as usize };
        packet.extend((words as u16).to_be_bytes());
        packet.extend(&body[..body.len() / 4 * 4]);
    }
    packet
}

fn drain(bridge: &mut Bridge, now: Instant) {
    let mut polled = 0;
    loop {
        polled += 1;
        assert!(polled < GIVEN_AT_ONCE_MAX, "it never comes to an end");
        if let Some(transmit) = bridge.poll_transmit() {
            assert!(transmit.payload.len() <= 1_500, "a packet fits an Ethernet frame");
            continue;
        }
        let rested = bridge.poll_event().is_none()
            && bridge.poll_recording().is_none()
            && bridge.poll_spent().is_none();
        if rested {
            break;
        }
    }
    let next = bridge.poll_timeout();
    assert!(next.is_none_or(|next| next < now + Duration::from_secs(24 * 3600)), "no timer reaches far");
}
