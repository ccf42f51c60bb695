//! The routes, driven without a socket; the dialer is a function that says what it was asked.

mod documents;
mod hostile;
mod operator;
#[cfg(feature = "browser")]
mod people;
mod reads;
mod streams;

use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::admission::Limits;
use crate::campaign::{Campaigns, Pace};
use crate::config::Config;
use crate::directory::RegistryParts;
use crate::egress::Policy;
use crate::face::nixflex::ended_call;
use crate::journal;
use crate::keyfile::Sealer;
use crate::model::{
    Accepted, AgentChoice, CallId, CallRecord, CallState, Limit, OutboundRequest, Placed, Refusal, TenantId,
};
use crate::store::{DatabaseTarget, Intent, Write};
use crate::webhook::Wake;

const FILE: &str = r#"
    [[trunk]]
    name = "t1"
    uri = "sip:carrier.example"
    username = "u"
    password = "hidden"
    channels = 7
    [[agent]]
    id = "agent_demo"
    [[key]]
    face = "nixflex"
    id = "nxf_demo"
    secret = "nxfs_demo"
    [[key]]
    face = "nixflex"
    id = "nxf_slow"
    secret = "nxfs_slow"
    reads_per_minute = 1
    writes_per_minute = 1
"#;
const KEY: &str = "Bearer nxf_demo:nxfs_demo";
const SLOW: &str = "Bearer nxf_slow:nxfs_slow";
const VALID: &str = r#"{"agent_id":"agent_demo","to_number":"+447386172392","prompt":"Hello"}"#;
const BODY_MAX: usize = 2_048;
const BATCH_BODY_MAX: usize = 8_192;

/// A router, and what stands behind it.
struct House {
    router: Router,
    store: Store,
    streams: Streams,
    data_dir: tempfile::TempDir,
    /// What the dialer was asked, as `agent to idempotency-key`.
    asked: Arc<Mutex<Vec<String>>>,
    directory: Directory,
}

