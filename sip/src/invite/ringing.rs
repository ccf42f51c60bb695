//! An INVITE from afar until we answer it (RFC 3261 §13.3, §9.2).

use std::time::Instant;

use super::answer::Answering;
use super::{ALLOW, Phase, Talking, Usage, body_of, finish, reasons, with_headers};
use crate::arena::Key;
use crate::config::Body;
use crate::dialog::Dialog;
use crate::event::{Cause, End, Event, Failure, Incoming, InviteId};
use crate::message::{Message, Method, Name};
use crate::path::Path;
use crate::reason::Reason;
use crate::transaction::{Minted, reply_path};
use crate::user_agent::UserAgent;

/// An INVITE that waits for our answer.
pub(crate) struct Ringing {
    transaction: Key,
    request: Message,
    path: Path,
}

impl Ringing {
    /// Whether a request belongs to the early dialog; its To-tag was looked at already.
    pub fn matches(&self, request: &Message) -> bool {
        let tag = |message: &Message| message.from().and_then(|from| from.tag().map(str::to_owned));
        self.request.call_id() == request.call_id() && tag(&self.request) == tag(request)
    }
}

impl UserAgent {
    /// A new call comes in; the door has let it pass.
    pub(crate) fn hear_invite(&mut self, now: Instant, path: Path, request: &Message) {
        if self.live >= self.layer.config.invites_max {
            return self.refuse_overloaded(now, path, request);
        }
        let Self { layer, usages, .. } = self;
        let key =
            usages.insert_with(|key| Usage::new(0, Minted::new(layer.config.shard, key, &mut layer.rng)));
        let Some(transaction) = layer.accept(request, reply_path(request, path), key, None) else {
            usages.remove(key);
            return self.refuse_overloaded(now, path, request);
        };
        if let Some(usage) = usages.get_mut(key) {
            usage.phase = Phase::Ringing(Box::new(Ringing { transaction, request: request.clone(), path }));
        }
        self.live += 1;
        self.layer.counters.invites_in += 1;
        // At once, so that nobody waits for the 200 ms of §17.2.1.
        self.layer.respond(now, transaction, 100, self.response(path, request, 100, None).finish());
        let header = |name| request.header(name).unwrap_or_default().to_owned();
        let incoming = Incoming {
            uri: request.request_uri().unwrap_or_default().to_owned(),
            from: header(Name::From),
            to: header(Name::To),
            call_id: request.call_id().to_owned(),
            path,
            body: body_of(request),
            replaces: None,
            message: request.clone(),
        };
        self.layer.events.push_back(Event::Incoming { id: InviteId(key), incoming: Box::new(incoming) });
    }

    /// The owner sends a provisional response.
    pub(crate) fn ring(&mut self, now: Instant, key: Key, status: u16, body: Option<&Body>) {
        let Some(Usage { phase: Phase::Ringing(ringing), tag, .. }) = self.usages.get(key) else { return };
        let response = self.response(ringing.path, &ringing.request, status, Some(tag.letters().as_str()));
        let response = response.header(Name::Contact, &self.layer.contact).header(Name::Allow, ALLOW);
        let (transaction, payload) = (ringing.transaction, finish(response, body));
        self.layer.respond(now, transaction, status, payload);
    }

    /// The owner answers: the dialog begins, and the 2xx is sent until its ACK comes.
    pub(crate) fn pick_up(&mut self, now: Instant, key: Key, body: &Body) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Ringing(ringing) = &usage.phase else { return };
        let Ringing { transaction, request, path } = &**ringing;
        let (transaction, request, path) = (*transaction, request.clone(), *path);
        let tag = usage.tag;
        let dialog = Dialog::from_request(&request, tag.letters().as_str(), path.remote);
        usage.phase = Phase::Talking(Box::new(Talking::confirmed(dialog)));
        let response = self.response(path, &request, 200, Some(tag.letters().as_str()));
        let response = response.header(Name::Contact, &self.layer.contact).header(Name::Allow, ALLOW);
        let payload = finish(response, Some(body));
        self.layer.respond(now, transaction, 200, payload.clone());
        let answering = Answering {
            cseq: request.cseq().0,
            path: reply_path(&request, path),
            is_first: true,
            is_offer: request.body().is_empty(),
        };
        self.await_ack(now, key, payload, answering);
    }

    /// The owner refuses.
    pub(crate) fn turn_down(&mut self, now: Instant, key: Key, status: u16, headers: &[(String, String)]) {
        if self.respond_finally(now, key, status, headers) {
            self.fail(key, Failure { status: Some(status), ..Failure::silent(Cause::Response, false) });
        }
    }

    /// The owner hangs up what he has not answered.
    pub(crate) fn hangup_ringing(&mut self, now: Instant, key: Key, reason: Option<&Reason>) {
        let headers: Vec<_> =
            reason.map(|reason| (String::from("Reason"), reason.to_string())).into_iter().collect();
        if self.respond_finally(now, key, 480, &headers) {
            self.end(key, End::Local);
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
            Some(Phase::Talking(_)) => self.withdraw(now, usage),
            Some(Phase::Calling(_) | Phase::Over) | None => {}
        }
    }

    /// The caller does not want it any more: a CANCEL, or a BYE in the early dialog (§15.1.2).
    fn quit(&mut self, now: Instant, key: Key, request: &Message) {
        if self.respond_finally(now, key, 487, &[]) {
            self.end(key, End::Remote { reasons: reasons(request) });
        }
    }

    /// A request in the early dialog of a usage that rings.
    pub(crate) fn handle_early(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        match request.method().unwrap_or(Method::Other) {
            Method::Bye => {
                self.accept_and_reply(now, key, path, request, true);
                self.quit(now, key, request);
            }
            Method::Options => self.reply_options(now, path, request),
            // The first offer is not answered yet (RFC 3311 §5.2).
            Method::Update | Method::Invite => {
                let after = self.retry_after();
                self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
            }
            method => self.refuse_method(now, path, request, method),
        }
    }

    fn respond_finally(&mut self, now: Instant, key: Key, status: u16, headers: &[(String, String)]) -> bool {
        let Some(Usage { phase: Phase::Ringing(ringing), tag, .. }) = self.usages.get(key) else {
            return false;
        };
        let response = self.response(ringing.path, &ringing.request, status, Some(tag.letters().as_str()));
        let response = with_headers(response, headers);
        let (transaction, payload) = (ringing.transaction, response.finish());
        self.layer.respond(now, transaction, status, payload);
        true
    }
}
