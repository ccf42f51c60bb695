//! Reliable provisional responses (RFC 3262), heard and said.

use super::*;
use crate::{Cause, Fork, Reliable};

fn reliably(reliable: Reliable) -> Invite {
    Invite { reliable, ..invite() }
}

/// The callee's reliable 183, with an answer in it.
fn progress(request: &Message, tag: &str, rseq: u32) -> Bytes {
    let rseq = rseq.to_string();
    respond_saying(request, 183, tag, &[("Require", "100rel"), ("RSeq", &rseq)], "v=0 early answer")
}

/// The callee's reliable 180, without a body.
fn ringing(request: &Message, tag: &str, rseq: u32) -> Bytes {
    respond_with(request, 180, tag, &[("Require", "100rel"), ("RSeq", &rseq.to_string())])
}

#[track_caller]
fn heard(lone: &mut Lone) -> (Fork, u16, bool) {
    match lone.event() {
        Event::Progress { fork, status, reliable, .. } => (fork, status, reliable),
        event => panic!("no progress: {event:?}"),
    }
}

#[test]
fn an_invite_says_whether_it_supports_or_requires_100rel() {
    let mut lone = Lone::new();
    for (reliable, supported, required) in [
        (Reliable::Off, None, None),
        (Reliable::Supported, Some("100rel"), None),
        (Reliable::Required, None, Some("100rel")),
    ] {
        let (_, request) = lone.call(reliably(reliable));
        assert_eq!((request.header(Name::Supported), request.header(Name::Require)), (supported, required));
        assert!(request.values(Name::Allow).any(|method| method == "PRACK"));
    }
}

#[test]
fn a_reliable_183_is_acknowledged_in_its_dialog_and_its_sdp_is_the_answer() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(reliably(Reliable::Supported));
    lone.hear(progress(&request, "callee", 4711));
    let prack = lone.sent_request(Method::Prack);
    assert_eq!(prack.header(Name::RAck), Some("4711 1 INVITE"));
    assert_eq!((prack.request_uri(), prack.cseq().0), (Some("sip:callee@10.0.0.2:5060"), 2));
    assert_eq!((from_tag(&prack), to_tag(&prack).as_str()), (from_tag(&request), "callee"));
    let Event::Progress { status: 183, reliable: true, body: Some(body), .. } = lone.event() else {
        panic!("no reliable progress")
    };
    assert_eq!(&body.bytes[..], b"v=0 early answer");
    lone.hear(respond(&prack, 200, "callee"));
    lone.hear(respond(&request, 200, "callee"));
    assert_eq!(lone.sent_request(Method::Ack).cseq().0, 1);
    let dialog = lone.answered();
    assert_eq!(dialog.local_cseq, 2, "the PRACK's");
    lone.hear(Ask::within("BYE", &request, "callee", 1).bytes());
    lone.sent_response(200);
    lone.ended();
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn a_reliable_response_that_comes_again_is_absorbed_and_one_ahead_of_its_time_ignored() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(reliably(Reliable::Supported));
    lone.hear(ringing(&request, "callee", 10));
    lone.hear(ringing(&request, "callee", 10));
    lone.hear(progress(&request, "callee", 12));
    assert_eq!(heard(&mut lone), (Fork(0), 180, true));
    lone.no_event();
    assert_eq!(lone.sent_request(Method::Prack).header(Name::RAck), Some("10 1 INVITE"));
    lone.sent_nothing();
    lone.hear(ringing(&request, "callee", 11));
    lone.hear(progress(&request, "callee", 12));
    assert_eq!(lone.sent_request(Method::Prack).header(Name::RAck), Some("11 1 INVITE"));
    let last = lone.sent_request(Method::Prack);
    assert_eq!((last.header(Name::RAck), last.cseq().0), (Some("12 1 INVITE"), 4));
}

