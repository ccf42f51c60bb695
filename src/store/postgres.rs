//! PostgreSQL: one connection that writes, a few that read. The writer's session holds an advisory lock, so that a second
//! switch on the same database is refused: recovery takes every unfinished call for its own.

mod connections;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::StoreError;
use super::batch::{Applied, Batch, is_none};
use super::schema;
use connections::{Connections, Kind};

/// One writer beside the readers.
pub(super) struct Postgres {
    pub writer: Connections,
    pub readers: Connections,
}

/// For a connection, and for whatever the writer does at once: past it the database is taken for gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// "trunkline" in a telephone's letters.
const LOCK_KEY: i64 = 878_655_463;
/// SQLSTATE `lock_not_available`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl Postgres {
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = options(url)?;
        let target = format!("{}:{}", options.get_host(), options.get_port());
        let failed = |error: sqlx::Error| match error.as_database_error().and_then(|error| error.code()) {
            Some(code) if code == LOCK_NOT_AVAILABLE => StoreError::Locked(target.clone()),
            None if matches!(error, sqlx::Error::PoolTimedOut) => {
                StoreError::Open { target: target.clone(), reason: format!("no answer within {PATIENCE:?}") }
            }
            _ => StoreError::Open { target: target.clone(), reason: error.to_string() },
        };
        let writer = Connections::new(options.clone(), Kind::Writer);
        // A second switch must not touch the schema either, so the lock comes before the migrations, which take their time.
        let mut first = writer.take().await.map_err(failed)?;
        schema::postgres()
            .run_direct(None, first.connection(), false)
            .await
            .map_err(|error| StoreError::Open { target: target.clone(), reason: error.to_string() })?;
        writer.give_back(first, Ok(())).await?;
        Ok(Self { writer, readers: Connections::new(options, Kind::Readers) })
    }

    /// A connection to a database that a switch may be using. Its schema is brought up to date if no switch holds the lock.
    pub async fn open_beside(url: &str) -> Result<Self, StoreError> {
        let failed = |error: String| StoreError::Open { target: "postgres".to_owned(), reason: error };
        let options = options(url)?;
        let mut first = options.connect().await.map_err(|error| failed(error.to_string()))?;
        let row = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(LOCK_KEY).fetch_one(&mut first).await?;
        if row.try_get(0)? {
            schema::postgres().run(&mut first).await.map_err(|error| failed(error.to_string()))?;
        }
        first.close().await?;
        let beside = || Connections::new(options.clone(), Kind::Beside);
        Ok(Self { readers: beside(), writer: beside() })
    }

    /// Writes a batch in one transaction.
    pub async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let mut taken = self.writer.take().await?;
        let done = self.writer.bounded(async { Ok(run(taken.connection(), batch).await?) }).await;
        self.writer.give_back(taken, done).await
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Open {
        target: "postgres".to_owned(),
        reason: "its URL cannot be read".to_owned(),
    })?;
    Ok(options.application_name("trunkline").disable_statement_logging())
}

/// Prepares the writer's session, and waits a little for the lock: the server may not have noticed yet that the switch
/// which held it was killed. One whose host is gone says nothing at all, so the server asks after it: within half a minute, and
/// not after the two hours that are usual, the lock is another's. The session's updates join small arrays with large tables by
/// their keys; the planner, who guesses the arrays' sizes, is kept from reading the tables instead.
async fn hold(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection
        .execute(concat!(
            "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; ",
            "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; ",
            "SET tcp_user_timeout = 30000; ",
            "SET synchronous_commit = on; SET jit = off; SET lock_timeout = '5s'"
        ))
        .await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK_KEY).execute(&mut *connection).await?;
    connection.execute("SET lock_timeout = 0").await?;
    Ok(())
}

