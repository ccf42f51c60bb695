//! Extensions that the far end will not do without (RFC 3261 §21.4.16).

use super::*;
use crate::event::Cause;
use crate::{SessionTimer, Timers};

/// What the peer refuses an INVITE with.
#[track_caller]
fn refuse(lone: &mut Lone, request: &Message, required: &str) {
    let headers: &[(&str, &str)] = if required.is_empty() { &[] } else { &[("Require", required)] };
    lone.hear(respond_with(request, 421, "callee", headers));
    lone.sent_request(Method::Ack);
}

fn supported(request: &Message) -> Vec<&str> {
    request.values(Name::Supported).collect()
}

#[test]
fn a_421_is_answered_with_the_extension_it_asks_for() {
    for (required, offered) in
        [("100rel", vec!["100rel"]), ("Timer", vec!["timer"]), ("timer, 100rel", vec!["100rel", "timer"])]
    {
        let mut lone = Lone::new();
        let (_, first) = lone.call(invite());
        assert!(supported(&first).is_empty());
        refuse(&mut lone, &first, required);
        let second = lone.sent_request(Method::Invite);
        assert_eq!(supported(&second), offered);
        assert_eq!((second.call_id(), second.cseq().0), (first.call_id(), 2));
        let is_timed = offered.contains(&"timer");
        assert_eq!(second.header(Name::SessionExpires), is_timed.then_some("1800"));
        lone.hear(respond(&second, 200, "callee"));
        lone.sent_request(Method::Ack);
        lone.answered();
    }
}

#[test]
fn a_reliable_response_is_acknowledged_after_a_421_asked_for_it() {
    let mut lone = Lone::new();
    let (_, first) = lone.call(invite());
    refuse(&mut lone, &first, "100rel");
    let second = lone.sent_request(Method::Invite);
    lone.hear(respond_with(&second, 180, "callee", &[("Require", "100rel"), ("RSeq", "9")]));
    assert_eq!(lone.sent_request(Method::Prack).header(Name::RAck), Some("9 2 INVITE"));
}

#[test]
fn a_421_that_comes_again_or_asks_for_what_we_have_not_or_have_offered_is_the_end() {
    let able = Invite { reliable: Reliable::Supported, session: Some(SessionTimer::default()), ..invite() };
    for (call, required) in [
        (invite(), ""),
        (invite(), "path"),
        (invite(), "100rel, path"),
        (able.clone(), "100rel"),
        (able, "timer"),
    ] {
        let mut lone = Lone::new();
        let (_, request) = lone.call(call);
        refuse(&mut lone, &request, required);
        let failure = lone.failure();
        assert_eq!((failure.cause, failure.status), (Cause::Response, Some(421)), "{required}");
        lone.sent_nothing();
    }
    let mut lone = Lone::new();
    let (_, first) = lone.call(invite());
    refuse(&mut lone, &first, "100rel");
    let second = lone.sent_request(Method::Invite);
    refuse(&mut lone, &second, "timer");
    assert_eq!(lone.failure().status, Some(421), "once");
    lone.advance(Timers::default().give_up() * 2);
    lone.is_empty();
}
