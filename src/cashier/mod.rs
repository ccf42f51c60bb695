//! Between the accounts in memory and the ledger on disk: prices, credits, top-ups, reloads. A shell: it reads the clock, writes
//! to the store and asks the payment hook; what a call costs and who can pay is decided in [`crate::billing`].
//!
//! Money is taken in memory before it is taken on disk, and given in memory after it was given on disk, so memory never
//! promises what the ledger does not have.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock and starts tasks")]

mod hook;
mod reload;
mod top_up;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex, Notify};

use crate::billing::{Accounts, Rates, Seat, Standing};
use crate::clock::wall_now;
use crate::config::Billing;
use crate::egress::Egress;
use crate::model::{
    Account, AutoReload, Currency, EntryKind, ListedRate, Micros, PhoneNumber, Rate, Refusal, Spender,
    TenantId, Timestamp,
};
use crate::store::{NewEntry, Store, StoreError};

use hook::Hook;
pub use top_up::{TopUpError, TopUpRequest};

/// A handle. Cheap to clone.
#[derive(Clone)]
pub struct Cashier(Arc<Inner>);

struct Inner {
    store: Store,
    accounts: Accounts,
    terms: RwLock<Terms>,
    egress: Egress,
    /// What calls of an earlier run have cost on the day that this one began on, until their tenant's account is seated.
    spent: Mutex<HashMap<TenantId, Spent>>,
    opened_at: Timestamp,
    /// A top-up was begun.
    begun: Notify,
    /// The top-up that the store failed over when it was settled, until it is known whether it was. Locked while one is settled.
    doubtful: Mutex<Option<String>>,
}

/// What a tenant's calls cost, by who spent it.
type Spent = Vec<(Vec<Spender>, Micros)>;

/// What the configuration says of money.
struct Terms {
    currency: Currency,
    opening: Micros,
    tenant_rates: bool,
    rates: Rates,
    hook: Option<Arc<Hook>>,
}

/// Why a rate was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// Only the operator sets this tenant's prices.
    #[error("rates are set by the operator")]
    NotAllowed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose the file's keys are: the operator's own.
const OPERATORS_TENANT: TenantId = TenantId(1);
const DAY_MS: i64 = 86_400_000;

impl Cashier {
    /// Reads prices and what today has cost.
    pub async fn open(billing: &Billing, store: Store, egress: Egress) -> Result<Self, StoreError> {
        Self::open_at(wall_now(), billing, store, egress).await
    }

    async fn open_at(
        opened_at: Timestamp,
        billing: &Billing,
        store: Store,
        egress: Egress,
    ) -> Result<Self, StoreError> {
        let midnight = Timestamp(opened_at.0 - opened_at.0.rem_euclid(DAY_MS));
        let mut spent: HashMap<TenantId, Spent> = HashMap::new();
        for charged in store.charged_since(midnight).await? {
            let spenders = Spender::of(charged.key, charged.application).collect();
            spent.entry(charged.tenant).or_default().push((spenders, charged.amount));
        }
        let accounts = Accounts::default();
        accounts.set_control(billing.tenants);
        let terms = RwLock::new(Terms::new(billing, store.rates().await?));
        let (spent, begun, doubtful) = (Mutex::new(spent), Notify::new(), Mutex::default());
        Ok(Self(Arc::new(Inner { store, accounts, terms, egress, spent, opened_at, begun, doubtful })))
    }

    /// Takes another configuration's prices, limits and hook. The currency of an account that was opened stays.
    pub async fn replace(&self, billing: &Billing) -> Result<(), StoreError> {
        let stored = self.0.store.rates().await?;
        self.0.accounts.set_control(billing.tenants);
        *self.0.terms.write().unwrap_or_else(PoisonError::into_inner) = Terms::new(billing, stored);
        Ok(())
    }

    /// The balances.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Has this tenant's account in memory; opens it in the store if it is new.
    pub async fn seat(&self, tenant: TenantId) -> Result<(), StoreError> {
        if self.0.accounts.has(tenant) {
            return Ok(());
        }
        let mut spent = self.0.spent.lock().await;
        // Whoever came first has seated it; what it read is older than what has happened since.
        if self.0.accounts.has(tenant) {
            return Ok(());
        }
        let (currency, opening) = self.terms(|terms| (terms.currency, terms.opening));
        let account = self.0.store.open_account(tenant, currency, opening, wall_now()).await?;
        self.0.accounts.seat(Seat { tenant, available: account.available, reload: account.reload });
        for (spenders, charged) in spent.remove(&tenant).unwrap_or_default() {
            // It may be another day by now, which that is none of.
            self.0.accounts.restore_spend(tenant, &spenders, charged, self.0.opened_at);
        }
        Ok(())
    }

