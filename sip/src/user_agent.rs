//! The user agent: owns every transaction and dialog, takes messages and time, and gives messages and events.
//! Knows nothing of sockets, clocks or SDP.

mod door;
mod orders;
mod refusal;
mod unreached;

pub use orders::Authentication;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rand::Rng;

use crate::config::{Body, Config, Invite, OptionsRequest, Trust};
use crate::event::{Asker, DialogState, Event, InviteId, Query, QueryId, RequestId};

use crate::arena::Arena;
use crate::counters::Counters;
use crate::digest::{Credentials, Guard};
use crate::error::Error;
use crate::invite::{Calling, Phase, Usage, session_timer};
use crate::message::{Method, NameAddr};
use crate::path::{Flow, FlowLost, Path, Protocol, Target, Transmit};
use crate::reason::Reason;
use crate::registration::Registration;
use crate::request::{Purpose, Request};
use crate::targets::{Hop, Targets, hop, is_line_safe};
use crate::tls::ClientTls;
use crate::transaction::{Lapse, Layer, Minted, Owner};

/// A SIP user agent (RFC 3261), UAC and UAS. Feed it, then drain every `poll_*` to `None`.
///
/// Whoever owns it ends what rings for too long, with `hangup`; all else that can last forever on the network's side has a
/// timer here.
pub struct UserAgent {
    pub(crate) layer: Layer,
    pub(crate) usages: Arena<Usage>,
    pub(crate) requests: Arena<Request>,
    pub(crate) registrations: Arena<Registration>,
    pub(crate) guard: Guard,
    /// Usages whose owner has not been told of their end.
    pub(crate) live: usize,
    queries: VecDeque<Query>,
}

