//! RFC 3665, "Basic Call Flow Examples", as far as a user agent has a part in it: each section a test, each F-message that passes
//! an agent's door in its order. §2.3, a query for the list of contacts, is not ours to ask. Where a proxy of the RFC is a host name,
//! it is an address here.

use super::proxy::{BOB, Proxy, Script, World};
use super::*;
use crate::{Cause, Register};

const P1: &str = "192.0.2.111:5060";
const P2: &str = "192.0.2.222:5060";

fn alices(route: Option<&str>) -> Invite {
    Invite {
        uri: match route {
            Some(_) => format!("sip:bob@{P2}"),
            None => format!("sip:bob@{BOB}"),
        },
        from: String::from("\"Alice\" <sip:alice@atlanta.example.com>"),
        to: String::from("\"Bob\" <sip:bob@biloxi.example.com>"),
        route: route.map(|at| format!("sip:{at};lr")),
        credentials: Some(credentials()),
        reliable: crate::Reliable::Off,
        session: None,
        ..invite()
    }
}

fn sdp() -> Body {
    Body::sdp("v=0 bob")
}

/// The registrar's half of §2.
fn register() -> (Lone, crate::RegistrationId, Message) {
    let mut lone = Lone::new();
    let order = Register {
        token: TOKEN,
        registrar: String::from("sip:10.0.0.2"),
        aor: String::from("\"Bob\" <sip:bob@biloxi.example.com>"),
        contact_user: Some(String::from("bob")),
        route: None,
        credentials: Some(credentials()),
        tls: None,
        expires: Duration::from_secs(3600),
        headers: Vec::new(),
        tap: false,
    };
    let id = lone.ua.register(lone.now, order).expect("there is room");
    let request = lone.sent_request(Method::Register);
    (lone, id, request)
}

const CHALLENGE: (&str, &str) = (
    "WWW-Authenticate",
    "Digest realm=\"atlanta.example.com\", qop=\"auth\", nonce=\"ea9c8e88df84f1cec4341ae6cbe5a359\", opaque=\"\", \
     stale=FALSE, algorithm=MD5",
);

/// F1 to F4 of §2.1.
fn registered() -> (Lone, crate::RegistrationId, Message) {
    let (mut lone, id, f1) = register();
    lone.hear(respond_with(&f1, 401, "1410948204", &[CHALLENGE]));
    let f3 = lone.sent_request(Method::Register);
    assert_eq!((f3.call_id(), f3.cseq().0), (f1.call_id(), f1.cseq().0 + 1));
    let authorization = f3.header(Name::Authorization).expect("credentials");
    for part in ["realm=\"atlanta.example.com\"", "opaque=\"\"", "uri=\"sip:10.0.0.2\"", "algorithm=MD5"] {
        assert!(authorization.contains(part), "{part}: {authorization}");
    }
    let contact = format!("{};expires=3600", f3.header(Name::Contact).expect("a Contact"));
    lone.hear(respond_with(&f3, 200, "2493k59kd", &[("Contact", &contact)]));
    assert!(
        matches!(lone.event(), Event::Registered { expires, .. } if expires == Duration::from_secs(3600))
    );
    (lone, id, f3)
}

#[test]
fn section_2_1_successful_new_registration() {
    registered();
}

#[test]
fn section_2_2_update_of_contact_list() {
    let (mut lone, _, first) = registered();
    let order = Register {
        token: 8,
        registrar: String::from("sip:10.0.0.2"),
        aor: String::from("\"Bob\" <sip:bob@biloxi.example.com>"),
        contact_user: Some(String::from("bob-mobile")),
        route: None,
        credentials: Some(credentials()),
        tls: None,
        expires: Duration::from_secs(3600),
        headers: Vec::new(),
        tap: false,
    };
    lone.ua.register(lone.now, order).expect("there is room");
    let f1 = lone.sent_request(Method::Register);
    let contacts = [&first, &f1].map(|request| request.header(Name::Contact).expect("a Contact").to_owned());
    let listed = format!("{};expires=3000, {};expires=3600", contacts[0], contacts[1]);
    lone.hear(respond_with(&f1, 200, "1418nmdsrf", &[("Contact", &listed)]));
    match lone.event() {
        Event::Registered { token: 8, expires, contact, .. } => {
            assert_eq!((expires.as_secs(), contact.as_str()), (3600, "sip:bob-mobile@10.0.0.1:5060"));
        }
        event => panic!("{event:?}"),
    }
}

