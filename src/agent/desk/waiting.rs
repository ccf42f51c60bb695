//! A call that wants a person.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::Times;
use crate::model::{PersonId, Whom};

/// What a call wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Only one of these.
    pub whom: Whom,
    /// How a person gets it.
    pub manner: Manner,
    /// How long it may wait while nobody is free; [`crate::model::PATIENCE`] where a callee has answered.
    pub patience: Duration,
    /// How long everything else takes.
    pub times: Times,
}

/// How a person gets a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// It is on at once: the callee is listening already.
    AtOnce,
    /// It rings, and the person takes it or not.
    Ring,
}

/// A call that nobody talks to yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) wanted: Wanted,
    pub(super) since: Instant,
    /// Its place among those that came at the same instant.
    pub(super) number: u64,
    pub(super) patient_until: Instant,
    pub(super) over: Instant,
    pub(super) rings: Option<PersonId>,
    /// Who did not take it, and has not come back since.
    pub(super) tried: HashSet<PersonId>,
}

impl Waiting {
    pub(super) fn new(now: Instant, number: u64, wanted: Wanted) -> Self {
        let over = now + wanted.times.wait_max;
        let patient_until = (now + wanted.patience).min(over);
        Self { wanted, since: now, number, patient_until, over, rings: None, tried: HashSet::new() }
    }

    /// The first time it has to be looked at.
    pub(super) fn deadline(&self) -> Instant {
        self.patient_until
    }

    pub(super) fn is_impatient(&self, now: Instant) -> bool {
        self.patient_until <= now
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.over <= now
    }
}
