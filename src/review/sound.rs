//! A recording as it is sent to be put into words: which parts of which side hold speech, and each as a WAV file of its own. Pure.
//! A side without speech is not sent at all: models that listen make words up where nothing is said.

use std::ops::Range;
use std::time::Duration;

use crate::model::Speaker;

/// Bytes of the header of the switch's recordings.
pub const HEADER_BYTES: usize = 44;
/// Milliseconds of a frame.
pub const FRAME_MS: u64 = 20;
/// Samples of one side in a frame.
const FRAME_SAMPLES: usize = 160;
/// Bytes of a frame of both sides.
pub const FRAME_BYTES: usize = FRAME_SAMPLES * 4;
/// Bytes of a frame of one side.
const SIDE_FRAME_BYTES: usize = FRAME_SAMPLES * 2;

/// The mean of the samples' sizes from which a frame holds speech: well above a line's noise, well below a low voice.
const SPEECH_LEVEL: u32 = 200;
/// A side with less speech than this has none, in frames: a click, a cough.
const SPEECH_MIN: usize = 10;
/// What is sent before speech and after it, in frames: soft sounds begin and end words.
const BEFORE: usize = 10;
const AFTER: usize = 15;
/// The shortest piece that is sent, in frames; it is filled up with silence.
const PIECE_MIN: usize = 50;
/// The longest, in frames: ten minutes, 9.6 MB, where endpoints take 25 MB.
const PIECE_MAX: usize = 30_000;
/// A piece that would be longer is cut at the quietest place of its last half minute.
const CUT_WITHIN: usize = 1_500;
/// Pieces of one side.
const PIECES_MAX: usize = 200;

/// How loud each frame of each side is.
#[derive(Default)]
pub struct Levels {
    callee: Vec<u32>,
    agent: Vec<u32>,
    /// The beginning of a frame.
    rest: Vec<u8>,
}

/// A part of one side that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Whose side.
    pub by: Speaker,
    /// Which frames.
    pub frames: Range<usize>,
    /// Which of its frames hold speech, from the first of the piece.
    pub speech: Vec<bool>,
}

impl Piece {
    /// Since the beginning of the recording.
    pub fn begins_ms(&self) -> u64 {
        self.frames.start as u64 * FRAME_MS
    }

    /// How long it is.
    pub fn lasts(&self) -> Duration {
        Duration::from_millis(self.frames.len() as u64 * FRAME_MS)
    }

    /// Where its first speech is, since it begins.
    pub fn first_speech_ms(&self) -> u64 {
        self.speech.iter().position(|is_speech| *is_speech).unwrap_or(0) as u64 * FRAME_MS
    }

    /// Does anything between these two moments of it sound like speech?
    pub fn speaks(&self, from_ms: u64, to_ms: u64) -> bool {
        let frame = |ms: u64| usize::try_from(ms / FRAME_MS).unwrap_or(usize::MAX).min(self.speech.len());
        let (from, to) = (frame(from_ms), frame(to_ms.saturating_add(FRAME_MS)));
        self.speech.get(from..to.max(from)).is_some_and(|frames| frames.contains(&true))
    }
}

/// Is that the head of a recording of the switch's own: PCM, two channels, 8,000 Hz, 16 bits?
pub fn is_ours(head: &[u8]) -> bool {
    head.len() >= HEADER_BYTES
        && head.starts_with(b"RIFF")
        && head[8..40] == *b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x40\x1f\0\0\0\x7d\0\0\x04\0\x10\0data"
}

impl Levels {
    /// Takes the next bytes of the samples, however they are cut.
    pub fn take(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let wanted = (FRAME_BYTES - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if self.rest.len() < FRAME_BYTES {
                return;
            }
            let whole = std::mem::take(&mut self.rest);
            self.frame(&whole);
        }
        let mut frames = bytes.chunks_exact(FRAME_BYTES);
        for frame in &mut frames {
            self.frame(frame);
        }
        self.rest.extend_from_slice(frames.remainder());
    }

