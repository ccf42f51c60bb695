//! The parties that are called beside a call's far end: somebody whom a document dials, the SIP endpoint that is the agent, the
//! one who is to take the agent's place.
//!
//! Each such party is a call of its own, with an id, a permit, a hold, a price, an intent on disk, a dialog for recovery and one
//! end: what holds for calls holds for it, and its row names the call that it was made for. `seconding` is its side. Both
//! live in one shard and tell each other by [`Tie`]s what the other one must know; their bridges hear each other by a pair of
//! seats, so that neither knows the other's codec, keys or packets. A re-INVITE or UPDATE is answered by the leg that it
//! comes to, a hold is music on the other, a key pressed on the one is pressed anew on the other, and BYE ends what its
//! purpose says: the dial, the agent, or the call.
//!
//! An attended transfer whose far ends are both at one trunk can be completed there, by REFER with Replaces; `referring` asks.
//!
//! A party has a place at the far end's bridge: the agent the bot's, whoever else one of those beside it. Who hears whom while
//! the agent consults is the bridge's matrix; what a party alone is told is played on its own leg, before it sits down.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::bridge::Members;
use trunkline_media::{Clip, Command as Media, LegId, port};

use super::super::outbox::{Aside, DialOrder, Hand, Role, Speech};
use super::super::sound;
use super::super::tie::Tie;
use super::super::timer::Timer;
use super::engaging::Presence;
use super::{Call, Context, Phase, WAITING_MARK, WHISPER_MARK};
use crate::agent::Errand;
use crate::model::{
    Attended, CallFact, CallId, Dial, DialStatus, Dialled, DialogRecord, Disposition, EndedBy, Handover,
    Meanwhile, NotDone, SipAgent, TrunkId, Whisper,
};

/// The bot's place, which is the agent's, whatever it is; the listener's is none of a party's.
const AGENT_PLACE: u8 = Role::Talker.place();
/// Places that parties may have: the agent's, and the next.
const PARTIES: usize = 2;
/// The far end and the parties: whoever listens in beside them hears what he is to hear.
const TABLE: Members = Members::CALLEE.and(Members::at(AGENT_PLACE)).and(Members::at(AGENT_PLACE + 1));

/// Parties that one call may wish for: a document that dials in circles wants something else.
const TICKETS_MAX: u32 = 64;
/// How often what is heard meanwhile begins again: 10,000 times six seconds are more than any call lasts.
const ROUNDS_MAX: u16 = 10_000;

/// A call's other parties, by their places.
#[derive(Default)]
pub struct Pairs {
    at: [Option<Box<Pairing>>; PARTIES],
    tickets: u32,
    /// What the far end hears over and over, and how often it has.
    waiting: Option<(Arc<Clip>, u16)>,
    /// The far end does not want to hear us now.
    holds: bool,
}

/// Somebody who is called, or there.
struct Pairing {
    purpose: Purpose,
    dial: Arc<Dial>,
    wished: Vec<Wished>,
    stage: Stage,
    whisper: Told,
    /// By which trunk it answered, and in which dialog.
    dialog: Option<(TrunkId, Box<DialogRecord>)>,
    /// The most that came of those who did not come.
    best: Dialled,
}

/// One of those who are called at once.
struct Wished {
    ticket: u32,
    /// `None`: it is not placed yet.
    called: Option<Called>,
}

#[derive(Clone, Copy)]
struct Called {
    call: CallId,
    leg: LegId,
}

/// What for.
enum Purpose {
    /// A program dials.
    Step(Hand),
    /// It talks for us.
    Agent,
    /// It is to talk in the agent's place.
    HandOver(Arc<Handover>),
}

#[derive(Clone, Copy)]
enum Stage {
    /// Nobody has answered; one may be heard already.
    Calling { is_heard: bool },
    /// It answered, and is told something.
    Whispering(Called),
    /// The agent talks with it.
    Consulting(Called),
    /// It talks with the far end.
    Joined(Called),
}

/// What a party alone is told.
enum Told {
    /// Nothing, or it has been.
    Nothing,
    /// It is not rendered yet.
    Awaited,
    Ready(Arc<Clip>),
}

