//! Accounts, their ledgers and rates. Holds, releases and charges of calls are written with the calls, in one transaction (see
//! `batch`); what is written here is everything else, each in a transaction of its own. The sums are kept by the database's
//! own triggers, so that no path can add to a ledger and forget its balance.

use sqlx::{Connection as _, Row};

use super::engine::{Engine, on};
use super::row::{Columns, id, required, signed, word};
use super::{Store, StoreError};
use crate::model::{
    Account, ApplicationId, AutoReload, CallId, Currency, Entry, EntryKind, KeyId, ListedRate, Micros, Rate,
    TenantId, Timestamp, Usage,
};

/// An entry that belongs to no call.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Whose.
    pub tenant: TenantId,
    /// Why.
    pub kind: EntryKind,
    /// By how much the balance changes.
    pub amount: Micros,
    /// Of one kind and reference there is only one entry in a ledger.
    pub reference: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// One page of a ledger, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EntryPage {
    /// At most `limit` of them.
    pub entries: Vec<Entry>,
    /// How many there are in all.
    pub count: u64,
}

/// What calls of one kind cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charged {
    /// Whose.
    pub tenant: TenantId,
    /// The key that asked for them.
    pub key: Option<KeyId>,
    /// The application that they were placed as.
    pub application: Option<ApplicationId>,
    /// How much, all together.
    pub amount: Micros,
}

/// The reference of the credit that an account begins with.
const OPENING: &str = "opening balance";

const ACCOUNT: &str = "SELECT a.tenant, a.currency, a.balance, a.reload_threshold, a.reload_amount,
    CAST(coalesce((SELECT sum(h.amount) FROM holds AS h WHERE h.tenant = a.tenant), 0) AS BIGINT) AS held
  FROM accounts AS a WHERE a.tenant = $1";

const ENTER: &str =
    "INSERT INTO ledger (tenant, kind, amount, reference, created_at) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT DO NOTHING";

impl Store {
    /// A tenant's account. Opened with this balance if there is none.
    pub async fn open_account(
        &self,
        tenant: TenantId,
        currency: Currency,
        opening: Micros,
        at: Timestamp,
    ) -> Result<Account, StoreError> {
        const OPEN: &str = "INSERT INTO accounts (tenant, currency, created_at) VALUES ($1, $2, $3)
          ON CONFLICT DO NOTHING";
        on!(&*self.engine, writer, |connection| {
            let mut transaction = connection.begin().await?;
            let open = sqlx::query(OPEN).bind(signed(tenant.0)).bind(currency.as_str()).bind(at.0);
            let opened = open.execute(&mut *transaction).await?.rows_affected() == 1;
            if opened && opening.is_positive() {
                let credit = sqlx::query(ENTER)
                    .bind(signed(tenant.0))
                    .bind(EntryKind::Credit.as_str())
                    .bind(opening.0)
                    .bind(OPENING)
                    .bind(at.0);
                credit.execute(&mut *transaction).await?;
            }
            let row = sqlx::query(ACCOUNT).bind(signed(tenant.0)).fetch_one(&mut *transaction).await?;
            let account = read_account(&row)?;
            transaction.commit().await?;
            Ok(account)
        })
    }

    /// A tenant's account, if it has one.
    pub async fn account(&self, tenant: TenantId) -> Result<Option<Account>, StoreError> {
        on!(&*self.engine, readers, |connection| {
            let row = sqlx::query(ACCOUNT).bind(signed(tenant.0)).fetch_optional(&mut *connection).await?;
            row.map(|row| read_account(&row)).transpose()
        })
    }

