//! What follows a try. Pure.

use std::time::Duration;

use super::Config;
use crate::egress::{Answer, EgressError};
use crate::model::Timestamp;
use crate::store::{Delivery, Settled};

/// RFC 9110 §15.5.11: the receiver wants no more of this.
const GONE: u16 = 410;

/// How a try is settled: 2xx delivers, 410 gives up, anything else is tried again until the event is too old. `unit` is
/// random, from 0 to 1.
pub(super) fn settle(
    config: &Config,
    delivery: &Delivery,
    tried: Result<Answer, EgressError>,
    now: Timestamp,
    unit: f64,
) -> Settled {
    let (reason, retry_after) = match tried {
        Ok(answer) if (200..300).contains(&answer.status) => return Settled::Delivered,
        Ok(answer) if answer.status == GONE => return Settled::Dead { reason: "HTTP 410".into() },
        Ok(answer) => (format!("HTTP {}", answer.status), answer.retry_after),
        Err(error) => (error.to_string(), None),
    };
    again(config, delivery, reason, retry_after, now, unit)
}

/// Another try, unless the event is too old; the last one falls on its last moment.
pub(super) fn again(
    config: &Config,
    delivery: &Delivery,
    reason: String,
    retry_after: Option<Duration>,
    now: Timestamp,
    unit: f64,
) -> Settled {
    let last = delivery.owed_since.0.saturating_add(millis(config.give_up_after));
    if now.0 >= last {
        return Settled::Dead { reason };
    }
    let asked = retry_after.unwrap_or_default().min(config.backoff_max);
    let age = Duration::from_millis(now.0.saturating_sub(delivery.owed_since.0).max(0).unsigned_abs());
    let wait = backoff(config, delivery.attempt, age, unit).max(asked);
    let due_at = Timestamp(now.0.saturating_add(millis(wait)).min(last));
    Settled::Retry { due_at, reason }
}

/// The wait after the `attempt`th try: doubled each time, up to its bound, a fifth more or less, so that the events that
/// failed together do not come back together. What is owed anew is so old only, however often it was tried before: waits that
/// double have taken as long as the next one is, but for the first, and each may have been a fifth shorter.
fn backoff(config: &Config, attempt: u32, age: Duration, unit: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(30);
    let wait = config.backoff_first.saturating_mul(1 << doublings);
    let grown = config.backoff_first.saturating_add(age.saturating_mul(5) / 4);
    wait.min(grown).min(config.backoff_max).mul_f64(0.8 + 0.4 * unit)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventKind;
    use crate::store::tests::{NOW, ended};

    fn delivery(attempt: u32) -> Delivery {
        let record = ended(1);
        Delivery {
            id: 1,
            event_id: Some(1),
            endpoint: None,
            owed_since: NOW,
            call: record.call,
            event: EventKind::Completed,
            target: record.webhook.clone().expect("it has one"),
            receiver: "https://hooks.example.com".into(),
            created_at: NOW,
            attempt,
            body: None,
            record,
        }
    }

    fn answered(status: u16, retry_after: Option<u64>) -> Result<Answer, EgressError> {
        Ok(Answer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            location: None,
            body: bytes::Bytes::new(),
        })
    }

    /// Seconds until the next try.
    fn wait(attempt: u32, tried: Result<Answer, EgressError>, age: i64, unit: f64) -> Option<i64> {
        let now = Timestamp(NOW.0 + age * 1000);
        match settle(&Config::default(), &delivery(attempt), tried, now, unit) {
            Settled::Retry { due_at, .. } => Some((due_at.0 - now.0) / 1000),
            Settled::Delivered | Settled::Dead { .. } => None,
        }
    }

    #[test]
    fn two_hundreds_deliver_and_gone_gives_up() {
        for (status, expected) in [
            (200, Settled::Delivered),
            (204, Settled::Delivered),
            (299, Settled::Delivered),
            (410, Settled::Dead { reason: "HTTP 410".into() }),
        ] {
            let settled = settle(&Config::default(), &delivery(1), answered(status, None), NOW, 0.5);
            assert_eq!(settled, expected);
        }
    }

    #[test]
    fn waits_double_up_to_an_hour() {
        // As old as it is after the shortest waits.
        let waits = [(1, 0), (2, 4), (3, 12), (8, 508), (11, 4_092), (12, 7_000), (4_000_000_000, 10_000)]
            .map(|(attempt, age)| wait(attempt, answered(500, None), age, 0.5));
        assert_eq!(waits, [5, 10, 20, 640, 3600, 3600, 3600].map(Some));
        // Others were tried before it: it is old, and has failed once.
        assert_eq!(wait(1, answered(500, None), 40_000, 0.5), Some(5));
        assert_eq!(wait(1, Err(EgressError::Address), 0, 0.0), Some(4));
        assert_eq!(wait(1, answered(302, None), 0, 1.0), Some(6));
    }

    #[test]
    fn what_is_replayed_waits_as_if_it_had_never_been_tried() {
        let waits = [0, 5, 16].map(|age| wait(20, answered(500, None), age, 0.5));
        assert_eq!(waits, [5, 11, 25].map(Some));
        assert_eq!(wait(28, answered(500, None), 20_000, 0.5), Some(3600));
    }

    #[test]
    fn retry_after_is_honoured_up_to_an_hour() {
        assert_eq!(wait(1, answered(429, Some(90)), 0, 0.5), Some(90));
        assert_eq!(wait(1, answered(503, Some(1)), 0, 0.5), Some(5));
        assert_eq!(wait(1, answered(503, Some(u64::MAX)), 0, 0.5), Some(3600));
    }

    #[test]
    fn the_last_try_falls_on_the_last_moment() {
        let day = 24 * 3600;
        assert_eq!(wait(20, answered(500, None), day - 7, 0.5), Some(7));
        assert_eq!(wait(21, answered(500, None), day, 0.5), None);
        assert_eq!(wait(21, answered(200, None), day, 0.5), None);
    }
}
