//! Requests that stand for themselves: a BYE, or OPTIONS. Each is sent until something final comes back: challenges are answered,
//! the next address is tried. Knows nothing of INVITE.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::arena::Key;
use crate::config::OptionsRequest;
use crate::digest::{Authenticator, Challenged, Credentials};
use crate::event::{DialogState, Event, RequestId};
use crate::invite::{loose_route, with_headers};
use crate::message::{Message, Method, Name};
use crate::reason::Reason;
use crate::targets::Targets;
use crate::transaction::{Outgoing, Owner, Passed};
use crate::user_agent::UserAgent;

/// One request, and what is needed to send it again.
pub(crate) struct Request {
    pub method: Method,
    pub purpose: Purpose,
    /// The dialog it stands in; that of an OPTIONS is not one yet, and has no remote tag.
    pub dialog: DialogState,
    pub reason: Option<Reason>,
    pub credentials: Option<Arc<Credentials>>,
    pub authenticator: Authenticator,
    /// Addresses left to try.
    pub targets: Targets,
    /// Where it went last; none while its host is being resolved.
    pub remote: Option<SocketAddr>,
    pub transaction: Option<Key>,
    pub tap: Option<u64>,
}

/// Who asked for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The owner of the user agent, who waits for a `Reply`.
    Owner { token: u64 },
    /// An INVITE usage that ends with it.
    Hangup(Key),
    /// Nobody waits: a fork or a lost dialog is ended for the far end's sake.
    Nobody,
}

impl Request {
    /// OPTIONS outside any dialog.
    pub fn options(request: OptionsRequest, call_id: String, local_tag: String, remote: SocketAddr) -> Self {
        let dialog = DialogState {
            call_id,
            local_tag,
            remote_tag: String::new(),
            local_uri: request.from,
            remote_uri: format!("<{}>", request.uri),
            remote_target: request.uri,
            route_set: request.route.as_deref().map(loose_route).into_iter().collect(),
            local_cseq: 1,
            remote,
        };
        let mut options = Self::new(Method::Options, dialog, Purpose::Owner { token: request.token });
        options.credentials = request.credentials;
        options
    }

    pub fn new(method: Method, dialog: DialogState, purpose: Purpose) -> Self {
        Self {
            method,
            purpose,
            dialog,
            reason: None,
            credentials: None,
            authenticator: Authenticator::new(),
            targets: Targets::new(Vec::new()),
            remote: None,
            transaction: None,
            tap: None,
        }
    }
}

impl UserAgent {
    /// The addresses for a request are known: tries the first.
    pub(crate) fn request_targets(&mut self, now: Instant, key: Key, targets: Targets) {
        let Some(request) = self.requests.get_mut(key) else { return };
        if request.remote.is_some() {
            return;
        }
        request.targets = targets;
        if !self.request_next(now, key) {
            self.conclude(key, None);
        }
    }

    /// A response to a request.
    pub(crate) fn request_response(
        &mut self,
        now: Instant,
        key: Key,
        from: Key,
        passed: Passed,
        response: &Message,
    ) {
        let Some(request) = self.requests.get(key) else { return };
        if request.transaction != Some(from) || passed != Passed::Final {
            return;
        }
        match response.status() {
            Some(401 | 407) if self.request_challenged(now, key, response) => {}
            Some(503) if self.request_next(now, key) => self.layer.counters.failovers += 1,
            status => self.conclude(key, status),
        }
    }

    /// No response to a request.
    pub(crate) fn request_timed_out(&mut self, now: Instant, key: Key, from: Key) {
        let Some(request) = self.requests.get(key) else { return };
        if request.transaction != Some(from) {
            return;
        }
        match self.request_next(now, key) {
            true => self.layer.counters.failovers += 1,
            false => self.conclude(key, None),
        }
    }

    fn request_next(&mut self, now: Instant, key: Key) -> bool {
        let Some(request) = self.requests.get_mut(key) else { return false };
        let Some(remote) = request.targets.next() else { return false };
        request.remote = Some(remote);
        // Another server may challenge anew.
        request.authenticator.begin_request();
        self.send_request(now, key, remote);
        true
    }

    /// Answers a challenge, if we can.
    fn request_challenged(&mut self, now: Instant, key: Key, response: &Message) -> bool {
        let cnonce = self.layer.random_word();
        let Some(request) = self.requests.get_mut(key) else { return false };
        let (Some(remote), Some(_)) = (request.remote, &request.credentials) else { return false };
        if request.authenticator.handle_response(response, &cnonce) != Challenged::Retry {
            return false;
        }
        request.dialog.local_cseq = request.dialog.local_cseq.saturating_add(1);
        self.layer.counters.challenges_answered += 1;
        self.send_request(now, key, remote);
        true
    }

    fn send_request(&mut self, now: Instant, key: Key, remote: SocketAddr) {
        let Self { layer, requests, .. } = self;
        let Some(request) = requests.get_mut(key) else { return };
        let Request { method, dialog, reason, credentials, authenticator, .. } = request;
        let (uri, routes) = dialog.routing();
        let authorizations = match credentials {
            Some(credentials) => authenticator.authorizations(credentials, method.as_str(), uri),
            None => Vec::new(),
        };
        let outgoing =
            Outgoing { method: *method, uri, remote, owner: Owner::Request(key), tap: request.tap };
        let transaction = layer.send(now, &outgoing, |writer, identity| {
            let mut writer =
                dialog.write(writer, routes, method.as_str()).header(Name::UserAgent, identity.user_agent);
            if *method == Method::Options {
                writer =
                    writer.header(Name::Contact, identity.contact).header(Name::Accept, "application/sdp");
            }
            if let Some(reason) = reason {
                writer = writer.header(Name::Reason, reason);
            }
            with_headers(writer, &authorizations).finish()
        });
        request.transaction = Some(transaction);
    }

    /// A request is over: tells who waits for it.
    fn conclude(&mut self, key: Key, status: Option<u16>) {
        let Some(request) = self.requests.remove(key) else { return };
        match request.purpose {
            Purpose::Owner { token } => {
                self.layer.events.push_back(Event::Reply {
                    request: RequestId(key),
                    token,
                    status,
                    transport: None,
                    failure: None,
                    response: None,
                });
            }
            Purpose::Hangup(usage) => self.hung_up(usage, status),
            Purpose::Nobody => {}
        }
    }
}
