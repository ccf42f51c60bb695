//! A person, and where it stands.

use std::time::Instant;

use crate::model::{CallId, PersonId, TenantId};

/// Somebody who takes calls in a browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Its id, unique among all tenants.
    pub id: PersonId,
    /// Whose calls it takes.
    pub tenant: TenantId,
    /// Its name, for colleagues.
    pub name: String,
    /// The queues it serves; empty: all.
    pub queues: Vec<String>,
}

/// Where a person stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Takes no calls.
    Offline,
    /// Waits for one.
    Available,
    /// One rings.
    Ringing {
        /// Which.
        call: CallId,
        /// Then the next person is asked.
        until: Instant,
    },
    /// One is on.
    Talking {
        /// Which.
        call: CallId,
    },
    /// Writes down what was said.
    WrapUp {
        /// Then it is available again.
        until: Instant,
    },
}

impl State {
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Ringing { until, .. } | Self::WrapUp { until } => Some(until),
            Self::Offline | Self::Available | Self::Talking { .. } => None,
        }
    }
}

/// Why a person has nothing to do with a call any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quit {
    /// It did not want it.
    Declined,
    /// It let it ring.
    Missed,
    /// It is not there any more.
    Gone,
    /// It hung up.
    HungUp,
    /// The call was over.
    Ended,
}

/// One who is here.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) state: State,
    /// When the state began. Of somebody who is available: idle since then.
    pub(super) since: Instant,
    pub(super) queues: Vec<String>,
    /// Takes no more calls once this one is over.
    pub(super) leaves_after: bool,
}

impl Present {
    pub(super) fn serves(&self, queue: Option<&str>) -> bool {
        match queue {
            _ if self.queues.is_empty() => true,
            None => true,
            Some(queue) => self.queues.iter().any(|served| served == queue),
        }
    }
}
