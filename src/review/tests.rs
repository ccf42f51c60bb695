//! Whole reviews, against endpoints on loopback that answer well, badly and not at all.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

mod hanging;
mod restarts;

use super::*;
use crate::clock::wall_now;
use crate::config::Config;
use crate::model::review::Progress;
use crate::model::transcript::Said;
use crate::model::{CallRecord, Review, Speaker, Takes, TenantId, Timestamp};
use crate::patience::eventually;
use crate::store::tests::{completed, end, ended, execute, intend, record};
use crate::store::{Claim, DatabaseTarget, Delivery};

const KEY: &str = "sk-hunter2";
/// No test waits so long for an event that waits.
const HOLD: Duration = Duration::from_secs(3_600);

/// What an endpoint was asked: where, with which key, and what.
#[derive(Clone)]
struct Asked {
    path: String,
    key: Option<String>,
    body: String,
}

/// How it answers.
enum Reply {
    /// With this.
    With(u16, String),
    /// Not now, but in so many seconds.
    Later(u16, u64),
    /// Not at all.
    Silence,
}

#[derive(Default)]
struct Endpoint {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Asked>>,
}

impl Endpoint {
    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

async fn reply(State(endpoint): State<Arc<Endpoint>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("authorization").map(|key| key.to_str().expect("text").to_owned());
    let body = String::from_utf8_lossy(&body).into_owned();
    endpoint.asked.lock().expect("not poisoned").push(Asked { path: uri.path().to_owned(), key, body });
    let next = endpoint.replies.lock().expect("not poisoned").pop_front();
    match next.expect("nobody is asked more often than was expected") {
        Reply::With(status, body) => (StatusCode::from_u16(status).expect("a status"), body).into_response(),
        Reply::Later(status, seconds) => {
            let after = [("retry-after", seconds.to_string())];
            (StatusCode::from_u16(status).expect("a status"), after).into_response()
        }
        Reply::Silence => std::future::pending().await,
    }
}

/// A switch of which only this room is there.
struct House {
    store: Store,
    config: Config,
    endpoint: Arc<Endpoint>,
    wake: Wake,
    folder: tempfile::TempDir,
}

impl House {
    #[expect(clippy::disallowed_methods, reason = "a server of the tests, which runs beside them")]
    async fn new(agent: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let endpoint =
            Arc::new(Endpoint { replies: Mutex::new(replies.into_iter().collect()), ..Endpoint::default() });
        let router = Router::new().fallback(reply).with_state(Arc::clone(&endpoint));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let store = Store::open(&DatabaseTarget::Memory).await.expect("opens");
        let (config, wake) = (config(address, agent), Wake::default());
        Self { store, config, endpoint, wake, folder: tempfile::tempdir().expect("a folder") }
    }

    /// A call of its agent ends: it was put into words by whoever talked, or recorded so.
    async fn call(&self, recording: Option<Vec<u8>>) {
        self.call_taped(recording, Takes::default()).await;
    }

    async fn call_taped(&self, recording: Option<Vec<u8>>, takes: Takes) {
        let agent = &self.config.objects.agents[0];
        let review = Review::wanted(agent, self.config.reviews.offer());
        let name = recording.map(|bytes| {
            std::fs::write(self.folder.path().join("1.wav"), bytes).expect("written");
            "1.wav".to_owned()
        });
        let said = Said { by: Speaker::Callee, at_ms: 40, text: "A table on Tuesday.".into() };
        let transcript = if name.is_some() { Vec::new() } else { vec![said] };
        let agent = agent.id;
        intend(&self.store, CallRecord { agent, review: review.clone(), ..record(1) }).await;
        let mut over = CallRecord { agent, review, recording: name, transcript, ..ended(1) };
        over.ended_at = Some(wall_now());
        over.begin_review();
        if let Some(review) = &mut over.review {
            review.takes = takes;
        }
        assert_eq!(end(&self.store, over).await, 1);
    }

    /// The room works until nothing is left to do at once.
    async fn works(&self) -> CallRecord {
        self.works_with(&self.config).await
    }

