//! Calls that are older than they are kept, and their recordings. What is still owed to a webhook, waits for its review or can be
//! asked for as an event keeps its call.

use sqlx::{Connection as _, Row};

use super::engine::{Engine, on};
use super::row::{Columns, id, json, required, signed};
use super::{Store, StoreError};
use crate::model::{CallId, Timestamp};

/// A recording of a call that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldRecording {
    /// Of which call.
    pub call: CallId,
    /// When that ended.
    pub ended_at: Timestamp,
    /// Where it is, relative to the data directory.
    pub path: String,
}

/// Calls that one transaction forgets, so that others' writes pass in between.
const FORGET_MAX: i64 = 200;

impl Store {
    /// At most `limit` recordings of calls that ended before then, the oldest first, after this one.
    pub async fn recordings_before(
        &self,
        before: Timestamp,
        after: Option<&OldRecording>,
        limit: u32,
    ) -> Result<Vec<OldRecording>, StoreError> {
        self.engine.recordings_before(before, after, limit).await
    }

    /// These calls' recordings are gone: their owner wanted it so, or they were kept for as long as they were to be.
    pub async fn forget_recordings(&self, calls: Vec<CallId>) -> Result<(), StoreError> {
        if calls.is_empty() {
            return Ok(());
        }
        self.aside(move |engine| async move { engine.forget_recordings(&calls).await }).await
    }

    /// Forgets calls that ended before then and have no recording, with what was told of them and how; gives how many. Their ledger
    /// entries and campaigns stay.
    pub async fn forget_calls(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.aside_until_none(move |engine| async move { engine.forget_calls(before).await }).await
    }
}

impl Engine {
    async fn recordings_before(
        &self,
        before: Timestamp,
        after: Option<&OldRecording>,
        limit: u32,
    ) -> Result<Vec<OldRecording>, StoreError> {
        const SQL: &str = "SELECT call, ended_at, recording FROM calls
            WHERE recording IS NOT NULL AND state = 'ended' AND ended_at < $1 AND (ended_at, call) > ($2, $3)
              AND NOT EXISTS (SELECT 1 FROM reviews AS v WHERE v.call = calls.call)
            ORDER BY ended_at, call LIMIT $4";
        let (ended_at, call) = after.map_or((i64::MIN, 0), |last| (last.ended_at.0, signed(last.call.get())));
        on!(self, readers, |connection| {
            let query = sqlx::query(SQL).bind(before.0).bind(ended_at).bind(call).bind(i64::from(limit));
            let rows = query.fetch_all(&mut *connection).await?;
            rows.iter().map(read_recording).collect()
        })
    }

    async fn forget_recordings(&self, calls: &[CallId]) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE calls SET recording = NULL, recording_error = 'deleted' WHERE call IN {}",
            self.ids()
        );
        let calls: Vec<u64> = calls.iter().map(|call| call.get()).collect();
        on!(self, writer, |connection| {
            // Constants, joined.
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(json(&calls)).execute(&mut *connection).await?;
            self.touched();
            Ok(())
        })
    }

    /// Those of a JSON array that is bound first.
    fn ids(&self) -> &'static str {
        self.either(
            "(SELECT value FROM json_each($1))",
            "(SELECT text::bigint FROM json_array_elements_text($1::text::json) AS r (text))",
        )
    }

    async fn forget_calls(&self, before: Timestamp) -> Result<u64, StoreError> {
        const OLD: &str = "SELECT c.call FROM calls AS c
            WHERE c.state = 'ended' AND c.ended_at < $1 AND c.recording IS NULL
              AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.call = c.call AND o.state IN ('pending', 'waiting'))
              AND NOT EXISTS (SELECT 1 FROM reviews AS v WHERE v.call = c.call)
              AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.call = c.call)
            ORDER BY c.ended_at, c.call LIMIT $2";
        let ids = self.ids();
        let forget = [
            format!(
                "DELETE FROM delivery_attempts WHERE delivery IN (SELECT id FROM outbox WHERE call IN {ids})"
            ),
            format!("DELETE FROM outbox WHERE call IN {ids}"),
            format!("DELETE FROM calls WHERE call IN {ids}"),
        ];
        on!(self, writer, |connection| {
            // Dropped without a commit, it is rolled back.
            let mut transaction = connection.begin().await?;
            let old = sqlx::query(OLD).bind(before.0).bind(FORGET_MAX).fetch_all(&mut *transaction).await?;
            let old: Vec<i64> = old.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            if old.is_empty() {
                return Ok(0);
            }
            for sql in forget {
                // Constants, joined.
                let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(json(&old));
                query.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            self.touched();
            Ok(old.len() as u64)
        })
    }
}

fn read_recording(row: &impl Columns) -> Result<OldRecording, StoreError> {
    Ok(OldRecording {
        call: id(row, "call")?.and_then(CallId::new).ok_or(StoreError::Corrupt("call id"))?,
        ended_at: Timestamp(required(row.integer("ended_at")?, "ended_at")?),
        path: required(row.text("recording")?, "recording")?,
    })
}
