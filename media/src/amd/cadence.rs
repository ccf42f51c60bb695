//! Signals from tone frames: bursts and gaps matched against the cadences of ITU-T E.180, Telcordia SR-2275 and T.30.
//!
//! Knows frames and frequencies, nothing of loudness or of what was decided so far, except whether speech was heard:
//! a lone burst means one thing before the greeting and another after it.

use std::ops::RangeInclusive;

use arrayvec::ArrayVec;

use super::features::FRAME_MS;
use super::tones::ToneFrame;
use super::verdict::{FaxTone, Sit, Tone};

/// Follows the tones of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Cadence {
    frame: u32,
    run: Option<Run>,
    /// Bursts that ended, the latest last.
    bursts: ArrayVec<Burst, 4>,
    /// The latest burst, while the silence after it has yet to say what it was.
    waiting: Option<Burst>,
    told: Option<Tone>,
}

/// What a frame brought.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// The frame belongs to a tone that lasts: no speech.
    pub(super) sounding: Option<Sounding>,
    /// A signal was recognised.
    pub(super) signal: Option<Tone>,
}

/// A tone that has lasted long enough to be one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sounding {
    pub(super) hz: u16,
    pub(super) lasted_ms: u32,
    /// Ringing or busy: the network's, so nobody has spoken to us yet.
    pub(super) network: bool,
}

impl Cadence {
    /// Takes a frame: its tone if any, whether it is silence, and whether speech was heard since the answer.
    pub(super) fn push(&mut self, tone: Option<ToneFrame>, silent: bool, speech_heard: bool) -> Heard {
        let now = self.frame;
        self.frame += 1;
        let goes_on = self.run.is_none_or(|run| match tone {
            Some(tone) => run.takes(tone),
            None => now - run.last <= HOLE_FRAMES_MAX,
        });
        if !goes_on {
            self.close();
        }
        let mut signal = None;
        if let Some(tone) = tone {
            let run = self.run.get_or_insert_with(|| Run::new(now, tone));
            run.add(now, tone);
            let run = *run;
            signal = self.while_sounding(run, speech_heard);
        }
        let signal = signal.or_else(|| self.after_burst(now, silent, speech_heard));
        Heard { sounding: self.sounding(now), signal: signal.filter(|&tone| self.is_news(tone)) }
    }

    /// The call was answered: what was told before may be told again.
    pub(super) fn forget(&mut self) {
        self.told = None;
    }

    fn sounding(&self, now: u32) -> Option<Sounding> {
        let run = self.run.filter(|run| run.frames >= TONE_FRAMES_MIN)?;
        Some(Sounding {
            hz: run.hz(),
            lasted_ms: (now + 1 - run.first) * FRAME_MS,
            network: matches!(run.kind, Kind::Ring | Kind::Busy),
        })
    }

    /// A signal is told once until another one is heard; a second beep is news.
    fn is_news(&mut self, tone: Tone) -> bool {
        let news = matches!(tone, Tone::Beep { .. }) || self.told != Some(tone);
        self.told = Some(tone);
        news
    }

    fn close(&mut self) {
        let Some(run) = self.run.take() else { return };
        if run.frames < BURST_FRAMES_MIN {
            return;
        }
        if self.bursts.is_full() {
            self.bursts.remove(0);
        }
        self.bursts.push(run.burst());
        self.waiting = Some(run.burst());
    }

    /// What a tone shows while it lasts: the repetition of earlier bursts, or its own length.
    fn while_sounding(&self, run: Run, speech_heard: bool) -> Option<Tone> {
        let is_ced = near(run.mean_hz, CED_HZ, CED_HZ_OFF) && run.lasted_ms() >= CED_MS_MIN;
        match run.kind {
            Kind::Single if is_ced => Some(Tone::Fax(FaxTone::Ced)),
            Kind::Single if run.frames == SIT_LAST_FRAMES => self.information_tones(run).map(Tone::Sit),
            Kind::Ring | Kind::Busy if run.frames == REPEAT_FRAMES => self.repetition(run, speech_heard),
            _ => None,
        }
    }

