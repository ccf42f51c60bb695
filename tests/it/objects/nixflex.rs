//! `/v1/agents`, `/v1/phone-numbers` and the number's webhook as Nixflex documents them.

use serde_json::json;

use super::code;
use crate::switch::Switch;

#[test]
fn an_agent_is_made_read_replaced_and_patched() {
    let switch = Switch::start("");
    let api = switch.client();
    let body = json!({ "name": "Sarah", "prompt": "You are Sarah.", "voice": "amy", "timezone": "Asia/Dubai",
        "webhook_url": "https://a.example/hook",
        "voicemail_action": "leave_message", "max_call_duration_seconds": 120 });
    let made = api.post("/v1/agents", &body);
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json["agent_id"].as_str().expect("an id");
    assert!(id.starts_with("agent_") && id.len() == 22, "{id}");
    let path = format!("/v1/agents/{id}");
    let read = api.get(&path).json;
    for (name, value) in body.as_object().expect("fields") {
        assert_eq!(&read[name], value, "{name}");
    }
    assert_eq!(read["silence_hangup_seconds"], 10, "the document's default");

    let patched = api.patch(&path, &json!({ "silence_hangup_seconds": 20, "voice": "bob" }), &[]).json;
    assert_eq!(
        (&patched["silence_hangup_seconds"], &patched["voice"], &patched["name"]),
        (&json!(20), &json!("bob"), &json!("Sarah"))
    );
    let replaced = api.any("PUT", &path, json!({ "name": "Ann" }).to_string().into(), &[]);
    assert_eq!(replaced.status, 200, "{replaced:?}");
    assert_eq!(
        (&replaced.json["name"], &replaced.json["silence_hangup_seconds"], &replaced.json["prompt"]),
        (&json!("Ann"), &json!(10), &json!(null))
    );

    let list = api.get("/v1/agents?limit=1&offset=1").json;
    assert_eq!((&list["count"], &list["agents"][0]["agent_id"]), (&json!(2), &json!(id)));
    for (field, value) in [("max_call_duration_seconds", json!(5)), ("timezone", json!("Mars/Olympus"))] {
        let wrong = api.patch(&path, &json!({ field: value }), &[]);
        assert_eq!(code(&wrong), (400, "invalid_request"));
        assert_eq!(wrong.json["error"]["details"]["field"], field);
    }
    assert_eq!(api.delete(&path).status, 204);
    assert_eq!(code(&api.get(&path)), (404, "agent_not_found"));
}

#[test]
fn replacing_an_agent_leaves_what_nixflex_has_no_words_for() {
    let switch = Switch::start("");
    let api = switch.client();
    let model =
        json!({ "provider": "openai", "model": "m", "api_key": "sk-hunter2", "prompt": "You are Sarah." });
    let made = json!({ "name": "sarah", "model": model, "amd": { "greeting": 900 }, "record": true, "greeting": "Hello." });
    let made = api.post("/v1/native/agents", &made);
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/v1/agents/{}", made.json["id"]);
    assert_eq!(api.patch(&path, &json!({ "name": "Sarah", "notes": "old" }), &[]).status, 200);
    let replaced = api.any("PUT", &path, json!({ "name": "Ann", "voice": "amy" }).to_string().into(), &[]);
    assert_eq!(replaced.status, 200, "{replaced:?}");
    assert_eq!((&replaced.json["name"], &replaced.json["notes"]), (&json!("Ann"), &json!(null)));
    let now = api.get("/v1/native/agents/sarah").json;
    for field in ["model", "amd", "record"] {
        assert_eq!(now[field], made.json[field], "{field}");
    }
    assert_eq!((&now["greeting"], &now["voice"]), (&json!(null), &json!("amy")));
}

#[test]
fn what_was_read_may_be_sent_back() {
    let switch = Switch::start("");
    let api = switch.client();
    let agent = json!({ "name": "Sarah", "voice": "amy", "timezone": "Asia/Dubai", "trunk": "t1", "notes": { "a": 1 } });
    let number =
        json!({ "phone_number": "+15550000001", "agent_id": "agent_demo", "trunk": "t1", "label": "Desk" });
    for (collection, id, body) in [("agents", "agent_id", agent), ("phone-numbers", "id", number)] {
        let made = api.post(&format!("/v1/{collection}"), &body);
        assert_eq!(made.status, 201, "{made:?}");
        let path = format!("/v1/{collection}/{}", made.json[id].as_str().expect("an id"));
        let read = api.get(&path).json;
        let mut back = api.patch(&path, &read, &[]);
        assert_eq!(back.status, 200, "{back:?}");
        back.json["updated_at"] = read["updated_at"].clone();
        assert_eq!(back.json, read);
    }
}

#[test]
fn a_number_has_switches_of_its_own_and_its_webhook_goes_first() {
    let switch = Switch::start("");
    let api = switch.client();
    let body = json!({ "phone_number": "+15550000001", "agent_id": "agent_demo", "trunk": "t1", "outbound_enabled": true });
    let made = api.post("/v1/phone-numbers", &body);
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        (&made.json["phone_number"], &made.json["inbound_enabled"]),
        (&json!("+15550000001"), &json!(false))
    );
    assert!(made.json["agent_id"].as_str().is_some_and(|id| id.starts_with("agent_")), "{made:?}");
    let id = made.json["id"].as_str().expect("an id");
    assert_eq!(code(&api.post("/v1/phone-numbers", &body)), (409, "already_exists"));

    let hook = json!({ "webhook_url": "https://b.example/hook" }).to_string();
    let put = api.any("PUT", "/v1/integrations/webhook/number/+15550000001", hook.into(), &[]);
    assert_eq!((put.status, &put.json["webhook_url"]), (200, &json!("https://b.example/hook")), "{put:?}");
    let off = api.patch(&format!("/v1/phone-numbers/{id}"), &json!({ "outbound_enabled": false }), &[]);
    assert_eq!(
        (&off.json["outbound_enabled"], &off.json["webhook_url"]),
        (&json!(false), &json!("https://b.example/hook"))
    );
    let outbound = json!({ "agent_id": "agent_demo", "to_number": "+447386172392", "prompt": "Hi", "from_number": "+15550000001" });
    assert_eq!(code(&api.post("/v1/calls/outbound", &outbound)), (400, "from_number_not_found"));
    for (body, field) in [
        (json!({ "phone_number": "0738" }), "phone_number"),
        (json!({ "phone_number": "+15550000002", "agent_id": "agent_nobody" }), "agent_id"),
        (json!({ "phone_number": "+15550000002", "trunk_id": "trunk_9" }), "trunk_id"),
        (json!({ "phone_number": "+15550000002", "colour": 1 }), "colour"),
        (json!({ "phone_number": 5 }), "phone_number"),
    ] {
        let reply = api.post("/v1/phone-numbers", &body);
        assert_eq!(
            (code(&reply), &reply.json["error"]["details"]["field"]),
            ((400, "invalid_request"), &json!(field)),
            "{body}"
        );
    }
    assert_eq!(code(&api.post("/v1/phone-numbers", &json!({}))), (400, "missing_field"));
}
