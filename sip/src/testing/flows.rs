//! Connections: what they spare us, what their loss does, and where messages go instead.

use super::*;
use crate::config::OptionsRequest;
use crate::event::Cause;
use crate::path::{Flow, Local, Protocol};
use crate::tls::{ClientTls, ClientTlsConfig};

const OURS_6: &str = "[2001:db8::1]:5060";

/// A user agent with every transport and both families.
pub fn everywhere() -> Lone {
    let mut config = Config::new(address(OURS));
    config.locals.extend([
        Local::new(Protocol::Tcp, address(OURS)),
        Local::new(Protocol::Tls, address("10.0.0.1:5061")),
        Local::new(Protocol::Udp, address(OURS_6)),
    ]);
    Lone::with(config)
}

pub fn to(uri: &str) -> Invite {
    Invite { uri: uri.to_owned(), ..invite() }
}

/// A call to a name, and what was found of it.
#[track_caller]
fn call_name(lone: &mut Lone, call: Invite, targets: &[(Protocol, &str)]) -> InviteId {
    let id = lone.ua.invite(lone.now, call).expect("there is room");
    let query = lone.ua.poll_query().expect("a name needs a question");
    let target = |(protocol, text): &(Protocol, &str)| Target { protocol: *protocol, address: address(text) };
    lone.ua.handle_targets(lone.now, query.id, targets.iter().map(target).collect());
    id
}

/// A connection that the peer opened to us.
fn accepted() -> Path {
    Path {
        protocol: Protocol::Tcp,
        local: address(OURS),
        remote: address("10.0.0.2:40123"),
        flow: Flow::Accepted(9),
    }
}

/// A request of the peer's as it is over TCP.
fn by_tcp(ask: &Ask) -> String {
    latin(&ask.bytes()).replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace(";rport", "")
}

#[test]
fn an_invite_over_tcp_is_sent_once_and_says_so_in_via_and_contact() {
    let mut lone = everywhere();
    lone.ua.invite(lone.now, to("sip:callee@10.0.0.2:5060;transport=tcp")).expect("there is room");
    let (transmit, request) = lone.sent_by();
    let Path { protocol, local, remote, flow } = transmit.path;
    assert_eq!(
        (protocol, local, remote, flow),
        (Protocol::Tcp, address(OURS), address(PEER), Flow::Opened(0))
    );
    assert!(!transmit.is_grown, "its transport was asked for");
    let via = request.top_via().expect("a Via");
    assert_eq!((via.transport, via.host, via.port), ("TCP", "10.0.0.1", Some(5060)));
    assert_eq!(request.header(Name::Contact), Some("<sip:trunkline@10.0.0.1:5060;transport=tcp>"));
    lone.advance(T1 * 63);
    lone.sent_nothing();
    lone.advance(T1 * 2);
    assert_eq!(lone.failure().cause, Cause::Timeout);
    lone.is_empty();
}

#[test]
fn a_secure_call_names_its_peer_and_a_secure_contact() {
    let mut lone = everywhere();
    let tls =
        ClientTls::new(ClientTlsConfig { verify: false, ..ClientTlsConfig::default() }).expect("no files");
    let call = Invite { tls: Some(std::sync::Arc::clone(&tls)), ..to("sips:callee@trunk.example") };
    call_name(&mut lone, call, &[(Protocol::Tls, "10.0.0.2:5061")]);
    let (transmit, request) = lone.sent_by();
    let peer = transmit.tls.expect("TLS needs to know whom it speaks to");
    assert_eq!(&*peer.host, "trunk.example");
    assert!(peer.tls.is_some_and(|used| std::sync::Arc::ptr_eq(&used, &tls)));
    assert_eq!(request.header(Name::Contact), Some("<sips:trunkline@10.0.0.1:5061>"));
    // His Contact is an address and names no transport: the call goes on over TLS, and to the same peer.
    let answer = latin(&respond(&request, 200, "callee")).replace(&format!("@{PEER}>"), "@10.0.0.3>");
    lone.hear_by(transmit.path, answer);
    let (ack, _) = lone.sent_by();
    assert_eq!((ack.path.protocol, ack.path.remote), (Protocol::Tls, address("10.0.0.3:5061")));
    assert_eq!(ack.path.flow, transmit.path.flow);
    assert_eq!(ack.tls.map(|peer| peer.host), Some("trunk.example".into()));
}

