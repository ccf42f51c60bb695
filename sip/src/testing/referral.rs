//! Transfers (RFC 3515, RFC 4488, RFC 3891, RFC 3892).

use super::*;
use crate::{Refer, Replaces};

fn blind() -> Refer {
    Refer { to: String::from("sip:desk@10.0.0.9"), replaces: None, referred_by: None, subscribe: true }
}

/// A call with the peer, and our REFER in it.
fn referring(lone: &mut Lone, refer: Refer) -> (InviteId, Message, Message) {
    let (id, invite) = lone.talk();
    assert!(lone.ua.refer(lone.now, id, refer));
    let refer = lone.sent_request(Method::Refer);
    (id, invite, refer)
}

#[track_caller]
fn progress(lone: &mut Lone) -> (u16, bool) {
    match lone.event() {
        Event::ReferProgress { token: TOKEN, status, is_final, .. } => (status, is_final),
        event => panic!("no progress: {event:?}"),
    }
}

/// The peer notifies.
fn notify(lone: &mut Lone, invite: &Message, cseq: u32, event: &str, state: &str, fragment: &str) {
    let ask = Ask::within("NOTIFY", invite, "callee", cseq)
        .header("Event", event)
        .header("Subscription-State", state);
    let lines = format!(
        "Content-Type: message/sipfrag;version=2.0\r\nContent-Length: {}\r\n\r\n{fragment}",
        fragment.len()
    );
    lone.hear(latin(&ask.bytes()).replace("Content-Length: 0\r\n\r\n", &lines));
}

#[test]
fn a_blind_transfer_is_told_from_202_to_its_end() {
    let mut lone = Lone::new();
    let by = Some(String::from("<sip:trunk@carrier.example>"));
    let (id, invite, refer) = referring(&mut lone, Refer { referred_by: by, ..blind() });
    assert_eq!(refer.header(Name::ReferTo), Some("<sip:desk@10.0.0.9>"));
    assert_eq!(refer.header(Name::ReferredBy), Some("<sip:trunk@carrier.example>"));
    assert!(refer.header(Name::Contact).is_some() && refer.header_named("Refer-Sub").is_none());
    assert_eq!((refer.cseq().0, to_tag(&refer).as_str()), (2, "callee"));
    assert!(!lone.ua.refer(lone.now, id, blind()), "one at a time");
    lone.hear(respond(&refer, 202, "callee"));
    assert_eq!(progress(&mut lone), (202, false));
    let active = "active;expires=60";
    for (cseq, state, fragment, told) in [
        (1, active, "SIP/2.0 100 Trying\r\n", (100, false)),
        (2, active, "SIP/2.0 180 Ringing", (180, false)),
        (3, "terminated;reason=noresource", "SIP/2.0 200 OK\r\nServer: x\r\n", (200, true)),
    ] {
        notify(&mut lone, &invite, cseq, "refer;id=2", state, fragment);
        lone.sent_response(200);
        assert_eq!(progress(&mut lone), told);
    }
    notify(&mut lone, &invite, 4, "refer;id=2", active, "SIP/2.0 200 OK\r\n");
    lone.sent_response(481);
    lone.no_event();
    assert!(lone.ua.refer(lone.now, id, blind()), "and then another");
}

#[test]
fn an_attended_transfer_escapes_its_replaces() {
    let mut lone = Lone::new();
    let replaces =
        Replaces { call_id: "a@b".into(), to_tag: "t1".into(), from_tag: "f1".into(), early_only: false };
    let (_, _, refer) = referring(&mut lone, Refer { replaces: Some(replaces), ..blind() });
    let wanted = "<sip:desk@10.0.0.9?Replaces=a%40b%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>";
    assert_eq!(refer.header(Name::ReferTo), Some(wanted));
}

#[test]
fn a_transfer_without_subscription_ends_with_its_202() {
    let mut lone = Lone::new();
    let (_, _, refer) = referring(&mut lone, Refer { subscribe: false, ..blind() });
    assert_eq!(refer.header_named("Refer-Sub"), Some("false"));
    lone.hear(respond_with(&refer, 202, "callee", &[("Refer-Sub", "false")]));
    assert_eq!(progress(&mut lone), (202, true));
}

