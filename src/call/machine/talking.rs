//! The call once it is answered: who is there, who speaks, what is left on a machine.

use std::sync::Arc;
use std::time::Duration;

use trunkline_media::{Clip, Command as Media, Negotiated, Rule, Then, When, amd};
use trunkline_sip::Body;

use super::super::outbox::{BotOrder, Hand};
use super::super::timer::Timer;
use super::super::verdict;
use super::controlling::Cut;
use super::{Call, Context, MESSAGE_MARK, Message, OPENER_MARK, Phase, WAITING_MARK, WHISPER_MARK, guiding};
use crate::agent::Act;
use crate::call::Speech;
use crate::model::{CallFact, Disposition, EndedBy, Speak, SpeakOrder, VoicemailAction};

/// Silence after the callee's speech that ends its turn.
const TURN_SILENCE: Duration = Duration::from_millis(600);
/// Speech of the callee's that stops the agent's: longer than a cough or a "mm-hm".
const BARGE_IN_MIN: Duration = Duration::from_millis(280);
const INTERRUPTED: When = When::Speech { min: BARGE_IN_MIN };
/// How long a machine's greeting may go on before it is spoken to without a beep.
const BEEP_WAIT: Duration = Duration::from_secs(30);
/// After so much silence a greeting is over.
const GREETING_SILENCE: Duration = Duration::from_secs(4);

/// May the callee's speech stop what is said?
pub struct BargeIn {
    is_allowed: bool,
    /// Somebody talks who may be interrupted.
    is_due: bool,
    /// The media plane knows.
    is_armed: bool,
}

impl BargeIn {
    pub fn new(is_allowed: bool) -> Self {
        Self { is_allowed, is_due: false, is_armed: false }
    }
}

impl Call {
    pub(super) fn renegotiate(&mut self, cx: &mut Context<'_>, offer: Option<&Body>) {
        let Some(party) = &mut self.party else { return };
        let invite = party.invite();
        let Some(offer) = offer else {
            let offer = party.offers.reoffer();
            return cx.agent.answer_offer(cx.now, invite, offer);
        };
        match party.offers.renegotiate(offer) {
            Ok((answer, negotiated)) => {
                self.heed(cx, negotiated);
                cx.agent.answer_offer(cx.now, invite, answer);
            }
            // RFC 3261 §14.2: what cannot be met is refused with 488 and the session goes on as it was.
            Err(_) => cx.agent.refuse_offer(cx.now, invite, 488),
        }
    }

    /// The ACK came of a 200 that carried our offer, or a refresh of the session was answered anew. Without an answer in it the
    /// session goes on as it was.
    pub(super) fn reanswered(&mut self, cx: &mut Context<'_>, answer: Option<&Body>) {
        let accepted = self.party.as_mut().and_then(|party| party.offers.reaccept(answer));
        if let Some(negotiated) = accepted {
            self.heed(cx, negotiated);
        }
    }

    /// What the far end, or who takes its place, says of itself while the call talks: where it is heard, and whether it holds us.
    pub(super) fn heed(&mut self, cx: &mut Context<'_>, negotiated: Negotiated) {
        let holds = !negotiated.send;
        self.order(cx, Media::Remote(negotiated));
        if self.is_talking() {
            self.relay_hold(cx, holds);
        }
    }

    pub(super) fn judged(&mut self, cx: &mut Context<'_>, verdict: &amd::Verdict) {
        let heard = verdict::heard(verdict);
        if verdict.class == amd::Class::Human {
            self.timers.clear(cx.wheel, Timer::Hold);
        }
        self.facts.heard = Some(heard.clone());
        self.tell(cx, CallFact::Verdict(Box::new(heard)));
        self.conclude(cx);
        if matches!(self.phase, Phase::Judging) {
            self.await_words(cx);
        }
        if let Some(disposition) = verdict::hopeless(verdict.class, verdict.cause) {
            return self.close(cx, disposition, EndedBy::Switch);
        }
        if self.follows_greeting() {
            self.await_beep(cx, BEEP_WAIT);
        }
        if !self.awaits_beep() {
            self.meet(cx, verdict.class);
        }
    }

    /// Tells, once, that it is known who answered: of a machine whose greeting's end is waited for, when that has come.
    fn conclude(&mut self, cx: &mut Context<'_>) {
        let is_known = self.facts.heard.as_ref().is_some_and(|heard| !verdict::is_ringing(heard.class));
        if is_known && !self.follows_greeting() && !std::mem::replace(&mut self.facts.is_judged, true) {
            self.tell(cx, CallFact::Judged);
        }
    }

