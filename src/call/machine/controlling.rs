//! What is done to a call that talks, by hand or by its guide: who is heard, who is held, what is recorded, which digits are sent.
//!
//! Hold is an offer of ours (RFC 3264 §8.4): the callee is told that it is to send nothing, and is not heard from that moment on,
//! whatever it answers; nor does it hear a person who talks, only what is played. If it refuses the offer, nobody is held, and that is
//! told.

use std::collections::VecDeque;
use std::time::Duration;

use trunkline_media::{Command as Media, RecordingSpec};

use super::super::outbox::Hand;
use super::super::tape::Tape;
use super::super::timer::Timer;
use super::{Call, Context, Phase};
use crate::agent::Act;
use crate::model::{
    CallFact, DIGITS_MAX, Disposition, DtmfMode, EndedBy, NotDone, Objection, STEPS_MAX, Side, Step, Takes,
};

/// How long a key is said to be pressed in an INFO, and when the next one follows: gateways play them one after the other.
const INFO_DIGIT: Duration = Duration::from_millis(160);
const INFO_EVERY: Duration = Duration::from_millis(260);
/// What `,` and `w` stand for.
const DIGIT_PAUSE: Duration = Duration::from_millis(500);

/// Why what was being said was cut short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Something else is said in its place.
    Interrupted,
    /// Its hearer was put on hold by hand: it is said again.
    Held,
}

/// Who is heard, held and recorded.
#[derive(Default)]
pub struct Control {
    held_by: Option<Hand>,
    /// An offer of ours to hold the callee, or to take it back, has no answer yet.
    holding: Option<bool>,
    agent_muted: bool,
    callee_muted: bool,
    /// The recorder knows of the recording.
    begun: bool,
    recording: bool,
    /// What is on it.
    tape: Tape,
    /// Why we have cut short what was being said, until that is told.
    interrupted: Option<Cut>,
    /// Digits that leave by INFO.
    digits: VecDeque<char>,
    /// The last of them is not over.
    pressing: bool,
}

impl Control {
    pub fn new(recording: bool) -> Self {
        let mut tape = Tape::default();
        if recording {
            tape.roll(Duration::ZERO);
        }
        Self { begun: recording, recording, tape, ..Self::default() }
    }

    /// When its recording was taken.
    pub fn takes(&self) -> Takes {
        self.tape.takes()
    }

    /// Does the recorder know of a recording?
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Was it we who cut short what is told to be cleared? Asked once.
    pub fn take_cut(&mut self) -> Option<Cut> {
        self.interrupted.take()
    }

    /// Something new is said: what was cut short before it was told of.
    pub fn begin(&mut self) {
        self.interrupted = None;
    }

    /// What is being said is cut short, and not said again.
    pub fn interrupt(&mut self) {
        self.interrupted = Some(Cut::Interrupted);
    }

    /// What is being said is cut short, and said again when its hearer is back.
    pub fn put_off(&mut self) {
        self.interrupted = Some(Cut::Held);
    }

    /// Nothing of the agent's is said meanwhile.
    pub fn is_held_by_hand(&self) -> bool {
        self.held_by == Some(Hand::Operator)
    }

    pub fn is_held_by_guide(&self) -> bool {
        self.held_by == Some(Hand::Guide)
    }

    pub fn is_held(&self) -> bool {
        self.held_by.is_some()
    }

    /// Is the callee not heard?
    pub fn is_unheard(&self) -> bool {
        self.is_held() || self.callee_muted
    }

    /// Will it be, if the offer of ours that has no answer yet is agreed to?
    pub fn is_to_be_held(&self) -> bool {
        self.holding.unwrap_or(self.is_held())
    }
}

