//! Whole calls with everybody who may answer: what reads say of them while they live and when they are over.

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::ledger;
use crate::switch::{Receiver, Setup, Switch, eventually};

fn read(switch: &Switch, call: &str) -> Value {
    let reply = switch.get(&format!("/v1/calls/{call}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json
}

#[test]
fn a_person_hears_the_agent_and_the_agent_ends_the_call() {
    let receiver = Receiver::start();
    let (switch, callees) =
        ring(Setup::new().webhook(&receiver.url()).agent("steps = [\"Bye. [END_CALL]\"]"));
    let call = switch.call_with(json!({ "to_number": number(Persona::Person), "prompt": "Hello" }));
    for status in ["ringing", "in_progress"] {
        eventually(status, || {
            let shown = read(&switch, &call);
            assert!(shown["ended_at"].is_null() && shown["recording_url"].is_null(), "{shown}");
            (shown["status"] == status).then_some(())
        });
    }
    let end = switch.call_until_ended(&call);
    assert_eq!((&end["status"], &end["ended_reason"]), (&json!("completed"), &json!("completed")), "{end}");
    assert_eq!((&end["voicemail_detected"], &end["transcript"]), (&json!(false), &json!([])));
    let times =
        ["started_at", "answered_at", "ended_at"].map(|name| end[name].as_str().expect("a time").to_owned());
    assert!(times.is_sorted(), "{times:?}");
    callees.await_over(1);
    assert_eq!(callees.rung(), 1);

    let told = receiver.await_deliveries(1);
    for name in [
        "call_id",
        "agent_id",
        "from",
        "to",
        "status",
        "ended_reason",
        "started_at",
        "ended_at",
        "duration_seconds",
    ] {
        assert_eq!(told[0].json[name], end[name], "{name}");
    }
    let metrics = switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    assert_eq!((metrics.ended("completed"), metrics.ended_all()), (1.0, 1.0));
    assert_eq!(metrics.sum("trunkline_call_dead_air_seconds_count", &[]), 1.0);

    // That its event was taken is written down after the receiver has answered.
    let row = eventually("the delivery", || {
        Some(ledger::ended(&switch, &call)).filter(|row| row["delivered"] != json!(0))
    });
    assert_eq!(
        [&row["state"], &row["ended_by"], &row["verdict"]],
        [&json!("ended"), &json!("agent"), &json!("human")]
    );
    assert_eq!((&row["sip_status"], &row["dialog"]), (&json!(200), &Value::Null));
    assert!(row["dead_air_ms"].is_u64(), "{row}");
    assert!(row["verdict_reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{row}");
    assert!(row["evidence"].as_object().is_some_and(|evidence| !evidence.is_empty()), "{row}");
    assert_eq!((&row["events"], &row["delivered"]), (&json!(1), &json!(1)));
}

/// Who answers, how the call ends in Nixflex's words, and the detector's last word.
const EVERYBODY: [(Persona, &str, &str, &str); 8] = [
    (Persona::Voicemail, "completed", "voicemail_detected", "machine"),
    (Persona::Busy, "busy", "busy", ""),
    (Persona::NoAnswer, "no_answer", "no_answer", ""),
    (Persona::Ivr, "completed", "voicemail_detected", "machine"),
    (Persona::Fax, "unreachable", "unreachable", "fax"),
    (Persona::Declines, "rejected", "rejected", ""),
    (Persona::Silent, "completed", "silence_timeout", "no_speech"),
    (Persona::HangsUp, "completed", "caller_hangup", ""),
];

#[test]
fn everybody_else_at_once_each_ends_as_he_is_meant_to() {
    let receiver = Receiver::start();
    let agent = "ring_timeout_seconds = 3\nsilence_hangup_seconds = 5";
    let (switch, callees) = ring(Setup::new().webhook(&receiver.url()).agent(agent));
    let calls = EVERYBODY
        .map(|(persona, ..)| switch.call_with(json!({ "to_number": number(persona), "prompt": "Hello" })));
    for (call, (persona, status, reason, verdict)) in calls.iter().zip(EVERYBODY) {
        let end = switch.call_until_ended(call);
        assert_eq!(
            (&end["status"], &end["ended_reason"]),
            (&json!(status), &json!(reason)),
            "{persona:?}: {end}"
        );
        assert_eq!(end["voicemail_detected"], reason == "voicemail_detected", "{persona:?}");
        assert_eq!(
            end["recording_url"].is_string(),
            status == "completed" || persona == Persona::Fax,
            "{end}"
        );
        assert_eq!(end["answered_at"].is_null(), end["duration_seconds"] == 0, "{persona:?}: {end}");
        let row = ledger::ended(&switch, call);
        if !verdict.is_empty() {
            assert_eq!(row["verdict"], verdict, "{persona:?}: {row}");
        }
    }
    callees.await_over(8);
    assert_eq!(callees.rung(), 8);
    receiver.await_deliveries(8);
    let metrics = switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    assert_eq!((metrics.ended_all(), metrics.sip("cancels_sent_total")), (8.0, 1.0));
    for call in &calls {
        assert_eq!(receiver.deliveries_of(call).len(), 1);
    }
}

#[test]
fn a_message_is_left_on_a_voicemail_that_asks_for_one_and_a_machine_can_be_ignored() {
    let (switch, _callees) = ring(Setup::new());
    let left = switch.call_with(json!({
        "to_number": number(Persona::Voicemail), "voicemail_action": "leave_message",
        "voicemail_message": "Please call us back.",
    }));
    let spoken = switch.call_with(json!({
        "to_number": number(Persona::Voicemail), "voicemail_action": "ignore", "prompt": "I will be brief. [END_CALL]",
    }));
    let end = switch.call_until_ended(&left);
    assert_eq!(end["ended_reason"], "voicemail_detected", "{end}");
    let row = ledger::ended(&switch, &left);
    assert_eq!(
        (&row["ended_by"], &row["verdict"]),
        (&json!("agent"), &json!("voicemail")),
        "the beep was heard"
    );
    let end = switch.call_until_ended(&spoken);
    assert_eq!(end["status"], "completed", "{end}");
    assert_ne!(end["ended_reason"], "voicemail_detected", "{end}");
    assert!(ledger::ended(&switch, &spoken)["dead_air_ms"].is_u64(), "the agent spoke");
}

#[test]
fn without_a_speech_program_the_call_ends_as_failed_and_says_so() {
    let (switch, callees) = ring(Setup::new().tts("[\"no-such-program\", \"{text_file}\", \"{wav_file}\"]"));
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    let end = switch.call_until_ended(&call);
    assert_eq!((&end["status"], &end["ended_reason"]), (&json!("failed"), &json!("agent_failed")), "{end}");
    callees.await_over(callees.rung());
    switch.log_until("no-such-program");
}

#[test]
fn nobody_at_the_trunk_is_the_trunks_failure() {
    // Timer B at 64 × T1 (RFC 3261 §17.1.1.2).
    let switch = Setup::new().sip("t1_ms = 20\nt2_ms = 80\nt4_ms = 100").start();
    let call = switch.call();
    let end = switch.call_until_ended(&call);
    assert_eq!((&end["status"], &end["ended_reason"]), (&json!("failed"), &json!("trunk_failed")), "{end}");
    assert_eq!(ledger::ended(&switch, &call)["ended_by"], "switch");
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
}
