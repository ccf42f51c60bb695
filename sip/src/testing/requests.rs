//! Requests outside of calls: OPTIONS, the BYE of an orphan, and what is refused at the door (RFC 3261 §8.2, §11).

use super::*;
use crate::path::{Local, Protocol};
use crate::{DialogState, OptionsRequest, Trust};

fn probe(uri: &str) -> OptionsRequest {
    OptionsRequest {
        token: TOKEN,
        uri: uri.to_owned(),
        from: String::from("<sip:trunkline@10.0.0.1>"),
        route: None,
        tls: None,
        credentials: Some(credentials()),
    }
}

fn orphan() -> DialogState {
    DialogState {
        call_id: String::from("old-call"),
        local_tag: String::from("ours"),
        remote_tag: String::from("theirs"),
        local_uri: String::from("<sip:us@10.0.0.1>"),
        remote_uri: String::from("<sip:them@10.0.0.2>"),
        remote_target: String::from("sip:them@gw.example"),
        route_set: Vec::new(),
        local_cseq: 4,
        remote: address(PEER),
        protocol: Protocol::Udp,
        tls_host: None,
    }
}

#[track_caller]
fn reply(lone: &mut Lone) -> Option<u16> {
    match lone.event() {
        Event::Reply { token: TOKEN, status, .. } => status,
        event => panic!("no reply: {event:?}"),
    }
}

#[test]
fn a_probe_tells_its_status() {
    let mut lone = Lone::new();
    lone.ua.options(lone.now, probe("sip:10.0.0.2")).expect("there is room");
    let request = lone.sent_request(Method::Options);
    assert_eq!((request.header(Name::To), request.cseq().0), (Some("<sip:10.0.0.2>"), 1));
    lone.hear(respond(&request, 100, ""));
    lone.no_event();
    lone.hear(respond(&request, 404, "x"));
    assert_eq!(reply(&mut lone), Some(404));
    lone.hear(respond(&request, 404, "x"));
    lone.no_event();
    lone.advance(T4 * 2);
    lone.is_empty();
}

#[test]
fn a_probe_answers_a_challenge_and_tries_every_address() {
    let mut lone = Lone::new();
    lone.ua.options(lone.now, probe("sip:trunk.example.com")).expect("there is room");
    let query = lone.ua.poll_query().expect("a name");
    lone.ua.handle_targets(lone.now, query.id, vec![udp("10.0.0.4:5060"), udp(PEER)]);
    lone.sent_request(Method::Options);
    lone.advance(T1 * 64 + Duration::from_millis(1));
    let (to, request) =
        lone.sent.pop_back().map(|last| (last.path.remote, last.payload)).expect("the next address");
    let request = Message::parse(request).expect("readable");
    assert_eq!(to, address(PEER));
    lone.sent.clear();
    lone.hear(respond_with(&request, 401, "x", &[("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")]));
    let again = lone.sent_request(Method::Options);
    assert!(again.header(Name::Authorization).is_some());
    lone.hear(respond(&again, 200, "x"));
    assert_eq!(reply(&mut lone), Some(200));
}

#[test]
fn a_probe_without_an_answer_or_an_address_says_so() {
    let mut lone = Lone::new();
    lone.ua.options(lone.now, probe("sip:10.0.0.2")).expect("there is room");
    assert_eq!(lone.ua.pending(), 1);
    lone.advance(T1 * 65);
    assert_eq!((reply(&mut lone), lone.ua.pending()), (None, 0));
    lone.ua.options(lone.now, probe("sip:nowhere.example")).expect("there is room");
    let query = lone.ua.poll_query().expect("a name");
    lone.ua.handle_targets(lone.now, query.id, Vec::new());
    assert_eq!(reply(&mut lone), None);
    lone.is_empty();
}