/// What a client got.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl House {
    /// With a dialer that accepts everything.
    async fn new() -> Self {
        Self::with(Ok(())).await
    }

    /// With a dialer that accepts or refuses everything; a repeated idempotency key is a replay.
    async fn with(verdict: Result<(), Refusal>) -> Self {
        Self::of(FILE, verdict, (BODY_MAX, BATCH_BODY_MAX)).await
    }

    /// Of this configuration, with bodies of at most so many bytes, a campaign's of so many.
    async fn of(
        file: &str,
        verdict: Result<(), Refusal>,
        (body_max, batch_body_max): (usize, usize),
    ) -> Self {
        let store = Store::open(&DatabaseTarget::Memory).await.expect("memory");
        let data_dir = tempfile::tempdir().expect("a directory");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let config = Config::parse("t", file, []).expect("valid");
        let (log, verdict) = (Arc::clone(&asked), Arc::new(verdict));
        let place = move |request: OutboundRequest, render: originate::Render| {
            let (log, verdict) = (Arc::clone(&log), Arc::clone(&verdict));
            async move {
                let key = request.idempotency.as_ref().map_or("-", |promise| promise.key.as_str());
                let agent = match &request.agent {
                    AgentChoice::Named(agent) => agent.as_str(),
                    _ => "-",
                };
                let line = format!("{agent} {} {key}", request.to.as_str());
                let mut log = log.lock().expect("unpoisoned");
                let again = key != "-" && log.contains(&line);
                log.push(line);
                verdict.as_ref().clone()?;
                let record =
                    CallRecord { to: request.to.as_str().into(), from: "+12".into(), ..ended_call() };
                let answer = render(&Accepted { record, application: None, key: None });
                Ok(if again { Placed::Replayed(answer) } else { Placed::New(answer) })
            }
        };
        let streams = Streams::new(Duration::from_millis(50));
        let journal = Journal::start(store.clone(), journal::Config::default(), Wake::default());
        let directory = Directory::new(config.objects.clone());
        let registry = RegistryParts {
            store: store.objects(),
            sealer: Arc::new(Sealer::new(&[7; 32])),
            directory: directory.clone(),
            changed: Arc::default(),
        };
        let metrics = Metrics::new();
        let api = Api::from(Parts {
            #[cfg(feature = "browser")]
            floor: crate::house::people::open(
                &config.people,
                &directory,
                &crate::call::Mailbox::new().0,
                &Pace::default(),
                &metrics,
            ),
            egress: Egress::new(Policy::default()).expect("a client"),
            reception: Reception::default(),
            tickets: Tickets::new([5; 32]),
            registry: Registry::open(registry).await.expect("readable"),
            originate: Originate::new(place),
            campaigns: Campaigns::new(store.clone(), Directory::new(config.objects.clone()), Pace::default()),
            control: Control::nobody(),
            practice: Practice::new(
                config.clone(),
                Directory::new(config.objects.clone()),
                Admission::new(Limits::default()),
            ),
            directory: directory.clone(),
            store: store.clone(),
            cashier: None,
            operator_token: "op_test".into(),
            journal,
            streams: streams.clone(),
            wake: Wake::default(),
            admission: Admission::new(Limits::default()),
            metrics,
            readiness: Readiness::new(|| Err("draining".into())),
            rehearse: super::Rehearse::nobody(),
            public_url: None,
            links: None,
            data_dir: data_dir.path().into(),
            body_hash_key: [7; 32],
            body_max,
            batch_body_max,
            body_timeout: Duration::from_secs(60),
            limits: RateLimits::default(),
        });
        Self { router: router(api), store, streams, data_dir, asked, directory }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        let response: Response<Body> = self.router.clone().oneshot(request).await.expect("infallible");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
        assert!(head.headers.contains_key("x-request-id"), "{path}");
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn post(&self, body: &str) -> Answer {
        self.send("POST", "/v1/calls/outbound", &[("authorization", KEY)], body.to_owned()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[("authorization", KEY), ("host", "a.example:8080")], Body::empty()).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("unpoisoned").clone()
    }

    async fn keep(&self, record: CallRecord) {
        let state = CallState::Dialing;
        let begun = CallRecord { state, ended_at: None, disposition: None, ..record.clone() };
        self.store.intend(Intent { record: begun, idempotency: None }).await.expect("stored");
        if record.state == CallState::Ended {
            self.store.write([Write::Ended(record.into())].into()).await.expect("stored");
        }
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("a code").to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

#[tokio::test]
async fn a_valid_request_is_answered_201_with_four_fields() {
    let house = House::new().await;
    let answer = house.post(VALID).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("idempotent-replayed"), None);
    let call_id = "CA000000000000000000000000000000ff";
    let fields = json!({ "call_id": call_id, "status": "initiated", "to": "+447386172392", "from": "+12" });
    assert_eq!(answer.json(), fields);
    assert_eq!(house.asked(), ["agent_demo +447386172392 -"]);
}

#[tokio::test]
async fn only_a_whole_key_opens() {
    let house = House::new().await;
    for (authorization, code) in [
        (None, "invalid_api_key"),
        (Some(""), "invalid_api_key"),
        (Some("nxf_demo:nxfs_demo"), "invalid_api_key"),
        (Some("Basic nxf_demo:nxfs_demo"), "invalid_api_key"),
        (Some("Bearer"), "invalid_api_key"),
        (Some("Bearer :nxfs_demo"), "invalid_api_key"),
        (Some("Bearer nxf_demo"), "key_secret_required"),
        (Some("Bearer nxf_demo:"), "key_secret_required"),
        (Some("Bearer nxf_nobody"), "key_secret_required"),
        (Some("Bearer nxf_demo:nxfs_wrong"), "invalid_api_key"),
        (Some("Bearer nxf_nobody:nxfs_demo"), "invalid_api_key"),
    ] {
        let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
        let post = house.send("POST", "/v1/calls/outbound", &headers, VALID).await;
        assert_eq!((post.status, post.code().as_str()), (401, code), "{authorization:?}");
        assert!(post.json().get("detail").is_none());
        for path in ["/v1/calls", "/v1/calls/1", "/v1/calls/1/recording"] {
            let get = house.send("GET", path, &headers, Body::empty()).await;
            assert_eq!((get.status, get.code().as_str()), (401, code), "{path} {authorization:?}");
            assert_eq!(get.json()["detail"], get.json()["error"]["message"]);
        }
    }
    assert_eq!(house.asked(), Vec::<String>::new());
    let odd_case =
        house.send("POST", "/v1/calls/outbound", &[("authorization", "bEARER nxf_demo:nxfs_demo")], VALID);
    assert_eq!(odd_case.await.status, 201);
}

#[tokio::test]
async fn bad_bodies_start_nothing() {
    let house = House::new().await;
    for (body, status, code) in [
        ("", 400, "invalid_request"),
        ("{", 400, "invalid_request"),
        ("[]", 400, "invalid_request"),
        (r#"{"agent_id":"a","to_number":5,"prompt":"p"}"#, 400, "invalid_request"),
        (r#"{"agent_id":"a","to":"+12","prompt":"p"}"#, 400, "missing_field"),
        (r#"{"agent_id":"a","to_number":"07","prompt":"p"}"#, 400, "invalid_phone_format"),
        (r#"{"agent_id":"a","to_number":"+12","prompt":"p","from_number":"07"}"#, 400, "agent_not_found"),
        (
            r#"{"agent_id":"agent_demo","to_number":"+12","prompt":"p","from_number":"07"}"#,
            400,
            "from_number_not_found",
        ),
    ] {
        let answer = house.post(body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{body}");
    }
    let latin1 = house.send("POST", "/v1/calls/outbound", &[("authorization", KEY)], b"\xe9".to_vec()).await;
    assert_eq!((latin1.status, latin1.code().as_str()), (400, "invalid_request"));
    assert_eq!(house.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_of_the_longest_length_passes_and_one_byte_more_does_not() {
    let house = House::new().await;
    let fits = format!("{VALID}{}", " ".repeat(BODY_MAX - VALID.len()));
    assert_eq!(house.post(&fits).await.status, 201);
    let answer = house.post(&format!("{fits} ")).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "request_too_large"));
    assert_eq!(answer.json()["error"]["details"], json!({ "max_bytes": BODY_MAX }));
    let huge = [("authorization", KEY), ("content-length", "99999999999")];
    assert_eq!(house.send("POST", "/v1/calls/outbound", &huge, "x").await.status, 413);
}

#[tokio::test]
async fn a_body_may_come_in_pieces() {
    let house = House::new().await;
    let pieces = |text: &str| {
        let pieces: Vec<_> =
            text.as_bytes().chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        Body::from_stream(futures_util::stream::iter(pieces))
    };
    let send = |body| house.send("POST", "/v1/calls/outbound", &[("authorization", KEY)], body);
    assert_eq!(send(pieces(VALID)).await.status, 201);
    assert_eq!(send(pieces(&" ".repeat(BODY_MAX + 1))).await.status, 413);
    let cut = [Ok(b"{".to_vec()), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
    let cut = send(Body::from_stream(futures_util::stream::iter(cut))).await;
    assert_eq!((cut.status, cut.code().as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn what_the_dialer_refuses_is_answered_in_the_envelope() {
    let wait = Duration::from_millis(1_500);
    for (refusal, status, code, retry_after) in [
        (Refusal::AgentMissingPhoneNumber, 400, "agent_missing_phone_number", None),
        (Refusal::TrunkDown { reason: "down".into(), sip_code: None }, 502, "outbound_failed", None),
        (
            Refusal::Limited { limit: Limit::ConcurrentCalls, name: "concurrent calls", retry_after: wait },
            429,
            "rate_limit_exceeded",
            Some("2"),
        ),
        (Refusal::Draining, 503, "draining", Some("1")),
        (Refusal::IdempotencyConflict, 409, "idempotency_conflict", None),
        (Refusal::Storage, 500, "storage_failed", None),
    ] {
        let house = House::with(Err(refusal)).await;
        let answer = house.post(VALID).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(answer.header("retry-after"), retry_after);
    }
}

#[tokio::test]
async fn an_idempotency_key_reaches_the_dialer_and_a_replay_is_marked() {
    let house = House::new().await;
    let headers = [("authorization", KEY), ("idempotency-key", "k1")];
    assert_eq!(
        house.send("POST", "/v1/calls/outbound", &headers, VALID).await.header("idempotent-replayed"),
        None
    );
    let again = house.send("POST", "/v1/calls/outbound", &headers, VALID).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    let in_body = VALID.replace('}', r#","idempotency_key":"k2"}"#);
    assert_eq!(house.post(&in_body).await.status, 201);
    let both = house.send("POST", "/v1/calls/outbound", &headers, in_body).await;
    assert_eq!((both.status, both.code().as_str()), (400, "invalid_request"));
    assert_eq!(both.json()["error"]["details"]["field"], "idempotency_key");
    let asked = ["agent_demo +447386172392 k1", "agent_demo +447386172392 k1", "agent_demo +447386172392 k2"];
    assert_eq!(house.asked(), asked);
}

#[tokio::test]
async fn a_key_with_a_rate_sees_it_and_is_held_to_it() {
    let house = House::new().await;
    for (method, path) in [("POST", "/v1/calls/outbound"), ("GET", "/v1/calls")] {
        let first = house.send(method, path, &[("authorization", SLOW)], VALID).await;
        assert!(first.status < 300);
        assert_eq!(
            (first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")),
            (Some("1"), Some("0"))
        );
        // Before the body is looked at.
        let second = house.send(method, path, &[("authorization", SLOW)], "{").await;
        assert_eq!((second.status, second.code().as_str()), (429, "rate_limit_exceeded"));
        assert_eq!(second.header("retry-after"), Some("60"));
        assert_eq!(second.json()["error"]["details"], json!({ "retry_after": 60 }));
        assert_eq!(second.header("x-ratelimit-remaining"), Some("0"));
    }
    assert_eq!(house.post(VALID).await.header("x-ratelimit-limit"), None);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_said_so_to_every_vendors_client() {
    let house = House::new().await;
    for (method, path, status, code) in [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/call", 405, "method_not_allowed"),
        ("GET", "/v1/calls/outbound", 405, "method_not_allowed"),
        ("DELETE", "/v1/calls", 405, "method_not_allowed"),
        ("POST", "/metrics", 405, "method_not_allowed"),
    ] {
        let answer = house.send(method, path, &[], Body::empty()).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
        assert!(answer.json()["detail"].is_string());
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn the_operators_paths_need_no_key() {
    let house = House::new().await;
    house.post(VALID).await;
    let live = house.send("GET", "/livez", &[], Body::empty()).await;
    assert_eq!(live.status, 200);
    let ready = house.send("GET", "/readyz", &[], Body::empty()).await;
    assert_eq!((ready.status, ready.json()), (503, json!({ "status": "unavailable", "reason": "draining" })));
    let metrics = house.send("GET", "/metrics", &[], Body::empty()).await;
    let text = String::from_utf8(metrics.body).expect("text");
    let line = "trunkline_http_requests_total{route=\"/v1/calls/outbound\",status=\"201\"} 1";
    assert!(text.lines().any(|shown| shown == line), "{text}");
}

#[tokio::test]
async fn a_call_is_placed_even_if_the_client_hangs_up() {
    let (begun, go) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (placed, told) = tokio::sync::oneshot::channel();
    let (inner, placed) = ((begun.clone(), go.clone()), Arc::new(Mutex::new(Some(placed))));
    let originate = Originate::new(move |_, _| {
        let ((begun, go), placed) = (inner.clone(), placed.clone());
        async move {
            begun.notify_one();
            go.notified().await;
            let placed = placed.lock().expect("unpoisoned").take().expect("once");
            placed.send(()).expect("the test listens");
            Err(Refusal::Draining)
        }
    });
    let agent = AgentChoice::Named("a".into());
    let to = "+12".parse().expect("valid");
    let request = OutboundRequest::new(TenantId(1), crate::model::KeyId(1), agent, to);
    tokio::select! {
        _ = originate.call(request, crate::face::nixflex::created) => panic!("nothing let it go on"),
        () = begun.notified() => {}
    }
    go.notify_one();
    told.await.expect("it went on");
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_reads_its_answer() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let house = House::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let minute = Duration::from_secs(60);
    let bounds = Bounds { connections_max: 9, header_timeout: minute, unread_max: minute, drain: minute };
    let stop = tokio_util::sync::CancellationToken::new();
    let server = tokio::spawn(serve(
        listener,
        Tls::default(),
        house.router.clone(),
        Metrics::new(),
        bounds,
        stop.clone(),
    ));

    let mut stream = tokio::net::TcpStream::connect(address).await.expect("accepted");
    let length = 4 << 20;
    let head = format!(
        "POST /v1/calls/outbound HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: {KEY}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&vec![b' '; length]).await.expect("all of it is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("closed in order");
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("request_too_large"), "{answer}");
    stop.cancel();
    server.await.expect("stopped");
}
