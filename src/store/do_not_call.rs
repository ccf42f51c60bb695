//! Numbers that tenants call no more. They come by [`Write::DoNotCall`](super::Write::DoNotCall), and hold from that commit on:
//! whether a call may be placed is asked by the statement that commits it.

use serde::Serialize;

use super::engine::{Engine, on};
use super::row::{Columns, id, required, signed, word};
use super::{Store, StoreError};
use crate::model::{CallId, CallRecord, Direction, DoNotCall, Objection, PhoneNumber, TenantId, Timestamp};

const COLUMNS: &str = "tenant, number, reason, note, call, created_at";

/// A new row.
#[derive(Serialize)]
pub(super) struct DoNotCallRow<'a> {
    tenant: u64,
    number: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<u64>,
    at: i64,
}

impl<'a> From<&'a DoNotCall> for DoNotCallRow<'a> {
    fn from(entry: &'a DoNotCall) -> Self {
        Self {
            tenant: entry.tenant.0,
            number: entry.number.as_str(),
            reason: entry.reason.as_str(),
            note: entry.note.as_deref(),
            call: entry.call.map(CallId::get),
            at: entry.at.0,
        }
    }
}

impl Store {
    /// What a tenant's list says of this number, if it stands there.
    pub async fn do_not_call(
        &self,
        tenant: TenantId,
        number: &PhoneNumber,
    ) -> Result<Option<DoNotCall>, StoreError> {
        self.engine.do_not_call(tenant, number.as_str()).await
    }

    /// At most `limit` of a tenant's list, in the order of their digits, after this one.
    pub async fn do_not_call_after(
        &self,
        tenant: TenantId,
        after: Option<&PhoneNumber>,
        limit: u32,
    ) -> Result<Vec<DoNotCall>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM do_not_call WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT $3"
        );
        on!(&*self.engine, readers, |connection| {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(signed(tenant.0))
                .bind(after.map_or("", PhoneNumber::as_str))
                .bind(i64::from(limit));
            query.fetch_all(&mut *connection).await?.iter().map(read).collect()
        })
    }

    /// Takes a number off a tenant's list. `false`: it did not stand there.
    pub async fn may_call_again(&self, tenant: TenantId, number: PhoneNumber) -> Result<bool, StoreError> {
        self.aside(move |engine| async move { engine.take_off(tenant, &number).await }).await
    }
}

impl Engine {
    async fn do_not_call(&self, tenant: TenantId, number: &str) -> Result<Option<DoNotCall>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM do_not_call WHERE tenant = $1 AND number = $2");
        on!(self, readers, |connection| {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(signed(tenant.0)).bind(number);
            query.fetch_optional(&mut *connection).await?.map(|row| read(&row)).transpose()
        })
    }

    async fn take_off(&self, tenant: TenantId, number: &PhoneNumber) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM do_not_call WHERE tenant = $1 AND number = $2";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(signed(tenant.0)).bind(number.as_str());
            let removed = query.execute(&mut *connection).await?.rows_affected() == 1;
            self.touched();
            Ok(removed)
        })
    }

    /// Is this a call to somebody who is not to be called? The same question as the statements' that commit intents, for the writer, by
    /// its own connection.
    pub(super) async fn forbids(&self, record: &CallRecord) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM do_not_call WHERE tenant = $1 AND number = $2";
        if record.direction != Direction::Outbound || record.parent.is_some() {
            return Ok(false);
        }
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(signed(record.tenant.0)).bind(record.to.as_str());
            Ok(query.fetch_optional(&mut *connection).await?.is_some())
        })
    }
}

fn read(row: &impl Columns) -> Result<DoNotCall, StoreError> {
    let number = required(row.text("number")?, "number")?;
    let call = id(row, "call")?.map(|call| CallId::new(call).ok_or(StoreError::Corrupt("call id")));
    Ok(DoNotCall {
        tenant: TenantId(required(id(row, "tenant")?, "tenant")?),
        number: number.parse().map_err(|_| StoreError::Corrupt("number"))?,
        reason: word(row.text("reason")?, Objection::from_word)?.ok_or(StoreError::Corrupt("reason"))?,
        note: row.text("note")?,
        call: call.transpose()?,
        at: Timestamp(required(row.integer("created_at")?, "created_at")?),
    })
}
