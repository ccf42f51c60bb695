//! `call.completed`: once for every accepted call, signed, whatever becomes of the receiver meanwhile.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::ledger;
use crate::switch::{Delivery, Manner, Receiver, SECRET, Setup, Switch, eventually};

fn busy(switch: &Switch) -> String {
    let call = switch.call_with(json!({ "to_number": number(Persona::Busy), "metadata": { "order": 5 } }));
    switch.call_until_ended(&call);
    call
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// As a receiver would: both signatures from the documents alone.
fn verify(delivery: &Delivery, secret: &str) {
    let header =
        |name: &str| delivery.headers.get(name).unwrap_or_else(|| panic!("no {name}: {delivery:?}")).as_str();
    let (time, signature) = header("x-nixflex-signature").split_once(",v1=").expect("t=…,v1=…");
    let time = time.strip_prefix("t=").expect("t=…");
    let expected = hex::encode(mac(secret.as_bytes(), &[time.as_bytes(), b".", &delivery.bytes]));
    assert_eq!(signature, expected);
    let (id, stamp) = (header("webhook-id"), header("webhook-timestamp"));
    assert_eq!(stamp, time);
    let signed = mac(secret.as_bytes(), &[id.as_bytes(), b".", stamp.as_bytes(), b".", &delivery.bytes]);
    assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(signed)));
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    let stamp: u64 = stamp.parse().expect("seconds");
    assert!(now.abs_diff(stamp) < 120, "a receiver with a tolerance of minutes takes it");
    assert_eq!(header("content-type"), "application/json");
}

#[test]
fn every_accepted_call_is_told_once_flat_and_signed() {
    let receiver = Receiver::start();
    let number_hook = Receiver::start();
    let extra = format!(
        "[[number]]\ne164 = \"+15550000001\"\nagent = \"agent_demo\"\ntrunk = \"t1\"\noutbound = true\n\
         webhook_url = \"{}\"\n[[key]]\nface = \"nixflex\"\nid = \"nxf_second\"\nsecret = \"nxfs_of_the_second\"\n",
        number_hook.url()
    );
    let (switch, _callees) = ring(Setup::new().webhook(&receiver.url()).extra(&extra));
    let call = busy(&switch);
    let told = receiver.await_deliveries(1).remove(0);
    verify(&told, SECRET);
    let end = switch.get(&format!("/v1/calls/{call}")).json;
    assert_eq!(
        told.json,
        json!({
            "event": "call.completed", "call_id": call, "agent_id": end["agent_id"], "direction": "outbound",
            "from": end["from"], "to": number(Persona::Busy), "status": "busy", "ended_reason": "busy",
            "started_at": end["started_at"], "ended_at": end["ended_at"], "duration_seconds": 0,
            "transcript": [], "summary": null, "sentiment": null, "successful": null, "extracted": null,
            "metadata": { "order": 5 },
        })
    );
    // The number's own receiver goes before the agent's, and the key that asked signs.
    let body =
        crate::switch::outbound(json!({ "to_number": number(Persona::Busy), "from_number": "+15550000001" }));
    let headers = [("authorization", "Bearer nxf_second:nxfs_of_the_second")];
    let reply = switch.client().post_with("/v1/calls/outbound", body.to_string().into(), &headers);
    assert_eq!(reply.status, 201, "{reply:?}");
    verify(&number_hook.await_deliveries(1)[0], "nxfs_of_the_second");
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    assert_eq!((receiver.deliveries().len(), number_hook.deliveries().len()), (1, 1));
}

/// The same event on every try: its id and its bytes, each try signed anew.
fn assert_same_event(deliveries: &[Delivery]) {
    for delivery in deliveries {
        verify(delivery, SECRET);
        assert_eq!(delivery.headers["webhook-id"], deliveries[0].headers["webhook-id"]);
        assert_eq!(delivery.bytes, deliveries[0].bytes);
    }
}

#[test]
fn a_receiver_that_fails_is_tried_again_until_it_takes_it() {
    let receiver = Receiver::start();
    receiver.set(Manner::Answer(500));
    let (switch, _callees) = ring(Setup::new().webhook(&receiver.url()));
    let call = busy(&switch);
    receiver.await_deliveries(1);
    receiver.set(Manner::Answer(204));
    let deliveries = receiver.await_deliveries(2);
    assert_same_event(&deliveries);
    assert_eq!([deliveries[0].manner, deliveries[1].manner], [Manner::Answer(500), Manner::Answer(204)]);
    let metrics = switch.metrics_until("delivered", |metrics| {
        metrics.sum("trunkline_webhook_tries_total", &[("result", "delivered")]) == 1.0
    });
    assert_eq!(metrics.sum("trunkline_webhook_tries_total", &[("result", "retried")]), 1.0);
    eventually("it is written", || (ledger::row(&switch, &call)["delivered"] == 1).then_some(()));
    assert_eq!(receiver.deliveries().len(), 2);
}

#[test]
fn the_log_tells_of_an_event_that_is_given_up_and_not_the_path_which_may_be_a_secret() {
    let receiver = Receiver::start();
    receiver.set(Manner::Answer(410));
    let (switch, _callees) = ring(Setup::new().webhook(&receiver.url()));
    busy(&switch);
    switch.log_until("event given up");
    let log = switch.whole_log();
    let told = log.lines().find(|line| line.contains("event given up")).expect("it was said just now");
    let host = receiver.url().replace("/hook", "");
    assert!(told.contains("delivery=1 ") && told.contains(&host), "{told}");
    assert!(!log.contains("/hook"), "{log}");
}

