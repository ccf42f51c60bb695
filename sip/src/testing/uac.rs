//! Calls of ours: what leaves, what the answers mean, and the failures.

use super::*;
use crate::{Cause, Error, Fork, Reason};

#[test]
fn a_call_is_invited_acked_and_ended() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    assert_eq!(request.request_uri(), Some("sip:callee@10.0.0.2:5060"));
    assert_eq!(request.header(Name::MaxForwards), Some("70"));
    assert_eq!(request.header(Name::Contact), Some("<sip:trunkline@10.0.0.1:5060>"));
    assert_eq!((request.body(), request.content_type()), (&b"v=0 offer"[..], Some("application/sdp")));
    assert!(branch(&request).starts_with("z9hG4bK"));
    assert_eq!(request.cseq(), (1, Method::Invite));

    lone.hear(respond(&request, 100, "callee"));
    lone.no_event();
    lone.hear(respond(&request, 180, "callee"));
    let Event::Progress { token: TOKEN, fork: Fork(0), status: 180, body: None, .. } = lone.event() else {
        panic!("no progress")
    };
    lone.hear(respond(&request, 200, "callee"));
    let ack = lone.sent_request(Method::Ack);
    assert_eq!(ack.request_uri(), Some("sip:callee@10.0.0.2:5060"));
    assert_eq!((ack.cseq(), to_tag(&ack)), ((1, Method::Ack), String::from("callee")));
    assert_ne!(branch(&ack), branch(&request), "the ACK of a 2xx is a transaction of its own");
    let dialog = lone.answered();
    assert_eq!((dialog.call_id.as_str(), dialog.remote_tag.as_str()), (request.call_id(), "callee"));
    assert_eq!(dialog.local_uri, "\"Trunk\" <sip:caller@10.0.0.1>");

    lone.ua.hangup(lone.now, id, Some(Reason { protocol: "Q.850".into(), cause: Some(16), text: None }));
    let bye = lone.sent_request(Method::Bye);
    assert_eq!((bye.cseq(), to_tag(&bye)), ((2, Method::Bye), String::from("callee")));
    assert_eq!(bye.header(Name::Reason), Some("Q.850;cause=16"));
    assert_eq!(from_tag(&bye), from_tag(&request));
    lone.no_event();
    lone.hear(respond(&bye, 200, "callee"));
    assert_eq!(lone.ended(), End::Local);
    lone.advance(T1 * 65);
    lone.no_event();
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn what_ends_the_to_of_a_response_is_no_part_of_our_requests() {
    for tail in [";é;", ";", ";x=\"ü\" ; "] {
        let mut lone = Lone::new();
        let (id, request) = lone.call(invite());
        for status in [180, 200] {
            let said = latin(&respond(&request, status, "callee"));
            lone.hear(said.replace(";tag=callee\r\n", &format!(";tag=callee{tail}\r\n")));
        }
        let ack = lone.sent_request(Method::Ack);
        lone.ua.hangup(lone.now, id, None);
        let bye = lone.sent_request(Method::Bye);
        for ours in [ack, bye] {
            assert_eq!(ours.header(Name::To), Some("<sip:callee@10.0.0.2>;tag=callee"), "{tail}");
            assert_eq!(ours.header(Name::From), request.header(Name::From), "{tail}");
        }
    }
}

#[test]
fn an_offer_in_the_answer_to_an_invite_without_one_is_acked_and_ended() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(Invite { body: None, ..invite() });
    assert_eq!((request.body(), request.content_type()), (&b""[..], None));
    lone.hear(respond_saying(&request, 200, "callee", &[], "v=0 their offer"));
    assert_eq!(lone.sent_request(Method::Ack).cseq().0, 1);
    let bye = lone.sent_request(Method::Bye);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status, failure.cancelled), (Cause::Response, Some(200), false));
    lone.hear(respond(&bye, 200, "callee"));
    lone.no_event();
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn the_far_end_hangs_up_and_says_why() {
    let mut lone = Lone::new();
    let (_, request) = lone.talk();
    let bye =
        Ask::within("BYE", &request, "callee", 1).header("Reason", "Q.850;cause=16;text=\"Normal\"").bytes();
    lone.hear(bye.clone());
    lone.sent_response(200);
    let reasons = vec![Reason { protocol: "Q.850".into(), cause: Some(16), text: Some("Normal".into()) }];
    assert_eq!(lone.ended(), End::Remote { reasons });
    lone.hear(bye);
    lone.sent_response(200);
    lone.advance(T1 * 65);
    lone.no_event();
    lone.is_empty();
}

