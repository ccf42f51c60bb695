//! Offers of ours within a dialog, and theirs before the answer (RFC 3261 §14, RFC 3311).

use super::*;
use crate::{Loss, Reliable};

fn new_offer() -> Body {
    Body::sdp("v=0 our new offer")
}

#[track_caller]
fn reanswered(lone: &mut Lone) -> Option<Body> {
    match lone.event() {
        Event::Reanswered { token: TOKEN, body, .. } => body,
        event => panic!("not answered: {event:?}"),
    }
}

#[track_caller]
fn refused(lone: &mut Lone) -> Option<u16> {
    match lone.event() {
        Event::OfferRefused { token: TOKEN, status, .. } => status,
        event => panic!("not refused: {event:?}"),
    }
}

/// A call of ours in which we have just offered something new. Gives the INVITE and the re-INVITE.
fn offering(lone: &mut Lone, invite: Invite) -> (InviteId, Message, Message) {
    let (id, request) = lone.call(invite);
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    assert!(lone.ua.offer(lone.now, id, new_offer()));
    let reinvite = lone.sent_request(Method::Invite);
    (id, request, reinvite)
}

#[test]
fn a_reinvite_of_ours_is_answered_and_moves_the_target() {
    let mut lone = Lone::new();
    let (id, request, reinvite) = offering(&mut lone, invite());
    assert_eq!((reinvite.body(), reinvite.cseq().0), (&b"v=0 our new offer"[..], 2));
    assert_eq!((reinvite.call_id(), to_tag(&reinvite).as_str()), (request.call_id(), "callee"));
    assert!(!lone.ua.offer(lone.now, id, new_offer()), "one at a time");
    let moved = latin(&respond(&reinvite, 200, "callee"))
        .replace("<sip:callee@10.0.0.2:5060>\r\n", "<sip:moved@10.0.0.5:5099>\r\n");
    lone.hear(respond(&reinvite, 100, "callee"));
    lone.hear(moved);
    let (to, ack) = lone.sent_to();
    assert_eq!((to, ack.method(), ack.cseq().0), (address("10.0.0.5:5099"), Some(Method::Ack), 2));
    assert_eq!(reanswered(&mut lone), Some(Body::sdp("v=0 answer")));
    lone.ua.hangup(lone.now, id, None);
    let (to, bye) = lone.sent_to();
    assert_eq!((to, bye.request_uri()), (address("10.0.0.5:5099"), Some("sip:moved@10.0.0.5:5099")));
}