#[test]
fn another_host_or_another_way_to_speak_tls_is_another_connection() {
    let mut lone = everywhere();
    let tls = || {
        Some(
            ClientTls::new(ClientTlsConfig { verify: false, ..ClientTlsConfig::default() })
                .expect("no files"),
        )
    };
    let (one, other) = (tls(), tls());
    let flows: Vec<Flow> = [("a", &one), ("a", &one), ("b", &one), ("a", &other), ("a", &None)]
        .map(|(host, tls)| {
            let call = Invite { tls: tls.clone(), ..to(&format!("sips:callee@{host}.example")) };
            call_name(&mut lone, call, &[(Protocol::Tls, "10.0.0.2:5061")]);
            lone.sent_by().0.path.flow
        })
        .to_vec();
    assert_eq!(flows[0], flows[1]);
    assert!(flows[1..].iter().enumerate().all(|(at, flow)| !flows[at + 2..].contains(flow)), "{flows:?}");
}

#[test]
fn a_refused_connection_fails_the_call_at_once_and_says_why() {
    let mut lone = everywhere();
    lone.ua.invite(lone.now, to("sip:callee@10.0.0.2;transport=tcp")).expect("there is room");
    let (transmit, _) = lone.sent_by();
    lone.lose(transmit.path, TransportError::Refused);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.transport), (Cause::Transport, Some(TransportError::Refused)));
    assert_eq!(lone.elapsed(), Duration::ZERO);
    lone.is_empty();
}

#[test]
fn a_lost_connection_leads_to_the_next_target() {
    let mut lone = everywhere();
    let targets = [(Protocol::Tcp, "10.9.0.1:5060"), (Protocol::Tls, "10.9.0.2:5061"), (Protocol::Udp, PEER)];
    call_name(&mut lone, to("sip:callee@trunk.example"), &targets);
    for (protocol, _) in &targets[..2] {
        let (transmit, _) = lone.sent_by();
        assert_eq!(transmit.path.protocol, *protocol);
        lone.lose(transmit.path, TransportError::TimedOut);
    }
    let (transmit, request) = lone.sent_by();
    assert_eq!((transmit.path.remote, lone.ua.counters().failovers), (address(PEER), 2));
    lone.hear(respond(&request, 486, "callee"));
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status), (Cause::Response, Some(486)));
    assert_eq!(
        failure.transport,
        Some(TransportError::TimedOut),
        "what happened on the way is worth knowing"
    );
}

#[test]
fn the_loss_of_another_connection_is_nobodys_business() {
    let mut lone = everywhere();
    lone.ua.invite(lone.now, to("sip:callee@10.0.0.2;transport=tcp")).expect("there is room");
    let path = lone.sent_by().0.path;
    for other in [
        Path { remote: address("10.0.0.3:5060"), ..path },
        Path { flow: Flow::Accepted(0), ..path },
        Path { protocol: Protocol::Tls, ..path },
        Path::udp(path.local, path.remote),
    ] {
        lone.lose(other, TransportError::Reset);
    }
    lone.no_event();
    lone.sent_nothing();
}

#[test]
fn what_rings_is_cancelled_and_does_not_ring_elsewhere() {
    let mut lone = everywhere();
    let targets = [(Protocol::Tcp, "10.9.0.1:5060"), (Protocol::Tcp, "10.9.0.2:5060")];
    call_name(&mut lone, to("sip:callee@trunk.example"), &targets);
    let (transmit, request) = lone.sent_by();
    lone.hear_by(transmit.path, respond(&request, 180, "callee"));
    lone.event();
    lone.lose(transmit.path, TransportError::Reset);
    let (cancel, message) = lone.sent_by();
    assert_eq!((message.method(), cancel.path), (Some(Method::Cancel), transmit.path));
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.transport), (Cause::Transport, Some(TransportError::Reset)));
    lone.sent_nothing();
    lone.lose(transmit.path, TransportError::Refused);
    lone.no_event();
    lone.is_empty();
}

