//! A network in virtual time: what is sent arrives later, perhaps twice, perhaps never, perhaps out of order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;

/// How bad it is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Probability that a datagram is lost.
    pub loss: f64,
    /// Probability that it arrives twice.
    pub duplication: f64,
    /// Each arrives after 5 ms and up to so much more: what was sent later may arrive earlier.
    pub jitter: Duration,
}

impl Weather {
    pub const CALM: Self = Self { loss: 0.0, duplication: 0.0, jitter: Duration::ZERO };
    pub const ROUGH: Self = Self { loss: 0.1, duplication: 0.05, jitter: Duration::from_millis(40) };
    pub const STORM: Self = Self { loss: 0.45, duplication: 0.2, jitter: Duration::from_millis(400) };
}

/// What is under way.
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub payload: Bytes,
}

pub struct Network {
    rng: StdRng,
    weather: Weather,
    under_way: BinaryHeap<Reverse<(Instant, u64)>>,
    datagrams: std::collections::HashMap<u64, Datagram>,
    sent: u64,
}

const DELAY: Duration = Duration::from_millis(5);

impl Network {
    pub fn new(rng: StdRng, weather: Weather) -> Self {
        Self { rng, weather, under_way: BinaryHeap::new(), datagrams: Default::default(), sent: 0 }
    }

    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        let copies = 1 + u32::from(self.rng.random_bool(self.weather.duplication));
        for _ in 0..copies {
            if self.rng.random_bool(self.weather.loss) {
                continue;
            }
            self.sent += 1;
            let arrival = now + DELAY + self.weather.jitter.mul_f64(self.rng.random());
            self.under_way.push(Reverse((arrival, self.sent)));
            self.datagrams.insert(self.sent, Datagram { from, to, payload: payload.clone() });
        }
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((arrival, _))| *arrival)
    }

    pub fn arrived(&mut self, now: Instant) -> Option<Datagram> {
        self.next_arrival().filter(|arrival| *arrival <= now)?;
        let Reverse((_, serial)) = self.under_way.pop()?;
        self.datagrams.remove(&serial)
    }
}
