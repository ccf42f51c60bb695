//! The worker against a small receiver on loopback, over both engines.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use tokio::sync::mpsc;

use super::*;
use crate::egress::Policy;
use crate::face::nixflex;
use crate::model::{CallRecord, EventKind, Face, TenantId, WebhookTarget};
use crate::patience::eventually;
use crate::store::Intent;
use crate::store::tests::{KEY, Place, completed, end, ended, execute, intend, key, on_both_engines, record};

on_both_engines! {
    a_failed_delivery_is_repeated_with_the_same_bytes_and_id,
    a_restart_delivers_what_was_owed,
    gone_is_given_up_at_once,
    a_dead_receiver_delays_nobody_else,
    a_dead_url_delays_no_other_of_its_host,
    a_tenants_dead_receivers_delay_no_other_tenant,
    events_of_one_call_arrive_in_order,
    an_event_without_its_key_waits_for_it,
    what_could_not_be_settled_is_delivered_again,
}

const SECRET: &str = "nxfs_demo";

/// A request as the receiver saw it.
struct Seen {
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect("the header is there").to_str().expect("ASCII")
    }
}

/// Requests that a receiver keeps until they are asked for.
const SEEN_MAX: usize = 64;

/// Answers each path with its statuses in turn, then with 200; a path that starts with `/silent` never.
struct Receiver {
    base: String,
    seen: mpsc::Receiver<Seen>,
}

struct Answers {
    seen: mpsc::Sender<Seen>,
    statuses: Mutex<HashMap<&'static str, Vec<u16>>>,
}

