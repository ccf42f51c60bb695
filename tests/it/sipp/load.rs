//! Many calls at once: none is lost, none is told twice, nothing is left over.

use std::collections::BTreeSet;

use super::usual;
use crate::switch::{Metrics, Receiver, Setup, Sipp};

/// So many calls through this scenario, placed one after the other as fast as the API takes them. Each ends, and is told,
/// once, and nothing is left of it.
fn storm(setup: Setup, scenario: &str, args: &[&str], count: usize) -> (Sipp, Metrics) {
    let receiver = Receiver::start();
    let switch = setup.webhook(&receiver.url()).start();
    let sipp = Sipp::run(switch.place.trunk_sip(), scenario, args);
    let calls: BTreeSet<String> = (0..count).map(|_| switch.call()).collect();
    assert_eq!(calls.len(), count, "every call has an id of its own");
    let metrics = switch.metrics_until("an idle switch", |metrics| {
        let delivered = metrics.sum("trunkline_webhook_tries_total", &[("result", "delivered")]);
        metrics.is_idle() && metrics.ended_all() == count as f64 && delivered == count as f64
    });
    switch.await_no_media_ports();
    assert_eq!(switch.complaints(), [""; 0]);
    let deliveries = receiver.deliveries();
    assert_eq!(deliveries.len(), count);
    let id =
        |delivery: &crate::switch::Delivery| delivery.json["call_id"].as_str().unwrap_or_default().into();
    assert_eq!(deliveries.iter().map(id).collect::<BTreeSet<String>>(), calls, "each call is told once");
    (sipp, metrics)
}

#[test]
fn two_hundred_calls_all_end_well() {
    let (sipp, metrics) = storm(usual(), "load", &["-m", "200"], 200);
    let report = sipp.succeed(200);
    assert_eq!(report.count("OutOfCallMsgs(C)"), 0);
    assert_eq!(metrics.ended("completed"), 200.0);
}

#[test]
fn calls_that_end_differently_are_not_mixed_up() {
    let (sipp, metrics) = storm(usual(), "mixed", &["-m", "60"], 60);
    let report = sipp.succeed(60);
    for (status, disposition) in [(200, "completed"), (486, "busy"), (500, "trunk_failed")] {
        let sent = report.final_answers(status);
        assert_eq!(metrics.ended(disposition), sent.len() as f64, "{disposition}: {sent:?}");
    }
}

#[test]
fn calls_survive_the_loss_of_every_tenth_message() {
    let setup = Setup::new().sip("t1_ms = 500");
    // sipp itself takes some of what comes again for errors, so nothing is asked of it here.
    let (_, metrics) = storm(setup, "load", &["-lost", "10"], 40);
    assert!(metrics.ended("completed") >= 30.0, "{metrics}");
}
