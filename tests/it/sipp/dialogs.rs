//! What the callee does within a call.

use serde_json::json;

use super::{CALLEE_HANGUP, COMPLETED, play, play_with, usual};
use crate::switch::{Setup, Sipp, eventually};

#[test]
fn the_callee_hangs_up() {
    play_with(talking(), "callee-bye", json!({}), CALLEE_HANGUP);
}

#[test]
fn the_callees_network_says_why_it_hung_up() {
    play_with(talking(), "callee-bye-reason", json!({}), CALLEE_HANGUP);
}

#[test]
fn both_hang_up_at_once() {
    play("crossing-bye", COMPLETED);
}

#[test]
fn a_reinvite_that_crosses_our_bye_is_refused() {
    play("reinvite-crossing-bye", COMPLETED);
}

#[test]
fn the_callee_holds_and_comes_back() {
    play_with(talking(), "reinvite-hold", json!({}), COMPLETED);
}

#[test]
fn a_reinvite_may_leave_its_question_open() {
    play_with(talking(), "reinvite-without-answer", json!({}), COMPLETED);
}

#[test]
fn a_reinvite_that_cannot_be_met_is_refused() {
    play_with(talking(), "reinvite-unusable", json!({}), COMPLETED);
}

#[test]
fn an_update_is_answered() {
    play_with(talking(), "update", json!({}), COMPLETED);
}

#[test]
fn what_we_do_not_do_is_refused_and_the_call_goes_on() {
    play_with(talking(), "unknown-in-dialog", json!({}), COMPLETED);
}

#[test]
fn a_bye_that_comes_again_is_answered_again() {
    play_with(talking(), "callee-bye-twice", json!({}), CALLEE_HANGUP);
}

#[test]
fn a_bye_of_another_dialog_ends_nothing() {
    play_with(talking(), "bye-of-another", json!({}), COMPLETED);
}

#[test]
fn a_bye_that_nobody_answers_ends_the_call() {
    let setup = Setup::new().sip("t1_ms = 20\nt2_ms = 80\nt4_ms = 100");
    let told = play_with(setup, "bye-unanswered", json!({}), COMPLETED);
    assert!(told.report.requests("BYE").len() > 3);
}

#[test]
fn a_callee_that_forgot_the_call_ends_it() {
    play("bye-481", COMPLETED);
}

#[test]
fn a_number_out_of_order_is_refused() {
    play_with(talking(), "cseq-out-of-order", json!({}), COMPLETED);
}

#[test]
fn an_info_is_answered() {
    play_with(talking(), "info-dtmf", json!({}), COMPLETED);
}

#[test]
fn who_is_held_by_us_is_told_so_and_taken_back() {
    ordered(usual(), "held-by-us", &[("hold", json!({})), ("resume", json!({}))]);
}

#[test]
fn who_refuses_to_be_held_goes_on_as_before() {
    ordered(usual(), "held-refused", &[("hold", json!({}))]);
}

#[test]
fn keys_go_by_info_where_the_trunk_wants_that() {
    ordered(usual().trunk("dtmf = \"info\""), "dtmf-by-info", &[("dtmf", json!({ "digits": "1#D" }))]);
}

/// One call through this scenario, to which this is done, one order when the one before is done; then the callee hangs up.
fn ordered(setup: Setup, scenario: &str, orders: &[(&str, serde_json::Value)]) {
    let switch = setup.start();
    let sipp = Sipp::at(&switch.place, scenario);
    let call = switch.call_with(json!({ "prompt": "Hello" }));
    for (verb, body) in orders {
        eventually(verb, || {
            let reply = switch.client().post(&format!("/v1/native/calls/{call}/{verb}"), body);
            // Until it is answered, or while the order before is under way.
            assert!([202, 409].contains(&reply.status), "{reply:?}");
            (reply.status == 202).then_some(())
        });
    }
    sipp.succeed(1);
    let record = switch.call_until_ended(&call);
    assert_eq!(record["ended_reason"], CALLEE_HANGUP.1, "{record}");
    assert_eq!(switch.complaints(), [""; 0]);
}

/// An agent that has more to say than the scenario takes: 2.4 s.
fn talking() -> Setup {
    usual().says("agent-goodbye")
}
