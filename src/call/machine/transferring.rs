//! A call that talks moves to another party: because the far end asks us to call somebody in its place (REFER, RFC 3515, RFC
//! 5589), or because somebody calls in to take its place (INVITE with Replaces, RFC 3891). Both are the trunk's to allow, and
//! whom we call so passes what every call passes: the trunk's destinations, the gate, the disk.
//!
//! The media leg and the script stay where they are. The old party is on the line until the new one is, and stays if it does
//! not come; if it leaves before, the call is the new party's or over.

use trunkline_media::Negotiated;
use trunkline_sip::{Body, Cause, DialogState, Event as SipEvent, Failure, Fork, InviteId, Replaces};

use super::super::disposition::Hangup;
use super::super::facts;
use super::super::party::Party;
use super::super::timer::Timer;
use super::receiving::Awaited;
use super::{Call, Context, Phase};
use crate::admission::Permit;
use crate::model::{Attempt, CallFact, CallPlan, Dialing, Disposition, EndedBy, ReferPolicy, Refusal};
use crate::trunk::{called, destination, route};

/// INVITEs of one call, the transfers' included. A far end that asks for more wants something else.
const INVITES_MAX: usize = 8;

/// What a REFER asks for.
pub struct Wish {
    /// The dialog it came in.
    pub id: InviteId,
    /// Whom to call.
    pub refer_to: String,
    /// The dialog that our call takes the place of, there.
    pub replaces: Option<Replaces>,
    /// Who asks, if it says.
    pub referred_by: Option<String>,
}

/// Somebody is to take the far end's place.
pub struct Transfer {
    /// The number, or the INVITE's Call-ID.
    to: String,
    coming: Coming,
    /// The new party's; the call's own once it has moved.
    permit: Permit,
}

/// How far the new party is.
enum Coming {
    /// Our INVITE's intent is being written down.
    Planned(Box<Planned>),
    /// Our INVITE is out.
    Called(Party),
    /// Theirs has come, and its intent is being written down. The answer to its offer; none if it asks for ours.
    Calls { party: Party, answer: Option<Box<(Body, Negotiated)>> },
}

/// An INVITE that is not made yet.
struct Planned {
    plan: CallPlan,
    headers: Vec<(String, String)>,
}

impl Transfer {
    fn party(&self) -> Option<&Party> {
        match &self.coming {
            Coming::Planned(_) => None,
            Coming::Called(party) | Coming::Calls { party, .. } => Some(party),
        }
    }

    fn is_of(&self, invite: InviteId) -> bool {
        self.party().is_some_and(|party| party.invite() == invite)
    }
}

impl Call {
    /// The far end asks for a transfer. What cannot be done is refused at once, which is a better word than a NOTIFY's.
    pub(super) fn referred(&mut self, cx: &mut Context<'_>, wish: Wish) {
        let id = wish.id;
        if !self.is_party(id) {
            return cx.agent.refuse_refer(cx.now, id, 481);
        }
        let planned = self.is_movable().and_then(|()| self.plan_transfer(&wish));
        let planned = planned.and_then(|planned| {
            let trunk = std::slice::from_ref(&self.plan.trunk);
            let admitted = cx.admission.admit(cx.now, self.plan.key.as_deref(), trunk);
            admitted.map(|(_, permit)| (planned, permit)).map_err(|refusal| status_of(&refusal))
        });
        match planned {
            Ok((planned, permit)) => {
                cx.agent.accept_refer(cx.now, id);
                let to = planned.plan.to.as_str().to_owned();
                let attempt = Attempt {
                    transfer: Some(to.clone()),
                    ..Attempt::new(&*self.plan.trunk.name, &*planned.plan.sip_call_id)
                };
                self.dialled.push(attempt);
                self.begin(cx, Transfer { to, coming: Coming::Planned(Box::new(planned)), permit });
            }
            Err(status) => {
                cx.agent.refuse_refer(cx.now, id, status);
                self.tell(cx, CallFact::Transfer { to: wish.refer_to, status, is_final: true });
            }
        }
    }

    /// Somebody calls to take the far end's place. The user agent has found the dialog, the shard the trunk.
    pub fn handle_replacing(
        &mut self,
        cx: &mut Context<'_>,
        invite: InviteId,
        call_id: &str,
        offer: Option<&Body>,
    ) {
        let admitted = self.is_movable().and_then(|()| {
            cx.admission.admit_inbound(cx.now, &self.plan.trunk).map_err(|refusal| status_of(&refusal))
        });
        let permit = match admitted {
            Ok(permit) => permit,
            Err(status) => return cx.agent.reject(cx.now, invite, status, Vec::new()),
        };
        let transfer = Some(call_id.to_owned());
        self.dialled.push(Attempt { transfer, ..Attempt::new(&*self.plan.trunk.name, call_id) });
        let mut party = Party::called(invite, self.origin().local(), self.reach(cx));
        match offer.map(|offer| party.offers.renegotiate(offer)).transpose() {
            Ok(answer) => {
                cx.agent.adopt(invite, self.plan.call.get());
                let coming = Coming::Calls { party, answer: answer.map(Box::new) };
                self.begin(cx, Transfer { to: call_id.to_owned(), coming, permit });
            }
            // RFC 3261 §13.3.1.3.
            Err(_) => {
                self.dialled.pop();
                cx.agent.reject(cx.now, invite, 488, Vec::new());
            }
        }
    }

