//! Between 8 kHz and the rates at which voice bots and models speak: 16 kHz by the half-band filter, 24 kHz by one filter of
//! three phases. Flat up to 3,400 Hz, 60 dB down from 4,600 Hz on, as `halfband` is. Knows nothing of codecs or frames.

use std::{f64::consts::PI, sync::LazyLock};

use crate::halfband::{Decimator, Interpolator};

/// Samples a second of linear audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// The telephone's own.
    Hz8000,
    /// Wide band: most recognisers.
    Hz16000,
    /// Most realtime models.
    Hz24000,
}

impl Rate {
    /// In hertz.
    #[must_use]
    pub const fn hz(self) -> u32 {
        8_000 * self.times() as u32
    }

    /// How many samples stand for one at 8 kHz.
    #[must_use]
    pub const fn times(self) -> usize {
        match self {
            Self::Hz8000 => 1,
            Self::Hz16000 => 2,
            Self::Hz24000 => 3,
        }
    }

    /// The rate of so many hertz, if it is one of these.
    #[must_use]
    pub const fn from_hz(hz: u32) -> Option<Self> {
        match hz {
            8_000 => Some(Self::Hz8000),
            16_000 => Some(Self::Hz16000),
            24_000 => Some(Self::Hz24000),
            _ => None,
        }
    }
}

/// From another rate down to 8 kHz.
#[derive(Clone, Debug)]
pub struct Downsampler(Down);

#[derive(Clone, Debug)]
enum Down {
    Same,
    Half(Box<Decimator>),
    Third(Box<ThirdDown>),
}

impl Downsampler {
    /// One that has heard nothing yet.
    #[must_use]
    pub fn new(from: Rate) -> Self {
        Self(match from {
            Rate::Hz8000 => Down::Same,
            Rate::Hz16000 => Down::Half(Box::new(Decimator::new())),
            Rate::Hz24000 => Down::Third(Box::default()),
        })
    }

    /// `wide` is [`Rate::times`] as long as `narrow`; what is longer is left alone.
    pub fn run(&mut self, wide: &[i16], narrow: &mut [i16]) {
        match &mut self.0 {
            Down::Same => {
                let length = wide.len().min(narrow.len());
                narrow[..length].copy_from_slice(&wide[..length]);
            }
            Down::Half(filter) => {
                let length = narrow.len().min(wide.len() / 2);
                filter.run(&wide[..2 * length], &mut narrow[..length]);
            }
            Down::Third(filter) => filter.run(wide, narrow),
        }
    }
}

/// From 8 kHz up to another rate.
#[derive(Clone, Debug)]
pub struct Upsampler(Up);

#[derive(Clone, Debug)]
enum Up {
    Same,
    Half(Box<Interpolator>),
    Third(Box<ThirdUp>),
}

impl Upsampler {
    /// One that has heard nothing yet.
    #[must_use]
    pub fn new(to: Rate) -> Self {
        Self(match to {
            Rate::Hz8000 => Up::Same,
            Rate::Hz16000 => Up::Half(Box::new(Interpolator::new())),
            Rate::Hz24000 => Up::Third(Box::default()),
        })
    }

    /// `wide` is [`Rate::times`] as long as `narrow`; what is longer is left alone.
    pub fn run(&mut self, narrow: &[i16], wide: &mut [i16]) {
        match &mut self.0 {
            Up::Same => {
                let length = wide.len().min(narrow.len());
                wide[..length].copy_from_slice(&narrow[..length]);
            }
            Up::Half(filter) => {
                let length = narrow.len().min(wide.len() / 2);
                filter.run(&narrow[..length], &mut wide[..2 * length]);
            }
            Up::Third(filter) => filter.run(narrow, wide),
        }
    }
}

/// Taps of the filter at 24 kHz, a multiple of three.
const TAPS: usize = 87;
/// Samples of 8 kHz in one go.
const CHUNK: usize = 160;
/// What each direction looks back on.
const PAST_WIDE: usize = TAPS - 1;
const PAST_NARROW: usize = TAPS / 3 - 1;

#[derive(Clone, Debug)]
struct ThirdDown {
    past: [f32; PAST_WIDE],
}

