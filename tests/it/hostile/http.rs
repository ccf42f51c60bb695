//! The HTTP port: clients that are slow, greedy or make no sense.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::{assert_bounded, resident_mb};
use crate::switch::{Setup, Switch, outbound};

fn connect(switch: &Switch) -> TcpStream {
    let stream = TcpStream::connect(switch.place.http()).expect("the switch listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream
}

/// What comes back until the switch closes.
fn all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn clients_that_never_finish_hold_nobody_up_for_long() {
    let mut switch = Setup::new().start();
    switch.kill();
    switch.restart_with(
        "[http]\n",
        "[http]\nconnections_max = 16\nheader_timeout_seconds = 2\nbody_timeout_seconds = 2\n",
    );
    let half_head = "POST /v1/calls/outbound HTTP/1.1\r\nHost: x\r\n";
    let half_body = format!(
        "{half_head}Authorization: Bearer nxf_demo:nxfs_demo\r\nContent-Length: 999\r\n\r\n{{\"agent_id\":"
    );
    // Three times as many as there is room for, half of them stuck in the head and half in the body.
    let slow: Vec<_> = (0..48)
        .map(|n| {
            let mut stream = connect(&switch);
            let text = if n % 2 == 0 { half_head } else { &half_body };
            stream.write_all(text.as_bytes()).expect("sent");
            stream
        })
        .collect();
    switch.call();
    for (n, stream) in slow.into_iter().enumerate() {
        let said = all(stream);
        if n % 2 == 1 {
            assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("request_timeout"), "{said}");
        }
    }
    switch.metrics_until("only those who ask now", |metrics| {
        metrics.sum("trunkline_http_connections", &[]) <= 2.0
    });
}

#[test]
fn what_is_no_http_is_closed_and_what_is_too_much_is_refused() {
    let switch = Switch::start("");
    let _silent = switch.place.silent_trunk();
    let before_mb = resident_mb(&switch);
    let huge = format!("GET /v1/calls HTTP/1.1\r\nHost: x\r\nX-Filler: {}\r\n\r\n", "y".repeat(1 << 20));
    let many = format!("GET /v1/calls HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(5_000));
    let rows: [(&[u8], &str); 9] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on\r\n\r\n", "HTTP/1.1 400"),
        (b"INVITE sip:a@b SIP/2.0\r\n\r\n", "HTTP/1.1 400"),
        (b"GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400"),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 4"),
        (huge.as_bytes(), "HTTP/1.1 431"),
        (many.as_bytes(), "HTTP/1.1 431"),
        (b"POST /v1/calls/outbound HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "HTTP/1.1 400"),
        (b"POST /v1/calls/outbound HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400"),
        (b"POST /v1/calls/outbound HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer nxf_demo:nxfs_demo\r\nConnection: close\r\n\r\nZZ\r\n", "HTTP/1.1 400"),
    ];
    for (bytes, begins) in rows {
        let mut stream = connect(&switch);
        // It may close before all of it is sent.
        let _ = stream.write_all(bytes);
        let said = all(stream);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(70)]).into_owned();
        assert!(said.starts_with(begins) || (said.is_empty() && bytes.len() > 60_000), "{shown:?}: {said:?}");
    }
    let body = outbound(json!({})).to_string();
    // A body in a thousand pieces is a body all the same.
    let mut stream = connect(&switch);
    let head = "POST /v1/calls/outbound HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nxf_demo:nxfs_demo\r\nConnection: close\r\n";
    write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n").expect("sent");
    for byte in body.bytes() {
        stream.write_all(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']).expect("sent");
    }
    stream.write_all(b"0\r\n\r\n").expect("sent");
    let said = all(stream);
    assert!(said.starts_with("HTTP/1.1 201 "), "{said}");
    // One that never ends is cut off.
    let mut stream = connect(&switch);
    write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n").expect("sent");
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 65_536], b"\r\n"].concat();
    while stream.write_all(&chunk).is_ok() {}
    assert_bounded(&switch, before_mb);
    assert_eq!(switch.get("/v1/calls").json["count"], 1);
}
