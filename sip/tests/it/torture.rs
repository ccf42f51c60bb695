//! RFC 4475 (SIP torture) and RFC 5118 (SIP with IPv6): every message's fate. Where the RFC leaves the choice between lenient and
//! strict, the table says what we chose.

use std::{collections::BTreeSet, fs};

use bytes::Bytes;
use trunkline_sip::message::{Defect, Message, Method, Name, ParseError};

enum Fate {
    /// Well-formed as far as the message layer looks: a user agent hears it.
    Heard,
    /// A request that gets 400 (or 505), a response that is dropped.
    Faulty(Defect),
    /// Nothing to answer.
    Dropped(ParseError),
}
use Fate::{Dropped, Faulty, Heard};

const FATES: &[(&str, Fate)] = &[
    // RFC 4475 §3.1.1: valid
    ("wsinv", Heard),
    ("intmeth", Heard),
    ("esc01", Heard),
    ("escnull", Heard),
    ("esc02", Heard),
    ("lwsdisp", Heard),
    ("longreq", Heard),
    ("dblreq", Heard),
    ("semiuri", Heard),
    ("transports", Heard),
    ("mpart01", Heard),
    ("unreason", Heard),
    ("noreason", Heard),
    // §3.1.2: invalid
    ("badinv01", Faulty(Defect::Unreadable(Name::Via))),
    ("clerr", Faulty(Defect::ContentLength)),
    ("ncl", Faulty(Defect::ContentLength)),
    ("scalar02", Faulty(Defect::CSeq)),
    ("scalarlg", Faulty(Defect::CSeq)),
    ("quotbal", Faulty(Defect::Unreadable(Name::To))),
    ("ltgtruri", Faulty(Defect::StartLine)),
    ("lwsruri", Faulty(Defect::StartLine)),
    ("lwsstart", Faulty(Defect::StartLine)),
    ("trws", Faulty(Defect::StartLine)),
    ("escruri", Faulty(Defect::RequestUri)),
    // A Date is nobody's business here.
    ("baddate", Heard),
    ("regbadct", Faulty(Defect::Unreadable(Name::Contact))),
    // Spaces inside the brackets: lenient, as §3.1.2.14 allows.
    ("badaspec", Heard),
    // An unquoted comma in a display name: lenient, as §3.1.2.15 allows.
    ("baddn", Heard),
    ("badvers", Faulty(Defect::Version)),
    ("mismatch01", Faulty(Defect::CSeq)),
    ("mismatch02", Faulty(Defect::CSeq)),
    ("bigcode", Dropped(ParseError::StartLine)),
    // §3.2: transactions
    ("badbranch", Heard),
    // §3.3: for the user agent to refuse
    ("insuf", Dropped(ParseError::Missing(Name::From))),
    ("unkscm", Heard),
    ("novelsc", Heard),
    ("unksm2", Heard),
    ("bext01", Heard),
    ("invut", Heard),
    ("regaut01", Heard),
    ("multi01", Faulty(Defect::Repeated(Name::CSeq))),
    ("mcl01", Faulty(Defect::Repeated(Name::ContentLength))),
    ("bcast", Heard),
    ("zeromf", Heard),
    ("cparam01", Heard),
    ("cparam02", Heard),
    ("regescrt", Heard),
    ("sdp01", Heard),
    // §3.4: RFC 2543
    ("inv2543", Heard),
    // RFC 5118 §4
    ("ipv6-good", Heard),
    ("ipv6-bad", Faulty(Defect::RequestUri)),
    ("port-ambiguous", Heard),
    ("port-unambiguous", Heard),
    ("via-received-param-with-delim", Heard),
    ("via-received-param-no-delim", Heard),
    ("mult-ip-in-header", Heard),
    ("ipv4-mapped-ipv6", Heard),
    ("ipv6-in-sdp", Heard),
    // Ours
    ("v6-garbage-host", Faulty(Defect::RequestUri)),
];

/// The names and datagrams of the corpus.
pub fn corpus() -> impl Iterator<Item = (&'static str, Bytes)> {
    FATES.iter().map(|(name, _)| {
        (*name, Bytes::from(fs::read(format!("{DIRECTORY}/{name}.dat")).expect("a data file")))
    })
}

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/torture");

fn read(name: &str) -> Message {
    let (_, datagram) = corpus().find(|(found, _)| *found == name).expect("a name of the table");
    Message::parse(datagram).expect("a readable message")
}

