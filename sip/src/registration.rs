//! A binding at a registrar (RFC 3261 §10): made, renewed before it ends, found again in what the registrar lists, taken back.
//! Each REGISTER is a `Request`, which sees to challenges and other targets; here it is decided when the next one leaves.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::arena::Key;
use crate::config::Register;
use crate::digest::Authenticator;
use crate::event::{Asker, Cause, DialogState, Event, Failure, RegistrationId};
use crate::invite::loose_route;
use crate::message::{Message, Method, Name, NameAddr, Uri};
use crate::path::{FlowLost, Path, Protocol};
use crate::request::{Outcome, Purpose, Request};
use crate::targets::{Targets, hop};
use crate::timers::TimerId;
use crate::transaction::Minted;
use crate::transport_error::TransportError;
use crate::user_agent::UserAgent;

/// One binding, and what is needed to renew it.
pub(crate) struct Registration {
    order: Register,
    call_id: String,
    tag: String,
    cseq: u32,
    authenticator: Authenticator,
    /// What we ask for: a 423 raises it (§10.2.8).
    expires: Duration,
    /// REGISTERs in a row that came to nothing.
    failures: u32,
    /// 423s in a row.
    too_brief: u8,
    /// Whether the registrar has had a binding of ours.
    is_bound: bool,
    /// How the registrar was reached when it took our binding: over a connection, it calls us back by that.
    path: Option<Path>,
    /// `unregister` was called.
    is_leaving: bool,
    phase: Phase,
}

enum Phase {
    /// A REGISTER is out.
    Asking,
    /// The next one leaves when this fires.
    Waiting(TimerId),
    /// The one that takes the binding back is out.
    Leaving,
}

/// Bindings that one user agent keeps.
pub(crate) const REGISTRATIONS_MAX: usize = 10_000;
/// Longest binding: what is granted beyond is renewed all the same.
const EXPIRES_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A binding that lasts no longer than this is renewed no more often than this.
const RENEWED_AFTER_MIN: Duration = Duration::from_secs(1);
/// RFC 5626 §4.5, base-time where all flows failed.
const RETRY_BASE: Duration = Duration::from_secs(30);
/// RFC 5626 §4.5, max-time.
const RETRY_MAX: Duration = Duration::from_secs(1800);
/// 423s in a row that are obeyed.
const TOO_BRIEF_MAX: u8 = 3;
/// Service-Route values that are kept.
const SERVICE_ROUTES_MAX: usize = 16;

impl UserAgent {
    /// Begins a registration; its order was looked at already.
    pub(crate) fn begin_registration(&mut self, now: Instant, order: Register) -> RegistrationId {
        let call_id = self.layer.random_word();
        let Self { layer, registrations, .. } = self;
        let key = registrations.insert_with(|key| Registration {
            expires: order.expires.min(EXPIRES_MAX),
            order,
            call_id,
            tag: Minted::new(layer.config.shard, key, &mut layer.rng).letters().to_string(),
            cseq: 0,
            authenticator: Authenticator::new(),
            failures: 0,
            too_brief: 0,
            is_bound: false,
            path: None,
            is_leaving: false,
            phase: Phase::Asking,
        });
        self.send_register(now, key);
        RegistrationId(key)
    }

    /// The owner takes the binding back.
    pub(crate) fn end_registration(&mut self, now: Instant, key: Key) {
        let Some(registration) = self.registrations.get_mut(key) else { return };
        registration.is_leaving = true;
        match registration.phase {
            // What it brings decides.
            Phase::Asking | Phase::Leaving => {}
            Phase::Waiting(timer) => {
                self.layer.let_sleep(timer);
                match registration.is_bound {
                    true => self.send_register(now, key),
                    false => self.unregistered(key, None),
                }
            }
        }
    }

    /// Time for the next REGISTER.
    pub(crate) fn registration_due(&mut self, now: Instant, key: Key) {
        if self
            .registrations
            .get(key)
            .is_some_and(|registration| matches!(registration.phase, Phase::Waiting(_)))
        {
            self.send_register(now, key);
        }
    }

    /// Sends the next REGISTER: the same Call-ID, the next CSeq (§10.2.4).
    fn send_register(&mut self, now: Instant, key: Key) {
        let Some(registration) = self.registrations.get_mut(key) else { return };
        let Some(hop) = registration.hop() else {
            return self.registration_failed(now, key, Failure::silent(Cause::Unresolved, false));
        };
        registration.phase = if registration.is_leaving { Phase::Leaving } else { Phase::Asking };
        let mut request = registration.request(key);
        request.targets = Targets::of(&hop);
        let request = self.requests.insert(request);
        self.locate(now, Asker::Request(request), hop);
    }

