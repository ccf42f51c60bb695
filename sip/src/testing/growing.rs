//! Requests too long for a datagram (RFC 3261 §18.1.1): they leave by TCP where that was our choice, and we are heard by it.

use super::flows::{everywhere, to};
use super::*;
use crate::Refer;
use crate::path::Protocol;

/// An INVITE too long for a datagram.
fn long() -> Invite {
    Invite { headers: vec![("X-Long".into(), "x".repeat(1_200))], ..invite() }
}

#[test]
fn a_long_request_leaves_by_tcp_and_where_none_is_taken_by_datagrams_for_a_while() {
    let mut lone = everywhere();
    lone.ua.invite(lone.now, long()).expect("there is room");
    let (transmit, request) = lone.sent_by();
    assert_eq!((transmit.path.protocol, transmit.path.remote), (Protocol::Tcp, address(PEER)));
    assert!(transmit.is_grown, "a connection that does not come about soon is not waited for");
    assert_eq!(request.top_via().map(|via| via.transport), Some("TCP"));
    lone.lose(transmit.path, TransportError::TimedOut);
    let (transmit, request) = lone.sent_by();
    assert_eq!((transmit.path.protocol, transmit.path.remote), (Protocol::Udp, address(PEER)));
    assert!(!transmit.is_grown);
    assert_eq!(request.top_via().map(|via| via.transport), Some("UDP"));
    lone.ua.invite(lone.now, long()).expect("there is room");
    assert_eq!(lone.sent_by().0.path.protocol, Protocol::Udp, "it was refused a moment ago");
    lone.advance(Duration::from_secs(601));
    lone.sent.clear();
    lone.ua.invite(lone.now, long()).expect("there is room");
    assert_eq!(lone.sent_by().0.path.protocol, Protocol::Tcp);
}

#[test]
fn a_long_request_stays_a_datagram_where_nobody_listens_for_tcp() {
    let mut lone = Lone::new();
    lone.ua.invite(lone.now, long()).expect("there is room");
    let (transmit, request) = lone.sent_by();
    assert!(transmit.payload.len() > 1_300);
    assert_eq!((transmit.path.protocol, transmit.is_grown), (Protocol::Udp, false));
    assert_eq!(request.header(Name::Contact), Some("<sip:trunkline@10.0.0.1:5060>"));
    // Who is asked for TCP gets it, and is told where we are heard.
    lone.ua.invite(lone.now, to("sip:callee@10.0.0.2;transport=tcp")).expect("there is room");
    let (transmit, request) = lone.sent_by();
    assert_eq!(transmit.path.protocol, Protocol::Tcp);
    assert_eq!(request.header(Name::Contact), Some("<sip:trunkline@10.0.0.1:5060>"));
}

#[test]
fn a_long_request_by_tcp_that_was_refused_is_not_repeated_by_datagrams() {
    let mut lone = everywhere();
    lone.ua.invite(lone.now, long()).expect("there is room");
    let (transmit, request) = lone.sent_by();
    lone.hear_by(transmit.path, respond(&request, 503, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(lone.failure().status, Some(503));
    lone.sent_nothing();
}

#[test]
fn credentials_that_make_a_request_long_move_it_to_tcp() {
    let mut lone = everywhere();
    let headers = vec![("X-Long".into(), "x".repeat(700))];
    let call = Invite { headers, credentials: Some(credentials()), ..invite() };
    lone.ua.invite(lone.now, call).expect("there is room");
    let (transmit, request) = lone.sent_by();
    assert_eq!(transmit.path.protocol, Protocol::Udp);
    let challenge = format!("Digest realm=\"r\", nonce=\"{}\", qop=\"auth\"", "n".repeat(200));
    lone.hear(respond_with(&request, 401, "x", &[("WWW-Authenticate", &challenge)]));
    lone.sent_request(Method::Ack);
    let (transmit, request) = lone.sent_by();
    assert!(transmit.payload.len() > 1_300);
    assert!(request.header(Name::Authorization).is_some_and(|it| it.contains("nc=00000001")));
    assert_eq!((transmit.path.protocol, transmit.is_grown), (Protocol::Tcp, true));
}

#[test]
fn a_count_of_a_nonce_is_spent_by_what_leaves_alone() {
    let mut lone = everywhere();
    let challenge = ("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
    let (id, request) = lone.call(Invite { credentials: Some(credentials()), ..invite() });
    lone.hear(respond_with(&request, 401, "x", &[challenge]));
    lone.sent_request(Method::Ack);
    let request = lone.sent_request(Method::Invite);
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    let to = format!("sip:desk@10.0.0.9;x={}", "x".repeat(1_200));
    assert!(lone.ua.refer(lone.now, id, Refer { to, replaces: None, referred_by: None, subscribe: true }));
    let (by, refer) = lone.sent_by();
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v".repeat(1_200))));
    let (also_by, reinvite) = lone.sent_by();
    assert_eq!((by.path.protocol, also_by.path.protocol), (Protocol::Tcp, Protocol::Tcp));
    for (request, count) in [(&request, 1), (&refer, 2), (&reinvite, 3)] {
        let authorization = request.header(Name::Authorization).expect("a nonce is known");
        assert!(authorization.contains(&format!("nc={count:08x}")), "{count}: {authorization}");
    }
}

#[test]
fn whoever_asked_for_udp_gets_it_however_long() {
    let mut lone = everywhere();
    let uri = format!("sip:callee@{PEER};transport=udp");
    lone.ua.invite(lone.now, Invite { uri, ..long() }).expect("there is room");
    assert_eq!(lone.sent_by().0.path.protocol, Protocol::Udp);
}
