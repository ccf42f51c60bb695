//! The event log, the fan-out to endpoints, and the delivery log, over both engines.

use super::*;

on_both_engines! {
    events_are_read_after_any_of_them_and_by_tenant_alone,
    ids_go_on_over_a_restart_though_everything_was_forgotten,
    what_is_forgotten_leaves_word_of_how_far,
    every_endpoint_gets_its_own_row_in_its_own_order,
    a_commit_whose_word_was_lost_is_told_once,
    the_log_keeps_each_try_and_a_replay_goes_on_with_the_same_bytes,
    what_was_given_up_is_replayed_by_endpoint_and_time,
    old_deliveries_are_forgotten_and_owed_ones_never,
    pages_go_on_after_a_cursor_in_either_order,
    lists_narrow_by_every_filter,
    pages_of_one_numbers_calls_are_in_the_order_of_all,
}

const OTHER: TenantId = TenantId(2);

async fn told(store: &Store, tenant: Option<TenantId>, after: u64) -> Vec<(u64, u64, EventKind)> {
    let events = store.events_after(tenant, after, 100).await.expect("readable");
    events.iter().map(|event| (event.id, event.record.call.get(), event.kind)).collect()
}

fn kinds(events: &[(u64, u64, EventKind)]) -> Vec<(u64, EventKind)> {
    events.iter().map(|(_, call, kind)| (*call, *kind)).collect()
}

/// Ended, and not recorded.
fn over(call: u64) -> CallRecord {
    CallRecord { recording: None, recording_error: None, ..ended(call) }
}

fn of_other(record: CallRecord) -> CallRecord {
    CallRecord { tenant: OTHER, webhook: None, ..record }
}

async fn events_are_read_after_any_of_them_and_by_tenant_alone(place: Place) {
    let store = place.open().await;
    let mut word = store.events_told();
    intend(&store, record(1)).await;
    intend(&store, of_other(record(2))).await;
    end(&store, over(1)).await;
    end(&store, CallRecord { answered_at: None, ..of_other(over(2)) }).await;
    assert!(word.has_changed().expect("the store lives"));
    word.mark_unchanged();
    use EventKind::{Completed, Created, Failed, Started};
    let all = told(&store, None, 0).await;
    assert_eq!(
        kinds(&all),
        [(1, Created), (1, Started), (2, Created), (2, Started), (1, Completed), (2, Failed)]
    );
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "{all:?}");
    let own = told(&store, Some(TENANT), 0).await;
    assert_eq!(kinds(&own), [(1, Created), (1, Started), (1, Completed)]);
    assert_eq!(told(&store, Some(TENANT), own[1].0).await, own[2..]);
    assert_eq!(told(&store, Some(OTHER), own[2].0).await, all[5..]);
    assert_eq!(store.newest_event().await.expect("readable"), all[5].0);
    assert_eq!(store.events_after(None, 0, 2).await.expect("readable").len(), 2);
    // What tells of nothing wakes nobody.
    store.lease_ids().await.expect("leased");
    assert!(!word.has_changed().expect("the store lives"));
}

async fn ids_go_on_over_a_restart_though_everything_was_forgotten(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    let newest = store.newest_event().await.expect("readable");
    let long_after = Timestamp(NOW.0 + 10_000_000);
    let nothing = Retention { events: Duration::ZERO, deliveries: Duration::ZERO };
    assert!(store.forget(long_after, nothing).await.expect("forgotten") >= 2);
    store.close().await;
    drop(store);
    let store = place.open().await;
    assert_eq!(store.newest_event().await.expect("readable"), newest);
    intend(&store, record(2)).await;
    let later = told(&store, None, 0).await;
    assert!(later.iter().all(|(id, ..)| *id > newest), "{later:?} after {newest}");
}

async fn what_is_forgotten_leaves_word_of_how_far(place: Place) {
    let store = place.open().await;
    intend(&store, CallRecord { created_at: NOW, ..record(1) }).await;
    intend(&store, of_other(CallRecord { created_at: NOW, ..record(2) })).await;
    let later = Timestamp(NOW.0 + 7_200_000);
    intend(&store, CallRecord { created_at: later, ..record(3) }).await;
    let before = told(&store, None, 0).await;
    assert_eq!(store.events_forgotten(TENANT).await.expect("readable"), 0);
    let hour = Retention { events: Duration::from_secs(3600), deliveries: Duration::from_secs(3600) };
    assert_eq!(store.forget(later, hour).await.expect("forgotten"), 4);
    assert_eq!(told(&store, None, 0).await, before[4..]);
    assert_eq!(store.events_forgotten(TENANT).await.expect("readable"), before[1].0);
    assert_eq!(store.events_forgotten(OTHER).await.expect("readable"), before[3].0);
    assert_eq!(store.forget(later, hour).await.expect("forgotten"), 0);
}

