//! Our INVITE until somebody answers (RFC 3261 §13.2, §9.1): early dialogs, challenges, the next target, CANCEL.

use std::time::Instant;

use super::early::Forks;
use super::extensions::{self, REL100, TIMER};
use super::session_timer::{self, Said};
use super::{Phase, Usage, finish, with_headers};
use crate::arena::Key;
use crate::config::{Invite, Reliable, SessionTimer};
use crate::digest::{Challenged, Signed};
use crate::event::{Cause, Failure};
use crate::message::{Message, Method, Name, Uri};
use crate::path::{Path, Target};
use crate::reason::Reason;
use crate::targets::{Attempt, Targets};
use crate::transaction::{Length, Outgoing, Owner, Severed, Way};
use crate::transport_error::TransportError;
use crate::user_agent::UserAgent;

/// An INVITE without a final response.
pub(crate) struct Calling {
    pub invite: Invite,
    pub call_id: String,
    pub cseq: u32,
    /// Targets left to try.
    pub targets: Targets,
    /// The way it went last; none while its host is being resolved.
    pub way: Option<Way>,
    /// Why it could not be sent, the last time it could not.
    pub transport: Option<TransportError>,
    pub(super) forks: Forks,
    pub quitting: Option<Quitting>,
    /// Whether anything at all was heard.
    pub heard: bool,
    revisions: u8,
    /// Whether it was sent again already with extensions that were asked for (421).
    is_extended: bool,
    challenges: u8,
    /// What the INVITE was authorized with: its ACK bears the same (§22.1).
    pub authorizations: Vec<(Name, String)>,
}

/// Why the INVITE is being cancelled.
pub(crate) enum Quitting {
    /// Its owner hung up; the CANCEL may still wait for a provisional response.
    HungUp(Option<Reason>),
    /// Timer C.
    Stalled,
    /// It was made an offer that nobody here can answer.
    Unanswerable,
}

impl Quitting {
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::HungUp(reason) => reason.as_ref(),
            Self::Stalled | Self::Unanswerable => None,
        }
    }
}

/// How often an INVITE is sent anew, to the same server, because its extensions (420, 421) or its session interval (422) were refused.
const REVISIONS_MAX: u8 = 4;
/// How often it is sent anew with credentials, whatever its servers say: each of them may want a few.
const CHALLENGES_MAX: u8 = 16;

impl Calling {
    pub fn new(invite: Invite, call_id: String, targets: Targets) -> Self {
        Self {
            invite,
            call_id,
            cseq: 1,
            targets,
            way: None,
            transport: None,
            forks: Forks::default(),
            quitting: None,
            heard: false,
            revisions: 0,
            is_extended: false,
            challenges: 0,
            authorizations: Vec::new(),
        }
    }

    /// The URI that says where it goes.
    pub fn hop(&self) -> &str {
        self.invite.route.as_deref().unwrap_or(&self.invite.uri)
    }

    /// Whether its owner has hung up.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.quitting, Some(Quitting::HungUp(_)))
    }

    /// Offers the extensions that a 421 asks for (RFC 3261 §21.4.16), once. Gives whether we have them all, and had not offered one.
    fn extend(&mut self, response: &Message) -> bool {
        let mut wanted = response.values(Name::Require).map(extensions::ours).peekable();
        if self.is_extended || wanted.peek().is_none() {
            return false;
        }
        let Some(wanted) = wanted.collect::<Option<Vec<_>>>() else { return false };
        let wants_rel100 = wanted.contains(&REL100) && self.invite.reliable == Reliable::Off;
        let wants_timer = wanted.contains(&TIMER) && self.invite.session.is_none();
        if wants_rel100 {
            self.invite.reliable = Reliable::Supported;
        }
        if wants_timer {
            self.invite.session = Some(SessionTimer::default());
        }
        self.is_extended = wants_rel100 || wants_timer;
        self.is_extended
    }

    /// Whether there is an early dialog with this tag.
    pub fn knows(&self, tag: &str) -> bool {
        self.forks.knows(tag)
    }
}

impl UserAgent {
    /// The targets of the INVITE's host are known: tries the first.
    pub(crate) fn call_targets(&mut self, now: Instant, key: Key, targets: Vec<Target>) {
        let Some(Usage { phase: Phase::Calling(calling), .. }) = self.usages.get_mut(key) else { return };
        if calling.way.is_some() {
            return;
        }
        let cause = if targets.is_empty() { Cause::Unresolved } else { Cause::Transport };
        calling.targets.found(targets);
        if !self.call_next(now, key, Targets::next_reachable) {
            self.fail_silently(now, key, cause, false);
        }
    }

