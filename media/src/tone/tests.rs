//! The table at the head of the module, cell by cell; and speech, which holds no digits.

use super::*;
use crate::clip::Clip;
use crate::g711::Law;

const DIGITS: &str = "0123456789*#ABCD";

/// What a digit's two tones are like.
#[derive(Clone, Copy)]
struct Key2 {
    low: f64,
    high: f64,
    low_amplitude: f64,
    high_amplitude: f64,
}

fn key(digit: char) -> Key2 {
    let event = DIGITS_OF.iter().position(|known| *known == digit).expect("a digit") as u8;
    let (low, high) = frequencies(event);
    Key2 { low: f64::from(low), high: f64::from(high), low_amplitude: 5_000.0, high_amplitude: 5_000.0 }
}

const DIGITS_OF: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

impl Key2 {
    fn sound(self, milliseconds: usize) -> Vec<i16> {
        let tau = std::f64::consts::TAU;
        let sample = |n: usize| {
            let time = n as f64 / 8_000.0;
            self.low_amplitude * (tau * self.low * time).sin()
                + self.high_amplitude * (tau * self.high * time).sin()
        };
        (0..milliseconds * 8).map(|n| sample(n) as i16).collect()
    }
}

fn silence(milliseconds: usize) -> Vec<i16> {
    vec![0; milliseconds * 8]
}

fn heard(samples: &[i16]) -> Vec<Received> {
    let mut receiver = Receiver::new();
    let mut samples = samples.to_vec();
    samples.extend(silence(200));
    samples
        .chunks_exact(FRAME)
        .filter_map(|frame| receiver.listen(frame.try_into().expect("a frame")))
        .collect()
}

fn digits(samples: &[i16]) -> String {
    heard(samples).iter().map(|received| received.digit).collect()
}

/// How often the digit is heard, over all positions in the frame in steps of 1 ms.
fn taken(sound: &[i16], digit: char) -> usize {
    (0..20)
        .filter(|shift| digits(&[silence(100 + shift), sound.to_vec()].concat()) == digit.to_string())
        .count()
}

/// How often anything is heard.
fn mistaken(sound: &[i16]) -> usize {
    (0..20).filter(|shift| !digits(&[silence(100 + shift), sound.to_vec()].concat()).is_empty()).count()
}

fn noise(count: usize, rms: f64, seed: u32) -> Vec<f64> {
    let mut state = seed;
    let mut uniform = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24) - 0.5
    };
    // Twelve uniform numbers make a fair Gaussian one.
    (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f64>() * rms).collect()
}

fn mix(samples: &[i16], noise: &[f64]) -> Vec<i16> {
    samples.iter().zip(noise).map(|(sample, noise)| (f64::from(*sample) + noise) as i16).collect()
}

fn through_g711(samples: &[i16]) -> Vec<i16> {
    let mut bytes = vec![0; samples.len()];
    Law::Mu.encode(samples, &mut bytes);
    let mut back = vec![0; samples.len()];
    Law::Mu.decode(&bytes, &mut back);
    back
}

#[test]
fn forty_milliseconds_are_a_digit_and_twenty_are_none() {
    for digit in DIGITS.chars() {
        assert_eq!(taken(&key(digit).sound(40), digit), 20, "{digit}");
        assert_eq!(mistaken(&key(digit).sound(20)), 0, "{digit}");
    }
}

#[test]
fn one_and_a_half_percent_off_is_a_digit_and_three_and_a_half_is_none() {
    for digit in DIGITS.chars() {
        let nominal = key(digit);
        for (low, high) in [(1.015, 1.015), (0.985, 0.985), (1.015, 0.985), (0.985, 1.015)] {
            let stray = Key2 { low: nominal.low * low, high: nominal.high * high, ..nominal };
            assert_eq!(taken(&stray.sound(50), digit), 20, "{digit} {low} {high}");
        }
        for (low, high) in [(1.035, 1.0), (0.965, 1.0), (1.0, 1.035), (1.0, 0.965)] {
            let stray = Key2 { low: nominal.low * low, high: nominal.high * high, ..nominal };
            assert_eq!(mistaken(&stray.sound(80)), 0, "{digit} {low} {high}");
        }
    }
}

