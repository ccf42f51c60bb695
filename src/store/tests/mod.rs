//! One suite over both engines: each test is a function of a [`Place`], and is run in both.

mod campaigns;
mod cluster;
mod cost;
mod event_log;
mod objects;
mod place;
mod retries;
mod reviews;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::model::transcript::Said;
use crate::model::*;
pub use place::{Place, execute, fill, make_room};

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
    lists_filter_count_and_page,
    a_full_database_refuses_and_recovers,
    a_full_queue_refuses_intents,
    a_lapsed_lease_is_due_again_and_its_late_word_is_not_heard,
    a_claim_leaves_room_and_keeps_order,
    a_retry_keeps_its_first_bytes,
    hostile_text_is_stored,
    minutes_are_counted_by_trunk,
    what_is_owed_follows_a_calls_life_and_its_receivers_wish,
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
            Intended::Superseded => panic!("no recipient was named"),
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

async fn lists_filter_count_and_page(place: Place) {
    let store = place.open().await;
    for call in 1..=5 {
        intend(&store, CallRecord { agent: AgentId(call % 2), ..record(call) }).await;
    }
    intend(&store, CallRecord { tenant: TenantId(9), ..record(6) }).await;
    end(&store, CallRecord { disposition: Some(Disposition::VoicemailDetected), ..ended(2) }).await;
    let list = async |filter: CallFilter, limit, offset| {
        let page = store.calls(TENANT, &filter, limit, offset).await.expect("readable");
        (page.calls.iter().map(|call| call.call.get()).collect::<Vec<_>>(), page.count)
    };
    assert_eq!(list(CallFilter::default(), 100, 0).await, (vec![5, 4, 3, 2, 1], 5));
    assert_eq!(list(CallFilter::default(), 2, 1).await, (vec![4, 3], 5));
    let agent = CallFilter { agent: Some(AgentId(0)), ..CallFilter::default() };
    assert_eq!(list(agent, 100, 0).await, (vec![4, 2], 2));
    let span = CallFilter {
        since: Some(record(2).created_at),
        until: Some(record(4).created_at),
        ..CallFilter::default()
    };
    assert_eq!(list(span, 100, 0).await, (vec![3, 2], 2));
    let found = |detected| CallFilter { voicemail_detected: Some(detected), ..CallFilter::default() };
    assert_eq!(list(found(true), 100, 0).await, (vec![2], 1));
    assert_eq!(list(found(false), 100, 0).await, (vec![5, 4, 3, 1], 4));
    let direction = |direction| CallFilter { direction: Some(direction), ..CallFilter::default() };
    assert_eq!(list(direction(Direction::Inbound), 100, 0).await, (vec![], 0));
    assert_eq!(list(direction(Direction::Outbound), 1, 0).await, (vec![5], 5));
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

async fn claim(store: &Store, now: i64, limit: usize) -> Vec<Delivery> {
    let claim = Claim {
        now: Timestamp(now),
        lease: Duration::from_secs(60),
        limit,
        per_receiver: 8,
        rooms: Default::default(),
    };
    store.claim(claim).await.expect("claimed")
}

fn settlement(delivery: &Delivery, settled: Settled) -> Vec<Settlement> {
    vec![Settlement { id: delivery.id, attempt: delivery.attempt, settled, at: NOW, body: None, tried: None }]
}

async fn a_lapsed_lease_is_due_again_and_its_late_word_is_not_heard(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    end(&store, ended(1)).await;
    assert_eq!(store.next_due().await.expect("readable"), ended(1).ended_at);
    assert_eq!(claim(&store, NOW.0, 10).await, [], "not due yet");
    let first = claim(&store, NOW.0 + 3, 10).await.remove(0);
    assert_eq!((first.attempt, &first.record, first.body.as_deref()), (1, &ended(1), None));
    assert_eq!(first.receiver, "https://hooks.example.com");
    assert_eq!(claim(&store, NOW.0 + 60_002, 10).await, [], "leased");
    assert_eq!(store.next_due().await.expect("readable"), Some(Timestamp(NOW.0 + 60_003)));

    let second = claim(&store, NOW.0 + 60_003, 10).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2));
    let late = Settled::Dead { reason: "late".into() };
    store.settle(settlement(&first, late)).await.expect("stored");
    assert_eq!(claim(&store, NOW.0 + 200_000, 10).await.len(), 1, "still owed");
    store.settle(settlement(&first, Settled::Delivered)).await.expect("stored");
    assert_eq!(claim(&store, NOW.0 + 400_000, 10).await, [], "a delivery counts whoever made it");
    assert_eq!(store.next_due().await.expect("readable"), None);
}

