//! SIGTERM drains, a second one ends what lives, SIGHUP reads the configuration again.

use rustix::process::Signal;
use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::ledger;
use crate::switch::{Client, Receiver, Setup, Switch, eventually, outbound};

fn talking(switch: &Switch, persona: Persona) -> String {
    let call = switch.call_with(json!({ "to_number": number(persona), "prompt": "Hello" }));
    let path = format!("/v1/calls/{call}");
    eventually("they talk", || (switch.get(&path).json["status"] == "in_progress").then_some(()));
    call
}

fn await_draining(switch: &Switch) {
    let reply =
        eventually("/readyz says so", || Some(switch.get("/readyz")).filter(|reply| reply.status == 503));
    assert_eq!(reply.json["reason"], "draining", "{reply:?}");
}

/// What the log says when something did not stop in time, or panicked.
fn assert_clean(switch: &Switch) {
    let log = switch.log();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

#[test]
fn sigterm_refuses_new_calls_lets_live_ones_finish_and_exits_with_0() {
    let receiver = Receiver::start();
    let (mut switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let call = talking(&switch, Persona::HangsUp);
    switch.terminate();
    await_draining(&switch);
    let refused = switch.post_outbound(&outbound(json!({})));
    let error = &refused.json["error"];
    assert_eq!(
        (refused.status, &error["type"], &error["code"]),
        (503, &json!("server_error"), &json!("draining")),
        "{refused:?}"
    );
    assert_eq!(refused.headers["retry-after"], "1");
    // Whoever watches may go on watching.
    assert_eq!(switch.get(&format!("/v1/calls/{call}")).status, 200);
    assert_eq!(switch.get("/livez").status, 200);
    assert!(switch.await_exit().success());
    assert_clean(&switch);
    let row = ledger::row(&switch, &call);
    assert_eq!((&row["state"], &row["disposition"]), (&json!("ended"), &json!("callee_hangup")));
    callees.await_over(1);
    assert_eq!(callees.rung(), 1);
    // It was written before the exit; what was not told before is told by the next run.
    switch.restart();
    receiver.await_deliveries(1);
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    assert_eq!(receiver.deliveries_of(&call).len(), 1);
}

#[test]
fn a_second_sigterm_ends_live_calls_with_bye_and_cancel() {
    let (mut switch, callees) = ring(Setup::new());
    let (answered, ringing) = (talking(&switch, Persona::Silent), {
        let call = switch.call_with(json!({ "to_number": number(Persona::NoAnswer) }));
        let path = format!("/v1/calls/{call}");
        eventually("it rings", || (switch.get(&path).json["status"] == "ringing").then_some(()));
        call
    });
    // The file is made with the first frame.
    let recorded = || std::fs::read_dir(switch.data_dir().join("recordings")).ok()?.next()?.ok();
    eventually("it is recorded", recorded);
    switch.terminate();
    await_draining(&switch);
    assert!(!switch.has_exited(), "two calls live");
    switch.terminate();
    assert!(switch.await_exit().success());
    assert_clean(&switch);
    callees.await_over(2);
    for call in [&answered, &ringing] {
        let row = ledger::row(&switch, call);
        assert_eq!((&row["state"], &row["disposition"]), (&json!("ended"), &json!("interrupted")), "{row}");
    }
    let recording =
        ledger::row(&switch, &answered)["recording"].as_str().map(str::to_owned).expect("a recording");
    assert!(switch.data_dir().join(recording).exists());
}

#[test]
fn an_idle_switch_stops_at_once_on_sigterm_and_on_sigint() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut switch = Switch::start("");
        switch.signal(signal);
        assert!(switch.await_exit().success(), "{signal:?}");
        assert_clean(&switch);
    }
}

#[test]
fn calls_that_wait_for_room_end_when_the_drain_begins() {
    let (mut switch, callees) = ring(Setup::new().trunk("channels = 1"));
    let live = talking(&switch, Persona::HangsUp);
    let waiting = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    switch.terminate();
    assert!(switch.await_exit().success());
    let shown = |call: &str| ledger::row(&switch, call)["disposition"].clone();
    assert_eq!([shown(&live), shown(&waiting)], ["callee_hangup", "interrupted"].map(Value::from));
    assert_eq!(callees.rung(), 1);
}

