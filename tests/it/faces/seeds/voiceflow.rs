//! Voiceflow, "Outbound calls": its endpoint, headers and body, its variables, its shared pool, its 500.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{Fault, curl, line, prove, prove_order};
use crate::callees::number;
use crate::faces::{House, OURS, VOICEFLOW};
use crate::switch::{Client, FROM, Receiver, Setup, Sipp, Switch, eventually};

const PATH: &str = "/v1alpha1/phone-number/agent_talk/outbound";

/// "The API is shown in a curl format": its endpoint, headers and body, put together.
const COMMAND: &str = r#"curl -X POST https://runtime-api.voiceflow.com/v1alpha1/phone-number/<AGENT_ID>/outbound \
  -H "Authorization: Bearer <your Voiceflow API Key>" \
  -H "Content-Type: application/json" \
  -d '{
  "to": "+15551234567",
  "variables": {
    "user_name": "Jane",
    "account_type": "Premium"
  }
}'
"#;

fn example() -> Value {
    json!({ "to": number(Persona::Busy), "variables": { "user_name": "Jane", "account_type": "Premium" } })
}

#[test]
fn its_command_places_a_call_and_both_its_events_are_told() {
    let house = House::start();
    let keys = [
        ("https://runtime-api.voiceflow.com", "{base}"),
        ("<AGENT_ID>", "agent_talk"),
        ("<your Voiceflow API Key>", "vf_0123456789abcdef0123"),
    ];
    let reply = curl(&house, COMMAND, &keys);
    let call = reply.json["callId"].as_str().expect("an id").to_owned();
    assert_eq!((reply.status, &reply.json), (200, &json!({ "callId": call, "status": "initiated" })));
    // A fax answers at that number of the simulator's: the call ends by itself either way.
    let end = house.until(&format!("/v1/calls/{call}"), VOICEFLOW, "endedAt");
    assert_eq!((&end["from"], &end["to"]), (&json!(OURS), &json!("+15551234567")), "{end}");
    let told = house.told(2);
    let types: Vec<_> = told.iter().map(|told| told.json["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["runtime.call.start", "runtime.call.end"]);
    assert!(told.iter().all(|told| told.json["data"]["callId"] == call));
}

#[test]
fn every_line_holds_and_every_error_in_its_order() {
    let house = House::start();
    let created = json!({ "status": "initiated" });
    prove(
        &house,
        PATH,
        VOICEFLOW,
        &example(),
        &[
            line("variables: Optional", json!({ "variables": null }), 200, created.clone()),
            line(
                "any Voiceflow variables",
                json!({ "variables": { "a": 1, "b": true, "c": null, "d": { "e": [] } } }),
                200,
                created,
            ),
            line(
                "500: region permissions",
                json!({ "to": "+8821234567" }),
                500,
                json!({ "code": "destination_forbidden" }),
            ),
        ],
    );
    let fault = |row, fields, key, status, code: &str| Fault {
        row,
        fields,
        key,
        status,
        shows: json!({ "code": code }),
    };
    let bare = "Bearer vf_numberless_0123456789";
    prove_order(
        &house,
        "/v1alpha1/phone-number/agent_talk/outbound",
        VOICEFLOW,
        &example(),
        &[
            fault("401", json!({}), Some("Bearer vf_unknown"), 401, "unauthorized"),
            fault("404: another agent's URL", json!({}), Some(bare), 404, "agent_not_found"),
            fault("400: to", json!({ "to": "" }), None, 400, "missing_field"),
            fault("400: variables", json!({ "variables": [] }), None, 400, "invalid_request"),
            fault("400: E.164", json!({ "to": "5551234567" }), None, 400, "invalid_phone_number"),
            fault("500", json!({ "to": "+8821234567" }), None, 500, "destination_forbidden"),
        ],
    );
}

/// "Outbound calls share the same concurrency pool as inbound calls."
#[test]
fn a_call_that_came_in_takes_the_place_of_one_that_goes_out() {
    let receiver = Receiver::start();
    let setup = crate::faces::setup(&receiver).top("limits = { concurrent = 1 }").answering("Hello");
    let switch = setup.agent("silence_hangup_seconds = 6").start();
    let caller = Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered");
    eventually("a call that came in", || {
        (switch.get("/v1/calls?direction=inbound").json["count"] == 1).then_some(())
    });
    // It lives until the agent has waited in vain for the caller to speak.
    let body = example().to_string();
    let full = switch.client().post_with(PATH, body.into(), &[("authorization", VOICEFLOW)]);
    assert_eq!((full.status, &full.json["code"]), (429, &json!("too_many_requests")), "{full:?}");
    assert!(full.headers.contains_key("retry-after"));
    caller.succeed(1);
}

/// The same, of one tenant of several.
#[test]
fn a_tenants_calls_share_its_own_pool_whichever_way_they_go() {
    let mut switch = Setup::new().start();
    let made = |client: &Client, collection: &str, body: Value| {
        let reply = client.post(&format!("/v1/native/{collection}"), &body);
        assert_eq!(reply.status, 201, "{body}: {reply:?}");
        reply.json
    };
    let tenant = made(switch.client(), "tenants", json!({ "name": "acme", "concurrent": 1 }));
    let key = made(switch.client(), "keys", json!({ "face": "nixflex", "tenant": tenant["id"] }));
    let bearer = format!("Bearer {}", key["key"].as_str().expect("shown once"));
    let client = |switch: &Switch| Client::with(&format!("http://{}", switch.place.http()), &bearer);
    let acme = client(&switch);
    let uri = format!("sip:{}", switch.place.trunk_sip());
    made(&acme, "trunks", json!({ "name": "t", "uri": uri, "options_interval_seconds": 0 }));
    made(&acme, "agents", json!({ "name": "a", "greeting": "Hello", "silence_hangup_seconds": 6 }));
    let called = json!({ "e164": FROM, "trunk": "t", "agent": "a", "inbound": true, "outbound": true });
    made(&acme, "numbers", called);
    let own = made(&acme, "keys", json!({ "face": "voiceflow", "agent": "a" }));
    // From its start on the switch knows by whom calls come in.
    switch.kill();
    switch.restart();
    let acme = client(&switch);
    let caller = Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered");
    eventually("a call that came in", || {
        (acme.get("/v1/calls?direction=inbound").json["count"] == 1).then_some(())
    });
    let authorization = format!("Bearer {}", own["key"].as_str().expect("shown once"));
    let body = json!({ "to": number(Persona::Busy) }).to_string();
    let path = "/v1alpha1/phone-number/a/outbound";
    let full = acme.post_with(path, body.into(), &[("authorization", &authorization)]);
    assert_eq!((full.status, &full.json["code"]), (429, &json!("too_many_requests")), "{full:?}");
    caller.succeed(1);
}
