//! The journal over a real store of either engine.

use super::*;
use crate::model::{
    AgentId, CallFact, CallRecord, CallState, DialogRecord, Disposition, EndedBy, EventKind, Heard, KeyId,
    Outcome, RecordingResult, Takes, TenantId, Timestamp, WebhookEndpointId, WebhookTarget,
};
use crate::patience::eventually;
use crate::store::DeliveryFilter;
use crate::store::tests::{Place, fill, make_room, on_both_engines, record};

on_both_engines! {
    a_call_becomes_a_row_and_an_event,
    a_recording_begun_in_mid_call_is_told_to_whoever_wants_to_know,
    who_answered_is_on_disk_and_told_as_soon_as_it_is_known,
    slots_are_given_back_when_the_end_is_on_disk,
    ends_outlive_a_full_database,
    an_intent_that_nobody_awaits_leaves_nothing,
    a_repeated_request_starts_nothing,
    a_request_whose_commit_may_have_failed_is_not_told_to_have_been_accepted,
    a_call_of_an_earlier_run_is_adopted,
    listeners_hear_every_fact_of_every_call,
}

fn start(store: &Store, calls_max: usize) -> (Journal, webhook::Wake) {
    let wake = webhook::Wake::default();
    let config = Config { calls_max, data_dir: "/var/lib/trunkline".into() };
    (Journal::start(store.clone(), config, wake.clone()), wake)
}

fn call(id: u64) -> CallId {
    CallId::new(id).expect("a valid id")
}

fn event(id: u64, fact: CallFact) -> CallEvent {
    CallEvent { call: call(id), at: Instant::now(), fact }
}

fn dialog() -> Box<DialogRecord> {
    Box::new(DialogRecord {
        call_id: "a".into(),
        local_tag: "l".into(),
        remote_tag: "r".into(),
        local_uri: "sip:us@here".into(),
        remote_uri: "sip:them@there".into(),
        remote_target: "sip:them@192.0.2.1".into(),
        route_set: vec![],
        local_cseq: 1,
        remote: "192.0.2.1:5060".parse().expect("an address"),
        transport: Some("TLS".into()),
        tls_host: Some("carrier.example".into()),
        trunk: "t1".into(),
        before: None,
    })
}

fn outcome(at: Instant) -> Box<Outcome> {
    Box::new(Outcome {
        disposition: Disposition::CalleeHangup,
        ended_by: EndedBy::Callee,
        sip_status: Some(200),
        q850: Some(16),
        detail: None,
        callee_hold: None,
        attempts: Vec::new(),
        heard: None,
        dead_air: None,
        recording: Some(RecordingResult::Saved {
            takes: Takes::default(),
            path: "/var/lib/trunkline/recordings/1.wav".into(),
            duration: Duration::from_secs(2),
        }),
        media: None,
        transcript: crate::model::Transcript::default(),
        people: Vec::new(),
        ringing_at: Some(at),
        answered_at: Some(at + Duration::from_millis(500)),
        ended_at: at + Duration::from_millis(2500),
    })
}

async fn intend(journal: &Journal, id: u64) {
    let slot = journal.reserve().expect("room");
    assert_eq!(journal.intend(slot, record(id), None).await.expect("stored"), Intended::Committed);
}

async fn a_call_becomes_a_row_and_an_event(place: Place) {
    let store = place.open().await;
    let (journal, wake) = start(&store, 10);
    intend(&journal, 1).await;
    assert_eq!(journal.live(), 1);
    journal.record(event(1, CallFact::Ringing { status: 180 }));
    assert!(journal.find(call(1)).expect("followed").ringing_at.is_some());
    journal.record(event(1, CallFact::Answered { dialog: dialog(), recorded: false }));
    let heard = Heard {
        class: "human",
        reason: "one word".into(),
        confidence: 0.9,
        at: Duration::from_millis(800),
        evidence: "{}".into(),
    };
    journal.record(event(1, CallFact::Verdict(Box::new(heard))));
    journal.record(event(1, CallFact::AgentSpoke { dead_air: Duration::from_millis(12) }));
    assert_eq!(journal.find(call(1)).expect("followed").state, CallState::Answered);
    journal.record(event(1, CallFact::Ended(outcome(Instant::now()))));
    journal.record(event(1, CallFact::Ended(outcome(Instant::now()))));
    assert_eq!(journal.live(), 0);
    journal.drained().await;
    wake.wait().await;

    let row = store.call(TenantId(1), call(1)).await.expect("readable").expect("there");
    assert_eq!((row.state, row.disposition), (CallState::Ended, Some(Disposition::CalleeHangup)));
    assert_eq!((row.verdict.as_deref(), row.dead_air), (Some("human"), Some(Duration::from_millis(12))));
    assert_eq!(row.recording.as_deref(), Some("recordings/1.wav"));
    assert_eq!(row.duration(), Some(Duration::from_secs(2)));
    assert_eq!(row.answered_at.map(|at| at.0 - row.ringing_at.expect("rang").0), Some(500));
    assert!(store.next_due().await.expect("readable").is_some(), "its event is owed");
    assert_eq!(journal.find(call(1)), None, "the store knows it now");
}

