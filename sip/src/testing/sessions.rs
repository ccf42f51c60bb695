//! Session timers (RFC 4028): what is agreed on, who refreshes and how, and the end of a session that nobody refreshed.

use super::*;
use crate::{Loss, Refresher, SessionTimer};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn timed(interval_s: u64, refresher: Refresher) -> Invite {
    let session = SessionTimer { interval: seconds(interval_s), min: seconds(90), refresher };
    Invite { session: Some(session), ..invite() }
}

/// A call of ours whose 200 says this.
#[track_caller]
fn talking(lone: &mut Lone, invite: Invite, headers: &[(&str, &str)]) -> (InviteId, Message) {
    let (id, request) = lone.call(invite);
    lone.hear(respond_with(&request, 200, "callee", headers));
    lone.sent_request(Method::Ack);
    lone.answered();
    (id, request)
}

const HEARS_UPDATE: (&str, &str) = ("Allow", "INVITE, ACK, BYE, UPDATE");

#[test]
fn an_invite_asks_for_a_session_timer() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(timed(1800, Refresher::Either));
    let said = [Name::SessionExpires, Name::MinSe, Name::Supported].map(|name| request.header(name));
    assert_eq!(said, [Some("1800"), Some("90"), Some("timer")]);
    for (refresher, expected) in
        [(Refresher::Us, "600;refresher=uac"), (Refresher::Them, "600;refresher=uas")]
    {
        let (_, request) = lone.call(timed(600, refresher));
        assert_eq!(request.header(Name::SessionExpires), Some(expected));
    }
    let (_, request) = lone.call(invite());
    assert_eq!((request.header(Name::SessionExpires), request.header(Name::Supported)), (None, None));
}

#[test]
fn a_callee_that_would_refresh_once_in_an_age_is_refreshed_twice_a_day() {
    let mut lone = Lone::new();
    let headers = [HEARS_UPDATE, ("Session-Expires", "4294967295;refresher=uas")];
    talking(&mut lone, timed(1800, Refresher::Either), &headers);
    lone.advance(seconds(43_199));
    lone.sent_nothing();
    lone.advance(seconds(1));
    let update = lone.sent_request(Method::Update);
    assert_eq!(update.header(Name::SessionExpires), Some("86400;refresher=uac"));
}

#[test]
fn we_refresh_by_update_halfway_and_each_refresh_counts_anew() {
    let mut lone = Lone::new();
    let headers = [HEARS_UPDATE, ("Session-Expires", "200;refresher=uac"), ("Require", "timer")];
    let (id, _) = talking(&mut lone, timed(1800, Refresher::Either), &headers);
    for round in 0..5 {
        lone.advance(seconds(99));
        lone.sent_nothing();
        lone.advance(seconds(1));
        let update = lone.sent_request(Method::Update);
        assert_eq!((update.cseq().0, update.body()), (2 + round, &b""[..]));
        assert_eq!(update.header(Name::SessionExpires), Some("200;refresher=uac"));
        lone.hear(respond_with(&update, 200, "callee", &[("Session-Expires", "200;refresher=uac")]));
    }
    lone.no_event();
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    assert_eq!(bye.cseq().0, 7);
    lone.hear(respond(&bye, 200, "callee"));
    lone.ended();
    lone.advance(seconds(500));
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn without_update_a_reinvite_repeats_what_was_said_last() {
    let mut lone = Lone::new();
    let headers = [("Allow", "INVITE, ACK, BYE"), ("Session-Expires", "200;refresher=uac")];
    let (_, request) = talking(&mut lone, timed(1800, Refresher::Either), &headers);
    lone.advance(seconds(100));
    let refresh = lone.sent_request(Method::Invite);
    assert_eq!((refresh.body(), refresh.cseq().0), (request.body(), 2));
    assert_eq!(to_tag(&refresh), "callee");
    let answer = respond_with(&refresh, 200, "callee", &[("Session-Expires", "200;refresher=uac")]);
    lone.hear(answer.clone());
    let ack = lone.sent_request(Method::Ack);
    assert_eq!((ack.cseq().0, to_tag(&ack).as_str()), (2, "callee"));
    lone.no_event();
    // The 2xx comes again, and is acknowledged again.
    lone.hear(answer);
    assert_eq!(lone.sent_request(Method::Ack).as_bytes(), ack.as_bytes());
}

#[test]
fn an_answer_to_a_refresh_that_moves_the_far_end_is_told() {
    let mut lone = Lone::new();
    let headers = [("Session-Expires", "200;refresher=uac")];
    talking(&mut lone, timed(1800, Refresher::Either), &headers);
    lone.advance(seconds(100));
    let refresh = lone.sent_request(Method::Invite);
    lone.hear(respond_saying(&refresh, 200, "moved", &headers, "v=0 moved"));
    lone.sent_request(Method::Ack);
    let Event::Reanswered { token: TOKEN, body: Some(body), .. } = lone.event() else { panic!("no answer") };
    assert_eq!(&body.bytes[..], b"v=0 moved");
}

#[test]
fn an_update_that_is_refused_is_followed_by_a_reinvite() {
    let mut lone = Lone::new();
    let headers = [HEARS_UPDATE, ("Session-Expires", "200;refresher=uac")];
    talking(&mut lone, timed(1800, Refresher::Either), &headers);
    lone.advance(seconds(100));
    let update = lone.sent_request(Method::Update);
    lone.hear(respond(&update, 405, "callee"));
    assert_eq!(lone.sent_request(Method::Invite).cseq().0, 3);
}

#[test]
fn a_refresh_that_finds_no_dialog_ends_the_call() {
    for status in [481, 408] {
        let mut lone = Lone::new();
        let headers = [HEARS_UPDATE, ("Session-Expires", "200;refresher=uac")];
        talking(&mut lone, timed(1800, Refresher::Either), &headers);
        lone.advance(seconds(100));
        let update = lone.sent_request(Method::Update);
        lone.hear(respond(&update, status, "callee"));
        let bye = lone.sent_request(Method::Bye);
        assert_eq!(lone.ended(), End::Lost { status: Some(status), cause: Loss::Request });
        lone.hear(respond(&bye, 481, "callee"));
        lone.advance(T1 * 65);
        lone.no_event();
        lone.is_empty();
    }
}

#[test]
fn a_session_that_the_far_end_does_not_refresh_ends_with_a_bye_in_time() {
    let mut lone = Lone::new();
    let headers = [("Session-Expires", "1800;refresher=uas")];
    talking(&mut lone, timed(1800, Refresher::Either), &headers);
    lone.advance(seconds(1767));
    lone.sent_nothing();
    lone.advance(seconds(1));
    lone.sent_request(Method::Bye);
    assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::SessionTimer });
    assert_eq!(Loss::SessionTimer.to_string(), "session timer: nobody refreshed the session");
}

