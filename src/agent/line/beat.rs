//! When a line ticks: every 20 ms, and in step with whoever talks. What comes wakes the line anyway; a tick that falls together with it
//! costs no waking of its own, and finds all that it touches at hand. Knows times alone.

use std::time::{Duration, Instant};

use super::manners::TICK;

/// A waking so long before a tick's time is that tick's.
const EARLY: Duration = Duration::from_millis(5);
/// A tick's time is kept so long behind what comes: half of that, so that it may come earlier or later.
const BEHIND: Duration = Duration::from_micros(2_500);
/// How far one tick may be moved from its even pace.
const STEP: Duration = Duration::from_micros(250);

/// A line's ticks.
#[derive(Debug)]
pub(super) struct Beat {
    next: Instant,
    /// Something came since the last tick.
    followed: bool,
}

impl Beat {
    /// The first tick is due at once.
    pub fn new(now: Instant) -> Self {
        Self { next: now, followed: false }
    }

    /// When the next tick is due.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Takes a tick, if it is due.
    pub fn take(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.next += TICK;
            if self.next <= now {
                // What was missed is missed.
                self.next = now + TICK;
            }
            self.followed = false;
        }
        is_due
    }

    /// Takes a tick that is nearly due, of a line that is awake.
    pub fn take_early(&mut self, now: Instant) -> bool {
        let is_near = now + EARLY >= self.next;
        is_near && self.take(self.next.max(now))
    }

    /// Something came: later ticks come nearer to where it falls between them.
    pub fn follow(&mut self, came: Instant) {
        if std::mem::replace(&mut self.followed, true) {
            return;
        }
        let (tick, half) = (TICK.as_micros() as i64, TICK.as_micros() as i64 / 2);
        let until = self.next.saturating_duration_since(came).as_micros() as i64;
        // Between half a tick too soon and half a tick too late.
        let late = (until - BEHIND.as_micros() as i64 + half).rem_euclid(tick) - half;
        let step = Duration::from_micros(late.unsigned_abs()).min(STEP);
        if late > 0 {
            self.next -= step;
        } else {
            self.next += step;
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Messages at `phase`, so many ticks apart, and as much later each as `jitter` says: how many ticks of the last two seconds had a
    /// waking of their own, and the shortest and the longest time between two ticks.
    fn lived(phase: Duration, jitter: impl Fn(u32) -> Duration) -> (usize, Duration, Duration) {
        let start = Instant::now();
        let (mut beat, mut alone, mut at) = (Beat::new(start), 0, vec![]);
        for number in 0..500 {
            let came = start + TICK * number + phase + jitter(number);
            while beat.next() < came {
                at.push(beat.next());
                alone += usize::from(number >= 400);
                assert!(beat.take(beat.next()), "a tick at its own time");
            }
            beat.follow(came);
            if beat.take_early(came) {
                at.push(came);
            }
        }
        let gaps = || at.windows(2).map(|pair| pair[1] - pair[0]);
        (alone, gaps().min().expect("ticks"), gaps().max().expect("ticks"))
    }

    #[test]
    fn ticks_fall_in_step_with_what_comes_wherever_it_falls() {
        for phase in 0..20 {
            let (alone, shortest, longest) = lived(MS * phase, |_| Duration::ZERO);
            assert_eq!(alone, 0, "{phase} ms");
            assert!(
                shortest >= TICK - EARLY - STEP && longest <= TICK + EARLY,
                "{shortest:?} to {longest:?}"
            );
        }
    }

    #[test]
    fn most_stay_in_step_when_it_comes_a_little_early_or_late() {
        let (alone, ..) = lived(7 * MS, |number| MS * (number * 7 % 5));
        assert!(alone <= 20, "{alone} of 100 had a waking of their own");
    }

    #[test]
    fn their_pace_is_20_ms_whether_anything_comes_or_not() {
        let start = Instant::now();
        let mut beat = Beat::new(start);
        let ticks = (0..1_000).filter(|ms| beat.take(start + MS * *ms)).count();
        assert_eq!(ticks, 50);
        let mut beat = Beat::new(start);
        let mut ticks = 0;
        for ms in 0..10_000 {
            let now = start + MS * ms;
            ticks += usize::from(beat.take(now));
            // Bursts, ten at once and twice a second.
            if ms % 500 < 10 {
                beat.follow(now);
                ticks += usize::from(beat.take_early(now));
            }
        }
        assert!((495..=505).contains(&ticks), "{ticks}");
    }

    #[test]
    fn what_a_stall_missed_is_missed() {
        let start = Instant::now();
        let mut beat = Beat::new(start);
        assert!(beat.take(start));
        assert!(beat.take(start + 95 * MS));
        assert!(!beat.take(start + 114 * MS));
        assert!(beat.take(start + 115 * MS));
    }
}