    /// Does it listen to a machine's greeting, to speak after it?
    pub(super) fn awaits_beep(&self) -> bool {
        self.follows_greeting() && self.plan.speak != Speak::Answer
    }

    /// Does it listen to a machine's greeting for its end, be it that it speaks already?
    pub(super) fn follows_greeting(&self) -> bool {
        let is_time = match self.plan.speak {
            Speak::Answer => matches!(self.phase, Phase::Judging | Phase::Talking),
            Speak::Verdict | Speak::Opener => matches!(self.phase, Phase::Judging),
        };
        let greets = self.facts.heard.as_ref().is_some_and(|heard| verdict::is_greeting(heard.class));
        greets && is_time && self.plan.voicemail == VoicemailAction::SpeakAfterBeep
    }

    /// At most so much longer, and no longer than any greeting lasts.
    fn await_beep(&mut self, cx: &mut Context<'_>, wait: Duration) {
        let begun =
            self.facts.answered_at.zip(self.facts.heard.as_ref()).map(|(then, heard)| then + heard.at);
        let waited = begun.map_or(Duration::ZERO, |begun| cx.now.saturating_duration_since(begun));
        if self.awaits_beep() {
            self.timers.clear(cx.wheel, Timer::Silence);
        }
        self.set(cx, Timer::Beep, wait.min(BEEP_WAIT.saturating_sub(waited)));
    }

    /// No beep came: whoever waits for one opens its mouth, and what waits for the greeting's end begins.
    pub(super) fn beep_timed_out(&mut self, cx: &mut Context<'_>) {
        let (follows, awaits) = (self.follows_greeting(), self.awaits_beep());
        if awaits || !follows {
            self.order(cx, Media::OpenGate);
        }
        let greeting = self.facts.heard.clone().filter(|_| follows);
        let Some((greeting, answered_at)) = greeting.zip(self.facts.answered_at) else { return };
        let heard = verdict::greeting_over(&greeting, cx.now.saturating_duration_since(answered_at));
        self.facts.heard = Some(heard.clone());
        self.tell(cx, CallFact::Verdict(Box::new(heard)));
        self.conclude(cx);
        if awaits {
            self.meet(cx, amd::Class::Voicemail);
        }
    }

    /// It is known who is there: what is done about it.
    fn meet(&mut self, cx: &mut Context<'_>, class: amd::Class) {
        if class != amd::Class::Ringback && (self.plan.speak != Speak::Verdict || !self.waits_for_words()) {
            self.ask_guide(cx);
        }
        if self.call_people(cx, class) {
            return;
        }
        if !matches!(self.phase, Phase::Judging | Phase::Talking) {
            return;
        }
        match self.plan.voicemail {
            VoicemailAction::Hangup if verdict::is_machine(class) => {
                self.close(cx, Disposition::VoicemailDetected, EndedBy::Switch);
            }
            VoicemailAction::LeaveMessage if verdict::is_machine(class) => {
                self.leave_message(cx, class);
            }
            _ => {
                self.engage(cx);
                self.speak_on(cx);
                if class != amd::Class::Ringback {
                    self.begin_walk_in_turn(cx);
                }
            }
        }
    }

    /// Who spoke at the answer goes on now that it is known who is there.
    fn speak_on(&mut self, cx: &mut Context<'_>) {
        // Its guide has not been asked yet: whoever is there rings still.
        let is_guides = self.plan.guide.is_some() && matches!(self.phase, Phase::Judging);
        if self.plan.speak == Speak::Verdict || is_guides {
            return;
        }
        if self.facts.dead_air.is_some() && matches!(self.phase, Phase::Judging) {
            self.phase = Phase::Talking;
            self.let_barge_in(cx);
            // It spoke and fell silent before it was known who it is: if all was said meanwhile, it is our turn.
            if self.facts.heard.as_ref().is_some_and(|heard| !verdict::is_wordless(heard.class)) {
                self.set(cx, Timer::Turn, TURN_SILENCE);
            }
        }
        if self.plan.opener.is_some() {
            self.tell_bot(cx, BotOrder::Hear(self.id()));
            self.act(cx);
            self.run(cx, Hand::Guide);
        }
    }

    /// Only the opener is said yet.
    pub(super) fn is_opening(&self) -> bool {
        self.plan.opener.is_some() && self.facts.heard.is_none()
    }

