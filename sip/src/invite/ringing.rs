//! An INVITE from afar until we answer it (RFC 3261 §13.3, §9.2).

use std::time::Instant;

use bytes::Bytes;

use super::answer::Answering;
use super::extensions;
use super::reliable::Reliably;
use super::session_timer::{self, Running, Said, TooSmall, Wish};
use super::{Phase, Talking, Usage, body_of, fingerprint, finish, reasons, with_headers};
use crate::arena::Key;
use crate::config::Body;
use crate::dialog::Dialog;
use crate::event::{Cause, End, Event, Failure, Incoming, InviteId};
use crate::message::{Message, Name};
use crate::path::Path;
use crate::reason::Reason;
use crate::referral::Replaced;
use crate::transaction::{Minted, reply_path};
use crate::user_agent::UserAgent;

/// An INVITE that waits for our answer.
pub(crate) struct Ringing {
    pub transaction: Key,
    pub request: Message,
    pub path: Path,
    pub dialog: Dialog,
    /// Whether he has still to prove who he is: his address may be forged, and somebody else's (RFC 3261 §26.3.2.4).
    pub is_doubted: bool,
    /// Our reliable provisional responses, once there was one.
    pub reliably: Option<Reliably>,
    /// One of them carried a description, and is acknowledged.
    pub is_settled: bool,
    /// Our answer, which waits for such an acknowledgement (RFC 3262 §3).
    pub answer: Option<Body>,
    /// What was said last, but for the 100.
    pub progress: Option<Progress>,
}

/// A provisional response that was sent, and is again as long as it rings.
pub(crate) struct Progress {
    pub status: u16,
    /// None if it went reliably: another one has to follow it.
    pub payload: Option<Bytes>,
    pub again_at: Instant,
}

impl Ringing {
    /// The early dialog, once it may be offered something new (RFC 3311 §5.1).
    pub fn settled(&self) -> Option<&Dialog> {
        self.is_settled.then_some(&self.dialog)
    }
}

impl UserAgent {
    /// A new call comes in; the door has let it pass, and says whether the caller has still to prove who he is.
    pub(crate) fn hear_invite(&mut self, now: Instant, path: Path, request: &Message, is_doubted: bool) {
        if self.live >= self.layer.config.invites_max {
            return self.refuse_overloaded(now, path, request);
        }
        let replaces = match self.find_replaced(request) {
            Replaced::None => None,
            Replaced::Call(id) => Some(id),
            Replaced::Refused(status) => return self.refuse(now, path, request, status, &[]),
        };
        let wish = self.layer.config.session.as_ref().map(Wish::new);
        if let Err(TooSmall { min_s }) = session_timer::answer(wish.as_ref(), None, Said::of(request)) {
            return self.refuse(now, path, request, 422, &[(Name::MinSe, &min_s.to_string())]);
        }
        let Self { layer, usages, .. } = self;
        let key =
            usages.insert_with(|key| Usage::new(0, Minted::new(layer.config.shard, key, &mut layer.rng)));
        let Some(transaction) = layer.accept(request, reply_path(request, path), key, None) else {
            usages.remove(key);
            return self.refuse_overloaded(now, path, request);
        };
        if let Some(usage) = usages.get_mut(key) {
            usage.wish = wish;
            usage.hear_allow(request);
            usage.remote = Some(fingerprint(0, request.body())).filter(|_| !request.body().is_empty());
            usage.phase = Phase::Ringing(Box::new(Ringing {
                transaction,
                request: request.clone(),
                path,
                dialog: Dialog::from_request(request, usage.tag.letters().as_str(), path),
                is_doubted,
                reliably: None,
                is_settled: false,
                answer: None,
                progress: None,
            }));
        }
        self.live += 1;
        self.layer.counters.invites_in += 1;
        // At once, so that nobody waits for the 200 ms of §17.2.1.
        if !is_doubted {
            self.say_trying(now, key);
        }
        let header = |name| request.header(name).unwrap_or_default().to_owned();
        let incoming = Incoming {
            uri: request.request_uri().unwrap_or_default().to_owned(),
            from: header(Name::From),
            to: header(Name::To),
            call_id: request.call_id().to_owned(),
            path,
            body: body_of(request),
            replaces,
            message: request.clone(),
        };
        self.layer.events.push_back(Event::Incoming { id: InviteId(key), incoming: Box::new(incoming) });
    }

    fn say_trying(&mut self, now: Instant, key: Key) {
        let Some(Usage { phase: Phase::Ringing(ringing), .. }) = self.usages.get(key) else { return };
        let trying = self.response(ringing.path, &ringing.request, 100, None).finish();
        self.layer.respond(now, ringing.transaction, 100, trying);
    }

    /// A stranger has proven who he is. Until then he has heard nothing, and asks again if what refuses him is lost.
    pub(crate) fn let_in(&mut self, now: Instant, key: Key) {
        let Some(Usage { phase: Phase::Ringing(ringing), .. }) = self.usages.get_mut(key) else { return };
        if std::mem::take(&mut ringing.is_doubted) {
            self.say_trying(now, key);
        }
    }

