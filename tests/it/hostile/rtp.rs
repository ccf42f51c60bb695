//! Datagrams at the ports of a call: other people's audio, other people's RTCP, noise.

use std::net::{SocketAddrV4, UdpSocket};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use trunkline::simulator::Persona;

use super::{assert_bounded, resident_mb, rtp_ports, stranger};
use crate::callees::{number, ring};
use crate::ledger;
use crate::switch::{Setup, eventually};

/// Loud PCMU, as a listener would send who wants to be heard.
fn loud(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160).map(|n| if n % 16 < 8 { 0x80 } else { 0x00 }));
    packet
}

/// RTCP BYE, well formed (RFC 3550 §6.6), then noise.
fn rtcp(dice: &mut StdRng) -> Vec<u8> {
    let mut packet = vec![0x81, 203, 0, 1];
    packet.extend(dice.random::<[u8; 4]>());
    if dice.random_bool(0.5) {
        packet = (0..dice.random_range(0..1_400)).map(|_| dice.random()).collect();
    }
    packet
}

#[test]
fn strangers_are_neither_heard_nor_recorded() {
    let (switch, callees) = ring(Setup::new().agent("silence_hangup_seconds = 5"));
    let strangers =
        [9, 10].map(|host| UdpSocket::bind((switch.place.neighbour(host), 0)).expect("an address of ours"));
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent), "prompt": "Hello" }));
    let before_mb = resident_mb(&switch);
    let ports = eventually("its ports", || Some(rtp_ports(&switch)).filter(|ports| !ports.is_empty()));
    let (mut dice, mut sequence) = (StdRng::seed_from_u64(3_550), 0_u16);
    let end = eventually("the end of a call under fire", || {
        for _ in 0..40 {
            sequence = sequence.wrapping_add(1);
            for (stranger, port) in
                strangers.iter().flat_map(|stranger| ports.iter().map(move |port| (stranger, *port)))
            {
                let noise: Vec<u8> = (0..dice.random_range(0..1_500)).map(|_| dice.random()).collect();
                for (packet, to) in [
                    (loud(sequence, 7), port),
                    (noise, port),
                    (rtcp(&mut dice), SocketAddrV4::new(*port.ip(), port.port() + 1)),
                ] {
                    // The port is closed when the call is over.
                    let _ = stranger.send_to(&packet, to);
                }
            }
        }
        let shown = switch.get(&format!("/v1/calls/{call}")).json;
        (!shown["ended_at"].is_null()).then_some(shown)
    });
    assert_eq!(end["ended_reason"], "silence_timeout", "{end}");
    let row = ledger::ended(&switch, &call);
    assert_eq!(row["verdict"], "no_speech", "{row}");
    let wav = std::fs::read(switch.data_dir().join(row["recording"].as_str().expect("a recording")))
        .expect("the file");
    let left =
        wav[44..].chunks(4).map(|pair| i64::from(i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs()));
    let loudest = left.max().expect("audio");
    assert!(loudest < 200, "a stranger of {loudest} was recorded as the callee");
    callees.await_over(1);
    let metrics = switch.metrics_until("strangers were counted", |metrics| {
        metrics.sum("trunkline_rtp_strangers_total", &[]) > 100.0
    });
    assert_eq!(metrics.sum("trunkline_mailbox_dropped_total", &[]), 0.0, "{metrics:?}");
    assert_bounded(&switch, before_mb);
}

#[test]
fn a_person_under_fire_is_still_a_person() {
    let (switch, callees) = ring(Setup::new());
    let stranger = UdpSocket::bind((stranger(&switch), 0)).expect("an address of ours");
    let calls: Vec<_> = (0..3)
        .map(|_| switch.call_with(json!({ "to_number": number(Persona::Person), "prompt": "Hello" })))
        .collect();
    let mut dice = StdRng::seed_from_u64(3_551);
    let mut sequence = 0_u16;
    let ends = eventually("three calls under fire", || {
        for port in rtp_ports(&switch) {
            for _ in 0..20 {
                sequence = sequence.wrapping_add(dice.random_range(0..300));
                let _ = stranger.send_to(&loud(sequence, dice.random()), port);
                let _ = stranger.send_to(&rtcp(&mut dice), SocketAddrV4::new(*port.ip(), port.port() + 1));
            }
        }
        let ends: Vec<_> = calls.iter().map(|call| switch.get(&format!("/v1/calls/{call}")).json).collect();
        ends.iter().all(|end| !end["ended_at"].is_null()).then_some(ends)
    });
    for (call, end) in calls.iter().zip(ends) {
        assert_eq!(
            (&end["status"], &end["ended_reason"]),
            (&json!("completed"), &json!("completed")),
            "{end}"
        );
        assert_eq!(ledger::ended(&switch, call)["verdict"], "human");
    }
    callees.await_over(3);
}
