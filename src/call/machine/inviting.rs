//! The call until it is answered: one INVITE after another, until a trunk carries it, somebody has spoken for the callee, or
//! there is none left to try.
//!
//! Another attempt is another INVITE with a Call-ID of its own (RFC 3261 §8.1.1.4), and the same call: the same media leg,
//! whose port stays where it is, with an offer made anew, since an offer is answered once, its SRTP keys are one trunk's alone,
//! and each trunk has its own codecs. Its intent is on disk before it leaves, as the first one's was: a switch that dies
//! between two attempts finds a call that may have rung, and does not dial it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_media::Command as Media;
use trunkline_sip::{Body, Cause, DialogState, Failure, Fork};

use super::super::disposition::{self, Hangup, Progress, Ruling};
use super::super::facts::{self, Facts};
use super::super::keys::Keys;
use super::super::outbox::{BotOrder, Speech};
use super::super::party::Party;
use super::super::timer::{Timer, Timers};
use super::super::verdict;
use super::engaging::Presence;
use super::staffing::Attendance;
use super::talking::BargeIn;
use super::{Call, Context, Control, Message, Origination, Phase};
use crate::admission::Sighting;
use crate::agent::{Program, Script};
use crate::model::{
    Attempt, CallFact, Dialing, Disposition, EndedBy, Objection, Speak, Trunk, TrunkId, VoicemailAction,
};
use crate::trunk::health::Sign;
use crate::trunk::redirect::{self, Redirection};
use crate::trunk::route;

/// INVITEs of one call, redirected ones included.
const INVITES_MAX: usize = 6;
/// No INVITE but the first leaves later than this after it: whoever is called by then waits in vain elsewhere.
const POST_DIAL_MAX: Duration = Duration::from_secs(20);
/// A trunk that has not even said 100 by then is left for another one, if there is another one. Four INVITEs at RFC 3261's T1.
const SILENT_MAX: Duration = Duration::from_secs(4);

/// How an INVITE goes.
pub struct Way {
    trunk: Arc<Trunk>,
    redirection: Option<Redirection>,
}

/// What was dialled so far.
pub struct Dialled {
    since: Instant,
    attempts: Vec<Attempt>,
    trunks: Vec<TrunkId>,
    /// Request-URIs since the last change of trunk, the trunk's own first.
    uris: Vec<String>,
    /// How far the last attempt came.
    progress: Progress,
}

impl Dialled {
    fn since(now: Instant) -> Self {
        Self {
            since: now,
            attempts: Vec::new(),
            trunks: Vec::new(),
            uris: Vec::new(),
            progress: Progress::Silent,
        }
    }

    /// Every INVITE so far.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Another one is about to leave, or has come.
    pub fn push(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
    }

    /// The last one is not to be.
    pub fn pop(&mut self) {
        self.attempts.pop();
    }

    /// How many INVITEs there were, the one that is about to leave included.
    pub fn invites(&self) -> usize {
        self.attempts.len()
    }

    /// Every INVITE, if there was more than one.
    pub fn take_attempts(&mut self) -> Vec<Attempt> {
        let attempts = std::mem::take(&mut self.attempts);
        if attempts.len() > 1 { attempts } else { Vec::new() }
    }

    fn has_room(&self, now: Instant) -> bool {
        self.attempts.len() < INVITES_MAX && now.saturating_duration_since(self.since) < POST_DIAL_MAX
    }
}