async fn a_claim_leaves_room_and_keeps_order(place: Place) {
    let store = place.open().await;
    let target = |call: u64| WebhookTarget {
        url: format!("https://{}.example/hook", if call <= 20 { "busy" } else { "calm" }),
        face: Face::Nixflex,
        key: KEY,
        events: completed(),
    };
    for call in 1..=25 {
        intend(&store, CallRecord { webhook: Some(target(call)), ..record(call) }).await;
    }
    let ends = (1..=25).map(|call| {
        let ended_at = Some(Timestamp(NOW.0 + i64::try_from(call).expect("small")));
        Write::Ended(Arc::new(CallRecord { webhook: Some(target(call)), ended_at, ..ended(call) }))
    });
    assert_eq!(store.write(ends.collect()).await.expect("stored"), 25);
    // A second event of call 21 must wait for its first.
    execute(
        &store,
        "INSERT INTO outbox (call, event, receiver, state, created_at, due_at, attempts)
           SELECT call, event, receiver, state, created_at, 0, 0 FROM outbox WHERE call = 21",
    )
    .await;
    let calls = |deliveries: &[Delivery]| deliveries.iter().map(|row| row.call.get()).collect::<Vec<_>>();
    let with_room = Claim {
        now: Timestamp(NOW.0 + 100),
        lease: Duration::from_secs(60),
        limit: 6,
        per_receiver: 8,
        rooms: [("https://busy.example".to_owned(), 2)].into(),
    };
    let first = store.claim(with_room.clone()).await.expect("claimed");
    assert_eq!(calls(&first), [1, 2, 21, 22, 23, 24]);
    let full = Claim { rooms: [("https://busy.example".to_owned(), 0)].into(), ..with_room };
    assert_eq!(calls(&store.claim(full).await.expect("claimed")), [25]);
    assert_eq!(
        calls(&claim(&store, NOW.0 + 100, 64).await),
        [3, 4, 5, 6, 7, 8, 9, 10],
        "its share, oldest first"
    );

    store.settle(settlement(&first[2], Settled::Delivered)).await.expect("stored");
    let then = claim(&store, NOW.0 + 100, 64).await;
    assert_eq!(then.iter().filter(|row| row.call.get() == 21).count(), 1, "now its second");
}

async fn a_retry_keeps_its_first_bytes(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    end(&store, ended(1)).await;
    for (attempt, body) in [(1, "first"), (2, "second")] {
        let now = NOW.0 + 1000 * i64::from(attempt);
        let delivery = claim(&store, now, 10).await.remove(0);
        assert_eq!(delivery.attempt, attempt);
        let settled = Settled::Retry { due_at: Timestamp(now + 1000), reason: "503".into() };
        let mut settlements = settlement(&delivery, settled);
        settlements[0].body = Some(body.into());
        store.settle(settlements).await.expect("stored");
    }
    let third = claim(&store, NOW.0 + 3000, 10).await.remove(0);
    assert_eq!(third.body.as_deref(), Some("first"));
    store.settle(settlement(&third, Settled::Dead { reason: "410".into() })).await.expect("stored");
    assert_eq!(store.next_due().await.expect("readable"), None);
}

async fn hostile_text_is_stored(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    let hostile = "nul \0, quote ', \"; DROP TABLE calls; -- \\u0000 \u{1f600}";
    end(&store, CallRecord { detail: Some(hostile.into()), ..ended(1) }).await;
    let detail = read(&store, 1).await.expect("there").detail;
    assert_eq!(detail, Some(hostile.replace('\0', "\u{fffd}")));
}