#[test]
fn what_was_only_taken_in_hand_goes_to_the_next_target() {
    let mut lone = everywhere();
    let targets = [(Protocol::Tcp, "10.9.0.1:5060"), (Protocol::Tcp, "10.9.0.2:5060")];
    call_name(&mut lone, to("sip:callee@trunk.example"), &targets);
    let (transmit, request) = lone.sent_by();
    lone.hear_by(transmit.path, respond(&request, 100, ""));
    lone.lose(transmit.path, TransportError::Closed);
    lone.sent_request(Method::Cancel);
    let (next, request) = lone.sent_by();
    assert_eq!((next.path.remote, request.method()), (address("10.9.0.2:5060"), Some(Method::Invite)));
}

#[test]
fn a_call_hung_up_before_its_connection_stood_is_abandoned() {
    let mut lone = everywhere();
    let targets = [(Protocol::Tcp, "10.9.0.1:5060"), (Protocol::Tcp, "10.9.0.2:5060")];
    let id = call_name(&mut lone, to("sip:callee@trunk.example"), &targets);
    let (transmit, _) = lone.sent_by();
    lone.ua.hangup(lone.now, id, None);
    lone.lose(transmit.path, TransportError::Refused);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.cancelled), (Cause::Abandoned, true));
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn a_dialog_outlives_its_connection_and_its_bye_opens_another() {
    let mut lone = everywhere();
    let (id, request) = lone.call(to("sip:callee@10.0.0.2;transport=tcp"));
    let path =
        Path { protocol: Protocol::Tcp, local: address(OURS), remote: address(PEER), flow: Flow::Opened(0) };
    let answer = latin(&respond(&request, 200, "callee"));
    lone.hear_by(path, answer);
    let (ack, _) = lone.sent_by();
    assert_eq!(ack.path, path, "his Contact names no transport: the dialog keeps its own");
    lone.answered();
    lone.lose(path, TransportError::Reset);
    lone.no_event();
    lone.ua.hangup(lone.now, id, None);
    let (bye, message) = lone.sent_by();
    assert_eq!((bye.path, message.method()), (path, Some(Method::Bye)));
    lone.lose(path, TransportError::Refused);
    assert_eq!(lone.ended(), End::Lost { status: None, cause: crate::event::Loss::Request });
}

#[test]
fn an_answer_is_acked_again_by_its_connection() {
    let mut lone = everywhere();
    let (_, request) = lone.call(to("sip:callee@10.0.0.2;transport=tcp"));
    let path = Path { protocol: Protocol::Tcp, ..Path::udp(address(OURS), address(PEER)) };
    let path = Path { flow: Flow::Opened(0), ..path };
    for _ in 0..2 {
        lone.hear_by(path, respond(&request, 200, "callee"));
        assert_eq!(lone.sent_by().0.path, path);
    }
}

#[test]
fn a_call_that_came_by_a_connection_is_refused_once_and_by_it() {
    let mut lone = everywhere();
    lone.hear_by(accepted(), by_tcp(&Ask::new("INVITE")));
    let (trying, _) = lone.sent_by();
    assert_eq!(trying.path, accepted());
    let Event::Incoming { id, .. } = lone.event() else { panic!("nobody calls") };
    lone.ua.reject(lone.now, id, 486, Vec::new());
    let (busy, message) = lone.sent_by();
    assert_eq!((busy.path, message.status()), (accepted(), Some(486)));
    lone.failure();
    lone.advance(T1 * 20);
    lone.sent_nothing();
    let ack = Ask { branch: Ask::new("INVITE").branch, to_tag: Some(to_tag(&message)), ..Ask::new("ACK") };
    lone.hear_by(accepted(), by_tcp(&ack));
    lone.advance(Duration::from_millis(1));
    lone.is_empty();
}

