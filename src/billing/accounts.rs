//! Every tenant's balance, under one lock: what is available, what is kept back, what was spent today.
//!
//! A balance never falls below zero: a hold takes at most what is there, and a call never costs more than was held for it.

mod purse;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use self::purse::{Account, Purse, less, more};
use super::{charge, first_price, seconds_covered};
use crate::model::{
    AutoReload, CallRecord, Hold, Micros, Rate, Refusal, SpendControl, Spender, TenantId, Timestamp,
};

/// All accounts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// An account fell below its auto-reload threshold.
    low: Notify,
    /// Money came in, a hold was given back, or a limit was changed.
    more: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    accounts: HashMap<TenantId, Account>,
    /// What every tenant may spend.
    tenants: SpendControl,
    /// Of all calls that were settled since the start.
    charged: u64,
}

/// An account as the store has it.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Whose.
    pub tenant: TenantId,
    /// The sum of its ledger.
    pub available: Micros,
    /// Whether and when it is reloaded.
    pub reload: Option<AutoReload>,
}

/// A call that wants to be paid for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who pays.
    pub tenant: TenantId,
    /// Who else may spend only so much: the key that asked, then its application.
    pub spenders: Vec<(Spender, SpendControl)>,
    /// The price.
    pub rate: Rate,
    /// How long the call may last at most.
    pub longest: Duration,
    /// Does any money at all suffice? Otherwise the first interval must be covered.
    pub partial: bool,
}

/// An account as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// What is left after the holds.
    pub available: Micros,
    /// What is kept back for calls that live.
    pub held: Micros,
    /// How many those are.
    pub holds: u32,
    /// What calls cost that ended today (UTC).
    pub spent_today: Micros,
    /// Whether and when it is reloaded.
    pub reload: Option<AutoReload>,
}

/// Money kept back for one call. Dropped when the call's end is on disk, or when the call never came to be: what it has not
/// cost is available again.
pub struct Held {
    accounts: Accounts,
    tenant: TenantId,
    spenders: Vec<Spender>,
    hold: Hold,
    /// What the call cost, and when it ended.
    charged: (Micros, Timestamp),
}

impl Accounts {
    /// What every tenant may spend.
    pub fn set_control(&self, tenants: SpendControl) {
        self.state().tenants = tenants;
        self.0.more.send_replace(());
    }

    /// Is this tenant's account here?
    pub fn has(&self, tenant: TenantId) -> bool {
        self.state().accounts.contains_key(&tenant)
    }

    /// Takes an account from the store. One that is here already knows better.
    pub fn seat(&self, seat: Seat) {
        self.state().accounts.entry(seat.tenant).or_insert_with(|| Account {
            available: seat.available,
            purse: Purse::default(),
            spenders: HashMap::new(),
            reload: seat.reload,
        });
    }

    /// What an earlier run's calls have cost on the day of `now`.
    pub fn restore_spend(&self, tenant: TenantId, spenders: &[Spender], spent: Micros, now: Timestamp) {
        if let Some(account) = self.state().accounts.get_mut(&tenant) {
            account.each_purse(spenders, |purse| purse.spend(spent, now));
        }
    }

    /// May this call be placed, as far as money goes? Spend controls first. Takes nothing.
    pub fn look(&self, now: Timestamp, ask: &Ask) -> Result<(), Refusal> {
        self.state().amount(now, ask).map(drop)
    }

    /// Does its first interval alone cost more than one call may? Then no money pays for it.
    pub fn is_too_dear(&self, ask: &Ask) -> bool {
        let tenants = self.state().tenants;
        let mut controls = std::iter::once(&tenants).chain(ask.spenders.iter().map(|(_, control)| control));
        controls.any(|control| control.per_call.is_some_and(|most| first_price(&ask.rate) > most))
    }

    /// Tells whoever waits for money that some account may have more of it, each for itself.
    pub fn more(&self) -> watch::Receiver<()> {
        self.0.more.subscribe()
    }

    /// Keeps back what the call may cost at most, or as much of it as there is. A refusal takes nothing.
    pub fn hold(&self, now: Timestamp, ask: &Ask) -> Result<Held, Refusal> {
        let mut state = self.state();
        let amount = state.amount(now, ask)?;
        let account = state.accounts.get_mut(&ask.tenant).ok_or(Refusal::InsufficientBalance)?;
        let spenders: Vec<Spender> = ask.spenders.iter().map(|(spender, _)| *spender).collect();
        account.available = less(account.available, amount);
        account.each_purse(&spenders, |purse| purse.keep(amount));
        let is_low = account.is_low();
        drop(state);
        if is_low {
            self.0.low.notify_one();
        }
        let hold = Hold { amount, rate: ask.rate.clone() };
        Ok(self.held(ask.tenant, spenders, hold))
    }

