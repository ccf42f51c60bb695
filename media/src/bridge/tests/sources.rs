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
