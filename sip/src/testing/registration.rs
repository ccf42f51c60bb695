//! Bindings at a registrar (RFC 3261 §10, RFC 3608, RFC 5626 §4.5).

use super::*;
use crate::{Cause, Query, Register, RegistrationId, Target};

const ASKED: Duration = Duration::from_secs(3600);
const WWW: (&str, &str) = ("WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n1\", qop=\"auth\"");

pub fn order() -> Register {
    Register {
        token: TOKEN,
        registrar: String::from("sip:10.0.0.2"),
        aor: String::from("<sip:trunk@carrier.example>"),
        contact_user: Some(String::from("trunk")),
        route: None,
        credentials: Some(credentials()),
        tls: None,
        expires: ASKED,
        headers: vec![(String::from("X-Trunk"), String::from("a"))],
        tap: false,
    }
}

fn register(lone: &mut Lone) -> (RegistrationId, Message) {
    let id = lone.ua.register(lone.now, order()).expect("there is room");
    let request = lone.sent_request(Method::Register);
    (id, request)
}

fn contact(request: &Message) -> String {
    request.header(Name::Contact).expect("a Contact").to_owned()
}

/// The next REGISTER, as soon as it leaves.
#[track_caller]
fn next(lone: &mut Lone) -> Message {
    for _ in 0..100 {
        if !lone.sent.is_empty() {
            return lone.sent_request(Method::Register);
        }
        let at = lone.ua.poll_timeout().expect("a REGISTER is due");
        lone.advance(at - lone.now);
    }
    panic!("no REGISTER leaves");
}

/// The registrar lists our binding with these parameters.
fn accept(lone: &mut Lone, request: &Message, params: &str) {
    let listed = format!("{}{params}", contact(request));
    lone.hear(respond_with(request, 200, "r", &[("Contact", &listed)]));
}

#[track_caller]
fn registered(lone: &mut Lone) -> Duration {
    match lone.event() {
        Event::Registered { token: TOKEN, expires, contact, .. } => {
            assert_eq!(contact, "sip:trunk@10.0.0.1:5060");
            expires
        }
        event => panic!("not registered: {event:?}"),
    }
}

#[track_caller]
fn refused(lone: &mut Lone) -> (Failure, Duration) {
    match lone.event() {
        Event::RegistrationFailed { token: TOKEN, failure, retry_in, .. } => (failure, retry_in),
        event => panic!("not refused: {event:?}"),
    }
}

#[track_caller]
fn unregistered(lone: &mut Lone) -> Option<u16> {
    match lone.event() {
        Event::Unregistered { token: TOKEN, status, .. } => status,
        event => panic!("not unregistered: {event:?}"),
    }
}

#[test]
fn a_binding_is_asked_for_as_section_10_2_has_it() {
    let mut lone = Lone::new();
    let (_, request) = register(&mut lone);
    assert_eq!(request.request_uri(), Some("sip:10.0.0.2"));
    assert_eq!(request.to().map(|to| (to.uri, to.tag())), Some(("sip:trunk@carrier.example", None)));
    assert_eq!(request.from().map(|from| from.uri), Some("sip:trunk@carrier.example"));
    assert_eq!(
        (contact(&request).as_str(), request.header(Name::Expires)),
        ("<sip:trunk@10.0.0.1:5060>", Some("3600"))
    );
    assert_eq!((request.header_named("X-Trunk"), request.header(Name::Supported)), (Some("a"), Some("path")));
    assert!(!from_tag(&request).is_empty());
}

#[test]
fn it_is_renewed_at_eight_to_nine_tenths_with_the_same_call_id_and_the_next_cseq() {
    let mut lone = Lone::new();
    let (_, first) = register(&mut lone);
    accept(&mut lone, &first, ";expires=1000");
    assert_eq!(registered(&mut lone), Duration::from_secs(1000));
    lone.advance(Duration::from_secs(800) - T4);
    lone.sent_nothing();
    lone.advance(Duration::from_secs(100) + T4);
    let second = lone.sent_request(Method::Register);
    assert_eq!((second.call_id(), second.cseq().0), (first.call_id(), first.cseq().0 + 1));
    assert_eq!(from_tag(&second), from_tag(&first));
    accept(&mut lone, &second, "");
    assert_eq!(registered(&mut lone), ASKED, "neither the Contact nor an Expires says: as asked");
}