const INTENTS: &str = "INSERT INTO calls (call, parent, tenant, key_id, agent, direction, from_number, to_number, trunk, sip_call_id,
    campaign, batch, recipient, metadata, unknown_variables, webhook_url, webhook_face, webhook_key, webhook_events, webhook_receiver,
    webhook_endpoints, application, hold, review, state, created_at, idempotency_key, body_hash, response_status, response_body)
  SELECT * FROM json_to_recordset($1::text::json) AS r (call bigint, parent bigint, tenant bigint, key_id bigint, agent bigint,
    direction text, from_number text, to_number text, trunk text, sip_call_id text, campaign text, batch bigint, recipient bigint, metadata text,
    unknown_variables text, webhook_url text, webhook_face text, webhook_key bigint, webhook_events text,
    webhook_receiver text, webhook_endpoints text, application bigint, hold text, review text, state text, created_at bigint, idempotency_key text, body_hash text, response_status bigint, response_body text)
  WHERE (r.recipient IS NULL OR EXISTS (
    SELECT 1 FROM recipients AS t JOIN campaigns AS c ON c.campaign = t.campaign
      WHERE t.campaign = r.batch AND t.position = r.recipient AND t.state = 'claimed' AND c.status = 'running'))
    AND (r.direction <> 'outbound' OR r.parent IS NOT NULL OR NOT EXISTS (
      SELECT 1 FROM do_not_call AS d WHERE d.tenant = r.tenant AND d.number = r.to_number))
  ON CONFLICT DO NOTHING RETURNING call";

const DIALING: &str = "UPDATE calls SET state = CASE state WHEN 'answered' THEN state ELSE 'dialing' END, trunk = r.trunk, sip_call_id = r.sip_call_id,
    invites = r.invites
  FROM json_to_recordset($1::text::json) AS r (call bigint, trunk text, sip_call_id text, invites text)
  WHERE calls.call = r.call AND state <> 'ended'";

const ANSWERED: &str = "UPDATE calls SET state = 'answered', ringing_at = r.ringing_at, answered_at = r.answered_at,
    dialog = r.dialog
  FROM json_to_recordset($1::text::json) AS r (call bigint, ringing_at bigint, answered_at bigint, dialog text)
  WHERE calls.call = r.call AND state <> 'ended'";

/// As SQLite's.
const EVENTS: &str = "INSERT INTO events (tenant, call, event, created_at)
  SELECT c.tenant, c.call, r.value ->> 'event', (r.value ->> 'at')::bigint
  FROM json_array_elements($1::text::json) WITH ORDINALITY AS r (value, place)
    JOIN calls AS c ON c.call = (r.value ->> 'call')::bigint
  WHERE c.state <> 'ended' AND NOT EXISTS (SELECT 1 FROM events AS e
    WHERE e.call = c.call AND e.event = r.value ->> 'event' AND e.created_at = (r.value ->> 'at')::bigint)
  ORDER BY r.place";

/// As SQLite's.
const OWED: &str = "INSERT INTO outbox (tenant, call, event, event_id, endpoint, receiver, state, created_at, due_at, attempts)
  SELECT tenant, call, wanted, id, endpoint, receiver,
    CASE WHEN row_number() OVER (PARTITION BY call, endpoint ORDER BY id) > 1 OR EXISTS (SELECT 1 FROM outbox AS o
      WHERE o.call = owed.call AND o.endpoint = owed.endpoint AND o.state IN ('pending', 'waiting')) THEN 'waiting' ELSE 'pending' END,
    created_at, coalesce(due, created_at), 0 FROM (
    SELECT e.id, e.tenant, e.call, e.created_at, (r.value ->> 'due')::bigint AS due, t.endpoint, t.receiver, CASE
        WHEN strpos(t.events, ',' || e.event || ',') > 0 THEN e.event
        WHEN e.event = 'call.failed' AND strpos(t.events, ',call.completed,') > 0 THEN 'call.completed' END AS wanted
      FROM json_array_elements($1::text::json) AS r (value)
        JOIN calls AS c ON c.call = (r.value ->> 'call')::bigint
        JOIN events AS e ON e.call = c.call AND e.event = r.value ->> 'event' AND e.created_at = (r.value ->> 'at')::bigint
        CROSS JOIN LATERAL (
          SELECT 0::bigint AS endpoint, coalesce(c.webhook_receiver, c.webhook_url) AS receiver,
              ',' || coalesce(c.webhook_events, 'call.completed') || ',' AS events
            WHERE c.webhook_url IS NOT NULL
          UNION ALL SELECT (n.value ->> 'endpoint')::bigint, n.value ->> 'receiver', ',' || (n.value ->> 'events') || ','
            FROM json_array_elements(c.webhook_endpoints::json) AS n (value)) AS t
      WHERE c.state <> 'ended' AND NOT EXISTS (SELECT 1 FROM outbox AS o
        WHERE o.call = c.call AND o.endpoint = t.endpoint AND o.event_id = e.id)) AS owed
  WHERE wanted IS NOT NULL ORDER BY id, endpoint";

