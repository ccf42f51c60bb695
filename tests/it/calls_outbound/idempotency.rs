//! The same request twice is one call.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::switch::{Client, Reply, Setup, Switch, outbound};

fn post(client: &Client, body: &Value, key: &str) -> Reply {
    client.post_with("/v1/calls/outbound", body.to_string().into(), &[("idempotency-key", key)])
}

fn is_replay(reply: &Reply) -> bool {
    reply.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

#[test]
fn a_repeated_request_gets_the_first_answer_and_places_nothing() {
    let (mut switch, callees) = ring(Setup::new());
    let body = outbound(json!({ "to_number": number(Persona::Busy) }));
    let first = post(switch.client(), &body, "k1");
    assert!(first.status == 201 && !is_replay(&first), "{first:?}");
    let again = post(switch.client(), &body, "k1");
    assert!(again.status == 201 && is_replay(&again), "{again:?}");
    assert_eq!(again.text, first.text);
    // The key may stand in the body; then the body is another body.
    let mut named = body.clone();
    named["idempotency_key"] = json!("k2");
    let (third, fourth) = (switch.post_outbound(&named), switch.post_outbound(&named));
    assert!(!is_replay(&third) && is_replay(&fourth), "{third:?} {fourth:?}");
    assert_eq!(third.text, fourth.text);
    assert_ne!(third.text, first.text);

    let conflict = post(switch.client(), &outbound(json!({ "to_number": number(Persona::Person) })), "k1");
    let error = &conflict.json["error"];
    assert_eq!(
        (conflict.status, &error["type"], &error["code"]),
        (409, &json!("conflict"), &json!("idempotency_conflict"))
    );

    switch.call_until_ended(first.json["call_id"].as_str().expect("an id"));
    switch.call_until_ended(third.json["call_id"].as_str().expect("an id"));
    assert_eq!(callees.rung(), 2);
    // It is remembered as long as the call is: also by the next process.
    switch.kill();
    switch.restart();
    let later = post(switch.client(), &body, "k1");
    assert!(is_replay(&later) && later.text == first.text, "{later:?}");
    assert_eq!(post(switch.client(), &outbound(json!({})), "k1").status, 409);
}

#[test]
fn a_refusal_is_not_remembered() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let refused = post(switch.client(), &outbound(json!({ "to_number": "+19005551234" })), "k");
    assert_eq!(refused.status, 502);
    let accepted = post(switch.client(), &outbound(json!({})), "k");
    assert!(accepted.status == 201 && !is_replay(&accepted), "{accepted:?}");
}

#[test]
fn sixteen_at_once_place_one_call() {
    let (switch, callees) = ring(Setup::new());
    let base = format!("http://{}", switch.place.http());
    let body = outbound(json!({ "to_number": number(Persona::Busy) }));
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let ask = || post(&Client::new(&base), &body, "the same");
        let askers: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().map(|asker| asker.join().expect("no panic")).collect()
    });
    assert!(replies.iter().all(|reply| reply.status == 201 && reply.text == replies[0].text), "{replies:?}");
    assert_eq!(replies.iter().filter(|reply| !is_replay(reply)).count(), 1, "{replies:?}");
    switch.call_until_ended(replies[0].json["call_id"].as_str().expect("an id"));
    assert_eq!((callees.rung(), &switch.get("/v1/calls").json["count"]), (1, &json!(1)));
    switch.metrics_until("nothing left of the other fifteen", |metrics| metrics.is_idle());
}

#[test]
fn a_doubtful_key_is_refused() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let long = "k".repeat(256);
    for key in ["", &long] {
        let reply = post(switch.client(), &outbound(json!({})), key);
        assert_eq!(
            (reply.status, &reply.json["error"]["details"]),
            (400, &json!({ "field": "idempotency_key" })),
            "{reply:?}"
        );
    }
    let both = outbound(json!({ "idempotency_key": "one" }));
    assert_eq!(post(switch.client(), &both, "other").status, 400);
    assert_eq!(switch.get("/v1/calls").json["count"], 0);
}
