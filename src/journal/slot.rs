//! Slots: room for one call's end each. Taken before a call starts, given back when its end is on disk, so that what is not
//! written yet is bounded however long the database is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::billing::Held;
use crate::model::CallRecord;

/// All of them.
pub(super) struct Slots {
    taken: AtomicUsize,
    max: usize,
    none_taken: Notify,
}

/// Room for one call's end, and the money that is kept back for it; both are given back when it is dropped.
pub struct Slot {
    slots: Arc<Slots>,
    held: Option<Held>,
}

impl Slots {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), max, none_taken: Notify::new() })
    }

    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let more = |taken: usize| (taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Slot { slots: Arc::clone(self), held: None })
    }

    /// Resolves when none is taken.
    pub async fn idle(&self) {
        loop {
            let mut notified = std::pin::pin!(self.none_taken.notified());
            // Registered before the look, so that a slot given back between the two is not missed.
            notified.as_mut().enable();
            if self.taken.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Slot {
    /// Keeps this money until the call's end is on disk, or it is certain that the call never was.
    pub fn keep(&mut self, held: Option<Held>) {
        self.held = held;
    }

    /// The call ended, and its record says what it cost.
    pub(super) fn settle(&mut self, record: &CallRecord) {
        if let (Some(held), Some(charge)) = (&mut self.held, record.charge) {
            held.settle(charge, record.ended_at.unwrap_or(record.created_at));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Whoever waits for the last slot finds every balance settled.
        self.held = None;
        if self.slots.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.slots.none_taken.notify_waiters();
        }
    }
}
