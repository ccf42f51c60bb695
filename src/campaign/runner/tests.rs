//! The runner over a real store and a dialer without a shard: who is dialled is read there.

use super::*;
use crate::campaign::step::tests::campaign;
use crate::campaign::{Campaigns, Pace};
use crate::dialer::tests::Stand;
use crate::model::{Campaign, CampaignId, NewCampaign, NewRecipient, Recipient, RecipientState};
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
    let directory = &stand.parts().directory;
    let key = directory.snapshot().key("nxf_a").expect("declared").id;
    let agent = directory.snapshot().agent(TenantId(1), "a").expect("declared").id;
    let total = phones.len() as u64;
    let campaign = Campaign { key, agent, ..campaign(CampaignStatus::Running, true, total) };
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
