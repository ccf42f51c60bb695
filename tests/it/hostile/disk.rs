//! A disk that is full or broken: calls go on without it, and what is owed is paid when it can be.

use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::process::{Pid, Resource, Rlimit};
use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::pid;
use crate::callees::{number, ring};
use crate::ledger;
use crate::switch::{Metrics, Receiver, Setup, Switch, eventually, outbound};

/// A call that somebody answers, which ends as ever, without a recording and with the reason.
fn assert_unrecorded(switch: &Switch, call: &str, why: &str) {
    let end = switch.call_until_ended(call);
    assert_eq!(
        (&end["status"], &end["ended_reason"]),
        (&json!("completed"), &json!("caller_hangup")),
        "{end}"
    );
    assert_eq!(end["recording_url"], Value::Null);
    let warnings = end["warnings"].as_array().expect("a list");
    let warned = warnings.iter().any(|warning| {
        warning.as_str().is_some_and(|text| text.starts_with("the recording failed") && text.contains(why))
    });
    assert!(warned, "`{why}`: {end}");
    let reply = switch.get(&format!("/v1/calls/{call}/recording"));
    assert_eq!((reply.status, &reply.json["error"]["code"]), (404, &json!("recording_not_found")));
}

#[test]
fn a_full_disk_costs_the_recording_and_not_the_call() {
    let (switch, callees) = ring(Setup::new());
    let busy = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    assert_eq!(switch.call_until_ended(&busy)["status"], "busy");
    // Where the next calls' recordings will be, no byte finds room.
    let recordings = switch.data_dir().join("recordings");
    for id in 2..=3 {
        symlink("/dev/full", recordings.join(format!("CA{id:032x}.wav"))).expect("a link");
    }
    let calls =
        [0; 3].map(|_| switch.call_with(json!({ "to_number": number(Persona::HangsUp), "prompt": "Hello" })));
    for call in &calls[..2] {
        assert_unrecorded(&switch, call, "no storage space");
    }
    assert!(switch.call_until_ended(&calls[2])["recording_url"].is_string(), "its neighbour is whole");
    // One line tells of it, and those that fail soon after are counted.
    switch.log_until("a call's recording failed");
    let told = switch.complaints();
    assert!(told.len() == 1 && told[0].contains("a call's recording failed call="), "{told:?}");
    assert!(told[0].contains("reason=\"no storage space\""), "{told:?}");
    callees.await_over(4);
    let recorded = |metrics: &Metrics| {
        ["trunkline_recordings_total", "trunkline_recordings_failed_total"].map(|name| metrics.sum(name, &[]))
    };
    // Of who did not answer there is none.
    let metrics =
        switch.metrics_until("nothing left", |metrics| metrics.is_idle() && recorded(metrics) == [3.0, 2.0]);
    assert_eq!(metrics.ended("callee_hangup"), 3.0);
}

#[test]
fn a_folder_that_is_gone_costs_the_recording_and_not_the_call() {
    let (switch, _callees) = ring(Setup::new());
    std::fs::remove_dir(switch.data_dir().join("recordings")).expect("removed");
    let call = switch.call_with(json!({ "to_number": number(Persona::HangsUp), "prompt": "Hello" }));
    assert_unrecorded(&switch, &call, "not found");
}

/// The most that a file of the switch may grow to, as a disk would that is full.
fn limit(switch: &Switch, bytes: Option<u64>) {
    let pid = Pid::from_raw(pid(switch));
    rustix::process::prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None })
        .expect("our own child");
}

#[test]
fn a_disk_that_takes_nothing_more_refuses_new_calls_and_keeps_the_end_of_live_ones() {
    let receiver = Receiver::start();
    let (switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let call = switch.call_with(json!({ "to_number": number(Persona::HangsUp), "prompt": "Hello" }));
    eventually("the answer is on disk", || {
        (ledger::row(&switch, &call)["state"] == "answered").then_some(())
    });
    limit(&switch, Some(1));
    let refused = eventually("new calls are refused", || {
        Some(switch.post_outbound(&outbound(json!({ "to_number": number(Persona::Busy) }))))
            .filter(|reply| reply.status != 201)
    });
    assert_eq!(
        (refused.status, &refused.json["error"]["code"]),
        (500, &json!("storage_failed")),
        "{refused:?}"
    );
    let ready = switch.get("/readyz");
    assert_eq!(
        (ready.status, &ready.json["reason"]),
        (503, &json!("the database takes no writes at present"))
    );
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "caller_hangup");
    callees.await_over(1);
    assert!(receiver.deliveries_of(&call).is_empty(), "what is not written is not told");
    limit(&switch, None);
    eventually("its end is told", || (receiver.deliveries_of(&call).len() == 1).then_some(()));
    eventually("it is ready again", || (switch.get("/readyz").status == 200).then_some(()));
    let next = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    assert_eq!(switch.call_until_ended(&next)["status"], "busy");
    assert_eq!(ledger::ended(&switch, &call)["disposition"], "callee_hangup");
    assert!(!switch.whole_log().contains("panicked"));
}

#[test]
fn a_disk_that_fills_during_a_call_leaves_what_it_took_of_the_recording() {
    let (switch, _callees) = ring(Setup::new());
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent) }));
    let file = switch.data_dir().join("recordings").join(format!("{call}.wav"));
    eventually("a part of it is on disk", || {
        let is_begun = std::fs::metadata(&file).is_ok_and(|file| file.len() > 44);
        (is_begun && ledger::row(&switch, &call)["state"] == "answered").then_some(())
    });
    limit(&switch, Some(1));
    switch.metrics_until("the recording failed", |metrics| {
        metrics.sum("trunkline_recordings_failed_total", &[]) == 1.0
    });
    limit(&switch, None);
    assert_eq!(
        switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({})).status,
        202,
        "the call went on"
    );
    let end = switch.call_until_ended(&call);
    let warned = end["warnings"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|warning| warning.as_str().is_some_and(|text| text.starts_with("the recording failed")));
    assert!(warned, "{end}");
    let recording = switch.recording(&end).expect("what was recorded before is to be had");
    assert!(!recording.callee.is_empty());
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "what people say is nobody else's to read");
    let path = format!("/v1/native/calls/{call}/recording");
    eventually("it is removed", || (switch.client().delete(&path).status == 204).then_some(()));
    assert!(!file.exists());
}

#[test]
fn the_folder_of_the_data_is_nobody_elses_to_read() {
    let switch = Switch::start("");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let data = switch.data_dir();
    assert_eq!((mode(&data), mode(&data.join("recordings"))), (0o700, 0o700));
    for secret in ["trunkline.db", "trunkline.key"] {
        assert_eq!(mode(&data.join(secret)) & 0o077, 0, "{secret}");
    }
}
