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
    body: &str,
    now: Timestamp,
    unit: f64,
) -> Settled {
    let (reason, retry_after) = match tried {
        Ok(answer) if (200..300).contains(&answer.status) => return Settled::Delivered,
        Ok(answer) if answer.status == GONE => return Settled::Dead { reason: "HTTP 410".into() },
        Ok(answer) => (format!("HTTP {}", answer.status), answer.retry_after),
        Err(error) => (error.to_string(), None),
    };
    again(config, delivery, reason, retry_after, body, now, unit)
}

/// Another try, unless the event is too old; the last one falls on its last moment.
pub(super) fn again(
    config: &Config,
    delivery: &Delivery,
    reason: String,
    retry_after: Option<Duration>,
    body: &str,
    now: Timestamp,
    unit: f64,
) -> Settled {
    let last = delivery.created_at.0.saturating_add(millis(config.give_up_after));
    if now.0 >= last {
        return Settled::Dead { reason };
    }
    let asked = retry_after.unwrap_or_default().min(config.backoff_max);
    let wait = backoff(config, delivery.attempt, unit).max(asked);
    let due_at = Timestamp(now.0.saturating_add(millis(wait)).min(last));
    Settled::Retry { due_at, body: body.to_owned(), reason }
}

/// The wait after the `attempt`th try: doubled each time, up to its bound, a fifth more or less, so that the events that
/// failed together do not come back together.
fn backoff(config: &Config, attempt: u32, unit: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(30);
    let wait = config.backoff_first.saturating_mul(1 << doublings).min(config.backoff_max);
    wait.mul_f64(0.8 + 0.4 * unit)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
