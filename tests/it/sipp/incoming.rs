//! Calls that come in: the number's agent answers them, or they are turned away with the status that says why.

use std::net::SocketAddrV4;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::challenged::{Algorithm, Challenged};
use super::usual;
use crate::ledger;
use crate::switch::caller::{self, Told};
use crate::switch::{FROM, Receiver, Setup, Sipp, Switch, eventually, spoken_ms, stranger};

/// The only call, once it has ended.
fn only_call(switch: &Switch) -> Value {
    let calls = eventually("a call", || {
        let reply = switch.get("/v1/calls?direction=inbound");
        (reply.json["count"] == 1).then_some(reply.json)
    });
    switch.call_until_ended(calls["calls"][0]["call_id"].as_str().expect("a call_id"))
}

fn ended_as(record: &Value, status: &str, reason: &str) {
    assert_eq!((&record["status"], &record["ended_reason"]), (&json!(status), &json!(reason)), "{record}");
    assert_eq!((&record["direction"], &record["to"]), (&json!("inbound"), &json!(FROM)), "{record}");
}

/// One call by this scenario, which must end so; its record.
fn play(setup: Setup, scenario: &str, status: &str, reason: &str) -> (Switch, Value) {
    let receiver = Receiver::start();
    let switch = setup.webhook(&receiver.url()).start();
    Sipp::towards(&switch.place, switch.place.trunk, scenario).succeed(1);
    let record = only_call(&switch);
    ended_as(&record, status, reason);
    switch.metrics_until("an idle switch that told of the call", |metrics| {
        metrics.is_idle() && metrics.sum("trunkline_webhook_tries_total", &[("result", "delivered")]) == 1.0
    });
    let told = receiver.deliveries();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].json["event"], "call.completed");
    assert_eq!(told[0].json["direction"], "inbound");
    assert_eq!(told[0].json["ended_reason"], reason);
    assert_eq!(switch.complaints(), Vec::<String>::new());
    (switch, record)
}

/// A call by this scenario that is turned away: nothing of it is written down.
fn turned_away(switch: &Switch, scenario: &str) {
    Sipp::towards(&switch.place, switch.place.trunk, scenario).succeed(1);
    assert_eq!(switch.get("/v1/calls?direction=inbound").json["count"], 0);
}

fn answering() -> Setup {
    usual().answering("Hello [END_CALL]")
}

#[test]
fn the_numbers_agent_answers_speaks_and_hangs_up() {
    let (switch, record) = play(answering(), "inbound-answered", "completed", "completed");
    assert_eq!(record["from"], "+15550102030");
    assert_eq!((&record["sip_status"], &record["answered_by"]), (&json!(200), &Value::Null));
    let recording = switch.recording(&record).expect("an answered call is recorded");
    assert!(spoken_ms(&recording.agent) >= 200, "{} ms", spoken_ms(&recording.agent));
    assert_eq!(switch.get("/v1/calls?direction=outbound").json["count"], 0);
}

#[test]
fn a_number_is_known_however_the_trunk_writes_it() {
    play(answering(), "inbound-national", "completed", "completed");
}

#[test]
fn the_caller_may_hang_up() {
    play(usual().answering("Hello"), "inbound-hangs-up", "completed", "caller_hangup");
}

#[test]
fn an_invite_without_an_offer_gets_ours() {
    let (switch, record) = play(answering(), "inbound-offerless", "completed", "completed");
    let recording = switch.recording(&record).expect("an answered call is recorded");
    assert!(spoken_ms(&recording.agent) >= 200, "{} ms", spoken_ms(&recording.agent));
}

#[test]
fn an_ack_without_the_answer_we_wait_for_ends_the_call() {
    play(answering(), "inbound-offerless-unanswered", "failed", "trunk_failed");
}

