//! What the log says when a call is over: how it ended, and that its recording failed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{CallId, CallRecord, Outcome, RecordingResult, masked};

/// After a recording that failed was told, those that fail within so long are only counted: on a full disk all of them do.
const QUIET: Duration = Duration::from_secs(30);

/// Tells ends.
#[derive(Default)]
pub struct Endings {
    failures: Mutex<Failures>,
}

impl Endings {
    /// A call is over; its record, if the journal follows it.
    pub fn tell(&self, call: CallId, record: Option<&CallRecord>, outcome: &Outcome) {
        tracing::info!(
            %call,
            trunk = record.map(|record| record.trunk.as_str()),
            sip_call_id = record.map(|record| record.sip_call_id.as_str()),
            disposition = outcome.disposition.as_str(),
            ended_by = outcome.ended_by.as_str(),
            sip_status = outcome.sip_status,
            why = outcome.detail.as_deref().map(masked).as_deref(),
            "call ended"
        );
        let Some(RecordingResult::Failed { reason } | RecordingResult::Cut { reason, .. }) =
            &outcome.recording
        else {
            return;
        };
        let before =
            self.failures.lock().unwrap_or_else(PoisonError::into_inner).handle_failure(outcome.ended_at);
        match before {
            Some(0) => tracing::error!(%call, reason, "a call's recording failed"),
            Some(others) => {
                tracing::error!(%call, reason, others, "a call's recording failed, as others did before");
            }
            None => {}
        }
    }
}

/// Recordings that failed.
#[derive(Default)]
struct Failures {
    told_at: Option<Instant>,
    untold: u64,
}

impl Failures {
    /// How many went untold before this one, if this one is to be told.
    fn handle_failure(&mut self, now: Instant) -> Option<u64> {
        let is_quiet = self.told_at.is_some_and(|told_at| now.saturating_duration_since(told_at) < QUIET);
        if is_quiet {
            self.untold += 1;
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn the_first_failure_is_told_and_those_after_it_are_counted_for_a_while() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        assert_eq!(failures.handle_failure(start), Some(0));
        assert_eq!(failures.handle_failure(start), None);
        assert_eq!(failures.handle_failure(start + QUIET / 2), None);
        assert_eq!(failures.handle_failure(start + QUIET), Some(2));
        assert_eq!(failures.handle_failure(start + QUIET * 3), Some(0));
    }
}
