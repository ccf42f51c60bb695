//! The delivery log: what is owed to receivers, what they were sent, and how each try went; and its replay. A replay is the same
//! row, so the same bytes and id; only its tries go on, with waits that begin anew.

use std::time::Duration;

use sqlx::QueryBuilder;

use super::engine::{Engine, on};
use super::outbox::Tried;
use super::receivers::{self, origin};
use super::row::{Columns, id, required, signed, small, word};
use super::{Store, StoreError};
use crate::model::{CallId, EventKind, TenantId, Timestamp, WebhookEndpointId};

/// Where a delivery stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// Owed: its next try is due, or under way, or it waits for an earlier event of its call.
    Pending,
    /// The receiver has it.
    Delivered,
    /// Given up.
    Dead,
}

impl DeliveryState {
    /// The word in the store.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        if word == WAITING {
            return Some(Self::Pending);
        }
        [Self::Pending, Self::Delivered, Self::Dead].into_iter().find(|state| state.as_str() == word)
    }
}

/// In the store: an earlier event of its call is owed to the same endpoint.
const WAITING: &str = "waiting";

/// One delivery, as the log shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRecord {
    /// The row.
    pub id: u64,
    /// The event; a row from before events were kept has none.
    pub event_id: Option<u64>,
    /// Whose event it is.
    pub call: CallId,
    /// What happened.
    pub event: EventKind,
    /// Which endpoint it is for; `None`: the call's own receiver.
    pub endpoint: Option<WebhookEndpointId>,
    /// Scheme, host and port of the receiver.
    pub receiver: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// When the event was written.
    pub created_at: Timestamp,
    /// While it is pending: when the next try is due, or the lease of the one under way lapses.
    pub due_at: Timestamp,
    /// Tries so far.
    pub attempts: u32,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// When the last try was settled.
    pub settled_at: Option<Timestamp>,
    /// When it was replayed last.
    pub replayed_at: Option<Timestamp>,
    /// What was sent.
    pub body: Option<String>,
}

/// Which deliveries to list. `None` does not filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeliveryFilter {
    /// Only this endpoint's.
    pub endpoint: Option<WebhookEndpointId>,
    /// Only this call's.
    pub call: Option<CallId>,
    /// Only those that stand so.
    pub state: Option<DeliveryState>,
}

/// What became of a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replayed {
    /// It is owed again, from now on.
    Again,
    /// It was still owed: nothing changed.
    StillOwed,
    /// There is no such delivery.
    Unknown,
}

/// Deliveries of an endpoint that one replay takes; more are left to the next.
pub const REPLAY_MAX: u32 = 10_000;

impl Store {
    /// At most `limit` of a tenant's deliveries with ids below `before`, newest first.
    pub async fn deliveries_before(
        &self,
        tenant: TenantId,
        filter: DeliveryFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        self.engine.deliveries_before(tenant, filter, before, limit).await
    }

    /// One delivery of a tenant, and its tries.
    pub async fn delivery(
        &self,
        tenant: TenantId,
        delivery: u64,
    ) -> Result<Option<(DeliveryRecord, Vec<(u32, Tried)>)>, StoreError> {
        self.engine.delivery(tenant, delivery).await
    }

    /// Owes a delivery that is over once more, the same bytes under the same id.
    pub async fn replay(
        &self,
        tenant: TenantId,
        delivery: u64,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        self.aside(move |engine| async move { engine.replay(tenant, delivery, now).await }).await
    }

    /// Owes an endpoint all that was given up and happened since then once more, the oldest first, at most [`REPLAY_MAX`];
    /// gives how many.
    pub async fn replay_dead(
        &self,
        tenant: TenantId,
        endpoint: WebhookEndpointId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.aside(move |engine| async move { engine.replay_dead(tenant, endpoint, since, now).await }).await
    }
}

const COLUMNS: &str = "o.id, o.event_id, o.call, o.event, o.endpoint, o.receiver, o.state, o.created_at, o.due_at, o.attempts, \
     o.reason, o.settled_at, o.replayed_at, o.body";

impl Engine {
    async fn deliveries_before(
        &self,
        tenant: TenantId,
        filter: DeliveryFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        on!(self, readers, |connection| {
            let mut list = QueryBuilder::new("SELECT ");
            list.push(COLUMNS).push(" FROM outbox AS o WHERE o.tenant = ").push_bind(signed(tenant.0));
            if let Some(endpoint) = filter.endpoint {
                list.push(" AND o.endpoint = ").push_bind(signed(endpoint.0));
            }
            if let Some(call) = filter.call {
                list.push(" AND o.call = ").push_bind(signed(call.get()));
            }
            if let Some(state) = filter.state {
                list.push(" AND o.state IN (").push_bind(state.as_str());
                list.push(", ").push_bind(if state == DeliveryState::Pending {
                    WAITING
                } else {
                    state.as_str()
                });
                list.push(")");
            }
            if let Some(before) = before {
                list.push(" AND o.id < ").push_bind(signed(before));
            }
            list.push(" ORDER BY o.id DESC LIMIT ").push_bind(i64::from(limit));
            let rows = list.build().fetch_all(&mut *connection).await?;
            rows.iter().map(read_record).collect()
        })
    }

