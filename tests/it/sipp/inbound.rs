//! What comes to the switch unasked: from the trunk, and from strangers.

use crate::switch::{Sipp, Switch, stranger};

#[test]
fn the_trunks_ping_is_answered() {
    let switch = Switch::start("");
    Sipp::towards(&switch.place, switch.place.trunk, "options").succeed(1);
}

#[test]
fn what_we_do_not_do_is_refused() {
    let switch = Switch::start("");
    Sipp::towards(&switch.place, switch.place.trunk, "unknown-methods").succeed(1);
}

#[test]
fn a_text_is_taken_and_stands_in_the_log_on_one_line_and_names_nobody() {
    let switch = towards("unasked-message");
    let log = switch.log_until("a carrier sent a message");
    let line = log.lines().find(|line| line.contains("a carrier sent a message")).expect("it is there");
    assert!(line.contains("Your balance is low.\\r\\nCall 0800*******."), "{line}");
    assert!(line.contains("<sip:+4420********@") && !line.contains("Accounts"), "{line}");
}

#[test]
fn what_is_told_unasked_is_taken_or_refused_by_its_kind() {
    towards("unasked-notify");
}

#[test]
fn a_subscription_is_refused() {
    towards("unasked-subscribe");
}

/// Requests by this scenario, which start no call, to the switch that is given.
fn towards(scenario: &str) -> Switch {
    let switch = Switch::start("");
    Sipp::towards(&switch.place, switch.place.trunk, scenario).succeed(1);
    let metrics = switch.metrics_until("nothing of it", |metrics| metrics.is_idle());
    assert_eq!((metrics.ended_all(), metrics.sip("malformed_total")), (0.0, 0.0));
    assert_eq!(switch.complaints(), [""; 0]);
    switch
}

#[test]
fn a_call_to_nobody_is_refused() {
    let switch = Switch::start("");
    Sipp::towards(&switch.place, switch.place.trunk, "invite-to-nobody").succeed(1);
    switch.metrics_until("nothing left of it", |metrics| {
        metrics.is_idle() && metrics.sip("invites_received_total") == 1.0 && metrics.ended_all() == 0.0
    });
}

#[test]
fn strangers_get_no_answer() {
    let switch = Switch::start("");
    Sipp::towards(&switch.place, stranger(&switch.place), "stranger").succeed(1);
    let metrics = switch.metrics_until("three strangers", |metrics| metrics.sip("strangers_total") == 3.0);
    assert_eq!(metrics.sip("messages_sent_total"), 0.0);
}
