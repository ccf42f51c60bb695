//! G.722 at 64 kbit/s (ITU-T G.722, RFC 3551 §4.5.2) for a bridge of 8 kHz: what comes is decoded to 16 kHz, low-passed
//! and halved, what leaves is doubled first. A byte is two samples of 16 kHz and one tick of the RTP clock, which is
//! 8,000 Hz by an old mistake that everybody keeps. The only file that names `audio-codec`. Knows nothing of packets.
//!
//! That crate starts its quantizer from another step size than the recommendation's reset state does; after the first
//! byte both are the same (the tests decode by it what its encoder made, from the first byte on).

use std::fmt;

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::{Decoder as _, Encoder as _};

use crate::halfband::{Decimator, Interpolator};

/// Bytes, and samples of 8 kHz, in one go.
const CHUNK: usize = 160;

/// Bytes to samples; what it remembers belongs to one direction of one stream.
pub(crate) struct Decoder {
    inner: G722Decoder,
    decimator: Decimator,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self { inner: G722Decoder::new(), decimator: Decimator::new() }
    }

    /// A sample of 8 kHz for each byte, as many as both slices hold; their number.
    pub(crate) fn decode(&mut self, encoded: &[u8], samples: &mut [i16]) -> usize {
        for (bytes, out) in encoded.chunks(CHUNK).zip(samples.chunks_mut(CHUNK)) {
            let count = bytes.len().min(out.len());
            let mut wide = [0; 2 * CHUNK];
            let wide = &mut wide[..2 * count];
            // Cannot fail: two samples a byte, and that is what there is room for.
            let _ = self.inner.decode_into(&bytes[..count], wide);
            self.decimator.run(wide, &mut out[..count]);
        }
        encoded.len().min(samples.len())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("g722::Decoder").finish_non_exhaustive()
    }
}

