use proptest::prelude::*;

use super::*;

/// A sender whose sample at any timestamp is known: the packet's number, as a PCMU byte.
struct Line {
    jitter: Jitter,
    played: Vec<(Heard, i16)>,
}

impl Line {
    fn new() -> Self {
        Self { jitter: Jitter::new(), played: Vec::new() }
    }

    fn put(&mut self, number: u16) {
        self.put_at(number, u32::from(number) * 160, 160, 0);
    }

    fn put_at(&mut self, number: u16, timestamp: u32, length: usize, jitter: u32) {
        assert!(self.jitter.insert(number, timestamp, Codec::Pcmu, &vec![byte(number); length], jitter));
    }

    fn pull(&mut self) -> (Heard, i16) {
        let mut frame = [0; FRAME];
        let heard = self.jitter.pull(&mut frame);
        self.played.push((heard, frame[FRAME - 1]));
        (heard, frame[FRAME - 1])
    }
}

fn byte(number: u16) -> u8 {
    0x80 | (number % 100) as u8
}

fn sample(number: u16) -> i16 {
    let mut sample = [0];
    crate::g711::Law::Mu.decode(&[byte(number)], &mut sample);
    sample[0]
}

#[test]
fn a_steady_stream_plays_one_frame_later() {
    let mut line = Line::new();
    for number in 65_500..=u16::MAX {
        line.put(number);
        line.pull();
    }
    assert_eq!(line.played[0], (Heard::Silence, 0));
    for (index, number) in (65_500..u16::MAX).enumerate() {
        assert_eq!(line.played[index + 1], (Heard::Audio, sample(number)));
    }
}

#[test]
fn numbers_and_timestamps_may_wrap() {
    let mut line = Line::new();
    for index in 0..20u16 {
        let number = 65_530u16.wrapping_add(index);
        line.put_at(number, (u32::MAX - 1_000).wrapping_add(u32::from(index) * 160), 160, 0);
        let (heard, _) = line.pull();
        assert_eq!(heard, if index == 0 { Heard::Silence } else { Heard::Audio });
    }
    assert_eq!(line.jitter.figures(), Figures::default());
}

#[test]
fn reordered_and_repeated_packets_play_once_in_order() {
    let mut line = Line::new();
    for pair in 0..10u16 {
        line.put(pair * 2 + 1);
        line.put(pair * 2);
        line.put(pair * 2 + 1);
        line.pull();
        line.pull();
    }
    let audio: Vec<i16> =
        line.played.iter().filter(|(heard, _)| *heard == Heard::Audio).map(|(_, last)| *last).collect();
    assert!(audio.len() >= 18);
    for pair in audio.windows(2).zip((0..19).map(|number| [sample(number), sample(number + 1)])) {
        assert_eq!(pair.0, pair.1);
    }
}

#[test]
fn a_lost_packet_is_concealed_and_time_goes_on() {
    let mut line = Line::new();
    for number in 0..20 {
        if number != 10 {
            line.put(number);
        }
        line.pull();
    }
    assert_eq!(line.played[11].0, Heard::Concealed);
    assert_eq!(line.played[12], (Heard::Audio, sample(11)));
    assert_eq!(line.jitter.figures().concealed, 1);
}

#[test]
fn packets_of_any_length_make_frames_of_twenty_milliseconds() {
    for length in [80u32, 160, 240, 320, 480] {
        let mut line = Line::new();
        let (mut sent, mut number) = (0u32, 0u16);
        for tick in 0..60u32 {
            while sent <= tick * 160 + 320 {
                line.put_at(number, sent, length as usize, 0);
                number += 1;
                sent += length;
            }
            line.pull();
        }
        assert!(line.played[3..].iter().all(|(heard, _)| *heard == Heard::Audio), "{length}");
    }
    let mut jitter = Jitter::new();
    assert!(!jitter.insert(1, 0, Codec::Pcmu, &[0; PAYLOAD_MAX + 1], 0));
    assert!(!jitter.insert(1, 0, Codec::Pcmu, &[], 0));
}

/// A byte that tells its timestamp, in steps of 10 ms.
fn mark(timestamp: u32) -> u8 {
    byte((timestamp / 80 % 100) as u16)
}

