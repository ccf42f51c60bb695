//! The worker: claims what is due, keeps the tries under way, writes how they went. One task; it waits for whatever comes
//! first: the journal's word, the next due time, a try's end, a commit.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;

use super::{Config, Keys, Wake, retry, sign};
use crate::clock::wall_now as now;
use crate::egress::{Answer, Egress, EgressError};
use crate::face;
use crate::model::{Key, TenantId, Timestamp};
use crate::store::{Claim, Delivery, Settled, Settlement, Store, StoreError, Tried as Logged};

/// Without any word, the outbox is looked at so often: another node's rows may have come due.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After a claim or a commit that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// What the log keeps of an answer's body, in bytes.
const SNIPPET_MAX: usize = 1024;
/// Receivers remembered while nothing is under way to them.
const RECEIVERS_MAX: usize = 1024;

/// What a try needs.
pub(super) struct Context {
    pub store: Store,
    pub egress: Egress,
    pub keys: Keys,
    pub config: Config,
    pub counters: Counters,
}

#[derive(Default)]
pub(super) struct Counters {
    pub delivered: AtomicU64,
    pub retried: AtomicU64,
    pub dead: AtomicU64,
    pub in_flight: AtomicU64,
}

/// What is under way to a receiver, and whether its last try failed: then one try at a time is enough to learn that it is
/// back, and dead receivers leave the room to the living.
#[derive(Default)]
struct Receiver {
    in_flight: usize,
    failing: bool,
}

/// A try that is over.
struct Tried {
    tenant: TenantId,
    receiver: String,
    settlement: Settlement,
}

/// How a commit went; what it could not write comes back.
type Written = (Result<u64, StoreError>, Vec<Settlement>);

pub(super) struct Worker {
    context: Arc<Context>,
    tries: FuturesUnordered<BoxFuture<'static, Tried>>,
    receivers: HashMap<String, Receiver>,
    /// What is under way for a tenant.
    busy: HashMap<TenantId, usize>,
    /// Not written yet.
    settlements: Vec<Settlement>,
    writing: Option<BoxFuture<'static, Written>>,
    /// There may be rows that are due.
    look: bool,
    /// The last claim left due rows, for want of room.
    left_some: bool,
    /// When to look without any word.
    next: Timestamp,
}

