//! `/v1/native/calls/{id}/…` and `trunkline call …`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::answerer::{Answerer, wav};
use crate::callees::{Callees, number, ring};
use crate::cli::trunkline;
use crate::ledger;
use crate::switch::{Reply, Setup, Switch, eventually};

/// A switch that talks to somebody who never says a word, and waits long for one.
fn talking() -> (Switch, Callees, String) {
    let (switch, callees) = ring(Setup::new().agent("silence_hangup_seconds = 45"));
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent), "prompt": "Hello" }));
    eventually("the answer", || (ledger::row(&switch, &call)["state"] == "answered").then_some(()));
    (switch, callees, call)
}

fn order(switch: &Switch, call: &str, verb: &str, body: &Value) -> Reply {
    switch.client().post(&format!("/v1/native/calls/{call}/{verb}"), body)
}

#[test]
fn a_talking_call_does_what_it_is_told_until_it_is_over() {
    let (switch, callees, call) = talking();
    let sounds = Answerer::start([].into());
    let does = |verb: &str, body: Value| {
        let reply = order(&switch, &call, verb, &body);
        assert_eq!(reply.status, 202, "{verb}: {reply:?}");
        assert_eq!(reply.json, json!({ "call_id": call, "status": "accepted" }));
    };
    does("say", json!({ "text": "One moment, please." }));
    does("play", json!({ "url": sounds.url("/tone.wav") }));
    does("play", json!({ "audio": STANDARD.encode(wav()), "interrupt": true }));
    does("mute", json!({ "side": "callee" }));
    does("unmute", json!({ "side": "callee" }));
    does("dtmf", json!({ "digits": "12#" }));
    eventually("the keys", || (callees.keys() == "12#").then_some(()));
    does("hold", json!({}));
    eventually("the hold to be agreed on", || {
        let reply = order(&switch, &call, "resume", &json!({}));
        assert!([202, 409].contains(&reply.status), "{reply:?}");
        (reply.status == 202).then_some(())
    });
    does("recording/stop", json!({}));
    assert_eq!(order(&switch, &call, "recording/stop", &json!({})).status, 409);
    does("recording/start", json!({}));
    assert_eq!(order(&switch, &call, "recording/start", &json!({})).status, 409);
    does("hangup", json!({}));
    let record = switch.call_until_ended(&call);
    assert_eq!(record["ended_reason"], "cancelled", "{record}");
    assert!(switch.recording(&record).is_some(), "what was heard while it was recorded is kept");
    for verb in ["say", "hold", "dtmf", "hangup", "recording/start"] {
        let body = match verb {
            "say" => json!({ "text": "Too late." }),
            "dtmf" => json!({ "digits": "1" }),
            _ => json!({}),
        };
        let reply = order(&switch, &call, verb, &body);
        assert_eq!((reply.status, &reply.json["error"]["code"]), (409, &json!("call_not_active")), "{verb}");
    }
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let (switch, callees, call) = talking();
    for (verb, body) in [
        ("say", json!({})),
        ("say", json!({ "text": "a", "voice": "b" })),
        ("play", json!({ "url": "http://169.254.169.254/latest" })),
        ("play", json!({ "url": "ftp://a.example/b.wav" })),
        ("play", json!({ "audio": "aGVsbG8=" })),
        ("dtmf", json!({ "digits": "12x" })),
        ("mute", json!({ "side": "everybody" })),
        ("hold", json!({ "now": true })),
        ("transfer", json!({ "to": "0155" })),
    ] {
        let reply = order(&switch, &call, verb, &body);
        assert_eq!(reply.status, 400, "{verb} {body}: {reply:?}");
    }
    let unknown = "CA0000000000000000001fffffffffff0";
    assert_eq!(order(&switch, unknown, "hangup", &json!({})).status, 404);
    assert_eq!(callees.keys(), "");
    assert_eq!(order(&switch, &call, "hangup", &json!({})).status, 202);
    switch.call_until_ended(&call);
}

#[test]
fn an_order_that_is_given_again_is_done_once() {
    let (switch, callees, call) = talking();
    let press = |digits: &str| {
        let path = format!("/v1/native/calls/{call}/dtmf");
        let body = json!({ "digits": digits }).to_string().into_bytes();
        switch.client().post_with(&path, body, &[("idempotency-key", "once")])
    };
    let (first, again, other) = (press("7"), press("7"), press("8"));
    assert_eq!((first.status, again.status, other.status), (202, 202, 409), "{other:?}");
    assert_eq!(again.headers.get("idempotent-replayed").map(String::as_str), Some("true"));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(order(&switch, &call, "dtmf", &json!({ "digits": "9" })).status, 202);
    eventually("the keys", || (callees.keys() == "79").then_some(()));
    order(&switch, &call, "hangup", &json!({}));
    switch.call_until_ended(&call);
}

#[test]
fn the_terminal_does_the_same() {
    let (switch, callees, call) = talking();
    let does = |arguments: &[&str], code: i32| {
        let output = trunkline(switch.folder(), &[&["call"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    };
    does(&["dtmf", &call, "42"], 0);
    eventually("the keys", || (callees.keys() == "42").then_some(()));
    does(&["say", &call, "Hello again.", "--interrupt"], 0);
    let hello = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/hello.wav");
    does(&["play", &call, hello], 0);
    does(&["hangup", &call], 0);
    switch.call_until_ended(&call);
    let said = does(&["hangup", &call], 1);
    assert!(said.contains("call_not_active"), "{said}");
    assert!(does(&["hangup", "../../agents"], 1).contains("no call's id"));
}
