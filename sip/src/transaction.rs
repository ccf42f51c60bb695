//! The transaction layer (RFC 3261 §17): every transaction of one user agent, the wheel that times them, and what leaves.
//! Knows nothing of dialogs: the transaction user above it decides what is said, this layer sees to it that it is heard.

mod client;
mod client_invite;
mod key;
mod receiving;
mod sending;
mod server;
mod server_invite;

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::time::Instant;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub(crate) use key::Minted;
pub use key::shard_of;
pub(crate) use receiving::{Arrival, reply_path};
pub(crate) use sending::{Outgoing, Passed, Received};

use crate::arena::{Arena, Key};
use crate::config::Config;
use crate::counters::Counters;
use crate::event::{Direction, Event};
use crate::path::{Path, Transmit};
use crate::timers::{TimerId, Wheel};

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
    /// What stands in our Via before the branch.
    via: String,
    /// Our Contact header's value.
    pub contact: String,
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
        let local = config.locals[0].advertised;
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
            via: format!("SIP/2.0/UDP {local};rport;branch={}", key::COOKIE),
            contact: format!("<sip:{}@{local}>", config.contact_user),
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
        self.counters.messages_out += 1;
        self.trace(now, Direction::Out, &payload, tap);
        self.transmits.push_back(Transmit { path, payload, tls: None });
    }

    pub fn trace(&mut self, at: Instant, direction: Direction, message: &Bytes, tap: Option<u64>) {
        let Some(token) = tap else { return };
        self.events.push_back(Event::Traced { token, at, direction, message: message.clone() });
    }

    /// A word nobody guesses: for a Call-ID or a cnonce (§8.1.1.4).
    pub fn random_word(&mut self) -> String {
        format!("{:032x}", self.rng.random::<u128>())
    }

    fn is_full(&self) -> bool {
        self.len() >= self.config.transactions_max
    }
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
