//! The event log: what happened to a tenant's calls, in the order of the commits, for a bounded time. An event's id is durable:
//! it is given once, also over restarts, and whoever knows the last one that it has seen goes on after it.

use std::time::Duration;

use sqlx::{Connection as _, Row};
use tokio::sync::watch;

use super::engine::{Engine, on};
use super::row::{CALL_COLUMNS, Columns, id, read_call, required, signed, word};
use super::{Store, StoreError};
use crate::model::{CallRecord, EventKind, TenantId, Timestamp};

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredEvent {
    /// Its id: greater than that of every event before it.
    pub id: u64,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The call as its row stands now; [`CallRecord::at`] says what was known then.
    pub record: CallRecord,
}

/// For how long to keep what nobody needs to keep the calls going.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Events that a listener may still ask for.
    pub events: Duration,
    /// Deliveries that are over, with their bytes and tries.
    pub deliveries: Duration,
}

/// Rows that one statement forgets, so that calls' writes pass in between.
const FORGET_MAX: i64 = 1_000;

impl Store {
    /// Changes with every commit that told of something.
    pub fn events_told(&self) -> watch::Receiver<u64> {
        self.gauges.told.subscribe()
    }

    /// Events after this one, of one tenant or of all, oldest first.
    pub async fn events_after(
        &self,
        tenant: Option<TenantId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.engine.events_after(tenant, after, limit).await
    }

    /// The newest event's id; 0 if there never was one.
    pub async fn newest_event(&self) -> Result<u64, StoreError> {
        self.engine.newest_event().await
    }

    /// Up to which event nothing of this tenant's is kept any more; 0 if nothing was forgotten.
    pub async fn events_forgotten(&self, tenant: TenantId) -> Result<u64, StoreError> {
        self.engine.events_forgotten(tenant).await
    }

    /// Forgets events and deliveries that are older than they are kept; gives how many.
    pub async fn forget(&self, now: Timestamp, retention: Retention) -> Result<u64, StoreError> {
        let (events, deliveries) = (now.before(retention.events), now.before(retention.deliveries));
        let events =
            self.aside_until_none(move |engine| async move { engine.forget_events(events).await }).await?;
        let deliveries = self
            .aside_until_none(move |engine| async move { engine.forget_deliveries(deliveries).await })
            .await?;
        Ok(events + deliveries)
    }
}

impl Engine {
    async fn events_after(
        &self,
        tenant: Option<TenantId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let which = if tenant.is_some() { "e.tenant = $3 AND " } else { "" };
        let sql = format!(
            "SELECT e.id, e.event, e.created_at AS told_at, {CALL_COLUMNS} FROM events AS e JOIN calls AS c ON c.call = e.call
              WHERE {which}e.id > $1 ORDER BY e.id LIMIT $2"
        );
        on!(self, readers, |connection| {
            // Constants, joined.
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(signed(after)).bind(i64::from(limit));
            let query = match tenant {
                Some(tenant) => query.bind(signed(tenant.0)),
                None => query,
            };
            let rows = query.fetch_all(&mut *connection).await?;
            rows.iter().map(read_event).collect()
        })
    }

    async fn newest_event(&self) -> Result<u64, StoreError> {
        // What was forgotten had an id, too.
        const SQL: &str = "SELECT max(coalesce((SELECT max(id) FROM events), 0), coalesce((SELECT max(through) FROM events_forgotten), 0))";
        let sql = match self {
            Self::Sqlite(_) => SQL.to_owned(),
            Self::Postgres(_) => SQL.replacen("max(", "greatest(", 1),
        };
        on!(self, readers, |connection| {
            let newest: i64 =
                sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *connection).await?.try_get(0)?;
            Ok(newest.unsigned_abs())
        })
    }

    async fn events_forgotten(&self, tenant: TenantId) -> Result<u64, StoreError> {
        const SQL: &str = "SELECT through FROM events_forgotten WHERE tenant = $1";
        on!(self, readers, |connection| {
            let row = sqlx::query(SQL).bind(signed(tenant.0)).fetch_optional(&mut *connection).await?;
            let through: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
            Ok(through.unsigned_abs())
        })
    }

    /// The oldest of them, as far as they are old enough, and up to where each tenant has none any more.
    async fn forget_events(&self, before: Timestamp) -> Result<u64, StoreError> {
        const OLDEST: &str =
            "SELECT max(id) FROM (SELECT id, created_at FROM events ORDER BY id LIMIT $1) AS oldest
            WHERE created_at < $2";
        const NOTE: &str = "INSERT INTO events_forgotten (tenant, through)
            SELECT tenant, max(id) FROM events WHERE id <= $1 GROUP BY tenant
            ON CONFLICT (tenant) DO UPDATE SET through = excluded.through";
        const FORGET: &str = "DELETE FROM events WHERE id <= $1";
        on!(self, writer, |connection| {
            // Dropped without a commit, it is rolled back.
            let mut transaction = connection.begin().await?;
            let oldest = sqlx::query(OLDEST).bind(FORGET_MAX).bind(before.0);
            let last: Option<i64> = oldest.fetch_one(&mut *transaction).await?.try_get(0)?;
            let Some(last) = last else { return Ok(0) };
            sqlx::query(NOTE).bind(last).execute(&mut *transaction).await?;
            let forgotten = sqlx::query(FORGET).bind(last).execute(&mut *transaction).await?.rows_affected();
            transaction.commit().await?;
            self.touched();
            Ok(forgotten)
        })
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        const OLD: &str = "SELECT id FROM outbox WHERE state <> 'pending' AND settled_at < $1 ORDER BY settled_at, id LIMIT $2";
        on!(self, writer, |connection| {
            let mut transaction = connection.begin().await?;
            let tries = sqlx::query(sqlx::AssertSqlSafe(format!(
                "DELETE FROM delivery_attempts WHERE delivery IN ({OLD})"
            )));
            tries.bind(before.0).bind(FORGET_MAX).execute(&mut *transaction).await?;
            let rows = sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM outbox WHERE id IN ({OLD})")));
            let rows = rows.bind(before.0).bind(FORGET_MAX).execute(&mut *transaction).await?;
            transaction.commit().await?;
            self.touched();
            Ok(rows.rows_affected())
        })
    }
}

fn read_event(row: &impl Columns) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        id: required(id(row, "id")?, "id")?,
        kind: word(row.text("event")?, EventKind::from_word)?.ok_or(StoreError::Corrupt("event"))?,
        at: Timestamp(required(row.integer("told_at")?, "created_at")?),
        record: read_call(row)?,
    })
}
