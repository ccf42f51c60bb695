//! A living user agent whose peers, owner and clock are all hostile. What must hold: it says and tells only so much at once, its
//! timers are finite and come to rest, each call and registration ends once, what it sends can be read, and it holds only so much.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_sip::message::{Message, Name, Writer};
use trunkline_sip::{
    Body, Config, Credentials, Event, Invite, InviteId, OptionsRequest, Path, QueryId, Refer, Register,
    RegistrationId, Reliable, SessionTimer, Target, Trust, UserAgent,
};

use crate::dice::Dice;
use crate::transcript::Transcript;
use crate::{memory, sip, spoil};

const OURS: &str = "192.0.2.1:5060";
const PEERS: [&str; 3] = ["192.0.2.2:5060", "192.0.2.3:5070", "[2001:db8::7]:5060"];
const INVITES_MAX: usize = 6;
const TRANSACTIONS_MAX: usize = 40;
/// What one step may set free: every transaction may say something, and tell of it.
const SAID_AT_ONCE_MAX: usize = 4_000;
/// Messages that later ones are made of.
const KEPT: usize = 40;
/// No timer reaches further, whatever Session-Expires, Min-SE or Expires say: a day, and the wheel's millisecond.
const TIMER_MAX: Duration = Duration::from_millis(24 * 60 * 60 * 1_000 + 2);

struct Story<'a> {
    dice: &'a mut Dice,
    transcript: &'a mut Transcript,
    ua: UserAgent,
    now: Instant,
    started: Instant,
    sent: VecDeque<Message>,
    heard: VecDeque<Bytes>,
    queries: Vec<QueryId>,
    calls: Vec<InviteId>,
    registrations: Vec<RegistrationId>,
    /// How often each call ended.
    ends: HashMap<InviteId, usize>,
    /// How often each registration ended.
    unregistered: HashMap<RegistrationId, usize>,
    memory: isize,
}

#[expect(clippy::disallowed_methods, reason = "some instant to count from; nothing depends on which")]
fn start() -> Instant {
    Instant::now()
}

pub fn run(dice: &mut Dice, transcript: &mut Transcript) {
    let memory = memory::live_bytes();
    let mut config = Config::new(address(OURS));
    (config.invites_max, config.transactions_max) = (INVITES_MAX, TRANSACTIONS_MAX);
    if dice.chance(20) {
        config.trust = Trust::addresses([address(PEERS[0]).ip()]);
    }
    let started = start();
    let mut story = Story {
        ua: UserAgent::new(config, [dice.byte(); 32]),
        dice,
        transcript,
        now: started,
        started,
        sent: VecDeque::new(),
        heard: VecDeque::new(),
        queries: Vec::new(),
        calls: Vec::new(),
        registrations: Vec::new(),
        ends: HashMap::new(),
        unregistered: HashMap::new(),
        memory,
    };
    for _ in 0..20 + story.dice.below(150) {
        story.step();
    }
    story.come_to_rest();
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address literal")
}

