//! What the file's trunks may say and a tenant's may not: the switch is the operator's, and other tenants' calls come in by it too.

use ipnet::IpNet;

use super::super::{FILE_TENANT, Fault, Rules};
use crate::model::Trunk;

/// The widest networks from which a tenant's trunk takes calls without the operator's leave, as prefix lengths.
const WIDEST_V4: u8 = 24;
const WIDEST_V6: u8 = 48;
/// IPv4 as IPv6 sockets show it (RFC 4291 §2.5.5.2) begins with so many bits.
const MAPPED_BITS: u8 = 96;

/// Whether a trunk says nothing that only the operator's may say; if not, what.
pub fn is_within_rules(trunk: &Trunk, rules: &Rules) -> Result<(), Vec<Fault>> {
    if trunk.tenant == FILE_TENANT {
        return Ok(());
    }
    let is_leave = |network: &IpNet| rules.inbound_networks.iter().any(|wide| wide.contains(network));
    let of = trunk.inbound.addresses.iter().enumerate();
    let faults: Vec<_> = of
        .filter(|(_, network)| is_wide(network) && !is_leave(network))
        .map(|(index, network)| Fault {
            place: String::new(),
            key: format!("inbound.addresses[{index}]"),
            reason: format!("`{network}` is wider than /{WIDEST_V4} (/{WIDEST_V6}): ask the operator for it"),
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < WIDEST_V4,
        IpNet::V6(network) if network.network().to_ipv4_mapped().is_some() => {
            network.prefix_len() < MAPPED_BITS + WIDEST_V4
        }
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
        for fine in
            ["192.0.2.7/32", "192.0.2.0/24", "2001:db8::/48", "2001:db8::1/128", "::ffff:192.0.2.0/120"]
        {
            assert!(!refused(fine, &[]), "{fine}");
        }
        for wide in ["0.0.0.0/0", "192.0.2.0/23", "10.0.0.0/8", "::/0", "2001:db8::/47", "::ffff:0.0.0.0/96"]
        {
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
}
