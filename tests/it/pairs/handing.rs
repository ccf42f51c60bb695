//! An agent's place is taken: warm, attended, or by whoever is the agent at a SIP endpoint.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::setting::{Stage, ended, party};
use crate::callees::Callees;
use crate::switch::{Place, Reply, Setup, Sipp, Switch, eventually};

const WAITS: &str = r#"[{"pause":{"seconds":60}}]"#;

fn transfer(stage: &Stage, call: &str, body: Value) -> Reply {
    let uri = format!("sip:desk@{}", stage.switch.place.second_sip());
    let text = body.to_string().replace("URI", &uri);
    stage.switch.client().any("POST", &format!("/v1/native/calls/{call}/transfer"), text.into_bytes(), &[])
}

fn talking(stage: &Stage, call: &str) {
    eventually("the call talks", || {
        let asked = stage.program.asked().iter().any(|question| question.path == "/answer");
        let state = stage.switch.get(&format!("/v1/native/calls/{call}")).json["state"].clone();
        (asked && state == "answered").then_some(())
    });
}

#[test]
fn a_warm_transfer_whispers_and_puts_through() {
    let stage = Stage::start(Setup::new(), WAITS);
    let desk = Sipp::run(stage.switch.place.second_sip(), "echo", &["-m", "1"]);
    let call = stage.call(Persona::Silent);
    talking(&stage, &call);
    let warm = json!({ "to": "URI", "mode": "warm", "whisper": { "text": "A caller for you." } });
    assert_eq!(transfer(&stage, &call, warm.clone()).status, 202);
    assert_eq!(transfer(&stage, &call, warm).status, 409, "one is under way");
    let told = stage.switch.get(&format!("/v1/native/calls/{call}")).json;
    assert_eq!(told["state"], "answered", "{told}");
    let newcomer = party(&stage.switch, &call, "answered");
    // Nobody is put on hold before it was told and put through.
    eventually("it was put through", || {
        let hold = format!("/v1/native/calls/{call}/hold");
        (stage.switch.client().post(&hold, &json!({})).status == 202).then_some(())
    });
    stage.switch.client().post(&format!("/v1/native/calls/{newcomer}/hangup"), &json!({}));
    desk.succeed(1);
    let (own, _) = ended(&stage.switch, &call);
    assert_eq!((&own["disposition"], &own["ended_by"]), (&json!("completed"), &json!("agent")), "{own}");
}

#[test]
fn a_transfer_that_is_called_off_or_finds_nobody_leaves_the_call_where_it_was() {
    let stage = Stage::start(Setup::new(), WAITS);
    let call = stage.call(Persona::Silent);
    talking(&stage, &call);
    let desk = Sipp::run(stage.switch.place.second_sip(), "busy-486", &["-m", "1"]);
    assert_eq!(transfer(&stage, &call, json!({ "to": "URI", "mode": "warm" })).status, 202);
    desk.succeed(1);
    let desk = Sipp::run(stage.switch.place.second_sip(), "desk-rings", &["-m", "1"]);
    eventually("another one may begin", || {
        let headers = json!({ "X-Case": "7" });
        let warm = json!({ "to": "URI", "mode": "warm", "ring_timeout_seconds": 60, "headers": headers });
        let reply = transfer(&stage, &call, warm);
        (reply.status == 202).then_some(())
    });
    party(&stage.switch, &call, "ringing");
    let cancel = format!("/v1/native/calls/{call}/transfer/cancel");
    desk.await_message("180 Ringing");
    assert_eq!(stage.switch.client().post(&cancel, &json!({})).status, 202);
    desk.succeed(1);
    let attended = transfer(&stage, &call, json!({ "to": "URI", "mode": "attended" }));
    assert_eq!(attended.status, 409, "nobody is there to consult: {attended:?}");
    stage.switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({}));
    let (own, parties) = ended(&stage.switch, &call);
    assert_eq!((&own["ended_by"], parties.len()), (&json!("operator"), 2), "{own}");
}

#[test]
fn an_agent_at_a_sip_endpoint_consults_and_is_let_go() {
    let (switch, callees, endpoint) = model("echo", "ringing");
    let to = crate::callees::number(Persona::Silent);
    let call = switch.call_with(json!({ "agent_id": "model", "to_number": to }));
    let order = |what: &str, body: Value| {
        switch.client().post(&format!("/v1/native/calls/{call}/{what}"), &body).status
    };
    party(&switch, &call, "answered");
    let attended = json!({ "to": to, "mode": "attended" });
    eventually("the agent is there", || (order("transfer", attended.clone()) == 202).then_some(()));
    eventually("it consults, and has done", || (order("transfer/complete", json!({})) == 202).then_some(()));
    endpoint.succeed(1);
    assert_eq!(order("hangup", json!({})), 202);
    let (own, parties) = ended(&switch, &call);
    assert_eq!((parties.len(), &own["ended_by"]), (2, &json!("operator")), "{own}");
    callees.await_over(2);
}

#[test]
fn an_agent_at_a_sip_endpoint_talks_with_the_callee() {
    let (switch, callees, endpoint) = model("human", "answer");
    let to = crate::callees::number(Persona::Person);
    let call = switch.call_with(json!({ "agent_id": "model", "to_number": to }));
    endpoint.succeed(1);
    let (own, parties) = ended(&switch, &call);
    assert_eq!(parties.len(), 1, "{own}");
    assert_eq!(parties[0]["sip"]["trunk"], "t2");
    assert!(own["dead_air_ms"].is_u64(), "the callee heard it: {own}");
    callees.await_over(1);
}

#[test]
fn an_agent_at_a_sip_endpoint_that_is_called_at_the_verdict_greets_a_person() {
    let (switch, callees, endpoint) = model("human", "verdict");
    let to = crate::callees::number(Persona::Person);
    let call = switch.call_with(json!({ "agent_id": "model", "to_number": to }));
    endpoint.succeed(1);
    let (own, parties) = ended(&switch, &call);
    assert_eq!((&own["verdict"]["class"], parties.len()), (&json!("human"), 1), "{own}");
    let at = |record: &Value, what: &str| record[what].as_str().expect("a time").to_owned();
    assert!(at(&own, "answered_at") < at(&parties[0], "created_at"), "{own} {parties:?}");
    assert!(own["dead_air_ms"].is_u64(), "its greeting was heard: {own}");
    callees.await_over(1);
}

/// A switch whose agent `model` is what answers the second trunk by this scenario.
fn model(scenario: &str, call_at: &str) -> (Switch, Callees, Sipp) {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let endpoint = Sipp::run(place.second_sip(), scenario, &["-m", "1"]);
    let setup = Setup::new().second("sip_users = [\"desk\"]").agent("amd = {}\nrecord = true").extra(&format!(
        "[[agent]]\nid = \"model\"\nrecord = true\n[agent.sip]\nuri = \"sip:desk@{}\"\ncall_at = \"{call_at}\"\nheaders = {{ X-Case = \"7\" }}\n\
         [[number]]\ne164 = \"+447446466848\"\ntrunks = [{{ name = \"t1\" }}]\nagent = \"model\"\noutbound = true\n",
        place.second_sip()
    ));
    (setup.at(place).start(), callees, endpoint)
}
