//! Our byte index and rsip held against each other: whatever rsip reads, and has what an answer needs, we read, and read alike.

use bytes::Bytes;
use proptest::prelude::*;
use rsip::prelude::{HasHeaders, HeadersExt, ToTypedHeader, UntypedHeader};
use trunkline_sip::message::{Message, Method, Name, ParseError};

use super::{reading::INVITE, torture::corpus};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Method or status, names and values of all headers, Call-ID.
    Lines,
    /// URIs, addresses, tags and branches besides. Of a spoiled value rsip gives what it can: no oracle any more.
    Values,
}

/// Whether rsip could read it at all.
fn compare(datagram: &[u8], depth: Depth) -> Result<bool, TestCaseError> {
    // rsip panics on some inputs of the corpus; that it does is not what is tested here.
    let Ok(Ok(theirs)) = std::panic::catch_unwind(|| rsip::SipMessage::try_from(datagram)) else {
        return Ok(false);
    };
    let complete = [theirs.via_header().is_ok(), theirs.from_header().is_ok(), theirs.to_header().is_ok()];
    if complete.contains(&false) || theirs.call_id_header().is_err() || theirs.cseq_header().is_err() {
        return Ok(false);
    }
    let ours = match Message::parse(Bytes::copy_from_slice(datagram)) {
        Ok(ours) => ours,
        // A sent-by that is written like no host: rsip takes anything for a name.
        Err(ParseError::Missing(Name::Via)) => return Ok(false),
        // A status that is none (RFC 3261 §7.2): rsip takes any three digits.
        Err(ParseError::StartLine) if is_beyond_statuses(&theirs) => return Ok(false),
        Err(error) => {
            return Err(TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(datagram))));
        }
    };
    compare_headers(&ours, &theirs)?;
    // What we have found a fault with is refused, whatever rsip makes of the faulty part.
    if ours.defect().is_none() {
        compare_start(&ours, &theirs)?;
        if depth == Depth::Values {
            compare_typed(&ours, &theirs)?;
        }
    }
    Ok(true)
}

fn is_beyond_statuses(message: &rsip::SipMessage) -> bool {
    match message {
        rsip::SipMessage::Request(_) => false,
        rsip::SipMessage::Response(response) => !(100..700).contains(&response.status_code.code()),
    }
}

fn compare_start(ours: &Message, theirs: &rsip::SipMessage) -> Result<(), TestCaseError> {
    match theirs {
        rsip::SipMessage::Request(request) => {
            // rsip takes a method in any case for the known one; it is another (RFC 3261 §7.1).
            let token = ours.method_token().unwrap_or_default();
            prop_assert_eq!(token.to_ascii_uppercase(), request.method.to_string());
            prop_assert_eq!(Method::from_token(&token.to_ascii_uppercase()), Method::from(request.method));
        }
        rsip::SipMessage::Response(response) => {
            prop_assert_eq!(ours.status(), Some(response.status_code.code()));
        }
    }
    prop_assert_eq!(Some(ours.call_id()), theirs.call_id_header().ok().map(|id| id.value().trim()));
    Ok(())
}

fn compare_headers(ours: &Message, theirs: &rsip::SipMessage) -> Result<(), TestCaseError> {
    let theirs: Vec<String> = theirs.headers().iter().map(|header| long_form(&header.to_string())).collect();
    let ours: Vec<String> =
        ours.headers().map(|(name, value)| long_form(&format!("{name}: {value}"))).collect();
    prop_assert_eq!(ours, theirs);
    Ok(())
}

/// rsip writes known names in its own case and long form.
fn long_form(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let name = match Name::from_token(name.trim()) {
        Name::Other => name.trim().to_ascii_lowercase(),
        known => known.as_str().to_ascii_lowercase(),
    };
    format!("{name}: {}", value.trim())
}

fn compare_typed(ours: &Message, theirs: &rsip::SipMessage) -> Result<(), TestCaseError> {
    if let rsip::SipMessage::Request(request) = theirs {
        // rsip writes transports in capitals.
        let uri = ours.request_uri().unwrap_or_default().to_ascii_lowercase();
        prop_assert_eq!(uri, request.uri.to_string().to_ascii_lowercase());
    }
    if let Ok(cseq) = theirs.cseq_header().expect("checked before").typed() {
        prop_assert_eq!(ours.cseq(), (cseq.seq, Method::from(cseq.method)));
    }
    if let Ok(via) = theirs.via_header().expect("checked before").typed() {
        let top = ours.top_via().expect("a message has a Via");
        // rsip cuts a branch that is no token short.
        let token =
            |branch: &&str| branch.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        if let Some(branch) = top.branch().filter(token) {
            prop_assert_eq!(Some(branch), via.branch().map(|branch| branch.value()));
        }
        prop_assert_eq!(top.transport.to_ascii_uppercase(), via.transport.to_string());
        prop_assert_eq!(top.port, via.uri.port().map(|port| *port.value()));
    }
    if let Ok(from) = theirs.from_header().expect("checked before").typed() {
        let tag = from.tag().map(|tag| tag.value().to_owned());
        prop_assert_eq!(ours.from().and_then(|from| from.tag().map(str::to_owned)), tag);
        let uri = ours.from().map(|from| from.uri.to_ascii_lowercase());
        prop_assert_eq!(uri, Some(from.uri.to_string().to_ascii_lowercase()));
    }
    if let Ok(to) = theirs.to_header().expect("checked before").typed() {
        let tag = to.tag().map(|tag| tag.value().to_owned());
        prop_assert_eq!(ours.to().and_then(|to| to.tag().map(str::to_owned)), tag);
    }
    Ok(())
}

