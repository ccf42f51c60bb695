//! The outbox: events that are owed to receivers. Rows are neutral; who renders them keeps the bytes here.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{CallId, CallRecord, EventKind, TenantId, Timestamp, WebhookEndpointId, WebhookTarget};

/// Which due rows to take, and for how long.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Rows due by then.
    pub now: Timestamp,
    /// Nobody else takes them for so long; past it they are due again.
    pub lease: Duration,
    /// So many places are free. A tenant's n-th, those under way included, is given only while n are: one tenant has half of them
    /// at most, and there is room for the next.
    pub limit: usize,
    /// At most so many for one receiver.
    pub per_receiver: usize,
    /// Receivers that take fewer at present.
    pub rooms: HashMap<String, usize>,
    /// What is under way for a tenant.
    pub busy: HashMap<TenantId, usize>,
}

/// A claimed row: one event to be delivered to one receiver.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivery {
    /// The row.
    pub id: u64,
    /// The event, the same for all its receivers; a row from before events were kept has none.
    pub event_id: Option<u64>,
    /// Whose event it is.
    pub call: CallId,
    /// What happened.
    pub event: EventKind,
    /// Which of its tenant's endpoints it is for; `None`: the call's own receiver.
    pub endpoint: Option<WebhookEndpointId>,
    /// Where it goes, frozen when the call was accepted.
    pub target: WebhookTarget,
    /// Scheme, host and port of the target, and a part of the paths there: whose rooms it takes.
    pub receiver: String,
    /// When the event was written.
    pub created_at: Timestamp,
    /// Since when it is owed: then, or when it was replayed.
    pub owed_since: Timestamp,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// The bytes of the first try.
    pub body: Option<String>,
    /// The call.
    pub record: CallRecord,
}

/// How a try went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settled {
    /// The receiver has it.
    Delivered,
    /// To be tried again.
    Retry {
        /// When.
        due_at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Given up.
    Dead {
        /// Why.
        reason: String,
    },
}

/// What to write about a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// The row.
    pub id: u64,
    /// The try, so that a late word about a lapsed lease changes nothing, unless it is `Delivered`.
    pub attempt: u32,
    /// How it went.
    pub settled: Settled,
    /// When.
    pub at: Timestamp,
    /// What was sent, to be sent again on the next try or a replay; `None` if it could not even be written.
    pub body: Option<String>,
    /// The try itself, for the log; `None` if nothing was sent.
    pub tried: Option<Tried>,
}

/// One try, as the delivery log keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// When it began.
    pub started_at: Timestamp,
    /// Until the answer was there, or was given up.
    pub duration: Duration,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Why there is none.
    pub error: Option<String>,
    /// The beginning of the answer's body.
    pub response: Option<String>,
}