#[test]
fn section_2_4_cancellation_of_registration() {
    let (mut lone, id, before) = registered();
    lone.ua.unregister(lone.now, id);
    let f1 = lone.sent_request(Method::Register);
    // The RFC's Bob takes all bindings of his back with a star; we take our own, and leave his other phones alone.
    assert_eq!((f1.header(Name::Expires), f1.call_id()), (Some("0"), before.call_id()));
    assert!(f1.header(Name::Authorization).is_some_and(|value| value.contains("nc=00000002")));
    lone.hear(respond(&f1, 200, "1418nmdsrf"));
    assert!(matches!(lone.event(), Event::Unregistered { status: Some(200), .. }));
}

#[test]
fn section_2_5_unsuccessful_registration() {
    let (mut lone, _, f1) = register();
    lone.hear(respond_with(&f1, 401, "1410948204", &[CHALLENGE]));
    let f3 = lone.sent_request(Method::Register);
    lone.hear(respond_with(&f3, 401, "1410948204", &[CHALLENGE]));
    match lone.event() {
        Event::RegistrationFailed { failure, .. } => assert_eq!(failure.cause, Cause::Unauthorized),
        event => panic!("{event:?}"),
    }
    lone.advance(T4 * 2);
    lone.sent_nothing();
}

/// Bob rings and answers; Alice's ACK arrives; Bob hangs up.
fn ring_talk_and_end(world: &mut World) -> String {
    let id = world.ringing();
    world.bob.progress(world.now, id, 180, None, false);
    world.run();
    world.bob.answer(world.now, id, sdp());
    world.run();
    assert!(matches!(world.told(), Event::Answered { .. }));
    let established = world.seen();
    world.bob.hangup(world.now, id, None);
    world.run();
    assert!(matches!(world.told(), Event::Ended { end: End::Remote { .. }, .. }));
    established
}

#[test]
fn section_3_1_successful_session_establishment() {
    let mut world = World::new(Vec::new());
    world.call(alices(None));
    let established = ring_talk_and_end(&mut world);
    assert_eq!(
        established,
        "A> INVITE, B< INVITE, B> 100, A< 100, B> 180, A< 180, B> 200, A< 200, A> ACK, B< ACK"
    );
    assert_eq!(world.seen(), "B> BYE, A< BYE, A> 200, B< 200");
}

#[test]
fn section_3_2_session_establishment_through_two_proxies() {
    let challenging = Proxy::with(P1, Script::Challenge("atlanta.example.com"));
    let mut world = World::new(vec![challenging, Proxy::new(P2)]);
    world.call(alices(Some(P1)));
    let established = ring_talk_and_end(&mut world);
    assert_eq!(
        established,
        "A> INVITE, A< 407, A> ACK, A> INVITE, A< 100, B< INVITE, B> 100, A< 100, B> 180, A< 180, B> 200, A< 200, \
         A> ACK, B< ACK"
    );
    assert_eq!(world.seen(), "B> BYE, A< BYE, A> 200, B< 200");
}

#[test]
fn section_3_3_session_with_multiple_proxy_authentication() {
    let proxies = [(P1, "atlanta.example.com"), (P2, "biloxi.example.com")];
    let proxies = proxies.map(|(at, realm)| Proxy::with(at, Script::Challenge(realm)));
    let mut world = World::new(proxies.to_vec());
    world.call(alices(Some(P1)));
    let established = ring_talk_and_end(&mut world);
    assert_eq!(
        established,
        "A> INVITE, A< 407, A> ACK, A> INVITE, A< 100, A< 407, A> ACK, A> INVITE, A< 100, B< INVITE, B> 100, A< 100, \
         B> 180, A< 180, B> 200, A< 200, A> ACK, B< ACK"
    );
}

#[test]
fn section_3_4_successful_session_with_proxy_failure() {
    let mut world = World::new(vec![Proxy::with(P1, Script::Silent), Proxy::new(P2)]);
    // Both proxies are one name; the second is tried when the first has said nothing for 64·T1 (RFC 3263 §4.3).
    let route = Some(String::from("sip:ss1.example.com;lr"));
    world.alice.invite(world.now, Invite { route, ..alices(Some(P1)) }).expect("there is room");
    let query = world.alice.poll_query().expect("a name");
    let targets = [P1, P2].map(|at| crate::Target::udp(address(at)));
    world.alice.handle_targets(world.now, query.id, targets.to_vec());
    world.run();
    world.advance(T1 * 64);
    let seen = world.seen();
    assert_eq!(seen, "A> INVITE, ".repeat(8) + "A< 100, B< INVITE, B> 100, A< 100");
    ring_talk_and_end(&mut world);
}

#[test]
fn section_3_5_session_through_a_sip_alg() {
    // The gateway stands in Alice's stead wherever her address stood.
    let mut world =
        World::new(vec![Proxy::with(P1, Script::Rewrite("@192.0.2.101:5060", "@192.0.2.111:5060"))]);
    world.call(alices(Some(P1)));
    let id = world.ringing();
    world.bob.answer(world.now, id, sdp());
    world.run();
    world.bob.hangup(world.now, id, None);
    world.run();
    assert!(matches!(world.told(), Event::Ended { .. }));
    assert!(world.seen().ends_with("B> BYE, A< BYE, A> 200, B< 200"));
}

