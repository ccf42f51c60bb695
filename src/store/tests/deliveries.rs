//! The outbox: what is due, who has it, and what is owed to whom.

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::store::receivers::receiver;

on_both_engines! {
    a_lapsed_lease_is_due_again_and_its_late_word_is_not_heard,
    a_claim_leaves_room_and_keeps_order,
    a_retry_keeps_its_first_bytes,
    what_is_owed_follows_a_calls_life_and_its_receivers_wish,
    what_is_behind_an_event_that_failed_is_not_looked_at_before_its_time,
    events_that_are_replayed_come_in_their_order,
    nothing_is_left_of_what_was_owed_for_a_call_that_never_was,
    a_row_that_cannot_be_read_costs_no_connection,
    tenants_take_turns_and_share_a_receiver,
    urls_of_one_host_have_rooms_of_their_own_and_rows_of_before_are_claimed,
}

/// Tries that the log has.
const TRIES: &str = "SELECT count(*) FROM delivery_attempts";

pub(super) async fn claim(store: &Store, now: i64, limit: usize) -> Vec<Delivery> {
    store.claim(due(now, limit)).await.expect("claimed")
}

fn due(now: i64, limit: usize) -> Claim {
    Claim {
        now: Timestamp(now),
        lease: Duration::from_secs(60),
        limit,
        per_receiver: 8,
        rooms: Default::default(),
        busy: Default::default(),
    }
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
    assert!(first.receiver.starts_with("https://hooks.example.com#"), "{}", first.receiver);
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
        "INSERT INTO outbox (tenant, call, event, receiver, state, created_at, due_at, attempts)
           SELECT tenant, call, event, receiver, 'waiting', created_at, 0, 0 FROM outbox WHERE call = 21",
    )
    .await;
    let calls = |deliveries: &[Delivery]| deliveries.iter().map(|row| row.call.get()).collect::<Vec<_>>();
    let busy = receiver("https://busy.example/hook");
    let with_room = Claim {
        now: Timestamp(NOW.0 + 100),
        lease: Duration::from_secs(60),
        // Half of them for one tenant.
        limit: 11,
        per_receiver: 8,
        rooms: [(busy.clone(), 2)].into(),
        busy: Default::default(),
    };
    let first = store.claim(with_room.clone()).await.expect("claimed");
    assert_eq!(calls(&first), [1, 2, 21, 22, 23, 24]);
    let full = Claim { rooms: [(busy, 0)].into(), ..with_room };
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
    // It was recorded, and the disk was full.
    let lost = CallRecord { recording: None, ..wishing(all, ended(7)) };
    intend(&store, wishing(all, record(7))).await;
    store.write([Write::Ended(Arc::new(lost))].into()).await.expect("stored");
    // Nothing is owed for a call that never was.
    intend(&store, wishing(all, record(6))).await;
    store.write([Write::Withdrawn(CallId::new(6).expect("a valid id"))].into()).await.expect("stored");

    use EventKind::{
        Answered, Completed, Created, Failed, RecordingCompleted, RecordingFailed, RecordingStarted, Ringing,
        Started,
    };
    let owed = owed(&store).await;
    for (call, expected) in [
        (1, &[Created, Started, Ringing, Answered, RecordingStarted, RecordingCompleted, Completed][..]),
        (2, &[Created, Started, Ringing, Failed]),
        (3, &[Created, Started, Ringing, Completed]),
        (4, &[Completed]),
        (5, &[Created, Started]),
        (7, &[Created, Started, RecordingFailed, Completed]),
    ] {
        assert_eq!(owed[&call], expected, "call {call}");
    }
    assert!(!owed.contains_key(&6), "{owed:?}");
}

/// A call whose beginning is owed twice: that it was asked for, and that it is being placed.
fn begun(call: u64) -> CallRecord {
    let mut record = record(call);
    let events = [EventKind::Created, EventKind::Started].into_iter().collect();
    record.webhook = record.webhook.map(|to| WebhookTarget { events, ..to });
    record
}

