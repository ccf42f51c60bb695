//! By which trunk somebody comes in: by the address he sends from, or by the name and password that he proves to know.
//! Values only; who resolves names and who checks passwords is elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use trunkline_sip::Trust;

use crate::model::Trunk;

/// Every way in.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    open: Vec<(IpNet, Arc<Trunk>)>,
    locked: Vec<Arc<Trunk>>,
}

impl Doors {
    /// The ways in by which these trunks say that they come: their networks and their credentials. What their names resolve to
    /// is added by [`Doors::open`].
    pub fn of(trunks: &[Arc<Trunk>]) -> Self {
        let trunks = || trunks.iter().filter(|trunk| trunk.enabled);
        let networks = |trunk: &Arc<Trunk>| {
            let trunk = Arc::clone(trunk);
            trunk.inbound.addresses.clone().into_iter().map(move |network| (network, Arc::clone(&trunk)))
        };
        Self {
            open: trunks().flat_map(networks).collect(),
            locked: trunks().filter(|trunk| trunk.inbound.username.is_some()).cloned().collect(),
        }
    }

    /// A trunk sends from this address too.
    pub fn open(&mut self, address: IpAddr, trunk: &Arc<Trunk>) {
        if trunk.enabled {
            self.open.push((IpNet::from(address), Arc::clone(trunk)));
        }
    }

    /// Whose requests are heard at all: the trunks', and everybody's who proves who he is once a caller may do so from anywhere.
    pub fn trust(&self) -> Trust {
        let known = self.open.iter().map(|(network, _)| (network.addr(), network.prefix_len())).collect();
        match self.is_locked() {
            true => Trust::Proven { known, realm: REALM.to_owned() },
            false => Trust::Only(known),
        }
    }

    /// The trunks that send from there, each once.
    pub fn at(&self, address: IpAddr) -> Vec<Arc<Trunk>> {
        let mut found: Vec<Arc<Trunk>> = Vec::new();
        for (network, trunk) in &self.open {
            if network.contains(&address) && found.iter().all(|known| known.id != trunk.id) {
                found.push(Arc::clone(trunk));
            }
        }
        found
    }

    /// Can anybody come in by a password?
    pub fn is_locked(&self) -> bool {
        !self.locked.is_empty()
    }

    /// The trunk whose calls prove to be this user's. Of two with one user name the first holds.
    pub fn by_username(&self, username: &str) -> Option<&Arc<Trunk>> {
        self.locked.iter().find(|trunk| trunk.inbound.username.as_deref() == Some(username))
    }
}

/// The realm in which callers prove who they are (RFC 7616 §3.3).
pub const REALM: &str = "trunkline";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Secret, TenantId, TrunkId};

    fn trunk(id: u64, change: impl FnOnce(&mut Trunk)) -> Arc<Trunk> {
        let mut trunk = Trunk::new(TrunkId(id), TenantId(1), format!("t{id}"), "sip:a.example");
        change(&mut trunk);
        Arc::new(trunk)
    }

    #[test]
    fn a_trunk_is_known_by_its_networks_and_by_what_its_name_resolves_to() {
        let networked =
            trunk(1, |trunk| trunk.inbound.addresses = vec!["10.0.0.0/8".parse().expect("a network")]);
        let named = trunk(2, |_| {});
        let off = trunk(3, |trunk| trunk.enabled = false);
        let mut doors = Doors::of(&[networked, Arc::clone(&named), Arc::clone(&off)]);
        let address = "192.0.2.1".parse().expect("an address");
        doors.open(address, &named);
        doors.open(address, &off);
        let names = |text: &str| {
            let found = doors.at(text.parse().expect("an address"));
            found.iter().map(|trunk| trunk.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!((names("10.9.9.9"), names("192.0.2.1")), (vec!["t1".into()], vec!["t2".into()]));
        assert!(names("192.0.2.2").is_empty());
        assert!(!doors.trust().admits("192.0.2.2".parse().expect("an address")));
        assert!(doors.trust().admits(address));
    }

    #[test]
    fn credentials_open_the_door_to_everybody_who_can_prove_them() {
        let locked = trunk(1, |trunk| {
            trunk.inbound.username = Some("carrier".into());
            trunk.inbound.password = Some(Secret::new("x".into()));
        });
        let doors = Doors::of(&[locked]);
        let trust = doors.trust();
        assert_eq!(trust, Trust::Proven { known: Vec::new(), realm: REALM.into() });
        assert!(trust.admits("192.0.2.2".parse().expect("an address")));
        assert!(doors.by_username("carrier").is_some() && doors.by_username("another").is_none());
        assert!(doors.at("192.0.2.1".parse().expect("an address")).is_empty());
    }
}
