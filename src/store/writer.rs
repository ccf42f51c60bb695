//! The writer: one task, through which every change goes. It groups what waits into transactions, since a commit costs more
//! than its rows: an intent, for which a client waits, lingers at most 2 ms for company, everything else at most 20 ms.
#![expect(clippy::disallowed_methods, reason = "a shell: it waits for company")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::StoreError;
use super::batch::{Applied, Batch, Changes};
use super::engine::Engine;
use super::outbox::{Claim, Delivery, Settlement};
use super::types::{Intended, Intent, Replay, Write};
use crate::model::Dialing;

/// Changes that wait; past it intents are refused.
pub(super) const QUEUE_MAX: usize = 8192;
/// Rows a transaction.
const ROWS_MAX: usize = 1000;
const LINGER_INTENT: Duration = Duration::from_millis(2);
const LINGER: Duration = Duration::from_millis(20);
/// What is due so soon goes with the intents that are due now.
const RIDE_ALONG: Duration = Duration::from_millis(6);
/// While the database takes no writes, it is tried so often.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// While nothing is written, so often: it may go away while nobody calls.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One change and who waits for it.
pub(super) enum Op {
    Intend(Box<Intent>, oneshot::Sender<Result<Intended, StoreError>>),
    Dialing(Box<Dialing>, oneshot::Sender<Result<(), StoreError>>),
    Write(Arc<[Write]>, oneshot::Sender<Result<u64, StoreError>>),
    Settle(Vec<Settlement>, oneshot::Sender<Result<u64, StoreError>>),
    Claim(Claim, oneshot::Sender<Result<Vec<Delivery>, StoreError>>),
    /// Statements of their own, between the transactions.
    Aside(Aside),
    /// Everything before it is done.
    Close(oneshot::Sender<()>),
}

/// Runs on the writer's connection, and answers whoever asked.
pub(super) type Aside = Box<dyn FnOnce(Arc<Engine>) -> BoxFuture<'static, ()> + Send + Sync>;

/// What the writer tells without being asked.
#[derive(Default)]
pub(super) struct Gauges {
    pub unhealthy: AtomicBool,
    pub commits: AtomicU64,
    pub rows: AtomicU64,
    pub failures: AtomicU64,
    /// Commits that told of something.
    pub told: tokio::sync::watch::Sender<u64>,
    /// Commits that brought something to go over.
    pub reviews: tokio::sync::watch::Sender<u64>,
}

/// Runs until it is told to close, or every handle is gone.
pub(super) async fn run(engine: Arc<Engine>, mut queue: mpsc::Receiver<Op>, gauges: Arc<Gauges>) {
    let mut writer = Writer { engine, gauges, tried_at: Instant::now() };
    let mut waiting = Waiting::default();
    loop {
        let op = match (queue.try_recv(), waiting.deadline()) {
            (Ok(op), _) => Some(op),
            (Err(_), Some(deadline)) => timeout_at(deadline, queue.recv()).await.ok().flatten(),
            (Err(_), None) => match writer.wait(&mut queue).await {
                Some(op) => Some(op),
                None => return,
            },
        };
        match op {
            Some(Op::Claim(claim, reply)) => {
                let _ = reply.send(writer.engine.claim(&claim).await);
            }
            Some(Op::Aside(aside)) => aside(Arc::clone(&writer.engine)).await,
            Some(Op::Close(reply)) => {
                writer.commit(waiting.take_all()).await;
                let _ = reply.send(());
                return;
            }
            Some(op) => {
                if waiting.rows + rows_of(&op) > ROWS_MAX {
                    writer.commit(waiting.take_all()).await;
                }
                let withdraws = withdraws(&op);
                waiting.add(op, Instant::now());
                // It must come after its intent, which may wait here, and before any that reuses its idempotency key.
                if withdraws {
                    writer.commit(waiting.take_all()).await;
                }
            }
            None => {}
        }
        let due = waiting.take_due(Instant::now());
        if !due.is_empty() {
            writer.commit(due).await;
        }
    }
}