#[test]
fn an_orphan_is_ended_with_credentials() {
    let mut lone = Lone::new();
    lone.ua.bye_orphan(lone.now, &orphan(), Some(credentials()), None, TOKEN).expect("there is room");
    let query = lone.ua.poll_query().expect("a name needs a question");
    // Nobody knows it: then to where the last message came from.
    lone.ua.handle_targets(lone.now, query.id, Vec::new());
    let (to, bye) = lone.sent_to();
    assert_eq!(
        (to, bye.request_uri(), bye.cseq()),
        (address(PEER), Some("sip:them@gw.example"), (10_004, Method::Bye))
    );
    assert_eq!(
        (from_tag(&bye).as_str(), to_tag(&bye).as_str(), bye.call_id()),
        ("ours", "theirs", "old-call")
    );
    lone.hear(respond_with(
        &bye,
        407,
        "theirs",
        &[("Proxy-Authenticate", "Digest realm=\"r\", nonce=\"n\"")],
    ));
    let again = lone.sent_request(Method::Bye);
    assert!(again.cseq().0 == 10_005 && again.header(Name::ProxyAuthorization).is_some());
    lone.hear(respond(&again, 481, "theirs"));
    assert_eq!(reply(&mut lone), Some(481));
}

/// A user agent that speaks TLS too.
fn over_tls() -> Lone {
    let mut config = Config::new(address(OURS));
    config.locals.push(Local::new(Protocol::Tls, address("10.0.0.1:5061")));
    Lone::with(config)
}

#[test]
fn an_orphan_over_tls_is_ended_over_tls_with_whom_it_was_begun() {
    let mut lone = over_tls();
    let uri = String::from("sips:callee@trunk.example");
    lone.ua.invite(lone.now, Invite { uri, ..invite() }).expect("there is room");
    let query = lone.ua.poll_query().expect("a name");
    let gateway = Target { protocol: Protocol::Tls, address: address("10.0.0.2:5061") };
    lone.ua.handle_targets(lone.now, query.id, vec![gateway]);
    let (transmit, request) = lone.sent_by();
    // Its proxy names itself by an address, which no certificate bears.
    let route = ("Record-Route", "<sip:10.0.0.2:5061;transport=tls;lr>");
    lone.hear_by(transmit.path, respond_with(&request, 200, "callee", &[route]));
    lone.sent_request(Method::Ack);
    let dialog = lone.answered();
    assert_eq!((dialog.protocol, dialog.tls_host.as_deref()), (Protocol::Tls, Some("trunk.example")));

    let mut risen = over_tls();
    risen.ua.bye_orphan(risen.now, &dialog, None, None, TOKEN).expect("there is room");
    for _ in 0..2 {
        let (transmit, bye) = risen.sent_by();
        assert_eq!(bye.method(), Some(Method::Bye));
        assert_eq!((transmit.path.protocol, transmit.path.remote), (Protocol::Tls, gateway.address));
        assert_eq!(transmit.tls.map(|peer| peer.host.to_string()).as_deref(), Some("trunk.example"));
        risen.lose(transmit.path, TransportError::Reset);
    }
    risen.sent_nothing();
    assert_eq!(reply(&mut risen), None, "and not in the clear");
}

#[test]
fn an_orphan_whose_next_hop_nobody_knows_keeps_its_transport() {
    let mut lone = over_tls();
    let dialog = DialogState {
        protocol: Protocol::Tls,
        tls_host: Some(String::from("trunk.example")),
        remote: address("10.0.0.2:5061"),
        ..orphan()
    };
    lone.ua.bye_orphan(lone.now, &dialog, None, None, TOKEN).expect("there is room");
    let query = lone.ua.poll_query().expect("a name");
    assert_eq!((query.host.as_str(), query.protocol), ("gw.example", Some(Protocol::Tls)));
    lone.ua.handle_targets(lone.now, query.id, Vec::new());
    let (transmit, _) = lone.sent_by();
    assert_eq!((transmit.path.protocol, transmit.path.remote), (Protocol::Tls, dialog.remote));
    assert_eq!(transmit.tls.map(|peer| peer.host.to_string()).as_deref(), Some("trunk.example"));
}

