//! Our requests within a call's dialogs, but for the BYE: PRACK, UPDATE and re-INVITE (RFC 3262, RFC 3311, RFC 3261 §14.1). Each is
//! sent until something final comes: challenges are answered, the next address is tried. What a final response means to the session is told elsewhere.

use std::time::Instant;

use bytes::Bytes;

use super::reliable::Rack;
use super::{Hangup, Phase, Usage, extensions, finish, session_timer, with_headers};
use crate::arena::Key;
use crate::config::Body;
use crate::dialog::{Dialog, NextHop};
use crate::digest::{Challenged, Signed};
use crate::event::Asker;
use crate::message::{Message, Method, Name};
use crate::path::{Path, Target};
use crate::targets::{Attempt, Targets};
use crate::transaction::{Length, Outgoing, Owner, Passed, Way};
use crate::transport_error::TransportError;
use crate::user_agent::UserAgent;

/// A request of ours within a dialog.
pub(crate) struct Asked {
    /// What its question for targets is known by.
    number: u32,
    kind: Kind,
    dialog: Dialog,
    body: Option<Body>,
    /// Targets left to try.
    targets: Targets,
    /// The way it went last; none while its host is being resolved.
    way: Option<Way>,
    transaction: Option<Key>,
    /// Whether it was sent again already because its connection was lost.
    is_again: bool,
    /// How often it was challenged.
    challenges: u8,
    /// What it was authorized with: the ACK of a re-INVITE bears the same (RFC 3261 §22.1).
    authorizations: Vec<(Name, String)>,
    /// A re-INVITE's ACK, for every time that its 2xx comes again, and the way it goes; none while its next hop is being resolved.
    acked: Option<(Option<Path>, Bytes)>,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Prack(Rack),
    Update,
    Reinvite,
}

impl Kind {
    fn method(self) -> Method {
        match self {
            Self::Prack(_) => Method::Prack,
            Self::Update => Method::Update,
            Self::Reinvite => Method::Invite,
        }
    }
}

/// More requests than this in the dialogs of one call are not begun: each early dialog may want PRACKs.
const ASKED_MAX: usize = 32;
/// How often one request is sent anew with credentials: a proxy and a server behind it, and each a stale nonce.
const CHALLENGES_MAX: u8 = 4;

impl Usage {
    /// Whether an offer of ours, or a refresh, waits for its final response.
    pub fn is_offering(&self) -> bool {
        self.asked.iter().any(|asked| !matches!(asked.kind, Kind::Prack(_)) && asked.acked.is_none())
    }

    /// Whether a 2xx to a re-INVITE of ours may come, or come again.
    pub fn awaits_answer_of_reinvite(&self) -> bool {
        self.asked.iter().any(|asked| asked.kind == Kind::Reinvite)
    }

    /// Forgets what was offered in other dialogs than this one. Gives whether there was something.
    pub fn forget_offers_elsewhere(&mut self, tag: &str) -> bool {
        let before = self.asked.len();
        self.asked
            .retain(|asked| matches!(asked.kind, Kind::Prack(_)) || asked.dialog.state.remote_tag == tag);
        self.asked.len() < before
    }

    /// Forgets what has not left yet.
    pub fn forget_unsent(&mut self) {
        self.asked.retain(|asked| asked.way.is_some());
    }

    /// Whether a request may still be sent: what the far end has been told is over is not asked about any more.
    fn wants(&self, kind: Kind) -> bool {
        match (kind, &self.phase) {
            (Kind::Prack(_), Phase::Calling(_)) => true,
            (Kind::Prack(_), Phase::Talking(talking)) => !matches!(talking.hangup, Hangup::Sent),
            (Kind::Prack(_), Phase::Ringing(_) | Phase::Over) => false,
            (Kind::Update | Kind::Reinvite, _) => self.may_offer(),
        }
    }

    fn asked_by(&self, transaction: Key) -> Option<usize> {
        self.asked.iter().position(|asked| asked.transaction == Some(transaction))
    }

    fn take_asked(&mut self, transaction: Key) -> Option<Asked> {
        let at = self.asked_by(transaction)?;
        Some(self.asked.remove(at))
    }
}

