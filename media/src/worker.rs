//! Shell: the media plane. A few threads own all legs; each serves a leg once every 20 ms, in the leg's own slot of 1 ms:
//! reads its socket, ticks its bridge, sends. One bounded mailbox a thread, one ring to the recorder, and reports by a
//! sink: nothing on the packet path allocates, locks, logs or touches a file. Holds clocks and sockets, and no decisions.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock and runs threads")]

mod cycle;
mod run;

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Instant,
};

use crossbeam_queue::ArrayQueue;
use rand::{Rng, SeedableRng, rngs::StdRng};

use self::run::{Opening, Order, Worker};
use crate::{
    bridge::{Bridge, BridgeSpec, Command},
    counters::{Counters, Published},
    recording,
    report::{LegId, Report, Reports, Sink, WORKERS_MAX},
    sockets::PortPool,
    tape::RecordingSpec,
};

/// Where legs live and how many threads serve them.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The local address of every leg. What the SDP says is the caller's affair.
    pub address: IpAddr,
    /// The port pool: pairs of an even RTP and the next odd RTCP port.
    pub ports: RangeInclusive<u16>,
    /// Media threads, 1 to 64; one serves about 1,000 legs.
    pub workers: usize,
    /// Every leg's SSRC, numbers and RTCP intervals come from it: from the system's randomness, except in tests.
    pub seed: [u8; 32],
}

/// Legs that a worker takes before the next one is used: about a fifth of a core.
const COMFORTABLE: u64 = 400;

/// A leg that is ready for an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its name.
    pub leg: LegId,
    /// Its RTP address; RTCP is the next port.
    pub local: SocketAddr,
}

/// Why no leg could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Every port pair is taken.
    #[error("no free port pair")]
    NoPorts,
    /// The worker's mailbox is full.
    #[error("the media worker is overloaded")]
    Overloaded,
    /// A socket could not be made.
    #[error("media socket: {0}")]
    Io(#[from] io::Error),
}

/// The worker's mailbox is full: the caller ends that call, and [`Command::Close`] finds room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media worker is overloaded")]
pub struct Overloaded;

/// The media plane. Dropping it closes every leg and lets the threads end by themselves; [`Media::shutdown`] waits.
#[derive(Debug)]
pub struct Media {
    workers: Vec<Handle>,
    recorder_figures: Arc<Published>,
    pool: Arc<PortPool>,
    serial: AtomicU64,
    seeds: Mutex<StdRng>,
    /// Never contended: a lock only so that the handle may be shared.
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug)]
struct Handle {
    mailbox: SyncSender<Order>,
    /// Legs to close when the mailbox is full; it has room for every leg that there can be.
    closing: Arc<ArrayQueue<LegId>>,
    published: Arc<Published>,
    /// Legs given to it and not yet closed.
    load: Arc<AtomicU64>,
}

/// Orders that wait for a worker at most.
pub const MAILBOX: usize = 1_024;