impl Call {
    /// Somebody wants something done. What needs time to be heard is done after what was asked for before.
    pub fn handle_control(
        &mut self,
        cx: &mut Context<'_>,
        step: Step,
        interrupt: bool,
    ) -> Result<(), NotDone> {
        if !self.is_talking() {
            return Err(NotDone::NotTalking);
        }
        match step {
            Step::Hangup => {
                self.close(cx, Disposition::Cancelled, EndedBy::Operator);
                Ok(())
            }
            Step::Transfer(to) => self.handle_transfer(cx, to),
            Step::HandOver(handover) => self.hand_to(cx, handover),
            Step::CompleteTransfer => self.complete_handover(cx),
            Step::CancelTransfer => self.cancel_handover(cx),
            // A machine is left its message, and nothing else.
            Step::Hold if matches!(self.phase, Phase::LeavingMessage) => Err(NotDone::NotTalking),
            Step::Hold => self.hold(cx, Hand::Operator, true).map(drop),
            Step::Resume => self.hold(cx, Hand::Operator, false).map(drop),
            Step::Mute(side) => self.mute(cx, side, true),
            Step::Unmute(side) => self.mute(cx, side, false),
            Step::StartRecording => self.record(cx, true),
            Step::StopRecording => self.record(cx, false),
            Step::SendDigits(digits) => self.send_digits(cx, &digits),
            Step::StartStream(listener) => self.start_stream(cx, &listener),
            Step::StopStream => self.stop_stream(cx),
            Step::BargeIn(on) => {
                self.allow_barge_in(cx, on);
                Ok(())
            }
            Step::DoNotCall => self.object(cx),
            _ if matches!(self.phase, Phase::LeavingMessage) => Err(NotDone::NotTalking),
            Step::Follow(guide) => self.follow(cx, &guide),
            // From now on the bot talks, and nobody else.
            Step::Connect(bot) => {
                self.hand_over(cx, bot);
                Ok(())
            }
            _ if self.operator.left() >= STEPS_MAX => Err(NotDone::Full),
            step @ (Step::Say(_)
            | Step::Play(_)
            | Step::Pause(_)
            | Step::Gather(_)
            | Step::Dial(_)
            | Step::Redirect(_)) => {
                if interrupt {
                    self.control.interrupt();
                    self.operator.interrupt();
                }
                self.operator.push(vec![step]);
                self.run(cx, Hand::Operator);
                Ok(())
            }
        }
    }

    /// Puts the callee on hold, or takes it back. `false`: that is so already.
    pub(super) fn hold(&mut self, cx: &mut Context<'_>, hand: Hand, on: bool) -> Result<bool, NotDone> {
        if self.control.holding.is_some() {
            return Err(NotDone::HoldUnderWay);
        }
        if self.is_moving() || self.is_handing() {
            return Err(NotDone::UnderWay);
        }
        if on == self.control.is_held() {
            return Ok(false);
        }
        let party = self.party.as_mut().ok_or(NotDone::NotTalking)?;
        if !party.hold(cx.now, cx.agent, on) {
            return Err(NotDone::HoldUnderWay);
        }
        self.control.holding = Some(on);
        if on {
            self.control.held_by = Some(hand);
            self.control.interrupted = Some(match hand {
                Hand::Operator => Cut::Held,
                Hand::Guide => Cut::Interrupted,
            });
            self.timers.clear(cx.wheel, Timer::Turn);
            self.order(cx, Media::Clear);
            self.say_who_is_heard(cx);
        }
        Ok(true)
    }

    /// An offer of ours was answered.
    pub(super) fn hold_agreed(&mut self, cx: &mut Context<'_>) {
        let Some(on) = self.control.holding.take() else { return };
        self.controlled(cx, if on { "hold" } else { "resume" }, None);
        if !on {
            self.control.held_by = None;
        }
        self.hold_settled(cx);
    }

    /// An offer of ours was refused: all is as it was before.
    pub(super) fn hold_refused(&mut self, cx: &mut Context<'_>, status: Option<u16>) {
        let Some(on) = self.control.holding.take() else { return };
        if let Some(party) = &mut self.party {
            party.offers.hold_refused(on);
        }
        let why = match status {
            Some(status) => format!("the far end answered {status}"),
            None => "the far end did not answer".to_owned(),
        };
        self.controlled(cx, if on { "hold" } else { "resume" }, Some(why.clone()));
        if on {
            self.control.held_by = None;
        }
        self.unheld(cx, why);
        self.hold_settled(cx);
    }

    fn hold_settled(&mut self, cx: &mut Context<'_>) {
        if !self.is_talking() {
            return;
        }
        self.say_who_is_heard(cx);
        self.await_words(cx);
        self.guided.hold_over();
        self.run(cx, Hand::Guide);
        self.act(cx);
    }

    /// Another party is there, which nobody holds.
    pub(super) fn release(&mut self, cx: &mut Context<'_>) {
        let is_settled = !self.control.is_held() && self.control.holding.is_none();
        (self.control.held_by, self.control.holding) = (None, None);
        if !is_settled {
            self.hold_settled(cx);
        }
    }

    pub(super) fn mute(&mut self, cx: &mut Context<'_>, side: Side, on: bool) -> Result<(), NotDone> {
        match side {
            Side::Agent => self.control.agent_muted = on,
            Side::Callee => self.control.callee_muted = on,
        }
        if on && side == Side::Callee {
            self.timers.clear(cx.wheel, Timer::Turn);
        }
        self.say_who_is_heard(cx);
        self.controlled(cx, if on { "mute" } else { "unmute" }, None);
        Ok(())
    }

