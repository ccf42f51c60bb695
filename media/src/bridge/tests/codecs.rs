//! Two bridges in every codec and packet length, with comfort noise, and with digits as tones.

use std::f64::consts::TAU;

use super::*;
use crate::{codec::Codec, rtp, sdp::Format};

const PTIMES: [u16; 6] = [10, 20, 30, 40, 50, 60];

fn codecs() -> impl Iterator<Item = Codec> {
    Codec::ALL.into_iter().filter(|codec| codec.is_available())
}

/// The near side's view, or the far side's, with this codec and packet length and comfort noise if asked.
fn with(negotiated: Negotiated, codec: Codec, ptime_ms: u16, comfort_noise: bool) -> Negotiated {
    let payload_type = codec.static_payload_type().unwrap_or(111);
    let clock_hz = codec.clock_hz();
    let incoming = [(payload_type, Format::Audio(codec)), (101, Format::Events { clock_hz })]
        .into_iter()
        .chain(comfort_noise.then_some((13, Format::ComfortNoise)))
        .collect();
    Negotiated {
        codec,
        payload_type,
        incoming,
        ptime_ms,
        comfort_noise: comfort_noise.then_some(13),
        telephone_event_hz: clock_hz,
        ..negotiated
    }
}

struct Spoken {
    codec: Codec,
    ptime_ms: u16,
    comfort_noise: bool,
    events: bool,
}

impl Spoken {
    fn plain(codec: Codec, ptime_ms: u16) -> Self {
        Self { codec, ptime_ms, comfort_noise: false, events: true }
    }

    fn connect(&self, seed: u64, wire: Wire, near: BridgeSpec, far: BridgeSpec) -> Pair {
        let mut pair = Pair::new(seed, wire, near, far);
        let (ours, theirs) = agreement(&Capabilities::default());
        let agree = |negotiated| {
            let mut agreed = with(negotiated, self.codec, self.ptime_ms, self.comfort_noise);
            agreed.telephone_event = self.events.then_some(101);
            agreed
        };
        pair.near(Command::Remote(agree(ours)));
        pair.far(Command::Remote(agree(theirs)));
        pair.near(Command::Answered);
        pair.far(Command::Answered);
        pair
    }
}

fn tone(milliseconds: usize, hz: f64) -> Arc<Clip> {
    let sample = |n: usize| (8_000.0 * (TAU * hz * n as f64 / 8_000.0).sin()) as i16;
    Arc::new(Clip::from_samples(&(0..milliseconds * 8).map(sample).collect::<Vec<_>>()))
}

/// The amplitude at this frequency, and that of all there is as if it were one tone.
fn measure(samples: &[i16], hz: f64) -> (f64, f64) {
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (sin, cos) = (TAU * hz * n as f64 / 8_000.0).sin_cos();
        re += f64::from(*sample) * cos;
        im += f64::from(*sample) * sin;
        energy += f64::from(*sample).powi(2);
    }
    let count = samples.len() as f64;
    (2.0 * re.hypot(im) / count, (2.0 * energy / count).sqrt())
}

fn audio(side: &Side, payload_type: u8) -> Vec<(rtp::Header, usize)> {
    side.sent
        .iter()
        .filter(|(channel, _)| *channel == Channel::Rtp)
        .filter_map(|(_, packet)| rtp::read(packet))
        .filter(|(header, _)| header.payload_type == payload_type)
        .map(|(header, payload)| (header, payload.len()))
        .collect()
}

#[test]
fn a_tone_survives_every_codec_and_packet_length() {
    for (codec, ptime_ms) in codecs().flat_map(|codec| PTIMES.map(|ptime_ms| (codec, ptime_ms))) {
        let mut pair = Spoken::plain(codec, ptime_ms).connect(1, Wire::default(), deaf(), deaf());
        pair.near(Command::OpenGate);
        pair.near(play(&tone(3_000, 1_000.0), 1));
        pair.advance(Duration::from_millis(2_500));
        let heard = pair.far.callee_side();
        let (at, all) = measure(&heard[8_000..16_000], 1_000.0);
        let (level, purity) = (20.0 * (at / 8_000.0).log10(), 20.0 * (at / all).log10());
        // Opus spends 24 kbit/s on speech, and a tone is none.
        assert!(
            level.abs() < if codec == Codec::Opus { 1.5 } else { 0.5 },
            "{codec:?} {ptime_ms}: {level} dB"
        );
        assert!(purity > -0.3, "{codec:?} {ptime_ms}: {purity} dB of it is the tone");
        let stats = pair.far.bridge.stats();
        assert_eq!(
            (stats.lost, stats.late, stats.malformed, stats.unknown),
            (0, 0, 0, 0),
            "{codec:?} {ptime_ms}"
        );
        // The short packet before the first long one leaves a gap.
        assert!(stats.concealed <= 3, "{codec:?} {ptime_ms}: {stats:?}");
    }
}