    /// Three rising tones without a gap (SR-2275 §6): the first two say why, by frequency.
    fn information_tones(&self, third: Run) -> Option<Sit> {
        let [.., first, second] = self.bursts.as_slice() else { return None };
        let joined = second.first.saturating_sub(first.end) <= SIT_GAP_FRAMES_MAX
            && third.first.saturating_sub(second.end) <= SIT_GAP_FRAMES_MAX;
        let rising =
            near(first.hz, 950.0, 55.0) && near(second.hz, 1400.0, 55.0) && near(third.mean_hz, 1790.0, 60.0);
        let lengths = SIT_MS.contains(&first.length_ms()) && SIT_MS.contains(&second.length_ms());
        if !(joined && rising && lengths) {
            return None;
        }
        let why =
            (Pitch::of(first.hz, [913.8, 950.0, 985.2]), Pitch::of(second.hz, [1370.6, 1400.0, 1428.5]));
        Some(match why {
            (Pitch::Low, Pitch::Low) => Sit::Intercept,
            (Pitch::High, Pitch::Low) => Sit::VacantCode,
            (Pitch::Low, Pitch::High) => Sit::Reorder,
            (Pitch::High, Pitch::High) => Sit::NoCircuit,
            _ => Sit::Unspecified,
        })
    }

    /// A burst of `run`'s kind has begun again: do the gaps and lengths before it make a cadence?
    fn repetition(&self, run: Run, speech_heard: bool) -> Option<Tone> {
        let [.., last] = self.bursts.as_slice() else { return None };
        if last.kind != run.kind {
            return None;
        }
        let gap = (run.first - last.end) * FRAME_MS;
        let before = match self.bursts.as_slice() {
            [.., first, second] if first.kind == run.kind => {
                Some((first.length_ms(), (second.first - first.end) * FRAME_MS))
            }
            _ => None,
        };
        let length = last.length_ms();
        if run.kind == Kind::Ring && !speech_heard {
            let slow = RING_GAP_MS.contains(&gap) && RING_MS.contains(&length);
            let double = before.is_some_and(|(_, gap)| RING_DOUBLE_GAP_MS.contains(&gap));
            if slow || (double && RING_PAIR_GAP_MS.contains(&gap)) {
                return Some(Tone::Ringback);
            }
        }
        let (length_before, gap_before) = before?;
        let all = |range: &RangeInclusive<u32>| {
            [length, gap, gap_before].iter().all(|ms| range.contains(ms)) && length_before <= *range.end()
        };
        if all(&BUSY_MS) {
            return Some(Tone::Busy);
        }
        all(&CONGESTION_MS).then_some(Tone::Congestion)
    }

    /// What the silence after a lone burst shows.
    fn after_burst(&mut self, now: u32, silent: bool, speech_heard: bool) -> Option<Tone> {
        let burst = self.waiting?;
        let since = now + 1 - burst.end;
        // The tone's own end may fill one frame; from then on only silence keeps the question open.
        if self.run.is_some_and(|run| run.frames > HOLE_FRAMES_MAX) || (!silent && since > HOLE_FRAMES_MAX) {
            self.waiting = None;
            return None;
        }
        let quiet_ms = (since - 1) * FRAME_MS;
        let is_cng = near(burst.hz, CNG_HZ, CNG_HZ_OFF) && CNG_MS.contains(&burst.length_ms());
        let tone = match burst.kind {
            Kind::Single if is_cng && !speech_heard => {
                (quiet_ms >= BEEP_QUIET_MS).then_some(Tone::Fax(FaxTone::Cng))
            }
            Kind::Single => self.beep(burst, quiet_ms, BEEP_QUIET_MS),
            Kind::Double if speech_heard && !is_digit(burst.hz, burst.upper_hz) => {
                self.beep(burst, quiet_ms, BEEP_QUIET_MS)
            }
            // A recorder may beep where networks do too; the network's tone would come again.
            Kind::Ring if burst.lone && speech_heard => self.beep(burst, quiet_ms, PROGRESS_BEEP_QUIET_MS),
            _ => None,
        }?;
        self.waiting = None;
        Some(tone)
    }

