//! Room for requests that are being read, each with as many recipients in memory as its body may hold: so many in all, and fewer a
//! tenant, so that one whose line is slow keeps nobody else waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::TenantId;

/// Requests in memory at once.
const ALL: usize = 8;
/// Of these, one tenant's.
const PER_TENANT: usize = 2;

/// All of it.
pub struct Desks {
    all: Arc<Semaphore>,
    /// Of tenants who have a desk, or wait for one.
    own: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// Room for one request, until it is dropped.
#[derive(Debug)]
pub struct Desk {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Desks {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), own: Mutex::default() }
    }
}

impl Desks {
    /// Room for a request of this tenant's; `None` if there is none within this time. Who waits for one of its own keeps none of
    /// the others'.
    pub async fn take(&self, tenant: TenantId, patience: Duration) -> Option<Desk> {
        let (all, own) = (Arc::clone(&self.all), self.own(tenant));
        let both = async move {
            let own = own.acquire_owned().await.ok()?;
            Some(Desk { _own: own, _of_all: all.acquire_owned().await.ok()? })
        };
        tokio::time::timeout(patience, both).await.ok().flatten()
    }

    fn own(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds what nobody has or waits for.
        own.retain(|_, desks| Arc::strong_count(desks) > 1);
        Arc::clone(own.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(PER_TENANT))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_tenant_that_fills_its_own_leaves_the_others_theirs() {
        let desks = Desks::default();
        let first = desks.take(TenantId(1), PATIENCE).await;
        let second = desks.take(TenantId(1), PATIENCE).await;
        assert!(first.is_some() && second.is_some());
        let waiting: Vec<_> = (0..8).map(|_| desks.take(TenantId(1), PATIENCE)).collect();
        let all = futures_util::future::join_all(waiting);
        let (third, other) = tokio::join!(all, desks.take(TenantId(2), Duration::from_millis(1)));
        assert!(other.is_some(), "nobody of another tenant waits for it");
        assert!(third.iter().all(Option::is_none));
        drop(first);
        assert!(desks.take(TenantId(1), PATIENCE).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_them_are_bounded_and_who_has_none_is_forgotten() {
        let desks = Desks::default();
        let mut taken = Vec::new();
        for tenant in 1..=4 {
            for _ in 0..2 {
                taken.push(desks.take(TenantId(tenant), PATIENCE).await.expect("room"));
            }
        }
        assert!(desks.take(TenantId(5), PATIENCE).await.is_none());
        taken.clear();
        assert!(desks.take(TenantId(5), PATIENCE).await.is_some());
        assert_eq!(desks.own.lock().expect("whole").len(), 1);
    }
}