async fn minutes_are_counted_by_trunk(place: Place) {
    let store = place.open().await;
    let minute = 60_000;
    // Trunk, answered, ended: in minutes from now.
    let calls = [
        ("t1", Some(-50), Some(-49)),
        ("t1", Some(-50), Some(-50)),
        ("t1", Some(-600), Some(-59)),
        ("t2", Some(-10), Some(-5)),
        ("t2", None, Some(-5)),
        ("t2", Some(-700), Some(-650)),
        ("t3", Some(-90), None),
        ("t3", Some(-3), None),
    ];
    let at = |minutes: i64| Timestamp(NOW.0 + minutes * minute);
    for (call, (trunk, answered_at, ended_at)) in (1..).zip(calls) {
        let dialing = CallRecord { trunk: trunk.into(), created_at: at(-700), webhook: None, ..record(call) };
        intend(&store, dialing.clone()).await;
        if let Some(answered) = answered_at {
            let Write::Answered { call, dialog, .. } = answer(call) else { unreachable!() };
            let told = EventSet::default();
            let write = Write::Answered { call, ringing_at: None, answered_at: at(answered), dialog, told };
            store.write([write].into()).await.expect("stored");
        }
        if let Some(ended) = ended_at {
            let over = CallRecord {
                answered_at: answered_at.map(at),
                ended_at: Some(at(ended)),
                state: CallState::Ended,
                ..dialing
            };
            end(&store, over).await;
        }
    }
    let mut minutes = store.minutes_by_trunk(TENANT, at(-60), NOW).await.expect("readable");
    minutes.sort();
    let expected = [("t1", 1 + 1 + 541), ("t2", 5), ("t3", 30 + 3)];
    assert_eq!(minutes, expected.map(|(trunk, minutes)| (trunk.to_owned(), minutes)));
    assert_eq!(store.minutes_by_trunk(TenantId(2), at(-60), NOW).await.expect("readable"), []);
}

/// What is owed, by call, in the order in which it is delivered: of a call only the oldest that is still owed is given out.
async fn owed(store: &Store) -> HashMap<u64, Vec<EventKind>> {
    let mut kinds = HashMap::<u64, Vec<EventKind>>::new();
    loop {
        let deliveries = claim(store, NOW.0 + 600_000, 100).await;
        if deliveries.is_empty() {
            return kinds;
        }
        for delivery in deliveries {
            kinds.entry(delivery.call.get()).or_default().push(delivery.event);
            store.settle(settlement(&delivery, Settled::Delivered)).await.expect("stored");
        }
    }
}

async fn what_is_owed_follows_a_calls_life_and_its_receivers_wish(place: Place) {
    let store = place.open().await;
    let all: EventSet = EventKind::ALL.into_iter().collect();
    let without_failed: EventSet = all.iter().filter(|kind| *kind != EventKind::Failed).collect();
    let wishing = |events: EventSet, mut record: CallRecord| {
        record.webhook.as_mut().expect("it has one").events = events;
        record
    };
    let told: EventSet = [EventKind::Answered, EventKind::RecordingStarted].into_iter().collect();
    let life = |call: u64, answered: bool, events: EventSet| {
        let id = CallId::new(call).expect("a valid id");
        let ringing = Write::Told { call: id, event: EventKind::Ringing, at: Timestamp(NOW.0 + 1) };
        let over = CallRecord {
            answered_at: answered.then_some(Timestamp(NOW.0 + 2)),
            recording: answered.then(|| "a.wav".into()),
            ..wishing(events, ended(call))
        };
        let answer = match answer(call) {
            Write::Answered { call, ringing_at, answered_at, dialog, .. } => {
                Write::Answered { call, ringing_at, answered_at, dialog, told }
            }
            other => other,
        };
        let over = Write::Ended(Arc::new(over));
        if answered { vec![ringing, answer, over] } else { vec![ringing, over] }
    };
    for (call, answered, events) in
        [(1, true, all), (2, false, all), (3, false, without_failed), (4, true, completed())]
    {
        intend(&store, wishing(events, record(call))).await;
        store.write(life(call, answered, events).into()).await.expect("stored");
        // A second end owes nothing more.
        store.write(life(call, answered, events).into()).await.expect("stored");
    }
    // It waited: what began it is owed when its INVITE leaves, and only then.
    intend(&store, wishing(all, CallRecord { state: CallState::Accepted, ..record(5) })).await;
    store.dialing(Dialing { started_at: Some(NOW), ..dialing(&record(5)) }).await.expect("stored");
    store.dialing(dialing(&record(5))).await.expect("stored");
    // Nothing is owed for a call that never was.
    intend(&store, wishing(all, record(6))).await;
    store.write([Write::Withdrawn(CallId::new(6).expect("a valid id"))].into()).await.expect("stored");

    use EventKind::{
        Answered, Completed, Created, Failed, RecordingCompleted, RecordingStarted, Ringing, Started,
    };
    let owed = owed(&store).await;
    for (call, expected) in [
        (1, &[Created, Started, Ringing, Answered, RecordingStarted, RecordingCompleted, Completed][..]),
        (2, &[Created, Started, Ringing, Failed]),
        (3, &[Created, Started, Ringing, Completed]),
        (4, &[Completed]),
        (5, &[Created, Started]),
    ] {
        assert_eq!(owed[&call], expected, "call {call}");
    }
    assert!(!owed.contains_key(&6), "{owed:?}");
}
