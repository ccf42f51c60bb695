//! Digits in the audio (ITU-T Q.23, Q.24): two tones at a time, heard and made. For trunks without telephone events.
//! Knows nothing of packets. Each 5 ms one window of 15 ms is looked at through eight filters; two windows that follow
//! each other give a tone's true frequency by its phase, which no filter so short could tell by itself.
//!
//! | | always taken | never taken |
//! |---|---|---|
//! | length | 40 ms | 20 ms |
//! | pause between digits | 40 ms; 10 ms is an interruption and splits nothing | |
//! | frequency | ±1.5 % | ±3.5 % |
//! | the upper tone, seen from the lower | −8 to +4 dB | below −10, above +6 dB |
//! | level of each | −33 dBm0 | −45 dBm0 |
//! | noise | 15 dB below | |
//!
//! Speech is kept out ("talk-off") by asking that the two tones be nearly all that sounds, that both stay as loud and as
//! high for 25 ms, and that neither has an overtone.

use std::{f32::consts::TAU, sync::LazyLock, time::Duration};

use arrayvec::ArrayVec;

use crate::{
    dtmf::{Digits, Received, Symbol, digit_of},
    jitter::FRAME,
};

/// The lower group and the upper one, in Hz.
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Which digit a pair means.
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
const RATE: f32 = 8_000.0;

/// Listens for digits.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    past: [f32; WINDOW - HOP],
    last: Spectrum,
    /// What the windows at the end of what was heard have in common, and how many they are.
    run: Option<(Key, u8)>,
    pressed: Option<Pressed>,
}

#[derive(Clone, Copy, Debug)]
struct Pressed {
    key: Key,
    /// Hops since the first window that had it, and of them those since the last.
    hops: u32,
    missed: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    low: usize,
    high: usize,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self { past: [0.0; WINDOW - HOP], last: Spectrum::default(), run: None, pressed: None }
    }

    /// Takes a frame. A digit is told when it is over: then its length is known.
    pub(crate) fn listen(&mut self, frame: &[i16; FRAME]) -> Option<Received> {
        let mut line = [0.0; WINDOW - HOP + FRAME];
        line[..WINDOW - HOP].copy_from_slice(&self.past);
        for (into, sample) in line[WINDOW - HOP..].iter_mut().zip(frame) {
            *into = f32::from(*sample);
        }
        self.past.copy_from_slice(&line[FRAME..]);
        let mut told = None;
        for at in (0..FRAME).step_by(HOP) {
            let window = line[at..].first_chunk::<WINDOW>().expect("the line is a frame and a window long");
            let now = Spectrum::of(window);
            let key = now.key(&self.last, window);
            self.last = now;
            // A frame is shorter than a digit with its pause, so it ends one at most.
            told = self.follow(key).or(told);
        }
        told
    }

    fn follow(&mut self, key: Option<Key>) -> Option<Received> {
        self.run = match (key, self.run) {
            (Some(key), Some((before, count))) if key == before => Some((key, count.saturating_add(1))),
            (key, _) => key.map(|key| (key, 1)),
        };
        if let Some(pressed) = &mut self.pressed {
            pressed.hops += 1;
            pressed.missed = if key == Some(pressed.key) { 0 } else { pressed.missed + 1 };
        }
        let fresh = self.run.filter(|(key, count)| {
            *count >= HITS_MIN && self.pressed.is_none_or(|pressed| pressed.key != *key)
        });
        let over = self.pressed.filter(|pressed| pressed.missed >= MISSES_MAX || fresh.is_some());
        if let Some((key, count)) = fresh {
            self.pressed = Some(Pressed { key, hops: u32::from(count) - 1, missed: 0 });
        } else if over.is_some() {
            self.pressed = None;
        }
        over.map(Pressed::told)
    }
}

impl Pressed {
    fn told(self) -> Received {
        let hops = self.hops - u32::from(self.missed);
        // The windows at the edges lie 12 ms within the tone.
        let duration = Duration::from_millis(u64::from(hops) * HOP_MS + 12);
        Received { digit: KEYS[self.key.low][self.key.high], duration }
    }
}

/// Samples of a window and from one to the next: 15 ms and 5 ms.
const WINDOW: usize = 120;
const HOP: usize = 40;
const HOP_MS: u64 = 5;
/// Pairs of windows in a row that a digit takes: with 4, a tone of 26 ms may be one, and of 31 ms is.
const HITS_MIN: u8 = 4;
/// Pairs of windows without it that end it. An interruption of 10 ms spoils five, a pause of 40 ms ten.
const MISSES_MAX: u8 = 7;
/// Between what must be taken and what must not.
const STRAY_MAX: f32 = 0.025;
/// −9 to +5 dB, as ratios of power.
const TWIST_MIN: f32 = 0.126;
const TWIST_MAX: f32 = 3.16;
/// −39 dBm0, as an amplitude: a sine of full scale is +3.17 dBm0 in µ-law.
const AMPLITUDE_MIN: f32 = 250.0;
/// Of what sounds, the two tones are at least so much (7 dB over all else).
const SHARE_MIN: f32 = 0.83;
/// A tone's power may change so much from one window to the next: 1.5 dB.
const STEADY_MAX: f32 = 1.41;
/// An overtone is at most so much of its tone: −14 dB.
const OVERTONE_MAX: f32 = 0.04;
/// Nearer than this to the other tone, an overtone cannot be told from it.
const OVERTONE_ROOM_HZ: f32 = 150.0;

