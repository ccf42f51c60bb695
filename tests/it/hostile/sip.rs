//! Datagrams at the SIP port: noise, torn and mutated messages, from strangers and from the trunk's own address.

use std::net::{Ipv4Addr, UdpSocket};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use trunkline::simulator::Persona;

use super::{assert_bounded, resident_mb, stranger};
use crate::callees::{number, ring};
use crate::switch::{Setup, Switch, eventually};

/// Valid ones, to be spoiled.
fn templates(switch: &Switch, from: Ipv4Addr) -> Vec<String> {
    let (to, host) = (switch.place.sip(), from);
    let head = |start: &str, cseq: &str, more: &str| {
        format!(
            "{start}\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK-x;rport\r\nFrom: <sip:x@{host}>;tag=1\r\n\
             To: <sip:y@{to}>\r\nCall-ID: x@{host}\r\nCSeq: {cseq}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:x@{host}:5060>\r\n{more}Content-Length: 0\r\n\r\n"
        )
    };
    vec![
        head(&format!("OPTIONS sip:{to} SIP/2.0"), "1 OPTIONS", ""),
        head(
            &format!("INVITE sip:+15550000001@{to} SIP/2.0"),
            "1 INVITE",
            "Content-Type: application/sdp\r\n",
        ),
        head(&format!("BYE sip:{to} SIP/2.0"), "2 BYE", "Reason: Q.850;cause=16\r\n"),
        head(&format!("CANCEL sip:{to} SIP/2.0"), "1 CANCEL", ""),
        head(
            &format!("REGISTER sip:{to} SIP/2.0"),
            "1 REGISTER",
            "Authorization: Digest username=\"a\", realm=\"\"\r\n",
        ),
        head(&format!("NONSENSE sip:{to} SIP/2.0"), "1 NONSENSE", "Require: 100rel, foo\r\n"),
        head("SIP/2.0 200 OK", "1 INVITE", "Record-Route: <sip:a;lr>, <sip:b;lr>\r\n"),
        head("SIP/2.0 401 Unauthorized", "1 INVITE", "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n"),
        head("SIP/2.0 180 Ringing", "1 INVITE", ""),
    ]
}

/// A message as it may come from a fuzzer, a broken gateway or an attacker.
fn spoiled(template: &str, dice: &mut StdRng) -> Vec<u8> {
    let fresh = format!("{:016x}", dice.random::<u64>());
    let mut bytes =
        template.replace("-x;", &format!("-{fresh};")).replace(": x@", &format!(": {fresh}@")).into_bytes();
    match dice.random_range(0..9) {
        0 => bytes.truncate(dice.random_range(0..bytes.len())),
        1 => (0..dice.random_range(1..40)).for_each(|_| {
            let at = dice.random_range(0..bytes.len());
            bytes[at] = dice.random();
        }),
        2 => {
            let header = "X-Filler: ".to_owned()
                + &"y".repeat(dice.random_range(1_000..60_000))
                + "\r\nContent-Length";
            bytes = String::from_utf8_lossy(&bytes).replacen("Content-Length", &header, 1).into_bytes();
        }
        3 => bytes = (0..dice.random_range(0..2_000)).map(|_| dice.random()).collect(),
        4 => {
            bytes = String::from_utf8_lossy(&bytes).replace("Length: 0", "Length: -99999999999").into_bytes()
        }
        5 => bytes = String::from_utf8_lossy(&bytes).replace(";tag=1", &";tag=".repeat(900)).into_bytes(),
        6 => {
            bytes = String::from_utf8_lossy(&bytes)
                .replace("\r\n", "\n")
                .replace("CSeq: ", "CSeq: 99999999999")
                .into_bytes()
        }
        7 => bytes = "Via: SIP/2.0/UDP a\r\n".repeat(2_500).into_bytes(),
        _ => {}
    }
    bytes.truncate(65_000);
    bytes
}

#[test]
fn calls_go_on_under_a_flood_of_spoiled_messages() {
    let (switch, callees) = ring(Setup::new());
    let sockets = [stranger(&switch), switch.place.trunk]
        .map(|from| (UdpSocket::bind((from, 0)).expect("an address of ours"), templates(&switch, from)));
    let before_mb = resident_mb(&switch);
    let mut dice = StdRng::seed_from_u64(3_261);
    let mut calls: Vec<String> = Vec::new();
    // A burst, a look, a burst: the flood goes on until every call is over.
    let ended = eventually("six calls under fire", || {
        if calls.len() < 6 {
            calls.push(switch.call_with(json!({ "to_number": number(Persona::Person) })));
        }
        for _ in 0..50 {
            let (socket, templates) = sockets.choose(&mut dice).expect("two");
            let message = spoiled(templates.choose(&mut dice).expect("some"), &mut dice);
            // A full buffer on our own side loses it: there are more.
            let _ = socket.send_to(&message, switch.place.sip());
        }
        let ends: Vec<_> = calls.iter().map(|call| switch.get(&format!("/v1/calls/{call}")).json).collect();
        (calls.len() == 6 && ends.iter().all(|end| !end["ended_at"].is_null())).then_some(ends)
    });
    for end in ended {
        assert_eq!(
            (&end["status"], &end["ended_reason"]),
            (&json!("completed"), &json!("completed")),
            "{end}"
        );
    }
    callees.await_over(6);
    assert_eq!(callees.rung(), 6, "what was sent to the switch rang nowhere");
    let metrics = switch.metrics_until("what came was counted", |metrics| {
        metrics.sip("malformed_total") > 0.0 && metrics.sip("strangers_total") > 0.0
    });
    assert!(metrics.sip("stray_responses_total") > 0.0 && metrics.sip("refused_total") > 0.0, "{metrics:?}");
    assert_eq!(metrics.sum("trunkline_mailbox_dropped_total", &[]), 0.0);
    assert_bounded(&switch, before_mb);
    assert!(!switch.whole_log().contains("panicked"));
    switch.metrics_until("nothing left", |metrics| metrics.is_idle());
}

#[test]
fn a_stranger_gets_no_answer_whatever_he_sends() {
    let (switch, _callees) = ring(Setup::new());
    let socket = UdpSocket::bind((stranger(&switch), 5060)).expect("an address of ours");
    for template in templates(&switch, stranger(&switch)) {
        socket.send_to(template.as_bytes(), switch.place.sip()).expect("sent");
    }
    switch.metrics_until("all were read", |metrics| metrics.sip("messages_received_total") >= 9.0);
    // What it would have answered left before that was counted.
    socket.set_nonblocking(true).expect("a socket");
    let mut buffer = [0; 2_048];
    assert!(socket.recv(&mut buffer).is_err(), "{}", String::from_utf8_lossy(&buffer));
}

#[test]
fn nobody_but_the_callee_ends_a_call() {
    let (switch, callees) = ring(Setup::new());
    let call = switch.call_with(json!({ "to_number": number(Persona::Silent), "prompt": "Hello" }));
    let path = format!("/v1/calls/{call}");
    eventually("they talk", || (switch.get(&path).json["status"] == "in_progress").then_some(()));
    let attacker = UdpSocket::bind((switch.place.trunk, 0)).expect("an address of ours");
    for template in templates(&switch, switch.place.trunk) {
        attacker.send_to(template.as_bytes(), switch.place.sip()).expect("sent");
    }
    switch.metrics_until("all were read", |metrics| metrics.sip("messages_received_total") >= 11.0);
    assert_eq!(switch.get(&path).json["status"], "in_progress");
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "silence_timeout");
    callees.await_over(1);
}
