//! What a recording is made of: where it goes, its frames, and how it ended.

use std::{path::PathBuf, time::Duration};

use crate::jitter::FRAME;

/// Where a call is recorded to.
#[derive(Clone, Debug)]
pub struct RecordingSpec {
    /// The WAV file, which is made with the first frame; its directory exists. A file of that name is replaced.
    pub path: PathBuf,
}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Length of the audio on disk; zero: nothing was recorded.
    pub duration: Duration,
    /// Size of the file; zero: there is none.
    pub bytes: u64,
    /// What went wrong. What was written before is kept and can be played.
    pub error: Option<std::io::ErrorKind>,
}

/// 20 ms of both sides, as 160 interleaved pairs: callee, agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StereoFrame(pub [i16; 2 * FRAME]);

impl StereoFrame {
    pub(crate) fn interleave(left: &[i16; FRAME], right: &[i16; FRAME]) -> Self {
        let mut pairs = [0; 2 * FRAME];
        for (pair, (left, right)) in pairs.chunks_exact_mut(2).zip(left.iter().zip(right)) {
            pair[0] = *left;
            pair[1] = *right;
        }
        StereoFrame(pairs)
    }
}
