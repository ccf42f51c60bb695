//! What a verdict rests on: the time line that was heard and the thresholds that were applied.

use arrayvec::ArrayVec;

use super::verdict::Tone;

/// What was heard until the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Speech, silence and tones in order; the first [`Evidence::SEGMENTS_MAX`] of them.
    pub segments: ArrayVec<Segment, { Evidence::SEGMENTS_MAX }>,
    /// Segments that found no room.
    pub dropped: u32,
    /// Words counted.
    pub words: u32,
    /// Milliseconds of speech since the answer.
    pub speech_ms: u32,
    /// The noise floor at the verdict, as mean absolute sample value.
    pub noise_floor: f32,
    /// The parameter that decided, by its name in `Params`; empty when a tone did.
    pub threshold: &'static str,
    /// Its value (milliseconds, or a count of words).
    pub threshold_value: u32,
    /// What was measured against it.
    pub measured: u32,
}

impl Evidence {
    /// Bound of the time line.
    pub const SEGMENTS_MAX: usize = 48;
}

/// A stretch of one kind of sound. Times are milliseconds since the answer, negative for early media.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// What it is.
    pub kind: SegmentKind,
    /// First millisecond.
    pub from_ms: i32,
    /// The millisecond after its last.
    pub to_ms: i32,
}

/// Kinds of sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SegmentKind {
    /// Below the threshold.
    Silence,
    /// Above it, and no tone.
    Speech,
    /// A signal.
    Tone(Tone),
}
