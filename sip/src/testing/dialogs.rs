//! What happens within a dialog (RFC 3261 §12, §14, §15; RFC 3311): order, routes, offers, glare, BYEs that cross, loss.

use super::*;
use crate::Loss;

/// A call whose callee sends a request. Gives our INVITE.
fn talking(lone: &mut Lone) -> (InviteId, Message) {
    lone.talk()
}

fn within(method: &'static str, invite: &Message, cseq: u32) -> Ask {
    Ask::within(method, invite, "callee", cseq)
}

fn offering(method: &'static str, invite: &Message, cseq: u32) -> Ask {
    Ask { body: Some("v=0 new offer"), ..within(method, invite, cseq) }
}

#[track_caller]
fn offer(lone: &mut Lone) -> Option<Body> {
    match lone.event() {
        Event::Offer { token: TOKEN, body, .. } => body,
        event => panic!("no offer: {event:?}"),
    }
}

#[test]
fn a_reinvite_is_answered_by_our_owner_and_its_200_repeated_until_the_ack() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    lone.hear(offering("INVITE", &request, 5).bytes());
    lone.sent_response(100);
    assert_eq!(offer(&mut lone), Some(Body::sdp("v=0 new offer")));
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0 new answer"));
    let answer = lone.sent_response(200);
    assert_eq!(answer.body(), b"v=0 new answer");
    lone.advance(T1);
    lone.sent_response(200);
    lone.hear(within("ACK", &request, 5).bytes());
    lone.advance(T1 * 6);
    lone.sent_nothing();
    lone.no_event();
}

#[test]
fn a_reinvite_without_ack_ends_the_call() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    lone.hear(offering("INVITE", &request, 5).bytes());
    offer(&mut lone);
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0"));
    lone.advance(T1 * 65);
    assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::Ack });
}

#[test]
fn a_refused_offer_leaves_the_call_as_it_was() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    let moved =
        Ask { headers: vec![("Contact", "<sip:moved@10.0.0.5>".into())], ..offering("INVITE", &request, 5) };
    lone.hear(moved.bytes());
    lone.sent_response(100);
    offer(&mut lone);
    lone.ua.refuse_offer(lone.now, id, 488);
    lone.sent_response(488);
    lone.hear(Ask { branch: moved.branch, ..within("ACK", &request, 5) }.bytes());
    lone.ua.hangup(lone.now, id, None);
    assert_eq!(lone.sent_request(Method::Bye).request_uri(), Some("sip:callee@10.0.0.2:5060"));
}

#[test]
fn an_accepted_offer_refreshes_the_target() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    let headers = vec![("Contact", String::from("<sip:moved@10.0.0.5:5099>"))];
    lone.hear(Ask { headers, ..offering("UPDATE", &request, 5) }.bytes());
    offer(&mut lone);
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0"));
    lone.sent_response(200);
    lone.ua.hangup(lone.now, id, None);
    let (to, bye) = lone.sent_to();
    assert_eq!((to, bye.request_uri()), (address("10.0.0.5:5099"), Some("sip:moved@10.0.0.5:5099")));
}

#[test]
fn an_update_without_an_offer_asks_nobody() {
    let mut lone = Lone::new();
    let (_, request) = talking(&mut lone);
    lone.hear(within("UPDATE", &request, 5).bytes());
    lone.sent_response(200);
    lone.no_event();
}

#[test]
fn a_second_offer_before_the_first_is_answered_is_told_to_wait() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    lone.hear(offering("INVITE", &request, 5).bytes());
    lone.sent_response(100);
    offer(&mut lone);
    for method in ["INVITE", "UPDATE"] {
        let cseq = if method == "INVITE" { 6 } else { 7 };
        lone.hear(offering(method, &request, cseq).bytes());
        assert!(lone.sent_response(500).retry_after().is_some());
    }
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0"));
    lone.sent_response(200);
}

