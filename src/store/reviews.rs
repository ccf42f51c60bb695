//! Calls that are over and to be gone over: a row is written with the call's end, in the same transaction, and goes with the end
//! of its review. What the call's last event waits for is nothing but that event's own time: a review that is over makes it
//! due at once, and if none ever is, it is due by itself.

use std::time::Duration;

use sqlx::{Connection as _, Row};
use tokio::sync::watch;

use super::engine::{Engine, on};
use super::row::{CALL_COLUMNS, id, json, read_call, required, signed};
use super::{Store, StoreError};
use crate::model::transcript::Said;
use crate::model::{CallId, CallRecord, Review, Timestamp};

/// A call whose review is nobody else's for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewClaim {
    /// The call.
    pub record: CallRecord,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// How a try went, or how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewWrite {
    /// Whose.
    pub call: CallId,
    /// The try, so that a late word about a lapsed lease changes nothing.
    pub attempt: u32,
    /// How it stands.
    pub review: Review,
    /// The words that came of it; `None` leaves those that are there.
    pub transcript: Option<Vec<Said>>,
    /// What is next.
    pub next: ReviewNext,
    /// When.
    pub at: Timestamp,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewNext {
    /// The try goes on.
    GoesOn,
    /// Another try, then.
    Again(Timestamp),
    /// Nothing: the call's last event need not wait any more.
    Over,
}

/// Leases the due reviews of tenants by turns. A tenant's turns are counted on from those under way; the k-th to be taken, which is
/// its tenant's n-th, finds `$3 - (k - 1)` places free, of which it needs n. Both grow along the order, so what fits stands in
/// front. Tenants are found by hopping over the index: of a long queue only the heads are read.
const CLAIM_SQLITE: &str = "WITH RECURSIVE tenants (tenant) AS (
    SELECT min(tenant) FROM reviews
    UNION ALL
    SELECT (SELECT min(tenant) FROM reviews WHERE tenant > t.tenant) FROM tenants AS t WHERE t.tenant IS NOT NULL),
  candidates AS (
    SELECT v.call, v.due_at, row_number() OVER (PARTITION BY v.tenant ORDER BY v.due_at, v.call)
        + (SELECT count(*) FROM reviews AS h WHERE h.tenant = v.tenant AND h.leased_until > 0 AND h.leased_until > $1) AS turn
      FROM tenants AS t CROSS JOIN reviews AS v WHERE v.call IN (
        SELECT i.call FROM reviews AS i WHERE i.tenant = t.tenant AND i.due_at <= $1 AND i.leased_until <= $1
          ORDER BY i.due_at, i.call LIMIT $3 + 0)),
  chosen AS (SELECT call, turn + row_number() OVER (ORDER BY turn, due_at, call) - 1 AS needs FROM candidates)
UPDATE reviews SET leased_until = $2, attempts = attempts + 1 WHERE call IN (SELECT call FROM chosen WHERE needs <= $3)
RETURNING call";

/// The same.
const CLAIM_POSTGRES: &str = "WITH RECURSIVE tenants (tenant) AS (
    (SELECT tenant FROM reviews ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT v.tenant FROM reviews AS v WHERE v.tenant > t.tenant ORDER BY v.tenant LIMIT 1)
      FROM tenants AS t WHERE t.tenant IS NOT NULL),
  candidates AS (
    SELECT v.call, v.due_at, row_number() OVER (PARTITION BY t.tenant ORDER BY v.due_at, v.call)
        + (SELECT count(*) FROM reviews AS h WHERE h.tenant = t.tenant AND h.leased_until > 0 AND h.leased_until > $1) AS turn
      FROM tenants AS t CROSS JOIN LATERAL (
        SELECT i.call, i.due_at FROM reviews AS i WHERE i.tenant = t.tenant AND i.due_at <= $1 AND i.leased_until <= $1
          ORDER BY i.due_at, i.call LIMIT $3) AS v),
  chosen AS (SELECT call, turn + row_number() OVER (ORDER BY turn, due_at, call) - 1 AS needs FROM candidates)
UPDATE reviews SET leased_until = $2, attempts = attempts + 1 WHERE call IN (SELECT call FROM chosen WHERE needs <= $3)
RETURNING call";

impl Store {
    /// Changes with every commit that brought something to go over.
    pub fn reviews_owed(&self) -> watch::Receiver<u64> {
        self.gauges.reviews.subscribe()
    }

    /// Takes due reviews under a lease, into so many free places. Tenants take turns, each its oldest first, and a tenant's n-th
    /// place, those under way included, is given only while n are free: one tenant has half of them at most, and however slow its
    /// endpoint is, there is room for the next.
    pub async fn claim_reviews(
        &self,
        now: Timestamp,
        lease: Duration,
        free: u32,
    ) -> Result<Vec<ReviewClaim>, StoreError> {
        self.aside(move |engine| async move { engine.claim_reviews(now, lease, free).await }).await
    }

    /// Writes how one stands. False: it is not this try's any more, and nothing was written.
    pub async fn write_review(&self, write: ReviewWrite) -> Result<bool, StoreError> {
        self.aside(move |engine| async move { engine.write_review(&write).await }).await
    }