    /// Changes when an account is reloaded.
    pub async fn set_reload(&self, tenant: TenantId, reload: Option<AutoReload>) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE accounts SET reload_threshold = $2, reload_amount = $3 WHERE tenant = $1";
        on!(&*self.engine, writer, |connection| {
            let query = sqlx::query(SQL)
                .bind(signed(tenant.0))
                .bind(reload.map(|reload| reload.threshold.0))
                .bind(reload.map(|reload| reload.amount.0));
            query.execute(&mut *connection).await?;
            Ok(())
        })
    }

    /// Adds to a ledger. `false`: an entry of this kind and reference is there already, and nothing was added.
    pub async fn enter(&self, entry: NewEntry) -> Result<bool, StoreError> {
        on!(&*self.engine, writer, |connection| {
            let query = sqlx::query(ENTER)
                .bind(signed(entry.tenant.0))
                .bind(entry.kind.as_str())
                .bind(entry.amount.0)
                .bind(entry.reference.as_deref())
                .bind(entry.at.0);
            Ok(query.execute(&mut *connection).await?.rows_affected() == 1)
        })
    }

    /// A tenant's ledger, newest first.
    pub async fn entries(&self, tenant: TenantId, limit: u32, offset: u64) -> Result<EntryPage, StoreError> {
        const COUNT: &str = "SELECT count(*) FROM ledger WHERE tenant = $1";
        const LIST: &str = "SELECT id, tenant, kind, amount, call, key_id, reference, created_at FROM ledger
          WHERE tenant = $1 ORDER BY id DESC LIMIT $2 OFFSET $3";
        on!(&*self.engine, readers, |connection| {
            let count: i64 =
                sqlx::query(COUNT).bind(signed(tenant.0)).fetch_one(&mut *connection).await?.try_get(0)?;
            let list = sqlx::query(LIST).bind(signed(tenant.0)).bind(i64::from(limit)).bind(signed(offset));
            let rows = list.fetch_all(&mut *connection).await?;
            let entries = rows.iter().map(read_entry).collect::<Result<_, _>>()?;
            Ok(EntryPage { entries, count: count.unsigned_abs() })
        })
    }

    /// What calls cost that ended since then, by tenant, key and application.
    pub async fn charged_since(&self, since: Timestamp) -> Result<Vec<Charged>, StoreError> {
        const SQL: &str =
            "SELECT l.tenant, l.key_id, c.application, CAST(-sum(l.amount) AS BIGINT) AS charged
          FROM ledger AS l LEFT JOIN calls AS c ON c.call = l.call
          WHERE l.kind = 'charge' AND l.created_at >= $1 GROUP BY l.tenant, l.key_id, c.application";
        on!(&*self.engine, readers, |connection| {
            let rows = sqlx::query(SQL).bind(since.0).fetch_all(&mut *connection).await?;
            rows.iter().map(read_charged).collect()
        })
    }

    /// Gives back what is held for calls that do not live; says how many those were.
    pub async fn release_stray_holds(&self, at: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "INSERT INTO ledger (tenant, kind, amount, call, key_id, created_at)
          SELECT h.tenant, 'release', h.amount, h.call, h.key_id, $1 FROM holds AS h
            WHERE NOT EXISTS (SELECT 1 FROM calls AS c WHERE c.call = h.call AND c.state <> 'ended')";
        on!(&*self.engine, writer, |connection| {
            Ok(sqlx::query(SQL).bind(at.0).execute(&mut *connection).await?.rows_affected())
        })
    }

    /// What a tenant's calls came to, of those that were asked for in this span.
    pub async fn usage(
        &self,
        tenant: TenantId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Usage, StoreError> {
        const SQL: &str = "SELECT count(*) AS calls, count(answered_at) AS answered,
            CAST(coalesce(sum((ended_at - answered_at) / 1000), 0) AS BIGINT) AS seconds,
            CAST(coalesce(sum((ended_at - answered_at + 59999) / 60000), 0) AS BIGINT) AS minutes,
            CAST(coalesce(sum(charge), 0) AS BIGINT) AS charged
          FROM calls WHERE tenant = $1 AND created_at >= $2 AND created_at < $3 AND state = 'ended'";
        on!(&*self.engine, readers, |connection| {
            let query = sqlx::query(SQL).bind(signed(tenant.0)).bind(since.0).bind(until.0);
            read_usage(&query.fetch_one(&mut *connection).await?)
        })
    }

    /// Every rate that a tenant set.
    pub async fn rates(&self) -> Result<Vec<ListedRate>, StoreError> {
        const SQL: &str = "SELECT id, tenant, prefix, per_minute, first_interval, next_interval, minimum,
            connection_fee, valid_from, valid_until FROM rates ORDER BY id";
        on!(&*self.engine, readers, |connection| {
            let rows = sqlx::query(SQL).fetch_all(&mut *connection).await?;
            rows.iter().map(read_rate).collect()
        })
    }

    /// Keeps a rate; its id.
    pub async fn add_rate(
        &self,
        tenant: TenantId,
        listed: &ListedRate,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str =
            "INSERT INTO rates (tenant, prefix, per_minute, first_interval, next_interval, minimum,
            connection_fee, valid_from, valid_until, created_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";
        let rate = &listed.rate;
        on!(&*self.engine, writer, |connection| {
            let query = sqlx::query(SQL)
                .bind(signed(tenant.0))
                .bind(rate.prefix.as_str())
                .bind(rate.per_minute.0)
                .bind(i64::from(rate.first_interval))
                .bind(i64::from(rate.next_interval))
                .bind(rate.minimum.0)
                .bind(rate.connection_fee.0)
                .bind(listed.valid_from.map(|at| at.0))
                .bind(listed.valid_until.map(|at| at.0))
                .bind(at.0);
            let id: i64 = query.fetch_one(&mut *connection).await?.try_get(0)?;
            Ok(id.unsigned_abs())
        })
    }
}