#[test]
fn packets_have_the_length_that_was_agreed_and_stand_on_one_time_line() {
    for (codec, ptime_ms) in codecs().flat_map(|codec| PTIMES.map(|ptime_ms| (codec, ptime_ms))) {
        let mut pair = Spoken::plain(codec, ptime_ms).connect(2, Wire::default(), deaf(), deaf());
        pair.advance(SECOND);
        pair.near.sent.clear();
        pair.near(Command::OpenGate);
        pair.near(play(&tone(10_000, 440.0), 1));
        pair.advance(SECOND);
        let packets = audio(&pair.near, codec.static_payload_type().unwrap_or(111));
        let made = if codec == Codec::Opus && matches!(ptime_ms, 30 | 50) { ptime_ms - 10 } else { ptime_ms };
        let scale = codec.clock_hz() / 8_000;
        assert!(
            packets[0].0.marker && packets[1..].iter().all(|(header, _)| !header.marker),
            "{codec:?} {ptime_ms}"
        );
        for pair in packets[1..].windows(2) {
            assert_eq!(pair[1].0.sequence, pair[0].0.sequence.wrapping_add(1));
            let step = pair[1].0.timestamp.wrapping_sub(pair[0].0.timestamp);
            assert_eq!(step, u32::from(made) * 8 * scale, "{codec:?} {ptime_ms}");
        }
        let spoken = packets.len() * usize::from(made);
        assert!((900..=1_100).contains(&spoken), "{codec:?} {ptime_ms}: {spoken} ms");
        if codec != Codec::Opus {
            assert!(packets[1..].iter().all(|(_, length)| *length == usize::from(made) * 8));
        }
    }
}

#[test]
fn the_agent_s_first_packet_leaves_in_its_own_tick_whatever_the_packet_length() {
    for (codec, ptime_ms) in codecs().flat_map(|codec| PTIMES.map(|ptime_ms| (codec, ptime_ms))) {
        let mut pair = Spoken::plain(codec, ptime_ms).connect(3, Wire::default(), deaf(), deaf());
        // With 60 ms, the tick of the gate falls into the middle of a bundle of silence.
        for _ in 0..4 {
            pair.advance(TICK);
        }
        pair.near.sent.clear();
        pair.near(play(&clip(500, 9_000), 1));
        pair.near(Command::OpenGate);
        pair.advance(TICK);
        let packets = audio(&pair.near, codec.static_payload_type().unwrap_or(111));
        assert!(packets.first().is_some_and(|(header, _)| header.marker), "{codec:?} {ptime_ms}");
        assert_eq!(pair.near.count(|event| matches!(event, Event::Opened { .. })), 1);
    }
}

#[test]
fn a_clip_is_heard_to_its_end_whatever_the_packet_length() {
    for ptime_ms in PTIMES {
        let mut pair = Spoken::plain(Codec::Pcmu, ptime_ms).connect(4, Wire::default(), deaf(), deaf());
        pair.near(Command::OpenGate);
        pair.near(play(&clip(500, 10_000), 1));
        pair.advance(2 * SECOND);
        let loud = pair.far.callee_side().iter().filter(|sample| **sample > 9_000).count();
        // Concealment may fill a gap at the beginning with more of it.
        assert!((4_000..=4_000 + 3 * FRAME).contains(&loud), "{ptime_ms}: {loud}");
    }
}

