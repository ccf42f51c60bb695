//! A batch campaign and its recipients, as the store keeps them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{AgentId, CallId, Disposition, KeyId, PhoneNumber, Retry, TenantId, Timestamp, Variable, Zone};

/// A campaign. Below 2^53, from the same blocks as calls' ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CampaignId(pub u64);

/// `batchcall_` and 16 hexadecimal digits.
impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batchcall_{:016x}", self.0)
    }
}

impl FromStr for CampaignId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hex = text.strip_prefix("batchcall_").filter(|hex| hex.len() == 16).ok_or(())?;
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        u64::from_str_radix(hex, 16).map(Self).map_err(|_| ())
    }
}

/// One recipient of one campaign: its place in the list, counted from 0 over those that are dialled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecipientId {
    /// Whose recipient it is.
    pub campaign: CampaignId,
    /// Its place.
    pub position: u32,
}

/// Declares an enum of words that the store keeps.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in the store and in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The value of a word; `None` if it is none of ours.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

words! {
    /// Where a campaign stands.
    CampaignStatus {
        /// Waits for its date and its window, or to be launched.
        Scheduled = "scheduled",
        /// Dials, whenever its window is open and there is room.
        Running = "running",
        /// Dials nobody until it is resumed.
        Paused = "paused",
        /// The last attempt ended.
        Completed = "completed",
        /// What had not started never will.
        Cancelled = "cancelled",
        /// It cannot go on: its agent, number or trunk is gone. It can be launched again.
        Failed = "failed",
    }
}

impl CampaignStatus {
    /// Is there nothing that could set it going again?
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

words! {
    /// Where a recipient stands. Nobody who was dialled is dialled again, unless the campaign has a [`Retry`].
    RecipientState {
        /// Not dialled yet.
        Pending = "pending",
        /// The runner has it, under a lease; no INVITE has left. Counts as pending.
        Claimed = "claimed",
        /// Its call's intent is on disk.
        Dialing = "dialing",
        /// Its call is over, answered or not.
        Ended = "ended",
        /// It could not be called at all; no INVITE left.
        Failed = "failed",
        /// The switch died while its call was being set up: it may have rung.
        Indeterminate = "indeterminate",
        /// The campaign was cancelled before its turn came.
        Cancelled = "cancelled",
    }
}

/// When a campaign may dial, in the civil time of its zone. Without minutes whole days, without days every day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// From and until, in minutes since midnight, the end exclusive; a start past the end reaches into the next day.
    pub minutes: Option<(u16, u16)>,
    /// The days on which it opens.
    pub days: Option<Days>,
}

/// Some days of the week, at least one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

/// As seed 001 writes them, Monday first.
const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// These, by name; `None` if there is none, or one is no day.
    pub fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<Self> {
        let mut bits = 0;
        for name in names {
            bits |= 1 << DAY_NAMES.iter().position(|day| *day == name)?;
        }
        (bits != 0).then_some(Self(bits))
    }

    /// Is this one of them? Monday is 0.
    pub const fn has(self, day: u8) -> bool {
        self.0 >> day & 1 == 1
    }

    /// Their names, Monday first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0..7).filter(move |day| self.has(*day)).map(|day| DAY_NAMES[usize::from(day)])
    }
}

impl fmt::Debug for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// How many of a campaign's recipients stand where. Kept by the store, in the transactions that move them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// All that are dialled sooner or later.
    pub total: u64,
    /// Not dialled yet.
    pub pending: u64,
    /// Their calls are under way.
    pub active: u64,
    /// Their calls were answered, and are over.
    pub answered: u64,
    /// Of those, the ones that none of our people was free to talk to.
    pub abandoned: u64,
    /// Their calls are over and nobody answered.
    pub unanswered: u64,
    /// See [`RecipientState::Failed`].
    pub failed: u64,
    /// See [`RecipientState::Indeterminate`].
    pub indeterminate: u64,
    /// See [`RecipientState::Cancelled`].
    pub cancelled: u64,
}