impl Call {
    /// A call of which nothing happened yet.
    pub(super) fn new(origination: Origination, now: Instant, phase: Phase) -> Self {
        let Origination { plan, leg, local, recording, seed, permit } = origination;
        // Of a call that came in, ours is the number that was called; a caller who withholds its own has ours.
        let came_in = matches!(phase, Phase::Ringing { .. });
        let (ours, theirs) = if came_in { (&plan.to, &plan.from) } else { (&plan.from, &plan.to) };
        let is_number = theirs != ours && plan.second.as_ref().is_none_or(|second| second.uri.is_none());
        let (ours, theirs) = (ours.clone(), is_number.then(|| theirs.clone()));
        Self {
            walk: None,
            is_spoken_to: false,
            barge_in: BargeIn::new(plan.agent.barge_in),
            // What a guide fails to say is rendered when it has failed.
            script: Script::new(if plan.guide.is_some() { Vec::new() } else { plan.script.clone() }),
            guided: Program::default(),
            operator: Program::piecemeal(),
            presence: Presence::default(),
            engaged: 0,
            attendance: Attendance::default(),
            has_left: false,
            pairs: Default::default(),
            listener: Presence::default(),
            control: Control::new(plan.record && recording.is_some()),
            asked: 0,
            awaited_for: None,
            overdue: None,
            party: None,
            dialled: Dialled::since(now),
            message: Message::Awaited,
            awaited: None,
            transfer: None,
            legs: Default::default(),
            referral: None,
            is_unheard: false,
            dialog: None,
            ours,
            theirs,
            keys: Keys::default(),
            timers: Timers::default(),
            facts: Facts::default(),
            phase,
            permit,
            recording,
            came_in,
            seed,
            leg,
            local,
            plan,
        }
    }

    /// Sends the first INVITE. A call that cannot even do that ends at once: `None`, and its end was told.
    pub fn start(origination: Origination, cx: &mut Context<'_>) -> Option<Self> {
        let trunk = Arc::clone(&origination.plan.trunk);
        let mut call = Self::new(origination, cx.now, Phase::Inviting { hangup: None });
        call.dialled.attempts.push(Attempt::new(&*trunk.name, &*call.plan.sip_call_id));
        call.dialled.trunks.push(trunk.id);
        if call.plan.second.is_some() {
            call.open_at_answer(cx);
        } else {
            for rule in verdict::rules(call.plan.voicemail, call.plan.speak_order, call.plan.speak) {
                call.order(cx, Media::Arm(rule));
            }
        }
        // Over all attempts: it does not begin anew with each.
        call.set(cx, Timer::Ring, call.plan.agent.ring_timeout);
        if let Some(max_hold) = call.plan.max_hold {
            call.set(cx, Timer::Hold, max_hold);
        }
        let after = cx.now.saturating_duration_since(call.plan.asked_at);
        call.dial(cx, Way { trunk, redirection: None });
        if call.is_over() {
            return None;
        }
        call.tell(cx, CallFact::Dialing { after });
        if let (VoicemailAction::LeaveMessage, Some(text)) =
            (call.plan.voicemail, call.plan.voicemail_message.clone())
        {
            cx.out.speech(&call.plan, Speech::Message, text);
        }
        if let Some(text) = call.plan.opener.clone() {
            cx.out.speech(&call.plan, Speech::Opener, text);
        }
        call.prepare_guide(cx);
        call.prepare_walk(cx);
        call.prepare_notice(cx);
        call.act(cx);
        Some(call)
    }

    /// Sends an INVITE whose intent is on disk.
    fn dial(&mut self, cx: &mut Context<'_>, way: Way) {
        let Way { trunk, redirection } = way;
        self.plan.trunk = trunk;
        let (offer, pending, description) = self.origin().offer();
        let composed = route::invite(&self.plan, &self.plan.trunk, cx.now, offer);
        let mut invite = match composed {
            Ok(invite) => invite,
            Err(error) => return self.unsent(cx, Disposition::TrunkFailed, &error.to_string()),
        };
        let trunk = &self.plan.trunk;
        route::by(&mut invite, trunk, cx.keeper.service_route(trunk.id), cx.reachable);
        if let Some(redirection) = redirection {
            redirection.apply(&mut invite);
        }
        self.dialled.uris.push(invite.uri.clone());
        match cx.agent.invite(cx.now, invite) {
            Ok(invite) => {
                self.party = Some(Party::new(invite, pending, description, self.reach(cx)));
                self.dialled.progress = Progress::Silent;
                self.facts.begin_again();
                self.phase = Phase::Inviting { hangup: None };
                self.set(cx, Timer::Silent, SILENT_MAX);
            }
            Err(error) => {
                let disposition = match error {
                    trunkline_sip::Error::Overloaded { .. } => Disposition::Overloaded,
                    _ => Disposition::TrunkFailed,
                };
                self.unsent(cx, disposition, &error.to_string());
            }
        }
    }

