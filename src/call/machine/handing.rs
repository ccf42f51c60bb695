//! Somebody takes the agent's place: who was called is told something that the far end does not hear, consults with the agent if
//! that is wanted, and is put through; or the agent goes on. Who hears whom meanwhile is the bridge's matrix.

use std::sync::Arc;

use trunkline_media::Command as Media;
use trunkline_media::bridge::Members;

use super::super::outbox::{Aside, Hand, Speech};
use super::super::timer::Timer;
use super::pairs::{AGENT_PLACE, PARTIES, Pairing, Purpose, Stage, TABLE, Told};
use super::{Call, Context, Phase, WHISPER_MARK};
use crate::agent::{Errand, Place};
use crate::model::{Attended, Disposition, EndedBy, Handover, NotDone, Whisper};

impl Call {
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
            let place = pairing.at(place);
            self.ask_for_whisper(cx, place, whisper);
        }
        Ok(())
    }

    fn ask_for_whisper(&self, cx: &mut Context<'_>, place: Place, whisper: Whisper) {
        match whisper {
            Whisper::Say(text) => cx.out.speech(&self.plan, Speech::Aside(Aside::Whisper(place)), text),
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
    pub(super) fn complete_there(&mut self, cx: &mut Context<'_>, place: u8) -> bool {
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

    /// Tells the party what it is to be told, if it is there and that is ready.
    pub(super) fn whisper(&mut self, cx: &mut Context<'_>, place: u8) {
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

    pub(super) fn whispered(&mut self, cx: &mut Context<'_>, place: u8) {
        let Some(pairing) = self.pairs.at.get_mut(usize::from(place)).and_then(Option::as_mut) else {
            return;
        };
        let Stage::Whispering(called) = pairing.stage else { return };
        let is_there = !self.has_left;
        match &pairing.purpose {
            Purpose::HandOver(handover) if handover.consult && is_there => {
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
    pub(super) fn put_party_through(&mut self, cx: &mut Context<'_>, place: u8) {
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
        if !stays {
            self.let_agents_go(cx, Some(place));
        }
        self.wait_for_holders(cx);
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

    /// Everybody who talked for us goes, but for the one at this place.
    pub(super) fn let_agents_go(&mut self, cx: &mut Context<'_>, place: Option<u8>) {
        self.script.stop();
        self.guided.stop();
        self.dismiss(cx);
        if self.is_attended_by_person() {
            self.order(cx, Media::Part { place: AGENT_PLACE });
        }
        self.release_people(cx);
        self.plan.bot = None;
        for other in (0..PARTIES as u8).filter(|other| Some(*other) != place) {
            drop(self.take_pairing(cx, other));
        }
    }

    /// Whoever talked leaves. Does another one take its place? Whom it consults with is put through; who is called yet is waited for.
    pub(super) fn is_left_to_another(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(place) = self.handing() else { return false };
        self.has_left = true;
        if matches!(self.stage(place), Some(Stage::Consulting(_))) && !self.complete_there(cx, place) {
            self.put_party_through(cx, place);
        }
        true
    }

    /// The agent goes on where it was, if it is there still.
    pub(super) fn came_back(&mut self, cx: &mut Context<'_>, pairing: &Pairing, status: u16) {
        self.wait_for_holders(cx);
        self.told(cx, pairing, status, true);
        if self.has_left {
            return self.close(cx, Disposition::Completed, EndedBy::Agent);
        }
        self.hear_again(cx);
        self.go_on(cx);
    }

    /// Everybody hears everybody, as before.
    pub(super) fn hear_again(&self, cx: &mut Context<'_>) {
        self.hear(cx, TABLE, TABLE);
    }

    pub(super) fn hear(&self, cx: &mut Context<'_>, who: Members, whom: Members) {
        self.order(cx, Media::Hear { who, whom });
    }

    /// Whoever sits here and talks for us, but for people in browsers: those are consulted by nobody.
    pub(super) fn agents(&self) -> Members {
        let is_bot = self.presence.is_engaged();
        let seated = self
            .pairs
            .at
            .iter()
            .zip(0..)
            .filter(|(pairing, _)| pairing.as_ref().is_some_and(|pairing| pairing.is_joined()));
        let first = if is_bot { Members::at(AGENT_PLACE) } else { Members::NOBODY };
        seated.fold(first, |members, (_, place)| members.and(Members::at(place)))
    }

    /// Somebody is being called to take the agent's place.
    pub(super) fn is_handing(&self) -> bool {
        self.handing().is_some()
    }

    /// Somebody who was called to take the agent's place, or to join it, talks with the far end.
    pub(super) fn is_handed(&self) -> bool {
        let is_it =
            |pairing: &Pairing| matches!(pairing.purpose, Purpose::HandOver(_)) && pairing.is_joined();
        self.pairs.at.iter().flatten().any(|pairing| is_it(pairing))
    }

    /// Nobody of ours talks with the far end for now.
    pub(super) fn is_parked(&self) -> bool {
        self.pairs.at.iter().flatten().any(|pairing| pairing.parks())
    }

    /// Where somebody is being called to take the agent's place.
    pub(super) fn handing(&self) -> Option<u8> {
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
}
