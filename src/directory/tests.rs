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