/// What waits for company: those for whom a client waits, and the others, who ride along when their own time is near.
/// Going apart keeps most transactions down to one statement.
#[derive(Default)]
struct Waiting {
    urgent: Vec<Op>,
    urgent_due: Option<Instant>,
    patient: Vec<Op>,
    patient_due: Option<Instant>,
    rows: usize,
}

impl Waiting {
    fn add(&mut self, op: Op, now: Instant) {
        self.rows += rows_of(&op);
        if matches!(op, Op::Intend(..) | Op::Dialing(..)) {
            self.urgent_due.get_or_insert(now + LINGER_INTENT);
            self.urgent.push(op);
        } else {
            self.patient_due.get_or_insert(now + LINGER);
            self.patient.push(op);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.urgent_due.into_iter().chain(self.patient_due).min()
    }

    /// Nothing before the earlier deadline; then those whose time it is, and those whose time would come with the next
    /// intents.
    fn take_due(&mut self, now: Instant) -> Vec<Op> {
        if self.deadline().is_none_or(|deadline| deadline > now) && self.rows < ROWS_MAX {
            return Vec::new();
        }
        if self.patient_due.is_some_and(|due| due > now + RIDE_ALONG) && self.rows < ROWS_MAX {
            self.urgent_due = None;
            let urgent = std::mem::take(&mut self.urgent);
            self.rows -= urgent.len();
            return urgent;
        }
        self.take_all()
    }

    fn take_all(&mut self) -> Vec<Op> {
        let Self { urgent, patient, .. } = std::mem::take(self);
        urgent.into_iter().chain(patient).collect()
    }
}

struct Writer {
    engine: Arc<Engine>,
    gauges: Arc<Gauges>,
    /// When a transaction or a probe told last whether the database takes writes.
    tried_at: Instant,
}

impl Writer {
    /// The next change; meanwhile the database is tried now and then.
    async fn wait(&mut self, queue: &mut mpsc::Receiver<Op>) -> Option<Op> {
        loop {
            let pause = if self.gauges.unhealthy.load(Ordering::Relaxed) { PROBE_EVERY } else { LOOK_EVERY };
            match timeout_at(self.tried_at + pause, queue.recv()).await {
                Ok(op) => return op,
                Err(_) => self.try_it().await,
            }
        }
    }

    async fn try_it(&mut self) {
        self.note(&self.engine.probe().await);
        self.tried_at = Instant::now();
    }

    /// One transaction for all of them. If a row is at fault, and not the database, each is tried on its own, so that
    /// it fails alone.
    async fn commit(&mut self, ops: Vec<Op>) {
        match self.apply(&ops).await {
            Ok(applied) => self.tell(ops, applied).await,
            Err(error) if ops.len() > 1 && error.is_rows_fault() => {
                for op in ops {
                    let alone = vec![op];
                    match self.apply(&alone).await {
                        Ok(applied) => self.tell(alone, applied).await,
                        Err(error) => refuse(alone, &error),
                    }
                }
            }
            Err(error) => refuse(ops, &error),
        }
    }

    async fn apply(&mut self, ops: &[Op]) -> Result<Applied, StoreError> {
        let batch = gather(ops);
        if batch.rows == 0 {
            return Ok(Applied::default());
        }
        let result = self.engine.apply(&batch).await;
        match &result {
            // It may have found nothing to change (an intent withdrawn that never came): a full disk takes that, too.
            Ok(_) if self.gauges.unhealthy.load(Ordering::Relaxed) => self.try_it().await,
            result => {
                self.note(result);
                self.tried_at = Instant::now();
            }
        }
        if let Ok(applied) = &result {
            if applied.events > 0 {
                self.gauges.told.send_modify(|commits| *commits += 1);
            }
            if applied.reviews > 0 {
                self.gauges.reviews.send_modify(|commits| *commits += 1);
            }
            self.gauges.commits.fetch_add(1, Ordering::Relaxed);
            self.gauges.rows.fetch_add(batch.rows as u64, Ordering::Relaxed);
        }
        result
    }