fn endpoint(id: u64, events: EventSet) -> WebhookTarget {
    WebhookTarget {
        url: format!("https://e{id}.example.com/in"),
        face: Face::Nixflex,
        key: KeyId(id),
        events,
    }
}

async fn every_endpoint_gets_its_own_row_in_its_own_order(place: Place) {
    let store = place.open().await;
    let both: EventSet = [EventKind::Started, EventKind::Completed].into_iter().collect();
    let with = |record: CallRecord| CallRecord {
        endpoints: vec![endpoint(8, both), endpoint(9, completed())],
        answered_at: None,
        ..record
    };
    intend(&store, with(record(1))).await;
    assert_eq!(end(&store, with(ended(1))).await, 3, "the call's own receiver and two endpoints");
    let first = claim(&store, NOW.0 + 1000, 10).await;
    let shown = |deliveries: &[Delivery]| {
        deliveries.iter().map(|d| (d.endpoint.map_or(0, |e| e.0), d.event)).collect::<Vec<_>>()
    };
    // The second endpoint doesn't wait for what the first one is still owed. One that failed is over to all of them.
    let mut claimed = shown(&first);
    claimed.sort();
    assert_eq!(claimed, [(0, EventKind::Completed), (8, EventKind::Started), (9, EventKind::Completed)]);
    let of_first =
        first.iter().find(|delivery| delivery.endpoint.is_some_and(|id| id.0 == 8)).expect("claimed");
    assert_eq!((of_first.target.url.as_str(), of_first.target.key), ("https://e8.example.com/in", KeyId(8)));
    store.settle(settlement(of_first, Settled::Delivered)).await.expect("stored");
    let second = claim(&store, NOW.0 + 1000, 10).await;
    assert_eq!(shown(&second), [(8, EventKind::Completed)]);
    let same = first.iter().find(|delivery| delivery.event == EventKind::Completed).expect("claimed");
    assert_eq!(second[0].event_id, same.event_id, "one event, whoever hears of it");
}

async fn a_commit_whose_word_was_lost_is_told_once(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    let ringing = Write::Told {
        call: CallId::new(1).expect("valid"),
        event: EventKind::Ringing,
        at: Timestamp(NOW.0 + 5),
    };
    for _ in 0..2 {
        store.write([ringing.clone()].into()).await.expect("stored");
    }
    let ringing = told(&store, None, 0).await.into_iter().filter(|(.., kind)| *kind == EventKind::Ringing);
    assert_eq!(ringing.count(), 1);
}

fn tried(settlements: &mut [Settlement], status: Option<u16>, body: &str) {
    settlements[0].body = Some(body.into());
    settlements[0].tried = Some(Tried {
        started_at: NOW,
        duration: Duration::from_millis(12),
        status,
        error: status.is_none().then(|| "refused".into()),
        response: status.map(|_| "no\u{0}".into()),
    });
}