    /// Is one of these the trunk that it goes by?
    pub fn is_by(&self, trunks: &[std::sync::Arc<crate::model::Trunk>]) -> bool {
        trunks.iter().any(|trunk| trunk.id == self.plan.trunk.id)
    }

    /// May it move now? If not, the status that says why.
    fn is_movable(&self) -> Result<(), u16> {
        if self.plan.trunk.refer == ReferPolicy::Refuse || !self.is_talking() {
            return Err(603);
        }
        let is_settled = self.transfer.is_none() && self.referral.is_none() && self.awaited.is_none();
        if is_settled && self.dialled.invites() < INVITES_MAX { Ok(()) } else { Err(486) }
    }

    /// The INVITE that a REFER asks for, if the trunk may dial it (toll fraud begins here): by the same trunk, to the number that
    /// the Refer-To names and nowhere else, and from our own number.
    fn plan_transfer(&self, wish: &Wish) -> Result<Planned, u16> {
        let trunk = &self.plan.trunk;
        let number = called::numbers(&wish.refer_to, trunk).into_iter().next().ok_or(404_u16)?;
        destination::check(trunk, &self.ours, &number).map_err(|_| 403_u16)?;
        let plan = CallPlan {
            from: self.ours.clone(),
            to: number,
            sip_call_id: self.seed.call_id(self.dialled.invites() + 1),
            // It goes to the number that was asked for, whatever this call was dialled by.
            second: None,
            ..self.plan.clone()
        };
        let mut headers = Vec::new();
        if let Some(replaces) = &wish.replaces {
            headers.push(("Replaces".to_owned(), replaces.to_string()));
            // Whoever cannot take a call's place must not ring beside it (RFC 3891 §4).
            headers.push(("Require".to_owned(), "replaces".to_owned()));
        }
        // RFC 3892 §2.2.
        headers.extend(wish.referred_by.iter().map(|by| ("Referred-By".to_owned(), by.clone())));
        Ok(Planned { plan, headers })
    }

    fn begin(&mut self, cx: &mut Context<'_>, transfer: Transfer) {
        self.tell(cx, CallFact::Transfer { to: transfer.to.clone(), status: 100, is_final: false });
        cx.out.intents.push_back(Dialing {
            call: self.id(),
            trunk: self.plan.trunk.name.clone(),
            sip_call_id: self.plan.sip_call_id.clone(),
            attempts: self.dialled.attempts().to_vec(),
            started_at: None,
        });
        self.transfer = Some(transfer);
    }

    /// The intent of the new party's INVITE is on disk, or cannot be: then nothing leaves, and the call stays where it is.
    pub(super) fn transfer_intended(&mut self, cx: &mut Context<'_>, is_on_disk: bool) {
        let Some(Transfer { to, coming, permit }) = self.transfer.take() else { return };
        match coming {
            _ if !is_on_disk => {
                if let Coming::Calls { party, .. } = &coming {
                    cx.agent.reject(cx.now, party.invite(), 503, Vec::new());
                }
                self.dialled.pop();
                self.stays(cx, &to, 503);
            }
            Coming::Planned(planned) => self.call_newcomer(cx, to, *planned, permit),
            Coming::Calls { party, answer } => self.admit_newcomer(cx, party, answer, permit),
            Coming::Called(_) => self.transfer = Some(Transfer { to, coming, permit }),
        }
    }

    fn call_newcomer(&mut self, cx: &mut Context<'_>, to: String, planned: Planned, permit: Permit) {
        let Planned { plan, headers } = planned;
        let (offer, pending, description) = self.origin().offer();
        let composed = route::invite(&plan, &plan.trunk, cx.now, offer).map_err(|error| error.to_string());
        let left = composed.and_then(|mut invite| {
            invite.headers.extend(headers);
            route::by(&mut invite, &plan.trunk, cx.keeper.service_route(plan.trunk.id), cx.reachable);
            cx.agent.invite(cx.now, invite).map_err(|error| error.to_string())
        });
        match left {
            Ok(invite) => {
                self.set(cx, Timer::Transfer, self.plan.agent.ring_timeout);
                let coming = Coming::Called(Party::new(invite, pending, description, self.reach(cx)));
                self.transfer = Some(Transfer { to, coming, permit });
            }
            Err(why) => {
                self.note(|attempt| attempt.why = Some(why));
                self.stays(cx, &to, 503);
            }
        }
    }