    #[expect(clippy::disallowed_methods, reason = "the room, which runs beside the test")]
    async fn works_with(&self, config: &Config) -> CallRecord {
        let reviews = self.reviews(config);
        let stop = CancellationToken::new();
        let room = tokio::spawn(reviews.run(stop.clone()));
        let now = wall_now();
        let is_done = async || {
            let next = self.store.next_review().await.expect("readable");
            next.is_none_or(|due| due > now && !is_leased(due))
        };
        eventually("nothing is left to review", is_done).await;
        stop.cancel();
        room.await.expect("no panic");
        self.read().await
    }

    fn reviews(&self, config: &Config) -> Reviews {
        let egress = Egress::new(Policy { allow_http: true, ..Policy::default() }).expect("a client");
        let parts = ReviewParts {
            store: self.store.clone(),
            directory: Directory::new(config.objects.clone()),
            config: config.reviews.clone(),
            egress,
            data_dir: self.folder.path().to_owned(),
            wake: self.wake.clone(),
            metrics: Metrics::new(),
        };
        Reviews::new(parts).expect("a client")
    }

    async fn read(&self) -> CallRecord {
        let record = record(1);
        self.store.call(record.tenant, record.call).await.expect("readable").expect("there")
    }

    /// Its part that is under way came to nothing so often before.
    async fn failed(&self, tries: u32) {
        let tried = format!("json_object('failed', {tries}, 'unusable', 0)");
        execute(&self.store, &format!("UPDATE calls SET review = json_set(review, '$.tried', {tried})"))
            .await;
    }

    /// It was claimed so often before.
    async fn claimed(&self, attempts: u32) {
        execute(&self.store, &format!("UPDATE reviews SET attempts = {attempts}")).await;
    }

    /// The next try is due.
    async fn due(&self) {
        execute(&self.store, "UPDATE reviews SET due_at = 0").await;
    }