#[test]
fn the_corpus_is_read_alike() {
    let read = corpus().filter(|(name, datagram)| {
        compare(datagram, Depth::Values).unwrap_or_else(|difference| panic!("{name}: {difference}"))
    });
    // So few: rsip has no folding, no `Via :`, no comma lists, no unknown methods.
    assert!(read.count() >= 15);
}

#[test]
fn a_plain_invite_is_read_by_both() {
    assert!(compare(INVITE.as_bytes(), Depth::Values).expect("no difference"));
}

/// Messages that rsip can read, in every combination that matters to us.
fn message() -> impl Strategy<Value = String> {
    let start = prop_oneof![
        ("(INVITE|ACK|BYE|CANCEL|OPTIONS|INFO|UPDATE|REFER|NOTIFY|MESSAGE)", uri())
            .prop_map(|(method, uri)| (format!("{method} {uri} SIP/2.0"), method)),
        (100..700u16, "[A-Za-z ]{0,12}")
            .prop_map(|(status, phrase)| (format!("SIP/2.0 {status} {phrase}"), "INVITE".into())),
    ];
    let host = "(192\\.0\\.2\\.[1-9]|[a-z]{1,8}\\.example\\.com)(:[1-9][0-9]{3})?";
    let via = (host, "[A-Za-z0-9.-]{0,12}", "(;rport|;received=192\\.0\\.2\\.9|;x=y)?");
    let from = ("(\"[A-Za-z ]{1,9}\" |[A-Za-z]{1,9} )?", uri(), "(;tag=[a-zA-Z0-9]{1,9})?(;x=y)?");
    let to = ("(\"[A-Za-z ]{1,9}\" |[A-Za-z]{1,9} )?", uri(), "(;tag=[a-zA-Z0-9]{1,9})?");
    let extra = "((Subject|User-Agent|X-Anything|Contact|Max-Forwards|Supported|Allow): [!-~]([ -~]{0,20}[!-~])?\r\n){0,6}";
    let names =
        prop::sample::select(vec![["Via", "From", "To", "Call-ID"], ["VIA", "from", "TO", "call-id"]]);
    (start, names, via, from, to, ("[a-zA-Z0-9@.-]{1,20}", 0..=i32::MAX, extra), "[ -~\r\n]{0,30}").prop_map(
        |((start, method), names, via, from, to, (call_id, cseq, extra), body)| {
            format!(
                "{start}\r\n{}: SIP/2.0/UDP {};branch=z9hG4bK{}{}\r\n{}: {}<{}>{}\r\n{}: {}<{}>{}\r\n{}: {call_id}\r\n\
                 CSeq: {cseq} {method}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
                names[0], via.0, via.1, via.2, names[1], from.0, from.1, from.2, names[2], to.0, to.1, to.2, names[3], body.len(),
            )
        },
    )
}

fn uri() -> impl Strategy<Value = String> {
    "sips?:([a-z0-9+]{1,9}@)?([a-z]{1,9}\\.example\\.com|192\\.0\\.2\\.7)(:[1-9][0-9]{3})?(;transport=(UDP|TCP))?(;lr)?"
}

#[test]
fn a_status_below_100_is_none() {
    let (_, fields) = INVITE.split_once("\r\n").expect("a start line");
    let response = format!("SIP/2.0 000 x\r\n{fields}");
    assert!(matches!(compare(response.as_bytes(), Depth::Lines), Ok(false)), "{response}");
}

proptest! {
    #[test]
    fn generated_messages_are_read_alike(text in message()) {
        prop_assert!(compare(text.as_bytes(), Depth::Values)?, "rsip cannot read {}", text);
    }

    #[test]
    fn mutated_messages_are_read_alike(text in message(), place: prop::sample::Index, letter in "[ -~]") {
        let mut text = text;
        let at = place.index(text.len());
        // A line end that loses its CR still ends its line with us, not with rsip.
        prop_assume!(!text[at..].starts_with(['\r', '\n']));
        text.replace_range(at..=at, &letter);
        compare(text.as_bytes(), Depth::Lines)?;
    }
}
