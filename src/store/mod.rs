//! SQLite and PostgreSQL behind one `Store`: the calls, the ids, the outbox. Knows no HTTP and no SIP.
//!
//! Changes go through one writer (see [`Store::write`]), which groups them into transactions; what is awaited resolves
//! after COMMIT, on a disk that was told to keep it. Reads have connections of their own. The words of both engines stand
//! in one file each; what they share is written once.
#![expect(clippy::disallowed_methods, reason = "a shell: it starts its writer, and reads the clock")]

mod batch;
mod campaigns;
mod counting;
mod deliveries;
mod do_not_call;
mod engine;
mod error;
mod event_log;
mod filter;
mod forgetting;
mod ledger;
mod listing;
mod objects;
mod outbox;
mod postgres;
mod receivers;
mod reviews;
mod row;
mod schema;
mod sqlite;
mod top_ups;
mod types;
mod writer;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use campaigns::{Made, OpenCampaigns, RecipientClaim, RecipientFilter};
pub use deliveries::{DeliveryFilter, DeliveryRecord, DeliveryState, REPLAY_MAX, Replayed};
pub use error::StoreError;
pub use event_log::{Retention, StoredEvent};
pub use forgetting::OldRecording;
pub use ledger::{Charged, EntryPage, NewEntry};
pub use listing::Order;
pub use objects::{
    ObjectChange, ObjectPromise, ObjectStore, ObjectsChanged, PromiseKept, StoredObject, StoredObjects,
};
pub use outbox::{Claim, Delivery, Settled, Settlement, Tried};
pub use reviews::{ReviewClaim, ReviewNext, ReviewWrite};
pub use top_ups::{Begun, NewTopUp, Verdict};
pub use types::{CallFilter, CallPage, DatabaseTarget, Intended, Intent, Replay, Write};

use crate::model::{CallId, CallRecord, Dialing, DialogRecord, Idempotency, KeyId, TenantId, Timestamp};
use crate::watched::watched;
use counting::Counting;
use engine::Engine;
use writer::{Gauges, Op};

/// A handle to the database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
    queue: mpsc::Sender<Op>,
    gauges: Arc<Gauges>,
    counts: Arc<Counting>,
    /// The writer.
    over: CancellationToken,
}

/// What the store did since it was opened; for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreCounters {
    /// Transactions committed.
    pub commits: u64,
    /// Rows they wrote.
    pub rows: u64,
    /// Transactions that failed.
    pub failures: u64,
    /// Changes waiting in the queue now.
    pub queued: u64,
}