async fn a_recording_begun_in_mid_call_is_told_to_whoever_wants_to_know(place: Place) {
    let store = place.open().await;
    let (journal, _) = start(&store, 10);
    // The call's own receiver wants nothing but the end.
    let events = [EventKind::RecordingStarted].into_iter().collect();
    let endpoint = record(1).webhook.map(|to| WebhookTarget { key: KeyId(9), events, ..to });
    let record = CallRecord { endpoints: endpoint.into_iter().collect(), ..record(1) };
    let slot = journal.reserve().expect("room");
    assert_eq!(journal.intend(slot, record, None).await.expect("stored"), Intended::Committed);
    journal.record(event(1, CallFact::Answered { dialog: dialog(), recorded: false }));
    journal.record(event(1, CallFact::RecordingStarted));
    journal.record(event(1, CallFact::Ended(outcome(Instant::now()))));
    journal.drained().await;
    let told = store.events_after(Some(TenantId(1)), 0, 100).await.expect("readable");
    assert_eq!(told.iter().filter(|told| told.kind == EventKind::RecordingStarted).count(), 1, "{told:?}");
    let filter = DeliveryFilter { endpoint: Some(WebhookEndpointId(9)), ..DeliveryFilter::default() };
    let owed = store.deliveries_before(TenantId(1), filter, None, 100).await.expect("readable");
    let owed: Vec<_> = owed.iter().map(|owed| owed.event).collect();
    assert_eq!(owed, [EventKind::RecordingStarted]);
}

async fn who_answered_is_on_disk_and_told_as_soon_as_it_is_known(place: Place) {
    let store = place.open().await;
    let (journal, _) = start(&store, 10);
    let heard = Heard {
        class: "machine",
        reason: "a long greeting".into(),
        confidence: 0.9,
        at: Duration::from_millis(2_600),
        evidence: "{}".into(),
    };
    let owed = async || {
        let owed = store.deliveries_before(TenantId(1), DeliveryFilter::default(), None, 100).await;
        let mut owed = owed.expect("readable");
        owed.reverse();
        owed.iter().map(|owed| (owed.call.get(), owed.event, owed.endpoint)).collect::<Vec<_>>()
    };
    // The second one ends before anything is known.
    for id in [1, 2] {
        let events = [EventKind::Judged].into_iter().collect();
        let callback = record(id).webhook.map(|to| WebhookTarget { events, ..to });
        let record = CallRecord { callbacks: callback.into_iter().collect(), webhook: None, ..record(id) };
        let slot = journal.reserve().expect("room");
        assert_eq!(journal.intend(slot, record, None).await.expect("stored"), Intended::Committed);
        journal.record(event(id, CallFact::Answered { dialog: dialog(), recorded: false }));
    }
    journal.record(event(1, CallFact::Verdict(Box::new(heard))));
    journal.record(event(1, CallFact::Judged));
    let written = async {
        while owed().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written).await.expect("it is written");
    let row = store.call(TenantId(1), call(1)).await.expect("readable").expect("there");
    assert_eq!((row.state, row.verdict.as_deref()), (CallState::Answered, Some("machine")));
    assert_eq!(row.callbacks.len(), 1);
    assert_eq!(owed().await, [(1, EventKind::Judged, None)]);
    for id in [1, 2] {
        journal.record(event(id, CallFact::Ended(outcome(Instant::now()))));
    }
    journal.drained().await;
    assert_eq!(owed().await, [(1, EventKind::Judged, None), (2, EventKind::Judged, None)], "each once");

    // A third one is known who it is, and an earlier run left it: its end does not tell that again.
    let events = [EventKind::Judged].into_iter().collect();
    let callback = record(3).webhook.map(|to| WebhookTarget { events, ..to });
    let left = CallRecord {
        callbacks: callback.into_iter().collect(),
        webhook: None,
        state: CallState::Answered,
        answered_at: Some(Timestamp(1)),
        verdict: Some("human".into()),
        ..record(3)
    };
    let slot = journal.reserve().expect("room");
    let begun = CallRecord { verdict: None, answered_at: None, ..left.clone() };
    assert_eq!(journal.intend(slot, begun, None).await.expect("stored"), Intended::Committed);
    journal.adopt(journal.reserve().expect("room"), left);
    journal.record(event(3, CallFact::Ended(outcome(Instant::now()))));
    journal.drained().await;
    assert!(!owed().await.contains(&(3, EventKind::Judged, None)));
}

