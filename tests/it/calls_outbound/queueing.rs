//! Over a limit a call is accepted and waits for room.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::switch::{Setup, Switch};

fn place(switch: &Switch, persona: Persona) -> String {
    switch.call_with(json!({ "to_number": number(persona) }))
}

fn status(switch: &Switch, call: &str) -> Value {
    switch.get(&format!("/v1/calls/{call}")).json["status"].clone()
}

/// One call at a time, whichever limit says so.
fn one_after_another(setup: Setup) {
    let (switch, callees) = ring(setup);
    let calls = [Persona::HangsUp, Persona::Busy, Persona::Declines].map(|persona| place(&switch, persona));
    assert_eq!(
        [status(&switch, &calls[1]), status(&switch, &calls[2])],
        ["queued", "queued"].map(Value::from)
    );
    assert_eq!(switch.metrics().sum("trunkline_calls_queued", &[]), 2.0);
    let ends = calls.each_ref().map(|call| switch.call_until_ended(call));
    let words = ends.each_ref().map(|end| end["status"].as_str().expect("a status"));
    assert_eq!(words, ["completed", "busy", "rejected"]);
    let time = |index: usize, name: &str| ends[index][name].as_str().expect("a time").to_owned();
    assert!(time(0, "ended_at") <= time(1, "ended_at") && time(1, "ended_at") <= time(2, "ended_at"));
    assert_eq!(callees.rung(), 3);
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
}

#[test]
fn a_full_key_makes_its_calls_wait_in_order() {
    one_after_another(Setup::new().key("concurrent = 1"));
}

#[test]
fn a_full_trunk_makes_its_calls_wait_in_order() {
    one_after_another(Setup::new().trunk("channels = 1"));
}

#[test]
fn a_full_switch_makes_its_calls_wait_in_order() {
    one_after_another(Setup::new().extra("[limits]\nconcurrent = 1"));
}

#[test]
fn calls_beyond_the_rate_leave_one_by_one() {
    let (switch, callees) = ring(Setup::new().trunk("cps = 4.0"));
    let calls: Vec<_> = (0..4).map(|_| place(&switch, Persona::Busy)).collect();
    for call in calls {
        assert_eq!(switch.call_until_ended(&call)["status"], "busy");
    }
    assert_eq!(callees.rung(), 4);
}