    /// RFC 3891 §3: the new party is answered, then the old one hears BYE.
    fn admit_newcomer(
        &mut self,
        cx: &mut Context<'_>,
        mut party: Party,
        answer: Option<Box<(Body, Negotiated)>>,
        permit: Permit,
    ) {
        let is_answer = answer.is_none();
        let body = match answer.map(|answer| *answer) {
            Some((body, negotiated)) => {
                self.heed(cx, negotiated);
                body
            }
            None => party.offers.reoffer(),
        };
        cx.agent.answer(cx.now, party.invite(), body);
        self.note(|attempt| attempt.sip_status = Some(200));
        self.awaited = Some(Awaited { answered_at: cx.now, is_answer, is_move: true });
        self.change_party(cx, party, permit);
    }

    /// Something happened to the new party's INVITE, or to one that is no longer ours to care about: what still comes of an INVITE
    /// that was given up is the user agent's to deal with, which cancels, or ends what is answered.
    pub(super) fn hear_newcomer(&mut self, cx: &mut Context<'_>, invite: InviteId, event: SipEvent) {
        if !self.transfer.as_ref().is_some_and(|transfer| transfer.is_of(invite)) {
            return;
        }
        match event {
            SipEvent::Progress { fork, status, body, .. } => {
                self.newcomer_rings(cx, fork, status, body.as_ref())
            }
            SipEvent::Answered { fork, body, dialog, .. } => {
                self.newcomer_answered(cx, fork, body.as_ref(), dialog)
            }
            SipEvent::Failed { failure, .. } => self.newcomer_failed(cx, &failure),
            // It gave up before our answer.
            SipEvent::Ended { .. } => self.give_up_transfer(cx, 487),
            SipEvent::Offer { body, .. } => self.newcomer_offers(cx, invite, body.as_ref()),
            _ => {}
        }
    }

    fn newcomer_rings(&mut self, cx: &mut Context<'_>, fork: Fork, status: u16, body: Option<&Body>) {
        let Some(Transfer { to, coming: Coming::Called(party), .. }) = &mut self.transfer else { return };
        // Nobody hears it yet: the old party is on the line.
        let _ = party.offers.hear_early(fork, body);
        let to = to.clone();
        if let Some(party) = &self.party {
            cx.agent.notify_refer(cx.now, party.invite(), status, "");
        }
        self.tell(cx, CallFact::Transfer { to, status, is_final: false });
    }

    fn newcomer_offers(&mut self, cx: &mut Context<'_>, invite: InviteId, offer: Option<&Body>) {
        let Some(Transfer { coming: Coming::Called(party), .. }) = &mut self.transfer else { return };
        match offer.map(|offer| party.offers.renegotiate(offer)) {
            Some(Ok((answer, _))) => cx.agent.answer_offer(cx.now, invite, answer),
            Some(Err(_)) | None => cx.agent.refuse_offer(cx.now, invite, 488),
        }
    }

    fn newcomer_answered(
        &mut self,
        cx: &mut Context<'_>,
        fork: Fork,
        body: Option<&Body>,
        dialog: DialogState,
    ) {
        let Some(Transfer { to, coming: Coming::Called(mut party), mut permit }) = self.transfer.take()
        else {
            return;
        };
        self.timers.clear(cx.wheel, Timer::Transfer);
        self.note(|attempt| attempt.sip_status = Some(200));
        permit.answered(cx.now);
        match party.offers.accept(fork, body) {
            Ok(negotiated) => {
                self.heed(cx, negotiated);
                self.change_party(cx, party, permit);
                self.moved(cx, dialog);
                self.leg_talks(cx);
                self.shorten(cx);
            }
            // Acknowledged, then ended (RFC 3261 §13.2.2.4).
            Err(error) => {
                party.hangup(cx.now, cx.agent, facts::reason(Disposition::TrunkFailed));
                permit.ended(cx.now);
                self.note(|attempt| attempt.why = Some(format!("the answer's SDP: {error}")));
                self.stays(cx, &to, 488);
            }
        }
    }

    fn newcomer_failed(&mut self, cx: &mut Context<'_>, failure: &Failure) {
        let status = failure.status.unwrap_or(match failure.cause {
            Cause::Timeout => 408,
            _ => 503,
        });
        let phrase = (!failure.phrase.is_empty()).then(|| failure.phrase.clone());
        self.note(|attempt| (attempt.sip_status, attempt.why) = (failure.status, phrase));
        self.give_up_transfer(cx, status);
    }