impl Story<'_> {
    fn step(&mut self) {
        match self.dice.below(10) {
            0 | 1 => self.order(),
            2 => self.sleep(),
            3 => self.answer_queries(),
            _ => self.hear(),
        }
        self.drain();
        memory::assert_bounded(self.memory);
    }

    /// Our owner wants something.
    fn order(&mut self) {
        let now = self.now;
        let call = self.dice.below(self.calls.len().max(1));
        let call = self.calls.get(call).copied();
        let what = self.dice.below(17);
        self.transcript.step(format_args!("order {what} of {call:?}"));
        match (what, call) {
            (0..=2, _) => self.invite(),
            (3, _) => self.register(),
            (4, _) => {
                let uri = self.uri();
                let from = String::from("<sip:us@192.0.2.1>");
                let credentials = self.credentials();
                let request = OptionsRequest { token: 9, uri, from, route: None, credentials, tls: None };
                let _ = self.ua.options(now, request);
            }
            (5, _) => {
                let at = self.dice.below(self.registrations.len());
                if let Some(id) = self.registrations.get(at) {
                    self.ua.unregister(now, *id);
                }
            }
            (6, Some(id)) => self.ua.hangup(now, id, None),
            (7, Some(id)) => {
                let (status, reliably) = (*self.dice.pick(&[180, 183, 100, 199]), self.dice.chance(50));
                let body = self.dice.chance(50).then(sdp);
                self.ua.progress(now, id, status, body, reliably);
            }
            (8, Some(id)) => self.ua.answer(now, id, sdp()),
            (9, Some(id)) => self.ua.reject(now, id, *self.dice.pick(&[486, 200, 302, 999]), Vec::new()),
            (10, Some(id)) => self.ua.answer_offer(now, id, sdp()),
            (11, Some(id)) => self.ua.refuse_offer(now, id, 488),
            (12, Some(id)) => {
                let _ = self.ua.offer(now, id, sdp());
            }
            (13, Some(id)) => {
                let (to, subscribe) = (self.uri(), self.dice.chance(70));
                let _ = self.ua.refer(now, id, Refer { to, replaces: None, referred_by: None, subscribe });
            }
            (14, Some(id)) => match self.dice.chance(70) {
                true => self.ua.accept_refer(now, id),
                false => self.ua.refuse_refer(now, id, 603),
            },
            (15, Some(id)) => {
                self.ua.notify_refer(now, id, *self.dice.pick(&[100, 180, 200, 486, 99]), "x\r\ny")
            }
            (16, Some(id)) => {
                let _ = self.ua.authenticate(now, id, "r", |_| Some(String::from("p")));
            }
            _ => {}
        }
    }

    fn invite(&mut self) {
        let invite = Invite {
            token: 7,
            uri: self.uri(),
            from: String::from("<sip:us@192.0.2.1>"),
            to: String::from("<sip:them@192.0.2.2>"),
            route: self.dice.chance(20).then(|| String::from("sip:192.0.2.3:5070;lr")),
            credentials: self.credentials(),
            tls: None,
            headers: Vec::new(),
            body: self.dice.chance(80).then(sdp),
            reliable: *self.dice.pick(&[Reliable::Off, Reliable::Supported, Reliable::Required]),
            session: self.dice.chance(50).then(SessionTimer::default),
            call_id: None,
            tap: self.dice.chance(20),
        };
        if let Ok(id) = self.ua.invite(self.now, invite) {
            self.calls.push(id);
            self.ends.insert(id, 0);
        }
    }

    fn register(&mut self) {
        let order = Register {
            token: 8,
            registrar: self.uri(),
            aor: String::from("<sip:us@carrier.example>"),
            contact_user: self.dice.chance(50).then(|| String::from("us")),
            route: None,
            credentials: self.credentials(),
            tls: None,
            expires: Duration::from_secs(self.dice.number() % 100_000),
            headers: Vec::new(),
            tap: false,
        };
        if self.registrations.len() < 20
            && let Ok(id) = self.ua.register(self.now, order)
        {
            self.registrations.push(id);
            self.unregistered.insert(id, 0);
        }
    }

    fn uri(&mut self) -> String {
        let uris = [
            "sip:them@192.0.2.2",
            "sip:gw.example",
            "sip:[2001:db8::7]",
            "sip:a@192.0.2.3:5070;transport=udp",
        ];
        (*self.dice.pick(&uris)).to_owned()
    }

    fn credentials(&mut self) -> Option<Arc<Credentials>> {
        self.dice.chance(70).then(|| Arc::new(Credentials::new("u", "p")))
    }

    /// Time passes: until something is due, or by a leap.
    fn sleep(&mut self) {
        let due = self.ua.poll_timeout().filter(|_| self.dice.chance(70));
        let leap = Duration::from_millis(self.dice.number() % 200_000);
        self.wake(due.unwrap_or(self.now + leap).max(self.now));
    }

    fn wake(&mut self, at: Instant) {
        self.now = at;
        self.transcript.step(format_args!("it is {:?}", self.now - self.started));
        self.ua.handle_timeout(self.now);
        self.drain();
        let next = self.ua.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "what was due is done");
        assert!(next.is_none_or(|next| next < self.now + TIMER_MAX), "no timer reaches far");
    }

    fn answer_queries(&mut self) {
        let Some(query) = self.queries.pop() else { return };
        let count = self.dice.below(4);
        let targets = (0..count).map(|_| Target::udp(address(self.dice.pick::<&str>(&PEERS)))).collect();
        self.transcript.step(format_args!("{count} targets"));
        self.ua.handle_targets(self.now, query, targets);
    }

    /// Somebody says something.
    fn hear(&mut self) {
        let mut bytes = match self.dice.below(20) {
            0 => sip::spoilt(self.dice),
            1 => spoil::stun(self.dice),
            2 | 3 => match self.heard.is_empty() {
                true => return,
                false => self.heard[self.dice.below(self.heard.len())].to_vec(),
            },
            4..=6 => self.request(None),
            _ => {
                if self.sent.is_empty() {
                    return;
                }
                let about = self.sent[self.dice.below(self.sent.len())].clone();
                match about.is_request() && self.dice.chance(60) {
                    true => self.response(&about),
                    false => self.request(Some(&about)),
                }
            }
        };
        if self.dice.chance(30) {
            bytes = spoil::lines(self.dice, &bytes);
        }
        if self.dice.chance(10) {
            spoil::bytes(self.dice, &mut bytes);
        }
        let source = address(self.dice.pick::<&str>(&PEERS));
        self.transcript.bytes(&format!("heard from {source}"), &bytes);
        let bytes = Bytes::from(bytes);
        self.heard.push_back(bytes.clone());
        if self.heard.len() > KEPT {
            self.heard.pop_front();
        }
        self.ua.handle_message(self.now, Path::udp(address(OURS), source), bytes);
    }

    /// A response to something we asked.
    fn response(&mut self, request: &Message) -> Vec<u8> {
        let statuses = [
            100, 180, 183, 199, 200, 200, 200, 202, 301, 302, 401, 407, 408, 415, 422, 423, 481, 486, 487,
            489, 491, 500, 503, 603, 699,
        ];
        let status = *self.dice.pick(&statuses);
        let tag = *self.dice.pick(&["a", "b", ""]);
        let mut writer =
            Writer::response_to(request, address(OURS), status, "", Some(tag).filter(|tag| !tag.is_empty()));
        let contact = request.header(Name::Contact).unwrap_or("<sip:x@192.0.2.2>").to_owned();
        let number = self.dice.number();
        let lines: [(&str, String); 16] = [
            ("Contact", String::from("<sip:them@192.0.2.2>")),
            ("Contact", format!("{contact};expires={number}")),
            (
                "WWW-Authenticate",
                format!("Digest realm=\"r\", nonce=\"{number}\", qop=\"auth,auth-int\", algorithm=SHA-256"),
            ),
            ("Proxy-Authenticate", format!("Digest realm=\"p\", nonce=\"{number}\", stale=true")),
            ("Min-Expires", number.to_string()),
            ("Min-SE", number.to_string()),
            ("Session-Expires", format!("{number};refresher=uac")),
            ("Require", String::from("timer")),
            ("Require", String::from("100rel")),
            ("RSeq", (number % 100).to_string()),
            ("Retry-After", number.to_string()),
            ("Expires", number.to_string()),
            ("Record-Route", String::from("<sip:192.0.2.3:5070;lr>")),
            ("Service-Route", String::from("<sip:192.0.2.3;lr>")),
            ("Refer-Sub", String::from("false")),
            ("Reason", String::from("Q.850;cause=17")),
        ];
        for _ in 0..self.dice.below(6) {
            let (name, value) = self.dice.pick(&lines);
            writer = writer.header(name, value);
        }
        self.with_body(writer)
    }

    /// A request: in the dialog that a message of ours belongs to, or in none.
    fn request(&mut self, about: Option<&Message>) -> Vec<u8> {
        let methods = [
            "INVITE",
            "INVITE",
            "ACK",
            "BYE",
            "CANCEL",
            "UPDATE",
            "PRACK",
            "INFO",
            "OPTIONS",
            "REFER",
            "NOTIFY",
            "NOTIFY",
            "MESSAGE",
            "SUBSCRIBE",
            "REGISTER",
            "PUBLISH",
            "DANCE",
        ];
        let method = *self.dice.pick(&methods);
        let tag = |address: Option<trunkline_sip::message::NameAddr<'_>>| {
            address.and_then(|address| address.tag()).unwrap_or_default().to_owned()
        };
        let (call_id, ours, theirs) = match about {
            // Ours is the From of what we ask, and the To of what we answer.
            Some(message) if message.is_request() => {
                let theirs = Some(tag(message.to())).filter(|tag| !tag.is_empty());
                (
                    message.call_id().to_owned(),
                    tag(message.from()),
                    theirs.unwrap_or_else(|| String::from("a")),
                )
            }
            Some(message) => (message.call_id().to_owned(), tag(message.to()), tag(message.from())),
            None => {
                (format!("call-{}", self.dice.below(6)), String::new(), format!("t{}", self.dice.below(4)))
            }
        };
        let cseq = self.dice.below(12);
        let branch = format!("z9hG4bK-{method}-{cseq}-{}", self.dice.below(3));
        let number = self.dice.number();
        let mut writer = Writer::request(method, "sip:trunkline@192.0.2.1:5060")
            .header(Name::Via, format_args!("SIP/2.0/UDP 192.0.2.2:5060;rport;branch={branch}"))
            .header(Name::MaxForwards, 70)
            .header(Name::From, format_args!("<sip:them@192.0.2.2>;tag={theirs}"));
        writer = match ours.as_str() {
            "" => writer.header(Name::To, "<sip:us@192.0.2.1>"),
            tag => writer.header(Name::To, format_args!("<sip:us@192.0.2.1>;tag={tag}")),
        };
        writer = writer
            .header(Name::CallId, &call_id)
            .header(Name::CSeq, format_args!("{cseq} {method}"))
            .header(Name::Contact, "<sip:them@192.0.2.2>");
        let lines: [(&str, String); 16] = [
            ("Supported", String::from("100rel, timer, replaces")),
            ("Require", String::from("100rel")),
            ("Session-Expires", format!("{number};refresher=uas")),
            ("Min-SE", number.to_string()),
            ("RAck", format!("{} {} INVITE", number % 100, cseq)),
            ("Replaces", format!("{call_id};to-tag={ours};from-tag={theirs}")),
            ("Refer-To", String::from("<sip:desk@192.0.2.3?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>")),
            ("Refer-Sub", String::from("false")),
            ("Event", String::from("refer")),
            ("Event", format!("refer;id={cseq}")),
            ("Event", String::from("message-summary")),
            ("Subscription-State", format!("active;expires={number}")),
            ("Subscription-State", String::from("terminated;reason=noresource")),
            ("Record-Route", String::from("<sip:192.0.2.3:5070>")),
            (
                "Authorization",
                String::from(
                    "Digest username=\"u\", realm=\"r\", nonce=\"0\", uri=\"a\", response=\"0\", qop=auth, nc=00000001, cnonce=\"c\"",
                ),
            ),
            ("Allow", String::from("INVITE, ACK, BYE")),
        ];
        for _ in 0..self.dice.below(6) {
            let (name, value) = self.dice.pick(&lines);
            writer = writer.header(name, value);
        }
        self.with_body(writer)
    }

    fn with_body(&mut self, writer: Writer) -> Vec<u8> {
        match self.dice.below(5) {
            0 | 1 => writer.finish(),
            2 => writer.body("message/sipfrag;version=2.0", b"SIP/2.0 200 OK\r\n"),
            3 => writer.body("text/plain", b"hello"),
            _ => writer.body("application/sdp", b"v=0\r\n"),
        }
        .to_vec()
    }

    /// Takes all that is said and told.
    fn drain(&mut self) {
        let mut polled = 0;
        loop {
            polled += 1;
            assert!(polled < SAID_AT_ONCE_MAX, "it never comes to an end");
            if let Some(transmit) = self.ua.poll_transmit() {
                self.transcript.bytes(&format!("said to {}", transmit.path.remote), &transmit.payload);
                let message = Message::parse(transmit.payload).expect("what is sent can be read");
                assert!(!message.is_request() || message.defect().is_none(), "what we ask is sound");
                self.sent.push_back(message);
                if self.sent.len() > KEPT {
                    self.sent.pop_front();
                }
            } else if let Some(event) = self.ua.poll_event() {
                self.told(event);
            } else if let Some(query) = self.ua.poll_query() {
                self.queries.push(query.id);
            } else {
                return;
            }
        }
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::Incoming { id, .. } => {
                self.calls.push(id);
                assert!(self.ends.insert(id, 0).is_none(), "an id is new");
            }
            Event::Failed { id, .. } | Event::Ended { id, .. } => {
                let ends = self.ends.get_mut(&id).expect("it began");
                *ends += 1;
                assert_eq!(*ends, 1, "a call ends once");
                self.calls.retain(|call| *call != id);
            }
            Event::Unregistered { id, .. } => {
                let ends = self.unregistered.get_mut(&id).expect("it began");
                *ends += 1;
                assert_eq!(*ends, 1, "a registration ends once");
                self.registrations.retain(|registration| *registration != id);
            }
            _ => {}
        }
    }

    /// Everything is given up, nobody answers any more, and after a while nothing is left.
    fn come_to_rest(&mut self) {
        for id in self.calls.clone() {
            self.ua.hangup(self.now, id, None);
            self.drain();
        }
        for id in self.registrations.clone() {
            self.ua.unregister(self.now, id);
            self.drain();
        }
        for _ in 0..100_000 {
            while let Some(query) = self.queries.pop() {
                self.ua.handle_targets(self.now, query, Vec::new());
                self.drain();
            }
            let Some(at) = self.ua.poll_timeout() else { break };
            self.wake(at.max(self.now));
        }
        assert_eq!(self.ua.poll_timeout(), None, "its timers come to rest");
        assert_eq!(self.ua.pending(), 0, "nothing waits for an answer");
        assert!(self.ends.values().all(|ends| *ends == 1), "every call has ended: {:?}", self.ends);
        assert!(self.unregistered.values().all(|ends| *ends == 1), "every registration has ended");
        assert!(self.now - self.started < Duration::from_secs(60 * 24 * 3600), "in a reasonable time");
    }
}

fn sdp() -> Body {
    Body::sdp("v=0\r\n")
}