#[test]
fn every_message_meets_its_fate() {
    for ((name, fate), (_, datagram)) in FATES.iter().zip(corpus()) {
        match (fate, Message::parse(datagram)) {
            (Heard, Ok(message)) => assert_eq!(message.defect(), None, "{name}"),
            (Faulty(defect), Ok(message)) => assert_eq!(message.defect(), Some(*defect), "{name}"),
            (Dropped(error), read) => assert_eq!(read.err(), Some(*error), "{name}"),
            (_, Err(error)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn every_file_stands_in_the_table() {
    let files = fs::read_dir(DIRECTORY).expect("the corpus").map(|entry| entry.expect("a file").file_name());
    let files: BTreeSet<String> = files.map(|file| file.to_string_lossy().replace(".dat", "")).collect();
    assert_eq!(files, FATES.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn wsinv_is_read_through_all_its_spaces() {
    let message = read("wsinv");
    assert_eq!(message.request_uri(), Some("sip:vivekg@chair-dnrc.example.com;unknownparam"));
    let from = message.from().expect("a From");
    assert_eq!(
        (&*from.display(), from.uri, from.tag()),
        (r#"J Rosenberg \""#, "sip:jdrosen@example.com", Some("98asjd8"))
    );
    assert_eq!(message.to().and_then(|to| to.tag()), Some("1918181833n"));
    assert_eq!((message.call_id(), message.cseq()), ("wsinv.ndaksdj@192.0.2.1", (9, Method::Invite)));
    let vias: Vec<_> = message.values(Name::Via).filter_map(trunkline_sip::message::Via::parse).collect();
    let read: Vec<_> = vias.iter().map(|via| (via.transport, via.host, via.branch())).collect();
    assert_eq!(
        read,
        [
            ("UDP", "192.0.2.2", Some("390skdjuw")),
            ("TCP", "spindle.example.com", Some("z9hG4bK9ikj8")),
            ("UDP", "192.168.255.111", Some("z9hG4bK30239")),
        ]
    );
    assert_eq!(message.header_named("newfangledheader"), Some("newfangled value continued newfangled value"));
    let contact = message.contact().expect("a Contact");
    assert_eq!((contact.params.get("newparam"), contact.params.get("q")), (Some("newvalue"), Some("0.33")));
    assert_eq!(message.header(Name::Subject), Some(""));
}

#[test]
fn unusual_methods_keep_their_token() {
    let message = read("intmeth");
    assert_eq!(message.method(), Some(Method::Other));
    assert_eq!(message.method_token(), Some("!interesting-Method0123456789_*+`.%indeed'~"));
    assert_eq!(message.cseq(), (139_122_385, Method::Other));
    assert_eq!(message.header_named("extensionHeader-!.%*+_`'~"), Some("\u{feff}大停電"));
    assert_eq!(read("esc02").method_token(), Some("RE%47IST%45R"));
    assert_eq!(read("esc02").lines(Name::Contact).count(), 2);
}

#[test]
fn phrases_may_be_russian_or_missing() {
    assert_eq!(
        (read("unreason").status(), read("unreason").phrase()),
        (Some(200), "= 2**3 * 5**2 но сто девяносто девять - простое")
    );
    assert_eq!((read("noreason").status(), read("noreason").phrase()), (Some(100), ""));
}

#[test]
fn bytes_beyond_the_content_length_are_no_body() {
    assert_eq!((read("dblreq").method(), read("dblreq").body()), (Some(Method::Register), &b""[..]));
    assert!(read("inv2543").body().starts_with(b"v=0"));
}

#[test]
fn long_requests_are_read_whole() {
    let message = read("longreq");
    assert_eq!(message.values(Name::Via).count(), 33);
    assert_eq!(message.top_via().map(|via| via.host), Some("sip33.example.com"));
    assert!(message.body().starts_with(b"v=0"));
}

#[test]
fn binary_bodies_are_kept() {
    assert!(read("mpart01").body().windows(4).any(|bytes| bytes == [0x30, 0x82, 0x01, 0x52]));
}

#[test]
fn ipv6_is_read_with_and_without_brackets() {
    let received =
        |name| read(name).top_via().and_then(|via| via.received()).map(|address| address.to_string());
    assert_eq!(received("via-received-param-with-delim").as_deref(), Some("2001:db8::9:255"));
    assert_eq!(received("via-received-param-no-delim").as_deref(), Some("2001:db8::9:255"));
    let message = read("mult-ip-in-header");
    assert_eq!(message.top_via().map(|via| (via.host, via.port)), Some(("2001:db8::9:1", Some(6050))));
}
