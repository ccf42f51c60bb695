//! What Trunkline reads that stricter parsers refuse, and what it writes.

use bytes::Bytes;
use trunkline_sip::message::{Defect, Message, Method, Name, Writer};

/// An INVITE as a trunk sends it.
pub const INVITE: &str = "INVITE sip:+447446466847@192.0.2.10:5060;transport=udp SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK0aBf3;rport\r\n\
Via: SIP/2.0/UDP 203.0.113.7:5080;branch=z9hG4bK99;received=203.0.113.9\r\n\
Record-Route: <sip:198.51.100.1;lr;ftag=as7>, <sip:203.0.113.7;lr>\r\n\
Max-Forwards: 69\r\n\
From: \"Ann, B.\" <sip:+441632960000@carrier.example>;tag=as5f2b7c1e\r\n\
To: <sip:+447446466847@192.0.2.10>\r\n\
Contact: <sip:+441632960000@203.0.113.7:5080>\r\n\
Call-ID: 5a1f0c0e7a1d4a0d@203.0.113.7\r\n\
CSeq: 102 INVITE\r\n\
User-Agent: Carrier SBC 7.2 (build 9)\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH\r\n\
Supported: replaces, timer\r\n\
P-Asserted-Identity: <sip:+441632960000@carrier.example>\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 18\r\n\
\r\n\
v=0\r\no=- 1 1 IN \r\n";

fn parse(text: impl Into<Bytes>) -> Message {
    Message::parse(text.into()).expect("a readable message")
}

fn source() -> std::net::SocketAddr {
    "198.51.100.1:45060".parse().expect("an address")
}

#[test]
fn an_invite_is_read() {
    let message = parse(INVITE);
    assert_eq!((message.method(), message.cseq()), (Some(Method::Invite), (102, Method::Invite)));
    assert_eq!(message.from().map(|from| from.display().into_owned()).as_deref(), Some("Ann, B."));
    assert_eq!(message.values(Name::RecordRoute).count(), 2);
    assert_eq!(message.values(Name::Allow).nth(2), Some("CANCEL"));
    assert_eq!(
        (message.body(), message.content_type()),
        (&b"v=0\r\no=- 1 1 IN \r\n"[..], Some("application/sdp"))
    );
    assert_eq!(message.defect(), None);
}

#[test]
fn bare_line_feeds_and_leading_empty_lines_are_read() {
    let text = format!("\r\n\r\n{}", INVITE.replace("\r\n", "\n").replace(": 18", ": 16"));
    assert_eq!(parse(text).body(), b"v=0\no=- 1 1 IN \n");
}

#[test]
fn latin1_is_read_and_goes_back_as_it_came() {
    let mut bytes = INVITE.replace("Ann, B.", "Jos~ \u{e9}").into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'~').expect("the mark");
    bytes[at] = 0xe9;
    let message = parse(bytes.clone());
    // One byte of the line is no UTF-8, so all of the line is Latin-1.
    assert_eq!(message.from().map(|from| from.display().into_owned()).as_deref(), Some("José Ã©"));
    let response = Writer::response_to(&message, source(), 180, "", Some("x")).finish();
    let line = |bytes: &[u8]| {
        bytes.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"From")).map(<[u8]>::to_vec)
    };
    assert_eq!(line(&response), line(&bytes));
}

#[test]
fn folding_and_latin1_together_are_read() {
    let mut bytes = INVITE
        .replace("Subject", "s")
        .replace("Max-Forwards", "s: a~\r\n\t b\r\nX~: 1\r\nMax-Forwards")
        .into_bytes();
    bytes.iter_mut().filter(|byte| **byte == b'~').for_each(|byte| *byte = 0xe9);
    let message = parse(bytes);
    assert_eq!((message.header(Name::Subject), message.header_named("Xé")), (Some("aé b"), Some("1")));
    assert_eq!(message.body().len(), 18);
}

