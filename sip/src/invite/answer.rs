//! Our 2xx, sent again until its ACK comes (RFC 3261 §13.3.1.4), for the first INVITE and for every further one (§14.2).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Phase, Usage, body_of, fingerprint};
use crate::arena::Key;
use crate::event::{End, Event, InviteId, Loss};
use crate::message::Message;
use crate::path::Path;
use crate::user_agent::UserAgent;

use super::talking::Hangup;

/// A 2xx without its ACK.
pub(crate) struct Unacked {
    /// The CSeq of the INVITE it answers.
    cseq: u32,
    payload: Bytes,
    pub path: Path,
    /// Where it goes once the connection of `path` is gone.
    pub refuge: Option<Path>,
    interval: Duration,
    resend_at: Instant,
    give_up_at: Instant,
    /// It answers the call's first INVITE, not a re-INVITE.
    pub is_first: bool,
    /// It carries an offer, whose answer the ACK brings.
    pub is_offer: bool,
}

impl Unacked {
    pub fn poll_timeout(&self) -> Instant {
        self.resend_at
    }
}

/// What the watched answer is about.
pub(crate) struct Answering {
    pub cseq: u32,
    pub path: Path,
    pub refuge: Option<Path>,
    pub is_first: bool,
    pub is_offer: bool,
}

impl UserAgent {
    /// Watches over a 2xx that was sent just now.
    pub(crate) fn await_ack(&mut self, now: Instant, key: Key, payload: Bytes, answering: Answering) {
        let timers = self.layer.config.timers;
        let Some(Usage { phase: Phase::Talking(talking), .. }) = self.usages.get_mut(key) else { return };
        let resend_at = now + timers.t1;
        let Answering { cseq, path, refuge, is_first, is_offer } = answering;
        talking.unacked = Some(Unacked {
            cseq,
            payload,
            path,
            refuge,
            interval: timers.t1,
            resend_at,
            give_up_at: now + timers.give_up(),
            is_first,
            is_offer,
        });
        self.arm_usage(key);
    }

    /// Time to send a 2xx again, or to give it up.
    pub(crate) fn repeat_answer(&mut self, now: Instant, key: Key) {
        let timers = self.layer.config.timers;
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Talking(talking) = &mut usage.phase else { return };
        let Some(unacked) = talking.unacked.as_mut().filter(|unacked| now >= unacked.resend_at) else {
            return;
        };
        if now >= unacked.give_up_at {
            // §13.3.1.4: no ACK came within 64·T1. The dialog stands, and ends with a BYE.
            self.layer.counters.timeouts += 1;
            return self.abandon(now, key, End::Lost { status: None, cause: Loss::Ack });
        }
        unacked.interval = (unacked.interval * 2).min(timers.t2);
        unacked.resend_at = (now + unacked.interval).min(unacked.give_up_at);
        let (path, payload, tap) = (unacked.path, unacked.payload.clone(), usage.tap);
        self.layer.counters.response_retransmissions_out += 1;
        self.layer.transmit(now, path, payload, tap);
    }

    /// A connection that was opened to us is gone: answers that wait for their ACK take another way from now on.
    pub(crate) fn sever_answers(&mut self, lost: &Path) {
        for usage in self.usages.iter_mut() {
            let Phase::Talking(talking) = &mut usage.phase else { continue };
            let Some(unacked) = talking.unacked.as_mut().filter(|it| it.path.is_same_flow(lost)) else {
                continue;
            };
            unacked.path = unacked.refuge.take().unwrap_or(unacked.path);
        }
    }

    /// An ACK in the dialog of a usage that talks.
    pub(crate) fn hear_ack(&mut self, now: Instant, key: Key, ack: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Talking(talking) = &mut usage.phase else { return };
        // An ACK that came again finds nothing to confirm.
        let Some(unacked) = talking.unacked.take_if(|unacked| unacked.cseq == ack.cseq().0) else { return };
        if unacked.is_offer && !ack.body().is_empty() {
            usage.remote = Some(fingerprint(0, ack.body()));
        }
        if unacked.is_first || unacked.is_offer {
            let (id, token, dialog) = (InviteId(key), usage.token, talking.dialog.stored(&self.layer));
            self.layer.events.push_back(Event::Confirmed { id, token, dialog, body: body_of(ack) });
        }
        if let Hangup::AfterAck(reason) = &mut talking.hangup {
            let reason = reason.take();
            return self.say_bye(now, key, reason);
        }
        self.try_offering(now, key);
    }
}
