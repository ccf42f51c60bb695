//! From a plan to an INVITE: Request-URI, From, To, Route, credentials, headers (RFC 3261 §8.1.1), each as its trunk wants it.

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::message::NameAddr;
use trunkline_sip::{Body, ClientTls, Credentials, Invite, Query, Refresher, Reliable, SessionTimer};

use super::custom;
use super::identity::Caller;
use super::reach::{self, Reachable};
use super::stir;
use super::uri::{Target, address, name_addr};
use crate::model::{
    CallPlan, Header, PhoneNumber, ReliableProvisional, RightToUse, SessionRefresher, Stir, Trunk,
    TrunkSession, UnsignedCalls,
};

/// An INVITE was to be signed, cannot be, and must not leave without.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the caller id could not be signed, and the trunk sends no call unsigned")]
pub struct NotSigned;

/// The INVITE of a plan through one of its trunks, at `now`.
pub fn invite(plan: &CallPlan, trunk: &Trunk, now: Instant, offer: Body) -> Result<Invite, NotSigned> {
    let caller = Caller { trunk, number: &plan.from, right_to_use: plan.right_to_use };
    let target = Target::of(&trunk.uri);
    let second = plan.second.as_deref();
    let endpoint = second.and_then(|second| second.uri.as_ref());
    let mut headers = caller.headers();
    match (&trunk.stir, endpoint) {
        (Some(stir), None) => headers.extend(signed(stir, plan, trunk, now)?),
        // What is signed is a number's call to a number.
        (Some(stir), Some(_)) if stir.on_failure != UnsignedCalls::Send => return Err(NotSigned),
        (Some(_), Some(_)) | (None, _) => {}
    }
    headers.extend(custom::headers(plan, trunk));
    headers.extend(second.into_iter().flat_map(|second| &second.headers).map(Header::pair));
    let (uri, to) = match endpoint {
        Some(endpoint) => (target.uri_of(endpoint.user()), target.address_of(endpoint.user())),
        None => {
            let user = format!("{}{}", trunk.number.prefix, trunk.number.called.write(&plan.to));
            let user_phone = trunk.number.user_phone;
            let to = address(target.scheme(), &user, target.host(), user_phone);
            (target.request_uri(&user, user_phone), to)
        }
    };
    Ok(Invite {
        token: plan.call.get(),
        uri,
        from: caller.from(),
        to: name_addr(None, &to),
        route: proxy(trunk),
        credentials: credentials(trunk),
        tls: tls(trunk),
        headers,
        body: Some(offer),
        call_id: Some(plan.sip_call_id.clone()),
        tap: plan.tap,
        reliable: reliable(trunk.reliable),
        session: trunk.session.map(session),
    })
}

/// Sends an INVITE by the way that the registrar named (RFC 3608 §6.1), behind the trunk's own proxy if it has one. A way that begins
/// where the trunk may not lead is none.
pub fn by(invite: &mut Invite, trunk: &Trunk, service_route: &[String], reachable: &Reachable) {
    let mut hops = service_route.iter();
    if invite.route.is_none()
        && let Some(first) = hops.next().and_then(|value| NameAddr::parse(value))
    {
        let host = Query::of(first.uri).map(|query| query.host);
        if !host.is_some_and(|host| reach::may_send(trunk, &host, reachable)) {
            return;
        }
        invite.route = Some(first.uri.to_owned());
    }
    invite.headers.splice(0..0, hops.map(|value| ("Route".to_owned(), value.clone())));
}

/// Date and Identity. Without them the call goes or stays as the trunk says; that it does is said once.
fn signed(
    stir: &Stir,
    plan: &CallPlan,
    trunk: &Trunk,
    now: Instant,
) -> Result<Vec<(String, String)>, NotSigned> {
    let call = stir::Call {
        from: &plan.from,
        to: &plan.to,
        right_to_use: plan.right_to_use,
        trunk: &trunk.name,
        at: plan.date(now),
    };
    match (stir::headers(stir, &call), stir.on_failure) {
        (Ok(headers), _) => Ok(headers),
        (Err(error), on_failure) => {
            stir.warned.call_once(|| {
                tracing::warn!(trunk = trunk.name, %error, ?on_failure, "caller ids cannot be signed");
            });
            if on_failure == UnsignedCalls::Send { Ok(Vec::new()) } else { Err(NotSigned) }
        }
    }
}

/// What answers a challenge of this trunk.
pub fn credentials(trunk: &Trunk) -> Option<Arc<Credentials>> {
    let (username, password) = (trunk.username.as_ref()?, trunk.password.as_ref()?);
    let credentials = Credentials::new(username.clone(), password.reveal().clone());
    Some(Arc::new(Credentials { realm: trunk.auth_realm.clone(), ..credentials }))
}

/// The URI of a number at this trunk.
pub fn number(trunk: &Trunk, number: &PhoneNumber) -> String {
    let user = format!("{}{}", trunk.number.prefix, trunk.number.called.write(number));
    Target::of(&trunk.uri).request_uri(&user, trunk.number.user_phone)
}

/// How this number of ours calls itself at this trunk: a name-addr.
pub fn from(trunk: &Trunk, number: &PhoneNumber, right_to_use: RightToUse) -> String {
    Caller { trunk, number, right_to_use }.from()
}

/// The proxy that this trunk's requests go through first.
pub fn proxy(trunk: &Trunk) -> Option<String> {
    trunk.outbound_proxy.as_deref().map(|proxy| Target::of(proxy).route())
}

/// The host that this trunk's requests go to first: over TLS the certificate is its.
pub fn host(trunk: &Trunk) -> &str {
    Target::of(trunk.outbound_proxy.as_deref().unwrap_or(&trunk.uri)).host()
}

/// How TLS is spoken to this trunk; `None`: as to everybody.
pub fn tls(trunk: &Trunk) -> Option<Arc<ClientTls>> {
    trunk.tls.as_ref().map(|tls| Arc::clone(&tls.client))
}

fn reliable(said: ReliableProvisional) -> Reliable {
    match said {
        ReliableProvisional::Off => Reliable::Off,
        ReliableProvisional::Supported => Reliable::Supported,
        ReliableProvisional::Required => Reliable::Required,
    }
}

fn session(said: TrunkSession) -> SessionTimer {
    let refresher = match said.refresher {
        SessionRefresher::Us => Refresher::Us,
        SessionRefresher::Them => Refresher::Them,
        SessionRefresher::Either => Refresher::Either,
    };
    SessionTimer { interval: said.interval, min: said.min, refresher }
}

#[cfg(test)]
mod tests;
