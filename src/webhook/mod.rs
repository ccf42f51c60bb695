//! Delivery of events from the outbox: at least once, in order for each call, for 24 hours. An event is rendered by its
//! key's face at the first try; should that fail, its bytes are kept for every later one. Bounded are the tries at once, those
//! for one tenant, and those to one receiver, so that a receiver that is down, or many of one tenant's, delay nobody else's
//! events. All state is in the store, so a restart, or another node, goes on where this one stopped.
#![expect(clippy::disallowed_methods, reason = "a shell: it runs the worker and reads the clock")]

mod ask;
mod retry;
mod sign;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::egress::Egress;
use crate::face::link::Links;
use crate::model::{Key, KeyId, Secret};
use crate::store::Store;
use crate::watched::watched;
pub use ask::Asker;
pub use sign::{message_id_of, signed, standard};
use worker::{Context, Counters, Worker};

/// Tells the worker that there is work. Cheap to clone.
#[derive(Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There is work.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Resolves once there is work; words that came together count as one.
    pub(crate) async fn wait(&self) {
        self.0.notified().await;
    }
}

/// Who signs, as it stands now; `None` if it is gone, or not to be delivered to at present.
pub type Keys = Arc<dyn Fn(KeyId) -> Option<Signer> + Send + Sync>;

/// A key, whose secret signs and whose face renders.
#[derive(Clone)]
pub struct Signer {
    /// The key; an endpoint's is one that nobody can ask with.
    pub key: Arc<Key>,
    /// Where an endpoint is now; what a call's own receiver is stands in the call.
    pub url: Option<String>,
    /// A secret that was rotated and signs beside the key's yet.
    pub previous: Option<Secret<String>>,
}

impl From<Arc<Key>> for Signer {
    fn from(key: Arc<Key>) -> Self {
        Self { key, url: None, previous: None }
    }
}

/// Bounds and times of delivery.
#[derive(Clone)]
pub struct Config {
    /// At most so many tries at once; half of them for one tenant.
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
    /// What an event's recording is fetched by; `None`: it is named by its path alone.
    pub links: Option<Links>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: 128,
            per_receiver: 8,
            backoff_first: Duration::from_secs(5),
            backoff_max: Duration::from_secs(3600),
            give_up_after: Duration::from_secs(24 * 3600),
            lease: Duration::from_secs(60),
            links: None,
        }
    }
}

/// The running worker; it stops at once when this is dropped.
pub struct Webhooks {
    context: Arc<Context>,
    stop: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
    over: CancellationToken,
}

impl Webhooks {
    /// Starts delivering on the current runtime.
    pub fn start(store: Store, egress: Egress, keys: Keys, wake: Wake, config: Config) -> Webhooks {
        let context = Arc::new(Context { store, egress, keys, config, counters: Counters::default() });
        let stop = Arc::new(Notify::new());
        let worker = Worker::new(Arc::clone(&context));
        let over = CancellationToken::new();
        let task = tokio::spawn(watched(&over, worker.run(wake, Arc::clone(&stop))));
        Webhooks { context, stop, task, over }
    }

    /// Cancelled when nothing is delivered any more: it was told to stop, or it died.
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// What it did since it was started.
    pub fn counters(&self) -> WebhookCounters {
        let counters = &self.context.counters;
        WebhookCounters {
            delivered: counters.delivered.load(Ordering::Relaxed),
            retried: counters.retried.load(Ordering::Relaxed),
            dead: counters.dead.load(Ordering::Relaxed),
            in_flight: counters.in_flight.load(Ordering::Relaxed),
        }
    }

    /// Claims nothing more, and waits until the tries under way are over and written: at most a try's deadline.
    pub async fn shutdown(mut self) {
        self.stop.notify_one();
        // It ends by itself; a panic in it was reported by its own thread.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.task.abort();
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

#[cfg(test)]
mod tests;
