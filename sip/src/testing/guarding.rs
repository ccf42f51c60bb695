//! Incoming calls that must prove who they are (RFC 3261 §22.2, RFC 8760).

use super::*;
use crate::digest::{Challenge, Signed};
use crate::path::{Flow, Protocol};
use crate::{Authentication, Cause};

const REALM: &str = "trunkline";

/// The next incoming call.
#[track_caller]
fn incoming(lone: &mut Lone) -> InviteId {
    match lone.event() {
        Event::Incoming { id, .. } => id,
        event => panic!("no call: {event:?}"),
    }
}

fn call(lone: &mut Lone, cseq: u32, authorization: Option<&str>) -> InviteId {
    let mut ask = Ask { cseq, branch: format!("z9hG4bK-{cseq}"), body: Some("v=0"), ..Ask::new("INVITE") };
    if let Some(value) = authorization {
        ask = ask.header("Authorization", value);
    }
    lone.hear(ask.bytes());
    lone.sent_response(100);
    incoming(lone)
}

fn judge(lone: &mut Lone, id: InviteId) -> Authentication {
    let password = |user: &str| (user == "trunk").then(|| String::from("secret"));
    lone.ua.authenticate(lone.now, id, REALM, password)
}

/// The challenges of a 401 that left just now; it is ACKed.
#[track_caller]
fn challenged(lone: &mut Lone, cseq: u32) -> Vec<Challenge> {
    let refusal = lone.sent_response(401);
    let challenges = refusal.lines(Name::WwwAuthenticate).flat_map(Challenge::parse_line).collect();
    let branch = format!("z9hG4bK-{cseq}");
    lone.hear(Ask { cseq, branch, to_tag: Some(to_tag(&refusal)), ..Ask::new("ACK") }.bytes());
    assert_eq!((lone.failure().cause, lone.events.len()), (Cause::Response, 0));
    challenges
}

fn answer(challenge: &Challenge, password: &str, count: u32) -> String {
    let signed = Signed { method: "INVITE", uri: "sip:trunkline@10.0.0.1:5060", body: b"v=0" };
    challenge.answer(&Credentials::new("trunk", password), &signed, "cnonce", count)
}

#[test]
fn a_caller_without_credentials_is_challenged_and_passes_with_them() {
    for offered in 0..2 {
        let mut lone = Lone::new();
        let id = call(&mut lone, 1, None);
        assert_eq!(judge(&mut lone, id), Authentication::Challenged);
        let challenges = challenged(&mut lone, 1);
        let algorithms: Vec<&str> = challenges.iter().map(|challenge| challenge.algorithm.as_str()).collect();
        assert_eq!(algorithms, ["SHA-256", "MD5"]);
        let id = call(&mut lone, 2, Some(&answer(&challenges[offered], "secret", 1)));
        assert_eq!(judge(&mut lone, id), Authentication::Passed { username: String::from("trunk") });
        lone.ua.answer(lone.now, id, Body::sdp("v=0"));
        lone.sent_response(200);
    }
}

/// Whoever is not from the peer's address must prove who he is.
fn locked() -> Lone {
    let known = vec![(address(PEER).ip(), 32)];
    let mut lone = Lone::new();
    lone.ua.trust(crate::Trust::Proven { known, realm: REALM.to_owned() });
    lone
}

const STRANGER: &str = "192.0.2.7:5060";

/// What the stranger sends.
fn strange(ask: &Ask) -> String {
    latin(&ask.bytes()).replace(&format!("UDP {PEER}"), &format!("UDP {STRANGER}"))
}

#[test]
fn a_stranger_is_challenged_once_and_nothing_is_remembered_of_him() {
    let mut lone = locked();
    let ask = Ask { body: Some("v=0"), ..Ask::new("INVITE") };
    lone.hear_from(STRANGER, strange(&ask));
    let (to, refusal) = lone.sent_to();
    assert_eq!((to, refusal.status()), (address(STRANGER), Some(401)));
    lone.no_event();
    lone.is_empty();
    lone.advance(T1 * 64);
    lone.sent_nothing();
    let ack = Ask { to_tag: Some(to_tag(&refusal)), ..Ask::new("ACK") };
    lone.hear_from(STRANGER, strange(&Ask { branch: ask.branch.clone(), ..ack }));
    lone.sent_nothing();
    // With credentials he is heard.
    let challenge = refusal.lines(Name::WwwAuthenticate).flat_map(Challenge::parse_line).next();
    let answered = answer(&challenge.expect("a challenge"), "secret", 1);
    let again = Ask { cseq: 2, branch: String::from("z9hG4bK-2"), ..ask };
    lone.hear_from(STRANGER, strange(&again.header("Authorization", &answered)));
    lone.sent_nothing();
    let id = incoming(&mut lone);
    assert_eq!(judge(&mut lone, id), Authentication::Passed { username: String::from("trunk") });
    lone.sent_response(100);
}

