//! The sole consumer of call events: rows for the store, news for subscribers.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::model::{CallEvent, CallId, CallRecord, Idempotency, StoredResponse};
use crate::store::{Intended, Store, StoreError};
use crate::webhook;

/// The journal's bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// At most so many calls whose end is not on disk.
    pub calls_max: usize,
    /// What recordings' paths are relative to.
    pub data_dir: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { calls_max: 32_768, data_dir: PathBuf::new() }
    }
}

/// A handle to the journal. Cheap to clone.
#[derive(Clone)]
pub struct Journal {}

/// Room for one call's end; given back when it is dropped, or when the end is on disk.
pub struct Slot {}

impl Journal {
    /// Starts the journal's task on the current runtime.
    pub fn start(store: Store, config: Config, webhooks: webhook::Wake) -> Journal {
        let _ = (store, config, webhooks);
        todo!()
    }
    /// Room for one call's end; `None` when there is none, and admission refuses.
    pub fn reserve(&self) -> Option<Slot> {
        todo!()
    }
    /// Commits a call that is about to be placed, and follows it from then on. Dropped before it resolves, or failed, it
    /// leaves nothing on disk.
    pub async fn intend(
        &self,
        slot: Slot,
        record: CallRecord,
        idempotency: Option<(Idempotency, StoredResponse)>,
    ) -> Result<Intended, StoreError> {
        let _ = (slot, record, idempotency);
        todo!()
    }
    /// An accepted (queued) call's INVITE is about to leave; resolves when that is on disk.
    pub async fn dialing(&self, call: CallId) -> Result<(), StoreError> {
        let _ = call;
        todo!()
    }
    /// Follows a call that an earlier run left in the store: recovery records its `Ended`.
    pub fn adopt(&self, slot: Slot, record: CallRecord) {
        let _ = (slot, record);
        todo!()
    }
    /// Takes a fact. Never waits; an answer and an end always have room because of the slot.
    pub fn record(&self, event: CallEvent) {
        let _ = event;
        todo!()
    }
    /// Every fact from now on; who reads too slowly loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<CallEvent>> {
        todo!()
    }
    /// A call whose end is not on disk yet, as it stands now: fresher than the store's.
    pub fn find(&self, call: CallId) -> Option<CallRecord> {
        let _ = call;
        todo!()
    }
    /// How many calls are alive.
    pub fn live(&self) -> usize {
        todo!()
    }
    /// Resolves when every slot was given back: every end is on disk.
    pub async fn drained(&self) {
        todo!()
    }
}