/// As SQLite's.
const REVIEWS: &str = "INSERT INTO reviews (call, tenant, due_at, leased_until, attempts)
  SELECT c.call, c.tenant, r.at, 0, 0 FROM json_to_recordset($1::text::json) AS r (call bigint, at bigint)
    JOIN calls AS c ON c.call = r.call
  WHERE c.state <> 'ended' ON CONFLICT DO NOTHING";

const JUDGED: &str = "UPDATE calls SET verdict = r.verdict, verdict_reason = r.verdict_reason, verdict_evidence = r.verdict_evidence
  FROM json_to_recordset($1::text::json) AS r (call bigint, verdict text, verdict_reason text, verdict_evidence text)
  WHERE calls.call = r.call AND state <> 'ended'";

const ENDED: &str = "UPDATE calls SET state = 'ended', dialog = NULL, ringing_at = r.ringing_at, answered_at = r.answered_at,
    ended_at = r.ended_at, disposition = r.disposition, ended_by = r.ended_by, sip_status = r.sip_status,
    q850 = r.q850, detail = r.detail, verdict = r.verdict, verdict_reason = r.verdict_reason,
    verdict_evidence = r.verdict_evidence, dead_air_ms = r.dead_air_ms, recording = r.recording,
    recording_error = r.recording_error, invites = r.invites, media = r.media, charge = r.charge,
    transcript = r.transcript, review = r.review, people = r.people
  FROM json_to_recordset($1::text::json) AS r (call bigint, ringing_at bigint,
    answered_at bigint, ended_at bigint, disposition text, ended_by text, sip_status bigint, q850 bigint, detail text,
    verdict text, verdict_reason text, verdict_evidence text, dead_air_ms bigint, recording text,
    recording_error text, invites text, media text, charge bigint, transcript text, review text,
    people text)
  WHERE calls.call = r.call AND calls.state <> 'ended'";

/// As SQLite's.
const LATER: &str = "UPDATE recipients SET due_at = greatest(recipients.due_at, r.due_at)
  FROM json_to_recordset($1::text::json) AS r (campaign bigint, position bigint, call bigint, due_at bigint)
  WHERE recipients.campaign = r.campaign AND recipients.position = r.position
    AND recipients.call = r.call AND recipients.state = 'pending'";

/// As SQLite's.
const UNTOLD: &str =
    "DELETE FROM events USING json_array_elements_text($1::text::json) AS r (call), calls AS c
  WHERE c.call = r.call::bigint AND c.state IN ('accepted', 'dialing') AND events.call = c.call";

const UNTRIED: &str =
    "DELETE FROM delivery_attempts USING json_array_elements_text($1::text::json) AS r (call), calls AS c, outbox AS o
  WHERE c.call = r.call::bigint AND c.state IN ('accepted', 'dialing') AND o.call = c.call AND delivery_attempts.delivery = o.id";