#[test]
fn glare_is_491() {
    let mut lone = Lone::new();
    // Our offer in the INVITE is not answered yet.
    let (_, request) = lone.call(invite());
    lone.hear(respond(&request, 183, "callee"));
    lone.event();
    lone.hear(offering("UPDATE", &request, 5).bytes());
    lone.sent_response(491);
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    let Event::Answered { id, .. } = lone.event() else { panic!("no answer") };
    // Our answer to their re-INVITE is not acknowledged yet.
    lone.hear(offering("INVITE", &request, 6).bytes());
    lone.sent_response(100);
    offer(&mut lone);
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0"));
    lone.sent_response(200);
    lone.hear(offering("INVITE", &request, 7).bytes());
    lone.sent_response(491);
    lone.no_event();
}

#[test]
fn a_cancelled_reinvite_is_487_and_the_call_goes_on() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    let ask = offering("INVITE", &request, 5);
    lone.hear(ask.bytes());
    lone.sent_response(100);
    offer(&mut lone);
    lone.hear(Ask { branch: ask.branch, ..within("CANCEL", &request, 5) }.bytes());
    lone.sent_response(200);
    lone.sent_response(487);
    lone.ua.answer_offer(lone.now, id, Body::sdp("too late"));
    lone.sent_nothing();
    lone.hear(Ask { branch: "z9hG4bK-nothing".into(), ..within("CANCEL", &request, 5) }.bytes());
    lone.sent_response(481);
    lone.no_event();
}

#[test]
fn a_lower_cseq_is_500_with_retry_after() {
    let mut lone = Lone::new();
    let (_, request) = talking(&mut lone);
    lone.hear(within("INFO", &request, 5).bytes());
    lone.sent_response(200);
    lone.event();
    lone.hear(Ask { branch: "z9hG4bK-late".into(), ..within("INFO", &request, 4) }.bytes());
    assert!(lone.sent_response(500).retry_after().is_some());
    lone.no_event();
}

#[test]
fn info_is_answered_and_told_once() {
    let mut lone = Lone::new();
    let (_, request) = talking(&mut lone);
    let info = Ask { body: Some("Signal=5"), ..within("INFO", &request, 5) };
    lone.hear(info.bytes());
    lone.hear(info.bytes());
    lone.sent_response(200);
    lone.sent_response(200);
    let Event::Info { token: TOKEN, body: Some(body), .. } = lone.event() else { panic!("no INFO") };
    assert_eq!(&body.bytes[..], b"Signal=5");
    lone.no_event();
}

#[test]
fn options_and_unknown_methods_are_answered_within_a_dialog() {
    let mut lone = Lone::new();
    let (_, request) = talking(&mut lone);
    lone.hear(within("OPTIONS", &request, 5).bytes());
    lone.sent_response(200);
    lone.hear(within("PUBLISH", &request, 6).bytes());
    assert!(lone.sent_response(405).values(Name::Allow).any(|method| method == "BYE"));
    lone.hear(within("DANCE", &request, 7).bytes());
    lone.sent_response(501);
    lone.hear(within("UPDATE", &request, 8).header("Require", "timer, x-dance").bytes());
    assert_eq!(lone.sent_response(420).header(Name::Unsupported), Some("x-dance"));
    lone.no_event();
}

#[test]
fn a_strangers_words_in_our_dialog_are_481() {
    let mut lone = Lone::new();
    let (_, request) = talking(&mut lone);
    lone.hear(Ask { from_tag: "stranger".into(), ..within("BYE", &request, 5) }.bytes());
    lone.sent_response(481);
    lone.hear(Ask { call_id: "other".into(), ..within("BYE", &request, 5) }.bytes());
    lone.sent_response(481);
    lone.hear(Ask { to_tag: Some("z".into()), ..within("BYE", &request, 5) }.bytes());
    lone.sent_response(481);
    lone.no_event();
}

#[test]
fn byes_that_cross_end_the_call_once() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    lone.hear(within("BYE", &request, 5).bytes());
    lone.sent_response(200);
    assert_eq!(lone.ended(), End::Local);
    lone.hear(respond(&bye, 481, "callee"));
    lone.advance(T1 * 65);
    lone.no_event();
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn a_bye_that_finds_no_dialog_or_no_answer_tells_of_the_loss() {
    for status in [481, 408] {
        let mut lone = Lone::new();
        let (id, _) = talking(&mut lone);
        lone.ua.hangup(lone.now, id, None);
        let bye = lone.sent_request(Method::Bye);
        lone.hear(respond(&bye, status, "callee"));
        assert_eq!(lone.ended(), End::Lost { status: Some(status), cause: Loss::Request });
    }
    let mut lone = Lone::new();
    let (id, _) = talking(&mut lone);
    lone.ua.hangup(lone.now, id, None);
    lone.advance(T1 * 65);
    assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::Request });
    lone.is_empty();
}

