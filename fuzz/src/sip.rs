//! The message layer: whatever comes, it is read or refused, what is asked of it is answered, and what we answer can be read.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use trunkline_sip::digest::{Answer, Challenge, Credentials, Signed};
use trunkline_sip::message::{Message, Name, NameAddr, Uri, Via, Writer};
use trunkline_sip::{Body, Reason, Replaces, dtmf_of};

use crate::dice::Dice;
use crate::spoil;
use crate::transcript::Transcript;

/// The torture corpus of the crate under test.
pub fn corpus() -> &'static [Vec<u8>] {
    static CORPUS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip/testdata/torture");
        let files = std::fs::read_dir(folder).expect("the corpus stands beside this crate");
        let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
        // The order of a folder is the system's.
        paths.sort();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "dat"));
        paths.iter().map(|path| std::fs::read(path).expect("a data file")).collect()
    })
}

/// A spoilt message of the corpus.
pub fn spoilt(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(corpus()).clone();
    if dice.chance(70) {
        bytes = spoil::lines(dice, &bytes);
    }
    if dice.chance(40) {
        spoil::bytes(dice, &mut bytes);
    }
    bytes
}

pub fn run(dice: &mut Dice, transcript: &mut Transcript) {
    for _ in 0..50 {
        let bytes = match dice.below(20) {
            0 => spoil::stun(dice),
            1 => dice.bytes(2_000),
            _ => spoilt(dice),
        };
        transcript.bytes("parse", &bytes);
        read(Bytes::from(bytes));
    }
    for _ in 0..50 {
        let mut value = dice.pick(VALUES).as_bytes().to_vec();
        spoil::bytes(dice, &mut value);
        transcript.bytes("value", &value);
        read_value(&String::from_utf8_lossy(&value));
    }
}

/// Header values that have a grammar.
const VALUES: &[&str] = &[
    "\"A. \\\"B\\\"\" <sip:a;b=c%40d@[2001:db8::1]:5060;lr?x=y>;tag=1;x=\"y\"",
    "SIP/2.0/UDP [2001:db8::9:1]:5060;branch=z9hG4bK1;rport;received=2001:db8::9",
    "Digest realm=\"a, b\", nonce=\"1\", qop=\"auth,auth-int\", algorithm=SHA-512-256-sess, userhash=true, opaque=\"\\\"\", \
     Basic realm=x, Digest realm=\"b\", nonce=2",
    "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"0\", cnonce=\"c\", nc=00000001, qop=auth",
    "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff;early-only",
    "Q.850;cause=16;text=\"Normal; \\\"call\\\" clearing\"",
    "Signal=5\r\nDuration=160\r\n",
];

fn read(bytes: Bytes) {
    let Ok(message) = Message::parse(bytes) else { return };
    for (name, value) in message.headers() {
        assert!(!value.contains('\n') && !name.contains(':'), "{name:?}: {value:?}");
        read_value(value);
        let _ = message.header_named(name);
    }
    for name in [Name::Via, Name::Contact, Name::Route, Name::Require, Name::Reason, Name::ServiceRoute] {
        for value in message.values(name) {
            read_value(value);
        }
    }
    let _ = (message.phrase(), message.retry_after(), message.warnings().count(), message.content_type());
    assert!(message.body().len() <= message.as_bytes().len());
    let content_type = message.content_type().unwrap_or_default().to_owned();
    let body = Body { content_type, bytes: message.body_bytes() };
    assert!(body.session().is_none_or(|sdp| sdp.len() <= body.bytes.len()), "what is found was there");
    if message.is_request() {
        respond(&message);
    }
}

/// What we answer can be read, is the same transaction's, and is sound where the request was.
fn respond(request: &Message) {
    let source = SocketAddr::from(([192, 0, 2, 9], 40_000));
    let bytes = Writer::response_to(request, source, 200, "", Some("tag")).finish();
    let response = Message::parse(bytes).expect("an answer can be read");
    if request.defect().is_none() {
        assert_eq!(response.defect(), None, "an answer to a sound request is sound");
        // A lone CR within a value goes back as a space, and one at its end as none.
        let plain = |text: &str| text.replace('\r', " ").trim().to_owned();
        assert_eq!((plain(response.call_id()), response.cseq()), (plain(request.call_id()), request.cseq()));
        // A bracket or quote that is never closed reaches to the end, and what we add to the Via stands behind it.
        let branch = |message: &Message| message.top_via().and_then(|via| via.branch()).map(plain);
        let via = request.values(Name::Via).next().unwrap_or_default();
        if !via.contains(['<', '"', '(']) {
            assert_eq!(branch(&response), branch(request));
        }
    }
}

fn read_value(value: &str) {
    let _ = (Via::parse(value), Reason::parse(value), Answer::parse(value), Challenge::realm_of(value));
    if let Some(address) = NameAddr::parse(value) {
        let _ = (address.display(), address.tag());
        let uri = address.to_uri().expect("it was looked at");
        // Not asserted: a parameter that stands twice, which no URI may have, makes it differ from itself.
        let _ = uri.is_equivalent(&uri);
    }
    let _ = Uri::parse(value).map(|uri| (uri.user_decoded().is_some(), uri.is_loose_router()));
    for challenge in Challenge::parse_line(value) {
        let signed = Signed { method: "INVITE", uri: "sip:a@b", body: b"v=0" };
        let answer = challenge.answer(&Credentials::new("u", "p"), &signed, "c", 1);
        assert!(Answer::parse(&answer).is_some(), "our own answer can be read: {answer}");
    }
    if let Some(replaces) = Replaces::parse(value) {
        assert_eq!(Replaces::parse(&replaces.to_string()), Some(replaces), "a Replaces reads back");
    }
    for content_type in ["application/dtmf-relay", "application/dtmf"] {
        let body =
            Body { content_type: content_type.to_owned(), bytes: Bytes::copy_from_slice(value.as_bytes()) };
        let _ = dtmf_of(&body);
    }
}
