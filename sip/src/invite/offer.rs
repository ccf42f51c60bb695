//! Their offers within a dialog: re-INVITE (RFC 3261 §14.2), UPDATE (RFC 3311 §5.2) and PRACK (RFC 3262 §5). What they offer is our
//! owner's affair.

use std::time::Instant;

use super::answer::Answering;
use super::session_timer::{self, Running, Said, Terms, TooSmall};
use super::{Phase, Usage, body_of, extensions, fingerprint, finish};
use crate::arena::Key;
use crate::config::Body;
use crate::event::{Event, InviteId};
use crate::message::{Message, Method, Name};
use crate::path::Path;
use crate::transaction::reply_path;
use crate::user_agent::UserAgent;

/// An offer our owner has not answered.
pub(crate) struct PendingOffer {
    transaction: Key,
    request: Message,
    path: Path,
}

impl PendingOffer {
    /// Whether it came from the end with this tag.
    pub fn is_of(&self, tag: &str) -> bool {
        self.request.from().and_then(|from| from.tag()).unwrap_or_default() == tag
    }
}

/// Why an offer cannot be taken up now.
enum Unready {
    /// One of theirs is open: 500 and a while (§14.2, RFC 3311 §5.2).
    Theirs,
    /// One of ours is open: 491.
    Ours,
}

impl Usage {
    /// Whether an offer of theirs, or a refresh without one, may be taken up.
    fn readiness(&self, request: &Message) -> Result<(), Unready> {
        let is_invite = request.method() == Some(Method::Invite);
        let offers = is_invite || !request.body().is_empty();
        if self.offer.is_some() {
            return Err(Unready::Theirs);
        }
        if offers && self.is_offering() {
            return Err(Unready::Ours);
        }
        let tag = request.from().and_then(|from| from.tag()).unwrap_or_default();
        match &self.phase {
            Phase::Talking(talking) => match &talking.unacked {
                Some(unacked) if is_invite || (offers && unacked.is_offer) => Err(Unready::Ours),
                Some(_) | None => Ok(()),
            },
            // The offer of our INVITE is not answered, as long as nothing reliable said so.
            Phase::Calling(calling) if offers && !calling.forks.is_settled(tag) => Err(Unready::Ours),
            // The offer of theirs is not.
            Phase::Ringing(ringing) if offers && ringing.settled().is_none() => Err(Unready::Theirs),
            Phase::Calling(_) | Phase::Ringing(_) | Phase::Over => Ok(()),
        }
    }

    /// What a request of theirs makes of the session timer (RFC 4028 §9), which begins with the answer to the call.
    fn terms(&self, request: &Message) -> Result<Option<Terms>, TooSmall> {
        match &self.phase {
            Phase::Talking(_) => {
                let current = self.session.map(|session| session.terms);
                session_timer::answer(self.wish.as_ref(), current, Said::of(request))
            }
            Phase::Calling(_) | Phase::Ringing(_) | Phase::Over => Ok(None),
        }
    }
}

impl UserAgent {
    /// A re-INVITE or UPDATE in a dialog; its CSeq is in order.
    pub(crate) fn hear_offer(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        match usage.readiness(request) {
            Ok(()) => {}
            Err(Unready::Ours) => return self.refuse(now, path, request, 491, &[]),
            Err(Unready::Theirs) => {
                let after = self.retry_after();
                return self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
            }
        }
        if let Err(TooSmall { min_s }) = usage.terms(request) {
            return self.refuse(now, path, request, 422, &[(Name::MinSe, &min_s.to_string())]);
        }
        usage.hear_allow(request);
        self.take_offer(now, key, path, request);
    }

    /// Asks our owner, or answers at once what offers nothing.
    pub(crate) fn take_offer(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let is_invite = request.method() == Some(Method::Invite);
        let (token, body) = (usage.token, body_of(request));
        let Some(transaction) = self.layer.accept(request, reply_path(request, path), key, usage.tap) else {
            return self.refuse_overloaded(now, path, request);
        };
        usage.offer = Some(Box::new(PendingOffer { transaction, request: request.clone(), path }));
        if !is_invite && body.is_none() {
            // An UPDATE that offers nothing refreshes target and session, and nobody need be asked.
            return self.conclude_offer(now, key, 200, None);
        }
        if is_invite {
            self.layer.respond(now, transaction, 100, self.response(path, request, 100, None).finish());
        }
        self.layer.events.push_back(Event::Offer { id: InviteId(key), token, body });
    }

    /// Answers an open offer of theirs; without one, nothing.
    pub(crate) fn conclude_offer(&mut self, now: Instant, key: Key, status: u16, body: Option<&Body>) {
        self.close_offer(now, key, status, body);
        self.try_offering(now, key);
    }

    /// A pending offer of theirs comes to nothing, because the dialog ends or it was cancelled (§15.1.2).
    pub(crate) fn withdraw(&mut self, now: Instant, key: Key) {
        self.close_offer(now, key, 487, None);
    }

    fn close_offer(&mut self, now: Instant, key: Key, status: u16, body: Option<&Body>) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(pending) = usage.offer.take() else { return };
        let PendingOffer { transaction, request, path } = *pending;
        let method = request.method().unwrap_or(Method::Other);
        let is_accepted = (200..300).contains(&status);
        let terms = match is_accepted {
            true => usage.accept_offer(now, &request, body),
            false => None,
        };
        let mut response = self.response(path, &request, status, None);
        if is_accepted && method != Method::Prack {
            response = extensions::write(response.header(Name::Contact, self.layer.contact(&path, &request)));
            response = session_timer::write_response(response, terms);
        }
        let payload = finish(response, body);
        self.layer.respond(now, transaction, status, payload.clone());
        if is_accepted && body.is_some() {
            self.offer_overtaken(key);
        }
        if is_accepted && method == Method::Invite {
            let path = reply_path(&request, path);
            let refuge = self.layer.refuge(&request, path);
            let is_offer = request.body().is_empty();
            let answering = Answering { cseq: request.cseq().0, path, refuge, is_first: false, is_offer };
            self.await_ack(now, key, payload, answering);
        }
    }
}

impl Usage {
    /// An offer of theirs, or a refresh, is accepted: the target is theirs (§12.2.2), the session refreshed.
    fn accept_offer(&mut self, now: Instant, request: &Message, body: Option<&Body>) -> Option<Terms> {
        let tag = request.from().and_then(|from| from.tag()).unwrap_or_default();
        if body.is_some() {
            self.local = body.cloned();
        }
        if !request.body().is_empty() {
            self.remote = Some(fingerprint(0, request.body()));
        }
        // It was looked at when it came; an interval that has become too small since is none.
        let terms = self.terms(request).ok().flatten();
        if request.method() == Some(Method::Prack) {
            return None;
        }
        if let Some(dialog) = self.dialog_mut(tag) {
            dialog.refresh_target(request);
        }
        if matches!(self.phase, Phase::Talking(_)) {
            self.session = terms.map(|terms| Running::new(now, terms));
        }
        terms
    }
}
