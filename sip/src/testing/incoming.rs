//! Calls that come in (RFC 3261 §13.3, §9.2): ringing, answering, refusing, CANCEL, the ACK that does not come.

use super::*;
use crate::Loss;
use crate::{Cause, Incoming, Reason};

#[track_caller]
fn incoming(lone: &mut Lone) -> (InviteId, Incoming) {
    match lone.event() {
        Event::Incoming { id, incoming } => (id, *incoming),
        event => panic!("no call: {event:?}"),
    }
}

fn offer() -> Ask {
    Ask { body: Some("v=0 offer"), ..Ask::new("INVITE") }
}

/// The peer calls, and we say 100.
#[track_caller]
fn called(lone: &mut Lone, ask: &Ask) -> InviteId {
    lone.hear(ask.bytes());
    tried(lone)
}

/// The peer has called: we say 100.
#[track_caller]
fn tried(lone: &mut Lone) -> InviteId {
    lone.sent_response(100);
    let (id, _) = incoming(lone);
    lone.ua.adopt(id, TOKEN);
    id
}

/// The peer calls, and we answer. Gives our 200.
#[track_caller]
fn picked_up(lone: &mut Lone, ask: &Ask) -> (InviteId, Message) {
    let id = called(lone, ask);
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    (id, lone.sent_response(200))
}

/// The peer has called: we answer, and hang up. Gives our 200 and our BYE.
#[track_caller]
fn hung_up_on(lone: &mut Lone) -> (Message, Message) {
    let id = tried(lone);
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let answer = lone.sent_response(200);
    lone.hear(further("ACK", &answer, 1).bytes());
    lone.ua.hangup(lone.now, id, None);
    (answer, lone.sent_request(Method::Bye))
}

/// A further request of the caller's in the dialog of our answer.
fn further(method: &'static str, answer: &Message, cseq: u32) -> Ask {
    Ask { branch: format!("z9hG4bK-{method}-{cseq}"), to_tag: Some(to_tag(answer)), cseq, ..Ask::new(method) }
}

#[test]
fn a_call_comes_in_rings_is_answered_and_confirmed() {
    let mut lone = Lone::new();
    lone.hear(offer().bytes());
    let trying = lone.sent_response(100);
    assert_eq!(to_tag(&trying), "");
    let (id, incoming) = incoming(&mut lone);
    assert_eq!(
        (incoming.call_id.as_str(), incoming.uri.as_str()),
        ("peers-call", "sip:trunkline@10.0.0.1:5060")
    );
    assert_eq!(incoming.body, Some(Body::sdp("v=0 offer")));
    lone.ua.adopt(id, TOKEN);
    lone.ua.progress(lone.now, id, 180, None, false);
    let ringing = lone.sent_response(180);
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let answer = lone.sent_response(200);
    assert_eq!(to_tag(&ringing), to_tag(&answer));
    assert_eq!(answer.header(Name::Contact), Some("<sip:trunkline@10.0.0.1:5060>"));
    assert_eq!(answer.body(), b"v=0 answer");
    lone.hear(further("ACK", &answer, 1).bytes());
    let Event::Confirmed { token: TOKEN, dialog, .. } = lone.event() else { panic!("not confirmed") };
    assert_eq!(
        (dialog.remote_tag.as_str(), dialog.remote_target.as_str()),
        ("peer", "sip:peer@10.0.0.2:5060")
    );
    lone.advance(T1 * 3);
    lone.sent_nothing();

    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    assert_eq!((bye.request_uri(), bye.cseq().0), (Some("sip:peer@10.0.0.2:5060"), 1));
    assert_eq!((from_tag(&bye), to_tag(&bye).as_str()), (to_tag(&answer), "peer"));
    lone.hear(respond(&bye, 200, "peer"));
    assert_eq!(lone.ended(), End::Local);
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn our_200_is_sent_again_doubling_to_t2_and_given_up_with_bye_after_64_t1() {
    let mut lone = Lone::new();
    let (_, first) = picked_up(&mut lone, &offer());
    let mut times = Vec::new();
    let bye = loop {
        let at = lone.ua.poll_timeout().expect("no ACK came");
        lone.advance(at - lone.now);
        if lone.sent.is_empty() {
            continue;
        }
        let message = lone.sent();
        if message.is_request() {
            break message;
        }
        assert_eq!(message.as_bytes(), first.as_bytes());
        times.push(lone.elapsed().as_millis());
    };
    assert_eq!(times, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!((bye.method(), lone.elapsed().as_secs()), (Some(Method::Bye), 32));
    assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::Ack });
    lone.hear(respond(&bye, 200, "peer"));
    lone.advance(T1 * 65);
    lone.no_event();
    lone.is_empty();
}

