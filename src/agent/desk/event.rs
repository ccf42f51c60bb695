//! What people do at a desk, and what it decides.

use super::Quit;
use crate::model::{CallId, PersonId};

/// What a person does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Takes calls from now on; ends a wrap-up early.
    Available,
    /// Takes no more calls. A call that is on stays.
    Offline,
    /// Takes the call that rings.
    Accept(CallId),
    /// Does not take the call that rings: the next one is asked.
    Decline(CallId),
    /// Ends the call that is on.
    HangUp(CallId),
    /// Is no longer there, and does not come back.
    Leave,
}

/// What the desk decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// This person's place changed, or what follows on it; [`Desk::state`](super::Desk::state) and
    /// [`Desk::leaves_after`](super::Desk::leaves_after) say to what.
    Changed(PersonId),
    /// Rings at this person.
    Ring {
        /// Who.
        person: PersonId,
        /// Which call.
        call: CallId,
    },
    /// Rings there no longer, and the person did not take it.
    Unring {
        /// Who.
        person: PersonId,
        /// Which call.
        call: CallId,
        /// Why.
        why: Quit,
    },
    /// They talk. The call's end as far as waiting is concerned.
    Assigned {
        /// Who.
        person: PersonId,
        /// Which call.
        call: CallId,
    },
    /// The person is cut off from the call it talks in, which is kept for it for a while.
    Lost {
        /// Who.
        person: PersonId,
        /// From which call.
        call: CallId,
    },
    /// It is back, and talks again.
    Returned {
        /// Who.
        person: PersonId,
        /// In which call.
        call: CallId,
    },
    /// The call went from one person to another, who talks from now on.
    Passed {
        /// Who talked.
        from: PersonId,
        /// Who talks.
        to: PersonId,
        /// In which call.
        call: CallId,
    },
    /// The colleague did not take the call: it stays with this person.
    Kept {
        /// Who talks, still.
        person: PersonId,
        /// In which call.
        call: CallId,
    },
    /// Nobody was free in time: play who called, and count it.
    Abandoned(CallId),
    /// Its caller no longer wants it.
    Withdrawn(CallId),
    /// The person has no part in the call any more: it hung up, or is gone.
    Released {
        /// Who.
        person: PersonId,
        /// Which call.
        call: CallId,
        /// Why.
        why: Quit,
    },
}
