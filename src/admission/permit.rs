//! What a call holds while it lives, and gives back: its place among the calls at once, and its minutes of its trunk's day.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::spend::Ledger;

/// Room for one call, given back when it is dropped.
pub struct Permit {
    /// The switch's, its tenant's and its key's calls at once.
    pub(super) pools: Vec<Gauge>,
    pub(super) trunk: Gauge,
    pub(super) spend: Booking,
    pub(super) room: Arc<watch::Sender<()>>,
}

/// What one call costs its trunk.
pub struct Booking {
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) state: Booked,
}

/// How far it is.
#[derive(Clone, Copy)]
pub enum Booked {
    Waiting,
    Answered(Instant),
    Settled,
}

/// Calls at once, counted.
#[derive(Clone, Default)]
pub struct Gauge(Arc<AtomicU32>);

impl Gauge {
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    pub fn take(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    pub fn give(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Permit {
    /// The call is answered: from now on it costs.
    pub fn answered(&mut self, now: Instant) {
        if let Booked::Waiting = self.spend.state {
            lock(&self.spend.ledger).answer(now);
            self.spend.state = Booked::Answered(now);
        }
    }

    /// It is over: it has cost what it has cost.
    pub fn ended(&mut self, now: Instant) {
        self.spend.settle(now);
    }
}

impl Booking {
    fn settle(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, Booked::Settled) {
            Booked::Waiting => lock(&self.ledger).withdraw(),
            Booked::Answered(at) => lock(&self.ledger).end(now, at),
            Booked::Settled => {}
        }
    }
}

/// A call that goes without having been ended has cost its first minute at least.
impl Drop for Booking {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, Booked::Settled) {
            Booked::Waiting => lock(&self.ledger).withdraw(),
            Booked::Answered(at) => lock(&self.ledger).end(at, at),
            Booked::Settled => {}
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pools.iter().chain([&self.trunk]).for_each(Gauge::give);
        self.room.send_replace(());
    }
}

/// No code that can panic runs under it.
pub fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