#[test]
fn a_response_copies_what_belongs_to_the_transaction() {
    let message = parse(INVITE);
    let bytes = Writer::response_to(&message, source(), 180, "", Some("our-tag")).finish();
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK0aBf3;received=198.51.100.1;rport=45060\r\n\
         Via: SIP/2.0/UDP 203.0.113.7:5080;branch=z9hG4bK99;received=203.0.113.9\r\n\
         Record-Route: <sip:198.51.100.1;lr;ftag=as7>, <sip:203.0.113.7;lr>\r\n\
         From: \"Ann, B.\" <sip:+441632960000@carrier.example>;tag=as5f2b7c1e\r\n\
         To: <sip:+447446466847@192.0.2.10>;tag=our-tag\r\n\
         Call-ID: 5a1f0c0e7a1d4a0d@203.0.113.7\r\n\
         CSeq: 102 INVITE\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_trying_has_no_tag_and_a_refusal_no_route() {
    let message = parse(INVITE);
    let trying = parse(Writer::response_to(&message, source(), 100, "", Some("t")).finish());
    assert_eq!((trying.phrase(), trying.to().and_then(|to| to.tag())), ("Trying", None));
    let refusal = parse(Writer::response_to(&message, source(), 486, "Not\r\nnow", Some("t")).finish());
    assert_eq!((refusal.phrase(), refusal.header(Name::RecordRoute)), ("Not  now", None));
    assert_eq!(refusal.to().and_then(|to| to.tag()), Some("t"));
}

#[test]
fn a_via_list_on_one_line_keeps_its_tail() {
    let text = INVITE.replacen(";rport\r\nVia: ", " , ", 1).replacen("198.51.100.1:5060", "host.example", 1);
    let response =
        parse(Writer::response_to(&parse(text), source(), 200, "", None).body("text/plain", b"hi"));
    let vias: Vec<_> = response.values(Name::Via).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP host.example;branch=z9hG4bK0aBf3;received=198.51.100.1",
            "SIP/2.0/UDP 203.0.113.7:5080;branch=z9hG4bK99;received=203.0.113.9",
        ]
    );
    assert_eq!(response.body(), b"hi");
}

#[test]
fn faults_are_found_but_do_not_hide_the_transaction() {
    for (from, to, defect) in [
        ("CSeq: 102", "CSeq: 4294967296", Defect::CSeq),
        ("CSeq: 102 INVITE", "CSeq: 102 BYE", Defect::CSeq),
        ("Max-Forwards: 69", "Max-Forwards: x", Defect::Unreadable(Name::MaxForwards)),
        ("Max-Forwards: 69", "no colon here", Defect::StrayLine),
        ("Content-Length: 18", "Content-Length: 19", Defect::ContentLength),
        ("Content-Length: 18", "Content-Length: +7", Defect::ContentLength),
        ("SIP/2.0\r\n", "SIP/3.0\r\n", Defect::Version),
        ("Max-Forwards: 69", "t: <sip:a@b>", Defect::Repeated(Name::To)),
    ] {
        let message = parse(INVITE.replacen(from, to, 1));
        assert_eq!(message.defect(), Some(defect));
        assert_eq!(message.top_via().and_then(|via| via.branch()), Some("z9hG4bK0aBf3"));
    }
}

#[test]
fn retry_after_and_warnings_are_read() {
    let headers =
        "Retry-After: 120 (in a meeting);duration=60\r\nWarning: 399 a \"b, c\", 370 d \"e\"\r\nCSeq";
    let message = parse(INVITE.replacen("CSeq", headers, 1));
    assert_eq!(message.retry_after(), Some(std::time::Duration::from_secs(120)));
    let warnings: Vec<_> =
        message.warnings().map(|warning| (warning.code, warning.text.into_owned())).collect();
    assert_eq!(warnings, [(399, "b, c".to_owned()), (370, "e".to_owned())]);
}

#[test]
fn usual_phrases_are_words() {
    use trunkline_sip::message::phrase;
    assert_eq!(
        [phrase(100), phrase(200), phrase(486), phrase(503)],
        ["Trying", "OK", "Busy Here", "Service Unavailable"]
    );
    assert_eq!(phrase(799), "Unknown");
}