#[test]
fn our_answer_outlives_the_connection_that_asked() {
    let mut lone = everywhere();
    lone.hear_by(accepted(), by_tcp(&Ask { body: Some("v=0 offer"), ..Ask::new("INVITE") }));
    lone.sent_response(100);
    let Event::Incoming { id, .. } = lone.event() else { panic!("nobody calls") };
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let (answer, message) = lone.sent_by();
    assert_eq!(answer.path, accepted());
    assert_eq!(message.header(Name::Contact), Some("<sip:trunkline@10.0.0.1:5060;transport=tcp>"));
    lone.advance(T1);
    assert_eq!(lone.sent_by().0.path, accepted(), "until its ACK comes, over any transport (§13.3.1.4)");
    lone.lose(accepted(), TransportError::Reset);
    lone.advance(T1 * 2);
    let (answer, _) = lone.sent_by();
    assert_eq!((answer.path.remote, answer.path.flow), (address(PEER), Flow::Opened(0)), "its Via's port");
    lone.hear_by(
        Path { flow: Flow::Accepted(10), ..accepted() },
        by_tcp(&Ask { branch: "z9hG4bK-ack".into(), to_tag: Some(to_tag(&message)), ..Ask::new("ACK") }),
    );
    assert!(matches!(lone.event(), Event::Confirmed { .. }));
}

#[test]
fn a_refusal_whose_connection_is_gone_is_said_again_by_another() {
    let mut lone = everywhere();
    lone.hear_by(accepted(), by_tcp(&Ask::new("INVITE")));
    lone.sent_response(100);
    let Event::Incoming { id, .. } = lone.event() else { panic!("nobody calls") };
    lone.lose(accepted(), TransportError::Closed);
    // The 100 again: whoever reads it knows where to wait.
    assert_eq!(lone.sent_by().0.path.remote, address(PEER));
    lone.ua.reject(lone.now, id, 486, Vec::new());
    let (busy, _) = lone.sent_by();
    assert_eq!((busy.path.remote, busy.path.flow), (address(PEER), Flow::Opened(0)));
}

#[test]
fn a_bye_goes_back_by_the_callers_connection_where_his_contact_takes_none() {
    let mut lone = everywhere();
    lone.hear_by(accepted(), by_tcp(&Ask { body: Some("v=0 offer"), ..Ask::new("INVITE") }));
    lone.sent_response(100);
    let Event::Incoming { id, .. } = lone.event() else { panic!("nobody calls") };
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let answer = lone.sent_response(200);
    let ack = Ask { branch: "z9hG4bK-ack".into(), to_tag: Some(to_tag(&answer)), ..Ask::new("ACK") };
    lone.hear_by(accepted(), by_tcp(&ack));
    lone.event();
    lone.ua.hangup(lone.now, id, None);
    let (bye, _) = lone.sent_by();
    assert_eq!((bye.path.remote, bye.path.flow), (address(PEER), Flow::Opened(0)));
    lone.lose(bye.path, TransportError::Refused);
    let (bye, message) = lone.sent_by();
    assert_eq!((bye.path, message.method()), (accepted(), Some(Method::Bye)));
}

#[test]
fn the_ack_of_a_reinvite_goes_by_the_callers_connection_where_his_contact_takes_none() {
    let mut lone = everywhere();
    lone.hear_by(accepted(), by_tcp(&Ask { body: Some("v=0 offer"), ..Ask::new("INVITE") }));
    lone.sent_response(100);
    let Event::Incoming { id, .. } = lone.event() else { panic!("nobody calls") };
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let answer = lone.sent_response(200);
    let ack = Ask { branch: "z9hG4bK-ack".into(), to_tag: Some(to_tag(&answer)), ..Ask::new("ACK") };
    lone.hear_by(accepted(), by_tcp(&ack));
    lone.event();
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let (first, _) = lone.sent_by();
    lone.lose(first.path, TransportError::Refused);
    let (second, reinvite) = lone.sent_by();
    assert_eq!((second.path, reinvite.method()), (accepted(), Some(Method::Invite)));
    for _ in 0..2 {
        lone.hear_by(accepted(), respond(&reinvite, 200, "peer"));
        let (ack, message) = lone.sent_by();
        assert_eq!((ack.path, message.method()), (accepted(), Some(Method::Ack)));
    }
}