async fn the_log_keeps_each_try_and_a_replay_goes_on_with_the_same_bytes(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    end(&store, ended(1)).await;
    let first = claim(&store, NOW.0 + 1000, 10).await.remove(0);
    let mut settlements = settlement(&first, Settled::Dead { reason: "HTTP 410".into() });
    tried(&mut settlements, Some(410), "the bytes");
    // Written again, it is the same try.
    store.settle(settlements.clone()).await.expect("stored");
    store.settle(settlements).await.expect("stored");
    let (shown, tries) = store.delivery(TENANT, first.id).await.expect("readable").expect("there");
    assert_eq!(
        (shown.state, shown.attempts, shown.reason.as_deref()),
        (DeliveryState::Dead, 1, Some("HTTP 410"))
    );
    assert_eq!((tries.len(), tries[0].0, tries[0].1.status), (1, 1, Some(410)));
    assert_eq!(tries[0].1.response.as_deref(), Some("no\u{fffd}"));
    assert!(store.delivery(OTHER, first.id).await.expect("readable").is_none());

    let again = Timestamp(NOW.0 + 90_000_000);
    assert_eq!(store.replay(OTHER, first.id, again).await.expect("asked"), Replayed::Unknown);
    assert_eq!(store.replay(TENANT, first.id, again).await.expect("asked"), Replayed::Again);
    assert_eq!(store.replay(TENANT, first.id, again).await.expect("asked"), Replayed::StillOwed);
    let second = claim(&store, again.0, 10).await.remove(0);
    assert_eq!((second.id, second.event_id, second.attempt), (first.id, first.event_id, 2));
    assert_eq!((second.body.as_deref(), second.owed_since), (Some("the bytes"), again));
    let mut settlements = settlement(&second, Settled::Delivered);
    tried(&mut settlements, Some(200), "other bytes");
    store.settle(settlements).await.expect("stored");
    let (shown, tries) = store.delivery(TENANT, first.id).await.expect("readable").expect("there");
    assert_eq!(
        (shown.state, shown.body.as_deref(), tries.len()),
        (DeliveryState::Delivered, Some("the bytes"), 2)
    );
}

/// A call whose endpoint has given it up.
async fn given_up(store: &Store, call: u64, at: i64) {
    let with = |record: CallRecord| CallRecord {
        webhook: None,
        endpoints: vec![endpoint(8, completed())],
        created_at: Timestamp(at),
        ..record
    };
    intend(store, with(record(call))).await;
    end(store, CallRecord { ended_at: Some(Timestamp(at)), ..with(ended(call)) }).await;
    for delivery in claim(store, at, 10).await {
        store.settle(settlement(&delivery, Settled::Dead { reason: "gone".into() })).await.expect("stored");
    }
}

async fn what_was_given_up_is_replayed_by_endpoint_and_time(place: Place) {
    let store = place.open().await;
    for call in 1..=3 {
        given_up(&store, call, NOW.0 + 1000 * i64::try_from(call).expect("small")).await;
    }
    let now = Timestamp(NOW.0 + 60_000);
    let (eight, since) = (WebhookEndpointId(8), Timestamp(NOW.0 + 2000));
    assert_eq!(store.replay_dead(OTHER, eight, since, now).await.expect("asked"), 0);
    assert_eq!(store.replay_dead(TENANT, WebhookEndpointId(9), since, now).await.expect("asked"), 0);
    assert_eq!(store.replay_dead(TENANT, eight, since, now).await.expect("asked"), 2);
    let again: Vec<_> = claim(&store, now.0, 10).await.iter().map(|delivery| delivery.call.get()).collect();
    assert_eq!(again, [2, 3]);
    let list = async |filter: DeliveryFilter, before| {
        let found = store.deliveries_before(TENANT, filter, before, 2).await.expect("readable");
        found.iter().map(|delivery| delivery.call.get()).collect::<Vec<_>>()
    };
    let all = DeliveryFilter::default();
    assert_eq!(list(all, None).await, [3, 2]);
    let last = store.deliveries_before(TENANT, all, None, 2).await.expect("readable")[1].id;
    assert_eq!(list(all, Some(last)).await, [1]);
    assert_eq!(list(DeliveryFilter { state: Some(DeliveryState::Dead), ..all }, None).await, [1]);
    assert_eq!(list(DeliveryFilter { call: CallId::new(2), ..all }, None).await, [2]);
    assert_eq!(list(DeliveryFilter { endpoint: Some(WebhookEndpointId(9)), ..all }, None).await, [0; 0]);
    assert!(store.deliveries_before(OTHER, all, None, 9).await.expect("readable").is_empty());
}

async fn old_deliveries_are_forgotten_and_owed_ones_never(place: Place) {
    let store = place.open().await;
    for call in [1, 2] {
        intend(&store, record(call)).await;
        end(&store, ended(call)).await;
    }
    let mut claimed = claim(&store, NOW.0 + 1000, 1).await;
    let mut settlements = settlement(&claimed.remove(0), Settled::Delivered);
    tried(&mut settlements, Some(200), "bytes");
    let id = settlements[0].id;
    store.settle(settlements).await.expect("stored");
    let keep = Retention { events: Duration::from_secs(1_000_000), deliveries: Duration::from_secs(60) };
    assert_eq!(store.forget(Timestamp(NOW.0 + 60_000), keep).await.expect("forgotten"), 0);
    assert_eq!(store.forget(Timestamp(NOW.0 + 60_001), keep).await.expect("forgotten"), 1);
    assert!(store.delivery(TENANT, id).await.expect("readable").is_none());
    assert_eq!(claim(&store, NOW.0 + 1_000_000, 10).await.len(), 1, "the other one is owed as before");
}

