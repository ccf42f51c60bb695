//! `/v1/calls/batch`: campaigns through the real binary, against simulated callees.

mod caller_ids;
mod document;
mod limits;
mod orders;
mod restart;
mod retries;
mod windows;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::switch::{Reply, Switch, eventually};

/// So many numbers at which this persona answers, all different.
pub fn numbers(persona: Persona, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("+1555{number:05}{}", persona.digit())).collect()
}

/// The body of a campaign that is due now and calls these, with these fields over it; `null` removes one.
pub fn body(phones: &[String], fields: Value) -> Value {
    let recipients: Vec<_> = phones.iter().map(|phone| json!({ "phone": phone })).collect();
    let mut body =
        json!({ "agent_id": "agent_demo", "prompt": "Hello [END_CALL]", "recipients": recipients });
    for (name, value) in fields.as_object().expect("fields are an object") {
        body[name] = value.clone();
    }
    body
}

pub fn post(switch: &Switch, body: &Value) -> Reply {
    switch.client().post("/v1/calls/batch", body)
}

/// Makes a campaign, which must be accepted; its path.
pub fn make(switch: &Switch, phones: &[String], fields: Value) -> String {
    let reply = post(switch, &body(phones, fields));
    assert_eq!(reply.status, 201, "{reply:?}");
    format!("/v1/calls/batch/{}", reply.json["campaign_id"].as_str().expect("an id"))
}

pub fn order(switch: &Switch, path: &str, order: &str) -> Reply {
    switch.client().post(&format!("{path}/{order}"), &Value::Null)
}

pub fn read(switch: &Switch, path: &str) -> Value {
    let reply = switch.get(path);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json
}

/// The campaign once it stands so.
pub fn until(switch: &Switch, path: &str, status: &str) -> Value {
    eventually(&format!("{path} is {status}"), || {
        Some(read(switch, path)).filter(|now| now["status"] == status)
    })
}

/// Every recipient, by pages.
pub fn recipients(switch: &Switch, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = read(switch, &format!("{path}/recipients?limit=7{cursor}"));
        all.extend(page["recipients"].as_array().expect("a list").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// No number has rung more than once.
pub fn assert_nobody_twice(callees: &crate::callees::Callees) {
    let twice: Vec<_> = callees.rung_by_number().into_iter().filter(|(_, rung)| *rung > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
