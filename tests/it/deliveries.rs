//! Webhook endpoints, the delivery log and replays: each receiver gets every event that it asked for, by itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::objects::{code, told};
use crate::switch::{Delivery, Manner, Receiver, Setup, Switch, eventually};

/// An endpoint of the tenant's, and its secret.
pub fn endpoint(switch: &Switch, receiver: &Receiver, events: Value) -> (String, String) {
    let body = json!({ "url": receiver.url(), "events": events });
    let made = switch.client().post("/v1/native/webhook-endpoints", &body);
    assert_eq!(made.status, 201, "{made:?}");
    (made.json["id"].to_string(), made.json["secret"].as_str().expect("shown once").to_owned())
}

fn busy(switch: &Switch) -> String {
    let call = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    switch.call_until_ended(&call);
    call
}

fn names(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.json["event"].as_str().expect("a name")).collect()
}

/// The log, newest first.
fn log(switch: &Switch, query: &str) -> Vec<Value> {
    let reply = switch.get(&format!("/v1/native/webhook-deliveries?{query}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json["data"].as_array().expect("a list").clone()
}

fn settled(switch: &Switch, query: &str, state: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} {state}"), || {
        Some(log(switch, &format!("{query}&state={state}"))).filter(|list| list.len() == count)
    })
}

#[test]
fn every_endpoint_that_asked_gets_its_events_beside_the_calls_own_receiver() {
    let (own, all, ends, off) = (Receiver::start(), Receiver::start(), Receiver::start(), Receiver::start());
    let (switch, _callees) = ring(Setup::new().webhook(&own.url()));
    let (every, _) = endpoint(&switch, &all, json!([]));
    let (at_end, _) = endpoint(&switch, &ends, json!(["call.completed"]));
    let (disabled, _) = endpoint(&switch, &off, json!([]));
    let path = format!("/v1/native/webhook-endpoints/{disabled}");
    assert_eq!(switch.client().patch(&path, &json!({ "enabled": false }), &[]).status, 200);
    // One is down: nobody else waits for it.
    all.set(Manner::Answer(500));
    let call = busy(&switch);
    assert_eq!(names(&ends.await_deliveries(1)), ["call.completed"]);
    assert!(names(&own.await_deliveries(1)).contains(&"call.completed"));
    let first = all.await_deliveries(1);
    assert_eq!(names(&first[..1]), ["call.started"], "in order, though the first one failed");
    all.set(Manner::Answer(204));
    settled(&switch, &format!("endpoint={every}"), "delivered", 2);
    let order = names(&all.deliveries()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        (order.first().map(String::as_str), order.last().map(String::as_str)),
        (Some("call.started"), Some("call.completed"))
    );
    assert_eq!(off.deliveries().len(), 0);
    // One event has one id, whoever gets it.
    let ids = [&own, &all, &ends].map(|receiver| {
        let ends =
            receiver.deliveries().into_iter().filter(|delivery| delivery.json["event"] == "call.completed");
        ends.map(|delivery| delivery.headers["webhook-id"].clone()).collect::<BTreeSet<_>>()
    });
    assert_eq!((ids[0].len(), &ids[0], &ids[0]), (1, &ids[1], &ids[2]));
    let shown = settled(&switch, &format!("call={call}&endpoint={at_end}"), "delivered", 1).remove(0);
    assert_eq!((&shown["message_id"], &shown["attempts_count"]), (&json!(ids[0].first()), &json!(1)));
}

