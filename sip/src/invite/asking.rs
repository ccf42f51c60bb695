//! Our requests within a call's dialogs, but for the BYE: PRACK, UPDATE and re-INVITE (RFC 3262, RFC 3311, RFC 3261 §14.1). Each is
//! sent until something final comes; challenges are answered. What a final response means to the session is told elsewhere.

use std::time::Instant;

use bytes::Bytes;

use super::reliable::Rack;
use super::{Phase, Usage, extensions, finish, session_timer, with_headers};
use crate::arena::Key;
use crate::config::Body;
use crate::dialog::Dialog;
use crate::digest::{Challenged, Signed};
use crate::message::{Message, Method, Name};
use crate::path::Path;
use crate::transaction::{Outgoing, Owner, Passed};
use crate::user_agent::UserAgent;

/// A request of ours within a dialog.
pub(crate) struct Asked {
    transaction: Key,
    kind: Kind,
    dialog: Dialog,
    body: Option<Body>,
    /// Whether it was sent again already because its connection was lost.
    is_again: bool,
    /// How often it was challenged.
    challenges: u8,
    /// What it was authorized with: the ACK of a re-INVITE bears the same (RFC 3261 §22.1).
    authorizations: Vec<(Name, String)>,
    /// A re-INVITE's ACK, for every time that its 2xx comes again.
    acked: Option<(Path, Bytes)>,
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

    fn asked_by(&self, transaction: Key) -> Option<usize> {
        self.asked.iter().position(|asked| asked.transaction == transaction)
    }
}

impl UserAgent {
    /// Sends a request in a dialog of a usage. Gives whether there was room.
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
        usage.authenticator.begin_request();
        let transaction = Key { index: u32::MAX, generation: 0 };
        let authorizations = Vec::new();
        let (is_again, acked) = (false, None);
        let asked = Asked { transaction, kind, dialog, body, is_again, challenges: 0, authorizations, acked };
        self.send_asked(now, key, asked);
        true
    }

    fn send_asked(&mut self, now: Instant, key: Key, mut asked: Asked) {
        let Self { layer, usages, .. } = self;
        let Some(usage) = usages.get_mut(key) else { return };
        asked.dialog.state.local_cseq = usage.next_cseq();
        let path = asked.dialog.way(layer, usage.tls.as_ref());
        let Asked { kind, dialog, body, .. } = &asked;
        let (method, dialog) = (kind.method(), &dialog.state);
        let (uri, routes) = dialog.routing();
        let authorizations = match &usage.credentials {
            Some(credentials) => {
                let body = body.as_ref().map_or(&b""[..], |body| &body.bytes);
                usage
                    .authenticator
                    .authorizations(credentials, &Signed { method: method.as_str(), uri, body })
            }
            None => Vec::new(),
        };
        let owner = Owner::Invite(key);
        let outgoing = Outgoing { method, uri, path, is_choosy: false, owner, tap: usage.tap };
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
        let Some(transaction) = transaction else { return };
        asked.transaction = transaction;
        asked.authorizations = authorizations;
        usage.asked.push(asked);
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
                let mut asked = usage.asked.remove(at);
                let is_challenge = matches!(response.status(), Some(401 | 407));
                if is_challenge && self.asked_challenged(key, &mut asked, response) {
                    self.send_asked(now, key, asked);
                } else {
                    self.offered(now, key, asked.kind, Some(response));
                }
            }
        }
        true
    }

    /// Takes up a challenge. Gives whether the request may be sent again.
    fn asked_challenged(&mut self, key: Key, asked: &mut Asked, response: &Message) -> bool {
        let cnonce = self.layer.random_word();
        let Some(usage) = self.usages.get_mut(key) else { return false };
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
            return layer.transmit(now, *path, ack.clone(), tap);
        }
        let mut dialog = asked.dialog.clone();
        dialog.heard_by(path);
        dialog.refresh_target(response);
        let path = dialog.way(layer, usage.tls.as_ref());
        let dialog = dialog.state;
        let (uri, routes) = dialog.routing();
        let ack = layer.ack(uri, &path, |writer| {
            with_headers(dialog.write(writer, routes, "ACK"), &asked.authorizations).finish()
        });
        asked.acked = Some((path, ack.clone()));
        layer.transmit(now, path, ack, tap);
        self.offered(now, key, Kind::Reinvite, Some(response));
    }

    /// No response to a request within a dialog.
    pub(crate) fn asked_timed_out(&mut self, now: Instant, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(at) = usage.asked_by(transaction) else { return };
        let asked = usage.asked.remove(at);
        self.offered(now, key, asked.kind, None);
    }

    /// The connection of a request within a dialog is gone. The dialog is not: it is sent once more, by another one.
    pub(crate) fn asked_severed(&mut self, now: Instant, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        let Some(at) = usage.asked_by(transaction) else { return };
        let mut asked = usage.asked.remove(at);
        if std::mem::replace(&mut asked.is_again, true) {
            return self.offered(now, key, asked.kind, None);
        }
        usage.authenticator.begin_request();
        self.send_asked(now, key, asked);
    }

    /// A transaction has absorbed what was to be absorbed: no further 2xx to a re-INVITE is expected.
    pub(crate) fn asked_done(&mut self, key: Key, transaction: Key) {
        let Some(usage) = self.usages.get_mut(key) else { return };
        if let Some(at) = usage.asked_by(transaction) {
            usage.asked.remove(at);
        }
    }
}