#[test]
fn each_fork_counts_for_itself() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(reliably(Reliable::Supported));
    for (tag, rseq) in [("a", 900), ("b", 1), ("b", 2), ("a", 901)] {
        lone.hear(ringing(&request, tag, rseq));
        let prack = lone.sent_request(Method::Prack);
        assert_eq!(
            (to_tag(&prack), prack.header(Name::RAck)),
            (tag.into(), Some(&*format!("{rseq} 1 INVITE")))
        );
    }
    let forks = [Fork(0), Fork(1), Fork(1), Fork(0)];
    assert_eq!(forks.map(|_| heard(&mut lone).0), forks);
}

#[test]
fn what_makes_no_dialog_or_has_no_number_is_not_acknowledged() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(reliably(Reliable::Supported));
    let untagged = latin(&ringing(&request, "callee", 1)).replace(";tag=callee", "");
    let unnumbered = respond_with(&request, 181, "callee", &[("Require", "100rel")]);
    let zero = respond_with(&request, 182, "callee", &[("Require", "100rel"), ("RSeq", "0")]);
    for response in [Bytes::from(untagged), unnumbered, zero] {
        lone.hear(response);
        assert!(!heard(&mut lone).2);
    }
    lone.sent_nothing();
}

#[test]
fn a_challenged_prack_is_sent_again_with_the_same_rack_and_the_next_cseq() {
    let mut lone = Lone::new();
    let (_, request) =
        lone.call(Invite { credentials: Some(credentials()), ..reliably(Reliable::Supported) });
    lone.hear(ringing(&request, "callee", 5));
    let first = lone.sent_request(Method::Prack);
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
    lone.hear(respond_with(&first, 407, "callee", &[("Proxy-Authenticate", challenge)]));
    let second = lone.sent_request(Method::Prack);
    assert_eq!(second.header(Name::RAck), first.header(Name::RAck));
    assert_eq!(second.cseq().0, 3);
    assert!(second.header(Name::ProxyAuthorization).is_some_and(|value| value.contains("nc=00000001")));
    lone.hear(respond_with(&second, 407, "callee", &[("Proxy-Authenticate", challenge)]));
    lone.sent_nothing();
}

#[test]
fn a_prack_that_nobody_answers_leaves_the_call_to_its_invite() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(reliably(Reliable::Supported));
    lone.hear(ringing(&request, "callee", 5));
    lone.advance(T1 * 65);
    for _ in 0..11 {
        lone.sent_request(Method::Prack);
    }
    lone.sent_nothing();
    heard(&mut lone);
    lone.no_event();
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
}

#[test]
fn an_answer_does_not_wait_for_the_answer_to_the_prack() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(reliably(Reliable::Supported));
    lone.hear(progress(&request, "callee", 5));
    let prack = lone.sent_request(Method::Prack);
    heard(&mut lone);
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    lone.hear(respond(&prack, 481, "callee"));
    lone.sent_nothing();
    lone.no_event();
}

#[test]
fn a_cancelled_call_acknowledges_what_is_reliable_all_the_same() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(reliably(Reliable::Supported));
    lone.ua.hangup(lone.now, id, None);
    lone.sent_nothing();
    lone.hear(ringing(&request, "callee", 5));
    let cancel = lone.sent_request(Method::Cancel);
    assert_eq!(cancel.cseq().0, 1);
    lone.sent_request(Method::Prack);
    lone.hear(respond(&cancel, 200, "callee"));
    lone.hear(respond(&request, 487, "callee"));
    lone.sent_request(Method::Ack);
    heard(&mut lone);
    assert!(lone.failure().cancelled);
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn a_callee_that_refuses_100rel_is_called_again_without_it_once() {
    let mut lone = Lone::new();
    let (_, first) = lone.call(reliably(Reliable::Supported));
    lone.hear(respond_with(&first, 420, "callee", &[("Unsupported", "100rel")]));
    lone.sent_request(Method::Ack);
    let second = lone.sent_request(Method::Invite);
    assert_eq!((second.call_id(), second.cseq().0), (first.call_id(), 2));
    assert_eq!((second.header(Name::Supported), second.body()), (None, first.body()));
    lone.hear(respond_with(&second, 420, "callee", &[("Unsupported", "100rel")]));
    lone.sent_request(Method::Ack);
    assert_eq!(lone.failure().status, Some(420));
}

