//! Campaigns: recipients move with their calls, counters with both, and nobody is dialled twice.

use super::*;

on_both_engines! {
    a_campaign_reads_back_as_it_was_made,
    of_equal_requests_one_campaign_is_made,
    a_campaign_that_was_not_finished_is_no_answer_and_in_nobodys_way,
    what_is_made_is_not_removed_for_an_answer_that_was_lost,
    recipients_are_claimed_in_order_and_once,
    who_is_put_off_is_claimed_when_that_is_over,
    a_recipient_moves_with_its_call,
    who_was_claimed_is_not_dialled_after_a_pause_or_a_cancel,
    the_last_end_completes_a_campaign_and_erases_its_prompts,
    a_cancel_ends_who_was_not_dialled_and_no_other,
    a_crash_while_a_campaign_is_made_leaves_nothing,
    many_recipients_are_added_in_chunks,
    a_campaign_is_looked_after_once_it_is_nearly_due,
}

/// Recipients whose variables or prompt are stored.
const KEPT: &str = "SELECT count(*) FROM recipients WHERE variables IS NOT NULL OR prompt IS NOT NULL";

pub(super) fn campaign(id: u64, total: u64) -> Campaign {
    Campaign {
        id: CampaignId(id),
        tenant: TENANT,
        key: KEY,
        agent: AgentId(3),
        from: "+447446466847".parse().expect("valid"),
        number_per_callee: true,
        name: Some("Tuesday".into()),
        status: CampaignStatus::Running,
        reason: None,
        zone: "Asia/Dubai".parse().expect("a zone"),
        window: Window { minutes: Some((540, 1_080)), days: Days::from_names(["mon", "fri"]) },
        callee_window: Window { minutes: Some((1_320, 60)), days: Days::from_names(["sat"]) },
        due_at: NOW,
        retry: None,
        breaker: None,
        invalid: 2,
        counts: Counts { total, pending: total, ..Counts::default() },
        created_at: NOW,
        launched_at: Some(NOW),
        ended_at: None,
    }
}

pub(super) fn recipients(count: u64) -> Vec<NewRecipient> {
    let one = |number: u64| NewRecipient {
        phone: format!("+4471110{number:05}").parse().expect("valid"),
        variables: vec![Variable { name: "n".into(), value: number.to_string() }],
        prompt: (number == 1).then(|| "Only for one".to_owned()),
        zone: (number == 1).then(|| "America/New_York".parse().expect("a zone")),
    };
    (0..count).map(one).collect()
}

async fn make(store: &Store, id: u64, count: u64) -> CampaignId {
    let new = NewCampaign { campaign: campaign(id, count), prompt: "Hello {n}".into() };
    assert_eq!(store.create_campaign(new, recipients(count), None).await.expect("stored"), Made::Created);
    CampaignId(id)
}

pub(super) async fn take(store: &Store, campaign: CampaignId, limit: u32) -> Vec<u32> {
    let claim = RecipientClaim { campaign, now: NOW, lease: Duration::from_secs(60), limit };
    let claimed = store.claim_recipients(claim).await.expect("stored");
    claimed.into_iter().map(|claimed| claimed.position).collect()
}

pub(super) fn call_of(call: u64, campaign: CampaignId, position: u32) -> CallRecord {
    CallRecord { recipient: Some(RecipientId { campaign, position }), ..record(call) }
}

pub(super) async fn dial(store: &Store, call: u64, campaign: CampaignId, position: u32) -> Intended {
    let intent = Intent { record: call_of(call, campaign, position), idempotency: None };
    store.intend(intent).await.expect("stored")
}

pub(super) async fn counts(store: &Store, id: CampaignId) -> Counts {
    store.campaign(TENANT, id).await.expect("readable").expect("there").counts
}

pub(super) async fn states(store: &Store, id: CampaignId) -> Vec<RecipientState> {
    let all = store.recipients(id, RecipientFilter::default(), 1_000).await.expect("readable");
    all.into_iter().map(|recipient| recipient.state).collect()
}

