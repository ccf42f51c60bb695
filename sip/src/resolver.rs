//! Names to targets (RFC 3263 §4): NAPTR says by which transport, SRV at which hosts and ports, A and AAAA at which addresses. A
//! shell; which target comes next is decided by the core (§4.3).

mod services;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig as DnsConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query as DnsQuery;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, Resolver as Dns, TokioResolver, system_conf};
use tokio::time::timeout;

use crate::event::Query;
use crate::path::{Listen, Protocol, Target};
use services::{Naptr, Service, Srv};

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
#[error("the resolver cannot be made: {0}")]
pub struct ResolverError(String);

/// Finds where a host is to be reached. What was found is remembered as long as its TTL says, and so is what was not. Cheap to
/// clone; all clones share one memory.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    dns: TokioResolver,
    hosts: Hosts,
    /// Whether datagrams reach IPv4 and IPv6, and whether anything does.
    udp: Families,
    any: Families,
}

#[derive(Clone, Copy)]
struct Families {
    ipv4: bool,
    ipv6: bool,
}

/// Well below timer B (32 s), so that a call still can go elsewhere.
const DEADLINE: Duration = Duration::from_secs(5);
/// What NAPTR may take of it: most domains have none, and some name servers never answer what they do not know.
const NAPTR_DEADLINE: Duration = Duration::from_millis(1_500);
/// What SRV may take of it. The rest is enough to ask for addresses, which are there where nobody answers for anything else (RFC 3263
/// §4.2).
const SRV_DEADLINE: Duration = Duration::from_secs(2);
/// One try at one name server.
const TRY: Duration = Duration::from_millis(1_200);
/// Targets one call may try.
const TARGETS_MAX: usize = 8;
/// Answers remembered at once.
const CACHE_MAX: u64 = 4_096;
/// No answer is believed for longer, whatever its TTL.
const TTL_MAX: Duration = Duration::from_secs(24 * 3_600);
/// What does not exist is asked for again after this at the earliest, and after that at the latest.
const NEGATIVE_TTL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

impl Resolver {
    /// A resolver that remembers nothing yet. Where the system names no name servers, only the hosts file is known.
    ///
    /// # Errors
    /// [`ResolverError`] for a configuration that no resolver can be made of.
    pub fn new(config: ResolverConfig) -> Result<Self, ResolverError> {
        let reach = |is_it: &dyn Fn(&Listen) -> bool| Families {
            ipv4: config.listening.is_empty()
                || config.listening.iter().any(|it| it.address.is_ipv4() && is_it(it)),
            ipv6: config.listening.is_empty()
                || config.listening.iter().any(|it| it.address.is_ipv6() && is_it(it)),
        };
        let (udp, any) = (reach(&|listen| listen.protocol == Protocol::Udp), reach(&|_| true));
        let (servers, mut options) = match config.nameservers.is_empty() {
            true => system_conf::read_system_conf().unwrap_or_default(),
            false => (
                DnsConfig::from_name_servers(config.nameservers.iter().map(name_server).collect()),
                ResolverOpts::default(),
            ),
        };
        options.timeout = TRY;
        options.cache_size = CACHE_MAX;
        options.positive_max_ttl = Some(TTL_MAX);
        (options.negative_min_ttl, options.negative_max_ttl) = (Some(NEGATIVE_TTL.0), Some(NEGATIVE_TTL.1));
        options.ip_strategy = match any {
            Families { ipv4: true, ipv6: true } => LookupIpStrategy::Ipv4AndIpv6,
            Families { ipv6: true, .. } => LookupIpStrategy::Ipv6Only,
            Families { .. } => LookupIpStrategy::Ipv4Only,
        };
        let builder = Dns::builder_with_config(servers, TokioRuntimeProvider::default());
        let dns = builder.with_options(options).build().map_err(|error| ResolverError(error.to_string()))?;
        let hosts = Hosts::from_system().unwrap_or_default();
        Ok(Self(Arc::new(Inner { dns, hosts, udp, any })))
    }

    /// The targets of a host, best first and without doubles, at most eight. Empty when there are none, or when five seconds passed.
    /// A literal address, in brackets or not, is given back without asking anybody.
    pub async fn resolve(&self, query: &Query) -> Vec<Target> {
        let found = timeout(DEADLINE, self.0.locate(query)).await.unwrap_or_default();
        let mut targets = Vec::with_capacity(TARGETS_MAX);
        for target in found {
            if targets.len() < TARGETS_MAX && self.0.reaches(&target) && !targets.contains(&target) {
                targets.push(target);
            }
        }
        targets
    }
}

