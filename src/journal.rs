//! The sole consumer of call events: it keeps the record of each live call, turns answers and ends into rows, and tells
//! every fact to whoever listens. Nothing that it is told waits for the database: what is not written yet stays in memory,
//! bounded by the slots that admission takes, and is tried until it is on disk.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clocks and runs the task that writes")]

mod books;
mod flush;
mod slot;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::model::{
    AgentId, CallEvent, CallId, CallRecord, CallState, CampaignId, Dialing, Idempotency, KeyId,
    StoredResponse, TenantId, Timestamp,
};
use crate::store::{Intended, Intent, Store, StoreError};
use crate::watched::watched;
use crate::webhook;
use books::{Books, Promised};
pub use slot::Slot;
use slot::Slots;

/// The journal's bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// At most so many calls whose end is not on disk.
    pub calls_max: usize,
    /// What recordings' paths are relative to.
    pub data_dir: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { calls_max: 32_768, data_dir: PathBuf::new() }
    }
}

/// A handle to the journal. Cheap to clone. The task ends once the last handle is gone and everything is written.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    _open: Arc<Open>,
    /// The task.
    over: CancellationToken,
}

/// Facts that a slow listener may be behind with, before it loses the oldest.
const NEWS_MAX: usize = 4096;

/// What the handles and the task share.
struct Shared {
    store: Store,
    webhooks: webhook::Wake,
    data_dir: PathBuf,
    slots: Arc<Slots>,
    books: Mutex<Books>,
    /// There is something to write, or the last handle is gone.
    work: Notify,
    /// A promise is under way no more.
    settled: Notify,
    /// Some rows are on disk.
    written: Notify,
    news: broadcast::Sender<Arc<CallEvent>>,
}

/// Dropped with the last handle.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.books().closed = true;
        self.0.work.notify_one();
    }
}

impl Shared {
    /// No code that can panic runs under the lock; a poisoned one would still hold whole entries.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// Starts the journal's task on the current runtime.
    pub fn start(store: Store, config: Config, webhooks: webhook::Wake) -> Journal {
        let shared = Arc::new(Shared {
            store,
            webhooks,
            data_dir: config.data_dir,
            slots: Slots::new(config.calls_max),
            books: Mutex::default(),
            work: Notify::new(),
            settled: Notify::new(),
            written: Notify::new(),
            news: broadcast::Sender::new(NEWS_MAX),
        });
        let over = CancellationToken::new();
        tokio::spawn(watched(&over, flush::run(Arc::clone(&shared))));
        Journal { _open: Arc::new(Open(Arc::clone(&shared))), shared, over }
    }

    /// Cancelled when the task is no more: all is written and nobody is left, or it died.
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Room for one call's end; `None` when there is none, and admission refuses.
    pub fn reserve(&self) -> Option<Slot> {
        self.shared.slots.take()
    }

    /// Commits a call that is about to be placed, and follows it from then on. If it fails, or is dropped before it
    /// resolves, the call was never started: what may be on disk of it is removed, and until that is certain nobody is told that
    /// the same request was accepted before.
    pub async fn intend(
        &self,
        slot: Slot,
        record: CallRecord,
        idempotency: Option<(Idempotency, StoredResponse)>,
    ) -> Result<Intended, StoreError> {
        let promise = record.key.zip(idempotency.as_ref().map(|(idempotency, _)| idempotency.clone()));
        if let Some((key, idempotency)) = &promise {
            self.shared.books().promise(record.call, *key, idempotency.key.clone());
        }
        let mut doubt = Doubt { shared: &self.shared, call: record.call, slot: Some(slot) };
        let intended = self.shared.store.intend(Intent { record: record.clone(), idempotency }).await;
        match &intended {
            Ok(Intended::Committed) => {
                if let Some(slot) = doubt.slot.take() {
                    let owed = record.webhook.is_some() || !record.endpoints.is_empty();
                    self.shared.books().follow(record, slot);
                    if owed {
                        self.shared.webhooks.wake();
                    }
                }
            }
            // Nothing of this call was written.
            Ok(_)
            | Err(
                StoreError::QueueFull
                | StoreError::Unavailable
                | StoreError::Duplicate(_)
                | StoreError::Closed,
            ) => {
                doubt.slot = None;
            }
            // A commit that failed may be on disk all the same.
            Err(_) => {}
        }
        drop(doubt);
        match promise {
            Some((key, idempotency))
                if matches!(intended, Ok(Intended::Replay(_)))
                    && !self.is_certain(key, &idempotency).await =>
            {
                Err(StoreError::Unavailable)
            }
            _ => intended,
        }
    }

