//! Requests a minute, by key: a bucket that fills steadily, so that a client that keeps its rate is never refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue};

use crate::model::{Key, KeyId, Limit, Refusal};

/// What a request does. Each kind has its own limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// It only looks.
    Read,
    /// It may change something.
    Write,
}

/// The buckets of every key that has a limit. At most two a key, and only known keys get here.
#[derive(Default)]
pub struct RateLimits {
    buckets: Mutex<HashMap<(KeyId, Kind), Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

/// What the client is told of its limit, whether the request passes or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    limit: u32,
    remaining: u32,
    /// Until the bucket is full again.
    reset: Duration,
    /// Until the next request passes; zero if this one did.
    retry_after: Duration,
}

impl RateLimits {
    /// Takes one request from the key's bucket. `None`: the key has no limit.
    pub fn take(&self, now: Instant, key: &Key, kind: Kind) -> Option<Standing> {
        let limit = match kind {
            Kind::Read => key.reads_per_minute?,
            Kind::Write => key.writes_per_minute?,
        };
        let (full, a_second) = (f64::from(limit), f64::from(limit) / 60.0);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry((key.id, kind)).or_insert(Bucket { tokens: full, filled_at: now });
        let elapsed = now.saturating_duration_since(bucket.filled_at).as_secs_f64();
        bucket.tokens = (bucket.tokens + elapsed * a_second).min(full);
        bucket.filled_at = now;
        let passes = bucket.tokens >= 1.0;
        if passes {
            bucket.tokens -= 1.0;
        }
        let wait = if passes { 0.0 } else { (1.0 - bucket.tokens) / a_second };
        Some(Standing {
            limit,
            remaining: bucket.tokens as u32,
            reset: Duration::from_secs_f64((full - bucket.tokens) / a_second),
            retry_after: Duration::from_secs_f64(wait),
        })
    }
}

impl Standing {
    /// Refuses a request that came too early.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.retry_after.is_zero() {
            return Ok(());
        }
        Err(Refusal::Limited {
            limit: Limit::Requests,
            name: "requests per minute",
            retry_after: self.retry_after,
        })
    }

    /// `X-RateLimit-Limit`, `-Remaining`, and `-Reset` in seconds from now.
    pub fn write(&self, headers: &mut HeaderMap) {
        let reset = self.reset.as_secs_f64().ceil() as u64;
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Face, KeyScope, Secret, SpendControl, TenantId};

    fn key(reads: Option<u32>) -> Key {
        Key {
            id: KeyId(1),
            tenant: TenantId(1),
            face: Face::Nixflex,
            public: "nxf".into(),
            secret_hash: [0; 32],
            signing: Secret::new(String::new()),
            scope: KeyScope::Tenant,
            concurrent: None,
            reads_per_minute: reads,
            writes_per_minute: None,
            spend: SpendControl::default(),
        }
    }

    #[test]
    fn a_key_without_a_limit_has_no_standing() {
        let limits = RateLimits::default();
        assert_eq!(limits.take(Instant::now(), &key(None), Kind::Read), None);
        assert_eq!(limits.take(Instant::now(), &key(Some(1)), Kind::Write), None);
    }

    #[test]
    fn a_burst_empties_the_bucket_and_time_fills_it() {
        let (limits, key, start) = (RateLimits::default(), key(Some(60)), Instant::now());
        for remaining in (0..60).rev() {
            let standing = limits.take(start, &key, Kind::Read).expect("limited");
            assert_eq!((standing.remaining, standing.check()), (remaining, Ok(())));
        }
        let refused = limits.take(start, &key, Kind::Read).expect("limited");
        let retry_after = Duration::from_secs(1);
        assert_eq!(
            refused.check(),
            Err(Refusal::Limited { limit: Limit::Requests, name: "requests per minute", retry_after })
        );
        assert_eq!(refused.reset, Duration::from_secs(60));
        let later = limits.take(start + retry_after, &key, Kind::Read).expect("limited");
        assert_eq!(later.check(), Ok(()));
        assert!(limits.take(start + retry_after, &key, Kind::Read).expect("limited").check().is_err());
    }
}