#[test]
fn what_is_required_or_refused_otherwise_fails() {
    for (reliable, status, header) in [
        (Reliable::Required, 420, ("Unsupported", "100rel")),
        (Reliable::Supported, 420, ("Unsupported", "x-dance")),
        (Reliable::Supported, 421, ("Require", "100rel")),
    ] {
        let mut lone = Lone::new();
        let (_, request) = lone.call(reliably(reliable));
        lone.hear(respond_with(&request, status, "callee", &[header]));
        lone.sent_request(Method::Ack);
        assert_eq!((lone.failure().status, lone.failure_left()), (Some(status), 0));
    }
}

#[test]
fn an_offer_in_a_reliable_response_to_an_invite_without_one_is_given_up() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(Invite { body: None, ..reliably(Reliable::Supported) });
    lone.hear(progress(&request, "callee", 1));
    lone.sent_request(Method::Prack);
    lone.sent_request(Method::Cancel);
    lone.hear(respond(&request, 487, "callee"));
    lone.sent_request(Method::Ack);
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status, failure.cancelled), (Cause::Response, Some(487), false));
}

#[test]
fn an_ended_fork_is_not_told_of() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(reliably(Reliable::Supported));
    lone.hear(respond(&request, 180, "a"));
    heard(&mut lone);
    lone.hear(respond(&request, 199, "a"));
    lone.no_event();
    lone.hear(respond(&request, 200, "b"));
    lone.sent_request(Method::Ack);
    lone.answered();
}

mod said {
    //! What we say reliably, as the callee.

    use super::*;

    fn asks(option: &str) -> Ask {
        Ask { body: Some("v=0 offer"), ..Ask::new("INVITE").header("Supported", option) }
    }

    #[track_caller]
    fn called(lone: &mut Lone, ask: &Ask) -> InviteId {
        lone.hear(ask.bytes());
        lone.sent_response(100);
        let Event::Incoming { id, .. } = lone.event() else { panic!("no call") };
        lone.ua.adopt(id, TOKEN);
        id
    }

    fn early() -> Option<Body> {
        Some(Body::sdp("v=0 early answer"))
    }

    /// The caller's PRACK for our response.
    fn prack(response: &Message, cseq: u32) -> Ask {
        let rseq = response.header(Name::RSeq).expect("it is reliable");
        let (invite, _) = response.cseq();
        Ask {
            branch: format!("z9hG4bK-prack-{cseq}"),
            to_tag: Some(to_tag(response)),
            cseq,
            ..Ask::new("PRACK")
        }
        .header("RAck", &format!("{rseq} {invite} INVITE"))
    }

    #[test]
    fn it_comes_again_until_its_prack_and_the_answer_waits_and_says_nothing_twice() {
        let mut lone = Lone::new();
        let id = called(&mut lone, &asks("100rel"));
        lone.ua.progress(lone.now, id, 183, early(), true);
        let progress = lone.sent_response(183);
        assert_eq!(progress.header(Name::Require), Some("100rel"));
        lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
        lone.advance(T1 * 3);
        for _ in 0..2 {
            assert_eq!(lone.sent_response(183).as_bytes(), progress.as_bytes());
        }
        lone.sent_nothing();
        lone.hear(prack(&progress, 2).bytes());
        assert_eq!(lone.sent_response(200).cseq().1, Method::Prack);
        let answer = lone.sent_response(200);
        assert_eq!((answer.cseq().1, answer.body()), (Method::Invite, &b""[..]));
        lone.hear(
            Ask { to_tag: Some(to_tag(&answer)), branch: "z9hG4bK-a".into(), ..Ask::new("ACK") }.bytes(),
        );
        let Event::Confirmed { body: None, .. } = lone.event() else { panic!("not confirmed") };
        lone.hear(prack(&progress, 2).bytes());
        lone.sent_response(200);
        lone.advance(T1 * 65);
        lone.sent_nothing();
    }

