//! Seed 002 through the real switch: the documented requests, every error in the order of checks, hold time, the event.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{House, OURS, SIGNING, THUNDERPHONE, assert_idempotent, hmac_sha256, hostile, over, too_large};
use crate::callees::number;

const PATH: &str = "/v1/call";

fn example() -> Value {
    json!({ "from_number": OURS, "to_number": number(Persona::Person) })
}

fn place(house: &House, fields: &Value) -> u64 {
    let reply = house.post(PATH, THUNDERPHONE, &over(&example(), fields));
    assert_eq!(reply.status, 201, "{reply:?}");
    let call = reply.json["call_id"].as_u64().expect("an integer");
    assert_eq!(reply.text, format!("{{\"call_id\":{call},\"status\":\"initiated\"}}"));
    call
}

#[test]
fn a_saved_agent_an_inline_config_and_the_numbers_own_agent_place_calls() {
    let house = House::start();
    let own = place(&house, &json!({}));
    let agent = house.until(&format!("/v1/calls/{own}"), THUNDERPHONE, "ended_at")["agent_id"].clone();
    let saved =
        place(&house, &json!({ "agent_id": agent, "variables": { "name": "Ann", "tries": 3, "vip": true } }));
    let config = json!({ "prompt": "Hi {name}, this is Acme. [END_CALL]", "voice": "nova", "product": "spark",
        "thinking_level": "low", "background_track": "office", "acknowledgement_prompt_mode": "auto",
        "acknowledgement_prompt": "One moment.", "tools": [] });
    let inline = place(&house, &json!({ "config": config, "variables": { "name": "Ann" } }));
    for call in [own, saved, inline] {
        let record = house.until(&format!("/v1/calls/{call}"), THUNDERPHONE, "ended_at");
        assert_eq!(
            (&record["end_reason"], &record["status"]),
            (&json!("agent_end"), &json!("completed")),
            "{record}"
        );
        assert_eq!(
            (&record["from_number"], &record["to_number"]),
            (&json!(OURS), &json!(number(Persona::Person)))
        );
        assert!(record["duration_seconds"].is_u64());
        let url = record["recording_url"].as_str().expect("it ended, so it has one");
        let path =
            url.strip_prefix(&format!("http://{}", house.switch.place.http())).expect("of this switch");
        assert_eq!(path, format!("/v1/calls/{call}/audio"));
        let audio = house.get(path, THUNDERPHONE);
        assert_eq!(
            (audio.status, audio.headers["content-type"].as_str(), &audio.bytes[..4]),
            (200, "audio/wav", &b"RIFF"[..])
        );
        let transcript = house.get(&format!("/v1/calls/{call}/transcript"), THUNDERPHONE);
        assert_eq!(transcript.json, json!({ "call_id": call, "transcript": [] }));
    }
    let list = house.get("/v1/calls?limit=2", THUNDERPHONE).json;
    assert_eq!((&list["total"], list["results"].as_array().map(Vec::len)), (&json!(3), Some(2)));
    assert_eq!(list["results"][0]["id"], inline, "the newest first");
}

#[test]
fn a_call_that_ended_is_told_and_signed() {
    let house = House::start();
    let call = place(&house, &json!({ "to_number": number(Persona::HangsUp) }));
    let told = house.told(1).remove(0);
    let record = house.get(&format!("/v1/calls/{call}"), THUNDERPHONE).json;
    let data = &told.json["data"];
    assert_eq!(told.json["type"], "telephony.complete");
    for field in [
        "call_id",
        "agent_id",
        "direction",
        "from_number",
        "to_number",
        "started_at",
        "ended_at",
        "status",
        "end_reason",
    ] {
        assert_eq!(data[field], record[field], "{field}");
    }
    assert_eq!((&data["end_reason"], &data["transcripts"]), (&json!("caller_hangup"), &json!([])));
    assert_eq!((&data["billable_minutes"], &data["billing_total_cents"]), (&json!(1), &Value::Null));
    assert_eq!(data["recording_url"], format!("/v1/calls/{call}/audio"));
    assert_eq!(told.headers["x-thunderphone-signature"], hmac_sha256(SIGNING, &[&told.bytes]));
    let (id, time) = (&told.headers["webhook-id"], &told.headers["webhook-timestamp"]);
    assert!(!id.is_empty() && !time.is_empty() && told.headers["webhook-signature"].starts_with("v1,"));
    house.switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    assert_eq!(house.receiver.deliveries().len(), 1, "nothing but the end is documented");
}