/// Plays a stream whose packets have these lengths, over and over, each sent when its last sample was spoken; `lost` says
/// which are.
fn mixed(lengths: &[u32], packets: u16, lost: impl Fn(u16) -> bool) -> (Jitter, Vec<(Heard, [i16; FRAME])>) {
    let mut jitter = Jitter::new();
    let mut played = Vec::new();
    let (mut timestamp, mut ticks) = (8_000u32, 8_000u32);
    for number in 0..packets {
        let length = lengths[usize::from(number) % lengths.len()];
        while ticks < timestamp + length {
            let mut frame = [0; FRAME];
            played.push((jitter.pull(&mut frame), frame));
            ticks += 160;
        }
        let payload: Vec<u8> = (timestamp..timestamp + length).map(mark).collect();
        if !lost(number) {
            assert!(jitter.insert(number, timestamp, Codec::Pcmu, &payload, 0));
        }
        timestamp += length;
    }
    (jitter, played)
}

/// The timestamp of a frame's first sample, modulo 8,000; None: it isn't one piece of the line.
fn place(frame: &[i16; FRAME]) -> Option<u32> {
    let first = (0..8_000).step_by(80).find(|at| level(mark(*at)) == frame[0])?;
    (0..FRAME as u32).all(|n| level(mark(first + n)) == frame[n as usize]).then_some(first)
}

fn level(byte: u8) -> i16 {
    let mut sample = [0];
    crate::g711::Law::Mu.decode(&[byte], &mut sample);
    sample[0]
}

#[test]
fn a_short_packet_before_long_ones_costs_one_gap_and_no_heads() {
    for length in [240, 320, 400, 480] {
        let mut lengths = vec![length; 100];
        lengths[0] = 160;
        let (jitter, played) = mixed(&lengths, 100, |_| false);
        let first = played.iter().position(|(heard, _)| *heard == Heard::Audio).expect("audio");
        let concealed = played[first..].iter().filter(|(heard, _)| *heard != Heard::Audio).count();
        assert!(concealed <= 2, "{length}: {concealed}");
        assert_eq!(jitter.figures().late, 0, "{length}");
        let places: Vec<Option<u32>> = played[first + 10..].iter().map(|(_, frame)| place(frame)).collect();
        assert!(places.windows(2).all(|pair| {
            pair[0].zip(pair[1]).is_some_and(|(before, after)| (before + 160) % 8_000 == after)
        }));
    }
}

#[test]
fn a_lost_packet_of_60_ms_is_concealed_and_time_goes_on() {
    let (jitter, played) = mixed(&[480], 60, |number| number == 30);
    let steady = &played[9..];
    let concealed: Vec<usize> = steady
        .iter()
        .enumerate()
        .filter(|(_, (heard, _))| *heard == Heard::Concealed)
        .map(|(at, _)| at)
        .collect();
    assert!((3..=4).contains(&concealed.len()), "{concealed:?}");
    assert_eq!(jitter.figures().late, 0);
    // 60 ms are missing and were filled by as much: the line after is where it would have been.
    let at = |index: usize| place(&steady[index].1).expect("a piece of the line");
    let last = steady.len() - 1;
    assert_eq!((at(0) + 160 * last as u32) % 8_000, at(last));
}

#[test]
fn comfort_noise_fills_the_silence_it_announces() {
    let mut line = Line::new();
    for number in 0..5 {
        line.put(number);
        line.pull();
    }
    assert!(line.jitter.insert_noise(5, 5 * 160, &[50]));
    for _ in 0..100 {
        line.pull();
    }
    assert!(line.jitter.is_hushed());
    for number in 6..16u16 {
        line.put_at(number, (u32::from(number) + 99) * 160, 160, 0);
        line.pull();
    }
    assert!(!line.jitter.is_hushed());
    let silent = &line.played[6..105];
    assert!(silent.iter().all(|(heard, _)| *heard == Heard::Silence));
    assert!(silent.iter().filter(|(_, last)| (1..400).contains(&last.unsigned_abs())).count() > 80);
    assert_eq!(line.played[114], (Heard::Audio, sample(14)));
    assert_eq!((line.jitter.figures().concealed, line.jitter.figures().late), (0, 0));
    assert!(!line.jitter.insert_noise(16, 0, &[]));
}

