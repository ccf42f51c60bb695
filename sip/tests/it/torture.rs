//! RFC 4475 (SIP torture) and RFC 5118 (SIP with IPv6), as the RFCs print them: every message's fate. Where the RFC leaves the choice between lenient and
//! strict, the table says what we chose.

use std::{collections::BTreeSet, fs};

use bytes::Bytes;
use trunkline_sip::message::{Defect, Message, Method, Name, ParseError};
use trunkline_sip::{Config, Event, Path, UserAgent};

#[derive(Debug)]
enum Fate {
    /// Well-formed as far as the message layer looks: a user agent hears it.
    Heard,
    /// A request that gets 400 (or 505), a response that is dropped.
    Faulty(Defect),
    /// Nothing to answer.
    Dropped(ParseError),
}
use Fate::{Dropped, Faulty, Heard};

/// What a user agent that keeps no registrations and knows no dialog does about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Deed {
    /// It answers, finally.
    Says(u16),
    /// It tells its owner of a call, and says 100.
    Rings,
    /// Nothing: a response that it never asked for, or what cannot be answered.
    Silent,
}
use Deed::{Rings, Says, Silent};

/// Name, where it stands, what the message layer makes of it, and what a user agent does.
const FATES: &[(&str, &str, Fate, Deed)] = &[
    // RFC 4475 §3.1.1: valid
    ("wsinv", "4475 §3.1.1.1", Heard, Says(481)),
    ("intmeth", "4475 §3.1.1.2", Heard, Says(501)),
    ("esc01", "4475 §3.1.1.3", Heard, Rings),
    ("escnull", "4475 §3.1.1.4", Heard, Says(405)),
    ("esc02", "4475 §3.1.1.5", Heard, Says(501)),
    ("lwsdisp", "4475 §3.1.1.6", Heard, Says(200)),
    ("longreq", "4475 §3.1.1.7", Heard, Rings),
    ("dblreq", "4475 §3.1.1.8", Heard, Says(405)),
    ("semiuri", "4475 §3.1.1.9", Heard, Says(200)),
    ("transports", "4475 §3.1.1.10", Heard, Says(200)),
    ("mpart01", "4475 §3.1.1.11", Heard, Says(415)),
    ("unreason", "4475 §3.1.1.12", Heard, Silent),
    ("noreason", "4475 §3.1.1.13", Heard, Silent),
    // §3.1.2: invalid
    ("badinv01", "4475 §3.1.2.1", Faulty(Defect::Unreadable(Name::Via)), Says(400)),
    ("clerr", "4475 §3.1.2.2", Faulty(Defect::ContentLength), Says(400)),
    ("ncl", "4475 §3.1.2.3", Faulty(Defect::ContentLength), Says(400)),
    ("scalar02", "4475 §3.1.2.4", Faulty(Defect::CSeq), Says(400)),
    ("scalarlg", "4475 §3.1.2.5", Faulty(Defect::CSeq), Silent),
    ("quotbal", "4475 §3.1.2.6", Faulty(Defect::Unreadable(Name::To)), Says(400)),
    ("ltgtruri", "4475 §3.1.2.7", Faulty(Defect::StartLine), Says(400)),
    ("lwsruri", "4475 §3.1.2.8", Faulty(Defect::StartLine), Says(400)),
    ("lwsstart", "4475 §3.1.2.9", Faulty(Defect::StartLine), Says(400)),
    ("trws", "4475 §3.1.2.10", Faulty(Defect::StartLine), Says(400)),
    ("escruri", "4475 §3.1.2.11", Faulty(Defect::RequestUri), Says(400)),
    // A Date is nobody's business here.
    ("baddate", "4475 §3.1.2.12", Heard, Rings),
    ("regbadct", "4475 §3.1.2.13", Faulty(Defect::Unreadable(Name::Contact)), Says(400)),
    // Spaces inside the brackets: lenient, as the section allows.
    ("badaspec", "4475 §3.1.2.14", Heard, Says(200)),
    // An unquoted comma in a display name: lenient, as the section allows.
    ("baddn", "4475 §3.1.2.15", Heard, Says(200)),
    ("badvers", "4475 §3.1.2.16", Faulty(Defect::Version), Says(505)),
    ("mismatch01", "4475 §3.1.2.17", Faulty(Defect::CSeq), Says(400)),
    ("mismatch02", "4475 §3.1.2.18", Faulty(Defect::CSeq), Says(400)),
    ("bigcode", "4475 §3.1.2.19", Dropped(ParseError::StartLine), Silent),
    // §3.2: transactions
    ("badbranch", "4475 §3.2.1", Heard, Says(200)),
    // §3.3: for the user agent to judge. Without From, To and Call-ID there is no 400 that anybody could match.
    ("insuf", "4475 §3.3.1", Dropped(ParseError::Missing(Name::From)), Silent),
    ("unkscm", "4475 §3.3.2", Heard, Says(416)),
    ("novelsc", "4475 §3.3.3", Heard, Says(416)),
    ("unksm2", "4475 §3.3.4", Heard, Says(405)),
    ("bext01", "4475 §3.3.5", Heard, Says(420)),
    // What a body means is its owner's affair: it rings, and the owner says 415.
    ("invut", "4475 §3.3.6", Heard, Rings),
    ("regaut01", "4475 §3.3.7", Heard, Says(405)),
    // Its Content-Length, as printed in the RFC, is two more than its body has.
    ("multi01", "4475 §3.3.8", Faulty(Defect::ContentLength), Says(400)),
    ("mcl01", "4475 §3.3.9", Faulty(Defect::Repeated(Name::ContentLength)), Says(400)),
    ("bcast", "4475 §3.3.10", Heard, Silent),
    ("zeromf", "4475 §3.3.11", Heard, Says(200)),
    ("cparam01", "4475 §3.3.12", Heard, Says(405)),
    ("cparam02", "4475 §3.3.13", Heard, Says(405)),
    ("regescrt", "4475 §3.3.14", Heard, Says(405)),
    ("sdp01", "4475 §3.3.15", Heard, Rings),
    // §3.4: RFC 2543
    ("inv2543", "4475 §3.4.1", Heard, Rings),
    // RFC 5118 §4
    ("ipv6-good", "5118 §4.1", Heard, Says(405)),
    ("ipv6-bad", "5118 §4.2", Faulty(Defect::RequestUri), Says(400)),
    ("port-ambiguous", "5118 §4.3", Heard, Says(405)),
    ("port-unambiguous", "5118 §4.4", Heard, Says(405)),
    ("via-received-param-with-delim", "5118 §4.5", Heard, Says(481)),
    ("via-received-param-no-delim", "5118 §4.5", Heard, Says(200)),
    ("ipv6-in-sdp", "5118 §4.6", Heard, Rings),
    ("mult-ip-in-header", "5118 §4.7", Heard, Says(481)),
    ("mult-ip-in-sdp", "5118 §4.8", Heard, Rings),
    ("ipv4-mapped-ipv6", "5118 §4.9", Heard, Rings),
    ("ipv6-bug-abnf-3-colons", "5118 §4.10", Heard, Says(200)),
    ("ipv6-correct-abnf-2-colons", "5118 §4.10", Heard, Says(200)),
    // Ours
    ("v6-garbage-host", "ours", Faulty(Defect::RequestUri), Says(400)),
];