#[test]
fn a_refused_offer_of_ours_leaves_the_call_as_it_was() {
    let mut lone = Lone::new();
    let (id, _, reinvite) = offering(&mut lone, invite());
    lone.hear(respond(&reinvite, 488, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(refused(&mut lone), Some(488));
    assert!(lone.ua.offer(lone.now, id, new_offer()), "and another may follow");
}

#[test]
fn glare_is_tried_again_after_the_wait_of_whoever_made_the_call_id() {
    let mut lone = Lone::new();
    let (_, _, mut reinvite) = offering(&mut lone, invite());
    for _ in 0..4 {
        lone.hear(respond(&reinvite, 491, "callee"));
        lone.sent_request(Method::Ack);
        lone.advance(Duration::from_millis(2_099));
        lone.sent_nothing();
        lone.advance(Duration::from_millis(1_902));
        reinvite = lone.sent_request(Method::Invite);
        // It may have come again since.
        lone.sent.clear();
    }
    lone.hear(respond(&reinvite, 491, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(refused(&mut lone), Some(491), "five times are enough");
}

#[test]
fn an_offer_that_met_theirs_is_not_made_again_once_theirs_was_answered() {
    for tried in 0..2 {
        let mut lone = Lone::new();
        let (id, request, mut reinvite) = offering(&mut lone, invite());
        for _ in 0..tried {
            lone.hear(respond(&reinvite, 491, "callee"));
            lone.sent_request(Method::Ack);
            lone.advance(Duration::from_secs(4));
            reinvite = lone.sent_request(Method::Invite);
            lone.sent.clear();
        }
        lone.hear(respond(&reinvite, 491, "callee"));
        lone.sent_request(Method::Ack);
        lone.hear(Ask { body: Some("v=0 theirs"), ..Ask::within("INVITE", &request, "callee", 1) }.bytes());
        lone.sent_response(100);
        assert!(matches!(lone.event(), Event::Offer { .. }));
        lone.ua.answer_offer(lone.now, id, Body::sdp("v=0 ours, as we want it now"));
        lone.sent_response(200);
        assert_eq!(reanswered(&mut lone), None);
        lone.hear(Ask::within("ACK", &request, "callee", 1).bytes());
        lone.advance(Duration::from_secs(10));
        lone.sent_nothing();
        lone.no_event();
        assert!(lone.ua.offer(lone.now, id, new_offer()), "there is room for the next");
    }
}

#[test]
fn an_offer_that_met_theirs_is_made_again_where_theirs_was_refused() {
    let mut lone = Lone::new();
    let (id, request, reinvite) = offering(&mut lone, invite());
    lone.hear(respond(&reinvite, 491, "callee"));
    lone.sent_request(Method::Ack);
    lone.hear(Ask { body: Some("v=0 theirs"), ..Ask::within("INVITE", &request, "callee", 1) }.bytes());
    lone.sent_response(100);
    lone.event();
    lone.ua.refuse_offer(lone.now, id, 488);
    lone.sent_response(488);
    let ack = Ask { branch: "z9hG4bK-INVITE-1".into(), ..Ask::within("ACK", &request, "callee", 1) };
    lone.hear(ack.bytes());
    lone.advance(Duration::from_secs(5));
    assert_eq!(lone.sent_request(Method::Invite).body(), b"v=0 our new offer");
}

#[test]
fn who_did_not_make_the_call_id_waits_less() {
    let mut lone = Lone::new();
    lone.hear(Ask { body: Some("v=0 offer"), ..Ask::new("INVITE") }.bytes());
    lone.sent_response(100);
    let Event::Incoming { id, .. } = lone.event() else { panic!("no call") };
    lone.ua.adopt(id, TOKEN);
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let answer = lone.sent_response(200);
    assert!(lone.ua.offer(lone.now, id, new_offer()));
    lone.sent_nothing();
    lone.hear(Ask { to_tag: Some(to_tag(&answer)), branch: "z9hG4bK-a".into(), ..Ask::new("ACK") }.bytes());
    let reinvite = lone.sent_request(Method::Invite);
    assert!(matches!(lone.event(), Event::Confirmed { .. }), "the ACK let it go");
    lone.hear(respond(&reinvite, 491, "peer"));
    lone.sent_request(Method::Ack);
    lone.advance(Duration::from_millis(2_001));
    lone.sent_request(Method::Invite);
}

#[test]
fn their_offer_while_ours_is_open_is_491_and_ours_goes_on() {
    let mut lone = Lone::new();
    let (_, request, reinvite) = offering(&mut lone, invite());
    lone.hear(Ask { body: Some("v=0"), ..Ask::within("INVITE", &request, "callee", 1) }.bytes());
    lone.sent_response(491);
    lone.hear(Ask { body: Some("v=0"), ..Ask::within("UPDATE", &request, "callee", 2) }.bytes());
    lone.sent_response(491);
    lone.hear(Ask::within("UPDATE", &request, "callee", 3).bytes());
    lone.sent_response(200);
    lone.no_event();
    lone.hear(respond(&reinvite, 200, "callee"));
    lone.sent_request(Method::Ack);
    reanswered(&mut lone);
}

#[test]
fn our_offer_waits_until_theirs_is_acknowledged() {
    let mut lone = Lone::new();
    let (id, request) = lone.talk();
    lone.hear(Ask { body: Some("v=0"), ..Ask::within("INVITE", &request, "callee", 1) }.bytes());
    lone.sent_response(100);
    lone.event();
    assert!(lone.ua.offer(lone.now, id, new_offer()));
    lone.sent_nothing();
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0"));
    lone.sent_response(200);
    lone.sent_nothing();
    lone.hear(Ask::within("ACK", &request, "callee", 1).bytes());
    lone.sent_request(Method::Invite);
}

#[test]
fn a_500_with_retry_after_is_waited_out() {
    let mut lone = Lone::new();
    let (_, _, reinvite) = offering(&mut lone, invite());
    lone.hear(respond_with(&reinvite, 500, "callee", &[("Retry-After", "3")]));
    lone.sent_request(Method::Ack);
    lone.advance(Duration::from_millis(2_999));
    lone.sent_nothing();
    lone.advance(Duration::from_millis(2));
    let again = lone.sent_request(Method::Invite);
    lone.hear(respond(&again, 500, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(refused(&mut lone), Some(500), "without one it is a refusal");
}

#[test]
fn a_challenged_reinvite_is_sent_again_and_its_ack_bears_the_same() {
    let mut lone = Lone::new();
    let (_, _, first) = offering(&mut lone, Invite { credentials: Some(credentials()), ..invite() });
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
    lone.hear(respond_with(&first, 401, "callee", &[("WWW-Authenticate", challenge)]));
    lone.sent_request(Method::Ack);
    let second = lone.sent_request(Method::Invite);
    assert_eq!((second.cseq().0, second.body()), (3, first.body()));
    let authorization = second.header(Name::Authorization).expect("credentials");
    lone.hear(respond(&second, 200, "callee"));
    let ack = lone.sent_request(Method::Ack);
    assert_eq!(ack.header(Name::Authorization), Some(authorization));
    reanswered(&mut lone);
}

#[test]
fn an_offer_that_finds_no_dialog_or_no_answer_ends_the_call() {
    for status in [481, 408] {
        let mut lone = Lone::new();
        let (_, _, reinvite) = offering(&mut lone, invite());
        lone.hear(respond(&reinvite, status, "callee"));
        lone.sent_request(Method::Ack);
        lone.sent_request(Method::Bye);
        assert_eq!(lone.ended(), End::Lost { status: Some(status), cause: Loss::Request });
    }
    let mut lone = Lone::new();
    offering(&mut lone, invite());
    lone.advance(T1 * 64);
    assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::Request });
    lone.advance(T1 * 130);
    lone.is_empty();
}

#[test]
fn a_reinvite_that_rings_for_too_long_is_cancelled_and_the_call_goes_on() {
    let mut lone = Lone::new();
    let (_, _, reinvite) = offering(&mut lone, invite());
    lone.hear(respond(&reinvite, 180, "callee"));
    lone.advance(Duration::from_secs(181));
    let cancel = lone.sent_request(Method::Cancel);
    assert_eq!(cancel.cseq().0, 2);
    lone.hear(respond(&cancel, 200, "callee"));
    lone.hear(respond(&reinvite, 487, "callee"));
    lone.sent_request(Method::Ack);
    assert_eq!(refused(&mut lone), Some(487));
}

#[test]
fn hanging_up_does_not_wait_for_an_open_offer_whose_late_200_is_still_acknowledged() {
    let mut lone = Lone::new();
    let (id, _, reinvite) = offering(&mut lone, invite());
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    lone.hear(respond(&bye, 200, "callee"));
    assert_eq!(lone.ended(), End::Local);
    for _ in 0..2 {
        lone.hear(respond(&reinvite, 200, "callee"));
        assert_eq!(lone.sent_request(Method::Ack).cseq().0, 2);
    }
    lone.no_event();
    lone.advance(T1 * 130);
    lone.is_empty();
}

#[test]
fn nothing_is_offered_where_nothing_may_be() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    assert!(!lone.ua.offer(lone.now, id, new_offer()), "nobody has answered");
    lone.hear(respond_with(&request, 183, "callee", &[("Allow", "UPDATE")]));
    assert!(!lone.ua.offer(lone.now, id, new_offer()), "nothing reliable was said");
    lone.event();
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    lone.ua.hangup(lone.now, id, None);
    lone.sent_request(Method::Bye);
    assert!(!lone.ua.offer(lone.now, id, new_offer()), "it is ending");
}

/// A call of ours whose callee answered early, and reliably.
fn early(lone: &mut Lone) -> (InviteId, Message) {
    let (id, request) = lone.call(Invite { reliable: Reliable::Supported, ..invite() });
    let headers = [("Require", "100rel"), ("RSeq", "1"), ("Allow", "INVITE, UPDATE, PRACK")];
    lone.hear(respond_saying(&request, 183, "callee", &headers, "v=0 early answer"));
    let prack = lone.sent_request(Method::Prack);
    lone.hear(respond(&prack, 200, "callee"));
    assert!(matches!(lone.event(), Event::Progress { reliable: true, .. }));
    (id, request)
}

#[test]
fn their_update_before_the_answer_is_an_offer_and_its_order_counts_on() {
    let mut lone = Lone::new();
    let (id, request) = early(&mut lone);
    let headers = vec![("Contact", String::from("<sip:moved@10.0.0.5:5099>"))];
    let update =
        Ask { body: Some("v=0 their offer"), headers, ..Ask::within("UPDATE", &request, "callee", 7) };
    lone.hear(update.bytes());
    let Event::Offer { token: TOKEN, body: Some(offer), .. } = lone.event() else { panic!("no offer") };
    assert_eq!(&offer.bytes[..], b"v=0 their offer");
    lone.hear(Ask { body: Some("v=0"), ..Ask::within("UPDATE", &request, "callee", 8) }.bytes());
    assert!(lone.sent_response(500).retry_after().is_some());
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0 our answer"));
    let answer = lone.sent_response(200);
    assert_eq!((answer.cseq(), answer.body()), ((7, Method::Update), &b"v=0 our answer"[..]));
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    lone.hear(Ask { branch: "z9hG4bK-old".into(), ..Ask::within("INFO", &request, "callee", 7) }.bytes());
    lone.sent_response(500);
}

#[test]
fn our_update_before_the_answer_is_reanswered() {
    let mut lone = Lone::new();
    let (id, request) = early(&mut lone);
    assert!(lone.ua.offer(lone.now, id, new_offer()));
    let update = lone.sent_request(Method::Update);
    assert_eq!((update.body(), update.cseq().0), (&b"v=0 our new offer"[..], 3));
    assert_eq!(update.header(Name::SessionExpires), None);
    lone.hear(Ask { body: Some("v=0"), ..Ask::within("UPDATE", &request, "callee", 1) }.bytes());
    lone.sent_response(491);
    lone.hear(respond_saying(&update, 200, "callee", &[], "v=0 their answer"));
    assert_eq!(reanswered(&mut lone), Some(Body::sdp("v=0 their answer")));
}

#[test]
fn an_early_update_that_finds_nothing_is_refused_and_the_call_goes_on() {
    for status in [Some(481), None] {
        let mut lone = Lone::new();
        let (id, request) = early(&mut lone);
        assert!(lone.ua.offer(lone.now, id, new_offer()));
        let update = lone.sent_request(Method::Update);
        match status {
            Some(status) => lone.hear(respond(&update, status, "callee")),
            None => lone.advance(T1 * 65),
        }
        assert_eq!(refused(&mut lone), status);
        lone.sent.clear();
        lone.hear(respond(&request, 200, "callee"));
        lone.sent_request(Method::Ack);
        lone.answered();
    }
}

#[test]
fn an_update_of_a_fork_that_lost_is_withdrawn() {
    let mut lone = Lone::new();
    let (id, request) = early(&mut lone);
    lone.hear(Ask { body: Some("v=0"), ..Ask::within("UPDATE", &request, "callee", 1) }.bytes());
    assert!(matches!(lone.event(), Event::Offer { .. }));
    lone.hear(respond(&request, 200, "other"));
    lone.sent_request(Method::Ack);
    lone.sent_response(487);
    lone.answered();
    lone.ua.answer_offer(lone.now, id, Body::sdp("too late"));
    lone.sent_nothing();
}

#[test]
fn our_offer_in_a_fork_that_lost_is_refused_and_what_it_answers_late_harms_nobody() {
    let mut lone = Lone::new();
    let (id, request) = early(&mut lone);
    assert!(lone.ua.offer(lone.now, id, new_offer()));
    let update = lone.sent_request(Method::Update);
    lone.hear(respond(&request, 200, "other"));
    lone.sent_request(Method::Ack);
    lone.answered();
    assert_eq!(refused(&mut lone), None);
    lone.hear(respond(&update, 481, "callee"));
    lone.no_event();
    lone.sent_nothing();
    assert!(lone.ua.offer(lone.now, id, new_offer()));
    assert_eq!(to_tag(&lone.sent_request(Method::Invite)), "other");
}

#[test]
fn strangers_byes_and_pracks_in_an_early_dialog_are_481() {
    let mut lone = Lone::new();
    let (_, request) = early(&mut lone);
    for (method, tag) in [("UPDATE", "stranger"), ("BYE", "callee"), ("PRACK", "callee")] {
        lone.hear(Ask::within(method, &request, tag, 1 + method.len() as u32).bytes());
        lone.sent_response(481);
    }
    lone.hear(Ask::within("OPTIONS", &request, "callee", 9).bytes());
    lone.sent_response(200);
    lone.no_event();
}

#[test]
fn a_callers_update_before_our_answer_waits_for_a_reliable_one() {
    let mut lone = Lone::new();
    let ask = Ask { body: Some("v=0 offer"), ..Ask::new("INVITE").header("Supported", "100rel") };
    lone.hear(ask.header("Allow", "INVITE, UPDATE").bytes());
    lone.sent_response(100);
    let Event::Incoming { id, .. } = lone.event() else { panic!("no call") };
    lone.ua.adopt(id, TOKEN);
    lone.ua.progress(lone.now, id, 183, Some(Body::sdp("v=0 early answer")), true);
    let progress = lone.sent_response(183);
    let further = |method, cseq| Ask {
        branch: format!("z9hG4bK-{method}-{cseq}"),
        to_tag: Some(to_tag(&progress)),
        cseq,
        body: (method == "UPDATE").then_some("v=0 new"),
        ..Ask::new(method)
    };
    lone.hear(further("UPDATE", 2).bytes());
    lone.sent_response(500);
    let rack = format!("{} 1 INVITE", progress.header(Name::RSeq).expect("it is reliable"));
    lone.hear(further("PRACK", 3).header("RAck", &rack).bytes());
    lone.sent_response(200);
    lone.hear(further("UPDATE", 4).bytes());
    assert!(matches!(lone.event(), Event::Offer { .. }));
    lone.ua.answer_offer(lone.now, id, Body::sdp("v=0 new answer"));
    lone.sent_response(200);
    // And ours.
    assert!(lone.ua.offer(lone.now, id, new_offer()));
    let update = lone.sent_request(Method::Update);
    assert_eq!((update.cseq().0, from_tag(&update)), (1, to_tag(&progress)));
}