#[test]
fn a_bye_while_an_offer_is_open_refuses_the_offer() {
    let mut lone = Lone::new();
    let (_, request) = talking(&mut lone);
    lone.hear(offering("INVITE", &request, 5).bytes());
    lone.sent_response(100);
    offer(&mut lone);
    lone.hear(within("BYE", &request, 6).bytes());
    lone.sent_response(200);
    lone.sent_response(487);
    assert!(matches!(lone.ended(), End::Remote { .. }));
}

#[test]
fn a_loose_route_is_reversed_and_followed() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    let headers = [("Record-Route", "<sip:10.0.1.2:5070;lr>,<sip:10.0.1.1:5080;lr>;x=\"a,b\"")];
    lone.hear(respond_with(&request, 200, "callee", &headers));
    let (to, ack) = lone.sent_to();
    assert_eq!(to, address("10.0.1.1:5080"));
    let routes: Vec<&str> = ack.values(Name::Route).collect();
    assert_eq!(routes, ["<sip:10.0.1.1:5080;lr>;x=\"a,b\"", "<sip:10.0.1.2:5070;lr>"]);
    assert_eq!(ack.request_uri(), Some("sip:callee@10.0.0.2:5060"));
    lone.answered();
    lone.ua.hangup(lone.now, id, None);
    let (to, bye) = lone.sent_to();
    assert_eq!((to, bye.values(Name::Route).count()), (address("10.0.1.1:5080"), 2));
}

#[test]
fn a_strict_router_stands_in_the_request_uri_and_the_target_last() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.hear(respond_with(
        &request,
        200,
        "callee",
        &[("Record-Route", "<sip:10.0.1.2;lr>, <sip:10.0.1.1>")],
    ));
    lone.sent_request(Method::Ack);
    lone.answered();
    lone.ua.hangup(lone.now, id, None);
    let (to, bye) = lone.sent_to();
    assert_eq!((to, bye.request_uri()), (address("10.0.1.1:5060"), Some("sip:10.0.1.1")));
    let routes: Vec<&str> = bye.values(Name::Route).collect();
    assert_eq!(routes, ["<sip:10.0.1.2;lr>", "<sip:callee@10.0.0.2:5060>"]);
}

/// Answers our INVITE with a Contact that is a name.
fn answered_by_name(lone: &mut Lone) -> InviteId {
    let (id, request) = lone.call(invite());
    let answer = latin(&respond(&request, 200, "callee"))
        .replace("<sip:callee@10.0.0.2:5060>\r\n", "<sip:gw.example>\r\n");
    lone.hear(answer.clone());
    lone.sent_nothing();
    // Its ACK waits for the resolver, and so does the ACK of its repetition.
    lone.hear(answer);
    lone.sent_nothing();
    id
}

#[test]
fn a_target_that_is_a_name_is_looked_up() {
    let mut lone = Lone::new();
    let id = answered_by_name(&mut lone);
    let query = lone.ua.poll_query().expect("a question");
    assert_eq!((query.host.as_str(), query.port, query.protocol), ("gw.example", None, None));
    lone.ua.handle_targets(lone.now, query.id, vec![udp("10.0.3.1:5062"), udp("10.0.3.2:5062")]);
    let (to, ack) = lone.sent_to();
    assert_eq!((to, ack.request_uri()), (address("10.0.3.1:5062"), Some("sip:gw.example")));
    lone.ua.hangup(lone.now, id, None);
    lone.sent_nothing();
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.handle_targets(lone.now, query.id, vec![udp("10.0.3.1:5062"), udp("10.0.3.2:5062")]);
    let (to, bye) = lone.sent_to();
    assert_eq!((to, bye.method()), (address("10.0.3.1:5062"), Some(Method::Bye)));
    lone.hear_from("10.0.3.1:5062", respond(&bye, 503, "callee"));
    assert_eq!(lone.sent_to().0, address("10.0.3.2:5062"), "a BYE goes to the next one as well");
}