/// A call with credentials that are wrong.
fn forged() -> Ask {
    let wrong = format!(
        "Digest username=\"trunk\", realm=\"{REALM}\", nonce=\"1\", uri=\"sip:x\", response=\"{}\", \
         algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"",
        "0".repeat(32)
    );
    Ask { body: Some("v=0"), ..Ask::new("INVITE") }.header("Authorization", &wrong)
}

#[test]
fn credentials_that_are_wrong_are_refused_once() {
    let mut lone = locked();
    let ask = forged();
    // Who heard nothing of it asks again, since no 100 has told him to wait.
    for _ in 0..2 {
        lone.hear_from(STRANGER, strange(&ask));
        lone.sent_nothing();
        let id = incoming(&mut lone);
        assert_eq!(judge(&mut lone, id), Authentication::Refused);
        lone.sent_response(403);
        lone.failure();
        lone.is_empty();
        lone.advance(T1 * 64);
        lone.sent_nothing();
    }
}

#[test]
fn a_stranger_is_refused_once_before_anybody_looks_at_his_credentials() {
    let mut lone = locked();
    for _ in 0..2 {
        lone.hear_from(STRANGER, strange(&forged()));
        lone.sent_nothing();
        let id = incoming(&mut lone);
        lone.ua.reject(lone.now, id, 415, Vec::new());
        lone.sent_response(415);
        lone.failure();
        lone.is_empty();
        lone.advance(T1 * 64);
        lone.sent_nothing();
    }
}

#[test]
fn a_stranger_who_cancels_is_refused_once() {
    let mut lone = locked();
    let ask = forged();
    lone.hear_from(STRANGER, strange(&ask));
    incoming(&mut lone);
    lone.hear_from(STRANGER, strange(&Ask { branch: ask.branch, ..Ask::new("CANCEL") }));
    lone.sent_response(200);
    lone.sent_response(487);
    lone.ended();
    lone.is_empty();
    lone.advance(T1 * 64);
    lone.sent_nothing();
}

#[test]
fn a_call_by_a_connection_of_our_own_need_not_prove_anything() {
    let mut lone = locked();
    let path = Path { protocol: Protocol::Tcp, ..Path::udp(address(OURS), address(STRANGER)) };
    let ask = Ask { body: Some("v=0"), ..Ask::new("INVITE") };
    lone.hear_by(Path { flow: Flow::Opened(0), ..path }, strange(&ask).replace("SIP/2.0/UDP", "SIP/2.0/TCP"));
    lone.sent_response(100);
    let id = incoming(&mut lone);
    lone.ua.reject(lone.now, id, 486, Vec::new());
    lone.sent_response(486);
    lone.failure();
    assert_eq!(lone.ua.layer.len(), 1, "its ACK is awaited");
}

#[test]
fn credentials_are_known_by_their_realm_however_it_is_written() {
    let shown = |authorization: &str| {
        let mut lone = Lone::new();
        let id = call(&mut lone, 1, Some(authorization));
        lone.ua.shows_credentials(id, REALM)
    };
    let digest = |realm: &str| {
        format!("Digest username=\"trunk\", {realm}, nonce=\"1\", uri=\"sip:x\", response=\"0\"")
    };
    for realm in ["realm=\"trunkline\"", "realm = \"trunkline\"", "Realm=\"trunkline\""] {
        assert!(shown(&digest(realm)), "{realm}");
    }
    for other in [&digest("realm=\"other\""), "Basic realm=\"trunkline\"", "Digest realm=\"trunkline\""] {
        assert!(!shown(other), "{other}");
    }
}

