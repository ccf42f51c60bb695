//! Bodies that are too long, not whole, packed, or called something else: each face's own words for it, and nothing half-done.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::faces::{House, MINIVOICE, NIXFLEX, OURS, THUNDERPHONE, TWILIO, VOICEFLOW};
use crate::switch::{Switch, outbound};

/// A path, whose client, a good body, and whether an answer is what this face says of a body that is too long.
type Placing = (&'static str, &'static str, String, fn(&Value) -> bool);

/// The requests that place calls.
fn placing() -> [Placing; 6] {
    let form =
        "To=%2B15550100001&From=%2B15550000001&Twiml=%3CResponse%3E%3CSay%3Ea%3C%2FSay%3E%3C%2FResponse%3E";
    let is_nixflex: fn(&Value) -> bool =
        |body| body["error"]["code"] == "request_too_large" && body["error"]["type"] == "invalid_request";
    [
        (
            "/v1/calls/outbound",
            NIXFLEX,
            outbound(json!({ "agent_id": "agent_talk" })).to_string(),
            is_nixflex,
        ),
        (
            "/v1/calls/batch",
            NIXFLEX,
            json!({ "agent_id": "agent_talk", "prompt": "p", "recipients": [{ "phone": "+15550100001" }] })
                .to_string(),
            is_nixflex,
        ),
        (
            "/v1/call",
            THUNDERPHONE,
            json!({ "from_number": OURS, "to_number": "+15550100001" }).to_string(),
            |body| body["code"] == "request_too_large" && body["detail"].is_string(),
        ),
        (
            "/v1alpha1/phone-number/agent_talk/outbound",
            VOICEFLOW,
            json!({ "to": "+15550100001" }).to_string(),
            |body| body["code"] == "request_too_large" && body["message"].is_string(),
        ),
        ("/v1/calls", MINIVOICE, json!({ "from": OURS, "to": "+15550100001" }).to_string(), |body| {
            body["error"]["code"] == "request_too_large"
        }),
        (
            "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Calls.json",
            TWILIO,
            form.to_owned(),
            |body| body["code"] == 20413,
        ),
    ]
}

fn nothing_was_done(house: &House) {
    assert_eq!(house.switch.get("/v1/calls").json["count"], 0);
    assert_eq!(house.switch.get("/v1/calls/batch").json["count"], 0);
    assert_eq!((house.started(), house.callees.rung()), (0.0, 0));
    assert_eq!(house.switch.complaints(), [""; 0]);
}

#[test]
fn ten_megabytes_are_too_much_for_every_face_and_place_nothing() {
    let house = House::with(|setup, _| setup);
    for (path, authorization, _, is_right) in placing() {
        let long = if path.ends_with("/batch") { 34 << 20 } else { 10 << 20 };
        let body = format!("{{\"to\":\"{}\"}}", "x".repeat(long));
        let reply = house.send(path, authorization, &body, &[]);
        assert!(reply.status == 413 && is_right(&reply.json), "{path}: {reply:?}");
    }
    nothing_was_done(&house);
}

#[test]
fn one_bad_number_of_fifty_thousand_is_named_and_nobody_is_dialled() {
    let house = House::with(|setup, _| setup);
    let mut recipients: Vec<Value> =
        (0..50_000).map(|n| json!({ "phone": format!("+1555{n:07}") })).collect();
    recipients[31_415] = json!({ "phone": "07111" });
    let body =
        json!({ "agent_id": "agent_talk", "from_number": OURS, "prompt": "p", "recipients": recipients });
    let refused = house.post("/v1/calls/batch", NIXFLEX, &body);
    assert_eq!(
        (refused.status, &refused.json["error"]["code"]),
        (400, &json!("invalid_phone_format")),
        "{:.500}",
        refused.text
    );
    let invalid = json!([{ "index": 31_415, "phone": "07111", "reason": "not a valid E.164 number" }]);
    assert_eq!(refused.json["error"]["details"]["invalid"], invalid);
    nothing_was_done(&house);
}

#[test]
fn a_packed_body_is_no_json_and_a_wrong_name_for_one_is_no_matter() {
    let house = House::with(|setup, _| setup);
    for (path, authorization, body, _) in placing() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(body.as_bytes()).expect("memory");
        let headers = [("authorization", authorization), ("content-encoding", "gzip")];
        let reply = house.switch.client().post_with(path, packed.finish().expect("memory"), &headers);
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
    }
    nothing_was_done(&house);
    for kind in ["text/plain", "application/xml", "application/json; charset=latin1", "x"] {
        let (path, authorization, body, _) = &placing()[2];
        let reply = house.send(path, authorization, body, &[("content-type", kind)]);
        assert_eq!(reply.status, 201, "{kind}: {reply:?}");
    }
}

/// What comes back to this, sent as it stands, when nothing more is said.
fn exchange(switch: &Switch, head: &str, body: &[u8], hangs_up: bool) -> String {
    let mut stream = TcpStream::connect(switch.place.http()).expect("the switch listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    write!(stream, "{head}").expect("sent");
    // It may have answered and closed before all of it is sent.
    let _ = stream.write_all(body);
    if hangs_up {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn a_body_shorter_or_longer_than_it_says_places_nothing_that_was_not_whole() {
    let house = House::with(|setup, _| setup);
    for (path, authorization, body, _) in placing() {
        let head = |length: usize| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: {length}\r\n\r\n"
            )
        };
        // Cut off: whoever hangs up in the middle has asked for nothing.
        let cut = exchange(&house.switch, &head(body.len() + 100), body.as_bytes(), true);
        assert!(cut.is_empty() || cut.starts_with("HTTP/1.1 400"), "{path}: {cut}");
        // Less than was sent: what is taken is no document, or half a form. Its end is read as another request, is none, and closes
        // the connection.
        let short = exchange(&house.switch, &head(body.len() / 2), body.as_bytes(), false);
        assert!(short.starts_with("HTTP/1.1 400"), "{path}: {short}");
        let none = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
        );
        let none = exchange(&house.switch, &none, b"", false);
        assert!(none.starts_with("HTTP/1.1 400"), "{path}: {none}");
    }
    nothing_was_done(&house);
}