async fn slots_are_given_back_when_the_end_is_on_disk(place: Place) {
    let store = place.open().await;
    let (journal, _) = start(&store, 2);
    intend(&journal, 1).await;
    let unused = journal.reserve().expect("room");
    assert!(journal.reserve().is_none());
    drop(unused);
    intend(&journal, 2).await;
    assert!(journal.reserve().is_none());
    for id in [1, 2] {
        journal.record(event(id, CallFact::Ended(outcome(Instant::now()))));
    }
    assert!(journal.reserve().is_none(), "ended, and not on disk yet");
    journal.drained().await;
    assert!(journal.reserve().is_some());
}

async fn ends_outlive_a_full_database(place: Place) {
    let store = place.open().await;
    let (journal, wake) = start(&store, 100);
    for id in 1..=50 {
        intend(&journal, id).await;
    }
    fill(&store).await;
    for id in 1..=50 {
        let outcome = Outcome { detail: Some("x".repeat(10_000)), ..*outcome(Instant::now()) };
        journal.record(event(id, CallFact::Ended(Box::new(outcome))));
    }
    eventually("the database is full", async || !store.healthy()).await;
    let slot = journal.reserve().expect("room");
    let refused = journal.intend(slot, record(51), None).await;
    assert!(matches!(refused, Err(StoreError::Unavailable)), "{refused:?}");
    let shown = journal.find(call(7)).expect("in memory");
    assert_eq!(shown.state, CallState::Ended, "reads tell the truth meanwhile");
    assert_eq!(store.unfinished().await.expect("readable").len(), 50);

    make_room(&store).await;
    journal.drained().await;
    wake.wait().await;
    assert!(store.healthy());
    assert_eq!(store.unfinished().await.expect("readable"), []);
    intend(&journal, 51).await;
}

async fn an_intent_that_nobody_awaits_leaves_nothing(place: Place) {
    let store = place.open().await;
    let (journal, _) = start(&store, 10);
    let slot = journal.reserve().expect("room");
    {
        let mut intent = std::pin::pin!(journal.intend(slot, record(1), None));
        assert!(futures_util::poll!(intent.as_mut()).is_pending());
    }
    journal.drained().await;
    assert_eq!(store.call(TenantId(1), call(1)).await.expect("readable"), None);
    assert_eq!(journal.live(), 0);
}

async fn a_repeated_request_starts_nothing(place: Place) {
    let store = place.open().await;
    let (journal, _) = start(&store, 10);
    let response = StoredResponse { status: 201, body: "{}".into() };
    let promise = || Some((Idempotency { key: "k".into(), body_hash: [1; 32] }, response.clone()));
    let first = journal.intend(journal.reserve().expect("room"), record(1), promise()).await;
    assert_eq!(first.expect("stored"), Intended::Committed);
    let again = journal.intend(journal.reserve().expect("room"), record(2), promise()).await;
    assert_eq!(again.expect("stored"), Intended::Replay(response.clone()));
    assert_eq!(journal.live(), 1);
    assert_eq!(
        store.call(TenantId(1), call(1)).await.expect("readable").map(|row| row.key),
        Some(Some(KeyId(7)))
    );
    journal.record(event(1, CallFact::Ended(outcome(Instant::now()))));
    journal.drained().await;
}