#[test]
fn what_is_granted_stands_at_our_contact_else_in_expires() {
    let mut lone = Lone::new();
    let (_, request) = register(&mut lone);
    let others = "<sip:trunk@10.0.0.9:5060>;expires=9, \"x\" <sip:trunk@10.0.0.1:5060;ob>;q=0.5;expires=70";
    lone.hear(respond_with(&request, 200, "r", &[("Contact", others), ("Expires", "50")]));
    assert_eq!(registered(&mut lone), Duration::from_secs(70));
    let request = next(&mut lone);
    let ours = contact(&request);
    lone.hear(respond_with(&request, 200, "r", &[("Contact", &ours), ("Expires", "50")]));
    assert_eq!(registered(&mut lone), Duration::from_secs(50));
}

#[test]
fn a_200_that_does_not_list_us_is_a_failure_and_is_tried_again() {
    let mut lone = Lone::new();
    let (_, mut request) = register(&mut lone);
    let others = "<sip:desk@10.0.0.9:5060>;expires=9, <sip:hall@10.0.0.8:5060>;expires=9";
    for listed in [&[("Contact", others)][..], &[("Contact", "<sip:desk@10.0.0.9>;expires=9")], &[]] {
        lone.hear(respond_with(&request, 200, "r", listed));
        let (failure, retry_in) = refused(&mut lone);
        assert_eq!((failure.cause, failure.status), (Cause::Response, Some(200)));
        let asked_at = lone.now;
        request = next(&mut lone);
        assert!(lone.now >= asked_at + retry_in);
    }
    accept(&mut lone, &request, ";expires=0");
    assert_eq!(refused(&mut lone).0.status, Some(200), "a binding of no length is none");
}

#[test]
fn a_contact_that_was_rewritten_is_ours_where_it_is_the_only_one() {
    let mut lone = Lone::new();
    let (_, request) = register(&mut lone);
    let rewritten = ("Contact", "<sip:trunk@203.0.113.9:40123;transport=udp>;expires=90");
    lone.hear(respond_with(&request, 200, "r", &[rewritten]));
    assert_eq!(registered(&mut lone), Duration::from_secs(90));
    let request = next(&mut lone);
    lone.hear(respond_with(&request, 200, "r", &[("Expires", "70")]));
    assert_eq!(registered(&mut lone), Duration::from_secs(70), "it lists nobody, and says for how long");
    let request = next(&mut lone);
    lone.hear(respond_with(&request, 200, "r", &[("Expires", "0")]));
    refused(&mut lone);
}

#[test]
fn of_several_contacts_that_were_rewritten_the_youngest_is_ours() {
    let mut lone = Lone::new();
    let (_, mut request) = register(&mut lone);
    let stale = "<sip:trunk@203.0.113.9:40122>;expires=9";
    let fresh = "<sip:trunk@203.0.113.9:40123>;expires=90";
    let desk = "<sip:desk@203.0.113.9:40124>;expires=95";
    for listed in [[stale, fresh, desk], [desk, fresh, stale]] {
        lone.hear(respond_with(&request, 200, "r", &[("Contact", &listed.join(", "))]));
        assert_eq!(registered(&mut lone), Duration::from_secs(90));
        request = next(&mut lone);
    }
    let longer = "<sip:trunk@203.0.113.9:40125>;expires=86400";
    lone.hear(respond_with(&request, 200, "r", &[("Contact", stale), ("Contact", longer)]));
    assert_eq!(registered(&mut lone), ASKED, "none is kept for longer than we asked");
}