#[test]
fn a_refusal_is_acked_by_its_transaction_and_told_in_full() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let headers =
        [("Reason", "Q.850;cause=17"), ("Retry-After", "12 (busy)"), ("Warning", "399 gw \"line, busy\"")];
    let response = respond_with(&request, 486, "callee", &headers);
    lone.hear(response.clone());
    let ack = lone.sent_request(Method::Ack);
    assert_eq!((branch(&ack), ack.cseq()), (branch(&request), (1, Method::Ack)));
    assert_eq!((ack.request_uri(), to_tag(&ack).as_str()), (request.request_uri(), "callee"));
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status, failure.cancelled), (Cause::Response, Some(486), false));
    assert_eq!((failure.phrase.as_str(), failure.reasons[0].cause), ("Busy Here", Some(17)));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(12)));
    assert_eq!(failure.warning.as_deref(), Some("399 gw \"line, busy\""));
    lone.hear(response);
    lone.sent_request(Method::Ack);
    lone.advance(T1 * 65);
    lone.no_event();
    lone.is_empty();
}

#[test]
fn a_redirection_tells_its_contacts() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    lone.hear(respond_with(&request, 302, "x", &[("Contact", "<sip:a@b>;q=1, \"B, C\" <sip:c@d>")]));
    assert_eq!(lone.failure().contacts, ["<sip:a@b>;q=1", "\"B, C\" <sip:c@d>"]);
}

#[test]
fn a_redirection_tells_the_best_contact_first() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let contacts = "<sip:a@b>;q=0.2, <sip:c@d>;q=0.9, <sip:e@f>, <sip:g@h>;q=0.9;x=1, <sip:i@j>;q=nonsense";
    lone.hear(respond_with(&request, 300, "x", &[("Contact", contacts)]));
    let best: Vec<String> = lone.failure().contacts.iter().map(|contact| contact[5..8].to_owned()).collect();
    assert_eq!(best, ["e@f", "i@j", "c@d", "g@h", "a@b"]);
}

#[test]
fn use_proxy_and_alternative_service_point_nowhere() {
    for status in [305, 380] {
        let mut lone = Lone::new();
        let (_, request) = lone.call(invite());
        lone.hear(respond_with(&request, status, "x", &[("Contact", "<sip:proxy@b>")]));
        let failure = lone.failure();
        assert_eq!((failure.status, failure.contacts.len()), (Some(status), 0));
    }
}

#[test]
fn silence_fails_after_64_t1_with_seven_invites_sent() {
    let mut lone = Lone::new();
    lone.call(invite());
    lone.advance(T1 * 64 - Duration::from_millis(1));
    lone.no_event();
    for _ in 0..6 {
        lone.sent_request(Method::Invite);
    }
    lone.sent_nothing();
    lone.advance(Duration::from_millis(2));
    assert_eq!(lone.failure().cause, Cause::Timeout);
    lone.is_empty();
}

#[test]
fn the_same_provisional_again_is_no_news() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let mut heard = Vec::new();
    for status in [180, 180, 183, 183, 180] {
        lone.hear(respond(&request, status, "callee"));
    }
    while let Some(Event::Progress { status, .. }) = lone.events.pop_front() {
        heard.push(status);
    }
    assert_eq!(heard, [180, 183, 180]);
}

#[test]
fn a_host_name_is_asked_for_and_every_address_tried() {
    let mut lone = Lone::new();
    let uri = String::from("sip:callee@trunk.example.com:5070");
    lone.ua.invite(lone.now, Invite { uri, ..invite() }).expect("there is room");
    lone.sent_nothing();
    let query = lone.ua.poll_query().expect("a name needs a question");
    assert_eq!((query.host.as_str(), query.port), ("trunk.example.com", Some(5070)));
    let targets = ["10.9.0.1:5070", "10.9.0.2:5070", "10.9.0.3:5070"].map(address);
    lone.ua.handle_targets(lone.now, query.id, targets.map(Target::udp).to_vec());
    let (to, first) = lone.sent_to();
    assert_eq!(to, targets[0]);
    lone.hear_from("10.9.0.1:5070", respond(&first, 503, "x"));
    lone.sent_request(Method::Ack);
    let (to, second) = lone.sent_to();
    assert_eq!((to, second.call_id(), from_tag(&second)), (targets[1], first.call_id(), from_tag(&first)));
    assert_ne!(branch(&second), branch(&first));
    lone.advance(T1 * 65);
    lone.no_event();
    while lone.sent.len() > 1 {
        lone.sent_request(Method::Invite);
    }
    let (to, third) = lone.sent_to();
    assert_eq!((to, lone.ua.counters().failovers), (targets[2], 2));
    lone.hear_from("10.9.0.3:5070", respond(&third, 503, "x"));
    assert_eq!(lone.failure().status, Some(503));
}

