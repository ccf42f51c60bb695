//! SQLite: WAL, `synchronous=FULL`, one connection that writes, a few that read, one that checkpoints. A transaction is one
//! text of several statements, because each trip to sqlx's worker thread costs more than the statements do.
#![expect(clippy::disallowed_methods, reason = "a shell: it checkpoints from a task of its own")]

mod checkpoint;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Either, Executor, Row, SqlitePool};

use super::StoreError;
use super::batch::{Applied, Batch, is_none};
use super::schema;
use crate::private;

/// One writer beside the readers.
pub(super) struct Sqlite {
    pub writer: SqlitePool,
    pub readers: SqlitePool,
    /// Set by each commit; tells the checkpointer that there is something to do.
    dirty: Arc<AtomicBool>,
    checkpointer: Option<tokio::task::AbortHandle>,
    /// Held while the store is open (flock), so that two switches never share a file.
    lock: Mutex<Option<File>>,
}

const READERS_MAX: u32 = 4;
/// A killed switch leaves its lock to a child that it was about to start (a speech program), until that one is no longer its copy.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_AGAIN: Duration = Duration::from_millis(20);

impl Sqlite {
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = prepare(path, LOCK_WAIT).await?;
        let options = options().filename(path);
        let failed = |error: sqlx::Error| open_error(path, &error.to_string());
        let writer = one_connection().connect_with(options.clone()).await.map_err(failed)?;
        schema::sqlite().run(&writer).await.map_err(|error| open_error(path, &error.to_string()))?;
        writer.execute(RELEASE).await.map_err(failed)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().pragma("query_only", "on"));
        let dirty = Arc::new(AtomicBool::new(false));
        let connection = checkpoint::connect(&options).await.map_err(failed)?;
        let checkpointer = tokio::spawn(checkpoint::run(connection, Arc::clone(&dirty))).abort_handle();
        Ok(Self { writer, readers, dirty, checkpointer: Some(checkpointer), lock: Mutex::new(Some(lock)) })
    }

    /// One connection to a database that a switch may be using. Its schema is brought up to date if no switch holds the lock,
    /// which is given back at once: a switch may start while this is open.
    pub async fn open_beside(path: &Path) -> Result<Self, StoreError> {
        let failed = |error: sqlx::Error| open_error(path, &error.to_string());
        let lock = prepare(path, Duration::ZERO).await;
        let writer = one_connection().connect_with(options().filename(path)).await.map_err(failed)?;
        match lock {
            Ok(_alone) => {
                schema::sqlite().run(&writer).await.map_err(|error| open_error(path, &error.to_string()))?;
            }
            Err(StoreError::Locked(_)) => {}
            Err(error) => return Err(error),
        }
        let readers = writer.clone();
        Ok(Self { writer, readers, dirty: Arc::default(), checkpointer: None, lock: Mutex::new(None) })
    }

    /// Something was committed: there is something to checkpoint.
    pub fn touched(&self) {
        self.dirty.store(true, Ordering::Relaxed);
    }

    /// A database in memory lives in one connection, which everybody shares.
    pub async fn memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str("sqlite::memory:")?.disable_statement_logging();
        let writer = one_connection().connect_with(options).await?;
        schema::sqlite()
            .run(&writer)
            .await
            .map_err(|error| open_error(Path::new(":memory:"), &error.to_string()))?;
        let readers = writer.clone();
        Ok(Self { writer, readers, dirty: Arc::default(), checkpointer: None, lock: Mutex::new(None) })
    }

    /// Writes a batch in one transaction.
    pub async fn apply(&self, batch: &Batch) -> Result<Applied, sqlx::Error> {
        let mut connection = self.writer.acquire().await?;
        let applied = run(&mut connection, batch).await;
        match &applied {
            Ok(_) => self.dirty.store(true, Ordering::Relaxed),
            // The text stopped half-way and its transaction is open; without one this fails, and that is well too.
            Err(_) => drop(connection.execute("ROLLBACK").await),
        }
        applied
    }

    /// Closes every connection, the log being written back by the last one.
    pub async fn close(&self) {
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.abort();
        }
        self.readers.close().await;
        self.writer.close().await;
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.abort();
        }
    }
}