#[test]
fn a_service_route_is_told_and_a_path_ignored() {
    let mut lone = Lone::new();
    let (_, request) = register(&mut lone);
    let ours = contact(&request);
    let headers = [
        ("Contact", ours.as_str()),
        ("Path", "<sip:edge.example;lr>"),
        ("Service-Route", "<sip:a.example;lr>, <sip:b.example;lr>"),
        ("Service-Route", "<sip:c.example;lr>"),
    ];
    lone.hear(respond_with(&request, 200, "r", &headers));
    match lone.event() {
        Event::Registered { service_route, .. } => {
            assert_eq!(service_route, ["<sip:a.example;lr>", "<sip:b.example;lr>", "<sip:c.example;lr>"]);
        }
        event => panic!("{event:?}"),
    }
    lone.advance(Duration::from_secs(3300));
    assert_eq!(
        lone.sent_request(Method::Register).header(Name::Route),
        None,
        "RFC 3608 §6.1: not for REGISTER"
    );
}

#[test]
fn a_423_is_obeyed_at_once_and_not_for_ever() {
    let mut lone = Lone::new();
    let (_, mut request) = register(&mut lone);
    for least in ["7200", "7300", "7400"] {
        lone.hear(respond_with(&request, 423, "r", &[("Min-Expires", least)]));
        request = lone.sent_request(Method::Register);
        assert_eq!(request.header(Name::Expires), Some(least));
    }
    lone.hear(respond_with(&request, 423, "r", &[("Min-Expires", "7500")]));
    let (failure, retry_in) = refused(&mut lone);
    assert_eq!(failure.status, Some(423));
    assert!(failure.headers.contains(&(String::from("Min-Expires"), String::from("7500"))), "{failure:?}");
    assert!(retry_in <= Duration::from_secs(30));
}

#[test]
fn a_423_that_asks_for_less_or_nothing_is_a_refusal() {
    let mut lone = Lone::new();
    for headers in [&[("Min-Expires", "60")][..], &[], &[("Min-Expires", "4000000000")]] {
        let (_, request) = register(&mut lone);
        lone.hear(respond_with(&request, 423, "r", headers));
        assert_eq!(refused(&mut lone).0.status, Some(423));
    }
}

#[test]
fn a_challenge_is_answered_and_its_nonce_used_for_the_renewal() {
    let mut lone = Lone::new();
    let (_, first) = register(&mut lone);
    lone.hear(respond_with(&first, 401, "r", &[WWW]));
    let second = lone.sent_request(Method::Register);
    assert_eq!((second.call_id(), second.cseq().0), (first.call_id(), 2));
    assert!(second.header(Name::Authorization).is_some_and(|value| value.contains("nc=00000001")));
    accept(&mut lone, &second, ";expires=100");
    registered(&mut lone);
    let third = next(&mut lone);
    assert_eq!(third.cseq().0, 3);
    assert!(third.header(Name::Authorization).is_some_and(|value| value.contains("nc=00000002")));
    let stale = ("WWW-Authenticate", "Digest realm=\"carrier\", nonce=\"n2\", qop=\"auth\", stale=true");
    lone.hear(respond_with(&third, 401, "r", &[stale]));
    let fourth = lone.sent_request(Method::Register);
    assert!(fourth.header(Name::Authorization).is_some_and(|value| value.contains("nonce=\"n2\"")));
    accept(&mut lone, &fourth, ";expires=100");
    registered(&mut lone);
}

/// What comes once credentials are refused again and again: much later, and not all at once.
const MUCH_LATER: std::ops::RangeInclusive<Duration> = Duration::from_secs(900)..=Duration::from_secs(1800);

#[test]
fn a_wrong_password_is_tried_again_much_later() {
    let mut lone = Lone::new();
    let (_, mut first) = register(&mut lone);
    for _ in 0..3 {
        assert_eq!(first.header(Name::Authorization), None);
        lone.hear(respond_with(&first, 401, "r", &[WWW]));
        let second = lone.sent_request(Method::Register);
        lone.hear(respond_with(&second, 401, "r", &[WWW]));
        let (failure, retry_in) = refused(&mut lone);
        assert_eq!((failure.cause, failure.status), (Cause::Unauthorized, Some(401)));
        assert!(MUCH_LATER.contains(&retry_in), "{retry_in:?}");
        let realm = (String::from("WWW-Authenticate"), String::from("carrier"));
        assert!(failure.headers.contains(&realm), "{failure:?}");
        let since = lone.now;
        first = next(&mut lone);
        assert!((retry_in..retry_in + T1).contains(&(lone.now - since)));
    }
    lone.hear(respond_with(&first, 401, "r", &[WWW]));
    let second = lone.sent_request(Method::Register);
    accept(&mut lone, &second, ";expires=60");
    registered(&mut lone);
}

