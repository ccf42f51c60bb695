//! What is refused, in which order, with which words; and which number calls.

use serde_json::{Value, json};

use crate::switch::{FROM, Reply, Setup, Switch, TO, outbound};

/// One agent for each way of having, or not having, a number.
const AGENTS: &str = r#"
[[trunk]]
name = "off"
uri = "sip:127.0.0.1:1"
enabled = false
[[agent]]
id = "agent_two"
[[number]]
e164 = "+15550000001"
agent = "agent_two"
trunk = "t1"
[[number]]
e164 = "+15550000002"
agent = "agent_two"
trunk = "t1"
outbound = true
[[number]]
e164 = "+15550000003"
agent = "agent_two"
outbound = true
[[agent]]
id = "agent_inbound"
phone_number = "+15550000009"
trunk = "t1"
[[number]]
e164 = "+15550000004"
agent = "agent_inbound"
trunk = "t1"
[[agent]]
id = "agent_legacy"
phone_number = "+15550000005"
trunk = "t1"
[[agent]]
id = "agent_legacy_trunkless"
phone_number = "+15550000006"
[[agent]]
id = "agent_bare"
[[agent]]
id = "agent_off"
[[number]]
e164 = "+15550000007"
agent = "agent_off"
trunk = "off"
outbound = true
"#;

fn switch() -> Switch {
    Setup::new().trunk("channels = 1").extra(AGENTS).start()
}

/// The envelope, and nothing but the envelope.
fn code(reply: &Reply) -> (u16, String, String, Value) {
    assert_eq!(reply.headers["content-type"], "application/json");
    let whole = reply.json.as_object().unwrap_or_else(|| panic!("no JSON: {reply:?}"));
    assert_eq!(whole.keys().collect::<Vec<_>>(), ["error"], "{reply:?}");
    let error = whole["error"].as_object().expect("an object");
    let mut names: Vec<_> = error.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["code", "details", "doc_url", "message", "type"]);
    let text = |name: &str| error[name].as_str().filter(|text| !text.is_empty()).expect("a text").to_owned();
    text("message");
    assert!(text("doc_url").starts_with("https://"));
    (reply.status, text("type"), text("code"), error["details"].clone())
}

/// Nothing was started by whatever was refused.
fn assert_nothing_started(switch: &Switch) {
    assert_eq!(switch.get("/v1/calls").json["count"], 0);
    assert_eq!(switch.metrics().sum("trunkline_calls_started_total", &[]), 0.0);
}

