//! Stories about user agents, on a virtual clock. A [`Lone`] agent talks with a peer that the story plays by hand; a
//! [`pair::Pair`] of agents talks over a wire that loses, repeats and disorders as its seed says.

mod auth;
mod call_flows;
mod cancel;
mod dialogs;
mod extensions;
mod flows;
mod forks;
mod growing;
mod guarding;
mod hostile;
mod incoming;
mod nexthops;
mod notices;
mod offers;
mod pair;
mod proxy;
mod referral;
mod registration;
mod reliable;
mod requests;
mod secrets;
mod sessions;
mod uac;
mod unreached;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::{Body, Config, Invite, Reliable};
use crate::event::{Event, Failure, InviteId};
use crate::message::{Message, Method, Name, Writer};
use crate::user_agent::UserAgent;
use crate::{Credentials, End, FlowLost, Path, Target, Transmit, TransportError};

pub const T1: Duration = Duration::from_millis(500);
pub const T4: Duration = Duration::from_secs(5);
/// What the owner of every outgoing call says.
pub const TOKEN: u64 = 7;

pub const OURS: &str = "10.0.0.1:5060";
pub const PEER: &str = "10.0.0.2:5060";

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address literal")
}

pub fn udp(text: &str) -> Target {
    Target::udp(address(text))
}

#[expect(clippy::disallowed_methods, reason = "a story needs some instant to count from")]
pub fn start() -> Instant {
    Instant::now()
}

/// One user agent, and a peer played by hand.
pub struct Lone {
    pub ua: UserAgent,
    start: Instant,
    pub now: Instant,
    sent: VecDeque<Transmit>,
    pub events: VecDeque<Event>,
}

impl Lone {
    pub fn new() -> Self {
        Self::with(Config::new(address(OURS)))
    }

