//! A far end whose packets come from a new source: a transfer behind it, a restart.

use super::*;
use crate::rtp::{self, Header};

/// A packet of the far end's.
fn packet(ssrc: u32, sequence: u16, timestamp: u32, payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let header = Header { payload_type, marker: false, sequence, timestamp, ssrc };
    let mut packet = [0; 1_500];
    let length = rtp::write(&header, payload, &mut packet);
    packet[..length].to_vec()
}

/// Half a second of silence with a key in its middle, 20 ms a packet.
fn press(pair: &mut Pair, ssrc: u32, first: u16, timestamp: u32, key: u8) {
    for index in 0..25u16 {
        let at = timestamp.wrapping_add(u32::from(index) * 160);
        let bytes = match index {
            10..15 => {
                let [high, low] = ((index - 9) * 160).to_be_bytes();
                let end = if index == 14 { 0x80 } else { 0 };
                packet(ssrc, first + index, timestamp.wrapping_add(1_600), 101, &[key, end | 10, high, low])
            }
            _ => packet(ssrc, first + index, at, 0, &[0xff; FRAME]),
        };
        pair.near.bridge.handle_message(pair.now, Channel::Rtp, address(FAR), &bytes);
        pair.advance(TICK);
    }
}

fn pressed_at() -> Pair {
    let mut pair = Pair::new(30, Wire::default(), deaf(), deaf());
    pair.near(Command::Remote(agreement(&Capabilities::default()).0));
    pair.near(Command::Answered);
    pair
}

#[test]
fn keys_are_heard_of_another_source_whose_timestamps_are_behind() {
    let mut pair = pressed_at();
    press(&mut pair, 1, 100, 3_000_000_000, 5);
    press(&mut pair, 2, 9_000, 2_000_000_000, 6);
    press(&mut pair, 3, 50, 2_000_000_000 - 8_000, 7);
    // The same source may begin anew.
    press(&mut pair, 3, 40_000, 1_000, 8);
    assert_eq!(pair.near.digits(), "5678");
}

#[test]
fn what_was_not_agreed_upon_is_ignored_and_not_lost() {
    let mut pair = pressed_at();
    for index in 0..100u16 {
        let payload_type = if index % 10 == 5 { 19 } else { 0 };
        let bytes = packet(1, index, u32::from(index) * 160, payload_type, &[0xff; FRAME]);
        pair.near.bridge.handle_message(pair.now, Channel::Rtp, address(FAR), &bytes);
        pair.advance(TICK);
    }
    // A stranger's numbers are none of this source's.
    let bytes = packet(2, 5_000, 0, 19, &[0xff; FRAME]);
    pair.near.bridge.handle_message(pair.now, Channel::Rtp, address(FAR), &bytes);
    let stats = pair.near.bridge.stats();
    assert_eq!((stats.unknown, stats.packets_in, stats.lost), (11, 90, 0), "{stats:?}");
}

#[test]
fn reports_go_to_where_the_far_end_is_now() {
    let mut pair = pressed_at();
    // An empty receiver report (RFC 3550 §6.4.2), from where it was.
    let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
    let beside = |at: SocketAddr| SocketAddr::new(at.ip(), at.port() + 1);
    pair.near.bridge.handle_message(pair.now, Channel::Rtcp, beside(address(FAR)), &report);
    let negotiated = agreement(&Capabilities::default()).0;
    let there = "198.51.100.77:7000".parse().expect("an address");
    let moved = Negotiated { remote: Some(there), remote_rtcp: Some(beside(there)), ..negotiated.clone() };
    let mut reports_to = |negotiated: Negotiated| {
        pair.near(Command::Remote(negotiated));
        let mut places = Vec::new();
        for _ in 0..500 {
            pair.now += TICK;
            pair.near.bridge.handle_timeout(pair.now);
            while let Some(transmit) = pair.near.bridge.poll_transmit() {
                if matches!(transmit.channel, Channel::Rtcp) {
                    places.push(transmit.to);
                }
            }
        }
        places.dedup();
        places
    };
    assert_eq!(reports_to(negotiated), [beside(address(FAR))]);
    assert_eq!(reports_to(moved), [beside(there)]);
}
