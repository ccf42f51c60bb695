//! An answered call: its dialog, what arrives in it, and how it ends (RFC 3261 §12.2, §15).

use std::time::Instant;

use super::{Phase, Usage, body_of, reasons};
use crate::arena::Key;
use crate::dialog::Dialog;
use crate::event::{DialogState, End, Event, InviteId, Loss};
use crate::message::{Message, Method, Name};
use crate::path::Path;
use crate::reason::Reason;
use crate::request::{Purpose, Request};
use crate::targets::Targets;
use crate::user_agent::UserAgent;

use super::answer::Unacked;
use super::reliable::Rack;

/// An answered call.
pub(crate) struct Talking {
    pub dialog: Dialog,
    /// Our 2xx, to the INVITE or a re-INVITE, whose ACK has not come.
    pub unacked: Option<Unacked>,
    /// A reliable response that we answered without waiting for its PRACK.
    pub unpracked: Option<Rack>,
    pub hangup: Hangup,
}

/// How far our owner's wish to hang up has got.
pub(crate) enum Hangup {
    None,
    /// We were called, and may not say BYE before the ACK (§15).
    AfterAck(Option<Reason>),
    /// The BYE is out.
    Sent,
}

impl Talking {
    /// A dialog whose INVITE is ACKed.
    pub fn confirmed(dialog: Dialog) -> Self {
        Self { dialog, unacked: None, unpracked: None, hangup: Hangup::None }
    }
}

impl UserAgent {
    /// The owner hangs up an answered call.
    pub(crate) fn hangup_talking(&mut self, now: Instant, key: Key, reason: Option<Reason>) {
        let Some(Usage { phase: Phase::Talking(talking), .. }) = self.usages.get_mut(key) else { return };
        match talking.hangup {
            Hangup::None if talking.unacked.as_ref().is_some_and(|unacked| unacked.is_first) => {
                talking.hangup = Hangup::AfterAck(reason);
            }
            Hangup::None => self.say_bye(now, key, reason),
            Hangup::AfterAck(_) | Hangup::Sent => {}
        }
    }

    pub(crate) fn say_bye(&mut self, now: Instant, key: Key, reason: Option<Reason>) {
        self.withdraw(now, key);
        self.decline_refer(now, key, 487);
        let Some(Usage { phase: Phase::Talking(talking), .. }) = self.usages.get_mut(key) else { return };
        talking.hangup = Hangup::Sent;
        let dialog = talking.dialog.state.clone();
        self.bye(now, key, dialog, reason, Purpose::Hangup(key));
    }

    /// Sends a BYE in a dialog of this usage, with what it knows of challenges.
    pub(crate) fn bye(
        &mut self,
        now: Instant,
        key: Key,
        mut dialog: DialogState,
        reason: Option<Reason>,
        purpose: Purpose,
    ) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        dialog.local_cseq = usage.next_cseq();
        let mut request = Request::new(Method::Bye, dialog, purpose);
        request.reason = reason;
        request.credentials.clone_from(&usage.credentials);
        request.authenticator = usage.authenticator.lend();
        request.tap = usage.tap;
        self.begin_bye(now, request);
    }

    pub(crate) fn begin_bye(&mut self, now: Instant, request: Request) -> Key {
        let targets = Targets::new(vec![request.dialog.next_hop()]);
        let key = self.requests.insert(request);
        self.request_targets(now, key, targets);
        key
    }

    /// Our BYE was answered, or was not. The session is over either way (§15.1.1).
    pub(crate) fn hung_up(&mut self, now: Instant, key: Key, status: Option<u16>) {
        let end = match status {
            None | Some(408 | 481) => End::Lost { status, cause: Loss::Request },
            Some(_) => End::Local,
        };
        self.end(now, key, end);
    }

    /// A request in the dialog of a usage that talks. `key` was found by our tag.
    pub(crate) fn handle_in_dialog(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Talking(talking) = &mut usage.phase else { return };
        talking.dialog.state.remote = path.remote;
        if !talking.dialog.accept_cseq(request.cseq().0) {
            // §12.2.2: out of order.
            let after = self.retry_after();
            return self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
        }
        let is_ending = !matches!(talking.hangup, Hangup::None);
        let id = InviteId(key);
        match request.method().unwrap_or(Method::Other) {
            Method::Bye => self.hear_bye(now, key, path, request),
            _ if is_ending => self.refuse(now, path, request, 481, &[]),
            Method::Invite | Method::Update => self.hear_offer(now, key, path, request),
            Method::Info => {
                let token = usage.token;
                if self.accept_and_reply(now, key, path, request, false) {
                    let body = body_of(request);
                    self.layer.events.push_back(Event::Info { id, token, body });
                }
            }
            Method::Options => self.reply_options(now, path, request),
            Method::Refer => self.hear_refer(now, key, path, request),
            Method::Notify => self.hear_notify(now, key, path, request),
            Method::Message => self.hear_message(now, path, request, Some(key)),
            Method::Subscribe => self.refuse_event(now, path, request),
            Method::Prack => match talking.unpracked.take_if(|rack| Rack::of(request) == Some(*rack)) {
                Some(_) => {
                    self.accept_and_reply(now, key, path, request, true);
                }
                None => self.refuse(now, path, request, 481, &[]),
            },
            method => self.refuse_method(now, path, request, method),
        }
    }

    fn hear_bye(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        self.accept_and_reply(now, key, path, request, true);
        self.withdraw(now, key);
        self.decline_refer(now, key, 487);
        let Some(Usage { phase: Phase::Talking(talking), .. }) = self.usages.get(key) else { return };
        // Crossing BYEs: we hung up as well, and first as far as we can know.
        let end = match talking.hangup {
            Hangup::None => End::Remote { reasons: reasons(request) },
            Hangup::AfterAck(_) | Hangup::Sent => End::Local,
        };
        self.end(now, key, end);
    }
}
