//! One trunk's room: its channels, its pace, its health, and what it may cost a day.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::CONCURRENT_RETRY;
use super::permit::{Booked, Booking, Gauge, lock};
use super::spend::Ledger;
use crate::model::{Limit, Trunk};
use crate::trunk::choice::Room;
use crate::trunk::health::{Health, Standing};

/// What is known of one trunk. As many as the configuration ever declared.
pub struct Lane {
    pub(super) calls: Gauge,
    pub(super) bucket: Bucket,
    pub(super) health: Health,
    pub(super) name: String,
    pub(super) spend: Arc<Mutex<Ledger>>,
}

/// A token bucket that holds one token: calls leave evenly spaced, never as a burst on the second.
#[derive(Default)]
pub struct Bucket {
    /// When the last one left, or should have. How long the next waits is asked with the pace of that moment, which may have changed.
    last: Option<Instant>,
}

/// A bucket may lag so far behind: calls that arrive within one timer's grain of each other are not refused for it.
const RATE_SLACK: Duration = Duration::from_millis(50);
/// No pace is slower than this between two calls. Objects with a slower one are refused where they are read.
const INTERVAL_MAX: Duration = Duration::from_secs(1_000);
/// Calls wait for a trunk that asked to be left alone for no longer than this, and are refused otherwise.
const HOLD_WAIT_MAX: Duration = Duration::from_secs(60);

impl Lane {
    /// What keeps a call from it now, if anything does.
    pub fn room(&self, now: Instant, trunk: &Trunk) -> Room {
        let closed = |why: String| Room::Closed { why, sip_code: self.health.sip_code() };
        let limited = |limit, name, retry_after| Room::Limited { limit, name, retry_after };
        if !trunk.enabled {
            return closed(format!("trunk `{}` is disabled", trunk.name));
        }
        match self.health.standing(now) {
            Standing::Down => {
                return closed(format!("trunk `{}` is down: {}", trunk.name, self.health.why()));
            }
            Standing::Held(left) if left > HOLD_WAIT_MAX => {
                let seconds = left.as_secs_f64().ceil();
                return closed(format!(
                    "trunk `{}` asked to be left alone for {seconds:.0} s more",
                    trunk.name
                ));
            }
            Standing::Held(left) => {
                return limited(Limit::CallsPerSecond, "time that the trunk asked to be left alone", left);
            }
            Standing::Open | Standing::Trial => {}
        }
        self.space(now, trunk)
    }

    /// Takes a channel, a token and a minute.
    pub fn occupy(&mut self, now: Instant, trunk: &Trunk) -> (Gauge, Booking) {
        self.bucket.take(now, self.health.cps(now, trunk.cps));
        self.calls.take();
        lock(&self.spend).start();
        let booking = Booking { ledger: Arc::clone(&self.spend), state: Booked::Waiting };
        (self.calls.clone(), booking)
    }

    /// The same, whatever its health.
    pub fn space(&self, now: Instant, trunk: &Trunk) -> Room {
        let limited = |limit, name, retry_after| Room::Limited { limit, name, retry_after };
        if trunk.channels.is_some_and(|most| self.calls.count() >= most) {
            return limited(Limit::ConcurrentCalls, "channels of the trunk", CONCURRENT_RETRY);
        }
        if trunk.destinations.spend.is_some_and(|limit| !lock(&self.spend).has_room(now, limit)) {
            return Room::Closed {
                why: format!("trunk `{}` has spent what it may cost today (spend.per_day)", trunk.name),
                sip_code: None,
            };
        }
        match self.bucket.look(now, self.health.cps(now, trunk.cps)) {
            Ok(()) => Room::Open,
            Err(retry_after) => limited(Limit::CallsPerSecond, "calls per second of the trunk", retry_after),
        }
    }
}

impl Bucket {
    /// Is there a token? If not, how long until there is.
    pub fn look(&self, now: Instant, cps: Option<f64>) -> Result<(), Duration> {
        match cps.and_then(|cps| self.next(cps)).and_then(|next| next.checked_duration_since(now)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Takes one. The next is there an interval later, and none is saved up.
    pub fn take(&mut self, now: Instant, cps: Option<f64>) {
        let Some(cps) = cps else { return };
        let earliest = now.checked_sub(RATE_SLACK.min(interval(cps))).unwrap_or(now);
        self.last = Some(self.next(cps).map_or(now, |next| next.max(earliest)));
    }

    fn next(&self, cps: f64) -> Option<Instant> {
        self.last?.checked_add(interval(cps))
    }
}

/// The time between two calls.
fn interval(cps: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / cps).map_or(INTERVAL_MAX, |time| time.min(INTERVAL_MAX))
}