#[test]
fn a_refused_refer_is_final_and_the_call_goes_on() {
    let mut lone = Lone::new();
    let (id, _, refer) = referring(&mut lone, blind());
    lone.hear(respond(&refer, 603, "callee"));
    assert_eq!(progress(&mut lone), (603, true));
    lone.ua.hangup(lone.now, id, None);
    assert_eq!(lone.sent_request(Method::Bye).cseq().0, 3);
}

#[test]
fn a_refer_is_authorized_like_any_request() {
    let mut lone = Lone::new();
    let (id, invite) = lone.call(Invite { credentials: Some(credentials()), ..invite() });
    lone.hear(respond(&invite, 200, "callee"));
    lone.sent_request(Method::Ack);
    lone.answered();
    assert!(lone.ua.refer(lone.now, id, blind()));
    let refer = lone.sent_request(Method::Refer);
    let challenge = ("Proxy-Authenticate", "Digest realm=\"p\", nonce=\"n\", qop=\"auth\"");
    lone.hear(respond_with(&refer, 407, "callee", &[challenge]));
    let again = lone.sent_request(Method::Refer);
    assert_eq!(again.cseq().0, 3);
    assert!(again.header(Name::ProxyAuthorization).is_some_and(|value| value.contains("nc=00000001")));
    lone.hear(respond(&again, 202, "callee"));
    assert_eq!(progress(&mut lone), (202, false));
    // RFC 3515 §2.4.6: they are those of the REFER that was accepted.
    notify(&mut lone, &invite, 1, "refer;id=2", "active;expires=60", "SIP/2.0 100 Trying\r\n");
    lone.sent_response(481);
    notify(&mut lone, &invite, 2, "refer;id=3", "active;expires=60", "SIP/2.0 180 Ringing\r\n");
    lone.sent_response(200);
    assert_eq!(progress(&mut lone), (180, false));
    // What it learnt serves the BYE.
    lone.ua.hangup(lone.now, id, None);
    let bye = lone.sent_request(Method::Bye);
    assert_eq!(bye.cseq().0, 4);
    assert!(bye.header(Name::ProxyAuthorization).is_some_and(|value| value.contains("nc=00000002")));
}

#[test]
fn a_notify_that_outruns_the_202_is_heard() {
    let mut lone = Lone::new();
    let (_, invite, refer) = referring(&mut lone, blind());
    notify(&mut lone, &invite, 1, "refer", "active;expires=60", "SIP/2.0 100 Trying");
    lone.sent_response(200);
    assert_eq!(progress(&mut lone), (100, false));
    lone.hear(respond(&refer, 202, "callee"));
    assert_eq!(progress(&mut lone), (202, false));
}

#[test]
fn a_subscription_that_ends_while_the_transfer_is_under_way_tells_no_outcome() {
    for fragment in ["SIP/2.0 100 Trying", "SIP/2.0 180 Ringing"] {
        let mut lone = Lone::new();
        let (_, invite, refer) = referring(&mut lone, blind());
        lone.hear(respond(&refer, 202, "callee"));
        progress(&mut lone);
        notify(&mut lone, &invite, 1, "refer", "terminated;reason=timeout", fragment);
        lone.sent_response(200);
        assert_eq!(progress(&mut lone), (500, true), "{fragment}");
        lone.no_event();
    }
}

#[test]
fn silence_ends_a_transfer_with_408() {
    let mut lone = Lone::new();
    let (_, _, refer) = referring(&mut lone, blind());
    lone.hear(respond(&refer, 202, "callee"));
    progress(&mut lone);
    lone.advance(T1 * 65);
    assert_eq!(progress(&mut lone), (408, true));
    let (mut lone, wait) = (Lone::new(), T1 * 65);
    referring(&mut lone, blind());
    lone.advance(wait);
    assert_eq!(progress(&mut lone), (408, true));
    lone.advance(wait * 2);
    lone.no_event();
}

#[test]
fn a_subscription_ends_with_the_call() {
    let mut lone = Lone::new();
    let (_, invite, refer) = referring(&mut lone, blind());
    lone.hear(respond(&refer, 202, "callee"));
    progress(&mut lone);
    lone.hear(Ask::within("BYE", &invite, "callee", 9).bytes());
    lone.sent_response(200);
    lone.ended();
    lone.advance(T1 * 200);
    lone.no_event();
    lone.is_empty();
}