impl Default for ThirdDown {
    fn default() -> Self {
        Self { past: [0.0; PAST_WIDE] }
    }
}

impl ThirdDown {
    fn run(&mut self, wide: &[i16], narrow: &mut [i16]) {
        let length = narrow.len().min(wide.len() / 3);
        for (wide, narrow) in wide[..3 * length].chunks(3 * CHUNK).zip(narrow[..length].chunks_mut(CHUNK)) {
            let mut line = [0.0; PAST_WIDE + 3 * CHUNK];
            line[..PAST_WIDE].copy_from_slice(&self.past);
            for (into, sample) in line[PAST_WIDE..].iter_mut().zip(wide) {
                *into = f32::from(*sample);
            }
            for (index, out) in narrow.iter_mut().enumerate() {
                let window = &line[3 * index..3 * index + TAPS];
                let sum: f32 = FILTER.iter().zip(window).map(|(tap, sample)| tap * sample).sum();
                *out = rounded(sum);
            }
            self.past.copy_from_slice(&line[wide.len()..wide.len() + PAST_WIDE]);
        }
    }
}

#[derive(Clone, Debug)]
struct ThirdUp {
    past: [f32; PAST_NARROW],
}

impl Default for ThirdUp {
    fn default() -> Self {
        Self { past: [0.0; PAST_NARROW] }
    }
}

impl ThirdUp {
    fn run(&mut self, narrow: &[i16], wide: &mut [i16]) {
        let length = narrow.len().min(wide.len() / 3);
        for (narrow, wide) in narrow[..length].chunks(CHUNK).zip(wide[..3 * length].chunks_mut(3 * CHUNK)) {
            let mut line = [0.0; PAST_NARROW + CHUNK];
            line[..PAST_NARROW].copy_from_slice(&self.past);
            for (into, sample) in line[PAST_NARROW..].iter_mut().zip(narrow) {
                *into = f32::from(*sample);
            }
            for (index, out) in wide.chunks_exact_mut(3).enumerate() {
                let window = &line[index..index + TAPS / 3];
                for (phase, out) in out.iter_mut().enumerate() {
                    // The samples between are zero, so each phase meets every third tap. The filter is symmetric.
                    let taps = FILTER[2 - phase..].iter().step_by(3);
                    let sum: f32 = taps.zip(window).map(|(tap, sample)| tap * sample).sum();
                    *out = rounded(3.0 * sum);
                }
            }
            self.past.copy_from_slice(&line[narrow.len()..narrow.len() + PAST_NARROW]);
        }
    }
}

fn rounded(sample: f32) -> i16 {
    // A cast from float saturates.
    sample.round() as i16
}

/// A sinc that ends at 4 kHz under a Kaiser window, each of its three phases scaled to a gain of 1/3: otherwise a constant
/// would come out with a ripple of 8 kHz.
static FILTER: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let half = (TAPS / 2) as f64;
    let mut taps = [0.0; TAPS];
    for (index, tap) in taps.iter_mut().enumerate() {
        let at = index as f64 - half;
        let sinc = if at == 0.0 { 1.0 / 3.0 } else { (PI * at / 3.0).sin() / (PI * at) };
        *tap = sinc * bessel(BETA * (1.0 - (at / (half + 1.0)).powi(2)).sqrt()) / bessel(BETA);
    }
    let mut gains = [0.0; 3];
    for (index, tap) in taps.iter().enumerate() {
        gains[index % 3] += tap;
    }
    std::array::from_fn(|index| (taps[index] / (3.0 * gains[index % 3])) as f32)
});

