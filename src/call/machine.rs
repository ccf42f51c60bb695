//! The machine of one call: what is known, what is awaited, and what follows from the next input.
//!
//! Sans-IO. Its inputs come in order from the shard: SIP events, media events, timers, commands. Whatever happens, it
//! tells `Ended` exactly once. `inviting` is its life until the answer, over as many INVITEs as it takes, or `receiving` if it
//! came in; `talking` what follows it, with `engaging` where a bot talks, `staffing` where a person does, `pairing`, `handing`,
//! `waiting` and `seconding` where another call of ours talks with it, with `guiding`, `walking` and `controlling` where programs of steps
//! say what is done, and `transferring` and `referring` where its far end becomes another one's, for which `legs` has
//! records of their own; `closing` its end.

mod closing;
mod controlling;
mod engaging;
mod guiding;
mod handing;
mod inviting;
mod legs;
mod listening;
mod pairing;
mod pairs;
mod receiving;
mod referring;
mod seconding;
mod staffing;
mod talking;
mod transferring;
mod waiting;
mod walking;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::{Clip, Command as Media, Event as MediaEvent, LegId};
use trunkline_sip::{Body, Event as SipEvent, InviteId, UserAgent};

use super::disposition::{Hangup, Ruling};
use super::facts::{self, Facts};
use super::keys::{Keys, Road};
use super::offers::Reach;
use super::outbox::{BotOrder, Hand, Outbox};
use super::party::{Origin, Party, Seed};
use super::sound;
use super::timer::{CallWheel, Timer, Timers};
use crate::admission::{Admission, Permit};
use crate::agent::{Program, Script, Walk};
use crate::model::{
    CallEvent, CallFact, CallId, CallPlan, DialogRecord, Disposition, EndedBy, MovedLeg, PhoneNumber, Trunk,
};
use crate::trunk::keeper::Keeper;
use crate::trunk::reach::Reachable;
use controlling::Control;
use engaging::Presence;
use inviting::{Dialled, Way};
use legs::Legs;
use pairs::Pairs;
use receiving::Awaited;
pub use receiving::Reception;
use referring::Referral;
use staffing::Attendance;
use talking::BargeIn;
use transferring::{Transfer, Wish};

/// A call that may start: its intent is on disk, its permits and its media ports are taken.
pub struct Origination {
    /// What is to happen.
    pub plan: CallPlan,
    /// The leg that the media plane opened for it.
    pub leg: LegId,
    /// What its offer says: where its RTP comes in.
    pub local: SocketAddr,
    /// Where its recording goes, if it is ever recorded; by [`CallPlan::record`], from its answer on.
    pub recording: Option<PathBuf>,
    /// What its SRTP keys are made of.
    pub seed: Seed,
    /// Given back when the call is over.
    pub permit: Permit,
}

/// The mark of the message left on a voicemail; lines of the script are numbered from zero.
const MESSAGE_MARK: u32 = u32::MAX;
/// The mark of what is said while the detector listens.
const OPENER_MARK: u32 = u32::MAX - 1;
/// The mark of what is heard while somebody is waited for.
const WAITING_MARK: u32 = u32::MAX - 2;
/// The mark of what a party alone is told.
const WHISPER_MARK: u32 = u32::MAX - 3;

/// One call.
pub struct Call {
    plan: CallPlan,
    leg: LegId,
    /// What its offers say: where its RTP comes in.
    local: SocketAddr,
    seed: Seed,
    /// It is theirs, and not ours: nobody listens for a machine.
    came_in: bool,
    recording: Option<PathBuf>,
    /// The far end's leg: by the last INVITE that left, none before the first, or by the one that came in. Another INVITE's takes
    /// its place.
    party: Option<Party>,
    /// What was dialled so far.
    dialled: Dialled,
    script: Script,
    /// What its guide wants, if it has one.
    guided: Program,
    /// Where its agent's own script is, if it follows one: then that is its guide.
    walk: Option<Walk>,
    /// What is done by hand.
    operator: Program,
    /// Is its bot there, if it has one?
    presence: Presence,
    /// How many bots it has had, whoever listened in included.
    engaged: u32,
    /// Is the person there who talks, if one does?
    attendance: Attendance,
    /// Whoever talked has left the callee to one who is being called to take its place.
    has_left: bool,
    /// Who else was called for it.
    pairs: Pairs,
    /// Does somebody listen in?
    listener: Presence,
    /// Who is heard, held and recorded.
    control: Control,
    /// Is the callee spoken to at present?
    is_spoken_to: bool,
    /// May the callee interrupt, and is that armed?
    barge_in: BargeIn,
    /// How often its guide was asked.
    asked: u32,
    /// How long its guide waits for something, and how long it has to do so anew because time stood still meanwhile.
    awaited_for: Option<Duration>,
    overdue: Option<Duration>,
    /// What is left on a voicemail.
    message: Message,
    phase: Phase,
    /// The ACK that our answer waits for, if the call came in.
    awaited: Option<Awaited>,
    /// Somebody who is to take the far end's place.
    transfer: Option<Transfer>,
    /// What is paid apart for whoever comes, or has come, to take the far end's place.
    legs: Legs,
    /// Somebody in whose place the far end is to be put through.
    referral: Option<Referral>,
    /// No media came while one of these was under way.
    is_unheard: bool,
    /// What the journal knows to end it by.
    dialog: Option<Box<DialogRecord>>,
    /// The number of ours in it: whoever else is called for it sees this one.
    ours: PhoneNumber,
    /// Theirs, if it is known: not of a caller who withholds it, of a SIP endpoint, or of whoever the call was transferred to.
    theirs: Option<PhoneNumber>,
    keys: Keys,
    timers: Timers,
    facts: Facts,
    /// Held until the call is over; it moves from trunk to trunk with the call.
    permit: Permit,
}