/// What the eight filters say of one window, and how much sounds in it.
#[derive(Clone, Debug, Default)]
struct Spectrum {
    sums: [Complex; 8],
    energy: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f32,
    im: f32,
}

impl Complex {
    fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }
}

/// A tone in two windows.
#[derive(Clone, Copy)]
struct Measured {
    index: usize,
    hz: f32,
    power: f32,
}

impl Spectrum {
    fn of(window: &[f32; WINDOW]) -> Self {
        let filters = &*FILTERS;
        let energy = window.iter().zip(&filters.window).map(|(x, w)| (x * w) * (x * w)).sum();
        if energy < ENERGY_MIN {
            return Self { sums: [Complex::default(); 8], energy };
        }
        let sums = std::array::from_fn(|index| correlate(window, &filters.cos[index], &filters.sin[index]));
        Self { sums, energy }
    }

    /// The digit that sounds in this window and the one before.
    fn key(&self, before: &Self, window: &[f32; WINDOW]) -> Option<Key> {
        if self.energy < ENERGY_MIN || before.energy < ENERGY_MIN {
            return None;
        }
        let low = self.measure(before, 0, &LOW)?;
        let high = self.measure(before, 4, &HIGH)?;
        let twist = high.power / low.power;
        if !(TWIST_MIN..=TWIST_MAX).contains(&twist) {
            return None;
        }
        // A tone of power P in the filter puts 6 P / N of energy into the window.
        let tones = (low.power + high.power) * 6.0 / WINDOW as f32;
        if tones < SHARE_MIN * self.energy || has_overtone(window, low, high) {
            return None;
        }
        Some(Key { low: low.index, high: high.index })
    }

    /// The strongest of a group, if it is a steady tone of nearly the right frequency.
    fn measure(&self, before: &Self, offset: usize, group: &[f32; 4]) -> Option<Measured> {
        let index = (0..4)
            .max_by(|a, b| self.sums[offset + a].power().total_cmp(&self.sums[offset + b].power()))
            .expect("a group has four");
        let (now, then) = (self.sums[offset + index], before.sums[offset + index]);
        let (power, was) = (now.power(), then.power());
        if power > was * STEADY_MAX || was > power * STEADY_MAX {
            return None;
        }
        // How far the phase went in a hop, beyond what the nominal frequency makes of it.
        let turned = (now.im * then.re - now.re * then.im).atan2(now.re * then.re + now.im * then.im);
        let nominal = TAU * group[index] * HOP as f32 / RATE;
        let beyond = (turned - nominal + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
        let stray_hz = beyond * RATE / (TAU * HOP as f32);
        if stray_hz.abs() > STRAY_MAX * group[index] {
            return None;
        }
        // Off its middle a filter hears less, by the shape of its window (Hann).
        let bins = stray_hz * WINDOW as f32 / RATE;
        let power = power / response(bins).powi(2);
        let amplitude = 4.0 * power.sqrt() / WINDOW as f32;
        (amplitude >= AMPLITUDE_MIN).then_some(Measured { index, hz: group[index] + stray_hz, power })
    }
}

/// What a Hann window leaves of a tone that is so many bins off.
fn response(bins: f32) -> f32 {
    if bins.abs() < 1e-3 {
        return 1.0;
    }
    let x = bins * TAU / 2.0;
    x.sin() / x / (1.0 - bins * bins)
}

/// Voices have overtones, and telephones' keys have none.
fn has_overtone(window: &[f32; WINDOW], low: Measured, high: Measured) -> bool {
    let strong = |tone: Measured| {
        let (mut cos, mut sin) = ([0.0; WINDOW], [0.0; WINDOW]);
        filter(2.0 * tone.hz, &mut cos, &mut sin);
        correlate(window, &cos, &sin).power() > OVERTONE_MAX * tone.power
    };
    strong(high) || (2.0 * low.hz - high.hz).abs() > OVERTONE_ROOM_HZ && strong(low)
}

fn correlate(window: &[f32; WINDOW], cos: &[f32; WINDOW], sin: &[f32; WINDOW]) -> Complex {
    let (mut re, mut im) = ([0.0f32; 8], [0.0f32; 8]);
    for ((x, cos), sin) in window.chunks_exact(8).zip(cos.chunks_exact(8)).zip(sin.chunks_exact(8)) {
        for lane in 0..8 {
            re[lane] += x[lane] * cos[lane];
            im[lane] -= x[lane] * sin[lane];
        }
    }
    Complex { re: re.iter().sum(), im: im.iter().sum() }
}

/// A window in which no pair of tones could be loud enough.
const ENERGY_MIN: f32 = AMPLITUDE_MIN * AMPLITUDE_MIN * WINDOW as f32 * 3.0 / 16.0;

struct Filters {
    window: [f32; WINDOW],
    cos: [[f32; WINDOW]; 8],
    sin: [[f32; WINDOW]; 8],
}

static FILTERS: LazyLock<Filters> = LazyLock::new(|| {
    let mut filters =
        Filters { window: std::array::from_fn(hann), cos: [[0.0; WINDOW]; 8], sin: [[0.0; WINDOW]; 8] };
    for (index, hz) in LOW.iter().chain(&HIGH).enumerate() {
        filter(*hz, &mut filters.cos[index], &mut filters.sin[index]);
    }
    filters
});

fn filter(hz: f32, cos: &mut [f32; WINDOW], sin: &mut [f32; WINDOW]) {
    for n in 0..WINDOW {
        let (s, c) = (TAU * hz * n as f32 / RATE).sin_cos();
        cos[n] = c * hann(n);
        sin[n] = s * hann(n);
    }
}

fn hann(n: usize) -> f32 {
    0.5 - 0.5 * (TAU * (n as f32 + 0.5) / WINDOW as f32).cos()
}

/// Plays digits as tones of 100 ms, 100 ms apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sender {
    queue: ArrayVec<Symbol, { Digits::MAX }>,
    state: Sounding,
}

