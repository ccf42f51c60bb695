//! Calls that nobody answers in time, or too late.

use serde_json::json;

use super::{play_with, usual};
use crate::switch::Setup;

const NO_ANSWER: (&str, &str) = ("no_answer", "no_answer");

fn impatient() -> Setup {
    usual().agent(RING)
}

const RING: &str = "ring_timeout_seconds = 1";

#[test]
fn a_call_that_only_rings_is_cancelled() {
    let told = play_with(impatient(), "no-answer", json!({}), NO_ANSWER);
    assert_eq!(told.metrics.sip("cancels_sent_total"), 1.0);
    assert!(told.record["answered_at"].is_null());
}

#[test]
fn an_answer_that_races_our_cancel_is_acknowledged_and_ended() {
    let told = play_with(impatient(), "answer-races-cancel", json!({}), NO_ANSWER);
    assert_eq!(told.metrics.sip("answers_after_cancel_total"), 1.0);
}

#[test]
fn a_cancel_waits_for_the_first_sign_of_life() {
    let told = play_with(impatient(), "cancel-waits", json!({}), NO_ANSWER);
    assert_eq!(told.metrics.sip("cancels_sent_total"), 1.0);
}

#[test]
fn a_100_is_enough_to_cancel() {
    play_with(impatient(), "cancel-trying", json!({}), NO_ANSWER);
}

#[test]
fn a_refusal_that_races_our_cancel_is_acknowledged() {
    play_with(impatient(), "cancel-refused", json!({}), NO_ANSWER);
}

#[test]
fn a_cancel_that_is_lost_comes_again() {
    let setup = Setup::new().agent(RING).sip("t1_ms = 200");
    let told = play_with(setup, "cancel-lost", json!({}), NO_ANSWER);
    assert!(told.report.requests("CANCEL").len() > 1);
}

#[test]
fn a_call_whose_487_never_comes_is_over_all_the_same() {
    let setup = Setup::new().agent(RING).sip("t1_ms = 20\nt2_ms = 80\nt4_ms = 100");
    play_with(setup, "cancel-without-487", json!({}), NO_ANSWER);
}
