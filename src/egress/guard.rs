//! Where requests may go: to public addresses, and to such as are allowed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::model::is_reachable;

/// Resolves names to addresses that are public or allowed.
pub(super) struct Guard {
    allowed: Arc<[IpNet]>,
}

/// A name none of whose addresses is allowed.
#[derive(Debug, thiserror::Error)]
#[error("the address is not allowed")]
pub(super) struct Refused;

impl Guard {
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed: allowed.into() }
    }

    pub fn allows(&self, address: IpAddr) -> bool {
        is_reachable(address, &self.allowed)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> =
                found.filter(|found| is_reachable(found.ip(), &allowed)).collect();
            if addresses.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_address_is_refused_and_public_ones_are_not() {
        let guard = Guard::new(vec![]);
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in refused {
            assert!(!guard.allows(address.parse().expect("an address")), "{address}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "168.63.129.17",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
        ];
        for address in public {
            assert!(guard.allows(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn a_configured_network_is_allowed_in_every_disguise_of_its_own() {
        let nets = ["127.0.0.0/8", "fd00::/8", "64:ff9b::/96"].map(|net| net.parse().expect("a network"));
        let guard = Guard::new(nets.to_vec());
        for (address, allowed) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("fd12::1", true),
            ("64:ff9b::808:808", true),
            ("10.0.0.1", false),
            ("::1", false),
            ("fc00::1", false),
            ("2002:7f00:1::", false),
        ] {
            assert_eq!(guard.allows(address.parse().expect("an address")), allowed, "{address}");
        }
    }
}
