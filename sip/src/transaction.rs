//! The transaction layer (RFC 3261 §17): every transaction of one user agent, the wheel that times them, and what leaves.
//! Knows nothing of dialogs: the transaction user above it decides what is said, this layer sees to it that it is heard.

mod client;
mod client_invite;
mod key;
mod receiving;
mod sending;
mod server;
mod server_invite;
mod silence;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub(crate) use key::Minted;
pub use key::shard_of;
pub(crate) use receiving::{Arrival, reply_path};
pub(crate) use sending::Severed;
pub(crate) use sending::{Length, Outgoing, Passed, Received};
use silence::Silence;

use crate::arena::{Arena, Key};
use crate::config::Config;
use crate::counters::Counters;
use crate::event::{Direction, Event, Wire};
use crate::locals::Locals;
use crate::message::{Message, Uri};
use crate::path::{Flow, Path, Protocol, Target, TlsPeer, Transmit};
use crate::peers::Peers;
use crate::targets::{Attempt, Targets};
use crate::timers::{TimerId, Wheel};
use crate::tls::ClientTls;

/// All transactions, and the two queues that leave a user agent.
pub(crate) struct Layer {
    pub config: Config,
    pub rng: StdRng,
    pub counters: Counters,
    pub events: VecDeque<Event>,
    transmits: VecDeque<Transmit>,
    wheel: Wheel<Wake>,
    due: Vec<Wake>,
    clients: Arena<sending::Entry>,
    servers: Arena<receiving::Entry>,
    arrivals: Index,
    merges: Index,
    fingerprinter: key::Fingerprinter,
    locals: Locals,
    peers: Peers,
    /// How many transactions use each connection that was opened to us: the loss of one that nobody uses costs nothing.
    accepted: HashMap<u64, usize>,
    /// Addresses that took no TCP when a long request wanted it, and until when that is believed.
    no_tcp: VecDeque<(SocketAddr, Instant)>,
    silence: Silence,
}

type Index = HashMap<key::Fingerprint, Key, BuildHasherDefault<key::Passthrough>>;

/// What a timer of the wheel belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wake {
    Client(Key),
    Server(Key),
    /// A transaction user's own timer.
    Usage(Key),
    /// A registration's.
    Registration(Key),
    /// That of a usage's transfers.
    Referral(Key),
}

/// To whom a client transaction reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    /// An INVITE usage.
    Invite(Key),
    /// A request outside the life of an INVITE.
    Request(Key),
    /// Nobody: a CANCEL matters by what it does to its INVITE.
    Nobody,
}

/// What a machine's timer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fired {
    Nothing,
    /// Send the last message again.
    Retransmit,
    /// Nothing final was heard in time.
    TimedOut,
    /// Ringing for longer than timer C: cancel it.
    Stalled,
    /// Forget the transaction.
    Done,
}

/// What the passing of time means to the transaction user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lapse {
    /// This transaction got no final response; it is gone.
    TimedOut(Owner, Key),
    /// This INVITE rings for longer than timer C.
    Stalled(Owner, Key),
    /// This transaction has absorbed what was to be absorbed; it is gone.
    Done(Owner, Key),
    /// A transaction user's own timer.
    Usage(Key),
    /// A registration's.
    Registration(Key),
    /// That of a usage's transfers.
    Referral(Key),
}

/// A timer that is set, and for when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    timer: TimerId,
    at: Instant,
}