#[test]
fn what_has_rung_is_not_rung_again_at_another_address() {
    let mut lone = Lone::new();
    let uri = String::from("sip:callee@trunk.example.com");
    lone.ua.invite(lone.now, Invite { uri, ..invite() }).expect("there is room");
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.handle_targets(lone.now, query.id, vec![udp(PEER), udp("10.9.0.2:5060")]);
    let request = lone.sent_request(Method::Invite);
    lone.hear(respond(&request, 180, "callee"));
    lone.event();
    lone.hear(respond(&request, 503, "callee"));
    lone.sent_request(Method::Ack);
    lone.sent_nothing();
    assert_eq!((lone.failure().status, lone.ua.counters().failovers), (Some(503), 0));
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn what_rang_before_it_was_challenged_may_ring_at_another_address() {
    let mut lone = Lone::new();
    let uri = String::from("sip:callee@trunk.example.com");
    let call = Invite { uri, credentials: Some(credentials()), ..invite() };
    lone.ua.invite(lone.now, call).expect("there is room");
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.handle_targets(lone.now, query.id, vec![udp(PEER), udp("10.9.0.2:5060")]);
    let request = lone.sent_request(Method::Invite);
    lone.hear(respond(&request, 180, "callee"));
    lone.event();
    let challenge = ("WWW-Authenticate", "Digest realm=\"server\", nonce=\"n1\", qop=\"auth\"");
    lone.hear(respond_with(&request, 401, "x", &[challenge]));
    lone.sent_request(Method::Ack);
    let request = lone.sent_request(Method::Invite);
    lone.hear(respond(&request, 503, "callee"));
    lone.sent_request(Method::Ack);
    let (to, _) = lone.sent_to();
    assert_eq!((to, lone.ua.counters().failovers), (address("10.9.0.2:5060"), 1));
}

#[test]
fn an_invite_that_is_sent_anew_has_early_dialogs_of_its_own() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(Invite { credentials: Some(credentials()), ..invite() });
    lone.hear(respond(&request, 183, "before"));
    assert!(matches!(lone.event(), Event::Progress { fork: Fork(0), status: 183, .. }));
    let challenge = ("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"");
    lone.hear(respond_with(&request, 401, "x", &[challenge]));
    lone.sent_request(Method::Ack);
    let again = lone.sent_request(Method::Invite);
    // Whom the first one reached has no part in the second.
    lone.hear(Ask::within("INFO", &request, "before", 5).bytes());
    lone.sent_response(481);
    lone.hear(respond(&again, 180, "callee"));
    assert!(matches!(lone.event(), Event::Progress { fork: Fork(1), status: 180, .. }));
    lone.hear(respond(&again, 200, "callee"));
    lone.sent_request(Method::Ack);
    assert!(matches!(lone.event(), Event::Answered { fork: Fork(1), .. }));
}

#[test]
fn a_host_without_addresses_is_unresolved() {
    let mut lone = Lone::new();
    lone.ua
        .invite(lone.now, Invite { uri: "sip:a@nowhere.example".into(), ..invite() })
        .expect("there is room");
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.handle_targets(lone.now, query.id, Vec::new());
    assert_eq!(lone.failure().cause, Cause::Unresolved);
    lone.is_empty();
    lone.ua.handle_targets(lone.now, query.id, vec![udp(PEER)]);
    lone.sent_nothing();
}

#[test]
fn an_outbound_proxy_gets_the_request_and_stands_in_the_route() {
    let mut lone = Lone::new();
    let route = Some(String::from("sip:10.0.0.9:5099"));
    lone.ua.invite(lone.now, Invite { route, ..invite() }).expect("there is room");
    let (to, request) = lone.sent_to();
    assert_eq!((to, request.header(Name::Route)), (address("10.0.0.9:5099"), Some("<sip:10.0.0.9:5099;lr>")));
    lone.hear(respond(&request, 404, "x"));
    let (to, ack) = lone.sent_to();
    assert_eq!((to, ack.header(Name::Route)), (address("10.0.0.9:5099"), Some("<sip:10.0.0.9:5099;lr>")));
}

#[test]
fn what_cannot_be_written_is_refused_at_the_door() {
    let mut lone = Lone::new();
    let now = lone.now;
    let mut refused = |invite| lone.ua.invite(now, invite).expect_err("not to be written");
    assert!(matches!(refused(Invite { uri: "tel:+44".into(), ..invite() }), Error::Uri(_)));
    assert!(matches!(refused(Invite { uri: "sip:a@b\r\nX: y".into(), ..invite() }), Error::Uri(_)));
    assert!(matches!(refused(Invite { from: "<sip:a@b>\r\nX: y".into(), ..invite() }), Error::Header(_)));
    assert!(matches!(refused(Invite { to: "nobody".into(), ..invite() }), Error::Header(_)));
    assert!(matches!(refused(Invite { call_id: Some("a b".into()), ..invite() }), Error::Header(_)));
    assert!(matches!(
        refused(Invite { route: Some("sip:p;transport=ws".into()), ..invite() }),
        Error::Uri(_)
    ));
    lone.is_empty();
}

#[test]
fn maxima_refuse_new_calls_and_spare_the_old() {
    let mut config = Config::new(address(OURS));
    config.invites_max = 1;
    let mut lone = Lone::with(config);
    let (_, request) = lone.call(invite());
    let refused = lone.ua.invite(lone.now, invite());
    assert_eq!(refused, Err(Error::Overloaded { what: "invites", max: 1 }));
    lone.hear(Ask::new("INVITE").bytes());
    let response = lone.sent_response(503);
    assert!(response.retry_after().is_some());
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(lone.ua.counters().overloaded, 2);
}

#[test]
fn a_tapped_call_shows_every_message_both_ways() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(Invite { tap: true, ..invite() });
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    lone.hear(respond(&bye, 200, "callee"));
    let mut ladder = Vec::new();
    while let Some(event) = lone.events.pop_front() {
        if let Event::Traced { token: TOKEN, direction, message, .. } = event {
            let line = latin(&message).split(' ').take(2).collect::<Vec<_>>().join(" ");
            ladder.push(format!("{direction:?} {}", line.split("sip:").next().unwrap_or_default().trim()));
        }
    }
    assert_eq!(ladder, ["Out INVITE", "In SIP/2.0 200", "Out ACK", "Out BYE", "In SIP/2.0 200"]);
}

