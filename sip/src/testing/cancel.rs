//! CANCEL of ours and what it races with (RFC 3261 §9.1, §15.1.1).

use super::*;
use crate::{Cause, Reason};

fn reason() -> Option<Reason> {
    Some(Reason { protocol: "SIP".into(), cause: Some(200), text: Some("elsewhere".into()) })
}

#[test]
fn cancel_follows_the_invite_and_487_ends_it() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.hear(respond(&request, 180, "callee"));
    lone.event();
    lone.ua.hangup(lone.now, id, reason());
    let cancel = lone.sent_request(Method::Cancel);
    assert_eq!((branch(&cancel), cancel.cseq()), (branch(&request), (1, Method::Cancel)));
    assert_eq!((cancel.request_uri(), to_tag(&cancel).as_str()), (request.request_uri(), ""));
    assert_eq!(cancel.header(Name::Reason), Some("SIP;cause=200;text=\"elsewhere\""));
    assert_eq!(cancel.values(Name::Via).count(), 1);
    lone.hear(respond(&cancel, 200, "callee"));
    lone.no_event();
    lone.hear(respond(&request, 487, "callee"));
    lone.sent_request(Method::Ack);
    let failure = lone.failure();
    assert_eq!((failure.status, failure.cancelled), (Some(487), true));
    lone.ua.hangup(lone.now, id, None);
    lone.sent_nothing();
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn cancel_waits_for_the_first_provisional_and_is_sent_once() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.ua.hangup(lone.now, id, None);
    lone.sent_nothing();
    lone.advance(T1);
    lone.sent_request(Method::Invite);
    lone.hear(respond(&request, 100, ""));
    lone.sent_request(Method::Cancel);
    lone.hear(respond(&request, 180, "callee"));
    lone.ua.hangup(lone.now, id, None);
    lone.sent_nothing();
}

#[test]
fn a_final_before_any_provisional_needs_no_cancel() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.ua.hangup(lone.now, id, None);
    lone.hear(respond(&request, 486, "callee"));
    lone.sent_request(Method::Ack);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status, failure.cancelled), (Cause::Response, Some(486), true));
    lone.sent_nothing();
}

#[test]
fn a_cancelled_call_that_nobody_hears_is_abandoned() {
    let mut lone = Lone::new();
    let (id, _) = lone.call(invite());
    lone.ua.hangup(lone.now, id, None);
    lone.advance(T1 * 65);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.cancelled), (Cause::Abandoned, true));
    lone.is_empty();
}

#[test]
fn a_call_cancelled_while_its_host_is_looked_up_never_leaves() {
    let mut lone = Lone::new();
    let id = lone
        .ua
        .invite(lone.now, Invite { uri: "sip:a@host.example".into(), ..invite() })
        .expect("there is room");
    let query = lone.ua.poll_query().expect("a question");
    lone.ua.hangup(lone.now, id, None);
    assert_eq!(lone.failure().cause, Cause::Abandoned);
    lone.ua.handle_targets(lone.now, query.id, vec![udp(PEER)]);
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn cancel_after_200_sends_ack_then_bye() {
    let mut lone = Lone::new();
    let request = lone.quit();
    lone.hear(respond(&request, 200, "callee"));
    let ack = lone.sent_request(Method::Ack);
    let bye = lone.sent_request(Method::Bye);
    assert_eq!((to_tag(&ack).as_str(), to_tag(&bye).as_str()), ("callee", "callee"));
    let failure = lone.failure();
    assert_eq!((failure.status, failure.cancelled), (Some(200), true));
    lone.hear(respond(&request, 200, "callee"));
    assert_eq!(
        branch(&lone.sent_request(Method::Ack)),
        branch(&ack),
        "the stored ACK again, and no second BYE"
    );
    lone.hear(respond(&bye, 200, "callee"));
    assert_eq!(lone.ua.counters().answers_after_cancel, 1);
    lone.advance(T1 * 65);
    lone.no_event();
    lone.is_empty();
}

#[test]
fn a_200_after_a_deferred_cancel_is_acked_and_ended_too() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.ua.hangup(lone.now, id, None);
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.sent_request(Method::Bye);
    assert!(lone.failure().cancelled);
}

#[test]
fn a_487_that_crosses_the_cancel_ends_the_call_and_leaves_the_cancel_to_its_timer() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.hear(respond(&request, 180, "callee"));
    lone.event();
    lone.ua.hangup(lone.now, id, None);
    lone.hear(respond(&request, 487, "callee"));
    assert!(lone.failure().cancelled);
    let cancel = lone.sent_request(Method::Cancel);
    lone.sent_request(Method::Ack);
    lone.hear(respond(&cancel, 481, "callee"));
    lone.advance(T1 * 65);
    lone.sent_nothing();
    lone.no_event();
    lone.is_empty();
}

#[test]
fn a_lost_final_to_cancel_has_it_sent_again_until_the_487_is_here() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.hear(respond(&request, 180, "callee"));
    lone.event();
    lone.ua.hangup(lone.now, id, None);
    let first = lone.sent_request(Method::Cancel);
    lone.advance(T1);
    assert_eq!(lone.sent_request(Method::Cancel).as_bytes(), first.as_bytes());
    lone.hear(respond(&request, 487, "callee"));
    assert!(lone.failure().cancelled);
}

#[test]
fn a_cancel_without_any_final_is_given_up_after_64_t1() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(invite());
    lone.hear(respond(&request, 180, "callee"));
    lone.event();
    lone.ua.hangup(lone.now, id, None);
    let cancel = lone.sent_request(Method::Cancel);
    lone.hear(respond(&cancel, 200, "callee"));
    lone.advance(T1 * 63);
    lone.hear(respond(&request, 180, "callee"));
    lone.no_event();
    lone.advance(T1 * 2);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.cancelled), (Cause::Timeout, true));
    lone.is_empty();
    lone.hear(respond(&request, 487, "callee"));
    lone.sent_nothing();
}

#[test]
fn ringing_beyond_timer_c_is_cancelled_and_told_as_a_timeout() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    lone.hear(respond(&request, 180, "callee"));
    lone.event();
    lone.advance(Duration::from_millis(181_001));
    lone.sent_request(Method::Cancel);
    lone.hear(respond(&request, 487, "callee"));
    lone.sent_request(Method::Ack);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status, failure.cancelled), (Cause::Timeout, Some(487), false));
}

#[test]
fn a_challenge_to_a_cancelled_invite_is_not_answered() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(Invite { credentials: Some(credentials()), ..invite() });
    lone.ua.hangup(lone.now, id, None);
    lone.hear(respond_with(&request, 401, "x", &[("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")]));
    lone.sent_request(Method::Ack);
    lone.sent_nothing();
    assert!(lone.failure().cancelled);
}
