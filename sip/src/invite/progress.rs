//! Our provisional responses, reliable ones among them until their PRACK comes (RFC 3262 §3), and what else the caller asks before
//! we answer.

use std::time::{Duration, Instant};

use rand::Rng;

use super::extensions::{self, REL100, lists, supports};
use super::reliable::{Due, Rack, Reliably};
use super::ringing::{Progress, Ringing};
use super::{Phase, Usage, body_of, finish};
use crate::arena::Key;
use crate::config::Body;
use crate::event::{Cause, Event, Failure, InviteId};
use crate::message::{Message, Method, Name};
use crate::path::Path;
use crate::user_agent::UserAgent;

/// RFC 3261 §13.3.1.1: proxies give up what they hear nothing of for three minutes, and one response may be lost.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

impl UserAgent {
    /// The owner sends a provisional response.
    pub(crate) fn ring(&mut self, now: Instant, key: Key, status: u16, body: Option<Body>, reliably: bool) {
        let Self { layer, usages, .. } = self;
        let Some(Usage { phase: Phase::Ringing(ringing), .. }) = usages.get_mut(key) else { return };
        // §3: whoever requires it gets nothing else.
        let is_required = lists(&ringing.request, Name::Require, REL100);
        // §5: where the INVITE offered nothing, the first reliable response has to.
        let lacks_offer = ringing.request.body().is_empty() && ringing.reliably.is_none() && body.is_none();
        if is_required && lacks_offer {
            return;
        }
        let is_reliable = is_required || reliably && !lacks_offer && supports(&ringing.request, REL100);
        if !is_reliable {
            return self.say_progress(now, key, status, body.as_ref(), None);
        }
        let cseq = ringing.request.cseq().0;
        let reliably = ringing
            .reliably
            .get_or_insert_with(|| Reliably::new(cseq, layer.rng.random_range(1..=i32::MAX as u32)));
        match reliably.free() {
            Some(rseq) => self.say_progress(now, key, status, body.as_ref(), Some(rseq)),
            None => reliably.queue(status, body),
        }
    }

    fn say_progress(&mut self, now: Instant, key: Key, status: u16, body: Option<&Body>, rseq: Option<u32>) {
        let Some(Usage { phase: Phase::Ringing(ringing), tag, .. }) = self.usages.get(key) else { return };
        let response = self.response(ringing.path, &ringing.request, status, Some(tag.letters().as_str()));
        let contact = self.layer.contact(&ringing.path, &ringing.request);
        let mut response = extensions::write(response.header(Name::Contact, contact));
        if let Some(rseq) = rseq {
            response = response.header(Name::Require, REL100).header(Name::RSeq, rseq);
        }
        let (transaction, payload) = (ringing.transaction, finish(response, body));
        self.layer.respond(now, transaction, status, payload.clone());
        let timers = self.layer.config.timers;
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Ringing(ringing) = &mut usage.phase else { return };
        let again = rseq.is_none().then(|| payload.clone());
        ringing.progress = Some(Progress { status, payload: again, again_at: now + AGAIN_AFTER });
        if let (Some(_), Some(reliably)) = (rseq, &mut ringing.reliably) {
            reliably.sent(now, status, payload, body.is_some(), &timers);
            usage.local = body.cloned().or(usage.local.take());
        }
        self.arm_usage(key);
    }

    /// It has rung for another minute.
    pub(crate) fn renew_progress(&mut self, now: Instant, key: Key) {
        let Some(Usage { phase: Phase::Ringing(ringing), .. }) = self.usages.get_mut(key) else { return };
        let is_awaited = ringing.reliably.as_ref().is_some_and(|reliably| reliably.awaited().is_some());
        let Some(progress) = ringing.progress.as_mut().filter(|progress| now >= progress.again_at) else {
            return;
        };
        progress.again_at = now + AGAIN_AFTER;
        let status = progress.status;
        match &progress.payload {
            Some(payload) => {
                self.layer.counters.response_retransmissions_out += 1;
                self.layer.respond(now, ringing.transaction, status, payload.clone());
            }
            // RFC 3262 §3: what is acknowledged is not sent again. What it described holds, and is not described again.
            None if !is_awaited => self.ring(now, key, status, None, true),
            None => {}
        }
    }