/// The directory, the lock, and the file, which holds telephone numbers and is nobody else's to read.
async fn prepare(path: &Path, wait: Duration) -> Result<File, StoreError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let failed = |error: std::io::Error| open_error(path, &error.to_string());
    private::folder(&directory).map_err(failed)?;
    let lock = private::file(&directory.join("trunkline.lock")).map_err(failed)?;
    let until = Instant::now() + wait;
    while lock.try_lock().is_err() {
        if Instant::now() >= until {
            return Err(StoreError::Locked(directory.display().to_string()));
        }
        tokio::time::sleep(LOCK_AGAIN).await;
    }
    private::file(path).map_err(failed)?;
    Ok(lock)
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("wal_autocheckpoint", "0")
        .pragma("cache_size", "-16000")
        .pragma("temp_store", "memory")
        .disable_statement_logging()
}

fn one_connection() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn open_error(path: &Path, reason: &str) -> StoreError {
    StoreError::Open { target: path.display().to_string(), reason: reason.to_owned() }
}

/// The lock says that nobody else lives: whatever was under way when the last switch died is due again now and not when its
/// lease lapses. A row that has failed before can't be told from one that waits for its next try, and is left to its time.
const RELEASE: &str =
    "UPDATE outbox SET due_at = created_at WHERE state = 'pending' AND attempts > 0 AND reason IS NULL";

/// `ON CONFLICT DO NOTHING` passes over repeated requests, `EXISTS` over recipients who are not to be dialled any more, `NOT EXISTS`
/// over numbers that are not to be called (but as parties of a call that is there: whom to consult is the agent's affair);
/// `RETURNING` names the others.
const INTENTS: &str = "INSERT INTO calls (call, parent, tenant, key_id, agent, direction, from_number, to_number, trunk, sip_call_id, campaign, batch, recipient, metadata,
    unknown_variables, webhook_url, webhook_face, webhook_key, webhook_events, webhook_receiver, webhook_endpoints, application, hold, review, state,
    created_at, idempotency_key, body_hash, response_status, response_body)
  SELECT value ->> 'call', value ->> 'parent', value ->> 'tenant', value ->> 'key_id', value ->> 'agent', value ->> 'direction',
    value ->> 'from_number', value ->> 'to_number', value ->> 'trunk', value ->> 'sip_call_id', value ->> 'campaign',
    value ->> 'batch', value ->> 'recipient', value ->> 'metadata', value ->> 'unknown_variables', value ->> 'webhook_url', value ->> 'webhook_face',
    value ->> 'webhook_key', value ->> 'webhook_events', value ->> 'webhook_receiver', value ->> 'webhook_endpoints', value ->> 'application', value ->> 'hold', value ->> 'review', value ->> 'state', value ->> 'created_at', value ->> 'idempotency_key',
    value ->> 'body_hash', value ->> 'response_status', value ->> 'response_body'
  FROM json_each($1) WHERE (value ->> 'recipient' IS NULL OR EXISTS (
    SELECT 1 FROM recipients AS t CROSS JOIN campaigns AS c ON c.campaign = t.campaign
      WHERE t.campaign = value ->> 'batch' AND t.position = value ->> 'recipient' AND t.state = 'claimed'
        AND c.status = 'running'))
    AND (value ->> 'direction' <> 'outbound' OR value ->> 'parent' IS NOT NULL OR NOT EXISTS (
      SELECT 1 FROM do_not_call AS d WHERE d.tenant = value ->> 'tenant' AND d.number = value ->> 'to_number'))
  ON CONFLICT DO NOTHING RETURNING call";

/// `NOT INDEXED`, here and below, leaves the look-up by rowid and keeps the planner from walking the index of unfinished
/// calls.
const DIALING: &str = "UPDATE calls NOT INDEXED SET state = CASE state WHEN 'answered' THEN state ELSE 'dialing' END, trunk = r.value ->> 'trunk',
    sip_call_id = r.value ->> 'sip_call_id', invites = r.value ->> 'invites'
  FROM json_each($2) AS r WHERE calls.call = r.value ->> 'call' AND state <> 'ended'";