#[derive(Clone, Copy, Debug, Default)]
enum Sounding {
    #[default]
    Idle,
    /// So many ticks of it are out.
    Tone { low: f32, high: f32, ticks: usize },
    /// Silence for so many ticks more.
    Gap { ticks: u16 },
}

/// What a tick of the sender comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sounded {
    /// Nothing to send: the tick belongs to the agent.
    Nothing,
    /// The frame was filled, with a tone or with the silence between two.
    Frame,
    /// Nothing to send, and the last digit is over.
    Finished,
}

impl Sender {
    /// Appends digits. False: there is no room, and nothing was taken.
    pub(crate) fn push(&mut self, digits: &Digits) -> bool {
        self.queue.try_extend_from_slice(digits.symbols()).is_ok()
    }

    /// Whether there is anything to send.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, Sounding::Idle) && self.queue.is_empty()
    }

    /// One tick of 20 ms.
    pub(crate) fn tick(&mut self, frame: &mut [i16; FRAME]) -> Sounded {
        match self.state {
            Sounding::Idle => self.next(frame),
            Sounding::Tone { low, high, ticks } => {
                self.sound(low, high, ticks, frame);
                Sounded::Frame
            }
            Sounding::Gap { ticks } if ticks > 0 => {
                self.state = Sounding::Gap { ticks: ticks - 1 };
                frame.fill(0);
                Sounded::Frame
            }
            Sounding::Gap { .. } => {
                self.state = Sounding::Idle;
                match self.next(frame) {
                    Sounded::Nothing => Sounded::Finished,
                    sounded => sounded,
                }
            }
        }
    }

    fn next(&mut self, frame: &mut [i16; FRAME]) -> Sounded {
        match self.queue.pop_at(0) {
            None => return Sounded::Nothing,
            Some(Symbol::Event(event)) => {
                let (low, high) = frequencies(event);
                self.sound(low, high, 0, frame);
            }
            Some(Symbol::Pause) => {
                frame.fill(0);
                self.state = Sounding::Gap { ticks: PAUSE_TICKS - 1 };
            }
        }
        Sounded::Frame
    }

    fn sound(&mut self, low: f32, high: f32, ticks: usize, frame: &mut [i16; FRAME]) {
        for (n, sample) in frame.iter_mut().enumerate() {
            let at = ticks * FRAME + n;
            let edge = at.min(TONE_TICKS * FRAME - 1 - at);
            let gain = (edge as f32 / RAMP as f32).min(1.0);
            let time = at as f32 / RATE;
            let tones = LOW_AMPLITUDE * (TAU * low * time).sin() + HIGH_AMPLITUDE * (TAU * high * time).sin();
            *sample = (gain * tones) as i16;
        }
        self.state = if ticks + 1 == TONE_TICKS {
            Sounding::Gap { ticks: GAP_TICKS }
        } else {
            Sounding::Tone { low, high, ticks: ticks + 1 }
        };
    }
}

fn frequencies(event: u8) -> (f32, f32) {
    let digit = digit_of(event).expect("digits to send were parsed");
    let row = KEYS.iter().position(|row| row.contains(&digit)).expect("every digit is a key");
    let column = KEYS[row].iter().position(|key| *key == digit).expect("the row contains it");
    (LOW[row], HIGH[column])
}

const TONE_TICKS: usize = 5;
const GAP_TICKS: u16 = 5;
const PAUSE_TICKS: u16 = 25;
/// −9 and −7 dBm0: the upper tone is sent louder by 2 dB, since lines take more of it (ITU-T Q.23, ETSI ES 201 235-2).
const LOW_AMPLITUDE: f32 = 7_940.0;
const HIGH_AMPLITUDE: f32 = 10_000.0;
/// 2.5 ms of rise and fall, so that nothing clicks.
const RAMP: usize = 20;

#[cfg(test)]
mod tests;
