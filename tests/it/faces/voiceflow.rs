//! Seed 003 through the real switch.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{House, OURS, VOICEFLOW, assert_idempotent, hostile, over, too_large};
use crate::callees::number;

const PATH: &str = "/v1alpha1/phone-number/agent_talk/outbound";

/// The seed's body; the number called is ours.
fn example() -> Value {
    json!({ "to": number(Persona::Person), "variables": { "user_name": "Jane", "account_type": "Premium" } })
}

#[test]
fn the_documents_example_places_a_call_by_every_name_of_its_agent() {
    let house = House::start();
    let first = house.post(PATH, VOICEFLOW, &example());
    assert_eq!(first.status, 200, "{first:?}");
    let call = first.json["callId"].as_str().expect("an id").to_owned();
    assert_eq!(first.json, json!({ "callId": call, "status": "initiated" }));
    let record = house.until(&format!("/v1/calls/{call}"), VOICEFLOW, "endedAt");
    assert_eq!((&record["from"], &record["status"]), (&json!(OURS), &json!("completed")), "{record}");
    assert!(record["recordingUrl"].is_string(), "its agent says so: {record}");
    let agent = record["agentId"].as_u64().expect("an integer");
    let named = format!("agent_{agent:016x}");
    for id in [agent.to_string().as_str(), &named, OURS, "%2B15550000001"] {
        for version in ["v1alpha1", "v1"] {
            let path = format!("/{version}/phone-number/{id}/outbound");
            let reply = house.post(&path, "vf_0123456789abcdef0123", &example());
            assert_eq!(reply.status, 200, "{path}: {reply:?}");
        }
    }
    let list = house.get("/v1/calls", VOICEFLOW).json;
    assert_eq!((&list["count"], list["calls"].as_array().map(Vec::len)), (&json!(9), Some(9)));
    let events = house.told(2);
    let of_call: Vec<_> = events.iter().filter(|told| told.json["data"]["callId"] == call).collect();
    let types: Vec<_> = of_call.iter().map(|told| told.json["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["runtime.call.start", "runtime.call.end"]);
    assert!(of_call.iter().all(|told| told.headers["webhook-signature"].starts_with("v1,")));
}

#[test]
fn a_machine_ends_the_call_only_where_amd_was_asked_for() {
    let house = House::start();
    let to = number(Persona::Voicemail);
    let place = |amd: Value| {
        let reply = house.post(PATH, VOICEFLOW, &json!({ "to": to, "amd": amd }));
        assert_eq!(reply.status, 200, "{reply:?}");
        let path = format!("/v1/calls/{}", reply.json["callId"].as_str().expect("an id"));
        house.until(&path, VOICEFLOW, "endedAt")
    };
    let asked = place(json!(true));
    assert_eq!(asked["endReason"], "voicemail_detected", "{asked}");
    let unasked = place(json!(false));
    assert_eq!(unasked["endReason"], "completed", "it went on: {unasked}");
    assert!(unasked["answeredBy"].is_string(), "and the verdict is there: {unasked}");
}

#[test]
fn each_failure_has_its_answer_and_the_first_one_wins() {
    let house = House::start();
    for (path, key, fields, status, code) in [
        ("agent_demo", VOICEFLOW, json!({ "to": null }), 404, "agent_not_found"),
        ("nobody", VOICEFLOW, json!({}), 404, "agent_not_found"),
        ("+447446466847", VOICEFLOW, json!({}), 404, "agent_not_found"),
        ("agent_talk", VOICEFLOW, json!({ "to": null }), 400, "missing_field"),
        ("agent_talk", VOICEFLOW, json!({ "to": "" }), 400, "missing_field"),
        ("agent_talk", VOICEFLOW, json!({ "to": 5 }), 400, "invalid_request"),
        ("agent_talk", VOICEFLOW, json!({ "to": "5551234567" }), 400, "invalid_phone_number"),
        ("agent_talk", VOICEFLOW, json!({ "variables": [] }), 400, "invalid_request"),
        ("agent_talk", VOICEFLOW, json!({ "variables": "a" }), 400, "invalid_request"),
        ("agent_talk", VOICEFLOW, json!({ "amd": "yes" }), 400, "invalid_request"),
        ("+15550000002", VOICEFLOW, json!({}), 400, "phone_number_not_found"),
        ("+15550000006", VOICEFLOW, json!({}), 400, "phone_number_not_found"),
        ("agent_numberless", "Bearer vf_numberless_0123456789", json!({}), 400, "phone_number_not_found"),
        ("agent_talk", VOICEFLOW, json!({ "to": "+8821234567" }), 500, "destination_forbidden"),
        ("+15550000005", VOICEFLOW, json!({}), 502, "trunk_unavailable"),
    ] {
        let path = format!("/v1alpha1/phone-number/{path}/outbound");
        let reply = house.post(&path, key, &over(&example(), &fields));
        assert_eq!((reply.status, &reply.json["code"]), (status, &json!(code)), "{path} {fields}: {reply:?}");
        assert!(reply.json["message"].is_string());
        assert_eq!(reply.json.as_object().map(serde_json::Map::len), Some(2), "{reply:?}");
    }
    for body in hostile() {
        let reply = house.send(PATH, VOICEFLOW, &body, &[]);
        assert_eq!((reply.status, &reply.json["code"]), (400, &json!("invalid_request")), "{reply:?}");
    }
    let reply = house.send(PATH, VOICEFLOW, &too_large(), &[]);
    assert_eq!((reply.status, &reply.json["code"]), (413, &json!("request_too_large")), "{reply:?}");
    assert_eq!((house.started(), house.callees.rung()), (0.0, 0));
    // Variables of any type are taken: a JSON object with any of them.
    let any = json!({ "variables": { "a": null, "b": { "c": [1, 2] }, "d": true } });
    assert_eq!(house.post(PATH, VOICEFLOW, &over(&example(), &any)).status, 200);
}

#[test]
fn a_full_key_is_429_and_a_request_is_made_once() {
    let house = House::start();
    let waiting = json!({ "to": number(Persona::NoAnswer) });
    assert_eq!(house.post(PATH, "Bearer vf_one_at_a_time_0123456", &waiting).status, 200);
    let full = house.post(PATH, "Bearer vf_one_at_a_time_0123456", &waiting);
    assert_eq!((full.status, &full.json["code"]), (429, &json!("too_many_requests")), "{full:?}");
    let other = over(&example(), &json!({ "amd": true })).to_string();
    assert_idempotent(&house, PATH, VOICEFLOW, &example().to_string(), &other, "application/json");
}