async fn a_request_whose_commit_may_have_failed_is_not_told_to_have_been_accepted(place: Place) {
    let store = place.open().await;
    let (journal, _) = start(&store, 10);
    let promised = Idempotency { key: "k".into(), body_hash: [1; 32] };
    let response = StoredResponse { status: 201, body: "{}".into() };
    let promise = || Some((promised.clone(), response.clone()));
    assert!(journal.is_certain(KeyId(7), &promised).await, "nobody asked yet");
    {
        let mut intent =
            std::pin::pin!(journal.intend(journal.reserve().expect("room"), record(1), promise()));
        assert!(futures_util::poll!(intent.as_mut()).is_pending());
        let mut asked = std::pin::pin!(journal.is_certain(KeyId(7), &promised));
        assert!(futures_util::poll!(asked.as_mut()).is_pending(), "its commit is under way");
    }
    // It comes to the disk before it is taken back.
    assert!(!journal.is_certain(KeyId(7), &promised).await);
    let other = Idempotency { key: "other".into(), ..promised.clone() };
    assert!(journal.is_certain(KeyId(7), &other).await && journal.is_certain(KeyId(8), &promised).await);
    journal.drained().await;
    assert!(journal.is_certain(KeyId(7), &promised).await, "it is gone");
    assert_eq!(store.call(TenantId(1), call(1)).await.expect("readable"), None);
    let first = journal.intend(journal.reserve().expect("room"), record(2), promise()).await;
    assert_eq!(first.expect("stored"), Intended::Committed);
    assert!(journal.is_certain(KeyId(7), &promised).await);
    let again = journal.intend(journal.reserve().expect("room"), record(3), promise()).await;
    assert_eq!(again.expect("stored"), Intended::Replay(response.clone()));
    journal.record(event(2, CallFact::Ended(outcome(Instant::now()))));
    journal.drained().await;
}

async fn a_call_of_an_earlier_run_is_adopted(place: Place) {
    place.crash_after(|store| async move {
        let (journal, _) = start(&store, 10);
        intend(&journal, 1).await;
        journal.record(event(1, CallFact::Answered { dialog: dialog(), recorded: false }));
        // Written behind the answer, so the answer is on disk once this is.
        intend(&journal, 2).await;
        let is_answered = async || store.unfinished().await.expect("readable")[0].1.is_some();
        eventually("the answer is on disk", is_answered).await;
    });
    let store = place.open().await;
    let (journal, _) = start(&store, 10);
    for (left, found) in store.unfinished().await.expect("readable") {
        assert_eq!(found.is_some(), left.call == call(1));
        let id = left.call.get();
        journal.adopt(journal.reserve().expect("room"), left);
        let end = Outcome { disposition: Disposition::Indeterminate, ..*outcome(Instant::now()) };
        journal.record(event(id, CallFact::Ended(Box::new(end))));
    }
    journal.drained().await;
    let row = store.call(TenantId(1), call(2)).await.expect("readable").expect("there");
    assert_eq!((row.disposition, row.agent), (Some(Disposition::Indeterminate), AgentId(3)));
}

async fn listeners_hear_every_fact_of_every_call(place: Place) {
    let store = place.open().await;
    let (journal, _) = start(&store, 10);
    let mut news = journal.subscribe();
    intend(&journal, 1).await;
    journal.record(event(1, CallFact::Dialing { after: Duration::ZERO }));
    journal.record(event(99, CallFact::EarlyMedia));
    journal.record(event(1, CallFact::Ended(outcome(Instant::now()))));
    assert!(matches!(news.recv().await.expect("told").fact, CallFact::Dialing { .. }));
    assert_eq!(news.recv().await.expect("told").call, call(99));
    assert!(matches!(news.recv().await.expect("told").fact, CallFact::Ended(_)));
    drop(journal);
    // The task writes what it was told, though nobody holds the journal any more.
    let is_written = async || store.unfinished().await.expect("readable").is_empty();
    eventually("the end is on disk", is_written).await;
}
