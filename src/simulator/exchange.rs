//! Many simulated callees behind one address: a user agent and whoever it rings. Sans-IO, like the switch's own shard.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use trunkline_media::{Command as Media, Event as MediaEvent, LegId};
use trunkline_sip::{Config, Event as SipEvent, Incoming, InviteId, Path, Transmit, UserAgent};

use super::callee::{Callee, Context};
use super::persona::Persona;

/// What an exchange wants done with media legs.
pub enum Order {
    /// Open one for this callee; answer with [`Exchange::handle_opened`].
    Open {
        /// The callee.
        token: u64,
    },
    /// Give it a command.
    Command {
        /// Which leg.
        leg: LegId,
        /// What it should do.
        command: Box<Media>,
    },
}

/// Keys that are remembered.
const KEYS_MAX: usize = 1_000;

/// Simulated callees.
pub struct Exchange {
    agent: UserAgent,
    callees: HashMap<u64, Callee>,
    opens: VecDeque<u64>,
    media: VecDeque<(LegId, Media)>,
    next_token: u64,
    rung: u64,
    ended: u64,
    most_at_once: usize,
    rings: VecDeque<String>,
    keys: String,
}

impl Exchange {
    /// An exchange whose callees are chosen by the last digit of the number called (see [`Persona::of_number`]).
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            agent: UserAgent::new(config, seed),
            callees: HashMap::new(),
            opens: VecDeque::new(),
            media: VecDeque::new(),
            next_token: 1,
            rung: 0,
            ended: 0,
            most_at_once: 0,
            rings: VecDeque::new(),
            keys: String::new(),
        }
    }

    /// A SIP message came in.
    pub fn handle_message(&mut self, now: Instant, path: Path, message: Bytes) {
        self.agent.handle_message(now, path, message);
        self.drain_agent(now);
    }

    /// The leg asked for is open.
    pub fn handle_opened(&mut self, now: Instant, token: u64, leg: LegId, local: SocketAddr) {
        if self.callees.contains_key(&token) {
            self.with(now, token, |callee, cx| callee.handle_opened(cx, leg, local));
        } else {
            self.media.push_back((leg, Media::Close));
        }
        self.drain_agent(now);
    }

    /// A leg has something to tell.
    pub fn handle_media(&mut self, now: Instant, token: u64, event: &MediaEvent) {
        if let MediaEvent::Dtmf { digit, .. } = event {
            self.hear_key(Some(*digit));
        }
        self.with(now, token, |callee, cx| callee.handle_media(cx, event));
        self.drain_agent(now);
    }

    /// Time has come to what `poll_timeout` said.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        let due = |(token, callee): (&u64, &Callee)| callee.due().filter(|due| *due <= now).map(|_| *token);
        let due: Vec<u64> = self.callees.iter().filter_map(due).collect();
        for token in due {
            self.with(now, token, |callee, cx| callee.handle_timeout(cx));
        }
        self.drain_agent(now);
    }

    /// The next SIP message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.agent.poll_transmit()
    }

    /// The next thing to do for a leg.
    pub fn poll_order(&mut self) -> Option<Order> {
        if let Some(token) = self.opens.pop_front() {
            return Some(Order::Open { token });
        }
        self.media.pop_front().map(|(leg, command)| Order::Command { leg, command: Box::new(command) })
    }

    /// When `handle_timeout` wants to be called. Callees are few: they are looked through.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.callees.values().filter_map(Callee::due).chain(self.agent.poll_timeout()).min()
    }

    /// How many INVITEs rang here, and how many of them are over.
    pub fn tally(&self) -> (u64, u64) {
        (self.rung, self.ended)
    }

    /// The most callees that were called or talked to at the same time.
    pub fn most_at_once(&self) -> usize {
        self.most_at_once
    }

    /// The number of the next INVITE that rang.
    pub fn poll_ring(&mut self) -> Option<String> {
        self.rings.pop_front()
    }

    /// The keys that callers pressed, in their order; the first thousand.
    pub fn keys(&self) -> &str {
        &self.keys
    }

    /// How many callees are on hold.
    pub fn held(&self) -> usize {
        self.callees.values().filter(|callee| callee.is_held()).count()
    }

    fn hear_key(&mut self, digit: Option<char>) {
        if self.keys.len() < KEYS_MAX {
            self.keys.extend(digit);
        }
    }

    fn drain_agent(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            match event {
                SipEvent::Incoming { id, incoming } => self.ring(now, id, &incoming),
                SipEvent::Failed { token, .. } | SipEvent::Ended { token, .. } => self.over(token),
                SipEvent::Offer { token, body, .. } => {
                    self.with(now, token, |callee, cx| callee.handle_offer(cx, body.as_ref()));
                }
                SipEvent::Info { body: Some(body), .. } => {
                    self.hear_key(trunkline_sip::dtmf_of(&body).map(|(digit, _)| digit));
                }
                _ => {}
            }
        }
    }

    fn ring(&mut self, now: Instant, invite: InviteId, incoming: &Incoming) {
        let called = number(&incoming.uri);
        let Some((number, persona)) = called.and_then(|number| Some((number, Persona::of_number(number)?)))
        else {
            return self.agent.reject(now, invite, 404, Vec::new());
        };
        self.rings.push_back(number.to_owned());
        let token = self.next_token;
        self.next_token += 1;
        self.rung += 1;
        self.agent.adopt(invite, token);
        let offer = incoming.body.as_ref().map(|body| body.bytes.clone()).unwrap_or_default();
        let mut cx = Context { now, agent: &mut self.agent, media: &mut self.media };
        let callee = Callee::start(invite, persona, offer, &mut cx);
        if callee.wants_leg() {
            self.opens.push_back(token);
        }
        self.callees.insert(token, callee);
        self.most_at_once = self.most_at_once.max(self.callees.len());
    }

    fn over(&mut self, token: u64) {
        if let Some(callee) = self.callees.remove(&token) {
            self.ended += 1;
            if let Some(leg) = callee.leg() {
                self.media.push_back((leg, Media::Close));
            }
        }
    }

    fn with(&mut self, now: Instant, token: u64, input: impl FnOnce(&mut Callee, &mut Context<'_>)) {
        let Some(callee) = self.callees.get_mut(&token) else { return };
        let mut cx = Context { now, agent: &mut self.agent, media: &mut self.media };
        input(callee, &mut cx);
    }
}

/// The number in `sip:+15550100001@…`.
fn number(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    let (user, _) = rest.split_once('@')?;
    user.split(';').next()
}
