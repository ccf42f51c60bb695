//! A shard: one user agent, its calls, one timer wheel. Sans-IO; the same in the switch and in a simulated world.
//!
//! A SIP event reaches its call by a function call. What the outside has to do comes out by the `poll_*`: messages to
//! send, names to resolve, commands for media legs, texts to render, and the events of calls.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use trunkline_media::Event as MediaEvent;
use trunkline_sip::{
    Config, Counters, Event as SipEvent, FlowLost, InviteId, Path, Query, QueryId, Target, Transmit,
    UserAgent,
};

pub use self::command::{Command, Orphan, Told};
use super::knock::Knock;
use super::machine::{Call, Context, Origination, Reception};
use super::outbox::{BotOrder, DialOrder, ErrandOrder, MediaOrder, Outbox, Speech, SpeechOrder};
use super::timer::CallWheel;
use super::wire;
use crate::admission::Admission;
use crate::agent::fate::Errand;
use crate::agent::line::{self, Tally};
use crate::model::{CallEvent, CallId, Dialing, Disposition, EndedBy, NotDone, Outcome, Trunk};
use crate::trunk::doors::Doors;
use crate::trunk::keeper::Keeper;
use crate::trunk::reach::Reachable;

mod command;
mod knocking;

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
    /// Where trunks may lead.
    reachable: Reachable,
    queries: VecDeque<Inquiry>,
    out: Outbox,
    lines: Tally,
}

/// A name to resolve, for whom.
pub struct Inquiry {
    /// The name.
    pub query: Query,
    /// By which trunk the call goes that asks for it by itself; none if it is a trunk's own affair.
    pub trunk: Option<Arc<Trunk>>,
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
            reachable: Arc::new(|_, _, _| true),
            queries: VecDeque::new(),
            out: Outbox::default(),
            lines: Tally::default(),
        }
    }

    /// Its trunks lead there and nowhere else from now on; before, they lead anywhere.
    pub fn guard(&mut self, reachable: Reachable) {
        self.reachable = reachable;
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
            Command::Bot { bot, event } => {
                if let line::Event::Ended(ended) = &event {
                    self.lines.add(ended);
                }
                self.with(now, bot.call, |call, cx| call.handle_bot(cx, bot, event));
            }
            Command::Person { call, fate } => {
                self.with(now, call, |call, cx| call.handle_person(cx, fate));
            }
            Command::Guided { call, question, steps } => {
                self.with(now, call, |call, cx| call.handle_guided(cx, question, steps));
            }
            Command::HangupAll => {
                for call in self.calls.keys().copied().collect::<Vec<_>>() {
                    self.with(now, call, |call, cx| {
                        call.handle_hangup(cx, Disposition::Interrupted, EndedBy::Switch);
                    });
                }
            }
            Command::Rendered { call, speech, clip } => self.with(now, call, |call, cx| match speech {
                Speech::Line(line) => call.handle_line(cx, line, clip.ok()),
                Speech::Step(hand, sound) => call.handle_sound(cx, hand, sound, clip),
                Speech::Opener => call.handle_opener(cx, clip.ok()),
                Speech::Message => call.handle_message(cx, clip.ok()),
                Speech::Aside(aside) => call.handle_aside(cx, aside, clip),
                // Only the renderer's memory was meant.
                Speech::Ahead => {}
            }),
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
            Command::Turn { invite, status, retry_after } => self.turn(now, invite, status, retry_after),
            Command::Intended { call, leg: Some(leg), .. } if !self.calls.contains_key(&call) => {
                let outcome = Outcome::by_switch(Disposition::Cancelled, now, "its call was over before it");
                self.out.ended(leg.call, outcome);
            }
            Command::Intended { call, attempt, is_on_disk, leg } => {
                self.with(now, call, |call, cx| call.handle_intended(cx, attempt, is_on_disk, leg));
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
    pub fn poll_query(&mut self) -> Option<Inquiry> {
        take_queries(&mut self.agent, &mut self.queries, None);
        self.queries.pop_front()
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

    /// What bots' and models' lines did.
    pub fn lines(&self) -> &Tally {
        &self.lines
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
        take_queries(&mut self.agent, &mut self.queries, None);
        let trunk = Arc::clone(&origination.plan.trunk);
        let mut cx = self.context(now);
        if !is_wanted {
            Call::unwanted(origination, &mut cx);
        } else if let Some(call) = Call::start(origination, &mut cx) {
            self.calls.insert(id, call);
        }
        take_queries(&mut self.agent, &mut self.queries, Some(&trunk));
        self.settle_ties(now);
    }

    fn receive(&mut self, now: Instant, reception: Reception) {
        let id = reception.origination.plan.call;
        let is_there = self.knocking.remove(&reception.invite);
        let mut cx = self.context(now);
        if !is_there {
            return Call::missed(reception, &mut cx);
        }
        if let Some(call) = Call::receive(reception, &mut cx) {
            self.calls.insert(id, call);
        }
    }

    fn context(&mut self, now: Instant) -> Context<'_> {
        Context {
            now,
            agent: &mut self.agent,
            wheel: &mut self.wheel,
            admission: &self.admission,
            keeper: &self.keeper,
            reachable: &self.reachable,
            out: &mut self.out,
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
        take_queries(&mut self.agent, &mut self.queries, None);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut cx = Context {
            now,
            agent: &mut self.agent,
            wheel: &mut self.wheel,
            admission: &self.admission,
            keeper: &self.keeper,
            reachable: &self.reachable,
            out: &mut self.out,
        };
        input(call, &mut cx);
        take_queries(&mut self.agent, &mut self.queries, Some(call.trunk()));
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
                None => match event {
                    SipEvent::Incoming { id, incoming } => self.knocked(now, id, incoming),
                    SipEvent::Message { from, body, .. } => wire::wrote(&from, body.as_ref()),
                    _ => {}
                },
            }
        }
    }
}

/// What the user agent asks since it was looked last, it asks for a call by this trunk.
fn take_queries(agent: &mut UserAgent, queries: &mut VecDeque<Inquiry>, trunk: Option<&Arc<Trunk>>) {
    while let Some(query) = agent.poll_query() {
        queries.push_back(Inquiry { query, trunk: trunk.cloned() });
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
        | SipEvent::Refer { token, .. }
        | SipEvent::ReferProgress { token, .. }
        | SipEvent::Traced { token, .. } => Some(*token),
        // The keeper's, or the BYE of an orphan, whose call was told over before and lives no more.
        SipEvent::Reply { token, .. }
        | SipEvent::Registered { token, .. }
        | SipEvent::RegistrationFailed { token, .. }
        | SipEvent::Unregistered { token, .. } => Some(*token),
        // Nobody's yet, or nobody's at all.
        SipEvent::Incoming { .. } | SipEvent::Message { .. } => None,
    }
}
