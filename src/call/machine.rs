//! The machine of one call: what is known, what is awaited, and what follows from the next input.
//!
//! Sans-IO. Its inputs come in order from the shard: SIP events, media events, timers, commands. Whatever happens, it
//! tells `Ended` exactly once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::{Clip, Command as Media, Event as MediaEvent, LegId, Rule, Then, When, amd};
use trunkline_sip::{DialogState, End, Event as SipEvent, Failure, UserAgent};

use super::disposition::{self, Hangup, Progress};
use super::facts::{self, Facts};
use super::outbox::{Outbox, Speech};
use super::party::{self, Party};
use super::timer::{CallWheel, Timer, Timers};
use super::verdict;
use crate::admission::Permit;
use crate::agent::{Act, Script};
use crate::model::{CallEvent, CallFact, CallId, CallPlan, Disposition, EndedBy, Outcome, VoicemailAction};
use crate::trunk::route;

/// A call that may start: its intent is on disk, its permits and its media ports are taken.
pub struct Origination {
    /// What is to happen.
    pub plan: CallPlan,
    /// The leg that the media plane opened for it.
    pub leg: LegId,
    /// What its offer says: where its RTP comes in.
    pub local: SocketAddr,
    /// Where its recording goes, if it is recorded.
    pub recording: Option<PathBuf>,
    /// Given back when the call is over.
    pub permit: Permit,
}

/// Silence after the callee's speech that ends its turn.
const TURN_SILENCE: Duration = Duration::from_millis(600);
/// Speech of the callee's that stops the agent's: longer than a cough or a "mm-hm".
const BARGE_IN_MIN: Duration = Duration::from_millis(280);
/// How long a machine's greeting may go on before the message is left without a beep.
const BEEP_WAIT: Duration = Duration::from_secs(30);
/// How long the far end and the recording get to confirm the end.
const CLOSING_MAX: Duration = Duration::from_secs(5);
/// The mark of the message left on a voicemail; lines of the script are numbered from zero.
const MESSAGE_MARK: u32 = u32::MAX;

/// One call.
pub struct Call {
    plan: CallPlan,
    leg: LegId,
    recording: Option<PathBuf>,
    party: Party,
    script: Script,
    /// What is left on a voicemail, once it is rendered.
    message: Option<Arc<Clip>>,
    phase: Phase,
    timers: Timers,
    facts: Facts,
    /// Held until the call is over.
    _permit: Permit,
}

/// Where the call stands.
enum Phase {
    /// The INVITE is out.
    Inviting { hangup: Option<Hangup> },
    /// Answered; the detector listens, the gate is closed.
    Judging,
    /// The gate is open: agent and callee talk.
    Talking,
    /// A machine answered; the message waits for the beep, or is being left.
    LeavingMessage,
    /// Hung up, by whomever; what is missing is confirmation.
    Closing { end: Hangup, dialog_over: bool, recorded: bool },
    /// Told.
    Over,
}

/// What a call may touch while it handles an input.
pub struct Context<'a> {
    pub now: Instant,
    pub agent: &'a mut UserAgent,
    pub wheel: &'a mut CallWheel,
    pub out: &'a mut Outbox,
}

impl Call {
    /// Sends the INVITE. A call that cannot even do that ends at once: `None`, and its end was told.
    pub fn start(origination: Origination, cx: &mut Context<'_>) -> Option<Self> {
        let Origination { plan, leg, local, recording, permit } = origination;
        let (offer, pending) = party::offer(local, plan.call.get());
        let sent = match route::invite(&plan, &plan.trunk, cx.now, offer) {
            Ok(invite) => cx.agent.invite(cx.now, invite).map_err(|error| match error {
                trunkline_sip::Error::Overloaded { .. } => (Disposition::Overloaded, error.to_string()),
                _ => (Disposition::TrunkFailed, error.to_string()),
            }),
            Err(error) => Err((Disposition::TrunkFailed, error.to_string())),
        };
        let invite = match sent {
            Ok(invite) => invite,
            Err((disposition, why)) => {
                cx.out.media(plan.call, leg, Media::Close);
                cx.out.ended(plan.call, Outcome::by_switch(disposition, cx.now, &why));
                return None;
            }
        };
        let mut call = Self {
            script: Script::new(plan.script.clone()),
            party: Party::new(invite, pending, local, plan.call.get()),
            message: None,
            phase: Phase::Inviting { hangup: None },
            timers: Timers::default(),
            facts: Facts::default(),
            _permit: permit,
            recording,
            leg,
            plan,
        };
        for rule in verdict::rules(call.plan.voicemail) {
            call.order(cx, Media::Arm(rule));
        }
        call.set(cx, Timer::Ring, call.plan.agent.ring_timeout);
        let after = cx.now.saturating_duration_since(call.plan.asked_at);
        call.tell(cx, CallFact::Dialing { after });
        if let (VoicemailAction::LeaveMessage, Some(text)) =
            (call.plan.voicemail, call.plan.voicemail_message.clone())
        {
            cx.out.speech(call.id(), Speech::Message, text);
        }
        call.act(cx);
        Some(call)
    }