/// The peer asks us to transfer it.
#[track_caller]
fn asked(lone: &mut Lone, refer_to: &str, headers: &[(&'static str, &str)]) -> (InviteId, Message) {
    let (id, invite) = lone.talk();
    let mut ask = Ask::within("REFER", &invite, "callee", 5).header("Refer-To", refer_to);
    for (name, value) in headers {
        ask = ask.header(name, value);
    }
    lone.hear(ask.bytes());
    (id, invite)
}

#[track_caller]
fn sent_notify(lone: &mut Lone) -> (String, String, Message) {
    let notify = lone.sent_request(Method::Notify);
    assert_eq!(notify.content_type(), Some("message/sipfrag;version=2.0"));
    let state = notify.header(Name::SubscriptionState).expect("a state").to_owned();
    (state, String::from_utf8_lossy(notify.body()).into_owned(), notify)
}

#[test]
fn a_transfer_we_are_asked_for_is_accepted_and_told_of() {
    let mut lone = Lone::new();
    let to = "\"Desk\" <sip:desk@10.0.0.9;user=phone?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x>";
    let (id, _) = asked(&mut lone, to, &[("Referred-By", "<sip:peer@10.0.0.2>")]);
    match lone.event() {
        Event::Refer { id: found, token: TOKEN, refer_to, replaces, referred_by } => {
            assert_eq!((found, refer_to.as_str()), (id, "sip:desk@10.0.0.9;user=phone"));
            assert_eq!(replaces.map(|replaces| replaces.call_id).as_deref(), Some("a@b"));
            assert_eq!(referred_by.as_deref(), Some("<sip:peer@10.0.0.2>"));
        }
        event => panic!("{event:?}"),
    }
    lone.ua.accept_refer(lone.now, id);
    assert!(lone.sent_response(202).header(Name::Contact).is_some());
    let (state, fragment, first) = sent_notify(&mut lone);
    assert_eq!((state.as_str(), fragment.as_str()), ("active;expires=600", "SIP/2.0 100 Trying\r\n"));
    assert_eq!((first.header(Name::Event), first.cseq().0), (Some("refer;id=5"), 2));
    lone.hear(respond(&first, 200, "callee"));
    lone.ua.notify_refer(lone.now, id, 486, "");
    let (state, fragment, last) = sent_notify(&mut lone);
    assert_eq!(
        (state.as_str(), fragment.as_str()),
        ("terminated;reason=noresource", "SIP/2.0 486 Busy Here\r\n")
    );
    assert_eq!(last.cseq().0, 3);
    lone.ua.notify_refer(lone.now, id, 200, "");
    lone.sent_nothing();
}

#[test]
fn a_transfer_without_subscription_is_not_told_of() {
    let mut lone = Lone::new();
    let (id, _) = asked(&mut lone, "sip:desk@10.0.0.9", &[("Refer-Sub", "false"), ("Require", "norefersub")]);
    lone.event();
    lone.ua.accept_refer(lone.now, id);
    assert_eq!(lone.sent_response(202).header_named("Refer-Sub"), Some("false"));
    lone.ua.notify_refer(lone.now, id, 200, "");
    lone.sent_nothing();
}

#[test]
fn what_our_owner_leaves_alone_is_declined() {
    let mut lone = Lone::new();
    let (id, _) = asked(&mut lone, "<sip:desk@10.0.0.9>", &[]);
    lone.event();
    lone.advance(Duration::from_secs(21));
    lone.sent_response(603);
    lone.ua.accept_refer(lone.now, id);
    lone.sent_nothing();
    let mut lone = Lone::new();
    let (id, _) = asked(&mut lone, "<sip:desk@10.0.0.9>", &[]);
    lone.event();
    lone.ua.refuse_refer(lone.now, id, 403);
    lone.sent_response(403);
}

#[test]
fn a_refer_without_one_readable_target_is_400() {
    let mut lone = Lone::new();
    for to in ["", "<>", "<sip:a@b;method=BYE>", "<sip:a@b?Replaces=nonsense>"] {
        asked(&mut lone, to, &[]);
        lone.sent_response(400);
        asked(&mut lone, "<sip:a@b>", &[("Refer-To", "<sip:c@d>")]);
        lone.sent_response(400);
    }
    lone.no_event();
}

#[test]
fn a_second_refer_waits_and_a_bye_ends_what_is_open() {
    let mut lone = Lone::new();
    let (_, invite) = asked(&mut lone, "<sip:desk@10.0.0.9>", &[]);
    lone.event();
    let second = Ask { branch: String::from("z9hG4bK-second"), ..Ask::within("REFER", &invite, "callee", 6) };
    lone.hear(second.header("Refer-To", "<sip:a@b>").bytes());
    assert!(lone.sent_response(500).retry_after().is_some());
    lone.hear(Ask::within("BYE", &invite, "callee", 9).bytes());
    lone.sent_response(200);
    lone.sent_response(487);
    lone.ended();
    lone.advance(T1 * 65);
    lone.is_empty();
}

#[test]
fn a_far_end_that_does_not_know_its_subscription_hears_no_more() {
    let mut lone = Lone::new();
    let (id, _) = asked(&mut lone, "<sip:desk@10.0.0.9>", &[]);
    lone.event();
    lone.ua.accept_refer(lone.now, id);
    lone.sent_response(202);
    let (_, _, first) = sent_notify(&mut lone);
    lone.hear(respond(&first, 481, "callee"));
    lone.ua.notify_refer(lone.now, id, 180, "");
    lone.sent_nothing();
}

#[test]
fn a_transfer_that_comes_to_nothing_is_told_so_in_the_end() {
    let mut lone = Lone::new();
    let (id, _) = asked(&mut lone, "<sip:desk@10.0.0.9>", &[]);
    lone.event();
    lone.ua.accept_refer(lone.now, id);
    lone.sent_response(202);
    let (_, _, first) = sent_notify(&mut lone);
    lone.hear(respond(&first, 200, "callee"));
    lone.advance(Duration::from_secs(601));
    let (state, fragment, _) = sent_notify(&mut lone);
    assert!(state.starts_with("terminated") && fragment.starts_with("SIP/2.0 408"), "{state} {fragment}");
}

/// An INVITE that wants to take a call's place.
fn replacing(lone: &mut Lone, value: &str) {
    let ask = Ask {
        call_id: format!("new-{}", value.len()),
        branch: format!("z9hG4bK{}", value.len()),
        ..Ask::new("INVITE")
    };
    lone.hear(ask.header("Replaces", value).header("Require", "replaces").bytes());
}

#[test]
fn an_invite_with_replaces_names_the_call_it_replaces() {
    let mut lone = Lone::new();
    let (id, invite) = lone.talk();
    let name = format!("{};to-tag={};from-tag=callee", invite.call_id(), from_tag(&invite));
    replacing(&mut lone, &name);
    lone.sent_response(100);
    match lone.event() {
        Event::Incoming { incoming, .. } => assert_eq!(incoming.replaces, Some(id)),
        event => panic!("{event:?}"),
    }
    replacing(&mut lone, &format!("{name};early-only"));
    lone.sent_response(486);
    lone.no_event();
}

#[test]
fn an_early_call_of_ours_may_be_replaced() {
    let mut lone = Lone::new();
    let (id, invite) = lone.call(invite());
    lone.hear(respond(&invite, 180, "desk"));
    lone.event();
    replacing(
        &mut lone,
        &format!("{};to-tag={};from-tag=desk;early-only", invite.call_id(), from_tag(&invite)),
    );
    lone.sent_response(100);
    match lone.event() {
        Event::Incoming { incoming, .. } => assert_eq!(incoming.replaces, Some(id)),
        event => panic!("{event:?}"),
    }
}

#[test]
fn a_replaces_that_names_no_call_of_ours_is_481() {
    let mut lone = Lone::new();
    let (_, invite) = lone.talk();
    let (call_id, ours) = (invite.call_id().to_owned(), from_tag(&invite));
    for value in [
        format!("{call_id};to-tag=x;from-tag=callee"),
        format!("{call_id};to-tag={ours};from-tag=stranger"),
        format!("other;to-tag={ours};from-tag=callee"),
    ] {
        replacing(&mut lone, &value);
        lone.sent_response(481);
    }
    replacing(&mut lone, "nonsense");
    lone.sent_response(400);
    lone.no_event();
}
