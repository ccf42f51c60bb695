//! Notices that no RTP comes any more, once a silence.

use std::time::{Duration, Instant};

use crate::leg::Leg;

/// How much longer a silence may last that was announced, or in which reports come,
const HUSH_PATIENCE: u32 = 4;
/// and one in which we are held.
const HOLD_PATIENCE: u32 = 20;

/// When the last packet came, and how long one waits.
#[derive(Debug)]
pub(super) struct Watch {
    timeout: Duration,
    since: Option<Instant>,
    told: bool,
}

impl Watch {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, since: None, told: false }
    }

    /// A packet came, or there was no reason for one before.
    pub(super) fn restart(&mut self, now: Instant) {
        (self.since, self.told) = (Some(now), false);
    }

    /// True, once: it lasts too long.
    pub(super) fn is_over(&mut self, now: Instant, leg: &Leg) -> bool {
        let Some(since) = self.since.filter(|_| !self.told && leg.is_receiving()) else { return false };
        let elapsed = |since: Instant| now.saturating_duration_since(since);
        let reported = leg.rtcp_at().unwrap_or(since);
        // Who announced silence may be silent for longer, and its reports show that it is there. So may who holds us: it
        // need not send music (RFC 3264 §8.4). Reports without a word show that it is there, but not for ever.
        let (silence, patience) = match (leg.can_send(), leg.is_hushed()) {
            (false, _) => (elapsed(since.max(reported)), HOLD_PATIENCE),
            (true, true) => (elapsed(since.max(reported)), HUSH_PATIENCE),
            (true, false) if reported > since && elapsed(reported) < self.timeout => {
                (elapsed(since), HUSH_PATIENCE)
            }
            (true, false) => (elapsed(since), 1),
        };
        self.told = silence >= self.timeout * patience;
        self.told
    }
}