impl Layer {
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut rng = StdRng::from_seed(seed);
        Self {
            fingerprinter: key::Fingerprinter::new(&mut rng),
            rng,
            counters: Counters::default(),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            wheel: Wheel::new(),
            due: Vec::new(),
            clients: Arena::new(),
            servers: Arena::new(),
            arrivals: Index::default(),
            merges: Index::default(),
            locals: Locals::new(&config.locals, &config.contact_user),
            peers: Peers::default(),
            accepted: HashMap::new(),
            no_tcp: VecDeque::new(),
            silence: Silence::default(),
            config,
        }
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wheel.poll_timeout()
    }

    /// How many transactions live.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// How many timers are set.
    #[cfg(test)]
    pub fn timers(&self) -> usize {
        self.wheel.len()
    }

    /// Our requests that wait for a final response.
    pub fn pending(&self) -> usize {
        self.clients.iter().filter(|entry| entry.is_pending()).count()
    }

    /// Runs every machine whose time has come, and tells `lapse` what the transaction user must know. Called until `None`.
    pub fn expire(&mut self, now: Instant) -> Option<Lapse> {
        if self.due.is_empty() {
            let due = &mut self.due;
            self.wheel.expire(now, |wake| due.push(wake));
            due.reverse();
        }
        while let Some(wake) = self.due.pop() {
            let lapse = match wake {
                Wake::Client(key) => self.expire_client(now, key),
                Wake::Server(key) => {
                    self.expire_server(now, key);
                    None
                }
                Wake::Usage(key) => Some(Lapse::Usage(key)),
                Wake::Registration(key) => Some(Lapse::Registration(key)),
                Wake::Referral(key) => Some(Lapse::Referral(key)),
            };
            if lapse.is_some() {
                return lapse;
            }
        }
        None
    }

    /// Sets a transaction user's own timer anew.
    pub fn arm_usage(&mut self, armed: &mut Option<Armed>, at: Option<Instant>, usage: Key) {
        arm(&mut self.wheel, armed, at, Wake::Usage(usage));
    }

    /// Sets a registration's timer.
    pub fn wake_registration(&mut self, at: Instant, registration: Key) -> TimerId {
        self.wheel.insert(at, Wake::Registration(registration))
    }

    /// Sets the timer of a usage's transfers.
    pub fn wake_referral(&mut self, at: Instant, usage: Key) -> TimerId {
        self.wheel.insert(at, Wake::Referral(usage))
    }

    /// Takes one of these back.
    pub fn let_sleep(&mut self, timer: TimerId) {
        self.wheel.cancel(timer);
    }

    /// Sends bytes that no transaction watches over.
    pub fn transmit(&mut self, now: Instant, path: Path, payload: Bytes, tap: Option<u64>) {
        self.transmit_length(now, path, payload, tap, Length::Any);
    }

    fn transmit_length(
        &mut self,
        now: Instant,
        path: Path,
        payload: Bytes,
        tap: Option<u64>,
        length: Length,
    ) {
        self.counters.messages_out += 1;
        self.trace(now, Direction::Out, &payload, tap);
        let tls = self.tls_peer(&path);
        self.transmits.push_back(Transmit { path, payload, tls, is_grown: length == Length::Grown });
    }

    pub fn trace(&mut self, at: Instant, direction: Direction, message: &Bytes, tap: Option<u64>) {
        let Some(token) = tap else { return };
        self.events.push_back(Event::Traced { token, at, direction, message: Wire(message.clone()) });
    }

    /// Whom a path of ours leads to over TLS.
    pub fn tls_peer(&self, path: &Path) -> Option<TlsPeer> {
        match path.flow {
            Flow::Opened(peer) if path.protocol == Protocol::Tls => self.peers.get(peer),
            _ => None,
        }
    }

    /// The path to a target. `hop` is the URI that led there: over TLS the far end must be its host. `last` is a path of the same
    /// dialog, if there is one: where it leads to the same place it is taken again, connection and all; and a dialog stays at the
    /// address of ours that it is at.
    pub fn path_to(
        &mut self,
        target: Target,
        hop: &str,
        tls: Option<&Arc<ClientTls>>,
        last: Option<Path>,
    ) -> Option<Path> {
        let Target { protocol, address: remote } = target;
        let is_it = |path: &Path| path.protocol == protocol && path.remote == remote;
        if let Some(last) = last.filter(is_it) {
            return Some(last);
        }
        let Some(last) = last else { return self.path_to_host(target, host(hop), tls) };
        let local = self.locals.staying_at(last.local, protocol, remote)?.local.bound;
        let flow = match (protocol, last) {
            // An address in a Contact proves nothing: there must be the same host that the dialog began with.
            (Protocol::Tls, Path { protocol: Protocol::Tls, flow: flow @ Flow::Opened(_), .. })
                if is_address(hop) =>
            {
                flow
            }
            _ => self.flow_to(protocol, host(hop), tls),
        };
        Some(Path { protocol, local, remote, flow })
    }

    /// The path to a target. Over TLS the far end must be this host.
    pub fn path_to_host(&mut self, target: Target, host: &str, tls: Option<&Arc<ClientTls>>) -> Option<Path> {
        let Target { protocol, address: remote } = target;
        let local = self.locals.towards(protocol, remote)?.local.bound;
        let flow = self.flow_to(protocol, host, tls);
        Some(Path { protocol, local, remote, flow })
    }

    fn flow_to(&mut self, protocol: Protocol, host: &str, tls: Option<&Arc<ClientTls>>) -> Flow {
        match protocol {
            Protocol::Udp => Flow::Datagrams,
            Protocol::Tcp => Flow::Opened(0),
            Protocol::Tls => Flow::Opened(self.peers.number(host, tls)),
        }
    }

    /// The way of an attempt: its path, and the path by TCP where a request too long for a datagram may take it, and the far end may
    /// call us back by it (RFC 3261 §18.1.1). None without a local address of that family.
    pub fn way(
        &mut self,
        now: Instant,
        attempt: Attempt,
        hop: &str,
        tls: Option<&Arc<ClientTls>>,
        last: Option<Path>,
    ) -> Option<Way> {
        let (target, may_grow) = match attempt {
            Attempt::By(path) => return Some(Way { path, grown: None }),
            Attempt::At(target, may_grow) => (target, may_grow && target.protocol == Protocol::Udp),
        };
        let path = self.path_to(target, hop, tls, last)?;
        self.no_tcp.retain(|(_, until)| *until > now);
        let refused = self.no_tcp.iter().any(|(address, _)| *address == target.address);
        let tcp = Target { protocol: Protocol::Tcp, ..target };
        let may_grow = may_grow && !refused && self.locals.is_heard(Protocol::Tcp, target.address);
        let grown = if may_grow { self.path_to(tcp, hop, None, last) } else { None };
        Some(Way { path, grown })
    }

    /// An address takes no TCP: long requests go there by datagrams for a while.
    pub fn avoid_tcp(&mut self, now: Instant, address: SocketAddr) {
        if self.no_tcp.len() >= NO_TCP_MAX {
            self.no_tcp.pop_front();
        }
        self.no_tcp.push_back((address, now + NO_TCP_FOR));
    }

    /// Something came by a path: its far end lives.
    pub fn heard(&mut self, path: &Path) {
        self.silence.end(path);
    }

    /// A path that we choose leads to nobody.
    pub fn unheard_by(&mut self, now: Instant, path: &Path) {
        if !matches!(path.flow, Flow::Accepted(_)) {
            self.silence.note(now, path);
        }
    }

    /// Puts targets that were silent lately behind the others: what one call waited for in vain, the next one need not.
    pub fn put_silent_last(&self, now: Instant, targets: &mut [Target]) {
        self.silence.put_last(now, targets);
    }

    /// Our Contact in a response to a request that came by `path` (§12.1.1: secure, if the request was).
    pub fn contact(&self, path: &Path, request: &Message) -> &str {
        let is_secure = request.request_uri().and_then(Uri::parse).is_some_and(|uri| uri.is_secure());
        self.locals.contact(path, is_secure)
    }

    /// A word nobody guesses: for a Call-ID or a cnonce (§8.1.1.4).
    pub fn random_word(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    fn is_full(&self) -> bool {
        self.len() >= self.config.transactions_max
    }
}

