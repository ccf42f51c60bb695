//! A telephone line made by arithmetic: silence, tones, a buzzing voice, noise.

use std::f64::consts::TAU;

/// What came down the line, sample by sample.
#[derive(Clone, Default)]
pub(super) struct Line {
    samples: Vec<i16>,
    seed: u32,
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn silence(mut self, ms: u32) -> Self {
        self.samples.resize(self.samples.len() + (ms * 8) as usize, 0);
        self
    }

    /// Tones of −18 dBFS each.
    pub(super) fn tone(mut self, hz: &[f64], ms: u32) -> Self {
        let sample = |n: u32| {
            hz.iter().map(|hz| 4096.0 * (TAU * hz * f64::from(n) / 8000.0).sin()).sum::<f64>().round() as i16
        };
        self.samples.extend((0..ms * 8).map(sample));
        self
    }

    /// A tone and the silence after it, again and again.
    pub(super) fn cadence(mut self, times: u32, hz: &[f64], bursts: &[(u32, u32)]) -> Self {
        for _ in 0..times {
            for &(on, off) in bursts {
                self = self.tone(hz, on).silence(off);
            }
        }
        self
    }

    /// A voice: pulses of a gliding pitch through two formants, without a pause.
    pub(super) fn voice(self, ms: u32) -> Self {
        self.voice_at(1.0, ms)
    }

    pub(super) fn voice_at(mut self, gain: f64, ms: u32) -> Self {
        let mut phase = 0.0;
        for n in 0..ms * 8 {
            let t = f64::from(n) / 8000.0;
            let pitch = 120.0 + 25.0 * (TAU * 2.3 * t).sin();
            phase += TAU * pitch / 8000.0;
            let formant = |k: f64| {
                let hz = k * pitch;
                let wander = 150.0 * (TAU * 3.1 * t).sin();
                1.0 / (1.0 + ((hz - 600.0 - wander) / 200.0).powi(2))
                    + 0.5 / (1.0 + ((hz - 1500.0 + wander) / 300.0).powi(2))
            };
            let voice = (1..=20).map(f64::from).map(|k| formant(k) * (k * phase).sin()).sum::<f64>();
            self.samples.push((voice * 2500.0 * gain) as i16);
        }
        self
    }

    /// White noise over everything so far, of this mean absolute sample.
    pub(super) fn noise(mut self, mean: f64) -> Self {
        for sample in &mut self.samples {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (f64::from(self.seed >> 8) / f64::from(1 << 23) - 1.0) * mean * 2.0;
            *sample = (f64::from(*sample) + noise).clamp(-32768.0, 32767.0) as i16;
        }
        self
    }

    /// Everything so far, after a gap in which nothing came, not even noise.
    pub(super) fn after_gap(mut self, ms: u32) -> Self {
        self.samples.splice(..0, std::iter::repeat_n(0, (ms * 8) as usize));
        self
    }

    /// This line, then that one, each with its own noise.
    pub(super) fn then(mut self, other: &Self) -> Self {
        self.samples.extend(&other.samples);
        self
    }

    /// A recording of `media/testdata/amd`.
    pub(super) fn recording(mut self, wav: &[u8]) -> Self {
        let data = wav.windows(4).position(|tag| tag == b"data").expect("a WAV has data") + 8;
        self.samples.extend(wav[data..].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        self
    }

    pub(super) fn samples(&self) -> &[i16] {
        &self.samples
    }
}
