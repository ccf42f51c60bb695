//! What a user agent tells its owner.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::arena::Key;
use crate::config::Body;
use crate::message::Message;
use crate::path::{Path, Protocol};
use crate::reason::Reason;
use crate::targets::{Hop, hop};
use crate::transport_error::TransportError;

/// One INVITE and what became of it: a call's SIP leg.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct InviteId(pub(crate) Key);

/// One request outside the life of an INVITE.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(pub(crate) Key);

/// One question about a host's addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct QueryId(pub(crate) Asker);

/// Who asked for addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Asker {
    Invite(Key),
    Request(Key),
    /// The ACK of a usage's 2xx.
    Ack(Key),
    /// No user agent: somebody who wants to know for himself.
    Nobody,
}

/// A host that must be resolved before a request can leave. Answer it with `handle_targets`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Which question.
    pub id: QueryId,
    /// The name to look up.
    pub host: String,
    /// The port, if one is named: then there is no SRV to ask for (RFC 3263 §4.2).
    pub port: Option<u16>,
    /// The transport, if one is named: then there is no NAPTR to ask for (§4.1).
    pub protocol: Option<Protocol>,
    /// Whether the URI is `sips:`: nothing but TLS will do.
    pub secure: bool,
}

impl Query {
    /// The question about a URI's next hop that a user agent would ask, for whoever wants to know without calling. `None` for
    /// a URI that cannot be called.
    #[must_use]
    pub fn of(uri: &str) -> Option<Self> {
        let Hop { host, port, protocol, secure } = hop(uri)?;
        Some(Self { id: QueryId(Asker::Nobody), host, port, protocol, secure })
    }
}

/// The number of an early dialog within one INVITE, in the order of appearance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Fork(pub u32);

/// Something happened. After `invite` gave an id, exactly one `Failed` or `Ended` comes for it, whatever the
/// network does; after `Incoming` likewise. An id is dead once that came.
#[derive(Clone, Debug)]
pub enum Event {
    /// A new provisional response above 100, of any fork.
    Progress {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// Which early dialog; a response without a To-tag belongs to fork 0.
        fork: Fork,
        /// 101 to 199.
        status: u16,
        /// Early media, perhaps.
        body: Option<Body>,
    },
    /// The call was answered, and the answer is ACKed already. Other forks' answers are ACKed and ended unseen.
    Answered {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// The early dialog that became the call.
        fork: Fork,
        /// The SDP answer.
        body: Option<Body>,
        /// What `bye_orphan` needs if this process dies.
        dialog: DialogState,
    },
    /// The INVITE came to nothing.
    Failed {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// Why.
        failure: Failure,
    },
    /// The dialog is over.
    Ended {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// Who ended it.
        end: End,
    },
    /// Somebody calls us. Call `adopt`, then `progress`, `answer` or `reject`.
    Incoming {
        /// Which call.
        id: InviteId,
        /// What was asked.
        incoming: Box<Incoming>,
    },
    /// The ACK for our answer came.
    Confirmed {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// What `bye_orphan` needs if this process dies.
        dialog: DialogState,
        /// The ACK's body: the answer, if our 200 carried the offer.
        body: Option<Body>,
    },
    /// A re-INVITE or UPDATE wants `answer_offer` or `refuse_offer`.
    Offer {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// The offer; none means that we are asked for one.
        body: Option<Body>,
    },
    /// An INFO within the dialog, answered already.
    Info {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// What it carried, a DTMF relay for instance.
        body: Option<Body>,
    },
    /// The outcome of `options` or `bye_orphan`.
    Reply {
        /// Which request.
        request: RequestId,
        /// Its owner's word.
        token: u64,
        /// The final status; `None` if it timed out, could not be sent, or its host has no address.
        status: Option<u16>,
        /// Why it could not be sent, the last time it was tried.
        transport: Option<TransportError>,
    },
    /// A message of a tapped call, as it is on the wire.
    Traced {
        /// The call's owner's word.
        token: u64,
        /// When it passed.
        at: Instant,
        /// Which way.
        direction: Direction,
        /// The bytes.
        message: Bytes,
    },
}

/// Which way a traced message went.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

/// How a dialog ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The far end hung up (BYE, or CANCEL of a call we had not answered).
    Remote {
        /// Its Reason headers (RFC 3326).
        reasons: Vec<Reason>,
    },
    /// We hung up.
    Local,
    /// The dialog was lost: a request within it came back 481 or 408, or nothing came back at all.
    Lost {
        /// The status that said so; `None` for silence.
        status: Option<u16>,
    },
}

/// Why an INVITE came to nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The kind of failure.
    pub cause: Cause,
    /// The final status, if there was one. A 2xx stands here only if it raced our CANCEL; it was ACKed and ended.
    pub status: Option<u16>,
    /// Its reason phrase.
    pub phrase: String,
    /// Its Reason headers (RFC 3326), Q.850 causes among them.
    pub reasons: Vec<Reason>,
    /// How long the far end asks us to stay away.
    pub retry_after: Option<Duration>,
    /// Its Warning header.
    pub warning: Option<String>,
    /// Where a 3xx points, as Contact header values.
    pub contacts: Vec<String>,
    /// Whether `hangup` was called first.
    pub cancelled: bool,
    /// Why it could not be sent, the last time it was tried.
    pub transport: Option<TransportError>,
}

/// The kind of a failure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// A final response said no.
    Response,
    /// Nothing, or nothing final, was heard.
    Timeout,
    /// The request could not be sent.
    Transport,
    /// The host has no address.
    Unresolved,
    /// Our credentials were refused, or we have none for that challenge.
    Unauthorized,
    /// Hung up before anything answered.
    Abandoned,
}

/// A call that comes in.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The Request-URI.
    pub uri: String,
    /// The From header, tag included.
    pub from: String,
    /// The To header.
    pub to: String,
    /// The Call-ID.
    pub call_id: String,
    /// The way it came.
    pub path: Path,
    /// The offer; without one our answer must carry it.
    pub body: Option<Body>,
    /// The whole request, for whoever needs another header.
    pub message: Message,
}

/// What is needed to end a dialog from nothing. Its owner may store it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogState {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// Theirs; empty if they sent none.
    pub remote_tag: String,
    /// Our name-addr, without tag.
    pub local_uri: String,
    /// Theirs, without tag.
    pub remote_uri: String,
    /// Their Contact: the Request-URI of every request in the dialog.
    pub remote_target: String,
    /// The Route headers, in order.
    pub route_set: Vec<String>,
    /// The last CSeq we used.
    pub local_cseq: u32,
    /// Where the last message came from: used if the next hop's host is a name.
    pub remote: SocketAddr,
}
