//! A call whose agent follows a script of its own: the script is the guide, and is asked here, at once.

use super::super::outbox::{Hand, Speech};
use super::{Call, Context, Phase};
use crate::agent::Walk;
use crate::model::{CallFact, Occasion, Speak, Step};

impl Call {
    /// Its script's first words are made ready while it rings, and queued behind the gate.
    pub(super) fn prepare_walk(&mut self, cx: &mut Context<'_>) {
        if self.plan.guide.is_none()
            && let Some(steps) = self.set_out()
        {
            self.guided.gate(steps);
            self.run(cx, Hand::Guide);
        }
    }

    /// It is known who is there, or it need not be: the script is gone through from here on, once.
    pub(super) fn begin_walk(&mut self, cx: &mut Context<'_>) {
        if self.walk.is_none() || !self.guided.is_gated() {
            return;
        }
        self.guided.begin();
        // What is said first opens the talk with its first packet; what does not speak opens it here.
        if matches!(self.phase, Phase::Judging) && !self.guided.is_about_to_speak() {
            self.phase = Phase::Talking;
            self.let_barge_in(cx);
        }
        self.run(cx, Hand::Guide);
    }

    /// The same, unless it is the callee's to speak first.
    pub(super) fn begin_walk_in_turn(&mut self, cx: &mut Context<'_>) {
        if self.plan.speak != Speak::Verdict || !self.waits_for_words() {
            self.begin_walk(cx);
        }
    }

    /// Its guide was of no help: its own script goes on from the beginning. `false`: it has none.
    pub(super) fn walk_instead(&mut self, cx: &mut Context<'_>) -> bool {
        let is_walking = self.walk.is_some();
        let Some(steps) = self.set_out().filter(|_| !is_walking) else { return false };
        self.guided.renew();
        self.guided.push(steps);
        self.let_barge_in(cx);
        self.run(cx, Hand::Guide);
        true
    }

    fn set_out(&mut self) -> Option<Vec<Step>> {
        let scripted = self.plan.flow.as_ref()?;
        let walk = Walk::new(scripted, &self.plan.variables, self.plan.agent.barge_in);
        Some(self.walk.insert(walk).go_on().unwrap_or_default())
    }

    /// Its first words are queued: whoever calls in is answered now, and hears what follows them too.
    pub(super) fn answer_with_walk(&mut self, cx: &mut Context<'_>, hand: Hand) {
        if hand == Hand::Guide && self.walk.is_some() {
            self.pick_up(cx);
            self.render_ahead(cx);
        }
    }

    /// A question of the script's was answered, by keys, by speech, or by neither.
    pub(super) fn answer_walk(&mut self, cx: &mut Context<'_>, occasion: &Occasion) {
        let Occasion::Gathered { digits, end } = occasion else { return };
        let Some((step, came, steps)) = self.walk.as_mut().and_then(|walk| walk.answer(digits, *end)) else {
            return self.guided.fail("nobody can be asked what to do".to_owned());
        };
        self.tell(cx, CallFact::Answer { step, came });
        self.load_round(steps);
    }

    /// What was to be done is done: the script goes on, if it does. `false`: it is over.
    pub(super) fn walk_on(&mut self) -> bool {
        let Some(steps) = self.walk.as_mut().and_then(Walk::go_on) else { return false };
        self.load_round(steps);
        true
    }

    /// What may be said once the callee has answered is rendered meanwhile. Only the cache hears of it.
    pub(super) fn render_ahead(&mut self, cx: &mut Context<'_>) {
        for text in self.walk.as_mut().map(Walk::take_ahead).unwrap_or_default() {
            cx.out.speech(&self.plan, Speech::Ahead, text);
        }
    }

    fn load_round(&mut self, steps: Vec<Step>) {
        match self.ask_once_more() {
            Ok(()) => self.guided.load(steps),
            Err(why) => self.guided.fail(why),
        }
    }
}
