//! `kill -9` at every stage of a call: it ends once, it is told once, and nobody is called twice.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{Callees, number, ring};
use crate::ledger;
use crate::switch::{Client, Receiver, Setup, Switch, eventually, outbound};

fn told_once(receiver: &Receiver, switch: &Switch, call: &str) -> Value {
    eventually(&format!("the event of {call}"), || {
        (ledger::row(switch, call)["delivered"] == 1).then_some(())
    });
    let told = receiver.deliveries_of(call);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].json["event"], "call.completed");
    told[0].json.clone()
}

fn ends_as(switch: &Switch, call: &str, status: &str, reason: &str) -> Value {
    let end = switch.call_until_ended(call);
    assert_eq!((&end["status"], &end["ended_reason"]), (&json!(status), &json!(reason)), "{end}");
    end
}

#[test]
fn killed_while_it_rings_the_attempt_ends_as_indeterminate_and_is_not_dialled_again() {
    let receiver = Receiver::start();
    let (mut switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let call = switch.call_with(json!({ "to_number": number(Persona::NoAnswer) }));
    let path = format!("/v1/calls/{call}");
    eventually("it rings", || (switch.get(&path).json["status"] == "ringing").then_some(()));
    switch.kill();
    switch.restart();
    ends_as(&switch, &call, "failed", "indeterminate");
    let told = told_once(&receiver, &switch, &call);
    assert_eq!((&told["ended_reason"], &told["duration_seconds"]), (&json!("indeterminate"), &json!(0)));
    // Again, and nothing is left to settle.
    switch.kill();
    switch.restart();
    assert_eq!(receiver.deliveries_of(&call).len(), 1);
    let next = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    assert_ne!(next, call, "ids are never given out twice");
    ends_as(&switch, &next, "busy", "busy");
    assert_eq!(callees.rung(), 2, "the first was not called again");
    assert_eq!(receiver.deliveries_of(&call).len(), 1);
}

#[test]
fn killed_while_they_talk_a_bye_ends_it_after_the_restart() {
    let receiver = Receiver::start();
    let (mut switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    eventually("the answer is on disk", || {
        (ledger::row(&switch, &call)["state"] == "answered").then_some(())
    });
    assert!(ledger::row(&switch, &call)["dialog"].is_object());
    switch.kill();
    switch.restart();
    // Left alone, this callee would hold the line for two minutes.
    callees.await_over(1);
    let end = ends_as(&switch, &call, "failed", "interrupted");
    assert!(!end["answered_at"].is_null(), "{end}");
    assert_eq!(told_once(&receiver, &switch, &call)["ended_reason"], "interrupted");
    assert_eq!(callees.rung(), 1);
    assert_eq!(ledger::ended(&switch, &call)["dialog"], Value::Null);
}

#[test]
fn killed_while_they_talk_what_was_recorded_is_there_to_be_heard_and_to_be_removed() {
    let (mut switch, _callees) = ring(Setup::new());
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    let file = switch.data_dir().join("recordings").join(format!("{call}.wav"));
    eventually("a part of it is on disk", || {
        let is_begun = std::fs::metadata(&file).is_ok_and(|file| file.len() > 44);
        (is_begun && ledger::row(&switch, &call)["state"] == "answered").then_some(())
    });
    switch.kill();
    switch.restart();
    let end = ends_as(&switch, &call, "failed", "interrupted");
    let recording = switch.recording(&end).expect("it names the recording");
    assert!(!recording.callee.is_empty(), "what was said until then");
    let path = format!("/v1/native/calls/{call}/recording");
    eventually("it is removed", || (switch.client().delete(&path).status == 204).then_some(()));
    assert!(!file.exists());
    assert_eq!(switch.get(&format!("/v1/calls/{call}/recording")).status, 404);
}

#[test]
fn killed_while_it_waits_for_room_a_call_ends_as_never_started() {
    let receiver = Receiver::start();
    let (mut switch, callees) = ring(Setup::new().webhook(&receiver.url()).trunk("channels = 1"));
    let dialled = switch.call_with(json!({ "to_number": number(Persona::NoAnswer) }));
    let waiting = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    assert_eq!(switch.get(&format!("/v1/calls/{waiting}")).json["status"], "queued");
    eventually("the first rings", || (callees.rung() == 1).then_some(()));
    switch.kill();
    switch.restart();
    ends_as(&switch, &dialled, "failed", "indeterminate");
    // Its prompt lived in memory alone.
    ends_as(&switch, &waiting, "failed", "interrupted");
    for call in [&dialled, &waiting] {
        told_once(&receiver, &switch, call);
    }
    assert_eq!(callees.rung(), 1);
}

/// A number that nobody else is called at, so that whoever is called twice is found.
fn own_number(client: usize, round: usize, persona: Persona) -> String {
    format!("+1555{client:03}{round:03}{}", persona.digit())
}

/// Of calls that each had a number of their own: nobody rang twice, and nobody who is not on disk as called.
fn each_was_called_once_at_most(switch: &Switch, callees: &Callees) {
    let rung = callees.rung_by_number();
    assert!(rung.values().all(|times| *times == 1), "{rung:?}");
    // Whose INVITE was not yet to leave is settled as interrupted without an answer.
    let called: BTreeSet<_> = ledger::texts(
        switch,
        "SELECT to_number FROM calls WHERE NOT (disposition = 'interrupted' AND answered_at IS NULL)",
    )
    .into_iter()
    .flatten()
    .collect();
    for to in rung.keys() {
        assert!(called.contains(to), "{to} was called before that was on disk");
    }
}

/// Fifty requests from ten clients; the answers that came back.
fn storm(switch: &Switch) -> Vec<String> {
    let base = format!("http://{}", switch.place.http());
    std::thread::scope(|scope| {
        let ask = |client: usize| {
            let api = Client::new(&base);
            let mut accepted = Vec::new();
            for round in 0..5 {
                let persona = Persona::ALL[(client + round) % Persona::ALL.len()];
                let body = outbound(json!({ "to_number": own_number(client, round, persona) })).to_string();
                // The last ones find nobody there any more.
                let Ok(reply) = api.try_post_with("/v1/calls/outbound", body.into(), &[]) else { break };
                assert_eq!(reply.status, 201, "{reply:?}");
                accepted.push(reply.json["call_id"].as_str().expect("an id").to_owned());
            }
            accepted
        };
        let clients: Vec<_> = (0..10).map(|client| scope.spawn(move || ask(client))).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    })
}

#[test]
fn killed_under_load_every_accepted_call_ends_once_and_none_is_lost() {
    let receiver = Receiver::start();
    let (mut switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let accepted = storm(&switch);
    assert_eq!(accepted.len(), 50);
    // Some ring, some talk, some are over, for some the INVITE may not have left.
    switch.kill();
    switch.restart();
    settle(&switch, &receiver, &accepted);
    each_was_called_once_at_most(&switch, &callees);
    assert_eq!(switch.get("/v1/calls?limit=1").json["count"], 50);
}

#[test]
fn killed_in_the_midst_of_requests_what_was_answered_201_is_not_lost() {
    let receiver = Receiver::start();
    let (mut switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let base = format!("http://{}", switch.place.http());
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let ask = |client: usize| {
            let api = Client::new(&base);
            let persona = [Persona::Busy, Persona::NoAnswer, Persona::Silent][client % 3];
            let mut accepted = Vec::new();
            for round in 0.. {
                let body = outbound(json!({ "to_number": own_number(client, round, persona) })).to_string();
                let Ok(reply) = api.try_post_with("/v1/calls/outbound", body.into(), &[]) else { break };
                assert_eq!(reply.status, 201, "{reply:?}");
                accepted.push(reply.json["call_id"].as_str().expect("an id").to_owned());
            }
            accepted
        };
        let clients: Vec<_> = (0..6).map(|client| scope.spawn(move || ask(client))).collect();
        eventually("the first thirty calls", || (callees.rung() >= 30).then_some(()));
        switch.kill();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    });
    // An INVITE may leave before its 201 does, and the crash takes the 201 away: one for each client.
    assert!(accepted.len() >= 24, "{}", accepted.len());
    switch.restart();
    settle(&switch, &receiver, &accepted);
    each_was_called_once_at_most(&switch, &callees);
}

/// Every one of these ended, and was told once; and so was whatever else is on disk: an answer may have been lost on its way.
fn settle(switch: &Switch, receiver: &Receiver, accepted: &[String]) {
    for call in accepted {
        switch.call_until_ended(call);
    }
    switch.metrics_until("every event is delivered", |metrics| metrics.is_idle());
    let all = switch.get("/v1/calls?limit=1").json["count"].as_u64().expect("a count") as usize;
    // A try whose answer the crash took away is made again: at least once, with the same id.
    let deliveries = eventually("an event of every call", || {
        let deliveries = receiver.deliveries();
        let told: BTreeSet<_> =
            deliveries.iter().map(|delivery| delivery.json["call_id"].to_string()).collect();
        (told.len() >= all).then_some(deliveries)
    });
    let told: BTreeSet<&str> =
        deliveries.iter().map(|delivery| delivery.json["call_id"].as_str().expect("an id")).collect();
    let ids: BTreeSet<&str> =
        deliveries.iter().map(|delivery| delivery.headers["webhook-id"].as_str()).collect();
    assert_eq!(ids.len(), told.len(), "one event a call");
    assert_eq!(told.len(), all, "{told:?}");
    assert!(accepted.iter().all(|call| told.contains(call.as_str())));
}

#[test]
fn a_crash_leaves_no_call_behind_at_the_callees() {
    let (mut switch, callees): (Switch, Callees) = ring(Setup::new());
    let calls: Vec<_> =
        (0..8).map(|_| switch.call_with(json!({ "to_number": number(Persona::Silent) }))).collect();
    for call in &calls {
        eventually("the answer is on disk", || {
            (ledger::row(&switch, call)["state"] == "answered").then_some(())
        });
    }
    switch.kill();
    switch.restart();
    callees.await_over(8);
    for call in &calls {
        ends_as(&switch, call, "failed", "interrupted");
    }
    assert_eq!(callees.rung(), 8);
}
