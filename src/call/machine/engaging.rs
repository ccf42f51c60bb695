//! The bot that talks in a call: called while the callee's phone rings, told what happens, and taken leave of.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::{Command as Media, Digits};

use super::super::outbox::{BotId, BotOrder, Engagement, Hand, Part, Role};
use super::super::verdict;
use super::{Call, Context, Phase};
use crate::agent::stream::{Event, Why};
use crate::model::{Bot, CallAt, Disposition, EndedBy, Engaged, Step, Talker};

/// How long a digit was held of which nobody says so.
pub const DIGIT_HELD: Duration = Duration::from_millis(100);

/// Where the bot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Presence {
    /// Not called, or not wanted.
    #[default]
    None,
    /// It is being called, or is there: the one of this number.
    Engaged(u32),
    /// It has gone, or was sent away.
    Gone,
}

impl Presence {
    /// Is one being called, or there?
    pub const fn is_engaged(self) -> bool {
        matches!(self, Self::Engaged(_))
    }
}

impl Call {
    /// Somebody may answer soon, or did, or is known: whoever's time has come is called. While it rings, so that the first words wait
    /// for the callee. Once, and not as long as its guide says what is done.
    pub(super) fn engage(&mut self, cx: &mut Context<'_>) {
        if self.plan.guide.is_some() || self.is_closing() {
            return;
        }
        self.engage_endpoint(cx);
        let is_time = |engaged: &Engaged| match &engaged.bot {
            Talker::Bot(bot) => self.is_time(bot.call_at),
            Talker::Model(_) => true,
        };
        let may_be = self.plan.bot.as_ref().filter(|_| self.presence == Presence::None);
        let Some(bot) = may_be.filter(|bot| is_time(bot)).cloned() else { return };
        let part = if self.is_opening() { Part::Prepares } else { Part::Talks };
        self.call_bot(cx, bot, part);
    }

    /// Is this moment reached? Of whoever calls in it is known at once who it is.
    pub(super) fn is_time(&self, moment: CallAt) -> bool {
        let is_incoming = matches!(self.phase, Phase::Ringing { .. });
        is_incoming
            || match moment {
                CallAt::Ringing => true,
                CallAt::Answer => self.facts.answered_at.is_some(),
                CallAt::Verdict => {
                    self.facts.heard.as_ref().is_some_and(|heard| !verdict::is_ringing(heard.class))
                }
            }
    }

    /// Its guide wants this bot to talk soon: it is called, and not heard yet.
    pub(super) fn summon(&mut self, cx: &mut Context<'_>, bot: Arc<Bot>) {
        self.dismiss(cx);
        let bot = self.briefed(bot);
        self.call_bot(cx, bot, Part::Prepares);
    }

    /// It is this bot's turn.
    pub(super) fn connect(&mut self, cx: &mut Context<'_>, bot: Arc<Bot>) {
        if self.presence.is_engaged() {
            return self.tell_bot(cx, BotOrder::Hear(self.id()));
        }
        let bot = self.briefed(bot);
        self.call_bot(cx, bot, Part::Talks);
    }

    /// The call is this bot's from now on, whoever talked before.
    pub(super) fn hand_over(&mut self, cx: &mut Context<'_>, bot: Arc<Bot>) {
        self.clear_the_line(cx);
        let bot = self.briefed(bot);
        self.plan.bot = Some(bot.clone());
        // Whether speech interrupts depends on who talks.
        self.allow_barge_in(cx, self.plan.agent.barge_in);
        self.call_bot(cx, bot, Part::Talks);
    }

    /// Whoever talks for us goes, and what was to be said and done with it: the call is somebody else's.
    pub(super) fn clear_the_line(&mut self, cx: &mut Context<'_>) {
        self.control.interrupt();
        self.operator.interrupt();
        self.run(cx, Hand::Operator);
        self.let_agents_go(cx, None);
        // Who takes over knows nothing of a hold. At worst it has no answer yet: then by hand.
        if self.control.is_held() {
            let _ = self.hold(cx, Hand::Operator, false);
        }
        self.wait_no_more(cx);
        self.hear_again(cx);
        self.plan.forget_agent();
        self.walk = None;
    }

    pub(super) fn briefed(&self, bot: Arc<Bot>) -> Engaged {
        let account = self.plan.account.clone();
        Engaged { account, parameters: bot.parameters.clone(), bot: Talker::Bot(bot) }
    }

    fn call_bot(&mut self, cx: &mut Context<'_>, bot: Engaged, part: Part) {
        self.presence = self.order_bot(cx, bot, part);
        if self.facts.answered_at.is_some() {
            self.tell_bot(cx, BotOrder::Answered(self.id()));
        }
    }