async fn pages_go_on_after_a_cursor_in_either_order(place: Place) {
    let store = place.open().await;
    // Two were accepted at the same time.
    for (call, at) in [(1, 10), (2, 20), (3, 20), (4, 30)] {
        intend(&store, CallRecord { created_at: Timestamp(NOW.0 + at), ..record(call) }).await;
    }
    for (order, expected) in [(Order::NewestFirst, [4, 3, 2, 1]), (Order::OldestFirst, [1, 2, 3, 4])] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page =
                store.calls_after(TENANT, &CallFilter::default(), order, after, 1).await.expect("readable");
            let Some(last) = page.last() else { break };
            seen.push(last.call.get());
            after = Some(last.cursor());
            assert_eq!(last.cursor().to_string().parse(), Ok(last.cursor()));
        }
        assert_eq!(seen, expected);
    }
}

/// As caller and as callee, each of its calls once, in pages of one.
async fn pages_of_one_numbers_calls_are_in_the_order_of_all(place: Place) {
    let store = place.open().await;
    let (us, them) = ("+15550000001", "+15550000002");
    for (call, at, from, to) in
        [(1, 10, us, them), (2, 20, them, us), (3, 20, us, us), (4, 30, them, them), (5, 40, us, them)]
    {
        let (from, to) = (from.into(), to.into());
        intend(&store, CallRecord { created_at: Timestamp(NOW.0 + at), from, to, ..record(call) }).await;
    }
    let filter =
        CallFilter { number: Some(us.into()), until: Some(Timestamp(NOW.0 + 40)), ..CallFilter::default() };
    for (order, expected) in [(Order::NewestFirst, [3, 2, 1]), (Order::OldestFirst, [1, 2, 3])] {
        let (mut seen, mut after) = (Vec::new(), None);
        while let Some(call) =
            store.calls_after(TENANT, &filter, order, after, 1).await.expect("readable").pop()
        {
            seen.push(call.call.get());
            after = Some(call.cursor());
        }
        assert_eq!(seen, expected);
        assert_eq!(store.calls_after(OTHER, &filter, order, None, 9).await.expect("readable"), []);
    }
}

async fn lists_narrow_by_every_filter(place: Place) {
    let store = place.open().await;
    intend(&store, record(1)).await;
    intend(&store, CallRecord { to: "+15550000001".into(), campaign: Some("spring".into()), ..record(2) })
        .await;
    intend(&store, CallRecord { from: "+15550000001".into(), ..record(3) }).await;
    end(&store, CallRecord { recording: Some("a.wav".into()), ..ended(3) }).await;
    let list = async |filter: CallFilter| {
        let calls = store.calls_after(TENANT, &filter, Order::OldestFirst, None, 10).await.expect("readable");
        calls.iter().map(|call| call.call.get()).collect::<Vec<_>>()
    };
    let all = CallFilter::default;
    assert_eq!(list(all()).await, [1, 2, 3]);
    assert_eq!(list(CallFilter { state: Some(CallState::Dialing), ..all() }).await, [1, 2]);
    assert_eq!(list(CallFilter { disposition: Some(Disposition::CalleeHangup), ..all() }).await, [3]);
    assert_eq!(list(CallFilter { disposition: Some(Disposition::Busy), ..all() }).await, [0; 0]);
    assert_eq!(list(CallFilter { number: Some("+15550000001".into()), ..all() }).await, [2, 3]);
    assert_eq!(list(CallFilter { campaign: Some("spring".into()), ..all() }).await, [2]);
    assert_eq!(list(CallFilter { batch: Some(CampaignId(7)), ..all() }).await, [0; 0]);
    assert_eq!(list(CallFilter { recorded: true, ..all() }).await, [3]);
    let three = CallId::new(3).expect("valid");
    store.forget_recordings(vec![three]).await.expect("asked");
    assert_eq!(list(CallFilter { recorded: true, ..all() }).await, [0; 0]);
    assert_eq!(
        list(CallFilter { since: Some(record(2).created_at), until: Some(record(3).created_at), ..all() })
            .await,
        [2]
    );
}
