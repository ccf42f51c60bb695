//! Seed 004 through the real switch: its own request, the response in its order, every error, every event.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{House, MINIVOICE, SIGNING, assert_idempotent, hmac_sha256, hostile, over, too_large};
use crate::callees::number;
use crate::switch::{Client, Receiver, Setup, Sipp, Switch, eventually};

const PATH: &str = "/v1/calls";

/// The seed's example: a caller that is no number of ours. The number called is ours.
fn example() -> Value {
    json!({ "from": "+15551230001", "to": number(Persona::Person), "record": true })
}

#[test]
fn the_documents_example_is_answered_in_its_order_and_told_in_order() {
    let house = House::start();
    let asked =
        over(&example(), &json!({ "metadata": { "campaign": "dev" }, "application_id": "app_other" }));
    let reply = house.post(PATH, MINIVOICE, &asked);
    assert_eq!(reply.status, 201, "{reply:?}");
    let shown = reply.json.clone();
    let names = [
        "id",
        "status",
        "direction",
        "from",
        "to",
        "application_id",
        "customer_id",
        "provider_call_id",
        "answer_url",
        "metadata",
        "created_at",
        "route_mode",
        "routing_target",
        "dialing_at",
    ];
    let places =
        names.map(|name| reply.text.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name}")));
    assert!(places.is_sorted(), "{}", reply.text);
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(names.len()), "{shown}");
    let id = shown["id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("call_"));
    for (name, value) in [
        ("status", json!("dialing")),
        ("direction", json!("outbound")),
        ("from", json!("+15551230001")),
        ("customer_id", json!("cust_1")),
        ("answer_url", json!("https://example.test/answer")),
        ("metadata", json!({ "campaign": "dev", "record": true })),
        ("route_mode", json!("webhook")),
        ("routing_target", shown["application_id"].clone()),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let uuid = shown["provider_call_id"].as_str().expect("a UUID");
    assert_eq!((uuid.len(), uuid.matches('-').count()), (36, 4));

    let end = house.until(&format!("/v1/calls/{id}"), MINIVOICE, "ended_at");
    assert_eq!((&end["status"], &end["end_reason"]), (&json!("completed"), &json!("completed")), "{end}");
    for name in names.into_iter().filter(|name| *name != "status") {
        assert_eq!(end[name], shown[name], "the read has what the answer had: {name}");
    }
    assert_eq!(end["recordings"].as_array().map(Vec::len), Some(1));

    let told = house.told(5);
    let events: Vec<_> = told.iter().map(|told| told.json["event"].as_str().expect("an event")).collect();
    let order =
        ["call.created", "call.answered", "recording.started", "recording.completed", "call.completed"];
    assert_eq!(events, order);
    let statuses: Vec<_> =
        told.iter().map(|told| told.json["call"]["status"].as_str().expect("a status")).collect();
    assert_eq!(statuses, ["dialing", "in_progress", "in_progress", "completed", "completed"]);
    for delivery in &told {
        let body = delivery.json.as_object().expect("an object");
        assert_eq!(body.len(), 5, "{body:?}");
        let event = body["event"].as_str().expect("an event");
        let data = if event == "call.completed" {
            json!({})
        } else {
            json!({ "event_key": format!("{id}:{event}") })
        };
        assert_eq!((&body["data"], &body["variables"]), (&data, &json!({})), "{event}");
        assert_eq!((&body["call"]["id"], &body["call"]["direction"]), (&json!(id), &json!("outbound")));
        let time = &delivery.headers["x-minivoice-timestamp"];
        let signed = hmac_sha256(SIGNING, &[time.as_bytes(), b".", &delivery.bytes]);
        assert_eq!(delivery.headers["x-minivoice-signature"], format!("v1={signed}"));
        assert!(delivery.headers["webhook-signature"].starts_with("v1,"));
    }
}

#[test]
fn without_record_there_is_no_recording_and_who_does_not_answer_has_failed() {
    let house = House::start();
    let plain = json!({ "record": null });
    let reply = house.post(PATH, MINIVOICE, &over(&example(), &plain));
    assert!(reply.json.get("metadata").is_none(), "{reply:?}");
    let path = format!("/v1/calls/{}", reply.json["id"].as_str().expect("an id"));
    assert!(house.until(&path, MINIVOICE, "ended_at").get("recordings").is_none());
    house.told(3);
    let busy = over(&example(), &json!({ "to": number(Persona::Busy), "record": false }));
    let reply = house.post(PATH, MINIVOICE, &busy);
    let path = format!("/v1/calls/{}", reply.json["id"].as_str().expect("an id"));
    assert_eq!(house.until(&path, MINIVOICE, "ended_at")["status"], "failed");
    let told = house.told(5);
    let events: Vec<_> = told.iter().map(|told| told.json["event"].as_str().expect("an event")).collect();
    assert_eq!(events, ["call.created", "call.answered", "call.completed", "call.created", "call.failed"]);
    assert_eq!(told[4].json["call"]["status"], "failed");
}

#[test]
fn each_failure_has_its_answer_and_the_first_one_wins() {
    let house = House::start();
    let trunkless = "Bearer mv_live_trunkless_012345";
    for (key, fields, status, code) in [
        (MINIVOICE, json!({ "from": null, "to": null }), 400, "invalid_request"),
        (MINIVOICE, json!({ "to": "" }), 400, "invalid_request"),
        (MINIVOICE, json!({ "from": "5551230001" }), 400, "invalid_request"),
        (MINIVOICE, json!({ "to": "12" }), 400, "invalid_request"),
        (MINIVOICE, json!({ "to": 15551230002_u64 }), 400, "invalid_request"),
        (MINIVOICE, json!({ "metadata": [] }), 400, "invalid_request"),
        (MINIVOICE, json!({ "record": "yes" }), 400, "invalid_request"),
        (trunkless, json!({ "to": "12" }), 400, "invalid_request"),
        (trunkless, json!({}), 400, "no_active_trunk"),
        (trunkless, json!({ "to": "+8821234567" }), 400, "no_active_trunk"),
        (MINIVOICE, json!({ "to": "+8821234567" }), 403, "destination_forbidden"),
    ] {
        let reply = house.post(PATH, key, &over(&example(), &fields));
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (status, &json!(code)),
            "{fields}: {reply:?}"
        );
        let error = reply.json["error"].as_object().expect("an object");
        assert_eq!((error.len(), error["message"].is_string()), (2, true), "{reply:?}");
    }
    for body in hostile() {
        let reply = house.send(PATH, MINIVOICE, &body, &[]);
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("invalid_json")), "{reply:?}");
    }
    let reply = house.send(PATH, MINIVOICE, &too_large(), &[]);
    assert_eq!((reply.status, &reply.json["error"]["code"]), (413, &json!("request_too_large")), "{reply:?}");
    assert_eq!((house.started(), house.callees.rung()), (0.0, 0));
}