    /// What a call from this tenant to this number costs.
    pub fn price(&self, tenant: TenantId, to: &PhoneNumber) -> Result<Rate, Refusal> {
        self.terms(|terms| terms.rates.find(tenant, to, wall_now()).cloned()).ok_or(Refusal::RateNotFound)
    }

    /// What a call from this tenant to a SIP URI costs, if that has a price: it leads to what somebody runs for himself.
    pub fn endpoint_price(&self, tenant: TenantId) -> Option<Rate> {
        self.terms(|terms| terms.rates.of_endpoints(tenant, wall_now()).cloned())
    }

    /// A tenant's account as it stands, and its currency.
    pub async fn standing(&self, tenant: TenantId) -> Result<(Standing, Currency), StoreError> {
        self.seat(tenant).await?;
        let account: Option<Account> = self.0.store.account(tenant).await?;
        let currency = account.map_or_else(|| self.terms(|terms| terms.currency), |account| account.currency);
        let standing = self.0.accounts.standing(tenant, wall_now()).unwrap_or_default();
        Ok((standing, currency))
    }

    /// Gives a tenant money, in the operator's name. `false`: this reference was given before, and nothing is given twice.
    pub async fn credit(
        &self,
        tenant: TenantId,
        amount: Micros,
        reference: Option<String>,
    ) -> Result<bool, StoreError> {
        let this = self.clone();
        to_its_end(async move { this.give(tenant, amount, reference).await }).await
    }

    async fn give(
        &self,
        tenant: TenantId,
        amount: Micros,
        reference: Option<String>,
    ) -> Result<bool, StoreError> {
        self.seat(tenant).await?;
        let entry = NewEntry { tenant, kind: EntryKind::Credit, amount, reference, at: wall_now() };
        let entered = self.0.store.enter(entry).await?;
        if entered {
            self.0.accounts.enter(tenant, amount);
        }
        Ok(entered)
    }

    /// From now on this account is reloaded so.
    pub async fn set_reload(&self, tenant: TenantId, reload: Option<AutoReload>) -> Result<(), StoreError> {
        let this = self.clone();
        let work = async move {
            this.seat(tenant).await?;
            this.0.store.set_reload(tenant, reload).await?;
            this.0.accounts.set_reload(tenant, reload);
            Ok(())
        };
        to_its_end(work).await
    }

    /// Is there anybody to confirm a payment?
    pub fn has_hook(&self) -> bool {
        self.terms(|terms| terms.hook.is_some())
    }

    /// The prices that hold for a tenant.
    pub fn rates(&self, tenant: TenantId) -> Vec<ListedRate> {
        self.terms(|terms| terms.rates.of(tenant).into_iter().cloned().collect())
    }

    /// Adds a price of a tenant's own, as far as the tenant may say what it pays.
    pub async fn add_rate(&self, tenant: TenantId, mut listed: ListedRate) -> Result<ListedRate, RateError> {
        if tenant != OPERATORS_TENANT && !self.terms(|terms| terms.tenant_rates) {
            return Err(RateError::NotAllowed);
        }
        listed.tenant = Some(tenant);
        let this = self.clone();
        let work = async move {
            listed.id = this.0.store.add_rate(tenant, &listed, wall_now()).await?;
            this.0.terms.write().unwrap_or_else(PoisonError::into_inner).rates.add(listed.clone());
            Ok(listed)
        };
        Ok(to_its_end(work).await?)
    }

    fn terms<T>(&self, look: impl FnOnce(&Terms) -> T) -> T {
        look(&self.0.terms.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Does what changes disk and memory, both, even if nobody waits for the answer any more.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.map_err(|_| StoreError::Closed)?
}

impl Terms {
    fn new(billing: &Billing, stored: Vec<ListedRate>) -> Self {
        Self {
            currency: billing.currency,
            opening: billing.default_balance,
            tenant_rates: billing.tenant_rates,
            rates: Rates::new(billing.rates.iter().cloned().chain(stored)),
            hook: billing.hook.as_ref().map(|hook| Arc::new(Hook::new(hook))),
        }
    }
}

#[cfg(test)]
mod tests;
