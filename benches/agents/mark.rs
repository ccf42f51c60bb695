//! Frames that say who sent them, how many he sent before, and when: 20 ms of PCMU pass a switch untouched, so what is in them
//! arrives with them. All clocks are this process's own.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// 20 ms of PCMU.
pub const FRAME: usize = 160;
/// Bytes of a mark, at a frame's beginning.
pub const BYTES: usize = 18;

const MAGIC: [u8; 4] = *b"mark";

#[derive(Clone, Copy)]
pub struct Mark {
    pub source: u16,
    pub number: u32,
    pub sent: Instant,
}

impl Mark {
    /// A frame so marked; the rest of it is loud.
    pub fn frame(self) -> [u8; FRAME] {
        let mut frame = [0x10; FRAME];
        let nanoseconds = self.sent.saturating_duration_since(epoch()).as_nanos() as u64;
        frame[..4].copy_from_slice(&MAGIC);
        frame[4..6].copy_from_slice(&self.source.to_be_bytes());
        frame[6..10].copy_from_slice(&self.number.to_be_bytes());
        frame[10..BYTES].copy_from_slice(&nanoseconds.to_be_bytes());
        frame
    }

    /// The mark at the beginning of these bytes, if there is one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<BYTES>().filter(|bytes| bytes[..4] == MAGIC)?;
        let nanoseconds = u64::from_be_bytes(*bytes[10..].first_chunk()?);
        Some(Self {
            source: u16::from_be_bytes(*bytes[4..].first_chunk()?),
            number: u32::from_be_bytes(*bytes[6..].first_chunk()?),
            sent: epoch() + Duration::from_nanos(nanoseconds),
        })
    }
}

/// What the stamps count from.
pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// A frame that came, and when.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub mark: Mark,
    pub at: Instant,
}

impl Arrival {
    pub fn delay(&self) -> Duration {
        self.at.saturating_duration_since(self.mark.sent)
    }
}