const ANSWERED: &str =
    "UPDATE calls NOT INDEXED SET state = 'answered', ringing_at = r.value ->> 'ringing_at',
    answered_at = r.value ->> 'answered_at', dialog = r.value ->> 'dialog'
  FROM json_each($3) AS r WHERE calls.call = r.value ->> 'call' AND state <> 'ended'";

/// Written before the call ends, by the same condition, so that only a call's first end is told. What is written again because
/// nobody knew whether its commit went through is not told again.
const EVENTS: &str = "INSERT INTO events (tenant, call, event, created_at)
  SELECT c.tenant, c.call, r.value ->> 'event', r.value ->> 'at'
  FROM json_each($7) AS r CROSS JOIN calls AS c ON c.call = r.value ->> 'call'
  WHERE c.state <> 'ended' AND NOT EXISTS (SELECT 1 FROM events AS e
    WHERE e.call = c.call AND e.event = r.value ->> 'event' AND e.created_at = r.value ->> 'at')
  ORDER BY r.key";

/// Each event for each receiver that wants it: the call's own, and its tenant's endpoints. Who doesn't tell a call that failed
/// from one that is over gets the latter. An endpoint has a call's events in their order: what is behind another one waits.
const OWED: &str = "INSERT INTO outbox (tenant, call, event, event_id, endpoint, receiver, state, created_at, due_at, attempts)
  SELECT tenant, call, CASE WHEN instr(events, ',' || event || ',') > 0 THEN event ELSE 'call.completed' END, id, endpoint, receiver,
    CASE WHEN row_number() OVER (PARTITION BY call, endpoint ORDER BY id) > 1 OR EXISTS (SELECT 1 FROM outbox AS o
      WHERE o.call = t.call AND o.endpoint = t.endpoint AND o.state IN ('pending', 'waiting')) THEN 'waiting' ELSE 'pending' END,
    created_at, coalesce(due, created_at), 0 FROM (
    SELECT e.id, e.tenant, e.call, e.event, e.created_at, r.value ->> 'due' AS due, 0 AS endpoint,
        coalesce(c.webhook_receiver, c.webhook_url) AS receiver, ',' || coalesce(c.webhook_events, 'call.completed') || ',' AS events
      FROM json_each($7) AS r CROSS JOIN calls AS c ON c.call = r.value ->> 'call'
        CROSS JOIN events AS e ON e.call = c.call AND e.event = r.value ->> 'event' AND e.created_at = r.value ->> 'at'
      WHERE c.state <> 'ended' AND c.webhook_url IS NOT NULL
    UNION ALL
    SELECT e.id, e.tenant, e.call, e.event, e.created_at, r.value ->> 'due', n.value ->> 'endpoint', n.value ->> 'receiver',
        ',' || (n.value ->> 'events') || ','
      FROM json_each($7) AS r CROSS JOIN calls AS c ON c.call = r.value ->> 'call'
        CROSS JOIN events AS e ON e.call = c.call AND e.event = r.value ->> 'event' AND e.created_at = r.value ->> 'at'
        CROSS JOIN json_each(c.webhook_endpoints) AS n
      WHERE c.state <> 'ended' AND c.webhook_endpoints IS NOT NULL) AS t
  WHERE (instr(events, ',' || event || ',') > 0 OR (event = 'call.failed' AND instr(events, ',call.completed,') > 0))
    AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.call = t.call AND o.endpoint = t.endpoint AND o.event_id = t.id)
  ORDER BY id, endpoint";

/// Written before the call ends, as its events are: only its first end is gone over.
const REVIEWS: &str = "INSERT INTO reviews (call, tenant, due_at, leased_until, attempts)
  SELECT c.call, c.tenant, r.value ->> 'at', 0, 0 FROM json_each($11) AS r CROSS JOIN calls AS c ON c.call = r.value ->> 'call'
  WHERE c.state <> 'ended' ON CONFLICT DO NOTHING";

const JUDGED: &str = "UPDATE calls NOT INDEXED SET verdict = r.value ->> 'verdict', verdict_reason = r.value ->> 'verdict_reason',
    verdict_evidence = r.value ->> 'verdict_evidence'
  FROM json_each($14) AS r WHERE calls.call = r.value ->> 'call' AND state <> 'ended'";

