//! `/metrics`, `/livez`, `/readyz`: for the operator's machines, without a key.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::switch::{Receiver, Setup, outbound};

#[test]
fn promtool_has_nothing_to_say_against_the_metrics() {
    let receiver = Receiver::start();
    let (switch, _callees) = ring(Setup::new().webhook(&receiver.url()));
    let idle = switch.get("/metrics");
    lint(&idle.text);
    for persona in [Persona::HangsUp, Persona::Busy] {
        let call = switch.call_with(json!({ "to_number": number(persona) }));
        switch.call_until_ended(&call);
    }
    assert_eq!(switch.post_outbound(&outbound(json!({ "agent_id": "nobody" }))).status, 400);
    assert_eq!(switch.get("/no/such/path").status, 404);
    receiver.await_deliveries(2);
    let metrics = switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    let text = switch.get("/metrics").text;
    lint(&text);
    assert_eq!((metrics.ended("callee_hangup"), metrics.ended("busy")), (1.0, 1.0));
    for (name, labels, value) in [
        ("trunkline_calls_started_total", &[("trunk", "t1")][..], 2.0),
        ("trunkline_calls_refused_total", &[("reason", "agent_not_found")], 1.0),
        ("trunkline_http_requests_total", &[("route", "/v1/calls/outbound"), ("status", "201")], 2.0),
        ("trunkline_http_requests_total", &[("route", "/v1/calls/outbound"), ("status", "400")], 1.0),
        ("trunkline_http_requests_total", &[("route", "none"), ("status", "404")], 1.0),
        ("trunkline_sip_invites_sent_total", &[], 2.0),
        ("trunkline_sip_answers_total", &[], 1.0),
        ("trunkline_call_ring_seconds_count", &[], 1.0),
        ("trunkline_call_duration_seconds_count", &[], 1.0),
        ("trunkline_call_setup_seconds_count", &[], 2.0),
        ("trunkline_webhook_tries_total", &[("result", "delivered")], 2.0),
        ("trunkline_build_info", &[], 1.0),
        ("trunkline_store_failures_total", &[], 0.0),
        ("trunkline_mailbox_dropped_total", &[], 0.0),
    ] {
        assert_eq!(metrics.sum(name, labels), value, "{name} {labels:?}");
    }
    // No number, no name, no address of anybody stands in a label.
    assert!(!text.contains("+1555") && !text.contains("agent_demo"), "{text}");
}

fn lint(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: apt-get install prometheus");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_operators_paths_need_no_key_and_say_what_they_are() {
    let (switch, _callees) = ring(Setup::new());
    for (path, key, value) in [("/livez", "status", "live"), ("/readyz", "status", "ready")] {
        let reply = switch.client().try_get(path).expect("an answer");
        assert_eq!((reply.status, &reply.json[key]), (200, &json!(value)), "{path}");
        assert_eq!(reply.headers["content-type"], "application/json");
    }
    let metrics = switch.get("/metrics");
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let ids: Vec<_> = (0..2).map(|_| switch.get("/livez").headers["x-request-id"].clone()).collect();
    assert_ne!(ids[0], ids[1], "every request has an id of its own");
}
