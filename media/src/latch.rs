//! Symmetric RTP (RFC 4961): whose packets a leg takes, and where it sends. Behind a NAT the SDP may name an address
//! that the other side isn't heard from; so a leg locks on to the first source that it may believe, answers there, and
//! from then on ignores everyone else but the one whom the SDP names. Knows nothing of RTP.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// Who is believed before the leg has locked on.
///
/// The ports of a media server are easily guessed, so whoever is believed can speak into the call and draw its audio
/// away ("RTP bleed"). Choose the strictest that works with the trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latch {
    /// The negotiated address and port alone, and we send there. For trunks without NAT.
    Strict,
    /// The negotiated IP address, from whatever port a NAT gave it.
    #[default]
    Address,
    /// As `Address`; and where the negotiated address is private, shared, link-local or unspecified (RFC 1918, 6598,
    /// 3927), hence no use to us beyond a NAT, whoever sends first. For peers that don't know their public address.
    Any,
}

/// One leg's peer.
#[derive(Debug)]
pub(crate) struct Peer {
    latch: Latch,
    negotiated: Option<SocketAddr>,
    locked: Option<SocketAddr>,
    /// Whom it was locked on to last, kept after the lock was lost: there it is still reached.
    last: Option<SocketAddr>,
    /// Who was heard before the SDP named another address. What it still sends is of the past.
    left: Option<SocketAddr>,
    /// The address once locked on, kept after the lock was lost: a NAT may change the port, not the host.
    pinned: Option<IpAddr>,
    heard: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(latch: Latch) -> Self {
        Self { latch, negotiated: None, locked: None, last: None, left: None, pinned: None, heard: None }
    }

    /// Takes the address of the latest SDP; another one than before ends the lock.
    pub(crate) fn negotiate(&mut self, negotiated: Option<SocketAddr>) {
        if self.negotiated != negotiated && negotiated.is_some() {
            // Who never was where the SDP said may well be the same again.
            let left = self.last.filter(|last| self.negotiated == Some(*last) && negotiated != Some(*last));
            *self = Self { negotiated, left, heard: self.heard, ..Self::new(self.latch) };
        }
    }

    /// Whether a packet from there may be the peer's.
    pub(crate) fn admits(&self, from: SocketAddr) -> bool {
        let Some(negotiated) = self.negotiated else { return false };
        // It is no NAT's doing then, so whoever else was heard is not the one who was meant.
        if from == negotiated {
            return true;
        }
        if let Some(locked) = self.locked {
            return from == locked;
        }
        if self.left == Some(from) {
            return false;
        }
        match self.latch {
            Latch::Strict => from == negotiated,
            Latch::Address => from.ip() == negotiated.ip(),
            Latch::Any => match self.pinned {
                Some(pinned) => from.ip() == pinned,
                None => from.ip() == negotiated.ip() || is_hidden(negotiated.ip()),
            },
        }
    }

    /// A valid packet of an admitted source.
    pub(crate) fn hear(&mut self, now: Instant, from: SocketAddr) {
        self.locked = Some(from);
        self.last = Some(from);
        self.pinned = Some(from.ip());
        self.heard = Some(now);
    }

    /// After a silence a NAT may have forgotten its port: others at the same address are believed again, and so is who
    /// was left, if nobody has taken its place.
    pub(crate) fn expire(&mut self, now: Instant) {
        if (self.locked.is_some() || self.left.is_some()) && self.silent_for(now, LOCK) {
            (self.locked, self.left) = (None, None);
        }
    }

    pub(crate) fn silent_for(&self, now: Instant, duration: Duration) -> bool {
        self.heard.is_none_or(|heard| now.saturating_duration_since(heard) >= duration)
    }

    /// The only one who is heard, whatever comes: nobody else needs to be listened to.
    pub(crate) fn only(&self) -> Option<SocketAddr> {
        self.locked.filter(|locked| self.negotiated == Some(*locked))
    }

    /// Where it was heard from last.
    pub(crate) fn last(&self) -> Option<SocketAddr> {
        self.last
    }

    /// Where to send RTP: a NAT that has forgotten its port knows no other way in either.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.last.or(self.negotiated)
    }
}

const LOCK: Duration = Duration::from_secs(2);

