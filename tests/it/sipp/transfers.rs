//! Calls that move to another party: where the far end asks for it, where somebody takes its place, where we ask for it.

use std::net::SocketAddrV4;

use serde_json::{Value, json};

use super::usual;
use crate::ledger;
use crate::switch::{FROM, Receiver, Setup, Sipp, Switch, eventually};

fn answering() -> Setup {
    usual().answering("Hello")
}

fn allowing() -> Setup {
    answering().trunk("refer = \"allow\"")
}

/// Somebody at the trunk, beside the one at its usual port.
fn beside(switch: &Switch, scenario: &str, keys: &[(&str, &str)]) -> Sipp {
    let to = switch.place.sip().to_string();
    let mut args = vec!["-m", "1"];
    keys.iter().for_each(|(name, value)| args.extend(["-key", name, value]));
    args.push(&to);
    Sipp::run(SocketAddrV4::new(switch.place.trunk, 5082), scenario, &args)
}

/// The only call, once it was answered.
fn talking(switch: &Switch) -> String {
    eventually("the answer is on disk", || {
        let call = switch.get("/v1/calls").json["calls"][0]["call_id"].as_str()?.to_owned();
        let state = ledger::row(switch, &call)["state"].clone();
        (state == "answered" || state == "ended").then_some(call)
    })
}

/// It has ended so, and was told of once.
fn ended(switch: &Switch, receiver: &Receiver, call: &str, reason: &str) -> Value {
    let record = switch.call_until_ended(call);
    assert_eq!(
        (&record["status"], &record["ended_reason"]),
        (&json!("completed"), &json!(reason)),
        "{record}"
    );
    switch.metrics_until("an idle switch that told of the call", |metrics| {
        metrics.is_idle() && metrics.sum("trunkline_webhook_tries_total", &[("result", "delivered")]) == 1.0
    });
    assert_eq!(receiver.deliveries_of(call).len(), 1);
    assert_eq!(switch.complaints(), Vec::<String>::new());
    ledger::ended(switch, call)
}

/// The caller asks for a transfer by this scenario, and this is who it is to be transferred to.
fn refers(scenario: &str, target: &str) -> Value {
    let receiver = Receiver::start();
    let switch = allowing().webhook(&receiver.url()).start();
    let target = Sipp::at(&switch.place, target);
    let caller = beside(&switch, scenario, &[]);
    let call = talking(&switch);
    caller.succeed(1);
    target.succeed(1);
    ended(&switch, &receiver, &call, "caller_hangup")
}

/// What stands of the call's INVITEs on disk: whom each was to bring, and how it was answered.
fn invites(row: &Value) -> Vec<(Value, Value)> {
    let list: Vec<Value> = match &row["invites"] {
        Value::String(text) => serde_json::from_str(text).expect("JSON"),
        list => list.as_array().cloned().unwrap_or_default(),
    };
    list.iter().map(|invite| (invite["transfer"].clone(), invite["sip_status"].clone())).collect()
}

#[test]
fn a_call_goes_where_its_caller_refers_it() {
    let row = refers("inbound-refer-allowed", "transfer-target");
    let own = (Value::Null, Value::Null);
    assert_eq!(invites(&row), [own, (json!("+15551234567"), json!(200))]);
}

#[test]
fn whom_a_caller_is_referred_to_is_paid_for_by_a_line_of_its_own() {
    let prices = |balance: &str| {
        let billing = format!("[billing]\nenabled = true\ndefault_balance = \"{balance}\"\n");
        allowing().extra(&format!("{billing}[[rate]]\nprefix = \"1555\"\nper_minute = \"0.25\"\n"))
    };
    let switch = prices("10").start();
    let target = Sipp::at(&switch.place, "transfer-target");
    let caller = beside(&switch, "inbound-refer-allowed", &[]);
    caller.succeed(1);
    target.succeed(1);
    let legs = eventually("both records are over", || {
        let calls = switch.get("/v1/native/calls").json["data"].as_array()?.clone();
        (calls.len() == 2 && calls.iter().all(|call| call["state"] == "ended")).then_some(calls)
    });
    let (leg, call) = (&legs[0], &legs[1]);
    assert_eq!(leg["parent_call_id"], call["call_id"], "{legs:?}");
    assert_eq!((&leg["to"], &leg["disposition"]), (&json!("+15551234567"), &json!("completed")));
    assert_eq!(leg["cost"]["charged_micros"], 250_000, "{leg}");
    assert_eq!(call["cost"]["charged_micros"], Value::Null, "whoever calls in pays elsewhere: {call}");
    switch.metrics_until("an idle switch", |metrics| metrics.is_idle());
    assert_eq!(switch.complaints(), Vec::<String>::new());

    // Who cannot pay stays where he is.
    let switch = prices("0.20").start();
    let caller = beside(&switch, "inbound-refer-unpaid", &[]);
    caller.succeed(1);
    assert_eq!(switch.metrics().sip("invites_sent_total"), 0.0);
    assert_eq!(switch.get("/v1/calls").json["count"], 1);
}

#[test]
fn an_attended_transfer_takes_the_others_place() {
    refers("inbound-refer-attended", "transfer-target-attended");
}

#[test]
fn a_transfer_to_somebody_busy_leaves_the_call_where_it_was() {
    let row = refers("inbound-refer-busy", "transfer-target-busy");
    assert_eq!(invites(&row)[1], (json!("+15551234567"), json!(486)));
}

