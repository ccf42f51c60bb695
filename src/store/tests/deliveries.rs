//! The outbox: what is due, who has it, and what is owed to whom.

use std::collections::HashMap;
use std::time::Duration;

use super::*;

on_both_engines! {
    a_lapsed_lease_is_due_again_and_its_late_word_is_not_heard,
    a_claim_leaves_room_and_keeps_order,
    a_retry_keeps_its_first_bytes,
    what_is_owed_follows_a_calls_life_and_its_receivers_wish,
}

pub(super) async fn claim(store: &Store, now: i64, limit: usize) -> Vec<Delivery> {
    let claim = Claim {
        now: Timestamp(now),
        lease: Duration::from_secs(60),
        limit,
        per_receiver: 8,
        rooms: Default::default(),
    };
    store.claim(claim).await.expect("claimed")
}

pub(super) fn settlement(delivery: &Delivery, settled: Settled) -> Vec<Settlement> {
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
