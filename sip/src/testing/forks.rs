//! One INVITE, several callees (RFC 3261 §13.2.2.4, RFC 6026 §7.2).

use super::*;
use crate::Fork;

fn progress(lone: &mut Lone) -> (Fork, u16) {
    match lone.event() {
        Event::Progress { fork, status, .. } => (fork, status),
        event => panic!("no progress: {event:?}"),
    }
}

#[test]
fn each_to_tag_is_a_fork_of_its_own() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    for tag in ["a", "b", "a"] {
        lone.hear(respond(&request, 183, tag));
    }
    lone.hear(respond(&request, 180, "a"));
    assert_eq!(progress(&mut lone), (Fork(0), 183));
    assert_eq!(progress(&mut lone), (Fork(1), 183));
    assert_eq!(progress(&mut lone), (Fork(0), 180));
    lone.hear(respond(&request, 200, "b"));
    lone.sent_request(Method::Ack);
    let Event::Answered { fork: Fork(1), body: Some(body), .. } = lone.event() else { panic!("no answer") };
    assert_eq!(&body.bytes[..], b"v=0 answer");
}

#[test]
fn the_second_forks_200_is_acked_and_ended_unseen() {
    let mut lone = Lone::new();
    let (id, request) = lone.talk();
    lone.hear(respond(&request, 200, "other"));
    let ack = lone.sent_request(Method::Ack);
    let bye = lone.sent_request(Method::Bye);
    assert_eq!((to_tag(&ack).as_str(), to_tag(&bye).as_str()), ("other", "other"));
    lone.hear(respond(&request, 200, "other"));
    assert_eq!(to_tag(&lone.sent_request(Method::Ack)), "other");
    lone.hear(respond(&bye, 200, "other"));
    lone.sent_nothing();
    lone.no_event();
    assert_eq!(lone.ua.counters().forks_ended, 1);
    lone.ua.hangup(lone.now, id, None);
    assert_eq!(to_tag(&lone.sent_request(Method::Bye)), "callee");
}

#[test]
fn a_200_that_comes_again_is_acked_again_with_the_same_ack() {
    let mut lone = Lone::new();
    let (_, request) = lone.call(invite());
    let answer = respond(&request, 200, "callee");
    lone.hear(answer.clone());
    let ack = lone.sent_request(Method::Ack);
    lone.answered();
    // Within timer M the transaction knows it, afterwards the dialog.
    for _ in 0..4 {
        lone.advance(T1 * 20);
        lone.hear(answer.clone());
        assert_eq!(lone.sent_request(Method::Ack).as_bytes(), ack.as_bytes());
    }
    assert_eq!(lone.ua.counters().acks_repeated, 4);
    lone.no_event();
}

#[test]
fn after_the_call_ended_its_200_is_still_acked_until_timer_m() {
    let mut lone = Lone::new();
    let (_, request) = lone.talk();
    lone.hear(Ask::within("BYE", &request, "callee", 1).bytes());
    lone.sent_response(200);
    lone.ended();
    lone.hear(respond(&request, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.hear(respond(&request, 200, "late"));
    lone.sent_request(Method::Ack);
    lone.sent_request(Method::Bye);
    lone.advance(T1 * 130);
    lone.hear(respond(&request, 200, "callee"));
    assert_eq!(lone.ua.counters().stray_responses, 1);
    lone.is_empty();
}

#[test]
fn an_endless_swarm_of_forks_is_bounded() {
    let mut lone = Lone::new();
    let (_, request) = lone.talk();
    for fork in 0..1000 {
        lone.hear(respond(&request, 200, &format!("fork{fork}")));
    }
    assert!(lone.ua.layer.len() < 40, "{} transactions", lone.ua.layer.len());
    let (_, request) = lone.call_after_drain();
    for fork in 0..1000 {
        lone.hear(respond(&request, 180, &format!("fork{fork}")));
    }
    assert!(lone.events.len() < 40, "{} events", lone.events.len());
}

impl Lone {
    fn call_after_drain(&mut self) -> (InviteId, Message) {
        self.sent.clear();
        self.call(invite())
    }
}