#[test]
fn each_failure_has_its_answer_and_the_first_one_wins() {
    let house = House::start();
    let config = json!({ "prompt": "Hi.", "voice": "nova" });
    for (fields, status, code, shown) in [
        (json!({ "from_number": null, "to_number": null }), 400, "required", "from_number"),
        (json!({ "from_number": " ", "agent_id": 1, "config": config }), 400, "required", "from_number"),
        (json!({ "to_number": null, "agent_id": 1, "config": config }), 400, "required", "to_number"),
        (json!({ "agent_id": 1, "config": config, "from_number": "1" }), 400, "invalid", "config"),
        (json!({ "config": "a" }), 400, "invalid", "config"),
        (json!({ "config": { "voice": "nova" } }), 400, "required", "config.prompt"),
        (json!({ "config": { "prompt": "Hi." } }), 400, "required", "config.voice"),
        (
            json!({ "config": { "prompt": "Hi.", "voice": "nova", "speed": 2 } }),
            400,
            "invalid",
            "config.speed",
        ),
        (json!({ "config": { "prompt": "Hi.", "voice": 3 } }), 400, "invalid", "config.voice"),
        (
            json!({ "config": { "prompt": "Hi.", "voice": "nova", "tools": {} } }),
            400,
            "invalid",
            "config.tools",
        ),
        (json!({ "agent_id": 1.5 }), 400, "invalid", "agent_id"),
        (json!({ "agent_id": [] }), 400, "invalid", "agent_id"),
        (json!({ "max_hold_seconds": 0 }), 400, "invalid", "max_hold_seconds"),
        (json!({ "max_hold_seconds": "60" }), 400, "invalid", "max_hold_seconds"),
        (json!({ "variables": { "a": {} } }), 400, "invalid", "variables.a"),
        (json!({ "variables": [] }), 400, "invalid", "variables"),
        (json!({ "from_number": 15550000001_u64 }), 400, "invalid", "from_number"),
        (
            json!({ "from_number": "5550000001", "to_number": "07" }),
            400,
            "invalid_phone_number",
            "from_number",
        ),
        (
            json!({ "from_number": "+15559999999", "to_number": "07" }),
            400,
            "invalid_phone_number",
            "to_number",
        ),
        (
            json!({ "from_number": "+15559999999", "agent_id": "nobody" }),
            404,
            "number_not_registered",
            "detail",
        ),
        (json!({ "from_number": "+15550000002", "agent_id": "nobody" }), 403, "demo_number", "detail"),
        (json!({ "from_number": "+15550000003", "agent_id": "nobody" }), 403, "unverified_voip", "detail"),
        (json!({ "from_number": "+15550000006", "agent_id": "nobody" }), 403, "outbound_disabled", "detail"),
        (json!({ "agent_id": "nobody" }), 400, "agent_not_found", "detail"),
        (json!({ "agent_id": 12345 }), 400, "agent_not_found", "detail"),
        (json!({ "from_number": "+15550000004" }), 400, "agent_required", "detail"),
        (json!({ "to_number": "+8821234567" }), 403, "destination_forbidden", "detail"),
        (json!({ "from_number": "+15550000005" }), 502, "sip_failure", "detail"),
    ] {
        let reply = house.post(PATH, THUNDERPHONE, &over(&example(), &fields));
        assert_eq!((reply.status, &reply.json["code"]), (status, &json!(code)), "{fields}: {reply:?}");
        assert!(!reply.json[shown].is_null(), "{fields}: {reply:?}");
        assert_eq!(reply.json.as_object().map(serde_json::Map::len), Some(2), "{reply:?}");
    }
    for (from, detail) in [
        ("+15550000002", "outbound blocked (demo number)"),
        ("+15550000003", "outbound blocked (unverified VoIP)"),
        ("+15559999999", "from_number is not registered to this organization"),
    ] {
        let reply = house.post(PATH, THUNDERPHONE, &over(&example(), &json!({ "from_number": from })));
        assert_eq!(reply.json["detail"], detail);
    }
    for body in hostile() {
        let reply = house.send(PATH, THUNDERPHONE, &body, &[]);
        assert_eq!((reply.status, &reply.json["code"]), (400, &json!("parse_error")), "{reply:?}");
    }
    let reply = house.send(PATH, THUNDERPHONE, &too_large(), &[]);
    assert_eq!((reply.status, &reply.json["code"]), (413, &json!("request_too_large")), "{reply:?}");
    assert_eq!((house.started(), house.callees.rung()), (0.0, 0));
}

#[test]
fn a_full_key_is_429_and_a_request_is_made_once() {
    let house = House::start();
    let (key, waiting) = ("Bearer sk_live_one_at_a_time", json!({ "to_number": number(Persona::NoAnswer) }));
    assert_eq!(house.post(PATH, key, &over(&example(), &waiting)).status, 201);
    let full = house.post(PATH, key, &over(&example(), &waiting));
    assert_eq!((full.status, &full.json["code"]), (429, &json!("throttled")), "{full:?}");
    assert!(full.headers.contains_key("retry-after"));
    let other = over(&example(), &json!({ "max_hold_seconds": 9 })).to_string();
    assert_idempotent(&house, PATH, THUNDERPHONE, &example().to_string(), &other, "application/json");
}

/// That menus are nobody and people somebody is told in virtual time; here, that a request's seconds arrive. Five of them: a busy
/// machine has heard the ringing by then, and nobody would ring for as long as the agent waits.
#[test]
fn nobody_is_held_longer_than_was_asked() {
    let house = House::start();
    let unanswered = json!({ "to_number": number(Persona::NoAnswer), "max_hold_seconds": 5 });
    let ringing = place(&house, &unanswered);
    let ringing = house.until(&format!("/v1/calls/{ringing}"), THUNDERPHONE, "ended_at");
    assert_eq!(
        (&ringing["end_reason"], &ringing["status"]),
        (&json!("timeout"), &json!("failed")),
        "{ringing}"
    );
    // Somebody talks well within it.
    let person = place(&house, &json!({ "max_hold_seconds": 120 }));
    let person = house.until(&format!("/v1/calls/{person}"), THUNDERPHONE, "ended_at");
    assert_eq!(person["end_reason"], "agent_end", "{person}");
}
