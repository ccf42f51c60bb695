//! Seed 000's own example through the real switch. Its errors stand in `calls_outbound`, its reads in `calls_read`.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{House, NIXFLEX, assert_idempotent, hostile, over, too_large};
use crate::callees::number;

const PATH: &str = "/v1/calls/outbound";

/// The seed's example; the agent and the number called are ours.
fn example() -> Value {
    json!({
        "agent_id": "agent_demo",
        "to_number": number(Persona::Person),
        "prompt": "You are Sarah. Remind {patient_name} about {appointment_time}. [END_CALL]",
        "dynamic_vars": { "patient_name": "Sarah", "appointment_time": "Tuesday at 2pm" },
    })
}

#[test]
fn the_documents_example_is_answered_as_documented_and_told_from_start_to_end() {
    let house = House::with(|setup, hook| setup.agent(&format!("webhook_url = \"{hook}\"")));
    let reply = house.post(PATH, NIXFLEX, &example());
    assert_eq!(reply.status, 201, "{reply:?}");
    let call = reply.json["call_id"].as_str().expect("an id").to_owned();
    let expected = json!({ "call_id": call, "status": "initiated", "to": number(Persona::Person), "from": crate::switch::FROM });
    assert_eq!(reply.json, expected);
    let end = house.until(&format!("/v1/calls/{call}"), NIXFLEX, "ended_at");
    assert_eq!((&end["status"], &end["ended_reason"]), (&json!("completed"), &json!("completed")));
    assert!(end["recording_url"].is_string(), "Nixflex records always: {end}");
    let told = house.told(2);
    let events: Vec<_> = told.iter().map(|told| told.json["event"].as_str().expect("an event")).collect();
    assert_eq!(events, ["call.started", "call.completed"]);
    // An event tells of its own moment.
    assert_eq!((&told[0].json["status"], &told[0].json["ended_at"]), (&json!("initiated"), &Value::Null));
    assert!(
        told.iter()
            .all(|told| told.json["call_id"] == call && told.headers.contains_key("webhook-signature"))
    );
    // Every rendering of the id reads.
    let digits = u64::from_str_radix(&call[2..], 16).expect("hexadecimal");
    for id in [digits.to_string(), format!("call_{digits}")] {
        assert_eq!(house.get(&format!("/v1/calls/{id}"), NIXFLEX).json["call_id"], call);
    }
}

#[test]
fn what_is_no_json_is_invalid_request_and_what_is_too_large_is_413() {
    let house = House::start();
    for body in hostile() {
        let reply = house.send(PATH, NIXFLEX, &body, &[]);
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(reply.json["error"]["type"], "invalid_request");
    }
    let reply = house.send(PATH, NIXFLEX, &too_large(), &[]);
    assert_eq!((reply.status, &reply.json["error"]["code"]), (413, &json!("request_too_large")));
    let other = over(&example(), &json!({ "prompt": "Another." })).to_string();
    assert_idempotent(&house, PATH, NIXFLEX, &example().to_string(), &other, "application/json");
}