impl Worker {
    pub fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            tries: FuturesUnordered::new(),
            receivers: HashMap::new(),
            busy: HashMap::new(),
            settlements: Vec::new(),
            writing: None,
            look: true,
            left_some: false,
            next: Timestamp(0),
        }
    }

    /// Runs until it is told to stop, and then until nothing is under way.
    pub async fn run(mut self, wake: Wake, stop: Arc<Notify>) {
        let mut stopping = false;
        loop {
            if self.look && !stopping {
                self.claim().await;
            }
            self.write();
            if stopping && self.tries.is_empty() && self.writing.is_none() {
                return;
            }
            let wait = Duration::from_millis((self.next.0 - now().0).max(0).unsigned_abs());
            tokio::select! {
                Some(tried) = self.tries.next() => self.tried(tried),
                (result, settlements) = written(&mut self.writing) => self.written(result, settlements, stopping),
                () = wake.wait() => self.look = true,
                () = tokio::time::sleep(wait), if !stopping => self.look = true,
                () = stop.notified(), if !stopping => stopping = true,
            }
        }
    }

    /// Takes what is due, as far as there is room.
    async fn claim(&mut self) {
        let now = now();
        let config = &self.context.config;
        let room = config.concurrency.saturating_sub(self.tries.len());
        self.look = false;
        self.left_some = room == 0;
        self.next = now.after(LOOK_EVERY);
        if room == 0 {
            return;
        }
        let claim = Claim {
            now,
            lease: config.lease,
            limit: room,
            per_receiver: config.per_receiver,
            rooms: self
                .receivers
                .iter()
                .map(|(name, receiver)| (name.clone(), receiver.room(config)))
                .collect(),
            busy: self.busy.clone(),
        };
        let Ok(deliveries) = self.context.store.claim(claim).await else {
            // The store tells of it when its writes fail too.
            self.next = now.after(PAUSE);
            return;
        };
        for delivery in deliveries {
            self.begin(delivery);
        }
        match self.context.store.next_due().await {
            // What was due and was not taken waits for room, which the end of a try makes.
            // Meanwhile it hides when others' are due.
            Ok(Some(due)) if due <= now => (self.left_some, self.next) = (true, now.after(PAUSE)),
            Ok(Some(due)) => self.next = self.next.min(due),
            Ok(None) => {}
            Err(_) => self.next = now.after(PAUSE),
        }
    }

    fn begin(&mut self, delivery: Delivery) {
        self.receivers.entry(delivery.receiver.clone()).or_default().in_flight += 1;
        *self.busy.entry(delivery.record.tenant).or_default() += 1;
        self.context.counters.in_flight.fetch_add(1, Ordering::Relaxed);
        self.tries.push(attempt(Arc::clone(&self.context), delivery).boxed());
    }

    fn tried(&mut self, tried: Tried) {
        let counters = &self.context.counters;
        counters.in_flight.fetch_sub(1, Ordering::Relaxed);
        let counter = match &tried.settlement.settled {
            Settled::Delivered => &counters.delivered,
            Settled::Retry { .. } => &counters.retried,
            Settled::Dead { .. } => &counters.dead,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(receiver) = self.receivers.get_mut(&tried.receiver) {
            receiver.tried(&tried.settlement);
            if receiver.in_flight == 0 && !receiver.failing {
                self.receivers.remove(&tried.receiver);
            }
        }
        if let Entry::Occupied(mut busy) = self.busy.entry(tried.tenant) {
            *busy.get_mut() -= 1;
            if *busy.get() == 0 {
                busy.remove();
            }
        }
        if self.receivers.len() > RECEIVERS_MAX {
            self.receivers.retain(|_, receiver| receiver.in_flight > 0);
        }
        self.settlements.push(tried.settlement);
        self.look |= self.left_some;
    }

    /// Starts the next commit, if none is under way.
    fn write(&mut self) {
        if self.writing.is_some() || self.settlements.is_empty() {
            return;
        }
        let settlements = std::mem::take(&mut self.settlements);
        let store = self.context.store.clone();
        self.writing = Some(
            async move {
                let result = store.settle(settlements.clone()).await;
                if result.is_err() {
                    tokio::time::sleep(PAUSE).await;
                }
                (result, settlements)
            }
            .boxed(),
        );
    }

    /// What could not be written is written with the next; on the way out it is left to its lease, and delivered again.
    fn written(&mut self, result: Result<u64, StoreError>, settlements: Vec<Settlement>, stopping: bool) {
        match result {
            Ok(next) => {
                // The next event of a call whose last one is over.
                self.look |= next > 0;
                let retries = settlements.iter().filter_map(|settlement| match &settlement.settled {
                    Settled::Retry { due_at, .. } => Some(*due_at),
                    Settled::Delivered | Settled::Dead { .. } => None,
                });
                self.next = retries.min().unwrap_or(self.next).min(self.next);
            }
            Err(_) if !stopping => self.settlements.extend(settlements),
            Err(error) => {
                tracing::warn!(%error, events = settlements.len(), "what became of these events could not be written");
            }
        }
    }
}

impl Receiver {
    fn room(&self, config: &Config) -> usize {
        let max = if self.failing { 1 } else { config.per_receiver };
        max.saturating_sub(self.in_flight)
    }

    /// A try is over. One that sent nothing says nothing of who would have had it.
    fn tried(&mut self, settlement: &Settlement) {
        self.in_flight -= 1;
        if settlement.tried.is_some() {
            self.failing = matches!(settlement.settled, Settled::Retry { .. });
        }
    }
}

/// Pending for ever while there is no commit under way.
async fn written(writing: &mut Option<BoxFuture<'static, Written>>) -> Written {
    let Some(commit) = writing else { return std::future::pending().await };
    let written = commit.await;
    *writing = None;
    written
}

