//! The writer: one task, through which every change goes. It groups what waits into transactions, since a commit costs more
//! than its rows: an intent, for which a client waits, lingers at most 2 ms for company, everything else at most 20 ms.
#![expect(clippy::disallowed_methods, reason = "a shell: it waits for company")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::StoreError;
use super::batch::{Applied, Batch, Changes};
use super::engine::Engine;
use super::outbox::{Claim, Delivery, Settlement};
use super::types::{Intended, Intent, Replay, Write};
use crate::model::CallId;

/// Changes that wait; past it intents are refused.
pub(super) const QUEUE_MAX: usize = 8192;
/// Rows a transaction.
const ROWS_MAX: usize = 1000;
const LINGER_INTENT: Duration = Duration::from_millis(2);
const LINGER: Duration = Duration::from_millis(20);
/// While the database takes no writes, it is tried so often.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// One change and who waits for it.
pub(super) enum Op {
    Intend(Box<Intent>, oneshot::Sender<Result<Intended, StoreError>>),
    Dialing(CallId, oneshot::Sender<Result<(), StoreError>>),
    Write(Arc<[Write]>, oneshot::Sender<Result<u64, StoreError>>),
    Settle(Vec<Settlement>, oneshot::Sender<Result<(), StoreError>>),
    Claim(Claim, oneshot::Sender<Result<Vec<Delivery>, StoreError>>),
    /// Everything before it is done.
    Close(oneshot::Sender<()>),
}

/// What the writer tells without being asked.
#[derive(Default)]
pub(super) struct Gauges {
    pub unhealthy: AtomicBool,
    pub commits: AtomicU64,
    pub rows: AtomicU64,
    pub failures: AtomicU64,
}

/// Runs until it is told to close, or every handle is gone.
pub(super) async fn run(engine: Arc<Engine>, mut queue: mpsc::Receiver<Op>, gauges: Arc<Gauges>) {
    let writer = Writer { engine, gauges };
    let mut batch = Vec::new();
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(op) => op,
            None => match writer.wait(&mut queue).await {
                Some(op) => op,
                None => return,
            },
        };
        if let Op::Claim(claim, reply) = first {
            let _ = reply.send(writer.engine.claim(&claim).await);
            continue;
        }
        next = collect(&mut queue, first, &mut batch).await;
        let closing = matches!(batch.last(), Some(Op::Close(_)));
        writer.commit(std::mem::take(&mut batch)).await;
        if closing {
            return;
        }
    }
}

struct Writer {
    engine: Arc<Engine>,
    gauges: Arc<Gauges>,
}

impl Writer {
    /// The next change; meanwhile a database that takes no writes is tried now and then.
    async fn wait(&self, queue: &mut mpsc::Receiver<Op>) -> Option<Op> {
        while self.gauges.unhealthy.load(Ordering::Relaxed) {
            match timeout_at(Instant::now() + PROBE_EVERY, queue.recv()).await {
                Ok(op) => return op,
                Err(_) => self.note(&self.engine.probe().await),
            }
        }
        queue.recv().await
    }

    /// One transaction for all of them. If a row is at fault, and not the database, each is tried on its own, so that
    /// it fails alone.
    async fn commit(&self, ops: Vec<Op>) {
        match self.apply(&ops).await {
            Ok(applied) => self.tell(ops, applied).await,
            Err(error) if ops.len() > 1 && is_rows_fault(&error) => {
                for op in ops {
                    let alone = vec![op];
                    match self.apply(&alone).await {
                        Ok(applied) => self.tell(alone, applied).await,
                        Err(error) => refuse(alone, &error.into()),
                    }
                }
            }
            Err(error) => refuse(ops, &error.into()),
        }
    }

    async fn apply(&self, ops: &[Op]) -> Result<Applied, sqlx::Error> {
        let batch = gather(ops);
        if batch.rows == 0 {
            return Ok(Applied::default());
        }
        let result = self.engine.apply(&batch).await;
        self.note(&result);
        if result.is_ok() {
            self.gauges.commits.fetch_add(1, Ordering::Relaxed);
            self.gauges.rows.fetch_add(batch.rows as u64, Ordering::Relaxed);
        }
        result
    }

