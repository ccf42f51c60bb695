//! A person, and where it stands.

use std::time::Instant;

use crate::model::{CallId, Whom};

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
    /// One is on, and it is cut off from it.
    Away {
        /// Which.
        call: CallId,
        /// Then the call is over.
        until: Instant,
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
            Self::Ringing { until, .. } | Self::Away { until, .. } | Self::WrapUp { until } => Some(until),
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
    /// A colleague has it now.
    Passed,
}

/// One who is here.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) state: State,
    /// When the state began. Of somebody who is available: idle since then.
    pub(super) since: Instant,
    pub(super) name: String,
    pub(super) queues: Vec<String>,
    /// Takes no more calls once this one is over.
    pub(super) leaves_after: bool,
}

impl Present {
    pub(super) fn takes(&self, whom: &Whom) -> bool {
        match whom {
            Whom::Anybody => true,
            Whom::Queue(_) if self.queues.is_empty() => true,
            Whom::Queue(queue) => self.queues.contains(queue),
            Whom::Named(names) => names.contains(&self.name),
        }
    }
}