#[test]
fn a_403_after_credentials_is_tried_much_later_and_one_before_soon() {
    let mut lone = Lone::new();
    let (id, first) = register(&mut lone);
    lone.hear(respond_with(&first, 401, "r", &[WWW]));
    let second = lone.sent_request(Method::Register);
    lone.hear(respond(&second, 403, "r"));
    let (failure, retry_in) = refused(&mut lone);
    assert_eq!((failure.cause, failure.status), (Cause::Unauthorized, Some(403)));
    assert!(MUCH_LATER.contains(&retry_in), "{retry_in:?}");
    lone.ua.unregister(lone.now, id);
    assert_eq!(unregistered(&mut lone), None);
    let (_, request) = register(&mut lone);
    lone.hear(respond(&request, 403, "r"));
    assert!(refused(&mut lone).1 <= Duration::from_secs(30));
}

#[test]
fn failures_back_off_and_a_success_forgets_them() {
    let mut lone = Lone::new();
    let (_, mut request) = register(&mut lone);
    for upper in [30, 60, 120, 240, 480, 960, 1800, 1800] {
        lone.hear(respond(&request, 500, "r"));
        let wait = refused(&mut lone).1;
        let upper = Duration::from_secs(upper);
        assert!((upper / 2..=upper).contains(&wait), "{wait:?} of {upper:?}");
        let since = lone.now;
        request = next(&mut lone);
        assert!((wait..wait + T1).contains(&(lone.now - since)));
    }
    accept(&mut lone, &request, ";expires=60");
    registered(&mut lone);
    let request = next(&mut lone);
    lone.hear(respond(&request, 500, "r"));
    assert!(refused(&mut lone).1 <= Duration::from_secs(30));
}

#[test]
fn a_retry_after_is_heeded() {
    let mut lone = Lone::new();
    let (_, request) = register(&mut lone);
    lone.hear(respond_with(&request, 503, "r", &[("Retry-After", "300")]));
    let (failure, retry_in) = refused(&mut lone);
    let wait = Duration::from_secs(300);
    assert_eq!((failure.retry_after, retry_in), (Some(wait), wait));
}

#[test]
fn a_503_or_silence_goes_to_the_next_target() {
    let mut lone = Lone::new();
    let order = Register { registrar: String::from("sip:carrier.example"), ..order() };
    lone.ua.register(lone.now, order).expect("there is room");
    let Query { id, host, .. } = lone.ua.poll_query().expect("a name");
    assert_eq!(host, "carrier.example");
    let targets = ["10.0.0.7:5060", "10.0.0.8:5060", PEER].map(|text| Target::udp(address(text)));
    lone.ua.handle_targets(lone.now, id, targets.to_vec());
    let (to, request) = lone.sent_to();
    assert_eq!(to, address("10.0.0.7:5060"));
    lone.hear(respond(&request, 503, "r"));
    assert_eq!(lone.sent_to().0, address("10.0.0.8:5060"));
    lone.advance(T1 * 64 + Duration::from_millis(1));
    let (to, last) = lone.sent.pop_back().map(|last| (last.path.remote, last.payload)).expect("the next");
    assert_eq!(to, address(PEER));
    lone.sent.clear();
    let last = Message::parse(last).expect("readable");
    accept(&mut lone, &last, ";expires=60");
    registered(&mut lone);
    // The renewal asks for the names anew: they may have moved (RFC 3263 §4.3).
    lone.advance(Duration::from_secs(55));
    let query = lone.ua.poll_query().expect("a name");
    lone.ua.handle_targets(lone.now, query.id, Vec::new());
    let (failure, retry_in) = refused(&mut lone);
    assert_eq!(failure.cause, Cause::Unresolved);
    assert!(retry_in <= Duration::from_secs(30));
}