impl Receiver {
    async fn start(statuses: &[(&'static str, &[u16])]) -> Self {
        let (tell, seen) = mpsc::channel(SEEN_MAX);
        let statuses =
            statuses.iter().map(|(path, statuses)| (*path, statuses.iter().rev().copied().collect()));
        let answers = Arc::new(Answers { seen: tell, statuses: Mutex::new(statuses.collect()) });
        let router = Router::new().fallback(answer).with_state(answers);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, seen }
    }

    fn target(&self, path: &str) -> Option<WebhookTarget> {
        Some(WebhookTarget {
            url: format!("{}{path}", self.base),
            face: Face::Nixflex,
            key: KEY,
            events: completed(),
        })
    }

    async fn next(&mut self) -> Seen {
        self.seen.recv().await.expect("a request")
    }
}

async fn answer(
    State(answers): State<Arc<Answers>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let path = uri.path().to_owned();
    let status = {
        let mut statuses = answers.statuses.lock().expect("not poisoned");
        statuses.get_mut(path.as_str()).and_then(Vec::pop).unwrap_or(200)
    };
    let silent = path.starts_with("/silent");
    if let Err(mpsc::error::TrySendError::Full(seen)) = answers.seen.try_send(Seen { path, headers, body }) {
        panic!("more than {SEEN_MAX} requests, of which {} is one", seen.path);
    }
    if silent {
        std::future::pending::<()>().await;
    }
    StatusCode::from_u16(status).expect("a status")
}

fn quick() -> Config {
    Config { backoff_first: Duration::from_millis(5), ..Config::default() }
}

fn start(store: &Store, wake: &Wake, config: Config) -> Webhooks {
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    let egress = Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client");
    let keys: Keys = Arc::new(|id| (id == KEY).then(|| key().into()));
    Webhooks::start(store.clone(), egress, keys, wake.clone(), config)
}

/// A call that ended and owes its event to `target`.
async fn owe(store: &Store, call: u64, target: Option<WebhookTarget>) -> CallRecord {
    owe_of(store, record(call).tenant, call, target).await
}

/// The same, of this tenant.
async fn owe_of(store: &Store, tenant: TenantId, call: u64, target: Option<WebhookTarget>) -> CallRecord {
    // The event's age counts from the end.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ended_at = Some(crate::model::Timestamp(i64::try_from(now.as_millis()).expect("this age")));
    intend(store, CallRecord { tenant, webhook: target.clone(), ..record(call) }).await;
    let ended = CallRecord { tenant, webhook: target, ended_at, ..ended(call) };
    assert_eq!(end(store, ended.clone()).await, 1);
    ended
}

async fn a_failed_delivery_is_repeated_with_the_same_bytes_and_id(place: Place) {
    let mut receiver = Receiver::start(&[("/hook", &[503, 302, 500])]).await;
    let store = place.open().await;
    let wake = Wake::default();
    let webhooks = start(&store, &wake, quick());
    let call = owe(&store, 1, receiver.target("/hook?token=1")).await;
    wake.wake();

    let mut tries = Vec::new();
    for _ in 0..4 {
        tries.push(receiver.next().await);
    }
    webhooks.shutdown().await;
    assert_eq!(store.next_due().await.expect("readable"), None);
    for seen in &tries {
        assert_eq!(seen.body, nixflex::event(EventKind::Completed, &call));
        assert_eq!(seen.header("webhook-id"), tries[0].header("webhook-id"));
        assert_eq!(seen.header("content-type"), "application/json");
        assert!(seen.header("user-agent").starts_with("trunkline/"));
        let seconds = seen.header("webhook-timestamp").parse().expect("a number");
        assert_eq!(seen.header("x-nixflex-signature"), nixflex::sign(SECRET, seconds, seen.body.as_bytes()));
        assert!(seen.header("webhook-signature").starts_with("v1,"));
    }
}

async fn a_restart_delivers_what_was_owed(place: Place) {
    let mut receiver = Receiver::start(&[]).await;
    let target = receiver.target("/silent");
    let config = Config { lease: Duration::from_millis(50), ..quick() };
    let crashing = config.clone();
    let (told, hears) = std::sync::mpsc::channel();
    // The first run dies with its try under way: claimed, and not settled.
    let seen = tokio::task::spawn_blocking(move || {
        place.crash_after(|store| async move {
            owe(&store, 1, target).await;
            let webhooks = start(&store, &Wake::default(), crashing);
            hears.recv().expect("told");
            drop(webhooks);
        });
        place
    });
    // Its receiver runs here.
    let first = receiver.next().await;
    told.send(()).expect("heard");
    let place = seen.await.expect("crashed as planned");
    let store = place.open().await;
    let webhooks = start(&store, &Wake::default(), config);
    let second = receiver.next().await;
    assert_eq!((&first.body, first.header("webhook-id")), (&second.body, second.header("webhook-id")));
    drop(webhooks);
}

async fn gone_is_given_up_at_once(place: Place) {
    let mut receiver = Receiver::start(&[("/hook", &[410])]).await;
    let store = place.open().await;
    owe(&store, 1, receiver.target("/hook")).await;
    let webhooks = start(&store, &Wake::default(), quick());
    receiver.next().await;
    webhooks.shutdown().await;
    assert_eq!(store.next_due().await.expect("readable"), None);
}

async fn a_dead_receiver_delays_nobody_else(place: Place) {
    let mut dead = Receiver::start(&[]).await;
    let mut alive = Receiver::start(&[]).await;
    let store = place.open().await;
    for call in 1..=20 {
        owe(&store, call, dead.target("/silent")).await;
    }
    let wake = Wake::default();
    let webhooks = start(&store, &wake, Config { concurrency: 8, per_receiver: 2, ..quick() });
    dead.next().await;
    dead.next().await;
    for call in 21..=30 {
        owe(&store, call, alive.target("/hook")).await;
        wake.wake();
    }
    for _ in 21..=30 {
        assert_eq!(alive.next().await.path, "/hook");
    }
    assert!(dead.seen.try_recv().is_err(), "two at a time");
    drop(webhooks);
}

async fn a_dead_url_delays_no_other_of_its_host(place: Place) {
    let mut host = Receiver::start(&[]).await;
    let store = place.open().await;
    for call in 1..=20 {
        owe_of(&store, TenantId(2), call, host.target("/silent?tenant=2")).await;
    }
    let wake = Wake::default();
    let webhooks = start(&store, &wake, Config { concurrency: 8, per_receiver: 2, ..quick() });
    for _ in 0..2 {
        assert_eq!(host.next().await.path, "/silent");
    }
    for call in 21..=30 {
        owe(&store, call, host.target("/hook")).await;
        wake.wake();
    }
    for _ in 21..=30 {
        assert_eq!(host.next().await.path, "/hook", "two at a time of the other");
    }
    drop(webhooks);
}

async fn a_tenants_dead_receivers_delay_no_other_tenant(place: Place) {
    let mut alive = Receiver::start(&[]).await;
    let store = place.open().await;
    // Each a host of its own, which takes what it is sent and says nothing.
    let mut dead = Vec::new();
    for call in 1..=20 {
        let receiver = Receiver::start(&[]).await;
        owe_of(&store, TenantId(2), call, receiver.target("/silent")).await;
        dead.push(receiver);
    }
    let wake = Wake::default();
    let webhooks = start(&store, &wake, Config { concurrency: 8, ..quick() });
    eventually("one tenant has half", async || webhooks.counters().in_flight == 4).await;
    for call in 21..=30 {
        owe(&store, call, alive.target("/hook")).await;
        wake.wake();
    }
    for _ in 21..=30 {
        assert_eq!(alive.next().await.path, "/hook");
    }
    eventually("and no more than half", async || webhooks.counters().in_flight == 4).await;
    drop((webhooks, dead));
}

async fn events_of_one_call_arrive_in_order(place: Place) {
    let mut receiver = Receiver::start(&[("/hook", &[503, 503])]).await;
    let store = place.open().await;
    owe(&store, 1, receiver.target("/hook")).await;
    execute(
        &store,
        "INSERT INTO outbox (tenant, call, event, receiver, state, created_at, due_at, attempts)
           SELECT tenant, call, event, receiver, 'waiting', created_at, due_at, attempts FROM outbox",
    )
    .await;
    let webhooks = start(&store, &Wake::default(), quick());
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(receiver.next().await.header("webhook-id").to_owned());
    }
    assert_eq!(ids[..3], [ids[0].clone(), ids[0].clone(), ids[0].clone()]);
    assert_ne!(ids[3], ids[0]);
    webhooks.shutdown().await;
}

