//! The shell of an exchange: sockets, a clock and a media plane of its own, on loopback.
#![expect(clippy::disallowed_methods, reason = "a shell reads the clock and starts a task")]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use trunkline_media::{BridgeSpec, Media, MediaConfig, Report};
use trunkline_sip::{Config, Endpoint, Listen, Local};

use super::exchange::{Exchange, Order};

/// Where an exchange lives.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Its SIP address; port 0 takes any.
    pub listen: SocketAddr,
    /// Its RTP ports.
    pub ports: RangeInclusive<u16>,
}

/// A running exchange. Ends when it is dropped.
pub struct Server {
    local: SocketAddr,
    tally: Arc<Tally>,
    stop: CancellationToken,
}

/// An exchange's own tally, for whoever asks from outside its task.
#[derive(Default)]
struct Tally {
    rung: AtomicU64,
    ended: AtomicU64,
    most_at_once: AtomicUsize,
    numbers: Mutex<HashMap<String, u64>>,
    keys: Mutex<String>,
}

/// Reports that may wait.
const REPORTS: usize = 1_024;
/// Without anything to do, it looks up so often.
const LOOK_UP: Duration = Duration::from_secs(1);

impl Server {
    /// Starts one.
    pub fn start(config: ServerConfig) -> io::Result<Self> {
        let endpoint = Endpoint::bind(&[Listen::udp(config.listen)], None)?;
        let local = endpoint.local_addrs()[0];
        let (reports, inbox) = mpsc::channel(REPORTS);
        let address: IpAddr = local.ip();
        let media = MediaConfig { address, ports: config.ports, workers: 1, seed: rand::random() };
        let media = Media::start(media, move |report| reports.try_send(report).is_ok())?;
        let locals = endpoint.listening().iter().map(|it| Local::new(it.protocol, it.address)).collect();
        let exchange = Exchange::new(Config { locals, ..Config::new(local) }, rand::random());
        let (stop, tally) = (CancellationToken::new(), Arc::<Tally>::default());
        tokio::spawn(run(exchange, endpoint, media, inbox, Arc::clone(&tally), stop.clone()));
        Ok(Self { local, tally, stop })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// How many INVITEs rang here so far, and how many of them are over.
    pub fn tally(&self) -> (u64, u64) {
        (self.tally.rung.load(Ordering::Relaxed), self.tally.ended.load(Ordering::Relaxed))
    }

    /// How many INVITEs rang at each number.
    pub fn rung_by_number(&self) -> HashMap<String, u64> {
        self.tally.numbers().clone()
    }

    /// The keys that callers pressed, in their order.
    pub fn keys(&self) -> String {
        self.tally.keys().clone()
    }

    /// The most callees that were called or talked to at the same time.
    pub fn most_at_once(&self) -> usize {
        self.tally.most_at_once.load(Ordering::Relaxed)
    }
}

impl Tally {
    fn numbers(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> MutexGuard<'_, String> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn run(
    mut exchange: Exchange,
    mut endpoint: Endpoint,
    media: Media,
    mut inbox: mpsc::Receiver<Report>,
    tally: Arc<Tally>,
    stop: CancellationToken,
) {
    loop {
        let look_up = Instant::now() + LOOK_UP;
        let due = exchange.poll_timeout().map_or(look_up, |next| next.min(look_up));
        tokio::select! {
            () = stop.cancelled() => return,
            readable = endpoint.readable() => {
                let heard = readable.and_then(|()| {
                    endpoint.receive(|path, message| exchange.handle_message(Instant::now(), path, message))
                });
                if let Err(error) = heard {
                    tracing::warn!(%error, "the simulated callees' socket could not be read");
                }
            }
            _ = endpoint.writable() => {}
            Some(report) = inbox.recv() => exchange.handle_media(Instant::now(), report.token, &report.event),
            () = tokio::time::sleep_until(due.into()) => exchange.handle_timeout(Instant::now()),
        }
        drain(&mut exchange, &mut endpoint, &media);
        while let Some(number) = exchange.poll_ring() {
            *tally.numbers().entry(number).or_default() += 1;
        }
        tally.keys().replace_range(.., exchange.keys());
        tally.most_at_once.store(exchange.most_at_once(), Ordering::Relaxed);
        let (rung, ended) = exchange.tally();
        tally.rung.store(rung, Ordering::Relaxed);
        tally.ended.store(ended, Ordering::Relaxed);
    }
}

fn drain(exchange: &mut Exchange, endpoint: &mut Endpoint, media: &Media) {
    while let Some(order) = exchange.poll_order() {
        match order {
            Order::Open { token } => match media.open(BridgeSpec::default(), token, None) {
                Ok(opened) => exchange.handle_opened(Instant::now(), token, opened.leg, opened.local),
                Err(error) => tracing::warn!(%error, "a simulated callee has no media leg"),
            },
            Order::Command { leg, command } => {
                if media.send(leg, *command).is_err() {
                    tracing::warn!("a simulated callee's media worker is overloaded");
                }
            }
        }
    }
    while let Some(transmit) = exchange.poll_transmit() {
        endpoint.queue(transmit);
    }
    if let Err(error) = endpoint.flush() {
        tracing::warn!(%error, "the simulated callees' socket could not be written");
    }
}
