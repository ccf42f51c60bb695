//! Slots: room for one call's end each. Taken before a call starts, given back when its end is on disk, so that what is not
//! written yet is bounded however long the database is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// All of them.
pub(super) struct Slots {
    taken: AtomicUsize,
    max: usize,
    none_taken: Notify,
}

/// Room for one call's end; given back when it is dropped.
pub struct Slot(Arc<Slots>);

impl Slots {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), max, none_taken: Notify::new() })
    }

    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let more = |taken: usize| (taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Slot(Arc::clone(self)))
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

impl Drop for Slot {
    fn drop(&mut self) {
        if self.0.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_taken.notify_waiters();
        }
    }
}
