//! Clips: audio at rest that any number of legs can play at once. Made outside the media threads; reading WAV,
//! filtering and resampling happen here. Knows nothing of calls.

use std::{f64::consts::PI, time::Duration};

use crate::g711::Law;

/// Audio at rest: PCMU at 8 kHz, shared by `Arc`.
#[derive(Debug, PartialEq, Eq)]
pub struct Clip {
    pcmu: Box<[u8]>,
}

impl Clip {
    /// Takes PCMU bytes as they are.
    #[must_use]
    pub fn from_pcmu(pcmu: Vec<u8>) -> Clip {
        Clip { pcmu: pcmu.into() }
    }

    /// Encodes 16-bit samples at 8 kHz.
    #[must_use]
    pub fn from_samples(samples: &[i16]) -> Clip {
        let mut pcmu = vec![0; samples.len()];
        Law::Mu.encode(samples, &mut pcmu);
        Clip { pcmu: pcmu.into() }
    }

    /// Reads a WAV file of 16-bit PCM, µ-law or A-law, with any number of channels and 4 to 192 kHz: mixed down,
    /// filtered below half the lower rate and resampled to 8 kHz. A data length that is wrong, as programs write it
    /// that stream to a pipe, means "to the end".
    pub fn from_wav(wav: &[u8]) -> Result<Clip, ClipError> {
        let (format, data) = chunks(wav)?;
        format.clip(data)
    }

    /// Reads 16-bit samples of one channel, the low byte first, with 4 to 192 kHz: filtered and resampled as those of a file.
    pub fn from_linear(bytes: &[u8], hz: u32) -> Result<Clip, ClipError> {
        Format::new(Encoding::Pcm16, 1, hz)?.clip(bytes)
    }

    /// The PCMU bytes.
    #[must_use]
    pub fn pcmu(&self) -> &[u8] {
        &self.pcmu
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.pcmu.len() as u64 * 125)
    }
}

/// Why a WAV file is no clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// Not a RIFF/WAVE file, or one that ends too early.
    #[error("not a WAV file")]
    NotWav,
    /// Neither 16-bit PCM nor G.711.
    #[error("WAV encoding is neither 16-bit PCM nor G.711")]
    Encoding,
    /// A sample rate outside 4 to 192 kHz.
    #[error("WAV sample rate {0} is outside 4000 to 192000")]
    Rate(u32),
}

const RATE: u32 = 8_000;

struct Format {
    encoding: Encoding,
    channels: usize,
    rate: u32,
}

#[derive(Clone, Copy)]
enum Encoding {
    Pcm16,
    G711(Law),
}

/// The format and the data of a RIFF file, whatever other chunks there are.
fn chunks(wav: &[u8]) -> Result<(Format, &[u8]), ClipError> {
    if wav.get(..4) != Some(b"RIFF") || wav.get(8..12) != Some(b"WAVE") {
        return Err(ClipError::NotWav);
    }
    let mut rest = &wav[12..];
    let mut format = None;
    while let Some((header, body)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let content = &body[..length.min(body.len())];
        match &header[..4] {
            b"fmt " => format = Some(Format::read(content)?),
            b"data" => {
                let content = if length == 0 { body } else { content };
                return format.map(|format| (format, content)).ok_or(ClipError::NotWav);
            }
            _ => {}
        }
        // Chunks begin at even offsets.
        rest = body.get(length.saturating_add(length & 1)..).unwrap_or(&[]);
    }
    Err(ClipError::NotWav)
}

