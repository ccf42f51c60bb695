//! Our INVITE until somebody answers (RFC 3261 §13.2, §9.1): early dialogs, challenges, the next target, CANCEL.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Instant;

use super::{ALLOW, Phase, Usage, body_of, finish, with_headers};
use crate::arena::Key;
use crate::config::Invite;
use crate::digest::Challenged;
use crate::event::{Cause, Event, Failure, Fork, InviteId};
use crate::message::{Message, Method, Name, Uri};
use crate::reason::Reason;
use crate::targets::Targets;
use crate::transaction::{Outgoing, Owner};
use crate::user_agent::UserAgent;

/// An INVITE without a final response.
pub(crate) struct Calling {
    pub invite: Invite,
    pub call_id: String,
    pub cseq: u32,
    /// Addresses left to try.
    pub targets: Targets,
    /// Where it went last; none while its host is being resolved.
    pub remote: Option<SocketAddr>,
    /// Early dialogs by To-tag, in order of appearance.
    pub forks: Vec<Early>,
    pub quitting: Option<Quitting>,
    /// Whether anything at all was heard.
    pub heard: bool,
    /// What the INVITE was authorized with: its ACK bears the same (§22.1).
    pub authorizations: Vec<(Name, String)>,
}

/// An early dialog, and what it last said.
pub(crate) struct Early {
    tag: String,
    last: u64,
}

/// Why the INVITE is being cancelled.
pub(crate) enum Quitting {
    /// Its owner hung up; the CANCEL may still wait for a provisional response.
    HungUp(Option<Reason>),
    /// Timer C.
    Stalled,
}

impl Quitting {
    fn reason(&self) -> Option<&Reason> {
        match self {
            Self::HungUp(reason) => reason.as_ref(),
            Self::Stalled => None,
        }
    }
}

/// More early dialogs than this within one INVITE are not told of.
pub(super) const FORKS_MAX: usize = 16;

impl Calling {
    pub fn new(invite: Invite, call_id: String) -> Self {
        let targets = Targets::new(Vec::new());
        Self {
            invite,
            call_id,
            cseq: 1,
            targets,
            remote: None,
            forks: Vec::new(),
            quitting: None,
            heard: false,
            authorizations: Vec::new(),
        }
    }

    /// Whether its owner has hung up.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.quitting, Some(Quitting::HungUp(_)))
    }

    /// The number of the early dialog with this tag, and whether what it says is new.
    pub fn fork(&mut self, tag: &str, said: u64) -> Option<(Fork, bool)> {
        let found = self.forks.iter().position(|early| early.tag == tag);
        let at = found.unwrap_or(self.forks.len());
        if found.is_none() {
            if at >= FORKS_MAX {
                return None;
            }
            self.forks.push(Early { tag: tag.to_owned(), last: !said });
        }
        let last = std::mem::replace(&mut self.forks[at].last, said);
        Some((Fork(at as u32), last != said))
    }
}

impl UserAgent {
    /// The addresses of the INVITE's host are known: tries the first.
    pub(crate) fn call_targets(&mut self, now: Instant, key: Key, targets: Targets) {
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get_mut(key) else { return };
        if calling.remote.is_some() {
            return;
        }
        calling.targets = targets;
        if !self.call_next(now, key) {
            self.fail(key, Failure::silent(Cause::Unresolved, false));
        }
    }

    /// Sends the INVITE to the next target. Gives whether there was one.
    fn call_next(&mut self, now: Instant, key: Key) -> bool {
        let Some(usage) = self.usages.get_mut(key) else { return false };
        let Phase::Calling(calling) = &mut usage.phase else { return false };
        let Some(remote) = calling.targets.next() else { return false };
        calling.remote = Some(remote);
        // Another server may challenge anew.
        usage.authenticator.begin_request();
        self.send_invite(now, key, remote);
        true
    }

    fn send_invite(&mut self, now: Instant, key: Key, remote: SocketAddr) {
        let Self { layer, usages, .. } = self;
        let Some(usage) = usages.get_mut(key) else { return };
        let Phase::Calling(calling) = &mut usage.phase else { return };
        let Calling { invite, call_id, cseq, .. } = &**calling;
        let authorizations = match &usage.credentials {
            Some(credentials) => usage.authenticator.authorizations(credentials, "INVITE", &invite.uri),
            None => Vec::new(),
        };
        let outgoing = Outgoing {
            method: Method::Invite,
            uri: &invite.uri,
            remote,
            owner: Owner::Invite(key),
            tap: usage.tap,
        };
        let tag = usage.tag.letters();
        let transaction = layer.send(now, &outgoing, |mut writer, identity| {
            if let Some(route) = &invite.route {
                writer = writer.header(Name::Route, loose_route(route));
            }
            writer = writer
                .header(Name::From, format_args!("{};tag={tag}", invite.from))
                .header(Name::To, &invite.to)
                .header(Name::CallId, call_id)
                .header(Name::CSeq, format_args!("{cseq} INVITE"))
                .header(Name::Contact, identity.contact)
                .header(Name::Allow, ALLOW)
                .header(Name::UserAgent, identity.user_agent);
            writer = with_headers(writer, &authorizations);
            finish(with_headers(writer, &invite.headers), invite.body.as_ref())
        });
        usage.invite = Some(transaction);
        calling.authorizations = authorizations;
    }

