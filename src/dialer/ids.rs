//! Call ids, from blocks leased from the store: unique over restarts and nodes, and never from a clock.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::model::CallId;
use crate::store::{Store, StoreError};

pub struct Ids {
    store: Store,
    block: Mutex<Range<u64>>,
}

impl Ids {
    pub fn new(store: Store) -> Self {
        Self { store, block: Mutex::new(0..0) }
    }

    /// Leases the first block of this run: none of its ids is below what this gives, and every id of an earlier run is.
    pub async fn begin(&self) -> Result<u64, StoreError> {
        let leased = self.store.lease_ids().await?;
        let first = leased.start;
        *self.block.lock().unwrap_or_else(PoisonError::into_inner) = leased;
        Ok(first)
    }

    /// The next id. Asks the store once in 65,536 calls.
    pub async fn next(&self) -> Result<CallId, StoreError> {
        loop {
            if let Some(id) = self.take() {
                return Ok(id);
            }
            let leased = self.store.lease_ids().await?;
            let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
            // Who leased at the same time and came first has filled it; the ids of ours stay unused.
            if block.is_empty() {
                *block = leased;
            }
        }
    }

    fn take(&self) -> Option<CallId> {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        block.find_map(CallId::new)
    }
}