async fn an_event_without_its_key_waits_for_it(place: Place) {
    let mut receiver = Receiver::start(&[]).await;
    let store = place.open().await;
    owe(&store, 1, receiver.target("/hook")).await;
    let asked = std::sync::atomic::AtomicU64::new(0);
    let keys: Keys = Arc::new(move |_| (asked.fetch_add(1, Ordering::Relaxed) >= 2).then(|| key().into()));
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    let egress = Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client");
    let webhooks = Webhooks::start(store.clone(), egress, keys, Wake::default(), quick());
    receiver.next().await;
    assert_eq!(webhooks.counters().retried, 2);
    webhooks.shutdown().await;
}

async fn what_could_not_be_settled_is_delivered_again(place: Place) {
    let mut receiver = Receiver::start(&[]).await;
    let store = place.open().await;
    let intent =
        Intent { record: CallRecord { webhook: receiver.target("/hook"), ..record(1) }, idempotency: None };
    store.intend(intent).await.expect("stored");
    end(&store, CallRecord { webhook: receiver.target("/hook"), ..ended(1) }).await;
    let config = Config { lease: Duration::from_millis(100), ..quick() };
    let webhooks = start(&store, &Wake::default(), config.clone());
    let first = receiver.next().await;
    drop(webhooks);
    let webhooks = start(&store, &Wake::default(), config);
    let again = tokio::select! {
        again = receiver.next() => Some(again),
        // Or it was settled just before the first worker was dropped.
        () = settled(&store) => None,
    };
    assert!(again.is_none_or(|again| again.body == first.body));
    webhooks.shutdown().await;
}

/// Resolves when nothing is owed.
async fn settled(store: &Store) {
    eventually("nothing is owed", async || store.next_due().await.expect("readable").is_none()).await;
}
