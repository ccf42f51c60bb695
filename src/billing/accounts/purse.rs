//! One tenant's balance, and the purses it is counted by: what is kept back now and what was spent on one day.

use std::collections::HashMap;

use crate::model::{AutoReload, Micros, Spender, Timestamp};

/// One tenant's.
pub struct Account {
    /// The sum of its ledger: what is left after the holds.
    pub available: Micros,
    pub purse: Purse,
    pub spenders: HashMap<Spender, Purse>,
    pub reload: Option<AutoReload>,
}

/// What is kept back now and was spent on one day.
#[derive(Clone, Copy, Default)]
pub struct Purse {
    pub held: Micros,
    pub holds: u32,
    /// Days since 1970.
    pub day: i64,
    pub spent: Micros,
}

impl Account {
    pub fn each_purse(&mut self, spenders: &[Spender], change: impl Fn(&mut Purse)) {
        change(&mut self.purse);
        for spender in spenders {
            change(self.spenders.entry(*spender).or_default());
        }
    }

    pub fn is_low(&self) -> bool {
        self.reload.is_some_and(|reload| self.available < reload.threshold)
    }
}

impl Purse {
    pub fn keep(&mut self, amount: Micros) {
        self.held = more(self.held, amount);
        self.holds += 1;
    }

    pub fn let_go(&mut self, amount: Micros) {
        self.held = less(self.held, amount);
        self.holds = self.holds.saturating_sub(1);
    }

    /// What was spent on an earlier day counts no more.
    pub fn spend(&mut self, amount: Micros, now: Timestamp) {
        let day = day(now);
        if day > self.day {
            (self.day, self.spent) = (day, Micros::ZERO);
        }
        if day == self.day {
            self.spent = more(self.spent, amount);
        }
    }

    pub fn spent_on(&self, now: Timestamp) -> Micros {
        if day(now) == self.day { self.spent } else { Micros::ZERO }
    }
}

pub const DAY_MS: i64 = 86_400_000;

/// Days since 1970.
pub fn day(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY_MS)
}

/// Amounts are bounded at the door, far from where these would stop short.
pub fn more(a: Micros, b: Micros) -> Micros {
    Micros(a.0.saturating_add(b.0))
}

pub fn less(a: Micros, b: Micros) -> Micros {
    Micros(a.0.saturating_sub(b.0))
}
