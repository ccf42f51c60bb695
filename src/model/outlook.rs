//! What whoever is about to dial for people wants to know of them, and has learned.

use std::time::{Duration, Instant};

use super::CallId;

/// How things stand with the people whom a call would need.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outlook {
    /// So many would take such a call now.
    pub free: usize,
    /// Calls under way, which nobody talks in yet, that may need one of them.
    pub needed: Vec<CallId>,
    /// Those who will take such a call again, and when that may be.
    pub busy: Vec<Busy>,
}

/// Somebody who has something to do with a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Busy {
    /// Talks.
    Talking {
        /// In this call.
        call: CallId,
        /// Since then.
        since: Instant,
    },
    /// Writes down what was said.
    WrapUp {
        /// Until then, at the latest.
        until: Instant,
    },
}

/// What a campaign of people's has learned of its calls since the switch started. Shares are from 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Learned {
    /// From so many calls.
    pub calls: u64,
    /// The share of calls that are answered, by whomever.
    pub answered: f64,
    /// The share of those that want a person.
    pub wanted: f64,
    /// How long most take to want one, from the INVITE: half of them less.
    pub lead: Option<Duration>,
    /// How long is talked: half of them less.
    pub talk: Option<Duration>,
    /// The share of those who wanted a person and heard nobody, of late.
    pub abandoned: f64,
    /// With what chance whoever answers the call that was weighed last hears nobody, and with what chance it may; `None`: none was, as
    /// its pacing is a ratio, or people were free.
    pub risk: Option<(f64, f64)>,
}