    /// Its id.
    pub fn id(&self) -> CallId {
        self.plan.call
    }

    /// Its end was told; it can be forgotten.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Something happened to its dialog.
    pub fn handle_sip(&mut self, cx: &mut Context<'_>, event: SipEvent) {
        match event {
            SipEvent::Progress { status, body, .. } => self.progress(cx, status, body.as_ref()),
            SipEvent::Answered { body, dialog, .. } => self.answered(cx, body.as_ref(), dialog),
            SipEvent::Failed { failure, .. } => self.failed(cx, &failure),
            SipEvent::Ended { end, .. } => self.dialog_over(cx, end),
            SipEvent::Offer { body, .. } => self.renegotiate(cx, body.as_ref()),
            SipEvent::Confirmed { body, .. } => self.reanswered(cx, body.as_ref()),
            SipEvent::Traced { direction, message, .. } => self.traced(cx, direction, &message),
            SipEvent::Refer { id, .. } => cx.agent.refuse_refer(cx.now, id, 603),
            SipEvent::Incoming { .. }
            | SipEvent::Info { .. }
            | SipEvent::Message { .. }
            | SipEvent::Reply { .. }
            | SipEvent::ReferProgress { .. }
            | SipEvent::Registered { .. }
            | SipEvent::RegistrationFailed { .. }
            | SipEvent::Unregistered { .. }
            | SipEvent::Reanswered { .. }
            | SipEvent::OfferRefused { .. } => {}
        }
    }

    /// Something was heard or played.
    pub fn handle_media(&mut self, cx: &mut Context<'_>, event: MediaEvent) {
        match event {
            MediaEvent::Started if self.facts.answered_at.is_none() => self.tell(cx, CallFact::EarlyMedia),
            MediaEvent::Verdict(verdict) => self.judged(cx, &verdict),
            MediaEvent::Opened { dead_air } => self.gate_opened(cx, dead_air),
            MediaEvent::SpeechStarted => self.callee_speaks(cx),
            MediaEvent::SpeechEnded { .. } => self.callee_is_silent(cx),
            MediaEvent::Marked { mark, cleared } => self.marked(cx, mark, cleared),
            MediaEvent::Drained => self.set(cx, Timer::Silence, self.plan.agent.silence_hangup),
            MediaEvent::Dtmf { digit, .. } => self.tell(cx, CallFact::Dtmf { digit }),
            MediaEvent::RtpTimeout => self.close(cx, Disposition::MediaLost, EndedBy::Switch),
            MediaEvent::Recorded(recorded) => self.recorded(cx, &recorded),
            MediaEvent::Started
            | MediaEvent::Tone(_)
            | MediaEvent::DtmfSent { .. }
            | MediaEvent::Closed(_) => {}
        }
    }

    /// A line was rendered, or cannot be.
    pub fn handle_line(&mut self, cx: &mut Context<'_>, line: usize, clip: Option<Arc<Clip>>) {
        self.script.rendered(line, clip);
        self.act(cx);
    }

    /// The message for a voicemail was rendered, or cannot be.
    pub fn handle_message(&mut self, cx: &mut Context<'_>, clip: Option<Arc<Clip>>) {
        match (clip, &self.phase) {
            (None, _) => self.close(cx, Disposition::AgentFailed, EndedBy::Switch),
            (Some(clip), Phase::LeavingMessage) => self.queue_message(cx, clip),
            (Some(clip), _) => self.message = Some(clip),
        }
    }

