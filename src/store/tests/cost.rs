//! What the store and a delivery cost, on real disks and sockets. Not run with the others:
//! `cargo test --release --lib cost -- --ignored --nocapture --test-threads 1`.

use std::time::{Duration, Instant};

use super::*;
use crate::egress::{Egress, Policy};
use crate::journal::{Config, Journal};
use crate::webhook::{self, Wake, Webhooks};

const CALLS_PER_SECOND: u64 = 300;
const SECONDS: u64 = 10;

/// CPU of this process so far, kernel's share included.
fn cpu() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a `rusage` of our own, which the call fills.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Places calls at an even pace, each answered and ended a second later; gives the CPU a call.
async fn place_calls(journal: &Journal, webhook: Option<WebhookTarget>) -> Duration {
    let (started, before) = (Instant::now(), cpu());
    let calls = CALLS_PER_SECOND * SECONDS;
    let mut tasks = tokio::task::JoinSet::new();
    for call in 1..=calls {
        let journal = journal.clone();
        let webhook = webhook.clone();
        let due = started + Duration::from_micros(call * 1_000_000 / CALLS_PER_SECOND);
        tasks.spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            let slot = journal.reserve().expect("room");
            let record = CallRecord { webhook, ..record(call) };
            journal.intend(slot, record, promise(&call.to_string(), 1)).await.expect("stored");
            let event = |fact| CallEvent { call: CallId::new(call).expect("valid"), at: Instant::now(), fact };
            tokio::time::sleep(Duration::from_millis(500)).await;
            journal.record(event(CallFact::Answered { dialog: Box::new(dialog()), recorded: false }));
            tokio::time::sleep(Duration::from_millis(500)).await;
            let heard = Heard {
                class: "human",
                reason: "a greeting of 620 ms, then 900 ms of silence".into(),
                confidence: 0.9,
                at: Duration::from_millis(1520),
                evidence: r#"{"segments":[{"kind":"silence","from":0,"to":240},{"kind":"speech","from":240,"to":860}]}"#.into(),
            };
            let now = Instant::now();
            journal.record(event(CallFact::Ended(Box::new(Outcome {
                disposition: Disposition::CalleeHangup,
                ended_by: EndedBy::Callee,
                sip_status: Some(200),
                q850: Some(16),
                detail: Some("Normal call clearing".into()),
                callee_hold: None,
                attempts: Vec::new(),
                heard: Some(heard),
                dead_air: Some(Duration::from_millis(15)),
                recording: None,
                media: None,
        transcript: crate::model::Transcript::default(),
        people: Vec::new(),
                ringing_at: Some(now),
                answered_at: Some(now),
                ended_at: now,
            }))));
        });
    }
    while tasks.join_next().await.is_some() {}
    journal.drained().await;
    (cpu() - before) / u32::try_from(calls).expect("few")
}

fn tell(what: &str, store: &Store, each: Duration) {
    let counters = store.counters();
    println!(
        "{what}: {} us CPU a call, {} commits, {} rows",
        each.as_micros(),
        counters.commits,
        counters.rows
    );
}

/// The generator's own share (tasks, timers, records) is in the figures: some 15 us a call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn cost_of_a_call_in_sqlite() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let journal = Journal::start(store.clone(), Config::default(), Wake::default());
    let each = place_calls(&journal, record(1).webhook).await;
    tell("intent, answer, end and outbox row in SQLite", &store, each);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn cost_of_a_call_in_postgres() {
    let place = Place::postgres().await;
    let store = place.open().await;
    let journal = Journal::start(store.clone(), Config::default(), Wake::default());
    let each = place_calls(&journal, record(1).webhook).await;
    tell("intent, answer, end and outbox row in PostgreSQL (this side)", &store, each);
}

/// A receiver that costs little: it answers whatever comes, on a thread whose time is taken off.
fn cheap_receiver() -> (String, std::sync::Arc<std::sync::atomic::AtomicU64>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let spent = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let total = std::sync::Arc::clone(&spent);
    std::thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming() {
                let total = std::sync::Arc::clone(&total);
                let serve = move || {
                    let mut stream = stream.expect("a connection");
                    let mut buffer = vec![0; 65_536];
                    let mut last = 0;
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        assert!(buffer[..count].ends_with(b"}"), "one segment a request");
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("sent");
                        let now = thread_cpu();
                        total.fetch_add(now - last, Ordering::Relaxed);
                        last = now;
                    }
                };
                std::thread::Builder::new().spawn(serve).expect("a thread");
            }
        })
        .expect("a thread");
    (base, spent)
}

/// This thread's CPU, in ns.
fn thread_cpu() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec` of our own, which the call fills.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn cost_of_a_call_with_its_delivery() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let wake = Wake::default();
    let journal = Journal::start(store.clone(), Config::default(), wake.clone());
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    let egress = Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client");
    let keys: webhook::Keys = Arc::new(|_| Some(key().into()));
    let webhooks = Webhooks::start(store.clone(), egress, keys, wake, webhook::Config::default());
    let (base, spent) = cheap_receiver();
    let target =
        WebhookTarget { url: format!("{base}/hook"), face: Face::Nixflex, key: KEY, events: completed() };
    let each = place_calls(&journal, Some(target)).await;
    let calls = CALLS_PER_SECOND * SECONDS;
    let receiver = Duration::from_nanos(spent.load(Ordering::Relaxed) / calls);
    tell("the same, and its delivery", &store, each - receiver);
    println!("deliveries: {:?}; the receiver's own: {receiver:?}", webhooks.counters());
    webhooks.shutdown().await;
}
