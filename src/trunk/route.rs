//! From a plan to an INVITE: Request-URI, From, To, credentials (RFC 3261 §8.1.1).

use std::sync::Arc;
use std::time::Instant;

use trunkline_sip::message::NameAddr;
use trunkline_sip::{Body, Credentials, Invite, Reliable, SessionTimer};

use crate::model::{CallPlan, Trunk};

/// An INVITE was to be signed, cannot be, and must not leave without.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the caller id could not be signed, and the trunk sends no call unsigned")]
pub struct NotSigned;

/// The INVITE of a plan through one of its trunks, at `now`.
pub fn invite(plan: &CallPlan, trunk: &Trunk, now: Instant, offer: Body) -> Result<Invite, NotSigned> {
    let _ = now;
    let target = Target::of(&trunk.uri);
    let domain = trunk.from_domain.as_deref().unwrap_or(target.host());
    let uri = target.with_user(plan.to.as_str());
    Ok(Invite {
        token: plan.call.get(),
        from: format!("<sip:{}@{domain}>", plan.from.as_str()),
        to: format!("<{uri}>"),
        uri,
        route: None,
        credentials: credentials(trunk),
        tls: None,
        headers: Vec::new(),
        body: Some(offer),
        call_id: Some(plan.sip_call_id.clone()),
        tap: plan.tap,
        reliable: Reliable::default(),
        session: Some(SessionTimer::default()),
    })
}

/// Sends an INVITE by the way that the registrar named (RFC 3608 §6.1), behind the trunk's own proxy if it has one.
pub fn by(invite: &mut Invite, service_route: &[String]) {
    let mut hops = service_route.iter();
    if invite.route.is_none() {
        let first = hops.next().and_then(|value| NameAddr::parse(value));
        invite.route = first.map(|address| address.uri.to_owned());
    }
    invite.headers.splice(0..0, hops.map(|value| ("Route".to_owned(), value.clone())));
}

/// What answers a challenge of this trunk.
pub fn credentials(trunk: &Trunk) -> Option<Arc<Credentials>> {
    let (username, password) = (trunk.username.as_ref()?, trunk.password.as_ref()?);
    Some(Arc::new(Credentials::new(username.clone(), password.reveal().clone())))
}

/// A trunk's URI in three parts: `sip:`, host and port, parameters. The configuration has checked its form.
struct Target<'a> {
    scheme: &'a str,
    host_port: &'a str,
    parameters: &'a str,
}

impl<'a> Target<'a> {
    fn of(uri: &'a str) -> Self {
        let (scheme, rest) = uri.split_once(':').unwrap_or(("sip", uri));
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let end = rest.find(';').unwrap_or(rest.len());
        Self { scheme, host_port: &rest[..end], parameters: &rest[end..] }
    }

    /// Without the port; an IPv6 reference keeps its brackets.
    fn host(&self) -> &'a str {
        match self.host_port.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            _ => self.host_port,
        }
    }

    fn with_user(&self, user: &str) -> String {
        format!("{}:{user}@{}{}", self.scheme, self.host_port, self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_becomes_the_user_of_the_trunks_uri() {
        for (trunk, uri, host) in [
            ("sip:127.0.0.1:5080", "sip:+12@127.0.0.1:5080", "127.0.0.1"),
            ("sip:carrier.example", "sip:+12@carrier.example", "carrier.example"),
            (
                "sip:[2001:db8::1]:5070;transport=udp",
                "sip:+12@[2001:db8::1]:5070;transport=udp",
                "[2001:db8::1]",
            ),
            ("sip:[2001:db8::1]", "sip:+12@[2001:db8::1]", "[2001:db8::1]"),
            ("sip:me@carrier.example:5060", "sip:+12@carrier.example:5060", "carrier.example"),
        ] {
            let target = Target::of(trunk);
            assert_eq!((target.with_user("+12").as_str(), target.host()), (uri, host));
        }
    }
}