#[test]
fn twist_from_minus_8_to_plus_4_db_is_taken() {
    for digit in DIGITS.chars() {
        for (twist, wanted) in [(-8.0, 20), (-4.0, 20), (0.0, 20), (4.0, 20), (-10.5, 0), (6.5, 0)] {
            let nominal = key(digit);
            let sound = Key2 { high_amplitude: 5_000.0 * 10f64.powf(twist / 20.0), ..nominal }.sound(50);
            assert_eq!(taken(&sound, digit), wanted, "{digit} at {twist} dB");
        }
    }
}

#[test]
fn minus_33_dbm0_is_heard_and_minus_45_is_not() {
    for digit in DIGITS.chars() {
        for (level, wanted) in [(-33.0, 20), (-45.0, 0), (0.0, 20)] {
            let amplitude = 32_124.0 * 10f64.powf((level - 3.17) / 20.0);
            // Two tones of 0 dBm0 each would overload the line.
            let amplitude = amplitude.min(16_000.0);
            let sound = Key2 { low_amplitude: amplitude, high_amplitude: amplitude, ..key(digit) }.sound(50);
            assert_eq!(taken(&through_g711(&sound), digit), wanted, "{digit} at {level} dBm0");
        }
    }
}

#[test]
fn a_pause_of_40_ms_makes_two_digits_and_an_interruption_of_10_one() {
    for digit in DIGITS.chars() {
        let sound = key(digit).sound(50);
        let twice = format!("{digit}{digit}");
        for shift in 0..20 {
            let paused = [silence(100 + shift), sound.clone(), silence(40), sound.clone()].concat();
            assert_eq!(digits(&paused), twice);
            let interrupted = [silence(100 + shift), sound.clone(), silence(10), sound.clone()].concat();
            assert_eq!(digits(&interrupted), digit.to_string(), "{shift}");
        }
    }
}

#[test]
fn noise_15_db_below_hides_no_digit() {
    let mut missed = 0;
    for (seed, digit) in (1u32..).zip(DIGITS.chars().cycle().take(320)) {
        let line = [silence(60), key(digit).sound(60), silence(60)].concat();
        // Two tones of amplitude A have A² of power.
        let noisy = mix(&line, &noise(line.len(), 5_000.0 * 10f64.powf(-15.0 / 20.0), seed));
        missed += usize::from(digits(&through_g711(&noisy)) != digit.to_string());
    }
    assert!(missed <= 1, "{missed} of 320");
}

#[test]
fn noise_alone_dials_nothing() {
    let loud: Vec<i16> = noise(8_000 * 120, 3_000.0, 7).iter().map(|sample| *sample as i16).collect();
    assert_eq!(digits(&loud), "");
}

#[test]
fn a_digit_tells_how_long_it_was_pressed() {
    for milliseconds in [50u64, 100, 250, 1_000] {
        let told = heard(&key('5').sound(milliseconds as usize));
        assert_eq!(told.len(), 1);
        let length = told[0].duration.as_millis() as i64;
        assert!((length - milliseconds as i64).abs() <= 10, "{length} of {milliseconds}");
    }
}

#[test]
fn digits_one_after_the_other_without_a_pause_are_all_heard() {
    let line: Vec<i16> = "147*D".chars().flat_map(|digit| key(digit).sound(60)).collect();
    assert_eq!(digits(&line), "147*D");
}

#[test]
fn one_tone_alone_or_three_are_no_digit() {
    let low = Key2 { high_amplitude: 0.0, ..key('5') };
    let high = Key2 { low_amplitude: 0.0, ..key('5') };
    assert_eq!((mistaken(&low.sound(200)), mistaken(&high.sound(200))), (0, 0));
    let two: Vec<i16> =
        key('1').sound(200).iter().zip(key('9').sound(200)).map(|(a, b)| a / 2 + b / 2).collect();
    assert_eq!(mistaken(&two), 0);
}

