//! Frames that say who sent them, how many he sent before, and when: 20 ms of PCMU pass a switch untouched, so what is in them
//! arrives with them. All clocks are this process's own.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use trunkline_media::Clip;

/// 20 ms of PCMU.
pub const FRAME: usize = 160;
/// Bytes of a mark, at a frame's beginning: [`MAGIC`], fourteen bytes in halves, and one to make a multiple of three, which Base64
/// takes apart. In halves, because PCMU has two zeros (0x7f, 0xff) and a switch that looks at the audio sends either.
pub const BYTES: usize = 33;

const MAGIC: [u8; 4] = *b"mark";
const WHOLE: usize = 14;

#[derive(Clone, Copy)]
pub struct Mark {
    pub source: u16,
    pub number: u32,
    pub sent: Instant,
}

impl Mark {
    /// A frame so marked; the rest of it is somebody speaking, as one frame after another has it: what a switch has to do with audio
    /// depends on what is in it.
    pub fn frame(self) -> [u8; FRAME] {
        let speech = speech();
        let mut frame = speech[self.number as usize % speech.len()];
        let nanoseconds = self.sent.saturating_duration_since(epoch()).as_nanos() as u64;
        let mut whole = [0; WHOLE];
        whole[..2].copy_from_slice(&self.source.to_be_bytes());
        whole[2..6].copy_from_slice(&self.number.to_be_bytes());
        whole[6..].copy_from_slice(&nanoseconds.to_be_bytes());
        frame[..4].copy_from_slice(&MAGIC);
        for (halves, byte) in frame[4..].chunks_exact_mut(2).zip(whole) {
            halves.copy_from_slice(&[byte >> 4, byte & 0xf]);
        }
        frame
    }

    /// The mark at the beginning of these bytes, if there is one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<BYTES>().filter(|bytes| bytes[..4] == MAGIC)?;
        let mut whole = [0; WHOLE];
        for (byte, halves) in whole.iter_mut().zip(bytes[4..].chunks_exact(2)) {
            *byte = halves[0] << 4 | halves[1];
        }
        let nanoseconds = u64::from_be_bytes(*whole[6..].first_chunk()?);
        Some(Self {
            source: u16::from_be_bytes(*whole.first_chunk()?),
            number: u32::from_be_bytes(*whole[2..].first_chunk()?),
            sent: epoch() + Duration::from_nanos(nanoseconds),
        })
    }
}

/// Two seconds of a menu being read, in frames.
fn speech() -> &'static [[u8; FRAME]] {
    static SPEECH: OnceLock<Vec<[u8; FRAME]>> = OnceLock::new();
    SPEECH.get_or_init(|| {
        let clip = Clip::from_wav(include_bytes!("../../src/simulator/audio/menu.wav")).expect("a WAV file");
        clip.pcmu().as_chunks().0.iter().copied().take(100).collect()
    })
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