impl Inner {
    async fn locate(&self, query: &Query) -> Vec<Target> {
        let host = query.host.trim_matches(['[', ']']).trim_end_matches('.');
        // §4.1: a URI that says nothing means datagrams, unless it is secure.
        let usual = query.protocol.unwrap_or(match query.secure {
            true => Protocol::Tls,
            false if self.udp.ipv4 || self.udp.ipv6 => Protocol::Udp,
            false => Protocol::Tcp,
        });
        if let Ok(address) = host.parse::<IpAddr>() {
            let port = query.port.unwrap_or(usual.default_port());
            return vec![Target { protocol: usual, address: SocketAddr::new(address, port) }];
        }
        // §4.2: a port that is named leaves SRV nothing to say. Nor has DNS about a host of our own file.
        if query.port.is_none() && !self.is_static(host) {
            let services = self.services(query, host).await;
            let targets = self.servers(services).await;
            if !targets.is_empty() {
                return targets;
            }
        }
        self.at(host, usual, query.port.unwrap_or(usual.default_port())).await
    }

    /// Which services of a host are to be tried, in order (§4.1).
    async fn services(&self, query: &Query, host: &str) -> Vec<Service> {
        let wanted = |protocol: &Protocol| match (query.protocol, query.secure) {
            (Some(named), _) => *protocol == named,
            (None, true) => *protocol == Protocol::Tls,
            (None, false) => *protocol != Protocol::Udp || self.udp.ipv4 || self.udp.ipv6,
        };
        if query.protocol.is_none() {
            let naptrs = timeout(NAPTR_DEADLINE, self.naptrs(host)).await.unwrap_or_default();
            let mut services = services::of_naptrs(naptrs);
            services.retain(|service| wanted(&service.protocol));
            if !services.is_empty() {
                return services;
            }
        }
        let all = [Protocol::Udp, Protocol::Tcp, Protocol::Tls];
        all.into_iter().filter(wanted).map(|protocol| Service::usual(protocol, host)).collect()
    }

    /// The servers of some services, those of the first service first.
    async fn servers(&self, services: Vec<Service>) -> Vec<Target> {
        let mut targets = Vec::new();
        let lookups = services.iter().map(|service| timeout(SRV_DEADLINE, self.srvs(&service.name)));
        for (service, srvs) in services.iter().zip(join_all(lookups).await) {
            let srvs = services::in_order(srvs.unwrap_or_default(), random);
            let addresses =
                srvs.iter().take(TARGETS_MAX).map(|srv| self.at(&srv.host, service.protocol, srv.port));
            targets.extend(join_all(addresses).await.into_iter().flatten());
        }
        targets
    }

    /// The addresses of a host, with a port.
    async fn at(&self, host: &str, protocol: Protocol, port: u16) -> Vec<Target> {
        let Ok(found) = self.dns.lookup_ip(host).await else { return Vec::new() };
        found.iter().map(|ip| Target { protocol, address: SocketAddr::new(ip, port) }).collect()
    }

    async fn naptrs(&self, host: &str) -> Vec<Naptr> {
        let read = |data: &RData| match data {
            RData::NAPTR(it) => Some(Naptr {
                order: it.order,
                preference: it.preference,
                flags: String::from_utf8_lossy(&it.flags).into_owned(),
                services: String::from_utf8_lossy(&it.services).into_owned(),
                replacement: it.replacement.to_ascii(),
            }),
            _ => None,
        };
        self.records(host, RecordType::NAPTR, read).await
    }

    async fn srvs(&self, name: &str) -> Vec<Srv> {
        let read = |data: &RData| match data {
            RData::SRV(it) => Some(Srv {
                priority: it.priority,
                weight: it.weight,
                port: it.port,
                host: it.target.to_ascii(),
            }),
            _ => None,
        };
        self.records(name, RecordType::SRV, read).await
    }

    async fn records<T>(&self, name: &str, kind: RecordType, read: impl Fn(&RData) -> Option<T>) -> Vec<T> {
        let Some(name) = absolute(name) else { return Vec::new() };
        let Ok(found) = self.dns.lookup(name, kind).await else { return Vec::new() };
        found.answers().iter().filter_map(|record| read(&record.data)).collect()
    }

    /// Whether the hosts file, or the name itself, says where a host is (RFC 6761 §6.3).
    fn is_static(&self, host: &str) -> bool {
        let Some(name) = absolute(host) else { return false };
        let knows = |kind| self.hosts.lookup_static_host(&DnsQuery::query(name.clone(), kind)).is_some();
        host.eq_ignore_ascii_case("localhost") || knows(RecordType::A) || knows(RecordType::AAAA)
    }

    fn reaches(&self, target: &Target) -> bool {
        let families = if target.protocol == Protocol::Udp { self.udp } else { self.any };
        if target.address.is_ipv4() { families.ipv4 } else { families.ipv6 }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

/// A name that no search list is put to: SRV and NAPTR are the domain's own.
fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_utf8(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// All at once, the results in the order of the questions.
async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_done = true;
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(ready) => *output = Some(ready),
                std::task::Poll::Pending => is_done = false,
            }
        }
        if is_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}

/// A number up to `most`. Each `RandomState` has keys of its own: random enough to spread calls over servers.
fn random(most: u32) -> u32 {
    let number = RandomState::new().hash_one(()) % (u64::from(most) + 1);
    u32::try_from(number).unwrap_or(most)
}