    fn frame(&mut self, frame: &[u8]) {
        let mut sums = [0_u32; 2];
        for (index, sample) in frame.chunks_exact(2).enumerate() {
            sums[index % 2] += u32::from(i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs());
        }
        self.callee.push(sums[0] / FRAME_SAMPLES as u32);
        self.agent.push(sums[1] / FRAME_SAMPLES as u32);
    }

    /// What is sent, side by side. With a gap, speech that is so far apart is sent apart; without, each side is one piece, as far as
    /// that is not too long.
    pub fn pieces(&self, gap: Option<Duration>) -> Vec<Piece> {
        let sides = [(Speaker::Callee, &self.callee), (Speaker::Agent, &self.agent)];
        sides.into_iter().flat_map(|(by, levels)| side(by, levels, gap)).collect()
    }
}

fn side(by: Speaker, levels: &[u32], gap: Option<Duration>) -> Vec<Piece> {
    let speech: Vec<bool> = levels.iter().map(|level| *level >= SPEECH_LEVEL).collect();
    if speech.iter().filter(|is_speech| **is_speech).count() < SPEECH_MIN {
        return Vec::new();
    }
    let mut gap = gap.map_or(usize::MAX, |gap| frames_of(gap).max(BEFORE + AFTER));
    let mut spans = spans(&speech, gap);
    // Who pauses very often is cut less often.
    while spans.len() > PIECES_MAX {
        gap = gap.saturating_mul(2);
        spans = self::spans(&speech, gap);
    }
    let widened = spans
        .into_iter()
        .map(|span| span.start.saturating_sub(BEFORE)..(span.end.saturating_add(AFTER)).min(speech.len()));
    let cut = widened.flat_map(|span| short_enough(span, levels));
    cut.map(|frames| Piece { by, speech: speech[frames.clone()].to_vec(), frames })
        .filter(|piece| piece.speech.contains(&true))
        .take(PIECES_MAX)
        .collect()
}

/// From speech to speech, as long as no more than `gap` frames lie between.
fn spans(speech: &[bool], gap: usize) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (frame, _) in speech.iter().enumerate().filter(|(_, is_speech)| **is_speech) {
        match spans.last_mut() {
            Some(last) if frame - last.end < gap => last.end = frame + 1,
            _ => spans.push(frame..frame + 1),
        }
    }
    spans
}

/// Cuts what is too long where it is quietest.
fn short_enough(mut span: Range<usize>, levels: &[u32]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    while span.len() > PIECE_MAX {
        let last = span.start + PIECE_MAX;
        let quietest = (last - CUT_WITHIN..last).min_by_key(|frame| levels[*frame]).unwrap_or(last);
        // Never empty: the cut lies nearly ten minutes behind the start.
        pieces.push(span.start..quietest);
        span.start = quietest;
    }
    pieces.push(span);
    pieces
}

fn frames_of(span: Duration) -> usize {
    usize::try_from(span.as_millis() / u128::from(FRAME_MS)).unwrap_or(usize::MAX)
}

/// One side of some frames of a recording as a WAV file: PCM, one channel, 8,000 Hz, 16 bits.
pub fn wav(by: Speaker, stereo: &[u8]) -> Vec<u8> {
    let offset = if by == Speaker::Callee { 0 } else { 2 };
    let samples = stereo.chunks_exact(4).map(|pair| [pair[offset], pair[offset + 1]]);
    let length = (stereo.len() / 2).max(PIECE_MIN * SIDE_FRAME_BYTES);
    let mut file = Vec::with_capacity(HEADER_BYTES + length);
    file.extend_from_slice(
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0",
    );
    file.extend(samples.flatten());
    file.resize(HEADER_BYTES + length, 0);
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    file[4..8].copy_from_slice(&size(HEADER_BYTES + length - 8));
    file[40..44].copy_from_slice(&size(length));
    file
}

#[cfg(test)]
mod tests;
