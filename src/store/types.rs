//! What goes into the store and what comes out of it, in no engine's words.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{
    AgentId, ApplicationId, CallId, CallRecord, CallState, CampaignId, DialogRecord, Direction, Disposition,
    DoNotCall, EventKind, EventSet, Idempotency, Secret, StoredResponse, Timestamp,
};

/// Which database.
#[derive(Clone, Debug)]
pub enum DatabaseTarget {
    /// The file of an embedded SQLite database; its directory is created, and locked against a second switch.
    Sqlite(PathBuf),
    /// `postgres://user:password@host/database`.
    Postgres(Secret<String>),
    /// SQLite in memory, gone with the last handle. For demonstrations and tests.
    Memory,
}

/// A call that is about to be placed.
#[derive(Clone, Debug)]
pub struct Intent {
    /// In state `Accepted` or `Dialing`.
    pub record: CallRecord,
    /// Present when the client may repeat itself: the promise, and the answer that a repetition gets. The scope of the
    /// promise is the record's key; a record without one is never a repetition.
    pub idempotency: Option<(Idempotency, StoredResponse)>,
}

/// What became of an intent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intended {
    /// It is on disk.
    Committed,
    /// The same request was accepted before; nothing was written.
    Replay(StoredResponse),
    /// The same idempotency key was used with another body; nothing was written.
    Conflict,
    /// It was for a campaign's recipient who is not to be dialled any more: the campaign was paused or cancelled, or the lease
    /// lapsed. Nothing was written.
    Superseded,
    /// The tenant does not call this number any more. Nothing was written.
    DoNotCall,
}

/// What an earlier request with the same idempotency key left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replay {
    /// The body was the same: this is the answer.
    Same(StoredResponse),
    /// The body was another one.
    Conflict,
}

/// A change of a call that was committed before, or what a call has brought. Changes of one call take effect in the order they are given.
#[derive(Clone, Debug)]
pub enum Write {
    /// The callee answered.
    Answered {
        /// Whose change it is.
        call: CallId,
        /// When the callee was first known to ring.
        ringing_at: Option<Timestamp>,
        /// When it was answered.
        answered_at: Timestamp,
        /// What a BYE needs after a crash.
        dialog: Arc<DialogRecord>,
        /// What is told of it.
        told: EventSet,
    },
    /// It is known who answered: the record's verdict, which is kept from then on.
    Judged {
        /// The call.
        record: Arc<CallRecord>,
        /// When that was known.
        at: Timestamp,
    },
    /// Something happened to a call that changes nothing but what is told of it.
    Told {
        /// Whose event it is.
        call: CallId,
        /// What happened.
        event: EventKind,
        /// When.
        at: Timestamp,
    },
    /// The call is over: everything that the record knows of its end, and the outbox rows of it if the call has a webhook,
    /// in one transaction. A call ends once; a second end changes nothing.
    Ended(Arc<CallRecord>),
    /// The call was never started, and its client was told so: its intent, should it be on disk after all, is removed.
    Withdrawn(CallId),
    /// A number is not to be called any more. One that is on the list stays there as it was.
    DoNotCall(DoNotCall),
}

/// Which calls to list. `None` does not filter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallFilter {
    /// Only this agent's.
    pub agent: Option<AgentId>,
    /// Only this application's.
    pub application: Option<ApplicationId>,
    /// Only these.
    pub direction: Option<Direction>,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
    /// Only those that a voicemail ended, or that none did.
    pub voicemail_detected: Option<bool>,
    /// Only those that stand so.
    pub state: Option<CallState>,
    /// Only those that ended so.
    pub disposition: Option<Disposition>,
    /// Only those from or to this number.
    pub number: Option<String>,
    /// Only single calls that name this campaign.
    pub campaign: Option<String>,
    /// Only those of this batch campaign.
    pub batch: Option<CampaignId>,
    /// Only those that ended and have a recording.
    pub recorded: bool,
}

/// One page of a list, newest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CallPage {
    /// At most `limit` of them.
    pub calls: Vec<CallRecord>,
    /// How many there are in all.
    pub count: u64,
}
