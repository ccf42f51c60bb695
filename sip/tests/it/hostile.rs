//! Noise: whatever comes, nothing panics, every reader answers, and what we write is read again.

use bytes::Bytes;
use proptest::prelude::*;
use trunkline_sip::digest::{Authenticator, Challenge, Credentials};
use trunkline_sip::message::{Message, Name, NameAddr, ParseError, Uri, Via, Writer};

use super::{reading::INVITE, torture::corpus};

/// Asks a message everything there is to ask, and answers it.
fn ask_everything(datagram: Bytes) {
    let Ok(message) = Message::parse(datagram) else { return };
    let names = [Name::Via, Name::Contact, Name::Route, Name::Warning, Name::Other, Name::Reason];
    for value in names.into_iter().flat_map(|name| message.values(name)) {
        if let Some(via) = Via::parse(value) {
            let _ = (via.received(), via.rport(), via.ttl(), via.maddr(), via.params.iter().count());
        }
        if let Some(address) = NameAddr::parse(value) {
            let _ = (address.display(), address.tag(), address.to_uri());
        }
        if let Some(uri) = Uri::parse(value) {
            let _ = (uri.user_decoded(), uri.params.iter().count());
        }
    }
    for (name, value) in message.headers() {
        assert!(!value.contains(['\r', '\n']) || message.header_named(name).is_some());
        Challenge::parse_line(value);
    }
    let _ = (
        message.body(),
        message.retry_after(),
        message.warnings().count(),
        message.content_type(),
        message.phrase(),
    );
    Authenticator::new().handle_response(&Credentials::new("u", "p"), &message, "cnonce");
    if message.is_request() {
        let source = "198.51.100.9:5070".parse().expect("an address");
        let response = Writer::response_to(&message, source, 400, "", Some("tag")).finish();
        let read = Message::parse(response).expect("what we write can be read");
        assert_eq!(
            (read.call_id(), read.status()),
            (message.call_id().replace('\r', " ").trim_matches([' ', '\t']), Some(400))
        );
        // A bare CR does not go out again: somebody behind us may take it for a line's end.
        let branch = |message: &Message| {
            Some(message.top_via()?.branch()?.replace('\r', " ").trim_matches([' ', '\t']).to_owned())
        };
        assert_eq!(branch(&read), branch(&message));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        ask_everything(bytes.into());
    }

    #[test]
    fn any_text_of_header_shape_is_survived(
        lines in prop::collection::vec(r#"(Via|v|To|From|f|Call-ID|CSeq|Contact|l|X) ?: ?[ -~\t]{0,40}(\r\n [ -~]{0,5})?"#, 0..12)
    ) {
        ask_everything(format!("INVITE sip:a@b SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n")).into());
    }

    #[test]
    fn mutations_of_a_call_are_survived(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, any::<u8>()), 1..12)
    ) {
        ask_everything(mutate(INVITE.as_bytes().to_vec(), &edits));
    }

    #[test]
    fn mutations_of_the_corpus_are_survived(
        which: prop::sample::Index,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, any::<u8>()), 1..12)
    ) {
        let all: Vec<_> = corpus().collect();
        ask_everything(mutate(which.get(&all).1.to_vec(), &edits));
    }

    #[test]
    fn no_header_can_be_smuggled_in(name in ".{0,8}", value in "(.|\r|\n|\0|X-Evil: 1){0,20}") {
        let bytes = Writer::request("OPTIONS", &value).header(&name, &value).header("Subject", &value).finish();
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let lines: Vec<_> = text.split("\r\n").collect();
        prop_assert!(lines.len() <= 6 && lines.iter().all(|line| !line.contains(['\r', '\n'])));
        prop_assert!(!lines.iter().any(|line| line.starts_with("X-Evil")));
    }
}

fn mutate(mut bytes: Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) -> Bytes {
    for (place, kind, byte) in edits {
        let at = place.index(bytes.len());
        match kind {
            0 => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes.into()
}

#[test]
fn what_is_no_message_is_told_apart() {
    let parse = |bytes: &[u8]| Message::parse(Bytes::copy_from_slice(bytes)).err();
    for keepalive in [&b""[..], b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\0", b"  \r\n"] {
        assert_eq!(parse(keepalive), Some(ParseError::KeepAlive));
    }
    let mut stun = [0; 28];
    stun[..8].copy_from_slice(&[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42]);
    assert_eq!(parse(&stun), Some(ParseError::Stun));
    assert_eq!(parse(b"GET / HTTP/1.1\r\n\r\n"), Some(ParseError::StartLine));
    assert_eq!(parse(b"INVITE sip:a@b SIP/2.0\r\nVia: x"), Some(ParseError::Truncated));
}

#[test]
fn bounds_are_kept() {
    let with = |extra: &str| {
        Message::parse(INVITE.replacen("Max-Forwards", &format!("{extra}Max-Forwards"), 1).into())
    };
    assert_eq!(with(&"X: y\r\n".repeat(200)).err(), Some(ParseError::TooManyHeaders));
    assert_eq!(with(&format!("X: {}\r\n", "y".repeat(20_000))).err(), Some(ParseError::LineTooLong));
    assert_eq!(with(&format!("X: y{}\r\n", "\r\n z".repeat(9_000))).err(), Some(ParseError::LineTooLong));
    assert_eq!(with(&"Long: 0123456789abcdef\r\n".repeat(3_000)).err(), Some(ParseError::TooLarge));
    assert!(with(&"X: y\r\n".repeat(100)).is_ok());
}

/// Time must grow with the length alone: 65 KB of what is dear to take apart.
#[test]
fn hostile_lists_are_walked_once() {
    for unit in ["(,", "<,", "\",", "\\,", "((a),", ";,", "a=\"", "Digest a=b,"] {
        let list: String = unit.chars().cycle().take(16_000).collect();
        let lines = format!("X: {list}\r\nWarning: {list}\r\nContact: {list}\r\n");
        ask_everything(INVITE.replacen("Max-Forwards", &format!("{lines}Max-Forwards"), 1).into());
    }
}

#[test]
fn a_branch_with_a_bracket_that_never_closes_is_survived() {
    ask_everything(INVITE.replace("branch=z", "branch=<").into());
}
