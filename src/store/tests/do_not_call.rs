//! Numbers that are not to be called any more: the commit of a call is where they hold.

use super::campaigns::{campaign, counts, recipients, states};
use super::*;

on_both_engines! {
    who_is_on_the_list_is_not_called_and_everybody_else_is,
    a_request_that_was_accepted_before_keeps_its_answer,
    who_keeps_the_readers_busy_holds_up_no_commit,
    a_campaign_knows_whom_it_may_not_call,
    a_list_reads_back_by_pages_as_it_was_written,
}

fn entry(number: &str) -> DoNotCall {
    DoNotCall {
        tenant: TENANT,
        number: number.parse().expect("a number"),
        reason: Objection::Asked,
        note: Some("by letter".into()),
        call: CallId::new(77),
        at: NOW,
    }
}

async fn list(store: &Store, entry: DoNotCall) {
    store.write(Arc::from([Write::DoNotCall(entry)])).await.expect("stored");
}

async fn intend(store: &Store, record: CallRecord) -> Intended {
    store.intend(Intent { record, idempotency: None }).await.expect("stored")
}

/// A call of its own, to the number of [`record`].
fn outbound(call: u64) -> CallRecord {
    CallRecord { parent: None, ..record(call) }
}

async fn who_is_on_the_list_is_not_called_and_everybody_else_is(place: Place) {
    let store = place.open().await;
    let number = outbound(1).to.parse::<PhoneNumber>().expect("a number");
    list(&store, entry(number.as_str())).await;
    let to = |call, to: &str| CallRecord { to: to.into(), ..outbound(call) };
    let all = [
        outbound(1),
        to(2, "+447386172393"),
        CallRecord { tenant: TenantId(2), ..outbound(3) },
        CallRecord { direction: Direction::Inbound, ..outbound(4) },
        // Whom to consult is the agent's affair.
        CallRecord { parent: CallId::new(9), ..outbound(5) },
    ];
    let all = join_all(all.into_iter().map(|record| intend(&store, record))).await;
    let (first, others) = all.split_first().expect("five");
    assert_eq!(*first, Intended::DoNotCall);
    assert!(others.iter().all(|intended| *intended == Intended::Committed), "{others:?}");
    assert_eq!(store.call(TENANT, CallId::new(1).expect("an id")).await.expect("readable"), None);

    assert!(!store.may_call_again(TenantId(2), number.clone()).await.expect("stored"), "not theirs");
    assert!(store.may_call_again(TENANT, number.clone()).await.expect("stored"));
    assert!(!store.may_call_again(TENANT, number).await.expect("stored"), "once");
    assert_eq!(intend(&store, outbound(1)).await, Intended::Committed);
}

async fn a_request_that_was_accepted_before_keeps_its_answer(place: Place) {
    let store = place.open().await;
    let again = |call| Intent { record: outbound(call), idempotency: promise("k", 1) };
    assert_eq!(store.intend(again(1)).await.expect("stored"), Intended::Committed);
    list(&store, entry(&outbound(1).to)).await;
    let (_, response) = promise("k", 1).expect("given");
    assert_eq!(store.intend(again(2)).await.expect("stored"), Intended::Replay(response));
    let other = Intent { idempotency: promise("other", 1), ..again(3) };
    assert_eq!(store.intend(other).await.expect("stored"), Intended::DoNotCall);
}

async fn who_keeps_the_readers_busy_holds_up_no_commit(place: Place) {
    let store = place.open().await;
    let again = |call| Intent { record: outbound(call), idempotency: promise("k", 1) };
    assert_eq!(store.intend(again(1)).await.expect("stored"), Intended::Committed);
    list(&store, entry("+12025550100")).await;
    let _busy = keep_readers_busy(&store).await;
    let (_, response) = promise("k", 1).expect("given");
    assert_eq!(store.intend(again(2)).await.expect("stored"), Intended::Replay(response));
    let listed = CallRecord { to: "+12025550100".into(), ..outbound(3) };
    assert_eq!(intend(&store, listed).await, Intended::DoNotCall);
}

async fn a_campaign_knows_whom_it_may_not_call(place: Place) {
    let store = place.open().await;
    let (id, people) = (CampaignId(1), recipients(3));
    let listed = people[1].phone.clone();
    let new = NewCampaign { campaign: campaign(1, 3), prompt: "Hello".into() };
    store.create_campaign(new, people, None).await.expect("stored");
    list(&store, entry(listed.as_str())).await;
    let claim = RecipientClaim { campaign: id, now: NOW, lease: Duration::from_secs(60), limit: 9 };
    let claimed = store.claim_recipients(claim).await.expect("stored");
    assert_eq!(claimed.iter().map(|one| one.is_forbidden).collect::<Vec<_>>(), [false, true, false]);

    // Listed in between: the commit holds, and the recipient is still there to be told so.
    list(&store, DoNotCall { number: claimed[2].recipient.phone.clone(), ..entry("+15550100") }).await;
    let call = |call, position: usize| CallRecord {
        to: claimed[position].recipient.phone.as_str().into(),
        recipient: Some(RecipientId { campaign: id, position: u32::try_from(position).expect("small") }),
        ..outbound(call)
    };
    assert_eq!(intend(&store, call(1, 0)).await, Intended::Committed);
    assert_eq!(intend(&store, call(3, 2)).await, Intended::DoNotCall);
    let forbidden = RecipientId { campaign: id, position: 2 };
    store.fail_recipient(forbidden, "on the list".into(), NOW).await.expect("stored");
    assert_eq!(
        states(&store, id).await,
        [RecipientState::Dialing, RecipientState::Claimed, RecipientState::Failed]
    );
    assert_eq!(counts(&store, id).await.failed, 1);
}

async fn a_list_reads_back_by_pages_as_it_was_written(place: Place) {
    let store = place.open().await;
    let numbers = ["+12025550100", "+12025550101", "+12025550102", "+447386172392"];
    let bare = |number| DoNotCall { note: None, call: None, reason: Objection::Listed, ..entry(number) };
    let writes: Vec<_> = numbers.iter().rev().map(|number| Write::DoNotCall(bare(number))).collect();
    store.write(writes.into()).await.expect("stored");
    list(&store, DoNotCall { tenant: TenantId(2), ..entry("+12025550199") }).await;
    // Whoever stands there stays there as it was.
    list(&store, entry(numbers[0])).await;
    let page = async |after: Option<&PhoneNumber>| {
        store.do_not_call_after(TENANT, after, 3).await.expect("readable")
    };
    let first = page(None).await;
    assert_eq!(first, numbers[..3].iter().map(|number| bare(number)).collect::<Vec<_>>());
    assert_eq!(page(Some(&first[2].number)).await, [bare(numbers[3])]);
    list(&store, entry("+4930901820")).await;
    let number: PhoneNumber = "+4930901820".parse().expect("a number");
    assert_eq!(store.do_not_call(TENANT, &number).await.expect("readable"), Some(entry("+4930901820")));
    assert_eq!(store.do_not_call(TenantId(2), &number).await.expect("readable"), None);
}