#[test]
fn silence_is_a_timeout_that_is_tried_again() {
    let mut lone = Lone::new();
    register(&mut lone);
    lone.advance(T1 * 65);
    let (failure, retry_in) = refused(&mut lone);
    assert_eq!((failure.cause, failure.status), (Cause::Timeout, None));
    assert!(retry_in <= Duration::from_secs(30));
}

#[test]
fn a_binding_is_taken_back_with_expires_0() {
    let mut lone = Lone::new();
    let (id, request) = register(&mut lone);
    accept(&mut lone, &request, ";expires=100");
    registered(&mut lone);
    lone.ua.unregister(lone.now, id);
    lone.ua.unregister(lone.now, id);
    let last = lone.sent_request(Method::Register);
    assert_eq!(
        (last.header(Name::Expires), last.call_id(), last.cseq().0),
        (Some("0"), request.call_id(), 2)
    );
    assert_eq!(contact(&last), contact(&request), "our own and nobody else's");
    lone.sent_nothing();
    lone.hear(respond(&last, 200, "r"));
    assert_eq!(unregistered(&mut lone), Some(200));
    lone.ua.unregister(lone.now, id);
    lone.advance(Duration::from_secs(3600));
    lone.sent_nothing();
    lone.no_event();
    lone.is_empty();
}

#[test]
fn taking_back_waits_for_what_is_under_way() {
    let mut lone = Lone::new();
    let (id, request) = register(&mut lone);
    lone.ua.unregister(lone.now, id);
    lone.sent_nothing();
    accept(&mut lone, &request, "");
    let last = lone.sent_request(Method::Register);
    assert_eq!(last.header(Name::Expires), Some("0"));
    lone.advance(T1 * 65);
    assert_eq!(unregistered(&mut lone), None);
    lone.is_empty();
}

#[test]
fn what_was_never_bound_need_not_be_taken_back() {
    let mut lone = Lone::new();
    let (id, request) = register(&mut lone);
    lone.hear(respond(&request, 500, "r"));
    refused(&mut lone);
    lone.ua.unregister(lone.now, id);
    assert_eq!(unregistered(&mut lone), None);
    lone.advance(T4 * 2);
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn what_cannot_be_registered_is_refused_at_the_door() {
    let mut lone = Lone::new();
    for wrong in [
        Register { registrar: String::from("tel:+44"), ..order() },
        Register { aor: String::from("<sip:a@b>;tag=1"), ..order() },
        Register { contact_user: Some(String::from("a@b")), ..order() },
        Register { contact_user: Some(String::from("a>\r\nX: y")), ..order() },
    ] {
        assert!(lone.ua.register(lone.now, wrong).is_err());
    }
    lone.sent_nothing();
    lone.is_empty();
}

#[test]
fn a_connection_that_is_lost_takes_the_registration_with_it() {
    let mut config = Config::new(address(OURS));
    config.locals.push(crate::Local::new(crate::Protocol::Tcp, address(OURS)));
    let mut lone = Lone::with(config);
    let by_tcp = Register { registrar: String::from("sip:10.0.0.2;transport=tcp"), ..order() };
    lone.ua.register(lone.now, by_tcp).expect("there is room");
    let (transmit, request) = lone.sent_by();
    assert_eq!(contact(&request), "<sip:trunk@10.0.0.1:5060;transport=tcp>");
    accept(&mut lone, &request, ";expires=600");
    assert!(matches!(lone.event(), Event::Registered { .. }));
    let lost = crate::FlowLost { path: transmit.path, error: crate::TransportError::Refused };
    lone.ua.handle_flow_lost(lone.now, &lost);
    let (failure, retry_in) = refused(&mut lone);
    assert_eq!((failure.cause, failure.transport), (Cause::Transport, Some(crate::TransportError::Refused)));
    assert!(retry_in <= Duration::from_secs(30));
    lone.ua.handle_flow_lost(lone.now, &lost);
    lone.no_event();
    assert_eq!(next(&mut lone).cseq().0, 2);
}
