//! How many calls a filter means. A page shows that beside its own rows, and to count a tenant's hundred thousands takes a reader
//! its time, so large numbers are kept for some seconds, and few count at once: the other readers serve everybody else.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::types::CallFilter;
use crate::model::TenantId;

/// What was counted, and the room to count.
pub(super) struct Counting {
    kept: Mutex<VecDeque<Kept>>,
    turns: Semaphore,
}

struct Kept {
    tenant: TenantId,
    filter: CallFilter,
    count: u64,
    until: Instant,
}

/// Who count at once, of the readers.
const TURNS: usize = 2;
/// Fewer are counted each time.
const FEW: u64 = 10_000;
/// A number is kept for so long for each [`FEW`].
const KEEP: Duration = Duration::from_secs(1);
const KEEP_MAX: Duration = Duration::from_secs(30);
/// Counts kept; the oldest goes.
const KEPT_MAX: usize = 256;

impl Counting {
    pub fn new() -> Self {
        Self { kept: Mutex::default(), turns: Semaphore::new(TURNS) }
    }

    /// Room to count.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.turns.acquire().await.ok()
    }

    /// What was counted not long ago.
    pub fn recall(&self, now: Instant, tenant: TenantId, filter: &CallFilter) -> Option<u64> {
        let mut kept = self.kept();
        kept.retain(|one| one.until > now);
        kept.iter().find(|one| one.tenant == tenant && one.filter == *filter).map(|one| one.count)
    }

    /// Keeps what was counted.
    pub fn keep(&self, now: Instant, tenant: TenantId, filter: &CallFilter, count: u64) {
        if count < FEW {
            return;
        }
        let mut kept = self.kept();
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        let times = u32::try_from(count / FEW).unwrap_or(u32::MAX);
        let until = now + KEEP.saturating_mul(times).min(KEEP_MAX);
        kept.push_back(Kept { tenant, filter: filter.clone(), count, until });
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_kept_for_some_seconds_and_small_ones_are_not() {
        let (counting, now) = (Counting::new(), Instant::now());
        let (all, recorded) = (CallFilter::default(), CallFilter { recorded: true, ..CallFilter::default() });
        let (one, two) = (TenantId(1), TenantId(2));
        counting.keep(now, one, &all, 9_999);
        assert_eq!(counting.recall(now, one, &all), None, "few");
        counting.keep(now, one, &all, 50_001);
        assert_eq!(counting.recall(now, one, &all), Some(50_001));
        assert_eq!((counting.recall(now, two, &all), counting.recall(now, one, &recorded)), (None, None));
        assert_eq!(counting.recall(now + Duration::from_millis(4_999), one, &all), Some(50_001));
        assert_eq!(counting.recall(now + Duration::from_secs(5), one, &all), None);
        counting.keep(now, one, &all, u64::MAX);
        assert_eq!(counting.recall(now + KEEP_MAX, one, &all), None, "and never longer than this");
        for tenant in 0..1_000 {
            counting.keep(now, TenantId(tenant), &all, 20_000);
        }
        assert_eq!(counting.kept().len(), KEPT_MAX);
    }
}