/// What is left on a voicemail.
enum Message {
    /// It is not rendered yet, or there is none.
    Awaited,
    Ready(Arc<Clip>),
    /// It cannot be rendered.
    Failed,
}

/// Where the call stands.
enum Phase {
    /// An INVITE is out.
    Inviting { hangup: Option<Hangup> },
    /// The last INVITE came to nothing. The next one leaves when its intent is on disk; if it cannot be, the last one's
    /// fate is the call's.
    Between { way: Way, fate: Ruling },
    /// It came in and rings here, until the agent has something to say. The answer to its offer; none if it asks for ours.
    Ringing { answer: Option<Body> },
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
    pub admission: &'a Admission,
    pub keeper: &'a Keeper,
    /// Where trunks may lead.
    pub reachable: &'a Reachable,
    pub out: &'a mut Outbox,
}

impl Call {
    /// Its id.
    pub fn id(&self) -> CallId {
        self.plan.call
    }

    /// The trunk that it goes by now.
    pub fn trunk(&self) -> &Arc<Trunk> {
        &self.plan.trunk
    }

    /// Its end was told; it can be forgotten.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Something happened to its dialog.
    pub fn handle_sip(&mut self, cx: &mut Context<'_>, event: SipEvent) {
        if let Some(invite) = invite_of(&event).filter(|invite| !self.is_party(*invite)) {
            return self.hear_newcomer(cx, invite, event);
        }
        match event {
            SipEvent::Progress { fork, status, body, .. } => self.progress(cx, fork, status, body.as_ref()),
            SipEvent::Answered { fork, body, dialog, .. } => self.answered(cx, fork, body.as_ref(), dialog),
            SipEvent::Failed { failure, .. } => self.failed(cx, &failure),
            SipEvent::Ended { end, .. } => self.dialog_over(cx, end),
            SipEvent::Offer { body, .. } => self.renegotiate(cx, body.as_ref()),
            SipEvent::Confirmed { body, dialog, .. } => self.confirmed(cx, body.as_ref(), dialog),
            SipEvent::Reanswered { body, .. } => {
                self.reanswered(cx, body.as_ref());
                self.hold_agreed(cx);
            }
            SipEvent::Info { body: Some(body), .. } => self.informed(cx, &body),
            SipEvent::OfferRefused { status, .. } => self.hold_refused(cx, status),
            SipEvent::Traced { direction, message, .. } => self.traced(cx, direction, &message),
            SipEvent::Refer { id, refer_to, replaces, referred_by, .. } => {
                self.referred(cx, Wish { id, refer_to, replaces, referred_by });
            }
            SipEvent::ReferProgress { status, is_final, .. } => self.refer_progress(cx, status, is_final),
            SipEvent::Incoming { .. }
            | SipEvent::Info { .. }
            | SipEvent::Message { .. }
            | SipEvent::Reply { .. }
            | SipEvent::Registered { .. }
            | SipEvent::RegistrationFailed { .. }
            | SipEvent::Unregistered { .. } => {}
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
            MediaEvent::Speaks => self.agent_speaks(cx),
            MediaEvent::Drained => self.agent_is_silent(cx),
            MediaEvent::Dtmf { digit, duration } => self.pressed(cx, Road::Media, digit, duration),
            MediaEvent::RtpTimeout if self.is_moving() => self.is_unheard = true,
            MediaEvent::RtpTimeout => self.close(cx, Disposition::MediaLost, EndedBy::Switch),
            MediaEvent::Recorded(recorded) => self.recorded(cx, &recorded),
            MediaEvent::DtmfSent { sent } => self.digits_sent(cx, sent),
            MediaEvent::Closed(stats) => self.facts.media = Some(facts::counters(&stats)),
            MediaEvent::Started | MediaEvent::Tone(_) => {}
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
            (None, Phase::LeavingMessage) => self.close(cx, Disposition::AgentFailed, EndedBy::Switch),
            (Some(clip), Phase::LeavingMessage) => self.queue_message(cx, clip),
            (clip, _) => self.message = clip.map_or(Message::Failed, Message::Ready),
        }
    }