#[test]
fn a_caller_who_gives_up_is_told_of_once() {
    let slow = answering().tts(r#"["sh", "-c", "sleep 20", "sh", "{wav_file}", "{text_file}"]"#);
    let (_, record) = play(slow, "inbound-cancelled", "no_answer", "no_answer");
    assert_eq!(record["sip_status"], 487);
}

#[test]
fn an_offer_that_we_cannot_meet_is_refused() {
    let (_, record) = play(answering(), "inbound-no-codec", "failed", "trunk_failed");
    assert_eq!(record["sip_status"], 488);
}

#[test]
fn an_offer_beside_isup_is_an_offer() {
    let (switch, record) = play(answering(), "inbound-multipart", "completed", "completed");
    let recording = switch.recording(&record).expect("an answered call is recorded");
    assert!(spoken_ms(&recording.agent) >= 200, "{} ms", spoken_ms(&recording.agent));
}

#[test]
fn an_offer_beside_what_must_be_understood_is_turned_away() {
    turned_away(&answering().start(), "inbound-multipart-required");
}

#[test]
fn no_free_channel_is_busy() {
    let switch = usual().answering("Hello").trunk("channels = 1").start();
    let held = Sipp::towards(&switch.place, switch.place.trunk, "inbound-held");
    eventually("the first is answered", || {
        let reply = switch.get("/v1/calls?direction=inbound");
        (reply.json["calls"][0]["status"] == "in_progress").then_some(())
    });
    let beside = SocketAddrV4::new(switch.place.trunk, 5082);
    Sipp::run(beside, "inbound-busy", &["-m", "1", &switch.place.sip().to_string()]).succeed(1);
    held.succeed(1);
    ended_as(&only_call(&switch), "completed", "caller_hangup");
}

#[test]
fn a_number_that_takes_no_calls_is_nobody() {
    let switch = usual().start();
    // 404 in place of the answer that the scenario waits for.
    let scenario = "inbound-unknown";
    turned_away(&switch, scenario);
}

#[test]
fn a_switch_that_drains_takes_no_call() {
    let switch = usual().answering("Hello").start();
    // One call keeps it from stopping.
    let held = Sipp::towards(&switch.place, switch.place.trunk, "inbound-held");
    eventually("the first is answered", || {
        let reply = switch.get("/v1/calls?direction=inbound");
        (reply.json["calls"][0]["status"] == "in_progress").then_some(())
    });
    switch.signal(Signal::TERM);
    eventually("it drains", || (switch.get("/readyz").status == 503).then_some(()));
    let beside = SocketAddrV4::new(switch.place.trunk, 5082);
    Sipp::run(beside, "inbound-draining", &["-m", "1", &switch.place.sip().to_string()]).succeed(1);
    held.succeed(1);
}

/// A switch that asks whoever is at no address of the trunk for a password.
fn locked() -> Switch {
    answering().trunk("inbound = { username = \"carrier\", password = \"known\" }").start()
}

#[test]
fn a_caller_from_elsewhere_proves_who_he_is() {
    let switch = locked();
    let from = SocketAddrV4::new(stranger(&switch.place), 5080);
    let told = caller::call(from, switch.place.sip(), FROM, ("carrier", "known"));
    assert!(matches!(told, Told::Talked), "{told:?}");
    ended_as(&only_call(&switch), "completed", "completed");
    let switch = locked();
    let from = SocketAddrV4::new(stranger(&switch.place), 5080);
    match caller::call(from, switch.place.sip(), FROM, ("carrier", "guessed")) {
        Told::Refused(failure) => assert_eq!(failure.status, Some(403), "{failure:?}"),
        told => panic!("{told:?}"),
    }
    assert_eq!(switch.get("/v1/calls?direction=inbound").json["count"], 0);
}

#[test]
fn a_caller_from_elsewhere_chooses_among_our_challenges() {
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        for (password, status) in [("known", 200), ("guessed", 403)] {
            let switch = locked();
            let told = Challenged::elsewhere(&switch.place).call("carrier", password, algorithm);
            assert_eq!(told, status, "{algorithm:?}");
            match status {
                200 => ended_as(&only_call(&switch), "completed", "completed"),
                _ => assert_eq!(switch.get("/v1/calls?direction=inbound").json["count"], 0),
            }
        }
    }
}

#[test]
fn keys_told_in_info_are_taken_and_fax_is_refused() {
    play(usual().answering("Hello"), "inbound-info-dtmf", "completed", "caller_hangup");
}

#[test]
fn a_trunk_without_leave_does_not_move_our_calls() {
    play(usual().answering("Hello"), "inbound-refer", "completed", "caller_hangup");
}

#[test]
fn killed_while_they_talk_a_bye_ends_the_callers_side_after_the_restart() {
    let receiver = Receiver::start();
    let mut switch = usual().answering("Hello").webhook(&receiver.url()).start();
    let sipp = Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered");
    let call = eventually("the answer is on disk", || {
        let call = switch.get("/v1/calls").json["calls"][0]["call_id"].as_str()?.to_owned();
        (ledger::row(&switch, &call)["state"] == "answered").then_some(call)
    });
    switch.kill();
    switch.restart();
    sipp.succeed(1);
    let record = switch.call_until_ended(&call);
    ended_as(&record, "failed", "interrupted");
    eventually("its event", || (ledger::row(&switch, &call)["delivered"] == 1).then_some(()));
    assert_eq!(receiver.deliveries_of(&call).len(), 1);
}