#[test]
fn noise_that_is_renewed_gets_louder_or_softer() {
    let mut line = Line::new();
    let mut frame = [0; FRAME];
    let mut loudness = |line: &mut Line| -> u32 {
        (0..10).for_each(|_| assert_eq!(line.jitter.pull(&mut frame), Heard::Silence));
        frame.iter().map(|sample| u32::from(sample.unsigned_abs())).sum()
    };
    assert!(line.jitter.insert_noise(1, 160, &[40]));
    let loud = loudness(&mut line);
    // What stands after the level changes nothing.
    assert!(line.jitter.insert_noise(2, 4_000, &[60, 12, 200, 7]));
    let soft = loudness(&mut line);
    // 20 dB.
    assert!(loud > 8 * soft && loud < 12 * soft, "{loud}, {soft}");
}

#[test]
fn g722_is_decoded_in_order_and_once() {
    let mut encoder = crate::g722::Encoder::new();
    let tone: Vec<i16> = (0..16_000).map(|n| (8_000.0 * (n as f32 * 0.3).sin()) as i16).collect();
    let mut bytes = vec![0; tone.len()];
    encoder.encode(&tone, &mut bytes);
    let mut whole = vec![0; tone.len()];
    crate::g722::Decoder::new().decode(&bytes, &mut whole);
    for length in [80usize, 240, 480] {
        let mut jitter = Jitter::new();
        jitter.prepare(Codec::G722);
        let mut heard = Vec::new();
        let mut sent = 0;
        for tick in 0..90 {
            while sent + length <= (tick + 4) * FRAME {
                let (number, payload) = ((sent / length) as u16, &bytes[sent..sent + length]);
                assert!(jitter.insert(number, sent as u32, Codec::G722, payload, 0));
                sent += length;
            }
            let mut frame = [0; FRAME];
            if jitter.pull(&mut frame) == Heard::Audio {
                heard.extend(frame);
            }
        }
        assert!(heard.len() > 80 * FRAME);
        assert_eq!(heard, whole[..heard.len()], "{length}");
    }
}

#[test]
fn silence_suppression_is_silence_and_not_loss() {
    let mut line = Line::new();
    for number in 0..5 {
        line.put(number);
        line.pull();
    }
    // The clock of the sender goes on, its numbers don't.
    for _ in 0..40 {
        line.pull();
    }
    for number in 5..10 {
        line.put_at(number, (u32::from(number) + 40) * 160, 160, 0);
        line.pull();
    }
    assert_eq!(line.played[30], (Heard::Silence, 0));
    assert_eq!(line.played[47], (Heard::Audio, sample(6)));
    assert_eq!(line.jitter.figures().late, 0);
}

#[test]
fn telephone_events_are_not_loss() {
    let mut line = Line::new();
    for number in 0..30u16 {
        if (10..17).contains(&number) {
            line.jitter.insert_event(number);
        } else {
            line.put(number);
        }
        line.pull();
    }
    let concealed = line.played.iter().filter(|(heard, _)| *heard == Heard::Concealed).count();
    // Without audio the buffer can't tell a pause from delay for three frames.
    assert!(concealed <= 4, "{concealed}");
    assert_eq!(line.played[29].0, Heard::Audio);
}

#[test]
fn a_clock_that_leaps_is_followed() {
    for leap in [1_000_000u32, 0u32.wrapping_sub(1_000_000)] {
        let mut line = Line::new();
        for number in 0..40u16 {
            let timestamp = u32::from(number) * 160;
            line.put_at(number, if number < 20 { timestamp } else { timestamp.wrapping_add(leap) }, 160, 0);
            line.pull();
        }
        assert!(line.played[30..].iter().all(|(heard, _)| *heard == Heard::Audio), "{leap}");
    }
}

#[test]
fn a_slower_clock_costs_a_frame_for_each_that_it_loses() {
    // 200 parts in a million: a packet of 20 ms is lost in 100 s.
    let mut line = Line::new();
    let mut sent = 0u64;
    let ticks = 50 * 3_600;
    for tick in 1..=ticks {
        let now_us = tick * 20_000;
        while 7_000 + sent * 20_004 <= now_us {
            line.put_at((sent % 65_536) as u16, sent as u32 * 160, 160, 0);
            sent += 1;
        }
        line.pull();
    }
    let eaten = ticks - sent;
    let figures = line.jitter.figures();
    assert!((30..=40).contains(&eaten), "{eaten}");
    assert!(figures.concealed <= eaten + 4, "{figures:?} for {eaten}");
    assert!(figures.late <= 1, "{figures:?}");
    assert!(line.jitter.delay() <= 2 * 160, "{}", line.jitter.delay());
}