    pub(super) fn say_who_is_heard(&self, cx: &mut Context<'_>) {
        let Control { agent_muted, callee_muted, held_by, .. } = &self.control;
        let callee = !callee_muted && held_by.is_none() && !self.is_played_for();
        // A far end that agrees to be held listens still (RFC 3264 §8.4), while a person's microphone is open and a bot talks on.
        self.order(cx, Media::Heard { agent: !agent_muted, seated: held_by.is_none(), callee });
    }

    /// One recording a call: what is heard while it rests is in no file.
    pub(super) fn record(&mut self, cx: &mut Context<'_>, on: bool) -> Result<(), NotDone> {
        match (on, self.control.recording) {
            (true, true) => return Err(NotDone::Recording),
            (false, false) => return Err(NotDone::NotRecording),
            _ => {}
        }
        let path = self.recording.clone().ok_or(NotDone::NotRecordable)?;
        self.control.recording = on;
        let at = self.facts.answered_at.map(|answered| cx.now.saturating_duration_since(answered));
        match on {
            true => self.control.tape.roll(at.unwrap_or_default()),
            false => self.control.tape.rest(at.unwrap_or_default()),
        }
        if std::mem::replace(&mut self.control.begun, true) {
            self.order(cx, Media::Record(on));
        } else {
            let spec = RecordingSpec { path };
            self.order(cx, Media::StartRecording { token: self.id().get(), spec });
            self.tell(cx, CallFact::RecordingStarted);
        }
        self.controlled(cx, if on { "start_recording" } else { "stop_recording" }, None);
        Ok(())
    }

    /// Whoever is at the other end has said that it wants no more such calls.
    pub(super) fn object(&self, cx: &mut Context<'_>) -> Result<(), NotDone> {
        let number = self.theirs.clone().ok_or(NotDone::NoNumber)?;
        self.tell(cx, CallFact::Objected { number, reason: Objection::Asked });
        self.controlled(cx, "do_not_call", None);
        Ok(())
    }

    /// By events or tones as the leg agreed, or by INFO where the trunk wants that.
    pub(super) fn send_digits(&mut self, cx: &mut Context<'_>, digits: &str) -> Result<(), NotDone> {
        if self.plan.trunk.media.dtmf != DtmfMode::Info {
            // What cannot be read was refused at the door.
            let digits = digits.parse().map_err(|_| NotDone::Full)?;
            self.order(cx, Media::SendDtmf { digits });
            return Ok(());
        }
        if self.control.digits.len() + digits.len() > DIGITS_MAX {
            return Err(NotDone::Full);
        }
        self.control.digits.extend(digits.chars());
        if !self.control.pressing {
            self.next_digit(cx);
        }
        Ok(())
    }

    pub(super) fn next_digit(&mut self, cx: &mut Context<'_>) {
        let Some(digit) = self.control.digits.pop_front() else {
            self.control.pressing = false;
            return self.digits_sent(cx, true);
        };
        self.control.pressing = true;
        if matches!(digit, ',' | 'w' | 'W') {
            return self.set(cx, Timer::Digit, DIGIT_PAUSE);
        }
        if let Some(party) = &self.party {
            let info = trunkline_sip::dtmf_info(digit.to_ascii_uppercase(), INFO_DIGIT);
            cx.agent.info(cx.now, party.invite(), info);
        }
        self.set(cx, Timer::Digit, INFO_EVERY);
    }

    /// All digits are out, or those of one order could not be sent.
    pub(super) fn digits_sent(&mut self, cx: &mut Context<'_>, sent: bool) {
        let failed = (!sent).then(|| "too many digits wait to be sent".to_owned());
        self.controlled(cx, "dtmf", failed);
        self.guided.digits_sent();
        self.run(cx, Hand::Guide);
    }

    pub(super) fn controlled(&self, cx: &mut Context<'_>, what: &'static str, failed: Option<String>) {
        self.tell(cx, CallFact::Controlled { what, failed });
    }

    /// Somebody sees to it: then silence ends nothing.
    pub(super) fn is_attended(&self) -> bool {
        self.is_among_people()
            || self.is_attended_by_person()
            || self.awaits_person()
            || self.control.is_held()
            || self.guided.is_busy()
            || self.operator.is_busy()
    }

    /// What the script wants, unless it was told to wait.
    pub(super) fn next_act(&mut self) -> Option<Act> {
        if self.control.is_held_by_hand() || self.is_parked() {
            return None;
        }
        let act = if self.is_opening() { self.script.poll_render() } else { self.script.poll_act() };
        if matches!(act, Some(Act::Play { .. })) {
            self.control.begin();
        }
        act
    }
}
