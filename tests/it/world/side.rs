//! One side's media legs: bridges without threads or sockets.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use trunkline_media::{Bridge, BridgeSpec, Channel, Command, Event, LegId};

use super::network::Network;

struct Leg {
    bridge: Bridge,
    token: u64,
    rtp: SocketAddr,
    closed: bool,
}

pub struct Legs {
    host: &'static str,
    seed: u64,
    legs: BTreeMap<LegId, Leg>,
    opened: u64,
    events: VecDeque<(u64, Event)>,
}

impl Legs {
    pub fn new(host: &'static str, seed: u64) -> Self {
        Self { host, seed, legs: BTreeMap::new(), opened: 0, events: VecDeque::new() }
    }

    pub fn len(&self) -> usize {
        self.legs.len()
    }

    /// Every leg.
    pub fn names(&self) -> Vec<LegId> {
        self.legs.keys().copied().collect()
    }

    /// A leg that ticks from now on.
    pub fn open(&mut self, now: Instant, spec: BridgeSpec, token: u64) -> (LegId, SocketAddr) {
        self.opened += 1;
        let port = 10_000 + 2 * (self.opened % 20_000);
        let rtp: SocketAddr = format!("{}:{port}", self.host).parse().expect("an address");
        let leg = super::leg(self.opened);
        let mut bridge = Bridge::new(spec, self.seed ^ self.opened);
        bridge.handle_timeout(now);
        self.legs.insert(leg, Leg { bridge, token, rtp, closed: false });
        (leg, rtp)
    }

    pub fn handle_command(&mut self, now: Instant, leg: LegId, command: Command) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.bridge.handle_command(now, command);
        }
    }

    /// True: the datagram was for one of these legs.
    pub fn handle_message(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> bool {
        if to.ip().to_string() != self.host {
            return false;
        }
        for leg in self.legs.values_mut() {
            let channel = match to.port().wrapping_sub(leg.rtp.port()) {
                0 => Channel::Rtp,
                1 => Channel::Rtcp,
                _ => continue,
            };
            leg.bridge.handle_message(now, channel, from, payload);
        }
        true
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        for leg in self.legs.values_mut() {
            if leg.bridge.poll_timeout().is_some_and(|due| due <= now) {
                leg.bridge.handle_timeout(now);
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.legs.values().filter_map(|leg| leg.bridge.poll_timeout()).min()
    }

    pub fn poll_event(&mut self) -> Option<(u64, Event)> {
        self.events.pop_front()
    }

    /// Packets go to the network, events wait for their owner, recordings go nowhere. True: something moved.
    pub fn drain(&mut self, now: Instant, network: &mut Network) -> bool {
        let mut moved = false;
        for leg in self.legs.values_mut() {
            while let Some(transmit) = leg.bridge.poll_transmit() {
                moved = true;
                let from = match transmit.channel {
                    Channel::Rtp => leg.rtp,
                    Channel::Rtcp => SocketAddr::new(leg.rtp.ip(), leg.rtp.port() + 1),
                };
                network.send(now, from, transmit.to, Bytes::copy_from_slice(transmit.payload));
            }
            while leg.bridge.poll_recording().is_some() {}
            while let Some(event) = leg.bridge.poll_event() {
                moved = true;
                leg.closed |= matches!(event, Event::Closed(_));
                self.events.push_back((leg.token, event));
            }
        }
        self.legs.retain(|_, leg| !leg.closed);
        moved
    }
}
