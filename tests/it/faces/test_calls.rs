//! `POST /v1/test-calls`: an agent is tried against simulated callees, with no carrier, and nothing of it is left.

use serde_json::{Value, json};

use super::{House, MINIVOICE, NIXFLEX, THUNDERPHONE};
use crate::switch::Reply;

fn try_out(house: &House, body: &Value) -> Reply {
    house.post("/v1/test-calls", THUNDERPHONE, body)
}

fn events(report: &Value) -> Vec<&str> {
    let events = report["events"].as_array().expect("a list");
    events.iter().map(|event| event["event"].as_str().expect("a name")).collect()
}

#[test]
fn an_agent_is_tried_without_a_carrier_and_nothing_is_kept_of_it() {
    let house = House::start();
    let reply = try_out(&house, &json!({ "agent_id": "agent_talk" }));
    assert_eq!(reply.status, 201, "{reply:?}");
    let report = &reply.json;
    assert!(report["call_id"].as_str().is_some_and(|id| id.starts_with("test_")), "{report}");
    assert_eq!(
        (&report["status"], &report["end_reason"], &report["answered_by"]),
        (&json!("completed"), &json!("agent_end"), &json!("human")),
        "{report}"
    );
    let told = events(report);
    for event in ["dialing", "ringing", "answered", "verdict", "agent_spoke", "ended"] {
        assert!(told.contains(&event), "{event}: {report}");
    }
    assert_eq!(told.last(), Some(&"ended"));
    let times = report["events"].as_array().expect("a list").iter().map(|event| event["at_ms"].as_u64());
    assert!(times.is_sorted(), "{report}");

    let config = json!({ "prompt": "Hi {name}. [END_CALL]", "voice": "nova" });
    let variables = json!({ "name": "Ann" });
    let inline = try_out(&house, &json!({ "config": config, "variables": variables, "callee": "person" }));
    assert_eq!((inline.status, &inline.json["end_reason"]), (201, &json!("agent_end")), "{inline:?}");
    let busy = try_out(&house, &json!({ "agent_id": "agent_talk", "callee": "busy" })).json;
    assert_eq!(
        (&busy["status"], &busy["end_reason"], &busy["duration_seconds"]),
        (&json!("failed"), &json!("error"), &json!(0))
    );

    assert_eq!(house.get("/v1/calls", NIXFLEX).json["count"], 0, "it is no call of ours");
    assert_eq!((house.started(), house.callees.rung(), house.receiver.deliveries().len()), (0.0, 0, 0));
    assert_eq!(house.switch.complaints(), Vec::<String>::new());
}

#[test]
fn a_repeated_request_tries_nobody_again() {
    let house = House::start();
    let body = json!({ "agent_id": "agent_talk", "callee": "busy", "idempotency_key": "try-1" });
    let (first, again) = (try_out(&house, &body), try_out(&house, &body));
    assert_eq!((first.status, &again.text), (201, &first.text), "{again:?}");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = json!({ "agent_id": "agent_talk", "callee": "person", "idempotency_key": "try-1" });
    let other = try_out(&house, &other);
    assert_eq!((other.status, &other.json["code"]), (409, &json!("idempotency_conflict")), "{other:?}");
}

#[test]
fn a_script_of_steps_is_tried_as_it_would_be_followed() {
    let house = House::start();
    let script = json!([{ "listen": { "prompt": "How are you?", "repeats": 0 } }, { "hangup": true }]);
    let made = house.post("/v1/native/agents", THUNDERPHONE, &json!({ "name": "asks", "script": script }));
    assert_eq!(made.status, 201, "{made:?}");
    for callee in ["person", "silent"] {
        let report = try_out(&house, &json!({ "agent_id": made.json["id"], "callee": callee })).json;
        assert_eq!(report["end_reason"], "agent_end", "{report}");
        assert!(events(&report).contains(&"answer"), "{report}");
    }
}

#[test]
fn what_cannot_be_tried_is_refused_in_thunderphones_words() {
    let house = House::start();
    let config = json!({ "prompt": "Hi.", "voice": "nova" });
    for (body, status, code) in [
        (json!({}), 400, "required"),
        (json!({ "agent_id": "nobody" }), 400, "agent_not_found"),
        (json!({ "agent_id": "agent_talk", "config": config }), 400, "invalid"),
        (json!({ "config": { "voice": "nova" } }), 400, "required"),
        (json!({ "agent_id": "agent_talk", "callee": "a friend" }), 400, "invalid"),
        (json!({ "agent_id": "agent_talk", "variables": [] }), 400, "invalid"),
    ] {
        let reply = try_out(&house, &body);
        assert_eq!((reply.status, &reply.json["code"]), (status, &json!(code)), "{body}: {reply:?}");
    }
    let other = house.post("/v1/test-calls", MINIVOICE, &json!({ "agent_id": "agent_talk" }));
    assert_eq!((other.status, &other.json["code"]), (401, &json!("not_authenticated")), "{other:?}");
}
