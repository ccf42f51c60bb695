//! One frame's numbers: loudness, energy and the first correlations. Sums run in sixteen lanes, as SIMD wants them.

/// What the detector is fed with.
pub(super) const SAMPLE_RATE: u32 = 8000;
/// Samples in a frame: 20 ms.
pub(super) const FRAME: usize = 160;
/// Milliseconds in a frame.
pub(super) const FRAME_MS: u32 = 20;
/// Lanes of a vector.
pub(super) const LANES: usize = 16;

/// How a frame came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The other side sent it.
    #[default]
    Sent,
    /// It stands for what the other side did not send, or for what was lost of it.
    MadeUp,
    /// Nothing came, though the other side sends its silence too.
    Missing,
}

/// A frame and what was measured of it. Samples are scaled to ±1.0.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) samples: [f32; FRAME],
    /// Mean absolute value.
    pub(super) loudness: f32,
    /// Sum of squares.
    pub(super) energy: f32,
    /// Correlation at lags 0, 1 and 2; see [`lagged`].
    pub(super) correlation: [f32; 3],
}

impl Frame {
    pub(super) fn new(pcm: &[i16; FRAME]) -> Self {
        let mut samples = [0.0f32; FRAME];
        for (sample, &raw) in samples.iter_mut().zip(pcm) {
            *sample = f32::from(raw) / 32768.0;
        }
        let mut absolute = [0.0f32; LANES];
        let mut square = [0.0f32; LANES];
        for chunk in samples.chunks_exact(LANES) {
            for lane in 0..LANES {
                absolute[lane] += chunk[lane].abs();
                square[lane] += chunk[lane] * chunk[lane];
            }
        }
        let energy = square.iter().sum::<f32>();
        let correlation = [0, 1, 2].map(|lag| lagged(&samples, lag));
        Self { samples, loudness: absolute.iter().sum::<f32>() / FRAME as f32, energy, correlation }
    }

    /// Loudness in units of a 16 bit sample, as `silence_threshold` is given.
    pub(super) fn mean_absolute(&self) -> f32 {
        self.loudness * 32768.0
    }
}

/// Products of each sample with the mean of its neighbours at `lag` on both sides, over the frame's inner samples. For
/// a pure tone of `w` that is exactly cos(w·lag) times lag 0, wherever the frame cuts its periods.
fn lagged(samples: &[f32; FRAME], lag: usize) -> f32 {
    let inner = samples[EDGE..FRAME - EDGE].chunks_exact(LANES);
    let before = samples[EDGE - lag..FRAME - EDGE - lag].chunks_exact(LANES);
    let after = samples[EDGE + lag..FRAME - EDGE + lag].chunks_exact(LANES);
    let mut sum = [0.0f32; LANES];
    for ((inner, before), after) in inner.zip(before).zip(after) {
        for lane in 0..LANES {
            sum[lane] += inner[lane] * (before[lane] + after[lane]);
        }
    }
    sum.iter().sum::<f32>() * 0.5
}

/// Samples at each end that only serve as neighbours: leaves a whole number of vectors.
pub(super) const EDGE: usize = 8;
