//! How fast a trunk may be dialled: as fast as the configuration says, until it is overloaded; then half as fast, and slowly
//! faster again (additive increase, multiplicative decrease, as in RFC 5681 §3.1).
//!
//! What counts as overload: 500, 503 and 504, a congested network's Q.850 cause, 408 without ringing, and time-outs. 480 does
//! not: it speaks of one callee.

use std::time::{Duration, Instant};

use super::Sign;

/// The speed of one trunk.
#[derive(Clone, Debug)]
pub struct Rate {
    /// New calls a second, while it is slowed down.
    slowed: Option<Slowed>,
    /// Overloads that no carried call has made good.
    overloads: u32,
    /// An average of new calls a second.
    average: f64,
    averaged_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Slowed {
    cps: f64,
    /// Reached again, nothing is slow any more.
    before: f64,
    at: Instant,
}

/// So many overloads, less what was carried between them, are a storm: a lone 503 is a call's misfortune.
const STORM: u32 = 3;
/// A storm's calls have left before its first 503 came back: they slow the trunk down once.
const ONCE_IN: Duration = Duration::from_secs(1);
/// At each storm.
const DECREASE: f64 = 0.5;
/// From nothing to what it was before.
const RECOVERY: Duration = Duration::from_secs(60);
/// New calls a second that are left to find out whether it is better, but never more than the configuration allows.
const FLOOR: f64 = 0.5;
/// Over which time the average is taken.
const WINDOW: Duration = Duration::from_secs(3);

impl Rate {
    /// Of a trunk that was not dialled yet.
    pub fn new(now: Instant) -> Self {
        Self { slowed: None, overloads: 0, average: 0.0, averaged_at: now }
    }

    /// A call leaves.
    pub fn handle_start(&mut self, now: Instant) {
        self.average = self.averaged(now) + 1.0 / WINDOW.as_secs_f64();
        self.averaged_at = now;
    }

    /// A call's INVITE came to an end. `cps` is what the configuration allows.
    pub fn handle_sign(&mut self, now: Instant, sign: Sign, cps: Option<f64>) {
        match sign {
            Sign::Carried => self.overloads = self.overloads.saturating_sub(1),
            Sign::Overloaded | Sign::Dead => self.overloads += 1,
            Sign::Nothing | Sign::Refused => {}
        }
        let settled = self.slowed.is_none_or(|slowed| now.saturating_duration_since(slowed.at) >= ONCE_IN);
        if self.overloads < STORM || !settled {
            self.overloads = self.overloads.min(STORM);
            return;
        }
        self.overloads = 0;
        let most = cps.unwrap_or(f64::INFINITY);
        let fast = self.limit(now).unwrap_or_else(|| self.averaged(now).min(most)).max(FLOOR.min(most));
        let before = self.slowed.map_or(0.0, |slowed| slowed.before).max(cps.unwrap_or(fast));
        self.slowed = Some(Slowed { cps: (fast * DECREASE).max(FLOOR.min(most)), before, at: now });
    }

    /// Forgets what is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.limit(now).is_none() {
            self.slowed = None;
        }
    }

    /// New calls a second, while it is slowed down. It grows by itself.
    pub fn limit(&self, now: Instant) -> Option<f64> {
        let slowed = self.slowed?;
        let since = now.saturating_duration_since(slowed.at).as_secs_f64();
        let grown = slowed.cps + slowed.before * since / RECOVERY.as_secs_f64();
        (grown < slowed.before).then_some(grown)
    }

    fn averaged(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.averaged_at).as_secs_f64();
        self.average * (-since / WINDOW.as_secs_f64()).exp()
    }
}