    /// The event, if it waits no longer.
    async fn owed(&self) -> Option<Delivery> {
        let (lease, rooms, busy) = (Duration::from_secs(60), Default::default(), Default::default());
        let claim = Claim { now: wall_now(), lease, limit: 10, per_receiver: 10, rooms, busy };
        self.store.claim(claim).await.expect("readable").pop()
    }
}

/// Leases are longer than any wait for another try in these tests.
fn is_leased(due: Timestamp) -> bool {
    due.0 > wall_now().0 + 1_000_000
}

fn config(address: SocketAddr, agent: &str) -> Config {
    let hold = HOLD.as_secs().min(600);
    let text = format!(
        "[webhooks]\nallow_http = true\nhold_seconds = {hold}\n\
         [transcription]\nurl = \"http://{address}/words\"\nmodel = \"whisper-1\"\napi_key = \"{KEY}\"\ntimeout_seconds = 1\n\
         [analysis]\nurl = \"http://{address}/chat\"\nmodel = \"m\"\napi_key = \"{KEY}\"\ntimeout_seconds = 1\n\
         [[agent]]\nid = \"a\"\n{agent}"
    );
    Config::parse("t.toml", &text, std::iter::empty()).expect("valid")
}

macro_rules! told {
    () => {
        "transcript = true\n[agent.model]\nprovider = \"openai\"\nmodel = \"m\"\napi_key = \"sk-model\""
    };
}
/// A model tells what was said, and nothing becomes of that.
const UNANALYSED: &str = told!();
const TOLD: &str = concat!(
    told!(),
    "\n[agent.analysis]\nsuccess = \"They book\"\nfields = [{ name = \"day\", description = \"Which day\" }]"
);
const HEARD: &str = "transcript = \"endpoint\"\n[agent.analysis]\nsuccess = \"They book\"";

fn good() -> Reply {
    let found = json!({ "summary": "They booked.", "sentiment": "positive", "success": true, "fields": { "day": "tuesday" } });
    let message = json!({ "role": "assistant", "content": found.to_string() });
    Reply::With(200, json!({ "choices": [{ "message": message, "finish_reason": "stop" }] }).to_string())
}

fn words(text: &str) -> Reply {
    Reply::With(200, json!({ "text": text }).to_string())
}

/// Four seconds, of which the callee speaks the second and the agent the fourth.
fn conversation() -> Vec<u8> {
    let mut wav =
        b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data\xff\xff\0\0"
            .to_vec();
    for sample in 0..32_000 {
        let (callee, agent) = match sample / 8_000 {
            1 => (900_i16, 0_i16),
            3 => (0, -900),
            _ => (2, -2),
        };
        wav.extend([callee.to_le_bytes(), agent.to_le_bytes()].concat());
    }
    wav
}

fn error(record: &CallRecord) -> &str {
    record.analysis().and_then(Progress::error).unwrap_or_default()
}

#[tokio::test]
async fn what_was_told_is_analysed_and_the_event_waits_no_longer() {
    let house = House::new(TOLD, [good()]).await;
    house.call(None).await;
    assert_eq!(house.owed().await, None, "it waits");
    let call = house.works().await;
    assert_eq!(call.analysis(), Some(&Progress::Done));
    house.wake.wait().await;
    let told = house.owed().await.expect("it waits no longer").record;
    let found = told.findings().expect("found");
    assert_eq!(
        (found.summary.as_str(), found.success, &found.fields["day"]),
        ("They booked.", Some(true), &json!("tuesday"))
    );
    let asked = house.endpoint.asked();
    assert_eq!((asked[0].path.as_str(), asked[0].key.as_deref()), ("/chat", Some("Bearer sk-hunter2")));
    assert!(asked[0].body.contains("A table on Tuesday.") && asked[0].body.contains("They book"));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_recording_is_put_into_words_side_by_side_and_analysed() {
    // Both sides are asked for at once: what is said of one must do for the other.
    let house = House::new(HEARD, [words("Hm."), words("Hm."), good()]).await;
    house.call(Some(conversation())).await;
    let call = house.works().await;
    assert_eq!((call.transcription(), call.analysis()), (Some(&Progress::Done), Some(&Progress::Done)));
    let lines: Vec<_> =
        call.transcript.iter().map(|line| (line.by, line.at_ms, line.text.as_str())).collect();
    assert_eq!(lines, [(Speaker::Callee, 1_000, "Hm."), (Speaker::Agent, 3_000, "Hm.")]);
    let asked = house.endpoint.asked();
    assert_eq!(
        asked.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(),
        ["/words", "/words", "/chat"]
    );
    assert!(asked[0].body.contains("whisper-1") && asked[0].body.contains("WAVEfmt"));
    let evidence: Value = serde_json::from_str(&asked[2].body).expect("JSON");
    assert!(evidence["messages"][1]["content"].as_str().is_some_and(|text| text.matches("Hm.").count() == 2));
    assert_eq!(house.owed().await.expect("owed").record.transcript.len(), 2);
}

#[tokio::test]
async fn words_of_a_recording_that_began_late_and_rested_have_the_times_of_the_call() {
    let house = House::new(HEARD, [words("Hm."), words("Hm."), good()]).await;
    let mut takes = Takes::default();
    takes.push(0, 5_000);
    takes.push(2_000, 20_000);
    house.call_taped(Some(conversation()), takes).await;
    let lines: Vec<_> = house.works().await.transcript.iter().map(|line| (line.by, line.at_ms)).collect();
    assert_eq!(lines, [(Speaker::Callee, 6_000), (Speaker::Agent, 21_000)]);
}

#[tokio::test]
async fn a_silent_recording_is_sent_to_nobody() {
    let house = House::new(HEARD, []).await;
    let silence = [&conversation()[..44], &[0; 64_000]].concat();
    house.call(Some(silence)).await;
    let call = house.works().await;
    assert_eq!((call.transcription(), call.analysis()), (Some(&Progress::Done), None));
    assert!(house.endpoint.asked().is_empty());
    assert!(house.owed().await.is_some());
}

#[tokio::test]
async fn whatever_is_wrong_for_good_is_told_and_the_event_goes_without() {
    let quoting = json!({ "error": { "message": format!("no such key: {KEY}") } }).to_string();
    for (tries, reply, why) in [
        (0, Reply::With(401, quoting), "HTTP 401: no such key: …"),
        (0, Reply::With(404, "<html>".into()), "HTTP 404"),
        (4, Reply::With(500, String::new()), "HTTP 500"),
        (4, Reply::Later(429, 1), "HTTP 429"),
        (4, Reply::Silence, "no answer within 1s"),
    ] {
        let house = House::new(TOLD, [reply]).await;
        house.call(None).await;
        house.failed(tries).await;
        let call = house.works().await;
        assert_eq!(error(&call), why);
        assert_eq!(call.findings(), None);
        assert_eq!(house.owed().await.expect("it goes").record.findings(), None);
        assert_eq!(house.endpoint.asked().len(), 1);
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_when_it_was_asked_to_and_the_event_waits() {
    for (reply, seconds) in [
        (Reply::Later(503, 60), 60..61),
        (Reply::Later(429, 20), 20..21),
        (Reply::With(500, String::new()), 1..3),
        (Reply::With(200, "garbage".into()), 1..3),
    ] {
        let house = House::new(TOLD, [reply, good()]).await;
        house.call(None).await;
        let begun = wall_now();
        assert_eq!(house.works().await.analysis(), Some(&Progress::Pending));
        assert_eq!(house.owed().await, None, "it waits");
        let due = house.store.next_review().await.expect("readable").expect("another try");
        let wait = (due.0 - begun.0) / 1_000;
        assert!((seconds.start..seconds.end + 2).contains(&wait), "{wait} s");
        house.due().await;
        assert_eq!(house.works().await.analysis(), Some(&Progress::Done));
        assert!(house.owed().await.is_some());
    }
}

#[tokio::test]
async fn an_answer_of_no_use_is_asked_for_once_more_however_often_there_was_none() {
    for (garbage, why) in [
        ("garbage".to_owned(), "the answer is no chat completion"),
        ("x".repeat(10 << 20), "the answer is longer than 1048576 bytes"),
    ] {
        let replies = [Reply::Later(503, 60), Reply::With(200, garbage.clone()), Reply::With(200, garbage)];
        let house = House::new(TOLD, replies).await;
        house.call(None).await;
        for _ in 0..2 {
            assert_eq!(house.works().await.analysis(), Some(&Progress::Pending));
            house.due().await;
        }
        assert_eq!(error(&house.works().await), why);
        assert_eq!(house.owed().await.expect("it goes").record.findings(), None);
        assert_eq!(house.endpoint.asked().len(), 3);
    }
}

#[tokio::test]
async fn the_transcriptions_tries_are_none_of_the_analysiss() {
    let garbage = || Reply::With(200, "garbage".into());
    let house = House::new(HEARD, [Reply::Later(503, 60), garbage(), words("a"), garbage(), good()]).await;
    let mut callee_alone = conversation();
    callee_alone.truncate(callee_alone.len() - 32_000);
    house.call(Some(callee_alone)).await;
    for words in [Progress::Pending, Progress::Pending, Progress::Done] {
        let call = house.works().await;
        assert_eq!((call.transcription(), call.analysis()), (Some(&words), Some(&Progress::Pending)));
        house.due().await;
    }
    assert_eq!(house.works().await.analysis(), Some(&Progress::Done));
}

#[tokio::test]
async fn words_that_came_are_not_asked_for_again() {
    let house = House::new(HEARD, [words("a"), words("b"), Reply::Later(503, 60), good()]).await;
    house.call(Some(conversation())).await;
    let call = house.works().await;
    assert_eq!((call.transcription(), call.analysis()), (Some(&Progress::Done), Some(&Progress::Pending)));
    assert_eq!(call.transcript.len(), 2);
    house.due().await;
    assert_eq!(house.works().await.analysis(), Some(&Progress::Done));
    let paths: Vec<_> = house.endpoint.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/words", "/words", "/chat", "/chat"]);
}

#[tokio::test]
async fn without_words_there_is_nothing_to_analyse_and_both_say_why() {
    let house = House::new(HEARD, []).await;
    house.call(Some(b"RIFF: something else, but long enough to be a header of its own".to_vec())).await;
    let call = house.works().await;
    let why = "the recording is not as the switch makes them";
    assert_eq!(call.transcription().and_then(Progress::error), Some(why));
    assert_eq!(error(&call), format!("there is no transcript: {why}"));
    let house = House::new(HEARD, []).await;
    house.call(Some(conversation())).await;
    let call = house.read().await;
    house.store.forget_recordings(vec![call.call]).await.expect("stored");
    let deleted = house.works().await;
    assert_eq!(deleted.transcription().and_then(Progress::error), Some("the recording was deleted"));
    let house = House::new(HEARD, []).await;
    house.call(Some(conversation())).await;
    std::fs::remove_file(house.folder.path().join("1.wav")).expect("removed");
    assert_eq!(house.works().await.transcription().and_then(Progress::error), Some("the recording is gone"));
    assert!(house.owed().await.is_some());
}

#[tokio::test]
async fn an_agents_own_endpoint_is_reached_by_the_guarded_way_and_without_the_switchs_key() {
    let house = House::new(TOLD, []).await;
    let own = format!("http://127.0.0.1:{}/own", 9);
    let agent = TOLD.replace("success", &format!("url = \"{own}\"\nmodel = \"own\"\nsuccess"));
    let own = config("127.0.0.1:9".parse().expect("an address"), &agent);
    house.call(None).await;
    let call = house.works_with(&own).await;
    assert_eq!(error(&call), "the address is not allowed");
    assert!(house.owed().await.is_some() && house.endpoint.asked().is_empty());
}

#[tokio::test]
async fn what_an_agent_does_not_want_any_more_is_not_sent() {
    for (agent, why) in
        [(UNANALYSED, "its agent wants no analysis any more"), ("id = \"b\"", "its agent is gone")]
    {
        let house = House::new(TOLD, []).await;
        house.call(None).await;
        let nowhere = "127.0.0.1:9".parse().expect("an address");
        let agent = agent
            .strip_prefix("id = \"b\"")
            .map_or(agent.to_owned(), |_| format!("{UNANALYSED}\n[[agent]]\nid = \"c\""));
        let mut changed = config(nowhere, &agent);
        if why.contains("gone") {
            changed.objects.agents.remove(0);
        }
        assert_eq!(error(&house.works_with(&changed).await), why);
        assert!(house.owed().await.is_some());
    }
}

#[tokio::test]
async fn a_call_that_the_switch_died_over_again_and_again_is_left_alone() {
    let house = House::new(TOLD, []).await;
    house.call(None).await;
    house.claimed(99).await;
    assert_eq!(error(&house.works().await), "the switch was stopped over it too often");
    assert!(house.owed().await.is_some());
}

#[tokio::test]
async fn an_event_that_no_vendor_waits_with_is_owed_at_once() {
    let house = House::new(TOLD, [good()]).await;
    let mut call = CallRecord { agent: house.config.objects.agents[0].id, ..ended(1) };
    call.review = Review::wanted(&house.config.objects.agents[0], house.config.reviews.offer());
    call.webhook.as_mut().expect("it has one").face = crate::model::Face::MiniVoice;
    call.webhook.as_mut().expect("it has one").events = completed();
    let begun = CallRecord { state: crate::model::CallState::Dialing, ..record(1) };
    intend(&house.store, CallRecord { agent: call.agent, webhook: call.webhook.clone(), ..begun }).await;
    assert_eq!(end(&house.store, call).await, 1);
    assert!(house.owed().await.is_some());
    assert_eq!(house.works().await.analysis(), Some(&Progress::Done), "and it is gone over all the same");
}
