//! A shard: one user agent, its calls, one timer wheel. Sans-IO; the same in the switch and in a simulated world.
//!
//! A SIP event reaches its call by a function call. What the outside has to do comes out by the `poll_*`: messages to
//! send, names to resolve, commands for media legs, texts to render, and the events of calls.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_media::{Clip, Event as MediaEvent};
use trunkline_sip::{
    Authentication, ClientTls, Config, Counters, Credentials, DialogState, Event as SipEvent, FlowLost,
    Incoming, InviteId, Path, Query, QueryId, Target, Transmit, UserAgent,
};

use super::knock::Knock;
use super::machine::{Call, Context, Origination, Reception};
use super::outbox::{BotOrder, DialOrder, ErrandOrder, MediaOrder, Outbox, Role, Speech, SpeechOrder};
use super::party;
use super::timer::CallWheel;
use crate::admission::Admission;
use crate::agent::fate::{Errand, Fate};
use crate::agent::stream::Event as BotEvent;
use crate::model::{
    CallEvent, CallId, Dialing, Disposition, EndedBy, MovedLeg, NotDone, Outcome, Step, Trunk,
};
use crate::trunk::doors::Doors;
use crate::trunk::keeper::Keeper;

/// What a shard can be told to do.
pub enum Command {
    /// Place a call.
    Originate(Box<Origination>),
    /// End a call, if it still lives.
    Hangup {
        /// Which.
        call: CallId,
        /// What that makes of it.
        disposition: Disposition,
        /// Who wants it.
        by: EndedBy,
    },
    /// Do something to a call that talks.
    Control {
        /// Which.
        call: CallId,
        /// What.
        step: Step,
        /// What is being said is cut short for it.
        interrupt: bool,
        /// Hears whether it will be done.
        told: Told,
    },
    /// A call's bot has something to say of itself.
    Bot {
        /// What that bot does there.
        role: Role,
        /// Whose bot.
        call: CallId,
        /// What.
        event: BotEvent,
    },
    /// What becomes of a call's wish for somebody, and what that person does.
    Person {
        /// Whose person.
        call: CallId,
        /// What.
        fate: Fate,
    },
    /// What a call's guide wants next, or why that cannot be had.
    Guided {
        /// Whose guide.
        call: CallId,
        /// What.
        steps: Result<Vec<Step>, String>,
    },
    /// End every call.
    HangupAll,
    /// These are the trunks from now on: asked by OPTIONS, registered at, where that is wanted.
    Trunks(Vec<Arc<Trunk>>),
    /// By these ways calls come in from now on.
    Doors(Doors),
    /// Let a call that knocked ring, and answer it.
    Receive(Box<Reception>),
    /// Turn a call away that knocked.
    Turn {
        /// Its INVITE.
        invite: InviteId,
        /// With what.
        status: u16,
        /// When it may try again.
        retry_after: Option<Duration>,
    },
    /// A text was rendered, or a sound fetched; if not, why.
    Rendered {
        /// Whose text.
        call: CallId,
        /// Which.
        speech: Speech,
        /// Its audio.
        clip: Result<Arc<Clip>, String>,
    },
    /// A party that a call wished for cannot be called.
    Refused {
        /// Whose wish.
        call: CallId,
        /// Which.
        ticket: u32,
        /// Why.
        why: String,
    },
    /// The intent of a call's next INVITE is on disk, or cannot be.
    Intended {
        /// Whose.
        call: CallId,
        /// May it leave?
        is_on_disk: bool,
        /// What is paid apart for it.
        leg: Option<MovedLeg>,
    },
    /// End a dialog that an earlier run of the switch left open.
    End(Box<Orphan>),
}

/// Hears whether it will be done. Never waits.
pub type Told = Box<dyn FnOnce(Result<(), NotDone>) + Send>;

/// The realm in which callers prove who they are (RFC 7616 §3.3).
const REALM: &str = "trunkline";

/// A dialog that outlived its process.
pub struct Orphan {
    /// The call it belonged to.
    pub call: CallId,
    /// What a BYE needs.
    pub dialog: DialogState,
    /// What answers a challenge.
    pub credentials: Option<Arc<Credentials>>,
    /// How to speak TLS to its trunk.
    pub tls: Option<Arc<ClientTls>>,
}

/// Calls that share a user agent.
pub struct Shard {
    agent: UserAgent,
    calls: HashMap<CallId, Call>,
    /// Calls that knocked and of which nothing is decided yet.
    knocking: HashSet<InviteId>,
    doors: Doors,
    wheel: CallWheel,
    admission: Admission,
    keeper: Keeper,
    out: Outbox,
}

