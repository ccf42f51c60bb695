//! The two engines behind one face, and the reads that both answer in the same words.

use std::collections::HashMap;

use sqlx::{QueryBuilder, Row};

use super::StoreError;
use super::batch::{Applied, Batch};
use super::filter::narrow;
use super::outbox::{Claim, Delivery};
use super::postgres::{self, Postgres};
use super::row::{CALL_COLUMNS, read_call, read_delivery, read_dialog, read_replay, signed};
use super::sqlite::{self, Sqlite};
use super::types::{CallFilter, DatabaseTarget, Replay};
use crate::model::{CallId, CallRecord, DialogRecord, Idempotency, KeyId, TenantId, Timestamp};

/// One of two.
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub(super) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// The same words to a connection of either engine; a row's type is the engine's own. Over a network whatever is said has a
/// deadline, here and nowhere else: a `return` leaves these words alone.
macro_rules! on {
    ($engine:expr, $pool:ident, |$connection:ident| $body:expr) => {
        match $engine {
            Engine::Sqlite(engine) => {
                let mut taken = engine.$pool.acquire().await?;
                let $connection = &mut *taken;
                $crate::store::engine::said(async { $body }).await
            }
            Engine::Postgres(engine) => {
                let mut taken = engine.$pool.take().await?;
                let $connection = taken.connection();
                let done = engine.$pool.bounded(async { $body }).await;
                engine.$pool.give_back(taken, done).await
            }
        }
    };
}

pub(super) use on;

/// Gives the words of [`on`] their type.
pub(super) async fn said<T>(words: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    words.await
}

/// A statement over a constant's columns, put together once.
macro_rules! over_calls {
    ($before:expr, $after:expr) => {{
        static SQL: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| format!("{} {CALL_COLUMNS} {}", $before, $after));
        sqlx::query(sqlx::AssertSqlSafe(SQL.as_str()))
    }};
}

/// Outbox rows with their calls.
macro_rules! deliveries {
    ($ids:literal) => {
        over_calls!(
            "SELECT o.id, o.event_id, o.event, o.endpoint, o.receiver, o.created_at AS outbox_created_at, o.replayed_at, o.attempts, o.body,",
            concat!(
                "FROM outbox AS o JOIN calls AS c ON c.call = o.call WHERE o.id IN ",
                $ids,
                " ORDER BY o.id"
            )
        )
    };
}

/// What an earlier request with this key left, by a connection of one of the pools.
macro_rules! replay {
    ($engine:expr, $pool:ident, $key:expr, $idempotency:expr) => {{
        const SQL: &str = "SELECT body_hash, response_status, response_body FROM calls
            WHERE key_id = $1 AND idempotency_key = $2
            UNION ALL SELECT body_hash, response_status, response_body FROM campaigns
            WHERE key_id = $1 AND idempotency_key = $2 AND status <> 'creating'";
        on!($engine, $pool, |connection| {
            let query = sqlx::query(SQL).bind(signed($key.0)).bind($idempotency.key.as_str());
            let row = query.fetch_optional(&mut *connection).await?;
            row.map(|row| read_replay(&row, $idempotency)).transpose()
        })
    }};
}

impl Engine {
    pub async fn open(target: &DatabaseTarget) -> Result<Self, StoreError> {
        Ok(match target {
            DatabaseTarget::Sqlite(path) => Self::Sqlite(Sqlite::open(path).await?),
            DatabaseTarget::Memory => Self::Sqlite(Sqlite::memory().await?),
            DatabaseTarget::Postgres(url) => Self::Postgres(Postgres::open(url.reveal()).await?),
        })
    }

    /// A few connections beside those of a switch that may be running.
    pub async fn open_beside(target: &DatabaseTarget) -> Result<Self, StoreError> {
        Ok(match target {
            DatabaseTarget::Sqlite(path) => Self::Sqlite(Sqlite::open_beside(path).await?),
            DatabaseTarget::Memory => Self::Sqlite(Sqlite::memory().await?),
            DatabaseTarget::Postgres(url) => Self::Postgres(Postgres::open_beside(url.reveal()).await?),
        })
    }

