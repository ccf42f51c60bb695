//! Requests that stand for themselves: BYE, OPTIONS, REGISTER, REFER, NOTIFY. Each is sent until something final comes back:
//! challenges are answered, the next address is tried. Knows nothing of INVITE.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::arena::{Arena, Key};
use crate::config::{Body, OptionsRequest};
use crate::dialog::{NextHop, uri_of};
use crate::digest::{Authenticator, Challenged, Credentials, Signed};
use crate::event::{Asker, Cause, DialogState, Event, Failure, RequestId};
use crate::invite::{Hangup, Phase, Usage, finish, loose_route, with_headers};
use crate::message::{Message, Method, Name};
use crate::path::{Path, Protocol, Target};
use crate::reason::Reason;
use crate::targets::{Attempt, Targets};
use crate::tls::ClientTls;
use crate::transaction::{Length, Outgoing, Owner, Passed, Way};
use crate::transport_error::TransportError;
use crate::user_agent::UserAgent;

/// One request, and what is needed to send it again.
pub(crate) struct Request {
    pub method: Method,
    pub purpose: Purpose,
    /// The dialog it stands in; that of an OPTIONS is not one yet, and has no remote tag.
    pub dialog: DialogState,
    pub reason: Option<Reason>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    pub body: Option<Body>,
    /// The user part of its Contact, where it is not the user agent's.
    pub contact_user: Option<String>,
    /// The Contact URI it bore when it was sent last.
    pub contact: String,
    /// The usage in whose dialog it stands, which gives it its CSeq.
    pub within: Option<Key>,
    pub credentials: Option<Arc<Credentials>>,
    /// How to speak TLS to where it goes.
    pub tls: Option<Arc<ClientTls>>,
    pub authenticator: Authenticator,
    /// Targets left to try.
    pub targets: Targets,
    /// The way the last message of its dialog came.
    pub last: Option<Path>,
    /// The way it went last; none while its host is being resolved.
    pub way: Option<Way>,
    /// Why it could not be sent, the last time it could not.
    pub transport: Option<TransportError>,
    pub transaction: Option<Key>,
    /// Whether it was sent again already because its connection was lost.
    pub is_again: bool,
    pub tap: Option<u64>,
}

/// Who asked for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// The owner of the user agent, who waits for a `Reply`.
    Owner { token: u64 },
    /// An INVITE usage that ends with it.
    Hangup(Key),
    /// A registration.
    Registration(Key),
    /// A usage that asks the far end to call somebody else.
    Refer(Key),
    /// A usage that tells how a transfer goes.
    Notify(Key),
    /// Nobody waits: a fork or a lost dialog is ended for the far end's sake.
    Nobody,
}

/// How a request came to its end.
pub(crate) enum Outcome<'a> {
    /// By a final response that we cannot do more about.
    Response(&'a Message),
    /// Without one.
    Silence(Cause),
}

impl Outcome<'_> {
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Response(response) => response.status(),
            Self::Silence(_) => None,
        }
    }

    pub fn is_success(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// What to tell of it; `None` of a success.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Response(_) if self.is_success() => None,
            Self::Response(response) => {
                let is_challenge = matches!(response.status(), Some(401 | 407));
                let cause = if is_challenge { Cause::Unauthorized } else { Cause::Response };
                Some(Failure::from_response(response, cause, false))
            }
            Self::Silence(cause) => Some(Failure::silent(*cause, false)),
        }
    }
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
            protocol: Protocol::Udp,
            tls_host: None,
        };
        let mut options = Self::new(Method::Options, dialog, Purpose::Owner { token: request.token });
        options.credentials = request.credentials;
        options.tls = request.tls;
        options
    }

    pub fn new(method: Method, dialog: DialogState, purpose: Purpose) -> Self {
        Self {
            method,
            purpose,
            dialog,
            reason: None,
            headers: Vec::new(),
            body: None,
            contact_user: None,
            contact: String::new(),
            within: None,
            credentials: None,
            tls: None,
            authenticator: Authenticator::new(),
            targets: Targets::none(),
            last: None,
            way: None,
            transport: None,
            transaction: None,
            is_again: false,
            tap: None,
        }
    }
}

impl UserAgent {
    /// Finds where a request within a dialog goes.
    pub(crate) fn locate_in_dialog(&mut self, now: Instant, key: Key) {
        let Some(request) = self.requests.get_mut(key) else { return };
        let usual = request.last.map_or(request.dialog.protocol, |last| last.protocol);
        request.targets = Targets::none().or_by(request.last);
        match request.dialog.next_hop(usual) {
            NextHop::Last => self.request_targets(now, key, Vec::new()),
            NextHop::At(target, may_grow) => {
                request.targets.may_grow(may_grow);
                self.request_targets(now, key, vec![target]);
            }
            NextHop::Named(hop) => {
                request.targets.may_grow(hop.protocol.is_none());
                self.inquire(Asker::Request(key), hop);
            }
        }
    }

