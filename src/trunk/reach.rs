//! Where trunks of tenants may lead: to public addresses, and to such as the operator allows. What stands in a URI as an address is
//! checked where that is read; what a name resolves to is asked here, each time that it is resolved.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use ipnet::IpNet;
use trunkline_sip::Query;

use crate::model::{TenantId, Trunk, is_reachable};

/// What is known of names. Cheap to clone.
#[derive(Clone, Default)]
pub struct Reach(Arc<RwLock<State>>);

#[derive(Default)]
struct State {
    /// Hosts that tenants name, and the operator does not.
    guarded: HashSet<String>,
    allowed: Vec<IpNet>,
}

impl Reach {
    /// These are the trunks from now on; the operator's may lead anywhere, the others' to public addresses and to these networks.
    pub fn set(&self, trunks: &[Arc<Trunk>], operator: TenantId, allowed: &[IpNet]) {
        let (own, others): (Vec<_>, Vec<_>) = trunks.iter().partition(|trunk| trunk.tenant == operator);
        let own: HashSet<String> = own.into_iter().flat_map(|trunk| hosts(trunk)).collect();
        let guarded = others.into_iter().flat_map(|trunk| hosts(trunk));
        let guarded = guarded.filter(|host| !own.contains(host)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            State { guarded, allowed: allowed.to_vec() };
    }

    /// May what is sent to this host go to this address?
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !state.guarded.contains(&folded(host)) || is_reachable(address, &state.allowed)
    }
}

/// The hosts that a trunk's URIs name.
pub fn hosts(trunk: &Trunk) -> Vec<String> {
    let registrar = trunk.registration.as_ref().and_then(|registration| registration.registrar.as_deref());
    let uris = [Some(trunk.uri.as_str()), trunk.outbound_proxy.as_deref(), registrar];
    uris.into_iter().flatten().filter_map(Query::of).map(|query| folded(&query.host)).collect()
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
        let reach = Reach::default();
        let mut proxied = Trunk::clone(&trunk(3, TenantId(7), "sip:carrier.example"));
        proxied.outbound_proxy = Some("sip:Edge.Inner.example:5070".to_owned());
        let trunks = [
            trunk(1, OPERATOR, "sip:sbc.operator.example"),
            trunk(2, TenantId(7), "sip:sbc.operator.example"),
            Arc::new(proxied),
        ];
        reach.set(&trunks, OPERATOR, &["10.9.0.0/16".parse().expect("a network")]);
        let allows = |host: &str, address: &str| reach.allows(host, address.parse().expect("an address"));
        for host in ["carrier.example", "edge.inner.example", "EDGE.inner.example."] {
            assert!(allows(host, "8.8.8.8") && allows(host, "10.9.1.1"), "{host}");
            for inner in ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "fd00::1"] {
                assert!(!allows(host, inner), "{host} {inner}");
            }
        }
        assert!(allows("sbc.operator.example", "10.0.0.1"), "the operator's own");
        assert!(allows("elsewhere.example", "10.0.0.1"), "no trunk's: within a call of somebody's");
    }
}