    /// The hold of a call that an earlier run left: its ledger has it already. `None`: nothing was held, or the account is not here.
    pub fn adopt(&self, record: &CallRecord) -> Option<Held> {
        let hold = record.hold.clone()?;
        let mut state = self.state();
        let account = state.accounts.get_mut(&record.tenant)?;
        let spenders: Vec<Spender> = Spender::of(record.key, record.application).collect();
        account.each_purse(&spenders, |purse| purse.keep(hold.amount));
        drop(state);
        Some(self.held(record.tenant, spenders, hold))
    }

    /// The ledger has another entry that is neither hold, release nor charge.
    pub fn enter(&self, tenant: TenantId, amount: Micros) {
        if let Some(account) = self.state().accounts.get_mut(&tenant) {
            account.available = more(account.available, amount);
        }
        self.0.more.send_replace(());
    }

    /// From now on it is reloaded so, or not at all.
    pub fn set_reload(&self, tenant: TenantId, reload: Option<AutoReload>) {
        let mut state = self.state();
        let Some(account) = state.accounts.get_mut(&tenant) else { return };
        account.reload = reload;
        if account.is_low() {
            drop(state);
            self.0.low.notify_one();
        }
    }

    /// An account as it stands; `None` if it is not here.
    pub fn standing(&self, tenant: TenantId, now: Timestamp) -> Option<Standing> {
        let state = self.state();
        let account = state.accounts.get(&tenant)?;
        Some(Standing {
            available: account.available,
            held: account.purse.held,
            holds: account.purse.holds,
            spent_today: account.purse.spent_on(now),
            reload: account.reload,
        })
    }

    /// Accounts that are below their threshold.
    pub fn low(&self) -> Vec<(TenantId, AutoReload)> {
        let state = self.state();
        let low = state.accounts.iter().filter(|(_, account)| account.is_low());
        low.filter_map(|(tenant, account)| Some((*tenant, account.reload?))).collect()
    }

    /// Resolves when an account fell below its threshold since it was last asked.
    pub async fn fell_low(&self) {
        self.0.low.notified().await;
    }

    /// Micros charged since the start, and holds that are open now.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state();
        let holds = state.accounts.values().map(|account| u64::from(account.purse.holds)).sum();
        (state.charged, holds)
    }

    fn held(&self, tenant: TenantId, spenders: Vec<Spender>, hold: Hold) -> Held {
        Held { accounts: self.clone(), tenant, spenders, hold, charged: (Micros::ZERO, Timestamp(i64::MIN)) }
    }

    /// No code that can panic runs under it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How much is kept back for this call.
    fn amount(&self, now: Timestamp, ask: &Ask) -> Result<Micros, Refusal> {
        let account = self.accounts.get(&ask.tenant).ok_or(Refusal::InsufficientBalance)?;
        let first = first_price(&ask.rate);
        let mut want = charge(&ask.rate, ask.longest);
        let spenders = ask.spenders.iter().map(|(spender, control)| {
            let purse = account.spenders.get(spender).copied().unwrap_or_default();
            (*control, purse)
        });
        for (control, purse) in std::iter::once((self.tenants, account.purse)).chain(spenders) {
            if let Some(most) = control.per_call {
                want = within(want, first, most).ok_or(Refusal::SpendControl)?;
            }
            if let Some(most) = control.per_day {
                let left = less(less(most, purse.spent_on(now)), purse.held);
                want = within(want, first, left).ok_or(Refusal::SpendControl)?;
            }
        }
        let enough = match ask.partial {
            true => account.available.is_positive(),
            false => account.available >= first && account.available >= Micros::ZERO,
        };
        if enough { Ok(want.min(account.available)) } else { Err(Refusal::InsufficientBalance) }
    }
}

/// As much of it as there is room for; `None` if there is none for the first interval.
fn within(want: Micros, first: Micros, room: Micros) -> Option<Micros> {
    (first <= room).then_some(want.min(room))
}

impl Held {
    /// What is kept back, and at which price.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// For how long it lasts: the call may not talk longer. The first interval is talked out even where less was left for it.
    pub fn lasts(&self) -> Duration {
        let first = u64::from(self.hold.rate.first_interval);
        Duration::from_secs(seconds_covered(&self.hold.rate, self.hold.amount).unwrap_or(first))
    }

    /// The call ended: it has cost so much, and no more than was held.
    pub fn settle(&mut self, charge: Micros, ended_at: Timestamp) {
        self.charged = (charge.min(self.hold.amount), ended_at);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (charged, at) = self.charged;
        let mut state = self.accounts.state();
        state.charged = state.charged.saturating_add(charged.0.unsigned_abs());
        let Some(account) = state.accounts.get_mut(&self.tenant) else { return };
        account.available = more(account.available, less(self.hold.amount, charged));
        account.each_purse(&self.spenders, |purse| {
            purse.let_go(self.hold.amount);
            if charged.is_positive() {
                purse.spend(charged, at);
            }
        });
        drop(state);
        self.accounts.0.more.send_replace(());
    }
}

#[cfg(test)]
mod tests;
