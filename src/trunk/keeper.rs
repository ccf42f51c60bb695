//! Keeps trunks: asks each by OPTIONS whether it is there (RFC 3261 §11), and registers where that is wanted (§10). What it
//! hears it tells the gate; what a registrar says of the way (RFC 3608) it keeps for INVITEs.
//!
//! Sans-IO; it works on the shard's user agent. An OPTIONS is given up long before Timer F, since a trunk that takes half a
//! minute to say that it is there is not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sip::{
    Event as SipEvent, Failure, OptionsRequest, Register, RegistrationId, RequestId, UserAgent,
};

use super::health::{Probe, Registration};
use super::route;
use super::uri::{self, Target};
use crate::admission::Admission;
use crate::model::{Trunk, TrunkId};

/// The trunks of one shard.
#[derive(Default)]
pub struct Keeper {
    kept: BTreeMap<TrunkId, Kept>,
    /// When time is told to the gate next: so that what passes by itself is told in time.
    tick: Option<Instant>,
    /// Registrations given up, of which the registrar has not spoken yet.
    leaving: usize,
}

/// One trunk.
struct Kept {
    trunk: Arc<Trunk>,
    /// When the next OPTIONS is due.
    due: Option<Instant>,
    asked: Option<Asked>,
    /// Those that were given up, and are sent again by the user agent until Timer F: a late word is a word all the same.
    late: Vec<Asked>,
    /// OPTIONS in a row that failed.
    lost: u32,
    registration: Option<RegistrationId>,
    service_route: Vec<String>,
}

/// An OPTIONS under way.
#[derive(Clone)]
struct Asked {
    request: RequestId,
    at: Instant,
}

/// Tokens of ours have this bit, which no call's has: call ids are below 2^53.
const TOKEN: u64 = 1 << 63;
/// The first OPTIONS of all trunks are spread over so long.
const SPREAD: Duration = Duration::from_secs(2);
/// How long an answer to OPTIONS is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// While OPTIONS fail, the next one comes so soon, if not sooner: three failures make a trunk down.
const DOUBT: Duration = Duration::from_secs(2);
/// OPTIONS that were given up and may still be answered: more than Timer F lets live at once.
const LATE_MAX: usize = 16;
const TICK: Duration = Duration::from_secs(1);

impl Keeper {
    /// Whether a token of the user agent's is ours.
    pub fn owns(token: u64) -> bool {
        token & TOKEN != 0
    }

    /// These are the trunks from now on. Who is not among them any more, or registers otherwise, is unregistered.
    pub fn handle_trunks(
        &mut self,
        now: Instant,
        agent: &mut UserAgent,
        gate: &Admission,
        trunks: &[Arc<Trunk>],
    ) {
        let wanted = |trunk: &&Arc<Trunk>| trunk.enabled && !trunk.uri.is_empty();
        let mut before = std::mem::take(&mut self.kept);
        for (index, trunk) in trunks.iter().filter(wanted).enumerate() {
            let same = before.remove(&trunk.id).and_then(|kept| match registers_alike(&kept.trunk, trunk) {
                true => Some(kept),
                false => {
                    self.release(now, agent, gate, kept);
                    None
                }
            });
            let spread = SPREAD.mul_f64(f64::from(u32::try_from(index % 64).unwrap_or(0)) / 64.0);
            let mut kept = same.unwrap_or_else(|| Kept {
                trunk: Arc::clone(trunk),
                due: None,
                asked: None,
                late: Vec::new(),
                lost: 0,
                registration: None,
                service_route: Vec::new(),
            });
            kept.trunk = Arc::clone(trunk);
            kept.due = trunk.health.options_interval.map(|_| kept.due.unwrap_or(now + spread));
            if kept.registration.is_none() {
                kept.register(now, agent, gate);
            }
            self.kept.insert(trunk.id, kept);
        }
        for kept in before.into_values() {
            self.release(now, agent, gate, kept);
        }
        self.tick = (!self.kept.is_empty()).then_some(now + TICK);
    }

    /// Something came of a request of ours.
    pub fn handle_event(&mut self, now: Instant, gate: &Admission, event: &SipEvent) {
        match event {
            SipEvent::Reply { request, token, status, .. } => {
                let Some(kept) = self.of(*token) else { return };
                if kept.asked.as_ref().is_some_and(|asked| asked.request == *request) {
                    kept.answered(now, gate, *status);
                } else if let Some(at) = kept.late.iter().position(|asked| asked.request == *request) {
                    let late = kept.late.remove(at);
                    if status.is_some() {
                        kept.asked = Some(late);
                        kept.answered(now, gate, *status);
                    }
                }
            }
            SipEvent::Registered { token, service_route, .. } => {
                let Some(kept) = self.of(*token) else { return };
                kept.service_route.clone_from(service_route);
                gate.registered(now, &kept.trunk, Registration::Registered);
            }
            SipEvent::RegistrationFailed { token, failure, retry_in, .. } => {
                let Some(kept) = self.of(*token) else { return };
                kept.service_route.clear();
                let (status, reason) = (failure.status, in_words(failure, *retry_in));
                gate.registered(now, &kept.trunk, Registration::Failed { status, reason });
            }
            SipEvent::Unregistered { .. } => self.leaving = self.leaving.saturating_sub(1),
            _ => {}
        }
    }

