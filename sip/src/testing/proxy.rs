//! Two user agents with proxies between them, on a wire that loses nothing. A proxy does what RFC 3261 §16 asks and its script adds;
//! what passes at the agents' own doors is written down.

use super::*;

/// What a proxy does besides forwarding.
#[derive(Clone, Debug)]
pub enum Script {
    /// Nothing.
    Forward,
    /// It wants credentials for its realm in every INVITE.
    Challenge(&'static str),
    /// It answers every INVITE with this, and a further header line.
    Answer(u16, &'static str),
    /// It is dead.
    Silent,
    /// It rewrites these words, both ways: a gateway that stands in every address.
    Rewrite(&'static str, &'static str),
}

/// One proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Its address, as a URI's host and port.
    pub at: &'static str,
    pub script: Script,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Alice,
    Bob,
}

/// Alice, Bob, and the proxies from her to him.
pub struct World {
    pub alice: UserAgent,
    pub bob: UserAgent,
    pub proxies: Vec<Proxy>,
    pub now: Instant,
    pub events: Vec<(Side, Event)>,
    /// What passed at the agents' doors: `A> INVITE`, `B< INVITE`, `B> 180`.
    seen: Vec<String>,
}

pub const ALICE: &str = "192.0.2.101:5060";
pub const BOB: &str = "192.0.2.201:5060";

impl World {
    pub fn new(proxies: Vec<Proxy>) -> Self {
        let agent = |at: &str, seed| UserAgent::new(Config::new(address(at)), [seed; 32]);
        let (events, seen) = (Vec::new(), Vec::new());
        Self { alice: agent(ALICE, 1), bob: agent(BOB, 2), proxies, now: start(), events, seen }
    }

    /// Alice calls Bob by way of the first proxy.
    pub fn call(&mut self, invite: Invite) -> InviteId {
        let id = self.alice.invite(self.now, invite).expect("there is room");
        self.run();
        id
    }

    /// Carries until nothing more is said.
    pub fn run(&mut self) {
        for _ in 0..1_000 {
            if let Some(transmit) = self.alice.poll_transmit() {
                self.leave(Side::Alice, &transmit);
            } else if let Some(transmit) = self.bob.poll_transmit() {
                self.leave(Side::Bob, &transmit);
            } else if let Some(event) = self.alice.poll_event() {
                self.events.push((Side::Alice, event));
            } else if let Some(event) = self.bob.poll_event() {
                self.events.push((Side::Bob, event));
            } else {
                return;
            }
        }
        panic!("they never come to rest: {:#?}", self.seen);
    }

    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        loop {
            let due = [self.alice.poll_timeout(), self.bob.poll_timeout()].into_iter().flatten().min();
            let Some(at) = due.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.alice.handle_timeout(self.now);
            self.bob.handle_timeout(self.now);
            self.run();
        }
        self.now = until;
    }

    /// What passed since the last time.
    pub fn seen(&mut self) -> String {
        std::mem::take(&mut self.seen).join(", ")
    }

    /// Bob's call, from the event that told of it.
    #[track_caller]
    pub fn ringing(&mut self) -> InviteId {
        let at = self.events.iter().position(|(_, event)| matches!(event, Event::Incoming { .. }));
        match self.events.remove(at.expect("Bob is called")) {
            (Side::Bob, Event::Incoming { id, .. }) => id,
            other => panic!("not Bob's: {other:?}"),
        }
    }

    /// The last that Alice was told.
    #[track_caller]
    pub fn told(&mut self) -> Event {
        let at =
            self.events.iter().rposition(|(side, _)| *side == Side::Alice).expect("Alice was told something");
        self.events.remove(at).1
    }

    /// A message leaves an agent, and passes the proxies on its way.
    fn leave(&mut self, from: Side, transmit: &Transmit) {
        let message = Message::parse(transmit.payload.clone()).expect("what we send can be read");
        let letter = if from == Side::Alice { 'A' } else { 'B' };
        self.seen.push(format!("{letter}> {}", name(&message)));
        let to = transmit.path.remote;
        let passed: Vec<Proxy> = match message.is_request() {
            true => {
                let first = self.proxies.iter().position(|proxy| address(proxy.at) == to);
                match (first, from) {
                    (Some(first), Side::Alice) => self.proxies[first..].to_vec(),
                    (Some(first), Side::Bob) => {
                        // Those that asked to stay in the path.
                        let routes: Vec<&str> = message.values(Name::Route).collect();
                        let stands = |proxy: &&Proxy| routes.iter().any(|route| route.contains(proxy.at));
                        self.proxies[..=first].iter().rev().filter(stands).cloned().collect()
                    }

                    (None, _) => Vec::new(),
                }
            }
            // The way back is in the Vias.
            false => {
                let vias: Vec<&str> = message.values(Name::Via).collect();
                let stands = |proxy: &&Proxy| vias.iter().any(|via| via.contains(proxy.at));
                self.proxies.iter().filter(stands).cloned().collect()
            }
        };
        match message.is_request() {
            true => self.forward(from, to, &passed, latin(message.as_bytes())),
            false => {
                let text = passed.iter().fold(latin(message.as_bytes()), |text, proxy| {
                    proxy.rewrite(without_line(&text, &format!("Via: SIP/2.0/UDP {}", proxy.at)))
                });
                self.arrive(other(from), if passed.is_empty() { transmit_from(from) } else { to }, text);
            }
        }
    }

