//! Requests within a dialog find their way as its BYE does: names are looked up, lost connections opened again, TLS kept.

use super::*;
use crate::config::Refer;
use crate::event::Loss;
use crate::path::{Flow, Local, Protocol};
use crate::tls::{ClientTls, ClientTlsConfig};

/// A user agent with every transport.
fn everywhere() -> Lone {
    let mut config = Config::new(address(OURS));
    config.locals.extend([
        Local::new(Protocol::Tcp, address(OURS)),
        Local::new(Protocol::Tls, address("10.0.0.1:5061")),
    ]);
    Lone::with(config)
}

/// Answers the question that must have been asked.
#[track_caller]
fn found(lone: &mut Lone, host: &str, targets: &[(Protocol, &str)]) {
    let query = lone.ua.poll_query().expect("a name needs a question");
    assert_eq!(query.host, host);
    let target = |(protocol, text): &(Protocol, &str)| Target { protocol: *protocol, address: address(text) };
    lone.ua.handle_targets(lone.now, query.id, targets.iter().map(target).collect());
}

/// The peer's response, whose Contact is a name.
fn named(response: &Bytes, host: &str) -> String {
    latin(response).replace(&format!("@{PEER}>"), &format!("@{host}>"))
}

/// A call whose peer is known by a name, which was found at `PEER`.
#[track_caller]
fn talk_to(lone: &mut Lone, host: &str) -> (InviteId, Message) {
    let (id, request) = lone.call(invite());
    lone.hear(named(&respond_with(&request, 200, "callee", &[("Allow", "INVITE, UPDATE")]), host));
    found(lone, host, &[(Protocol::Udp, PEER)]);
    lone.sent_request(Method::Ack);
    lone.answered();
    (id, request)
}

/// A call over one connection of ours.
#[track_caller]
fn talk_by_tcp(lone: &mut Lone) -> (InviteId, Path) {
    let uri = String::from("sip:callee@10.0.0.2:5060;transport=tcp");
    let id = lone.ua.invite(lone.now, Invite { uri, ..invite() }).expect("there is room");
    let (transmit, request) = lone.sent_by();
    lone.hear_by(transmit.path, respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    (id, transmit.path)
}

#[test]
fn a_prack_goes_where_its_peers_name_leads() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(Invite { reliable: Reliable::Supported, ..invite() });
    let progress = respond_with(&request, 180, "callee", &[("Require", "100rel"), ("RSeq", "7")]);
    lone.hear(named(&progress, "edge.example"));
    lone.sent_nothing();
    found(&mut lone, "edge.example", &[(Protocol::Udp, "10.9.0.1:5060")]);
    let (to, prack) = lone.sent_to();
    assert_eq!((to, prack.method()), (address("10.9.0.1:5060"), Some(Method::Prack)));
    assert_eq!(
        (prack.request_uri(), prack.header(Name::RAck)),
        (Some("sip:callee@edge.example"), Some("7 1 INVITE"))
    );
}

#[test]
fn a_name_that_leads_nowhere_leaves_the_way_back() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(Invite { reliable: Reliable::Supported, ..invite() });
    let progress = respond_with(&request, 180, "callee", &[("Require", "100rel"), ("RSeq", "7")]);
    lone.hear_from("10.0.0.2:5077", named(&progress, "edge.example"));
    found(&mut lone, "edge.example", &[]);
    let (to, prack) = lone.sent_to();
    assert_eq!((to, prack.method()), (address("10.0.0.2:5077"), Some(Method::Prack)));
}

#[test]
fn a_reinvite_tries_each_place_of_its_peers_name() {
    let mut lone = Lone::new();
    let (id, _) = talk_to(&mut lone, "edge.example");
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    lone.sent_nothing();
    found(&mut lone, "edge.example", &[(Protocol::Udp, "10.9.0.1:5060"), (Protocol::Udp, "10.9.0.2:5060")]);
    let (to, first) = lone.sent_to();
    assert_eq!(to, address("10.9.0.1:5060"));
    lone.hear_from("10.9.0.1:5060", respond(&first, 503, "callee"));
    lone.sent_request(Method::Ack);
    let (to, second) = lone.sent_to();
    assert_eq!((to, second.cseq()), (address("10.9.0.2:5060"), (first.cseq().0 + 1, Method::Invite)));
    assert_eq!(lone.ua.counters().failovers, 1);
    lone.hear_from("10.9.0.2:5060", named(&respond(&second, 200, "callee"), "edge.example"));
    let (to, ack) = lone.sent_to();
    assert_eq!((to, ack.cseq()), (address("10.9.0.2:5060"), (second.cseq().0, Method::Ack)));
    assert!(matches!(lone.event(), Event::Reanswered { .. }));
}