#[test]
fn a_repeated_invite_gets_the_last_response_again_and_no_second_call() {
    let mut lone = Lone::new();
    let id = called(&mut lone, &offer());
    lone.hear(offer().bytes());
    lone.sent_response(100);
    lone.ua.progress(lone.now, id, 183, Some(Body::sdp("v=0 early")), false);
    let progress = lone.sent_response(183);
    lone.hear(offer().bytes());
    assert_eq!(lone.sent_response(183).as_bytes(), progress.as_bytes());
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    lone.sent_response(200);
    lone.hear(offer().bytes());
    lone.sent_nothing();
    lone.no_event();
}

#[test]
fn what_rings_for_long_says_so_again_every_minute() {
    let mut lone = Lone::new();
    let id = called(&mut lone, &offer());
    lone.advance(Duration::from_secs(100));
    lone.sent_nothing();
    lone.ua.progress(lone.now, id, 180, None, false);
    lone.sent_response(180);
    lone.advance(Duration::from_secs(30));
    lone.ua.progress(lone.now, id, 183, Some(Body::sdp("v=0 early")), false);
    let last = lone.sent_response(183);
    for _ in 0..5 {
        lone.advance(Duration::from_secs(59));
        lone.sent_nothing();
        lone.advance(Duration::from_secs(1));
        assert_eq!(lone.sent_response(183).as_bytes(), last.as_bytes());
    }
    lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
    let answer = lone.sent_response(200);
    lone.hear(further("ACK", &answer, 1).bytes());
    lone.advance(Duration::from_secs(300));
    lone.sent_nothing();
}

#[test]
fn a_refused_call_is_refused_until_its_ack() {
    let mut lone = Lone::new();
    let id = called(&mut lone, &offer());
    lone.ua.reject(lone.now, id, 486, vec![("Retry-After".into(), "30".into())]);
    let busy = lone.sent_response(486);
    assert_eq!(busy.header(Name::RetryAfter), Some("30"));
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status, failure.cancelled), (Cause::Response, Some(486), false));
    lone.advance(T1);
    lone.sent_response(486);
    lone.hear(Ask { branch: offer().branch, to_tag: Some(to_tag(&busy)), ..Ask::new("ACK") }.bytes());
    lone.advance(T1 * 10);
    lone.sent_nothing();
    lone.is_empty();
    assert_eq!(lone.ua.counters().stray_acks, 0);
}

#[test]
fn cancel_gets_200_and_the_invite_487() {
    let mut lone = Lone::new();
    let id = called(&mut lone, &offer());
    lone.ua.progress(lone.now, id, 180, None, false);
    let ringing = lone.sent_response(180);
    let cancel = Ask { branch: offer().branch, ..Ask::new("CANCEL") }.header("Reason", "SIP;cause=200");
    lone.hear(cancel.bytes());
    let taken = lone.sent_response(200);
    assert_eq!((taken.cseq().1, to_tag(&taken)), (Method::Cancel, to_tag(&ringing)));
    assert_eq!(lone.sent_response(487).cseq().1, Method::Invite);
    let reasons = vec![Reason { protocol: "SIP".into(), cause: Some(200), text: None }];
    assert_eq!(lone.ended(), End::Remote { reasons });
    lone.hear(cancel.bytes());
    lone.sent_response(200);
    lone.ua.answer(lone.now, id, Body::sdp("too late"));
    lone.ua.hangup(lone.now, id, None);
    lone.sent_nothing();
    lone.no_event();
}