impl Format {
    fn read(chunk: &[u8]) -> Result<Format, ClipError> {
        let word = |at: usize| chunk.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let (low, high) = word(4).zip(word(6)).ok_or(ClipError::NotWav)?;
        let rate = u32::from(high) << 16 | u32::from(low);
        // In WAVE_FORMAT_EXTENSIBLE the tag proper begins the sub-format.
        let tag = word(0).map(|tag| if tag == 0xfffe { word(24).unwrap_or(0) } else { tag });
        let encoding = match (tag, word(14)) {
            (Some(1), Some(16)) => Encoding::Pcm16,
            (Some(6), _) => Encoding::G711(Law::A),
            (Some(7), _) => Encoding::G711(Law::Mu),
            _ => return Err(ClipError::Encoding),
        };
        let channels = word(2).filter(|channels| *channels > 0).ok_or(ClipError::NotWav)?;
        Format::new(encoding, usize::from(channels), rate)
    }

    fn new(encoding: Encoding, channels: usize, rate: u32) -> Result<Format, ClipError> {
        if !(4_000..=192_000).contains(&rate) {
            return Err(ClipError::Rate(rate));
        }
        Ok(Format { encoding, channels, rate })
    }

    fn clip(&self, data: &[u8]) -> Result<Clip, ClipError> {
        let mono = self.mixed_down(data)?;
        if self.rate == RATE {
            return Ok(Clip::from_samples(&mono));
        }
        Ok(Clip::from_samples(&resample(&mono, self.rate)))
    }

    fn mixed_down(&self, data: &[u8]) -> Result<Vec<i16>, ClipError> {
        let samples: Vec<i16> = match self.encoding {
            Encoding::Pcm16 => {
                data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
            }
            Encoding::G711(law) => {
                let mut samples = vec![0; data.len()];
                law.decode(data, &mut samples);
                samples
            }
        };
        let mean = |frame: &[i16]| {
            let sum: i64 = frame.iter().map(|sample| i64::from(*sample)).sum();
            (sum / frame.len() as i64) as i16
        };
        Ok(samples.chunks_exact(self.channels).map(mean).collect())
    }
}

/// Band-limited interpolation by a windowed sinc, whose table is read between its points (J. O. Smith, "Digital Audio
/// Resampling").
fn resample(input: &[i16], rate: u32) -> Vec<i16> {
    // The kernel is as wide as the lower rate asks, and passes up to 90 % of its half, so that the slope ends there.
    let cutoff = 0.9 * f64::from(RATE.min(rate)) / f64::from(rate);
    let reach = ZERO_CROSSINGS as f64 / cutoff;
    let table: Vec<f64> =
        (0..=ZERO_CROSSINGS * STEPS + 1).map(|index| kernel(index as f64 / STEPS as f64)).collect();
    let count = (input.len() as u64 * u64::from(RATE)).div_ceil(u64::from(rate));
    let interpolate = |index: u64| {
        let centre = index as f64 * f64::from(rate) / f64::from(RATE);
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize).min(input.len().saturating_sub(1));
        let mut sum = 0.0;
        for (at, sample) in input.iter().enumerate().take(last + 1).skip(first) {
            let position = (at as f64 - centre).abs() * cutoff * STEPS as f64;
            let (whole, part) = (position as usize, position.fract());
            sum += f64::from(*sample) * (table[whole] + (table[whole + 1] - table[whole]) * part);
        }
        (sum * cutoff).round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
    };
    (0..count).map(interpolate).collect()
}

const ZERO_CROSSINGS: usize = 16;
const STEPS: usize = 256;