#[test]
fn a_flood_leaves_room_for_our_own_calls() {
    let mut config = Config::new(address(OURS));
    config.transactions_max = 4;
    let mut lone = Lone::with(config);
    for flood in 1..=3 {
        call(&mut lone, flood, None);
    }
    let fourth = Ask { cseq: 4, branch: String::from("z9hG4bK-4"), ..Ask::new("INVITE") };
    lone.hear(fourth.bytes());
    lone.sent_response(503);
    lone.call(invite());
}

#[test]
fn a_strangers_text_is_refused_and_a_known_callers_call_is_heard() {
    let mut lone = locked();
    lone.hear_from(STRANGER, strange(&Ask::new("MESSAGE")));
    lone.sent_response(403);
    lone.no_event();
    lone.is_empty();
    lone.hear(Ask { body: Some("v=0"), ..Ask::new("INVITE") }.bytes());
    lone.sent_response(100);
    incoming(&mut lone);
}

#[test]
fn a_wrong_password_is_refused_and_not_asked_again() {
    let mut lone = Lone::new();
    let id = call(&mut lone, 1, None);
    lone.ua.challenge(lone.now, id, REALM);
    let challenge = challenged(&mut lone, 1).remove(0);
    let id = call(&mut lone, 2, Some(&answer(&challenge, "guess", 1)));
    assert_eq!(judge(&mut lone, id), Authentication::Refused);
    lone.sent_response(403);
    assert_eq!(lone.failure().status, Some(403));
}

#[test]
fn an_overheard_answer_is_stale() {
    let mut lone = Lone::new();
    let id = call(&mut lone, 1, None);
    judge(&mut lone, id);
    let challenge = challenged(&mut lone, 1).remove(0);
    let overheard = answer(&challenge, "secret", 1);
    let id = call(&mut lone, 2, Some(&overheard));
    assert!(matches!(judge(&mut lone, id), Authentication::Passed { .. }));
    lone.ua.reject(lone.now, id, 486, Vec::new());
    lone.sent_response(486);
    lone.failure();
    let thief =
        Ask { call_id: String::from("another"), branch: String::from("z9hG4bK-3"), ..Ask::new("INVITE") };
    lone.hear(thief.header("Authorization", &overheard).bytes());
    lone.sent_response(100);
    let id = incoming(&mut lone);
    assert_eq!(judge(&mut lone, id), Authentication::Challenged);
    let again = lone.sent_response(401);
    assert!(again.lines(Name::WwwAuthenticate).all(|line| line.contains("stale=true")));
}

#[test]
fn a_nonce_is_too_old_after_five_minutes() {
    let mut lone = Lone::new();
    let id = call(&mut lone, 1, None);
    judge(&mut lone, id);
    let challenge = challenged(&mut lone, 1).remove(0);
    lone.advance(Duration::from_secs(301));
    let id = call(&mut lone, 2, Some(&answer(&challenge, "secret", 1)));
    assert_eq!(judge(&mut lone, id), Authentication::Challenged);
    let fresh = challenged(&mut lone, 2).remove(0);
    assert!(fresh.stale && fresh.nonce != challenge.nonce);
    let id = call(&mut lone, 3, Some(&answer(&fresh, "secret", 1)));
    assert!(matches!(judge(&mut lone, id), Authentication::Passed { .. }));
}

#[test]
fn two_of_our_own_agents_come_to_terms() {
    let now = start();
    let (here, there) = (address(OURS), address(PEER));
    let mut caller = UserAgent::new(Config::new(here), [1; 32]);
    let mut callee = UserAgent::new(Config::new(there), [2; 32]);
    let call = Invite { credentials: Some(credentials()), ..invite() };
    caller.invite(now, call).expect("there is room");
    let mut answered = false;
    for _ in 0..100 {
        while let Some(transmit) = caller.poll_transmit() {
            callee.handle_message(now, Path::udp(there, here), transmit.payload);
        }
        while let Some(event) = callee.poll_event() {
            if let Event::Incoming { id, .. } = event {
                let password = |user: &str| (user == "user").then(|| String::from("secret"));
                if let Authentication::Passed { .. } = callee.authenticate(now, id, REALM, password) {
                    callee.answer(now, id, Body::sdp("v=0"));
                }
            }
        }
        while let Some(transmit) = callee.poll_transmit() {
            caller.handle_message(now, Path::udp(here, there), transmit.payload);
        }
        while let Some(event) = caller.poll_event() {
            answered |= matches!(event, Event::Answered { .. });
        }
    }
    assert!(answered);
}
