//! Reliable provisional responses (RFC 3262), UPDATE (RFC 3311), glare and session timers (RFC 4028).

use serde_json::json;

use super::{COMPLETED, TRUNK_FAILED, play, play_with, usual};
use crate::switch::{Setup, Sipp, Switch};

#[test]
fn what_comes_reliably_is_acknowledged_in_its_turn() {
    play("prack", COMPLETED);
}

#[test]
fn what_comes_again_is_absorbed_and_what_is_ahead_waits() {
    let told = play("prack-in-order", COMPLETED);
    assert_eq!(told.report.requests("PRACK").len(), 3);
}

#[test]
fn a_prack_may_be_challenged() {
    play("prack-challenged", COMPLETED);
}

#[test]
fn who_refuses_100rel_is_called_without_it() {
    let told = play("prack-required-420", COMPLETED);
    assert_eq!(told.report.requests("INVITE").len(), 2);
}

#[test]
fn each_fork_gets_its_own_pracks() {
    play("prack-forked", COMPLETED);
}

#[test]
fn an_update_before_the_answer_is_answered() {
    play("update-early", COMPLETED);
}

#[test]
fn an_update_before_anything_was_agreed_on_is_491() {
    play("update-early-491", COMPLETED);
}

#[test]
fn a_session_is_refreshed_by_update() {
    play_with(talking(), "session-timer-uac-refresher", json!({}), COMPLETED);
}

#[test]
fn a_session_is_refreshed_by_reinvite_where_update_is_not_heard() {
    play_with(talking(), "session-timer-reinvite", json!({}), COMPLETED);
}

#[test]
fn a_session_that_the_callee_refreshes_goes_on() {
    play_with(talking(), "session-timer-uas-refresher", json!({}), COMPLETED);
}

#[test]
fn a_longer_interval_is_taken_up() {
    play("session-timer-422", COMPLETED);
}

#[test]
fn the_same_longer_interval_again_is_a_refusal() {
    play("session-timer-422-endless", TRUNK_FAILED);
}

#[test]
fn a_session_that_nobody_refreshes_is_ended() {
    play_with(talking(), "session-timer-expires", json!({}), LOST);
}

#[test]
fn a_refresh_that_finds_no_dialog_ends_the_call() {
    play_with(talking(), "session-timer-481", json!({}), LOST);
}

#[test]
fn a_refresh_is_challenged_and_told_to_wait() {
    play_with(talking(), "session-timer-update-challenged", json!({}), COMPLETED);
}

#[test]
fn reinvites_that_cross_are_491() {
    play_with(talking(), "glare-491", json!({}), COMPLETED);
}

#[test]
fn another_proxy_is_not_used() {
    let told = play("use-proxy-305", TRUNK_FAILED);
    assert_eq!(told.metrics.sip("invites_sent_total"), 1.0);
}

#[test]
fn a_call_with_too_short_a_session_is_refused() {
    let switch = Switch::start("");
    Sipp::towards(&switch.place, switch.place.trunk, "session-too-small").succeed(1);
    switch.metrics_until("nothing left of it", |metrics| metrics.is_idle() && metrics.ended_all() == 0.0);
}

/// How a call ends whose dialog was lost.
const LOST: (&str, &str) = ("failed", "media_lost");

/// An agent that has more to say than the session timer takes: 2.4 s.
fn talking() -> Setup {
    usual().says("agent-goodbye")
}