/// The names and datagrams of the corpus.
pub fn corpus() -> impl Iterator<Item = (&'static str, Bytes)> {
    FATES.iter().map(|(name, ..)| {
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
    for ((name, _, fate, _), (_, datagram)) in FATES.iter().zip(corpus()) {
        match (fate, Message::parse(datagram)) {
            (Heard, Ok(message)) => assert_eq!(message.defect(), None, "{name}"),
            (Faulty(defect), Ok(message)) => assert_eq!(message.defect(), Some(*defect), "{name}"),
            (Dropped(error), read) => assert_eq!(read.err(), Some(*error), "{name}"),
            (_, Err(error)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a story needs some instant to count from")]
fn a_user_agent_does_what_the_table_says() {
    let now = std::time::Instant::now();
    let (ours, theirs) = ("192.0.2.200:5060", "192.0.2.1:5060");
    let [ours, theirs]: [std::net::SocketAddr; 2] =
        [ours, theirs].map(|text| text.parse().expect("an address"));
    for ((name, .., deed), (_, datagram)) in FATES.iter().zip(corpus()) {
        let mut agent = UserAgent::new(Config::new(ours), [1; 32]);
        agent.handle_message(now, Path::udp(ours, theirs), datagram);
        let mut statuses = Vec::new();
        while let Some(transmit) = agent.poll_transmit() {
            let said = Message::parse(transmit.payload).expect("what we send can be read");
            statuses.push(said.status().expect("a response"));
        }
        let rings = matches!(agent.poll_event(), Some(Event::Incoming { .. }));
        let done = match (&statuses[..], rings) {
            ([100], true) => Rings,
            ([status], false) => Says(*status),
            ([], false) => Silent,
            done => panic!("{name}: {done:?}"),
        };
        assert_eq!(done, *deed, "{name}");
    }
}

#[test]
fn the_readme_has_the_same_table() {
    let readme = fs::read_to_string(format!("{DIRECTORY}/README.md")).expect("the README");
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    let row = |(name, section, fate, deed): &(&str, &str, Fate, Deed)| {
        let fate = match fate {
            Heard => String::from("heard"),
            Faulty(defect) => format!("faulty: {}", defect.phrase()),
            Dropped(error) => format!("dropped: {error}"),
        };
        let deed = match deed {
            Says(status) => status.to_string(),
            Rings => String::from("rings"),
            Silent => String::from("silence"),
        };
        format!("| `{name}` | {section} | {fate} | {deed} |")
    };
    let table: Vec<String> = FATES.iter().map(row).collect();
    assert_eq!(rows, table, "\n{}", table.join("\n"));
}

#[test]
fn every_file_stands_in_the_table() {
    let files = fs::read_dir(DIRECTORY).expect("the corpus").map(|entry| entry.expect("a file").file_name());
    let files = files.map(|file| file.to_string_lossy().into_owned());
    let files: BTreeSet<String> =
        files.filter_map(|file| Some(file.strip_suffix(".dat")?.to_owned())).collect();
    assert_eq!(files, FATES.iter().map(|(name, ..)| (*name).to_owned()).collect());
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
    assert_eq!(message.values(Name::Via).count(), 34);
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
