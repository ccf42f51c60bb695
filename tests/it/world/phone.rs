//! A telephone behind the trunk that calls in, and what it does with its calls: leaves, asks for a transfer, takes one over.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_media::{Capabilities, sdp::Local, srtp::Secret};
use trunkline_sip::{
    Body, Config, DialogState, Event, Invite, InviteId, Path, Refer, Reliable, Transmit, UserAgent,
};

/// What it does with a call that was answered.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// Stays until the other side hangs up.
    Stays,
    /// Hangs up.
    HangsUp,
    /// Asks to be replaced by this number, and waits for how it goes.
    Refers(&'static str),
    /// Asks for it and hangs up at once, as some do.
    RefersAndLeaves(&'static str),
    /// Calls again, to take its own call's place.
    Replaces,
    /// Puts the other side on hold, and does this afterwards.
    Holds(&'static Deed),
}

pub struct Phone {
    agent: UserAgent,
    calls: HashMap<u64, (InviteId, Deed, Option<DialogState>)>,
    /// How it describes itself in each of them.
    locals: HashMap<u64, Local>,
    due: Vec<(Instant, u64)>,
    next: u64,
    began: u64,
    ended: u64,
    /// How its transfers went.
    told: Vec<u16>,
    /// Whose place it was asked to take, at which URI.
    replaced: Vec<(String, String)>,
}

/// Its number.
pub const NUMBER: &str = "+15550109999";
/// So long after the answer it does what it does.
const LATER: Duration = Duration::from_millis(1_500);

impl Phone {
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            agent: UserAgent::new(config, seed),
            calls: HashMap::new(),
            locals: HashMap::new(),
            due: Vec::new(),
            next: 1,
            began: 0,
            ended: 0,
            told: Vec::new(),
            replaced: Vec::new(),
        }
    }

    /// Calls, and does this with the call.
    pub fn call(&mut self, now: Instant, uri: &str, deed: Deed, replaces: Option<String>) {
        let (token, mut local) = self.next_call();
        let headers = replaces.map(|value| ("Replaces".to_owned(), value)).into_iter().collect();
        let invite = Invite {
            token,
            uri: uri.to_owned(),
            from: format!("<sip:{NUMBER}@192.0.2.4>"),
            to: format!("<{uri}>"),
            route: None,
            credentials: None,
            tls: None,
            headers,
            body: Some(Body::sdp(local.offer().0.to_bytes())),
            call_id: None,
            tap: false,
            reliable: Reliable::default(),
            session: None,
        };
        let id = self.agent.invite(now, invite).expect("a phone has room");
        self.began += 1;
        self.calls.insert(token, (id, deed, None));
        self.locals.insert(token, local);
    }

    /// Puts the other side of its latest call on hold, or takes it back.
    pub fn hold(&mut self, now: Instant, on: bool) {
        self.offer_to_hold(now, self.next - 1, on);
        self.drain(now);
    }

    /// Calls that began, and calls that ended.
    pub fn tally(&self) -> (u64, u64) {
        (self.began, self.ended)
    }

    /// Whose place it was asked to take.
    pub fn replaced(&self) -> &[(String, String)] {
        &self.replaced
    }

    /// What it was told of its transfers.
    pub fn told(&self) -> &[u16] {
        &self.told
    }

    pub fn handle_message(&mut self, now: Instant, path: Path, message: Bytes) {
        self.agent.handle_message(now, path, message);
        self.drain(now);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.due).into_iter().partition(|(at, _)| *at <= now);
        self.due = later;
        for (_, token) in due {
            self.act(now, token);
        }
        self.drain(now);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.iter().map(|(at, _)| *at).chain(self.agent.poll_timeout()).min()
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.agent.poll_transmit()
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            match event {
                Event::Answered { token, dialog, .. } => {
                    if let Some((_, _, known)) = self.calls.get_mut(&token) {
                        *known = Some(dialog);
                        self.due.push((now + LATER, token));
                    }
                }
                Event::Ended { token, .. } | Event::Failed { token, .. } => {
                    assert!(self.calls.remove(&token).is_some(), "ended twice");
                    self.ended += 1;
                }
                Event::Incoming { id, incoming } => self.answer(now, id, incoming.body.as_ref()),
                Event::Offer { id, .. } => self.agent.refuse_offer(now, id, 488),
                Event::Refer { id, refer_to, replaces, .. } => {
                    self.replaced.extend(replaces.map(|replaces| (refer_to, replaces.call_id)));
                    self.agent.accept_refer(now, id);
                    self.agent.notify_refer(now, id, 200, "");
                }
                Event::ReferProgress { status, .. } => self.told.push(status),
                _ => {}
            }
        }
    }

    /// It answers at once, and stays.
    fn answer(&mut self, now: Instant, id: InviteId, offer: Option<&Body>) {
        let (token, mut local) = self.next_call();
        let offer = offer.and_then(Body::session).expect("the switch offers");
        let (answer, ..) = local.answer(offer).expect("what the switch offers can be met");
        self.agent.adopt(id, token);
        self.agent.answer(now, id, Body::sdp(answer));
        self.began += 1;
        self.calls.insert(token, (id, Deed::Stays, None));
        self.locals.insert(token, local);
    }

    fn next_call(&mut self) -> (u64, Local) {
        let token = self.next;
        self.next += 1;
        let rtp = "192.0.2.4:20000".parse().expect("an address");
        (token, Local::new(rtp, token, Capabilities::default(), Secret::new([9; 32])))
    }

    fn offer_to_hold(&mut self, now: Instant, token: u64, on: bool) {
        let ((id, ..), local) = (&self.calls[&token], self.locals.get_mut(&token).expect("it has called"));
        local.hold(on);
        let offer = Body::sdp(local.offer().0.to_bytes());
        assert!(self.agent.offer(now, *id, offer), "nothing else is being offered");
    }

    fn act(&mut self, now: Instant, token: u64) {
        let Some((id, deed, Some(dialog))) = self.calls.get(&token).cloned() else { return };
        let refer = |number: &str| {
            let to = format!("sip:{number}@192.0.2.2");
            Refer { to, replaces: None, referred_by: None, subscribe: true }
        };
        match deed {
            Deed::Stays => {}
            Deed::HangsUp => self.agent.hangup(now, id, None),
            Deed::Refers(number) => assert!(self.agent.refer(now, id, refer(number))),
            Deed::RefersAndLeaves(number) => {
                assert!(self.agent.refer(now, id, refer(number)));
                self.calls.insert(token, (id, Deed::HangsUp, Some(dialog)));
                self.due.push((now + LATER, token));
            }
            Deed::Holds(then) => {
                self.offer_to_hold(now, token, true);
                self.calls.insert(token, (id, *then, Some(dialog)));
                self.due.push((now + LATER, token));
            }
            Deed::Replaces => {
                let DialogState { call_id, local_tag, remote_tag, .. } = dialog;
                let value = format!("{call_id};to-tag={remote_tag};from-tag={local_tag}");
                self.call(now, super::OURS, Deed::HangsUp, Some(value));
            }
        }
    }
}
