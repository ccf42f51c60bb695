use proptest::prelude::*;

use super::*;
use crate::sdp::{self, Capabilities, Offer};

fn negotiated(codec: Codec, ptime_ms: u16) -> Negotiated {
    let near = "192.0.2.1:20000".parse().expect("an address");
    let (offer, _) = Offer::new(near, 1, &Capabilities::default());
    let (_, theirs) = sdp::answer(&offer.to_bytes(), near, 2, &Capabilities::default()).expect("an answer");
    Negotiated { codec, ptime_ms, ..theirs }
}

fn bundle(codec: Codec, ptime_ms: u16) -> Box<Bundle> {
    Bundle::new(&negotiated(codec, ptime_ms)).expect("a bundle")
}

/// A frame whose bytes tell its number.
fn frame(number: usize) -> [u8; FRAME] {
    [number as u8; FRAME]
}

/// Pushes so many frames in a row, the first as a spurt; length, timestamp and marker of each packet, and its tick.
fn packets(bundle: &mut Bundle, frames: usize) -> Vec<(usize, usize, u32, bool)> {
    let mut out = Vec::new();
    for tick in 0..frames {
        bundle.push(&frame(tick), tick as u32 * 160, tick == 0, tick == 0);
        while let Some(packet) = bundle.poll() {
            out.push((tick, packet.payload.len(), packet.timestamp, packet.marker));
        }
    }
    out
}

#[test]
fn g711_of_20_ms_needs_no_bundle() {
    assert!(Bundle::new(&negotiated(Codec::Pcmu, 20)).is_none());
    assert!(Bundle::new(&negotiated(Codec::Pcma, 20)).is_none());
    assert!(Bundle::new(&negotiated(Codec::G722, 20)).is_some());
}

#[test]
fn a_spurt_s_first_frame_leaves_in_its_own_tick_and_the_rest_in_bundles() {
    assert_eq!(
        packets(&mut bundle(Codec::Pcmu, 40), 5),
        [(0, 160, 0, true), (2, 320, 160, false), (4, 320, 480, false)]
    );
    assert_eq!(
        packets(&mut bundle(Codec::Pcma, 60), 7),
        [(0, 160, 0, true), (3, 480, 160, false), (6, 480, 640, false)]
    );
    assert_eq!(
        packets(&mut bundle(Codec::G722, 10), 2),
        [(0, 80, 0, true), (0, 80, 80, false), (1, 80, 160, false), (1, 80, 240, false)]
    );
    assert_eq!(
        packets(&mut bundle(Codec::Pcmu, 30), 4),
        [(0, 160, 0, true), (2, 240, 160, false), (3, 240, 400, false)]
    );
    assert_eq!(
        packets(&mut bundle(Codec::Pcmu, 50), 7),
        [(0, 160, 0, true), (3, 400, 160, false), (5, 400, 560, false)]
    );
}

#[test]
fn what_is_left_over_leaves_when_speech_ends() {
    let mut bundle = bundle(Codec::Pcmu, 60);
    packets(&mut bundle, 3);
    assert_eq!(bundle.poll(), None);
    bundle.flush();
    let left = bundle.poll().map(|packet| (packet.payload.len(), packet.timestamp));
    assert_eq!(left, Some((320, 160)));
    assert_eq!(bundle.poll(), None);
}

#[test]
fn silence_that_waits_does_not_hold_up_a_spurt() {
    let mut bundle = bundle(Codec::Pcmu, 60);
    bundle.push(&frame(1), 0, true, false);
    assert_eq!(bundle.poll(), None);
    bundle.push(&frame(2), 160, true, true);
    let packet = bundle.poll().expect("a packet");
    assert_eq!((packet.payload, packet.timestamp, packet.marker), ([2; FRAME].as_slice(), 160, true));
}

#[test]
fn lengths_that_cannot_be_made_become_ones_that_can() {
    for (codec, asked, made) in [
        (Codec::Pcmu, 0, 80),
        (Codec::Pcmu, 25, 160),
        (Codec::Pcmu, 200, 480),
        (Codec::Opus, 30, 160),
        (Codec::Opus, 50, 320),
        (Codec::Opus, 60, 480),
        (Codec::Opus, 10, 80),
    ] {
        assert_eq!(packet_samples(&negotiated(codec, asked)), made, "{codec:?} {asked}");
    }
}

#[test]
fn the_same_agreement_again_keeps_the_encoder() {
    let bundle = bundle(Codec::G722, 20);
    assert!(bundle.serves(&negotiated(Codec::G722, 20)));
    assert!(!bundle.serves(&negotiated(Codec::G722, 40)));
    assert!(!bundle.serves(&negotiated(Codec::Pcmu, 20)));
}

proptest! {
    #[test]
    fn every_byte_leaves_once_and_in_its_place(ptime in 1u16..=6, asked in proptest::collection::vec(0u8..8, 1..200)) {
        let ptime = ptime * 10;
        let Some(mut bundle) = Bundle::new(&negotiated(Codec::Pcmu, ptime)) else { return Ok(()) };
        let mut expected: Vec<(u32, u8)> = Vec::new();
        let mut got = Vec::new();
        for (tick, what) in asked.into_iter().enumerate() {
            let timestamp = tick as u32 * 160;
            match what {
                0 => bundle.flush(),
                _ => {
                    // A gap follows each flush, as in a leg.
                    bundle.push(&frame(tick), timestamp, false, false);
                    expected.extend((0..160).map(|n| (timestamp + n, tick as u8)));
                }
            }
            while let Some(packet) = bundle.poll() {
                prop_assert!(packet.payload.len() <= usize::from(ptime) * 8);
                got.extend((packet.timestamp..).zip(packet.payload.iter().copied()));
            }
        }
        bundle.flush();
        while let Some(packet) = bundle.poll() {
            got.extend((packet.timestamp..).zip(packet.payload.iter().copied()));
        }
        prop_assert_eq!(got, expected);
    }
}