impl Media {
    /// Starts the threads. `sink` takes reports on a media thread: it must not block, and says false when it is full.
    /// Digits, speech and tones are then dropped and counted; all else is kept for it, up to 8,192 a thread.
    pub fn start(
        config: MediaConfig,
        sink: impl Fn(Report) -> bool + Send + Sync + 'static,
    ) -> io::Result<Media> {
        if !(1..=WORKERS_MAX).contains(&config.workers) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "media workers must be 1 to 64"));
        }
        let pool = PortPool::new(config.address, &config.ports).ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, "the media port range holds no even and odd pair")
        })?;
        let pool = Arc::new(pool);
        let sink: Sink = Arc::new(sink);
        let recorder_figures = Arc::<Published>::default();
        // Never sent to: it disconnects when the last thread drops its end.
        let (alive, ended) = sync_channel(1);
        let rings = recording::start(
            config.workers,
            Reports::new(sink.clone()),
            recorder_figures.clone(),
            alive.clone(),
        )?;
        let mut workers = Vec::with_capacity(config.workers);
        for (index, ring) in rings.into_iter().enumerate() {
            let (mailbox, orders) = sync_channel(MAILBOX);
            let closing = Arc::new(ArrayQueue::new(pool.pairs()));
            let handle = Handle { mailbox, closing, published: Arc::default(), load: Arc::default() };
            let reports = Reports::new(sink.clone());
            let worker = Worker::new(
                orders,
                handle.closing.clone(),
                ring,
                reports,
                pool.clone(),
                handle.published.clone(),
                handle.load.clone(),
            );
            let alive = alive.clone();
            thread::Builder::new().name(format!("media-{index}")).spawn(move || {
                worker.run();
                drop(alive);
            })?;
            workers.push(handle);
        }
        let seeds = Mutex::new(StdRng::from_seed(config.seed));
        Ok(Media {
            workers,
            recorder_figures,
            pool,
            serial: AtomicU64::new(1),
            seeds,
            ended: Mutex::new(ended),
        })
    }

    /// Binds a port pair and gives the leg to a worker. [`Command::Close`] ends it; its reports bear
    /// `token`. With `recording`, the bridge records whatever `spec` says, and exactly one [`Event::Recorded`](crate::Event::Recorded) comes.
    pub fn open(
        &self,
        mut spec: BridgeSpec,
        token: u64,
        recording: Option<RecordingSpec>,
    ) -> Result<Opened, OpenError> {
        let pair = self.pool.bind()?.ok_or(OpenError::NoPorts)?;
        let local = pair.local;
        let (index, worker) = self.worker_for_another();
        let leg = LegId::new(self.serial.fetch_add(1, Ordering::Relaxed), index);
        spec.record = recording.is_some();
        let seed = self.seeds.lock().expect("nobody panics with the lock").random();
        let opening = Opening { leg, token, bridge: Box::new(Bridge::new(spec, seed)), pair, recording };
        worker.load.fetch_add(1, Ordering::Relaxed);
        worker.mailbox.try_send(Order::Open(opening)).map_err(|error| {
            worker.load.fetch_sub(1, Ordering::Relaxed);
            let (TrySendError::Full(order) | TrySendError::Disconnected(order)) = error;
            drop(order);
            self.pool.give_back(local.port());
            OpenError::Overloaded
        })?;
        Ok(Opened { leg, local })
    }

    /// The first worker that has room, so that a quiet switch wakes one thread; once none has, the least loaded.
    fn worker_for_another(&self) -> (usize, &Handle) {
        let load = |worker: &Handle| worker.load.load(Ordering::Relaxed);
        let mut workers = self.workers.iter().enumerate();
        workers.clone().find(|(_, worker)| load(worker) < COMFORTABLE).unwrap_or_else(|| {
            workers.by_ref().min_by_key(|(_, worker)| load(worker)).expect("there is a worker")
        })
    }

    /// Gives a command to a leg; one that is gone ignores it. [`Command::Close`] always finds room, for what is not closed
    /// keeps its ports and goes on sending.
    pub fn send(&self, leg: LegId, command: Command) -> Result<(), Overloaded> {
        let worker = self.workers.get(leg.worker()).ok_or(Overloaded)?;
        match worker.mailbox.try_send(Order::Command(leg, command)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(Order::Command(leg, Command::Close))) => {
                worker.closing.push(leg).map_err(|_| Overloaded)
            }
            Err(_) => Err(Overloaded),
        }
    }

    /// Sums over all workers, at most a second old.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.workers.iter().for_each(|worker| worker.published.add_to(&mut sum));
        self.recorder_figures.add_to(&mut sum);
        sum
    }

    /// Closes every leg that is left, and waits for the threads and the recordings. False: not all had ended by
    /// `deadline`; they go on, and end.
    #[must_use]
    pub fn shutdown(self, deadline: Instant) -> bool {
        let Media { workers, ended, .. } = self;
        drop(workers);
        let patience = deadline.saturating_duration_since(Instant::now());
        let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}

#[cfg(test)]
mod tests;
