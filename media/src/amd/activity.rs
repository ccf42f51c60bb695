//! Voice activity: is this frame sound or silence, over a noise floor that follows the line; and who is speaking now.
//!
//! The floor is the least loudness of the last 3.6 s (minimum statistics, after Martin 2001, without his bias term): it
//! falls at once, and rises when noise has filled the window. Talk never fills it, for words have gaps.
//!
//! A gap in what comes is no silence of the line's: a frame that was made up, or that is digitally silent, says nothing of
//! the noise that follows. Only where such silence lasts, and no noise was heard before, is it the line's own.

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
    /// Frames in a row that came without the line's noise.
    blank: u32,
    /// Frames of noise that were heard: from `KNOWN_FRAMES` on, silence without noise is a gap.
    noise: u32,
    /// Something has come.
    began: bool,
    /// Silence without noise has lasted: it is the line's own, however short it is from now on.
    digital: bool,
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
            floor: f32::INFINITY,
            peak: 0.0,
            blank: 0,
            noise: 0,
            began: false,
            digital: false,
            streak: 0,
            quiet: u32::MAX,
            speaking: false,
        }
    }

    /// The call was answered: what follows may come another way, with another noise.
    pub(super) fn answered(&mut self) {
        let Self { threshold_min, streak, quiet, speaking, .. } = *self;
        *self = Self { streak, quiet, speaking, ..Self::new(threshold_min) };
    }

    /// Whether a frame of this loudness is sound. `tone` frames move neither the floor nor the turn; of one that was `made_up`
    /// in place of what didn't come the floor learns nothing, unless such frames last and no noise was heard before.
    pub(super) fn push(&mut self, loudness: f32, tone: bool, made_up: bool) -> bool {
        let blank = made_up || loudness <= IDLE;
        if !tone && self.is_telling(blank, made_up) {
            self.follow(loudness);
        }
        let sound = loudness >= self.threshold() && !tone;
        if sound {
            self.peak = self.peak.max(loudness);
        } else if !blank && !tone {
            self.noise = self.noise.saturating_add(1);
        }
        self.turn(sound);
        sound
    }

    /// The loudness from which a frame is sound now.
    pub(super) fn threshold(&self) -> f32 {
        // What was heard for less than a block may be a word as well as noise.
        let floor = if self.frames < BLOCK_FRAMES { self.floor.min(EARLY_FLOOR_MAX) } else { self.floor };
        self.threshold_min.max(1.0).max(floor * OVER_FLOOR).max(self.peak * OF_PEAK)
    }

    /// Whether a frame says how loud the line's own noise is.
    fn is_telling(&mut self, blank: bool, made_up: bool) -> bool {
        if !blank {
            self.began = true;
            // The frame at a gap's end may be half of it.
            return std::mem::take(&mut self.blank) == 0;
        }
        self.began |= !made_up;
        self.blank = self.blank.saturating_add(1);
        self.digital |= self.began && self.blank > GAP_FRAMES;
        self.digital && self.noise < KNOWN_FRAMES
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

    /// The noise floor as mean absolute sample; nothing was heard of it: 0.
    pub(super) fn floor(&self) -> f32 {
        if self.floor.is_finite() { self.floor } else { 0.0 }
    }
}

/// Sound is this much louder than the floor (9.5 dB),
const OVER_FLOOR: f32 = 3.0;
/// of which no more than this (about -44 dBov) is believed before a block was heard,
const EARLY_FLOOR_MAX: f32 = 200.0;
/// and not this much softer than the loudest so far (26 dB): the room behind a speaker, the tail of an echo.
const OF_PEAK: f32 = 0.05;
/// Twelve blocks of 300 ms: longer than any talk without a gap, shorter than a change of noise matters.
const BLOCKS: usize = 12;
const BLOCK_FRAMES: u32 = 15;
const SMOOTHING: f32 = 0.4;
/// Loudness of digital silence: A-law has none below 8.
const IDLE: f32 = 8.0;
/// Silence without noise for longer than 200 ms is no gap,
const GAP_FRAMES: u32 = 10;
/// unless so much noise was heard on the line: 200 ms.
const KNOWN_FRAMES: u32 = 10;
/// A turn begins with this much sound,
const ONSET_MS: u32 = 100;
/// in which a gap this short is no gap,
const BREATH_MS: u32 = 60;
/// and ends after this much silence.
const HANGOVER_MS: u32 = 200;
