mod registry;

use super::*;
use crate::config::Config;
use crate::model::{AgentChoice, OutboundRequest, Refusal};

#[test]
fn only_a_number_that_takes_calls_is_answered_and_by_its_own_trunk() {
    let file = r#"
        [[trunk]]
        name = "other"
        uri = "sip:a.example"
        [[trunk]]
        name = "own"
        uri = "sip:a.example"
        [[agent]]
        id = "a"
        greeting = "Hello."
        [[number]]
        e164 = "+15550000001"
        agent = "a"
        trunk = "own"
        inbound = true
        [[number]]
        e164 = "+15550000002"
        agent = "a"
        trunk = "own"
        [[key]]
        face = "nixflex"
        id = "nxf_first"
        secret = "nxfs_secret"
        [[key]]
        face = "nixflex"
        id = "nxf_second"
        secret = "nxfs_secret"
    "#;
    let directory = Directory::new(Config::parse("t", file, []).expect("valid").objects);
    let snapshot = directory.snapshot();
    let answerer = |text: &str| snapshot.answerer(&[text.parse().expect("E.164")], snapshot.trunks());
    let found = answerer("+15550000001").expect("an inbound number");
    assert_eq!((found.trunk.name.as_str(), found.agent.alias.as_str()), ("own", "a"));
    assert_eq!(found.key.expect("a key").public, "nxf_first");
    assert!(answerer("+15550000002").is_none() && answerer("+15550000003").is_none());
}

const FILE: &str = r#"
    [[trunk]]
    name = "up"
    uri = "sip:a.example"
    [[trunk]]
    name = "down"
    uri = "sip:b.example"
    enabled = false
    [[agent]]
    id = "agent_a"
    phone_number = "+15550000009"
    trunk = "up"
    [[agent]]
    id = "inbound_only"
    phone_number = "+15550000009"
    trunk = "up"
    [[agent]]
    id = "legacy"
    phone_number = "+15550000008"
    trunk = "up"
    [[agent]]
    id = "bare"
    [[agent]]
    id = "trunkless"
    phone_number = "+15550000007"
    [[agent]]
    id = "downed"
    phone_number = "+15550000007"
    trunk = "down"
    [[number]]
    e164 = "+15550000001"
    agent = "agent_a"
    trunk = "up"
    [[number]]
    e164 = "+15550000003"
    agent = "agent_a"
    trunk = "up"
    outbound = true
    [[number]]
    e164 = "+15550000002"
    agent = "agent_a"
    outbound = true
    [[number]]
    e164 = "+15550000004"
    agent = "inbound_only"
    trunk = "up"
    [[key]]
    face = "nixflex"
    id = "nxf_a"
    secret = "nxfs_secret"
"#;

fn directory() -> Directory {
    Directory::new(Config::parse("t", FILE, []).expect("valid").objects)
}

fn request(agent: &str, from: Option<&str>) -> OutboundRequest {
    let to = "+15551234567".parse().expect("valid");
    OutboundRequest {
        from: from.map(|text| text.parse().expect("valid")),
        ..OutboundRequest::new(TenantId(1), KeyId(1), AgentChoice::Named(agent.into()), to)
    }
}

fn resolve(agent: &str, from: Option<&str>) -> Result<String, Refusal> {
    let route = directory().snapshot().resolve(&request(agent, from))?;
    Ok(route.from.as_str().to_owned())
}

#[test]
fn agent_then_number_then_trunk() {
    for (agent, from, outcome) in [
        ("nobody", Some("+15550000001"), Err(Refusal::AgentNotFound)),
        ("agent_a", None, Ok("+15550000003")),
        ("agent_a", Some("+15550000003"), Ok("+15550000003")),
        ("agent_a", Some("+15550000001"), Err(Refusal::FromNumberNotFound)),
        ("agent_a", Some("+15550000004"), Err(Refusal::FromNumberNotFound)),
        ("agent_a", Some("+15550000009"), Err(Refusal::FromNumberNotFound)),
        ("agent_a", Some("+15550000002"), Err(Refusal::NumberHasNoTrunk)),
        ("inbound_only", None, Err(Refusal::AgentMissingPhoneNumber)),
        ("legacy", None, Ok("+15550000008")),
        ("legacy", Some("+15550000008"), Ok("+15550000008")),
        ("legacy", Some("+15550000001"), Err(Refusal::FromNumberNotFound)),
        ("bare", None, Err(Refusal::AgentMissingPhoneNumber)),
        ("trunkless", None, Err(Refusal::NumberHasNoTrunk)),
        // Whether a trunk takes calls now is asked at the gate, not here.
        ("downed", None, Ok("+15550000007")),
    ] {
        assert_eq!(resolve(agent, from), outcome.map(str::to_owned), "{agent} {from:?}");
    }
}

