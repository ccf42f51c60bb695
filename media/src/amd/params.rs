//! The thresholds, under the names that users know from Asterisk's `AMD()` application.

use std::time::Duration;

/// Thresholds of the detector. [`Params::default`] is what Trunkline recommends; [`Params::asterisk`] and
/// [`Params::vicidial`] are the two configurations most dialers run today, under the rule they were written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Which rule reads the thresholds.
    pub rule: Rule,
    /// Longest silence before the first word (ours 5000 ms, Asterisk's 2500). Nothing said is `NoSpeech` to our rule;
    /// Asterisk's says machine.
    pub initial_silence: Duration,
    /// A greeting of this length is a machine's (ours 3000 ms, Asterisk's 1500). Our rule counts from the first word's
    /// begin to the last one's end; Asterisk's adds up the sound alone.
    pub greeting: Duration,
    /// Silence after the greeting that makes it a human (ours 1000 ms, Asterisk's 800). Our rule asks for 80 % of the
    /// greeting's length, at least half of this value and at most all of it.
    pub after_greeting_silence: Duration,
    /// Longest analysis; then the verdict is `Unknown` (ours 8000 ms, Asterisk's 5000). Ringing does not count with us.
    pub total_analysis_time: Duration,
    /// Shorter sounds are not words (ours 120 ms, Asterisk's 100).
    pub minimum_word_length: Duration,
    /// Silence that parts two words (ours 60 ms, Asterisk's 50).
    pub between_words_silence: Duration,
    /// More words than this are a machine (ours 0: not asked; Asterisk's 2). Words are counted badly without
    /// recognition: "Good morning" is one to four of them.
    pub maximum_number_of_words: u16,
    /// One word longer than this is a machine (ours zero: not asked; Asterisk's 5000 ms).
    pub maximum_word_length: Duration,
    /// Mean absolute sample below which a frame is silence, whatever the noise floor (ours 40, Asterisk's 256).
    pub silence_threshold: u16,
    /// How long after a human verdict a beep or unbroken talk may overturn it (ours 6000 ms). Zero turns that off.
    pub flip_within: Duration,
}

/// How speech is told from silence and how turns are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Adaptive noise floor; tones are recognised and are no speech; second thoughts allowed.
    Adaptive,
    /// `app_amd` as published: a fixed loudness threshold, no tones, one verdict.
    Asterisk,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            rule: Rule::Adaptive,
            initial_silence: Duration::from_millis(5000),
            greeting: Duration::from_millis(3000),
            after_greeting_silence: Duration::from_millis(1000),
            total_analysis_time: Duration::from_millis(8000),
            minimum_word_length: Duration::from_millis(120),
            between_words_silence: Duration::from_millis(60),
            maximum_number_of_words: 0,
            maximum_word_length: Duration::ZERO,
            silence_threshold: 40,
            flip_within: Duration::from_millis(6000),
        }
    }
}

impl Params {
    /// The defaults of Asterisk's `amd.conf`.
    #[must_use]
    pub fn asterisk() -> Self {
        Self {
            rule: Rule::Asterisk,
            initial_silence: Duration::from_millis(2500),
            greeting: Duration::from_millis(1500),
            after_greeting_silence: Duration::from_millis(800),
            total_analysis_time: Duration::from_millis(5000),
            minimum_word_length: Duration::from_millis(100),
            between_words_silence: Duration::from_millis(50),
            maximum_number_of_words: 2,
            maximum_word_length: Duration::from_millis(5000),
            silence_threshold: 256,
            flip_within: Duration::ZERO,
        }
    }

    /// What VICIdial's dial plan passes: `AMD(2000,2000,1000,5000,120,50,4,256)`.
    #[must_use]
    pub fn vicidial() -> Self {
        Self {
            initial_silence: Duration::from_millis(2000),
            greeting: Duration::from_millis(2000),
            after_greeting_silence: Duration::from_millis(1000),
            minimum_word_length: Duration::from_millis(120),
            maximum_number_of_words: 4,
            ..Self::asterisk()
        }
    }
}

/// Whole milliseconds; what does not fit is for ever.
pub(super) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