    /// The targets of a request are known: tries the first.
    pub(crate) fn request_targets(&mut self, now: Instant, key: Key, targets: Vec<Target>) {
        let Some(request) = self.requests.get_mut(key) else { return };
        if request.way.is_some() {
            return;
        }
        let cause = if targets.is_empty() { Cause::Unresolved } else { Cause::Transport };
        request.targets.found(targets);
        if !self.request_next(now, key, Targets::next_reachable) {
            self.conclude(now, key, &Outcome::Silence(cause));
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
            Some(503) if self.request_next(now, key, Targets::next) => self.layer.counters.failovers += 1,
            _ => self.conclude(now, key, &Outcome::Response(response)),
        }
    }

    /// No response to a request.
    pub(crate) fn request_timed_out(&mut self, now: Instant, key: Key, from: Key) {
        let Some(request) = self.requests.get(key) else { return };
        if request.transaction != Some(from) {
            return;
        }
        if let Some(datagrams) = request.targets.datagrams() {
            self.layer.avoid_tcp(now, datagrams.address);
        }
        match self.request_next(now, key, Targets::next_after_silence) {
            true => self.layer.counters.failovers += 1,
            false => self.conclude(now, key, &Outcome::Silence(Cause::Timeout)),
        }
    }

    /// The connection of a request is gone, or could not be made.
    pub(crate) fn request_severed(&mut self, now: Instant, key: Key, from: Key, error: &TransportError) {
        let Some(request) = self.requests.get_mut(key) else { return };
        if request.transaction != Some(from) {
            return;
        }
        request.transport = Some(error.clone());
        // A dialog is not lost with its connection.
        let is_within = !request.dialog.remote_tag.is_empty();
        let again = request.way.filter(|way| is_within && way.path.may_stand_again(error));
        if let Some(way) = again
            && !std::mem::replace(&mut request.is_again, true)
            && self.renumber(key)
        {
            return self.send_request_by(now, key, way);
        }
        let datagrams = self.requests.get(key).and_then(|request| request.targets.datagrams());
        if let Some(datagrams) = datagrams {
            self.layer.avoid_tcp(now, datagrams.address);
        }
        match self.request_next(now, key, Targets::next_reachable) {
            true => self.layer.counters.failovers += 1,
            false => self.conclude(now, key, &Outcome::Silence(Cause::Transport)),
        }
    }

    /// Sends a request to the next target that we can reach. Gives whether there was one.
    fn request_next(&mut self, now: Instant, key: Key, next: fn(&mut Targets) -> Option<Attempt>) -> bool {
        loop {
            let Self { layer, requests, .. } = self;
            let Some(request) = requests.get_mut(key) else { return false };
            let Some(attempt) = next(&mut request.targets) else { return false };
            if request.way.is_some_and(|way| attempt == Attempt::By(way.path)) {
                continue;
            }
            let (hop, tls) = (request.dialog.hop(), request.tls.as_ref());
            let Some(way) = layer.way(now, attempt, hop, tls, request.last) else {
                request.transport = Some(TransportError::NoLocal);
                continue;
            };
            // Another server may challenge anew.
            request.authenticator.begin_request();
            self.send_request_by(now, key, way);
            return true;
        }
    }

    fn send_request_by(&mut self, now: Instant, key: Key, way: Way) {
        let Some(request) = self.requests.get_mut(key) else { return };
        request.way = Some(way);
        let length = way.length(&request.targets);
        if self.send_request(now, key, way.path, length) {
            return;
        }
        // Too long for a datagram.
        let (Some(path), Some(request)) = (way.grown, self.requests.get_mut(key)) else { return };
        request.targets.grew(Target::udp(way.path.remote));
        request.way = Some(Way { path, grown: None });
        self.send_request(now, key, path, Length::Grown);
    }

    /// Answers a challenge, if we can.
    fn request_challenged(&mut self, now: Instant, key: Key, response: &Message) -> bool {
        let cnonce = self.layer.random_word();
        let Some(request) = self.requests.get_mut(key) else { return false };
        let (Some(way), Some(credentials)) = (request.way, &request.credentials) else { return false };
        if request.authenticator.handle_response(credentials, response, &cnonce) != Challenged::Retry {
            return false;
        }
        if !self.renumber(key) {
            return false;
        }
        self.layer.counters.challenges_answered += 1;
        self.send_request_by(now, key, way);
        true
    }