impl Pairing {
    fn partner(&self) -> Option<Called> {
        match self.stage {
            Stage::Calling { .. } => None,
            Stage::Whispering(called) | Stage::Consulting(called) | Stage::Joined(called) => Some(called),
        }
    }

    fn is_joined(&self) -> bool {
        matches!(self.stage, Stage::Joined(_))
    }

    /// Has everybody else to wait for it?
    fn parks(&self) -> bool {
        match &self.purpose {
            Purpose::Step(hand) => *hand == Hand::Operator,
            Purpose::Agent => false,
            Purpose::HandOver(_) => !self.is_joined(),
        }
    }

    fn to(&self) -> String {
        self.dial.to.first().map_or_else(String::new, |to| to.as_str().to_owned())
    }
}

impl Call {
    /// A program's dial. What cannot be begun is over at once.
    pub(super) fn dial_for(&mut self, cx: &mut Context<'_>, hand: Hand, dial: Arc<Dial>) {
        let place = self.free_place().filter(|_| self.is_talking() && self.plan.second.is_none());
        let begun = place.is_some_and(|place| self.begin_pairing(cx, place, Purpose::Step(hand), dial));
        if !begun {
            self.controlled(cx, "dial", Some("nobody can be called for this call now".to_owned()));
            self.program(hand).dialled(Dialled::FAILED);
        }
    }

    /// The agent is a SIP endpoint, and its time has come: as soon as somebody may answer, or once somebody did. Once.
    pub(super) fn engage_endpoint(&mut self, cx: &mut Context<'_>) {
        let is_answered = self.facts.answered_at.is_some();
        let is_time =
            |sip: &Arc<SipAgent>| sip.early || is_answered || matches!(self.phase, Phase::Ringing { .. });
        let Some(sip) = self.plan.sip.clone().filter(is_time) else { return };
        self.plan.sip = None;
        if !self.begin_pairing(cx, AGENT_PLACE, Purpose::Agent, Arc::clone(&sip.dial)) {
            self.close(cx, Disposition::AgentFailed, EndedBy::Switch);
        }
    }

    /// Somebody is to take the agent's place.
    pub(super) fn hand_to(&mut self, cx: &mut Context<'_>, handover: Arc<Handover>) -> Result<(), NotDone> {
        if !matches!(self.phase, Phase::Judging | Phase::Talking) || self.plan.second.is_some() {
            return Err(NotDone::NotTalking);
        }
        if self.is_moving() || self.handing().is_some() {
            return Err(NotDone::UnderWay);
        }
        if self.control.is_held() {
            return Err(NotDone::NoTransfer("the callee is on hold: take it back first"));
        }
        if handover.consult && self.agents() == Members::NOBODY {
            return Err(NotDone::NoTransfer("nobody is there to consult: transfer it warm instead"));
        }
        let place = self.free_place().ok_or(NotDone::Full)?;
        let dial = Arc::clone(&handover.dial);
        let whisper = handover.whisper.clone();
        // What the agent was saying is said again if it goes on, and whoever sits there hears nobody until somebody answers.
        self.control.put_off();
        self.timers.clear(cx.wheel, Timer::Turn);
        self.order(cx, Media::Clear);
        self.hear(cx, TABLE, Members::NOBODY);
        if !self.begin_pairing(cx, place, Purpose::HandOver(handover), dial) {
            self.hear_again(cx);
            return Err(NotDone::Full);
        }
        if let (Some(whisper), Some(pairing)) = (whisper, &mut self.pairs.at[usize::from(place)]) {
            pairing.whisper = Told::Awaited;
            self.ask_for_whisper(cx, place, whisper);
        }
        Ok(())
    }

    fn ask_for_whisper(&self, cx: &mut Context<'_>, place: u8, whisper: Whisper) {
        match whisper {
            Whisper::Say(text) => cx.out.speech(self.id(), Speech::Aside(Aside::Whisper(place)), text),
            Whisper::Play(from) => {
                self.send_for(cx, Hand::Operator, Errand::Aside { from, place, whispered: true })
            }
        }
    }

