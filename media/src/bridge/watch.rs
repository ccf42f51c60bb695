//! Notices that no RTP comes any more, once a silence.

use std::time::{Duration, Instant};

use crate::leg::Leg;

/// How much longer an announced silence may last.
const HUSH_PATIENCE: u32 = 4;

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
        // Who announced silence may be silent for longer, and its reports show that it is there.
        let (since, patience) = match leg.rtcp_at().filter(|_| leg.is_hushed()) {
            Some(at) => (since.max(at), self.timeout * HUSH_PATIENCE),
            None if leg.is_hushed() => (since, self.timeout * HUSH_PATIENCE),
            None => (since, self.timeout),
        };
        self.told = now.saturating_duration_since(since) >= patience;
        self.told
    }
}
