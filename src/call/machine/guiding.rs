//! The two programs of a call: its guide's, which says what is done once somebody answered, and the operator's. Their orders are
//! done here, and what they wait for is told to them.

use std::sync::Arc;

use trunkline_media::{Clip, Command as Media};

use super::super::outbox::{BotOrder, ErrandOrder, Hand, Speech};
use super::super::timer::Timer;
use super::super::verdict;
use super::controlling::Cut;
use super::staffing::Attendance;
use super::{Call, Context, Phase};
use crate::agent::{Errand, Order, Program, Script};
use crate::model::{
    CallFact, Disposition, EndedBy, Guide, Key, Link, NotDone, Occasion, Speak, SpeakOrder, Step,
};

/// How often a guide is asked in one call: one that sends us round in circles wants something else.
const ASKED_MAX: u32 = 200;

/// Marks of the programs' sounds: below this, the script's lines.
const HAND_SHIFT: u32 = 30;

/// Whose sound a mark is, if it is one's.
pub fn sound_of(mark: u32) -> Option<(Hand, u32)> {
    let sound = mark & ((1 << HAND_SHIFT) - 1);
    match mark >> HAND_SHIFT {
        1 => Some((Hand::Guide, sound)),
        2 => Some((Hand::Operator, sound)),
        _ => None,
    }
}

fn mark_of(hand: Hand, sound: u32) -> u32 {
    let hand = match hand {
        Hand::Guide => 1,
        Hand::Operator => 2,
    };
    hand << HAND_SHIFT | sound
}

impl Call {
    /// It is time to talk: its guide is asked, once.
    pub(super) fn ask_guide(&mut self, cx: &mut Context<'_>) {
        if self.plan.guide.is_some() && matches!(self.phase, Phase::Judging) {
            self.phase = Phase::Talking;
            self.begin_guide(cx);
        }
    }

    fn begin_guide(&mut self, cx: &mut Context<'_>) {
        match self.is_told_beforehand() {
            true => self.guided.begin(),
            false => self.guided.inquire(),
        }
        self.run(cx, Hand::Guide);
    }

    /// What its guide has said with the request is made ready while it rings.
    pub(super) fn prepare_guide(&mut self, cx: &mut Context<'_>) {
        let Some(guide) = self.plan.guide.as_ref().filter(|guide| !guide.first.is_empty()) else { return };
        self.guided.prepare(guide.first.clone());
        self.run(cx, Hand::Guide);
    }

    fn is_told_beforehand(&self) -> bool {
        self.plan.guide.as_ref().is_some_and(|guide| !guide.first.is_empty())
    }

    /// Somebody else says from now on what is done, whoever has until now. Where it is not known yet who is there, and nobody was to
    /// speak before, that is who will be asked.
    pub(super) fn follow(&mut self, cx: &mut Context<'_>, guide: &Guide) -> Result<(), NotDone> {
        if self.plan.second.is_some() {
            return Err(NotDone::NoTransfer("this call was made for another one: change that one"));
        }
        if self.is_abandoned() {
            return Err(NotDone::NotTalking);
        }
        if self.is_referred() {
            return Err(NotDone::UnderWay);
        }
        self.clear_the_line(cx);
        self.attendance = Attendance::None;
        // A document is said to its end, whoever talks meanwhile.
        self.allow_barge_in(cx, false);
        self.plan.guide = Some(guide.clone());
        let before = std::mem::replace(&mut self.plan.speak_order, SpeakOrder::AgentFirst);
        self.overdue = None;
        self.prepare_guide(cx);
        match self.phase {
            Phase::Judging if !self.is_time_to_speak() => {
                if before == SpeakOrder::CalleeFirst {
                    verdict::unheard().for_each(|rule| self.order(cx, Media::Arm(rule)));
                }
            }
            Phase::Judging => {
                self.order(cx, Media::OpenGate);
                self.ask_guide(cx);
            }
            _ => self.begin_guide(cx),
        }
        Ok(())
    }

    /// Is it known who is there, or need it not be?
    fn is_time_to_speak(&self) -> bool {
        let is_known = self.facts.heard.as_ref().is_some_and(|heard| !verdict::is_ringing(heard.class));
        self.came_in || self.plan.speak == Speak::Answer || is_known && !self.awaits_beep()
    }

    /// What its guide wants next, or why that cannot be had. An answer that came after somebody else took over, or to a question that
    /// was given up, is nobody's word any more.
    pub fn handle_guided(&mut self, cx: &mut Context<'_>, question: u32, steps: Result<Vec<Step>, String>) {
        if question != self.asked || !self.guided.is_asking() {
            return;
        }
        match steps {
            Ok(steps) => self.guided.load(steps),
            Err(why) => self.guided.fail(why),
        }
        self.run(cx, Hand::Guide);
    }