#[test]
fn the_far_ends_refresh_is_answered_with_the_terms_and_counts_anew() {
    for (method, body) in [("UPDATE", None), ("INVITE", Some("v=0 same"))] {
        let mut lone = Lone::new();
        let headers = [("Session-Expires", "300;refresher=uas")];
        let (id, request) = talking(&mut lone, timed(1800, Refresher::Either), &headers);
        lone.advance(seconds(150));
        let ask = Ask { body, ..Ask::within(method, &request, "callee", 1) }
            .header("Supported", "timer")
            .header("Session-Expires", "300;refresher=uac");
        lone.hear(ask.bytes());
        if body.is_some() {
            lone.sent_response(100);
            lone.event();
            lone.ua.answer_offer(lone.now, id, Body::sdp("v=0"));
        }
        let answer = lone.sent_response(200);
        let said = [Name::SessionExpires, Name::Require, Name::Supported].map(|name| answer.header(name));
        assert_eq!(said, [Some("300;refresher=uac"), Some("timer"), Some("timer")]);
        lone.hear(Ask::within("ACK", &request, "callee", 1).bytes());
        lone.advance(seconds(267));
        lone.no_event();
        lone.advance(seconds(1));
        assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::SessionTimer });
    }
}

#[test]
fn a_422_is_answered_with_the_longer_interval_a_bounded_number_of_times() {
    let mut lone = Lone::new();
    let (_, first) = lone.call(timed(90, Refresher::Us));
    lone.hear(respond_with(&first, 422, "callee", &[("Min-SE", "600")]));
    lone.sent_request(Method::Ack);
    let second = lone.sent_request(Method::Invite);
    assert_eq!((second.cseq().0, second.call_id()), (2, first.call_id()));
    let said = [Name::SessionExpires, Name::MinSe].map(|name| second.header(name));
    assert_eq!(said, [Some("600;refresher=uac"), Some("600")]);
    // The same value again is no reason for another try.
    lone.hear(respond_with(&second, 422, "callee", &[("Min-SE", "600")]));
    lone.sent_request(Method::Ack);
    assert_eq!(lone.failure().status, Some(422));

    let mut lone = Lone::new();
    let (_, mut request) = lone.call(timed(90, Refresher::Us));
    let mut tries = 1;
    for min in (100..).step_by(100).take(20) {
        lone.hear(respond_with(&request, 422, "callee", &[("Min-SE", &min.to_string())]));
        lone.sent_request(Method::Ack);
        if !lone.events.is_empty() {
            break;
        }
        request = lone.sent_request(Method::Invite);
        tries += 1;
    }
    assert_eq!((tries, lone.failure().status), (5, Some(422)));
}

#[test]
fn who_insists_refreshes_a_callee_that_knows_no_timers() {
    let mut lone = Lone::new();
    talking(&mut lone, timed(200, Refresher::Us), &[HEARS_UPDATE]);
    lone.advance(seconds(100));
    lone.sent_request(Method::Update);
    let mut lone = Lone::new();
    talking(&mut lone, timed(200, Refresher::Either), &[HEARS_UPDATE]);
    lone.advance(seconds(10_000));
    lone.sent_nothing();
    lone.no_event();
}

