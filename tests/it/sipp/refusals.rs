//! Refusals, and what each makes of the call.

use serde_json::json;

use super::{TRUNK_FAILED, play, play_as, play_with, usual};
use crate::switch::Setup;

#[test]
fn a_busy_callee_is_busy() {
    let told = play("busy-486", ("busy", "busy"));
    assert!(told.record["answered_at"].is_null());
    assert_eq!(told.record["duration_seconds"], 0);
}

#[test]
fn a_603_is_a_rejection() {
    play("decline-603", ("rejected", "rejected"));
}

#[test]
fn a_603_of_the_network_is_a_block() {
    play("network-blocked-603", ("network_blocked", "network_blocked"));
}

#[test]
fn a_404_is_nobodys_number() {
    play_as(usual(), "not-found-404", json!({}), ("unreachable", "unreachable"), "invalid_number");
}

#[test]
fn a_480_yields_to_the_networks_cause() {
    play_as(usual(), "unavailable-480", json!({}), ("unreachable", "unreachable"), "invalid_number");
}

#[test]
fn a_503_is_the_trunks_failure() {
    play("unavailable-503", TRUNK_FAILED);
}

#[test]
fn a_redirection_is_not_followed() {
    let told = play("redirect-302", ("unreachable", "unreachable"));
    assert_eq!(told.metrics.sip("invites_sent_total"), 1.0);
}

#[test]
fn another_service_is_not_what_was_asked_for() {
    let told = play("alternative-380", ("unreachable", "unreachable"));
    assert_eq!(told.metrics.sip("invites_sent_total"), 1.0);
}

#[test]
fn a_trunk_that_never_says_a_word_has_failed() {
    // Timer B: 64 × T1 (RFC 3261 §17.1.1.2).
    let setup = Setup::new().sip("t1_ms = 20\nt2_ms = 80\nt4_ms = 100");
    let told = play_with(setup, "silent", json!({}), TRUNK_FAILED);
    // Timer A doubles: 7 INVITEs at most, fewer where timers fire late, and each the same.
    let invites = told.report.requests("INVITE");
    assert!((5..=7).contains(&invites.len()), "{} INVITEs", invites.len());
    assert!(invites.iter().all(|invite| invite == &invites[0]));
    assert_eq!(told.metrics.sip("request_retransmissions_sent_total"), invites.len() as f64 - 1.0);
    assert_eq!(told.metrics.sip("timeouts_total"), 1.0);
}
