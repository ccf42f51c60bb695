//! Tones in one frame: a bank of sixteen Goertzel filters side by side, for the frequencies that networks and fax
//! machines use (ITU-T E.180 and T.30, Telcordia SR-2275).
//!
//! Every other tone is measured, not looked up (see `estimate`): a recorder's beep has no standard, and CNG may stray
//! by 38 Hz, more than a filter is wide. Knows nothing of durations; see `cadence`.

use std::{array, f64::consts::TAU, sync::LazyLock};

use super::estimate::{one_tone, two_tones};
use super::features::{FRAME, Frame, LANES, SAMPLE_RATE};

/// What a frame sounds like, if it is a tone at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ToneFrame {
    /// 440+480, 400+450, or one tone of 390 to 460 Hz: ringing, busy or congestion, as the cadence says.
    Progress {
        /// The tone, or the lower one.
        hz: f32,
        pair: bool,
    },
    /// 480+620 Hz: busy or reorder in North America.
    Busy,
    /// 350+440 Hz.
    Dial,
    /// Any other single tone, by its measured frequency.
    Single(f32),
    /// Any other two, the lower first.
    Double(f32, f32),
}

impl ToneFrame {
    /// The frequency to name it by: the tone's, or the lower of two.
    pub(super) fn hz(self) -> f32 {
        match self {
            Self::Progress { hz, .. } | Self::Single(hz) | Self::Double(hz, _) => hz,
            Self::Busy => 480.0,
            Self::Dial => 350.0,
        }
    }

    /// The upper frequency where it was measured, else the only one.
    pub(super) fn upper_hz(self) -> f32 {
        if let Self::Double(_, upper) = self { upper } else { self.hz() }
    }

    pub(super) fn is_pair(self) -> bool {
        !matches!(self, Self::Single(_) | Self::Progress { pair: false, .. })
    }

    fn single(hz: f32) -> Self {
        if (PROGRESS_HZ_MIN..=PROGRESS_HZ_MAX).contains(&hz) {
            Self::Progress { hz, pair: false }
        } else {
            Self::Single(hz)
        }
    }
}

/// Sixteen Goertzel filters side by side, a lane each. One frame of memory doubles their resolution to 25 Hz.
///
/// The detector holds its own; it is public for tools and benches.
#[derive(Clone, Debug)]
pub struct Bank {
    tables: &'static Tables,
    last: Spectrum,
}

/// What the filters of all calls have in common.
#[derive(Debug)]
struct Tables {
    coefficient: [f32; LANES],
    cos: [f32; LANES],
    sin: [f32; LANES],
    turn_cos: [f32; LANES],
    turn_sin: [f32; LANES],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let step = |lane: usize| TAU * Bank::FREQUENCIES[lane] / f64::from(SAMPLE_RATE);
    let lanes = |f: &dyn Fn(f64) -> f64| array::from_fn(|lane| f(step(lane)) as f32);
    Tables {
        coefficient: lanes(&|w| 2.0 * w.cos()),
        cos: lanes(&|w| w.cos()),
        sin: lanes(&|w| w.sin()),
        turn_cos: lanes(&|w| (w * FRAME as f64).cos()),
        turn_sin: lanes(&|w| (w * FRAME as f64).sin()),
    }
});

/// Complex sums of one frame and its energy.
#[derive(Clone, Debug)]
struct Spectrum {
    re: [f32; LANES],
    im: [f32; LANES],
    energy: f32,
}

impl Default for Bank {
    fn default() -> Self {
        Self::new()
    }
}

impl Bank {
    /// What each lane listens to, in hertz.
    pub const FREQUENCIES: [f64; LANES] = [
        350.0, 400.0, 425.0, 440.0, 450.0, 480.0, 620.0, 913.8, 950.0, 985.2, 1370.6, 1400.0, 1428.5, 1776.7,
        1800.0, 2100.0,
    ];

