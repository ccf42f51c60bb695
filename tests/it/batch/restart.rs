//! A restart goes on where it was, and dials nobody twice.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{assert_nobody_twice, make, numbers, order, read, recipients, until};
use crate::callees::{Callees, ring};
use crate::switch::{Setup, Switch, eventually};

/// Callees of every kind of end, so that a crash finds calls at every stage.
fn mixed() -> Vec<String> {
    let kinds = [Persona::Busy, Persona::HangsUp, Persona::NoAnswer, Persona::Declines];
    let mut phones: Vec<_> = kinds.into_iter().flat_map(|kind| numbers(kind, 15)).collect();
    phones.sort_unstable();
    phones
}

/// Every recipient ended, once; who may have rung is said to be.
fn assert_all_ended(switch: &Switch, path: &str, callees: &Callees, over: &Value) {
    assert_nobody_twice(callees);
    let all = recipients(switch, path);
    let rung = callees.rung_by_number();
    for recipient in &all {
        let phone = recipient["phone"].as_str().expect("a number");
        match recipient["status"].as_str() {
            Some("ended") => assert_eq!(rung.get(phone), Some(&1), "{recipient}"),
            Some("indeterminate") => {}
            _ => panic!("{recipient}"),
        }
    }
    let count = |name: &str| over[name].as_u64().expect("a count");
    let sum = count("answered_count") + count("unanswered_count") + count("indeterminate_count");
    assert_eq!((sum, all.len() as u64), (count("recipients_count"), count("recipients_count")), "{over}");
}

#[test]
fn killed_in_the_middle_again_and_again_it_dials_nobody_twice_and_everybody_ends() {
    let setup = Setup::new().trunk("channels = 8").agent("ring_timeout_seconds = 2");
    let (mut switch, callees) = ring(setup);
    let phones = mixed();
    let path = make(&switch, &phones, json!({}));
    for rung in [10, 25, 40] {
        eventually("it dials", || (callees.rung() >= rung).then_some(()));
        switch.kill();
        switch.restart();
    }
    let over = until(&switch, &path, "completed");
    assert!(over["indeterminate_count"].as_u64() > Some(0), "calls were being set up: {over}");
    assert_all_ended(&switch, &path, &callees, &over);
}

#[test]
fn stopped_in_order_it_goes_on_with_nobody_lost() {
    let setup = Setup::new().trunk("channels = 4").agent("ring_timeout_seconds = 1");
    let (mut switch, callees) = ring(setup);
    let path = make(&switch, &numbers(Persona::NoAnswer, 14), json!({}));
    eventually("it dials", || (callees.rung() >= 4).then_some(()));
    switch.terminate();
    assert!(switch.await_exit().success());
    let rung = callees.rung();
    assert!(rung < 14, "it did not wait for the campaign");
    switch.restart();
    let over = until(&switch, &path, "completed");
    assert_eq!((&over["unanswered_count"], callees.rung()), (&json!(14), 14), "{over}");
    assert_all_ended(&switch, &path, &callees, &over);
    assert_eq!(switch.complaints(), Vec::<String>::new());
}

#[test]
fn a_paused_campaign_stays_paused_over_a_restart_and_a_scheduled_one_scheduled() {
    let (mut switch, callees) = ring(Setup::new());
    let later = json!({ "schedule_type": "schedule", "scheduled_date": "2099-01-01" });
    let scheduled = make(&switch, &numbers(Persona::Busy, 2), later.clone());
    let paused = make(&switch, &numbers(Persona::Busy, 2), later);
    order(&switch, &paused, "launch");
    until(&switch, &paused, "completed");
    let paused = make(
        &switch,
        &numbers(Persona::Declines, 2),
        json!({ "schedule_type": "schedule", "scheduled_date": "2099-01-01" }),
    );
    order(&switch, &paused, "pause");
    switch.kill();
    switch.restart();
    // Somebody else's turn comes, and theirs does not.
    let other = make(&switch, &numbers(Persona::HangsUp, 1), json!({}));
    until(&switch, &other, "completed");
    for (path, status) in [(&scheduled, "scheduled"), (&paused, "paused")] {
        let now = read(&switch, path);
        assert_eq!((&now["status"], &now["queued_count"]), (&json!(status), &json!(2)), "{now}");
    }
    assert_eq!(callees.rung(), 3);
}

#[test]
fn a_campaign_whose_number_is_gone_fails_and_can_be_launched_again() {
    let (mut switch, callees) = ring(Setup::new());
    let later = json!({ "schedule_type": "schedule", "scheduled_date": "2099-01-01" });
    let path = make(&switch, &numbers(Persona::Busy, 2), later);
    switch.kill();
    switch.restart_with("outbound = true", "outbound = false");
    order(&switch, &path, "launch");
    let failed = until(&switch, &path, "failed");
    assert_eq!(
        (&failed["status_reason"], &failed["queued_count"]),
        (&json!("from_number_not_found"), &json!(2))
    );
    assert_eq!(callees.rung(), 0);
    switch.kill();
    switch.restart_with("outbound = false", "outbound = true");
    assert_eq!(order(&switch, &path, "launch").status, 200);
    let over = until(&switch, &path, "completed");
    assert_eq!((&over["status_reason"], callees.rung()), (&Value::Null, 2));
}