/// Sinc under a Hann window; `x` counts zero crossings.
fn kernel(x: f64) -> f64 {
    let edge = ZERO_CROSSINGS as f64;
    if x >= edge {
        return 0.0;
    }
    let sinc = if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    sinc * (0.5 + 0.5 * (PI * x / edge).cos())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8], length: u32) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        out.extend(tag.to_le_bytes());
        out.extend(channels.to_le_bytes());
        out.extend(rate.to_le_bytes());
        out.extend([0; 6]);
        out.extend(bits.to_le_bytes());
        out.extend(b"LIST\x03\0\0\0abc\0data");
        out.extend(length.to_le_bytes());
        out.extend(data);
        out
    }

    fn sine(hz: f64, rate: u32, seconds: f64) -> Vec<i16> {
        let count = (f64::from(rate) * seconds) as usize;
        (0..count)
            .map(|index| (10_000.0 * (2.0 * PI * hz * index as f64 / f64::from(rate)).sin()) as i16)
            .collect()
    }

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn samples(clip: &Clip) -> Vec<i16> {
        let mut out = vec![0; clip.pcmu().len()];
        Law::Mu.decode(clip.pcmu(), &mut out);
        out
    }

    fn rms(samples: &[i16]) -> f64 {
        (samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn telephone_rate_passes_untouched() {
        let tone = sine(440.0, 8_000, 0.1);
        let clip = Clip::from_wav(&wav(1, 1, 8_000, 16, &bytes(&tone), 1_600)).expect("a clip");
        assert_eq!(clip, Clip::from_samples(&tone));
        assert_eq!(clip.duration(), Duration::from_millis(100));
    }

    #[test]
    fn other_rates_keep_a_tone_s_level_and_length() {
        for rate in [4_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 192_000] {
            let clip = Clip::from_wav(&wav(1, 1, rate, 16, &bytes(&sine(1_000.0, rate, 0.5)), u32::MAX))
                .expect("a clip");
            assert_eq!(clip.pcmu().len(), 4_000, "{rate}");
            let heard = rms(&samples(&clip)[400..3_600]);
            assert!((heard / 7_071.0 - 1.0).abs() < 0.03, "{rate}: {heard}");
        }
    }

    #[test]
    fn bare_samples_are_heard_as_those_of_a_file() {
        let tone = bytes(&sine(1_000.0, 48_000, 0.1));
        assert_eq!(Clip::from_linear(&tone, 48_000), Clip::from_wav(&wav(1, 1, 48_000, 16, &tone, u32::MAX)));
        assert_eq!(Clip::from_linear(&tone, 200_000), Err(ClipError::Rate(200_000)));
    }

    #[test]
    fn what_telephones_cannot_carry_is_filtered_out() {
        let clip =
            Clip::from_wav(&wav(1, 1, 16_000, 16, &bytes(&sine(5_000.0, 16_000, 0.5)), 0)).expect("a clip");
        assert!(rms(&samples(&clip)[400..3_600]) < 30.0);
    }

    #[test]
    fn channels_are_mixed_and_g711_is_read() {
        let stereo: Vec<i16> = sine(440.0, 8_000, 0.1).into_iter().flat_map(|sample| [sample, 0]).collect();
        let clip = Clip::from_wav(&wav(1, 2, 8_000, 16, &bytes(&stereo), 3_200)).expect("a clip");
        assert!((rms(&samples(&clip)) / 3_535.0 - 1.0).abs() < 0.03);
        let pcmu: Vec<u8> = (0..=255).map(|byte| if byte == 0x7f { 0xff } else { byte }).collect();
        assert_eq!(Clip::from_wav(&wav(7, 1, 8_000, 8, &pcmu, 256)), Ok(Clip::from_pcmu(pcmu)));
        assert!(Clip::from_wav(&wav(6, 1, 8_000, 8, &[0xd5; 80], 80)).is_ok());
    }

    #[test]
    fn what_is_no_wav_is_refused_with_its_reason() {
        assert_eq!(Clip::from_wav(b"RIFF"), Err(ClipError::NotWav));
        assert_eq!(Clip::from_wav(&wav(3, 1, 8_000, 32, &[0; 8], 8)), Err(ClipError::Encoding));
        assert_eq!(Clip::from_wav(&wav(1, 1, 3_999, 16, &[0; 8], 8)), Err(ClipError::Rate(3_999)));
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(tag in 0u16..8, channels in any::<u16>(), rate in any::<u32>(), bits in any::<u16>(), data in proptest::collection::vec(any::<u8>(), 0..80), length in any::<u32>(), cut in 0usize..120) {
            let file = wav(tag, channels, rate, bits, &data, length);
            let _ = Clip::from_wav(&file[..cut.min(file.len())]);
        }
    }
}