    /// An INVITE could not even be composed.
    fn unsent(&mut self, cx: &mut Context<'_>, disposition: Disposition, why: &str) {
        self.facts.detail = Some(why.to_owned());
        self.end_as(cx, Hangup { disposition, by: EndedBy::Switch });
    }

    pub(super) fn progress(&mut self, cx: &mut Context<'_>, fork: Fork, status: u16, body: Option<&Body>) {
        let previewed = self.party.as_mut().and_then(|party| party.offers.hear_early(fork, body));
        if let Some(negotiated) = previewed {
            self.order(cx, Media::Remote(negotiated));
        }
        self.facts.ringing_at.get_or_insert(cx.now);
        self.dialled.progress = self.dialled.progress.max(Progress::of(status));
        self.timers.clear(cx.wheel, Timer::Silent);
        self.tell(cx, CallFact::Ringing { status });
        self.tell_first_of_ringing(cx, status, body);
        self.engage(cx);
    }

    pub(super) fn answered(
        &mut self,
        cx: &mut Context<'_>,
        fork: Fork,
        body: Option<&Body>,
        dialog: DialogState,
    ) {
        self.facts.answered_at = Some(cx.now);
        self.facts.sip_status = Some(200);
        self.note(|attempt| attempt.sip_status = Some(200));
        self.sight(cx, Sign::Carried, None, "it was answered");
        self.permit.answered(cx.now);
        let record = Box::new(facts::dialog(dialog, &self.plan.trunk.name));
        self.dialog = Some(record.clone());
        self.tell(cx, CallFact::Answered { dialog: record, recorded: self.control.is_begun() });
        self.timers.clear(cx.wheel, Timer::Ring);
        self.timers.clear(cx.wheel, Timer::Silent);
        let Some(party) = &mut self.party else { return };
        match party.offers.accept(fork, body) {
            Ok(negotiated) => {
                self.order(cx, Media::Remote(negotiated));
                self.order(cx, Media::Answered);
                self.engage(cx);
                self.tell_bot(cx, BotOrder::Answered(self.id()));
                self.phase = Phase::Judging;
                self.tell_first_of_answer(cx);
                let most = self.plan.trunk.destinations.longest(self.plan.agent.call_duration_max);
                self.set(cx, Timer::Duration, most);
                if self.plan.speak == Speak::Answer {
                    self.ask_guide(cx);
                    self.begin_walk(cx);
                }
                // Silence counts from the verdict on: until then the detector waits, and no longer than its own time.
            }
            Err(error) => {
                self.facts.detail = Some(format!("the answer's SDP: {error}"));
                self.phase = Phase::Judging;
                self.close(cx, Disposition::TrunkFailed, EndedBy::Switch);
            }
        }
    }