async fn what_is_behind_an_event_that_failed_is_not_looked_at_before_its_time(place: Place) {
    let store = place.open().await;
    intend(&store, begun(1)).await;
    let listed = DeliveryFilter { state: Some(DeliveryState::Pending), ..DeliveryFilter::default() };
    let listed = store.deliveries_before(TENANT, listed, None, 10).await.expect("readable");
    assert_eq!(listed.len(), 2, "both are owed: {listed:?}");
    let first = claim(&store, NOW.0 + 1, 10).await.remove(0);
    assert_eq!(first.event, EventKind::Created);
    let due = Timestamp(NOW.0 + 90_000);
    let retry = Settled::Retry { due_at: due, reason: "503".into() };
    assert_eq!(store.settle(settlement(&first, retry)).await.expect("stored"), 0);
    assert_eq!(store.next_due().await.expect("readable"), Some(due), "the other waits for it");
    assert_eq!(claim(&store, due.0 - 1, 10).await, []);

    let again = claim(&store, due.0, 10).await;
    assert_eq!((again.len(), again[0].id), (1, first.id));
    assert_eq!(store.settle(settlement(&again[0], Settled::Delivered)).await.expect("stored"), 1, "its turn");
    let second = claim(&store, due.0, 10).await;
    assert_eq!((second.len(), second[0].event), (1, EventKind::Started));
    assert_eq!(store.settle(settlement(&second[0], Settled::Delivered)).await.expect("stored"), 0);
    assert_eq!(store.next_due().await.expect("readable"), None);
}

async fn events_that_are_replayed_come_in_their_order(place: Place) {
    let store = place.open().await;
    let endpoint = WebhookEndpointId(9);
    for call in 1..=2 {
        let target = begun(call).webhook.map(|to| WebhookTarget { key: KeyId(endpoint.0), ..to });
        intend(&store, CallRecord { webhook: None, endpoints: target.into_iter().collect(), ..begun(call) })
            .await;
    }
    for _ in 0..2 {
        for delivery in claim(&store, NOW.0 + 10, 10).await {
            let dead = Settled::Dead { reason: "410".into() };
            store.settle(settlement(&delivery, dead)).await.expect("stored");
        }
    }
    assert_eq!(store.next_due().await.expect("readable"), None, "all are given up");
    let now = Timestamp(NOW.0 + 1_000);
    assert_eq!(store.replay_dead(TENANT, endpoint, NOW, now).await.expect("stored"), 4);
    assert_eq!(claim(&store, now.0, 10).await.len(), 2, "one of each call at once");
    let owed = owed(&store).await;
    assert_eq!(owed[&1], [EventKind::Created, EventKind::Started]);
    assert_eq!(owed[&2], [EventKind::Created, EventKind::Started]);
}

async fn nothing_is_left_of_what_was_owed_for_a_call_that_never_was(place: Place) {
    let store = place.open().await;
    intend(&store, begun(1)).await;
    let tried = claim(&store, NOW.0 + 1, 10).await.remove(0);
    let mut settlements = settlement(&tried, Settled::Retry { due_at: NOW, reason: "503".into() });
    settlements[0].tried = Some(Tried {
        started_at: NOW,
        duration: Duration::from_millis(5),
        status: Some(503),
        error: None,
        response: None,
    });
    store.settle(settlements).await.expect("stored");
    assert_eq!(count(&store, TRIES).await, 1);
    store.write([Write::Withdrawn(CallId::new(1).expect("a valid id"))].into()).await.expect("stored");
    assert_eq!(count(&store, TRIES).await, 0);
    assert_eq!(store.next_due().await.expect("readable"), None);
}

