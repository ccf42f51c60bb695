//! The floor with its pages on a port of its own, and the other side of calls: what sits where a bridge would, says a tone, and
//! keeps what it hears.

#![expect(
    clippy::disallowed_methods,
    reason = "the other side of a call has a clock and a thread of its own"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use trunkline::agent::browser::{Config as LegConfig, Legs};
use trunkline::agent::desk::wire::About;
use trunkline::agent::desk::{Manner, PATIENCE, Person, Wanted};
use trunkline::agent::floor::{Config, Fate, Floor, Roster};
use trunkline::http::{Bounds, people, serve};
use trunkline::metrics::Metrics;
use trunkline::model::{CallId, PersonId, TenantId};
use trunkline_media::Seat;
use trunkline_media::g711::Law;
use trunkline_media::port::Frame;

use super::tone;
use crate::switch::{eventually, within};

/// What the callee says.
pub const CALLEE_HZ: u32 = 1_000;
/// Rooms for audio.
pub const LEGS_MAX: usize = 4;
/// What is kept of what is heard: a second.
const KEPT: usize = tone::RATE_HZ as usize;
/// The bridge's pace.
const TICK: Duration = Duration::from_millis(20);
const TENANT: TenantId = TenantId(1);
const TOKEN: &str = "a-persons-token";
/// How long a call waits to hear what becomes of it.
const SOON: Duration = Duration::from_secs(30);

/// A switch's floor, without the switch.
pub struct Callees {
    runtime: Runtime,
    floor: Floor,
    legs: Legs,
    port: u16,
    fates: mpsc::Receiver<(CallId, Fate)>,
    stop: CancellationToken,
}

struct OnePerson;

impl Roster for OnePerson {
    fn person(&self, token: &str) -> Option<Person> {
        let person = || Person { id: PersonId(1), tenant: TENANT, name: "Ada".to_owned(), queues: vec![] };
        (token == TOKEN).then(person)
    }
}

impl Callees {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (tell, fates) = mpsc::channel();
        let address = [127, 0, 0, 1];
        let legs = Legs::new(LegConfig {
            address: address.into(),
            ports: 0..=0,
            ice_servers: vec![],
            legs_max: LEGS_MAX,
        });
        let stop = CancellationToken::new();
        let (floor, port) = runtime.block_on(async {
            let tell = move |call, fate| tell.send((call, fate)).is_ok();
            let floor = Floor::start(Config::default(), legs.clone(), Arc::new(OnePerson), tell);
            let listener = TcpListener::bind((std::net::Ipv4Addr::from(address), 0)).await.expect("a port");
            let port = listener.local_addr().expect("bound").port();
            let bounds = Bounds {
                connections_max: 100,
                header_timeout: Duration::from_secs(60),
                drain: Duration::from_secs(1),
            };
            tokio::spawn(serve(
                listener,
                people::router(floor.clone()),
                Metrics::new(),
                bounds,
                stop.clone(),
            ));
            (floor, port)
        });
        Self { runtime, floor, legs, port, fates, stop }
    }

    /// Where the page is. Browsers allow the microphone on this name without TLS.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn token(&self) -> &str {
        TOKEN
    }

    pub fn free(&self) -> usize {
        self.runtime.block_on(self.floor.free(TENANT, None))
    }

    pub fn await_free(&self) {
        within(SOON, || (self.free() == 1).then_some(())).expect("somebody becomes free");
    }

    pub fn room(&self) -> usize {
        self.legs.room()
    }

    /// A call wants somebody.
    pub fn ring(&self, number: u64, manner: Manner) -> CallId {
        let call = CallId::new(number).expect("an id");
        let about =
            About {
                number: "+1555•••0100".to_owned(), name: None, campaign: Some("Autumn".to_owned())
            };
        assert!(self.floor.want(call, TENANT, Wanted { queue: None, manner, patience: PATIENCE }, about));
        call
    }

    /// What becomes of calls, one after another.
    pub fn fate(&self) -> (CallId, Fate) {
        self.fates.recv_timeout(SOON).expect("something becomes of it")
    }

    /// The callee of a call that somebody talks in now.
    pub fn assigned(&self, call: CallId) -> Callee {
        match self.fate() {
            (of, Fate::Assigned { seat, .. }) if of == call => Callee::at(*seat),
            other => panic!("assigned: {other:?}"),
        }
    }
}

impl Drop for Callees {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Who talks with the person.
pub struct Callee {
    heard: Arc<Mutex<Vec<i16>>>,
    hung_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Callee {
    fn at(seat: Seat) -> Self {
        let (heard, hung_up) = (Arc::default(), Arc::default());
        let thread = std::thread::spawn({
            let (heard, hung_up) = (Arc::clone(&heard), Arc::clone(&hung_up));
            move || talk(seat, &heard, &hung_up)
        });
        Self { heard, hung_up, thread: Some(thread) }
    }

    /// The last second of what it heard.
    pub fn heard(&self) -> Vec<i16> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Was there nothing to hear for the last second?
    pub fn is_silent(&self) -> bool {
        let heard = self.heard();
        heard.len() == KEPT && heard.iter().all(|sample| sample.unsigned_abs() < 200)
    }

    /// The person's side ends within this.
    pub fn await_parting(&self, time: Duration) {
        let thread = self.thread.as_ref().expect("it talks");
        within(time, || thread.is_finished().then_some(())).expect("the person's side ends");
    }

    /// Ends the call from this side.
    pub fn hang_up(mut self) {
        self.hung_up.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it talks");
        eventually("the callee to be gone", || thread.is_finished().then_some(()));
    }
}

/// A bridge's worker, for one seat: says, hears, 20 ms at a time.
fn talk(mut seat: Seat, heard: &Mutex<Vec<i16>>, hung_up: &AtomicBool) {
    let (mut at, mut next) = (0, Instant::now());
    while !seat.is_over() && !hung_up.load(Ordering::Relaxed) {
        let samples: Linear = std::array::from_fn(|offset| tone::sample(CALLEE_HZ, at + offset));
        at += samples.len();
        let mut frame: Frame = [Law::Mu.silence(); 160];
        Law::Mu.encode(&samples, &mut frame);
        seat.offer(&frame);
        let mut said = [Law::Mu.silence(); 160];
        seat.pull(&mut said);
        let mut samples: Linear = [0; 160];
        Law::Mu.decode(&said, &mut samples);
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend(samples);
        let surplus = heard.len().saturating_sub(KEPT);
        heard.drain(..surplus);
        drop(heard);
        next += TICK;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// 20 ms, decoded.
type Linear = [i16; 160];