    /// Sends what is due, and gives up what takes too long.
    pub fn handle_timeout(&mut self, now: Instant, agent: &mut UserAgent, gate: &Admission) {
        if self.tick.is_some_and(|tick| tick <= now) {
            gate.handle_timeout(now);
            self.tick = Some(now + TICK);
        }
        for kept in self.kept.values_mut() {
            if kept.asked.as_ref().is_some_and(|asked| asked.at + PATIENCE <= now) {
                kept.late.truncate(LATE_MAX - 1);
                kept.late.splice(0..0, kept.asked.clone());
                kept.answered(now, gate, None);
            }
            if kept.due.is_some_and(|due| due <= now) && kept.asked.is_none() {
                kept.ask(now, agent);
            }
        }
    }

    /// When `handle_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of = |kept: &Kept| match &kept.asked {
            Some(asked) => Some(asked.at + PATIENCE),
            None => kept.due,
        };
        self.kept.values().filter_map(of).chain(self.tick).min()
    }

    /// The way that a trunk's registrar wants requests to take (RFC 3608), as Route header values.
    pub fn service_route(&self, trunk: TrunkId) -> &[String] {
        self.kept.get(&trunk).map_or(&[], |kept| &kept.service_route)
    }

    /// Registrations that hold, are under way, or are being given up.
    pub fn registered(&self) -> usize {
        self.kept.values().filter(|kept| kept.registration.is_some()).count() + self.leaving
    }

    fn of(&mut self, token: u64) -> Option<&mut Kept> {
        self.kept.get_mut(&TrunkId(token & !TOKEN))
    }

    fn release(&mut self, now: Instant, agent: &mut UserAgent, gate: &Admission, kept: Kept) {
        if let Some(registration) = kept.registration {
            agent.unregister(now, registration);
            self.leaving += 1;
        }
        if kept.trunk.registration.is_some() {
            gate.registered(now, &kept.trunk, Registration::Off);
        }
    }
}

impl Kept {
    fn ask(&mut self, now: Instant, agent: &mut UserAgent) {
        let trunk = &self.trunk;
        let request = OptionsRequest {
            token: TOKEN | trunk.id.0,
            uri: trunk.uri.clone(),
            from: format!("<{}>", address_of_record(trunk)),
            route: route::proxy(trunk),
            credentials: route::credentials(trunk),
            tls: route::tls(trunk),
        };
        match agent.options(now, request) {
            Ok(request) => self.asked = Some(Asked { request, at: now }),
            // Too many requests of our own are under way, which says nothing of the trunk.
            Err(_) => self.due = Some(now + DOUBT),
        }
    }

    fn answered(&mut self, now: Instant, gate: &Admission, status: Option<u16>) {
        let Some(asked) = self.asked.take() else { return };
        let round_trip = now.saturating_duration_since(asked.at);
        gate.probed(now, &self.trunk, Probe { status, round_trip });
        self.lost = if Probe::is_alive(status) { 0 } else { self.lost + 1 };
        self.due = self.trunk.health.options_interval.map(|interval| match self.lost {
            0 => (asked.at + interval).max(now),
            _ => now + interval.min(DOUBT),
        });
    }

    fn register(&mut self, now: Instant, agent: &mut UserAgent, gate: &Admission) {
        let Some(wanted) = &self.trunk.registration else { return };
        let trunk = &self.trunk;
        let registrar = wanted.registrar.clone().unwrap_or_else(|| trunk.uri.clone());
        let register = Register {
            token: TOKEN | trunk.id.0,
            registrar,
            aor: format!("<{}>", address_of_record(trunk)),
            contact_user: wanted.user.clone().or_else(|| trunk.username.clone()),
            route: route::proxy(trunk),
            credentials: route::credentials(trunk),
            tls: route::tls(trunk),
            expires: wanted.expires,
            headers: Vec::new(),
            tap: false,
        };
        match agent.register(now, register) {
            Ok(registration) => {
                self.registration = Some(registration);
                gate.registered(now, trunk, Registration::Pending);
            }
            Err(error) => {
                let reason = error.to_string();
                gate.registered(now, trunk, Registration::Failed { status: None, reason });
            }
        }
    }
}

/// Would both register in the same words?
fn registers_alike(one: &Trunk, other: &Trunk) -> bool {
    let password = |trunk: &Trunk| trunk.password.as_ref().map(|password| password.reveal().clone());
    one.registration == other.registration
        && (&one.uri, &one.username, &one.from_domain, &one.outbound_proxy)
            == (&other.uri, &other.username, &other.from_domain, &other.outbound_proxy)
        && password(one) == password(other)
}

/// Who we are to a trunk: `sip:user@domain`.
fn address_of_record(trunk: &Trunk) -> String {
    let registered = trunk.registration.as_ref().and_then(|registration| registration.user.as_deref());
    let user = registered.or(trunk.username.as_deref()).unwrap_or("trunkline");
    let domain = trunk.from_domain.as_deref().unwrap_or(Target::of(&trunk.uri).host());
    uri::address("sip", user, domain, false)
}

fn in_words(failure: &Failure, retry_in: Duration) -> String {
    let what = match failure.status {
        Some(status) => format!("{status} {}", failure.phrase).trim_end().to_owned(),
        None => match failure.cause {
            trunkline_sip::Cause::Unresolved => "the registrar's host has no address".to_owned(),
            trunkline_sip::Cause::Transport => "the registrar could not be reached".to_owned(),
            _ => "no answer".to_owned(),
        },
    };
    match failure.cause {
        trunkline_sip::Cause::Unauthorized => {
            format!("{what}: the credentials are refused; tried again in {} min", retry_in.as_secs() / 60)
        }
        _ => what,
    }
}

#[cfg(test)]
mod tests;
