//! The 2xx to our INVITE (RFC 3261 §13.2.2.4, RFC 6026 §7.2): the first makes the call, a repetition is ACKed again, another
//! fork's is ACKed and ended, and so is one that raced our CANCEL.

use std::time::Instant;

use super::early::FORKS_MAX;
use super::session_timer::{self, Running, Said};
use super::{Acked, Phase, Talking, body_of, fingerprint, with_headers};
use crate::arena::Key;
use crate::dialog::Dialog;
use crate::event::{Cause, Event, Failure, Fork, InviteId};
use crate::message::Message;
use crate::path::Path;
use crate::request::Purpose;
use crate::user_agent::UserAgent;

impl UserAgent {
    /// A 2xx to our INVITE.
    pub(crate) fn invite_answered(&mut self, now: Instant, key: Key, path: Path, response: &Message) {
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        let Some(usage) = self.usages.get_mut(key) else { return };
        if let Some(acked) = usage.acked.as_ref().filter(|acked| acked.tag == tag) {
            self.layer.counters.acks_repeated += 1;
            return self.layer.transmit(now, acked.path, acked.ack.clone(), usage.tap);
        }
        match &mut usage.phase {
            Phase::Calling(calling) if calling.quitting.is_none() => {
                let fork = calling.fork(tag);
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
        let dialog = self.acknowledge(now, key, path, response);
        let (Some(mut dialog), Some(usage)) = (dialog, self.usages.get_mut(key)) else { return };
        usage.hear_allow(response);
        dialog.state.local_cseq = usage.cseq;
        let state = dialog.state.clone();
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
        self.settle_early_offer(now, key);
        self.arm_usage(key);
    }

    /// ACKs an answer nobody wants, and says BYE to it once.
    fn end_fork(&mut self, now: Instant, key: Key, path: Path, response: &Message) {
        let Some(dialog) = self.acknowledge(now, key, path, response) else { return };
        let Some(usage) = self.usages.get_mut(key) else { return };
        let tag = &dialog.state.remote_tag;
        if usage.ended_forks.contains(tag) || usage.ended_forks.len() >= FORKS_MAX {
            return;
        }
        usage.ended_forks.push(tag.clone());
        self.bye(now, key, dialog.state, None, Purpose::Nobody);
    }

    /// Sends the ACK of a 2xx. The first one is kept, to be sent again whenever its 2xx is.
    fn acknowledge(&mut self, now: Instant, key: Key, path: Path, response: &Message) -> Option<Dialog> {
        let usage = self.usages.get_mut(key)?;
        let (target, authorizations) = match &mut usage.phase {
            Phase::Calling(calling) => {
                (calling.invite.uri.as_str(), std::mem::take(&mut calling.authorizations))
            }
            _ => (response.to().map_or("", |to| to.uri), Vec::new()),
        };
        let dialog = Dialog::from_response(response, usage.tag.letters().as_str(), path.remote, target);
        let path = Path { remote: dialog.state.next_hop(), ..path };
        let state = &dialog.state;
        let (uri, routes) = state.routing();
        let ack = self.layer.ack(uri, |writer| {
            let writer = state.write(writer, routes, "ACK");
            with_headers(writer, &authorizations).finish()
        });
        let tap = usage.tap;
        usage.acked.get_or_insert_with(|| Acked { tag: state.remote_tag.clone(), path, ack: ack.clone() });
        self.layer.transmit(now, path, ack, tap);
        Some(dialog)
    }
}