    /// The one whom the agent consults with is to be put through.
    pub(super) fn complete_handover(&mut self, cx: &mut Context<'_>) -> Result<(), NotDone> {
        let place = self.handing().ok_or(NotDone::NoTransfer("the call is not being transferred"))?;
        match self.stage(place) {
            Some(Stage::Consulting(_)) if self.is_moving() => Err(NotDone::UnderWay),
            Some(Stage::Consulting(_)) if self.complete_there(cx, place) => Ok(()),
            Some(Stage::Whispering(_) | Stage::Consulting(_)) => {
                self.put_party_through(cx, place);
                Ok(())
            }
            _ => Err(NotDone::NoTransfer("nobody has answered the transfer yet")),
        }
    }

    /// Both far ends are at one trunk that puts them through itself: then neither needs us any more.
    fn complete_there(&mut self, cx: &mut Context<'_>, place: u8) -> bool {
        let Some(pairing) = &self.pairs.at[usize::from(place)] else { return false };
        let stays = matches!(&pairing.purpose, Purpose::HandOver(handover) if handover.agent_stays);
        let here = &self.plan.trunk;
        let Some((trunk, dialog)) = pairing.dialog.clone().filter(|_| here.attended == Attended::Refer)
        else {
            return false;
        };
        !stays && trunk == here.id && self.refer_to_party(cx, place, pairing.to(), &dialog)
    }

    /// The far end would not go there by itself: they talk here, if the party is there still.
    pub(super) fn refused_referral(&mut self, cx: &mut Context<'_>, place: u8) {
        match self.stage(place) {
            Some(Stage::Consulting(_)) => self.put_party_through(cx, place),
            _ if self.is_talking() => {
                self.wait_no_more(cx);
                self.hear_again(cx);
                self.go_on(cx);
            }
            _ => {}
        }
    }

    /// The agent goes on.
    pub(super) fn cancel_handover(&mut self, cx: &mut Context<'_>) -> Result<(), NotDone> {
        let place = self.handing().ok_or(NotDone::NoTransfer("the call is not being transferred"))?;
        if self.is_referred_to(place) {
            return Err(NotDone::UnderWay);
        }
        if let Some(pairing) = self.take_pairing(cx, place) {
            self.came_back(cx, &pairing, 487);
        }
        Ok(())
    }

    fn begin_pairing(&mut self, cx: &mut Context<'_>, place: u8, purpose: Purpose, dial: Arc<Dial>) -> bool {
        let count = u32::try_from(dial.to.len()).unwrap_or(u32::MAX);
        if count == 0 || self.pairs.tickets.saturating_add(count) > TICKETS_MAX {
            return false;
        }
        let mut wished = Vec::with_capacity(dial.to.len());
        for to in &dial.to {
            self.pairs.tickets += 1;
            let ticket = self.pairs.tickets;
            wished.push(Wished { ticket, called: None });
            cx.out.dials.push_back(DialOrder {
                parent: Box::new(self.plan.clone()),
                ticket,
                to: to.clone(),
                dial: Arc::clone(&dial),
                ours: self.ours.clone(),
            });
        }
        let is_agent = matches!(purpose, Purpose::Agent);
        let stage = Stage::Calling { is_heard: false };
        let (whisper, best) = (Told::Nothing, Dialled::FAILED);
        let pairing =
            Pairing { purpose, dial: Arc::clone(&dial), wished, stage, whisper, dialog: None, best };
        self.told(cx, &pairing, 100, false);
        self.pairs.at[usize::from(place)] = Some(Box::new(pairing));
        if !is_agent {
            self.comfort(cx, place, &dial);
        }
        true
    }

    /// The far end hears something while it waits.
    fn comfort(&mut self, cx: &mut Context<'_>, place: u8, dial: &Dial) {
        let is_handed = self.handing() == Some(place);
        match &dial.meanwhile {
            Meanwhile::Silence => {}
            Meanwhile::Music(Some(from)) => {
                let errand = Errand::Aside { from: from.clone(), place, whispered: false };
                self.send_for(cx, Hand::Operator, errand);
            }
            Meanwhile::Music(None) => self.let_wait(cx, sound::hold_music()),
            // Whoever is being transferred is no caller who waits for an answer.
            Meanwhile::Ringback if is_handed => self.let_wait(cx, sound::hold_music()),
            Meanwhile::Ringback => self.let_wait(cx, sound::ringback(&self.ours)),
        }
    }

