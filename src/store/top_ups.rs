//! Money that was asked of the payment hook. A top-up is written down before the hook is asked, and its word and the credit are
//! one transaction: however often the hook answers, or the switch dies in between, it is credited once.

use sqlx::Connection as _;

use super::engine::{Engine, on};
use super::ledger::{micros, tenant};
use super::row::{Columns, required, signed, word};
use super::{Store, StoreError};
use crate::model::{EntryKind, Idempotency, KeyId, Micros, TenantId, Timestamp, TopUp, TopUpState};

/// A top-up that is about to be asked for.
#[derive(Clone, Debug)]
pub struct NewTopUp {
    /// What the hook will know it by.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// How much.
    pub amount: Micros,
    /// Does the switch ask by itself? Of those a tenant has at most one that is pending.
    pub auto: bool,
    /// The key that asked, and its promise that a repeated request is the same.
    pub promise: Option<(KeyId, Idempotency)>,
    /// When.
    pub at: Timestamp,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// It is on disk.
    New,
    /// The same request came before: this is what it left.
    Same(TopUp),
    /// The same idempotency key was used with another body.
    Conflict,
    /// This tenant is being reloaded already.
    InFlight,
}

/// What the hook said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Paid.
    Confirmed,
    /// Not paid, and why.
    Declined(String),
}

const COLUMNS: &str = "id, tenant, amount, source, state, reason, created_at, settled_at";
const AUTO: &str = "auto_reload";
const BY_REQUEST: &str = "request";

impl Store {
    /// Writes a top-up down.
    pub async fn begin_top_up(&self, new: &NewTopUp) -> Result<Begun, StoreError> {
        const SQL: &str =
            "INSERT INTO top_ups (id, tenant, amount, source, state, key_id, idempotency_key, body_hash,
            created_at) VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let promise = new.promise.as_ref();
        let begun = on!(&*self.engine, writer, |connection| {
            let query = sqlx::query(SQL)
                .bind(new.id.as_str())
                .bind(signed(new.tenant.0))
                .bind(new.amount.0)
                .bind(if new.auto { AUTO } else { BY_REQUEST })
                .bind(promise.map(|(key, _)| signed(key.0)))
                .bind(promise.map(|(_, promise)| promise.key.as_str()))
                .bind(promise.map(|(_, promise)| hex::encode(promise.body_hash)))
                .bind(new.at.0);
            Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
        })?;
        match promise {
            _ if begun => Ok(Begun::New),
            None => Ok(Begun::InFlight),
            Some((key, promise)) => {
                self.earlier_top_up(*key, promise).await?.ok_or(StoreError::Corrupt("top-up"))
            }
        }
    }

    /// What an earlier request with the same idempotency key left, if there was one. Writes nothing.
    pub async fn repeated_top_up(&self, new: &NewTopUp) -> Result<Option<Begun>, StoreError> {
        match &new.promise {
            Some((key, promise)) => self.earlier_top_up(*key, promise).await,
            None => Ok(None),
        }
    }

    async fn earlier_top_up(&self, key: KeyId, promise: &Idempotency) -> Result<Option<Begun>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS}, body_hash FROM top_ups WHERE key_id = $1 AND idempotency_key = $2");
        on!(&*self.engine, writer, |connection| {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql));
            let row =
                query.bind(signed(key.0)).bind(promise.key.as_str()).fetch_optional(&mut *connection).await?;
            let Some(row) = row else { return Ok(None) };
            let same = Columns::text(&row, "body_hash")? == Some(hex::encode(promise.body_hash));
            Ok(Some(if same { Begun::Same(read_top_up(&row)?) } else { Begun::Conflict }))
        })
    }

    /// Writes the hook's word down, and with it the credit. `None`: that was done before, and nothing changed. One that was
    /// declined gives its idempotency key back: the client may try again.
    pub async fn settle_top_up(
        &self,
        id: &str,
        verdict: &Verdict,
        at: Timestamp,
    ) -> Result<Option<TopUp>, StoreError> {
        let (state, reason) = match verdict {
            Verdict::Confirmed => (TopUpState::Confirmed, None),
            Verdict::Declined(reason) => (TopUpState::Declined, Some(reason.as_str())),
        };
        const CREDIT: &str = "INSERT INTO ledger (tenant, kind, amount, reference, created_at)
          VALUES ($1, $2, $3, $4, $5)";
        let sql = format!(
            "UPDATE top_ups SET state = $2, reason = $3, settled_at = $4,
               idempotency_key = CASE $2 WHEN 'declined' THEN NULL ELSE idempotency_key END
             WHERE id = $1 AND state = 'pending' RETURNING {COLUMNS}"
        );
        on!(&*self.engine, writer, |connection| {
            let mut transaction = connection.begin().await?;
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(state.as_str());
            let row = query.bind(reason).bind(at.0).fetch_optional(&mut *transaction).await?;
            let Some(row) = row else { return Ok(None) };
            let top_up = read_top_up(&row)?;
            if top_up.state == TopUpState::Confirmed {
                let credit = sqlx::query(CREDIT)
                    .bind(signed(top_up.tenant.0))
                    .bind(EntryKind::TopUp.as_str())
                    .bind(top_up.amount.0)
                    .bind(id)
                    .bind(at.0);
                credit.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(Some(top_up))
        })
    }

    /// A top-up.
    pub async fn top_up(&self, id: &str) -> Result<Option<TopUp>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM top_ups WHERE id = $1");
        on!(&*self.engine, writer, |connection| {
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(&mut *connection).await?;
            row.map(|row| read_top_up(&row)).transpose()
        })
    }

    /// Top-ups that the hook has not decided, the oldest first, at most so many.
    pub async fn pending_top_ups(&self, limit: u32) -> Result<Vec<TopUp>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM top_ups WHERE state = 'pending' ORDER BY created_at, id LIMIT $1");
        on!(&*self.engine, readers, |connection| {
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
            rows.iter().map(read_top_up).collect()
        })
    }
}

fn read_top_up(row: &impl Columns) -> Result<TopUp, StoreError> {
    Ok(TopUp {
        id: required(row.text("id")?, "id")?,
        tenant: tenant(row)?,
        amount: micros(row, "amount")?,
        auto: row.text("source")?.as_deref() == Some(AUTO),
        state: word(row.text("state")?, TopUpState::from_word)?.ok_or(StoreError::Corrupt("state"))?,
        reason: row.text("reason")?,
        created_at: Timestamp(required(row.integer("created_at")?, "created_at")?),
        settled_at: row.integer("settled_at")?.map(Timestamp),
    })
}