#[test]
fn a_receiver_that_is_down_across_a_restart_hears_of_the_call_when_it_is_up() {
    let mut receiver = Receiver::start();
    receiver.stop();
    let (mut switch, callees) = ring(Setup::new().webhook(&receiver.url()));
    let calls = [busy(&switch), busy(&switch)];
    switch.metrics_until("a try that failed", |metrics| {
        metrics.sum("trunkline_webhook_tries_total", &[("result", "retried")]) >= 1.0
    });
    switch.terminate();
    assert!(switch.await_exit().success());
    switch.restart();
    receiver.resume();
    receiver.await_deliveries(2);
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
    for call in &calls {
        eventually("it is written", || (ledger::row(&switch, call)["delivered"] == 1).then_some(()));
        let told = receiver.deliveries_of(call);
        assert_eq!(told.len(), 1, "{told:?}");
        verify(&told[0], SECRET);
    }
    assert_eq!(callees.rung(), 2, "nobody was called again for it");
}

#[test]
fn a_receiver_that_hangs_keeps_neither_calls_nor_other_receivers_waiting() {
    let (hanging, prompt) = (Receiver::start(), Receiver::start());
    hanging.set(Manner::Hang);
    let extra = format!(
        "[[agent]]\nid = \"agent_prompt\"\nwebhook_url = \"{}\"\n[[number]]\ne164 = \"+15550000001\"\n\
         agent = \"agent_prompt\"\ntrunk = \"t1\"\noutbound = true\n",
        prompt.url()
    );
    let (switch, _callees) = ring(Setup::new().webhook(&hanging.url()).extra(&extra));
    for _ in 0..20 {
        switch.call_with(json!({ "to_number": number(Persona::Busy) }));
    }
    hanging.await_deliveries(1);
    let call = switch.call_with(json!({ "to_number": number(Persona::Busy), "agent_id": "agent_prompt" }));
    assert_eq!(prompt.await_deliveries(1)[0].json["call_id"], json!(call));
    assert!(hanging.deliveries().len() <= 8, "at most eight at once for one receiver");
}

/// A server that says the same to everybody, and counts them.
fn parrot(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    std::thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut head = [0; 4096];
                if stream.read(&mut head).is_ok_and(|read| read > 0) {
                    count.fetch_add(1, Ordering::Relaxed);
                    // Whoever hung up does not want the answer.
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        })
        .expect("a thread");
    (url, heard)
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start();
    let location = elsewhere.url();
    let (url, heard) = parrot(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ));
    let (switch, _callees) = ring(Setup::new().webhook(&url));
    busy(&switch);
    switch.metrics_until("a try that failed", |metrics| {
        metrics.sum("trunkline_webhook_tries_total", &[("result", "retried")]) == 1.0
    });
    assert_eq!((heard.load(Ordering::Relaxed), elsewhere.deliveries().len()), (1, 0));
}

#[test]
fn a_receiver_that_answers_without_end_is_cut_off() {
    let (url, _heard) =
        parrot(format!("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}", "x".repeat(200_000)));
    let (switch, _callees) = ring(Setup::new().webhook(&url));
    let call = busy(&switch);
    eventually("taken as delivered", || (ledger::row(&switch, &call)["delivered"] == 1).then_some(()));
}

#[test]
fn what_is_not_public_is_reached_only_if_it_is_allowed() {
    let receiver = Receiver::start();
    let port = receiver.url().rsplit(':').next().expect("a port and a path").to_owned();
    // By address, by name, and by the ways of writing 127.0.0.1 that a guard may overlook.
    let hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"];
    let agents: String = (0..)
        .zip(hosts)
        .map(|(n, host)| {
            format!(
                "[[agent]]\nid = \"agent_{n}\"\nwebhook_url = \"http://{host}:{port}\"\n[[number]]\n\
                 e164 = \"+1555000000{n}\"\nagent = \"agent_{n}\"\ntrunk = \"t1\"\noutbound = true\n"
            )
        })
        .collect();
    let (mut switch, _callees) = ring(Setup::new().extra(&agents));
    switch.kill();
    switch.restart_with("allow_addresses = [\"127.0.0.0/8\"]", "allow_addresses = []");
    let calls: Vec<_> = (0..hosts.len())
        .map(|n| {
            switch.call_with(json!({ "to_number": number(Persona::Busy), "agent_id": format!("agent_{n}") }))
        })
        .collect();
    calls.iter().for_each(|call| drop(switch.call_until_ended(call)));
    switch.metrics_until("tries that failed", |metrics| {
        metrics.sum("trunkline_webhook_tries_total", &[("result", "retried")]) >= hosts.len() as f64
    });
    assert_eq!(receiver.deliveries().len(), 0);
    for (call, host) in calls.iter().zip(hosts) {
        // Its beginning and its end, of which the API tells a moment before it is on disk.
        let row: Value = ledger::ended(&switch, call);
        assert_eq!((&row["events"], &row["delivered"]), (&json!(2), &json!(0)), "{host}");
    }
}