/// Ids come in blocks, so that no call waits for one.
const ID_BLOCK: i64 = 65_536;
/// 2^53: see [`CallId`].
const ID_LIMIT: i64 = 1 << 53;

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer on the current runtime.
    pub async fn open(target: &DatabaseTarget) -> Result<Store, StoreError> {
        let engine = Arc::new(Engine::open(target).await?);
        let gauges = Arc::new(Gauges::default());
        let (queue, waiting) = mpsc::channel(writer::QUEUE_MAX);
        let over = CancellationToken::new();
        tokio::spawn(watched(&over, writer::run(Arc::clone(&engine), waiting, Arc::clone(&gauges))));
        Ok(Store { engine, queue, gauges, counts: Arc::new(Counting::new()), over })
    }

    /// Cancelled when the writer is no more: closed, or dead.
    pub fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// 65,536 call ids that nobody else gets.
    pub async fn lease_ids(&self) -> Result<Range<u64>, StoreError> {
        let first = self.engine.lease_ids(ID_BLOCK, ID_LIMIT).await?.ok_or(StoreError::NoIds)?;
        Ok(first.unsigned_abs()..(first + ID_BLOCK).unsigned_abs())
    }

    /// Commits a call that is about to be placed. Resolves when it is on disk. Of several at once with the same
    /// idempotency key exactly one is committed. Refused at once while the database takes no writes or the queue is full.
    pub async fn intend(&self, intent: Intent) -> Result<Intended, StoreError> {
        self.refuse_unless_healthy()?;
        let (reply, answer) = oneshot::channel();
        self.try_queue(Op::Intend(Box::new(intent), reply))?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// What an earlier request with this idempotency key left, before anything is taken for a new one.
    pub async fn find_replay(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Option<Replay>, StoreError> {
        self.engine.find_replay(key, idempotency).await
    }

    /// An INVITE of a committed call is about to leave, by this trunk. Resolves when that is on disk.
    pub async fn dialing(&self, dialing: Dialing) -> Result<(), StoreError> {
        self.refuse_unless_healthy()?;
        let (reply, answer) = oneshot::channel();
        self.try_queue(Op::Dialing(Box::new(dialing), reply))?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Commits changes, at most 1,000 at once, in one transaction, after whatever was queued before. Resolves when they
    /// are on disk, with how many outbox rows that transaction made. Waits for room in the queue.
    pub async fn write(&self, writes: Arc<[Write]>) -> Result<u64, StoreError> {
        self.ask(|reply| Op::Write(writes, reply)).await
    }

    /// One call of a tenant.
    pub async fn call(&self, tenant: TenantId, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        self.engine.call(tenant, call).await
    }

    /// A tenant's calls, newest first, and how many there are in all: of 10,000 and more, how many there were some seconds ago.
    pub async fn calls(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        limit: u32,
        offset: u64,
    ) -> Result<CallPage, StoreError> {
        let calls = self.engine.calls(tenant, filter, limit, offset).await?;
        Ok(CallPage { calls, count: self.count(tenant, filter).await? })
    }

    async fn count(&self, tenant: TenantId, filter: &CallFilter) -> Result<u64, StoreError> {
        if let Some(count) = self.counts.recall(Instant::now(), tenant, filter) {
            return Ok(count);
        }
        let _turn = self.counts.turn().await;
        // Whoever had the turn before may have counted the same.
        if let Some(count) = self.counts.recall(Instant::now(), tenant, filter) {
            return Ok(count);
        }
        let count = self.engine.count_calls(tenant, filter).await?;
        self.counts.keep(Instant::now(), tenant, filter, count);
        Ok(count)
    }

    /// Calls that have not ended, as an earlier run left them, with the dialogs of the answered ones.
    pub async fn unfinished(&self) -> Result<Vec<(CallRecord, Option<DialogRecord>)>, StoreError> {
        self.engine.unfinished().await
    }

    /// Minutes begun of a tenant's answered calls, by their trunks' names: of those that ended since then, and of those that an
    /// earlier run left unfinished, as if they ended now.
    pub async fn minutes_by_trunk(
        &self,
        tenant: TenantId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        self.engine.minutes_by_trunk(tenant, since, now).await
    }

    /// Takes due outbox rows under a lease, tenants by turns, each its oldest first; of one call and endpoint only the oldest that
    /// is still owed.
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Delivery>, StoreError> {
        self.ask(|reply| Op::Claim(claim, reply)).await
    }

    /// Writes how tries went; gives how many rows waited for one of them and are next.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<u64, StoreError> {
        self.ask(|reply| Op::Settle(settlements, reply)).await
    }

    /// When the next outbox row is due, or its lease lapses.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.engine.next_due().await
    }

    /// What tenants own.
    pub fn objects(&self) -> ObjectStore {
        ObjectStore::new(Arc::clone(&self.engine))
    }

    /// Does the database take writes? For readiness. The writer tries it when there is nothing to
    /// write, too: every five seconds, and twice a second while it does not.
    pub fn healthy(&self) -> bool {
        !self.gauges.unhealthy.load(Ordering::Relaxed)
    }

    /// What it did so far.
    pub fn counters(&self) -> StoreCounters {
        StoreCounters {
            commits: self.gauges.commits.load(Ordering::Relaxed),
            rows: self.gauges.rows.load(Ordering::Relaxed),
            failures: self.gauges.failures.load(Ordering::Relaxed),
            queued: (self.queue.max_capacity() - self.queue.capacity()) as u64,
        }
    }

    /// Commits what is queued and closes the database; whoever still holds a handle gets errors.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(Op::Close(reply)).await.is_ok() {
            let _ = answer.await;
        }
        self.engine.close().await;
    }

    fn refuse_unless_healthy(&self) -> Result<(), StoreError> {
        if self.healthy() { Ok(()) } else { Err(StoreError::Unavailable) }
    }

    fn try_queue(&self, op: Op) -> Result<(), StoreError> {
        self.queue.try_send(op).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })
    }

    /// Does something on the writer's connection, between its transactions. It is done even if nobody waits any more.
    async fn aside<T, F>(
        &self,
        work: impl FnOnce(Arc<Engine>) -> F + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.ask(|reply| {
            Op::Aside(Box::new(move |engine| {
                Box::pin(async move {
                    let _ = reply.send(work(engine).await);
                })
            }))
        })
        .await
    }

    /// Does, as [`Store::aside`] does it, what takes a few at a time, until none is left; gives how many there were.
    async fn aside_until_none<F>(
        &self,
        take: impl Fn(Arc<Engine>) -> F + Copy + Send + Sync + 'static,
    ) -> Result<u64, StoreError>
    where
        F: Future<Output = Result<u64, StoreError>> + Send + 'static,
    {
        let mut taken = 0;
        loop {
            match self.aside(take).await? {
                0 => return Ok(taken),
                some => taken += some,
            }
        }
    }

    async fn ask<T>(
        &self,
        op: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Op,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(op(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

#[cfg(test)]
pub(crate) mod tests;