const ENDED: &str = "UPDATE calls NOT INDEXED SET state = 'ended', dialog = NULL,
    ringing_at = r.value ->> 'ringing_at', answered_at = r.value ->> 'answered_at', ended_at = r.value ->> 'ended_at',
    disposition = r.value ->> 'disposition', ended_by = r.value ->> 'ended_by', sip_status = r.value ->> 'sip_status',
    q850 = r.value ->> 'q850', detail = r.value ->> 'detail', verdict = r.value ->> 'verdict',
    verdict_reason = r.value ->> 'verdict_reason', verdict_evidence = r.value ->> 'verdict_evidence',
    dead_air_ms = r.value ->> 'dead_air_ms', recording = r.value ->> 'recording',
    recording_error = r.value ->> 'recording_error', invites = r.value ->> 'invites',
    media = r.value ->> 'media', charge = r.value ->> 'charge', transcript = r.value ->> 'transcript',
    review = r.value ->> 'review', people = r.value ->> 'people'
  FROM json_each($4) AS r WHERE calls.call = r.value ->> 'call' AND state <> 'ended'";

/// Whoever is to be called again by then: its own campaign's wait holds, too.
const LATER: &str =
    "UPDATE recipients SET due_at = max(recipients.due_at, r.value ->> 'due_at') FROM json_each($13) AS r
  WHERE recipients.campaign = r.value ->> 'campaign' AND recipients.position = r.value ->> 'position'
    AND recipients.call = r.value ->> 'call' AND recipients.state = 'pending'";

/// What was told of a call that never was goes with it, and what was owed for it, and how that was tried.
const UNTOLD: &str = "DELETE FROM events WHERE call IN (SELECT c.call FROM json_each($5) AS r CROSS JOIN calls AS c ON c.call = r.value
    WHERE c.state IN ('accepted', 'dialing'))";

const UNTRIED: &str = "DELETE FROM delivery_attempts WHERE delivery IN (
    SELECT o.id FROM json_each($5) AS r CROSS JOIN calls AS c ON c.call = r.value CROSS JOIN outbox AS o ON o.call = c.call
      WHERE c.state IN ('accepted', 'dialing'))";

const UNOWED: &str = "DELETE FROM outbox WHERE call IN (SELECT c.call FROM json_each($5) AS r CROSS JOIN calls AS c ON c.call = r.value
    WHERE c.state IN ('accepted', 'dialing'))";

const WITHDRAWN: &str = "DELETE FROM calls NOT INDEXED WHERE call IN (SELECT value FROM json_each($5)) AND state IN ('accepted', 'dialing')";

const SETTLED: &str = "UPDATE outbox NOT INDEXED SET state = r.value ->> 'state', due_at = coalesce(r.value ->> 'due_at', due_at),
    body = coalesce(body, r.value ->> 'body'), reason = r.value ->> 'reason', settled_at = r.value ->> 'settled_at'
  FROM json_each($6) AS r WHERE outbox.id = r.value ->> 'id' AND outbox.state = 'pending'
    AND (r.value ->> 'state' = 'delivered' OR attempts = r.value ->> 'attempt')";

/// Also of a try whose word came too late to settle anything. A row that is no longer there has no log.
const ATTEMPTS: &str = "INSERT INTO delivery_attempts (delivery, attempt, started_at, duration_ms, status, error, response)
  SELECT o.id, r.value ->> 'attempt', r.value ->> 'started_at', r.value ->> 'duration_ms', r.value ->> 'status',
    r.value ->> 'error', r.value ->> 'response'
  FROM json_each($10) AS r CROSS JOIN outbox AS o ON o.id = r.value ->> 'delivery' WHERE true ON CONFLICT DO NOTHING";

/// Of the intents that were taken: a request that was there before holds nothing.
const HOLDS: &str = "INSERT INTO ledger (tenant, kind, amount, call, key_id, created_at)
  SELECT c.tenant, 'hold', -(r.value ->> 'amount'), c.call, c.key_id, c.created_at
  FROM json_each($8) AS r CROSS JOIN calls AS c ON c.call = r.value ->> 'call'
  WHERE c.state IN ('accepted', 'dialing') ON CONFLICT DO NOTHING";

