//! The 2xx to our INVITE (RFC 3261 §13.2.2.4, RFC 6026 §7.2): the first makes the call, a repetition is ACKed again, another
//! fork's is ACKed and ended, and so is one that raced our CANCEL.

use std::time::Instant;

use super::early::FORKS_MAX;
use super::session_timer::{self, Running, Said};
use super::{Acked, Phase, Talking, Usage, body_of, fingerprint, with_headers};
use crate::arena::Key;
use crate::dialog::{Dialog, NextHop};
use crate::event::{Asker, Cause, Event, Failure, Fork, InviteId};
use crate::message::Message;
use crate::path::{Path, Target};
use crate::request::Purpose;
use crate::user_agent::UserAgent;

impl UserAgent {
    /// A 2xx to our INVITE.
    pub(crate) fn invite_answered(&mut self, now: Instant, key: Key, path: Path, response: &Message) {
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        let Some(usage) = self.usages.get_mut(key) else { return };
        if let Some(acked) = usage.acked.as_ref().filter(|acked| acked.tag == tag) {
            self.layer.counters.acks_repeated += 1;
            if let Some(path) = acked.path {
                self.layer.transmit(now, path, acked.ack.clone(), usage.tap);
            }
            return;
        }
        match &mut usage.phase {
            Phase::Calling(calling) if calling.invite.body.is_none() && !response.body().is_empty() => {
                // The ACK would have to bear the answer (§13.2.1), and nobody here is asked for one: ACK it and end it (§13.2.2.4).
                let cancelled = calling.is_cancelled();
                self.end_fork(now, key, path, response);
                self.fail(now, key, Failure::from_response(response, Cause::Response, cancelled));
            }
            Phase::Calling(calling) if calling.quitting.is_none() => {
                let fork = calling.forks.number(tag);
                self.establish(now, key, path, response, fork);
            }
            Phase::Calling(calling) => {
                // It raced our CANCEL (§15.1.1): ACK it and end it. The owner did not want it any more.
                let cancelled = calling.is_cancelled();
                let cause = if cancelled { Cause::Response } else { Cause::Timeout };
                self.layer.counters.answers_after_cancel += 1;
                self.end_fork(now, key, path, response);
                self.fail(now, key, Failure::from_response(response, cause, cancelled));
            }
            Phase::Ringing(_) => {}
            Phase::Talking(_) | Phase::Over => {
                let is_new = !usage.ended_forks.iter().any(|ended| ended == tag);
                if is_new {
                    self.layer.counters.forks_ended += 1;
                }
                self.end_fork(now, key, path, response);
            }
        }
    }

    fn establish(&mut self, now: Instant, key: Key, path: Path, response: &Message, fork: Fork) {
        let dialog = self.acknowledge(now, key, path, response, true);
        let (Some(mut dialog), Some(usage)) = (dialog, self.usages.get_mut(key)) else { return };
        usage.hear_allow(response);
        dialog.state.local_cseq = usage.cseq;
        let state = dialog.stored(&self.layer);
        if let Some(early) = usage.dialog_mut(&state.remote_tag) {
            dialog.carry_on(early);
        }
        usage.phase = Phase::Talking(Box::new(Talking::confirmed(dialog)));
        let said = Said::of(response);
        let terms = usage.wish.map_or(session_timer::agreed(said), |wish| wish.agreed(said));
        usage.session = terms.map(|terms| Running::new(now, terms));
        if !response.body().is_empty() {
            usage.remote = Some(fingerprint(0, response.body()));
        }
        self.layer.counters.answered += 1;
        let (id, token, body) = (InviteId(key), usage.token, body_of(response));
        self.layer.events.push_back(Event::Answered { id, token, fork, body, dialog: state });
        self.settle_early_offers(now, key);
        self.arm_usage(key);
    }