    /// A timer fired.
    pub fn handle_timer(&mut self, cx: &mut Context<'_>, timer: Timer) {
        self.timers.fired(timer);
        match timer {
            Timer::Ring => self.close(cx, Disposition::NoAnswer, EndedBy::Switch),
            Timer::Duration => self.close(cx, Disposition::MaxDuration, EndedBy::Switch),
            Timer::Silence => self.close(cx, Disposition::SilenceTimeout, EndedBy::Switch),
            Timer::Beep => self.order(cx, Media::OpenGate),
            Timer::Turn => {
                self.script.turn_ended();
                self.act(cx);
            }
            Timer::Closing => self.finish(cx),
        }
    }

    /// Somebody wants it to end.
    pub fn handle_hangup(&mut self, cx: &mut Context<'_>, disposition: Disposition, by: EndedBy) {
        self.close(cx, disposition, by);
    }

    fn progress(&mut self, cx: &mut Context<'_>, status: u16, body: Option<&trunkline_sip::Body>) {
        if let Some(negotiated) = self.party.preview(body) {
            self.order(cx, Media::Remote(negotiated));
        }
        self.facts.ringing_at.get_or_insert(cx.now);
        self.facts.progress = self.facts.progress.max(Progress::of(status));
        self.tell(cx, CallFact::Ringing { status });
    }

    fn answered(&mut self, cx: &mut Context<'_>, body: Option<&trunkline_sip::Body>, dialog: DialogState) {
        self.facts.answered_at = Some(cx.now);
        self.facts.sip_status = Some(200);
        let record = Box::new(facts::dialog(dialog, &self.plan.trunk.name));
        self.tell(cx, CallFact::Answered { dialog: record });
        self.timers.clear(cx.wheel, Timer::Ring);
        match self.party.accept(body) {
            Ok(negotiated) => {
                self.order(cx, Media::Remote(negotiated));
                self.order(cx, Media::Answered);
                self.phase = Phase::Judging;
                self.set(cx, Timer::Duration, self.plan.agent.call_duration_max);
                self.set(cx, Timer::Silence, self.plan.agent.silence_hangup);
            }
            Err(error) => {
                self.facts.detail = Some(format!("the answer's SDP: {error}"));
                self.phase = Phase::Judging;
                self.close(cx, Disposition::TrunkFailed, EndedBy::Switch);
            }
        }
    }

    fn renegotiate(&mut self, cx: &mut Context<'_>, offer: Option<&trunkline_sip::Body>) {
        let invite = self.party.invite();
        let Some(offer) = offer else {
            let offer = self.party.reoffer();
            return cx.agent.answer_offer(cx.now, invite, offer);
        };
        match self.party.renegotiate(offer) {
            Ok((answer, negotiated)) => {
                self.order(cx, Media::Remote(negotiated));
                cx.agent.answer_offer(cx.now, invite, answer);
            }
            // RFC 3261 §14.2: what cannot be met is refused with 488 and the session goes on as it was.
            Err(_) => cx.agent.refuse_offer(cx.now, invite, 488),
        }
    }

    /// The ACK came of a 200 that carried our offer. Without an answer in it the session goes on as it was.
    fn reanswered(&mut self, cx: &mut Context<'_>, answer: Option<&trunkline_sip::Body>) {
        if let Ok(negotiated) = self.party.accept(answer) {
            self.order(cx, Media::Remote(negotiated));
        }
    }

    fn judged(&mut self, cx: &mut Context<'_>, verdict: &amd::Verdict) {
        let heard = verdict::heard(verdict);
        self.facts.heard = Some(heard.clone());
        self.tell(cx, CallFact::Verdict(Box::new(heard)));
        if verdict::is_hopeless(verdict.class) {
            let disposition = match verdict.class {
                amd::Class::Busy => Disposition::Busy,
                _ => Disposition::Unreachable,
            };
            return self.close(cx, disposition, EndedBy::Switch);
        }
        if !verdict::is_machine(verdict.class) || !matches!(self.phase, Phase::Judging | Phase::Talking) {
            return;
        }
        match self.plan.voicemail {
            VoicemailAction::Hangup => self.close(cx, Disposition::VoicemailDetected, EndedBy::Switch),
            VoicemailAction::Ignore => {}
            VoicemailAction::LeaveMessage => self.leave_message(cx, verdict.class),
        }
    }