impl UserAgent {
    /// A user agent with nothing to do. All its randomness comes from `seed`.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut layer = Layer::new(config, seed);
        Self {
            guard: Guard::new(layer.rng.random()),
            layer,
            usages: Arena::new(),
            requests: Arena::new(),
            registrations: Arena::new(),
            live: 0,
            queries: VecDeque::new(),
        }
    }

    /// One message came in by `path`.
    pub fn handle_message(&mut self, now: Instant, path: Path, message: Bytes) {
        self.layer.heard(&path);
        self.receive(now, path, message);
    }

    /// Where a queried host is to be reached, best first; none if it could not be resolved. What was silent lately is tried last.
    pub fn handle_targets(&mut self, now: Instant, query: QueryId, mut targets: Vec<Target>) {
        self.layer.put_silent_last(now, &mut targets);
        match query.0 {
            Asker::Invite(key) => self.call_targets(now, key, targets),
            Asker::Request(key) => self.request_targets(now, key, targets),
            Asker::Ack(key) => self.ack_targets(now, key, &targets),
            Asker::Asked(key, number) => self.asked_targets(now, key, number, targets),
            Asker::Nobody => {}
        }
    }

    /// A connection was lost, or could not be made: what waits for something on it goes elsewhere or fails at once. Dialogs
    /// live on, and open another for their next request. Of datagrams that do not arrive, what was never heard of goes elsewhere.
    pub fn handle_flow_lost(&mut self, now: Instant, lost: &FlowLost) {
        if lost.path.flow == Flow::Datagrams {
            return self.handle_unreached(now, lost);
        }
        if lost.error.is_nobody() {
            self.layer.unheard_by(now, &lost.path);
        }
        self.registrations_severed(now, lost);
        if !self.layer.is_used(&lost.path) {
            return;
        }
        for severed in self.layer.sever_clients(now, &lost.path) {
            self.tell_severed(now, severed, &lost.error);
        }
        self.sever_acks(now, &lost.path);
        if let Flow::Accepted(_) = lost.path.flow {
            self.layer.sever_servers(now, &lost.path);
            self.sever_answers(&lost.path);
        }
    }

    /// Hears others from now on.
    pub fn trust(&mut self, trust: Trust) {
        self.layer.config.trust = trust;
    }

    /// Time has come to what `poll_timeout` said, or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(lapse) = self.layer.expire(now) {
            match lapse {
                Lapse::TimedOut(Owner::Invite(key), from) => {
                    self.asked_timed_out(now, key, from);
                    self.invite_timed_out(now, key, from);
                    self.invite_done(key, from);
                }
                Lapse::TimedOut(Owner::Request(key), from) => self.request_timed_out(now, key, from),
                Lapse::Stalled(Owner::Invite(key), from) => self.invite_stalled(now, key, from),
                Lapse::Done(Owner::Invite(key), from) => self.invite_done(key, from),
                Lapse::Usage(key) => self.usage_woken(now, key),
                Lapse::Registration(key) => self.registration_due(now, key),
                Lapse::Referral(key) => self.referral_due(now, key),
                Lapse::TimedOut(Owner::Nobody, _) | Lapse::Stalled(..) | Lapse::Done(..) => {}
            }
        }
    }

    /// The next message that wants to leave.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.layer.poll_transmit()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.layer.events.pop_front()
    }

    /// The next host to resolve. A literal address needs no question. Every query wants its `handle_targets`.
    pub fn poll_query(&mut self) -> Option<Query> {
        self.queries.pop_front()
    }

    /// When `handle_timeout` wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.layer.poll_timeout()
    }

    /// Starts a call. After this returned an id, exactly one `Failed` or `Ended` comes for it.
    ///
    /// # Errors
    /// `Overloaded` at a maximum; `Uri` or `Header` for what cannot be put into a message.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<InviteId, Error> {
        let hop = usable_hop(&invite.uri, invite.route.as_deref())?;
        check_name_addr(&invite.from)?;
        check_name_addr(&invite.to)?;
        if let Some(call_id) = &invite.call_id {
            check_word(call_id)?;
        }
        let max = self.layer.config.invites_max;
        if self.live >= max {
            self.layer.counters.overloaded += 1;
            return Err(Error::Overloaded { what: "invites", max });
        }
        self.layer.admit()?;
        let call_id = invite.call_id.clone().unwrap_or_else(|| self.layer.random_word());
        let Self { layer, usages, .. } = self;
        let key = usages.insert_with(|key| {
            let tag = Minted::new(layer.config.shard, key, &mut layer.rng);
            let mut usage = Usage::new(invite.token, tag);
            usage.tap = invite.tap.then_some(invite.token);
            usage.credentials.clone_from(&invite.credentials);
            usage.tls.clone_from(&invite.tls);
            usage.is_caller = true;
            usage.wish = invite.session.as_ref().map(session_timer::Wish::new);
            usage.local.clone_from(&invite.body);
            usage.phase = Phase::Calling(Box::new(Calling::new(invite, call_id, Targets::of(&hop))));
            usage
        });
        self.live += 1;
        self.layer.counters.invites_out += 1;
        self.locate(now, Asker::Invite(key), hop);
        Ok(InviteId(key))
    }

    /// Ends a call as its state asks: CANCEL (deferred until something provisional came), BYE (deferred until the ACK of our
    /// answer came), or 480 for a call we have not answered. An answer that races the CANCEL is ACKed and ended. A dead id is
    /// ignored.
    pub fn hangup(&mut self, now: Instant, id: InviteId, reason: Option<Reason>) {
        match self.usages.get(id.0).map(|usage| &usage.phase) {
            Some(Phase::Calling(_)) => self.cancel_invite(now, id.0, reason),
            Some(Phase::Ringing(_)) => self.hangup_ringing(now, id.0, reason.as_ref()),
            Some(Phase::Talking(_)) => self.hangup_talking(now, id.0, reason),
            Some(Phase::Over) | None => {}
        }
    }

    /// Whether anything at all has come back for a call of ours, be it 100. A dead id is heard.
    #[must_use]
    pub fn is_heard(&self, id: InviteId) -> bool {
        match self.usages.get(id.0).map(|usage| &usage.phase) {
            Some(Phase::Calling(calling)) => calling.heard,
            _ => true,
        }
    }

    /// Gives an incoming call its owner's word.
    pub fn adopt(&mut self, id: InviteId, token: u64) {
        if let Some(usage) = self.usages.get_mut(id.0) {
            usage.token = token;
        }
    }

    /// The owner's word of a call that lives.
    #[must_use]
    pub fn token(&self, id: InviteId) -> Option<u64> {
        self.usages.get(id.0).map(|usage| usage.token)
    }

    /// A provisional response, 101 to 199, to an incoming call: sent again until its PRACK comes if it is to go `reliably` and
    /// the caller can do that (RFC 3262). SDP that goes reliably is the answer, and need not be said again. To an INVITE without an
    /// offer the first one goes reliably only with SDP (§5); without it, whoever requires reliability hears nothing but the 100.
    pub fn progress(&mut self, now: Instant, id: InviteId, status: u16, body: Option<Body>, reliably: bool) {
        if (101..200).contains(&status) {
            self.ring(now, id.0, status, body, reliably);
        }
    }

    /// Answers an incoming call: 200, sent again until the ACK comes (RFC 3261 §13.3.1.4).
    pub fn answer(&mut self, now: Instant, id: InviteId, body: Body) {
        self.pick_up(now, id.0, body);
    }

    /// Refuses an incoming call with 300 to 699; anything else becomes 500. Who has still to prove who he is hears it once, whatever
    /// becomes of it (`Trust::Proven`). `Failed` follows.
    pub fn reject(&mut self, now: Instant, id: InviteId, status: u16, headers: Vec<(String, String)>) {
        self.turn_down(now, id.0, refusing(status), &headers);
    }

    /// Answers an `Offer`.
    pub fn answer_offer(&mut self, now: Instant, id: InviteId, body: Body) {
        self.conclude_offer(now, id.0, 200, Some(&body));
    }

    /// Refuses an `Offer`, usually with 488. The call goes on as it was.
    pub fn refuse_offer(&mut self, now: Instant, id: InviteId, status: u16) {
        self.conclude_offer(now, id.0, refusing(status), None);
    }

    /// Offers the far end another session: a re-INVITE, or an UPDATE before the call is answered (RFC 3311). Gives whether it may
    /// be said now, or in a moment; then `Reanswered`, `OfferRefused` or the end of the call follows.
    pub fn offer(&mut self, now: Instant, id: InviteId, body: Body) -> bool {
        self.begin_offer(now, id.0, body)
    }

    /// Sends OPTIONS outside any dialog. A `Reply` follows.
    ///
    /// # Errors
    /// As `invite`.
    pub fn options(&mut self, now: Instant, request: OptionsRequest) -> Result<RequestId, Error> {
        let hop = usable_hop(&request.uri, request.route.as_deref())?;
        check_name_addr(&request.from)?;
        self.layer.admit()?;
        let call_id = self.layer.random_word();
        let Self { layer, requests, .. } = self;
        let key = requests.insert_with(|key| {
            let tag = Minted::new(layer.config.shard, key, &mut layer.rng);
            let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
            let mut request = Request::options(request, call_id, tag.letters().to_string(), nowhere);
            request.targets = Targets::of(&hop);
            request
        });
        self.locate(now, Asker::Request(key), hop);
        Ok(RequestId(key))
    }

    /// Ends a dialog remembered from before a crash with a BYE. A `Reply` follows.
    ///
    /// # Errors
    /// As `invite`.
    pub fn bye_orphan(
        &mut self,
        now: Instant,
        dialog: &DialogState,
        credentials: Option<Arc<Credentials>>,
        tls: Option<Arc<ClientTls>>,
        token: u64,
    ) -> Result<RequestId, Error> {
        self.layer.admit()?;
        let mut request = Request::new(Method::Bye, dialog.clone(), Purpose::Owner { token });
        // What was remembered may be older than the last refresh of the session.
        request.dialog.local_cseq = request.dialog.local_cseq.saturating_add(ORPHAN_CSEQ_LEAP);
        request.credentials = credentials;
        request.last = dialog.way_back(&mut self.layer, tls.as_ref());
        request.tls = tls;
        Ok(RequestId(self.begin_bye(now, request)))
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.layer.counters
    }

    /// Requests of ours that still wait for a final response: what a drain waits for after the last call ended.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.layer.pending()
    }

    /// Goes to a next hop, or asks for its targets first.
    pub(crate) fn locate(&mut self, now: Instant, asker: Asker, hop: Hop) {
        match hop.literal(Protocol::Udp) {
            Some(target) => self.handle_targets(now, QueryId(asker), vec![target]),
            None => self.inquire(asker, hop),
        }
    }

    /// Asks where a name is to be reached.
    pub(crate) fn inquire(&mut self, asker: Asker, hop: Hop) {
        let Hop { host, port, protocol, secure } = hop;
        self.queries.push_back(Query { id: QueryId(asker), host, port, protocol, secure });
    }
}

/// How many requests a dialog may have seen since it was stored: a year of refreshes every hour. A CSeq may leap (RFC 3261
/// §12.2.1.1).
const ORPHAN_CSEQ_LEAP: u32 = 10_000;

fn refusing(status: u16) -> u16 {
    if (300..700).contains(&status) { status } else { 500 }
}

fn usable_hop(uri: &str, route: Option<&str>) -> Result<Hop, Error> {
    let unusable = |uri: &str| Error::Uri(uri.to_owned());
    let target = hop(uri).ok_or_else(|| unusable(uri))?;
    match route {
        Some(route) => hop(route).ok_or_else(|| unusable(route)),
        None => Ok(target),
    }
}

fn check_name_addr(value: &str) -> Result<(), Error> {
    let is_usable = NameAddr::parse(value).is_some_and(|address| address.tag().is_none());
    if is_usable && is_line_safe(value) { Ok(()) } else { Err(Error::Header(value.to_owned())) }
}

/// A Call-ID is a word (§25.1).
fn check_word(value: &str) -> Result<(), Error> {
    let is_usable = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    if is_usable { Ok(()) } else { Err(Error::Header(value.to_owned())) }
}
