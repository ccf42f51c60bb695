//! A hierarchical timer wheel. Knows nothing of clocks: `expire` is told what time it is.

use std::time::Instant;

/// One timer. Cancelling it after it fired does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

/// A timer wheel of keys, exact to a millisecond: a timer fires at its time or up to 1 ms late, never early.
#[derive(Debug)]
pub struct Wheel<K> {
    keys: Vec<K>,
}

#[expect(unused_variables, clippy::todo, reason = "signatures first")]
impl<K> Wheel<K> {
    /// An empty wheel.
    #[must_use]
    pub fn new() -> Self {
        Self { keys: Vec::new() }
    }
    /// Sets a timer.
    pub fn insert(&mut self, at: Instant, key: K) -> TimerId {
        todo!()
    }
    /// Takes a timer back, and gives its key if it had not fired.
    pub fn cancel(&mut self, timer: TimerId) -> Option<K> {
        todo!()
    }
    /// When `expire` wants to be called next: at or before the earliest timer.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    /// Fires every timer due at `now`, in the order of their times.
    pub fn expire(&mut self, now: Instant, fire: impl FnMut(K)) {
        todo!()
    }
    /// How many timers are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }
    /// Whether no timer is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl<K> Default for Wheel<K> {
    fn default() -> Self {
        Self::new()
    }
}