    /// The prompt is for people: it goes, and the message waits for the beep in its place.
    fn leave_message(&mut self, cx: &mut Context<'_>, class: amd::Class) {
        self.script.stop();
        self.phase = Phase::LeavingMessage;
        self.timers.clear(cx.wheel, Timer::Silence);
        self.timers.clear(cx.wheel, Timer::Turn);
        self.order(cx, Media::CloseGate);
        self.order(cx, Media::Clear);
        if let Some(clip) = self.message.take() {
            self.queue_message(cx, clip);
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

    fn queue_message(&self, cx: &mut Context<'_>, clip: Arc<Clip>) {
        self.order(cx, Media::Play { clip, mark: Some(MESSAGE_MARK) });
    }

    fn gate_opened(&mut self, cx: &mut Context<'_>, dead_air: Duration) {
        if self.facts.dead_air.is_none() {
            self.facts.dead_air = Some(dead_air);
            self.tell(cx, CallFact::AgentSpoke { dead_air });
        }
        self.timers.clear(cx.wheel, Timer::Silence);
        self.timers.clear(cx.wheel, Timer::Beep);
        if matches!(self.phase, Phase::Judging) {
            self.phase = Phase::Talking;
            if self.plan.agent.barge_in {
                // Armed only now: the callee's greeting must not clear what waits behind the gate.
                let rule = Rule { when: When::Speech { min: BARGE_IN_MIN }, then: Then::Clear, once: false };
                self.order(cx, Media::Arm(rule));
            }
        }
    }

    fn callee_speaks(&mut self, cx: &mut Context<'_>) {
        self.timers.clear(cx.wheel, Timer::Turn);
        self.timers.clear(cx.wheel, Timer::Silence);
    }

    fn callee_is_silent(&mut self, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Talking => {
                self.set(cx, Timer::Turn, TURN_SILENCE);
                self.set(cx, Timer::Silence, self.plan.agent.silence_hangup);
            }
            Phase::Judging => self.set(cx, Timer::Silence, self.plan.agent.silence_hangup),
            Phase::Inviting { .. } | Phase::LeavingMessage | Phase::Closing { .. } | Phase::Over => {}
        }
    }

    fn marked(&mut self, cx: &mut Context<'_>, mark: u32, cleared: bool) {
        if mark == MESSAGE_MARK {
            if !cleared {
                self.close(cx, Disposition::VoicemailDetected, EndedBy::Agent);
            }
            return;
        }
        if cleared && matches!(self.phase, Phase::Talking) {
            self.tell(cx, CallFact::BargeIn);
        }
        self.script.marked(mark, cleared);
        self.act(cx);
    }

    /// Does what the script asks for.
    fn act(&mut self, cx: &mut Context<'_>) {
        while let Some(act) = self.script.poll_act() {
            match act {
                Act::Render { line, text } => {
                    cx.out.speech(self.id(), Speech::Line(line), text);
                }
                Act::Play { clip, mark } => {
                    self.timers.clear(cx.wheel, Timer::Turn);
                    self.order(cx, Media::Play { clip, mark: Some(mark) });
                }
                Act::Finish => self.close(cx, Disposition::Completed, EndedBy::Agent),
                Act::Fail => self.close(cx, Disposition::AgentFailed, EndedBy::Switch),
            }
        }
    }

    /// We hang up, for the first reason that came.
    fn close(&mut self, cx: &mut Context<'_>, disposition: Disposition, by: EndedBy) {
        let end = Hangup { disposition, by };
        match &mut self.phase {
            Phase::Inviting { hangup: Some(_) } | Phase::Closing { .. } | Phase::Over => return,
            Phase::Inviting { hangup } => *hangup = Some(end),
            Phase::Judging | Phase::Talking | Phase::LeavingMessage => {
                self.phase = Phase::Closing { end, dialog_over: false, recorded: !self.is_recording() };
            }
        }
        self.facts.ended_at = Some(cx.now);
        self.party.hangup(cx.now, cx.agent, facts::reason(disposition));
        self.wind_up(cx);
    }

    /// The INVITE came to nothing.
    fn failed(&mut self, cx: &mut Context<'_>, failure: &Failure) {
        let hangup = match &self.phase {
            Phase::Inviting { hangup } => *hangup,
            Phase::Closing { end, .. } => Some(*end),
            Phase::Judging | Phase::Talking | Phase::LeavingMessage | Phase::Over => None,
        };
        self.facts.refused(failure);
        let ruling = disposition::judge(failure, self.facts.progress);
        let Hangup { disposition, by } =
            hangup.unwrap_or(Hangup { disposition: ruling.disposition, by: ruling.by });
        self.facts.ended_at.get_or_insert(cx.now);
        self.phase = Phase::Closing { end: Hangup { disposition, by }, dialog_over: true, recorded: true };
        self.wind_up(cx);
        self.finish(cx);
    }

    /// The dialog is over: the callee hung up, or confirms that we did.
    fn dialog_over(&mut self, cx: &mut Context<'_>, end: End) {
        let recorded = !self.is_recording();
        let (disposition, by) = match &end {
            End::Remote { reasons } => {
                let q850 = reasons.iter().find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"));
                self.facts.q850 = q850.and_then(|reason| reason.cause);
                (Disposition::CalleeHangup, EndedBy::Callee)
            }
            End::Local => (Disposition::Cancelled, EndedBy::Switch),
            End::Lost { .. } => (Disposition::MediaLost, EndedBy::Switch),
        };
        match &mut self.phase {
            Phase::Closing { dialog_over, .. } => *dialog_over = true,
            Phase::Over => return,
            Phase::Inviting { hangup } => {
                let end = hangup.unwrap_or(Hangup { disposition, by });
                self.phase = Phase::Closing { end, dialog_over: true, recorded };
                self.wind_up(cx);
            }
            Phase::Judging | Phase::Talking | Phase::LeavingMessage => {
                // A machine that hangs up while we leave our message has still been dealt with as the request asked.
                let disposition = match (&self.phase, disposition) {
                    (Phase::LeavingMessage, Disposition::CalleeHangup) => Disposition::VoicemailDetected,
                    (_, disposition) => disposition,
                };
                let end = Hangup { disposition, by };
                self.phase = Phase::Closing { end, dialog_over: true, recorded };
                self.wind_up(cx);
            }
        }
        self.finish_if_confirmed(cx);
    }

    fn recorded(&mut self, cx: &mut Context<'_>, recorded: &trunkline_media::Recorded) {
        self.facts.recording = facts::recording(self.recording.take(), recorded);
        if let Phase::Closing { recorded, .. } = &mut self.phase {
            *recorded = true;
        }
        self.finish_if_confirmed(cx);
    }

    /// Only an answered call is recorded, and until its recorder has said how it went.
    fn is_recording(&self) -> bool {
        self.recording.is_some() && self.facts.answered_at.is_some()
    }

    fn wind_up(&mut self, cx: &mut Context<'_>) {
        self.script.stop();
        self.timers.clear_all(cx.wheel);
        // Timer B bounds a CANCEL that nobody answers (RFC 3261 §9.1); the call is not kept from its owner so long.
        self.set(cx, Timer::Closing, CLOSING_MAX);
        self.order(cx, Media::Close);
    }

    fn finish_if_confirmed(&mut self, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Closing { dialog_over: true, recorded: true, .. }) {
            self.finish(cx);
        }
    }