    /// Keeps the word on the database's health, and logs when it changes.
    fn note<T>(&self, result: &Result<T, sqlx::Error>) {
        let unhealthy = match result {
            Ok(_) => false,
            Err(error) if is_rows_fault(error) => return,
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
                Op::Settle(_, reply) => drop(reply.send(Ok(()))),
                Op::Close(reply) => drop(reply.send(())),
                Op::Claim(..) => unreachable!("a claim is never in a batch"),
            }
        }
    }

    async fn why_not_inserted(&self, intent: &Intent) -> Result<Intended, StoreError> {
        let duplicate = StoreError::Duplicate(intent.record.call);
        let (Some(key), Some((idempotency, _))) = (intent.record.key, &intent.idempotency) else {
            return Err(duplicate);
        };
        match self.engine.find_replay(key, idempotency).await? {
            Some(Replay::Same(response)) => Ok(Intended::Replay(response)),
            Some(Replay::Conflict) => Ok(Intended::Conflict),
            None => Err(duplicate),
        }
    }
}

/// Fills a batch until its time or its room is over. Gives back a change that must wait for the next one.
async fn collect(queue: &mut mpsc::Receiver<Op>, first: Op, batch: &mut Vec<Op>) -> Option<Op> {
    let mut deadline = Instant::now() + linger(&first);
    let mut rows = rows_of(&first);
    let mut shape = Shape::default();
    shape.admit(&first);
    let mut closing = matches!(first, Op::Close(_));
    batch.push(first);
    while !closing && rows < ROWS_MAX {
        let op = match queue.try_recv() {
            Ok(op) => op,
            Err(_) => match timeout_at(deadline, queue.recv()).await {
                Ok(Some(op)) => op,
                Ok(None) | Err(_) => return None,
            },
        };
        rows += rows_of(&op);
        if rows > ROWS_MAX || !shape.admit(&op) {
            return Some(op);
        }
        closing = matches!(op, Op::Close(_));
        deadline = deadline.min(Instant::now() + linger(&op));
        batch.push(op);
    }
    None
}

/// What a transaction already holds, as far as order asks: its kinds are applied in a fixed order.
#[derive(Default)]
struct Shape {
    withdrawal: bool,
}

impl Shape {
    /// An intent after a withdrawal may reuse its idempotency key. A claim is a transaction of its own.
    fn admit(&mut self, op: &Op) -> bool {
        match op {
            Op::Intend(..) => !self.withdrawal,
            Op::Claim(..) => false,
            Op::Write(writes, _) => {
                self.withdrawal |= writes.iter().any(|write| matches!(write, Write::Withdrawn(_)));
                true
            }
            Op::Dialing(..) | Op::Settle(..) | Op::Close(_) => true,
        }
    }
}

fn linger(op: &Op) -> Duration {
    match op {
        Op::Intend(..) | Op::Dialing(..) => LINGER_INTENT,
        Op::Write(..) | Op::Settle(..) => LINGER,
        Op::Claim(..) | Op::Close(_) => Duration::ZERO,
    }
}

fn rows_of(op: &Op) -> usize {
    match op {
        Op::Intend(..) | Op::Dialing(..) => 1,
        Op::Write(writes, _) => writes.len(),
        Op::Settle(settlements, _) => settlements.len(),
        Op::Claim(..) | Op::Close(_) => 0,
    }
}

fn gather(ops: &[Op]) -> Batch {
    let mut changes = Changes::default();
    for op in ops {
        match op {
            Op::Intend(intent, _) => changes.intents.push(intent),
            Op::Dialing(call, _) => changes.dialing.push(*call),
            Op::Write(writes, _) => changes.writes.extend(writes.iter()),
            Op::Settle(settlements, _) => changes.settlements.extend(settlements),
            Op::Claim(..) | Op::Close(_) => {}
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
            Op::Claim(_, reply) => drop(reply.send(Err(error.clone()))),
            Op::Close(reply) => drop(reply.send(())),
        }
    }
}

/// Would another row have been taken? Constraint violations and unfit values (SQLSTATE classes 22 and 23; SQLite's
/// ERROR, TOOBIG, CONSTRAINT and MISMATCH) are the row's fault, everything else is the database's.
pub(super) fn is_rows_fault(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().and_then(|error| error.code()) else { return false };
    if code.len() == 5 {
        return code.starts_with("22") || code.starts_with("23");
    }
    matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(1 | 18 | 19 | 20))
}