#[test]
fn a_probe_goes_to_the_next_target_and_says_why_it_came_to_nothing() {
    let mut lone = everywhere();
    let probe = OptionsRequest {
        token: TOKEN,
        uri: String::from("sip:trunk.example"),
        from: String::from("<sip:trunkline@10.0.0.1>"),
        route: None,
        credentials: None,
        tls: None,
    };
    lone.ua.options(lone.now, probe).expect("there is room");
    let query = lone.ua.poll_query().expect("a question");
    let targets = ["10.9.0.1:5060", "10.9.0.2:5060"]
        .map(|text| Target { protocol: Protocol::Tcp, address: address(text) });
    lone.ua.handle_targets(lone.now, query.id, targets.to_vec());
    for target in targets {
        let (transmit, _) = lone.sent_by();
        assert_eq!(transmit.path.remote, target.address);
        lone.lose(transmit.path, TransportError::Unreachable);
    }
    let Event::Reply { status, transport, .. } = lone.event() else { panic!("no reply") };
    assert_eq!((status, transport), (None, Some(TransportError::Unreachable)));
    lone.is_empty();
}

#[test]
fn each_family_has_its_own_address_and_a_missing_one_is_no_way() {
    let mut lone = everywhere();
    lone.ua.invite(lone.now, to("sip:callee@[2001:db8::2]")).expect("there is room");
    let (transmit, request) = lone.sent_by();
    assert_eq!(transmit.path, Path::udp(address(OURS_6), address("[2001:db8::2]:5060")));
    assert_eq!(request.top_via().map(|via| via.host), Some("2001:db8::1"));
    assert_eq!(request.header(Name::Contact), Some("<sip:trunkline@[2001:db8::1]:5060>"));
    lone.hear_by(transmit.path, respond(&request, 486, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(lone.failure().status, Some(486));

    let mut lone = Lone::new();
    call_name(
        &mut lone,
        to("sip:callee@trunk.example"),
        &[(Protocol::Udp, "[2001:db8::2]:5060"), (Protocol::Udp, PEER)],
    );
    assert_eq!(lone.sent_to().0, address(PEER));
    lone.ua.invite(lone.now, to("sip:callee@[2001:db8::2]")).expect("there is room");
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.transport), (Cause::Transport, Some(TransportError::NoLocal)));
}

#[test]
fn a_dialog_keeps_the_address_it_began_at() {
    const SECOND: &str = "192.0.2.1:5060";
    let mut config = Config::new(address(OURS));
    config.locals.extend([
        Local::new(Protocol::Udp, address(SECOND)),
        Local::new(Protocol::Tcp, address(OURS)),
        Local::new(Protocol::Tcp, address(SECOND)),
    ]);
    let mut lone = Lone::with(config);
    let second = Path::udp(address(SECOND), address("10.0.0.2:40123"));
    lone.hear_by(second, Ask { body: Some("v=0 offer"), ..Ask::new("INVITE") }.bytes());
    lone.sent_response(100);
    let Event::Incoming { id, .. } = lone.event() else { panic!("nobody calls") };
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let (transmit, answer) = lone.sent_by();
    assert_eq!(transmit.path.local, address(SECOND));
    let ack = Ask { branch: "z9hG4bK-ack".into(), to_tag: Some(to_tag(&answer)), ..Ask::new("ACK") };
    lone.hear_by(second, ack.bytes());
    lone.event();
    // His Contact is another port than he sends from, and we are still where he called.
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let (transmit, reinvite) = lone.sent_by();
    assert_eq!(transmit.path, Path::udp(address(SECOND), address(PEER)));
    assert_eq!(reinvite.header(Name::Contact), Some("<sip:trunkline@192.0.2.1:5060>"));
    assert_eq!(reinvite.top_via().map(|via| via.host), Some("192.0.2.1"));
    lone.hear_by(second, respond(&reinvite, 200, "peer"));
    lone.sent_request(Method::Ack);
    lone.event();
    // What is too long for a datagram leaves from there, too.
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v".repeat(1_300))));
    let (transmit, _) = lone.sent_by();
    assert_eq!((transmit.path.protocol, transmit.path.local), (Protocol::Tcp, address(SECOND)));
}