#[test]
fn each_failure_has_its_code_and_the_first_one_wins() {
    let switch = switch();
    let (missing, phone) = ("missing_field", "invalid_phone_format");
    let rows: &[(Value, &str, Value)] = &[
        // 1. All three are present, and none is blank.
        (json!({ "agent_id": null }), missing, json!({ "field": "agent_id" })),
        (json!({ "agent_id": "" }), missing, json!({ "field": "agent_id" })),
        (json!({ "agent_id": "  " }), missing, json!({ "field": "agent_id" })),
        (json!({ "to_number": null }), missing, json!({ "field": "to_number" })),
        (json!({ "to_number": "" }), missing, json!({ "field": "to_number" })),
        (json!({ "prompt": null }), missing, json!({ "field": "prompt" })),
        (json!({ "prompt": "" }), missing, json!({ "field": "prompt" })),
        (json!({ "prompt": " \n\t\u{a0}" }), missing, json!({ "field": "prompt" })),
        // "Sending `to` will fail with missing_field."
        (json!({ "to_number": null, "to": TO }), missing, json!({ "field": "to_number" })),
        // Before everything that comes after.
        (json!({ "prompt": null, "to_number": "07386172392" }), missing, json!({ "field": "prompt" })),
        (json!({ "prompt": " ", "agent_id": "nobody" }), missing, json!({ "field": "prompt" })),
        (json!({ "to_number": null, "from_number": "+19" }), missing, json!({ "field": "to_number" })),
        // 2. E.164.
        (json!({ "to_number": "07386172392" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "447386172392" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "+44 7386 172392" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": " +447386172392" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "+0447386172392" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "+1" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "+1234567890123456" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "+٤٤٧٣٨٦١٧٢٣٩٢" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "+44738617239\n" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "sip:+447386172392@evil" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "0", "agent_id": "nobody" }), phone, json!({ "field": "to_number" })),
        (json!({ "to_number": "0", "from_number": "+19" }), phone, json!({ "field": "to_number" })),
        // 3. The agent exists and is yours.
        (json!({ "agent_id": "nobody" }), "agent_not_found", json!({})),
        (json!({ "agent_id": "agent_0000000000000001" }), "agent_not_found", json!({})),
        (json!({ "agent_id": "nobody", "from_number": "+15550000099" }), "agent_not_found", json!({})),
        (json!({ "agent_id": "nobody", "from_number": "junk" }), "agent_not_found", json!({})),
        // 4. A number that may call out, on this agent.
        (json!({ "from_number": "+15550000099" }), "from_number_not_found", json!({})),
        (json!({ "from_number": "+15550000002" }), "from_number_not_found", json!({})),
        (json!({ "from_number": "07446466847" }), "from_number_not_found", json!({})),
        (
            json!({ "agent_id": "agent_two", "from_number": "+15550000001" }),
            "from_number_not_found",
            json!({}),
        ),
        (json!({ "agent_id": "agent_legacy", "from_number": FROM }), "from_number_not_found", json!({})),
        (json!({ "agent_id": "agent_bare" }), "agent_missing_phone_number", json!({})),
        // It has a row, so the number stored on the agent itself does not count.
        (json!({ "agent_id": "agent_inbound" }), "agent_missing_phone_number", json!({})),
        (
            json!({ "agent_id": "agent_inbound", "from_number": "+15550000009" }),
            "from_number_not_found",
            json!({}),
        ),
        // 5. That number's trunk.
        (
            json!({ "agent_id": "agent_two", "from_number": "+15550000003" }),
            "agent_missing_twilio_credentials",
            json!({}),
        ),
        (json!({ "agent_id": "agent_legacy_trunkless" }), "agent_missing_twilio_credentials", json!({})),
    ];
    for (fields, expected, details) in rows {
        let reply = switch.post_outbound(&outbound(fields.clone()));
        let expected = (400, "invalid_request".to_owned(), String::from(*expected), details.clone());
        assert_eq!(code(&reply), expected, "{fields}");
    }
    assert_nothing_started(&switch);
}

#[test]
fn a_call_that_no_invite_can_leave_for_is_a_502_that_says_why() {
    let switch = switch();
    for (fields, why) in [
        (json!({ "agent_id": "agent_off" }), "trunk `off` is disabled"),
        (json!({ "to_number": "+19005551234" }), "premium"),
        (json!({ "to_number": "+449098790000" }), "premium"),
        (json!({ "to_number": "+881612345678" }), "satellite"),
    ] {
        let (status, kind, code, details) = code(&switch.post_outbound(&outbound(fields.clone())));
        assert_eq!(
            (status, kind.as_str(), code.as_str()),
            (502, "provider_error", "outbound_failed"),
            "{fields}"
        );
        assert!(
            details["twilio_error"].as_str().is_some_and(|text| text.contains(why)),
            "{fields}: {details}"
        );
        assert_eq!(details["sip_code"], Value::Null);
    }
    assert_nothing_started(&switch);
}

#[test]
fn known_fields_of_a_wrong_type_are_refused_by_name_and_unknown_ones_ignored() {
    let switch = switch();
    for (fields, field) in [
        (json!({ "agent_id": 5 }), "agent_id"),
        (json!({ "to_number": 447386172392_u64 }), "to_number"),
        (json!({ "to_number": { "number": TO } }), "to_number"),
        (json!({ "prompt": ["Hello"] }), "prompt"),
        (json!({ "prompt": true }), "prompt"),
        (json!({ "dynamic_vars": "name=Ann" }), "dynamic_vars"),
        (json!({ "dynamic_vars": ["Ann"] }), "dynamic_vars"),
        (json!({ "dynamic_vars": { "name": { "first": "Ann" } } }), "dynamic_vars.name"),
        (json!({ "dynamic_vars": { "name": ["Ann"] } }), "dynamic_vars.name"),
        (json!({ "dynamic_vars": { "name": null } }), "dynamic_vars.name"),
        (json!({ "from_number": 447446466847_u64 }), "from_number"),
        (json!({ "campaign_id": 7 }), "campaign_id"),
        (json!({ "voicemail_action": "explode" }), "voicemail_action"),
        (json!({ "voicemail_message": 1 }), "voicemail_message"),
        (json!({ "metadata": "order 5" }), "metadata"),
        (json!({ "idempotency_key": 1 }), "idempotency_key"),
        (json!({ "prompt": "nothing\u{0}less" }), "prompt"),
        (json!({ "prompt": "[END_CALL]" }), "prompt"),
    ] {
        let expected =
            (400, "invalid_request".to_owned(), "invalid_request".to_owned(), json!({ "field": field }));
        assert_eq!(code(&switch.post_outbound(&outbound(fields.clone()))), expected, "{fields}");
    }
    assert_nothing_started(&switch);
    switch.call_with(json!({ "shape": { "deep": [1, 2, { "er": null }] }, "to": "+15550000000" }));
}

#[test]
fn the_number_that_calls_is_chosen_as_documented() {
    let switch = switch();
    let _silent = switch.place.silent_trunk();
    for (fields, from) in [
        // 1. Explicit.
        (json!({ "from_number": FROM }), FROM),
        // 2. The first outbound-enabled one: the agent's first number takes calls only.
        (json!({ "agent_id": "agent_two" }), "+15550000002"),
        (json!({ "agent_id": "agent_two", "from_number": null }), "+15550000002"),
        // 3. Legacy: no rows, a number on the agent itself.
        (json!({ "agent_id": "agent_legacy" }), "+15550000005"),
        (json!({ "agent_id": "agent_legacy", "from_number": "+15550000005" }), "+15550000005"),
    ] {
        let reply = switch.post_outbound(&outbound(fields.clone()));
        assert_eq!((reply.status, &reply.json["from"]), (201, &json!(from)), "{fields}: {reply:?}");
        let read = switch.get(&format!("/v1/calls/{}", reply.json["call_id"].as_str().expect("an id")));
        assert_eq!(read.json["from"], from, "{fields}");
    }
}
