//! What is read of many calls: lists, and minutes by trunk.

use super::*;

on_both_engines! {
    lists_filter_count_and_page,
    minutes_are_counted_by_trunk,
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