    #[test]
    fn without_a_prack_the_call_is_504_after_64_t1() {
        let mut lone = Lone::new();
        let ask = asks("100rel");
        let id = called(&mut lone, &ask);
        lone.ua.progress(lone.now, id, 183, early(), true);
        let progress = lone.sent_response(183);
        lone.advance(T1 * 64);
        for _ in 0..6 {
            lone.sent_response(183);
        }
        lone.sent_response(504);
        let failure = lone.failure();
        assert_eq!((failure.cause, failure.status), (Cause::Timeout, Some(504)));
        lone.hear(prack(&progress, 2).bytes());
        lone.sent_response(481);
        lone.advance(T1 * 65);
        lone.is_empty();
    }

    #[test]
    fn it_is_reliable_for_whom_it_helps_and_always_for_whom_requires_it() {
        for (ask, asked, is_reliable) in [
            (asks("100rel"), true, true),
            (asks("100rel"), false, false),
            (asks("timer"), true, false),
            (asks("timer").header("Require", "100rel"), false, true),
        ] {
            let mut lone = Lone::new();
            let id = called(&mut lone, &ask);
            lone.ua.progress(lone.now, id, 180, None, asked);
            assert_eq!(lone.sent_response(180).header(Name::RSeq).is_some(), is_reliable);
        }
    }

    #[test]
    fn the_first_one_offers_where_the_invite_did_not_or_is_not_sent_reliably() {
        for (option, answers) in [("Require", vec![200]), ("Supported", vec![180, 200])] {
            let mut lone = Lone::new();
            let id = called(&mut lone, &Ask::new("INVITE").header(option, "100rel"));
            lone.ua.progress(lone.now, id, 180, None, true);
            lone.ua.answer(lone.now, id, Body::sdp("v=0 our offer"));
            for status in answers {
                let response = lone.sent_response(status);
                assert_eq!((response.header(Name::Require), response.header(Name::RSeq)), (None, None));
            }
        }
        let mut lone = Lone::new();
        let id = called(&mut lone, &Ask::new("INVITE").header("Require", "100rel"));
        lone.ua.progress(lone.now, id, 183, Some(Body::sdp("v=0 our offer")), false);
        lone.ua.progress(lone.now, id, 180, None, false);
        let offer = lone.sent_response(183);
        lone.hear(Ask { body: Some("v=0 their answer"), ..prack(&offer, 2) }.bytes());
        lone.sent_response(200);
        assert_eq!(
            lone.sent_response(180).header(Name::Require),
            Some("100rel"),
            "its offer was made before"
        );
    }

    #[test]
    fn a_second_one_waits_for_the_prack_of_the_first_and_has_the_next_number() {
        let mut lone = Lone::new();
        let id = called(&mut lone, &asks("100rel"));
        lone.ua.progress(lone.now, id, 180, None, true);
        lone.ua.progress(lone.now, id, 183, early(), true);
        let first = lone.sent_response(180);
        lone.sent_nothing();
        lone.hear(prack(&first, 2).bytes());
        lone.sent_response(200);
        let second = lone.sent_response(183);
        let number = |response: &Message| -> u32 {
            response.header(Name::RSeq).and_then(|rseq| rseq.parse().ok()).expect("a number")
        };
        assert_eq!(number(&second), number(&first) + 1);
    }

    #[test]
    fn each_minute_of_ringing_another_one_says_so_without_describing_anything_again() {
        let mut lone = Lone::new();
        let id = called(&mut lone, &asks("100rel"));
        lone.ua.progress(lone.now, id, 183, early(), true);
        let mut last = lone.sent_response(183);
        for minute in 1..4 {
            lone.hear(prack(&last, 1 + minute).bytes());
            lone.sent_response(200);
            lone.advance(Duration::from_secs(59));
            lone.sent_nothing();
            lone.advance(Duration::from_secs(1));
            let next = lone.sent_response(183);
            assert_ne!(next.header(Name::RSeq), last.header(Name::RSeq));
            assert_eq!((next.header(Name::Require), next.body()), (Some("100rel"), &b""[..]));
            last = next;
        }
        lone.ua.reject(lone.now, id, 486, Vec::new());
        lone.sent_response(486);
        lone.failure();
        lone.advance(T1 * 65);
        lone.is_empty();
    }