#[test]
fn the_ack_of_a_reinvite_follows_a_new_name() {
    let mut lone = Lone::new();
    let (id, _) = lone.talk();
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let reinvite = lone.sent_request(Method::Invite);
    let answer = named(&respond(&reinvite, 200, "callee"), "moved.example");
    lone.hear(answer.clone());
    lone.hear(answer.clone());
    lone.sent_nothing();
    found(&mut lone, "moved.example", &[(Protocol::Udp, "10.9.0.1:5060")]);
    lone.hear(answer);
    for _ in 0..2 {
        let (to, ack) = lone.sent_to();
        assert_eq!((to, ack.method()), (address("10.9.0.1:5060"), Some(Method::Ack)));
        assert_eq!(ack.request_uri(), Some("sip:callee@moved.example"));
    }
    lone.sent_nothing();
}

#[test]
fn an_answer_that_crosses_our_cancel_is_acked_at_once_though_its_next_hop_is_a_name() {
    let mut lone = Lone::new();
    let request = lone.quit();
    let answer = named(&respond(&request, 200, "callee"), "edge.example");
    for _ in 0..2 {
        lone.hear(answer.clone());
        let (to, ack) = lone.sent_to();
        assert_eq!((to, ack.method()), (address(PEER), Some(Method::Ack)));
        assert_eq!(ack.request_uri(), Some("sip:callee@edge.example"));
    }
    assert!(lone.failure().cancelled);
    found(&mut lone, "edge.example", &[(Protocol::Udp, "10.9.0.1:5060")]);
    let (to, bye) = lone.sent_to();
    assert_eq!((to, bye.method()), (address("10.9.0.1:5060"), Some(Method::Bye)));
    lone.sent_nothing();
    assert!(lone.ua.poll_query().is_none(), "nobody asks where its ACK goes");
}

#[test]
fn a_call_that_ends_before_its_peer_is_found_is_acked_all_the_same() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let answer = named(&respond(&request, 200, "callee"), "edge.example");
    lone.hear(answer.clone());
    lone.sent_nothing();
    let query = lone.ua.poll_query().expect("a question");
    lone.hear(Ask::within("BYE", &request, "callee", 1).bytes());
    lone.sent_response(200);
    let (to, ack) = lone.sent_to();
    assert_eq!((to, ack.method()), (address(PEER), Some(Method::Ack)));
    lone.ua.handle_targets(lone.now, query.id, vec![udp("10.9.0.1:5060")]);
    lone.sent_nothing();
    lone.hear(answer);
    assert_eq!(lone.sent_request(Method::Ack).as_bytes(), ack.as_bytes());
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn an_offer_whose_call_ends_before_its_peer_is_found_never_leaves() {
    let mut lone = Lone::new();
    let (id, request) = talk_to(&mut lone, "edge.example");
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let query = lone.ua.poll_query().expect("a question");
    lone.hear(Ask::within("BYE", &request, "callee", 1).bytes());
    lone.sent_response(200);
    lone.ended();
    lone.ua.handle_targets(lone.now, query.id, vec![udp(PEER)]);
    lone.sent_nothing();
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn an_offer_whose_call_is_hung_up_before_its_peer_is_found_never_leaves() {
    let mut lone = Lone::new();
    let (id, _) = talk_to(&mut lone, "edge.example");
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.hangup(lone.now, id, None);
    found(&mut lone, "edge.example", &[(Protocol::Udp, PEER)]);
    let bye = lone.sent_request(Method::Bye);
    lone.ua.handle_targets(lone.now, query.id, vec![udp(PEER)]);
    lone.sent_nothing();
    lone.hear(respond(&bye, 200, "callee"));
    assert_eq!(lone.ended(), End::Local);
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn a_refer_goes_where_its_peers_name_leads() {
    let mut lone = Lone::new();
    let (id, _) = talk_to(&mut lone, "edge.example");
    let refer = Refer { to: "sip:desk@10.0.0.9".into(), replaces: None, referred_by: None, subscribe: true };
    assert!(lone.ua.refer(lone.now, id, refer));
    found(&mut lone, "edge.example", &[(Protocol::Udp, "10.9.0.1:5060")]);
    let (to, refer) = lone.sent_to();
    assert_eq!((to, refer.method()), (address("10.9.0.1:5060"), Some(Method::Refer)));
}

#[test]
fn a_reinvite_whose_connection_broke_is_sent_once_more_by_a_new_one() {
    let mut lone = everywhere();
    let (id, path) = talk_by_tcp(&mut lone);
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let (first, reinvite) = lone.sent_by();
    lone.lose(first.path, TransportError::Reset);
    let (again, second) = lone.sent_by();
    assert_eq!((first.path, again.path), (path, path));
    assert_eq!(second.cseq(), (reinvite.cseq().0 + 1, Method::Invite));
    assert_ne!(branch(&second), branch(&reinvite));
    lone.lose(again.path, TransportError::Reset);
    assert_eq!(lone.sent_request(Method::Bye).cseq().0, second.cseq().0 + 1);
    assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::Request });
}