#[test]
fn section_3_6_session_via_redirect_and_proxy_servers() {
    let redirecting = Proxy::with(P1, Script::Answer(302, "Contact: <sip:bob@192.0.2.222>"));
    let mut world = World::new(vec![redirecting]);
    world.call(alices(Some(P1)));
    let Event::Failed { failure, .. } = world.told() else { panic!("no redirection") };
    assert_eq!(
        (failure.status, &failure.contacts[..]),
        (Some(302), &[String::from("<sip:bob@192.0.2.222>")][..])
    );
    assert_eq!(world.seen(), "A> INVITE, A< 302, A> ACK");
    // Following it is her owner's choice. Our offer stands in the INVITE, where the RFC's stands in the 200.
    world.proxies = vec![Proxy::new(P2)];
    world.call(alices(Some(P2)));
    assert!(ring_talk_and_end(&mut world).starts_with("A> INVITE, A< 100, B< INVITE, B> 100"));
}

#[test]
fn section_3_7_session_with_reinvite() {
    let mut world = World::new(Vec::new());
    let alice = world.call(alices(None));
    let bob = world.ringing();
    world.bob.answer(world.now, bob, sdp());
    world.run();
    world.seen();
    // Bob moves.
    assert!(world.bob.offer(world.now, bob, Body::sdp("v=0 moved")));
    world.run();
    let offered = world.told();
    assert!(
        matches!(&offered, Event::Offer { body: Some(body), .. } if &body.bytes[..] == b"v=0 moved"),
        "{offered:?}"
    );
    world.alice.answer_offer(world.now, alice, Body::sdp("v=0 agreed"));
    world.run();
    let seen = world.seen();
    assert_eq!(seen, "B> INVITE, A< INVITE, A> 100, B< 100, A> 200, B< 200, B> ACK, A< ACK");
    world.bob.hangup(world.now, bob, None);
    world.run();
    assert_eq!(world.seen(), "B> BYE, A< BYE, A> 200, B< 200");
}

#[test]
fn section_3_8_unsuccessful_no_answer() {
    let mut world = World::new(vec![Proxy::new(P1), Proxy::new(P2)]);
    let id = world.call(alices(Some(P1)));
    let bob = world.ringing();
    world.bob.progress(world.now, bob, 180, None, false);
    world.run();
    world.seen();
    world.alice.hangup(world.now, id, None);
    world.run();
    assert_eq!(world.seen(), "A> CANCEL, B< CANCEL, B> 200, A< 200, B> 487, A< 487, A> ACK, B< ACK");
    let Event::Failed { failure, .. } = world.told() else { panic!("no failure") };
    assert_eq!((failure.status, failure.cancelled), (Some(487), true));
}

#[test]
fn section_3_9_unsuccessful_busy() {
    let mut world = World::new(vec![Proxy::new(P1), Proxy::new(P2)]);
    world.call(alices(Some(P1)));
    let bob = world.ringing();
    world.bob.reject(world.now, bob, 486, Vec::new());
    world.run();
    assert!(world.seen().ends_with("B> 486, A< 486, A> ACK, B< ACK"));
    assert!(matches!(world.told(), Event::Failed { failure, .. } if failure.status == Some(486)));
}

#[test]
fn section_3_10_unsuccessful_no_response_from_user_agent() {
    // Proxy 2 has given Bob up.
    let mut world = World::new(vec![Proxy::new(P1), Proxy::with(P2, Script::Answer(480, "Retry-After: 60"))]);
    world.call(alices(Some(P1)));
    assert_eq!(world.seen(), "A> INVITE, A< 100, A< 480, A> ACK");
    let Event::Failed { failure, .. } = world.told() else { panic!("no failure") };
    assert_eq!((failure.status, failure.retry_after), (Some(480), Some(Duration::from_secs(60))));
}

#[test]
fn section_3_11_unsuccessful_temporarily_unavailable() {
    let mut world = World::new(vec![Proxy::new(P1), Proxy::new(P2)]);
    world.call(alices(Some(P1)));
    let bob = world.ringing();
    world.bob.progress(world.now, bob, 180, None, false);
    world.run();
    world.bob.reject(world.now, bob, 480, Vec::new());
    world.run();
    let seen = world.seen();
    assert!(seen.ends_with("B> 180, A< 180, B> 480, A< 480, A> ACK, B< ACK"), "{seen}");
    assert!(matches!(world.told(), Event::Failed { failure, .. } if failure.status == Some(480)));
}