    /// The INVITE came to nothing.
    pub(super) fn failed(&mut self, cx: &mut Context<'_>, failure: &Failure) {
        let hangup = match &self.phase {
            Phase::Inviting { hangup } => *hangup,
            Phase::Closing { end, .. } => Some(*end),
            // Our answer was never asked for: a reliable 18x found nobody (RFC 3262 §3).
            Phase::Ringing { .. } => {
                Some(Hangup { disposition: Disposition::TrunkFailed, by: EndedBy::Switch })
            }
            Phase::Between { .. } | Phase::Judging | Phase::Talking | Phase::LeavingMessage | Phase::Over => {
                None
            }
        };
        // Why we hung up says more than the answer to that.
        let ours = hangup.and(self.facts.detail.take());
        self.facts.refused(failure);
        self.facts.detail = ours.or(self.facts.detail.take());
        let (status, q850) = (failure.status, disposition::q850(failure));
        // Our own hang-up decides, whatever answer raced it.
        if let Some(end) = hangup {
            self.note(|attempt| (attempt.sip_status, attempt.q850) = (status, q850));
            return self.end_as(cx, end);
        }
        let ruling = disposition::judge(failure, self.dialled.progress);
        self.facts.callee_hold = ruling.callee_hold;
        self.note(|attempt| {
            (attempt.sip_status, attempt.q850) = (status, q850);
            attempt.why = Some(ruling.why.to_owned());
        });
        if failure.cause == Cause::Response && matches!(status, Some(300..=302)) {
            match self.redirected(cx, failure, ruling) {
                Ok(()) => return,
                Err(refused) => self.facts.detail = Some(refused),
            }
        }
        // What a colleague thinks of being consulted is no objection to the tenant's calls.
        if ruling.is_unwanted
            && self.plan.second.is_none()
            && let Some(number) = self.theirs.clone()
        {
            self.tell(cx, CallFact::Objected { number, reason: Objection::Unwanted });
        }
        self.sight(cx, ruling.sign, ruling.hold, ruling.why);
        self.elsewhere(cx, ruling);
    }

    /// The trunk has not said a word. If there is another one, that one is asked; the silent one's INVITE is cancelled as soon as
    /// it says something (RFC 3261 §9.1).
    pub(super) fn unheard(&mut self, cx: &mut Context<'_>) {
        let (Phase::Inviting { hangup: None }, Some(party)) = (&self.phase, &self.party) else { return };
        if self.dialled.progress > Progress::Silent || cx.agent.is_heard(party.invite()) {
            return;
        }
        let ruling = disposition::silent();
        let Some(way) = self.next_way(cx, &ruling) else { return };
        if let Some(party) = &self.party {
            party.hangup(cx.now, cx.agent, facts::reason(Disposition::NoAnswer));
        }
        let left = Arc::clone(&self.plan.trunk);
        self.note(|attempt| attempt.why = Some(ruling.why.to_owned()));
        cx.admission.sighted(cx.now, &left, &Sighting { sign: ruling.sign, hold: None, why: ruling.why });
        self.intend(cx, way, ruling);
    }

    /// We give up an INVITE that has no answer yet: what that says of its trunk.
    pub(super) fn sight_given_up(&self, cx: &mut Context<'_>, by: EndedBy) {
        let heard = self.party.as_ref().is_some_and(|party| cx.agent.is_heard(party.invite()));
        if self.dialled.progress > Progress::Silent {
            self.sight(cx, Sign::Carried, None, "it rang");
        } else if !heard && by == EndedBy::Switch {
            let ruling = disposition::silent();
            self.sight(cx, ruling.sign, None, ruling.why);
        }
    }

    /// By the next trunk, if what happened lets another one try; else that is the call's end.
    fn elsewhere(&mut self, cx: &mut Context<'_>, ruling: Ruling) {
        match self.next_way(cx, &ruling) {
            Some(way) => self.intend(cx, way, ruling),
            None => self.end_as(cx, Hangup { disposition: ruling.disposition, by: ruling.by }),
        }
    }

    /// The next trunk, with the permit moved to it.
    fn next_way(&mut self, cx: &mut Context<'_>, ruling: &Ruling) -> Option<Way> {
        if !ruling.next_trunk || !self.dialled.has_room(cx.now) {
            return None;
        }
        let tried = &self.dialled.trunks;
        let left: Vec<_> =
            self.plan.trunks.iter().filter(|trunk| !tried.contains(&trunk.id)).cloned().collect();
        let chosen = cx.admission.divert(cx.now, &mut self.permit, &left).ok()?;
        let trunk = Arc::clone(&left[chosen]);
        self.dialled.trunks.push(trunk.id);
        self.dialled.uris.clear();
        Some(Way { trunk, redirection: None })
    }