#[test]
fn digits_keep_their_pace_and_their_place_beside_any_packet_length() {
    for (codec, ptime_ms) in codecs().flat_map(|codec| PTIMES.map(|ptime_ms| (codec, ptime_ms))) {
        let mut pair = Spoken::plain(codec, ptime_ms).connect(5, Wire::default(), deaf(), deaf());
        pair.near(Command::OpenGate);
        pair.near(play(&tone(10_000, 440.0), 1));
        pair.advance(SECOND);
        pair.near.sent.clear();
        pair.near(Command::SendDtmf { digits: "19#".parse().expect("digits") });
        pair.advance(2 * SECOND);
        assert_eq!(pair.far.digits(), "19#", "{codec:?} {ptime_ms}");
        let scale = codec.clock_hz() / 8_000;
        let events = audio(&pair.near, 101);
        assert_eq!(events.len(), 21);
        let begun: Vec<u32> = events.iter().step_by(7).map(|(header, _)| header.timestamp).collect();
        assert!(
            begun.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 9 * 160 * scale),
            "{codec:?} {ptime_ms}"
        );
        // Whatever is sent, numbers follow each other, and no audio comes after an event that is younger.
        let all: Vec<rtp::Header> = pair
            .near
            .sent
            .iter()
            .filter(|(channel, _)| *channel == Channel::Rtp)
            .filter_map(|(_, packet)| rtp::read(packet).map(|(header, _)| header))
            .collect();
        for pair in all.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert!(rtp::timestamp_ahead(pair[1].timestamp, pair[0].timestamp) >= 0, "{codec:?} {ptime_ms}");
        }
        assert!(pair.far.events.iter().all(|(_, event)| match event {
            Event::Dtmf { duration, .. } => *duration == Duration::from_millis(100),
            _ => true,
        }));
    }
}

#[test]
fn keys_leave_jitter_and_delay_as_they_were() {
    for codec in codecs() {
        let mut pair = Spoken::plain(codec, 20).connect(6, Wire::default(), deaf(), deaf());
        pair.near(Command::OpenGate);
        pair.near(play(&tone(10_000, 440.0), 1));
        pair.advance(SECOND);
        let before = pair.far.bridge.stats();
        pair.near(Command::SendDtmf { digits: "1234567890".parse().expect("digits") });
        pair.advance(3 * SECOND);
        let after = pair.far.bridge.stats();
        assert_eq!(pair.far.digits(), "1234567890", "{codec:?}");
        assert_eq!(after.playout_delay, before.playout_delay, "{codec:?}");
        assert!(after.jitter <= before.jitter + Duration::from_millis(1), "{codec:?}: {:?}", after.jitter);
    }
}

#[test]
#[cfg_attr(not(feature = "opus"), ignore = "needs the feature opus")]
fn beside_opus_an_event_s_length_is_told_at_8_khz_where_that_was_agreed() {
    let mut pair = Pair::new(18, Wire::default(), deaf(), deaf());
    let (ours, theirs) = agreement(&Capabilities::default());
    let agree = |negotiated| Negotiated {
        telephone_event: Some(101),
        telephone_event_hz: 8_000,
        incoming: [(111, Format::Audio(Codec::Opus)), (101, Format::Events { clock_hz: 8_000 })]
            .into_iter()
            .collect(),
        ..with(negotiated, Codec::Opus, 20, false)
    };
    pair.near(Command::Remote(agree(ours)));
    pair.far(Command::Remote(agree(theirs)));
    pair.near(Command::Answered);
    pair.far(Command::Answered);
    pair.advance(SECOND);
    pair.near(Command::SendDtmf { digits: "90".parse().expect("digits") });
    pair.advance(SECOND);
    let told: Vec<Duration> = pair
        .far
        .events
        .iter()
        .filter_map(
            |(_, event)| if let Event::Dtmf { duration, .. } = event { Some(*duration) } else { None },
        )
        .collect();
    assert_eq!((pair.far.digits().as_str(), told), ("90", vec![Duration::from_millis(100); 2]));
    let begun: Vec<u32> =
        audio(&pair.near, 101).iter().step_by(7).map(|(header, _)| header.timestamp).collect();
    // The line of the timestamps is the audio's all the same.
    assert_eq!(begun[1].wrapping_sub(begun[0]), 9 * 160 * 6);
}

#[test]
fn a_bad_wire_is_heard_as_one_stream_in_every_codec_and_long_packets() {
    for (codec, ptime_ms) in codecs().flat_map(|codec| [20, 30, 60].map(|ptime_ms| (codec, ptime_ms))) {
        let mut pair = Spoken::plain(codec, ptime_ms).connect(6, BAD, deaf(), deaf());
        pair.near(Command::OpenGate);
        pair.near(play(&tone(20_000, 800.0), 1));
        pair.advance(20 * SECOND);
        let stats = pair.far.bridge.stats();
        assert!(stats.concealed < 350, "{codec:?} {ptime_ms}: {stats:?}");
        let heard = pair.far.callee_side();
        let (_, all) = measure(&heard[8_000..150_000], 800.0);
        assert!(all > 5_500.0, "{codec:?} {ptime_ms}: {all}");
    }
}

