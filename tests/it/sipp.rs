//! Whole calls against sipp as the trunk: what RFC 3261 asks of a caller, scenario by scenario. Each test holds both sides
//! to their word: sipp's counts, the call's record, its one webhook, and the metrics.

mod answers;
mod cancels;
mod challenged;
mod challenges;
mod codecs;
mod dialogs;
mod identities;
mod inbound;
mod incoming;
mod load;
mod media;
mod refusals;
mod registering;
mod routing;
mod secure;
mod sessions;
mod transfers;
mod transports;

use serde_json::{Value, json};

use crate::switch::{Metrics, Receiver, Recording, Report, Setup, Sipp};

/// What is left of a call that is over.
struct Told {
    /// `GET /v1/calls/{id}`.
    record: Value,
    metrics: Metrics,
    report: Report,
    recording: Option<Recording>,
}

/// One call through this scenario, with the usual switch, that must end with this `status` and `ended_reason`.
fn play(scenario: &str, ended: (&str, &str)) -> Told {
    play_with(usual(), scenario, json!({}), ended)
}

/// A sipp that is starved of its core for a while takes an INVITE that comes again for an error of ours, so ours come
/// again late. Tests of repetition set T1 themselves.
fn usual() -> Setup {
    Setup::new().sip("t1_ms = 1000")
}

/// As [`play`], with this setup, and these fields in the request.
fn play_with(setup: Setup, scenario: &str, fields: Value, ended: (&str, &str)) -> Told {
    play_as(setup, scenario, fields, ended, disposition(ended.1))
}

/// As [`play_with`], where the switch's own word for the end is another.
fn play_as(setup: Setup, scenario: &str, fields: Value, ended: (&str, &str), disposition: &str) -> Told {
    let receiver = Receiver::start();
    let switch = setup.webhook(&receiver.url()).start();
    let sipp = Sipp::at(&switch.place, scenario);
    let call = switch.call_with(fields);
    let record = switch.call_until_ended(&call);
    let report = sipp.succeed(1);
    let shown = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((shown("status").as_str(), shown("ended_reason").as_str()), ended, "{record}");

    // Counts are shown up to a second late. Nothing is lost on loopback, so once both sides have counted the same
    // messages these are the last.
    let metrics = switch.metrics_until("an idle switch that told of the call", |metrics| {
        metrics.is_idle()
            && metrics.sum("trunkline_webhook_tries_total", &[("result", "delivered")]) >= 1.0
            && metrics.sum("trunkline_sip_datagrams_total", &[("result", "sent")]) == report.received() as f64
            && metrics.sip("messages_received_total") == report.sent() as f64
    });
    let deliveries = receiver.deliveries();
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    let event = &deliveries[0].json;
    assert_eq!((deliveries[0].path.as_str(), &event["event"]), ("/hook", &json!("call.completed")));
    for key in ["call_id", "status", "ended_reason", "duration_seconds", "ended_at"] {
        assert_eq!(event[key], record[key], "{key}");
    }
    assert_eq!(metrics.ended(disposition), 1.0, "{metrics:?}");
    assert_eq!(metrics.ended_all(), 1.0, "{metrics:?}");
    assert_eq!(metrics.sip("malformed_total"), 0.0);
    switch.await_no_media_ports();
    assert_eq!(switch.complaints(), [""; 0]);
    let recording = switch.recording(&record);
    Told { record, metrics, report, recording }
}

/// The switch's own word for Nixflex's `ended_reason`.
fn disposition(ended_reason: &str) -> &str {
    match ended_reason {
        "caller_hangup" => "callee_hangup",
        same => same,
    }
}

/// How a call ends whose agent has said all it had to say.
const COMPLETED: (&str, &str) = ("completed", "completed");
/// How a call ends when the callee hangs up.
const CALLEE_HANGUP: (&str, &str) = ("completed", "caller_hangup");
/// How a call ends that the trunk could not carry.
const TRUNK_FAILED: (&str, &str) = ("failed", "trunk_failed");

#[test]
fn every_scenario_is_played_and_listed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a text file of the repository");
    let list = |folder: &str| std::fs::read_dir(root.join(folder)).expect("a folder of the repository");
    let paths = |folder: &str| list(folder).map(|entry| entry.expect("a readable entry").path());
    let others = ["tests/it/scripts.rs", "tests/it/do_not_call.rs"].map(|path| root.join(path));
    let folders = ["tests/it/sipp", "tests/it/pairs", "tests/it/browser"];
    let tests: String = folders.into_iter().flat_map(paths).chain(others).map(|path| read(&path)).collect();
    let readme = read(&root.join("sipp-scenarios/README.md"));
    for path in paths("sipp-scenarios").filter(|path| path.extension().is_some_and(|ext| ext == "xml")) {
        let name = path.file_stem().expect("a file has a name").to_string_lossy();
        let played = name.starts_with("bench-") || tests.contains(&format!("\"{name}\""));
        assert!(played, "{name} is not played");
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in README.md");
    }
}