    /// Sends the INVITE to the next target that we can reach. Gives whether there was one.
    fn call_next(&mut self, now: Instant, key: Key, next: fn(&mut Targets) -> Option<Attempt>) -> bool {
        loop {
            let Self { layer, usages, .. } = self;
            let Some(usage) = usages.get_mut(key) else { return false };
            let Phase::Calling(calling) = &mut usage.phase else { return false };
            let Some(attempt) = next(&mut calling.targets) else { return false };
            let Some(way) = layer.way(now, attempt, calling.hop(), usage.tls.as_ref(), None) else {
                calling.transport = Some(TransportError::NoLocal);
                continue;
            };
            // Another server may challenge anew.
            usage.authenticator.begin_request();
            self.send_invite_by(now, key, way);
            return true;
        }
    }

    fn send_invite_by(&mut self, now: Instant, key: Key, way: Way) {
        let Some(calling) = self.calling(key) else { return };
        calling.way = Some(way);
        calling.forks.forget();
        let length = way.length(&calling.targets);
        if self.send_invite(now, key, way.path, length) {
            return;
        }
        // Too long for a datagram.
        let (Some(path), Some(calling)) = (way.grown, self.calling(key)) else { return };
        calling.targets.grew(Target::udp(way.path.remote));
        calling.way = Some(Way { path, grown: None });
        self.send_invite(now, key, path, Length::Grown);
    }