    /// Something was committed that did not go through [`Engine::apply`].
    pub fn touched(&self) {
        if let Self::Sqlite(engine) = self {
            engine.touched();
        }
    }

    /// The words of this engine, of the two.
    pub const fn either(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite(engine) => engine.close().await,
            Self::Postgres(engine) => engine.close().await,
        }
    }

    pub async fn apply(&self, batch: &Batch) -> Result<Applied, StoreError> {
        match self {
            Self::Sqlite(engine) => Ok(engine.apply(batch).await?),
            Self::Postgres(engine) => engine.apply(batch).await,
        }
    }

    /// Writes something, to learn whether that can be done.
    pub async fn probe(&self) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE probe SET written = written + 1";
        let written = on!(self, writer, |connection| {
            sqlx::query(SQL).execute(&mut *connection).await?;
            Ok(())
        });
        self.touched();
        written
    }

    /// The first of `count` ids below `limit`.
    pub async fn lease_ids(&self, count: i64, limit: i64) -> Result<Option<i64>, StoreError> {
        const SQL: &str = "UPDATE call_ids SET next = next + $1 WHERE next + $1 <= $2 RETURNING next - $1";
        on!(self, writer, |connection| {
            let row = sqlx::query(SQL).bind(count).bind(limit).fetch_optional(&mut *connection).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        })
    }

    pub async fn find_replay(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Option<Replay>, StoreError> {
        replay!(self, readers, key, idempotency)
    }

    /// The same for the writer, by its own connection.
    pub async fn find_replay_by_writer(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Option<Replay>, StoreError> {
        replay!(self, writer, key, idempotency)
    }

    pub async fn call(&self, tenant: TenantId, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        on!(self, readers, |connection| {
            let query = over_calls!("SELECT", "FROM calls AS c WHERE c.call = $1 AND c.tenant = $2");
            let row = query
                .bind(signed(call.get()))
                .bind(signed(tenant.0))
                .fetch_optional(&mut *connection)
                .await?;
            row.map(|row| read_call(&row)).transpose()
        })
    }

    pub async fn unfinished(&self) -> Result<Vec<(CallRecord, Option<DialogRecord>)>, StoreError> {
        on!(self, readers, |connection| {
            let query =
                over_calls!("SELECT c.dialog,", "FROM calls AS c WHERE c.state <> 'ended' ORDER BY c.call");
            let rows = query.fetch_all(&mut *connection).await?;
            rows.iter().map(|row| Ok((read_call(row)?, read_dialog(row)?))).collect()
        })
    }

    /// By the index of when calls were asked for: one that ended since then was asked for at most a day before. An unfinished call
    /// is counted for no longer than a call may last, however long the switch was down.
    pub async fn minutes_by_trunk(
        &self,
        tenant: TenantId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        const SQL: &str = "SELECT trunk, CAST(sum(CASE
              WHEN coalesce(ended_at, $3) <= answered_at THEN 1
              WHEN ended_at IS NULL AND $3 - answered_at > $5 THEN $5 / 60000
              ELSE (coalesce(ended_at, $3) - answered_at + 59999) / 60000 END) AS BIGINT) AS minutes
            FROM calls WHERE tenant = $1 AND created_at >= $4 AND answered_at IS NOT NULL AND direction = 'outbound'
              AND (ended_at >= $2 OR ended_at IS NULL)
            GROUP BY trunk";
        on!(self, readers, |connection| {
            let query = sqlx::query(SQL).bind(signed(tenant.0)).bind(since.0).bind(now.0);
            let rows = query
                .bind(since.0.saturating_sub(DAY_MS))
                .bind(CALL_MAX_MS)
                .fetch_all(&mut *connection)
                .await?;
            let read = |trunk: String, minutes: i64| (trunk, minutes.unsigned_abs());
            rows.iter().map(|row| Ok(read(row.try_get(0)?, row.try_get(1)?))).collect()
        })
    }

    pub async fn calls(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        limit: u32,
        offset: u64,
    ) -> Result<Vec<CallRecord>, StoreError> {
        on!(self, readers, |connection| {
            let mut list = QueryBuilder::new("SELECT ");
            list.push(CALL_COLUMNS).push(" FROM calls AS c WHERE c.tenant = ").push_bind(signed(tenant.0));
            narrow!(list, filter);
            list.push(" ORDER BY c.created_at DESC, c.call DESC LIMIT ").push_bind(i64::from(limit));
            list.push(" OFFSET ").push_bind(signed(offset));
            let rows = list.build().fetch_all(&mut *connection).await?;
            rows.iter().map(read_call).collect()
        })
    }

    pub async fn count_calls(&self, tenant: TenantId, filter: &CallFilter) -> Result<u64, StoreError> {
        on!(self, readers, |connection| {
            let mut count = QueryBuilder::new("SELECT count(*) FROM calls AS c WHERE c.tenant = ");
            count.push_bind(signed(tenant.0));
            narrow!(count, filter);
            let count: i64 = count.build().fetch_one(&mut *connection).await?.try_get(0)?;
            Ok(count.unsigned_abs())
        })
    }

    /// Leases due rows. On either engine one statement, and so one transaction.
    pub async fn claim(&self, claim: &Claim) -> Result<Vec<Delivery>, StoreError> {
        let sql = self.either(sqlite::CLAIM, postgres::CLAIM);
        let lease = i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX);
        let rooms = serde_json::to_string(&claim.rooms).expect("strings and numbers");
        let busy: HashMap<u64, usize> = claim.busy.iter().map(|(tenant, count)| (tenant.0, *count)).collect();
        let busy = serde_json::to_string(&busy).expect("numbers");
        let claimed: Vec<i64> = on!(self, writer, |connection| {
            let query = sqlx::query(sql)
                .bind(claim.now.0)
                .bind(claim.now.0.saturating_add(lease))
                .bind(signed(claim.limit as u64))
                .bind(signed(claim.per_receiver as u64))
                .bind(rooms)
                .bind(busy);
            let rows = query.fetch_all(&mut *connection).await?;
            Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
        })?;
        self.deliveries(&claimed).await
    }

    /// Claimed rows with their calls, in the order in which they were written. Read by the connection that has just claimed
    /// them: one of the readers may be broken, and rows that are claimed and not read lie until their lease lapses.
    async fn deliveries(&self, claimed: &[i64]) -> Result<Vec<Delivery>, StoreError> {
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let ids = serde_json::to_string(claimed).expect("numbers");
        on!(self, writer, |connection| {
            let query = match self {
                Self::Sqlite(_) => deliveries!("(SELECT value FROM json_each($1))"),
                Self::Postgres(_) => deliveries!(
                    "(SELECT text::bigint FROM json_array_elements_text($1::text::json) AS r (text))"
                ),
            };
            let rows = query.bind(ids).fetch_all(&mut *connection).await?;
            rows.iter().map(read_delivery).collect()
        })
    }

    /// When the next row is due; hops from one tenant's receiver to its next, as a claim does.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "WITH RECURSIVE pairs (tenant, receiver, due_at) AS (
              SELECT * FROM (
                SELECT tenant, receiver, due_at FROM outbox WHERE state = 'pending' ORDER BY tenant, receiver, due_at LIMIT 1) AS first
              UNION ALL
              SELECT o.tenant, o.receiver, o.due_at FROM pairs AS p JOIN outbox AS o ON o.id = coalesce(
              (SELECT i.id FROM outbox AS i WHERE i.state = 'pending' AND i.tenant = p.tenant AND i.receiver > p.receiver
                ORDER BY i.receiver, i.due_at LIMIT 1),
              (SELECT i.id FROM outbox AS i WHERE i.state = 'pending' AND i.tenant > p.tenant
                ORDER BY i.tenant, i.receiver, i.due_at LIMIT 1)))
            SELECT min(due_at) FROM pairs";
        on!(self, readers, |connection| {
            let due: Option<i64> = sqlx::query(SQL).fetch_one(&mut *connection).await?.try_get(0)?;
            Ok(due.map(Timestamp))
        })
    }
}

/// A day.
const DAY_MS: i64 = 86_400_000;
/// No agent's call lasts longer (`max_call_duration_seconds`).
const CALL_MAX_MS: i64 = 1_800_000;