    pub fn with(config: Config) -> Self {
        let start = start();
        let ua = UserAgent::new(config, [7; 32]);
        Self { ua, start, now: start, sent: VecDeque::new(), events: VecDeque::new() }
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub fn drain(&mut self) {
        while let Some(transmit) = self.ua.poll_transmit() {
            self.sent.push_back(transmit);
        }
        while let Some(event) = self.ua.poll_event() {
            self.events.push_back(event);
        }
    }

    /// Lets time pass, stopping wherever the agent wants to be woken.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(at) = self.ua.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.ua.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    /// The peer sends bytes.
    pub fn hear(&mut self, bytes: impl Into<Bytes>) {
        self.hear_from(PEER, bytes);
    }

    pub fn hear_from(&mut self, source: &str, bytes: impl Into<Bytes>) {
        let path = Path::udp(address(OURS), address(source));
        self.ua.handle_message(self.now, path, bytes.into());
        self.drain();
    }

    /// The peer sends bytes by another way.
    pub fn hear_by(&mut self, path: Path, bytes: impl Into<Bytes>) {
        self.ua.handle_message(self.now, path, bytes.into());
        self.drain();
    }

    /// A connection breaks.
    pub fn lose(&mut self, path: Path, error: TransportError) {
        self.ua.handle_flow_lost(self.now, &FlowLost { path, error });
        self.drain();
    }

    /// An ICMP error comes back from some address.
    pub fn unreached(&mut self, remote: &str) {
        self.lose(Path::udp(address(OURS), address(remote)), TransportError::Refused);
    }

    /// The next message that left, and where to.
    #[track_caller]
    pub fn sent_to(&mut self) -> (SocketAddr, Message) {
        let (transmit, message) = self.sent_by();
        (transmit.path.remote, message)
    }

    /// The next message that left, and by which way.
    #[track_caller]
    pub fn sent_by(&mut self) -> (Transmit, Message) {
        self.drain();
        let transmit = self.sent.pop_front().expect("a message left");
        let message = Message::parse(transmit.payload.clone()).expect("what we send can be read");
        assert_eq!(message.defect(), None, "what we send is sound");
        (transmit, message)
    }

    #[track_caller]
    pub fn sent(&mut self) -> Message {
        self.sent_to().1
    }

    /// The next message that left, which must be this request.
    #[track_caller]
    pub fn sent_request(&mut self, method: Method) -> Message {
        let message = self.sent();
        assert_eq!(message.method(), Some(method), "{}", text(&message));
        message
    }

    /// The next message that left, which must be this response.
    #[track_caller]
    pub fn sent_response(&mut self, status: u16) -> Message {
        let message = self.sent();
        assert_eq!(message.status(), Some(status), "{}", text(&message));
        message
    }

    #[track_caller]
    pub fn sent_nothing(&mut self) {
        self.drain();
        let left: Vec<String> = self.sent.iter().map(|transmit| latin(&transmit.payload)).collect();
        assert!(left.is_empty(), "nothing was to leave: {left:#?}");
    }

    #[track_caller]
    pub fn event(&mut self) -> Event {
        self.drain();
        self.events.pop_front().expect("something happened")
    }

    #[track_caller]
    pub fn no_event(&mut self) {
        self.drain();
        assert!(self.events.is_empty(), "nothing was to happen: {:#?}", self.events);
    }

    #[track_caller]
    pub fn failure(&mut self) -> Failure {
        match self.event() {
            Event::Failed { failure, .. } => failure,
            event => panic!("not a failure: {event:?}"),
        }
    }

    #[track_caller]
    pub fn ended(&mut self) -> End {
        match self.event() {
            Event::Ended { end, .. } => end,
            event => panic!("not an end: {event:?}"),
        }
    }

    #[track_caller]
    pub fn answered(&mut self) -> crate::DialogState {
        match self.event() {
            Event::Answered { dialog, .. } => dialog,
            event => panic!("not an answer: {event:?}"),
        }
    }

    /// Calls the peer, and gives the INVITE that left.
    #[track_caller]
    pub fn call(&mut self, invite: Invite) -> (InviteId, Message) {
        let id = self.ua.invite(self.now, invite).expect("there is room");
        let request = self.sent_request(Method::Invite);
        (id, request)
    }

    /// Calls the peer, which rings, and hangs up. Gives the INVITE that was cancelled.
    #[track_caller]
    pub fn quit(&mut self) -> Message {
        let (id, request) = self.call(invite());
        self.hear(respond(&request, 180, "callee"));
        self.event();
        self.ua.hangup(self.now, id, None);
        self.sent_request(Method::Cancel);
        request
    }

    /// Calls the peer, which answers with 200 at once.
    #[track_caller]
    pub fn talk(&mut self) -> (InviteId, Message) {
        let (id, request) = self.call(invite());
        self.hear(respond(&request, 200, "callee"));
        self.sent_request(Method::Ack);
        self.answered();
        (id, request)
    }

    /// Nothing is left: no usage, request, transaction or timer.
    #[track_caller]
    pub fn is_empty(&mut self) {
        let left = (
            self.ua.usages.len(),
            self.ua.requests.len() + self.ua.registrations.len(),
            self.ua.layer.len(),
            self.ua.layer.timers(),
            self.ua.live,
        );
        assert_eq!(left, (0, 0, 0, 0, 0), "usages, requests and registrations, transactions, timers, live");
    }
}

pub fn invite() -> Invite {
    Invite {
        token: TOKEN,
        uri: format!("sip:callee@{PEER}"),
        from: String::from("\"Trunk\" <sip:caller@10.0.0.1>"),
        to: String::from("<sip:callee@10.0.0.2>"),
        route: None,
        credentials: None,
        tls: None,
        headers: Vec::new(),
        body: Some(Body::sdp("v=0 offer")),
        call_id: None,
        tap: false,
        reliable: Reliable::Off,
        session: None,
    }
}

pub fn credentials() -> std::sync::Arc<Credentials> {
    std::sync::Arc::new(Credentials::new("user", "secret"))
}

/// The peer's response to a request of ours, with its Contact and, above 199, a body.
pub fn respond(request: &Message, status: u16, tag: &str) -> Bytes {
    respond_with(request, status, tag, &[])
}

/// As [`respond_with`], with this body whatever the status.
pub fn respond_saying(
    request: &Message,
    status: u16,
    tag: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Bytes {
    let mut writer = Writer::response_to(request, address(OURS), status, "", Some(tag))
        .header(Name::Contact, format_args!("<sip:{tag}@{PEER}>"));
    for (name, value) in headers {
        writer = writer.header(*name, value);
    }
    writer.body("application/sdp", body.as_bytes())
}

pub fn respond_with(request: &Message, status: u16, tag: &str, headers: &[(&str, &str)]) -> Bytes {
    let mut writer = Writer::response_to(request, address(OURS), status, "", Some(tag));
    if (101..300).contains(&status) && request.method() == Some(Method::Invite) {
        writer = writer.header(Name::Contact, format_args!("<sip:{tag}@{PEER}>"));
    }
    for (name, value) in headers {
        writer = writer.header(*name, value);
    }
    match status {
        200..=299 if request.method() == Some(Method::Invite) => {
            writer.body("application/sdp", b"v=0 answer")
        }
        _ => writer.finish(),
    }
}

/// A request of the peer's, out of its hand.
pub struct Ask {
    pub method: &'static str,
    pub uri: String,
    pub branch: String,
    pub call_id: String,
    pub from_tag: String,
    pub to_tag: Option<String>,
    pub cseq: u32,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<&'static str>,
}

impl Ask {
    pub fn new(method: &'static str) -> Self {
        Self {
            method,
            uri: format!("sip:trunkline@{OURS}"),
            branch: format!("z9hG4bK-{method}-1"),
            call_id: String::from("peers-call"),
            from_tag: String::from("peer"),
            to_tag: None,
            cseq: 1,
            headers: vec![("Contact", format!("<sip:peer@{PEER}>"))],
            body: None,
        }
    }

    /// A request in the dialog that our INVITE made.
    pub fn within(method: &'static str, invite: &Message, tag: &str, cseq: u32) -> Self {
        let local =
            invite.from().and_then(|from| from.tag()).unwrap_or_else(|| panic!("our tag: {}", text(invite)));
        Self {
            branch: format!("z9hG4bK-{method}-{cseq}"),
            call_id: invite.call_id().to_owned(),
            from_tag: tag.to_owned(),
            to_tag: Some(local.to_owned()),
            cseq,
            ..Self::new(method)
        }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn bytes(&self) -> Bytes {
        let mut writer = Writer::request(self.method, &self.uri)
            .header(Name::Via, format_args!("SIP/2.0/UDP {PEER};rport;branch={}", self.branch))
            .header(Name::MaxForwards, 70)
            .header(Name::From, format_args!("<sip:peer@10.0.0.2>;tag={}", self.from_tag));
        writer = match &self.to_tag {
            Some(tag) => writer.header(Name::To, format_args!("<sip:us@10.0.0.1>;tag={tag}")),
            None => writer.header(Name::To, "<sip:us@10.0.0.1>"),
        };
        writer = writer
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, format_args!("{} {}", self.cseq, self.method));
        for (name, value) in &self.headers {
            writer = writer.header(*name, value);
        }
        match self.body {
            Some(body) => writer.body("application/sdp", body.as_bytes()),
            None => writer.finish(),
        }
    }
}

pub fn text(message: &Message) -> String {
    latin(message.as_bytes())
}

fn latin(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn branch(message: &Message) -> String {
    message.top_via().and_then(|via| via.branch()).expect("a branch").to_owned()
}

pub fn to_tag(message: &Message) -> String {
    message.to().and_then(|to| to.tag()).unwrap_or_default().to_owned()
}

pub fn from_tag(message: &Message) -> String {
    message.from().and_then(|from| from.tag()).unwrap_or_default().to_owned()
}