/// A path, and what to do with what does not fit it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Way {
    pub path: Path,
    /// Where a request too long for a datagram goes instead (§18.1.1).
    pub grown: Option<Path>,
}

impl Way {
    /// How long what goes this way may be.
    pub fn length(&self, targets: &Targets) -> Length {
        match (self.grown, targets.datagrams()) {
            (Some(_), _) => Length::Short,
            (None, Some(_)) => Length::Grown,
            (None, None) => Length::Any,
        }
    }
}

/// How long an address that took no TCP is spared.
const NO_TCP_FOR: Duration = Duration::from_secs(600);
/// How many such addresses are remembered.
const NO_TCP_MAX: usize = 64;

fn host(uri: &str) -> &str {
    Uri::parse(uri).map_or("", |uri| uri.host)
}

fn is_address(uri: &str) -> bool {
    host(uri).parse::<IpAddr>().is_ok()
}

/// Sets the timer of a machine anew, if what it waits for has changed.
fn arm(wheel: &mut Wheel<Wake>, armed: &mut Option<Armed>, at: Option<Instant>, wake: Wake) {
    if armed.map(|armed| armed.at) == at {
        return;
    }
    if let Some(armed) = armed.take() {
        wheel.cancel(armed.timer);
    }
    *armed = at.map(|at| Armed { timer: wheel.insert(at, wake), at });
}

#[cfg(test)]
mod testing {
    use std::time::{Duration, Instant};

    use crate::config::Timers;

    pub const T1: Duration = Duration::from_millis(500);
    pub const T2: Duration = Duration::from_secs(4);
    pub const T4: Duration = Duration::from_secs(5);

    pub fn timers() -> Timers {
        Timers::default()
    }

    /// A clock that stands until it is moved.
    pub struct Clock {
        start: Instant,
        now: Instant,
    }

    impl Clock {
        #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
        pub fn new() -> Self {
            let start = Instant::now();
            Self { start, now: start }
        }

        pub fn now(&self) -> Instant {
            self.now
        }

        pub fn elapsed(&self) -> Duration {
            self.now - self.start
        }

        pub fn set(&mut self, now: Instant) {
            self.now = now;
        }

        pub fn advance(&mut self, by: Duration) {
            self.now += by;
        }
    }
}