    pub(super) fn let_wait(&mut self, cx: &mut Context<'_>, clip: Arc<Clip>) {
        if self.pairs.waiting.is_none() {
            self.pairs.waiting = Some((Arc::clone(&clip), 0));
            self.order(cx, Media::Play { clip, mark: Some(WAITING_MARK) });
        }
    }

    pub(super) fn wait_no_more(&mut self, cx: &mut Context<'_>) {
        if self.pairs.waiting.take().is_some() {
            self.order(cx, Media::Clear);
        }
    }

    /// What is heard meanwhile was heard to its end, or somebody spoke over it: again.
    pub(super) fn waits_on(&mut self, cx: &mut Context<'_>) {
        let Some((clip, rounds)) = &mut self.pairs.waiting else { return };
        *rounds += 1;
        if *rounds < ROUNDS_MAX {
            let clip = Arc::clone(clip);
            self.order(cx, Media::Play { clip, mark: Some(WAITING_MARK) });
        }
    }

    /// A sound that was sent for is there, or cannot be had: nobody waits for it.
    pub fn handle_aside(&mut self, cx: &mut Context<'_>, aside: Aside, clip: Result<Arc<Clip>, String>) {
        let (Aside::Music(place) | Aside::Whisper(place)) = aside;
        let Some(pairing) = self.pairs.at.get_mut(usize::from(place)).and_then(Option::as_mut) else {
            return;
        };
        match (aside, clip) {
            (Aside::Music(_), clip) => {
                if matches!(pairing.stage, Stage::Calling { is_heard: false }) {
                    self.let_wait(cx, clip.unwrap_or_else(|_| sound::hold_music()));
                }
            }
            (Aside::Whisper(_), Ok(clip)) => {
                pairing.whisper = Told::Ready(clip);
                self.whisper(cx, place);
            }
            (Aside::Whisper(_), Err(why)) => {
                pairing.whisper = Told::Nothing;
                self.controlled(cx, "whisper", Some(why));
                self.whisper(cx, place);
            }
        }
    }

    /// Tells the party what it is to be told, if it is there and that is ready.
    fn whisper(&mut self, cx: &mut Context<'_>, place: u8) {
        let Some(pairing) = self.pairs.at.get_mut(usize::from(place)).and_then(Option::as_mut) else {
            return;
        };
        let Stage::Whispering(called) = pairing.stage else { return };
        match std::mem::replace(&mut pairing.whisper, Told::Nothing) {
            Told::Awaited => pairing.whisper = Told::Awaited,
            Told::Nothing => self.whispered(cx, place),
            Told::Ready(clip) => {
                let mark = Some(WHISPER_MARK);
                cx.out.media(called.call, called.leg, Media::Play { clip, mark });
            }
        }
    }

    fn whispered(&mut self, cx: &mut Context<'_>, place: u8) {
        let Some(pairing) = self.pairs.at.get_mut(usize::from(place)).and_then(Option::as_mut) else {
            return;
        };
        let Stage::Whispering(called) = pairing.stage else { return };
        match &pairing.purpose {
            Purpose::HandOver(handover) if handover.consult => {
                pairing.stage = Stage::Consulting(called);
                self.seat(cx, place, called);
                let (agents, party) = (self.agents(), Members::at(place));
                self.hear(cx, Members::CALLEE, Members::NOBODY);
                self.hear(cx, agents, party);
                self.hear(cx, party, agents);
            }
            _ => self.put_party_through(cx, place),
        }
    }