/// Only what is held is given back, and so only once; a call never costs more than that.
const RELEASED: &str = "INSERT INTO ledger (tenant, kind, amount, call, key_id, created_at)
  SELECT h.tenant, k.value, CASE k.value WHEN 'release' THEN h.amount ELSE -min(r.value ->> 'charge', h.amount) END,
    h.call, h.key_id, coalesce(r.value ->> 'at', l.created_at)
  FROM json_each($9) AS r CROSS JOIN holds AS h ON h.call = r.value ->> 'call'
    CROSS JOIN ledger AS l ON l.call = h.call AND l.kind = 'hold'
    CROSS JOIN json_each('[\"release\", \"charge\"]') AS k
  WHERE (k.value = 'release' OR (r.value ->> 'charge' > 0 AND h.amount > 0))
    AND (r.value ->> 'at' IS NOT NULL OR EXISTS (
      SELECT 1 FROM calls AS c WHERE c.call = h.call AND c.state IN ('accepted', 'dialing'))) ORDER BY h.call, k.key";

/// What waited for a row that is over comes next, unless an earlier one that was replayed is still owed.
const NEXT: &str = "UPDATE outbox SET state = 'pending' WHERE id IN (
    SELECT w.id FROM json_each($6) AS r CROSS JOIN outbox AS o ON o.id = r.value ->> 'id'
      CROSS JOIN outbox AS w ON w.id = (
        SELECT min(i.id) FROM outbox AS i WHERE i.call = o.call AND i.endpoint = o.endpoint AND i.state = 'waiting')
      WHERE o.state IN ('delivered', 'dead') AND NOT EXISTS (
        SELECT 1 FROM outbox AS e WHERE e.call = w.call AND e.endpoint = w.endpoint AND e.id < w.id AND e.state = 'pending'))";

/// Claims due rows. `pairs` hops from one tenant's receiver to its next along the index, so that a dead receiver's backlog is
/// never walked; of the pairs with the oldest rows, as many as there are places, the oldest rows are taken, and tenants that share
/// a receiver share its room. Of what has room, tenants take turns as reviews do: a tenant's n-th place, those under way included,
/// is given only while n are free. (`+ 0` hides the parameter from the planner, which would prepare the statement anew for each
/// value; what is looked up by `IN` is sorted once, where a join would walk it for every row.)
pub(super) const CLAIM: &str = "WITH RECURSIVE pairs (tenant, receiver, due_at) AS (
    SELECT * FROM (
      SELECT tenant, receiver, due_at FROM outbox WHERE state = 'pending' ORDER BY tenant, receiver, due_at LIMIT 1) AS first
    UNION ALL
    SELECT o.tenant, o.receiver, o.due_at FROM pairs AS p CROSS JOIN outbox AS o ON o.id = coalesce(
      (SELECT i.id FROM outbox AS i WHERE i.state = 'pending' AND i.tenant = p.tenant AND i.receiver > p.receiver
        ORDER BY i.receiver, i.due_at LIMIT 1),
      (SELECT i.id FROM outbox AS i WHERE i.state = 'pending' AND i.tenant > p.tenant
        ORDER BY i.tenant, i.receiver, i.due_at LIMIT 1))),
  places (place) AS (SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < $4),
  heads AS (
    SELECT tenant, receiver, row_number() OVER (PARTITION BY tenant ORDER BY due_at) AS place FROM pairs
      WHERE due_at <= $1 AND receiver NOT IN (SELECT key FROM json_each($5) WHERE value = 0)),
  due AS (
    SELECT o.id, o.tenant, o.receiver, o.due_at,
        row_number() OVER (PARTITION BY o.tenant, o.receiver ORDER BY o.due_at, o.id) AS place
      FROM heads AS h CROSS JOIN outbox AS o WHERE h.place <= $3 AND o.id IN (
        SELECT i.id FROM outbox AS i WHERE i.state = 'pending' AND i.tenant = h.tenant AND i.receiver = h.receiver
            AND i.due_at <= $1
          ORDER BY i.due_at LIMIT $4 + 0)),
  shared AS (
    SELECT *, row_number() OVER (PARTITION BY receiver ORDER BY place, due_at, id) AS share FROM due),
  turns AS (
    SELECT id, due_at, row_number() OVER (PARTITION BY tenant ORDER BY due_at, id)
        + coalesce((SELECT value FROM json_each($6) WHERE key = CAST(tenant AS TEXT)), 0) AS turn
      FROM shared WHERE share <= $4
        AND share || ' ' || receiver NOT IN (SELECT place || ' ' || key FROM json_each($5) CROSS JOIN places WHERE place > value)),
  chosen AS (SELECT id, turn + row_number() OVER (ORDER BY turn, due_at, id) - 1 AS needs FROM turns)
UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE id IN (SELECT id FROM chosen WHERE needs <= $3)
RETURNING id";

const DO_NOT_CALL: &str = "INSERT INTO do_not_call (tenant, number, reason, note, call, created_at)
  SELECT value ->> 'tenant', value ->> 'number', value ->> 'reason', value ->> 'note', value ->> 'call', value ->> 'at'
  FROM json_each($12) WHERE true ON CONFLICT DO NOTHING";

/// Only what has rows is in the text: every statement's result is a trip between threads. A statement alone is a
/// transaction by itself. There are few different texts, and each is prepared once.
async fn run(connection: &mut SqliteConnection, batch: &Batch) -> Result<Applied, sqlx::Error> {
    let kinds = [
        (INTENTS, &batch.intents),
        (HOLDS, &batch.holds),
        (DIALING, &batch.dialing),
        (EVENTS, &batch.events),
        (OWED, &batch.events),
        (ANSWERED, &batch.answered),
        (JUDGED, &batch.judged),
        (REVIEWS, &batch.reviews),
        (ENDED, &batch.ended),
        (LATER, &batch.later),
        (RELEASED, &batch.released),
        (UNTOLD, &batch.withdrawn),
        (UNTRIED, &batch.withdrawn),
        (UNOWED, &batch.withdrawn),
        (WITHDRAWN, &batch.withdrawn),
        (SETTLED, &batch.settled),
        (NEXT, &batch.settled),
        (ATTEMPTS, &batch.attempts),
        (DO_NOT_CALL, &batch.do_not_call),
    ];
    let mut statements: Vec<&str> =
        kinds.into_iter().filter(|(_, rows)| !is_none(rows)).map(|(sql, _)| sql).collect();
    if statements.len() > 1 {
        statements.insert(0, "BEGIN IMMEDIATE");
        statements.push("COMMIT");
    }
    let place = |wanted: &str| statements.iter().position(|sql| *sql == wanted);
    let (events, outbox, reviews, next) = (place(EVENTS), place(OWED), place(REVIEWS), place(NEXT));
    // Constants, joined.
    let text = sqlx::AssertSqlSafe(statements.join(";\n"));
    let query = sqlx::query(text)
        .bind(batch.intents.as_str())
        .bind(batch.dialing.as_str())
        .bind(batch.answered.as_str())
        .bind(batch.ended.as_str())
        .bind(batch.withdrawn.as_str())
        .bind(batch.settled.as_str())
        .bind(batch.events.as_str())
        .bind(batch.holds.as_str())
        .bind(batch.released.as_str())
        .bind(batch.attempts.as_str())
        .bind(batch.reviews.as_str())
        .bind(batch.do_not_call.as_str())
        .bind(batch.later.as_str())
        .bind(batch.judged.as_str());
    let mut applied = Applied::default();
    let mut results = connection.fetch_many(query);
    let mut finished = 0;
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Right(row) => drop(applied.inserted.insert(row.try_get(0)?)),
            Either::Left(done) => {
                if events == Some(finished) {
                    applied.events = done.rows_affected();
                }
                if outbox == Some(finished) {
                    applied.outbox = done.rows_affected();
                }
                if reviews == Some(finished) {
                    applied.reviews = done.rows_affected();
                }
                if next == Some(finished) {
                    applied.next = done.rows_affected();
                }
                finished += 1;
            }
        }
    }
    Ok(applied)
}
