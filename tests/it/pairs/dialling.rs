//! A program dials somebody for a callee.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::setting::{MINIVOICE, Stage, ended, party};
use crate::ledger;
use crate::switch::{Setup, Sipp, eventually, spoken_ms};

const BRIDGE: &str = r#"[{"bridge":{"to":"URI","action":"done","timeout":2,"headers":{"X-Case":"7"}}}]"#;

/// The second trunk answers by this scenario, and this comes of it: the program's word, the party's disposition.
fn comes_to(scenario: &str, word: &str, disposition: &str) -> Value {
    let stage = Stage::start(Setup::new(), BRIDGE);
    let desk = Sipp::run(stage.switch.place.second_sip(), scenario, &["-m", "1"]);
    let call = stage.call(Persona::Silent);
    desk.succeed(1);
    let (own, parties) = ended(&stage.switch, &call);
    assert_eq!(own["disposition"], "completed", "{own}");
    let [one] = parties.as_slice() else { panic!("one party was called: {parties:?}") };
    assert_eq!(one["disposition"], disposition, "{one}");
    assert!(one["to"].as_str().is_some_and(|to| to.starts_with("sip:desk@")), "{one}");
    let told = stage.bridged();
    let [told] = told.as_slice() else { panic!("one bridge: {told:?}") };
    assert_eq!(told["status"], word, "{told}");
    stage.callees.await_over(1);
    one.clone()
}

#[test]
fn who_hangs_up_first_lets_the_program_go_on() {
    comes_to("callee-bye", "completed", "callee_hangup");
}

#[test]
fn who_is_busy_declines_or_does_not_come_is_told_to_the_program() {
    comes_to("busy-486", "busy", "busy");
    comes_to("decline-603", "busy", "rejected");
    comes_to("desk-rings", "no-answer", "no_answer");
}

#[test]
fn a_party_belongs_to_the_application_whose_call_wished_for_it() {
    let stage = Stage::start(Setup::new(), BRIDGE);
    let desk = Sipp::run(stage.switch.place.second_sip(), "busy-486", &["-m", "1"]);
    let call = stage.call(Persona::Silent);
    desk.succeed(1);
    let (own, parties) = ended(&stage.switch, &call);
    let [own, party] = [&own, &parties[0]].map(|call| {
        let path = format!("/v1/calls/{}", call["call_id"].as_str().expect("an id"));
        let read = stage.switch.client().get_with(&path, &[("authorization", MINIVOICE)]);
        assert_eq!(read.status, 200, "{read:?}");
        read.json["application_id"].as_str().expect("an application").to_owned()
    });
    assert_eq!(own, party);
}

#[test]
fn a_caller_who_hangs_up_takes_back_the_ringing() {
    let actions = r#"[{"bridge":{"to":"URI","timeout":60,"headers":{"X-Case":"7"}}}]"#;
    let stage = Stage::start(Setup::new(), actions);
    let desk = Sipp::run(stage.switch.place.second_sip(), "desk-rings", &["-m", "1"]);
    let call = stage.call(Persona::Silent);
    party(&stage.switch, &call, "ringing");
    desk.await_message("180 Ringing");
    let reply = stage.switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({}));
    assert_eq!(reply.status, 202, "{reply:?}");
    desk.succeed(1);
    let (_, parties) = ended(&stage.switch, &call);
    assert_eq!(parties[0]["disposition"], "cancelled", "{parties:?}");
}

#[test]
fn a_hold_of_one_side_is_answered_there_and_the_other_goes_on() {
    for (scenario, last) in [("reinvite-hold", "CSeq: 2 ACK"), ("reinvite-inactive", "CSeq: 2 ACK")] {
        let stage =
            Stage::start(Setup::new().media("rtp_timeout_seconds = 30"), r#"[{"bridge":{"to":"URI"}}]"#);
        let desk = Sipp::run(stage.switch.place.second_sip(), scenario, &["-m", "1"]);
        let call = stage.call(Persona::Silent);
        party(&stage.switch, &call, "answered");
        // Its re-INVITEs are over before it waits for our BYE.
        desk.await_message(last);
        let reply = stage.switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({}));
        assert_eq!(reply.status, 202, "{reply:?}");
        desk.succeed(1);
        ended(&stage.switch, &call);
    }
}

