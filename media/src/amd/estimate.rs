//! Frequencies of a frame that is one tone or two, by linear prediction: no table, no spectrum, nothing but sums.

use std::f64::consts::TAU;

use super::features::{EDGE, FRAME, Frame, LANES, SAMPLE_RATE};

/// The frequency of the one tone that fills the frame, or `None` if it is not one tone.
///
/// Pisarenko's estimate needs no lag 0, so white noise does not bend it; the phase step between the frame's halves then
/// sharpens it to about 1 Hz, and the halves' power at that frequency is the purity.
pub(super) fn one_tone(frame: &Frame) -> Option<f32> {
    let [r0, r1, r2] = frame.correlation;
    if r0 <= 0.0 || (r2 / r0 - (2.0 * (r1 / r0).powi(2) - 1.0)).abs() > ONE_TONE_MISFIT_MAX {
        return None;
    }
    // cos w solves 2 r1 c² - r2 c - r1 = 0; this form of the root holds at a quarter of the sample rate too, where r1 = 0.
    let rough = f64::from((2.0 * r1 / ((r2 * r2 + 8.0 * r1 * r1).sqrt() - r2)).clamp(-1.0, 1.0)).acos();
    let half = FRAME / 2;
    let first = project(&frame.samples[..half], rough);
    let second = project(&frame.samples[half..], rough);
    let power = first.0.powi(2) + first.1.powi(2) + second.0.powi(2) + second.1.powi(2);
    if power * 2.0 < PURITY_MIN * half as f64 * f64::from(frame.energy) {
        return None;
    }
    // Each half's phase refers to its own start, so the step between them is the frequency's own.
    let step = (second.1 * first.0 - second.0 * first.1).atan2(second.0 * first.0 + second.1 * first.1);
    let excess = (step - rough * half as f64 + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
    in_range(rough + excess / half as f64)
}

/// The frequencies of the two tones that fill the frame, the lower first; both below 1300 Hz, as recorders have them.
///
/// Two tones obey `x[n+2d] + x[n-2d] = p (x[n+d] + x[n-d]) - q x[n]` with `p = 2 (cos da + cos db)` and
/// `q = 2 + 4 cos da cos db`: least squares gives p and q, what is left over says whether it was two tones. A `d` of 3
/// samples spreads the angles, so that line noise hardly bends them.
pub(super) fn two_tones(frame: &Frame) -> Option<(f32, f32)> {
    let from = |first: usize| frame.samples[first..first + FRAME - 2 * EDGE].chunks_exact(LANES);
    let (mut xx, mut xn, mut xf) = ([0.0f32; LANES], [0.0f32; LANES], [0.0f32; LANES]);
    let (mut nn, mut nf, mut ff) = ([0.0f32; LANES], [0.0f32; LANES], [0.0f32; LANES]);
    let near = from(EDGE - STEP).zip(from(EDGE + STEP));
    let far = from(EDGE - 2 * STEP).zip(from(EDGE + 2 * STEP));
    for ((x, (before, after)), (early, late)) in from(EDGE).zip(near).zip(far) {
        for lane in 0..LANES {
            let (x, near, far) = (x[lane], before[lane] + after[lane], early[lane] + late[lane]);
            xx[lane] += x * x;
            xn[lane] += x * near;
            xf[lane] += x * far;
            nn[lane] += near * near;
            nf[lane] += near * far;
            ff[lane] += far * far;
        }
    }
    let [xx, xn, xf, nn, nf, ff] = [xx, xn, xf, nn, nf, ff].map(|lanes| f64::from(lanes.iter().sum::<f32>()));
    let determinant = nn * xx - xn * xn;
    if determinant <= nn * xx * 1e-9 {
        return None;
    }
    let p = (nf * xx - xf * xn) / determinant;
    let q = (xn * nf - nn * xf) / determinant;
    let left_over = ff - p * nf + q * xf;
    if left_over > TWO_TONES_MISFIT_MAX * ff {
        return None;
    }
    let (sum, product) = (p / 2.0, (q - 2.0) / 4.0);
    let apart = sum * sum - 4.0 * product;
    if apart <= 0.0 {
        return None;
    }
    let cosine = |sign: f64| f64::midpoint(sum, sign * apart.sqrt());
    let angle = |cosine: f64| (-1.0..=1.0).contains(&cosine).then(|| cosine.acos() / STEP as f64);
    let (low, high) = (in_range(angle(cosine(1.0))?)?, in_range(angle(cosine(-1.0))?)?);
    // Angles fold beyond 1333 Hz: only what is found where the angles point counts.
    let found = |hz: f32| {
        let (re, im) = project(&frame.samples, TAU * f64::from(hz) / f64::from(SAMPLE_RATE));
        (re * re + im * im) * 2.0 / (FRAME as f64 * f64::from(frame.energy))
    };
    (high - low >= APART_HZ_MIN && found(low) + found(high) >= TWO_TONES_SHARE_MIN).then_some((low, high))
}

fn in_range(radians: f64) -> Option<f32> {
    let hz = radians / TAU * f64::from(SAMPLE_RATE);
    (HZ_MIN..=HZ_MAX).contains(&hz).then_some(hz as f32)
}

/// The sum of `x[n]·e^(-jwn)`, by Goertzel.
fn project(samples: &[f32], w: f64) -> (f64, f64) {
    let (coefficient, mut s1, mut s2) = ((2.0 * w.cos()) as f32, 0.0f32, 0.0f32);
    for &x in samples {
        let s0 = (x - s2) + coefficient * s1;
        s2 = s1;
        s1 = s0;
    }
    // s1 - s2·e^(-jw) is the sum of x[n]·e^(jw(N-1-n)): turn its phase from the last sample to the first.
    let (re, im) = (f64::from(s1) - f64::from(s2) * w.cos(), f64::from(s2) * w.sin());
    let (sin, cos) = (-w * (samples.len() - 1) as f64).sin_cos();
    (re * cos - im * sin, re * sin + im * cos)
}

/// How far the second lag may stray from a single tone's before the estimate is not worth its cost.
const ONE_TONE_MISFIT_MAX: f32 = 0.2;
/// Share of the frame's energy in its one tone.
const PURITY_MIN: f64 = 0.90;
/// Share of the prediction's energy that two tones may leave unexplained.
const TWO_TONES_MISFIT_MAX: f64 = 0.05;
/// Share of the frame's energy in its two tones; less than for one, for they lean on each other.
const TWO_TONES_SHARE_MIN: f64 = 0.75;
/// Closer than this, 20 ms cannot hold two tones apart from one that trembles.
const APART_HZ_MIN: f32 = 60.0;
/// The `d` of [`two_tones`]; angles beyond a sixth of the sample rate would fold.
const STEP: usize = 3;
/// Where beeps and signals lie.
const HZ_MIN: f64 = 350.0;
const HZ_MAX: f64 = 2300.0;
