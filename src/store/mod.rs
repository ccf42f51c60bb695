//! SQLite and PostgreSQL behind one `Store`: the calls, the ids, the outbox. Knows no HTTP, no SIP and no clock.

mod error;
mod outbox;
mod types;

use std::ops::Range;
use std::sync::Arc;

pub use error::StoreError;
pub use outbox::{Claim, Delivery, EventKind, Settled, Settlement};
pub use types::{CallFilter, CallPage, DatabaseTarget, Direction, Intended, Intent, Replay, Write};

use crate::model::{CallId, CallRecord, DialogRecord, Idempotency, KeyId, TenantId, Timestamp};

/// A handle to the database. Cheap to clone.
#[derive(Clone)]
pub struct Store {}

/// What the store did since it was opened; for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreCounters {
    /// Transactions committed.
    pub commits: u64,
    /// Rows they wrote.
    pub rows: u64,
    /// Transactions that failed.
    pub failures: u64,
    /// Writes waiting in the queue now.
    pub queued: u64,
}

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer.
    pub async fn open(target: &DatabaseTarget) -> Result<Store, StoreError> {
        let _ = target;
        todo!()
    }
    /// 65,536 call ids that nobody else gets.
    pub async fn lease_ids(&self) -> Result<Range<u64>, StoreError> {
        todo!()
    }
    /// Commits a call that is about to be placed. Resolves when it is on disk.
    pub async fn intend(&self, intent: Intent) -> Result<Intended, StoreError> {
        let _ = intent;
        todo!()
    }
    /// What an earlier request with this idempotency key left, before anything is taken for a new one.
    pub async fn find_replay(
        &self,
        key: KeyId,
        idempotency: &Idempotency,
    ) -> Result<Option<Replay>, StoreError> {
        let _ = (key, idempotency);
        todo!()
    }
    /// An accepted call's INVITE is about to leave. Resolves when that is on disk.
    pub async fn dialing(&self, call: CallId) -> Result<(), StoreError> {
        let _ = call;
        todo!()
    }
    /// Commits changes, in order, in one transaction. Resolves when they are on disk, with how many outbox rows they made.
    pub async fn write(&self, writes: Arc<[Write]>) -> Result<u64, StoreError> {
        let _ = writes;
        todo!()
    }
    /// One call of a tenant.
    pub async fn call(&self, tenant: TenantId, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        let _ = (tenant, call);
        todo!()
    }
    /// A tenant's calls, newest first.
    pub async fn calls(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        limit: u32,
        offset: u64,
    ) -> Result<CallPage, StoreError> {
        let _ = (tenant, filter, limit, offset);
        todo!()
    }
    /// Calls that have not ended, as an earlier run left them, with the dialogs of the answered ones.
    pub async fn unfinished(&self) -> Result<Vec<(CallRecord, Option<DialogRecord>)>, StoreError> {
        todo!()
    }
    /// Takes due outbox rows under a lease.
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Delivery>, StoreError> {
        let _ = claim;
        todo!()
    }
    /// Writes how tries went.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let _ = settlements;
        todo!()
    }
    /// When the next outbox row is due.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        todo!()
    }
    /// Does the database take writes? For readiness.
    pub fn healthy(&self) -> bool {
        todo!()
    }
    /// What it did so far.
    pub fn counters(&self) -> StoreCounters {
        todo!()
    }
    /// Commits what is queued and closes the database.
    pub async fn close(&self) {
        todo!()
    }
}