    /// A bank that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        let last = Spectrum { re: [0.0; LANES], im: [0.0; LANES], energy: 0.0 };
        Self { tables: &TABLES, last }
    }

    /// Takes 20 ms at 8 kHz, and gives the share of the last 40 ms' energy at each frequency: 1.0 is a pure tone.
    pub fn push(&mut self, pcm: &[i16; FRAME]) -> [f32; LANES] {
        self.shares(&Frame::new(pcm))
    }

    /// Share of the energy of the last 40 ms that lies at each frequency: 1.0 is a pure tone.
    pub(super) fn shares(&mut self, frame: &Frame) -> [f32; LANES] {
        let Tables { turn_cos, turn_sin, .. } = self.tables;
        let now = self.spectrum(frame);
        let mut shares = [0.0; LANES];
        let energy = now.energy + self.last.energy;
        if energy > 0.0 {
            let scale = 2.0 / (2.0 * FRAME as f32 * energy);
            for (lane, share) in shares.iter_mut().enumerate() {
                // The earlier frame's sum, turned by the phase that a frame's length adds.
                let re = self.last.re[lane] * turn_cos[lane] - self.last.im[lane] * turn_sin[lane];
                let im = self.last.re[lane] * turn_sin[lane] + self.last.im[lane] * turn_cos[lane];
                let (re, im) = (re + now.re[lane], im + now.im[lane]);
                *share = (re * re + im * im) * scale;
            }
        }
        self.last = now;
        shares
    }

    fn spectrum(&self, frame: &Frame) -> Spectrum {
        let Tables { coefficient, cos, sin, .. } = self.tables;
        let mut s1 = [0.0f32; LANES];
        let mut s2 = [0.0f32; LANES];
        for &x in &frame.samples {
            for lane in 0..LANES {
                let s0 = (x - s2[lane]) + coefficient[lane] * s1[lane];
                s2[lane] = s1[lane];
                s1[lane] = s0;
            }
        }
        let mut spectrum = Spectrum { re: [0.0; LANES], im: [0.0; LANES], energy: frame.energy };
        for lane in 0..LANES {
            spectrum.re[lane] = s1[lane] - s2[lane] * cos[lane];
            spectrum.im[lane] = s2[lane] * sin[lane];
        }
        spectrum
    }
}

/// Names the tone in `frame`, given the bank's shares.
pub(super) fn classify(frame: &Frame, shares: &[f32; LANES]) -> Option<ToneFrame> {
    if frame.loudness < LOUDNESS_MIN {
        return None;
    }
    let pair = |low: usize, high: usize| {
        shares[low].min(shares[high]) >= PARTNER_MIN && shares[low] + shares[high] >= SHARE_MIN
    };
    if pair(AT_480, AT_620) {
        return Some(ToneFrame::Busy);
    }
    if pair(AT_350, AT_440) {
        return Some(ToneFrame::Dial);
    }
    // A lone 425 or 440 Hz spills into the lanes beside it: ask for one tone before asking for two.
    if let Some(lane) = (0..LANES).find(|&lane| shares[lane] >= LANE_SURE) {
        return Some(ToneFrame::single(Bank::FREQUENCIES[lane] as f32));
    }
    if pair(AT_440, AT_480) {
        return Some(ToneFrame::Progress { hz: 440.0, pair: true });
    }
    if pair(AT_400, AT_450) {
        return Some(ToneFrame::Progress { hz: 400.0, pair: true });
    }
    let double = || two_tones(frame).map(|(low, high)| ToneFrame::Double(low, high));
    one_tone(frame).map(ToneFrame::single).or_else(double)
}

const AT_350: usize = 0;
const AT_400: usize = 1;
const AT_440: usize = 3;
const AT_450: usize = 4;
const AT_480: usize = 5;
const AT_620: usize = 6;

/// Mean absolute sample, of 1.0, below which nothing is a tone (−60 dBFS).
const LOUDNESS_MIN: f32 = 0.001;
/// A known tone, or both of a pair, hold at least this share of the energy.
const SHARE_MIN: f32 = 0.80;
/// The weaker of a pair: 8 dB of twist.
const PARTNER_MIN: f32 = 0.12;
/// A lane is taken for the measured frequency only when it is as good as exact.
const LANE_SURE: f32 = 0.97;
const PROGRESS_HZ_MIN: f32 = 390.0;
const PROGRESS_HZ_MAX: f32 = 460.0;