#[test]
fn a_reinvite_that_no_connection_takes_is_not_tried_there_again() {
    let mut lone = everywhere();
    let (id, _) = talk_by_tcp(&mut lone);
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let (first, _) = lone.sent_by();
    lone.lose(first.path, TransportError::Refused);
    lone.sent_request(Method::Bye);
    assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::Request });
}

#[test]
fn a_bye_and_a_refer_whose_connection_broke_are_sent_once_more_by_a_new_one() {
    for method in [Method::Bye, Method::Refer] {
        let mut lone = everywhere();
        let (id, path) = talk_by_tcp(&mut lone);
        let to = String::from("sip:desk@10.0.0.9");
        match method {
            Method::Bye => lone.ua.hangup(lone.now, id, None),
            _ => assert!(lone.ua.refer(
                lone.now,
                id,
                Refer { to, replaces: None, referred_by: None, subscribe: true }
            )),
        }
        let first = lone.sent_request(method);
        lone.lose(path, TransportError::Closed);
        let (again, second) = lone.sent_by();
        assert_eq!((again.path, second.cseq()), (path, (first.cseq().0 + 1, method)));
        lone.lose(path, TransportError::Closed);
        lone.sent_nothing();
        match method {
            Method::Bye => assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::Request }),
            _ => assert!(matches!(lone.event(), Event::ReferProgress { status: 408, is_final: true, .. })),
        }
    }
}

#[test]
fn an_offer_within_a_secure_call_speaks_tls_as_the_call_does() {
    let mut lone = everywhere();
    let tls =
        ClientTls::new(ClientTlsConfig { verify: false, ..ClientTlsConfig::default() }).expect("no files");
    let uri = String::from("sips:callee@trunk.example");
    let call = Invite { uri, tls: Some(std::sync::Arc::clone(&tls)), ..invite() };
    let id = lone.ua.invite(lone.now, call).expect("there is room");
    found(&mut lone, "trunk.example", &[(Protocol::Tls, "10.0.0.2:5061")]);
    let (transmit, request) = lone.sent_by();
    let answer =
        named(&respond(&request, 200, "callee"), "edge.example").replace("<sip:callee", "<sips:callee");
    lone.hear_by(transmit.path, answer);
    found(&mut lone, "edge.example", &[(Protocol::Tls, "10.0.0.2:5061")]);
    lone.sent_request(Method::Ack);
    lone.answered();
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let query = lone.ua.poll_query().expect("a question");
    assert!(query.secure);
    let other = Target { protocol: Protocol::Tls, address: address("10.0.0.3:5061") };
    lone.ua.handle_targets(lone.now, query.id, vec![other]);
    let (reinvite, _) = lone.sent_by();
    let peer = reinvite.tls.expect("TLS needs to know whom it speaks to");
    assert_eq!((reinvite.path.remote, &*peer.host), (other.address, "edge.example"));
    assert!(peer.tls.is_some_and(|used| std::sync::Arc::ptr_eq(&used, &tls)));
    assert!(matches!(reinvite.path.flow, Flow::Opened(_)));
}

#[test]
fn a_long_offer_leaves_by_tcp_and_where_none_is_taken_by_datagrams() {
    let mut lone = everywhere();
    let (id, _) = lone.talk();
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v".repeat(1_300))));
    let (first, reinvite) = lone.sent_by();
    assert_eq!((first.path.protocol, first.path.remote), (Protocol::Tcp, address(PEER)));
    lone.lose(first.path, TransportError::TimedOut);
    let (second, again) = lone.sent_by();
    assert_eq!((second.path.protocol, second.path.remote), (Protocol::Udp, address(PEER)));
    assert_eq!(again.cseq().0, reinvite.cseq().0 + 1);
    lone.hear(respond(&again, 200, "callee"));
    assert_eq!(lone.sent_by().0.path.protocol, Protocol::Udp);
    assert!(matches!(lone.event(), Event::Reanswered { .. }));
}
