//! Offers within a dialog: re-INVITE (RFC 3261 §14.2) and UPDATE (RFC 3311 §5.2). What they offer is our owner's affair.

use std::time::Instant;

use super::answer::Answering;
use super::{ALLOW, Phase, Usage, body_of, finish};
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

impl UserAgent {
    /// A re-INVITE or UPDATE in the dialog of a usage that talks; its CSeq is in order.
    pub(crate) fn hear_offer(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let (token, tap) = (usage.token, usage.tap);
        let Phase::Talking(talking) = &mut usage.phase else { return };
        let is_invite = request.method() == Some(Method::Invite);
        if talking.offer.is_some() {
            // One of theirs is still open (§14.2, RFC 3311 §5.2).
            let after = self.retry_after();
            return self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
        }
        if talking.unacked.as_ref().is_some_and(|unacked| is_invite || unacked.is_offer) {
            // Ours is still open: glare (§14.2).
            return self.refuse(now, path, request, 491, &[]);
        }
        let body = body_of(request);
        let Some(transaction) = self.layer.accept(request, reply_path(request, path), key, tap) else {
            return self.refuse_overloaded(now, path, request);
        };
        talking.offer = Some(PendingOffer { transaction, request: request.clone(), path });
        if !is_invite && body.is_none() {
            // An UPDATE that offers nothing refreshes the target, and nobody need be asked.
            return self.conclude_offer(now, key, 200, None);
        }
        if is_invite {
            self.layer.respond(now, transaction, 100, self.response(path, request, 100, None).finish());
        }
        self.layer.events.push_back(Event::Offer { id: InviteId(key), token, body });
    }

    /// Answers an open offer of theirs; without one, nothing.
    pub(crate) fn conclude_offer(&mut self, now: Instant, key: Key, status: u16, body: Option<&Body>) {
        let Some(Usage { phase: Phase::Talking(talking), .. }) = self.usages.get_mut(key) else { return };
        let Some(PendingOffer { transaction, request, path }) = talking.offer.take() else { return };
        let is_accepted = (200..300).contains(&status);
        if is_accepted {
            talking.dialog.refresh_target(&request);
        }
        let mut response = self.response(path, &request, status, None);
        if is_accepted {
            response = response
                .header(Name::Contact, self.layer.contact(&path, &request))
                .header(Name::Allow, ALLOW);
        }
        let payload = finish(response, body);
        self.layer.respond(now, transaction, status, payload.clone());
        if is_accepted && request.method() == Some(Method::Invite) {
            let path = reply_path(&request, path);
            let refuge = self.layer.refuge(&request, path);
            let is_offer = request.body().is_empty();
            let answering = Answering { cseq: request.cseq().0, path, refuge, is_first: false, is_offer };
            self.await_ack(now, key, payload, answering);
        }
    }

    /// A pending offer of theirs comes to nothing, because the dialog ends or it was cancelled (§15.1.2).
    pub(crate) fn withdraw(&mut self, now: Instant, key: Key) {
        self.conclude_offer(now, key, 487, None);
    }
}
