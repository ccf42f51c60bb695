//! Challenges and what we answer (RFC 3261 §22, RFC 7616, RFC 8760).

use super::*;
use crate::Cause;

const WWW: (&str, &str) = ("WWW-Authenticate", "Digest realm=\"server\", nonce=\"n1\", qop=\"auth\"");
const PROXY: (&str, &str) = ("Proxy-Authenticate", "Digest realm=\"proxy\", nonce=\"p1\", qop=\"auth\"");

fn calling(lone: &mut Lone) -> Message {
    lone.call(Invite { credentials: Some(credentials()), ..invite() }).1
}

/// The peer challenges; the ACK and the next INVITE leave.
#[track_caller]
fn challenge(lone: &mut Lone, request: &Message, status: u16, header: (&str, &str)) -> Message {
    lone.hear(respond_with(request, status, "x", &[header]));
    lone.sent_request(Method::Ack);
    lone.sent_request(Method::Invite)
}

#[test]
fn a_401_is_answered_in_the_same_call_with_the_next_cseq() {
    let mut lone = Lone::new();
    let first = calling(&mut lone);
    assert_eq!(first.header(Name::Authorization), None);
    let second = challenge(&mut lone, &first, 401, WWW);
    assert_eq!((second.call_id(), from_tag(&second)), (first.call_id(), from_tag(&first)));
    assert_eq!((second.cseq(), to_tag(&second).as_str()), ((2, Method::Invite), ""));
    assert_ne!(branch(&second), branch(&first));
    assert_eq!(second.body(), first.body());
    let authorization = second.header(Name::Authorization).expect("credentials");
    assert!(
        authorization.contains("realm=\"server\"") && authorization.contains("nc=00000001"),
        "{authorization}"
    );
    assert!(!authorization.contains("secret"));
    lone.hear(respond(&second, 200, "callee"));
    let ack = lone.sent_request(Method::Ack);
    assert_eq!((ack.cseq().0, ack.header(Name::Authorization)), (2, Some(authorization)), "§22.1");
    assert_eq!(lone.answered().local_cseq, 2);
    assert_eq!(lone.ua.counters().challenges_answered, 1);
}

#[test]
fn a_407_and_then_a_401_have_both_credentials_carried() {
    let mut lone = Lone::new();
    let first = calling(&mut lone);
    let second = challenge(&mut lone, &first, 407, PROXY);
    assert!(
        second.header(Name::ProxyAuthorization).is_some() && second.header(Name::Authorization).is_none()
    );
    let third = challenge(&mut lone, &second, 401, WWW);
    assert!(third.header(Name::ProxyAuthorization).is_some() && third.header(Name::Authorization).is_some());
    assert_eq!(third.cseq().0, 3);
}

#[test]
fn a_wrong_password_stops_after_one_try() {
    let mut lone = Lone::new();
    let first = calling(&mut lone);
    let second = challenge(&mut lone, &first, 401, WWW);
    lone.hear(respond_with(&second, 401, "x", &[WWW]));
    lone.sent_request(Method::Ack);
    lone.sent_nothing();
    let failure = lone.failure();
    assert_eq!((failure.cause, failure.status), (Cause::Unauthorized, Some(401)));
}

#[test]
fn a_stale_nonce_is_replaced() {
    let mut lone = Lone::new();
    let first = calling(&mut lone);
    let second = challenge(&mut lone, &first, 401, WWW);
    let stale = ("WWW-Authenticate", "Digest realm=\"server\", nonce=\"n2\", qop=\"auth\", stale=TRUE");
    let third = challenge(&mut lone, &second, 401, stale);
    assert!(third.header(Name::Authorization).is_some_and(|value| value.contains("nonce=\"n2\"")));
}

#[test]
fn a_challenge_without_credentials_is_unauthorized() {
    let mut lone = Lone::new();
    let (_, first) = lone.call(invite());
    lone.hear(respond_with(&first, 407, "x", &[PROXY]));
    assert_eq!(lone.failure().cause, Cause::Unauthorized);
    let first = {
        lone.sent_request(Method::Ack);
        calling(&mut lone)
    };
    lone.hear(respond_with(&first, 401, "x", &[("WWW-Authenticate", "Basic realm=\"server\"")]));
    assert_eq!(lone.failure().cause, Cause::Unauthorized);
}

#[test]
fn sha_256_is_preferred_where_it_is_offered() {
    let mut lone = Lone::new();
    let first = calling(&mut lone);
    let md5 = ("WWW-Authenticate", "Digest realm=\"server\", nonce=\"a\", algorithm=MD5");
    let sha = ("WWW-Authenticate", "Digest realm=\"server\", nonce=\"b\", algorithm=SHA-256");
    lone.hear(respond_with(&first, 401, "x", &[md5, sha]));
    lone.sent_request(Method::Ack);
    let second = lone.sent_request(Method::Invite);
    let values: Vec<&str> = second.values(Name::Authorization).collect();
    assert!(values.len() == 1 && values[0].contains("SHA-256"), "{values:?}");
}

#[test]
fn known_credentials_are_shown_to_the_bye_at_once_with_the_next_nonce_count() {
    let mut lone = Lone::new();
    let (id, first) = lone.call(Invite { credentials: Some(credentials()), ..invite() });
    let second = challenge(&mut lone, &first, 407, PROXY);
    lone.hear(respond(&second, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    let authorization = bye.header(Name::ProxyAuthorization).expect("credentials");
    assert!(authorization.contains("nc=00000002"), "{authorization}");
    // Its nonce may have died of age meanwhile: asked once more, we answer once more.
    lone.hear(respond_with(
        &bye,
        407,
        "callee",
        &[("Proxy-Authenticate", "Digest realm=\"proxy\", nonce=\"p2\"")],
    ));
    let again = lone.sent_request(Method::Bye);
    assert_eq!(again.cseq().0, bye.cseq().0 + 1);
    lone.no_event();
    lone.hear(respond(&again, 200, "callee"));
    assert_eq!(lone.ended(), End::Local);
}

#[test]
fn a_bye_refused_for_its_password_still_ends_the_call() {
    let mut lone = Lone::new();
    let (id, request) = lone.call(Invite { credentials: Some(credentials()), ..invite() });
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    lone.hear(respond_with(&bye, 401, "callee", &[WWW]));
    let again = lone.sent_request(Method::Bye);
    lone.hear(respond_with(&again, 401, "callee", &[WWW]));
    assert_eq!(lone.ended(), End::Local);
    lone.sent_nothing();
}