#[test]
fn sighup_reads_numbers_and_agents_again_and_live_calls_go_on() {
    let (switch, callees) = ring(Setup::new());
    let live = talking(&switch, Persona::HangsUp);
    let new = json!({ "agent_id": "agent_new", "to_number": number(Persona::Busy) });
    assert_eq!(switch.post_outbound(&outbound(new.clone())).json["error"]["code"], "agent_not_found");
    let path = switch.folder().join("trunkline.toml");
    let before = std::fs::read_to_string(&path).expect("the configuration");
    let more = "[[agent]]\nid = \"agent_new\"\n[[number]]\ne164 = \"+15550000009\"\nagent = \"agent_new\"\n\
                trunk = \"t1\"\noutbound = true\n";
    std::fs::write(&path, format!("{before}{more}")).expect("written");
    switch.signal(Signal::HUP);
    let reply = eventually("the new agent is known", || {
        Some(switch.post_outbound(&outbound(new.clone()))).filter(|reply| reply.status == 201)
    });
    assert_eq!(reply.json["from"], "+15550000009");
    // A configuration that is wrong changes nothing, and is told in the log.
    std::fs::write(&path, format!("{before}{more}[[number]]\ne164 = \"12\"\n")).expect("written");
    switch.signal(Signal::HUP);
    switch.log_until("the configuration stays as it was");
    assert_eq!(switch.post_outbound(&outbound(new)).status, 201);
    // What is taken out is gone.
    std::fs::write(&path, before).expect("written");
    switch.signal(Signal::HUP);
    eventually("the agent is gone", || {
        let reply = switch.post_outbound(&outbound(json!({ "agent_id": "agent_new" })));
        (reply.json["error"]["code"] == "agent_not_found").then_some(())
    });
    assert_eq!(switch.call_until_ended(&live)["ended_reason"], "caller_hangup");
    assert!(callees.rung() >= 2);
}

#[test]
fn sighup_takes_over_limits_and_the_logs_filter_and_names_what_waits_for_the_next_start() {
    let quiet = "[limits]\nconcurrent = 1\n[log]\nfilter = \"warn\"";
    let (switch, _callees) = ring(Setup::new().agent("silence_hangup_seconds = 45").extra(quiet));
    let live = talking(&switch, Persona::Silent);
    let waiting = switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    switch.metrics_until("it waits", |metrics| metrics.sum("trunkline_calls_queued", &[]) == 1.0);
    assert!(!switch.log().contains(" INFO "), "{}", switch.log());
    let path = switch.folder().join("trunkline.toml");
    let before = std::fs::read_to_string(&path).expect("the configuration");
    let loud = "[limits]\nconcurrent = 2\n[log]\nfilter = \"info\"";
    assert!(before.contains(quiet) && before.contains("workers = 1\n"), "{before}");
    std::fs::write(&path, before.replace(quiet, loud).replace("workers = 1\n", "workers = 2\n"))
        .expect("written");
    switch.signal(Signal::HUP);
    assert_eq!(switch.call_until_ended(&waiting)["status"], "busy");
    let log = switch.log_until("were read again");
    let waits: Vec<&str> =
        log.lines().filter(|line| line.contains("takes effect at the next start")).collect();
    assert!(waits.len() == 1 && waits[0].contains(" WARN "), "{waits:?}");
    assert!(waits[0].ends_with("media.workers changed: takes effect at the next start"), "{waits:?}");
    assert_eq!(switch.get(&format!("/v1/calls/{live}")).json["status"], "in_progress");
}

#[test]
fn what_is_accepted_while_the_drain_begins_is_over_before_the_exit() {
    let (mut switch, callees) = ring(Setup::new());
    let base = format!("http://{}", switch.place.http());
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let ask = || {
            let api = Client::new(&base);
            let body = outbound(json!({ "to_number": number(Persona::Busy) })).to_string();
            let mut accepted = Vec::new();
            while let Ok(reply) = api.try_post_with("/v1/calls/outbound", body.clone().into(), &[]) {
                match reply.status {
                    201 => accepted.push(reply.json["call_id"].as_str().expect("an id").to_owned()),
                    503 => break,
                    _ => panic!("{reply:?}"),
                }
            }
            accepted
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        eventually("the first forty calls", || (callees.rung() >= 40).then_some(()));
        switch.terminate();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    });
    assert!(switch.await_exit().success());
    assert_clean(&switch);
    for call in &accepted {
        let row = ledger::row(&switch, call);
        assert_eq!((&row["state"], &row["disposition"]), (&json!("ended"), &json!("busy")), "{call}: {row}");
    }
    assert_eq!(callees.rung(), accepted.len() as u64);
}

#[test]
fn sighup_leaves_whether_urls_may_be_plain_to_the_next_start() {
    let switch = Switch::start("");
    let endpoint = |url: &str| {
        let made = switch.client().post("/v1/native/webhook-endpoints", &json!({ "url": url }));
        assert_eq!(made.status, 201, "{made:?}");
    };
    endpoint("http://127.0.0.1:9/before");
    let path = switch.folder().join("trunkline.toml");
    let before = std::fs::read_to_string(&path).expect("the configuration");
    assert!(before.contains("allow_http = true"), "{before}");
    std::fs::write(&path, before.replace("allow_http = true", "allow_http = false")).expect("written");
    switch.signal(Signal::HUP);
    let log = switch.log_until("were read again");
    assert!(log.contains("webhooks.allow_http changed: takes effect at the next start"), "{log}");
    // What is declared already is no fault, and what is sent may be declared.
    assert_eq!(switch.complaints(), [""; 0]);
    endpoint("http://127.0.0.1:9/after");
}