#[test]
fn a_key_by_info_on_one_side_is_a_key_on_the_other() {
    let stage = Stage::start(Setup::new(), r#"[{"bridge":{"to":"URI"}}]"#);
    let desk = Sipp::run(stage.switch.place.second_sip(), "info-dtmf", &["-m", "1"]);
    let call = stage.call(Persona::Silent);
    eventually("the key", || (!stage.callees.keys().is_empty()).then_some(()));
    let party = party(&stage.switch, &call, "answered");
    let path = format!("/v1/native/calls/{party}/dtmf");
    assert_eq!(stage.switch.client().post(&path, &json!({ "digits": "12" })).status, 202);
    stage.switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({}));
    desk.succeed(1);
    ended(&stage.switch, &call);
    assert_eq!(stage.callees.keys().len(), 1, "{}", stage.callees.keys());
}

#[test]
fn what_one_says_the_other_hears_and_answers() {
    let actions = r#"[{"bridge":{"to":"URI","record":true}}]"#;
    let stage = Stage::start(Setup::new(), actions);
    // Each waits for the other's words before his own next ones.
    let desk = Sipp::run(stage.switch.place.second_sip(), "conversation", &["-m", "1"]);
    let call = stage.call(Persona::Person);
    party(&stage.switch, &call, "answered");
    let nixflex = format!("/v1/calls/{call}");
    let heard = eventually("two who hear each other out", || {
        let record = stage.switch.get(&nixflex).json;
        (record["status"] == "completed").then_some(record)
    });
    desk.succeed(1);
    let recording = stage.switch.recording(&heard).expect("it was recorded");
    let (callee, desk) = (spoken_ms(&recording.callee), spoken_ms(&recording.agent));
    assert!(callee > 1_000 && desk > 1_000, "{callee} ms on the one side, {desk} ms on the other");
    ended(&stage.switch, &call);
}

#[test]
fn killed_while_two_talk_both_get_bye_and_each_ends_once() {
    let mut stage = Stage::start(Setup::new(), r#"[{"bridge":{"to":"URI"}}]"#);
    let desk = Sipp::run(stage.switch.place.second_sip(), "echo", &["-m", "1"]);
    let call = stage.call(Persona::Silent);
    let party = party(&stage.switch, &call, "answered");
    for one in [&call, &party] {
        eventually("its dialog is on disk", || {
            ledger::row(&stage.switch, one)["dialog"].is_object().then_some(())
        });
    }
    stage.switch.kill();
    stage.switch.restart();
    desk.succeed(1);
    stage.callees.await_over(1);
    let (own, parties) = ended(&stage.switch, &call);
    assert_eq!(own["disposition"], "interrupted", "{own}");
    assert_eq!(parties.len(), 1);
    assert_eq!(parties[0]["disposition"], "interrupted", "{parties:?}");
}

#[test]
fn a_uri_that_no_trunk_allows_is_not_dialled() {
    for uri in ["sip:other@127.0.0.1:5080", "sip:desk@192.0.2.9", "+19005551234"] {
        let actions = format!(r#"[{{"bridge":{{"to":"{uri}","action":"done"}}}}]"#);
        let stage = Stage::start(Setup::new(), &actions);
        let call = stage.call(Persona::Silent);
        let (_, parties) = ended(&stage.switch, &call);
        assert_eq!(parties, [json!(null); 0]);
        assert_eq!(stage.bridged()[0]["status"], "failed");
    }
}

#[test]
fn each_leg_costs_its_own_rate_and_stands_in_the_ledger() {
    let rates = r#"
[billing]
enabled = true
default_balance = "10.00"
[[rate]]
prefix = "1"
per_minute = "0.012"
[[rate]]
prefix = "sip"
per_minute = "0.5"
"#;
    let stage = Stage::start(Setup::new().extra(rates), BRIDGE);
    let desk = Sipp::run(stage.switch.place.second_sip(), "callee-bye", &["-m", "1"]);
    let call = stage.call(Persona::Silent);
    desk.succeed(1);
    let (own, parties) = ended(&stage.switch, &call);
    assert_eq!(own["cost"]["charged_micros"], 12_000, "{own}");
    assert_eq!(parties[0]["cost"]["charged_micros"], 500_000, "{parties:?}");
    assert!(parties[0]["cost"]["held_micros"].as_i64() >= Some(500_000), "{parties:?}");
}

#[test]
fn who_cannot_pay_for_the_second_leg_has_none() {
    let rates = r#"
[billing]
enabled = true
default_balance = "0.40"
[[rate]]
prefix = "1"
per_minute = "0.001"
[[rate]]
prefix = "sip"
per_minute = "0.5"
"#;
    let stage = Stage::start(Setup::new().extra(rates), BRIDGE);
    let call = stage.call(Persona::Silent);
    let (own, parties) = ended(&stage.switch, &call);
    assert_eq!((&own["disposition"], parties.len()), (&json!("completed"), 0), "{own}");
    assert_eq!(stage.bridged()[0]["status"], "failed");
}
