//! A media thread's clock: a cycle of 20 ms in 20 slots of 1 ms, each begun at its own absolute time.
#![expect(unsafe_code, reason = "clock_nanosleep and clock_gettime have no safe wrapper")]

use std::time::{Duration, Instant};

/// Slots of a cycle.
pub(super) const SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(1);
const CYCLE: Duration = Duration::from_millis(20);

/// Where a thread is in its cycle.
#[derive(Debug)]
pub(super) struct Cycle {
    /// One moment by two clocks: `Instant`, which does not show its number, and the kernel's.
    anchor: (Instant, Duration),
    next: Instant,
    slot: usize,
}

impl Cycle {
    /// A cycle that begins now.
    pub(super) fn new(now: Instant) -> Self {
        Self { anchor: (now, monotonic()), next: now, slot: SLOTS - 1 }
    }

    /// The next slot and its time. Whole cycles that were slept through are left out: their number comes third.
    pub(super) fn advance(&mut self, now: Instant) -> (usize, Instant, u32) {
        self.next += SLOT;
        self.slot = (self.slot + 1) % SLOTS;
        let behind = now.saturating_duration_since(self.next);
        let missed = (behind.as_micros() / CYCLE.as_micros()) as u32;
        self.next += CYCLE * missed;
        (self.slot, self.next, missed)
    }

    /// Sleeps until then.
    pub(super) fn sleep_until(&self, deadline: Instant) {
        let (instant, time) = self.anchor;
        let time = time + deadline.saturating_duration_since(instant);
        let request = libc::timespec {
            tv_sec: time.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(time.subsec_nanos() as i32),
        };
        // SAFETY: `request` lives through the call, and nothing is written. An interrupted sleep ends early, which costs
        // a tick that isn't due yet.
        unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &raw const request,
                std::ptr::null_mut(),
            )
        };
    }
}

fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is ours. This clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a shell's test: it reads the clock")]
mod tests {
    use super::*;

    #[test]
    fn slots_come_round_in_order_a_millisecond_apart() {
        let start = Instant::now();
        let mut cycle = Cycle::new(start);
        for index in 0..50u32 {
            let (slot, at, missed) = cycle.advance(start);
            assert_eq!((slot, at, missed), (index as usize % SLOTS, start + SLOT * (index + 1), 0));
        }
    }

    #[test]
    fn cycles_slept_through_are_left_out_and_counted() {
        let start = Instant::now();
        let mut cycle = Cycle::new(start);
        cycle.advance(start);
        let (slot, at, missed) = cycle.advance(start + Duration::from_millis(45));
        assert_eq!((slot, at, missed), (1, start + Duration::from_millis(42), 2));
    }

    #[test]
    fn sleeping_ends_at_the_deadline_and_not_before() {
        let start = Instant::now();
        let deadline = start + Duration::from_millis(3);
        Cycle::new(start).sleep_until(deadline);
        assert!(Instant::now() >= deadline);
    }
}