fn is_hidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_unspecified()
                || v4.is_link_local()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn peer(latch: Latch, negotiated: &str) -> Peer {
        let mut peer = Peer::new(latch);
        peer.negotiate(Some(address(negotiated)));
        peer
    }

    #[test]
    fn each_policy_believes_whom_it_says() {
        let (exact, port, public, stranger) =
            ("203.0.113.5:4000", "203.0.113.5:9", "203.0.113.5:4000", "198.51.100.1:4000");
        let private = "192.168.1.9:4000";
        for (latch, negotiated, from, admitted) in [
            (Latch::Strict, public, exact, true),
            (Latch::Strict, public, port, false),
            (Latch::Address, public, port, true),
            (Latch::Address, public, stranger, false),
            (Latch::Address, private, stranger, false),
            (Latch::Any, public, port, true),
            (Latch::Any, public, stranger, false),
            (Latch::Any, private, stranger, true),
            (Latch::Any, "100.64.3.4:4000", stranger, true),
        ] {
            assert_eq!(
                peer(latch, negotiated).admits(address(from)),
                admitted,
                "{latch:?} {negotiated} {from}"
            );
        }
        assert!(!Peer::new(Latch::Any).admits(address(exact)));
    }

    #[test]
    fn once_locked_on_nobody_else_is_heard_until_a_silence() {
        let start = Instant::now();
        let mut peer = peer(Latch::Any, "10.0.0.1:4000");
        peer.hear(start, address("203.0.113.5:7"));
        assert_eq!(peer.destination(), Some(address("203.0.113.5:7")));
        assert!(!peer.admits(address("203.0.113.5:8")) && !peer.admits(address("10.0.0.1:4001")));
        peer.expire(start + Duration::from_secs(1));
        assert!(!peer.admits(address("203.0.113.5:8")));
        peer.expire(start + Duration::from_secs(2));
        assert!(peer.admits(address("203.0.113.5:8")));
        assert!(!peer.admits(address("198.51.100.1:8")));
    }

    #[test]
    fn a_new_address_ends_the_lock_and_a_hold_keeps_it() {
        let start = Instant::now();
        let mut peer = peer(Latch::Address, "203.0.113.5:4000");
        peer.hear(start, address("203.0.113.5:7"));
        peer.negotiate(None);
        assert_eq!(peer.destination(), Some(address("203.0.113.5:7")));
        peer.negotiate(Some(address("203.0.113.6:4000")));
        assert_eq!(peer.destination(), Some(address("203.0.113.6:4000")));
        assert!(!peer.admits(address("203.0.113.5:7")));
    }

    #[test]
    fn who_moves_to_another_port_is_not_taken_for_who_it_was() {
        let start = Instant::now();
        let mut peer = peer(Latch::Address, "203.0.113.5:4000");
        peer.hear(start, address("203.0.113.5:4000"));
        peer.negotiate(Some(address("203.0.113.5:6000")));
        assert!(!peer.admits(address("203.0.113.5:4000")), "what it still sends is of the past");
        assert!(peer.admits(address("203.0.113.5:6000")) && peer.admits(address("203.0.113.5:7")));
        peer.negotiate(Some(address("203.0.113.5:4000")));
        assert!(peer.admits(address("203.0.113.5:4000")), "back again");
        peer.negotiate(Some(address("203.0.113.5:8000")));
        peer.expire(start + Duration::from_secs(2));
        assert!(peer.admits(address("203.0.113.5:4000")), "nobody came in its place");
    }

    #[test]
    fn whom_the_description_names_is_believed_before_whoever_else_was_heard() {
        let start = Instant::now();
        let mut peer = peer(Latch::Address, "203.0.113.5:4000");
        peer.hear(start, address("203.0.113.5:7"));
        assert_eq!(peer.only(), None);
        assert!(peer.admits(address("203.0.113.5:4000")));
        peer.hear(start, address("203.0.113.5:4000"));
        assert_eq!(peer.only(), Some(address("203.0.113.5:4000")));
        assert!(!peer.admits(address("203.0.113.5:7")));
    }

    #[test]
    fn a_peer_that_is_silent_is_answered_where_it_was_heard_last() {
        let start = Instant::now();
        let mut peer = peer(Latch::Any, "10.0.0.1:4000");
        peer.hear(start, address("203.0.113.5:7"));
        peer.expire(start + Duration::from_secs(60));
        assert_eq!(peer.destination(), Some(address("203.0.113.5:7")));
        peer.negotiate(Some(address("10.0.0.1:6000")));
        assert_eq!(peer.destination(), Some(address("10.0.0.1:6000")));
    }
}
