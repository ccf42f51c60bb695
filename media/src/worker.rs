//! The media threads.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Instant,
};

use crate::bridge::{BridgeSpec, Command, Event};

/// Where legs live and how many threads serve them.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The local address of every leg.
    pub address: IpAddr,
    /// The port pool: pairs of an even RTP and the next odd RTCP port.
    pub ports: RangeInclusive<u16>,
    /// Media threads, 1 to 64.
    pub workers: usize,
    /// Seeds SSRCs, sequence numbers and RTCP intervals; each leg gets another one from it.
    pub seed: u64,
}

/// Where a call is recorded to.
#[derive(Clone, Debug)]
pub struct RecordingSpec {
    /// The WAV file; its directory exists.
    pub path: PathBuf,
}

/// Names a leg of a [`Media`]; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(u64);

/// A leg that is ready for an offer.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// Its name.
    pub leg: LegId,
    /// Its RTP address; RTCP is the next port.
    pub local: SocketAddr,
}

/// What a leg tells, with its owner's word for it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who tells.
    pub leg: LegId,
    /// What its owner gave to [`Media::open`].
    pub token: u64,
    /// What.
    pub event: Event,
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
    /// The socket could not be made.
    #[error("media socket: {0}")]
    Io(#[from] io::Error),
}

/// The worker's mailbox is full; the caller ends that call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media worker is overloaded")]
pub struct Overloaded;

/// Sums over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Legs open now.
    pub legs: u64,
}

/// The media plane.
pub struct Media(());

impl Media {
    /// Starts the threads. `sink` takes reports on a media thread: it never blocks, and says false when it is full.
    pub fn start(
        _config: MediaConfig,
        _sink: impl Fn(Report) -> bool + Send + Sync + 'static,
    ) -> io::Result<Media> {
        todo!()
    }

    /// Binds a port pair and gives it to the least loaded worker. [`Command::Close`] ends the leg.
    pub fn open(
        &self,
        _spec: BridgeSpec,
        _token: u64,
        _recording: Option<RecordingSpec>,
    ) -> Result<Opened, OpenError> {
        todo!()
    }

    /// Gives a command to a leg; one that is gone ignores it.
    pub fn send(&self, _leg: LegId, _command: Command) -> Result<(), Overloaded> {
        todo!()
    }

    /// Sums of all workers.
    #[must_use]
    pub fn counters(&self) -> Counters {
        todo!()
    }

    /// Closes what is left and waits for threads and recordings. False: not all was done by `deadline`.
    pub fn shutdown(self, _deadline: Instant) -> bool {
        todo!()
    }
}
