//! Clips: audio that can be played to any number of legs at once.

use std::time::Duration;

/// Audio at rest, encoded as PCMU at 8 kHz; shared by `Arc`.
#[derive(Debug, PartialEq, Eq)]
pub struct Clip {
    pcmu: Box<[u8]>,
}

impl Clip {
    /// Takes PCMU bytes as they are.
    #[must_use]
    pub fn from_pcmu(_pcmu: Vec<u8>) -> Clip {
        todo!()
    }

    /// Encodes 16-bit samples at 8 kHz.
    #[must_use]
    pub fn from_samples(_samples: &[i16]) -> Clip {
        todo!()
    }

    /// Reads a WAV file: 16-bit PCM, µ-law or A-law, any rate and number of channels; filtered, resampled to 8 kHz and mixed down.
    pub fn from_wav(_wav: &[u8]) -> Result<Clip, ClipError> {
        todo!()
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.pcmu.len() as u64 * 125)
    }
}

/// Why a WAV file is no clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// Not a RIFF/WAVE file, or one that ends too early.
    #[error("not a WAV file")]
    NotWav,
    /// Neither 16-bit PCM nor G.711.
    #[error("WAV encoding is neither 16-bit PCM nor G.711")]
    Encoding,
    /// A sample rate outside 4 to 192 kHz.
    #[error("WAV sample rate {0} is outside 4000 to 192000")]
    Rate(u32),
}
