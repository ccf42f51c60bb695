//! Concealment of lost audio by repeating the last pitch period and fading it out, after ITU-T G.711 Appendix I in a
//! smaller form. Knows nothing of packets.

/// Remembers what was heard last, and makes more of it.
#[derive(Clone, Debug)]
pub struct Concealer {
    history: [i16; HISTORY],
    gap: Option<Gap>,
}

/// A stretch of loss that goes on.
#[derive(Clone, Copy, Debug)]
struct Gap {
    /// The pitch period found at its beginning, in samples.
    period: usize,
    /// Samples made since.
    made: usize,
}

impl Concealer {
    /// One that has heard silence.
    #[must_use]
    pub fn new() -> Self {
        Self { history: [0; HISTORY], gap: None }
    }

    /// Takes audio that did arrive. The first after a gap is blended with what was made up, so that nothing clicks.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if let Some(mut gap) = self.gap.take() {
            let blended = samples.len().min(BLEND);
            for (index, sample) in samples[..blended].iter_mut().enumerate() {
                let made = i32::from(self.repeat(&mut gap));
                let weight = index as i32 + 1;
                let sum = i32::from(*sample) * weight + made * (BLEND as i32 + 1 - weight);
                *sample = (sum / (BLEND as i32 + 1)) as i16;
            }
        }
        self.remember(samples);
    }

    /// Makes audio up. After 60 ms of it there is silence.
    pub fn fill(&mut self, samples: &mut [i16]) {
        let mut gap = self.gap.unwrap_or_else(|| Gap { period: self.period(), made: 0 });
        for sample in samples.iter_mut() {
            *sample = self.repeat(&mut gap);
        }
        self.gap = Some(gap);
    }

    fn repeat(&self, gap: &mut Gap) -> i16 {
        let made = gap.made;
        gap.made += 1;
        if made >= FADED {
            return 0;
        }
        let sample = i32::from(self.history[HISTORY - gap.period + made % gap.period]);
        let gain = if made < STEADY { (FADED - STEADY) as i32 } else { (FADED - made) as i32 };
        (sample * gain / (FADED - STEADY) as i32) as i16
    }

    fn remember(&mut self, samples: &[i16]) {
        let samples = &samples[samples.len().saturating_sub(HISTORY)..];
        self.history.copy_within(samples.len().., 0);
        self.history[HISTORY - samples.len()..].copy_from_slice(samples);
    }

    /// The lag at which the last 20 ms resemble what was before them most.
    fn period(&self) -> usize {
        let (past, recent) = self.history.split_at(HISTORY - WINDOW);
        let start = past.len();
        let mut best = (f32::MIN, LAG_MAX);
        // Every second sample and lag is enough, and a quarter of the work.
        for lag in (LAG_MIN..=LAG_MAX).step_by(2) {
            let (mut product, mut energy) = (0.0f32, 1.0f32);
            for index in (0..WINDOW).step_by(2) {
                let before = f32::from(self.history[start + index - lag]);
                product += f32::from(recent[index]) * before;
                energy += before * before;
            }
            let score = product / energy.sqrt();
            if score > best.0 {
                best = (score, lag);
            }
        }
        best.1
    }
}

/// Pitch is looked for from 50 to 200 Hz.
const LAG_MIN: usize = 40;
const LAG_MAX: usize = 160;
const WINDOW: usize = 160;
const HISTORY: usize = WINDOW + LAG_MAX;
/// Full loudness for 10 ms, silence from 60 ms on.
const STEADY: usize = 80;
const FADED: usize = 480;
/// 5 ms.
const BLEND: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, count: usize) -> Vec<i16> {
        let sample = |index: usize| 8_000.0 * (std::f32::consts::TAU * 100.0 * index as f32 / 8_000.0).sin();
        (from..from + count).map(|index| sample(index) as i16).collect()
    }

    fn largest_step(samples: &[i16]) -> i32 {
        samples.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_periodic_sound_goes_on_in_phase() {
        let mut concealer = Concealer::new();
        concealer.heard(&mut tone(0, 400));
        let mut made = [0; 80];
        concealer.fill(&mut made);
        for (made, meant) in made.iter().zip(tone(400, 80)) {
            assert!((i32::from(*made) - i32::from(meant)).abs() < 200, "{made} for {meant}");
        }
    }

    #[test]
    fn a_long_gap_fades_to_silence() {
        let mut concealer = Concealer::new();
        concealer.heard(&mut tone(0, 400));
        let mut made = [0; 800];
        concealer.fill(&mut made);
        assert!(made[480..].iter().all(|sample| *sample == 0));
        assert!(made[..80].iter().any(|sample| *sample > 7_000));
        assert!(largest_step(&made) < 1_000);
    }

    #[test]
    fn the_return_of_audio_does_not_click() {
        let mut concealer = Concealer::new();
        let mut line = tone(0, 400);
        concealer.heard(&mut line);
        let mut made = [0; 160];
        concealer.fill(&mut made);
        let mut back = tone(590, 160);
        concealer.heard(&mut back);
        line.extend(made);
        line.extend(back);
        assert!(largest_step(&line) < 1_500, "{}", largest_step(&line));
    }
}
