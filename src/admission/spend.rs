//! What a trunk costs in a UTC day, counted in minutes begun. Pure: time and date are arguments.
//!
//! A call that ended has cost its minutes, on the day of its end. One that lives is reckoned at a minute from its start, and
//! once answered at never less than it would cost if it ended now: the sum of many calls' minutes begun is at most their whole
//! time in minutes, rounded down, and one more for each. So nothing is summed call by call, and nothing has to be refreshed.

use std::time::{Duration, Instant};

use crate::model::{SpendLimit, Timestamp};

/// One trunk's minutes.
pub struct Ledger {
    calendar: Calendar,
    /// The day that `spent` is of: days since 1970.
    day: i64,
    /// Minutes of calls that ended today.
    spent: u64,
    /// Calls that are reckoned at a minute: not answered.
    waiting: u64,
    /// Calls that are answered.
    answered: u64,
    /// What their answers' times are measured from.
    origin: Instant,
    /// The sum of those times.
    since: Duration,
}

/// What the civil clock said at some time.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// When.
    pub at: Instant,
    /// What.
    pub on: Timestamp,
}

impl Calendar {
    /// Days since 1970.
    fn day(self, now: Instant) -> i64 {
        let since = i64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(i64::MAX);
        self.on.0.saturating_add(since).div_euclid(DAY_MS)
    }
}

const DAY_MS: i64 = 86_400_000;
const MINUTE: Duration = Duration::from_secs(60);

impl Ledger {
    /// Nothing spent.
    pub fn new(now: Instant, calendar: Calendar) -> Self {
        let day = calendar.day(now);
        Self { calendar, day, spent: 0, waiting: 0, answered: 0, origin: now, since: Duration::ZERO }
    }

    /// The civil clock says so.
    pub fn set_calendar(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    /// An earlier run of the switch has spent so many minutes on this day.
    pub fn restore(&mut self, now: Instant, minutes: u64) {
        self.turn(now);
        self.spent = self.spent.saturating_add(minutes);
    }

    /// Is there money for another call?
    pub fn has_room(&mut self, now: Instant, limit: SpendLimit) -> bool {
        self.turn(now);
        let with_it = self.minutes(now).saturating_add(1);
        with_it.saturating_mul(limit.per_minute_micros) <= limit.per_day_micros
    }

    /// Minutes of this day: those of calls that ended, and what live ones may come to if they ended now.
    pub fn minutes(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.origin);
        let calls = u32::try_from(self.answered).unwrap_or(u32::MAX);
        let talked = elapsed.saturating_mul(calls).saturating_sub(self.since);
        let live = (talked.as_secs() / 60).saturating_add(self.answered).saturating_add(self.waiting);
        self.spent.saturating_add(live)
    }

    /// A call starts.
    pub fn start(&mut self) {
        self.waiting += 1;
    }

    /// It is answered.
    pub fn answer(&mut self, now: Instant) {
        self.waiting = self.waiting.saturating_sub(1);
        self.answered += 1;
        self.since += now.saturating_duration_since(self.origin);
    }

    /// It came to nothing.
    pub fn withdraw(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// It was answered then, and is over now.
    pub fn end(&mut self, now: Instant, answered_at: Instant) {
        self.turn(now);
        self.answered = self.answered.saturating_sub(1);
        self.since = self.since.saturating_sub(answered_at.saturating_duration_since(self.origin));
        self.spent = self.spent.saturating_add(begun(now.saturating_duration_since(answered_at)));
    }

    /// Another day begins with nothing spent. A calendar that was set back changes nothing.
    fn turn(&mut self, now: Instant) {
        let day = self.calendar.day(now);
        if day > self.day {
            (self.day, self.spent) = (day, 0);
        }
    }
}

/// Minutes begun, at least one.
fn begun(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(MINUTE.as_nanos())).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three minutes a day.
    const LIMIT: SpendLimit = SpendLimit { per_day_micros: 36_000, per_minute_micros: 12_000 };

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Midnight is an hour away.
    fn ledger(now: Instant) -> Ledger {
        Ledger::new(now, Calendar { at: now, on: Timestamp(7 * DAY_MS - 3_600_000) })
    }

    #[test]
    fn a_live_call_is_reckoned_at_its_minutes_begun() {
        let t0 = start();
        let at = |seconds: u64| t0 + Duration::from_secs(seconds);
        let mut ledger = ledger(t0);
        assert!(ledger.has_room(t0, LIMIT));
        ledger.start();
        assert_eq!(ledger.minutes(at(59)), 1, "ringing costs nothing more");
        ledger.answer(at(60));
        assert_eq!((ledger.minutes(at(61)), ledger.minutes(at(119))), (1, 1));
        assert_eq!((ledger.minutes(at(121)), ledger.minutes(at(181))), (2, 3));
        assert!(ledger.has_room(at(121), LIMIT) && !ledger.has_room(at(181), LIMIT));
        ledger.end(at(121), at(60));
        assert_eq!(ledger.minutes(at(2_000)), 2, "what ended costs what it lasted");
        assert!(ledger.has_room(at(2_000), LIMIT));
    }

    #[test]
    fn a_call_that_nobody_answered_costs_nothing() {
        let t0 = start();
        let mut ledger = ledger(t0);
        (0..3).for_each(|_| ledger.start());
        assert!(!ledger.has_room(t0, LIMIT));
        ledger.withdraw();
        assert!(ledger.has_room(t0, LIMIT));
        assert_eq!(ledger.minutes(t0), 2);
    }

    #[test]
    fn midnight_forgives_what_is_over_and_not_what_lives() {
        let t0 = start();
        let at = |seconds: u64| t0 + Duration::from_secs(seconds);
        let mut ledger = ledger(t0);
        ledger.restore(t0, 3);
        ledger.start();
        ledger.answer(at(3_590));
        assert!(!ledger.has_room(at(3_599), LIMIT));
        assert!(ledger.has_room(at(3_600), LIMIT), "only the call that lives is left");
        ledger.end(at(3_660), at(3_590));
        assert_eq!(ledger.minutes(at(3_661)), 2, "it counts on the day of its end");
        ledger.set_calendar(Calendar { at: at(3_661), on: Timestamp(DAY_MS) });
        assert!(ledger.has_room(at(3_662), LIMIT));
        assert_eq!(ledger.minutes(at(3_662)), 2, "a calendar that is set back forgives nothing");
    }

    proptest::proptest! {
        /// What is reckoned before is never less than what it came to.
        #[test]
        fn the_estimate_is_never_below_the_cost(talks in proptest::collection::vec((0_u64..600, 0_u64..600), 0..20)) {
            let t0 = start();
            let at = |seconds: u64| t0 + Duration::from_secs(seconds);
            let mut ledger = ledger(t0);
            for (answered, _) in &talks {
                ledger.start();
                ledger.answer(at(*answered));
            }
            let now = at(1_200);
            let reckoned = ledger.minutes(now);
            let cost: u64 = talks.iter().map(|(answered, _)| begun(Duration::from_secs(1_200 - answered))).sum();
            assert!(cost <= reckoned && reckoned <= cost + talks.len() as u64, "{cost} {reckoned}");
            for (answered, _) in &talks {
                ledger.end(now, at(*answered));
            }
            assert_eq!(ledger.minutes(now), cost);
        }
    }
}