    /// It talks with the far end from now on; the agent leaves, or stays.
    fn put_party_through(&mut self, cx: &mut Context<'_>, place: u8) {
        let Some(pairing) = self.pairs.at.get_mut(usize::from(place)).and_then(Option::as_mut) else {
            return;
        };
        let Some(called) = pairing.partner() else { return };
        let is_seated = matches!(pairing.stage, Stage::Consulting(_));
        pairing.stage = Stage::Joined(called);
        let stays = matches!(&pairing.purpose, Purpose::HandOver(handover) if handover.agent_stays);
        if !is_seated {
            // What it is still being told, it is told no more.
            cx.out.media(called.call, called.leg, Media::Clear);
            self.seat(cx, place, called);
        }
        self.wait_no_more(cx);
        if !stays {
            self.let_agents_go(cx, place);
        }
        self.hear_again(cx);
        if let Some(pairing) = self.pairs.at[usize::from(place)].take() {
            self.told(cx, &pairing, 200, true);
            let records = pairing.dial.record;
            self.pairs.at[usize::from(place)] = Some(pairing);
            if records {
                let _ = self.record(cx, true);
            }
        }
        if stays {
            self.go_on(cx);
        }
    }

    /// Everybody who talked for us, but for the one at this place.
    fn let_agents_go(&mut self, cx: &mut Context<'_>, place: u8) {
        self.script.stop();
        self.guided.stop();
        self.dismiss(cx);
        self.plan.bot = None;
        for other in (0..PARTIES as u8).filter(|other| *other != place) {
            drop(self.take_pairing(cx, other));
        }
    }

    /// Everybody hears everybody, as before.
    fn hear_again(&self, cx: &mut Context<'_>) {
        self.hear(cx, TABLE, TABLE);
    }

    fn hear(&self, cx: &mut Context<'_>, who: Members, whom: Members) {
        self.order(cx, Media::Hear { who, whom });
    }

    /// Whoever sits here and talks for us.
    fn agents(&self) -> Members {
        let is_bot = self.presence == Presence::Engaged;
        let seated = self
            .pairs
            .at
            .iter()
            .zip(0..)
            .filter(|(pairing, _)| pairing.as_ref().is_some_and(|pairing| pairing.is_joined()));
        let first = if is_bot { Members::at(AGENT_PLACE) } else { Members::NOBODY };
        seated.fold(first, |members, (_, place)| members.and(Members::at(place)))
    }

    /// The bridges of both hear each other.
    fn seat(&self, cx: &mut Context<'_>, place: u8, called: Called) {
        let (ours, theirs) = port::between();
        self.order(cx, Media::Join { place, seat: Box::new(ours) });
        let seat = Box::new(theirs);
        cx.out.media(called.call, called.leg, Media::Join { place: AGENT_PLACE, seat });
    }

    /// Does the call still wish for it?
    pub fn expects(&self, ticket: u32) -> bool {
        let is_it = |wished: &Wished| wished.ticket == ticket && wished.called.is_none();
        let waits = |pairing: &Pairing| {
            matches!(pairing.stage, Stage::Calling { .. }) && pairing.wished.iter().any(is_it)
        };
        !self.is_closing() && self.pairs.at.iter().flatten().any(|pairing| waits(pairing))
    }

    /// It is placed.
    pub fn placed(&mut self, ticket: u32, call: CallId, leg: LegId) {
        let mut all = self.pairs.at.iter_mut().flatten().flat_map(|pairing| &mut pairing.wished);
        if let Some(wished) = all.find(|wished| wished.ticket == ticket) {
            wished.called = Some(Called { call, leg });
        }
    }

    /// It cannot even be placed.
    pub fn handle_refused(&mut self, cx: &mut Context<'_>, ticket: u32, why: String) {
        let is_it = |wished: &Wished| wished.ticket == ticket;
        let found = self.pairs.at.iter_mut().zip(0..).find_map(|(pairing, place)| {
            let pairing = pairing.as_mut().filter(|pairing| pairing.wished.iter().any(is_it))?;
            pairing.wished.retain(|wished| !is_it(wished));
            Some(place)
        });
        if let Some(place) = found {
            self.controlled(cx, "dial", Some(why));
            self.nobody_left(cx, place);
        }
    }