    /// The new party has rung long enough.
    pub(super) fn newcomer_unanswered(&mut self, cx: &mut Context<'_>) {
        self.note(|attempt| attempt.why = Some("nobody answered".to_owned()));
        self.drop_transfer(cx);
        self.give_up_transfer(cx, 408);
    }

    fn give_up_transfer(&mut self, cx: &mut Context<'_>, status: u16) {
        self.timers.clear(cx.wheel, Timer::Transfer);
        let to = self.transfer.take().map(|transfer| transfer.to);
        let to = to.or_else(|| self.dialled.attempts().last()?.transfer.clone()).unwrap_or_default();
        self.stays(cx, &to, status);
    }

    /// The new party did not come, and the old one hears why; if it has left, that is the call's end.
    fn stays(&mut self, cx: &mut Context<'_>, to: &str, status: u16) {
        self.tell(cx, CallFact::Transfer { to: to.to_owned(), status, is_final: true });
        self.leg_failed(cx, Some(status));
        match &self.party {
            Some(party) => {
                cx.agent.notify_refer(cx.now, party.invite(), status, "");
                self.listen_again(cx);
            }
            None => {
                let disposition = self.counted(Disposition::CalleeHangup);
                let end = Hangup { disposition, by: EndedBy::Callee };
                let recorded = !self.is_recording();
                self.facts.ended_at = Some(cx.now);
                self.phase = Phase::Closing { end, dialog_over: true, recorded };
                self.wind_up(cx);
                self.finish_if_confirmed(cx);
            }
        }
    }

    /// The new party is on the line: the old one hears that it came to pass, and BYE.
    fn change_party(&mut self, cx: &mut Context<'_>, party: Party, permit: Permit) {
        if let Some(old) = self.party.replace(party) {
            cx.agent.notify_refer(cx.now, old.invite(), 200, "");
            old.hangup(cx.now, cx.agent, facts::reason(Disposition::Completed));
        }
        std::mem::replace(&mut self.permit, permit).ended(cx.now);
        self.is_unheard = false;
        self.theirs = None;
        self.release(cx);
        self.await_words(cx);
    }

    /// Its dialog is another one, as far as recovery is concerned.
    pub(super) fn moved(&mut self, cx: &mut Context<'_>, dialog: DialogState) {
        let mut record = Box::new(facts::dialog(dialog, &self.plan.trunk.name));
        let old = self.dialog.replace(record.clone());
        record.before = old;
        let paid_apart = self.legs.coming.is_some();
        if !paid_apart {
            self.leg_left(cx);
        }
        self.tell(cx, CallFact::Moved { dialog: record, paid_apart });
    }

    /// We dialled the new party: the trunk's longest call begins with it, and the agent's does not begin anew.
    fn shorten(&mut self, cx: &mut Context<'_>) {
        let talked =
            self.facts.answered_at.map_or_else(Default::default, |at| cx.now.saturating_duration_since(at));
        let left = self.plan.agent.call_duration_max.saturating_sub(talked);
        let most = self.plan.trunk.destinations.longest(left);
        self.set(cx, Timer::Duration, self.legs.lasts().map_or(most, |paid| paid.min(most)));
    }

    /// The far end has left while somebody is to take its place: then the call is the newcomer's. Says whether that is so.
    pub(super) fn is_left_to_newcomer(&mut self) -> bool {
        let is_so = self.transfer.is_some() && self.is_talking();
        if is_so {
            self.party = None;
        }
        is_so
    }

    /// The call ends: so does what was to become of it.
    pub(super) fn drop_transfer(&mut self, cx: &mut Context<'_>) {
        self.leg_failed(cx, None);
        if let Some(transfer) = self.transfer.take()
            && let Some(party) = transfer.party()
        {
            party.hangup(cx.now, cx.agent, facts::reason(Disposition::NoAnswer));
        }
    }

    /// Nothing moves any more: silence counts again.
    pub(super) fn listen_again(&mut self, cx: &mut Context<'_>) {
        self.await_words(cx);
        if std::mem::take(&mut self.is_unheard) {
            self.close(cx, Disposition::MediaLost, EndedBy::Switch);
        }
    }

    /// Somebody is to take the far end's place, which may have put us on hold or left meanwhile: nobody is missed.
    pub(super) fn is_moving(&self) -> bool {
        self.transfer.is_some() || self.referral.is_some()
    }

    pub(super) fn is_talking(&self) -> bool {
        matches!(self.phase, Phase::Judging | Phase::Talking | Phase::LeavingMessage)
    }

    pub fn is_party(&self, invite: InviteId) -> bool {
        self.party.as_ref().is_some_and(|party| party.invite() == invite)
    }
}

/// A limit is our being busy (RFC 3261 §21.4.24); anything else is ours alone.
fn status_of(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::Limited { .. } => 486,
        _ => 503,
    }
}
