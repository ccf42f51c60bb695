//! Limits are obeyed, as the callees see it; whoever cannot be called stops nobody else.

use serde_json::json;
use trunkline::simulator::Persona;

use super::{assert_nobody_twice, body, make, numbers, order, read, recipients, until};
use crate::callees::ring;
use crate::switch::{Client, Setup, Switch, eventually};

#[test]
fn never_more_calls_at_once_than_the_key_may_have() {
    let (switch, callees) = ring(Setup::new().key("concurrent = 2").agent("ring_timeout_seconds = 1"));
    let path = make(&switch, &numbers(Persona::NoAnswer, 7), json!({}));
    let over = until(&switch, &path, "completed");
    assert_eq!(over["unanswered_count"], 7, "{over}");
    assert_eq!((callees.rung(), callees.most_at_once()), (7, 2));
    assert_nobody_twice(&callees);
}

#[test]
fn never_more_calls_at_once_than_the_trunk_has_channels_and_single_calls_get_theirs() {
    let (switch, callees) = ring(Setup::new().trunk("channels = 3").agent("ring_timeout_seconds = 1"));
    let path = make(&switch, &numbers(Persona::NoAnswer, 12), json!({}));
    eventually("the trunk is full", || (callees.rung() >= 3).then_some(()));
    // It waits its turn, and need not wait for the campaign's end.
    let single = switch.call_with(json!({ "to_number": "+19995550103" }));
    switch.call_until_ended(&single);
    assert_eq!(read(&switch, &path)["status"], "running", "the campaign still has somebody to call");
    until(&switch, &path, "completed");
    assert_eq!((callees.rung(), callees.most_at_once()), (13, 3));
}

#[test]
fn a_small_campaign_of_one_key_does_not_wait_for_a_large_one_of_another() {
    let second = "[[key]]\nface = \"nixflex\"\nid = \"nxf_second\"\nsecret = \"nxfs_second\"";
    let setup = Setup::new().extra(second).trunk("channels = 1").agent("ring_timeout_seconds = 1");
    let (switch, _callees) = ring(setup);
    let large = make(&switch, &numbers(Persona::NoAnswer, 9), json!({}));
    let phones = ["+19995550103".to_owned(), "+19995550113".to_owned()];
    let small = by_another_key(&switch, "nxf_second:nxfs_second", &phones);
    until(&switch, &small, "completed");
    let large_now = read(&switch, &large);
    assert!(large_now["queued_count"].as_u64() > Some(2), "they took turns: {large_now}");
    until(&switch, &large, "completed");
}

#[test]
fn who_cannot_be_called_is_noted_and_the_campaign_goes_on() {
    let (switch, callees) = ring(Setup::new().trunk("allow = [\"+1\"]"));
    let phones = ["+15550000013", "+447111000001", "+15550000023"].map(String::from);
    let path = make(&switch, &phones, json!({}));
    let over = until(&switch, &path, "completed");
    assert_eq!((&over["failed_count"], &over["unanswered_count"]), (&json!(1), &json!(2)), "{over}");
    let all = recipients(&switch, &path);
    assert_eq!((&all[1]["status"], &all[1]["call_id"]), (&json!("failed"), &json!(null)));
    assert!(all[1]["reason"].as_str().is_some_and(|reason| reason.contains("not allowed")), "{}", all[1]);
    assert_eq!(callees.rung(), 2);
    let log = switch.log_until("a recipient cannot be called");
    assert!(!log.contains("+447111000001"), "{log}");
}

#[test]
fn a_trunk_that_takes_no_calls_keeps_its_campaign_waiting() {
    let setup = Setup::new().trunk("enabled = false");
    let (mut switch, callees) = ring(setup);
    let path = make(&switch, &numbers(Persona::Busy, 3), json!({}));
    eventually("it is looked after", || {
        switch.get("/metrics").text.contains("trunkline_campaigns{status=\"running\"} 1").then_some(())
    });
    let now = read(&switch, &path);
    assert_eq!((&now["status"], &now["queued_count"], callees.rung()), (&json!("running"), &json!(3), 0));
    switch.kill();
    switch.restart_with("enabled = false", "enabled = true");
    until(&switch, &path, "completed");
    assert_eq!(callees.rung(), 3);
}

/// Nobody of it can be called, which takes its time.
#[test]
fn a_campaign_that_can_call_nobody_holds_no_other_one_up() {
    let second = "[[key]]\nface = \"nixflex\"\nid = \"nxf_second\"\nsecret = \"nxfs_second\"";
    let (switch, callees) = ring(Setup::new().extra(second).trunk("allow = [\"+1\"]"));
    let nobody: Vec<String> = (0..20_000).map(|number| format!("+4471110{number:05}")).collect();
    let large = make(&switch, &nobody, json!({}));
    eventually("it is under way", || {
        (read(&switch, &large)["failed_count"].as_u64() > Some(0)).then_some(())
    });
    let small = by_another_key(&switch, "nxf_second:nxfs_second", &numbers(Persona::Busy, 2));
    eventually("the small one's first call", || (callees.rung() >= 1).then_some(()));
    let large = read(&switch, &large);
    assert_eq!(large["status"], "running", "{large}");
    assert!(large["queued_count"].as_u64() > Some(0), "{large}");
    until(&switch, &small, "completed");
}

#[test]
fn what_a_key_began_stops_when_it_is_revoked() {
    let (switch, callees) = ring(Setup::new().trunk("channels = 1").agent("ring_timeout_seconds = 1"));
    let key = switch.client().post("/v1/native/keys", &json!({ "face": "nixflex" })).json;
    let path =
        by_another_key(&switch, key["key"].as_str().expect("shown once"), &numbers(Persona::NoAnswer, 9));
    eventually("its first call", || (callees.rung() >= 1).then_some(()));
    assert_eq!(switch.client().delete(&format!("/v1/native/keys/{}", key["id"])).status, 204);
    let paused = until(&switch, &path, "paused");
    assert!(paused["queued_count"].as_u64() > Some(0), "{paused}");
    assert_eq!(paused["status_reason"], "key_revoked", "{paused}");
    for verb in ["resume", "launch"] {
        let refused = order(&switch, &path, verb);
        let code = &refused.json["error"]["code"];
        assert_eq!((refused.status, code), (400, &json!("campaign_key_revoked")), "{verb}: {refused:?}");
    }
    assert_eq!(read(&switch, &path)["status_reason"], "key_revoked", "nothing has moved");
    let cancelled = order(&switch, &path, "cancel");
    assert_eq!((cancelled.status, &cancelled.json["status"]), (200, &json!("cancelled")), "{cancelled:?}");
}

/// A campaign of this key's; its path.
fn by_another_key(switch: &Switch, credentials: &str, phones: &[String]) -> String {
    let client = Client::with(&format!("http://{}", switch.place.http()), &format!("Bearer {credentials}"));
    let made = client.post("/v1/calls/batch", &body(phones, json!({})));
    assert_eq!(made.status, 201, "{made:?}");
    format!("/v1/calls/batch/{}", made.json["campaign_id"].as_str().expect("an id"))
}