/// Those that something is to be done for now.
async fn open(store: &Store) -> Vec<u64> {
    let open = store.open_campaigns(NOW).await.expect("readable");
    open.campaigns.iter().map(|campaign| campaign.id.0).collect()
}

async fn a_campaign_reads_back_as_it_was_made(place: Place) {
    let store = place.open().await;
    let id = make(&store, 5, 3).await;
    assert_eq!(store.campaign(TENANT, id).await.expect("readable"), Some(campaign(5, 3)));
    assert_eq!(store.campaign(TenantId(2), id).await.expect("readable"), None, "another tenant's is none");
    assert_eq!(store.campaign_prompt(id).await.expect("readable").as_deref(), Some("Hello {n}"));
    let claim = RecipientClaim { campaign: id, now: NOW, lease: Duration::from_secs(60), limit: 9 };
    let claimed = store.claim_recipients(claim).await.expect("stored");
    assert_eq!(claimed[2].recipient.variables[0].value, "2");
    assert_eq!(claimed[1].recipient.prompt.as_deref(), Some("Only for one"));
    assert_eq!(claimed[1].recipient.zone.as_ref().map(Zone::name), Some("America/New_York"));
    assert_eq!(claimed[2].recipient.zone, None);
    let none = Window::default();
    let bare = Campaign {
        window: none,
        callee_window: none,
        number_per_callee: false,
        name: None,
        launched_at: None,
        ..campaign(6, 1)
    };
    let new = NewCampaign { campaign: bare.clone(), prompt: "p".into() };
    store.create_campaign(new, recipients(1), None).await.expect("stored");
    assert_eq!(store.campaign(TENANT, CampaignId(6)).await.expect("readable"), Some(bare));
    let (listed, count) = store.campaigns(TENANT, None, 1, 0).await.expect("readable");
    assert_eq!((listed[0].id, count), (CampaignId(6), 2));
    assert_eq!(open(&store).await.len(), 2);
}

async fn of_equal_requests_one_campaign_is_made(place: Place) {
    let store = place.open().await;
    let create = |id: u64, body| {
        let new = NewCampaign { campaign: campaign(id, 1), prompt: "p".into() };
        store.create_campaign(new, recipients(1), promise("k", body))
    };
    let (_, response) = promise("k", 1).expect("given");
    assert_eq!(create(1, 1).await.expect("stored"), Made::Created);
    assert_eq!(create(2, 1).await.expect("stored"), Made::Replay(response.clone()));
    assert_eq!(create(3, 2).await.expect("stored"), Made::Conflict);
    let (known, _) = promise("k", 1).expect("given");
    assert_eq!(store.find_replay(KEY, &known).await.expect("readable"), Some(Replay::Same(response)));
    assert_eq!(store.campaigns(TENANT, None, 10, 0).await.expect("readable").1, 1);
}

async fn a_campaign_that_was_not_finished_is_no_answer_and_in_nobodys_way(place: Place) {
    let store = place.open().await;
    let new = |id| NewCampaign { campaign: campaign(id, 3), prompt: "p".into() };
    let (left, some) = (new(1), recipients(2));
    let begin = |engine: Arc<Engine>| async move { engine.begin_campaign(&left, promise("k", 1)).await };
    assert!(store.aside(begin).await.expect("stored"));
    let add = |engine: Arc<Engine>| async move { engine.add_recipients(CampaignId(1), 0, &some).await };
    store.aside(add).await.expect("stored");
    let (known, response) = promise("k", 1).expect("given");
    assert_eq!(store.find_replay(KEY, &known).await.expect("readable"), None, "nobody dials it");
    let made = store.create_campaign(new(2), recipients(3), promise("k", 1)).await;
    assert_eq!(made.expect("stored"), Made::Created);
    assert_eq!(store.find_replay(KEY, &known).await.expect("readable"), Some(Replay::Same(response)));
    assert!(states(&store, CampaignId(1)).await.is_empty(), "nothing is left of the first");
    assert_eq!(store.remove_unfinished_campaigns().await.expect("stored"), 0);
    assert_eq!(states(&store, CampaignId(2)).await.len(), 3);
}

