//! What a carrier says outside of calls (RFC 3428, RFC 6665).

use super::*;

fn ask(method: &'static str, cseq: u32) -> Ask {
    Ask { cseq, branch: format!("z9hG4bK-{method}-{cseq}"), ..Ask::new(method) }
}

fn with_body(ask: &Ask, kind: &str, text: &str) -> Bytes {
    let head = latin(&ask.bytes());
    let lines = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    Bytes::from(head.replace("Content-Length: 0\r\n\r\n", &lines))
}

#[track_caller]
fn message(lone: &mut Lone) -> (Option<InviteId>, u64, Option<Body>) {
    match lone.event() {
        Event::Message { id, token, body, .. } => (id, token, body),
        event => panic!("no message: {event:?}"),
    }
}

#[test]
fn a_text_is_taken_and_told_once() {
    let mut lone = Lone::new();
    let bytes = with_body(&ask("MESSAGE", 1), "text/plain;charset=UTF-8", "hello");
    lone.hear(bytes.clone());
    let response = lone.sent_response(200);
    assert!(!to_tag(&response).is_empty() && response.body().is_empty(), "RFC 3428 §7: no body");
    assert_eq!(response.header(Name::Contact), None);
    let (id, token, body) = message(&mut lone);
    assert_eq!((id, token, &*body.expect("a text").bytes), (None, 0, &b"hello"[..]));
    lone.hear(bytes);
    lone.sent_response(200);
    lone.no_event();
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn what_is_no_text_is_415() {
    let mut lone = Lone::new();
    lone.hear(with_body(&ask("MESSAGE", 1), "message/cpim", "x"));
    assert_eq!(lone.sent_response(415).header(Name::Accept), Some("text/plain"));
    lone.no_event();
}

#[test]
fn a_text_within_a_call_is_the_calls() {
    let mut lone = Lone::new();
    let (id, request) = lone.talk();
    let bytes = with_body(&Ask::within("MESSAGE", &request, "callee", 4), "text/plain", "hi");
    lone.hear(bytes);
    lone.sent_response(200);
    let (found, token, _) = message(&mut lone);
    assert_eq!((found, token), (Some(id), TOKEN));
}

#[test]
fn carriers_that_ping_with_notify_are_answered() {
    let mut lone = Lone::new();
    for (cseq, package) in [(1, "message-summary"), (2, "keep-alive"), (3, "Keep-Alive;id=4")] {
        let ask = ask("NOTIFY", cseq).header("Event", package).header("Subscription-State", "active");
        lone.hear(ask.bytes());
        lone.sent_response(200);
    }
    lone.no_event();
    lone.is_empty();
}

#[test]
fn packages_nobody_speaks_are_489_and_subscriptions_nobody_has_481() {
    let mut lone = Lone::new();
    lone.hear(ask("NOTIFY", 1).header("Event", "presence").bytes());
    assert_eq!(lone.sent_response(489).header(Name::AllowEvents), Some("refer"));
    lone.hear(ask("NOTIFY", 2).header("Event", "refer").bytes());
    lone.sent_response(481);
    lone.hear(ask("NOTIFY", 3).bytes());
    lone.sent_response(489);
    lone.hear(ask("SUBSCRIBE", 4).header("Event", "dialog").bytes());
    assert_eq!(lone.sent_response(489).header(Name::AllowEvents), Some("refer"));
    lone.hear(ask("PUBLISH", 5).header("Event", "presence").bytes());
    assert!(lone.sent_response(405).values(Name::Allow).any(|method| method == "MESSAGE"));
    lone.is_empty();
}