    /// Is what the store says of this promise so for good? Waits for a commit that is under way. Not so is one that failed, and
    /// may be on disk until it is taken back.
    pub async fn is_certain(&self, key: KeyId, idempotency: &Idempotency) -> bool {
        loop {
            let mut settled = std::pin::pin!(self.shared.settled.notified());
            // Registered before the look, so that none is missed in between.
            settled.as_mut().enable();
            let stands = self.shared.books().promised(key, &idempotency.key);
            match stands {
                None => return true,
                Some(Promised::Doubtful) => return false,
                Some(Promised::UnderWay) => settled.await,
            }
        }
    }

    /// An INVITE of a call that was committed before is about to leave; resolves when that is on disk. If it fails, the
    /// INVITE must not leave.
    pub async fn dialing(&self, dialing: Dialing) -> Result<(), StoreError> {
        self.shared.store.dialing(dialing.clone()).await?;
        let begins = dialing.started_at.is_some();
        self.shared.books().dialing(dialing);
        if begins {
            self.shared.webhooks.wake();
        }
        Ok(())
    }

    /// Follows a call that an earlier run left in the store: recovery records its `Ended`.
    pub fn adopt(&self, slot: Slot, record: CallRecord) {
        self.shared.books().follow(record, slot);
    }

    /// Takes a fact. Never waits; an answer and an end always have room because of the slot. Facts of calls that the
    /// journal does not follow, and whatever comes after an end, are only told to listeners.
    pub fn record(&self, event: CallEvent) {
        let clock = Clock::read();
        if self.shared.books().take(&event, &clock, &self.shared.data_dir) {
            self.shared.work.notify_one();
        }
        if self.shared.news.receiver_count() > 0 {
            // Whoever listened may have gone meanwhile.
            let _ = self.shared.news.send(Arc::new(event));
        }
    }

    /// Every fact from now on; who reads too slowly loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CallEvent>> {
        self.shared.news.subscribe()
    }

    /// A call whose end is not on disk yet, as it stands now: fresher than the store's.
    pub fn find(&self, call: CallId) -> Option<CallRecord> {
        self.shared.books().find(call)
    }

    /// Resolves when no end of this call waits to be written: at once if it lives, or is on disk.
    pub async fn written(&self, call: CallId) {
        loop {
            let mut written = std::pin::pin!(self.shared.written.notified());
            // Registered before the look, so that none is missed in between.
            written.as_mut().enable();
            if self.find(call).is_none_or(|record| record.state != CallState::Ended) {
                return;
            }
            written.await;
        }
    }

    /// Who talks in a call that lives, and whose recipient it is for; `None`: no campaign's.
    pub fn campaign_of(&self, call: CallId) -> Option<(AgentId, CampaignId)> {
        self.shared.books().campaign_of(call)
    }

    /// Does a call of this agent live?
    pub fn lives_with(&self, agent: AgentId) -> bool {
        self.shared.books().lives_with(agent)
    }

    /// The calls of this tenant that live, and whose each is.
    pub fn live_of(&self, tenant: TenantId) -> Vec<(CallId, AgentId)> {
        self.shared.books().live_of(tenant)
    }

    /// How many calls are alive.
    pub fn live(&self) -> usize {
        self.shared.books().alive()
    }

    /// Resolves when every slot was given back: every end is on disk.
    pub async fn drained(&self) {
        self.shared.slots.idle().await;
    }
}

/// An intent whose fate is not known yet. Dropped with its slot, it has the intent removed from the disk.
struct Doubt<'a> {
    shared: &'a Shared,
    call: CallId,
    slot: Option<Slot>,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        match self.slot.take() {
            Some(slot) => {
                self.shared.books().withdraw(self.call, slot);
                self.shared.work.notify_one();
            }
            None => self.shared.books().settle(self.call),
        }
        self.shared.settled.notify_waiters();
    }
}

/// Both clocks, read at once: a call's times are monotonic, a row's are civil.
struct Clock {
    monotonic: Instant,
    since_epoch: Duration,
}

impl Clock {
    fn read() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { monotonic: Instant::now(), since_epoch }
    }

    /// The civil time of a moment noted before, or a little after, the clocks were read. Rounded once, at the end, so
    /// that the spans between two such times stay what they were.
    fn civil(&self, at: Instant) -> Timestamp {
        let ago = self.monotonic.saturating_duration_since(at);
        let ahead = at.saturating_duration_since(self.monotonic);
        let since_epoch = (self.since_epoch + ahead).saturating_sub(ago);
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests;