#[test]
fn a_refresh_that_is_too_short_within_the_call_is_422_and_ours_is_raised() {
    let mut lone = Lone::new();
    let headers = [HEARS_UPDATE, ("Session-Expires", "200;refresher=uac")];
    let (_, request) = talking(&mut lone, timed(200, Refresher::Either), &headers);
    let ask = Ask::within("UPDATE", &request, "callee", 1).header("Supported", "timer");
    lone.hear(ask.header("Session-Expires", "30").bytes());
    assert_eq!(lone.sent_response(422).header(Name::MinSe), Some("90"));
    lone.advance(seconds(100));
    let update = lone.sent_request(Method::Update);
    lone.hear(respond_with(&update, 422, "callee", &[("Min-SE", "400")]));
    let again = lone.sent_request(Method::Update);
    assert_eq!(again.header(Name::SessionExpires), Some("400;refresher=uac"));
    assert_eq!(again.header(Name::MinSe), Some("400"));
}

mod called {
    //! The same, as the callee.

    use super::*;

    fn ask(headers: &[(&'static str, &str)]) -> Ask {
        let ask = Ask { body: Some("v=0 offer"), ..Ask::new("INVITE") };
        headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
    }

    #[track_caller]
    fn answered(lone: &mut Lone, ask: &Ask) -> Message {
        lone.hear(ask.bytes());
        lone.sent_response(100);
        let Event::Incoming { id, .. } = lone.event() else { panic!("no call") };
        lone.ua.adopt(id, TOKEN);
        lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
        let answer = lone.sent_response(200);
        lone.hear(
            Ask { to_tag: Some(to_tag(&answer)), branch: "z9hG4bK-a".into(), ..Ask::new("ACK") }.bytes(),
        );
        lone.event();
        answer
    }

    #[test]
    fn a_caller_that_can_is_asked_to_refresh_and_missed_if_it_does_not() {
        let mut lone = Lone::new();
        let headers = [("Supported", "timer"), ("Session-Expires", "300")];
        let answer = answered(&mut lone, &ask(&headers));
        let said = [Name::SessionExpires, Name::Require].map(|name| answer.header(name));
        assert_eq!(said, [Some("300;refresher=uac"), Some("timer")]);
        lone.advance(seconds(268));
        assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::SessionTimer });
        lone.sent_request(Method::Bye);
    }

    #[test]
    fn a_caller_that_asks_us_to_refresh_is_refreshed() {
        let mut lone = Lone::new();
        let headers =
            [("Require", "timer"), ("Session-Expires", "300;refresher=uas"), ("Allow", "INVITE, UPDATE")];
        let answer = answered(&mut lone, &ask(&headers));
        assert_eq!(answer.header(Name::SessionExpires), Some("300;refresher=uas"));
        lone.advance(seconds(150));
        let update = lone.sent_request(Method::Update);
        assert_eq!(update.header(Name::SessionExpires), Some("300;refresher=uac"));
    }

    #[test]
    fn a_session_for_ever_is_one_of_a_day() {
        let mut lone = Lone::new();
        let headers = [("Supported", "timer"), ("Session-Expires", "4294967295;refresher=uac")];
        let answer = answered(&mut lone, &ask(&headers));
        assert_eq!(answer.header(Name::SessionExpires), Some("86400;refresher=uac"));
        lone.advance(seconds(86_400));
        assert_eq!(lone.ended(), End::Lost { status: None, cause: Loss::SessionTimer });
        lone.sent_request(Method::Bye);
    }

    #[test]
    fn a_session_that_may_not_be_shortened_to_a_day_has_no_timer() {
        let mut lone = Lone::new();
        let headers = [("Supported", "timer"), ("Session-Expires", "4294967295"), ("Min-SE", "4294967295")];
        let answer = answered(&mut lone, &ask(&headers));
        assert_eq!(answer.header(Name::SessionExpires), None);
        lone.advance(seconds(100_000));
        lone.no_event();
        lone.sent_nothing();
    }

    #[test]
    fn an_interval_below_our_minimum_is_422() {
        let mut lone = Lone::new();
        lone.hear(ask(&[("Supported", "timer"), ("Session-Expires", "60")]).bytes());
        assert_eq!(lone.sent_response(422).header(Name::MinSe), Some("90"));
        lone.no_event();
        lone.is_empty();
    }

    #[test]
    fn a_caller_that_knows_no_timers_has_none() {
        let mut lone = Lone::new();
        let answer = answered(&mut lone, &ask(&[]));
        assert_eq!(answer.header(Name::SessionExpires), None);
        lone.advance(seconds(100_000));
        lone.no_event();
        lone.sent_nothing();
    }
}
