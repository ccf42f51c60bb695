//! Bytes meant ill: mutations of valid traffic never make a user agent panic, and never grow it past its maxima.

use proptest::prelude::*;

use super::*;

/// How a message is spoilt.
#[derive(Clone, Debug)]
enum Spoil {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    /// One line twice, or not at all.
    Line(usize, bool),
    /// A word of one message put into another.
    Word(usize, usize, String),
    /// Something more at the end of a line.
    Tail(usize, &'static str),
}

/// Parameters that end in nothing, and letters longer than a byte among them.
const TAILS: &[&str] = &[";é;", ";", ";;ü=\"é\";", ";tag=x;", "?é", ","];

fn spoil() -> impl Strategy<Value = Spoil> {
    let word = prop_oneof![
        Just(String::new()),
        Just("4294967295".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("<sip:a@[::1]:0;lr>".to_owned()),
        Just("z9hG4bK".to_owned()),
        Just("SIP/2.0".to_owned()),
        Just("\"".to_owned()),
        Just(";tag=".to_owned()),
        Just("INVITE".to_owned()),
        Just("Digest realm=\"r\", nonce=\"n\", qop=\"auth\"".to_owned()),
        "[ -~]{0,12}",
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Spoil::Flip(at, byte)),
        any::<usize>().prop_map(Spoil::Cut),
        (any::<usize>(), proptest::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        (any::<usize>(), any::<bool>()).prop_map(|(at, twice)| Spoil::Line(at, twice)),
        (any::<usize>(), any::<usize>(), word).prop_map(|(line, at, word)| Spoil::Word(line, at, word)),
        (any::<usize>(), prop::sample::select(TAILS)).prop_map(|(line, tail)| Spoil::Tail(line, tail)),
    ]
}

fn apply(spoil: &Spoil, bytes: &mut Vec<u8>) {
    let length = bytes.len().max(1);
    match spoil {
        Spoil::Flip(at, byte) => {
            if let Some(target) = bytes.get_mut(at % length) {
                *target = *byte;
            }
        }
        Spoil::Cut(at) => bytes.truncate(at % length),
        Spoil::Insert(at, new) => {
            let at = (at % length).min(bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
        Spoil::Line(at, twice) => {
            let mut lines: Vec<Vec<u8>> =
                bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let at = at % lines.len().max(1);
            if at < lines.len() {
                let line = lines.remove(at);
                if *twice {
                    lines.splice(at..at, [line.clone(), line]);
                }
            }
            *bytes = lines.concat();
        }
        Spoil::Word(line, at, word) => {
            let mut lines: Vec<String> = latin(bytes).split("\r\n").map(str::to_owned).collect();
            let count = lines.len().max(1);
            if let Some(line) = lines.get_mut(line % count) {
                let mut words: Vec<&str> = line.split(' ').collect();
                let count = words.len().max(1);
                if let Some(target) = words.get_mut(at % count) {
                    *target = word;
                }
                *line = words.join(" ");
            }
            *bytes = lines.join("\r\n").into_bytes();
        }
        Spoil::Tail(line, tail) => {
            let ends: Vec<usize> = memchr::memmem::find_iter(bytes, b"\r\n").collect();
            if let Some(at) = ends.get(line % ends.len().max(1)) {
                bytes.splice(at..at, tail.bytes());
            }
        }
    }
}

/// What the peer could say next: all of it valid.
fn repertoire(heard: &[Message]) -> Vec<Bytes> {
    let mut lines = vec![
        Ask { body: Some("v=0"), ..Ask::new("INVITE") }.bytes(),
        Ask { branch: "z9hG4bK-INVITE-1".into(), ..Ask::new("CANCEL") }.bytes(),
        Ask::new("OPTIONS").bytes(),
    ];
    for message in heard {
        if message.is_request() && message.method() != Some(Method::Ack) {
            for status in [100, 180, 183, 200, 302, 401, 407, 486, 487, 503] {
                let challenge = ("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
                lines.push(respond_with(message, status, "callee", &[challenge]));
            }
            for (method, cseq) in [("BYE", 9), ("INVITE", 5), ("UPDATE", 6), ("INFO", 7), ("ACK", 5)] {
                lines.push(Ask { body: Some("v=0"), ..Ask::within(method, message, "callee", cseq) }.bytes());
            }
        } else if !to_tag(message).is_empty() {
            for (method, cseq) in [("ACK", 1), ("BYE", 2), ("INFO", 3)] {
                lines.push(Ask { to_tag: Some(to_tag(message)), cseq, ..Ask::new(method) }.bytes());
            }
        }
    }
    lines
}

const INVITES_MAX: usize = 4;
const TRANSACTIONS_MAX: usize = 24;

fn lone() -> Lone {
    let mut config = Config::new(address(OURS));
    (config.invites_max, config.transactions_max) = (INVITES_MAX, TRANSACTIONS_MAX);
    Lone::with(config)
}

fn is_within_bounds(lone: &Lone) -> bool {
    let ua = &lone.ua;
    // For each usage these may always leave: a CANCEL, a BYE, the BYEs of sixteen forks, two answers to each of four realms.
    let reserved = (INVITES_MAX + TRANSACTIONS_MAX) * 26;
    ua.live <= INVITES_MAX
        && ua.usages.len() <= INVITES_MAX + TRANSACTIONS_MAX
        && ua.layer.len() <= TRANSACTIONS_MAX + reserved
        && ua.requests.len() <= reserved
        && ua.layer.timers() <= ua.layer.len() + ua.usages.len()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spoilt_traffic_never_panics_or_grows_the_agent(
        script in proptest::collection::vec(
            (any::<usize>(), proptest::collection::vec(spoil(), 0..3), 0..3_000u64, any::<u8>()),
            1..60,
        ),
    ) {
        let mut lone = lone();
        let mut heard: Vec<Message> = Vec::new();
        for (pick, spoils, wait_ms, deed) in script {
            let ids: Vec<InviteId> = lone.events.drain(..).filter_map(|event| match event {
                Event::Incoming { id, .. } | Event::Answered { id, .. } | Event::Offer { id, .. } => Some(id),
                _ => None,
            }).collect();
            let now = lone.now;
            match (deed % 8, ids.first()) {
                (0, _) => drop(lone.ua.invite(now, Invite { credentials: Some(credentials()), ..invite() })),
                (1, Some(id)) => lone.ua.answer(now, *id, Body::sdp("v=0")),
                (2, Some(id)) => lone.ua.progress(now, *id, 183, None, false),
                (3, Some(id)) => lone.ua.hangup(now, *id, None),
                (4, Some(id)) => lone.ua.answer_offer(now, *id, Body::sdp("v=0")),
                (5, Some(id)) => lone.ua.reject(now, *id, 603, Vec::new()),
                _ => {}
            }
            lone.drain();
            heard.extend(lone.sent.drain(..).map(|transmit| {
                let message = Message::parse(transmit.payload).expect("what we send can be read");
                // A refusal has to bear the faults of what it refuses; a request of ours has none.
                assert!(!message.is_request() || message.defect().is_none(), "{}", text(&message));
                message
            }));
            let tail = heard.len().saturating_sub(6);
            let lines = repertoire(&heard[tail..]);
            let mut bytes = lines[pick % lines.len()].to_vec();
            spoils.iter().for_each(|spoil| apply(spoil, &mut bytes));
            lone.hear(bytes);
            lone.advance(Duration::from_millis(wait_ms));
            prop_assert!(is_within_bounds(&lone), "{} usages, {} transactions", lone.ua.usages.len(), lone.ua.layer.len());
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut lone = lone();
        lone.hear(bytes);
    }
}

#[test]
fn a_flood_of_calls_is_refused_at_the_maximum() {
    let mut lone = lone();
    for call in 0..1000 {
        lone.hear(
            Ask { branch: format!("z9hG4bK{call}"), call_id: format!("flood{call}"), ..Ask::new("INVITE") }
                .bytes(),
        );
    }
    assert_eq!((lone.ua.live, lone.ua.counters().overloaded), (INVITES_MAX, 1000 - INVITES_MAX as u64));
    assert!(is_within_bounds(&lone));
}