    /// The opener was rendered. Where it cannot be, its place stays silent until the verdict.
    pub fn handle_opener(&mut self, cx: &mut Context<'_>, clip: Option<Arc<Clip>>) {
        if let Some(clip) = clip.filter(|_| self.is_opening()) {
            self.order(cx, Media::Play { clip, mark: Some(OPENER_MARK) });
        }
    }

    /// The prompt is for people: it goes, and the message waits for the beep in its place.
    fn leave_message(&mut self, cx: &mut Context<'_>, class: amd::Class) {
        self.script.stop();
        self.guided.stop();
        self.dismiss(cx);
        self.phase = Phase::LeavingMessage;
        // Who speaks over the message interrupts nobody.
        self.barge_in.is_due = false;
        self.heed_speech(cx);
        self.timers.clear(cx.wheel, Timer::Silence);
        self.timers.clear(cx.wheel, Timer::Turn);
        self.order(cx, Media::CloseGate);
        self.order(cx, Media::Clear);
        match std::mem::replace(&mut self.message, Message::Awaited) {
            Message::Ready(clip) => self.queue_message(cx, clip),
            Message::Failed => return self.close(cx, Disposition::AgentFailed, EndedBy::Switch),
            Message::Awaited => {}
        }
        match class {
            amd::Class::Voicemail => self.order(cx, Media::OpenGate),
            _ => {
                let rule = Rule { when: When::Beep, then: Then::OpenGate, once: true };
                self.order(cx, Media::Arm(rule));
                self.set(cx, Timer::Beep, BEEP_WAIT);
            }
        }
    }

    pub(super) fn queue_message(&self, cx: &mut Context<'_>, clip: Arc<Clip>) {
        self.order(cx, Media::Play { clip, mark: Some(MESSAGE_MARK) });
    }

    pub(super) fn gate_opened(&mut self, cx: &mut Context<'_>, dead_air: Duration) {
        if self.facts.dead_air.is_none() {
            self.facts.dead_air = Some(dead_air);
            self.facts.transcript.hear_agent(cx.now);
            self.tell(cx, CallFact::AgentSpoke { dead_air });
        }
        self.timers.clear(cx.wheel, Timer::Silence);
        // Who speaks while a greeting is followed goes on following it.
        if self.plan.speak != Speak::Answer || !self.follows_greeting() {
            self.timers.clear(cx.wheel, Timer::Beep);
        }
        // A menu or a queue that the agent speaks into is nobody yet.
        if !self.facts.heard.as_ref().is_some_and(|heard| verdict::is_automated(heard.class)) {
            self.timers.clear(cx.wheel, Timer::Hold);
        }
        // What the callee says before the verdict interrupts nobody: most often it is "hello".
        let is_judged = self.plan.speak == Speak::Verdict || self.facts.heard.is_some();
        if is_judged && matches!(self.phase, Phase::Judging) {
            self.phase = Phase::Talking;
            self.let_barge_in(cx);
        }
    }

    /// Somebody talks from now on who may be interrupted: the callee's greeting must not clear what waits behind the gate.
    pub(super) fn let_barge_in(&mut self, cx: &mut Context<'_>) {
        self.barge_in.is_due = true;
        self.heed_speech(cx);
    }

    /// What is said from now on may be interrupted, or may not; before somebody talks that is only noted.
    pub(super) fn allow_barge_in(&mut self, cx: &mut Context<'_>, on: bool) {
        self.barge_in.is_allowed = on;
        match self.phase {
            Phase::Talking if on => self.let_barge_in(cx),
            _ => self.heed_speech(cx),
        }
    }

    /// Tells the media plane whether speech stops what is heard. What is heard while somebody is waited for is nobody's words.
    pub(super) fn heed_speech(&mut self, cx: &mut Context<'_>) {
        // Two who judge whether the callee interrupts would leave it in silence where they differ; and what is said to whom nobody
        // came is said to its end.
        let is_said = self.pairs.waiting.is_none() && self.plan.staff.is_none() && !self.knows_its_turn();
        let heeds = self.barge_in.is_due && self.barge_in.is_allowed && is_said;
        match (heeds, std::mem::replace(&mut self.barge_in.is_armed, heeds)) {
            (true, false) => {
                self.order(cx, Media::Arm(Rule { when: INTERRUPTED, then: Then::Clear, once: false }));
            }
            (false, true) => self.order(cx, Media::Disarm(INTERRUPTED)),
            _ => {}
        }
    }