const UNOWED: &str =
    "DELETE FROM outbox USING json_array_elements_text($1::text::json) AS r (call), calls AS c
  WHERE c.call = r.call::bigint AND c.state IN ('accepted', 'dialing') AND outbox.call = c.call";

const WITHDRAWN: &str = "DELETE FROM calls USING json_array_elements_text($1::text::json) AS r (call)
  WHERE calls.call = r.call::bigint AND state IN ('accepted', 'dialing')";

const SETTLED: &str = "UPDATE outbox SET state = r.state, due_at = coalesce(r.due_at, outbox.due_at),
    body = coalesce(outbox.body, r.body), reason = r.reason, settled_at = r.settled_at
  FROM json_to_recordset($1::text::json) AS r (id bigint, attempt bigint, state text, due_at bigint, body text,
    reason text, settled_at bigint)
  WHERE outbox.id = r.id AND outbox.state = 'pending' AND (r.state = 'delivered' OR outbox.attempts = r.attempt)";

/// As SQLite's.
const ATTEMPTS: &str = "INSERT INTO delivery_attempts (delivery, attempt, started_at, duration_ms, status, error, response)
  SELECT o.id, r.attempt, r.started_at, r.duration_ms, r.status, r.error, r.response
  FROM json_to_recordset($1::text::json) AS r (delivery bigint, attempt bigint, started_at bigint, duration_ms bigint,
    status bigint, error text, response text) JOIN outbox AS o ON o.id = r.delivery ON CONFLICT DO NOTHING";

/// As SQLite's.
const HOLDS: &str = "INSERT INTO ledger (tenant, kind, amount, call, key_id, created_at)
  SELECT c.tenant, 'hold', -r.amount, c.call, c.key_id, c.created_at
  FROM json_to_recordset($1::text::json) AS r (call bigint, amount bigint) JOIN calls AS c ON c.call = r.call
  WHERE c.state IN ('accepted', 'dialing') ON CONFLICT DO NOTHING";

/// As SQLite's.
const RELEASED: &str = "INSERT INTO ledger (tenant, kind, amount, call, key_id, created_at)
  SELECT h.tenant, k.kind, CASE k.kind WHEN 'release' THEN h.amount ELSE -least(r.charge, h.amount) END,
    h.call, h.key_id, coalesce(r.at, l.created_at)
  FROM json_to_recordset($1::text::json) AS r (call bigint, charge bigint, at bigint)
    JOIN holds AS h ON h.call = r.call
    JOIN ledger AS l ON l.call = h.call AND l.kind = 'hold'
    CROSS JOIN (VALUES (0, 'release'), (1, 'charge')) AS k (place, kind)
  WHERE (k.kind = 'release' OR (r.charge > 0 AND h.amount > 0))
    AND (r.at IS NOT NULL OR EXISTS (
      SELECT 1 FROM calls AS c WHERE c.call = h.call AND c.state IN ('accepted', 'dialing'))) ORDER BY h.call, k.place";

/// As SQLite's.
const NEXT: &str = "UPDATE outbox SET state = 'pending' WHERE id IN (
    SELECT w.id FROM json_to_recordset($1::text::json) AS r (id bigint) JOIN outbox AS o ON o.id = r.id
      CROSS JOIN LATERAL (
        SELECT i.id, i.call, i.endpoint FROM outbox AS i
          WHERE i.call = o.call AND i.endpoint = o.endpoint AND i.state = 'waiting' ORDER BY i.id LIMIT 1) AS w
      WHERE o.state IN ('delivered', 'dead') AND NOT EXISTS (
        SELECT 1 FROM outbox AS e WHERE e.call = w.call AND e.endpoint = w.endpoint AND e.id < w.id AND e.state = 'pending'))";

