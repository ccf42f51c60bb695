//! A call that came in, until its answer is confirmed (RFC 3261 §13.3). It rings for as long as the agent's first words take to
//! be rendered: a caller hears ringing, never silence. There is nobody to detect: whoever calls is listened to.

use std::time::{Duration, Instant};

use trunkline_media::{Command as Media, Rule, Then, When};
use trunkline_sip::{Body, DialogState, InviteId};

use super::super::disposition::Hangup;
use super::super::facts;
use super::super::outbox::BotOrder;
use super::super::party::Party;
use super::super::timer::Timer;
use super::{Call, Context, Origination, Phase};
use crate::model::{Attempt, CallEvent, CallFact, Disposition, EndedBy};

/// A call that came in and may be answered: its intent is on disk, its permit and its media ports are taken.
pub struct Reception {
    /// Everything else.
    pub origination: Origination,
    /// Its INVITE.
    pub invite: InviteId,
    /// What it offers; without it our answer makes the offer.
    pub offer: Option<Body>,
}

/// An ACK that has not come.
pub struct Awaited {
    /// Since when.
    pub(super) answered_at: Instant,
    /// It brings the answer to our offer.
    pub(super) is_answer: bool,
    /// The call was another's before: who sends it took that one's place.
    pub(super) is_move: bool,
}

impl Call {
    /// Lets it ring. A call whose offer cannot be met ends at once: `None`, and its end was told.
    pub fn receive(reception: Reception, cx: &mut Context<'_>) -> Option<Self> {
        let Reception { origination, invite, offer } = reception;
        let mut call = Self::new(origination, cx.now, Phase::Ringing { answer: None });
        cx.agent.adopt(invite, call.plan.call.get());
        call.dialled.push(Attempt::new(&*call.plan.trunk.name, &*call.plan.sip_call_id));
        let mut party = Party::called(invite, call.origin().local(), call.reach(cx));
        let answer = offer.as_ref().map(|offer| party.offers.renegotiate(offer)).transpose();
        call.party = Some(party);
        match answer {
            Ok(answer) => call.ring(cx, invite, answer),
            // RFC 3261 §13.3.1.3: what cannot be met is refused with 488.
            Err(error) => {
                call.facts.detail = Some(format!("the offer: {error}"));
                call.facts.sip_status = Some(488);
                cx.agent.reject(cx.now, invite, 488, Vec::new());
                call.end_as(cx, Hangup { disposition: Disposition::TrunkFailed, by: EndedBy::Switch });
                return None;
            }
        }
        (!call.is_over()).then_some(call)
    }

    /// The caller gave up before all was ready for it: the intent on disk still gets its end, and the leg is closed.
    pub fn missed(reception: Reception, cx: &mut Context<'_>) {
        let mut call = Self::new(reception.origination, cx.now, Phase::Ringing { answer: None });
        let end = call.given_up();
        call.end_as(cx, end);
    }

    fn ring(
        &mut self,
        cx: &mut Context<'_>,
        invite: InviteId,
        answer: Option<(Body, trunkline_media::Negotiated)>,
    ) {
        if let Some((body, negotiated)) = answer {
            self.phase = Phase::Ringing { answer: Some(body) };
            self.order(cx, Media::Remote(negotiated));
            // Within the tick: the agent's first packet leaves with the 200.
            self.order(cx, Media::Arm(Rule { when: When::Answered, then: Then::OpenGate, once: true }));
        }
        cx.agent.progress(cx.now, invite, 180, None, false);
        self.facts.ringing_at = Some(cx.now);
        self.tell(cx, CallFact::Ringing { status: 180 });
        self.set(cx, Timer::Ring, self.rings_for());
        self.engage(cx);
        self.prepare_notice(cx);
        self.ring_people(cx);
        self.prepare_walk(cx);
        // A script that begins with a question to which no word belongs makes nobody wait.
        if self.walk.is_some() && !self.guided.is_about_to_speak() {
            self.pick_up(cx);
        }
        self.act(cx);
    }

    /// People are given all the time that was promised them, and decide by themselves when it is over.
    fn rings_for(&self) -> Duration {
        let own = self.plan.agent.ring_timeout;
        self.plan.staff.as_ref().map_or(own, |staff| own.max(staff.wait + 2 * staff.ring))
    }

    /// The agent's first words are ready: answers, if it rings here.
    pub(super) fn pick_up(&mut self, cx: &mut Context<'_>) {
        let (Phase::Ringing { answer }, Some(party)) = (&mut self.phase, &mut self.party) else { return };
        let is_answer = answer.is_none();
        let body = answer.take().unwrap_or_else(|| party.offers.reoffer());
        cx.agent.answer(cx.now, party.invite(), body);
        self.awaited = Some(Awaited { answered_at: cx.now, is_answer, is_move: false });
        self.facts.answered_at = Some(cx.now);
        self.facts.sip_status = Some(200);
        self.phase = Phase::Judging;
        self.timers.clear(cx.wheel, Timer::Ring);
        self.order(cx, Media::Answered);
        self.tell_bot(cx, BotOrder::Answered(self.id()));
        let most = self.plan.trunk.destinations.longest(self.plan.agent.call_duration_max);
        self.set(cx, Timer::Duration, most);
        self.await_words(cx);
        self.begin_walk(cx);
    }

    /// An ACK came: of our answer to the call, or of a later one within it.
    pub(super) fn confirmed(&mut self, cx: &mut Context<'_>, body: Option<&Body>, dialog: DialogState) {
        let Some(Awaited { answered_at, is_answer, is_move }) = self.awaited.take() else {
            return self.reanswered(cx, body);
        };
        if is_move {
            self.moved(cx, dialog);
        } else {
            let record = Box::new(facts::dialog(dialog, &self.plan.trunk.name));
            self.dialog = Some(record.clone());
            let fact = CallFact::Answered { dialog: record, recorded: self.control.is_begun() };
            cx.out.event(CallEvent { call: self.id(), at: answered_at, fact });
        }
        if !is_answer {
            return;
        }
        match self.party.as_mut().and_then(|party| party.offers.reaccept(body)) {
            Some(negotiated) if is_move => self.heed(cx, negotiated),
            Some(negotiated) => {
                self.order(cx, Media::Remote(negotiated));
                self.order(cx, Media::OpenGate);
            }
            None => {
                self.facts.detail = Some("the ACK had no answer to our offer".into());
                self.close(cx, Disposition::TrunkFailed, EndedBy::Switch);
            }
        }
    }

    /// The caller cancelled, or hung up before the answer.
    pub(super) fn given_up(&mut self) -> Hangup {
        self.facts.sip_status = Some(487);
        self.facts.detail = Some("the caller gave up before the answer".into());
        Hangup { disposition: Disposition::NoAnswer, by: EndedBy::Callee }
    }
}