#[test]
fn a_person_is_told_from_silence_in_every_codec() {
    for codec in codecs() {
        let mut pair = Spoken::plain(codec, 20).connect(7, Wire::default(), listening(), deaf());
        pair.far(Command::OpenGate);
        pair.far(play(&greeting(700), 1));
        pair.advance(4 * SECOND);
        let human =
            |event: &Event| matches!(event, Event::Verdict(verdict) if verdict.class == amd::Class::Human);
        assert_eq!(pair.near.count(human), 1, "{codec:?}: {:#?}", pair.near.events);
    }
}

#[test]
fn a_change_of_codec_in_mid_call_is_heard_through() {
    let mut pair = Spoken::plain(Codec::Pcmu, 20).connect(8, Wire::default(), deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.near(play(&tone(10_000, 500.0), 1));
    pair.advance(2 * SECOND);
    let (ours, theirs) = agreement(&Capabilities::default());
    pair.far(Command::Remote(with(theirs, Codec::G722, 20, false)));
    pair.near(Command::Remote(with(ours, Codec::G722, 40, false)));
    pair.advance(3 * SECOND);
    let heard = pair.far.callee_side();
    let (at, _) = measure(&heard[24_000..32_000], 500.0);
    assert!((7_500.0..8_500.0).contains(&at), "{at}");
}

#[test]
fn silence_that_was_agreed_to_be_announced_is_announced() {
    let spoken = Spoken { comfort_noise: true, ..Spoken::plain(Codec::Pcmu, 20) };
    let mut pair = spoken.connect(9, Wire::default(), deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.near(play(&clip(1_000, 5_000), 1));
    pair.advance(5 * SECOND);
    let (noise, speech) = (audio(&pair.near, 13), audio(&pair.near, 0));
    // One at the end of the 200 ms of silence, then one every 400 ms; no audio beside them.
    assert!((9..=11).contains(&noise.len()), "{}", noise.len());
    assert!((60..=62).contains(&speech.len()), "{}", speech.len());
    assert!(noise.iter().all(|(header, length)| !header.marker && *length == 1));
    let stats = pair.far.bridge.stats();
    assert_eq!((stats.lost, stats.unknown, stats.malformed, stats.concealed), (0, 0, 0, 0), "{stats:?}");
    // The far side hears it: not digital silence, and hardly anything.
    let tail = &pair.far.callee_side()[32_000..];
    assert!(tail.iter().all(|sample| sample.unsigned_abs() < 40) && tail.iter().any(|sample| *sample != 0));
    pair.near.sent.clear();
    pair.near(play(&clip(500, 5_000), 2));
    pair.advance(SECOND);
    assert!(audio(&pair.near, 0)[0].0.marker);
}

#[test]
fn without_agreement_silence_is_sent_as_audio() {
    let mut pair = Spoken::plain(Codec::Pcmu, 20).connect(10, Wire::default(), deaf(), deaf());
    pair.advance(5 * SECOND);
    assert_eq!(audio(&pair.near, 13), []);
    assert!(audio(&pair.near, 0).len() > 15);
}

/// A packet of comfort noise from the far side, out of order with nothing.
fn noise_packet(pair: &mut Pair, sequence: u16, timestamp: u32, level: u8) {
    let header = rtp::Header { payload_type: 13, marker: false, sequence, timestamp, ssrc: 77 };
    let mut packet = [0; 32];
    let length = rtp::write(&header, &[level], &mut packet);
    pair.near.bridge.handle_message(pair.now, Channel::Rtp, address(FAR), &packet[..length]);
    pair.carry();
}

#[test]
fn announced_silence_is_no_rtp_timeout_until_it_lasts_far_too_long() {
    let spec = BridgeSpec { rtp_timeout: 2 * SECOND, ..deaf() };
    let mut pair = Pair::new(11, Wire { loss: 100, ..Wire::default() }, spec, deaf());
    pair.near(Command::Remote(agreement(&Capabilities::default()).0));
    pair.near(Command::Answered);
    let told = |pair: &Pair| pair.near.count(|event| matches!(event, Event::RtpTimeout));
    // Renewed every three seconds; and unasked, since its payload type is fixed.
    for number in 0..5u16 {
        noise_packet(&mut pair, number, u32::from(number) * 24_000, 60);
        pair.advance(3 * SECOND);
    }
    assert_eq!(told(&pair), 0);
    assert_eq!(pair.near.bridge.stats().unknown, 0);
    pair.advance(4 * SECOND);
    assert_eq!(told(&pair), 0, "seven seconds since the last");
    pair.advance(2 * SECOND);
    assert_eq!(told(&pair), 1, "four times two seconds since the last");
}

#[test]
fn reports_show_that_an_announced_silence_is_alive() {
    let spec = BridgeSpec { rtp_timeout: SECOND, ..deaf() };
    let mut pair = Pair::new(12, Wire { loss: 100, ..Wire::default() }, spec, deaf());
    pair.near(Command::Remote(agreement(&Capabilities::default()).0));
    pair.near(Command::Answered);
    noise_packet(&mut pair, 1, 0, 60);
    for _ in 0..10 {
        pair.advance(3 * SECOND);
        // A receiver report about nobody.
        let report = [0x80, 201, 0, 1, 0, 0, 0, 77];
        pair.near.bridge.handle_message(pair.now, Channel::Rtcp, address("192.0.2.2:30001"), &report);
    }
    assert_eq!(pair.near.count(|event| matches!(event, Event::RtpTimeout)), 0);
}

fn with_ears() -> BridgeSpec {
    BridgeSpec { inband_dtmf: true, ..deaf() }
}

#[test]
fn without_telephone_events_digits_go_as_tones_in_every_codec() {
    for (codec, ptime_ms) in codecs().flat_map(|codec| [20, 60].map(|ptime_ms| (codec, ptime_ms))) {
        let spoken = Spoken { events: false, ..Spoken::plain(codec, ptime_ms) };
        let mut pair = spoken.connect(13, Wire::default(), deaf(), with_ears());
        pair.near(Command::OpenGate);
        pair.near(play(&clip(500, 3_000), 1));
        pair.advance(SECOND);
        pair.near(Command::SendDtmf { digits: "0123456789*#ABCD".parse().expect("digits") });
        pair.near(play(&clip(100, 3_000), 2));
        pair.advance(5 * SECOND);
        assert_eq!(pair.far.digits(), "0123456789*#ABCD", "{codec:?} {ptime_ms}");
        assert_eq!(pair.near.count(|event| matches!(event, Event::DtmfSent { sent: true })), 1);
        assert_eq!(pair.near.marks(), [(1, false), (2, false)], "the queue waits, and goes on");
        assert_eq!(audio(&pair.near, 101), []);
    }
}

#[test]
fn digits_leave_as_was_agreed_last() {
    let spoken = Spoken { events: false, ..Spoken::plain(Codec::Pcma, 20) };
    let mut pair = spoken.connect(14, Wire::default(), deaf(), with_ears());
    pair.advance(SECOND);
    pair.near(Command::SendDtmf { digits: "42".parse().expect("digits") });
    pair.advance(SECOND);
    assert_eq!((pair.far.digits().as_str(), audio(&pair.near, 101).len()), ("42", 0));
    let (ours, theirs) = agreement(&Capabilities::default());
    pair.near(Command::Remote(ours));
    pair.far(Command::Remote(theirs));
    pair.near(Command::SendDtmf { digits: "7".parse().expect("a digit") });
    pair.advance(SECOND);
    assert_eq!((pair.far.digits().as_str(), audio(&pair.near, 101).len()), ("427", 7));
}

#[test]
fn nobody_listens_for_tones_unless_asked() {
    let spoken = Spoken { events: false, ..Spoken::plain(Codec::Pcmu, 20) };
    let mut pair = spoken.connect(15, Wire::default(), deaf(), deaf());
    pair.advance(SECOND);
    pair.near(Command::SendDtmf { digits: "42".parse().expect("digits") });
    pair.advance(SECOND);
    assert_eq!(pair.far.digits(), "");
}

#[test]
fn events_are_told_once_where_tones_are_listened_for_too() {
    let mut pair = Spoken::plain(Codec::Pcmu, 20).connect(16, Wire::default(), deaf(), with_ears());
    pair.advance(SECOND);
    pair.near(Command::SendDtmf { digits: "1122".parse().expect("digits") });
    pair.advance(2 * SECOND);
    assert_eq!(pair.far.digits(), "1122");
}

#[test]
fn a_codec_that_this_build_has_not_sends_nothing_and_hears_nothing() {
    if Codec::Opus.is_available() {
        return;
    }
    let mut pair = Spoken::plain(Codec::Opus, 20).connect(17, Wire::default(), deaf(), deaf());
    pair.near(Command::OpenGate);
    pair.near(play(&clip(500, 3_000), 1));
    pair.advance(SECOND);
    assert!(audio(&pair.near, 111).is_empty());
    assert_eq!(pair.near.marks(), [(1, false)]);
}
