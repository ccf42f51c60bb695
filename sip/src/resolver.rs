//! Names to addresses (A and AAAA by the system's resolver). A shell; which address comes next is decided by the core
//! (RFC 3263 §4.3).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// The addresses of `host`, in the system's order and without doubles, at most eight. Empty when there are none, or when five
/// seconds passed. A literal address, in brackets or not, is given back without asking anybody.
pub async fn resolve(host: &str, port: u16) -> Vec<SocketAddr> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return vec![SocketAddr::new(address, port)];
    }
    let Ok(Ok(found)) = tokio::time::timeout(DEADLINE, tokio::net::lookup_host((host, port))).await else {
        return Vec::new();
    };
    let mut addresses = Vec::with_capacity(ADDRESSES_MAX);
    for address in found {
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// Well below timer B (32 s), so that a call still can go elsewhere.
const DEADLINE: Duration = Duration::from_secs(5);
/// Targets one call may try.
const ADDRESSES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn literals_need_no_resolver() {
        assert_eq!(resolve("192.0.2.7", 5070).await, ["192.0.2.7:5070".parse().expect("an address")]);
        assert_eq!(resolve("[2001:db8::1]", 5060).await, ["[2001:db8::1]:5060".parse().expect("an address")]);
    }

    #[tokio::test]
    async fn localhost_is_known_and_nonsense_is_not() {
        assert!(resolve("localhost", 5060).await.iter().all(|address| address.ip().is_loopback()));
        assert_eq!(resolve("not a host name", 5060).await, []);
    }
}
