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

#[test]
fn a_target_that_is_a_name_is_answered_where_it_came_from() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let answer = latin(&respond(&request, 200, "callee"))
        .replace("<sip:callee@10.0.0.2:5060>\r\n", "<sip:gw.example>\r\n");
    lone.hear(answer);
    let (to, ack) = lone.sent_to();
    assert_eq!((to, ack.request_uri()), (address(PEER), Some("sip:gw.example")));
}