    fn beep(&self, burst: Burst, quiet_ms: u32, quiet_ms_min: u32) -> Option<Tone> {
        let ringing = burst.kind == Kind::Ring
            && matches!(self.bursts.as_slice(), [.., before, _] if before.kind == Kind::Ring
                && (burst.first - before.end) * FRAME_MS <= *RING_GAP_MS.end());
        // The last of the information tones ends like a beep.
        let announced = matches!(self.told, Some(Tone::Sit(_)));
        let fits = BEEP_MS.contains(&burst.length_ms()) && burst.steady && !ringing && !announced;
        (fits && quiet_ms >= quiet_ms_min).then(|| Tone::Beep { hz: burst.hz.round() as u16 })
    }
}

/// A tone that is sounding.
#[derive(Clone, Copy, Debug)]
struct Run {
    kind: Kind,
    first: u32,
    last: u32,
    /// Frames that were the tone (a lost packet leaves a hole).
    frames: u32,
    /// Frames in which two frequencies were heard.
    pairs: u32,
    mean_hz: f32,
    mean_upper_hz: f32,
    /// Sum of squared deviations from the mean (Welford).
    spread: f32,
}

/// A tone that ended.
#[derive(Clone, Copy, Debug)]
struct Burst {
    kind: Kind,
    first: u32,
    /// The frame after its last.
    end: u32,
    hz: f32,
    upper_hz: f32,
    /// Its frequency stood still, as only machines hold it.
    steady: bool,
    /// One frequency, not a pair.
    lone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// 440+480, 400+450, 425 and their like.
    Ring,
    /// 480+620.
    Busy,
    /// 350+440.
    Dial,
    /// Any other single tone.
    Single,
    /// Any other two.
    Double,
}

impl Run {
    fn new(now: u32, tone: ToneFrame) -> Self {
        Self {
            kind: kind(tone),
            first: now,
            last: now,
            frames: 0,
            pairs: 0,
            mean_hz: 0.0,
            mean_upper_hz: 0.0,
            spread: 0.0,
        }
    }

    fn takes(&self, tone: ToneFrame) -> bool {
        let same =
            near(tone.hz(), self.mean_hz, SAME_HZ) && near(tone.upper_hz(), self.mean_upper_hz, SAME_HZ);
        kind(tone) == self.kind && (same || !matches!(self.kind, Kind::Single | Kind::Double))
    }

    fn add(&mut self, now: u32, tone: ToneFrame) {
        self.last = now;
        self.frames += 1;
        self.pairs += u32::from(tone.is_pair());
        let off = tone.hz() - self.mean_hz;
        self.mean_hz += off / self.frames as f32;
        self.spread += off * (tone.hz() - self.mean_hz);
        self.mean_upper_hz += (tone.upper_hz() - self.mean_upper_hz) / self.frames as f32;
    }

    fn hz(&self) -> u16 {
        self.mean_hz.round() as u16
    }

    fn lasted_ms(&self) -> u32 {
        (self.last + 1 - self.first) * FRAME_MS
    }

    fn burst(&self) -> Burst {
        let steady = self.spread <= BEEP_DEVIATION_HZ.powi(2) * self.frames as f32;
        let lone = self.pairs * 4 < self.frames;
        Burst {
            kind: self.kind,
            first: self.first,
            end: self.last + 1,
            hz: self.mean_hz,
            upper_hz: self.mean_upper_hz,
            steady,
            lone,
        }
    }
}

impl Burst {
    fn length_ms(&self) -> u32 {
        (self.end - self.first) * FRAME_MS
    }
}

