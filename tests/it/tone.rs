//! Tones: made, and found again.

use std::f64::consts::TAU;

/// Samples a second.
pub const RATE_HZ: u32 = 8_000;

/// The square of a sample that nobody hears.
const QUIET: f64 = 100.0 * 100.0;

/// A sample of a steady tone.
pub fn sample(frequency_hz: u32, at: usize) -> i16 {
    let phase = TAU * f64::from(frequency_hz) * at as f64 / f64::from(RATE_HZ);
    (8_000.0 * phase.sin()) as i16
}

/// How much of a sound's loudest tenth of a second is a tone, from 0 to 1 (Goertzel's sum). Of silence nothing is.
pub fn strength(samples: &[i16], frequency_hz: u32) -> f64 {
    let energy = |part: &[i16]| part.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let parts = samples.chunks_exact(RATE_HZ as usize / 10);
    let Some(loudest) = parts.max_by(|one, other| energy(one).total_cmp(&energy(other))) else { return 0.0 };
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, sample) in loudest.iter().enumerate() {
        let phase = TAU * f64::from(frequency_hz) * at as f64 / f64::from(RATE_HZ);
        real += f64::from(*sample) * phase.cos();
        imaginary += f64::from(*sample) * phase.sin();
    }
    let whole = energy(loudest).max(QUIET * loudest.len() as f64) * loudest.len() as f64;
    2.0 * (real * real + imaginary * imaginary) / whole
}

/// A WAV file of these samples, at 8 kHz.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    wav_at(RATE_HZ, samples.iter().copied())
}

/// A recording for a fake microphone: a tone that comes and goes, because browsers take a steady one for noise.
#[cfg(feature = "browser")]
pub fn pulses(frequency_hz: u32) -> tempfile::NamedTempFile {
    use std::io::Write;

    let rate = 48_000_u32;
    let mut file = tempfile::Builder::new().suffix(".wav").tempfile().expect("a file");
    let samples = (0..rate * 2).map(|at| {
        let is_on = at % (rate / 2) < rate / 5;
        let phase = TAU * f64::from(frequency_hz) * f64::from(at) / f64::from(rate);
        if is_on { (12_000.0 * phase.sin()) as i16 } else { 0 }
    });
    file.write_all(&wav_at(rate, samples)).expect("written");
    file
}

fn wav_at(rate: u32, samples: impl Iterator<Item = i16>) -> Vec<u8> {
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    // PCM, one channel, 16 bits.
    wav.extend([16, 0, 0, 0, 1, 0, 1, 0]);
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}