    /// The owner answers: the dialog begins, and the 2xx is sent until its ACK comes.
    pub(crate) fn pick_up(&mut self, now: Instant, key: Key, body: Body) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Ringing(ringing) = &mut usage.phase else { return };
        if ringing.reliably.as_ref().is_some_and(Reliably::holds_answer) {
            ringing.answer = Some(body);
            return;
        }
        let Ringing { transaction, request, path, dialog, reliably, is_settled, .. } = &**ringing;
        let (transaction, request, path, is_settled) = (*transaction, request.clone(), *path, *is_settled);
        let mut talking = Talking::confirmed(dialog.clone());
        talking.unpracked = reliably.as_ref().and_then(Reliably::awaited);
        let tag = usage.tag;
        // RFC 3261 §13.2.1: what a reliable response has described is not described again.
        let body = Some(body).filter(|_| !is_settled);
        if body.is_some() {
            usage.local.clone_from(&body);
        }
        // An interval that is too small was refused when the call came in.
        let terms = session_timer::answer(usage.wish.as_ref(), None, Said::of(&request)).ok().flatten();
        usage.session = terms.map(|terms| Running::new(now, terms));
        usage.phase = Phase::Talking(Box::new(talking));
        let response = self.response(path, &request, 200, Some(tag.letters().as_str()));
        let response = extensions::write(response.header(Name::Contact, self.layer.contact(&path, &request)));
        let payload = finish(session_timer::write_response(response, terms), body.as_ref());
        self.layer.respond(now, transaction, 200, payload.clone());
        let path = reply_path(&request, path);
        let answering = Answering {
            cseq: request.cseq().0,
            path,
            refuge: self.layer.refuge(&request, path),
            is_first: true,
            is_offer: request.body().is_empty() && !is_settled,
        };
        self.await_ack(now, key, payload, answering);
    }

    /// The owner refuses.
    pub(crate) fn turn_down(&mut self, now: Instant, key: Key, status: u16, headers: &[(String, String)]) {
        if self.respond_finally(now, key, status, headers) {
            self.fail(now, key, Failure { status: Some(status), ..Failure::silent(Cause::Response, false) });
        }
    }

    /// The owner hangs up what he has not answered.
    pub(crate) fn hangup_ringing(&mut self, now: Instant, key: Key, reason: Option<&Reason>) {
        let headers: Vec<_> =
            reason.map(|reason| (String::from("Reason"), reason.to_string())).into_iter().collect();
        if self.respond_finally(now, key, 480, &headers) {
            self.end(now, key, End::Local);
        }
    }

    /// A CANCEL for an INVITE that came in, or for a re-INVITE (§9.2). An INVITE that was answered already is not touched.
    pub(crate) fn hear_cancel(
        &mut self,
        now: Instant,
        path: Path,
        invite: Key,
        usage: Key,
        cancel: &Message,
    ) {
        let tag = self.usages.get(usage).map(|usage| usage.tag.letters());
        let tag = tag.as_ref().map_or("", |tag| tag.as_str());
        let response = self.response(path, cancel, 200, Some(tag)).finish();
        self.send_stateless(now, path, cancel, response);
        if !self.layer.is_open(invite) {
            return;
        }
        match self.usages.get(usage).map(|usage| &usage.phase) {
            Some(Phase::Ringing(_)) => self.quit(now, usage, cancel),
            Some(Phase::Talking(_)) => self.conclude_offer(now, usage, 487, None),
            Some(Phase::Calling(_) | Phase::Over) | None => {}
        }
    }

    /// The caller does not want it any more: a CANCEL, or a BYE in the early dialog (§15.1.2).
    pub(crate) fn quit(&mut self, now: Instant, key: Key, request: &Message) {
        if self.respond_finally(now, key, 487, &[]) {
            self.end(now, key, End::Remote { reasons: reasons(request) });
        }
    }

    /// The request that rings.
    pub(crate) fn ringing_request(&self, key: Key) -> Option<&Message> {
        match &self.usages.get(key)?.phase {
            Phase::Ringing(ringing) => Some(&ringing.request),
            Phase::Calling(_) | Phase::Talking(_) | Phase::Over => None,
        }
    }

    /// The last word to an INVITE that rings, unless it is an answer. Whoever has not proven who he is hears it once, and nothing is
    /// remembered of him; who is not doubted has heard a 100, and would wait for a word that was lost.
    pub(crate) fn respond_finally(
        &mut self,
        now: Instant,
        key: Key,
        status: u16,
        headers: &[(String, String)],
    ) -> bool {
        let Some(Usage { phase: Phase::Ringing(ringing), tag, .. }) = self.usages.get(key) else {
            return false;
        };
        let response = self.response(ringing.path, &ringing.request, status, Some(tag.letters().as_str()));
        let response = with_headers(response, headers);
        let (transaction, is_doubted, payload) = (ringing.transaction, ringing.is_doubted, response.finish());
        self.layer.respond(now, transaction, status, payload);
        if is_doubted {
            self.layer.forget(transaction);
        }
        true
    }
}
