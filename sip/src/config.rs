//! What a user agent is told at its start, and what it is asked to send.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::digest::Credentials;
use crate::message::{Replaces, session_of};
use crate::path::{Local, Protocol};
use crate::tls::ClientTls;

/// A user agent's settings. They hold for its whole life.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses we are at, at least one. Via, Contact and the local end of a path follow the target's transport and
    /// family. Where no address has a connection's transport, one of its family stands in: connections can be opened all
    /// the same, but what is too long for a datagram goes by TCP only where TCP is listened to (RFC 3261 §18.1.1).
    pub locals: Vec<Local>,
    /// The `User-Agent` and `Server` headers.
    pub user_agent: String,
    /// The user part of our Contact.
    pub contact_user: String,
    /// This user agent's number: every branch and tag it mints carries it (see [`crate::shard_of`]).
    pub shard: u8,
    /// T1, T2, T4 and what hangs on them.
    pub timers: Timers,
    /// The most calls, incoming and outgoing, alive at once.
    pub invites_max: usize,
    /// The most transactions (client and server together) alive at once. Those of others get three quarters.
    pub transactions_max: usize,
    /// Whose new requests are heard.
    pub trust: Trust,
    /// The session timer of calls that come in; none leaves it to the caller, if he asks for one.
    pub session: Option<SessionTimer>,
}

impl Config {
    /// A configuration with RFC timers and generous maxima, hearing anyone, at one UDP address.
    #[must_use]
    pub fn new(local: SocketAddr) -> Self {
        Self {
            locals: vec![Local::new(Protocol::Udp, local)],
            user_agent: String::from("Trunkline"),
            contact_user: String::from("trunkline"),
            shard: 0,
            timers: Timers::default(),
            invites_max: 20_000,
            transactions_max: 100_000,
            trust: Trust::Anyone,
            session: Some(SessionTimer::default()),
        }
    }
}

/// The timers of RFC 3261 §17.1.1.1 and §16.6; all others derive from them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    /// An estimate of the round trip.
    pub t1: Duration,
    /// The longest interval between retransmissions of a non-INVITE request or an INVITE response.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
    /// How long an INVITE may stay without a further provisional response: then we cancel it (timer C).
    pub c: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            c: Duration::from_secs(181),
        }
    }
}

impl Timers {
    /// 64·T1: how long a transaction tries (timers B, F, H, J, L and M).
    #[must_use]
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }
}

/// Whose requests may open something new. Responses and requests within our dialogs are matched on their own merits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Everybody's.
    Anyone,
    /// Those from these networks, each an address and the length of its prefix; a stranger's request is dropped before a
    /// transaction exists, and counted.
    Only(Vec<(IpAddr, u8)>),
    /// Everybody's, if he can prove who he is, unless he is from these networks: a stranger's call is challenged before a
    /// transaction exists, as long as it bears no credentials (RFC 3261 §26.3.2.4).
    Proven {
        /// Who need not prove anything: each an address and the length of its prefix.
        known: Vec<(IpAddr, u8)>,
        /// Where strangers must be known.
        realm: String,
    },
}

impl Trust {
    /// Whether a new request from `address` is heard.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        match self {
            Self::Anyone | Self::Proven { .. } => true,
            Self::Only(networks) => is_among(address, networks),
        }
    }

    /// The realm in which whoever calls from `address` must prove who he is; none if he need not.
    pub(crate) fn doubts(&self, address: IpAddr) -> Option<&str> {
        match self {
            Self::Anyone | Self::Only(_) => None,
            Self::Proven { known, realm } => (!is_among(address, known)).then_some(realm),
        }
    }

    /// These addresses and no others.
    #[must_use]
    pub fn addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let whole = |address: IpAddr| (address, if address.is_ipv4() { 32 } else { 128 });
        Self::Only(addresses.into_iter().map(whole).collect())
    }
}

fn is_among(address: IpAddr, networks: &[(IpAddr, u8)]) -> bool {
    networks.iter().any(|(network, prefix)| is_within(address, *network, *prefix))
}

/// Whether the first `prefix` bits of an address are the network's. A prefix that is longer than the address stands for all of it.
fn is_within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let shared =
        |bits: u128, width: u32| width - (128 - bits.leading_zeros()) >= u32::from(prefix).min(width);
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            shared(u128::from(address.to_bits() ^ network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => shared(address.to_bits() ^ network.to_bits(), 128),
        _ => false,
    }
}