    /// Another call of ours has something to tell.
    pub fn handle_tie(&mut self, cx: &mut Context<'_>, from: CallId, tie: Tie) {
        if self.plan.second.as_ref().is_some_and(|second| second.of == from) {
            return self.told_by_first(cx, tie);
        }
        let Some(place) = self.place_of(from) else { return };
        match tie {
            Tie::Ringing { status, early } => self.party_rings(cx, place, status, early),
            Tie::Answered(trunk, dialog) => {
                if let Some(pairing) = &mut self.pairs.at[usize::from(place)] {
                    pairing.dialog = dialog.map(|dialog| (trunk, dialog));
                }
                self.party_answered(cx, place, from);
            }
            Tie::Whispered => self.whispered(cx, place),
            Tie::Over(dialled) => self.party_over(cx, place, from, dialled),
            Tie::Pressed(digit) => {
                if matches!(self.stage(place), Some(Stage::Joined(_))) {
                    let _ = self.send_digits(cx, digit.encode_utf8(&mut [0; 4]));
                }
            }
            Tie::Held(true) => {
                if matches!(self.stage(place), Some(Stage::Joined(_))) {
                    self.let_wait(cx, sound::hold_music());
                }
            }
            Tie::Held(false) => self.wait_no_more(cx),
            Tie::HangUp => {}
        }
    }

    fn party_rings(&mut self, cx: &mut Context<'_>, place: u8, status: u16, early: bool) {
        let Some(mut pairing) = self.pairs.at[usize::from(place)].take() else { return };
        self.told(cx, &pairing, status, false);
        let is_wanted = early && pairing.dial.early_media && matches!(pairing.purpose, Purpose::Step(_));
        if let ([Wished { called: Some(called), .. }], Stage::Calling { is_heard: false }, true) =
            (pairing.wished.as_slice(), pairing.stage, is_wanted)
        {
            self.wait_no_more(cx);
            self.seat(cx, place, *called);
            pairing.stage = Stage::Calling { is_heard: true };
        }
        self.pairs.at[usize::from(place)] = Some(pairing);
    }

    fn party_answered(&mut self, cx: &mut Context<'_>, place: u8, from: CallId) {
        let Some(mut pairing) = self.pairs.at[usize::from(place)].take() else { return };
        let Stage::Calling { is_heard } = pairing.stage else {
            self.pairs.at[usize::from(place)] = Some(pairing);
            return;
        };
        let (here, others) = pairing
            .wished
            .into_iter()
            .partition(|wished| wished.called.is_some_and(|called| called.call == from));
        pairing.wished = here;
        self.hang_up(cx, others);
        let Some(called) = pairing.wished.first().and_then(|wished| wished.called) else { return };
        let is_handed = matches!(pairing.purpose, Purpose::HandOver(_));
        let is_agent = matches!(pairing.purpose, Purpose::Agent);
        pairing.stage = if is_handed { Stage::Whispering(called) } else { Stage::Joined(called) };
        if !is_handed {
            self.told(cx, &pairing, 200, true);
        }
        let records = pairing.dial.record;
        self.pairs.at[usize::from(place)] = Some(pairing);
        if is_handed {
            return self.whisper(cx, place);
        }
        self.wait_no_more(cx);
        if !is_heard {
            self.seat(cx, place, called);
        }
        if records {
            // What is recorded already goes on being so.
            let _ = self.record(cx, true);
        }
        if is_agent {
            // Whoever calls in hears ringing until somebody is there.
            self.pick_up(cx);
        }
    }

    fn party_over(&mut self, cx: &mut Context<'_>, place: u8, from: CallId, dialled: Dialled) {
        let Some(pairing) = &mut self.pairs.at[usize::from(place)] else { return };
        if pairing.partner().is_none() {
            let is_it = |wished: &Wished| wished.called.is_some_and(|called| called.call == from);
            pairing.wished.retain(|wished| !is_it(wished));
            if dialled.status >= pairing.best.status {
                pairing.best = dialled;
            }
            if matches!(pairing.stage, Stage::Calling { is_heard: true }) {
                self.order(cx, Media::Part { place });
            }
            return self.nobody_left(cx, place);
        }
        if let Some(mut pairing) = self.pairs.at[usize::from(place)].take() {
            pairing.wished.clear();
            self.order(cx, Media::Part { place });
            if !self.is_referred_to(place) {
                self.wait_no_more(cx);
            }
            self.pairing_over(cx, place, &pairing, dialled);
        }
    }