    /// Gives a request its next CSeq. Gives whether it may still be sent.
    fn renumber(&mut self, key: Key) -> bool {
        let Some(request) = self.requests.get_mut(key) else { return false };
        let cseq = match request.within {
            // Other requests may have left in the dialog meanwhile (§12.2.1.1).
            Some(usage) => next_cseq(&mut self.usages, usage),
            None => Some(request.dialog.local_cseq.saturating_add(1)),
        };
        let Some(cseq) = cseq else { return false };
        request.dialog.local_cseq = cseq;
        if let Purpose::Refer(usage) = request.purpose {
            self.refer_renumbered(usage, cseq);
        }
        true
    }

    /// Gives whether it was sent: what must be short is not if it is too long for a datagram.
    fn send_request(&mut self, now: Instant, key: Key, path: Path, length: Length) -> bool {
        let Self { layer, requests, .. } = self;
        let Some(request) = requests.get_mut(key) else { return true };
        let Request { method, dialog, reason, headers, body, credentials, authenticator, .. } = request;
        let (uri, routes) = dialog.routing();
        let authorizations = match credentials {
            Some(credentials) => {
                let body = body.as_ref().map_or(&b""[..], |body| &body.bytes);
                let signed = Signed { method: method.as_str(), uri, body };
                authenticator.authorizations(credentials, &signed)
            }
            None => Vec::new(),
        };
        let outgoing =
            Outgoing { method: *method, uri, path, length, owner: Owner::Request(key), tap: request.tap };
        let mut contact = String::new();
        let contact_user = request.contact_user.as_deref();
        let transaction = layer.send(now, &outgoing, |writer, identity| {
            contact = contact_of(identity.contact, contact_user);
            let mut writer =
                dialog.write(writer, routes, method.as_str()).header(Name::UserAgent, identity.user_agent);
            match method {
                Method::Options => {
                    writer = writer
                        .header(Name::Contact, format_args!("<{contact}>"))
                        .header(Name::Accept, "application/sdp");
                }
                Method::Refer | Method::Notify | Method::Register => {
                    writer = writer.header(Name::Contact, format_args!("<{contact}>"));
                }
                _ => {}
            }
            if let Some(reason) = reason {
                writer = writer.header(Name::Reason, reason);
            }
            finish(with_headers(with_headers(writer, &authorizations), headers), body.as_ref())
        });
        if transaction.is_some() {
            request.contact = contact;
            request.transaction = transaction;
        } else {
            request.authenticator.take_back();
        }
        transaction.is_some()
    }

    /// A request is over: tells who waits for it.
    fn conclude(&mut self, now: Instant, key: Key, outcome: &Outcome<'_>) {
        let Some(mut request) = self.requests.remove(key) else { return };
        if let (Outcome::Response(response), true) = (outcome, outcome.is_success()) {
            request.authenticator.handle_success(response);
        }
        if let Some(usage) = request.within.and_then(|usage| self.usages.get_mut(usage)) {
            usage.authenticator.learn(std::mem::take(&mut request.authenticator));
        }
        let status = outcome.status();
        match request.purpose {
            Purpose::Owner { token } => {
                let response = match outcome {
                    Outcome::Response(response) => Some(Box::new((*response).clone())),
                    Outcome::Silence(_) => None,
                };
                let transport = request.transport;
                let told = |failure| Box::new(Failure { transport: transport.clone(), ..failure });
                self.layer.events.push_back(Event::Reply {
                    request: RequestId(key),
                    token,
                    status,
                    failure: outcome.failure().map(told),
                    transport,
                    response,
                });
            }
            Purpose::Hangup(usage) => self.hung_up(now, usage, status),
            Purpose::Registration(registration) => {
                self.registration_concluded(now, registration, request, outcome);
            }
            Purpose::Refer(usage) => self.refer_concluded(now, usage, outcome),
            Purpose::Notify(usage) => self.notify_concluded(usage, status),
            Purpose::Nobody => {}
        }
    }
}

/// The next CSeq of a call's dialogs; none once it has said BYE or is over.
pub(crate) fn next_cseq(usages: &mut Arena<Usage>, usage: Key) -> Option<u32> {
    let usage = usages.get_mut(usage)?;
    match &usage.phase {
        Phase::Talking(talking) if !matches!(talking.hangup, Hangup::Sent) => Some(usage.next_cseq()),
        _ => None,
    }
}

/// The URI of our Contact, with another user part where one is asked for.
fn contact_of(contact: &str, user: Option<&str>) -> String {
    let uri = uri_of(contact);
    let Some(user) = user else { return uri.to_owned() };
    let (scheme, rest) = uri.split_once(':').unwrap_or(("sip", uri));
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}:{user}@{host}")
}
