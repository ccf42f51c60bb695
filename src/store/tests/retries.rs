//! Campaigns that call again: who, when, how often; and those that pause themselves.

use super::campaigns::{call_of, campaign, counts, dial, recipients, states, take};
use super::*;

on_both_engines! {
    who_was_not_reached_waits_for_the_next_call_and_then_it_is_over,
    who_asks_not_to_be_called_before_is_called_no_earlier,
    who_answered_and_whose_fate_is_unknown_is_never_called_again,
    a_cancel_calls_nobody_again,
    failures_in_succession_pause_a_campaign_and_a_carried_call_starts_the_count_anew,
}

const WAIT: Duration = Duration::from_secs(300);

async fn make(store: &Store, count: u64, attempts_max: u32, breaker: Option<u32>) -> CampaignId {
    let retry = Retry { attempts_max, wait: WAIT, on: RetryReason::USUAL.to_vec() };
    let campaign = Campaign { retry: Some(retry), breaker, ..campaign(1, count) };
    let new = NewCampaign { campaign: campaign.clone(), prompt: "Hello".into() };
    assert_eq!(store.create_campaign(new, recipients(count), None).await.expect("stored"), Made::Created);
    assert_eq!(store.campaign(TENANT, campaign.id).await.expect("readable"), Some(campaign), "it reads back");
    CampaignId(1)
}

fn over(call: u64, campaign: CampaignId, position: u32, disposition: Disposition, answered: bool) -> Write {
    let record = CallRecord {
        recipient: call_of(call, campaign, position).recipient,
        disposition: Some(disposition),
        answered_at: answered.then_some(NOW),
        ..ended(call)
    };
    Write::Ended(Arc::new(record))
}

async fn all(store: &Store, id: CampaignId) -> Vec<Recipient> {
    store.recipients(id, RecipientFilter::default(), 1_000).await.expect("readable")
}

async fn later(store: &Store, campaign: CampaignId) -> Vec<u32> {
    let due = Timestamp(ended(1).ended_at.expect("it ended").0 + 300_000);
    let claim = RecipientClaim { campaign, now: due, lease: Duration::from_secs(60), limit: 9 };
    store.claim_recipients(claim).await.expect("stored").into_iter().map(|one| one.position).collect()
}

async fn who_was_not_reached_waits_for_the_next_call_and_then_it_is_over(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 2, None).await;
    assert_eq!(take(&store, id, 9).await, [0]);
    dial(&store, 1, id, 0).await;
    store.write([over(1, id, 0, Disposition::Busy, false)].into()).await.expect("stored");
    let waits = &all(&store, id).await[0];
    let due = Timestamp(ended(1).ended_at.expect("it ended").0 + 300_000);
    assert_eq!((waits.state, waits.attempts, waits.due_at), (RecipientState::Pending, 1, Some(due)));
    assert_eq!((waits.disposition, waits.call), (Some(Disposition::Busy), CallId::new(1)));
    assert_eq!(counts(&store, id).await, Counts { total: 1, pending: 1, ..Counts::default() });
    assert!(store.campaign_prompt(id).await.expect("readable").is_some(), "it is needed again");
    assert!(take(&store, id, 9).await.is_empty(), "not before it is due");
    assert_eq!(later(&store, id).await, [0]);
    // A call that never started does not count.
    dial(&store, 2, id, 0).await;
    store.write([Write::Withdrawn(record(2).call)].into()).await.expect("stored");
    assert_eq!(all(&store, id).await[0].attempts, 1);
    assert_eq!(later(&store, id).await, [0]);
    dial(&store, 3, id, 0).await;
    // The first call's end, told again, moves nobody.
    store.write([over(1, id, 0, Disposition::Busy, false)].into()).await.expect("stored");
    assert_eq!(states(&store, id).await, [RecipientState::Dialing]);
    store.write([over(3, id, 0, Disposition::NoAnswer, false)].into()).await.expect("stored");
    let last = &all(&store, id).await[0];
    assert_eq!((last.state, last.attempts, last.due_at), (RecipientState::Ended, 2, None));
    let campaign = store.campaign(TENANT, id).await.expect("readable").expect("there");
    assert_eq!((campaign.status, campaign.counts.unanswered), (CampaignStatus::Completed, 1));
    assert_eq!(store.campaign_prompt(id).await.expect("readable"), None);
}