/// An outgoing call. Has no Debug: its credentials are not for logs.
#[derive(Clone)]
pub struct Invite {
    /// The caller's word, returned in every event.
    pub token: u64,
    /// The Request-URI.
    pub uri: String,
    /// The From name-addr, without tag.
    pub from: String,
    /// The To name-addr.
    pub to: String,
    /// The URI of an outbound proxy: it becomes the first Route, and the request goes there.
    pub route: Option<String>,
    /// What to answer a challenge with.
    pub credentials: Option<Arc<Credentials>>,
    /// How to speak TLS, where the way is TLS; none: as everybody does.
    pub tls: Option<Arc<ClientTls>>,
    /// Further headers, written as they are.
    pub headers: Vec<(String, String)>,
    /// The offer. Without one the callee would offer, and nobody here answers in an ACK or a PRACK: such a call can be refused, but not
    /// be had.
    pub body: Option<Body>,
    /// A Call-ID of the caller's choosing; without one a random one is minted.
    pub call_id: Option<String>,
    /// Whether every message of this call is also given as [`crate::Event::Traced`].
    pub tap: bool,
    /// Whether provisional responses may be, or must be, reliable.
    pub reliable: Reliable,
    /// The session timer we ask for; none asks for none, unless the callee insists with 421, and keeps the one that the callee asks
    /// for.
    pub session: Option<SessionTimer>,
}

/// Reliable provisional responses (RFC 3262) in a call of ours: the option tag `100rel`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Reliable {
    /// Not spoken of, unless the callee insists with 421: then it is called again as if `Supported`.
    Off,
    /// `Supported: 100rel`: the callee may choose. One that refuses even that with 420 is called again without.
    #[default]
    Supported,
    /// `Require: 100rel`: a callee that cannot refuses with 420, and the call fails.
    Required,
}

/// A session timer (RFC 4028): a dialog whose ends do not hear of each other for `interval` is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionTimer {
    /// Session-Expires: refreshed at half of it. At least `min`, at most a day.
    pub interval: Duration,
    /// Min-SE: a shorter interval is refused with 422 (§5). The RFC's floor is 90 s.
    pub min: Duration,
    /// Who refreshes.
    pub refresher: Refresher,
}

impl Default for SessionTimer {
    /// The RFC's recommendations (§4).
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1800),
            min: Duration::from_secs(90),
            refresher: Refresher::Either,
        }
    }
}

/// Which end refreshes a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refresher {
    /// This end.
    Us,
    /// The far end.
    Them,
    /// The callee chooses (§7.1).
    Either,
}

/// An OPTIONS request outside any dialog: a probe of a trunk's health.
#[derive(Clone)]
pub struct OptionsRequest {
    /// The caller's word, returned in the [`crate::Event::Reply`].
    pub token: u64,
    /// The Request-URI.
    pub uri: String,
    /// The From name-addr, without tag.
    pub from: String,
    /// The URI of an outbound proxy.
    pub route: Option<String>,
    /// What to answer a challenge with.
    pub credentials: Option<Arc<Credentials>>,
    /// How to speak TLS, where the way is TLS; none: as everybody does.
    pub tls: Option<Arc<ClientTls>>,
}

/// A binding to keep at a registrar (RFC 3261 §10): an address of record, and that we are where it is.
#[derive(Clone)]
pub struct Register {
    /// The caller's word, returned in every event.
    pub token: u64,
    /// The registrar: the Request-URI, without a user (`sip:carrier.example`).
    pub registrar: String,
    /// The address of record: From and To as a name-addr, without tag (`<sip:user@carrier.example>`).
    pub aor: String,
    /// The user part of the registered Contact; [`Config::contact_user`] without one.
    pub contact_user: Option<String>,
    /// The URI of an outbound proxy: it becomes the first Route, and the request goes there.
    pub route: Option<String>,
    /// What to answer a challenge with.
    pub credentials: Option<Arc<Credentials>>,
    /// How to speak TLS, where the way is TLS; none: as everybody does.
    pub tls: Option<Arc<ClientTls>>,
    /// How long a binding we ask for. The registrar decides.
    pub expires: Duration,
    /// Further headers, written as they are.
    pub headers: Vec<(String, String)>,
    /// Whether every message of this registration is also given as [`crate::Event::Traced`].
    pub tap: bool,
}

/// A transfer to ask the far end of a call for (RFC 3515).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refer {
    /// The URI it shall call, without Replaces.
    pub to: String,
    /// The dialog its call shall take the place of, at `to`: an attended transfer (RFC 3891).
    pub replaces: Option<Replaces>,
    /// Who asks, as a name-addr (RFC 3892).
    pub referred_by: Option<String>,
    /// Whether we want to hear how it goes. Without it we ask for no subscription (RFC 4488).
    pub subscribe: bool,
}

/// A message body: opaque here, but for where its SDP is. Its Debug is its type and its length: SDP holds the keys of SRTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Its Content-Type, parameters included.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Body {
    /// A body of type `application/sdp`.
    #[must_use]
    pub fn sdp(bytes: impl Into<Bytes>) -> Self {
        Self { content_type: String::from("application/sdp"), bytes: bytes.into() }
    }

    /// The SDP in it: the body itself, or one of its parts (RFC 5621), which gateways put beside ISUP or a caller's place. None as
    /// well where something beside it must be understood (`handling=required`).
    #[must_use]
    pub fn session(&self) -> Option<&[u8]> {
        session_of(&self.content_type, &self.bytes, "application/sdp")
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("content_type", &self.content_type)
            .field("bytes", &format_args!("{} bytes", self.bytes.len()))
            .finish()
    }
}