#[test]
fn a_target_that_nobody_knows_is_answered_where_it_came_from() {
    let mut lone = Lone::new();
    let id = answered_by_name(&mut lone);
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.handle_targets(lone.now, query.id, Vec::new());
    let (to, ack) = lone.sent_to();
    assert_eq!((to, ack.request_uri()), (address(PEER), Some("sip:gw.example")));
    lone.ua.hangup(lone.now, id, None);
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.handle_targets(lone.now, query.id, Vec::new());
    assert_eq!(lone.sent_to().0, address(PEER));
}

#[test]
fn header_fields_in_a_contact_do_not_get_into_our_requests() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let answer = latin(&respond(&request, 200, "callee"))
        .replace("<sip:callee@10.0.0.2:5060>\r\n", "<sip:callee@10.0.0.2:5060?Subject=x>\r\n");
    lone.hear(answer);
    assert_eq!(lone.sent_request(Method::Ack).request_uri(), Some("sip:callee@10.0.0.2:5060"));
}

/// The far end says the same twice, and hears the same twice.
#[track_caller]
fn said_twice(lone: &mut Lone, ask: &Ask, status: u16) {
    lone.hear(ask.bytes());
    let first = lone.sent_response(status);
    lone.hear(ask.bytes());
    assert_eq!(lone.sent_response(status).as_bytes(), first.as_bytes(), "{} {}", ask.method, ask.cseq);
}

#[test]
fn what_is_answered_at_once_is_answered_alike_when_it_comes_again() {
    let mut lone = Lone::new();
    let (id, request) = talking(&mut lone);
    assert!(lone.ua.offer(lone.now, id, Body::sdp("v=0 ours")));
    let reinvite = lone.sent_request(Method::Invite);
    let glare = offering("INVITE", &request, 5);
    said_twice(&mut lone, &glare, 491);
    lone.hear(Ask { branch: glare.branch, ..within("ACK", &request, 5) }.bytes());
    lone.hear(respond(&reinvite, 488, "callee"));
    lone.sent_request(Method::Ack);
    said_twice(&mut lone, &within("OPTIONS", &request, 6), 200);
    said_twice(&mut lone, &within("PUBLISH", &request, 7), 405);
    said_twice(&mut lone, &within("DANCE", &request, 8), 501);
    said_twice(&mut lone, &within("PRACK", &request, 9), 481);
    said_twice(&mut lone, &within("UPDATE", &request, 10).header("Require", "x-dance"), 420);
    said_twice(&mut lone, &within("SUBSCRIBE", &request, 11).header("Event", "dialog"), 489);
    said_twice(&mut lone, &within("NOTIFY", &request, 12).header("Event", "keep-alive"), 200);
    let binary = latin(&Ask { body: Some("x"), ..within("MESSAGE", &request, 13) }.bytes());
    for _ in 0..2 {
        lone.hear(binary.clone());
        lone.sent_response(415);
    }
    lone.ua.hangup(lone.now, id, None);
    lone.sent_request(Method::Bye);
    said_twice(&mut lone, &within("INFO", &request, 14), 481);
    assert_eq!(lone.ua.counters().retransmissions_in, 10);
}

#[test]
fn what_is_refused_before_the_answer_is_refused_alike_when_it_comes_again() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    lone.hear(respond(&request, 183, "callee"));
    lone.event();
    said_twice(&mut lone, &offering("UPDATE", &request, 5), 491);
    said_twice(&mut lone, &within("OPTIONS", &request, 6), 200);
    said_twice(&mut lone, &within("BYE", &request, 7), 481);
}

#[test]
fn a_full_agent_answers_alike_without_remembering() {
    let mut config = Config::new(address(OURS));
    config.transactions_max = 1;
    let mut lone = Lone::with(config);
    let (_, request) = talking(&mut lone);
    assert_eq!(lone.ua.layer.len(), 1, "our INVITE still absorbs what comes");
    said_twice(&mut lone, &within("OPTIONS", &request, 5), 200);
    said_twice(&mut lone, &within("PUBLISH", &request, 6), 405);
    assert_eq!(lone.ua.layer.len(), 1);
}
