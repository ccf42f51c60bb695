//! The early dialogs of our INVITE (RFC 3261 §12.1.2, §13.2.2.1): what each says, reliably or not (RFC 3262 §4), and what it asks
//! (RFC 3311 §5.2).

use std::time::Instant;

use super::asking::Kind;
use super::reliable::{self, Heard, Order, Rack};
use super::{Phase, Usage, body_of, extensions, fingerprint};
use crate::arena::Key;
use crate::dialog::Dialog;
use crate::event::{Event, Fork, InviteId};
use crate::message::{Message, Method, Name};
use crate::path::Path;
use crate::user_agent::UserAgent;

/// An early dialog, and what it last said.
struct Early {
    tag: String,
    last: u64,
    heard: Heard,
    /// Our offer was answered, and reliably: another may follow.
    is_settled: bool,
    /// Without a To-tag there is none.
    dialog: Option<Box<Dialog>>,
}

/// More early dialogs than this within one INVITE are not told of.
pub(super) const FORKS_MAX: usize = 16;

impl Early {
    fn new(tag: &str) -> Self {
        Self { tag: tag.to_owned(), last: 0, heard: Heard::default(), is_settled: false, dialog: None }
    }
}

/// The early dialogs of one INVITE, in order of appearance.
#[derive(Default)]
pub(super) struct Forks {
    early: Vec<Early>,
    /// How many the same call's INVITEs before it had: no number is given twice.
    before: usize,
    /// Whether one of them was heard to ring, or somebody was heard.
    pub rang: bool,
}

impl Forks {
    /// Whether none was heard of.
    pub fn is_empty(&self) -> bool {
        self.early.is_empty()
    }

    /// Forgets them: the INVITE that made them is over, and another leaves.
    pub fn forget(&mut self) {
        self.before += self.early.len();
        self.early.clear();
        self.rang = false;
    }

    /// Whether there is an early dialog with this tag.
    pub fn knows(&self, tag: &str) -> bool {
        self.early.iter().any(|early| early.tag == tag)
    }

    /// The early dialog with this tag, a new one if it was not heard of before.
    fn early(&mut self, tag: &str) -> Option<(Fork, &mut Early)> {
        let found = self.early.iter().position(|early| early.tag == tag);
        let at = found.unwrap_or(self.early.len());
        if found.is_none() {
            if at >= FORKS_MAX {
                return None;
            }
            self.early.push(Early::new(tag));
        }
        Some((Fork((self.before + at) as u32), &mut self.early[at]))
    }

    /// The number of the early dialog with this tag.
    pub fn number(&mut self, tag: &str) -> Fork {
        self.early(tag).map_or(Fork(u32::MAX), |(fork, _)| fork)
    }

    pub fn dialog_mut(&mut self, tag: &str) -> Option<&mut Dialog> {
        self.early.iter_mut().find(|early| early.tag == tag)?.dialog.as_deref_mut()
    }

    /// Whether the early dialog with this tag may be offered something new.
    pub fn is_settled(&self, tag: &str) -> bool {
        self.early.iter().any(|early| early.tag == tag && early.is_settled)
    }

    /// The latest early dialog that may be offered something new.
    pub fn settled(&self) -> Option<&Dialog> {
        self.early.iter().rev().find(|early| early.is_settled)?.dialog.as_deref()
    }
}

