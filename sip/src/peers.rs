//! Whom we open TLS connections to, each with the number that names him in a path. Knows nothing of TLS.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::path::TlsPeer;
use crate::tls::ClientTls;

/// The peers we know, the latest to be used last.
#[derive(Default)]
pub(crate) struct Peers {
    known: VecDeque<Known>,
    counted: u32,
}

struct Known {
    number: u32,
    host: Arc<str>,
    /// None: as everybody does. Its user holds on to it, not we: a trunk that is gone is forgotten.
    tls: Option<Weak<ClientTls>>,
}

/// Peers remembered at once. Their hosts may come from the network (a Contact, a Record-Route): the one that was not used for
/// longest is forgotten, and his connection can only be used as long as it stands.
const PEERS_MAX: usize = 1_024;

impl Peers {
    /// The number of a peer.
    pub fn number(&mut self, host: &str, tls: Option<&Arc<ClientTls>>) -> u32 {
        let is_it = |known: &Known| {
            let is_same = match (&known.tls, tls) {
                (None, None) => true,
                (Some(known), Some(tls)) => std::ptr::eq(known.as_ptr(), Arc::as_ptr(tls)),
                _ => false,
            };
            is_same && known.host.eq_ignore_ascii_case(host)
        };
        if let Some(at) = self.known.iter().rposition(is_it) {
            let number = self.known[at].number;
            // Those in use stay near the end; most often this one is the last already.
            if at + 1 < self.known.len()
                && let Some(known) = self.known.remove(at)
            {
                self.known.push_back(known);
            }
            return number;
        }
        if self.known.len() >= PEERS_MAX {
            self.known.pop_front();
        }
        self.counted = self.counted.checked_add(1).unwrap_or(1);
        let number = self.counted;
        self.known.push_back(Known { number, host: host.into(), tls: tls.map(Arc::downgrade) });
        number
    }

    /// What opening a connection to a peer needs; none if he is forgotten.
    pub fn get(&self, number: u32) -> Option<TlsPeer> {
        let known = self.known.iter().rfind(|known| known.number == number)?;
        let tls = match &known.tls {
            None => None,
            Some(tls) => Some(tls.upgrade()?),
        };
        Some(TlsPeer { host: Arc::clone(&known.host), tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::ClientTlsConfig;

    fn tls() -> Arc<ClientTls> {
        ClientTls::new(ClientTlsConfig { verify: false, ..ClientTlsConfig::default() })
            .expect("no files, no faults")
    }

    #[test]
    fn a_peer_is_a_host_and_a_way_to_speak_to_him() {
        let mut peers = Peers::default();
        let (one, other) = (tls(), tls());
        let first = peers.number("a.example", Some(&one));
        assert_eq!(peers.number("A.example", Some(&one)), first);
        let others = [
            peers.number("b.example", Some(&one)),
            peers.number("a.example", Some(&other)),
            peers.number("a.example", None),
        ];
        assert!(!others.contains(&first));
        let peer = peers.get(first).expect("known");
        assert_eq!(&*peer.host, "a.example");
        assert!(Arc::ptr_eq(&peer.tls.expect("his own"), &one));
        drop(one);
        assert!(peers.get(first).is_none(), "a trunk that is gone is not called any more");
        assert!(peers.get(others[2]).expect("known").tls.is_none());
    }

    #[test]
    fn the_one_not_used_for_longest_is_forgotten() {
        let mut peers = Peers::default();
        let first = peers.number("first.example", None);
        let second = peers.number("second.example", None);
        for stranger in 0..PEERS_MAX - 1 {
            peers.number("first.example", None);
            peers.number(&format!("{stranger}.example"), None);
        }
        assert!(peers.get(first).is_some() && peers.get(second).is_none());
        assert_eq!(peers.known.len(), PEERS_MAX);
    }
}