#[test]
fn our_own_headers_and_call_id_are_written() {
    let mut lone = Lone::new();
    let headers = vec![(String::from("P-Charging"), String::from("a\r\nX-Evil: 1"))];
    let (_, request) = lone.call(Invite { headers, call_id: Some("mine@here".into()), ..invite() });
    assert_eq!((request.call_id(), request.header_named("P-Charging")), ("mine@here", Some("a  X-Evil: 1")));
    assert_eq!(request.header_named("X-Evil"), None);
}

#[test]
fn a_response_that_is_not_for_us_is_dropped() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let good = latin(&respond(&request, 180, "callee"));
    let other_branch = good.replace(&branch(&request), "z9hG4bKnobody");
    let other_host = good.replace("UDP 10.0.0.1:5060", "UDP 10.0.0.3:5060");
    let other_method = good.replace("1 INVITE", "1 BYE");
    let two_vias = good.replacen("From:", "Via: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKx\r\nFrom:", 1);
    for text in [other_branch, other_host, other_method, two_vias] {
        assert_ne!(text, good);
        lone.hear(text);
    }
    lone.no_event();
    assert_eq!(lone.ua.counters().stray_responses, 4);
    lone.hear(good);
    lone.event();
}

/// A call to a name that was found at two places.
#[track_caller]
fn call_either(lone: &mut Lone) -> (SocketAddr, Message) {
    let uri = String::from("sip:callee@trunk.example");
    lone.ua.invite(lone.now, Invite { uri, ..invite() }).expect("there is room");
    let query = lone.ua.poll_query().expect("a name needs a question");
    lone.ua.handle_targets(lone.now, query.id, vec![udp(PEER), udp(OTHER)]);
    lone.sent_to()
}

const OTHER: &str = "10.0.0.3:5060";

#[test]
fn the_next_call_begins_with_the_server_that_answers() {
    let mut lone = Lone::new();
    assert_eq!(call_either(&mut lone).0, address(PEER));
    assert_eq!(call_either(&mut lone).0, address(PEER));
    // The call that waits goes on to wait; the next one need not.
    lone.advance(T1 * 7);
    lone.sent.clear();
    let (to, request) = call_either(&mut lone);
    assert_eq!(to, address(OTHER));
    lone.hear_from(OTHER, respond(&request, 486, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(lone.failure().status, Some(486));
    // Timer B: both go on to the other, and it is noted anew.
    lone.advance(T1 * 57);
    lone.sent.clear();
    assert_eq!(call_either(&mut lone).0, address(OTHER));
    // Whatever comes from there says that it lives.
    lone.hear(Ask::new("OPTIONS").bytes());
    lone.sent_response(200);
    assert_eq!(call_either(&mut lone).0, address(PEER));
}

#[test]
fn a_server_that_refuses_connections_is_tried_last_by_the_next_call() {
    let mut lone = Lone::new();
    assert_eq!(call_either(&mut lone).0, address(PEER));
    lone.unreached(PEER);
    assert_eq!(lone.sent_to().0, address(OTHER));
    assert_eq!(call_either(&mut lone).0, address(OTHER));
    // Nobody else is there: it is not left out.
    lone.unreached(OTHER);
    lone.sent.clear();
    let (to, _) = call_either(&mut lone);
    lone.unreached(&to.to_string());
    assert_ne!(lone.sent_to().0, to);
}