    pub(super) fn order_bot(&mut self, cx: &mut Context<'_>, bot: Engaged, part: Part) -> Presence {
        self.engaged += 1;
        let id = BotId { call: self.id(), role: part.role(), number: self.engaged };
        let (from, to) = (self.plan.from.clone(), self.plan.to.clone());
        let engagement = Engagement { id, leg: self.leg, bot, from, to, key: self.signer(), part };
        cx.out.bots.push_back(BotOrder::Call(Box::new(engagement)));
        Presence::Engaged(id.number)
    }

    /// Tells the bot, if there is one.
    pub(super) fn tell_bot(&self, cx: &mut Context<'_>, order: BotOrder) {
        if self.presence.is_engaged() {
            cx.out.bots.push_back(order);
        }
    }

    /// Nobody needs the bot any more; what it has said and was not heard yet goes with it.
    pub(super) fn dismiss(&mut self, cx: &mut Context<'_>) {
        self.dismiss_endpoint(cx);
        if self.presence.is_engaged() {
            self.presence = Presence::Gone;
            self.send_away(cx, Role::Talker);
        }
    }

    pub(super) fn send_away(&self, cx: &mut Context<'_>, role: Role) {
        self.order(cx, Media::Part { place: role.place() });
        cx.out.bots.push_back(BotOrder::Dismiss(self.id(), role));
    }

    /// A bot has something to say of itself. What one has heard and said stands in the transcript; of nothing else has a say who was
    /// sent away, though somebody else be there by now.
    pub fn handle_bot(&mut self, cx: &mut Context<'_>, bot: BotId, event: Event) {
        let presence = match bot.role {
            Role::Talker => self.presence,
            Role::Listener => self.listener,
        };
        match (bot.role, event) {
            (Role::Talker, Event::Said(line)) => self.facts.transcript.add(line),
            (Role::Talker, Event::Corrected(line)) => self.facts.transcript.correct(line.text),
            _ if presence != Presence::Engaged(bot.number) => {}
            (Role::Listener, event) => self.handle_listener(cx, event),
            // Whoever calls in hears ringing until somebody is there.
            (Role::Talker, Event::Connected) => self.pick_up(cx),
            (Role::Talker, Event::Digits(digits)) => self.order_digits(cx, *digits),
            (Role::Talker, Event::Asked(step)) => self.bot_asks(cx, step),
            (Role::Talker, Event::Ended(ended)) => self.bot_left(cx, &ended.why),
        }
    }

    /// By the road of what is done by hand; what is not done is told.
    fn bot_asks(&mut self, cx: &mut Context<'_>, step: Step) {
        let (what, is_transfer) = (step.name(), matches!(step, Step::Transfer(_)));
        let Err(why) = self.handle_control(cx, step, false) else { return };
        self.controlled(cx, what, Some(why.to_string()));
        if is_transfer {
            self.tell_bot(cx, BotOrder::Untransferred(self.id(), why.to_string()));
        }
    }

    /// Does somebody talk who knows by itself when it is interrupted?
    pub(super) fn knows_its_turn(&self) -> bool {
        let knows = |engaged: &Engaged| match &engaged.bot {
            // As on the services that they were written for: marks that came back for words that somebody else threw away would
            // say that these were heard.
            Talker::Bot(bot) => bot.dialect.clears(),
            Talker::Model(_) => true,
        };
        self.plan.guide.is_none() && self.plan.bot.as_ref().is_some_and(knows)
    }

    fn order_digits(&self, cx: &mut Context<'_>, digits: Digits) {
        if matches!(self.phase, Phase::Judging | Phase::Talking) {
            self.order(cx, Media::SendDtmf { digits });
        }
    }

    /// Without its bot a call has nobody to talk: it ends, as the bot wished or because it was lost.
    fn bot_left(&mut self, cx: &mut Context<'_>, why: &Why) {
        self.presence = Presence::Gone;
        self.send_away(cx, Role::Talker);
        if self.plan.bot.is_none() {
            return self.guides_bot_left(cx, why);
        }
        match why {
            Why::CallOver => {}
            _ if self.is_left_to_another(cx) => {}
            // RFC 6455 §7.4.1: done, or going away; any other code is a complaint.
            Why::Closed { code: None | Some(1000 | 1001 | 1005) } | Why::HungUp => {
                self.close(cx, Disposition::Completed, EndedBy::Agent);
            }
            _ => {
                self.facts.detail = Some(why.to_string());
                self.close(cx, Disposition::AgentFailed, EndedBy::Switch);
            }
        }
    }

    fn guides_bot_left(&mut self, cx: &mut Context<'_>, why: &Why) {
        let lost = match why {
            Why::CallOver => return,
            Why::Closed { code: None | Some(1000 | 1001 | 1005) } | Why::HungUp => None,
            // It has talked, and the document may say what is done once it does not any more.
            Why::Closed { .. } | Why::Lost(_) if self.guided.has_more() => {
                self.controlled(cx, "connect", Some(why.to_string()));
                None
            }
            why => Some(why.to_string()),
        };
        self.guided.bot_left(lost);
        self.run(cx, Hand::Guide);
    }
}
