//! The runner over a real store and a dialer without a shard: who is dialled is read there.

use super::*;
use crate::campaign::step::tests::campaign;
use crate::campaign::{Campaigns, Pace};
use crate::dialer::tests::Stand;
use crate::model::{
    CallEvent, CallFact, Campaign, CampaignId, Disposition, NewCampaign, NewRecipient, Outcome, Recipient,
    RecipientState, Retry, RetryReason,
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
async fn who_asks_not_to_be_called_before_is_called_again_no_earlier() {
    let place = Place::sqlite().await;
    let store = place.open().await;
    let mut stand = Stand::of(FILE, &store, Duration::ZERO).await;
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
