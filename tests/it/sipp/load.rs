//! Many calls at once: none fails, none is left over.

use std::collections::BTreeSet;

use crate::switch::{Receiver, Setup, Sipp};

const CALLS: u64 = 200;

#[test]
fn two_hundred_calls_all_end_well() {
    let receiver = Receiver::start();
    let switch = Setup::new().webhook(&receiver.url()).start();
    let sipp = Sipp::run(switch.place.trunk_sip(), "load", &["-m", &CALLS.to_string()]);
    let calls: BTreeSet<String> = (0..CALLS).map(|_| switch.call()).collect();
    assert_eq!(calls.len(), CALLS as usize, "every call has an id of its own");
    let report = sipp.succeed(CALLS);
    assert_eq!(report.count("OutOfCallMsgs(C)"), 0);
    let metrics = switch.metrics_until("an idle switch", |metrics| {
        metrics.is_idle()
            && metrics.ended_all() == CALLS as f64
            && metrics.sip("messages_sent_total") == report.received() as f64
    });
    assert_eq!(metrics.ended("completed"), CALLS as f64);
    let told: Vec<String> = receiver
        .await_deliveries(CALLS as usize)
        .iter()
        .map(|delivery| delivery.json["call_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(told.len(), CALLS as usize);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), calls, "each call is told once");
}