impl UserAgent {
    /// Sends a request in a dialog of a usage, once it is known where to. Gives whether there was room.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        key: Key,
        kind: Kind,
        dialog: Dialog,
        body: Option<Body>,
    ) -> bool {
        let Some(usage) = self.usages.get_mut(key) else { return false };
        if usage.asked.len() >= ASKED_MAX {
            self.layer.counters.overloaded += 1;
            return false;
        }
        usage.asked_count = usage.asked_count.wrapping_add(1);
        let number = usage.asked_count;
        let mut targets = Targets::none().or_by(Some(dialog.path));
        let next_hop = dialog.state.next_hop(dialog.path.protocol);
        if let NextHop::At(_, may_grow) = next_hop {
            targets.may_grow(may_grow);
        }
        let found = match next_hop {
            NextHop::Last => Ok(Vec::new()),
            NextHop::At(target, _) => Ok(vec![target]),
            NextHop::Named(hop) => {
                targets.may_grow(hop.protocol.is_none());
                Err(hop)
            }
        };
        usage.asked.push(Asked {
            number,
            kind,
            dialog,
            body,
            targets,
            way: None,
            transaction: None,
            is_again: false,
            challenges: 0,
            authorizations: Vec::new(),
            acked: None,
        });
        match found {
            Ok(targets) => self.asked_targets(now, key, number, targets),
            Err(hop) => self.inquire(Asker::Asked(key, number), hop),
        }
        true
    }

    /// The targets of a request within a dialog are known, or those of its ACK.
    pub(crate) fn asked_targets(&mut self, now: Instant, key: Key, number: u32, targets: Vec<Target>) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(at) = usage.asked.iter().position(|asked| asked.number == number) else { return };
        if usage.asked[at].acked.is_some() {
            return self.reinvite_ack_targets(now, key, at, &targets);
        }
        if usage.asked[at].way.is_some() {
            return;
        }
        let mut asked = usage.asked.remove(at);
        asked.targets.found(targets);
        if let Some(asked) = self.asked_next(now, key, asked, Targets::next_reachable) {
            self.offered(now, key, asked.kind, None);
        }
    }

    /// Sends a request to the next target that we can reach. Gives it back if there is none, or if nobody wants it any more.
    fn asked_next(
        &mut self,
        now: Instant,
        key: Key,
        mut asked: Asked,
        next: fn(&mut Targets) -> Option<Attempt>,
    ) -> Option<Asked> {
        loop {
            let Self { layer, usages, .. } = self;
            let Some(usage) = usages.get_mut(key).filter(|usage| usage.wants(asked.kind)) else {
                return Some(asked);
            };
            let Some(attempt) = next(&mut asked.targets) else { return Some(asked) };
            if asked.way.is_some_and(|way| attempt == Attempt::By(way.path)) {
                continue;
            }
            let (hop, tls) = (asked.dialog.state.hop(), usage.tls.as_ref());
            let Some(way) = layer.way(now, attempt, hop, tls, Some(asked.dialog.path)) else { continue };
            // Another server may challenge anew.
            usage.authenticator.begin_request();
            self.send_asked_by(now, key, asked, way);
            return None;
        }
    }

    fn send_asked_by(&mut self, now: Instant, key: Key, mut asked: Asked, way: Way) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        asked.dialog.state.local_cseq = usage.next_cseq();
        asked.way = Some(way);
        let length = way.length(&asked.targets);
        if !self.send_asked(now, key, &mut asked, way.path, length)
            && let Some(path) = way.grown
        {
            // Too long for a datagram.
            asked.targets.grew(Target::udp(way.path.remote));
            asked.way = Some(Way { path, grown: None });
            self.send_asked(now, key, &mut asked, path, Length::Grown);
        }
        asked.dialog.reached = asked.way.map(|way| way.path);
        if let Some(usage) = self.usages.get_mut(key) {
            usage.asked.push(asked);
        }
    }

    /// Gives whether it was sent: what must be short is not if it is too long for a datagram.
    fn send_asked(&mut self, now: Instant, key: Key, asked: &mut Asked, path: Path, length: Length) -> bool {
        let Self { layer, usages, .. } = self;
        let Some(usage) = usages.get_mut(key) else { return true };
        let Asked { kind, dialog, body, .. } = &*asked;
        let (method, dialog) = (kind.method(), &dialog.state);
        let (uri, routes) = dialog.routing();
        let authorizations = match &usage.credentials {
            Some(credentials) => {
                let body = body.as_ref().map_or(&b""[..], |body| &body.bytes);
                let signed = Signed { method: method.as_str(), uri, body };
                usage.authenticator.authorizations(credentials, &signed)
            }
            None => Vec::new(),
        };
        let owner = Owner::Invite(key);
        let outgoing = Outgoing { method, uri, path, length, owner, tap: usage.tap };
        // A session timer begins with the 2xx to the INVITE (RFC 4028 §7.1).
        let is_answered = matches!(usage.phase, Phase::Talking(_));
        let (wish, current) =
            (usage.wish.filter(|_| is_answered), usage.session.map(|session| session.terms));
        let transaction = layer.send(now, &outgoing, |writer, identity| {
            let mut writer =
                dialog.write(writer, routes, method.as_str()).header(Name::UserAgent, identity.user_agent);
            writer = match kind {
                Kind::Prack(Rack { rseq, cseq }) => {
                    writer.header(Name::RAck, format_args!("{rseq} {cseq} INVITE"))
                }
                Kind::Update | Kind::Reinvite => {
                    let writer = extensions::write(writer.header(Name::Contact, identity.contact));
                    session_timer::write_request(writer, wish.as_ref(), current)
                }
            };
            finish(with_headers(writer, &authorizations), body.as_ref())
        });
        if transaction.is_some() {
            asked.transaction = transaction;
            asked.authorizations = authorizations;
        } else {
            usage.authenticator.take_back();
        }
        transaction.is_some()
    }

    /// A response to a request within a dialog. Gives whether it was one.
    pub(crate) fn hear_reply(
        &mut self,
        now: Instant,
        key: Key,
        from: Key,
        passed: Passed,
        path: Path,
        response: &Message,
    ) -> bool {
        let Some(usage) = self.usages.get_mut(key) else { return false };
        let Some(at) = usage.asked_by(from) else { return false };
        match passed {
            Passed::Provisional => {}
            Passed::Answer => self.reinvite_answered(now, key, at, path, response),
            Passed::Final => {
                let asked = usage.asked.remove(at);
                self.asked_refused(now, key, asked, response);
            }
        }
        true
    }

    /// A final response to a request within a dialog; a 2xx too, if it is not a re-INVITE's.
    fn asked_refused(&mut self, now: Instant, key: Key, mut asked: Asked, response: &Message) {
        match response.status() {
            Some(401 | 407) if self.asked_challenged(key, &mut asked, response) => {
                if let Some(way) = asked.way {
                    self.send_asked_by(now, key, asked, way);
                }
            }
            // RFC 3263 §4.3: the next address is another server.
            Some(503) => match self.asked_next(now, key, asked, Targets::next) {
                None => self.layer.counters.failovers += 1,
                Some(asked) => self.offered(now, key, asked.kind, Some(response)),
            },
            _ => self.offered(now, key, asked.kind, Some(response)),
        }
    }

    /// Takes up a challenge. Gives whether the request may be sent again.
    fn asked_challenged(&mut self, key: Key, asked: &mut Asked, response: &Message) -> bool {
        let cnonce = self.layer.random_word();
        let usage = self.usages.get_mut(key).filter(|usage| usage.wants(asked.kind));
        let Some(usage) = usage else { return false };
        let Some(credentials) = &usage.credentials else { return false };
        asked.challenges += 1;
        if asked.challenges > CHALLENGES_MAX
            || usage.authenticator.handle_response(credentials, response, &cnonce) != Challenged::Retry
        {
            return false;
        }
        self.layer.counters.challenges_answered += 1;
        true
    }

    /// A 2xx to a re-INVITE: its ACK leaves each time (RFC 3261 §14.1, §13.2.2.4).
    fn reinvite_answered(&mut self, now: Instant, key: Key, at: usize, path: Path, response: &Message) {
        let Self { layer, usages, .. } = self;
        let Some(usage) = usages.get_mut(key) else { return };
        let (tap, asked) = (usage.tap, &mut usage.asked[at]);
        if let Some((path, ack)) = &asked.acked {
            layer.counters.acks_repeated += 1;
            if let Some(path) = *path {
                layer.transmit(now, path, ack.clone(), tap);
            }
            return;
        }
        asked.dialog.heard_by(path);
        asked.dialog.refresh_target(response);
        let next_hop = asked.dialog.state.next_hop(path.protocol);
        let (known, question) = match (asked.dialog.reached, next_hop) {
            // The way that the re-INVITE went: its next hop may have taken no connection.
            (Some(way), _) => (Some(way), None),
            // Its Contact is a new name.
            (None, NextHop::Named(hop)) => (None, Some(hop)),
            (None, _) => (Some(asked.dialog.way(layer, usage.tls.as_ref())), None),
        };
        let dialog = &asked.dialog.state;
        let (uri, routes) = dialog.routing();
        let ack = layer.ack(uri, &known.unwrap_or(path), |writer| {
            with_headers(dialog.write(writer, routes, "ACK"), &asked.authorizations).finish()
        });
        asked.acked = Some((known, ack.clone()));
        let number = asked.number;
        if let Some(path) = known {
            layer.transmit(now, path, ack, tap);
        }
        if let Some(hop) = question {
            self.inquire(Asker::Asked(key, number), hop);
        }
        self.offered(now, key, Kind::Reinvite, Some(response));
    }

    /// Where the ACK of a re-INVITE goes is known; to where its 2xx came from, if nobody knows.
    fn reinvite_ack_targets(&mut self, now: Instant, key: Key, at: usize, targets: &[Target]) {
        let Self { layer, usages, .. } = self;
        let Some(Usage { asked, tls, tap, .. }) = usages.get_mut(key) else { return };
        let Asked { dialog, acked: Some((known @ None, ack)), .. } = &mut asked[at] else { return };
        let (hop, last) = (dialog.state.hop(), dialog.path);
        let found = targets.iter().find_map(|target| layer.path_to(*target, hop, tls.as_ref(), Some(last)));
        let path = found.unwrap_or(last);
        *known = Some(path);
        layer.transmit(now, path, ack.clone(), *tap);
    }

    /// A connection is gone: the ACK of a re-INVITE that went by it goes to where its 2xx came from.
    pub(super) fn sever_reinvite_acks(&mut self, now: Instant, lost: &Path) {
        let Self { layer, usages, .. } = self;
        for Usage { asked, tap, .. } in usages.iter_mut() {
            for Asked { dialog, acked, .. } in asked {
                let Some((Some(path), ack)) = acked else { continue };
                if path.is_same_flow(lost) && !dialog.path.is_same_flow(lost) {
                    *path = dialog.path;
                    layer.transmit(now, *path, ack.clone(), *tap);
                }
            }
        }
    }

    /// No response to a request within a dialog.
    pub(crate) fn asked_timed_out(&mut self, now: Instant, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(asked) = usage.take_asked(transaction) else { return };
        if let Some(datagrams) = asked.targets.datagrams() {
            self.layer.avoid_tcp(now, datagrams.address);
        }
        match self.asked_next(now, key, asked, Targets::next_after_silence) {
            None => self.layer.counters.failovers += 1,
            Some(asked) => self.offered(now, key, asked.kind, None),
        }
    }

    /// The connection of a request within a dialog is gone, or could not be made. The dialog is not: the request is sent once more by
    /// a new one, and where none can be made to the next target.
    pub(crate) fn asked_severed(&mut self, now: Instant, key: Key, transaction: Key, error: &TransportError) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(mut asked) = usage.take_asked(transaction) else { return };
        let again = asked.way.filter(|way| way.path.may_stand_again(error) && usage.wants(asked.kind));
        if let Some(way) = again
            && !std::mem::replace(&mut asked.is_again, true)
        {
            usage.authenticator.begin_request();
            return self.send_asked_by(now, key, asked, way);
        }
        if let Some(datagrams) = asked.targets.datagrams() {
            self.layer.avoid_tcp(now, datagrams.address);
        }
        match self.asked_next(now, key, asked, Targets::next_reachable) {
            None => self.layer.counters.failovers += 1,
            Some(asked) => self.offered(now, key, asked.kind, None),
        }
    }

    /// A transaction has absorbed what was to be absorbed: no further 2xx to a re-INVITE is expected.
    pub(crate) fn asked_done(&mut self, key: Key, transaction: Key) {
        if let Some(usage) = self.usages.get_mut(key) {
            usage.take_asked(transaction);
        }
    }
}