/// Samples to bytes.
pub(crate) struct Encoder {
    inner: G722Encoder,
    interpolator: Interpolator,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { inner: G722Encoder::new(), interpolator: Interpolator::new() }
    }

    /// A byte for each sample of 8 kHz, as many as both slices hold.
    pub(crate) fn encode(&mut self, samples: &[i16], encoded: &mut [u8]) {
        for (samples, bytes) in samples.chunks(CHUNK).zip(encoded.chunks_mut(CHUNK)) {
            let count = samples.len().min(bytes.len());
            let mut wide = [0; 2 * CHUNK];
            let wide = &mut wide[..2 * count];
            self.interpolator.run(&samples[..count], wide);
            // Cannot fail: a byte for two samples, and that is what there is room for.
            let _ = self.inner.encode_into(wide, &mut bytes[..count]);
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("g722::Encoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn round_trip(samples: &[i16]) -> Vec<i16> {
        let mut encoded = vec![0; samples.len()];
        Encoder::new().encode(samples, &mut encoded);
        let mut decoded = vec![0; samples.len()];
        assert_eq!(Decoder::new().decode(&encoded, &mut decoded), samples.len());
        decoded
    }

    fn tone(hz: f64, amplitude: f64) -> Vec<i16> {
        (0..8_000).map(|n| (amplitude * (TAU * hz * f64::from(n) / 8_000.0).sin()) as i16).collect()
    }

    /// What is left of a tone and what was added to it: its amplitude, and the ratio to all else, in dB.
    fn tone_of(samples: &[i16], hz: f64) -> (f64, f64) {
        let settled = &samples[4_000..];
        let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
        for (n, sample) in settled.iter().enumerate() {
            let (sin, cos) = (TAU * hz * n as f64 / 8_000.0).sin_cos();
            re += f64::from(*sample) * cos;
            im += f64::from(*sample) * sin;
            energy += f64::from(*sample).powi(2);
        }
        let amplitude = 2.0 * re.hypot(im) / settled.len() as f64;
        let signal = amplitude.powi(2) / 2.0 * settled.len() as f64;
        (amplitude, 10.0 * (signal / (energy - signal).max(1e-9)).log10())
    }

    #[test]
    fn a_tone_keeps_its_level_and_36_db_over_the_noise() {
        for (hz, floor) in [(300.0, 36.0), (1_000.0, 36.0), (2_000.0, 36.0), (3_200.0, 30.0)] {
            for amplitude in [1_000.0, 8_000.0, 20_000.0] {
                let (heard, ratio) = tone_of(&round_trip(&tone(hz, amplitude)), hz);
                assert!((20.0 * (heard / amplitude).log10()).abs() < 0.5, "{hz} Hz: {heard} of {amplitude}");
                assert!(ratio > floor, "{hz} Hz at {amplitude}: {ratio} dB");
            }
        }
    }

    #[test]
    fn noise_shaped_like_speech_comes_back_20_db_over_its_errors() {
        let mut seed = 1u32;
        let mut low = 0.0f64;
        let samples: Vec<i16> = (0..16_000)
            .map(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let white = f64::from(seed >> 16) / 32_768.0 - 1.0;
                low = 0.9 * low + 0.1 * white;
                let swell = (TAU * 4.0 * f64::from(n) / 8_000.0).sin().abs();
                (low * swell * 40_000.0) as i16
            })
            .collect();
        let back = round_trip(&samples);
        let error = |delay: usize| -> f64 {
            samples
                .iter()
                .zip(&back[delay..])
                .map(|(a, b)| f64::from(i32::from(*a) - i32::from(*b)).powi(2))
                .sum()
        };
        let signal: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let (delay, least) =
            (0..80).map(|d| (d, error(d))).min_by(|a, b| a.1.total_cmp(&b.1)).expect("delays");
        // Two half-band filters and the codec's own pair: under 5 ms.
        assert!((20..40).contains(&delay), "{delay} samples late");
        let ratio = 10.0 * (signal / least).log10();
        assert!(ratio > 18.0, "{ratio} dB");
    }

    #[test]
    fn silence_stays_silence() {
        let loudest = round_trip(&[0; 8_000]).iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest.is_some_and(|loudest| loudest <= 4), "{loudest:?}");
    }

    #[test]
    fn silence_after_a_tone_is_silent_within_20_ms() {
        let mut samples = tone(1_000.0, 20_000.0);
        samples.extend([0; 1_600]);
        let back = round_trip(&samples);
        assert!(back[8_000 + 320..].iter().all(|sample| sample.unsigned_abs() < 100));
    }

    #[test]
    fn a_fresh_decoder_in_the_middle_of_a_stream_finds_its_feet_in_100_ms() {
        let samples = tone(1_000.0, 8_000.0);
        let mut encoded = vec![0; samples.len()];
        Encoder::new().encode(&samples, &mut encoded);
        let mut late = vec![0; 6_000];
        Decoder::new().decode(&encoded[2_000..], &mut late);
        let (amplitude, ratio) = tone_of(&late, 1_000.0);
        assert!((7_600.0..8_400.0).contains(&amplitude) && ratio > 30.0, "{amplitude}, {ratio} dB");
        let peak = late[800..2_000].iter().map(|sample| sample.unsigned_abs()).max();
        assert!(peak.is_some_and(|peak| (6_500..9_500).contains(&peak)), "{peak:?}");
    }

    #[test]
    fn what_lies_above_telephony_does_not_fold_back() {
        let wide: Vec<i16> =
            (0..16_000).map(|n| (8_000.0 * (TAU * 5_000.0 * f64::from(n) / 16_000.0).sin()) as i16).collect();
        let mut encoded = vec![0; 8_000];
        assert_eq!(G722Encoder::new().encode_into(&wide, &mut encoded).ok(), Some(8_000));
        let mut narrow = vec![0; 8_000];
        Decoder::new().decode(&encoded, &mut narrow);
        let (alias, _) = tone_of(&narrow, 3_000.0);
        assert!(alias < 80.0, "{alias} of 8000");
    }

    #[test]
    fn hostile_bytes_are_only_noise() {
        let bytes: Vec<u8> = (0..48_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut samples = vec![0; bytes.len()];
        assert_eq!(Decoder::new().decode(&bytes, &mut samples), bytes.len());
        for byte in [0u8, 0x3f, 0x7f, 0x80, 0xff] {
            Decoder::new().decode(&vec![byte; 8_000], &mut samples);
        }
    }
}