async fn what_is_made_is_not_removed_for_an_answer_that_was_lost(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 3).await;
    assert!(!store.remove_campaign(id).await.expect("stored"), "it runs");
    assert_eq!(states(&store, id).await, [RecipientState::Pending; 3]);
    assert_eq!(counts(&store, id).await.pending, 3);
    let begun = NewCampaign { campaign: campaign(2, 1), prompt: "p".into() };
    let begin = |engine: Arc<Engine>| async move { engine.begin_campaign(&begun, None).await };
    assert!(store.aside(begin).await.expect("stored"));
    assert!(store.remove_campaign(CampaignId(2)).await.expect("stored"));
}

async fn who_is_put_off_is_claimed_when_that_is_over(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 4).await;
    assert_eq!(take(&store, id, 3).await, [0, 1, 2]);
    let (soon, later) = (Timestamp(NOW.0 + 1_000), Timestamp(NOW.0 + 2_000));
    // The fourth is not claimed, and so is not ours to put off.
    store.postpone(id, vec![(0, later), (2, soon), (3, later)]).await.expect("stored");
    let all = store.recipients(id, RecipientFilter::default(), 9).await.expect("readable");
    let due: Vec<_> = all.iter().map(|recipient| recipient.due_at).collect();
    assert_eq!(due, [Some(later), None, Some(soon), None]);
    assert_eq!(counts(&store, id).await.pending, 4);
    assert_eq!(take(&store, id, 9).await, [3], "the others are ours, or not due");
    let claim = RecipientClaim { campaign: id, now: soon, lease: Duration::from_secs(60), limit: 9 };
    let claimed = store.claim_recipients(claim).await.expect("stored");
    assert_eq!(claimed.iter().map(|claimed| claimed.position).collect::<Vec<_>>(), [2]);
}

async fn recipients_are_claimed_in_order_and_once(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 5).await;
    let (first, second) = tokio::join!(take(&store, id, 2), take(&store, id, 2));
    assert_eq!((first, second), (vec![0, 1], vec![2, 3]));
    store.release_recipients(id, vec![1, 4]).await.expect("stored");
    assert_eq!(take(&store, id, 9).await, [1, 4]);
    assert_eq!(counts(&store, id).await.pending, 5, "who is claimed was not dialled");
    assert_eq!(store.release_lapsed(Timestamp(NOW.0 + 59_000)).await.expect("stored"), 0);
    assert_eq!(store.release_lapsed(Timestamp(NOW.0 + 61_000)).await.expect("stored"), 5);
}

async fn a_recipient_moves_with_its_call(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 4).await;
    assert_eq!(dial(&store, 10, id, 0).await, Intended::Superseded, "nobody claimed it");
    take(&store, id, 4).await;
    assert_eq!(dial(&store, 11, id, 0).await, Intended::Committed);
    assert_eq!(dial(&store, 12, id, 0).await, Intended::Superseded, "nobody is dialled twice");
    for (call, position) in [(13, 1), (14, 2), (15, 3)] {
        assert_eq!(dial(&store, call, id, position).await, Intended::Committed);
    }
    assert_eq!(read(&store, 11).await.expect("there").recipient.map(|of| of.position), Some(0));
    assert_eq!(counts(&store, id).await, Counts { total: 4, active: 4, ..Counts::default() });
    // One was answered and found nobody free, one was not, one may have rung, one never left.
    let over = |call, position, disposition, answered_at| CallRecord {
        disposition: Some(disposition),
        answered_at,
        recipient: Some(RecipientId { campaign: id, position }),
        ..ended(call)
    };
    end(&store, over(11, 0, Disposition::Abandoned, Some(NOW))).await;
    end(&store, over(13, 1, Disposition::Busy, None)).await;
    end(&store, over(14, 2, Disposition::Indeterminate, None)).await;
    store.write([Write::Withdrawn(record(15).call)].into()).await.expect("stored");
    // A second end changes nothing.
    end(&store, over(11, 0, Disposition::Busy, None)).await;
    let expected = Counts {
        total: 4,
        pending: 1,
        answered: 1,
        abandoned: 1,
        unanswered: 1,
        indeterminate: 1,
        ..Counts::default()
    };
    assert_eq!(counts(&store, id).await, expected);
    let abandonment = async |since| store.abandonment(id, Timestamp(since)).await.expect("readable");
    assert_eq!(abandonment(NOW.0).await, Abandonment { answered: 1, abandoned: 1 });
    assert_eq!(abandonment(NOW.0 + 1_000).await, Abandonment::default(), "what was before counts no more");
    let states = states(&store, id).await;
    use RecipientState::{Ended, Indeterminate, Pending};
    assert_eq!(states, [Ended, Ended, Indeterminate, Pending]);
    assert_eq!(take(&store, id, 9).await, [3], "only who was never dialled");
    let ended = RecipientFilter { after: Some(0), state: Some(Ended) };
    let listed = store.recipients(id, ended, 9).await.expect("readable");
    assert_eq!((listed.len(), listed[0].position), (1, 1));
    assert_eq!((listed[0].disposition, listed[0].call), (Some(Disposition::Busy), CallId::new(13)));
}