    /// One of those who were called did not come: was it the last?
    fn nobody_left(&mut self, cx: &mut Context<'_>, place: u8) {
        let is_last = |pairing: &Pairing| pairing.wished.is_empty() && pairing.partner().is_none();
        if !self.pairs.at[usize::from(place)].as_ref().is_some_and(|pairing| is_last(pairing)) {
            return;
        }
        let Some(pairing) = self.pairs.at[usize::from(place)].take() else { return };
        self.wait_no_more(cx);
        let best = pairing.best;
        self.pairing_over(cx, place, &pairing, best);
    }

    fn pairing_over(&mut self, cx: &mut Context<'_>, place: u8, pairing: &Pairing, dialled: Dialled) {
        let is_reached = dialled.status == DialStatus::Completed;
        let status = dialled.sip_status.filter(|status| *status >= 300).unwrap_or(503);
        match &pairing.purpose {
            Purpose::Step(hand) => {
                if !is_reached {
                    self.told(cx, pairing, status, true);
                }
                self.program(*hand).dialled(dialled);
                self.run(cx, *hand);
                self.go_on(cx);
            }
            // As with a bot: it has done, or was lost.
            Purpose::Agent if is_reached && self.facts.answered_at.is_some() => {
                self.close(cx, Disposition::Completed, EndedBy::Agent);
            }
            Purpose::Agent => {
                self.facts.detail = Some(format!("the agent's endpoint: {}", dialled.status.as_str()));
                self.close(cx, Disposition::AgentFailed, EndedBy::Switch);
            }
            // Its place is being taken, by the far end itself.
            Purpose::HandOver(_) if self.is_referred_to(place) => {}
            Purpose::HandOver(_) if !pairing.is_joined() => self.came_back(cx, pairing, status),
            Purpose::HandOver(handover) if handover.agent_stays => self.go_on(cx),
            Purpose::HandOver(_) => self.close(cx, Disposition::Completed, EndedBy::Agent),
        }
    }

    /// The agent goes on where it was.
    fn came_back(&mut self, cx: &mut Context<'_>, pairing: &Pairing, status: u16) {
        self.wait_no_more(cx);
        self.told(cx, pairing, status, true);
        self.hear_again(cx);
        self.go_on(cx);
    }