    /// Gives whether it was sent: what must be short is not if it is too long for a datagram.
    fn send_invite(&mut self, now: Instant, key: Key, path: Path, length: Length) -> bool {
        let Self { layer, usages, .. } = self;
        let Some(usage) = usages.get_mut(key) else { return true };
        let Phase::Calling(calling) = &mut usage.phase else { return true };
        let Calling { invite, call_id, cseq, .. } = &**calling;
        usage.cseq = usage.cseq.max(*cseq);
        let wish = usage.wish;
        let authorizations = match &usage.credentials {
            Some(credentials) => {
                let body = invite.body.as_ref().map_or(&b""[..], |body| &body.bytes);
                let signed = Signed { method: "INVITE", uri: &invite.uri, body };
                usage.authenticator.authorizations(credentials, &signed)
            }
            None => Vec::new(),
        };
        let outgoing = Outgoing {
            method: Method::Invite,
            uri: &invite.uri,
            path,
            length,
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
                .header(Name::UserAgent, identity.user_agent);
            writer = extensions::write_invite(writer, invite);
            writer = session_timer::write_request(writer, wish.as_ref(), None);
            writer = with_headers(writer, &authorizations);
            finish(with_headers(writer, &invite.headers), invite.body.as_ref())
        });
        if transaction.is_some() {
            usage.invite = transaction;
            calling.authorizations = authorizations;
        } else {
            usage.authenticator.take_back();
        }
        transaction.is_some()
    }

    fn calling(&mut self, key: Key) -> Option<&mut Calling> {
        match self.usages.get_mut(key)? {
            Usage { phase: Phase::Calling(calling), .. } => Some(calling),
            _ => None,
        }
    }

    /// The INVITE comes to nothing, and no response said so.
    fn fail_silently(&mut self, now: Instant, key: Key, cause: Cause, cancelled: bool) {
        let transport = self.calling(key).and_then(|calling| calling.transport.take());
        self.fail(now, key, Failure { transport, ..Failure::silent(cause, cancelled) });
    }

    /// A final response to our INVITE that is no 2xx. It is ACKed already.
    pub(crate) fn invite_refused(&mut self, now: Instant, key: Key, transaction: Key, response: &Message) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if usage.invite != Some(transaction) {
            return;
        }
        let Phase::Calling(calling) = &mut usage.phase else { return };
        let (cancelled, rang) = (calling.is_cancelled(), calling.forks.rang);
        let cause = match calling.quitting {
            Some(Quitting::Stalled) => Cause::Timeout,
            Some(Quitting::HungUp(_) | Quitting::Unanswerable) | None => Cause::Response,
        };
        let status = response.status().unwrap_or_default();
        match status {
            _ if calling.quitting.is_some() => {}
            401 | 407 => return self.invite_challenged(now, key, response),
            420..=422 if self.invite_revised(now, key, response) => return,
            // RFC 3263 §4.3: the next address is another server. It must not ring where it rang already.
            503 if !rang && self.call_next(now, key, Targets::next) => {
                self.layer.counters.failovers += 1;
                return;
            }
            _ => {}
        }
        let transport = self.calling(key).and_then(|calling| calling.transport.take());
        self.fail(now, key, Failure { transport, ..Failure::from_response(response, cause, cancelled) });
    }

    fn invite_challenged(&mut self, now: Instant, key: Key, response: &Message) {
        let cnonce = self.layer.random_word();
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Phase::Calling(calling) = &mut usage.phase else { return };
        let challenged = match &usage.credentials {
            Some(credentials) if calling.challenges < CHALLENGES_MAX => {
                usage.authenticator.handle_response(credentials, response, &cnonce)
            }
            Some(_) | None => Challenged::Unsupported,
        };
        calling.challenges = calling.challenges.saturating_add(1);
        let (Challenged::Retry, Some(way)) = (challenged, calling.way) else {
            return self.fail(now, key, Failure::from_response(response, Cause::Unauthorized, false));
        };
        // §22.2: the same Call-ID, From-tag and To, the next CSeq, a new branch.
        calling.cseq = usage.cseq.saturating_add(1);
        self.layer.counters.challenges_answered += 1;
        self.send_invite_by(now, key, way);
    }

    /// The INVITE was refused for an extension it only offered (RFC 3261 §8.1.3.5), for one it did not offer (§21.4.16), or for its
    /// session interval (RFC 4028 §7.3). Gives whether it was sent again as asked for.
    fn invite_revised(&mut self, now: Instant, key: Key, response: &Message) -> bool {
        let Some(usage) = self.usages.get_mut(key) else { return false };
        let Phase::Calling(calling) = &mut usage.phase else { return false };
        let Some(way) = calling.way.filter(|_| calling.revisions < REVISIONS_MAX) else { return false };
        let refuses = |option| extensions::lists(response, Name::Unsupported, option);
        let is_revised = match response.status() {
            Some(421) if calling.extend(response) => {
                usage.wish = calling.invite.session.as_ref().map(session_timer::Wish::new);
                true
            }
            Some(421) => false,
            Some(422) => usage.wish.as_mut().is_some_and(|wish| wish.raise(Said::of(response))),
            _ if calling.invite.reliable == Reliable::Supported && refuses(REL100) => {
                calling.invite.reliable = Reliable::Off;
                true
            }
            _ if calling.invite.session.is_some() && refuses(TIMER) => {
                (calling.invite.session, usage.wish) = (None, None);
                true
            }
            _ => false,
        };
        if is_revised {
            calling.revisions += 1;
            calling.cseq = usage.cseq.saturating_add(1);
            usage.authenticator.begin_request();
            self.send_invite_by(now, key, way);
        }
        is_revised
    }

    /// No final response to our INVITE.
    pub(crate) fn invite_timed_out(&mut self, now: Instant, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if usage.invite != Some(transaction) {
            return;
        }
        usage.invite = None;
        let Phase::Calling(calling) = &mut usage.phase else { return };
        if let Some(datagrams) = calling.targets.datagrams() {
            self.layer.avoid_tcp(now, datagrams.address);
        }
        let (cause, cancelled) = match &calling.quitting {
            None => {
                if self.call_next(now, key, Targets::next_after_silence) {
                    self.layer.counters.failovers += 1;
                    return;
                }
                (Cause::Timeout, false)
            }
            Some(Quitting::Stalled | Quitting::Unanswerable) => (Cause::Timeout, false),
            Some(Quitting::HungUp(_)) if calling.heard => (Cause::Timeout, true),
            Some(Quitting::HungUp(_)) => (Cause::Abandoned, true),
        };
        self.fail_silently(now, key, cause, cancelled);
    }

    /// The connection of our INVITE is gone, or could not be made. What has not rung goes to the next target (RFC 3263 §4.3).
    pub(crate) fn invite_severed(
        &mut self,
        now: Instant,
        key: Key,
        severed: Severed,
        error: &TransportError,
    ) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if usage.invite != Some(severed.key) {
            return self.asked_severed(now, key, severed.key, error);
        }
        usage.invite = None;
        let Phase::Calling(calling) = &mut usage.phase else { return };
        calling.transport = Some(error.clone());
        let (is_quitting, cancelled) = (calling.quitting.is_some(), calling.is_cancelled());
        // Of what is no longer heard any early dialog may be ringing by now: a second telephone must not.
        let is_ringing = !calling.forks.is_empty();
        if let Some(datagrams) = calling.targets.datagrams() {
            self.layer.avoid_tcp(now, datagrams.address);
        }
        if !is_quitting && !is_ringing && self.call_next(now, key, Targets::next_reachable) {
            self.layer.counters.failovers += 1;
            return;
        }
        let cause = if cancelled && !severed.heard { Cause::Abandoned } else { Cause::Transport };
        self.fail_silently(now, key, cause, cancelled);
    }

    /// An INVITE of ours rings for longer than timer C: it is given up. A re-INVITE is as well.
    pub(crate) fn invite_stalled(&mut self, now: Instant, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if let (Phase::Calling(calling), true) = (&mut usage.phase, usage.invite == Some(transaction)) {
            calling.quitting.get_or_insert(Quitting::Stalled);
        }
        self.layer.cancel(now, transaction, None);
    }

    /// An INVITE without an offer got one in a reliable response, which its PRACK would have to answer (RFC 3262 §5). Nobody here
    /// is asked for such an answer: the call is given up.
    pub(super) fn refuse_early_offer(&mut self, now: Instant, key: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let (Phase::Calling(calling), Some(transaction)) = (&mut usage.phase, usage.invite) else { return };
        calling.quitting.get_or_insert(Quitting::Unanswerable);
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
            return self.fail(now, key, Failure::silent(Cause::Abandoned, true));
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
