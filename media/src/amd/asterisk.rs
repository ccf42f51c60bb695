//! Asterisk's `app_amd` rule, written anew from its published description, so that both run on the same files.
//!
//! Loudness is the mean absolute sample of a 20 ms frame against a fixed threshold: no noise floor, no tones. Sound
//! less than `between_words_silence` apart is one word; greeting time adds up the sound of all words.

use super::classifier::{Decision, Talk};
use super::features::FRAME_MS;
use super::params::{Params, milliseconds};
use super::verdict::{Cause, Class};

/// `app_amd`'s variables, by our names.
#[derive(Clone, Debug, Default)]
pub(super) struct Asterisk {
    total_ms: u32,
    silence_ms: u32,
    /// Sound in all words so far.
    voice_ms: u32,
    /// Sound since the last silence between words.
    word_ms: u32,
    in_greeting: bool,
    /// It starts inside a word: a first word that no silence came before is never counted.
    in_silence: bool,
    words: u32,
    decided: bool,
}

impl Asterisk {
    /// Takes a frame's mean absolute sample. Decides once.
    pub(super) fn push(&mut self, params: &Params, loudness: f32) -> Option<Decision> {
        if self.decided {
            return None;
        }
        self.total_ms += FRAME_MS;
        let (class, cause, measured) = if self.total_ms >= milliseconds(params.total_analysis_time) {
            (Class::Unknown, Cause::TotalAnalysisTime, self.total_ms)
        } else if loudness < f32::from(params.silence_threshold) {
            self.silence(params)?
        } else {
            self.sound(params)?
        };
        self.decided = true;
        Some(Decision::new(class, cause, measured, params))
    }

    pub(super) fn talk(&self) -> Talk {
        Talk { words: self.words, speech_ms: self.voice_ms }
    }

    fn silence(&mut self, params: &Params) -> Option<(Class, Cause, u32)> {
        self.silence_ms += FRAME_MS;
        if self.silence_ms >= milliseconds(params.between_words_silence) {
            self.in_silence = true;
            self.word_ms = 0;
        }
        let (class, cause, limit) = if self.in_greeting {
            (Class::Human, Cause::AfterGreetingSilence, params.after_greeting_silence)
        } else {
            (Class::Machine, Cause::InitialSilence, params.initial_silence)
        };
        (self.silence_ms >= milliseconds(limit)).then_some((class, cause, self.silence_ms))
    }

    fn sound(&mut self, params: &Params) -> Option<(Class, Cause, u32)> {
        self.silence_ms = 0;
        self.word_ms += FRAME_MS;
        self.voice_ms += FRAME_MS;
        let is_word = self.word_ms >= milliseconds(params.minimum_word_length);
        if is_word && self.in_silence {
            self.words += 1;
            self.in_silence = false;
        }
        if self.word_ms >= milliseconds(params.maximum_word_length) {
            return Some((Class::Machine, Cause::LongWord, self.word_ms));
        }
        if self.words > u32::from(params.maximum_number_of_words) {
            return Some((Class::Machine, Cause::TooManyWords, self.words));
        }
        if self.in_greeting && self.voice_ms >= milliseconds(params.greeting) {
            return Some((Class::Machine, Cause::LongGreeting, self.voice_ms));
        }
        self.in_greeting |= is_word;
        None
    }
}
