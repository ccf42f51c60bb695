//! The door: every message that comes in is read, told apart, and led to whom it is for, or refused (RFC 3261 §8.2).

use std::time::Instant;

use bytes::Bytes;

use super::UserAgent;
use crate::arena::Key;
use crate::digest::Guard;
use crate::event::Direction;
use crate::invite::{Phase, Usage};
use crate::message::{Message, Method, Name, ParseError, Uri};
use crate::path::{Flow, Path};
use crate::transaction::{Arrival, Minted, Owner, Passed, Received};

impl UserAgent {
    pub(super) fn receive(&mut self, now: Instant, path: Path, raw: Bytes) {
        self.layer.counters.messages_in += 1;
        let message = match Message::parse(raw) {
            Ok(message) => message,
            Err(ParseError::KeepAlive) => {
                self.layer.counters.keepalives += 1;
                return;
            }
            Err(_) => {
                self.layer.counters.malformed += 1;
                return;
            }
        };
        match message.is_request() {
            true => self.receive_request(now, path, &message),
            false => self.receive_response(now, path, &message),
        }
    }

    fn receive_response(&mut self, now: Instant, path: Path, response: &Message) {
        if response.defect().is_some() {
            self.layer.counters.malformed += 1;
            return;
        }
        match self.layer.receive_response(now, response) {
            Received::Passed(owner, from, passed) => {
                self.pass_response(now, path, owner, from, passed, response)
            }
            Received::Absorbed => {}
            Received::Stray => self.receive_stray(now, path, response),
        }
    }

    fn pass_response(
        &mut self,
        now: Instant,
        path: Path,
        owner: Owner,
        from: Key,
        passed: Passed,
        response: &Message,
    ) {
        match (owner, passed) {
            (Owner::Invite(key), passed) if self.hear_reply(now, key, from, passed, path, response) => {}
            (Owner::Invite(key), Passed::Provisional) => self.invite_progress(now, key, path, response),
            (Owner::Invite(key), Passed::Answer) => self.invite_answered(now, key, path, response),
            (Owner::Invite(key), Passed::Final) => self.invite_refused(now, key, from, response),
            (Owner::Request(key), passed) => self.request_response(now, key, from, passed, response),
            (Owner::Nobody, _) => {}
        }
    }

    /// A response without a transaction. A 2xx to an INVITE of ours is ACKed as long as its dialog lives.
    fn receive_stray(&mut self, now: Instant, path: Path, response: &Message) {
        let is_answer = response.status().is_some_and(|status| (200..300).contains(&status))
            && response.cseq().1 == Method::Invite;
        let tag = response.from().and_then(|from| from.tag()).and_then(Minted::parse);
        let usage =
            tag.and_then(|tag| Some((tag.key, self.usages.get(tag.key).filter(|usage| usage.tag == tag)?)));
        match usage {
            Some((key, Usage { phase: Phase::Talking(talking), acked: Some(_), .. }))
                if is_answer && talking.dialog.state.call_id == response.call_id() =>
            {
                self.layer.trace(now, Direction::In, response.as_bytes(), self.tap_of(key));
                self.invite_answered(now, key, path, response);
            }
            _ => self.layer.counters.stray_responses += 1,
        }
    }

    fn receive_request(&mut self, now: Instant, path: Path, request: &Message) {
        let method = request.method().unwrap_or(Method::Other);
        if let Some(defect) = request.defect() {
            self.layer.counters.malformed += 1;
            // An ACK is never answered, and a stranger gets no answer to garbage.
            if method != Method::Ack && self.is_trusted(&path) {
                self.refuse_defect(now, path, request, defect);
            }
            return;
        }
        match self.layer.receive_request(now, request) {
            Arrival::Absorbed => {}
            Arrival::Cancel { invite, usage } => self.hear_cancel(now, path, invite, usage, request),
            arrival => match self.find_dialog(request) {
                // It cancels nothing we know of (§9.2), whatever dialog it names.
                Found::Usage(_) if method == Method::Cancel => self.refuse(now, path, request, 481, &[]),
                Found::Usage(key) => {
                    self.layer.trace(now, Direction::In, request.as_bytes(), self.tap_of(key));
                    match method {
                        Method::Ack => self.hear_ack(now, key, request),
                        _ => self.lead(now, key, path, request),
                    }
                }
                _ if method == Method::Ack => self.layer.counters.stray_acks += 1,
                _ if !self.is_trusted(&path) => self.layer.counters.strangers += 1,
                Found::Nobody => self.refuse(now, path, request, 481, &[]),
                Found::New if arrival == Arrival::Merged => {
                    self.layer.counters.merged += 1;
                    self.refuse(now, path, request, 482, &[]);
                }
                Found::New => self.receive_new(now, path, request, method),
            },
        }
    }