fn kind(tone: ToneFrame) -> Kind {
    match tone {
        ToneFrame::Progress { .. } => Kind::Ring,
        ToneFrame::Busy => Kind::Busy,
        ToneFrame::Dial => Kind::Dial,
        ToneFrame::Single(_) => Kind::Single,
        ToneFrame::Double(..) => Kind::Double,
    }
}

/// Where a special information tone lies between its American frequencies and ITU's.
enum Pitch {
    Low,
    Middle,
    High,
}

impl Pitch {
    fn of(hz: f32, [low, middle, high]: [f32; 3]) -> Self {
        match hz {
            hz if hz < f32::midpoint(low, middle) => Self::Low,
            hz if hz > f32::midpoint(middle, high) => Self::High,
            _ => Self::Middle,
        }
    }
}

/// A key that somebody pressed (ITU-T Q.23): two tones as well, but no recorder's.
fn is_digit(low: f32, high: f32) -> bool {
    let on = |keys: [f32; 4], hz: f32| keys.into_iter().any(|key| near(hz, key, key * 0.025));
    on([697.0, 770.0, 852.0, 941.0], low) && on([1209.0, 1336.0, 1477.0, 1633.0], high)
}

fn near(hz: f32, of: f32, off: f32) -> bool {
    (hz - of).abs() <= off
}

/// Frames without the tone that do not end it: one lost packet, and the two windows it spoils.
const HOLE_FRAMES_MAX: u32 = 2;
/// From this many frames on a tone is no speech (80 ms: no vowel holds one frequency that purely, that long).
const TONE_FRAMES_MIN: u32 = 4;
/// Shorter bursts are forgotten: a 140 ms beep that begins within a frame fills six.
const BURST_FRAMES_MIN: u32 = 6;
/// Two frames are the same single tone if they differ by no more.
const SAME_HZ: f32 = 20.0;
/// A beep's frequency stands still.
const BEEP_DEVIATION_HZ: f32 = 10.0;
const BEEP_MS: RangeInclusive<u32> = 120..=2000;
const BEEP_QUIET_MS: u32 = 60;
const PROGRESS_BEEP_QUIET_MS: u32 = 700;
/// T.30: 1100 ± 38 Hz, 0.5 s ± 15 %, then 3 s of silence.
const CNG_HZ: f32 = 1100.0;
const CNG_HZ_OFF: f32 = 40.0;
const CNG_MS: RangeInclusive<u32> = 400..=620;
/// T.30: 2100 ± 15 Hz for 2.6 to 4 s; modems turn its phase every 450 ms.
const CED_HZ: f32 = 2100.0;
const CED_HZ_OFF: f32 = 20.0;
const CED_MS_MIN: u32 = 400;
/// SR-2275: 276 or 380 ms; ITU-T E.180: 330 ± 70 ms.
const SIT_MS: RangeInclusive<u32> = 200..=440;
const SIT_GAP_FRAMES_MAX: u32 = 3;
/// The third tone has lasted this long when the pattern is read.
const SIT_LAST_FRAMES: u32 = 6;
/// A burst has lasted this long when it counts as the cadence's next.
const REPEAT_FRAMES: u32 = 4;
/// Ringing: 2 s (US) or 1 s (Europe) in 6 or 5; the first burst we hear may have begun before we did.
const RING_MS: RangeInclusive<u32> = 200..=2400;
const RING_GAP_MS: RangeInclusive<u32> = 2900..=5200;
/// British ringing: 0.4, 0.2, 0.4, 2.0.
const RING_DOUBLE_GAP_MS: RangeInclusive<u32> = 140..=300;
const RING_PAIR_GAP_MS: RangeInclusive<u32> = 1600..=2400;
/// 0.5/0.5, in Britain 0.375/0.375.
const BUSY_MS: RangeInclusive<u32> = 320..=660;
/// 0.25/0.25, and 0.3/0.2 as some PBXs have it.
const CONGESTION_MS: RangeInclusive<u32> = 160..=310;