    /// A sound is there, or cannot be had.
    pub fn handle_sound(
        &mut self,
        cx: &mut Context<'_>,
        hand: Hand,
        sound: u32,
        clip: Result<Arc<Clip>, String>,
    ) {
        self.program(hand).ready(sound, clip);
        self.run(cx, hand);
    }

    /// A sound was heard, or cut short.
    pub(super) fn sound_over(&mut self, cx: &mut Context<'_>, hand: Hand, sound: u32, cleared: bool) {
        // What was done by hand is not done again by itself.
        let cut = if cleared && hand == Hand::Guide { self.control.take_cut() } else { None };
        match cut {
            Some(Cut::Held) => self.program(hand).recall(sound),
            None if cleared && hand == Hand::Guide && self.walk.is_some() => {
                if self.guided.barged(sound) {
                    self.tell(cx, CallFact::BargeIn);
                }
            }
            _ => self.program(hand).marked(sound),
        }
        self.run(cx, hand);
    }

    /// Time stands still for who is on hold by hand, or waits for another: what was waited for is waited for anew afterwards.
    pub(super) fn step_timed_out(&mut self, cx: &mut Context<'_>, hand: Hand) {
        if hand == Hand::Guide && self.is_guide_still() {
            self.overdue = self.awaited_for;
            return;
        }
        self.program(hand).timed_out();
        self.run(cx, hand);
    }

    /// A transfer came to nothing.
    pub(super) fn untransferred(&mut self, cx: &mut Context<'_>) {
        self.guided.untransferred();
        let why = "the other party is not there".to_owned();
        self.tell_bot(cx, BotOrder::Untransferred(self.id(), why));
        self.run(cx, Hand::Guide);
        self.person_untransferred(cx);
    }

    /// Does what a program wants, until it waits for something.
    pub(super) fn run(&mut self, cx: &mut Context<'_>, hand: Hand) {
        if hand == Hand::Guide
            && !self.is_guide_still()
            && let Some(time) = self.overdue.take()
        {
            self.set(cx, Timer::Guide, time);
        }
        while let Some(order) = self.next_order(hand) {
            self.obey(cx, hand, order);
        }
    }

    fn next_order(&mut self, hand: Hand) -> Option<Order> {
        match hand == Hand::Guide && self.is_guide_still() {
            true => None,
            false if hand == Hand::Guide && self.is_opening() => self.guided.poll_beforehand(),
            false => self.program(hand).poll_order(),
        }
    }

    /// Has its guide to wait, for whoever is on hold by hand or talks with another?
    fn is_guide_still(&self) -> bool {
        self.control.is_held_by_hand() || self.is_parked()
    }

    pub(super) fn program(&mut self, hand: Hand) -> &mut Program {
        match hand {
            Hand::Guide => &mut self.guided,
            Hand::Operator => &mut self.operator,
        }
    }

    fn obey(&mut self, cx: &mut Context<'_>, hand: Hand, order: Order) {
        let timer = match hand {
            Hand::Guide => Timer::Guide,
            Hand::Operator => Timer::Operator,
        };
        match order {
            Order::Render { sound, text } => cx.out.speech(&self.plan, Speech::Step(hand, sound), text),
            Order::Fetch { sound, from } => self.send_for(cx, hand, Errand::Sound { number: sound, from }),
            Order::Play { clip, mark } => {
                if hand == Hand::Guide {
                    self.control.begin();
                }
                self.timers.clear(cx.wheel, Timer::Turn);
                self.order(cx, Media::Play { clip, mark: Some(mark_of(hand, mark)) });
                self.answer_with_walk(cx, hand);
            }
            Order::Clear => self.order(cx, Media::Clear),
            Order::Wait(time) => {
                if hand == Hand::Guide {
                    self.awaited_for = Some(time);
                }
                self.set(cx, timer, time);
                self.render_ahead(cx);
            }
            Order::Tell(occasion) => self.answer_walk(cx, &occasion),
            Order::BargeIn(on) => self.allow_barge_in(cx, on),
            Order::SendDigits(digits) => {
                let done = self.send_digits(cx, &digits);
                if !self.check_done(cx, "dtmf", done) {
                    self.program(hand).digits_sent();
                }
            }
            Order::Hold(on) => match self.hold(cx, hand, on) {
                Ok(true) => {}
                done => {
                    self.check_done(cx, if on { "hold" } else { "resume" }, done.map(drop));
                    self.program(hand).hold_over();
                }
            },
            Order::Mute(side, on) => drop(self.mute(cx, side, on)),
            Order::Record(on) => {
                let done = self.record(cx, on);
                self.check_done(cx, if on { "start_recording" } else { "stop_recording" }, done);
            }
            Order::StartStream(listener) => {
                let done = self.start_stream(cx, &listener);
                self.check_done(cx, "start_stream", done);
            }
            Order::StopStream => {
                let done = self.stop_stream(cx);
                self.check_done(cx, "stop_stream", done);
            }
            Order::Transfer(to) => {
                let done = self.handle_transfer(cx, to);
                if !self.check_done(cx, "transfer", done) {
                    self.program(hand).untransferred();
                }
            }
            Order::Dial(dial) => self.dial_for(cx, hand, dial),
            Order::Ask { link, occasion } => self.ask(cx, hand, link, occasion),
            Order::Summon(bot) => self.summon(cx, bot),
            Order::Connect(bot) => self.connect(cx, bot),
            Order::DoNotCall => {
                let done = self.object(cx);
                self.check_done(cx, "do_not_call", done);
            }
            Order::Hangup if self.is_abandoned() => self.close(cx, Disposition::Abandoned, EndedBy::Switch),
            Order::Hangup => self.close(cx, Disposition::Completed, EndedBy::Agent),
            Order::Done => self.done(cx, hand),
            Order::Fail(why) => match hand {
                Hand::Guide => self.unguided(cx, why),
                Hand::Operator => self.controlled(cx, "play", Some(why)),
            },
        }
    }