/// One try.
async fn attempt(context: Arc<Context>, mut delivery: Delivery) -> Tried {
    let (started_at, clock) = (now(), Instant::now());
    let signer = (context.keys)(delivery.target.key);
    if let Some(url) = signer.as_ref().and_then(|signer| signer.url.as_ref()) {
        delivery.target.url.clone_from(url);
    }
    let previous = signer.as_ref().and_then(|signer| signer.previous.clone());
    // An endpoint signs for whatever face its calls have.
    let face = delivery.target.face;
    let key = signer.map(|signer| match signer.key.face == face {
        true => signer.key,
        false => Arc::new(Key { face, ..Key::clone(&signer.key) }),
    });
    let links = context.config.links.as_ref();
    delivery.record.recording_link =
        links.and_then(|links| links.recording(face, &delivery.record, delivery.created_at));
    let kept = delivery.body.take();
    let render =
        || key.as_ref().map(|key| face::event(key, delivery.event, delivery.created_at, &delivery.record));
    let body = kept.or_else(render);
    let (settled, tried) = match key.as_ref().zip(body.as_ref()) {
        Some((key, body)) => {
            let secret = key.signing.reveal();
            let secrets = (secret.as_str(), previous.as_ref().map(|secret| secret.reveal().as_str()));
            let headers = sign::headers(&delivery, secrets, started_at.0.div_euclid(1000), body.as_bytes());
            let answer = context.egress.post(&delivery.target.url, &headers, Bytes::from(body.clone())).await;
            let logged = logged(&answer, started_at, clock.elapsed());
            (retry::settle(&context.config, &delivery, answer, now(), rand::random()), Some(logged))
        }
        // It may come back with the configuration, or be enabled again.
        None => {
            let reason = "its key or endpoint is gone or disabled".to_owned();
            (retry::again(&context.config, &delivery, reason, None, now(), rand::random()), None)
        }
    };
    note(&delivery, &settled);
    let settlement =
        Settlement { id: delivery.id, attempt: delivery.attempt, settled, at: now(), body, tried };
    Tried { tenant: delivery.record.tenant, receiver: delivery.receiver, settlement }
}

/// The try as the delivery log keeps it.
fn logged(answer: &Result<Answer, EgressError>, started_at: Timestamp, duration: Duration) -> Logged {
    let (status, error, response) = match answer {
        Ok(answer) => (Some(answer.status), None, snippet(&answer.body)),
        Err(error) => (None, Some(error.to_string()), None),
    };
    Logged { started_at, duration, status, error, response }
}

/// The beginning of an answer's body, as text.
fn snippet(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(SNIPPET_MAX)]);
    (!text.is_empty()).then(|| text.into_owned())
}

/// An event that is given up is told once; its tries are for those who look closely.
fn note(delivery: &Delivery, settled: &Settled) {
    let (id, call, attempt) = (delivery.id, delivery.call, delivery.attempt);
    let to = masked(&delivery.target.url);
    match settled {
        Settled::Delivered => tracing::debug!(delivery = id, %call, attempt, to, "event delivered"),
        Settled::Retry { reason, due_at, .. } => {
            tracing::debug!(delivery = id, %call, attempt, to, reason, %due_at, "event not delivered, to be tried again");
        }
        Settled::Dead { reason } => {
            tracing::warn!(delivery = id, %call, attempt, to, reason, "event given up");
        }
    }
}

/// The URL without what may be secret in it, which with many is the path: scheme, host and port. The delivery's id finds the rest.
fn masked(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) => url.origin().ascii_serialization(),
        Err(_) => "unreadable".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settlement(settled: Settled, is_sent: bool) -> Settlement {
        let logged = Logged {
            started_at: Timestamp(0),
            duration: Duration::ZERO,
            status: None,
            error: None,
            response: None,
        };
        Settlement {
            id: 1,
            attempt: 1,
            settled,
            at: Timestamp(0),
            body: None,
            tried: is_sent.then_some(logged),
        }
    }

    #[test]
    fn of_a_url_the_log_has_scheme_host_and_port() {
        assert_eq!(
            masked("https://u:p@hooks.example.com:8443/T0/B0/secret?a=b#c"),
            "https://hooks.example.com:8443"
        );
        assert_eq!(masked("no url"), "unreadable");
    }

    #[test]
    fn a_receiver_that_was_sent_nothing_has_not_failed() {
        let config = Config::default();
        let again = || Settled::Retry { due_at: Timestamp(0), reason: "no key".into() };
        let mut receiver = Receiver { in_flight: 4, failing: false };
        receiver.tried(&settlement(again(), false));
        assert_eq!((receiver.failing, receiver.room(&config)), (false, config.per_receiver - 3));
        receiver.tried(&settlement(again(), true));
        assert_eq!((receiver.failing, receiver.room(&config)), (true, 0));
        receiver.tried(&settlement(again(), false));
        assert!(receiver.failing, "nor has it come back");
        receiver.tried(&settlement(Settled::Delivered, true));
        assert_eq!((receiver.failing, receiver.room(&config)), (false, config.per_receiver));
    }
}