/// As SQLite's, with `SKIP LOCKED`: rows that another node is taking are its own.
pub(super) const CLAIM: &str = "WITH RECURSIVE pairs (tenant, receiver, due_at) AS (
    (SELECT tenant, receiver, due_at FROM outbox WHERE state = 'pending' ORDER BY tenant, receiver, due_at LIMIT 1)
    UNION ALL
    SELECT o.tenant, o.receiver, o.due_at FROM pairs AS p JOIN outbox AS o ON o.id = coalesce(
      (SELECT i.id FROM outbox AS i WHERE i.state = 'pending' AND i.tenant = p.tenant AND i.receiver > p.receiver
        ORDER BY i.receiver, i.due_at LIMIT 1),
      (SELECT i.id FROM outbox AS i WHERE i.state = 'pending' AND i.tenant > p.tenant
        ORDER BY i.tenant, i.receiver, i.due_at LIMIT 1))),
  rooms AS MATERIALIZED (SELECT key, value::bigint AS free FROM json_each_text($5::text::json)),
  heads AS (
    SELECT tenant, receiver, row_number() OVER (PARTITION BY tenant ORDER BY due_at) AS place FROM pairs
      WHERE due_at <= $1 AND receiver NOT IN (SELECT key FROM rooms WHERE free = 0)),
  due AS (
    SELECT o.id, h.tenant, h.receiver, o.due_at, coalesce(room.free, $4) AS room,
        row_number() OVER (PARTITION BY h.tenant, h.receiver ORDER BY o.due_at, o.id) AS place
      FROM heads AS h LEFT JOIN rooms AS room ON room.key = h.receiver
        CROSS JOIN LATERAL (
          SELECT i.id, i.due_at FROM outbox AS i WHERE i.state = 'pending' AND i.tenant = h.tenant AND i.receiver = h.receiver
              AND i.due_at <= $1
            ORDER BY i.due_at LIMIT coalesce(room.free, $4)) AS o
      WHERE h.place <= $3),
  shared AS (
    SELECT *, row_number() OVER (PARTITION BY receiver ORDER BY place, due_at, id) AS share FROM due),
  turns AS (
    SELECT id, due_at, row_number() OVER (PARTITION BY tenant ORDER BY due_at, id)
        + coalesce((SELECT b.value::bigint FROM json_each_text($6::text::json) AS b WHERE b.key::bigint = shared.tenant), 0) AS turn
      FROM shared WHERE share <= room),
  chosen AS (SELECT id, turn + row_number() OVER (ORDER BY turn, due_at, id) - 1 AS needs FROM turns),
  locked AS (
    SELECT id FROM outbox WHERE id IN (SELECT id FROM chosen WHERE needs <= $3) AND state = 'pending' AND due_at <= $1
      FOR UPDATE SKIP LOCKED)
UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE id IN (SELECT id FROM locked) RETURNING id";

const DO_NOT_CALL: &str = "INSERT INTO do_not_call (tenant, number, reason, note, call, created_at)
  SELECT * FROM json_to_recordset($1::text::json) AS r (tenant bigint, number text, reason text, note text, call bigint, at bigint)
  ON CONFLICT DO NOTHING";

async fn run(connection: &mut PgConnection, batch: &Batch) -> Result<Applied, sqlx::Error> {
    let mut applied = Applied::default();
    let mut transaction = connection.begin().await?;
    if !is_none(&batch.intents) {
        let query = sqlx::query(INTENTS).bind(batch.intents.as_str());
        for row in transaction.fetch_all(query).await? {
            applied.inserted.insert(row.try_get(0)?);
        }
    }
    // A call's row is changed in the order of the call's life.
    let changes = [
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
    for (sql, rows) in changes {
        if is_none(rows) {
            continue;
        }
        let done = transaction.execute(sqlx::query(sql).bind(rows.as_str())).await?;
        match sql {
            EVENTS => applied.events = done.rows_affected(),
            OWED => applied.outbox = done.rows_affected(),
            REVIEWS => applied.reviews = done.rows_affected(),
            NEXT => applied.next = done.rows_affected(),
            _ => {}
        }
    }
    transaction.commit().await?;
    Ok(applied)
}