    /// A REGISTER came to its end.
    pub(crate) fn registration_concluded(
        &mut self,
        now: Instant,
        key: Key,
        request: Request,
        outcome: &Outcome<'_>,
    ) {
        let Some(registration) = self.registrations.get_mut(key) else { return };
        registration.authenticator = request.authenticator;
        registration.authenticator.begin_request();
        registration.cseq = registration.cseq.max(request.dialog.local_cseq);
        if let Phase::Leaving = registration.phase {
            return self.unregistered(key, outcome.status());
        }
        match outcome {
            Outcome::Response(response) if outcome.is_success() => {
                registration.path = request.way.map(|way| way.path);
                self.registered(now, key, response, request.contact);
            }
            Outcome::Response(response) if registration.lengthen(response) => self.send_register(now, key),
            _ => {
                let failure = outcome.failure().unwrap_or_else(|| Failure::silent(Cause::Timeout, false));
                let failure = Failure { transport: request.transport, ..failure };
                self.registration_failed(now, key, failure);
            }
        }
    }

    /// A connection is gone, and with it what came to us by it: those registered over it register anew (RFC 5626 §4.4).
    pub(crate) fn registrations_severed(&mut self, now: Instant, lost: &FlowLost) {
        let is_hit = |registration: &Registration| {
            registration.path == Some(lost.path) && matches!(registration.phase, Phase::Waiting(_))
        };
        for key in self.registrations.keys_where(is_hit) {
            let Some(registration) = self.registrations.get_mut(key) else { continue };
            registration.path = None;
            if let Phase::Waiting(timer) = registration.phase {
                self.layer.let_sleep(timer);
            }
            if lost.error == TransportError::Idle {
                // We closed it ourselves: nothing is wrong with the registrar.
                self.send_register(now, key);
                continue;
            }
            let failure = Failure::silent(Cause::Transport, false);
            let failure = Failure { transport: Some(lost.error.clone()), ..failure };
            self.registration_failed(now, key, failure);
        }
    }

    fn registered(&mut self, now: Instant, key: Key, response: &Message, contact: String) {
        let Some(registration) = self.registrations.get_mut(key) else { return };
        let Some(granted) = registration.granted(response, &contact) else {
            // A 200 that does not list us has not registered us (§10.3).
            return self.registration_failed(
                now,
                key,
                Failure::from_response(response, Cause::Response, false),
            );
        };
        (registration.failures, registration.too_brief) = (0, 0);
        registration.is_bound = true;
        if registration.is_leaving {
            return self.send_register(now, key);
        }
        // Between eight and nine tenths, so that many who registered at once do not come again at once.
        let share = self.layer.rng.random_range(0.8..0.9);
        let renew_in = granted.min(EXPIRES_MAX).mul_f64(share).max(RENEWED_AFTER_MIN);
        registration.phase = Phase::Waiting(self.layer.wake_registration(now + renew_in, key));
        let routes = response.values(Name::ServiceRoute).take(SERVICE_ROUTES_MAX);
        self.layer.events.push_back(Event::Registered {
            id: RegistrationId(key),
            token: registration.order.token,
            expires: granted,
            service_route: routes.map(str::to_owned).collect(),
            contact,
        });
    }

    /// Waits before the next try (RFC 5626 §4.5): for long where it will most likely be refused again. A registrar that lost its
    /// database for an hour refuses everybody, and so does one that was told of a new password too late.
    fn registration_failed(&mut self, now: Instant, key: Key, failure: Failure) {
        let Some(registration) = self.registrations.get_mut(key) else { return };
        if registration.is_leaving {
            return self.unregistered(key, failure.status);
        }
        let token = registration.order.token;
        // A registrar that has seen credentials and says 403 refuses them (RFC 3261 §21.4.4).
        let is_forbidden = failure.status == Some(403) && !registration.authenticator.is_empty();
        let cause = if is_forbidden { Cause::Unauthorized } else { failure.cause };
        let upper = match cause {
            Cause::Unauthorized => RETRY_MAX,
            _ => RETRY_BASE.saturating_mul(1 << registration.failures.min(16)).min(RETRY_MAX),
        };
        let wait = upper.mul_f64(self.layer.rng.random_range(0.5..=1.0));
        let retry_in = wait.max(failure.retry_after.unwrap_or_default());
        if cause == Cause::Unauthorized {
            registration.authenticator = Authenticator::new();
        }
        registration.failures = registration.failures.saturating_add(1);
        registration.too_brief = 0;
        registration.phase = Phase::Waiting(self.layer.wake_registration(now + retry_in, key));
        let failure = Failure { cause, ..failure };
        let id = RegistrationId(key);
        self.layer.events.push_back(Event::RegistrationFailed { id, token, failure, retry_in });
    }