    /// Time to send a reliable response again, or to give the call up.
    pub(crate) fn repeat_progress(&mut self, now: Instant, key: Key) {
        let Some(Usage { phase: Phase::Ringing(ringing), .. }) = self.usages.get_mut(key) else { return };
        let Some(reliably) = &mut ringing.reliably else { return };
        match reliably.handle_timeout(now) {
            Due::Nothing => {}
            Due::Resend(status, payload) => {
                self.layer.counters.response_retransmissions_out += 1;
                self.layer.respond(now, ringing.transaction, status, payload);
            }
            Due::GiveUp => {
                self.layer.counters.timeouts += 1;
                // §3: "the UAS SHOULD reject the original request with a 5xx response".
                if self.respond_finally(now, key, 504, &[]) {
                    let status = Some(504);
                    self.fail(now, key, Failure { status, ..Failure::silent(Cause::Timeout, false) });
                }
            }
        }
    }

    /// A request in the early dialog of a usage that rings.
    pub(crate) fn handle_early(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let method = request.method().unwrap_or(Method::Other);
        let Some(Usage { phase: Phase::Ringing(ringing), .. }) = self.usages.get_mut(key) else { return };
        if !ringing.dialog.accept_cseq(request.cseq().0) {
            // §12.2.2: out of order.
            let after = self.retry_after();
            return self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
        }
        ringing.dialog.heard_by(path);
        match method {
            Method::Bye => {
                self.accept_and_reply(now, key, path, request, true);
                self.quit(now, key, request);
            }
            Method::Options => self.reply_options(now, path, request),
            Method::Message => self.hear_message(now, path, request, Some(key)),
            Method::Prack => self.hear_prack(now, key, path, request),
            Method::Update => self.hear_offer(now, key, path, request),
            Method::Invite => {
                let after = self.retry_after();
                self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
            }
            method => self.refuse_method(now, path, request, method),
        }
    }

    /// The caller has heard a reliable response.
    fn hear_prack(&mut self, now: Instant, key: Key, path: Path, prack: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Ringing(ringing) = &mut usage.phase else { return };
        let reliably = ringing.reliably.as_mut();
        let heard = reliably.and_then(|reliably| reliably.acknowledge(Rack::of(prack)?));
        let Some(had_body) = heard else {
            // §3: it acknowledges nothing that waits for it.
            return self.refuse(now, path, prack, 481, &[]);
        };
        ringing.is_settled |= had_body;
        let (is_settled, is_offerless) = (ringing.is_settled, ringing.request.body().is_empty());
        let body = body_of(prack);
        match body {
            // Ours was the offer: this is the answer (§5).
            Some(body) if had_body && is_offerless => {
                usage.remote = Some(super::fingerprint(0, &body.bytes));
                let (id, token) = (InviteId(key), usage.token);
                self.accept_and_reply(now, key, path, prack, true);
                self.layer.events.push_back(Event::Reanswered { id, token, body: Some(body) });
            }
            Some(_) if is_settled && usage.offer.is_none() => self.take_offer(now, key, path, prack),
            Some(_) => self.refuse(now, path, prack, 488, &[]),
            None => {
                self.accept_and_reply(now, key, path, prack, true);
            }
        }
        self.say_what_waited(now, key);
    }

    /// A reliable response is acknowledged: the answer that waited for it, or the next one.
    fn say_what_waited(&mut self, now: Instant, key: Key) {
        self.arm_usage(key);
        let Some(Usage { phase: Phase::Ringing(ringing), .. }) = self.usages.get_mut(key) else { return };
        if let Some(answer) = ringing.answer.take() {
            return self.pick_up(now, key, answer);
        }
        if let Some((status, body)) = ringing.reliably.as_mut().and_then(Reliably::unqueue) {
            return self.ring(now, key, status, body, true);
        }
        self.try_offering(now, key);
    }
}

impl Ringing {
    /// When a provisional response is sent again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let reliably = self.reliably.as_ref().and_then(Reliably::poll_timeout);
        let again = self.progress.as_ref().map(|progress| progress.again_at);
        [reliably, again].into_iter().flatten().min()
    }
}