#[test]
fn cancel_after_our_answer_changes_nothing() {
    let mut lone = Lone::new();
    let (id, answer) = picked_up(&mut lone, &offer());
    lone.hear(Ask { branch: offer().branch, ..Ask::new("CANCEL") }.bytes());
    lone.sent_response(200);
    lone.no_event();
    lone.hear(further("ACK", &answer, 1).bytes());
    lone.event();
    lone.ua.hangup(lone.now, id, None);
    lone.sent_request(Method::Bye);
}

#[test]
fn cancel_of_nothing_is_481() {
    let mut lone = Lone::new();
    lone.hear(Ask::new("CANCEL").bytes());
    lone.sent_response(481);
    lone.is_empty();
}

#[test]
fn our_bye_waits_for_the_ack() {
    let mut lone = Lone::new();
    let (id, answer) = picked_up(&mut lone, &offer());
    lone.ua.hangup(lone.now, id, None);
    lone.sent_nothing();
    lone.hear(further("ACK", &answer, 1).bytes());
    lone.sent_request(Method::Bye);
}

#[test]
fn their_bye_before_the_ack_ends_the_call() {
    let mut lone = Lone::new();
    let (_, answer) = picked_up(&mut lone, &offer());
    lone.hear(further("BYE", &answer, 2).bytes());
    lone.sent_response(200);
    assert_eq!(lone.ended(), End::Remote { reasons: Vec::new() });
    lone.hear(further("ACK", &answer, 1).bytes());
    lone.advance(T1 * 65);
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn a_bye_in_the_early_dialog_ends_the_ringing() {
    let mut lone = Lone::new();
    let id = called(&mut lone, &offer());
    lone.ua.progress(lone.now, id, 180, None, false);
    let ringing = lone.sent_response(180);
    lone.hear(further("BYE", &ringing, 2).bytes());
    lone.sent_response(200);
    lone.sent_response(487);
    assert!(matches!(lone.ended(), End::Remote { .. }));
}

#[test]
fn hanging_up_what_rings_says_480() {
    let mut lone = Lone::new();
    let id = called(&mut lone, &offer());
    lone.ua.hangup(lone.now, id, Some(Reason { protocol: "Q.850".into(), cause: Some(31), text: None }));
    assert_eq!(lone.sent_response(480).header(Name::Reason), Some("Q.850;cause=31"));
    assert_eq!(lone.ended(), End::Local);
}

#[test]
fn the_answer_to_our_offer_comes_with_the_ack() {
    let mut lone = Lone::new();
    let (_, answer) = picked_up(&mut lone, &Ask::new("INVITE"));
    lone.hear(Ask { body: Some("v=0 answer"), ..further("ACK", &answer, 1) }.bytes());
    let Event::Confirmed { body, .. } = lone.event() else { panic!("not confirmed") };
    assert_eq!(body, Some(Body::sdp("v=0 answer")));
}

#[test]
fn the_same_invite_by_another_way_is_merged() {
    let mut lone = Lone::new();
    called(&mut lone, &offer());
    lone.hear(Ask { branch: "z9hG4bK-other".into(), ..offer() }.bytes());
    lone.sent_response(482);
    lone.no_event();
    assert_eq!(lone.ua.counters().merged, 1);
}

#[test]
fn responses_go_back_to_the_source() {
    let mut lone = Lone::new();
    lone.hear_from("192.0.2.9:41000", offer().bytes());
    let (to, trying) = lone.sent_to();
    assert_eq!(to, address("192.0.2.9:41000"));
    let via = trying.top_via().expect("a Via");
    assert_eq!((via.received(), via.rport()), ("192.0.2.9".parse().ok(), Some(41000)));
    // Without rport: the source's address, and the port it names (§18.2.2).
    let plain = latin(&Ask { branch: "z9hG4bKp".into(), call_id: "p".into(), ..offer() }.bytes())
        .replace(";rport", "");
    lone.hear_from("192.0.2.9:41000", plain);
    assert_eq!(lone.sent_to().0, address("192.0.2.9:5060"));
}

#[test]
fn an_invite_from_before_rfc_3261_is_matched_by_its_fields() {
    let mut lone = Lone::new();
    let old = Ask { branch: "1".into(), ..offer() };
    let id = called(&mut lone, &old);
    lone.hear(old.bytes());
    lone.sent_response(100);
    lone.no_event();
    lone.ua.reject(lone.now, id, 603, Vec::new());
    let declined = lone.sent_response(603);
    lone.failure();
    lone.hear(Ask { branch: "1".into(), to_tag: Some(to_tag(&declined)), ..Ask::new("ACK") }.bytes());
    lone.advance(T1 * 12);
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn a_route_recorded_by_proxies_is_followed() {
    let mut lone = Lone::new();
    let ask = offer().header("Record-Route", "<sip:10.0.0.8;lr>, <sip:10.0.0.9;lr>");
    let (id, answer) = picked_up(&mut lone, &ask);
    assert_eq!(answer.values(Name::RecordRoute).count(), 2);
    lone.hear(further("ACK", &answer, 1).bytes());
    lone.event();
    lone.ua.hangup(lone.now, id, None);
    let (to, bye) = lone.sent_to();
    let routes: Vec<&str> = bye.values(Name::Route).collect();
    assert_eq!(routes, ["<sip:10.0.0.8;lr>", "<sip:10.0.0.9;lr>"]);
    assert_eq!((to, bye.request_uri()), (address("10.0.0.8:5060"), Some("sip:peer@10.0.0.2:5060")));
}

#[test]
fn whoever_forgot_its_contact_hears_our_bye_at_its_from_without_the_header_fields_in_it() {
    let mut lone = Lone::new();
    let ask = Ask { headers: Vec::new(), ..offer() };
    let bytes = text(&Message::parse(ask.bytes()).expect("a request"));
    let bytes = bytes.replace("<sip:peer@10.0.0.2>", "<sip:peer@10.0.0.2?Subject=hello>");
    lone.hear(Bytes::from(bytes));
    let (_, bye) = hung_up_on(&mut lone);
    assert_eq!(bye.request_uri(), Some("sip:peer@10.0.0.2"));
}

#[test]
fn what_ends_a_to_and_a_from_is_no_part_of_our_requests() {
    for tail in [";é;", ";x=1;", " ; ü ;; "] {
        let mut lone = Lone::new();
        let bytes = latin(&offer().bytes())
            .replace("<sip:us@10.0.0.1>", &format!("<sip:us@10.0.0.1>{tail}"))
            .replace("<sip:peer@10.0.0.2>;tag=peer", &format!("<sip:peer@10.0.0.2>;tag=peer{tail}"));
        lone.hear(bytes);
        let (answer, bye) = hung_up_on(&mut lone);
        let from = format!("<sip:us@10.0.0.1>;tag={}", to_tag(&answer));
        assert_eq!(bye.header(Name::From), Some(from.as_str()), "{tail}");
        assert_eq!(bye.header(Name::To), Some("<sip:peer@10.0.0.2>;tag=peer"), "{tail}");
    }
}

#[test]
fn what_is_refused_while_it_rings_is_refused_alike_when_it_comes_again() {
    let mut lone = Lone::new();
    let id = called(&mut lone, &offer());
    lone.ua.progress(lone.now, id, 180, None, false);
    let ringing = lone.sent_response(180);
    for (method, cseq, status) in
        [("UPDATE", 2, 500), ("OPTIONS", 3, 200), ("PRACK", 4, 481), ("INFO", 5, 405)]
    {
        let ask = Ask { body: Some("v=0"), ..further(method, &ringing, cseq) };
        lone.hear(ask.bytes());
        let first = lone.sent_response(status);
        lone.hear(ask.bytes());
        assert_eq!(lone.sent_response(status).as_bytes(), first.as_bytes(), "{method}");
    }
}