async fn who_was_claimed_is_not_dialled_after_a_pause_or_a_cancel(place: Place) {
    use CampaignStatus::{Cancelled, Paused, Running};
    let store = place.open().await;
    let id = make(&store, 1, 2).await;
    assert_eq!(take(&store, id, 1).await, [0]);
    assert!(store.move_campaign(id, Running, Paused, None, NOW).await.expect("stored"));
    assert!(!store.move_campaign(id, Running, Paused, None, NOW).await.expect("stored"), "it did not run");
    assert_eq!(dial(&store, 1, id, 0).await, Intended::Superseded);
    assert!(take(&store, id, 9).await.is_empty(), "nobody is claimed of a paused campaign");
    assert!(open(&store).await.is_empty());
    assert!(store.move_campaign(id, Paused, Running, None, NOW).await.expect("stored"));
    assert_eq!(take(&store, id, 9).await, [0, 1]);
    assert!(store.move_campaign(id, Running, Cancelled, None, NOW).await.expect("stored"));
    assert_eq!(dial(&store, 2, id, 1).await, Intended::Superseded);
    assert_eq!(states(&store, id).await, [RecipientState::Pending; 2]);
}

async fn the_last_end_completes_a_campaign_and_erases_its_prompts(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 3).await;
    take(&store, id, 3).await;
    dial(&store, 1, id, 0).await;
    dial(&store, 2, id, 1).await;
    let of = |position| RecipientId { campaign: id, position };
    store.fail_recipient(of(2), "a rule".into(), NOW).await.expect("stored");
    store.fail_recipient(of(0), "too late".into(), NOW).await.expect("stored");
    // Both ends in one transaction.
    let end =
        |call, position| Write::Ended(Arc::new(CallRecord { recipient: Some(of(position)), ..ended(call) }));
    store.write([end(1, 0)].into()).await.expect("stored");
    assert!(store.campaign_prompt(id).await.expect("readable").is_some());
    store.write([end(2, 1)].into()).await.expect("stored");
    let over = store.campaign(TENANT, id).await.expect("readable").expect("there");
    assert_eq!(over.status, CampaignStatus::Completed);
    assert_eq!(over.counts, Counts { total: 3, answered: 2, failed: 1, ..Counts::default() });
    assert_eq!(over.ended_at, ended(1).ended_at);
    assert_eq!(store.campaign_prompt(id).await.expect("readable"), None);
    assert_eq!(count(&store, KEPT).await, 0, "and so are the recipients'");
}

