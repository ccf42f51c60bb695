//! Delivery of events from the outbox.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::egress::Egress;
use crate::model::{KeyId, Secret};
use crate::store::Store;

/// Tells the worker that there is work. Cheap to clone.
#[derive(Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There is work.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// The secret of a key, for signing; `None` if there is no such key any more.
pub type Secrets = Arc<dyn Fn(KeyId) -> Option<Secret<String>> + Send + Sync>;

/// Bounds and times of delivery.
#[derive(Clone, Debug)]
pub struct Config {
    /// At most so many tries at once.
    pub concurrency: usize,
    /// At most so many tries at once for one receiver.
    pub per_receiver: usize,
    /// The wait after the first failed try; doubled with each one more.
    pub backoff_first: Duration,
    /// The longest wait between two tries.
    pub backoff_max: Duration,
    /// An event older than this is given up.
    pub give_up_after: Duration,
    /// For how long a claimed row is nobody else's.
    pub lease: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 64,
            per_receiver: 8,
            backoff_first: Duration::from_secs(5),
            backoff_max: Duration::from_secs(3600),
            give_up_after: Duration::from_secs(24 * 3600),
            lease: Duration::from_secs(60),
        }
    }
}

/// The running worker.
pub struct Webhooks {}

impl Webhooks {
    /// Starts delivering on the current runtime.
    pub fn start(store: Store, egress: Egress, secrets: Secrets, wake: Wake, config: Config) -> Webhooks {
        let _ = (store, egress, secrets, wake, config);
        todo!()
    }
    /// What it did since it was started.
    pub fn counters(&self) -> WebhookCounters {
        todo!()
    }
    /// Claims nothing more, and waits until the tries under way are over and written.
    pub async fn shutdown(self) {
        todo!()
    }
}

/// What the worker did since it was started; for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WebhookCounters {
    /// Events delivered.
    pub delivered: u64,
    /// Tries that failed and will be repeated.
    pub retried: u64,
    /// Events given up.
    pub dead: u64,
    /// Tries under way now.
    pub in_flight: u64,
}