#[test]
fn trust_can_change_and_speaks_of_networks() {
    let mut lone = Lone::new();
    lone.ua.trust(crate::Trust::Only(vec![
        (address("192.0.2.0:0").ip(), 24),
        (address("[2001:db8::]:0").ip(), 32),
    ]));
    lone.hear_from("192.0.3.1:5060", Ask::new("OPTIONS").bytes());
    lone.sent_nothing();
    lone.hear_from("192.0.2.255:5060", Ask::new("OPTIONS").bytes());
    lone.sent_response(200);
    lone.hear_from("[2001:db8:ffff::1]:5060", Ask::new("OPTIONS").bytes());
    lone.sent_response(200);
    assert_eq!(lone.ua.counters().strangers, 1);
}

#[test]
fn who_speaks_on_a_connection_of_ours_is_no_stranger() {
    let mut lone = everywhere();
    lone.ua.trust(crate::Trust::Only(Vec::new()));
    let path = Path { flow: Flow::Opened(0), ..accepted() };
    lone.hear_by(accepted(), by_tcp(&Ask::new("OPTIONS")));
    lone.sent_nothing();
    lone.hear_by(path, by_tcp(&Ask::new("OPTIONS")));
    lone.sent_response(200);
}

#[test]
fn an_ack_that_no_connection_takes_goes_to_where_its_answer_came_from() {
    let mut lone = everywhere();
    let (id, request) = lone.call(invite());
    lone.hear(
        latin(&respond(&request, 200, "callee")).replace(&format!("@{PEER}>"), "@10.0.0.2;transport=tcp>"),
    );
    let (ack, _) = lone.sent_by();
    assert_eq!(ack.path.protocol, Protocol::Tcp);
    lone.answered();
    lone.lose(ack.path, TransportError::Refused);
    let (again, message) = lone.sent_by();
    assert_eq!((again.path.protocol, again.path.remote), (Protocol::Udp, address(PEER)));
    assert_eq!((message.method(), again.payload), (Some(Method::Ack), ack.payload));
    lone.hear(respond(&request, 200, "callee"));
    assert_eq!(lone.sent_by().0.path.protocol, Protocol::Udp);
    // Its BYE tries what the Contact says first, too.
    lone.ua.hangup(lone.now, id, None);
    let (bye, _) = lone.sent_by();
    assert_eq!(bye.path.protocol, Protocol::Tcp);
    lone.lose(bye.path, TransportError::Refused);
    assert_eq!(lone.sent_by().0.path.protocol, Protocol::Udp);
}

#[test]
fn the_ack_of_a_reinvite_that_no_connection_takes_goes_to_where_its_answer_came_from() {
    let mut lone = everywhere();
    let (id, _) = lone.talk();
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let reinvite = lone.sent_request(Method::Invite);
    let answer = respond(&reinvite, 200, "callee");
    let moved = latin(&answer).replace(&format!("@{PEER}>"), "@10.0.0.2;transport=tcp>");
    lone.hear(moved.clone());
    let (ack, _) = lone.sent_by();
    assert_eq!(ack.path.protocol, Protocol::Tcp);
    lone.lose(ack.path, TransportError::Refused);
    let (again, message) = lone.sent_by();
    assert_eq!((again.path.protocol, again.path.remote), (Protocol::Udp, address(PEER)));
    assert_eq!((message.method(), again.payload), (Some(Method::Ack), ack.payload));
    lone.hear(moved);
    assert_eq!(lone.sent_by().0.path.protocol, Protocol::Udp);
}