async fn a_cancel_ends_who_was_not_dialled_and_no_other(place: Place) {
    let store = place.open().await;
    let id = make(&store, 1, 1_503).await;
    take(&store, id, 2).await;
    dial(&store, 1, id, 0).await;
    let (from, to) = (CampaignStatus::Running, CampaignStatus::Cancelled);
    assert_eq!(store.cancel_recipients(id, NOW).await.expect("stored"), 0, "it runs");
    assert!(store.move_campaign(id, from, to, None, NOW).await.expect("stored"));
    assert_eq!(open(&store).await.len(), 1, "a restart goes on with it");
    for count in [1_000, 502, 0] {
        assert_eq!(store.cancel_recipients(id, NOW).await.expect("stored"), count);
    }
    assert_eq!(
        counts(&store, id).await,
        Counts { total: 1_503, active: 1, cancelled: 1_502, ..Counts::default() }
    );
    assert!(store.campaign_prompt(id).await.expect("readable").is_some(), "one attempt has not ended");
    let last = RecipientId { campaign: id, position: 0 };
    end(&store, CallRecord { recipient: Some(last), ..ended(1) }).await;
    let over = store.campaign(TENANT, id).await.expect("readable").expect("there");
    assert_eq!((over.status, over.counts.answered), (CampaignStatus::Cancelled, 1));
    assert_eq!((store.campaign_prompt(id).await.expect("readable"), count(&store, KEPT).await), (None, 0));
    assert!(open(&store).await.is_empty());
}

async fn a_crash_while_a_campaign_is_made_leaves_nothing(place: Place) {
    place.crash_after(|store| async move {
        make(&store, 1, 1).await;
        let new = NewCampaign { campaign: campaign(2, 2_500), prompt: "p".into() };
        store
            .aside(move |engine| async move { engine.begin_campaign(&new, None).await })
            .await
            .expect("stored");
        let some = recipients(1_000);
        store
            .aside(move |engine| async move { engine.add_recipients(CampaignId(2), 0, &some).await })
            .await
            .expect("stored");
        take(&store, CampaignId(1), 1).await;
    });
    let store = place.open().await;
    assert!(store.campaign(TENANT, CampaignId(2)).await.expect("readable").is_none(), "it never existed");
    assert_eq!(store.remove_unfinished_campaigns().await.expect("stored"), 1);
    assert_eq!(store.remove_unfinished_campaigns().await.expect("stored"), 0);
    assert!(states(&store, CampaignId(2)).await.is_empty());
    assert_eq!(states(&store, CampaignId(1)).await, [RecipientState::Claimed]);
    assert_eq!(store.release_claimed().await.expect("stored"), 1);
    assert_eq!(take(&store, CampaignId(1), 1).await, [0]);
}

async fn many_recipients_are_added_in_chunks(place: Place) {
    let store = place.open().await;
    let before = store.counters().rows;
    let id = make(&store, 1, 2_345).await;
    assert_eq!(counts(&store, id).await.pending, 2_345);
    let page = store.recipients(id, RecipientFilter { after: Some(2_299), state: None }, 100).await;
    let page = page.expect("readable");
    assert_eq!((page.len(), page[0].position, page[44].position), (45, 2_300, 2_344));
    assert_eq!(store.counters().rows, before, "calls' writes pass in between");
}

async fn a_campaign_is_looked_after_once_it_is_nearly_due(place: Place) {
    let store = place.open().await;
    let soon = Timestamp(NOW.0 + 1);
    for (id, due_at) in [(1, Timestamp(NOW.0 + 2)), (2, soon), (3, NOW)] {
        let scheduled = Campaign { status: CampaignStatus::Scheduled, due_at, ..campaign(id, 1) };
        let new = NewCampaign { campaign: scheduled, prompt: "p".into() };
        store.create_campaign(new, recipients(1), None).await.expect("stored");
    }
    // Who is told to run runs, whatever its date.
    let late = Campaign { due_at: Timestamp(NOW.0 + 9), ..campaign(4, 1) };
    let new = NewCampaign { campaign: late, prompt: "p".into() };
    store.create_campaign(new, recipients(1), None).await.expect("stored");
    assert_eq!(open(&store).await, [3, 4]);
    let all = store.open_campaigns(soon).await.expect("readable");
    assert_eq!((all.campaigns.len(), all.later, all.is_full()), (3, 1, false));
}
