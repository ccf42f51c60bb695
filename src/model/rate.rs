//! Prices: what a call to some numbers costs, and what is kept back for one.

use super::{ApplicationId, KeyId, Micros, TenantId, Timestamp};

/// What calls to numbers with this prefix cost. Frozen into a call when it is accepted: a new price touches the next call.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Rate {
    /// The first digits of the numbers it is for, without `+`; empty for every number, [`Rate::ENDPOINTS`] for SIP URIs.
    pub prefix: String,
    /// The price of a minute of talk.
    pub per_minute: Micros,
    /// The shortest time that is billed, in seconds.
    pub first_interval: u32,
    /// What is billed after it, in steps of so many seconds, each begun one whole.
    pub next_interval: u32,
    /// An answered call costs no less.
    pub minimum: Micros,
    /// What an answered call costs besides its time.
    pub connection_fee: Micros,
}

impl Rate {
    /// What stands in a prefix's place in the price of SIP URIs.
    pub const ENDPOINTS: &str = "sip";
}

/// Money that is kept back while a call lives, and the price that it will be settled by.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Hold {
    /// How much. The call never costs more.
    pub amount: Micros,
    /// At which price.
    pub rate: Rate,
}

/// A rate, whose it is and when it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedRate {
    /// Its id in the store; zero for one from the configuration.
    pub id: u64,
    /// For whom; `None` is everybody.
    pub tenant: Option<TenantId>,
    /// The price.
    pub rate: Rate,
    /// From then on; `None` is always.
    pub valid_from: Option<Timestamp>,
    /// Until just before then; `None` is for ever.
    pub valid_until: Option<Timestamp>,
}

impl ListedRate {
    /// Does it hold now?
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= now) && self.valid_until.is_none_or(|until| now < until)
    }
}

/// What may be spent. `None` is unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SpendControl {
    /// In a UTC day, what is held counting as spent.
    pub per_day: Option<Micros>,
    /// By one call.
    pub per_call: Option<Micros>,
}

/// Who may spend only so much, within what its tenant may.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Spender {
    /// The key that asked for a call.
    Key(KeyId),
    /// The application that its key belongs to.
    Application(ApplicationId),
}

impl Spender {
    /// Those of a call.
    pub fn of(key: Option<KeyId>, application: Option<ApplicationId>) -> impl Iterator<Item = Self> {
        key.map(Self::Key).into_iter().chain(application.map(Self::Application))
    }
}
