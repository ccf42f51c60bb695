//! A tenant's account: its balance, the lines of its ledger, its top-ups.

use super::{CallId, Currency, KeyId, Micros, TenantId, Timestamp};

/// A tenant's account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// Whose.
    pub tenant: TenantId,
    /// What its micros are millionths of.
    pub currency: Currency,
    /// The sum of its ledger: what is left after the holds.
    pub available: Micros,
    /// What is kept back for calls that live.
    pub held: Micros,
    /// Whether and when it is reloaded.
    pub reload: Option<AutoReload>,
}

/// Money that was asked of the payment hook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopUp {
    /// What the hook knows it by: the same on every try.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// How much.
    pub amount: Micros,
    /// Did the switch ask by itself, because the balance was low?
    pub auto: bool,
    /// Where it stands.
    pub state: TopUpState,
    /// Why it was declined.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the hook's word was written down.
    pub settled_at: Option<Timestamp>,
}

/// Where a top-up stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopUpState {
    /// The hook has not said.
    Pending,
    /// Paid, and credited.
    Confirmed,
    /// Not paid.
    Declined,
}

impl TopUpState {
    /// The word in the store and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Confirmed, Self::Declined].into_iter().find(|state| state.as_str() == word)
    }
}

/// What a tenant's calls came to in a span of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Calls that ended.
    pub calls: u64,
    /// Of them those that were answered.
    pub answered: u64,
    /// Whole seconds of talk, of all of them together.
    pub seconds: u64,
    /// Minutes of talk begun, call by call.
    pub billable_minutes: u64,
    /// What they cost.
    pub charged: Micros,
}

/// Why a tenant's balance changed. The ledger is only ever added to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EntryKind {
    /// Kept back for a call.
    Hold,
    /// Given back when that call ended.
    Release,
    /// What it cost.
    Charge,
    /// Paid in through the payment hook.
    TopUp,
    /// Given by the operator.
    Credit,
    /// Corrected by the operator, either way.
    Adjustment,
}

impl EntryKind {
    /// Every value.
    pub const ALL: [Self; 6] =
        [Self::Hold, Self::Release, Self::Charge, Self::TopUp, Self::Credit, Self::Adjustment];

    /// The word in the store and in transactions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Charge => "charge",
            Self::TopUp => "top_up",
            Self::Credit => "credit",
            Self::Adjustment => "adjustment",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One line of a tenant's ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its place in the ledger; grows with time.
    pub id: u64,
    /// Whose.
    pub tenant: TenantId,
    /// Why.
    pub kind: EntryKind,
    /// By how much the balance changed.
    pub amount: Micros,
    /// The call that it is for.
    pub call: Option<CallId>,
    /// The key that asked for that call.
    pub key: Option<KeyId>,
    /// What it is known by elsewhere: the top-up's id, the operator's word.
    pub reference: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// The balance falls below `threshold`: then `amount` is asked of the payment hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AutoReload {
    /// Below this.
    pub threshold: Micros,
    /// So much, each time.
    pub amount: Micros,
}