    /// ACKs an answer nobody wants, and says BYE to it once.
    fn end_fork(&mut self, now: Instant, key: Key, path: Path, response: &Message) {
        let Some(dialog) = self.acknowledge(now, key, path, response, false) else { return };
        let Some(usage) = self.usages.get_mut(key) else { return };
        let tag = &dialog.state.remote_tag;
        if usage.ended_forks.contains(tag) || usage.ended_forks.len() >= FORKS_MAX {
            return;
        }
        usage.ended_forks.push(tag.clone());
        self.bye(now, key, dialog.state, path, None, Purpose::Nobody);
    }

    /// Sends the ACK of a 2xx. The first one is kept, to be sent again whenever its 2xx is.
    fn acknowledge(
        &mut self,
        now: Instant,
        key: Key,
        path: Path,
        response: &Message,
        is_wanted: bool,
    ) -> Option<Dialog> {
        let usage = self.usages.get_mut(key)?;
        let (target, authorizations) = match &mut usage.phase {
            Phase::Calling(calling) => {
                (calling.invite.uri.as_str(), std::mem::take(&mut calling.authorizations))
            }
            _ => (response.to().map_or("", |to| to.uri), Vec::new()),
        };
        let dialog = Dialog::from_response(response, usage.tag.letters().as_str(), path, target);
        let state = &dialog.state;
        let (known, question) = match state.next_hop(path.protocol) {
            NextHop::At(target, _) => {
                let found = self.layer.path_to(target, state.hop(), usage.tls.as_ref(), Some(path));
                (found.or(Some(path)), None)
            }
            // For an answer that nobody wants, where it came from will do: no call is left to wait for a name.
            NextHop::Named(hop) if is_wanted => (None, Some(hop)),
            NextHop::Named(_) | NextHop::Last => (Some(path), None),
        };
        let (uri, routes) = state.routing();
        // The transport of a name may turn out another: the Via of an ACK matters to nobody, for nobody answers it.
        let ack = self.layer.ack(uri, &known.unwrap_or(path), |writer| {
            let writer = state.write(writer, routes, "ACK");
            with_headers(writer, &authorizations).finish()
        });
        let tap = usage.tap;
        usage.acked.get_or_insert_with(|| Acked {
            tag: state.remote_tag.clone(),
            path: known,
            ack: ack.clone(),
        });
        if let Some(path) = known {
            self.layer.transmit(now, path, ack, tap);
        }
        if let Some(hop) = question {
            self.inquire(Asker::Ack(key), hop);
        }
        Some(dialog)
    }

    /// A connection is gone: an ACK that went by it, and may have been lost with it, goes to where its 2xx came from.
    pub(crate) fn sever_acks(&mut self, now: Instant, lost: &Path) {
        let Self { layer, usages, .. } = self;
        for usage in usages.iter_mut() {
            let Usage { phase: Phase::Talking(talking), invite: Some(_), acked: Some(acked), tap, .. } =
                usage
            else {
                continue;
            };
            let last = talking.dialog.path;
            if acked.path.is_some_and(|path| path.is_same_flow(lost)) && !last.is_same_flow(lost) {
                acked.path = Some(last);
                layer.transmit(now, last, acked.ack.clone(), *tap);
            }
        }
        self.sever_reinvite_acks(now, lost);
    }

    /// Where an ACK goes is known; to where its 2xx came from, if nobody knows, or the call ends first.
    pub(crate) fn ack_targets(&mut self, now: Instant, key: Key, targets: &[Target]) {
        let Self { layer, usages, .. } = self;
        let Some(usage) = usages.get_mut(key) else { return };
        let Some(acked) = usage.acked.as_mut().filter(|acked| acked.path.is_none()) else { return };
        let Phase::Talking(talking) = &mut usage.phase else { return };
        let Dialog { state, path: last, .. } = &talking.dialog;
        let (hop, tls) = (state.hop(), usage.tls.as_ref());
        let found = targets.iter().find_map(|target| layer.path_to(*target, hop, tls, Some(*last)));
        let path = found.unwrap_or(*last);
        acked.path = Some(path);
        talking.dialog.reached = Some(path);
        layer.transmit(now, path, acked.ack.clone(), usage.tap);
    }
}
