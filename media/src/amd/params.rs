//! The thresholds, under the names that users know from Asterisk's `AMD()` application.

use std::time::Duration;

/// Thresholds of the detector. [`Params::default`] is what Trunkline recommends; [`Params::asterisk`] and
/// [`Params::vicidial`] are the two configurations most dialers run today, under the rule they were written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Which rule reads the thresholds.
    pub rule: Rule,
    /// Longest silence before the first word. Ours: no speech at all is `NoSpeech`; Asterisk's rule says machine.
    pub initial_silence: Duration,
    /// A greeting that talks at least this long is a machine.
    pub greeting: Duration,
    /// Silence after the greeting that makes it a human.
    pub after_greeting_silence: Duration,
    /// The longest the analysis may take; then the verdict is `Unknown` (ours may know better: see `detector`).
    pub total_analysis_time: Duration,
    /// Shorter sounds are not words.
    pub minimum_word_length: Duration,
    /// Silence that separates two words.
    pub between_words_silence: Duration,
    /// More words than this are a machine. `0` turns the count off.
    pub maximum_number_of_words: u16,
    /// A single word longer than this is a machine. Zero turns it off.
    pub maximum_word_length: Duration,
    /// Mean absolute sample value below which a frame is silence whatever the noise floor says.
    pub silence_threshold: u16,
    /// How long after a human verdict a beep or unbroken talk may still overturn it. Zero turns it off.
    pub flip_within: Duration,
}

/// How speech is told from silence and how turns are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Adaptive noise floor, tones are no speech, second thoughts allowed.
    Adaptive,
    /// `app_amd` as published: a fixed loudness threshold, no tones, one verdict.
    Asterisk,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            rule: Rule::Adaptive,
            initial_silence: Duration::from_millis(5000),
            greeting: Duration::from_millis(1700),
            after_greeting_silence: Duration::from_millis(700),
            total_analysis_time: Duration::from_millis(8000),
            minimum_word_length: Duration::from_millis(100),
            between_words_silence: Duration::from_millis(60),
            maximum_number_of_words: 0,
            maximum_word_length: Duration::ZERO,
            silence_threshold: 40,
            flip_within: Duration::from_millis(6000),
        }
    }
}

impl Params {
    /// The defaults of Asterisk's `amd.conf.sample`.
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

    /// What VICIdial's installer passes: `AMD(2000,2000,1000,5000,120,50,4,256)`.
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
