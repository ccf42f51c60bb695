//! 201, 401, and what is no request at all.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::switch::{FROM, SECRET, Setup, Switch, TO, outbound};

#[test]
fn the_documents_own_request_is_answered_at_once_with_exactly_its_response() {
    let agent = "[[agent]]\nid = \"agent_125207e452f8714a\"\n[[number]]\ne164 = \"+447446466848\"\n\
                 agent = \"agent_125207e452f8714a\"\ntrunk = \"t1\"\noutbound = true\n";
    // Whoever is at the trunk says nothing: what is answered is answered before anything rings.
    let switch = Switch::start(agent);
    let _silent = switch.place.silent_trunk();
    let body = r#"{
    "agent_id": "agent_125207e452f8714a",
    "to_number": "+447386172392",
    "prompt": "You are Sarah from Bright Smile Dental. Call to remind {patient_name} about their appointment on {appointment_time} and confirm they can still attend.",
    "dynamic_vars": {
      "patient_name": "Sarah",
      "appointment_time": "Tuesday at 2pm"
    }
  }"#;
    let reply = switch.client().post_with("/v1/calls/outbound", body.into(), &[]);
    assert_eq!(
        (reply.status, reply.headers["content-type"].as_str()),
        (201, "application/json"),
        "{reply:?}"
    );
    let call = reply.json["call_id"].as_str().expect("an id");
    let hex = call.strip_prefix("CA").expect("CA and 32 hexadecimal digits");
    assert!(hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{call}");
    let exactly =
        format!(r#"{{"call_id":"{call}","status":"initiated","to":"+447386172392","from":"+447446466848"}}"#);
    assert_eq!(reply.text, exactly);
    assert!(!reply.headers.contains_key("idempotent-replayed"));
    let read = switch.get(&format!("/v1/calls/{call}")).json;
    assert_eq!((&read["status"], &read["agent_id"]), (&json!("initiated"), &agent_rendered(&read)));
    assert_eq!(read["ended_at"], Value::Null);
}

/// `agent_` and 16 hexadecimal digits.
fn agent_rendered(read: &Value) -> Value {
    let text = read["agent_id"].as_str().expect("an agent");
    assert!(text.len() == 22 && text.starts_with("agent_"), "{text}");
    read["agent_id"].clone()
}

#[test]
fn agents_answer_to_every_rendering_of_their_id() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let first = switch.call();
    let id = switch.get(&format!("/v1/calls/{first}")).json["agent_id"].as_str().expect("an id").to_owned();
    let decimal = u64::from_str_radix(&id["agent_".len()..], 16).expect("hexadecimal").to_string();
    for agent in ["agent_demo", &id, &decimal] {
        assert_eq!(switch.post_outbound(&outbound(json!({ "agent_id": agent }))).status, 201, "{agent}");
    }
}

#[test]
fn a_campaign_that_nobody_knows_and_metadata_are_kept_and_told() {
    let (switch, _callees) = ring(Setup::new());
    let call = switch.call_with(json!({
        "to_number": number(Persona::Busy),
        "campaign_id": "batchcall_never_heard_of",
        "metadata": { "order": 5, "big": 12345678901234567890123_f64, "ü": ["\u{1F600}"] },
    }));
    let read = switch.call_until_ended(&call);
    assert_eq!(read["campaign_id"], "batchcall_never_heard_of");
    assert_eq!((&read["metadata"]["order"], &read["metadata"]["ü"]), (&json!(5), &json!(["\u{1F600}"])));
    let listed = &switch.get("/v1/calls").json["calls"][0];
    assert_eq!((&listed["campaign_id"], &listed["metadata"]["order"]), (&read["campaign_id"], &json!(5)));
}