impl Shard {
    /// A shard without calls, whose further INVITEs pass this gate.
    pub fn new(config: Config, seed: [u8; 32], admission: Admission) -> Self {
        Self {
            agent: UserAgent::new(config, seed),
            calls: HashMap::new(),
            knocking: HashSet::new(),
            doors: Doors::default(),
            wheel: CallWheel::new(),
            admission,
            keeper: Keeper::default(),
            out: Outbox::default(),
        }
    }

    /// A SIP message came in.
    pub fn handle_message(&mut self, now: Instant, path: Path, message: Bytes) {
        self.agent.handle_message(now, path, message);
        self.drain_agent(now);
    }

    /// A host's addresses, or none.
    pub fn handle_targets(&mut self, now: Instant, query: QueryId, targets: Vec<Target>) {
        self.agent.handle_targets(now, query, targets);
        self.drain_agent(now);
    }

    /// A connection was lost, or could not be made.
    pub fn handle_flow_lost(&mut self, now: Instant, lost: &FlowLost) {
        self.agent.handle_flow_lost(now, lost);
        self.drain_agent(now);
    }

    /// A leg has something to tell.
    pub fn handle_media(&mut self, now: Instant, call: CallId, event: MediaEvent) {
        self.with(now, call, |call, cx| call.handle_media(cx, event));
        self.drain_agent(now);
    }