#[test]
fn full_is_429_by_the_limit_that_is_reached_and_a_request_is_made_once() {
    let house = House::start();
    let waiting = over(&example(), &json!({ "to": number(Persona::NoAnswer) }));
    let key = "Bearer mv_live_one_at_a_time_01";
    assert_eq!(house.post(PATH, key, &waiting).status, 201);
    let full = house.post(PATH, key, &waiting);
    assert_eq!(
        (full.status, &full.json["error"]["code"]),
        (429, &json!("concurrent_call_limit_reached")),
        "{full:?}"
    );
    let other = over(&example(), &json!({ "record": false })).to_string();
    assert_idempotent(&house, PATH, MINIVOICE, &example().to_string(), &other, "application/json");
    // A key reads its own application's calls.
    let list = house.get("/v1/calls", MINIVOICE).json;
    assert_eq!((&list["count"], list["calls"].as_array().map(Vec::len)), (&json!(2), Some(2)));
    let id = list["calls"][0]["id"].as_str().expect("an id");
    let other = house.get(&format!("/v1/calls/{id}"), "Bearer mv_live_trunkless_012345");
    assert_eq!((other.status, &other.json["error"]["code"]), (404, &json!("call_not_found")));
}

#[test]
fn a_trunk_that_takes_no_more_calls_is_502() {
    let house = House::with(|setup, _| setup.trunk("spend = { per_day = \"0.01\", per_minute = \"0.01\" }"));
    let waiting = over(&example(), &json!({ "to": number(Persona::NoAnswer) }));
    assert_eq!(house.post(PATH, MINIVOICE, &waiting).status, 201);
    let spent = house.post(PATH, MINIVOICE, &waiting);
    assert_eq!((spent.status, &spent.json["error"]["code"]), (502, &json!("originate_failed")), "{spent:?}");
}