    async fn delivery(
        &self,
        tenant: TenantId,
        delivery: u64,
    ) -> Result<Option<(DeliveryRecord, Vec<(u32, Tried)>)>, StoreError> {
        const TRIES: &str =
            "SELECT attempt, started_at, duration_ms, status, error, response FROM delivery_attempts
            WHERE delivery = $1 ORDER BY attempt";
        on!(self, readers, |connection| {
            let mut one = QueryBuilder::new("SELECT ");
            one.push(COLUMNS).push(" FROM outbox AS o WHERE o.tenant = ").push_bind(signed(tenant.0));
            one.push(" AND o.id = ").push_bind(signed(delivery));
            let Some(row) = one.build().fetch_optional(&mut *connection).await? else { return Ok(None) };
            let tries = sqlx::query(TRIES).bind(signed(delivery)).fetch_all(&mut *connection).await?;
            let tries: Result<_, StoreError> = tries.iter().map(read_try).collect();
            Ok(Some((read_record(&row)?, tries?)))
        })
    }

    async fn replay(&self, tenant: TenantId, delivery: u64, now: Timestamp) -> Result<Replayed, StoreError> {
        // What came after it and is being tried goes on; what has not begun waits for it.
        const SQL: &str = "UPDATE outbox SET due_at = $3, replayed_at = $3, reason = NULL, settled_at = NULL,
              state = CASE WHEN EXISTS (SELECT 1 FROM outbox AS e WHERE e.call = outbox.call AND e.endpoint = outbox.endpoint
                AND e.id < outbox.id AND e.state IN ('pending', 'waiting')) THEN 'waiting' ELSE 'pending' END
            WHERE id = $1 AND tenant = $2 AND state IN ('delivered', 'dead')";
        const EXISTS: &str = "SELECT 1 FROM outbox WHERE id = $1 AND tenant = $2";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(signed(delivery)).bind(signed(tenant.0)).bind(now.0);
            if query.execute(&mut *connection).await?.rows_affected() > 0 {
                self.touched();
                return Ok(Replayed::Again);
            }
            let exists = sqlx::query(EXISTS).bind(signed(delivery)).bind(signed(tenant.0));
            Ok(match exists.fetch_optional(&mut *connection).await? {
                Some(_) => Replayed::StillOwed,
                None => Replayed::Unknown,
            })
        })
    }

    async fn replay_dead(
        &self,
        tenant: TenantId,
        endpoint: WebhookEndpointId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE outbox SET due_at = $4, replayed_at = $4, reason = NULL, settled_at = NULL,
              state = CASE WHEN d.place > 1 OR EXISTS (SELECT 1 FROM outbox AS e WHERE e.call = outbox.call
                AND e.endpoint = outbox.endpoint AND e.id < outbox.id AND e.state IN ('pending', 'waiting')) THEN 'waiting' ELSE 'pending' END
            FROM (SELECT id, row_number() OVER (PARTITION BY call ORDER BY id) AS place FROM (
              SELECT id, call FROM outbox WHERE endpoint = $1 AND endpoint <> 0 AND state = 'dead' AND tenant = $2
                AND created_at >= $3 ORDER BY id LIMIT $5) AS first) AS d
            WHERE outbox.id = d.id";
        on!(self, writer, |connection| {
            let query = sqlx::query(SQL).bind(signed(endpoint.0)).bind(signed(tenant.0));
            let query = query.bind(since.0).bind(now.0).bind(i64::from(REPLAY_MAX));
            let done = query.execute(&mut *connection).await?;
            self.touched();
            Ok(done.rows_affected())
        })
    }
}

fn read_record(row: &impl Columns) -> Result<DeliveryRecord, StoreError> {
    let endpoint = required(id(row, "endpoint")?, "endpoint")?;
    Ok(DeliveryRecord {
        id: required(id(row, "id")?, "id")?,
        event_id: id(row, "event_id")?,
        call: id(row, "call")?.and_then(CallId::new).ok_or(StoreError::Corrupt("call id"))?,
        event: word(row.text("event")?, EventKind::from_word)?.ok_or(StoreError::Corrupt("event"))?,
        endpoint: receivers::endpoint(endpoint),
        receiver: origin(&required(row.text("receiver")?, "receiver")?).to_owned(),
        state: word(row.text("state")?, DeliveryState::from_word)?.ok_or(StoreError::Corrupt("state"))?,
        created_at: Timestamp(required(row.integer("created_at")?, "created_at")?),
        due_at: Timestamp(required(row.integer("due_at")?, "due_at")?),
        attempts: id(row, "attempts")?
            .and_then(|count| u32::try_from(count).ok())
            .ok_or(StoreError::Corrupt("attempts"))?,
        reason: row.text("reason")?,
        settled_at: row.integer("settled_at")?.map(Timestamp),
        replayed_at: row.integer("replayed_at")?.map(Timestamp),
        body: row.text("body")?,
    })
}

fn read_try(row: &impl Columns) -> Result<(u32, Tried), StoreError> {
    let attempt = id(row, "attempt")?.and_then(|count| u32::try_from(count).ok());
    let tried = Tried {
        started_at: Timestamp(required(row.integer("started_at")?, "started_at")?),
        duration: Duration::from_millis(required(id(row, "duration_ms")?, "duration_ms")?),
        status: small(row, "status")?,
        error: row.text("error")?,
        response: row.text("response")?,
    };
    Ok((required(attempt, "attempt")?, tried))
}
