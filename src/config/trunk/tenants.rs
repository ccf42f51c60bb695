//! What the file's trunks may say and a tenant's may not: the switch is the operator's, and other tenants' calls come in by it too.

use ipnet::IpNet;

use super::super::{FILE_TENANT, Fault, Rules, uri};
use crate::model::{Trunk, is_reachable};

/// The widest networks from which a tenant's trunk takes calls without the operator's leave, as prefix lengths.
const WIDEST_V4: u8 = 24;
const WIDEST_V6: u8 = 48;

/// Whether a trunk says nothing that only the operator's may say; if not, what.
pub fn is_within_rules(trunk: &Trunk, rules: &Rules) -> Result<(), Vec<Fault>> {
    if trunk.tenant == FILE_TENANT {
        return Ok(());
    }
    let faults: Vec<_> = wide_networks(trunk, rules).chain(inner_addresses(trunk, rules)).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Its calls would be other tenants' too.
fn wide_networks<'t>(trunk: &'t Trunk, rules: &'t Rules) -> impl Iterator<Item = Fault> + 't {
    let is_leave = |network: &IpNet| rules.inbound_networks.iter().any(|wide| wide.contains(network));
    let of = trunk.inbound.addresses.iter().enumerate();
    of.filter(move |(_, network)| is_wide(network) && !is_leave(network)).map(|(index, network)| Fault {
        place: String::new(),
        key: format!("inbound.addresses[{index}]"),
        reason: format!("`{network}` is wider than /{WIDEST_V4} (/{WIDEST_V6}): ask the operator for it"),
    })
}

/// What the switch can reach and the tenant cannot is none of a tenant's business. Names are looked at when they are resolved.
fn inner_addresses<'t>(trunk: &'t Trunk, rules: &'t Rules) -> impl Iterator<Item = Fault> + 't {
    let registrar = trunk.registration.as_ref().and_then(|registration| registration.registrar.as_deref());
    let uris = [
        ("uri", Some(trunk.uri.as_str())),
        ("proxy", trunk.outbound_proxy.as_deref()),
        ("registrar", registrar),
    ];
    let is_inner =
        |uri: &str| uri::address(uri).is_some_and(|address| !is_reachable(address, &rules.sip_addresses));
    uris.into_iter().filter(move |(_, uri)| uri.is_some_and(is_inner)).map(|(key, _)| Fault {
        place: String::new(),
        key: key.to_owned(),
        reason: "is no public address: ask the operator to allow it".to_owned(),
    })
}

fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < WIDEST_V4,
        IpNet::V6(network) => network.prefix_len() < WIDEST_V6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, TrunkId};

    fn refused(network: &str, allowed: &[&str]) -> bool {
        let mut trunk = Trunk::new(TrunkId(7), TenantId(7), "t", "sip:a.example");
        trunk.inbound.addresses = vec![network.parse().expect("a network")];
        let inbound_networks = allowed.iter().map(|text| text.parse().expect("a network")).collect();
        is_within_rules(&trunk, &Rules { inbound_networks, ..Rules::default() }).is_err()
    }

    #[test]
    fn a_tenant_takes_calls_from_networks_of_its_size() {
        for fine in ["192.0.2.7/32", "192.0.2.0/24", "2001:db8::/48", "2001:db8::1/128"] {
            assert!(!refused(fine, &[]), "{fine}");
        }
        for wide in ["0.0.0.0/0", "192.0.2.0/23", "10.0.0.0/8", "::/0", "2001:db8::/47"] {
            assert!(refused(wide, &[]), "{wide}");
        }
    }

    #[test]
    fn the_files_trunks_take_calls_from_wherever_they_say() {
        let mut trunk = Trunk::new(TrunkId(7), FILE_TENANT, "t", "sip:a.example");
        trunk.inbound.addresses = vec!["0.0.0.0/0".parse().expect("a network")];
        assert!(is_within_rules(&trunk, &Rules::default()).is_ok());
    }

    #[test]
    fn the_operator_may_allow_more() {
        assert!(!refused("10.0.0.0/8", &["10.0.0.0/8"]));
        assert!(!refused("10.1.0.0/16", &["192.0.2.0/24", "10.0.0.0/8"]));
        assert!(refused("0.0.0.0/0", &["10.0.0.0/8"]));
        assert!(refused("2001:db8::/32", &["10.0.0.0/8"]));
    }

    #[test]
    fn a_tenants_trunk_is_at_a_public_address_or_at_one_that_is_allowed() {
        let keys = |change: fn(&mut Trunk), allowed: &[&str]| {
            let mut trunk = Trunk::new(TrunkId(7), TenantId(7), "t", "sip:carrier.example");
            change(&mut trunk);
            let sip_addresses = allowed.iter().map(|text| text.parse().expect("a network")).collect();
            let checked = is_within_rules(&trunk, &Rules { sip_addresses, ..Rules::default() });
            checked.err().unwrap_or_default().into_iter().map(|fault| fault.key).collect::<Vec<_>>()
        };
        for (change, key) in [
            ((|trunk| trunk.uri = "sip:169.254.169.254".into()) as fn(&mut Trunk), "uri"),
            (|trunk| trunk.uri = "sip:10.0.0.1:5070;transport=tcp".into(), "uri"),
            (|trunk| trunk.uri = "sips:[::1]".into(), "uri"),
            (|trunk| trunk.uri = "sip:[::ffff:10.0.0.1]:5060".into(), "uri"),
            (|trunk| trunk.outbound_proxy = Some("sip:10.0.0.1".into()), "proxy"),
        ] {
            assert_eq!(keys(change, &[]), [key]);
            assert_eq!(keys(change, &["0.0.0.0/0", "::/0"]), [""; 0]);
        }
        assert_eq!(keys(|trunk| trunk.uri = "sip:8.8.8.8".into(), &[]), [""; 0]);
        assert_eq!(keys(|_| {}, &[]), [""; 0], "a name is looked at when it is resolved");
    }
}