#[test]
fn too_many_calls_a_second_are_429_too() {
    let house = House::with(|setup, _| setup.trunk("cps = 1.0"));
    let waiting = over(&example(), &json!({ "to": number(Persona::Busy) }));
    let codes: Vec<_> = (0..12).map(|_| house.post(PATH, MINIVOICE, &waiting)).collect();
    let refused =
        codes.iter().find(|reply| reply.status == 429).expect("twelve at once are more than one a second");
    assert_eq!(refused.json["error"]["code"], "cps_limit_reached");
}

/// A switch with two applications, the usual number with these lines, and a call to it: as these two keys see it once it is over.
fn called_in(number: &str, receiver: &Receiver, keys: [&str; 2]) -> (Switch, [Value; 2]) {
    let extra = format!(
        r#"
[[application]]
name = "another"
agent = "agent_demo"
[[application]]
name = "reminders"
agent = "agent_demo"
webhook_url = "{}"
[[key]]
face = "minivoice"
secret = "mv_live_another_0123456"
application = "another"
[[key]]
face = "minivoice"
secret = "mv_live_0123456789abcdef"
application = "reminders"
webhook_secret = "{SIGNING}"
"#,
        receiver.url()
    );
    let setup = Setup::new().sip("t1_ms = 1000").number(number).extra(&extra);
    let switch = setup.answering("Hello. [END_CALL]").start();
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered").succeed(1);
    let clients = keys.map(|key| Client::with(&format!("http://{}", switch.place.http()), key));
    eventually("the call's end", || {
        let list = clients[0].get("/v1/calls").json;
        (!list["calls"][0]["ended_at"].is_null()).then_some(())
    });
    let lists = clients.map(|client| client.get("/v1/calls").json["calls"].clone());
    (switch, lists)
}

const ANOTHER: &str = "Bearer mv_live_another_0123456";

#[test]
fn a_call_that_comes_in_to_an_applications_number_is_its_own() {
    let receiver = Receiver::start();
    let (switch, [own, others]) = called_in("application = \"reminders\"", &receiver, [MINIVOICE, ANOTHER]);
    assert_eq!((own.as_array().map(Vec::len), &others), (Some(1), &json!([])));
    let call = &own[0];
    assert_eq!(call["direction"], "inbound", "{call}");
    assert!(call["application_id"].as_str().is_some_and(|id| id.starts_with("app_")), "{call}");
    let path = format!("/v1/calls/{}", call["id"].as_str().expect("an id"));
    for (key, status) in [(MINIVOICE, 200), (ANOTHER, 404)] {
        assert_eq!(switch.client().get_with(&path, &[("authorization", key)]).status, status);
    }
    let told = eventually("the end's event", || {
        receiver.deliveries().into_iter().find(|told| told.json["event"] == "call.completed")
    });
    assert_eq!(told.json["call"]["application_id"], call["application_id"]);
    let time = &told.headers["x-minivoice-timestamp"];
    let signed = hmac_sha256(SIGNING, &[time.as_bytes(), b".", &told.bytes]);
    assert_eq!(told.headers["x-minivoice-signature"], format!("v1={signed}"));
}

#[test]
fn without_one_it_is_the_application_whose_key_tells_of_it() {
    let receiver = Receiver::start();
    let (_switch, [own, others]) = called_in("face = \"minivoice\"", &receiver, [ANOTHER, MINIVOICE]);
    assert_eq!((own.as_array().map(Vec::len), &others), (Some(1), &json!([])));
}
