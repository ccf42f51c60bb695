//! What a verdict rests on: the time line that was heard and the threshold that decided.

use std::fmt::{self, Write};

use arrayvec::ArrayVec;

use super::features::{FRAME, FRAME_MS};

/// What was heard until the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Speech, silence, tones and what is missing in order; the latest [`Evidence::SEGMENTS_MAX`] of them.
    pub segments: ArrayVec<Segment, { Evidence::SEGMENTS_MAX }>,
    /// Earlier segments that found no room.
    pub dropped: u32,
    /// Words counted since the answer, or since the line last rang.
    pub words: u32,
    /// Milliseconds of sound in them.
    pub speech_ms: u32,
    /// The noise floor at the verdict, as mean absolute sample.
    pub noise_floor: f32,
    /// The parameter that decided, by its name in `Params`; empty when a tone did.
    pub threshold: &'static str,
    /// Its value as it was applied (milliseconds, or a count of words).
    pub threshold_value: u32,
    /// What was measured against it.
    pub measured: u32,
}

/// A stretch of one kind of sound. Times are milliseconds since the answer, negative for early media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What it is.
    pub kind: SegmentKind,
    /// First millisecond.
    pub from_ms: i32,
    /// The millisecond after its last.
    pub to_ms: i32,
}

/// Kinds of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    /// Below the threshold.
    Silence,
    /// Nothing came, and nobody knows whether anything was said.
    Missing,
    /// Above it, and no tone.
    Speech,
    /// A tone: of one frequency, or a pair named by the lower.
    Tone {
        /// Its frequency.
        hz: u16,
    },
}

impl Evidence {
    /// Bound of the time line.
    pub const SEGMENTS_MAX: usize = 48;

    /// The evidence as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json).expect("writing to a String cannot fail");
        json
    }

    fn write_json(&self, json: &mut String) -> fmt::Result {
        write!(json, r#"{{"words":{},"speech_ms":{},"#, self.words, self.speech_ms)?;
        write!(json, r#""noise_floor":{:.1},"threshold":"{}","#, self.noise_floor, self.threshold)?;
        write!(json, r#""threshold_value":{},"measured":{},"#, self.threshold_value, self.measured)?;
        write!(json, r#""dropped":{},"segments":["#, self.dropped)?;
        for (at, segment) in self.segments.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let Segment { kind, from_ms, to_ms } = segment;
            match kind {
                SegmentKind::Silence => write!(json, r#"{comma}{{"kind":"silence""#)?,
                SegmentKind::Missing => write!(json, r#"{comma}{{"kind":"missing""#)?,
                SegmentKind::Speech => write!(json, r#"{comma}{{"kind":"speech""#)?,
                SegmentKind::Tone { hz } => write!(json, r#"{comma}{{"kind":"tone","hz":{hz}"#)?,
            }
            write!(json, r#","from_ms":{from_ms},"to_ms":{to_ms}}}"#)?;
        }
        json.write_str("]}")
    }
}

/// The time line as it grows, in frames since the detector began.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    spans: ArrayVec<Span, { Evidence::SEGMENTS_MAX }>,
    dropped: u32,
    frames: u32,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    kind: SegmentKind,
    from: u32,
    to: u32,
}

impl Timeline {
    /// Adds a frame. A tone that was recognised late claims the `frames_back` before it too.
    pub(super) fn push(&mut self, kind: SegmentKind, frames_back: u32) {
        let (from, to) = (self.frames - frames_back.min(self.frames), self.frames + 1);
        self.frames = to;
        if let Some(last) = self.spans.last_mut()
            && same(last.kind, kind)
        {
            *last = Span { kind, from: last.from, to };
            return;
        }
        // A breath within speech is no silence: unite what it parts.
        if let [.., before, breath] = self.spans.as_mut_slice()
            && same(before.kind, kind)
            && breath.kind == SegmentKind::Silence
            && breath.to - breath.from <= BREATH_FRAMES_MAX
        {
            before.to = to;
            self.spans.pop();
            return;
        }
        while let Some(last) = self.spans.last_mut() {
            last.to = last.to.min(from);
            if last.from < last.to {
                break;
            }
            self.spans.pop();
        }
        if self.spans.is_full() {
            self.spans.remove(0);
            self.dropped += 1;
        }
        self.spans.push(Span { kind, from, to });
    }

    /// The time line with its times counted from the sample `zero`.
    pub(super) fn segments(&self, zero: u64) -> ArrayVec<Segment, { Evidence::SEGMENTS_MAX }> {
        let samples_per_ms = i64::from(FRAME as u32 / FRAME_MS);
        let zero = i64::try_from(zero).unwrap_or(i64::MAX);
        let ms = |frame: u32| ((i64::from(frame) * FRAME as i64 - zero) / samples_per_ms) as i32;
        let segment = |span: &Span| Segment { kind: span.kind, from_ms: ms(span.from), to_ms: ms(span.to) };
        self.spans.iter().map(segment).collect()
    }

    pub(super) fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// Two kinds that make one segment. A tone's measured frequency trembles by a hertz or so.
fn same(a: SegmentKind, b: SegmentKind) -> bool {
    match (a, b) {
        (SegmentKind::Tone { hz: a }, SegmentKind::Tone { hz: b }) => a.abs_diff(b) <= TREMBLE_HZ_MAX,
        _ => a == b,
    }
}

/// 60 ms.
const BREATH_FRAMES_MAX: u32 = 3;
const TREMBLE_HZ_MAX: u16 = 20;