/// A campaign, without its prompt.
#[derive(Clone, PartialEq, Debug)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The key that made it: its limits hold, its face renders the events.
    pub key: KeyId,
    /// Who talks.
    pub agent: AgentId,
    /// The number that calls, fixed at creation; or the first of them, if each callee sees one of its own.
    pub from: PhoneNumber,
    /// Each callee sees the one of the agent's numbers that its `caller_ids` says. Fixed at creation, too; which one that is follows from
    /// the agent as it is when the call leaves.
    pub number_per_callee: bool,
    /// For display.
    pub name: Option<String>,
    /// Where it stands.
    pub status: CampaignStatus,
    /// Why it failed, in one clause.
    pub reason: Option<String>,
    /// The zone of its window and its date: its own, else its agent's, else Europe/London.
    pub zone: Zone,
    /// When it may dial.
    pub window: Window,
    /// When a callee may be called, by the clock where its number lies.
    pub callee_window: Window,
    /// When a scheduled one becomes due.
    pub due_at: Timestamp,
    /// Who is called again, if anybody is.
    pub retry: Option<Retry>,
    /// It pauses itself after so many calls in succession that could not be carried; `None`: never.
    pub breaker: Option<u32>,
    /// How many of the request's recipients were no numbers.
    pub invalid: u64,
    /// How its recipients stand.
    pub counts: Counts,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it first was let go.
    pub launched_at: Option<Timestamp>,
    /// When its last attempt ended.
    pub ended_at: Option<Timestamp>,
}

/// A campaign to be made. Its prompt is stored until its last attempt ends (no `Debug`).
pub struct NewCampaign {
    /// As it will be; `total` and `pending` are the recipients'.
    pub campaign: Campaign,
    /// What each call is about. Not yet interpolated.
    pub prompt: String,
}

/// A recipient to be added. Prompt and variables are stored until its call ends (no `Debug`).
#[derive(Clone)]
pub struct NewRecipient {
    /// Who is called.
    pub phone: PhoneNumber,
    /// What the prompt's `{names}` stand for, and the agent's context.
    pub variables: Vec<Variable>,
    /// In place of the campaign's prompt.
    pub prompt: Option<String>,
    /// The zone of its own clock, where the number does not tell it.
    pub zone: Option<Zone>,
}

/// A recipient as it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Recipient {
    /// Its place.
    pub position: u32,
    /// Who is called.
    pub phone: PhoneNumber,
    /// Where it stands.
    pub state: RecipientState,
    /// Its last call, once there is one.
    pub call: Option<CallId>,
    /// How many calls were made to it.
    pub attempts: u32,
    /// When the next call is due, if there is to be another one.
    pub due_at: Option<Timestamp>,
    /// How its last call ended.
    pub disposition: Option<Disposition>,
    /// Why it could not be called.
    pub reason: Option<String>,
    /// When that was.
    pub ended_at: Option<Timestamp>,
}

/// A recipient that the runner took to dial it.
pub struct ClaimedRecipient {
    /// Which one.
    pub position: u32,
    /// Who is called, and what about.
    pub recipient: NewRecipient,
    /// Does the number stand on its tenant's do-not-call list?
    pub is_forbidden: bool,
}

/// Calls of a campaign in which a person answered, and which are over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Abandonment {
    /// All of them.
    pub answered: u64,
    /// Those in which none of our people was free to talk.
    pub abandoned: u64,
}

impl Abandonment {
    /// Over how long calls are counted (16 CFR 310.4(b)(4)(i)).
    pub const SPAN: Duration = Duration::from_secs(30 * 86_400);
}

/// What the runner of campaigns did since the start, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CampaignCounters {
    /// Recipients claimed.
    pub claimed: u64,
    /// Recipients whose call's intent was committed.
    pub dialled: u64,
    /// Recipients who could not be called.
    pub failed: u64,
    /// Recipients given back without having been dialled.
    pub released: u64,
    /// Campaigns running now.
    pub running: u64,
    /// Campaigns that wait for their date or window now.
    pub scheduled: u64,
    /// Running ones that would dial ahead of their people, and do not, since they have abandoned too many calls.
    pub held_back: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_is_one() {
        let id = CampaignId(0x7f8f_e206_a552);
        assert_eq!(id.to_string(), "batchcall_00007f8fe206a552");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "batchcall_", "batchcall_7f", "batchcall_+000000000000001", "CA0000000000000001"] {
            assert_eq!(text.parse::<CampaignId>(), Err(()), "{text}");
        }
    }

    #[test]
    fn days_are_named_as_the_document_names_them() {
        let days = Days::from_names(["fri", "mon", "mon"]).expect("two days");
        assert_eq!(days.names().collect::<Vec<_>>(), ["mon", "fri"]);
        assert!(days.has(0) && days.has(4) && !days.has(6));
        assert_eq!(Days::from_names([]), None);
        assert_eq!(Days::from_names(["mon", "Monday"]), None);
    }
}