    /// Keeps the word on the database's health, and logs when it changes.
    fn note<T>(&self, result: &Result<T, StoreError>) {
        let unhealthy = match result {
            Ok(_) => false,
            Err(error) if error.is_rows_fault() => return,
            Err(_) => true,
        };
        self.gauges.failures.fetch_add(u64::from(unhealthy), Ordering::Relaxed);
        if self.gauges.unhealthy.swap(unhealthy, Ordering::Relaxed) == unhealthy {
            return;
        }
        match result {
            Err(error) => tracing::error!(%error, "the database takes no writes; new calls are refused"),
            Ok(_) => tracing::info!("the database takes writes again"),
        }
    }

    /// Answers everybody who waited for this commit. Who has gone away is not missed.
    async fn tell(&self, ops: Vec<Op>, mut applied: Applied) {
        for op in ops {
            match op {
                Op::Intend(intent, reply) => {
                    let id = i64::try_from(intent.record.call.get()).unwrap_or(i64::MAX);
                    if applied.inserted.remove(&id) {
                        let _ = reply.send(Ok(Intended::Committed));
                    } else {
                        let _ = reply.send(self.why_not_inserted(&intent).await);
                    }
                }
                Op::Dialing(_, reply) => drop(reply.send(Ok(()))),
                Op::Write(_, reply) => drop(reply.send(Ok(applied.outbox))),
                Op::Settle(_, reply) => drop(reply.send(Ok(applied.next))),
                Op::Claim(..) | Op::Aside(_) | Op::Close(_) => {
                    unreachable!("they are never in a transaction with others")
                }
            }
        }
    }

    /// Asked by the writer's own connection: whoever keeps the readers busy holds up no commit.
    async fn why_not_inserted(&self, intent: &Intent) -> Result<Intended, StoreError> {
        if let (Some(key), Some((idempotency, _))) = (intent.record.key, &intent.idempotency) {
            match self.engine.find_replay_by_writer(key, idempotency).await? {
                Some(Replay::Same(response)) => return Ok(Intended::Replay(response)),
                Some(Replay::Conflict) => return Ok(Intended::Conflict),
                None => {}
            }
        }
        if self.engine.forbids(&intent.record).await? {
            return Ok(Intended::DoNotCall);
        }
        match intent.record.recipient {
            Some(_) => Ok(Intended::Superseded),
            None => Err(StoreError::Duplicate(intent.record.call)),
        }
    }
}

/// Does it take back an intent?
fn withdraws(op: &Op) -> bool {
    matches!(op, Op::Write(writes, _) if writes.iter().any(|write| matches!(write, Write::Withdrawn(_))))
}

fn rows_of(op: &Op) -> usize {
    match op {
        Op::Intend(..) | Op::Dialing(..) => 1,
        Op::Write(writes, _) => writes.len(),
        Op::Settle(settlements, _) => settlements.len(),
        Op::Claim(..) | Op::Aside(_) | Op::Close(_) => 0,
    }
}

fn gather(ops: &[Op]) -> Batch {
    let mut changes = Changes::default();
    for op in ops {
        match op {
            Op::Intend(intent, _) => changes.intents.push(intent),
            Op::Dialing(dialing, _) => changes.dialing.push(dialing),
            Op::Write(writes, _) => changes.writes.extend(writes.iter()),
            Op::Settle(settlements, _) => changes.settlements.extend(settlements),
            Op::Claim(..) | Op::Aside(_) | Op::Close(_) => {}
        }
    }
    changes.batch()
}

fn refuse(ops: Vec<Op>, error: &StoreError) {
    for op in ops {
        match op {
            Op::Intend(_, reply) => drop(reply.send(Err(error.clone()))),
            Op::Dialing(_, reply) => drop(reply.send(Err(error.clone()))),
            Op::Write(_, reply) => drop(reply.send(Err(error.clone()))),
            Op::Settle(_, reply) => drop(reply.send(Err(error.clone()))),
            Op::Claim(..) | Op::Aside(_) | Op::Close(_) => {
                unreachable!("they are never in a transaction with others")
            }
        }
    }
}
