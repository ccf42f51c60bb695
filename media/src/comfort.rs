//! Comfort noise (RFC 3389): what fills a silence that the other side announces instead of sending it, and what we
//! announce ourselves. Its level alone is followed. Knows nothing of packets.

/// Noise, the same run of numbers for everybody. A new level goes on with the run: begun again with each packet it would hum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// Largest sample.
    peak: i32,
    state: u32,
}

impl Noise {
    /// Silence, until a level is announced.
    pub(crate) fn new() -> Self {
        Self { peak: 0, state: SEED }
    }

    /// Takes a level as it is announced, in −dBov (§3.1).
    pub(crate) fn follow(&mut self, level: u8) {
        // The highest bit is reserved.
        let level = f32::from(level & 0x7f);
        // 0 dBov is the mean power of a square wave of full scale; that of evenly spread noise is a third of its peak's.
        let rms = 32_767.0 * 10f32.powf(-level.max(LOUDEST) / 20.0);
        self.peak = (rms * 3f32.sqrt()).min(32_767.0) as i32;
    }

    pub(crate) fn fill(&mut self, samples: &mut [i16]) {
        for sample in samples {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let unit = (self.state >> 16) as i32 - 32_768;
            *sample = (unit * self.peak / 32_768) as i16;
        }
    }
}

/// What we send for our own silence, in one byte: −70 dBov, hardly to be heard, and enough to tell that the line is up.
pub(crate) const QUIET: [u8; 1] = [70];

/// Nobody's background is louder than −30 dBov: a payload that says so comforts nobody, and a detector would hear a voice.
const LOUDEST: f32 = 30.0;
const SEED: u32 = 0x5eed;

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(announced: u8) -> Noise {
        let mut noise = Noise::new();
        noise.follow(announced);
        noise
    }

    fn level(announced: u8) -> f64 {
        let mut samples = [0; 8_000];
        noise(announced).fill(&mut samples);
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / 8_000.0;
        10.0 * (power.max(1e-9) / 32_767f64.powi(2)).log10()
    }

    #[test]
    fn noise_is_as_loud_as_announced() {
        for announced in [30u8, 40, 50, 60] {
            let heard = level(announced);
            assert!((heard + f64::from(announced)).abs() < 0.5, "{announced}: {heard} dBov");
        }
    }

    #[test]
    fn no_announcement_is_loud_and_the_lowest_is_silence() {
        assert!(level(0) < -29.0 && level(0x80) < -29.0);
        assert!(level(127) < -90.0);
    }

    #[test]
    fn a_level_announced_again_does_not_begin_the_noise_anew() {
        let mut noise = noise(50);
        let (mut before, mut after) = ([0; 160], [0; 160]);
        noise.fill(&mut before);
        noise.follow(50);
        noise.fill(&mut after);
        assert_ne!(before, after);
    }
}