#[test]
fn what_was_sent_is_heard() {
    let mut sender = Sender::default();
    assert!(sender.push(&"0123456789,*#ABCD".parse().expect("digits")));
    let (mut line, mut frame) = (Vec::new(), [0; FRAME]);
    loop {
        match sender.tick(&mut frame) {
            Sounded::Frame => line.extend(frame),
            Sounded::Finished => break,
            Sounded::Nothing => panic!("the line belongs to the digits until they are over"),
        }
    }
    // Sixteen times 200 ms, and half a second.
    assert_eq!(line.len(), (16 * 200 + 500) * 8);
    let told = heard(&through_g711(&line));
    assert_eq!(told.iter().map(|received| received.digit).collect::<String>(), "0123456789*#ABCD");
    assert!(told.iter().all(|received| (90..=105).contains(&received.duration.as_millis())), "{told:?}");
    assert_eq!(sender.tick(&mut frame), Sounded::Nothing);
}

#[test]
fn a_sender_has_room_for_one_command_s_digits() {
    let mut sender = Sender::default();
    assert!(sender.push(&"1".repeat(Digits::MAX).parse().expect("digits")));
    assert!(!sender.push(&"1".parse().expect("a digit")));
}

#[test]
fn recorded_speech_dials_nothing() {
    let recordings: [&[u8]; 8] = [
        include_bytes!("../../testdata/amd/hello.wav"),
        include_bytes!("../../testdata/amd/reception.wav"),
        include_bytes!("../../testdata/amd/voicemail.wav"),
        include_bytes!("../../../src/simulator/audio/agent-goodbye.wav"),
        include_bytes!("../../../src/simulator/audio/agent-prompt.wav"),
        include_bytes!("../../../src/simulator/audio/greeting.wav"),
        include_bytes!("../../../src/simulator/audio/menu.wav"),
        include_bytes!("../../../src/simulator/audio/reply.wav"),
    ];
    for (index, wav) in recordings.iter().enumerate() {
        let clip = Clip::from_wav(wav).expect("a WAV file");
        let mut samples = vec![0; clip.pcmu().len()];
        Law::Mu.decode(clip.pcmu(), &mut samples);
        assert!(samples.len() > 4_000);
        // At several speeds, as if by other voices.
        for speed in [80, 90, 100, 110, 125, 140] {
            let count = samples.len() * 100 / speed;
            let voice: Vec<i16> = (0..count).map(|n| samples[n * speed / 100]).collect();
            assert_eq!(digits(&voice), "", "recording {index} at {speed} %");
        }
    }
}

/// Vowels: a pulse train of a moving pitch through three resonances, ten minutes of them.
#[test]
fn ten_minutes_of_synthetic_vowels_dial_nothing() {
    let mut state = 99u32;
    let mut random = move |from: f64, to: f64| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        from + (to - from) * f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut receiver = Receiver::new();
    let mut dialled = Vec::new();
    for _ in 0..3_000 {
        let (pitch, glide) = (random(80.0, 320.0), random(-60.0, 60.0));
        let formants = [random(600.0, 950.0), random(1_150.0, 1_700.0), random(2_200.0, 3_000.0)];
        let bandwidth = random(30.0, 120.0);
        let mut memory = [[0.0f64; 2]; 3];
        let mut phase = 0.0;
        let syllable: Vec<i16> = (0..1_600)
            .map(|n| {
                phase += (pitch + glide * f64::from(n) / 1_600.0) / 8_000.0;
                let mut sample = if phase >= 1.0 { 4_000.0 } else { 0.0 };
                phase -= phase.floor();
                for (formant, memory) in formants.iter().zip(&mut memory) {
                    let radius = (-std::f64::consts::PI * bandwidth / 8_000.0).exp();
                    let turn = 2.0 * radius * (std::f64::consts::TAU * formant / 8_000.0).cos();
                    let out = sample * (1.0 - radius) * 2.0 + turn * memory[0] - radius * radius * memory[1];
                    *memory = [out, memory[0]];
                    sample = out + sample * 0.3;
                }
                sample.clamp(-30_000.0, 30_000.0) as i16
            })
            .collect();
        for frame in syllable.chunks_exact(FRAME) {
            dialled.extend(receiver.listen(frame.try_into().expect("a frame")));
        }
    }
    assert!(dialled.is_empty(), "{dialled:?}");
}
