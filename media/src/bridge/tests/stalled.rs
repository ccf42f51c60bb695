//! A far end of which nothing comes for a while: held back or lost by the network, or not sent at all.

use std::ops::Range;

use super::*;
use crate::rtp::{self, Header};

const HELLO: &[u8] = include_bytes!("../../../testdata/amd/hello.wav");
const VOICEMAIL: &[u8] = include_bytes!("../../../testdata/amd/voicemail.wav");
/// When somebody begins to speak, in ticks from the answer, and for how long we listen.
const BEGIN: u32 = 25;
const END: u32 = 500;

/// A packet of 20 ms.
struct Packet {
    sequence: u16,
    /// Ticks.
    spoken: u32,
    arrives: u32,
    payload_type: u8,
    payload: Vec<u8>,
}

/// A recording with silence around it, sent without a gap.
fn says(wav: &[u8]) -> Vec<Packet> {
    let clip = Clip::from_wav(wav).expect("a WAV");
    let mut frames = clip.pcmu().chunks_exact(FRAME);
    let packet = |tick: u32| {
        let silence = &[0xff; FRAME][..];
        let frame = if tick < BEGIN { silence } else { frames.next().unwrap_or(silence) };
        let sequence = 65_500u16.wrapping_add(tick as u16);
        Packet { sequence, spoken: tick, arrives: tick, payload_type: 0, payload: frame.to_vec() }
    };
    (0..END).map(packet).collect()
}

/// The tick in which the recording is over.
fn over(wav: &[u8]) -> u32 {
    BEGIN + (Clip::from_wav(wav).expect("a WAV").pcmu().len() / FRAME) as u32
}

/// The network lets nothing through, and delivers it late or never.
fn stalled(mut packets: Vec<Packet>, ticks: Range<u32>, lost: bool) -> Vec<Packet> {
    packets.retain(|packet| !(lost && ticks.contains(&packet.arrives)));
    for packet in packets.iter_mut().filter(|packet| ticks.contains(&packet.arrives)) {
        packet.arrives = ticks.end;
    }
    packets
}

/// The far end sends nothing, or nothing but comfort noise at the beginning.
fn pausing(mut packets: Vec<Packet>, ticks: Range<u32>, comfort: bool) -> Vec<Packet> {
    packets.retain(|packet| !ticks.contains(&packet.spoken) || comfort && packet.spoken == ticks.start);
    for (packet, sequence) in packets.iter_mut().zip(100..) {
        packet.sequence = sequence;
        if ticks.contains(&packet.spoken) {
            (packet.payload_type, packet.payload) = (13, vec![60]);
        }
    }
    packets
}

/// What is thought of who sends this, and the milliseconds from the answer.
fn judged(packets: &[Packet]) -> Vec<(amd::Class, u32)> {
    let mut pair = Pair::new(40, Wire::default(), listening(), deaf());
    pair.near(Command::Remote(agreement(&Capabilities::default()).0));
    pair.near(Command::Answered);
    for tick in 0..END {
        for Packet { sequence, spoken, payload_type, payload, .. } in
            packets.iter().filter(|packet| packet.arrives == tick)
        {
            let header = Header {
                payload_type: *payload_type,
                marker: false,
                sequence: *sequence,
                timestamp: 4_294_960_000u32.wrapping_add(spoken * 160),
                ssrc: 1,
            };
            let mut bytes = [0; 1_500];
            let length = rtp::write(&header, payload, &mut bytes);
            pair.near.bridge.handle_message(pair.now, Channel::Rtp, address(FAR), &bytes[..length]);
        }
        pair.advance(TICK);
    }
    let verdict = |event: &Event| match event {
        Event::Verdict(verdict) => Some((verdict.class, verdict.at_ms)),
        _ => None,
    };
    pair.near.events.iter().filter_map(|(_, event)| verdict(event)).collect()
}

/// When a person was recognised, and nothing else was.
#[track_caller]
fn person(packets: &[Packet]) -> u32 {
    match judged(packets)[..] {
        [(amd::Class::Human, at_ms)] => at_ms,
        ref verdicts => panic!("no person: {verdicts:?}"),
    }
}

#[test]
fn a_machine_is_no_person_because_the_network_stalls_in_its_greeting() {
    for begin in (BEGIN + 15..BEGIN + 150).step_by(9) {
        for (length, lost) in [(15, false), (15, true), (25, false), (25, true), (40, false), (40, true)] {
            let packets = stalled(says(VOICEMAIL), begin..begin + length, lost);
            let classes: Vec<_> = judged(&packets).into_iter().map(|(class, _)| class).collect();
            assert_eq!(classes, [amd::Class::Machine], "{length} ticks at {begin}, lost: {lost}");
        }
    }
}

#[test]
fn a_person_whose_silence_is_announced_or_has_been_before_does_not_wait() {
    let (hello, end) = (|| says(HELLO), over(HELLO));
    let steady = person(&hello());
    assert!((1_600..=1_800).contains(&steady), "{steady}");
    let announced = pausing(hello(), end..END, true);
    let known = pausing(pausing(hello(), 3..BEGIN, false), end..END, false);
    let never_sent = pausing(pausing(hello(), 0..BEGIN, false), end..end + 15, true);
    for packets in [announced, known, never_sent] {
        let at_ms = person(&packets);
        assert!(at_ms.abs_diff(steady) <= 40, "{at_ms} for {steady}");
    }
}

#[test]
fn the_end_of_an_unannounced_pause_tells_what_it_was() {
    // A packet of silence every 400 ms: the first says that the 400 ms before it were silence, too.
    let end = over(HELLO);
    let sparse = |packets| pausing(pausing(packets, end..end + 20, false), end + 21..end + 40, false);
    let at_ms = person(&sparse(says(HELLO)));
    assert!(at_ms.abs_diff(person(&says(HELLO))) <= 40, "{at_ms}");
}

#[test]
fn a_person_whose_words_are_held_up_stays_a_person() {
    let steady = person(&says(HELLO));
    for (length, lost) in [(15, false), (25, false), (40, false), (15, true)] {
        let begin = BEGIN + 16;
        let at_ms = person(&stalled(says(HELLO), begin..begin + length, lost));
        assert!(at_ms <= steady + length * 20 + 100, "{at_ms} for {steady} and {length} ticks");
    }
}

#[test]
fn whose_line_dies_after_hello_is_judged_within_a_second() {
    let end = over(HELLO);
    let at_ms = person(&stalled(says(HELLO), end..END, true));
    assert!((end * 20 + 500..=end * 20 + 1_100).contains(&at_ms), "{at_ms}");
    let dead = stalled(says(HELLO), BEGIN..END, true);
    assert_eq!(judged(&dead), [(amd::Class::NoSpeech, 5_000)], "not a word");
}