    fn unregistered(&mut self, key: Key, status: Option<u16>) {
        let Some(registration) = self.registrations.remove(key) else { return };
        let (id, token) = (RegistrationId(key), registration.order.token);
        self.layer.events.push_back(Event::Unregistered { id, token, status });
    }
}

impl Registration {
    fn hop(&self) -> Option<crate::targets::Hop> {
        hop(self.order.route.as_deref().unwrap_or(&self.order.registrar))
    }

    fn request(&mut self, key: Key) -> Request {
        self.cseq = self.cseq.saturating_add(1);
        let order = &self.order;
        let dialog = DialogState {
            call_id: self.call_id.clone(),
            local_tag: self.tag.clone(),
            remote_tag: String::new(),
            local_uri: order.aor.clone(),
            remote_uri: order.aor.clone(),
            remote_target: order.registrar.clone(),
            route_set: order.route.as_deref().map(loose_route).into_iter().collect(),
            local_cseq: self.cseq,
            remote: std::net::SocketAddr::from(([0, 0, 0, 0], 0)),
            protocol: Protocol::Udp,
            tls_host: None,
        };
        let expires = if self.is_leaving { 0 } else { self.expires.as_secs() };
        let mut request = Request::new(Method::Register, dialog, Purpose::Registration(key));
        request.headers = vec![(Name::Expires.as_str().to_owned(), expires.to_string())];
        // A proxy that adds a Path asks whether we would mind (RFC 3327 §5.1). What it says to the registrar is none of ours.
        request.headers.push((Name::Supported.as_str().to_owned(), String::from("path")));
        request.headers.extend(order.headers.iter().cloned());
        request.contact_user.clone_from(&order.contact_user);
        request.credentials.clone_from(&order.credentials);
        request.tls.clone_from(&order.tls);
        request.authenticator = self.authenticator.clone();
        request.tap = order.tap.then_some(order.token);
        request
    }

    /// How long the registrar keeps our binding: what stands at our own among its Contacts, else its Expires (§10.2.4). Where a NAT or
    /// the registrar rewrote our address, ours is one of our user's; and some list none at all.
    fn granted(&self, response: &Message, contact: &str) -> Option<Duration> {
        let ours = Uri::parse(contact)?;
        let contacts = || response.values(Name::Contact).filter_map(NameAddr::parse);
        let exact = contacts().find(|found| found.to_uri().is_some_and(|uri| uri.is_equivalent(&ours)));
        let binding = exact.or_else(|| {
            // Registrars add parameters of their own, and write a port that we left out.
            contacts().find(|found| found.to_uri().is_some_and(|uri| uri.is_same_place(&ours)))
        });
        let is_our_users = |found: &NameAddr<'_>| {
            found.to_uri().is_some_and(|uri| uri.user_decoded() == ours.user_decoded())
        };
        let seconds = |value: &str| {
            let seconds = value.trim_ascii().parse::<u32>().ok();
            seconds.map(|seconds| Duration::from_secs(seconds.into()))
        };
        let expires = response.header(Name::Expires).and_then(seconds);
        let lasts = |found: NameAddr<'_>| {
            found.params.get("expires").and_then(seconds).or(expires).unwrap_or(self.expires)
        };
        let granted = match binding {
            Some(binding) => lasts(binding),
            None if response.header(Name::Contact).is_none() => expires?,
            // The youngest lasts longest; none that we did not ask for is ours.
            None => contacts().filter(is_our_users).map(lasts).max()?.min(self.expires),
        };
        (!granted.is_zero()).then_some(granted)
    }

    /// 423: the binding we asked for is too short. Gives whether we ask for a longer one (§10.2.8).
    fn lengthen(&mut self, response: &Message) -> bool {
        let least =
            response.header(Name::MinExpires).and_then(|value| value.trim_ascii().parse::<u32>().ok());
        let Some(least) = least.map(|seconds| Duration::from_secs(seconds.into())) else { return false };
        let is_obeyed = response.status() == Some(423)
            && (self.expires..=EXPIRES_MAX).contains(&least)
            && least > self.expires
            && self.too_brief < TOO_BRIEF_MAX;
        if is_obeyed {
            self.too_brief += 1;
            self.expires = least;
        }
        is_obeyed
    }
}