    fn forward(&mut self, from: Side, first: SocketAddr, passed: &[Proxy], mut text: String) {
        for (at, proxy) in passed.iter().enumerate() {
            let request =
                Message::parse(Bytes::from(text.clone())).expect("what a proxy forwards can be read");
            let is_invite = request.method() == Some(Method::Invite);
            if let Script::Silent = proxy.script {
                return;
            }
            if let Some(answer) = proxy.answer(&request).filter(|_| from == Side::Alice) {
                // What it says goes back the way it came; its ACK ends here.
                let back = passed[..at].iter().fold(latin(&answer), |text, before| {
                    without_line(&text, &format!("Via: SIP/2.0/UDP {}", before.at))
                });
                return self.arrive(from, first, back);
            }
            if proxy.swallows(&request) && from == Side::Alice {
                return;
            }
            if is_invite && at == 0 {
                let trying = Writer::response_to(&request, transmit_from(from), 100, "", None).finish();
                self.arrive(from, first, latin(&trying));
            }
            text = proxy.rewrite(proxy.pass(&request, &text));
        }
        let source = passed.last().map_or(transmit_from(from), |proxy| address(proxy.at));
        self.arrive(other(from), source, text);
    }

    fn arrive(&mut self, at: Side, source: SocketAddr, text: String) {
        let message = Message::parse(Bytes::from(text.clone())).expect("what arrives can be read");
        let (agent, local, letter) = match at {
            Side::Alice => (&mut self.alice, ALICE, 'A'),
            Side::Bob => (&mut self.bob, BOB, 'B'),
        };
        self.seen.push(format!("{letter}< {}", name(&message)));
        agent.handle_message(self.now, Path::udp(address(local), source), Bytes::from(text));
    }
}

impl Proxy {
    pub fn new(at: &'static str) -> Self {
        Self { at, script: Script::Forward }
    }

    pub fn with(at: &'static str, script: Script) -> Self {
        Self { at, script }
    }

    /// What it answers itself.
    fn answer(&self, request: &Message) -> Option<Bytes> {
        if request.method() != Some(Method::Invite) || request.to().is_some_and(|to| to.tag().is_some()) {
            return None;
        }
        let (status, name, value) = match self.script {
            Script::Challenge(realm) if !self.is_satisfied(request) => {
                let challenge =
                    format!("Digest realm=\"{realm}\", qop=\"auth\", nonce=\"{realm}-1\", opaque=\"\"");
                (407, "Proxy-Authenticate", challenge)
            }
            Script::Answer(status, line) => {
                let (name, value) = line.split_once(": ").unwrap_or(("X-None", "x"));
                (status, name, value.to_owned())
            }
            _ => return None,
        };
        let response = Writer::response_to(request, address(ALICE), status, "", Some("proxy"));
        Some(response.header(name, value).finish())
    }

    /// Whether the request bears right credentials for this proxy's realm.
    fn is_satisfied(&self, request: &Message) -> bool {
        let Script::Challenge(realm) = self.script else { return true };
        let line = format!("Digest realm=\"{realm}\", qop=\"auth\", nonce=\"{realm}-1\"");
        let Some(challenge) = crate::digest::Challenge::parse_line(&line).pop() else { return false };
        let mut answers = request.lines(Name::ProxyAuthorization).filter_map(crate::digest::Answer::parse);
        answers.any(|answer| answer.verify(&challenge, &credentials(), "INVITE", request.body()))
    }

    /// The ACK of what it answered itself.
    fn swallows(&self, request: &Message) -> bool {
        request.method() == Some(Method::Ack) && request.to().is_some_and(|to| to.tag() == Some("proxy"))
    }

    /// A request passes: one Via more, one Max-Forwards and its own Route less, and a Record-Route where a dialog may begin.
    fn pass(&self, request: &Message, text: &str) -> String {
        let branch = format!("{}{}", branch(request), self.at.replace([':', '.'], ""));
        let mut lines = format!("Via: SIP/2.0/UDP {};branch={branch}\r\n", self.at);
        let begins =
            request.method() == Some(Method::Invite) && request.to().is_some_and(|to| to.tag().is_none());
        if begins {
            lines.push_str(&format!("Record-Route: <sip:{};lr>\r\n", self.at));
        }
        let text = without_line(text, &format!("Route: <sip:{};lr>", self.at));
        let (start, rest) = text.split_once("\r\n").expect("a start line");
        let hops = request.header(Name::MaxForwards).and_then(|hops| hops.parse::<u8>().ok()).expect("hops");
        let rest =
            rest.replace(&format!("Max-Forwards: {hops}\r\n"), &format!("Max-Forwards: {}\r\n", hops - 1));
        format!("{start}\r\n{lines}{rest}")
    }

    fn rewrite(&self, text: String) -> String {
        match self.script {
            Script::Rewrite(from, to) if text.contains(from) => text.replace(from, to),
            _ => text,
        }
    }
}

fn other(side: Side) -> Side {
    if side == Side::Alice { Side::Bob } else { Side::Alice }
}

fn transmit_from(side: Side) -> SocketAddr {
    address(if side == Side::Alice { ALICE } else { BOB })
}

/// The text without its first line that begins so.
fn without_line(text: &str, start: &str) -> String {
    let mut found = false;
    let kept = text.split_inclusive("\r\n").filter(|line| {
        let is_it = !found && line.starts_with(start);
        found |= is_it;
        !is_it
    });
    kept.collect()
}

fn name(message: &Message) -> String {
    match message.status() {
        Some(status) => status.to_string(),
        None => message.method_token().unwrap_or_default().to_owned(),
    }
}