async fn who_asks_not_to_be_called_before_is_called_no_earlier(place: Place) {
    let store = place.open().await;
    let id = make(&store, 3, 2, None).await;
    take(&store, id, 9).await;
    let ended_at = ended(1).ended_at.expect("it ended");
    for (position, hold) in [(0, Some(900)), (1, Some(60)), (2, None)] {
        let call = u64::from(position) + 1;
        dial(&store, call, id, position).await;
        let Write::Ended(record) = over(call, id, position, Disposition::Busy, false) else { unreachable!() };
        let not_again_before = hold.map(|seconds| ended_at.after(Duration::from_secs(seconds)));
        let record = CallRecord { not_again_before, ..CallRecord::clone(&record) };
        store.write([Write::Ended(Arc::new(record))].into()).await.expect("stored");
    }
    let due: Vec<_> = all(&store, id).await.iter().map(|one| one.due_at).collect();
    let own = Some(ended_at.after(WAIT));
    assert_eq!(due, [Some(ended_at.after(Duration::from_secs(900))), own, own]);
}

async fn who_answered_and_whose_fate_is_unknown_is_never_called_again(place: Place) {
    let store = place.open().await;
    let id = make(&store, 5, 5, None).await;
    take(&store, id, 9).await;
    for position in 0..5 {
        dial(&store, 10 + u64::from(position), id, position).await;
    }
    let ends = [
        over(10, id, 0, Disposition::CalleeHangup, true),
        over(11, id, 1, Disposition::Indeterminate, false),
        over(12, id, 2, Disposition::Rejected, false),
        // It was answered before it failed.
        over(13, id, 3, Disposition::TrunkFailed, true),
        over(14, id, 4, Disposition::InvalidNumber, false),
    ];
    store.write(ends.into()).await.expect("stored");
    use RecipientState::{Ended, Indeterminate};
    assert_eq!(states(&store, id).await, [Ended, Indeterminate, Ended, Ended, Ended]);
    assert!(later(&store, id).await.is_empty());
}

async fn a_cancel_calls_nobody_again(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 3, None).await;
    take(&store, id, 9).await;
    dial(&store, 1, id, 0).await;
    let (from, to) = (CampaignStatus::Running, CampaignStatus::Cancelled);
    assert!(store.move_campaign(id, from, to, None, NOW).await.expect("stored"));
    store.write([over(1, id, 0, Disposition::Busy, false)].into()).await.expect("stored");
    assert_eq!(states(&store, id).await, [RecipientState::Ended]);
    assert_eq!(store.campaign_prompt(id).await.expect("readable"), None);
}

async fn failures_in_succession_pause_a_campaign_and_a_carried_call_starts_the_count_anew(place: Place) {
    let store = place.open().await;
    let id = make(&store, 6, 2, Some(2)).await;
    let stands = async || {
        let now = store.campaign(TENANT, id).await.expect("readable").expect("there");
        (now.status, now.reason)
    };
    take(&store, id, 6).await;
    let failed = Disposition::TrunkFailed;
    for (call, position, end) in [(1, 0, failed), (2, 1, Disposition::Busy), (3, 2, failed)] {
        dial(&store, call, id, position).await;
        store.write([over(call, id, position, end, false)].into()).await.expect("stored");
        assert_eq!(stands().await, (CampaignStatus::Running, None));
    }
    dial(&store, 4, id, 3).await;
    store.write([over(4, id, 3, failed, false)].into()).await.expect("stored");
    assert_eq!(stands().await, (CampaignStatus::Paused, Some("breaker".to_owned())));
    assert_eq!(dial(&store, 5, id, 4).await, Intended::Superseded, "who was claimed is not dialled");
    assert_eq!(states(&store, id).await, [RecipientState::Pending; 6]);
    let (from, to) = (CampaignStatus::Paused, CampaignStatus::Running);
    assert!(store.move_campaign(id, from, to, None, NOW).await.expect("stored"));
    assert_eq!(take(&store, id, 9).await, [4, 5], "the others are called again later");
    dial(&store, 6, id, 4).await;
    store.write([over(6, id, 4, failed, false)].into()).await.expect("stored");
    assert_eq!(stands().await, (CampaignStatus::Running, None), "it is the first one again");
}