    /// Tells why something was not done. Was it?
    fn check_done(&self, cx: &mut Context<'_>, what: &'static str, done: Result<(), NotDone>) -> bool {
        if let Err(why) = &done {
            self.controlled(cx, what, Some(why.to_string()));
        }
        done.is_ok()
    }

    /// Whoever is left on hold is somebody else's to take back.
    fn done(&mut self, cx: &mut Context<'_>, hand: Hand) {
        if hand == Hand::Guide && self.walk_on() {
            return;
        }
        if hand == Hand::Guide && !self.control.is_held() {
            self.close(cx, Disposition::Completed, EndedBy::Agent);
        }
    }

    fn ask(&mut self, cx: &mut Context<'_>, hand: Hand, link: Option<Link>, occasion: Occasion) {
        let Some(guide) = self.plan.guide.as_ref().filter(|_| hand == Hand::Guide) else {
            return self.program(hand).fail("nobody can be asked what to do".to_owned());
        };
        let (link, face) = (link.unwrap_or_else(|| guide.link.clone()), guide.face);
        if let Err(why) = self.ask_once_more() {
            return self.program(hand).fail(why);
        }
        let (question, key) = (self.asked, self.signer());
        self.send_for(cx, hand, Errand::Steps { question, link, occasion, face, key });
    }

    /// Whose secret signs what is asked for this call.
    pub(super) fn signer(&self) -> Option<Arc<Key>> {
        let guides = self.plan.guide.as_ref().and_then(|guide| guide.key.clone());
        guides.or_else(|| self.plan.key.clone())
    }

    /// Counts a question to whoever guides the call; too many are refused.
    pub(super) fn ask_once_more(&mut self) -> Result<(), String> {
        if self.asked >= ASKED_MAX {
            return Err(format!("asked what to do more than {ASKED_MAX} times"));
        }
        self.asked += 1;
        Ok(())
    }

    pub(super) fn send_for(&self, cx: &mut Context<'_>, hand: Hand, errand: Errand) {
        cx.out.errands.push_back(ErrandOrder { call: self.id(), hand, errand });
    }

    /// Its guide is of no help: the agent talks in its place, if there is one.
    fn unguided(&mut self, cx: &mut Context<'_>, why: String) {
        self.guided.stop();
        self.dismiss(cx);
        self.plan.guide = None;
        self.controlled(cx, "guide", Some(why.clone()));
        if self.is_abandoned() {
            self.facts.detail = Some(why);
            return self.close(cx, Disposition::Abandoned, EndedBy::Switch);
        }
        if self.is_alone() {
            self.facts.detail = Some(why);
            return self.close(cx, Disposition::AgentFailed, EndedBy::Switch);
        }
        self.order(cx, Media::Clear);
        if self.control.is_held_by_guide() {
            // At worst the offer to hold it has no answer yet: then by hand.
            let _ = self.hold(cx, Hand::Guide, false);
        }
        if self.walk_instead(cx) {
            return;
        }
        self.script = Script::new(self.plan.script.clone());
        self.let_barge_in(cx);
        self.prepare_notice(cx);
        self.engage(cx);
        self.call_people_instead(cx);
        self.act(cx);
    }

    /// Has it nobody who could talk in its guide's place?
    fn is_alone(&self) -> bool {
        let plan = &self.plan;
        let is_spoken_for = plan.bot.is_some() || plan.sip.is_some() || plan.staff.is_some();
        plan.script.is_empty() && (plan.flow.is_none() || self.walk.is_some()) && !is_spoken_for
    }
}
