//! Names to targets (RFC 3263 §4). A shell; which target comes next is decided by the core (§4.3).

use std::{net::SocketAddr, time::Duration};

use crate::event::Query;
use crate::path::{Listen, Protocol, Target};

/// Whom to ask, and what can be reached.
#[derive(Clone, Debug, Default)]
pub struct ResolverConfig {
    /// The name servers; none: the system's.
    pub nameservers: Vec<SocketAddr>,
    /// What we listen on: targets of a family that is not among it are left out, and UDP where there is none. Empty: everything
    /// can be reached.
    pub listening: Vec<Listen>,
}

/// Why a resolver could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's name servers cannot be read: {0}")]
pub struct ResolverError(String);

/// Finds where a host is to be reached. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Resolver {
    config: ResolverConfig,
}

impl Resolver {
    /// A resolver with an empty cache.
    ///
    /// # Errors
    /// [`ResolverError`] if the system's configuration is asked for and cannot be read.
    pub fn new(config: ResolverConfig) -> Result<Self, ResolverError> {
        Ok(Self { config })
    }

    /// The targets of a host, best first and without doubles, at most eight. Empty when there are none, or when five seconds passed.
    /// A literal address, in brackets or not, is given back without asking anybody.
    pub async fn resolve(&self, query: &Query) -> Vec<Target> {
        let protocol = query.protocol.unwrap_or(if query.secure { Protocol::Tls } else { Protocol::Udp });
        let port = query.port.unwrap_or(protocol.default_port());
        let host = query.host.trim_matches(['[', ']']);
        let Ok(Ok(found)) = tokio::time::timeout(DEADLINE, tokio::net::lookup_host((host, port))).await
        else {
            return Vec::new();
        };
        let listening = &self.config.listening;
        let mut targets = Vec::with_capacity(TARGETS_MAX);
        for address in found {
            let target = Target { protocol, address };
            let is_reachable = listening.is_empty()
                || listening.iter().any(|listen| listen.address.is_ipv4() == address.is_ipv4());
            if is_reachable && targets.len() < TARGETS_MAX && !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }
}

/// Well below timer B (32 s), so that a call still can go elsewhere.
const DEADLINE: Duration = Duration::from_secs(5);
/// Targets one call may try.
const TARGETS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(uri: &str) -> Vec<Target> {
        let resolver = Resolver::new(ResolverConfig::default()).expect("the system's configuration");
        resolver.resolve(&Query::of(uri).expect("a SIP URI")).await
    }

    #[tokio::test]
    async fn literals_need_no_resolver() {
        let udp = |text: &str| Target::udp(text.parse().expect("an address"));
        assert_eq!(resolve("sip:192.0.2.7:5070").await, [udp("192.0.2.7:5070")]);
        assert_eq!(resolve("sip:[2001:db8::1]").await, [udp("[2001:db8::1]:5060")]);
    }

    #[tokio::test]
    async fn localhost_is_known_and_nonsense_is_not() {
        let found = resolve("sip:localhost").await;
        assert!(!found.is_empty() && found.iter().all(|target| target.address.ip().is_loopback()));
        assert_eq!(resolve("sip:not-a-host-name.invalid").await, []);
    }
}
