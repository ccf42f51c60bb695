//! Every tenant's balance, under one lock: what is available, what is kept back, what was spent today.
//!
//! A balance never falls below zero: a hold takes at most what is there, and a call never costs more than was held for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::{charge, first_price, seconds_covered};
use crate::model::{
    AutoReload, CallRecord, Hold, KeyId, Micros, Rate, Refusal, SpendControl, TenantId, Timestamp,
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

/// One tenant's.
struct Account {
    /// The sum of its ledger: what is left after the holds.
    available: Micros,
    purse: Purse,
    keys: HashMap<KeyId, Purse>,
    reload: Option<AutoReload>,
}

/// What is kept back now and was spent on one day.
#[derive(Clone, Copy, Default)]
struct Purse {
    held: Micros,
    holds: u32,
    /// Days since 1970.
    day: i64,
    spent: Micros,
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
    /// The key that asked.
    pub key: Option<KeyId>,
    /// What that key may spend.
    pub control: SpendControl,
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
    key: Option<KeyId>,
    hold: Hold,
    /// What the call cost, and when it ended.
    charged: (Micros, Timestamp),
}

const DAY_MS: i64 = 86_400_000;

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
            keys: HashMap::new(),
            reload: seat.reload,
        });
    }

    /// What an earlier run's calls have cost on the day of `now`.
    pub fn restore_spend(&self, tenant: TenantId, key: Option<KeyId>, spent: Micros, now: Timestamp) {
        if let Some(account) = self.state().accounts.get_mut(&tenant) {
            account.each_purse(key, |purse| purse.spend(spent, now));
        }
    }

    /// May this call be placed, as far as money goes? Spend controls first. Takes nothing.
    pub fn look(&self, now: Timestamp, ask: &Ask) -> Result<(), Refusal> {
        self.state().amount(now, ask).map(drop)
    }

    /// Does its first interval alone cost more than one call may? Then no money pays for it.
    pub fn is_too_dear(&self, ask: &Ask) -> bool {
        let controls = [self.state().tenants, ask.control];
        controls.iter().any(|control| control.per_call.is_some_and(|most| first_price(&ask.rate) > most))
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
        account.available = less(account.available, amount);
        account.each_purse(ask.key, |purse| purse.keep(amount));
        let is_low = account.is_low();
        drop(state);
        if is_low {
            self.0.low.notify_one();
        }
        let hold = Hold { amount, rate: ask.rate.clone() };
        Ok(self.held(ask.tenant, ask.key, hold))
    }

    /// The hold of a call that an earlier run left: its ledger has it already. `None`: nothing was held, or the account is not here.
    pub fn adopt(&self, record: &CallRecord) -> Option<Held> {
        let hold = record.hold.clone()?;
        let mut state = self.state();
        let account = state.accounts.get_mut(&record.tenant)?;
        account.each_purse(record.key, |purse| purse.keep(hold.amount));
        drop(state);
        Some(self.held(record.tenant, record.key, hold))
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

    fn held(&self, tenant: TenantId, key: Option<KeyId>, hold: Hold) -> Held {
        Held { accounts: self.clone(), tenant, key, hold, charged: (Micros::ZERO, Timestamp(i64::MIN)) }
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
        let key = ask.key.map(|key| {
            let purse = account.keys.get(&key).copied().unwrap_or_default();
            (ask.control, purse)
        });
        for (control, purse) in std::iter::once((self.tenants, account.purse)).chain(key) {
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

impl Account {
    fn each_purse(&mut self, key: Option<KeyId>, change: impl Fn(&mut Purse)) {
        change(&mut self.purse);
        if let Some(key) = key {
            change(self.keys.entry(key).or_default());
        }
    }

    fn is_low(&self) -> bool {
        self.reload.is_some_and(|reload| self.available < reload.threshold)
    }
}

impl Purse {
    fn keep(&mut self, amount: Micros) {
        self.held = more(self.held, amount);
        self.holds += 1;
    }

    fn let_go(&mut self, amount: Micros) {
        self.held = less(self.held, amount);
        self.holds = self.holds.saturating_sub(1);
    }

    /// What was spent on an earlier day counts no more.
    fn spend(&mut self, amount: Micros, now: Timestamp) {
        let day = day(now);
        if day > self.day {
            (self.day, self.spent) = (day, Micros::ZERO);
        }
        if day == self.day {
            self.spent = more(self.spent, amount);
        }
    }

    fn spent_on(&self, now: Timestamp) -> Micros {
        if day(now) == self.day { self.spent } else { Micros::ZERO }
    }
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
        account.each_purse(self.key, |purse| {
            purse.let_go(self.hold.amount);
            if charged.is_positive() {
                purse.spend(charged, at);
            }
        });
        drop(state);
        self.accounts.0.more.send_replace(());
    }
}

/// Days since 1970.
fn day(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY_MS)
}

/// Amounts are bounded at the door, far from where these would stop short.
fn more(a: Micros, b: Micros) -> Micros {
    Micros(a.0.saturating_add(b.0))
}

fn less(a: Micros, b: Micros) -> Micros {
    Micros(a.0.saturating_sub(b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: TenantId = TenantId(1);
    const KEY: KeyId = KeyId(7);
    const NOON: Timestamp = Timestamp(DAY_MS / 2);

    /// A cent a minute, billed by the minute; calls of at most five.
    fn ask() -> Ask {
        let rate = Rate {
            prefix: String::new(),
            per_minute: Micros(10_000),
            first_interval: 60,
            next_interval: 60,
            minimum: Micros::ZERO,
            connection_fee: Micros::ZERO,
        };
        Ask {
            tenant: US,
            key: Some(KEY),
            control: SpendControl::default(),
            rate,
            longest: Duration::from_secs(300),
            partial: false,
        }
    }

    fn with(available: i64) -> Accounts {
        let accounts = Accounts::default();
        accounts.seat(Seat { tenant: US, available: Micros(available), reload: None });
        accounts
    }

    fn available(accounts: &Accounts) -> i64 {
        accounts.standing(US, NOON).expect("seated").available.0
    }

    #[test]
    fn a_hold_is_what_the_longest_call_costs_and_what_was_not_spent_comes_back() {
        let accounts = with(100_000);
        let mut held = accounts.hold(NOON, &ask()).expect("covered");
        assert_eq!((held.hold().amount, held.lasts()), (Micros(50_000), Duration::from_secs(300)));
        assert_eq!(available(&accounts), 50_000);
        held.settle(Micros(20_000), NOON);
        drop(held);
        let standing = accounts.standing(US, NOON).expect("seated");
        assert_eq!((standing.available, standing.held, standing.holds), (Micros(80_000), Micros::ZERO, 0));
        assert_eq!((standing.spent_today, accounts.counts()), (Micros(20_000), (20_000, 0)));
    }

    #[test]
    fn a_hold_takes_what_is_left_and_the_call_lasts_as_long_as_that() {
        let accounts = with(25_000);
        let held = accounts.hold(NOON, &ask()).expect("two minutes");
        assert_eq!((held.hold().amount, held.lasts()), (Micros(25_000), Duration::from_secs(120)));
        assert_eq!(accounts.hold(NOON, &ask()).err(), Some(Refusal::InsufficientBalance));
        drop(held);
        assert_eq!(available(&accounts), 25_000, "nobody answered");
    }

    #[test]
    fn the_first_interval_must_be_covered_unless_any_money_suffices() {
        let accounts = with(9_999);
        assert_eq!(accounts.look(NOON, &ask()), Err(Refusal::InsufficientBalance));
        let mut held = accounts.hold(NOON, &Ask { partial: true, ..ask() }).expect("some money");
        assert_eq!((held.hold().amount, held.lasts()), (Micros(9_999), Duration::from_secs(60)));
        held.settle(Micros(10_000), NOON);
        drop(held);
        assert_eq!(available(&accounts), 0, "never below zero");
        let refused = accounts.hold(NOON, &Ask { partial: true, ..ask() }).err();
        assert_eq!(refused, Some(Refusal::InsufficientBalance));
    }

    #[test]
    fn a_call_costs_no_more_than_its_control_allows() {
        let accounts = with(1_000_000);
        let control = |micros| SpendControl { per_call: Some(Micros(micros)), per_day: None };
        accounts.set_control(control(30_000));
        let own = Ask { control: control(20_000), ..ask() };
        assert_eq!(accounts.hold(NOON, &own).expect("covered").hold().amount, Micros(20_000));
        let other = Ask { key: Some(KeyId(8)), ..ask() };
        assert_eq!(accounts.hold(NOON, &other).expect("covered").hold().amount, Micros(30_000));
        accounts.set_control(control(9_999));
        assert!(matches!(accounts.hold(NOON, &ask()), Err(Refusal::SpendControl)));
    }

    #[test]
    fn a_days_control_counts_what_is_held_and_what_was_spent_and_forgets_it_at_midnight() {
        let accounts = with(1_000_000);
        let control = SpendControl { per_call: None, per_day: Some(Micros(55_000)) };
        let ask = || Ask { control, ..ask() };
        let mut held = accounts.hold(NOON, &ask()).expect("covered");
        assert!(matches!(accounts.look(NOON, &ask()), Err(Refusal::SpendControl)), "5,000 are left");
        held.settle(Micros(40_000), NOON);
        drop(held);
        assert_eq!(accounts.hold(NOON, &ask()).expect("15,000 are left").hold().amount, Micros(15_000));
        accounts.restore_spend(US, Some(KEY), Micros(10_000), NOON);
        assert!(matches!(accounts.look(NOON, &ask()), Err(Refusal::SpendControl)));
        accounts.look(Timestamp(DAY_MS), &ask()).expect("another day");
    }

    #[test]
    fn spend_controls_are_looked_at_before_the_balance() {
        let accounts = with(0);
        assert_eq!(accounts.look(NOON, &ask()), Err(Refusal::InsufficientBalance));
        accounts.set_control(SpendControl { per_call: Some(Micros(1)), per_day: None });
        assert!(matches!(accounts.look(NOON, &ask()), Err(Refusal::SpendControl)));
    }

    #[test]
    fn an_account_that_is_here_is_not_taken_anew_and_one_that_is_not_pays_nothing() {
        let accounts = with(10_000);
        accounts.seat(Seat { tenant: US, available: Micros(99), reload: None });
        assert_eq!(available(&accounts), 10_000);
        let strange = Ask { tenant: TenantId(2), ..ask() };
        assert_eq!(accounts.hold(NOON, &strange).err(), Some(Refusal::InsufficientBalance));
    }

    #[test]
    fn a_price_over_what_one_call_may_cost_is_no_question_of_money() {
        let accounts = with(1_000_000);
        assert!(!accounts.is_too_dear(&ask()));
        let per_call = |micros| SpendControl { per_day: None, per_call: Some(Micros(micros)) };
        accounts.set_control(per_call(10_000));
        assert!(!accounts.is_too_dear(&ask()));
        assert!(accounts.is_too_dear(&Ask { control: per_call(9_999), ..ask() }));
        let day = SpendControl { per_day: Some(Micros(1)), per_call: None };
        accounts.set_control(day);
        assert!(!accounts.is_too_dear(&ask()), "a day ends");
    }

    #[test]
    fn whoever_waits_for_money_hears_of_all_that_comes_back() {
        let accounts = with(10_000);
        let mut more = accounts.more();
        let held = accounts.hold(NOON, &ask()).expect("paid");
        assert!(!more.has_changed().expect("open"), "less is no news");
        drop(held);
        assert!(more.has_changed().expect("open"));
        more.mark_unchanged();
        accounts.enter(US, Micros(1));
        assert!(more.has_changed().expect("open"));
    }

    #[test]
    fn who_falls_below_the_threshold_is_told_of() {
        let accounts = with(60_000);
        let reload = AutoReload { threshold: Micros(20_000), amount: Micros(500_000) };
        accounts.set_reload(US, Some(reload));
        assert_eq!(accounts.low(), []);
        let held = accounts.hold(NOON, &ask()).expect("covered");
        assert_eq!(accounts.low(), [(US, reload)]);
        accounts.enter(US, Micros(500_000));
        assert_eq!(accounts.low(), []);
        drop(held);
        assert_eq!(available(&accounts), 560_000);
    }
}
