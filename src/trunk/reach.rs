//! Where trunks of tenants may lead: to public addresses, and to such as the operator allows. What stands in a URI as an address is
//! checked where that is read; what a name resolves to is asked here, each time that it is resolved.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use trunkline_sip::Query;

use crate::model::{TenantId, Trunk, is_reachable};

/// Whether what is sent to a host may go to an address, as things stand now: by a call of this trunk, or by whoever else.
pub type Reachable = Arc<dyn Fn(Option<&Trunk>, &str, IpAddr) -> bool + Send + Sync>;

/// Whose names lead where.
#[derive(Debug)]
pub struct Reach {
    operator: TenantId,
    /// Hosts that the operator names.
    own: HashSet<String>,
    /// Hosts that tenants name, and the operator does not.
    guarded: HashSet<String>,
    allowed: Vec<IpNet>,
}

impl Reach {
    /// Of these trunks the operator's may lead anywhere, the others' to public addresses and to these networks.
    pub fn of(trunks: &[Arc<Trunk>], operator: TenantId, allowed: &[IpNet]) -> Self {
        let (own, others): (Vec<_>, Vec<_>) = trunks.iter().partition(|trunk| trunk.tenant == operator);
        let own: HashSet<String> = own.into_iter().flat_map(|trunk| hosts(trunk)).collect();
        let guarded = others.into_iter().flat_map(|trunk| hosts(trunk));
        let guarded = guarded.filter(|host| !own.contains(host)).collect();
        Self { operator, own, guarded, allowed: allowed.to_vec() }
    }

    /// May what is sent to this host go to this address? A call of a tenant's trunk, wherever its carrier sends it and whatever has
    /// become of the trunk meanwhile, comes to the operator's hosts only by those that the trunk itself names.
    pub fn allows(&self, trunk: Option<&Trunk>, host: &str, address: IpAddr) -> bool {
        let host = folded(host);
        let is_guarded = match trunk {
            Some(trunk) => {
                trunk.tenant != self.operator && !(self.own.contains(&host) && is_home(trunk, &host))
            }
            None => self.guarded.contains(&host),
        };
        !is_guarded || is_reachable(address, &self.allowed)
    }
}

/// May a trunk's call be sent to this host? What a name leads to is asked when it is resolved.
pub fn may_send(trunk: &Trunk, host: &str, reachable: &Reachable) -> bool {
    host.parse().ok().is_none_or(|address| reachable(Some(trunk), host, address))
}

/// May the audio of a trunk's call be sent there? To where its calls may, and to where its own hosts are.
pub fn may_stream(trunk: &Trunk, to: IpAddr, reachable: &Reachable) -> bool {
    reachable(Some(trunk), &to.to_string(), to) || hosts(trunk).any(|host| reachable(Some(trunk), &host, to))
}

/// Is it one of the trunk's own hosts?
pub fn is_home(trunk: &Trunk, host: &str) -> bool {
    let host = folded(host);
    hosts(trunk).any(|own| own == host)
}

/// The hosts that a trunk's URIs name.
fn hosts(trunk: &Trunk) -> impl Iterator<Item = String> {
    let registrar = trunk.registration.as_ref().and_then(|registration| registration.registrar.as_deref());
    let uris = [Some(trunk.uri.as_str()), trunk.outbound_proxy.as_deref(), registrar];
    uris.into_iter().flatten().filter_map(Query::of).map(|query| folded(&query.host))
}

/// Names are the same in any case, and with the dot of the root.
fn folded(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TrunkId;

    const OPERATOR: TenantId = TenantId(1);

    fn trunk(id: u64, tenant: TenantId, uri: &str) -> Arc<Trunk> {
        Arc::new(Trunk::new(TrunkId(id), tenant, format!("t{id}"), uri))
    }

    #[test]
    fn a_tenants_name_leads_to_public_addresses_and_to_those_that_are_allowed() {
        let mut proxied = Trunk::clone(&trunk(3, TenantId(7), "sip:carrier.example"));
        proxied.outbound_proxy = Some("sip:Edge.Inner.example:5070".to_owned());
        let trunks = [
            trunk(1, OPERATOR, "sip:sbc.operator.example"),
            trunk(2, TenantId(7), "sip:sbc.operator.example"),
            Arc::new(proxied),
        ];
        let reach = Reach::of(&trunks, OPERATOR, &["10.9.0.0/16".parse().expect("a network")]);
        let allows =
            |host: &str, address: &str| reach.allows(None, host, address.parse().expect("an address"));
        for host in ["carrier.example", "edge.inner.example", "EDGE.inner.example."] {
            assert!(allows(host, "8.8.8.8") && allows(host, "10.9.1.1"), "{host}");
            for inner in ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "fd00::1"] {
                assert!(!allows(host, inner), "{host} {inner}");
            }
        }
        assert!(allows("sbc.operator.example", "10.0.0.1"), "the operator's own");
        assert!(allows("elsewhere.example", "10.0.0.1"), "no trunk's: within a call of somebody's");
    }

    #[test]
    fn wherever_a_tenants_carrier_sends_its_calls_they_reach_nothing_within() {
        let mut shared = Trunk::clone(&trunk(3, TenantId(7), "sip:sbc.operator.example"));
        shared.outbound_proxy = Some("sip:carrier.example".to_owned());
        let trunks = [
            trunk(1, OPERATOR, "sip:sbc.operator.example"),
            trunk(2, TenantId(7), "sip:192.0.2.7"),
            Arc::new(shared),
        ];
        let reach = Reach::of(&trunks, OPERATOR, &[]);
        let leads = |trunk: &Trunk, host: &str, address: &str| {
            reach.allows(Some(trunk), host, address.parse().expect("an address"))
        };
        let [operators, tenants, shared] = &trunks;
        assert!(leads(operators, "elsewhere.example", "10.0.0.1"));
        for host in ["192.0.2.7", "carrier.example", "elsewhere.example"] {
            for trunk in [tenants, shared] {
                assert!(leads(trunk, host, "8.8.8.8") && !leads(trunk, host, "10.0.0.1"), "{}", trunk.name);
            }
        }
        // The operator's own host is for whoever was given it.
        assert!(leads(shared, "SBC.operator.example", "10.0.0.1"));
        assert!(!leads(tenants, "sbc.operator.example", "10.0.0.1"));
        // A call outlives its trunk.
        let nobodys = Reach::of(&trunks[..1], OPERATOR, &[]);
        assert!(!nobodys.allows(Some(tenants), "192.0.2.7", "10.0.0.1".parse().expect("an address")));
        let reachable: Reachable = Arc::new(move |trunk, host, address| nobodys.allows(trunk, host, address));
        assert!(
            may_send(tenants, "elsewhere.example", &reachable) && may_send(tenants, "8.8.8.8", &reachable)
        );
        assert!(!may_send(tenants, "10.0.0.1", &reachable) && may_send(operators, "10.0.0.1", &reachable));
    }
}