#[test]
fn what_was_given_up_is_shown_with_every_try_and_sent_again_with_the_same_bytes_and_id() {
    let gone = Receiver::start();
    gone.set(Manner::Say(410, "no more of this"));
    let (mut switch, _callees) = ring(Setup::new());
    let (endpoint, _) = endpoint(&switch, &gone, json!(["call.completed"]));
    let calls = [busy(&switch), busy(&switch)];
    let failed = settled(&switch, &format!("endpoint={endpoint}"), "failed", 2);
    assert_eq!(failed[0]["call_id"], json!(calls[1]), "newest first");
    let path = format!("/v1/native/webhook-deliveries/{}", failed[1]["id"]);
    let shown = switch.get(&path).json;
    let attempt = &shown["attempts"][0];
    assert_eq!(
        (&attempt["status"], &attempt["response"], &attempt["error"]),
        (&json!(410), &json!("no more of this"), &json!(null))
    );
    let first =
        gone.deliveries().into_iter().find(|delivery| delivery.json["call_id"] == calls[0]).expect("tried");
    assert_eq!(shown["body"], json!(String::from_utf8_lossy(&first.bytes)));

    // A restart forgets nothing of it.
    switch.kill();
    switch.restart();
    gone.set(Manner::Answer(200));
    let replay = switch.client().post(&format!("{path}/replay"), &json!({}));
    assert_eq!((replay.status, &replay.json["state"]), (202, &json!("pending")), "{replay:?}");
    let again = gone.await_deliveries(3).remove(2);
    assert_eq!((&again.bytes, &again.headers["webhook-id"]), (&first.bytes, &first.headers["webhook-id"]));
    let stamp = |delivery: &Delivery| delivery.headers["webhook-timestamp"].parse::<u64>().expect("seconds");
    assert!(stamp(&again) >= stamp(&first));
    let shown = eventually("it is written", || {
        Some(switch.get(&path).json).filter(|shown| shown["state"] == "delivered")
    });
    assert_eq!(shown["attempts"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown["attempts"][1]["status"], 200);

    // The rest of what this endpoint was not sent, by the command line.
    let line = told(&switch, &["webhook", "replay", "--endpoint", &endpoint, "--since", "2020-01-01"]);
    assert_eq!(line, "1 deliveries are owed again");
    settled(&switch, &format!("endpoint={endpoint}"), "delivered", 2);
    assert_eq!(gone.deliveries().len(), 4);
    let listed = told(&switch, &["webhook", "list", "--endpoint", &endpoint]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let tries = told(&switch, &["webhook", "show", &failed[1]["id"].to_string()]);
    assert!(tries.contains("no more of this"), "{tries}");
}

#[test]
fn replays_of_what_is_owed_unknown_or_malformed_are_refused() {
    let down = Receiver::start();
    down.set(Manner::Answer(500));
    let (switch, _callees) = ring(Setup::new());
    let (endpoint, _) = endpoint(&switch, &down, json!(["call.completed"]));
    busy(&switch);
    down.await_deliveries(1);
    let pending = settled(&switch, &format!("endpoint={endpoint}"), "pending", 1).remove(0);
    let api = switch.client();
    let post = |path: String| api.post(&path, &json!({}));
    let owed = post(format!("/v1/native/webhook-deliveries/{}/replay", pending["id"]));
    assert_eq!(code(&owed), (409, "delivery_pending"));
    for unknown in ["999999", "x", "-1", "18446744073709551615"] {
        assert_eq!(
            code(&post(format!("/v1/native/webhook-deliveries/{unknown}/replay"))),
            (404, "delivery_not_found")
        );
        assert_eq!(
            code(&api.get(&format!("/v1/native/webhook-deliveries/{unknown}"))),
            (404, "delivery_not_found")
        );
    }
    let replay = |rest: &str| post(format!("/v1/native/webhook-endpoints/{rest}"));
    assert_eq!(code(&replay(&format!("{endpoint}/replay"))), (400, "missing_field"));
    assert_eq!(code(&replay(&format!("{endpoint}/replay?since=yesterday"))), (400, "invalid_request"));
    assert_eq!(code(&replay("999999/replay?since=2020-01-01")), (404, "webhook_endpoint_not_found"));
    let none = replay(&format!("{endpoint}/replay?since=2020-01-01"));
    assert_eq!((none.status, &none.json["replayed"]), (202, &json!(0)), "only what was given up");
    for query in ["state=dead", "limit=0", "call=x", "after=x", "colour=red"] {
        assert_eq!(api.get(&format!("/v1/native/webhook-deliveries?{query}")).status, 400, "{query}");
    }
}
