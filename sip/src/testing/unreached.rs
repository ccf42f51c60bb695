//! ICMP errors (RFC 3261 §18.4): they spare us waiting for a dead host, and end nothing that lives.

use super::*;
use crate::config::OptionsRequest;
use crate::event::Cause;
use crate::{Register, RegistrationId};

const OTHER: &str = "10.0.0.3:5060";

/// A call to a name that was found at these addresses.
#[track_caller]
fn call_name(lone: &mut Lone, found: &[&str]) -> (InviteId, Message) {
    let uri = String::from("sip:callee@trunk.example");
    let id = lone.ua.invite(lone.now, Invite { uri, ..invite() }).expect("there is room");
    answer_query(lone, found);
    (id, lone.sent_request(Method::Invite))
}

#[track_caller]
fn answer_query(lone: &mut Lone, found: &[&str]) {
    let query = lone.ua.poll_query().expect("a name needs a question");
    lone.ua.handle_targets(lone.now, query.id, found.iter().copied().map(udp).collect());
}

/// A registration at a name that was found at these addresses.
#[track_caller]
fn register(lone: &mut Lone, found: &[&str]) -> (RegistrationId, Message) {
    let registrar = String::from("sip:trunk.example");
    let order = Register { registrar, ..super::registration::order() };
    let id = lone.ua.register(lone.now, order).expect("there is room");
    answer_query(lone, found);
    (id, lone.sent_request(Method::Register))
}

fn ping() -> OptionsRequest {
    OptionsRequest {
        token: TOKEN,
        uri: String::from("sip:trunk.example"),
        from: String::from("<sip:us@10.0.0.1>"),
        route: None,
        credentials: None,
        tls: None,
    }
}

#[test]
fn an_invite_goes_past_a_dead_host_at_once() {
    let mut lone = Lone::new();
    let (_, first) = call_name(&mut lone, &[PEER, OTHER]);
    lone.unreached(PEER);
    let (to, second) = lone.sent_to();
    assert_eq!((to, second.method()), (address(OTHER), Some(Method::Invite)));
    assert_ne!(branch(&second), branch(&first));
    assert_eq!((lone.elapsed(), lone.ua.counters().failovers), (Duration::ZERO, 1));
    lone.hear_from(OTHER, respond(&second, 486, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(lone.failure().status, Some(486));
    lone.advance(T1 * 64);
    lone.is_empty();
}

#[test]
fn the_last_host_says_why_the_call_failed() {
    let mut lone = Lone::new();
    call_name(&mut lone, &[PEER, OTHER]);
    lone.unreached(PEER);
    lone.sent_request(Method::Invite);
    lone.unreached(OTHER);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.transport), (Cause::Transport, Some(TransportError::Refused)));
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn other_addresses_and_ports_are_none_of_its_business() {
    let mut lone = Lone::new();
    call_name(&mut lone, &[PEER, OTHER]);
    for elsewhere in [OTHER, "10.0.0.2:5061", "10.0.0.2:40000", "[::1]:5060"] {
        lone.unreached(elsewhere);
    }
    lone.sent_nothing();
    lone.no_event();
    lone.advance(T1);
    assert_eq!(lone.sent_to().0, address(PEER), "it is sent again, and waited for");
}

#[test]
fn a_call_by_connection_hears_of_no_datagrams() {
    let mut config = Config::new(address(OURS));
    config.locals.push(crate::Local::new(crate::Protocol::Tcp, address(OURS)));
    let mut lone = Lone::with(config);
    lone.call(Invite { uri: format!("sip:callee@{PEER};transport=tcp"), ..invite() });
    lone.unreached(PEER);
    lone.no_event();
}

#[test]
fn what_was_heard_of_is_not_ended() {
    for status in [100, 180] {
        let mut lone = Lone::new();
        let (_, request) = call_name(&mut lone, &[PEER, OTHER]);
        lone.hear(respond(&request, status, "callee"));
        lone.events.clear();
        lone.unreached(PEER);
        lone.sent_nothing();
        lone.no_event();
        lone.hear(respond(&request, 200, "callee"));
        lone.sent_request(Method::Ack);
        lone.answered();
    }
}

#[test]
fn a_cancel_that_is_not_heard_of_goes_on() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.hear(respond(&request, 180, "callee"));
    lone.ua.hangup(lone.now, id, None);
    lone.sent_request(Method::Cancel);
    lone.events.clear();
    lone.unreached(PEER);
    lone.no_event();
    lone.advance(T1);
    lone.sent_request(Method::Cancel);
    lone.hear(respond(&request, 487, "callee"));
    lone.sent_request(Method::Ack);
    assert!(lone.failure().cancelled);
}

#[test]
fn a_call_that_was_hung_up_before_anything_was_heard_is_over() {
    let mut lone = Lone::new();
    let (id, _) = call_name(&mut lone, &[PEER, OTHER]);
    lone.ua.hangup(lone.now, id, None);
    lone.unreached(PEER);
    assert_eq!(lone.failure().cause, Cause::Abandoned);
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn nothing_within_a_dialog_is_ended() {
    let mut lone = Lone::new();
    let (id, request) = lone.talk();
    lone.unreached(PEER);
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 other")));
    let reinvite = lone.sent_request(Method::Invite);
    lone.unreached(PEER);
    lone.no_event();
    lone.advance(T1);
    assert_eq!(lone.sent_request(Method::Invite).cseq(), reinvite.cseq());
    lone.hear(respond(&reinvite, 200, "callee"));
    lone.sent_request(Method::Ack);
    assert!(matches!(lone.event(), Event::Reanswered { .. }));
    lone.hear(Ask::within("INFO", &request, "callee", 1).bytes());
    lone.sent();
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    lone.events.clear();
    lone.unreached(PEER);
    lone.no_event();
    lone.hear(respond(&bye, 200, "callee"));
    assert_eq!(lone.ended(), End::Local);
}

#[test]
fn an_incoming_call_goes_on() {
    let mut lone = Lone::new();
    lone.hear(Ask::new("INVITE").bytes());
    let Event::Incoming { id, .. } = lone.event() else { panic!("a call comes in") };
    lone.sent_response(100);
    lone.unreached(PEER);
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    lone.sent_response(200);
    lone.unreached(PEER);
    lone.no_event();
    lone.advance(T1);
    lone.sent_response(200);
}

#[test]
fn a_register_and_an_options_go_past_a_dead_host() {
    let mut lone = Lone::new();
    register(&mut lone, &[PEER, OTHER]);
    lone.unreached(PEER);
    let (to, _) = lone.sent_to();
    assert_eq!(to, address(OTHER));
    lone.no_event();

    lone.ua.options(lone.now, ping()).expect("there is room");
    answer_query(&mut lone, &[PEER]);
    lone.sent_request(Method::Options);
    lone.unreached(PEER);
    match lone.event() {
        Event::Reply { status: None, transport, .. } => assert_eq!(transport, Some(TransportError::Refused)),
        event => panic!("not the end of the OPTIONS: {event:?}"),
    }
}

#[test]
fn a_binding_that_stands_is_not_lost() {
    let mut lone = Lone::new();
    let (_, request) = register(&mut lone, &[PEER]);
    let listed = format!("{};expires=600", request.header(Name::Contact).expect("a Contact"));
    lone.hear(respond_with(&request, 200, "r", &[("Contact", &listed)]));
    assert!(matches!(lone.event(), Event::Registered { .. }));
    lone.unreached(PEER);
    lone.no_event();
    lone.sent_nothing();
}
