//! Places that said nothing when they were asked: for a while others are tried before them (RFC 3263 §4.3). Knows nothing of what
//! was asked.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::path::{Path, Protocol, Target};

/// Who is silent, those noted last at the end.
#[derive(Default)]
pub(super) struct Silence(VecDeque<(Place, Instant)>);

/// A target; the scope of an IPv6 address is ours alone.
type Place = (Protocol, IpAddr, u16);

/// How long a place is tried last. A call that goes there all the same and is heard ends it before.
const SILENT_FOR: Duration = Duration::from_secs(120);
/// How many places are remembered; the one that was noted first is forgotten.
const PLACES_MAX: usize = 256;

impl Silence {
    /// Nothing is heard from there.
    pub fn note(&mut self, now: Instant, path: &Path) {
        let place = place(path.protocol, path.remote);
        self.0.retain(|(known, until)| *known != place && *until > now);
        if self.0.len() >= PLACES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((place, now + SILENT_FOR));
    }

    /// Something came from there.
    pub fn end(&mut self, path: &Path) {
        if !self.0.is_empty() {
            let place = place(path.protocol, path.remote);
            self.0.retain(|(known, _)| *known != place);
        }
    }

    /// Puts who is silent behind those who are not; otherwise the order stays.
    pub fn put_last(&self, now: Instant, targets: &mut [Target]) {
        let is_silent = |target: &Target| {
            let place = place(target.protocol, target.address);
            self.0.iter().any(|(known, until)| *known == place && *until > now)
        };
        if !self.0.is_empty() {
            targets.sort_by_key(is_silent);
        }
    }
}

fn place(protocol: Protocol, address: SocketAddr) -> Place {
    (protocol, address.ip(), address.port())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Clock;
    use super::*;

    fn target(at: u16) -> Target {
        Target::udp(SocketAddr::from(([10, 0, (at / 256) as u8, (at % 256) as u8], 5060)))
    }

    fn path(at: u16) -> Path {
        Path::udp(SocketAddr::from(([10, 9, 9, 9], 5060)), target(at).address)
    }

    fn order(silence: &Silence, now: Instant) -> Vec<Target> {
        let mut targets = [1, 2, 3].map(target);
        silence.put_last(now, &mut targets);
        targets.into()
    }

    #[test]
    fn who_is_silent_comes_last_until_he_is_heard_or_it_is_long_ago() {
        let (mut clock, mut silence) = (Clock::new(), Silence::default());
        silence.note(clock.now(), &path(2));
        silence.note(clock.now(), &path(1));
        assert_eq!(order(&silence, clock.now()), [3, 1, 2].map(target));
        silence.end(&path(1));
        assert_eq!(order(&silence, clock.now()), [1, 3, 2].map(target));
        silence.end(&Path { protocol: Protocol::Tcp, ..path(2) });
        assert_eq!(order(&silence, clock.now()), [1, 3, 2].map(target), "another transport is another place");
        clock.advance(SILENT_FOR);
        assert_eq!(order(&silence, clock.now()), [1, 2, 3].map(target));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (clock, mut silence) = (Clock::new(), Silence::default());
        for at in 0..1_000 {
            silence.note(clock.now(), &path(at));
        }
        assert_eq!(silence.0.len(), PLACES_MAX);
    }
}