/// With the writer's the lock would go, and another switch might have it.
async fn a_row_that_cannot_be_read_costs_no_connection(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    end(&store, ended(1)).await;
    execute(&store, "UPDATE calls SET unknown_variables = 'no list'").await;
    // What lasts as long as the connection.
    execute(&store, "CREATE TEMPORARY TABLE mark (at BIGINT)").await;
    let unread = store.claim(due(NOW.0 + 3, 10)).await;
    assert!(matches!(unread, Err(StoreError::Corrupt("unknown_variables"))), "{unread:?}");
    assert_eq!(count(&store, "SELECT count(*) FROM mark").await, 0);
}

async fn tenants_take_turns_and_share_a_receiver(place: Place) {
    let store = place.open().await;
    // The second tenant is late: the first one's calls are all older.
    for call in 1..=40 {
        let tenant = TenantId(if call <= 30 { 1 } else { 2 });
        let host = if call % 2 == 0 { "shared".to_owned() } else { format!("own-{call}") };
        let target = record(call)
            .webhook
            .map(|to| WebhookTarget { url: format!("https://{host}.example/hook"), ..to });
        intend(&store, CallRecord { tenant, webhook: target.clone(), ..record(call) }).await;
        let ended_at = Some(Timestamp(NOW.0 + i64::try_from(call).expect("small")));
        end(&store, CallRecord { tenant, webhook: target, ended_at, ..ended(call) }).await;
    }
    let claim = |limit, busy: &[(u64, usize)]| Claim {
        now: Timestamp(NOW.0 + 100),
        lease: Duration::from_secs(60),
        limit,
        per_receiver: 4,
        rooms: Default::default(),
        busy: busy.iter().map(|(tenant, count)| (TenantId(*tenant), *count)).collect(),
    };
    let taken = store.claim(claim(12, &[])).await.expect("claimed");
    let of = |tenant| taken.iter().filter(|row| row.record.tenant == TenantId(tenant)).count();
    assert_eq!((of(1), of(2)), (4, 4), "by turns, and room is left for a third");
    let shared = |tenant| {
        let at = |row: &&Delivery| row.record.tenant == TenantId(tenant) && row.receiver.contains("shared");
        taken.iter().filter(at).count()
    };
    assert_eq!((shared(1), shared(2)), (2, 2), "neither takes all of a receiver's room");
    let next = store.claim(claim(4, &[(1, 4), (2, 4)])).await.expect("claimed");
    assert_eq!(next, [], "what is under way counts");
    let next = store.claim(claim(4, &[(1, 4)])).await.expect("claimed");
    assert!(!next.is_empty() && next.iter().all(|row| row.record.tenant == TenantId(2)), "{next:?}");
}

async fn urls_of_one_host_have_rooms_of_their_own_and_rows_of_before_are_claimed(place: Place) {
    let store = place.open().await;
    let url =
        |call: u64| format!("https://hooks.example.com/{}", if call <= 3 { "hangs?call=1" } else { "lives" });
    for call in 1..=6 {
        let target = record(call).webhook.map(|to| WebhookTarget { url: url(call), ..to });
        intend(&store, CallRecord { webhook: target.clone(), ..record(call) }).await;
        end(&store, CallRecord { webhook: target, ..ended(call) }).await;
    }
    // What an earlier release owed had its host alone.
    execute(&store, "UPDATE outbox SET receiver = 'https://hooks.example.com' WHERE call = 3").await;
    let mut full = due(NOW.0 + 100, 64);
    full.rooms = [(receiver(&url(1)), 0)].into();
    let calls = |deliveries: Vec<Delivery>| deliveries.iter().map(|row| row.call.get()).collect::<Vec<_>>();
    assert_eq!(calls(store.claim(full).await.expect("claimed")), [3, 4, 5, 6]);
    assert_eq!(calls(claim(&store, NOW.0 + 100, 64).await), [1, 2]);
    let shown = store.deliveries_before(record(1).tenant, DeliveryFilter::default(), None, 10).await;
    let shown = shown.expect("readable");
    assert!(shown.len() == 6 && shown.iter().all(|row| row.receiver == "https://hooks.example.com"));
}