/// Kaiser's parameter for some 65 dB.
const BETA: f64 = 6.2;

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..32 {
        term *= (x / 2.0 / f64::from(n)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [Rate; 3] = [Rate::Hz8000, Rate::Hz16000, Rate::Hz24000];

    fn tone(hz: f64, rate: Rate, seconds: usize) -> Vec<i16> {
        let rate = f64::from(rate.hz());
        let sample = |n| (10_000.0 * (2.0 * PI * hz * n as f64 / rate).sin()).round() as i16;
        (0..seconds * rate as usize).map(sample).collect()
    }

    /// Decibels of the samples after the filter has settled, over the 10,000 of [`tone`].
    fn level(samples: &[i16]) -> f64 {
        let settled = &samples[200..];
        let power = settled.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / settled.len() as f64;
        10.0 * (power / (10_000.0f64.powi(2) / 2.0)).max(1e-12).log10()
    }

    fn down(rate: Rate, hz: f64) -> f64 {
        let mut narrow = vec![0; 8_000];
        Downsampler::new(rate).run(&tone(hz, rate, 1), &mut narrow);
        level(&narrow)
    }

    fn up(rate: Rate, hz: f64) -> Vec<i16> {
        let mut wide = vec![0; rate.hz() as usize];
        Upsampler::new(rate).run(&tone(hz, Rate::Hz8000, 1), &mut wide);
        wide
    }

    #[test]
    fn the_pass_band_is_flat_both_ways_at_every_rate() {
        for rate in RATES {
            for hz in [50.0, 300.0, 1_000.0, 2_000.0, 3_000.0, 3_400.0] {
                assert!(down(rate, hz).abs() < 0.05, "{rate:?}, {hz} Hz down: {} dB", down(rate, hz));
                let up = level(&up(rate, hz));
                assert!(up.abs() < 0.05, "{rate:?}, {hz} Hz up: {up} dB");
            }
        }
    }

    #[test]
    fn what_would_alias_is_60_db_down() {
        for hz in [4_600.0, 5_000.0, 7_000.0, 8_000.0, 9_300.0, 11_900.0] {
            assert!(down(Rate::Hz24000, hz) < -60.0, "{hz} Hz: {} dB", down(Rate::Hz24000, hz));
        }
    }

    #[test]
    fn the_images_of_a_tone_are_60_db_down() {
        for hz in [400.0, 1_004.0, 2_600.0, 3_400.0] {
            let wide = up(Rate::Hz24000, hz);
            for image in [8_000.0 - hz, 8_000.0 + hz] {
                let (mut re, mut im) = (0.0, 0.0);
                for (n, sample) in wide[12_000..].iter().enumerate() {
                    let angle = 2.0 * PI * image * n as f64 / 24_000.0;
                    re += f64::from(*sample) * angle.cos();
                    im += f64::from(*sample) * angle.sin();
                }
                let image = 20.0 * ((re.hypot(im) * 2.0 / 12_000.0) / 10_000.0).log10();
                assert!(image < -60.0, "{hz} Hz: {image} dB");
            }
        }
    }

    #[test]
    fn pieces_of_any_length_give_what_one_piece_gives() {
        for rate in RATES {
            let wide = tone(1_234.0, rate, 1);
            let (mut whole, mut pieces) = (vec![0; 480], vec![0; 480]);
            Downsampler::new(rate).run(&wide, &mut whole);
            let mut downsampler = Downsampler::new(rate);
            let (mut upsampler, mut again) = (Upsampler::new(rate), vec![0; rate.times() * 480]);
            let mut at = 0;
            for length in [1, 79, 160, 33, 207] {
                let [from, to] = [at, at + length].map(|sample| rate.times() * sample);
                downsampler.run(&wide[from..to], &mut pieces[at..at + length]);
                upsampler.run(&whole[at..at + length], &mut again[from..to]);
                at += length;
            }
            assert_eq!(whole, pieces, "{rate:?}");
            let mut at_once = vec![0; rate.times() * 480];
            Upsampler::new(rate).run(&whole, &mut at_once);
            assert_eq!(again, at_once, "{rate:?}");
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_cut_and_full_scale_saturates() {
        for rate in RATES {
            let loud: Vec<i16> = (0..999).map(|n| if n % 60 < 30 { i16::MAX } else { i16::MIN }).collect();
            let mut narrow = vec![7; 1_000];
            Downsampler::new(rate).run(&loud, &mut narrow);
            assert!(narrow[999 / rate.times()..].iter().all(|sample| *sample == 7), "{rate:?}");
            Upsampler::new(rate).run(&loud, &mut narrow);
        }
    }
}