fn read_account(row: &impl Columns) -> Result<Account, StoreError> {
    let reload = row.integer("reload_threshold")?.zip(row.integer("reload_amount")?);
    Ok(Account {
        tenant: tenant(row)?,
        currency: required(row.text("currency")?, "currency")?
            .parse()
            .map_err(|()| StoreError::Corrupt("currency"))?,
        available: micros(row, "balance")?,
        held: micros(row, "held")?,
        reload: reload
            .map(|(threshold, amount)| AutoReload { threshold: Micros(threshold), amount: Micros(amount) }),
    })
}

fn read_entry(row: &impl Columns) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: required(id(row, "id")?, "id")?,
        tenant: tenant(row)?,
        kind: word(row.text("kind")?, EntryKind::from_word)?.ok_or(StoreError::Corrupt("kind"))?,
        amount: micros(row, "amount")?,
        call: id(row, "call")?.and_then(CallId::new),
        key: id(row, "key_id")?.map(KeyId),
        reference: row.text("reference")?,
        created_at: Timestamp(required(row.integer("created_at")?, "created_at")?),
    })
}

fn read_charged(row: &impl Columns) -> Result<Charged, StoreError> {
    Ok(Charged {
        tenant: tenant(row)?,
        key: id(row, "key_id")?.map(KeyId),
        application: id(row, "application")?.map(ApplicationId),
        amount: micros(row, "charged")?,
    })
}

fn read_usage(row: &impl Columns) -> Result<Usage, StoreError> {
    let count = |column| Ok::<_, StoreError>(id(row, column)?.unwrap_or_default());
    Ok(Usage {
        calls: count("calls")?,
        answered: count("answered")?,
        seconds: count("seconds")?,
        billable_minutes: count("minutes")?,
        charged: micros(row, "charged")?,
    })
}

fn read_rate(row: &impl Columns) -> Result<ListedRate, StoreError> {
    let seconds = |column| {
        let value = required(row.integer(column)?, column)?;
        u32::try_from(value).map_err(|_| StoreError::Corrupt(column))
    };
    let rate = Rate {
        prefix: required(row.text("prefix")?, "prefix")?,
        per_minute: micros(row, "per_minute")?,
        first_interval: seconds("first_interval")?,
        next_interval: seconds("next_interval")?,
        minimum: micros(row, "minimum")?,
        connection_fee: micros(row, "connection_fee")?,
    };
    Ok(ListedRate {
        id: required(id(row, "id")?, "id")?,
        tenant: Some(tenant(row)?),
        rate,
        valid_from: row.integer("valid_from")?.map(Timestamp),
        valid_until: row.integer("valid_until")?.map(Timestamp),
    })
}

pub(super) fn tenant(row: &impl Columns) -> Result<TenantId, StoreError> {
    Ok(TenantId(required(id(row, "tenant")?, "tenant")?))
}

pub(super) fn micros(row: &impl Columns, column: &'static str) -> Result<Micros, StoreError> {
    Ok(Micros(required(row.integer(column)?, column)?))
}