#[test]
fn an_agent_of_mnumber_per_callees_shows_its_callee_the_nearest_and_by_that_one_s_trunk() {
    const POOL: &str = r#"
        [[trunk]]
        name = "west"
        uri = "sip:192.0.2.1"
        allow_countries = ["US"]
        [[trunk]]
        name = "east"
        uri = "sip:192.0.2.2"
        [[agent]]
        id = "pool"
        caller_ids = "nearest"
        [[agent]]
        id = "single"
        [[agent]]
        id = "bare"
        caller_ids = "spread"
        [[agent]]
        id = "stored"
        caller_ids = "spread"
        phone_number = "+15550000008"
        trunk = "east"
        [[number]]
        e164 = "+16465550100"
        agent = "pool"
        outbound = true
        [[number]]
        e164 = "+14155550100"
        agent = "pool"
        trunk = "west"
        outbound = true
        [[number]]
        e164 = "+12125550100"
        agent = "pool"
        trunk = "east"
        outbound = true
        [[number]]
        e164 = "+13125550100"
        agent = "pool"
        trunk = "east"
    "#;
    let snapshot = Directory::new(Config::parse("t", POOL, []).expect("valid").objects).snapshot();
    let shown = |to: &str, from: Option<&str>| {
        let to = to.parse().expect("E.164");
        let route = snapshot.resolve(&OutboundRequest { to, ..request("pool", from) }).expect("a way");
        (route.from.as_str().to_owned(), route.trunks[0].0.name.clone())
    };
    let way = |from: &str, trunk: &str| (from.to_owned(), trunk.to_owned());
    let (west, east) = (way("+14155550100", "west"), way("+12125550100", "east"));
    assert_eq!(shown("+14155559999", None), west);
    assert_eq!(shown("+12125559999", None), east);
    assert_eq!(shown("+12125559999", Some("+14155550100")), west, "who names a number gets it");
    // 312 may not call, 646 has no trunk, and the western trunk does not dial Mexico.
    assert!([&west, &east].contains(&&shown("+13125559999", None)));
    assert!([&west, &east].contains(&&shown("+16465559999", None)));
    for n in 0..20 {
        assert_eq!(shown(&format!("+5255123456{n:02}"), None), east);
    }
    let anybody = snapshot.way_to_anybody(TenantId(1), "pool").expect("a way");
    let names: Vec<_> = anybody.trunks.iter().map(|(trunk, _)| trunk.name.as_str()).collect();
    assert_eq!((anybody.from.as_str(), names), ("+14155550100", vec!["west", "east"]));
    let is_up = |route: &Route| route.trunks[0].0.name == "east";
    let to = "+14155559999".parse().expect("E.164");
    let route = snapshot.way_to(&to, TenantId(1), "pool", is_up).expect("a way");
    assert_eq!(route.from.as_str(), "+12125550100", "while the western trunk is down");
    let route = snapshot.way_to(&to, TenantId(1), "pool", |_| false).expect("a way");
    assert_eq!(route.from.as_str(), "+14155550100", "while both are");
    assert!(snapshot.way_to(&to, TenantId(1), "single", |_| true).is_none(), "everybody sees the same");
    let bare = snapshot.way_to_anybody(TenantId(1), "bare").map(|route| route.from);
    assert_eq!(bare, Err(Refusal::AgentMissingPhoneNumber));
    let stored = snapshot.resolve(&request("stored", None)).expect("a way");
    assert_eq!(stored.from.as_str(), "+15550000008", "which has no number but this");
}

#[test]
fn an_agent_is_found_by_every_rendering_and_only_by_its_tenant() {
    let snapshot = directory().snapshot();
    let id = snapshot.agent(TenantId(1), "agent_a").expect("by alias").id;
    for text in [id.render(), id.to_string()] {
        assert_eq!(snapshot.agent(TenantId(1), &text).map(|agent| agent.id), Some(id), "{text}");
        assert!(snapshot.agent(TenantId(2), &text).is_none(), "{text}");
    }
    for text in ["", "agent_", "agent_12", "+1", "agent_00000000000000zz", "99999999999999999999999"] {
        assert!(snapshot.agent(TenantId(1), text).is_none(), "{text}");
    }
}

#[test]
fn a_reload_leaves_what_was_taken() {
    let directory = directory();
    let before = directory.snapshot();
    directory.replace(Objects::default());
    assert!(before.key("nxf_a").is_some() && before.trunk(TenantId(1), "up").is_some());
    assert!(directory.snapshot().key("nxf_a").is_none());
}