    /// Whether a new request is heard that came by this way. Who is at the other end of a connection we opened, we have chosen.
    fn is_trusted(&self, path: &Path) -> bool {
        matches!(path.flow, Flow::Opened(_)) || self.layer.config.trust.admits(path.remote.ip())
    }

    /// The realm in which whoever sends a new request by this way must prove who he is; none if he need not.
    fn doubts(&self, path: &Path) -> Option<&str> {
        let doubts = self.layer.config.trust.doubts(path.remote.ip());
        doubts.filter(|_| !matches!(path.flow, Flow::Opened(_)))
    }

    /// Asks a stranger for credentials, once, and remembers nothing of it: what answers a forged address is sent there once at most
    /// (§26.3.2.4).
    fn challenge_statelessly(&mut self, now: Instant, path: Path, request: &Message, realm: &str) {
        let challenges = self.guard.challenges(now, realm, false);
        let headers: Vec<(Name, &str)> =
            challenges.iter().map(|challenge| (Name::WwwAuthenticate, challenge.as_str())).collect();
        self.refuse(now, path, request, 401, &headers);
    }

    /// A request within a dialog, found by our tag and the far end's.
    fn lead(&mut self, now: Instant, key: Key, path: Path, request: &Message) {
        if self.refuse_required(now, path, request) {
            return;
        }
        let Some(usage) = self.usages.get(key) else { return };
        match usage.phase {
            Phase::Talking(_) => self.handle_in_dialog(now, key, path, request),
            Phase::Ringing(_) => self.handle_early(now, key, path, request),
            Phase::Calling(_) => self.handle_answering(now, key, path, request),
            Phase::Over => self.refuse(now, path, request, 481, &[]),
        }
    }

    /// A request outside any dialog (§8.2).
    fn receive_new(&mut self, now: Instant, path: Path, request: &Message, method: Method) {
        match method {
            Method::Invite | Method::Options | Method::Message | Method::Notify | Method::Subscribe => {}
            // What only makes sense within a dialog, or for a transaction that is not there.
            Method::Bye | Method::Cancel | Method::Info | Method::Update | Method::Prack => {
                return self.refuse(now, path, request, 481, &[]);
            }
            method => return self.refuse_method(now, path, request, method),
        }
        match request.request_uri().and_then(Uri::parse) {
            None => return self.refuse(now, path, request, 400, &[]),
            Some(uri) if !uri.is_sip() && !uri.scheme.eq_ignore_ascii_case("tel") => {
                return self.refuse(now, path, request, 416, &[]);
            }
            Some(_) => {}
        }
        if self.refuse_required(now, path, request) {
            return;
        }
        let doubts = self.doubts(&path).map(str::to_owned);
        if let Some(realm) = &doubts {
            match method {
                Method::Invite if !Guard::is_answered(realm, request) => {
                    return self.challenge_statelessly(now, path, request, realm);
                }
                // Nobody here is asked whose text it is.
                Method::Message => return self.refuse(now, path, request, 403, &[]),
                _ => {}
            }
        }
        match method {
            Method::Options => self.reply_options(now, path, request),
            Method::Message => self.hear_message(now, path, request, None),
            Method::Notify => self.hear_notify_outside(now, path, request),
            Method::Subscribe => self.refuse_event(now, path, request),
            _ => self.hear_invite(now, path, request, doubts.is_some()),
        }
    }

    pub(super) fn tap_of(&self, key: Key) -> Option<u64> {
        self.usages.get(key).and_then(|usage| usage.tap)
    }

    /// Whose dialog a request is in.
    pub(super) fn find_dialog(&self, request: &Message) -> Found {
        let Some(tag) = request.to().and_then(|to| to.tag()) else { return Found::New };
        let Some(minted) = Minted::parse(tag) else { return Found::Nobody };
        let Some(usage) = self.usages.get(minted.key).filter(|usage| usage.tag == minted) else {
            return Found::Nobody;
        };
        let is_ours = match &usage.phase {
            Phase::Talking(talking) => talking.dialog.matches(request),
            Phase::Calling(calling) => calling.call_id == request.call_id(),
            Phase::Ringing(ringing) => ringing.dialog.matches(request),
            Phase::Over => false,
        };
        if is_ours { Found::Usage(minted.key) } else { Found::Nobody }
    }
}

/// Where a request belongs.
pub(super) enum Found {
    /// In the dialog of this usage.
    Usage(Key),
    /// In a dialog we do not have.
    Nobody,
    /// In no dialog.
    New,
}
