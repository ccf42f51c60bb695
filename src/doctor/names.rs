//! Shell: looks at names, question by question (RFC 3263 §4). Where to send to is the switch's own resolver's affair; besides, each
//! record is asked for by itself, so that it can be shown. The only file of this crate that names `hickory-resolver`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig as DnsConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::{Resolver as Dns, TokioResolver};
use tokio::time::timeout;
use trunkline_sip::{Protocol, Query, Resolver, ResolverConfig};

use super::observation::{Answer, Asked, Names, RecordKind};
use super::patient::Within;

/// How long one question may take.
const WAIT: Duration = Duration::from_secs(2);
/// Records of one answer that are shown.
const RECORDS_MAX: usize = 8;

/// Where a URI leads, as far as requests may go there, and what every question about it says; of a name that leads elsewhere too,
/// nothing.
pub async fn look(uri: &str, nameservers: &[SocketAddr], within: &Within) -> Names {
    let config = ResolverConfig { nameservers: nameservers.to_vec(), ..ResolverConfig::default() };
    let Some(query) = Query::of(uri) else {
        return Names { host: uri.to_owned(), asked: Vec::new(), hops: Vec::new() };
    };
    let host = query.host.trim_matches(['[', ']']).to_owned();
    let hops = match Resolver::new(config) {
        Ok(resolver) => resolver.resolve(&query).await,
        Err(_) => Vec::new(),
    };
    let found = hops.len();
    let hops = within.reachable(hops);
    let asked = match host.parse::<IpAddr>() {
        Ok(_) => Vec::new(),
        Err(_) if hops.len() < found => Vec::new(),
        Err(_) => ask(&host, &query, nameservers).await,
    };
    Names { host, asked, hops }
}

async fn ask(host: &str, query: &Query, nameservers: &[SocketAddr]) -> Vec<Asked> {
    let Some(dns) = resolver(nameservers) else { return Vec::new() };
    let mut asked = Vec::new();
    // A port that is named leaves NAPTR and SRV nothing to say (§4.1, §4.2), and a transport NAPTR.
    if query.port.is_none() && query.protocol.is_none() {
        asked.push(records(&dns, RecordKind::Naptr, host.to_owned()).await);
    }
    if query.port.is_none() {
        let usual = if query.secure { Protocol::Tls } else { Protocol::Udp };
        let service = match query.protocol.unwrap_or(usual) {
            Protocol::Udp => "_sip._udp",
            Protocol::Tcp => "_sip._tcp",
            Protocol::Tls => "_sips._tcp",
        };
        asked.push(records(&dns, RecordKind::Srv, format!("{service}.{host}")).await);
    }
    let is_direct = asked.iter().all(|asked| asked.answer == Answer::Nothing);
    if is_direct {
        asked.push(records(&dns, RecordKind::Address, host.to_owned()).await);
    }
    asked
}

async fn records(dns: &TokioResolver, kind: RecordKind, name: String) -> Asked {
    let absolute = format!("{name}.");
    let shown: Vec<String> = match kind {
        RecordKind::Address => {
            let found = timeout(WAIT, dns.lookup_ip(absolute)).await;
            found.ok().and_then(Result::ok).map_or_else(Vec::new, |found| {
                found.iter().take(RECORDS_MAX).map(|address| address.to_string()).collect()
            })
        }
        RecordKind::Naptr | RecordKind::Srv => {
            let kind = if kind == RecordKind::Srv { RecordType::SRV } else { RecordType::NAPTR };
            let found = timeout(WAIT, dns.lookup(absolute, kind)).await;
            found.ok().and_then(Result::ok).map_or_else(Vec::new, |found| {
                let records = found.answers().iter().filter(|record| record.record_type() == kind);
                records.take(RECORDS_MAX).map(|record| record.data.to_string()).collect()
            })
        }
    };
    let answer = if shown.is_empty() { Answer::Nothing } else { Answer::Records(shown) };
    Asked { kind, name, answer }
}

fn resolver(nameservers: &[SocketAddr]) -> Option<TokioResolver> {
    let provider = TokioRuntimeProvider::default();
    let builder = match nameservers {
        [] => Dns::builder(provider).ok()?,
        some => {
            let servers = some.iter().map(|address| {
                let mut connection = ConnectionConfig::udp();
                connection.port = address.port();
                NameServerConfig::new(address.ip(), true, vec![connection])
            });
            Dns::builder_with_config(DnsConfig::from_name_servers(servers.collect()), provider)
        }
    };
    builder.build().ok()
}