    /// A provisional response to our INVITE.
    pub(crate) fn invite_progress(&mut self, now: Instant, key: Key, response: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Calling(calling) = &mut usage.phase else { return };
        calling.heard = true;
        if let (Some(quitting), Some(transaction)) = (&calling.quitting, usage.invite) {
            // The CANCEL that had to wait for this (§9.1); a second one is not sent.
            self.layer.cancel(now, transaction, quitting.reason());
        }
        let Some(status) = response.status().filter(|status| *status > 100) else { return };
        let said = fingerprint(status, response.body());
        let tag = response.to().and_then(|to| to.tag()).unwrap_or_default();
        let Some((fork, true)) = calling.fork(tag, said) else { return };
        let (id, token, body) = (InviteId(key), usage.token, body_of(response));
        self.layer.events.push_back(Event::Progress { id, token, fork, status, body, reliable: false });
    }

    /// A final response to our INVITE that is no 2xx. It is ACKed already.
    pub(crate) fn invite_refused(&mut self, now: Instant, key: Key, transaction: Key, response: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if usage.invite != Some(transaction) {
            return;
        }
        let Phase::Calling(calling) = &mut usage.phase else { return };
        let cancelled = calling.is_cancelled();
        let cause = match calling.quitting {
            Some(Quitting::Stalled) => Cause::Timeout,
            Some(Quitting::HungUp(_)) | None => Cause::Response,
        };
        let status = response.status().unwrap_or_default();
        match status {
            _ if calling.quitting.is_some() => {}
            401 | 407 => return self.invite_challenged(now, key, response),
            // RFC 3263 §4.3: the next address is another server.
            503 if self.call_next(now, key) => {
                self.layer.counters.failovers += 1;
                return;
            }
            _ => {}
        }
        self.fail(key, Failure::from_response(response, cause, cancelled));
    }

    fn invite_challenged(&mut self, now: Instant, key: Key, response: &Message) {
        let cnonce = self.layer.random_word();
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Calling(calling) = &mut usage.phase else { return };
        let challenged = match &usage.credentials {
            Some(_) => usage.authenticator.handle_response(response, &cnonce),
            None => Challenged::Unsupported,
        };
        let (Challenged::Retry, Some(remote)) = (challenged, calling.remote) else {
            return self.fail(key, Failure::from_response(response, Cause::Unauthorized, false));
        };
        // §22.2: the same Call-ID, From-tag and To, the next CSeq, a new branch.
        calling.cseq += 1;
        self.layer.counters.challenges_answered += 1;
        self.send_invite(now, key, remote);
    }

    /// No final response to our INVITE.
    pub(crate) fn invite_timed_out(&mut self, now: Instant, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if usage.invite != Some(transaction) {
            return;
        }
        usage.invite = None;
        let Phase::Calling(calling) = &usage.phase else { return };
        let (cause, cancelled) = match &calling.quitting {
            None => {
                if self.call_next(now, key) {
                    self.layer.counters.failovers += 1;
                    return;
                }
                (Cause::Timeout, false)
            }
            Some(Quitting::Stalled) => (Cause::Timeout, false),
            Some(Quitting::HungUp(_)) if calling.heard => (Cause::Timeout, true),
            Some(Quitting::HungUp(_)) => (Cause::Abandoned, true),
        };
        self.fail(key, Failure::silent(cause, cancelled));
    }

    /// Our INVITE rings for longer than timer C: it is given up.
    pub(crate) fn invite_stalled(&mut self, now: Instant, key: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let (Phase::Calling(calling), Some(transaction)) = (&mut usage.phase, usage.invite) else { return };
        calling.quitting.get_or_insert(Quitting::Stalled);
        self.layer.cancel(now, transaction, None);
    }

    /// The owner hangs up before anybody answered.
    pub(crate) fn cancel_invite(&mut self, now: Instant, key: Key, reason: Option<Reason>) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Calling(calling) = &mut usage.phase else { return };
        if calling.is_cancelled() {
            return;
        }
        let Some(transaction) = usage.invite else {
            return self.fail(key, Failure::silent(Cause::Abandoned, true));
        };
        // If nothing provisional has come yet, the CANCEL waits for it in `invite_progress`.
        self.layer.cancel(now, transaction, reason.as_ref());
        calling.quitting = Some(Quitting::HungUp(reason));
    }
}

/// The Route to an outbound proxy. A proxy of our own choosing routes loosely (§16.12).
pub(crate) fn loose_route(uri: &str) -> String {
    match Uri::parse(uri).is_some_and(|uri| uri.is_loose_router()) {
        true => format!("<{uri}>"),
        false => format!("<{uri};lr>"),
    }
}

/// A provisional response in short: the same again is no news.
fn fingerprint(status: u16, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (status, body).hash(&mut hasher);
    hasher.finish()
}
