//! Voice activity: is this frame sound or silence, over a noise floor that follows the line; and who is speaking now.
//!
//! The floor is the least loudness of the last 3.6 s (minimum statistics, after Martin 2001, without his bias term): it
//! falls at once, and rises when noise has filled the window. Talk never fills it, for words have gaps.

use super::features::FRAME_MS;

/// The noise floor and the turn in progress.
#[derive(Clone, Debug)]
pub(super) struct Activity {
    threshold_min: f32,
    smooth: f32,
    /// The least smoothed loudness of each of the last blocks.
    blocks: [f32; BLOCKS],
    block: usize,
    frames: u32,
    floor: f32,
    peak: f32,
    /// Sound in the turn at hand, and silence since, in milliseconds.
    streak: u32,
    quiet: u32,
    speaking: bool,
}

impl Activity {
    /// `threshold_min` is the loudness (mean absolute sample) below which a frame is silence on the quietest line.
    pub(super) fn new(threshold_min: f32) -> Self {
        Self {
            threshold_min,
            smooth: 0.0,
            blocks: [f32::INFINITY; BLOCKS],
            block: 0,
            frames: 0,
            floor: 0.0,
            peak: 0.0,
            streak: 0,
            quiet: u32::MAX,
            speaking: false,
        }
    }

    /// Whether a frame of this loudness is sound. `tone` frames move neither the floor nor the turn.
    pub(super) fn push(&mut self, loudness: f32, tone: bool) -> bool {
        if !tone {
            self.follow(loudness);
        }
        let threshold = self.threshold();
        let sound = loudness >= threshold && !tone;
        if sound {
            self.peak = self.peak.max(loudness);
        }
        self.turn(sound);
        sound
    }

    /// The loudness from which a frame is sound now.
    pub(super) fn threshold(&self) -> f32 {
        self.threshold_min.max(1.0).max(self.floor * OVER_FLOOR).max(self.peak * OF_PEAK)
    }

    fn follow(&mut self, loudness: f32) {
        self.smooth =
            if self.frames == 0 { loudness } else { self.smooth + (loudness - self.smooth) * SMOOTHING };
        if self.frames.is_multiple_of(BLOCK_FRAMES) {
            self.block = (self.block + 1) % BLOCKS;
            self.blocks[self.block] = f32::INFINITY;
        }
        self.frames = self.frames.wrapping_add(1);
        let least = &mut self.blocks[self.block];
        *least = least.min(self.smooth);
        self.floor = self.blocks.iter().copied().fold(f32::INFINITY, f32::min);
    }

    fn turn(&mut self, sound: bool) {
        if sound {
            self.streak += FRAME_MS;
            self.quiet = 0;
        } else {
            self.quiet = self.quiet.saturating_add(FRAME_MS);
            if self.quiet > BREATH_MS {
                self.streak = 0;
            }
        }
        self.speaking = if self.speaking { self.quiet < HANGOVER_MS } else { self.streak >= ONSET_MS };
    }

    pub(super) fn speaking(&self) -> bool {
        self.speaking
    }

    /// The noise floor as mean absolute sample.
    pub(super) fn floor(&self) -> f32 {
        self.floor
    }
}

/// Sound is this much louder than the floor (9.5 dB),
const OVER_FLOOR: f32 = 3.0;
/// and not this much softer than the loudest so far (26 dB): the room behind a speaker, the tail of an echo.
const OF_PEAK: f32 = 0.05;
/// Twelve blocks of 300 ms: longer than any talk without a gap, shorter than a change of noise matters.
const BLOCKS: usize = 12;
const BLOCK_FRAMES: u32 = 15;
const SMOOTHING: f32 = 0.4;
/// A turn begins with this much sound,
const ONSET_MS: u32 = 100;
/// in which a gap this short is no gap,
const BREATH_MS: u32 = 60;
/// and ends after this much silence.
const HANGOVER_MS: u32 = 200;