impl UserAgent {
    /// A provisional response to our INVITE.
    pub(crate) fn invite_progress(&mut self, now: Instant, key: Key, path: Path, response: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Calling(calling) = &mut usage.phase else { return };
        calling.heard = true;
        if let (Some(quitting), Some(transaction)) = (&calling.quitting, usage.invite) {
            // The CANCEL that had to wait for this (§9.1); a second one is not sent.
            self.layer.cancel(now, transaction, quitting.reason());
        }
        let Some(status) = response.status().filter(|status| *status > 100) else { return };
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        // Ringing back or early media: a telephone rings, or somebody hears us.
        calling.forks.rang |= status == 180 || !response.body().is_empty();
        let offered = calling.invite.body.is_some();
        let target = calling.invite.uri.clone();
        let Some((fork, early)) = calling.forks.early(tag) else { return };
        // What makes no dialog cannot be acknowledged, whatever it says of itself.
        let rseq = reliable::rseq(response).filter(|_| !tag.is_empty());
        if rseq.is_some_and(|rseq| early.heard.hear(rseq) != Order::Next) {
            return;
        }
        if !tag.is_empty() && early.dialog.is_none() {
            let local = usage.tag.letters();
            early.dialog = Some(Box::new(Dialog::from_response(response, local.as_str(), path, &target)));
        } else if let Some(dialog) = &mut early.dialog {
            dialog.refresh_target(response);
        }
        let has_body = !response.body().is_empty();
        early.is_settled |= rseq.is_some() && has_body && offered;
        let said = fingerprint(status, response.body());
        let is_news = std::mem::replace(&mut early.last, said) != said || rseq.is_some();
        usage.allows_update = extensions::allows_update(response).unwrap_or(usage.allows_update);
        if let Some(rseq) = rseq {
            if has_body {
                usage.remote = Some(fingerprint(0, response.body()));
            }
            self.acknowledge_progress(now, key, tag, Rack { rseq, cseq: response.cseq().0 });
            if has_body && !offered {
                return self.refuse_early_offer(now, key);
            }
        }
        // RFC 6228: a fork that has ended. The final response of the others is still to come.
        if !is_news || status == 199 {
            return;
        }
        let Some(usage) = self.usages.get(key) else { return };
        let (id, token, body, reliable) = (InviteId(key), usage.token, body_of(response), rseq.is_some());
        self.layer.events.push_back(Event::Progress { id, token, fork, status, body, reliable });
    }

    /// A PRACK for a reliable response (RFC 3262 §4).
    fn acknowledge_progress(&mut self, now: Instant, key: Key, tag: &str, rack: Rack) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(dialog) = usage.dialog_mut(tag) else { return };
        let dialog = dialog.clone();
        self.ask(now, key, Kind::Prack(rack), dialog, None);
        self.try_offering(now, key);
    }

    /// A request in an early dialog of our INVITE.
    pub(crate) fn handle_answering(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        let method = request.method().unwrap_or(Method::Other);
        if method == Method::Options {
            return self.reply_options(now, path, request);
        }
        let tag = request.from().and_then(|from| from.tag()).unwrap_or_default();
        let Some(usage) = self.usages.get_mut(key) else { return };
        let token = usage.token;
        let Some(dialog) = usage.dialog_mut(tag) else {
            return self.refuse(now, path, request, 481, &[]);
        };
        if !dialog.accept_cseq(request.cseq().0) {
            // §12.2.2: out of order.
            let after = self.retry_after();
            return self.refuse(now, path, request, 500, &[(Name::RetryAfter, &after)]);
        }
        dialog.heard_by(path);
        match method {
            Method::Update => self.hear_offer(now, key, path, request),
            // Our own INVITE is open (§14.2).
            Method::Invite => self.refuse(now, path, request, 491, &[]),
            Method::Info if self.accept_and_reply(now, key, path, request, false) => {
                let (id, body) = (InviteId(key), body_of(request));
                self.layer.events.push_back(Event::Info { id, token, body });
            }
            Method::Info => {}
            // The callee may not say BYE before it has answered (§15), and has nothing to acknowledge.
            _ => self.refuse(now, path, request, 481, &[]),
        }
    }

    /// One of several early dialogs was answered: what another one was offered, or has offered, is closed.
    pub(crate) fn settle_early_offers(&mut self, now: Instant, key: Key) {
        let Some(Usage { phase: Phase::Talking(talking), offer, .. }) = self.usages.get(key) else { return };
        let tag = talking.dialog.state.remote_tag.clone();
        if offer.as_ref().is_some_and(|offer| !offer.is_of(&tag)) {
            self.withdraw(now, key);
        }
        self.drop_offer_elsewhere(key, &tag);
    }
}