#[test]
fn options_is_answered_with_what_we_can_do() {
    let mut lone = Lone::new();
    lone.hear(Ask::new("OPTIONS").header("Max-Forwards", "0").bytes());
    // Two Max-Forwards are one too many; with the second alone it is heard.
    lone.sent_response(400);
    let zero = latin(&Ask::new("OPTIONS").bytes()).replace("Max-Forwards: 70", "Max-Forwards: 0");
    lone.hear(zero.clone());
    let answer = lone.sent_response(200);
    assert!(answer.values(Name::Allow).any(|method| method == "INVITE"));
    assert_eq!(answer.header(Name::Accept), Some("application/sdp, multipart/mixed, text/plain"));
    assert!(answer.header(Name::Supported).is_some() && !to_tag(&answer).is_empty());
    lone.hear(zero);
    assert_eq!(to_tag(&lone.sent_response(200)), to_tag(&answer));
    lone.is_empty();
}

#[test]
fn the_door_refuses_what_it_must() {
    let mut lone = Lone::new();
    let ask = |method| Ask { branch: format!("z9hG4bK{method}"), ..Ask::new(method) };
    let invite = || ask("INVITE");
    let cases = [
        (ask("REGISTER").bytes(), 405),
        (ask("PUBLISH").bytes(), 405),
        (ask("DANCE").bytes(), 501),
        (ask("BYE").bytes(), 481),
        (ask("INFO").bytes(), 481),
        (Ask { to_tag: Some("gone".into()), ..invite() }.bytes(), 481),
        (Ask { uri: "http://10.0.0.1".into(), ..invite() }.bytes(), 416),
        (invite().header("Require", "100rel, x-dance, timer, x-song").bytes(), 420),
        (Bytes::from(latin(&invite().bytes()).replace("CSeq: 1 INVITE", "CSeq: 1 BYE")), 400),
        (Bytes::from(latin(&invite().bytes()).replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia")), 505),
    ];
    for (bytes, status) in cases {
        lone.hear(bytes);
        let response = lone.sent_response(status);
        match status {
            405 | 501 => assert!(response.values(Name::Allow).count() > 3),
            420 => assert_eq!(response.values(Name::Unsupported).collect::<Vec<_>>(), ["x-dance", "x-song"]),
            _ => {}
        }
    }
    lone.no_event();
    lone.is_empty();
}

#[test]
fn strangers_are_dropped_and_counted_and_known_dialogs_are_not() {
    let mut config = Config::new(address(OURS));
    config.trust = Trust::addresses([address(PEER).ip()]);
    let mut lone = Lone::with(config);
    lone.hear_from("192.0.2.66:5060", Ask::new("INVITE").bytes());
    lone.hear_from("192.0.2.66:5060", Ask::new("OPTIONS").bytes());
    lone.hear_from("192.0.2.66:5060", Ask { to_tag: Some("x".into()), ..Ask::new("BYE") }.bytes());
    lone.sent_nothing();
    assert_eq!(lone.ua.counters().strangers, 3);
    lone.hear(Ask::new("OPTIONS").bytes());
    lone.sent_response(200);
    let (_, request) = lone.talk();
    lone.hear_from("192.0.2.66:5060", Ask::within("BYE", &request, "callee", 2).bytes());
    lone.sent_response(200);
    lone.ended();
}

#[test]
fn a_full_house_answers_503_and_still_ends_what_it_has() {
    let mut config = Config::new(address(OURS));
    config.transactions_max = 1;
    let mut lone = Lone::with(config);
    let (_, request) = lone.talk();
    assert!(lone.ua.options(lone.now, probe("sip:10.0.0.2")).is_err());
    assert!(lone.ua.invite(lone.now, invite()).is_err());
    lone.hear(Ask::new("INVITE").bytes());
    assert!(lone.sent_response(503).retry_after().is_some());
    lone.hear(Ask::within("INFO", &request, "callee", 1).bytes());
    lone.sent_response(503);
    lone.hear(Ask::within("BYE", &request, "callee", 2).bytes());
    lone.sent_response(200);
    lone.ended();
}

#[test]
fn garbage_is_counted_and_keepalives_are_not_garbage() {
    let mut lone = Lone::new();
    lone.hear("\r\n\r\n");
    lone.hear("GET / HTTP/1.1\r\n\r\n");
    lone.hear(vec![0xff; 300]);
    lone.sent_nothing();
    assert_eq!((lone.ua.counters().keepalives, lone.ua.counters().malformed), (1, 2));
}
