//! What a trunk may cost in a day.

use serde_json::json;
use trunkline::simulator::Persona;

use super::callees::{number, ring};
use super::switch::{Setup, Switch, outbound};

fn refused(switch: &Switch) {
    let reply = switch.post_outbound(&outbound(json!({ "to_number": number(Persona::Person) })));
    let error = &reply.json["error"];
    assert_eq!((reply.status, error["code"].as_str()), (502, Some("outbound_failed")), "{reply:?}");
    let why = error["details"]["twilio_error"].as_str().unwrap_or_default();
    assert!(why.contains("has spent what it may cost today"), "{why}");
}

#[test]
fn a_days_money_is_spent_once_even_over_a_crash() {
    let began = today();
    let money = "spend = { per_day = \"0.025\", per_minute = \"0.01\" }";
    let (mut switch, callees) = ring(Setup::new().trunk(money));
    // Who is busy costs nothing.
    let busy = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    switch.call_until_ended(&busy);
    for _ in 0..2 {
        let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
        let record = switch.call_until_ended(&call);
        assert!(!record["answered_at"].is_null(), "{record}");
    }
    // Midnight brings new money.
    if today() != began {
        return;
    }
    refused(&switch);
    callees.await_over(3);
    switch.kill();
    switch.restart();
    refused(&switch);
}

/// Days since 1970.
fn today() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() / 86_400
}