#[test]
fn the_delay_grows_with_jitter_and_comes_back() {
    let mut line = Line::new();
    let mut waiting: Vec<(u32, u16)> = Vec::new();
    let mut random = 1u32;
    let mut run = |line: &mut Line, numbers: std::ops::Range<u16>, jitter_ticks: u32| {
        for number in numbers {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            waiting.push((u32::from(number) + (random >> 16) % (jitter_ticks + 1), number));
            let due: Vec<u16> = waiting
                .iter()
                .filter(|(at, _)| *at <= u32::from(number))
                .map(|(_, number)| *number)
                .collect();
            waiting.retain(|(at, _)| *at > u32::from(number));
            for number in due {
                line.put_at(number, u32::from(number) * 160, 160, jitter_ticks * 50);
            }
            line.pull();
        }
    };
    run(&mut line, 0..500, 4);
    let late = line.jitter.figures().late;
    run(&mut line, 500..1_000, 4);
    assert!(line.jitter.delay() >= 3 * 160, "{}", line.jitter.delay());
    assert!(line.jitter.figures().late - late <= 5, "{} late", line.jitter.figures().late - late);
    run(&mut line, 1_000..4_000, 0);
    assert!(line.jitter.delay() <= 2 * 160, "{}", line.jitter.delay());
    let last = &line.played[3_900..];
    assert!(last.iter().all(|(heard, _)| *heard == Heard::Audio));
}

proptest! {
    #[test]
    fn packets_of_mixed_lengths_stay_on_one_time_line(grains in proptest::collection::vec(1u32..=6, 1..10)) {
        let lengths: Vec<u32> = grains.iter().map(|grain| grain * 80).collect();
        let (jitter, played) = mixed(&lengths, 200, |_| false);
        let steady = &played[played.len() / 2..];
        for pair in steady.windows(2) {
            prop_assert_eq!(pair[0].0, Heard::Audio);
            let (before, after) = (place(&pair[0].1), place(&pair[1].1));
            prop_assert!(before.is_some() && before.map(|at| (at + 160) % 8_000) == after, "{:?} {:?}", before, after);
        }
        prop_assert_eq!(jitter.figures().late, 0);
    }

    #[test]
    fn loss_among_mixed_lengths_leaves_the_rest_in_whole_pieces(
        grains in proptest::collection::vec(1u32..=6, 1..10),
        lost in proptest::collection::vec(proptest::bool::weighted(0.1), 200),
    ) {
        let lengths: Vec<u32> = grains.iter().map(|grain| grain * 80).collect();
        let (jitter, played) = mixed(&lengths, 200, |number| number > 100 && lost[usize::from(number)]);
        let steady = &played[played.len() / 3..];
        let torn = steady
            .windows(2)
            .filter(|pair| pair.iter().all(|(heard, _)| *heard == Heard::Audio) && place(&pair[1].1).is_none())
            .count() as u64;
        // What was waited for too long is caught up with by frames that lead from one place to another.
        prop_assert!(torn <= jitter.figures().skipped, "{} of {} skipped", torn, jitter.figures().skipped);
        let audio = steady.iter().filter(|(heard, _)| *heard == Heard::Audio).count();
        prop_assert!(audio * 10 >= steady.len() * 5, "{} of {}", audio, steady.len());
        prop_assert!(jitter.shelf.held <= SLOTS);
    }

    #[test]
    fn hostile_packets_never_panic_and_never_pile_up(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0usize..500, any::<u8>()), 0..300),
        near in any::<bool>(),
    ) {
        let mut jitter = Jitter::new();
        let mut frame = [0; FRAME];
        for (sequence, timestamp, length, kind) in packets {
            let (sequence, timestamp) = if near { (sequence % 200, timestamp % 40_000) } else { (sequence, timestamp) };
            match kind % 5 {
                0 => jitter.insert_event(sequence),
                4 => { jitter.insert_noise(sequence, timestamp, &vec![kind; length]); }
                1 => { jitter.pull(&mut frame); }
                _ => { jitter.insert(sequence, timestamp, Codec::Pcma, &vec![kind; length], u32::from(kind)); }
            }
            let held = jitter.shelf.slots.iter().filter(|slot| slot.content != Content::Empty).count();
            prop_assert_eq!(jitter.shelf.held, held);
            prop_assert_eq!(jitter.shelf.payloads.free.len(), SLOTS - held);
        }
    }
}