    /// Whoever had to wait waits no more.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        if self.is_talking() && !self.is_parked() {
            self.run(cx, Hand::Guide);
            self.act(cx);
        }
    }

    /// Whoever is, or is called, there is hung up, and forgotten.
    fn take_pairing(&mut self, cx: &mut Context<'_>, place: u8) -> Option<Box<Pairing>> {
        let mut pairing = self.pairs.at[usize::from(place)].take()?;
        let wished = std::mem::take(&mut pairing.wished);
        self.hang_up(cx, wished);
        self.order(cx, Media::Part { place });
        Some(pairing)
    }

    fn hang_up(&self, cx: &mut Context<'_>, wished: Vec<Wished>) {
        for called in wished.iter().filter_map(|wished| wished.called) {
            cx.out.tie(called.call, self.id(), Tie::HangUp);
        }
    }

    /// Nobody needs the agent any more.
    pub(super) fn dismiss_endpoint(&mut self, cx: &mut Context<'_>) {
        let is_agent = |pairing: &Box<Pairing>| matches!(pairing.purpose, Purpose::Agent);
        if self.pairs.at[usize::from(AGENT_PLACE)].as_ref().is_some_and(is_agent) {
            drop(self.take_pairing(cx, AGENT_PLACE));
        }
    }

    /// The call ends: so do those that were made for it.
    pub(super) fn part_all(&mut self, cx: &mut Context<'_>) {
        self.pairs.waiting = None;
        self.plan.sip = None;
        for place in 0..PARTIES as u8 {
            drop(self.take_pairing(cx, place));
        }
    }

    /// A key of the far end's is one of theirs too.
    pub(super) fn relay_key(&mut self, cx: &mut Context<'_>, digit: char) {
        if let Some(second) = &self.plan.second {
            return cx.out.tie(second.of, self.id(), Tie::Pressed(digit));
        }
        for place in 0..PARTIES as u8 {
            let Some(Stage::Joined(called)) = self.stage(place) else { continue };
            let ends =
                self.pairs.at[usize::from(place)].as_ref().is_some_and(|pairing| pairing.dial.hangup_on_star);
            let tie = if ends && digit == '*' { Tie::HangUp } else { Tie::Pressed(digit) };
            cx.out.tie(called.call, self.id(), tie);
        }
    }

    /// The far end holds us, or takes us back: whoever it talks with hears music meanwhile.
    pub(super) fn relay_hold(&mut self, cx: &mut Context<'_>, holds: bool) {
        if std::mem::replace(&mut self.pairs.holds, holds) == holds {
            return;
        }
        if let Some(second) = &self.plan.second {
            return cx.out.tie(second.of, self.id(), Tie::Held(holds));
        }
        for place in 0..PARTIES as u8 {
            if let Some(Stage::Joined(called)) = self.stage(place) {
                cx.out.tie(called.call, self.id(), Tie::Held(holds));
            }
        }
    }

    /// Somebody is called, or there, who is no agent: how long they are silent is their own affair.
    pub(super) fn is_among_people(&self) -> bool {
        let is_one = |pairing: &Pairing| !matches!(pairing.purpose, Purpose::Agent);
        self.plan.second.is_some() || self.pairs.at.iter().flatten().any(|pairing| is_one(pairing))
    }

    /// Somebody is being called to take the agent's place.
    pub(super) fn is_handing(&self) -> bool {
        self.handing().is_some()
    }

    /// Nobody of ours talks with the far end for now.
    pub(super) fn is_parked(&self) -> bool {
        self.pairs.at.iter().flatten().any(|pairing| pairing.parks())
    }

    /// Where somebody is being called to take the agent's place.
    fn handing(&self) -> Option<u8> {
        let is_it =
            |pairing: &Pairing| matches!(pairing.purpose, Purpose::HandOver(_)) && !pairing.is_joined();
        let found = self
            .pairs
            .at
            .iter()
            .zip(0..)
            .find(|(pairing, _)| pairing.as_ref().is_some_and(|pairing| is_it(pairing)));
        found.map(|(_, place)| place)
    }

    fn stage(&self, place: u8) -> Option<Stage> {
        self.pairs.at.get(usize::from(place))?.as_ref().map(|pairing| pairing.stage)
    }

    fn place_of(&self, call: CallId) -> Option<u8> {
        let is_it = |wished: &Wished| wished.called.is_some_and(|called| called.call == call);
        let has = |pairing: &Option<Box<Pairing>>| {
            pairing.as_ref().is_some_and(|pairing| pairing.wished.iter().any(is_it))
        };
        self.pairs.at.iter().zip(0..).find(|(pairing, _)| has(pairing)).map(|(_, place)| place)
    }

    /// Beside the agent's, or the agent's own where nobody sits.
    fn free_place(&self) -> Option<u8> {
        let is_bot = self.presence == Presence::Engaged;
        let is_free =
            |place: &u8| self.pairs.at[usize::from(*place)].is_none() && !(is_bot && *place == AGENT_PLACE);
        [AGENT_PLACE + 1, AGENT_PLACE].into_iter().find(is_free)
    }

    /// A bot takes the call: whoever else talked goes.
    pub(super) fn let_parties_go(&mut self, cx: &mut Context<'_>) {
        self.wait_no_more(cx);
        for place in 0..PARTIES as u8 {
            drop(self.take_pairing(cx, place));
        }
        self.hear_again(cx);
    }

    fn told(&self, cx: &mut Context<'_>, pairing: &Pairing, status: u16, is_final: bool) {
        self.tell(cx, CallFact::Transfer { to: pairing.to(), status, is_final });
    }
}

/// What came of a call that was made for another one.
pub fn dialled(call: CallId, outcome: &crate::model::Outcome) -> Dialled {
    let talked =
        outcome.answered_at.map_or(Duration::ZERO, |at| outcome.ended_at.saturating_duration_since(at));
    Dialled {
        status: DialStatus::of(outcome.disposition, outcome.answered_at.is_some()),
        call: Some(call),
        talked,
        sip_status: outcome.sip_status,
    }
}