    /// Whatever was under way when the last switch died is under way no more: two never share a database.
    pub async fn release_reviews(&self) -> Result<(), StoreError> {
        self.aside(move |engine| async move { engine.release_reviews().await }).await
    }

    /// When the next one is due, or its lease lapses.
    pub async fn next_review(&self) -> Result<Option<Timestamp>, StoreError> {
        self.engine.next_review().await
    }
}

impl Engine {
    async fn claim_reviews(
        &self,
        now: Timestamp,
        lease: Duration,
        free: u32,
    ) -> Result<Vec<ReviewClaim>, StoreError> {
        let claim = self.either(CLAIM_SQLITE, CLAIM_POSTGRES);
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let sql = match self {
            Self::Sqlite(_) => format!(
                "SELECT v.attempts, {CALL_COLUMNS} FROM json_each($1) AS r CROSS JOIN reviews AS v ON v.call = r.value
                   CROSS JOIN calls AS c ON c.call = v.call ORDER BY v.due_at, v.call"
            ),
            Self::Postgres(_) => format!(
                "SELECT v.attempts, {CALL_COLUMNS} FROM json_array_elements_text($1::text::json) AS r (text)
                   JOIN reviews AS v ON v.call = r.text::bigint JOIN calls AS c ON c.call = v.call ORDER BY v.due_at, v.call"
            ),
        };
        on!(self, writer, |connection| {
            let claim =
                sqlx::query(claim).bind(now.0).bind(now.0.saturating_add(lease)).bind(i64::from(free));
            let rows = claim.fetch_all(&mut *connection).await?;
            let calls: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            if calls.is_empty() {
                return Ok(Vec::new());
            }
            self.touched();
            // Constants, joined.
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(json(&calls));
            let rows = query.fetch_all(&mut *connection).await?;
            let read = |row| Ok(ReviewClaim { record: read_call(row)?, attempt: attempt(row)? });
            rows.iter().map(read).collect()
        })
    }

    async fn write_review(&self, write: &ReviewWrite) -> Result<bool, StoreError> {
        const OVER: &str = "DELETE FROM reviews WHERE call = $1 AND attempts = $2";
        const AGAIN: &str =
            "UPDATE reviews SET due_at = $3, leased_until = 0 WHERE call = $1 AND attempts = $2";
        const GOES_ON: &str = "UPDATE reviews SET attempts = attempts WHERE call = $1 AND attempts = $2";
        const WORDS: &str =
            "UPDATE calls SET review = $2, transcript = coalesce($3, transcript) WHERE call = $1";
        // It has not been tried, and its time has not come: it waits for nothing but this.
        const DUE: &str = "UPDATE outbox SET due_at = $2
            WHERE call = $1 AND state IN ('pending', 'waiting') AND attempts = 0 AND due_at > $2";
        let call = signed(write.call.get());
        let attempt = i64::from(write.attempt);
        let review = object(&write.review);
        let said =
            write.transcript.as_deref().map(|said| if said.is_empty() { None } else { Some(json(said)) });
        on!(self, writer, |connection| {
            // Dropped without a commit, it is rolled back.
            let mut transaction = connection.begin().await?;
            let (sql, due_at) = match write.next {
                ReviewNext::Over => (OVER, None),
                ReviewNext::GoesOn => (GOES_ON, None),
                ReviewNext::Again(due_at) => (AGAIN, Some(due_at.0)),
            };
            let step = sqlx::query(sql).bind(call).bind(attempt);
            let step = match due_at {
                Some(due_at) => step.bind(due_at),
                None => step,
            };
            if step.execute(&mut *transaction).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let words = sqlx::query(WORDS).bind(call).bind(review).bind(said.flatten());
            words.execute(&mut *transaction).await?;
            if write.next == ReviewNext::Over {
                sqlx::query(DUE).bind(call).bind(write.at.0).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            self.touched();
            Ok(true)
        })
    }

    async fn release_reviews(&self) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE reviews SET leased_until = 0 WHERE leased_until > 0";
        on!(self, writer, |connection| {
            sqlx::query(SQL).execute(&mut *connection).await?;
            self.touched();
            Ok(())
        })
    }

    async fn next_review(&self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str =
            "SELECT min(CASE WHEN leased_until > due_at THEN leased_until ELSE due_at END) FROM reviews";
        on!(self, readers, |connection| {
            let due: Option<i64> = sqlx::query(SQL).fetch_one(&mut *connection).await?.try_get(0)?;
            Ok(due.map(Timestamp))
        })
    }
}

fn attempt(row: &impl super::row::Columns) -> Result<u32, StoreError> {
    let count = required(id(row, "attempts")?, "attempts")?;
    u32::try_from(count).map_err(|_| StoreError::Corrupt("attempts"))
}

/// A review as it stands in its column.
pub(super) fn object(review: &Review) -> String {
    let list = json(std::slice::from_ref(review));
    list[1..list.len() - 1].to_owned()
}
