//! What detection costs: microseconds for each 20 ms frame of one call, beside sixteen Goertzel filters written plainly.
//!
//! `cargo bench --bench amd` prints the table. The budget is 3 µs a frame.

#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use trunkline_media::amd::{Bank, Detector, Params};

fn main() {
    println!("{:<12} {:>16} {:>18} {:>20}", "line", "detector µs", "tone bank µs", "plain Goertzel µs");
    let lines = [
        ("speech", speech()),
        ("line noise", noise(40)),
        ("silence", vec![0; 10 * SECOND]),
        ("ringing", tones(&[440.0, 480.0])),
        ("beep", tones(&[1000.0])),
    ];
    for (name, samples) in &lines {
        let frames: Vec<&[i16; FRAME]> =
            samples.chunks_exact(FRAME).map(|frame| frame.try_into().expect("chunks are exact")).collect();
        let detector = best(&frames, || {
            let mut detector = Detector::new(Params::default());
            detector.answered();
            move |frame| detector.push(frame).map_or(0.0, |verdict| verdict.confidence)
        });
        let bank = best(&frames, || {
            let mut bank = Bank::new();
            move |frame| bank.push(frame)[0]
        });
        let plain = best(&frames, || plain_goertzel);
        println!("{name:<12} {detector:>16.2} {bank:>18.2} {plain:>20.2}");
    }
}

/// Microseconds a frame, the best of many passes: what the code costs when the machine does nothing else.
fn best<F: FnMut(&[i16; FRAME]) -> f32>(frames: &[&[i16; FRAME]], mut make: impl FnMut() -> F) -> f64 {
    let mut least = Duration::MAX;
    for _ in 0..PASSES {
        let mut each = make();
        let began = Instant::now();
        for frame in frames {
            black_box(each(black_box(frame)));
        }
        least = least.min(began.elapsed());
    }
    least.as_secs_f64() * 1e6 / frames.len() as f64
}

/// The same sixteen powers, a frequency after the other, as the textbook has it.
fn plain_goertzel(frame: &[i16; FRAME]) -> f32 {
    let mut loudest = 0.0f64;
    for hz in Bank::FREQUENCIES {
        let coefficient = 2.0 * (std::f64::consts::TAU * hz / 8000.0).cos();
        let (mut s1, mut s2) = (0.0f64, 0.0f64);
        for &sample in frame {
            let s0 = f64::from(sample) + coefficient * s1 - s2;
            s2 = s1;
            s1 = s0;
        }
        loudest = loudest.max(s1 * s1 + s2 * s2 - coefficient * s1 * s2);
    }
    loudest as f32
}

/// A spoken voicemail greeting, over and over.
fn speech() -> Vec<i16> {
    let wav = include_bytes!("../media/testdata/amd/voicemail.wav");
    let once = wav[44..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    once.cycle().take(10 * SECOND).collect()
}

fn noise(mean: i32) -> Vec<i16> {
    let mut seed = 1u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 16) as i32 % (4 * mean) - 2 * mean) as i16
    };
    (0..10 * SECOND).map(|_| next()).collect()
}

fn tones(hz: &[f64]) -> Vec<i16> {
    let sample = |n: usize| {
        hz.iter().map(|hz| 4000.0 * (std::f64::consts::TAU * hz * n as f64 / 8000.0).sin()).sum::<f64>()
    };
    (0..10 * SECOND).map(|n| sample(n) as i16).collect()
}

const FRAME: usize = 160;
const SECOND: usize = 8000;
const PASSES: usize = 200;
