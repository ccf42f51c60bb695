//! The runner over a real store and a dialer without a shard: who is dialled is read there.

use super::*;
use crate::campaign::step::tests::campaign;
use crate::campaign::{Campaigns, Pace};
use crate::dialer::tests::Stand;
use crate::model::{
    CallEvent, CallFact, Campaign, CampaignId, Disposition, NewCampaign, NewRecipient, Outcome, Recipient,
    RecipientState, Retry, RetryReason, Trunk,
};
use crate::patience::eventually;
use crate::store::tests::Place;
use crate::store::{RecipientFilter, Store};

/// Two trunks, each for a country; one call at a time.
const FILE: &str = r#"
    [[trunk]]
    name = "up"
    uri = "sip:127.0.0.1:5999"
    allow = ["+1"]
    [[trunk]]
    name = "down"
    uri = "sip:127.0.0.1:5998"
    enabled = false
    allow = ["+44"]
    [[agent]]
    id = "a"
    [[number]]
    e164 = "+447446466847"
    trunks = [{ name = "up" }, { name = "down" }]
    agent = "a"
    outbound = true
    [[key]]
    face = "nixflex"
    id = "nxf_a"
    secret = "nxfs_secret"
    concurrent = 1
"#;

/// Two trunks, each for a country, and one of them takes one call at a time.
const NARROW: &str = r#"
    [[trunk]]
    name = "wide"
    uri = "sip:127.0.0.1:5999"
    allow = ["+1"]
    [[trunk]]
    name = "narrow"
    uri = "sip:127.0.0.1:5998"
    channels = 1
    allow = ["+44"]
    [[agent]]
    id = "a"
    [[number]]
    e164 = "+447446466847"
    trunks = [{ name = "wide" }, { name = "narrow" }]
    agent = "a"
    outbound = true
    [[key]]
    face = "nixflex"
    id = "nxf_a"
    secret = "nxfs_secret"
    concurrent = 1
"#;

async fn listed(store: &Store) -> Vec<Recipient> {
    store.recipients(CampaignId(1), RecipientFilter::default(), 1_000).await.expect("readable")
}

/// A campaign that calls these, and its runner.
async fn run(store: &Store, stand: &Stand, phones: &[&str]) -> CancellationToken {
    run_with(None, store, stand, phones).await
}

/// The same, and it calls again so.
async fn run_with(retry: Option<Retry>, store: &Store, stand: &Stand, phones: &[&str]) -> CancellationToken {
    let directory = &stand.parts().directory;
    let key = directory.snapshot().key("nxf_a").expect("declared").id;
    let agent = directory.snapshot().agent(TenantId(1), "a").expect("declared").id;
    let total = phones.len() as u64;
    let campaign = Campaign { key, agent, retry, ..campaign(CampaignStatus::Running, true, total) };
    let recipient = |phone: &&str| NewRecipient {
        phone: phone.parse().expect("a number"),
        variables: Vec::new(),
        prompt: None,
        zone: None,
    };
    let new = NewCampaign { campaign, prompt: "Hello".into() };
    store.create_campaign(new, phones.iter().map(recipient).collect(), None).await.expect("stored");
    let campaigns = Campaigns::new(store.clone(), directory.clone(), Pace::default());
    let runner = Runner::new(&campaigns, stand.parts().admission.clone(), stand.dialer.clone());
    let stop = CancellationToken::new();
    tokio::spawn(runner.run(stop.clone()));
    stop
}

#[tokio::test]
async fn who_may_be_dialled_only_by_a_trunk_that_is_down_holds_up_nobody_else() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::of(FILE, &store, Duration::ZERO).await;
    let _stop = run(&store, &stand, &["+447111000001", "+447111000002", "+12125550100"]).await;
    let before = wall_now();
    assert_eq!(stand.leaves().await.plan.to.as_str(), "+12125550100");
    let have_made_way = async || listed(&store).await[..2].iter().all(|one| one.due_at.is_some());
    eventually("the others have made way", have_made_way).await;
    let all = listed(&store).await;
    for waits in &all[..2] {
        assert_eq!((waits.state, waits.attempts, waits.call), (RecipientState::Pending, 0, None));
        let due = waits.due_at.expect("it waits");
        assert!(due > before && due <= wall_now().after(RETRY_RECIPIENT), "{due}");
    }
    assert_eq!(all[2].state, RecipientState::Dialing);
}

#[tokio::test]
async fn whose_only_trunk_is_full_holds_up_nobody_else_and_goes_first_once_it_has_room() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::wide(NARROW, &store).await;
    let way = stand.parts().directory.snapshot().way(TenantId(1), "a", None).expect("declared");
    let is_narrow = |trunk: &Arc<Trunk>| trunk.name == "narrow";
    let narrow: Vec<_> = way.trunks.into_iter().map(|(trunk, _)| trunk).filter(is_narrow).collect();
    let busy = stand.parts().admission.admit(Instant::now(), None, &narrow).expect("room for one");
    // More of them than are claimed at once.
    let waiting: Vec<_> = (0..120).map(|n| format!("+447111000{n:03}")).collect();
    let mut phones: Vec<&str> = waiting.iter().map(String::as_str).collect();
    phones.extend(["+12125550100", "+447111000999", "+12125550101"]);
    let _stop = run(&store, &stand, &phones).await;
    // Each is let go as soon as it has left.
    let mut leaves = async || stand.leaves().await.plan.to.as_str().to_owned();
    assert_eq!([leaves().await, leaves().await], ["+12125550100", "+12125550101"]);
    let have_been_given_back = async || {
        let all = listed(&store).await;
        all.iter().filter(|one| one.state == RecipientState::Pending).count() == 121
    };
    eventually("the others wait", have_been_given_back).await;
    let all = listed(&store).await;
    assert!(all[..120].iter().all(|one| (one.attempts, one.due_at) == (0, None)), "nobody is put off");
    drop(busy);
    for first in &waiting[..9] {
        assert_eq!(leaves().await, *first);
    }
}

#[tokio::test]
async fn who_asks_not_to_be_called_before_is_called_again_no_earlier() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::of(NARROW, &store, Duration::ZERO).await;
    let (wait, hold) = (Duration::from_secs(1), Duration::from_secs(900));
    let retry = Retry { attempts_max: 2, wait, on: RetryReason::USUAL.to_vec() };
    let _stop = run_with(Some(retry), &store, &stand, &["+12125550100"]).await;
    let call = stand.leaves().await.plan.call;
    let (at, earliest) = (Instant::now(), wall_now().after(hold));
    let busy = Outcome { callee_hold: Some(hold), ..Outcome::by_switch(Disposition::Busy, at, "busy") };
    stand.parts().journal.record(CallEvent { call, at, fact: CallFact::Ended(Box::new(busy)) });
    eventually("it waits", async || listed(&store).await[0].state == RecipientState::Pending).await;
    let due = listed(&store).await[0].due_at.expect("it is to be called again");
    // Less what its end, of the monotonic clock, may differ by.
    assert!(due.after(wait) >= earliest && due <= wall_now().after(hold + wait), "{due}");
}
