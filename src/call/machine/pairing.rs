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

use trunkline_media::{Command as Media, LegId, port};

use super::super::outbox::{DialOrder, Hand};
use super::super::sound;
use super::super::tie::Tie;
use super::pairs::{AGENT_PLACE, Called, PARTIES, Pairing, Purpose, Stage, Told, Wished};
use super::{Call, Context};
use crate::model::{CallFact, CallId, Dial, DialStatus, Dialled, Disposition, EndedBy, SipAgent};

/// Parties that one call may wish for: a document that dials in circles wants something else.
const TICKETS_MAX: u32 = 64;

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

    /// The agent is a SIP endpoint, and its time has come. Once.
    pub(super) fn engage_endpoint(&mut self, cx: &mut Context<'_>) {
        let is_time = |sip: &Arc<SipAgent>| self.is_time(sip.call_at);
        let Some(sip) = self.plan.sip.clone().filter(is_time) else { return };
        self.plan.sip = None;
        if !self.begin_pairing(cx, AGENT_PLACE, Purpose::Agent, Arc::clone(&sip.dial)) {
            self.close(cx, Disposition::AgentFailed, EndedBy::Switch);
        }
    }

    pub(super) fn begin_pairing(
        &mut self,
        cx: &mut Context<'_>,
        place: u8,
        purpose: Purpose,
        dial: Arc<Dial>,
    ) -> bool {
        let count = u32::try_from(dial.to.len()).unwrap_or(u32::MAX);
        if count == 0 || self.pairs.tickets.saturating_add(count) > TICKETS_MAX {
            return false;
        }
        let number = self.pairs.tickets + 1;
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
        let (whisper, holds, best) = (Told::Nothing, false, Dialled::FAILED);
        let dialog = None;
        let pairing =
            Pairing { number, purpose, dial: Arc::clone(&dial), wished, stage, whisper, holds, dialog, best };
        self.told(cx, &pairing, 100, false);
        let here = pairing.at(place);
        self.pairs.at[usize::from(place)] = Some(Box::new(pairing));
        if !is_agent {
            self.comfort(cx, here, &dial);
        }
        true
    }

    /// The bridges of both hear each other.
    pub(super) fn seat(&self, cx: &mut Context<'_>, place: u8, called: Called) {
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
            Tie::Held(holds) => self.party_holds(cx, place, holds),
            Tie::HangUp => {}
        }
    }

    pub(super) fn party_rings(&mut self, cx: &mut Context<'_>, place: u8, status: u16, early: bool) {
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

    pub(super) fn party_answered(&mut self, cx: &mut Context<'_>, place: u8, from: CallId) {
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

    /// Who waits for the agent hears something already, whatever the one whom the agent consults does.
    fn party_holds(&mut self, cx: &mut Context<'_>, place: u8, holds: bool) {
        let Some(pairing) = &mut self.pairs.at[usize::from(place)] else { return };
        pairing.holds = holds;
        if pairing.is_joined() {
            self.wait_for_holders(cx);
        }
    }

    /// The far end hears music as long as one of those who talk with it holds us, and no longer.
    pub(super) fn wait_for_holders(&mut self, cx: &mut Context<'_>) {
        match self.pairs.at.iter().flatten().any(|pairing| pairing.holds && pairing.is_joined()) {
            true => self.let_wait(cx, sound::hold_music()),
            false => self.wait_no_more(cx),
        }
    }

    pub(super) fn party_over(&mut self, cx: &mut Context<'_>, place: u8, from: CallId, dialled: Dialled) {
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
                self.wait_for_holders(cx);
            }
            self.pairing_over(cx, place, &pairing, dialled);
        }
    }

    /// One of those who were called did not come: was it the last?
    pub(super) fn nobody_left(&mut self, cx: &mut Context<'_>, place: u8) {
        let is_last = |pairing: &Pairing| pairing.wished.is_empty() && pairing.partner().is_none();
        if !self.pairs.at[usize::from(place)].as_ref().is_some_and(|pairing| is_last(pairing)) {
            return;
        }
        let Some(pairing) = self.pairs.at[usize::from(place)].take() else { return };
        self.wait_for_holders(cx);
        let best = pairing.best;
        self.pairing_over(cx, place, &pairing, best);
    }

    pub(super) fn pairing_over(
        &mut self,
        cx: &mut Context<'_>,
        place: u8,
        pairing: &Pairing,
        dialled: Dialled,
    ) {
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
            Purpose::Agent if is_reached && self.is_left_to_another(cx) => {}
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
            Purpose::HandOver(handover)
                if handover.agent_stays && !self.has_left && !self.is_left_alone() =>
            {
                self.go_on(cx)
            }
            Purpose::HandOver(_) => self.close(cx, Disposition::Completed, EndedBy::Agent),
        }
    }

    /// Whoever had to wait waits no more.
    pub(super) fn go_on(&mut self, cx: &mut Context<'_>) {
        if self.is_talking() && !self.is_parked() {
            self.run(cx, Hand::Guide);
            self.act(cx);
        }
    }

    /// Whoever is, or is called, there is hung up, and forgotten.
    pub(super) fn take_pairing(&mut self, cx: &mut Context<'_>, place: u8) -> Option<Box<Pairing>> {
        let mut pairing = self.pairs.at[usize::from(place)].take()?;
        let wished = std::mem::take(&mut pairing.wished);
        self.hang_up(cx, wished);
        self.order(cx, Media::Part { place });
        Some(pairing)
    }

    pub(super) fn hang_up(&self, cx: &mut Context<'_>, wished: Vec<Wished>) {
        for called in wished.iter().filter_map(|wished| wished.called) {
            cx.out.tie(called.call, self.id(), Tie::HangUp);
        }
    }

    /// Nobody needs the agent any more.
    pub(super) fn dismiss_endpoint(&mut self, cx: &mut Context<'_>) {
        let at_agents = self.pairs.at[usize::from(AGENT_PLACE)].as_ref();
        if at_agents.is_some_and(|pairing| matches!(pairing.purpose, Purpose::Agent)) {
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

    /// The far end holds us (by `sendonly`, `inactive` or 0.0.0.0), or takes us back: whoever it talks with hears our music
    /// meanwhile, and nothing of what it may send.
    pub(super) fn relay_hold(&mut self, cx: &mut Context<'_>, holds: bool) {
        if std::mem::replace(&mut self.pairs.holds, holds) == holds {
            return;
        }
        self.say_who_is_heard(cx);
        if let Some(second) = &self.plan.second {
            return cx.out.tie(second.of, self.id(), Tie::Held(holds));
        }
        for place in 0..PARTIES as u8 {
            if let Some(Stage::Joined(called)) = self.stage(place) {
                cx.out.tie(called.call, self.id(), Tie::Held(holds));
            }
        }
    }

    /// The far end holds us, and another party hears music for it, or will as soon as it is put through.
    pub(super) fn is_played_for(&self) -> bool {
        let joined = (0..PARTIES as u8).any(|place| matches!(self.stage(place), Some(Stage::Joined(_))));
        self.pairs.holds && (self.plan.second.is_some() || joined)
    }

    /// Somebody is called, or there, who is no agent: how long they are silent is their own affair.
    pub(super) fn is_among_people(&self) -> bool {
        let is_one = |pairing: &Pairing| !matches!(pairing.purpose, Purpose::Agent);
        self.plan.second.is_some() || self.pairs.at.iter().flatten().any(|pairing| is_one(pairing))
    }

    pub(super) fn stage(&self, place: u8) -> Option<Stage> {
        self.pairs.at.get(usize::from(place))?.as_ref().map(|pairing| pairing.stage)
    }

    pub(super) fn place_of(&self, call: CallId) -> Option<u8> {
        let is_it = |wished: &Wished| wished.called.is_some_and(|called| called.call == call);
        let has = |pairing: &Option<Box<Pairing>>| {
            pairing.as_ref().is_some_and(|pairing| pairing.wished.iter().any(is_it))
        };
        self.pairs.at.iter().zip(0..).find(|(pairing, _)| has(pairing)).map(|(_, place)| place)
    }

    /// Beside the agent's, or the agent's own where nobody sits.
    pub(super) fn free_place(&self) -> Option<u8> {
        let is_agents = self.presence.is_engaged() || self.wants_people();
        let is_free = |place: &u8| {
            self.pairs.at[usize::from(*place)].is_none() && !(is_agents && *place == AGENT_PLACE)
        };
        [AGENT_PLACE + 1, AGENT_PLACE].into_iter().find(is_free)
    }

    pub(super) fn told(&self, cx: &mut Context<'_>, pairing: &Pairing, status: u16, is_final: bool) {
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