#[test]
fn without_the_right_key_nothing_is_read() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let right = format!("Bearer nxf_demo:{SECRET}");
    let junk = b"{ not even JSON".to_vec();
    for (header, code) in [
        (String::new(), "invalid_api_key"),
        ("Bearer".into(), "invalid_api_key"),
        ("Bearer ".into(), "invalid_api_key"),
        ("Basic bnhmX2RlbW86bnhmc19kZW1v".into(), "invalid_api_key"),
        (format!("nxf_demo:{SECRET}"), "invalid_api_key"),
        (format!("Bearer nxf_other:{SECRET}"), "invalid_api_key"),
        (format!("Bearer :{SECRET}"), "invalid_api_key"),
        ("Bearer nxf_demo:wrong".into(), "invalid_api_key"),
        (format!("{right} "), ""),
        (format!("{right}x"), "invalid_api_key"),
        ("Bearer nxf_demo".into(), "key_secret_required"),
        ("Bearer nxf_demo:".into(), "key_secret_required"),
        // Whether a key exists is told to nobody without its secret.
        ("Bearer nxf_other".into(), "key_secret_required"),
        (right.replace("Bearer", "bearer"), ""),
    ] {
        let reply =
            switch.client().post_with("/v1/calls/outbound", junk.clone(), &[("authorization", &header)]);
        let expected = match code {
            "" => (400, "invalid_request", "invalid_request"),
            code => (401, "authentication_error", code),
        };
        let error = &reply.json["error"];
        assert_eq!(
            (reply.status, &error["type"], &error["code"]),
            (expected.0, &json!(expected.1), &json!(expected.2)),
            "{header:?}: {reply:?}"
        );
    }
    let bytes = switch.client().post_with(
        "/v1/calls/outbound",
        outbound(json!({})).to_string().into(),
        &[("authorization", &format!("Bearer nxf_dem\u{f6}:{SECRET}"))],
    );
    assert_eq!(bytes.status, 401);
}

#[test]
fn what_is_no_json_object_is_refused_and_nothing_starts() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000)).into_bytes();
    let valid = outbound(json!({})).to_string();
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"5".to_vec(),
        b"\"text\"".to_vec(),
        b"[]".to_vec(),
        b"{".to_vec(),
        b"{]".to_vec(),
        format!("{valid}x").into(),
        format!("{valid}{valid}").into(),
        valid.replace('"', "'").into(),
        format!("\u{feff}{valid}").into(),
        valid.replace("Hello", "Hell\u{f8}").chars().map(|c| c as u8).collect(),
        valid.replace("Hello", "\\ud800").into(),
        valid.replace("Hello", "a\nb").into(),
        valid.replace("Hello", "a\u{0}b").into(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        format!("{{\"metadata\":{}", "[".repeat(200_000)).into(),
        format!("{},\"metadata\":{}", &valid[..valid.len() - 1], "{\"a\":".repeat(200_000)).into(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = switch.client().post_with("/v1/calls/outbound", body, &[]);
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (400, &json!("invalid_request")),
            "{shown}: {reply:?}"
        );
    }
    assert_eq!(switch.get("/v1/calls").json["count"], 0);
}

#[test]
fn odd_but_valid_json_is_taken() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let keep = |body: String| {
        let reply = switch.client().post_with("/v1/calls/outbound", body.clone().into(), &[]);
        assert_eq!(reply.status, 201, "{body}: {reply:?}");
    };
    // Of two equal names the last holds, as in JavaScript.
    keep(format!(
        r#"{{"agent_id":5,"agent_id":"agent_demo","to_number":"+1","to_number":"{TO}","prompt":"a"}}"#
    ));
    // Numbers that no machine type holds, where nobody looks or where they are only said.
    keep(format!(
        r#"{{"agent_id":"agent_demo","to_number":"{TO}","prompt":"{{n}}","dynamic_vars":{{"n":1e99999,"m":{}}},"x":-1e999}}"#,
        "9".repeat(4_000)
    ));
    keep(format!(
        r#" {{ "\u0061gent_id" : "agent_demo" , "to_number":"{TO}","prompt":"\u00e9\ud83d\ude00" }} "#
    ));
    // Its media type is not looked at: seed 000's clients send what they send.
    let body = outbound(json!({})).to_string().into_bytes();
    let reply = switch.client().post_with("/v1/calls/outbound", body, &[("content-type", "text/plain")]);
    assert_eq!((reply.status, &reply.json["from"]), (201, &json!(FROM)));
}