    /// Tells the end, once.
    fn finish(&mut self, cx: &mut Context<'_>) {
        let end = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Closing { end, .. } | Phase::Inviting { hangup: Some(end) } => end,
            Phase::Over => return,
            Phase::Inviting { hangup: None } | Phase::Judging | Phase::Talking | Phase::LeavingMessage => {
                unreachable!("a call finishes only after it was closed")
            }
        };
        self.timers.clear_all(cx.wheel);
        let outcome = std::mem::take(&mut self.facts).outcome(end, cx.now);
        cx.out.ended(self.id(), outcome);
    }

    fn traced(&self, cx: &mut Context<'_>, direction: trunkline_sip::Direction, message: &[u8]) {
        let head = message.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(head).into_owned();
        self.tell(cx, CallFact::Message { sent: direction == trunkline_sip::Direction::Out, line });
    }

    /// Tells the leg what to do.
    fn order(&self, cx: &mut Context<'_>, command: Media) {
        cx.out.media(self.id(), self.leg, command);
    }

    fn tell(&self, cx: &mut Context<'_>, fact: CallFact) {
        cx.out.event(CallEvent { call: self.id(), at: cx.now, fact });
    }

    fn set(&mut self, cx: &mut Context<'_>, timer: Timer, after: Duration) {
        if !matches!(self.phase, Phase::Over) && (timer == Timer::Closing || !self.is_closing()) {
            self.timers.set(cx.wheel, self.plan.call, timer, cx.now + after);
        }
    }

    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. } | Phase::Inviting { hangup: Some(_) })
    }
}
