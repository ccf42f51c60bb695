//! Calls that nobody answers in time, or too late.

use serde_json::json;

use super::play_with;
use crate::switch::Setup;

const NO_ANSWER: (&str, &str) = ("no_answer", "no_answer");

fn impatient() -> Setup {
    Setup::new().agent("ring_timeout_seconds = 1")
}

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