    #[test]
    fn a_prack_for_nothing_is_481() {
        let mut lone = Lone::new();
        let id = called(&mut lone, &asks("100rel"));
        lone.ua.progress(lone.now, id, 183, early(), true);
        let progress = lone.sent_response(183);
        let wrong = Ask { headers: vec![("RAck", "1 1 INVITE".into())], ..prack(&progress, 2) };
        let nonsense = Ask { headers: vec![("RAck", "x".into())], ..prack(&progress, 3) };
        for ask in [wrong, nonsense] {
            lone.hear(ask.bytes());
            lone.sent_response(481);
        }
        lone.hear(prack(&progress, 4).bytes());
        lone.sent_response(200);
        lone.hear(prack(&progress, 5).bytes());
        lone.sent_response(481);
    }

    #[test]
    fn an_answer_that_says_all_by_itself_does_not_wait_and_its_late_prack_is_taken() {
        let mut lone = Lone::new();
        let id = called(&mut lone, &asks("100rel"));
        lone.ua.progress(lone.now, id, 180, None, true);
        let progress = lone.sent_response(180);
        lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
        assert_eq!(lone.sent_response(200).body(), b"v=0 answer");
        lone.hear(prack(&progress, 2).bytes());
        assert_eq!(lone.sent_response(200).cseq().1, Method::Prack);
        lone.hear(prack(&progress, 3).bytes());
        lone.sent_response(481);
    }

    #[test]
    fn a_cancel_ends_what_waits_for_its_prack() {
        let mut lone = Lone::new();
        let ask = asks("100rel");
        let id = called(&mut lone, &ask);
        lone.ua.progress(lone.now, id, 183, early(), true);
        lone.sent_response(183);
        lone.ua.answer(lone.now, id, Body::sdp("v=0 answer"));
        lone.hear(Ask { method: "CANCEL", body: None, ..ask }.bytes());
        lone.sent_response(200);
        lone.sent_response(487);
        assert!(matches!(lone.ended(), End::Remote { .. }));
        lone.hear(Ask { branch: "z9hG4bK-INVITE-1".into(), ..Ask::new("ACK") }.bytes());
        lone.advance(T1 * 65);
        lone.sent_nothing();
        lone.is_empty();
    }

    #[test]
    fn a_prack_brings_the_answer_to_an_offer_of_ours() {
        let mut lone = Lone::new();
        let id = called(&mut lone, &Ask::new("INVITE").header("Supported", "100rel"));
        lone.ua.progress(lone.now, id, 183, Some(Body::sdp("v=0 our offer")), true);
        let progress = lone.sent_response(183);
        lone.hear(Ask { body: Some("v=0 their answer"), ..prack(&progress, 2) }.bytes());
        lone.sent_response(200);
        let Event::Reanswered { token: TOKEN, body: Some(body), .. } = lone.event() else {
            panic!("no answer")
        };
        assert_eq!(&body.bytes[..], b"v=0 their answer");
        lone.ua.answer(lone.now, id, Body::sdp("v=0 unsaid"));
        assert_eq!(lone.sent_response(200).body(), b"");
    }

    #[test]
    fn a_prack_may_offer_once_the_first_offer_is_answered() {
        let mut lone = Lone::new();
        let id = called(&mut lone, &asks("100rel"));
        lone.ua.progress(lone.now, id, 183, early(), true);
        let progress = lone.sent_response(183);
        lone.hear(Ask { body: Some("v=0 second offer"), ..prack(&progress, 2) }.bytes());
        let Event::Offer { body: Some(offer), .. } = lone.event() else { panic!("no offer") };
        assert_eq!(&offer.bytes[..], b"v=0 second offer");
        lone.sent_nothing();
        lone.ua.answer_offer(lone.now, id, Body::sdp("v=0 second answer"));
        let response = lone.sent_response(200);
        assert_eq!((response.cseq().1, response.body()), (Method::Prack, &b"v=0 second answer"[..]));
    }
}

impl Lone {
    /// How many failures have not been looked at.
    fn failure_left(&mut self) -> usize {
        self.drain();
        self.events.len()
    }
}