    /// Follows a redirection (RFC 3261 §8.1.3.4), by the same trunk. `Err`: why not.
    fn redirected(&mut self, cx: &mut Context<'_>, failure: &Failure, ruling: Ruling) -> Result<(), String> {
        let trunk = Arc::clone(&self.plan.trunk);
        let followed = self.dialled.uris.len().saturating_sub(1);
        if followed >= usize::from(trunk.redirects_max) {
            return Err(format!("more than {} redirections", trunk.redirects_max));
        }
        if !self.dialled.has_room(cx.now) {
            return Err("too many INVITEs, or too late for another".to_owned());
        }
        if self.plan.second.as_ref().is_some_and(|second| second.uri.is_some()) {
            return Err("a SIP URI is dialled where its trunk is, and nowhere else".to_owned());
        }
        let redirection =
            redirect::follow(&trunk, &self.plan.to, &failure.contacts, &self.dialled.uris, cx.reachable)?;
        self.sight(cx, Sign::Carried, None, "it sent the call elsewhere");
        self.intend(cx, Way { trunk, redirection: Some(redirection) }, ruling);
        Ok(())
    }

    /// Has the intent of the next INVITE written down; it leaves when that is done.
    fn intend(&mut self, cx: &mut Context<'_>, way: Way, fate: Ruling) {
        let count = self.dialled.attempts.len() + 1;
        // Still unique: the first one is.
        let first = &self.dialled.attempts[0].sip_call_id;
        let uri = way.redirection.as_ref().map(|redirection| redirection.uri().to_owned());
        let attempt =
            Attempt { uri: uri.clone(), ..Attempt::new(&*way.trunk.name, format!("{first}-{count}")) };
        self.plan.sip_call_id.clone_from(&attempt.sip_call_id);
        self.dialled.attempts.push(attempt);
        self.timers.clear(cx.wheel, Timer::Silent);
        self.tell(cx, CallFact::Diverted { trunk: way.trunk.name.clone(), uri, why: fate.why.to_owned() });
        cx.out.intents.push_back(Dialing {
            call: self.id(),
            trunk: way.trunk.name.clone(),
            sip_call_id: self.plan.sip_call_id.clone(),
            attempts: self.dialled.attempts.clone(),
            started_at: None,
        });
        self.phase = Phase::Between { way, fate };
    }

    /// The intent is on disk, or cannot be: then nothing leaves, and what came of the last INVITE is the call's end.
    pub(super) fn intended(&mut self, cx: &mut Context<'_>, is_on_disk: bool) {
        let phase = std::mem::replace(&mut self.phase, Phase::Inviting { hangup: None });
        match phase {
            Phase::Between { way, .. } if is_on_disk => self.dial(cx, way),
            Phase::Between { fate, .. } => {
                self.dialled.attempts.pop();
                self.end_as(cx, Hangup { disposition: fate.disposition, by: fate.by });
            }
            // It was hung up meanwhile.
            other => self.phase = other,
        }
    }

    /// The end of a call that nobody answered.
    pub(super) fn end_as(&mut self, cx: &mut Context<'_>, end: Hangup) {
        self.facts.ended_at.get_or_insert(cx.now);
        self.phase = Phase::Closing { end, dialog_over: true, recorded: true };
        self.wind_up(cx);
        self.finish(cx);
    }

    /// Tells the gate what the end of an INVITE says of its trunk.
    fn sight(&self, cx: &Context<'_>, sign: Sign, hold: Option<Duration>, why: &str) {
        cx.admission.sighted(cx.now, &self.plan.trunk, &Sighting { sign, hold, why });
    }

    pub(super) fn note(&mut self, write: impl FnOnce(&mut Attempt)) {
        if let Some(last) = self.dialled.attempts.last_mut() {
            write(last);
        }
    }
}