    pub(super) fn callee_speaks(&mut self, cx: &mut Context<'_>) {
        self.timers.clear(cx.wheel, Timer::Turn);
        self.timers.clear(cx.wheel, Timer::Silence);
        if self.follows_greeting() {
            self.await_beep(cx, BEEP_WAIT);
        }
        // What it says before it is known who it is answers nobody.
        if matches!(self.phase, Phase::Talking) {
            self.guided.callee_speaks();
            self.run(cx, Hand::Guide);
        }
    }

    pub(super) fn agent_speaks(&mut self, cx: &mut Context<'_>) {
        self.is_spoken_to = true;
        self.timers.clear(cx.wheel, Timer::Silence);
    }

    pub(super) fn agent_is_silent(&mut self, cx: &mut Context<'_>) {
        self.is_spoken_to = false;
        self.await_words(cx);
    }

    /// For so long nobody may say anything, from now on; whoever is spoken to may listen for as long as that takes.
    pub(super) fn await_words(&mut self, cx: &mut Context<'_>) {
        if !self.is_spoken_to {
            self.set(cx, Timer::Silence, self.plan.agent.silence_hangup);
        }
    }

    pub(super) fn callee_is_silent(&mut self, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Talking => {
                // Who is not heard has not fallen silent.
                let is_heard = !self.control.is_unheard() && !self.is_played_for();
                if self.follows_greeting() && is_heard {
                    self.await_beep(cx, GREETING_SILENCE);
                }
                self.guided.callee_pauses();
                // Who is not heard has no turn.
                if !self.control.is_unheard() {
                    self.set(cx, Timer::Turn, self.guided.turn_silence().unwrap_or(TURN_SILENCE));
                }
                self.await_words(cx);
            }
            Phase::Judging if self.waits_for_words() => {
                self.order(cx, Media::OpenGate);
                self.ask_guide(cx);
                self.begin_walk(cx);
            }
            Phase::Judging if self.follows_greeting() => {
                self.await_beep(cx, GREETING_SILENCE);
                // Who waits for nothing may still be silent.
                if !self.awaits_beep() {
                    self.await_words(cx);
                }
            }
            // Judged, and the agent's first words are late.
            Phase::Judging if self.facts.heard.is_some() => {
                self.await_words(cx);
            }
            Phase::Judging
            | Phase::Inviting { .. }
            | Phase::Between { .. }
            | Phase::Ringing { .. }
            | Phase::LeavingMessage
            | Phase::Closing { .. }
            | Phase::Over => {}
        }
    }

    /// Is it the callee's to speak first, and was nothing heard of it when the verdict fell?
    pub(super) fn waits_for_words(&self) -> bool {
        let wordless = self.facts.heard.as_ref().is_some_and(|heard| verdict::is_wordless(heard.class));
        self.plan.speak_order == SpeakOrder::CalleeFirst && wordless
    }

    pub(super) fn marked(&mut self, cx: &mut Context<'_>, mark: u32, cleared: bool) {
        if mark == OPENER_MARK {
            return;
        }
        if mark == MESSAGE_MARK {
            if !cleared {
                self.close(cx, Disposition::VoicemailDetected, EndedBy::Agent);
            }
            return;
        }
        if mark == WAITING_MARK {
            return self.waits_on(cx);
        }
        if mark == WHISPER_MARK {
            return self.tell_first_of_whisper(cx);
        }
        if let Some((hand, sound)) = guiding::sound_of(mark) {
            return self.sound_over(cx, hand, sound, cleared);
        }
        let cut = if cleared { self.control.take_cut() } else { None };
        if cut == Some(Cut::Held) {
            self.script.recall(mark);
            return self.act(cx);
        }
        if cleared && cut.is_none() && matches!(self.phase, Phase::Talking) {
            self.tell(cx, CallFact::BargeIn);
        }
        self.script.marked(mark, cleared);
        self.act(cx);
    }

    /// Does what the script asks for.
    pub(super) fn act(&mut self, cx: &mut Context<'_>) {
        // Who was put on hold by hand is not talked to; what would be said waits.
        while let Some(act) = self.next_act() {
            match act {
                Act::Render { line, text } => {
                    cx.out.speech(&self.plan, Speech::Line(line), text);
                }
                Act::Play { clip, mark } => {
                    self.timers.clear(cx.wheel, Timer::Turn);
                    self.order(cx, Media::Play { clip, mark: Some(mark) });
                    self.pick_up(cx);
                }
                Act::Finish => self.close(cx, Disposition::Completed, EndedBy::Agent),
                Act::Fail => self.close(cx, Disposition::AgentFailed, EndedBy::Switch),
            }
        }
    }
}
