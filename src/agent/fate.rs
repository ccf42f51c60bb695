//! What calls and the people who take them say to each other. Values alone: neither side needs to know who the other is.

use trunkline_media::Seat;

use super::desk::wire::About;
use super::desk::{Quit, Wanted};
use crate::model::{CallId, PersonId, TenantId};

/// What a call has for those who find people.
pub enum Errand {
    /// Somebody of the tenant's people is to talk.
    Want {
        /// In which call.
        call: CallId,
        /// Whose.
        tenant: TenantId,
        /// Who, how, and for how long it can wait.
        wanted: Wanted,
        /// What the person is shown.
        about: Box<About>,
    },
    /// It is over, or wants nobody any more.
    End(CallId),
    /// What the person wanted done with it was not done.
    Failed {
        /// In which call.
        call: CallId,
        /// Why, for people.
        why: String,
        /// It was a hold, or its end: is the far end on hold, then?
        held: Option<bool>,
    },
}

/// What becomes of a call that wanted somebody.
#[derive(Debug)]
pub enum Fate {
    /// Somebody is being rung.
    Ringing(PersonId),
    /// Somebody talks: what it says and hears goes by this seat. Whoever talked before does so no more.
    Assigned {
        /// Who.
        person: PersonId,
        /// For the call's bridge.
        seat: Box<Seat>,
    },
    /// Nobody was free in time: the callee is to be told who called, and the call counts as abandoned.
    Nobody,
    /// The person pressed a key.
    Digit(char),
    /// The person wants the call to go elsewhere.
    Transfer(String),
    /// The person puts the far end on hold, or takes it back.
    Hold(bool),
    /// The far end has told the person that it wants no more such calls.
    Objected,
    /// The person is cut off, and may come back for a while.
    Lost,
    /// It is back, at another seat.
    Returned(Box<Seat>),
    /// The person has no part in it any more: it hung up, or its audio is gone.
    Left(Quit),
}
