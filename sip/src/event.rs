//! What a user agent tells its owner.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::arena::Key;
use crate::config::Body;
use crate::message::{Message, Replaces};
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

/// One binding at a registrar, from `register` to its end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RegistrationId(pub(crate) Key);

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
    /// A usage's request within its dialog, by its number, or that request's ACK.
    Asked(Key, u32),
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

/// The number of an early dialog of a call of ours, in the order of appearance.
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
        /// It was sent reliably (RFC 3262), and is acknowledged: SDP in it is the answer, not a preview.
        reliable: bool,
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
    /// A re-INVITE or UPDATE wants `answer_offer` or `refuse_offer`. An UPDATE may come before the call is answered (RFC 3311).
    Offer {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// The offer; none means that we are asked for one.
        body: Option<Body>,
    },
    /// The far end took the offer that `offer` made; or had to wait for it, and has since offered something itself: then what it was
    /// answered tells it what our owner wants, and the offer is not made again.
    Reanswered {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// The answer.
        body: Option<Body>,
    },
    /// The offer that `offer` made came to nothing: the session stays as it was (RFC 3261 §14.1).
    OfferRefused {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// The final status; `None` if nothing was heard.
        status: Option<u16>,
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
        /// Why it is no success; `None` after a 2xx.
        failure: Option<Box<Failure>>,
        /// The whole final response, for whoever needs its headers.
        response: Option<Box<Message>>,
    },
    /// The registrar has our binding. Comes each time it is renewed.
    Registered {
        /// Which registration.
        id: RegistrationId,
        /// Its owner's word.
        token: u64,
        /// How long the binding lasts without us; it is renewed by itself well before.
        expires: Duration,
        /// The route that requests of this registration take from now on (RFC 3608), as Route header values.
        service_route: Vec<String>,
        /// The Contact URI that is bound.
        contact: String,
    },
    /// We are not registered, or not any more.
    RegistrationFailed {
        /// Which registration.
        id: RegistrationId,
        /// Its owner's word.
        token: u64,
        /// Why.
        failure: Failure,
        /// When it is tried again by itself (RFC 5626 §4.5): a quarter to half an hour later where credentials were refused.
        retry_in: Duration,
    },
    /// `unregister` has come to its end: the id is dead, and so is the binding as far as we can know.
    Unregistered {
        /// Which registration.
        id: RegistrationId,
        /// Its owner's word.
        token: u64,
        /// The registrar's word on it; `None` if it said nothing.
        status: Option<u16>,
    },
    /// How a transfer that we asked for goes. None comes after the one that is final, or after the end of the call.
    ReferProgress {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// 202 once it is accepted, then what the referred-to party answers: 100, 180, 200, 486… A refusal of the REFER itself
        /// stands here too, and so does 408 for silence.
        status: u16,
        /// Whether nothing more comes.
        is_final: bool,
    },
    /// The far end asks to be transferred: `accept_refer` or `refuse_refer`, then `notify_refer`. Left alone, it is declined.
    Refer {
        /// Which call.
        id: InviteId,
        /// Its owner's word.
        token: u64,
        /// Whom to call: a URI, without its Replaces.
        refer_to: String,
        /// The dialog that this call shall take the place of, at `refer_to` (RFC 3891).
        replaces: Option<Replaces>,
        /// Who asks, if it says (RFC 3892): unverified.
        referred_by: Option<String>,
    },
    /// A MESSAGE came (RFC 3428), and is answered already.
    Message {
        /// The call it belongs to; `None` outside any.
        id: Option<InviteId>,
        /// The call's owner's word; 0 outside any.
        token: u64,
        /// The From header.
        from: String,
        /// What it says.
        body: Option<Body>,
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
        message: Wire,
    },
}

/// A message as it is on the wire. Its Debug is its length: it holds keys and answers to challenges.
#[derive(Clone, PartialEq, Eq)]
pub struct Wire(pub Bytes);

impl Deref for Wire {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
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
    /// The dialog was lost, without either end hanging up.
    Lost {
        /// The status that said so; `None` for silence.
        status: Option<u16>,
        /// What was missed.
        cause: Loss,
    },
}

/// How a dialog was found to be lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Loss {
    /// A request within it came back 481 or 408, or nothing came back at all (RFC 3261 §12.2.1.2).
    Request,
    /// No ACK came for our 2xx (§13.3.1.4).
    Ack,
    /// Nobody refreshed the session in time (RFC 4028 §10).
    SessionTimer,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "no answer within the dialog",
            Self::Ack => "no ACK for the answer",
            Self::SessionTimer => "session timer: nobody refreshed the session",
        })
    }
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
    /// Header lines that tell who refused and what it misses: Server, User-Agent, Warning, Reason, Require, Unsupported, Allow,
    /// Supported, Accept, Min-Expires, Min-SE, carriers' own (`X-…`), and the realms that challenged (`WWW-Authenticate: realm`).
    pub headers: Vec<(String, String)>,
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
    /// The call of ours that this one takes the place of (RFC 3891): it exists, and ends when its owner ends it.
    pub replaces: Option<InviteId>,
    /// The whole request, for whoever needs another header.
    pub message: Message,
}

impl Incoming {
    /// Every value of a header, known or not, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.message
            .headers()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
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
    /// The transport it came by: the dialog keeps it where no URI names one.
    pub protocol: Protocol,
    /// Whose certificate was shown to us, if the connection is one of ours over TLS: an address in a URI does not tell.
    pub tls_host: Option<String>,
}
