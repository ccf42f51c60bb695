//! Digest challenges (RFC 3261 §22, RFC 7616).

use super::{COMPLETED, TRUNK_FAILED, play};

#[test]
fn a_401_is_answered() {
    let told = play("challenge-401", COMPLETED);
    assert_eq!(told.metrics.sip("challenges_answered_total"), 1.0);
}

#[test]
fn a_407_is_answered() {
    play("challenge-407", COMPLETED);
}

#[test]
fn proxy_and_callee_may_both_ask() {
    play("challenge-407-then-401", COMPLETED);
}

#[test]
fn a_stale_nonce_is_replaced() {
    let told = play("stale-nonce", COMPLETED);
    assert_eq!(told.metrics.sip("challenges_answered_total"), 2.0);
}

#[test]
fn a_password_that_is_refused_is_not_tried_again() {
    let told = play("wrong-password", TRUNK_FAILED);
    assert_eq!(told.metrics.sip("challenges_answered_total"), 1.0);
}