    /// A timer fired.
    pub fn handle_timer(&mut self, cx: &mut Context<'_>, timer: Timer) {
        self.timers.fired(timer);
        match timer {
            Timer::Ring if matches!(self.phase, Phase::Ringing { .. }) => {
                self.close(cx, Disposition::AgentFailed, EndedBy::Switch);
            }
            Timer::Ring => self.close(cx, Disposition::NoAnswer, EndedBy::Switch),
            Timer::Silent => self.unheard(cx),
            Timer::Hold => self.close(cx, Disposition::HoldTimeout, EndedBy::Switch),
            Timer::Duration => self.close(cx, Disposition::MaxDuration, EndedBy::Switch),
            Timer::Silence if self.is_moving() || self.is_attended() => {
                self.set(cx, timer, self.plan.agent.silence_hangup)
            }
            Timer::Silence => self.close(cx, Disposition::SilenceTimeout, EndedBy::Switch),
            Timer::Beep => self.beep_timed_out(cx),
            Timer::Turn => {
                self.script.turn_ended();
                self.act(cx);
                self.guided.turn_ended();
                self.run(cx, Hand::Guide);
            }
            Timer::Guide => self.step_timed_out(cx, Hand::Guide),
            Timer::Operator => self.step_timed_out(cx, Hand::Operator),
            Timer::Digit => self.next_digit(cx),
            Timer::Transfer => self.newcomer_unanswered(cx),
            Timer::Closing => self.finish(cx),
        }
    }

    /// The intent of its next INVITE is on disk, or cannot be.
    pub fn handle_intended(
        &mut self,
        cx: &mut Context<'_>,
        attempt: usize,
        is_on_disk: bool,
        leg: Option<MovedLeg>,
    ) {
        // It was given up, and the next one's is not on disk yet.
        if attempt != self.dialled.invites() {
            return self.leg_unwanted(cx, leg);
        }
        self.legs.coming = leg;
        if self.transfer.is_some() {
            self.transfer_intended(cx, is_on_disk);
        } else {
            self.leg_failed(cx, None);
            self.intended(cx, is_on_disk);
        }
    }

    /// Somebody wants it to end.
    pub fn handle_hangup(&mut self, cx: &mut Context<'_>, disposition: Disposition, by: EndedBy) {
        self.close(cx, disposition, by);
    }

    /// An INFO within the dialog: digits of a far end that does not send them as telephone events.
    fn informed(&mut self, cx: &mut Context<'_>, body: &Body) {
        if let Some((digit, _)) = trunkline_sip::dtmf_of(body) {
            self.pressed(cx, Road::Signalling, digit, engaging::DIGIT_HELD);
        }
    }

    fn pressed(&mut self, cx: &mut Context<'_>, road: Road, digit: char, held: Duration) {
        if self.keys.is_new(cx.now, road, digit) {
            self.tell(cx, CallFact::Dtmf { digit });
            self.tell_bot(cx, BotOrder::Digit(self.id(), digit, held));
            self.relay_key(cx, digit);
            self.guided.pressed(digit);
            self.run(cx, Hand::Guide);
        }
    }

    /// Where the next of its legs is described from.
    fn origin(&self) -> Origin<'_> {
        let leg = u32::try_from(self.dialled.invites()).unwrap_or(u32::MAX);
        let capabilities = sound::capabilities(&self.plan.trunk);
        Origin { address: self.local, id: self.plan.call.get(), seed: &self.seed, leg, capabilities }
    }

    /// Where the media of its legs may go.
    fn reach(&self, cx: &Context<'_>) -> Reach {
        Reach { trunk: Arc::clone(&self.plan.trunk), reachable: Arc::clone(cx.reachable) }
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

/// Whose event it is, of those that belong to one INVITE.
fn invite_of(event: &SipEvent) -> Option<InviteId> {
    match event {
        SipEvent::Progress { id, .. }
        | SipEvent::Answered { id, .. }
        | SipEvent::Failed { id, .. }
        | SipEvent::Ended { id, .. }
        | SipEvent::Offer { id, .. }
        | SipEvent::Confirmed { id, .. }
        | SipEvent::Reanswered { id, .. }
        | SipEvent::OfferRefused { id, .. }
        | SipEvent::ReferProgress { id, .. } => Some(*id),
        _ => None,
    }
}