    /// Somebody wants something.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Originate(origination) => self.originate(now, *origination),
            Command::Hangup { call, disposition, by } => {
                self.with(now, call, |call, cx| call.handle_hangup(cx, disposition, by));
            }
            Command::Control { call, step, interrupt, told } => {
                let mut done = Err(NotDone::NotTalking);
                self.with(now, call, |call, cx| done = call.handle_control(cx, step, interrupt));
                told(done);
            }
            Command::Bot { call, role, event } => {
                self.with(now, call, |call, cx| call.handle_bot(cx, role, event));
            }
            Command::Person { call, fate } => {
                self.with(now, call, |call, cx| call.handle_person(cx, fate));
            }
            Command::Guided { call, steps } => {
                self.with(now, call, |call, cx| call.handle_guided(cx, steps));
            }
            Command::HangupAll => {
                let calls: Vec<CallId> = self.calls.keys().copied().collect();
                for call in calls {
                    self.with(now, call, |call, cx| {
                        call.handle_hangup(cx, Disposition::Interrupted, EndedBy::Switch);
                    });
                }
            }
            Command::Rendered { call, speech: Speech::Line(line), clip } => {
                self.with(now, call, |call, cx| call.handle_line(cx, line, clip.ok()));
            }
            Command::Rendered { call, speech: Speech::Step(hand, sound), clip } => {
                self.with(now, call, |call, cx| call.handle_sound(cx, hand, sound, clip));
            }
            Command::Rendered { call, speech: Speech::Opener, clip } => {
                self.with(now, call, |call, cx| call.handle_opener(cx, clip.ok()));
            }
            Command::Rendered { call, speech: Speech::Message, clip } => {
                self.with(now, call, |call, cx| call.handle_message(cx, clip.ok()));
            }
            Command::Rendered { call, speech: Speech::Aside(aside), clip } => {
                self.with(now, call, |call, cx| call.handle_aside(cx, aside, clip));
            }
            Command::Rendered { speech: Speech::Ahead, .. } => {}
            Command::Refused { call, ticket, why } => {
                self.with(now, call, |call, cx| call.handle_refused(cx, ticket, why));
            }
            Command::Trunks(trunks) => {
                self.keeper.handle_trunks(now, &mut self.agent, &self.admission, &trunks);
            }
            Command::Doors(doors) => {
                self.agent.trust(doors.trust());
                self.doors = doors;
            }
            Command::Receive(reception) => self.receive(now, *reception),
            Command::Turn { invite, status, retry_after } => {
                self.knocking.remove(&invite);
                let seconds = |after: Duration| after.as_millis().div_ceil(1_000).max(1).to_string();
                let headers = retry_after.map(|after| ("Retry-After".to_owned(), seconds(after)));
                self.agent.reject(now, invite, status, headers.into_iter().collect());
            }
            Command::Intended { call, leg: Some(leg), .. } if !self.calls.contains_key(&call) => {
                let outcome = Outcome::by_switch(Disposition::Cancelled, now, "its call was over before it");
                self.out.ended(leg.call, outcome);
            }
            Command::Intended { call, is_on_disk, leg } => {
                self.with(now, call, |call, cx| call.handle_intended(cx, is_on_disk, leg));
            }
            // Best effort: a far end that is gone has ended its side long ago.
            Command::End(orphan) => {
                let token = orphan.call.get();
                let _ = self.agent.bye_orphan(now, &orphan.dialog, orphan.credentials, orphan.tls, token);
            }
        }
        self.drain_agent(now);
    }

    /// Time has come to what `poll_timeout` said.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.keeper.handle_timeout(now, &mut self.agent, &self.admission);
        let mut due = Vec::new();
        self.wheel.expire(now, |timer| due.push(timer));
        for (call, timer) in due {
            self.with(now, call, |call, cx| call.handle_timer(cx, timer));
        }
        self.drain_agent(now);
    }

    /// The next SIP message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.agent.poll_transmit()
    }

    /// The next name to resolve.
    pub fn poll_query(&mut self) -> Option<Query> {
        self.agent.poll_query()
    }

    /// The next command for a leg.
    pub fn poll_media(&mut self) -> Option<MediaOrder> {
        self.out.media.pop_front()
    }

    /// The next text to render.
    pub fn poll_speech(&mut self) -> Option<SpeechOrder> {
        self.out.speech.pop_front()
    }

    /// The next thing to fetch. Answer each with [`Command::Rendered`] or [`Command::Guided`].
    pub fn poll_errand(&mut self) -> Option<ErrandOrder> {
        self.out.errands.pop_front()
    }

    /// The next order for a call's bot. What the bot does is told by [`Command::Bot`].
    pub fn poll_bot(&mut self) -> Option<BotOrder> {
        self.out.bots.pop_front()
    }

    /// The next party to be called. Answer each with [`Command::Originate`] or [`Command::Refused`].
    pub fn poll_dial(&mut self) -> Option<DialOrder> {
        self.out.dials.pop_front()
    }

    /// What the next call has for its people. What those do is told by [`Command::Person`].
    pub fn poll_person(&mut self) -> Option<Errand> {
        self.out.people.pop_front()
    }

    /// The next event of a call.
    pub fn poll_event(&mut self) -> Option<CallEvent> {
        self.out.events.pop_front()
    }

    /// The next intent to be written down. Answer each with [`Command::Intended`].
    pub fn poll_intent(&mut self) -> Option<Dialing> {
        self.out.intents.pop_front()
    }

    /// The next call that comes in. Answer each with [`Command::Receive`] or [`Command::Turn`].
    pub fn poll_knock(&mut self) -> Option<Knock> {
        self.out.knocks.pop_front()
    }

    /// When `handle_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.agent.poll_timeout(), self.wheel.poll_timeout(), self.keeper.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Registrations that hold, are under way, or are being given up.
    pub fn registered(&self) -> usize {
        self.keeper.registered()
    }

    /// How many calls live here.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The user agent's counts.
    pub fn counters(&self) -> &Counters {
        self.agent.counters()
    }

    fn originate(&mut self, now: Instant, origination: Origination) {
        let (id, leg) = (origination.plan.call, origination.leg);
        let second = origination.plan.second.clone();
        let first = second.as_ref().map(|second| (self.calls.get_mut(&second.of), second.ticket));
        let is_wanted = match first {
            None => true,
            Some((Some(first), ticket)) if first.expects(ticket) => {
                first.placed(ticket, id, leg);
                true
            }
            Some(_) => false,
        };
        let mut cx = Context {
            now,
            agent: &mut self.agent,
            wheel: &mut self.wheel,
            admission: &self.admission,
            keeper: &self.keeper,
            out: &mut self.out,
        };
        if !is_wanted {
            Call::unwanted(origination, &mut cx);
        } else if let Some(call) = Call::start(origination, &mut cx) {
            self.calls.insert(id, call);
        }
        self.settle_ties(now);
    }

    fn receive(&mut self, now: Instant, reception: Reception) {
        let id = reception.origination.plan.call;
        let is_there = self.knocking.remove(&reception.invite);
        let mut cx = Context {
            now,
            agent: &mut self.agent,
            wheel: &mut self.wheel,
            admission: &self.admission,
            keeper: &self.keeper,
            out: &mut self.out,
        };
        if !is_there {
            return Call::missed(reception, &mut cx);
        }
        if let Some(call) = Call::receive(reception, &mut cx) {
            self.calls.insert(id, call);
        }
    }

    /// Somebody calls: who may he be?
    fn knocked(&mut self, now: Instant, invite: InviteId, incoming: Box<Incoming>) {
        let is_sdp = |body: &trunkline_sip::Body| party::sdp(Some(body)).is_some();
        if !incoming.body.as_ref().is_none_or(is_sdp) {
            let accept = ("Accept".to_owned(), "application/sdp".to_owned());
            return self.agent.reject(now, invite, 415, vec![accept]);
        }
        let mut trunks = self.doors.at(incoming.path.remote.ip());
        if trunks.is_empty() {
            trunks.extend(self.proven(now, invite));
        }
        if let Some(replaced) = incoming.replaces.filter(|_| !trunks.is_empty()) {
            return self.replaced(now, invite, replaced, &trunks, &incoming);
        }
        if !trunks.is_empty() {
            self.knocking.insert(invite);
            self.out.knocks.push_back(Knock { invite, trunks, incoming });
        }
    }

    /// Somebody wants to take the far end's place in a call of ours. Who comes by another trunk is not told that there is one.
    fn replaced(
        &mut self,
        now: Instant,
        invite: InviteId,
        replaced: InviteId,
        trunks: &[Arc<Trunk>],
        incoming: &Incoming,
    ) {
        let id = self.agent.token(replaced).and_then(CallId::new);
        let is_own = |call: &Call| call.is_by(trunks) && call.is_party(replaced);
        let Some(id) = id.filter(|id| self.calls.get(id).is_some_and(is_own)) else {
            return self.agent.reject(now, invite, 481, Vec::new());
        };
        self.with(now, id, |call, cx| {
            call.handle_replacing(cx, invite, &incoming.call_id, incoming.body.as_ref());
        });
    }

    /// The trunk that a caller from nowhere proves to be. Without proof he is asked for it or refused, here.
    fn proven(&mut self, now: Instant, invite: InviteId) -> Option<Arc<Trunk>> {
        if !self.doors.is_locked() {
            self.agent.reject(now, invite, 403, Vec::new());
            return None;
        }
        let doors = &self.doors;
        let password =
            |user: &str| doors.by_username(user)?.inbound.password.as_ref().map(|word| word.reveal().clone());
        match self.agent.authenticate(now, invite, REALM, password) {
            Authentication::Passed { username } => self.doors.by_username(&username).cloned(),
            Authentication::Challenged | Authentication::Refused => None,
        }
    }

    /// Gives an input to a call, if it lives, and forgets it if that was its last.
    fn with(&mut self, now: Instant, id: CallId, input: impl FnOnce(&mut Call, &mut Context<'_>)) {
        self.give(now, id, input);
        self.settle_ties(now);
    }

    /// What calls have told each other meanwhile. It ends: a call answers a tie with none but its own end.
    fn settle_ties(&mut self, now: Instant) {
        while let Some((to, from, tie)) = self.out.ties.pop_front() {
            self.give(now, to, |call, cx| call.handle_tie(cx, from, tie));
        }
    }

    fn give(&mut self, now: Instant, id: CallId, input: impl FnOnce(&mut Call, &mut Context<'_>)) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut cx = Context {
            now,
            agent: &mut self.agent,
            wheel: &mut self.wheel,
            admission: &self.admission,
            keeper: &self.keeper,
            out: &mut self.out,
        };
        input(call, &mut cx);
        if call.is_over() {
            self.calls.remove(&id);
        }
    }

    fn drain_agent(&mut self, now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            if let SipEvent::Ended { id, .. } | SipEvent::Failed { id, .. } = &event {
                self.knocking.remove(id);
            }
            match token(&event) {
                Some(token) if Keeper::owns(token) => self.keeper.handle_event(now, &self.admission, &event),
                Some(token) => {
                    let Some(call) = CallId::new(token) else { continue };
                    self.with(now, call, |call, cx| call.handle_sip(cx, event));
                }
                None => {
                    if let SipEvent::Incoming { id, incoming } = event {
                        self.knocked(now, id, incoming);
                    }
                }
            }
        }
    }
}

fn token(event: &SipEvent) -> Option<u64> {
    match event {
        SipEvent::Progress { token, .. }
        | SipEvent::Answered { token, .. }
        | SipEvent::Failed { token, .. }
        | SipEvent::Ended { token, .. }
        | SipEvent::Confirmed { token, .. }
        | SipEvent::Offer { token, .. }
        | SipEvent::Reanswered { token, .. }
        | SipEvent::OfferRefused { token, .. }
        | SipEvent::Info { token, .. }
        | SipEvent::Message { token, .. }
        | SipEvent::Refer { token, .. }
        | SipEvent::ReferProgress { token, .. }
        | SipEvent::Traced { token, .. } => Some(*token),
        // The keeper's, or the BYE of an orphan, whose call was told over before and lives no more.
        SipEvent::Reply { token, .. }
        | SipEvent::Registered { token, .. }
        | SipEvent::RegistrationFailed { token, .. }
        | SipEvent::Unregistered { token, .. } => Some(*token),
        SipEvent::Incoming { .. } => None,
    }
}
