//! One suite over both engines: each test is a function of a [`Place`], and is run in both.

mod campaigns;
mod cluster;
mod cost;
mod deliveries;
mod do_not_call;
mod event_log;
mod objects;
mod place;
mod reads;
mod retries;
mod reviews;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::model::transcript::Said;
use crate::model::*;
use deliveries::{claim, settlement};
pub use place::{Place, count, execute, fill, keep_readers_busy, make_room, stall};

/// Runs each function once an engine.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::store::tests::Place::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::store::tests::Place::postgres().await).await;
            })+
        }
    };
}

pub(crate) use on_both_engines;

on_both_engines! {
    a_record_reads_back_as_it_was_written,
    one_of_many_equal_requests_is_committed,
    a_key_is_free_again_once_its_call_was_withdrawn,
    the_same_call_id_is_refused_and_its_neighbours_are_not,
    a_call_ends_once,
    writes_of_one_call_keep_their_order,
    ids_are_never_leased_twice,
    rows_survive_a_crash,
    another_switch_is_locked_out,
    a_full_database_refuses_and_recovers,
    a_full_queue_refuses_intents,
    hostile_text_is_stored,
}

pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
const TENANT: TenantId = TenantId(1);
pub const KEY: KeyId = KeyId(7);

pub fn record(call: u64) -> CallRecord {
    CallRecord {
        call: CallId::new(call).expect("a valid id"),
        parent: CallId::new(call + 1_000),
        tenant: TENANT,
        direction: Direction::Outbound,
        key: Some(KEY),
        application: Some(ApplicationId(5)),
        agent: AgentId(3),
        from: "+447446466847".into(),
        to: "+447386172392".into(),
        trunk: "t1".into(),
        sip_call_id: format!("sip-{call}"),
        campaign: Some("batchcall_1".into()),
        recipient: None,
        metadata: Some(r#"{"crm":"42"}"#.into()),
        unknown_variables: vec!["patient".into()],
        webhook: Some(WebhookTarget {
            url: "https://hooks.example.com/one?token=x".into(),
            face: Face::Nixflex,
            key: KEY,
            events: completed(),
        }),
        endpoints: Vec::new(),
        callbacks: Vec::new(),
        hold: None,
        charge: None,
        state: CallState::Dialing,
        created_at: Timestamp(NOW.0 + i64::try_from(call).expect("small")),
        ringing_at: None,
        answered_at: None,
        ended_at: None,
        disposition: None,
        ended_by: None,
        sip_status: None,
        q850: None,
        detail: None,
        verdict: None,
        verdict_reason: None,
        verdict_evidence: None,
        dead_air: None,
        recording: None,
        recording_error: None,
        recording_link: None,
        not_again_before: None,
        awaits_bot: false,
        stream_link: None,
        review: None,
        people: Vec::new(),
        transcript: Vec::new(),
        attempts: Vec::new(),
        media: None,
    }
}

/// The key whose events these are.
pub fn key() -> Arc<Key> {
    Arc::new(Key {
        id: KEY,
        tenant: TENANT,
        face: Face::Nixflex,
        public: "nxf_demo".into(),
        secret_hash: [0; 32],
        signing: Secret::new("nxfs_demo".to_owned()),
        scope: KeyScope::Tenant,
        concurrent: None,
        reads_per_minute: None,
        writes_per_minute: None,
        spend: SpendControl::default(),
    })
}

/// The one event that every receiver of these tests gets.
pub fn completed() -> EventSet {
    [EventKind::Completed].into_iter().collect()
}

pub fn ended(call: u64) -> CallRecord {
    CallRecord {
        media: Some(MediaCounters { packets_in: 50, round_trip_ms: Some(3), ..MediaCounters::default() }),
        state: CallState::Ended,
        ringing_at: Some(Timestamp(NOW.0 + 1)),
        answered_at: Some(Timestamp(NOW.0 + 2)),
        ended_at: Some(Timestamp(NOW.0 + 3)),
        disposition: Some(Disposition::CalleeHangup),
        ended_by: Some(EndedBy::Callee.as_str().into()),
        sip_status: Some(200),
        q850: Some(16),
        detail: Some("Normal call clearing".into()),
        verdict: Some("human".into()),
        verdict_reason: Some("one word, then silence".into()),
        verdict_evidence: Some(r#"{"words":1}"#.into()),
        dead_air: Some(Duration::from_millis(18)),
        recording: Some("recordings/1.wav".into()),
        recording_error: Some("none".into()),
        people: vec![PersonId(1_001), PersonId(7)],
        transcript: vec![Said { by: Speaker::Callee, at_ms: 40, text: "Grüß \"Gott\"".into() }],
        ..record(call)
    }
}

fn dialog() -> DialogRecord {
    DialogRecord {
        call_id: "a@b".into(),
        local_tag: "l".into(),
        remote_tag: "r".into(),
        local_uri: "sip:us@here".into(),
        remote_uri: "sip:them@there".into(),
        remote_target: "sip:them@192.0.2.1:5070".into(),
        route_set: vec!["<sip:proxy;lr>".into()],
        local_cseq: 2,
        remote: "192.0.2.1:5060".parse().expect("an address"),
        transport: Some("TLS".into()),
        tls_host: Some("carrier.example".into()),
        trunk: "t1".into(),
        before: None,
    }
}

fn dialing(record: &CallRecord) -> Dialing {
    Dialing {
        call: record.call,
        trunk: record.trunk.clone(),
        sip_call_id: record.sip_call_id.clone(),
        attempts: record.attempts.clone(),
        started_at: None,
    }
}

fn promise(key: &str, body: u8) -> Option<(Idempotency, StoredResponse)> {
    let response = StoredResponse { status: 201, body: format!(r#"{{"answer":{body}}}"#) };
    Some((Idempotency { key: key.into(), body_hash: [body; 32] }, response))
}

pub async fn intend(store: &Store, record: CallRecord) {
    let intent = Intent { record, idempotency: None };
    assert_eq!(store.intend(intent).await.expect("stored"), Intended::Committed);
}

fn answer(call: u64) -> Write {
    Write::Answered {
        call: CallId::new(call).expect("a valid id"),
        ringing_at: Some(Timestamp(NOW.0 + 1)),
        answered_at: Timestamp(NOW.0 + 2),
        dialog: Arc::new(dialog()),
        told: EventSet::default(),
    }
}

pub async fn end(store: &Store, record: CallRecord) -> u64 {
    store.write([Write::Ended(Arc::new(record))].into()).await.expect("stored")
}

async fn read(store: &Store, call: u64) -> Option<CallRecord> {
    store.call(TENANT, CallId::new(call).expect("a valid id")).await.expect("readable")
}

async fn a_record_reads_back_as_it_was_written(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    assert_eq!(read(&store, 1).await, Some(record(1)));
    let bare = CallRecord {
        key: None,
        campaign: None,
        metadata: None,
        unknown_variables: vec![],
        webhook: None,
        state: CallState::Accepted,
        ..record(2)
    };
    intend(&store, bare.clone()).await;
    assert_eq!(read(&store, 2).await, Some(bare.clone()));
    store.dialing(dialing(&bare)).await.expect("stored");
    assert_eq!(read(&store, 2).await.expect("there").state, CallState::Dialing);
    let diverted = CallRecord {
        trunk: "t2".into(),
        sip_call_id: "second".into(),
        attempts: vec![
            Attempt {
                sip_status: Some(503),
                q850: Some(34),
                why: Some("full".into()),
                ..Attempt::new("t1", "first")
            },
            Attempt { uri: Some("sip:+1@192.0.2.7".into()), ..Attempt::new("t2", "second") },
        ],
        state: CallState::Dialing,
        ..bare
    };
    store.dialing(dialing(&diverted)).await.expect("stored");
    assert_eq!(read(&store, 2).await, Some(diverted));

    store.write([answer(1)].into()).await.expect("stored");
    let answered = store.unfinished().await.expect("readable");
    assert_eq!(answered.len(), 2);
    assert_eq!(answered[0].0.state, CallState::Answered);
    assert_eq!(answered[0].1, Some(dialog()));
    assert_eq!(answered[1].1, None);

    assert_eq!(end(&store, ended(1)).await, 1, "one outbox row");
    assert_eq!(read(&store, 1).await, Some(ended(1)));
    assert_eq!(end(&store, CallRecord { webhook: None, ..ended(2) }).await, 0, "no webhook, no row");
    assert!(store.unfinished().await.expect("readable").is_empty());
    assert_eq!(
        store.call(TenantId(2), bare.call).await.expect("readable"),
        None,
        "another tenant sees nothing"
    );
}

async fn one_of_many_equal_requests_is_committed(place: Place) {
    let store = place.open().await;
    let all = join_all((1..=50).map(|call| {
        store.intend(Intent {
            record: record(call),
            idempotency: promise("k", if call == 50 { 2 } else { 1 }),
        })
    }))
    .await;
    let mut committed = 0;
    for (intended, other_body) in all.into_iter().zip((1..=50).map(|call| call == 50)) {
        match intended.expect("stored") {
            Intended::Committed => committed += 1,
            Intended::Replay(response) => assert!(response.body.contains(if other_body { "2" } else { "1" })),
            Intended::Conflict => {}
            Intended::Superseded | Intended::DoNotCall => {
                panic!("no recipient was named, and nobody is listed")
            }
        }
    }
    assert_eq!(committed, 1);
    assert_eq!(store.unfinished().await.expect("readable").len(), 1);

    let (known, response) = promise("k", 1).expect("given");
    assert_eq!(store.find_replay(KEY, &known).await.expect("readable"), Some(Replay::Same(response)));
    let (other, _) = promise("k", 9).expect("given");
    assert_eq!(store.find_replay(KEY, &other).await.expect("readable"), Some(Replay::Conflict));
    assert_eq!(store.find_replay(KeyId(8), &known).await.expect("readable"), None);
    let again = Intent { record: record(60), idempotency: promise("k", 9) };
    assert_eq!(store.intend(again).await.expect("stored"), Intended::Conflict);
    let elsewhere = CallRecord { key: Some(KeyId(8)), ..record(61) };
    let intent = Intent { record: elsewhere, idempotency: promise("k", 9) };
    assert_eq!(store.intend(intent).await.expect("stored"), Intended::Committed, "keys have scopes");
}

async fn a_key_is_free_again_once_its_call_was_withdrawn(place: Place) {
    let store = place.open().await;
    let first = Intent { record: record(1), idempotency: promise("k", 1) };
    assert_eq!(store.intend(first).await.expect("stored"), Intended::Committed);
    let withdrawal = store.write([Write::Withdrawn(record(1).call)].into());
    let second = store.intend(Intent { record: record(2), idempotency: promise("k", 1) });
    let (withdrawal, second) = tokio::join!(withdrawal, second);
    withdrawal.expect("stored");
    assert_eq!(second.expect("stored"), Intended::Committed);
    assert_eq!(read(&store, 1).await, None);

    store.write([answer(2), Write::Withdrawn(record(2).call)].into()).await.expect("stored");
    assert!(read(&store, 2).await.is_some(), "an answered call is nobody's to withdraw");
}

async fn the_same_call_id_is_refused_and_its_neighbours_are_not(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    let twice = store.intend(Intent { record: record(1), idempotency: None });
    let other = store.intend(Intent { record: record(2), idempotency: None });
    let (twice, other) = tokio::join!(twice, other);
    assert!(matches!(twice, Err(StoreError::Duplicate(call)) if call == record(1).call));
    assert_eq!(other.expect("stored"), Intended::Committed);
}

async fn a_call_ends_once(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    assert_eq!(end(&store, ended(1)).await, 1);
    let other_end = CallRecord { disposition: Some(Disposition::Interrupted), ..ended(1) };
    assert_eq!(end(&store, other_end).await, 0);
    store.write([answer(1)].into()).await.expect("stored");
    assert_eq!(read(&store, 1).await, Some(ended(1)), "what comes after the end changes nothing");
    assert_eq!(claim(&store, NOW.0 + 10, 10).await.len(), 1);
}

async fn writes_of_one_call_keep_their_order(place: Place) {
    let store = place.open().await;
    for call in 1..=100 {
        intend(&store, CallRecord { webhook: None, ..record(call) }).await;
    }
    let writes: Vec<_> =
        (1..=100).flat_map(|call| [answer(call), Write::Ended(Arc::new(ended(call)))]).collect();
    let (early, late) = writes.split_at(77);
    let (early, late) = tokio::join!(store.write(early.into()), store.write(late.into()));
    early.and(late).expect("stored");
    for call in 1..=100 {
        assert_eq!(read(&store, call).await.expect("there").state, CallState::Ended);
    }
}

async fn ids_are_never_leased_twice(place: Place) {
    let store = place.open().await;
    let mut blocks =
        join_all((0..8).map(|_| store.lease_ids())).await.into_iter().collect::<Result<Vec<_>, _>>();
    let blocks = blocks.as_mut().expect("leased");
    blocks.sort_by_key(|block| block.start);
    assert_eq!(blocks[0].start, 1);
    for pair in blocks.windows(2) {
        assert_eq!(pair[0].end, pair[1].start);
        assert_eq!(pair[0].end - pair[0].start, 65_536);
    }
    execute(&store, &format!("UPDATE call_ids SET next = {}", (1_i64 << 53) - 1)).await;
    assert!(matches!(store.lease_ids().await, Err(StoreError::NoIds)));
}

async fn rows_survive_a_crash(place: Place) {
    place.crash_after(|store| async move {
        intend(&store, record(1)).await;
        intend(&store, record(2)).await;
        store.write([answer(1)].into()).await.expect("stored");
        // Queued and not awaited: it may be lost, and must not be half there.
        let queued = store.write([Write::Ended(Arc::new(ended(2)))].into());
        let _ = futures_util::poll!(std::pin::pin!(queued));
    });
    let store = place.open().await;
    let dialogs = store.unfinished().await.expect("readable");
    assert_eq!(dialogs[0].0.state, CallState::Answered);
    assert_eq!(dialogs[0].1, Some(dialog()));
    let second_ended = read(&store, 2).await.expect("there").state == CallState::Ended;
    assert_eq!(claim(&store, NOW.0 + 10, 10).await.len(), usize::from(second_ended));
    store.close().await;
    assert!(store.intend(Intent { record: record(3), idempotency: None }).await.is_err());
}

async fn another_switch_is_locked_out(place: Place) {
    let store = place.open().await;
    assert!(matches!(Store::open(&place.target).await, Err(StoreError::Locked(_))));
    store.close().await;
    drop(store);
    place.crash_after(|_| async {});
}

async fn a_full_database_refuses_and_recovers(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    assert!(store.healthy());
    fill(&store).await;
    let large = CallRecord { detail: Some("x".repeat(100_000)), ..ended(1) };
    let refused = store.write([Write::Ended(Arc::new(large.clone()))].into()).await;
    assert!(
        matches!(&refused, Err(error @ StoreError::Database(_)) if !error.is_rows_fault()),
        "{refused:?}"
    );
    assert!(!store.healthy());
    let intent = Intent { record: record(2), idempotency: None };
    assert!(matches!(store.intend(intent).await, Err(StoreError::Unavailable)));
    assert_eq!(store.counters().failures, 1);
    make_room(&store).await;
    assert_eq!(end(&store, large.clone()).await, 1);
    assert!(store.healthy());
    assert_eq!(read(&store, 1).await, Some(large));
    intend(&store, record(2)).await;
}

async fn a_full_queue_refuses_intents(place: Place) {
    let store = place.open().await;
    // On one thread the writer does not run before this task waits.
    let mut waiting: Vec<_> = (1..=8193)
        .map(|call| Box::pin(store.intend(Intent { record: record(call), idempotency: None })))
        .collect();
    let mut refused = 0;
    for intent in &mut waiting {
        if let std::task::Poll::Ready(answer) = futures_util::poll!(intent.as_mut()) {
            assert!(matches!(answer, Err(StoreError::QueueFull)));
            refused += 1;
        }
    }
    assert_eq!(refused, 1);
    assert_eq!(store.counters().queued, 8192);
    waiting.pop();
    for intended in join_all(waiting).await {
        assert_eq!(intended.expect("stored"), Intended::Committed);
    }
    assert_eq!(store.counters().rows, 8192);
    assert!(store.counters().commits < 20, "groups of up to 1,000");
}

async fn hostile_text_is_stored(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    let hostile = "nul \0, quote ', \"; DROP TABLE calls; -- \\u0000 \u{1f600}";
    end(&store, CallRecord { detail: Some(hostile.into()), ..ended(1) }).await;
    let detail = read(&store, 1).await.expect("there").detail;
    assert_eq!(detail, Some(hostile.replace('\0', "\u{fffd}")));
}