#[test]
fn a_transfer_to_where_the_trunk_may_not_dial_is_refused() {
    let receiver = Receiver::start();
    let switch = allowing().webhook(&receiver.url()).start();
    let caller = beside(&switch, "inbound-refer-forbidden", &[]);
    let call = talking(&switch);
    caller.succeed(1);
    let row = ended(&switch, &receiver, &call, "caller_hangup");
    assert_eq!(invites(&row), []);
    assert_eq!(switch.metrics().sip("invites_sent_total"), 0.0);
}

/// What an INVITE with Replaces names: the call's dialog, as it stands on disk.
fn named(switch: &Switch, call: &str) -> [(&'static str, String); 3] {
    let dialog = ledger::row(switch, call)["dialog"].clone();
    let word = |key: &str| dialog[key].as_str().expect("a word").to_owned();
    [("replaced", word("call_id")), ("ours", word("local_tag")), ("theirs", word("remote_tag"))]
}

#[test]
fn somebody_takes_the_callers_place() {
    let receiver = Receiver::start();
    let switch = allowing().webhook(&receiver.url()).start();
    let first = Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered");
    let call = talking(&switch);
    let named = named(&switch, &call);
    let keys: Vec<_> = named.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let second = beside(&switch, "inbound-replaces", &keys);
    first.succeed(1);
    second.succeed(1);
    ended(&switch, &receiver, &call, "caller_hangup");
    assert_eq!(switch.get("/v1/calls").json["count"], 1);
}

#[test]
fn nobody_takes_the_callers_place_without_leave() {
    let switch = answering().start();
    let first = Sipp::towards(&switch.place, switch.place.trunk, "inbound-held");
    let call = talking(&switch);
    let named = named(&switch, &call);
    let keys: Vec<_> = named.iter().map(|(name, value)| (*name, value.as_str())).collect();
    beside(&switch, "inbound-replaces-declined", &keys).succeed(1);
    first.succeed(1);
    assert_eq!(switch.get("/v1/calls").json["count"], 1);
}

#[test]
fn killed_after_a_transfer_a_bye_ends_the_new_partys_side() {
    let receiver = Receiver::start();
    let mut switch = allowing().webhook(&receiver.url()).start();
    let target = Sipp::at(&switch.place, "transfer-target-stays");
    let caller = beside(&switch, "inbound-refer-allowed", &[]);
    let call = talking(&switch);
    caller.succeed(1);
    // Both dialogs: the old one may not have heard our BYE.
    eventually("the move is on disk", || {
        ledger::row(&switch, &call)["dialog"]["before"].is_object().then_some(())
    });
    switch.kill();
    switch.restart();
    target.succeed(1);
    let record = switch.call_until_ended(&call);
    assert_eq!(record["ended_reason"], "interrupted");
    eventually("its event", || (ledger::row(&switch, &call)["delivered"] == 1).then_some(()));
    assert_eq!(receiver.deliveries_of(&call).len(), 1);
}

/// An outbound call that is answered, and the answer to a transfer of it.
fn transfer(switch: &Switch, to: Value) -> (String, u16) {
    let call = switch.call_with(json!({ "prompt": "Hello" }));
    eventually("the answer", || {
        (switch.get(&format!("/v1/calls/{call}")).json["status"] == "in_progress").then_some(())
    });
    let reply = switch.client().post(&format!("/v1/calls/{call}/transfer"), &json!({ "to": to }));
    (call, reply.status)
}

#[test]
fn a_callee_is_put_through_by_the_api() {
    let receiver = Receiver::start();
    let switch = usual().webhook(&receiver.url()).start();
    let callee = Sipp::at(&switch.place, "referred");
    let (call, status) = transfer(&switch, json!("+15551234567"));
    assert_eq!(status, 202);
    callee.succeed(1);
    let row = ended(&switch, &receiver, &call, "completed");
    assert_eq!(
        (&row["ended_by"], &row["detail"]),
        (&json!("operator"), &json!("transferred to +15551234567"))
    );
    let again = switch.client().post(&format!("/v1/calls/{call}/transfer"), &json!({ "to": FROM }));
    assert_eq!((again.status, &again.json["error"]["code"]), (409, &json!("call_not_active")));
    let over = switch.client().post(&format!("/v1/calls/{call}/hangup"), &json!({}));
    assert_eq!(over.status, 409);
    let unknown = switch.client().post("/v1/calls/CA00000000000000000000000000000000/hangup", &json!({}));
    assert_eq!(unknown.status, 404);
}

#[test]
fn a_callee_that_will_not_go_stays_until_the_api_hangs_up() {
    let receiver = Receiver::start();
    let switch = usual().webhook(&receiver.url()).start();
    let callee = Sipp::at(&switch.place, "referred-declines");
    let (call, status) = transfer(&switch, json!("+15551234567"));
    assert_eq!(status, 202);
    let premium = switch.client().post(&format!("/v1/calls/{call}/transfer"), &json!({ "to": "desk" }));
    assert_eq!((premium.status, &premium.json["error"]["code"]), (400, &json!("invalid_phone_format")));
    eventually("the refusal, and then another transfer's", || {
        let path = format!("/v1/calls/{call}/transfer");
        let reply = switch.client().post(&path, &json!({ "to": "+19005551234" }));
        (reply.json["error"]["code"] == "outbound_failed").then_some(())
    });
    let reply = switch.client().post(&format!("/v1/calls/{call}/hangup"), &json!({}));
    assert_eq!((reply.status, &reply.json["status"]), (202, &json!("accepted")));
    callee.succeed(1);
    let record = switch.call_until_ended(&call);
    assert_eq!((&record["status"], &record["ended_reason"]), (&json!("cancelled"), &json!("cancelled")));
}
