//! The adaptive rule: from sound and silence to human, machine or nobody. Knows milliseconds, not samples or tones.
//!
//! A person says little and then waits; a machine talks on. So the first turn decides: once it has lasted `greeting` it
//! is a machine, and a silence in proportion to its length makes it a human: 80 % of the turn, but never less than half
//! of `after_greeting_silence` nor more than the whole. (After "Hello?" half a second is a wait; after two seconds of
//! talk it may be the comma in "Hi, this is Laura. … I'm away".)
//!
//! Of what is missing nobody knows whether it was talk or silence, so the clocks stand still meanwhile: a network that stalls in
//! the midst of a greeting makes nobody a person. What comes next tells: what was sent, that the network was late; silence that
//! was announced, that it was silence all the while. A second of nothing is believed to be silence. A network that comes back
//! does so sooner, and a person whose telephone sends no silence, or whose line has died, waits no longer than after a long turn.

use std::cmp::Ordering;

use super::features::{FRAME_MS, Origin};
use super::params::{Params, milliseconds};
use super::verdict::{Cause, Class};

/// A conclusion and the numbers behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decision {
    pub(super) class: Class,
    pub(super) cause: Cause,
    /// What was measured against the threshold.
    pub(super) measured: u32,
    /// The threshold as it was applied.
    pub(super) threshold: u32,
    pub(super) confidence: f32,
}

/// What was said since the answer, or since the line last rang.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Talk {
    pub(super) words: u32,
    pub(super) speech_ms: u32,
}

/// The rule's state. Times are milliseconds since the answer, or since the line last rang.
#[derive(Clone, Debug, Default)]
pub(super) struct Adaptive {
    now: u32,
    /// How long `now` has stood still.
    stood: u32,
    /// For how long nothing has come.
    missing: u32,
    state: State,
    word: Word,
    turn: Option<Turn>,
    talk: Talk,
    /// Whether our side was heard.
    we_spoke: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Listening,
    /// A human verdict was given at this time, and may still be overturned.
    Human(u32),
    Settled,
}

/// Words with no decisive silence between them.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// The first word's begin.
    from: u32,
    /// The last word's end.
    end: u32,
    sound_ms: u32,
}

/// The sound at hand. It is a word when it has lasted `minimum_word_length`.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    from: u32,
    sound_ms: u32,
    silence_ms: u32,
}

impl Adaptive {
    /// Takes a frame of sound or of silence. `ours`: our side speaks meanwhile, or has just ended.
    pub(super) fn push(
        &mut self,
        params: &Params,
        sound: bool,
        origin: Origin,
        ours: bool,
    ) -> Option<Decision> {
        self.we_spoke |= ours;
        if matches!(self.state, State::Listening) && self.stands_still(sound, origin) {
            return self.out_of_time(params);
        }
        self.listen(params, sound);
        match self.state {
            State::Settled => None,
            // It is a conversation: our echo, an answer to us, what a person goes on saying into our words.
            State::Human(_) if self.we_spoke => {
                self.settle();
                None
            }
            State::Human(since) => self.reconsider(params, since),
            State::Listening => self.conclude(params),
        }
    }

    /// The line rings: whatever was heard, nobody has spoken to us yet.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Nothing that is said from now on tells anything.
    pub(super) fn settle(&mut self) {
        self.state = State::Settled;
    }

    pub(super) fn talk(&self) -> Talk {
        self.talk
    }

    /// Whether time goes by that says nothing. What it was is known at its end.
    fn stands_still(&mut self, sound: bool, origin: Origin) -> bool {
        if origin == Origin::Missing && !sound {
            self.missing += FRAME_MS;
            match self.missing.cmp(&MISSING_MS_MAX) {
                Ordering::Less => self.stood += FRAME_MS,
                Ordering::Equal => self.believe_silent(MISSING_MS_MAX - FRAME_MS),
                Ordering::Greater => {}
            }
            return self.missing < MISSING_MS_MAX;
        }
        let missing = std::mem::take(&mut self.missing);
        if origin == Origin::MadeUp && missing < MISSING_MS_MAX {
            self.believe_silent(missing);
        }
        false
    }

    /// So much of what was missing was silence.
    fn believe_silent(&mut self, missing: u32) {
        self.stood -= missing;
        self.now += missing;
        self.word.silence_ms += missing;
    }

    fn listen(&mut self, params: &Params, sound: bool) {
        let from = self.now;
        self.now += FRAME_MS;
        if !sound {
            self.word.silence_ms += FRAME_MS;
            return;
        }
        if self.word.silence_ms >= milliseconds(params.between_words_silence) || self.word.sound_ms == 0 {
            self.word = Word { from, ..Word::default() };
        }
        self.word.silence_ms = 0;
        self.word.sound_ms += FRAME_MS;
        let word_ms_min = milliseconds(params.minimum_word_length).max(FRAME_MS);
        if self.word.sound_ms < word_ms_min {
            return;
        }
        let is_new = self.word.sound_ms - FRAME_MS < word_ms_min;
        self.talk.words += u32::from(is_new);
        let sound_ms = if is_new { self.word.sound_ms } else { FRAME_MS };
        self.talk.speech_ms += sound_ms;
        let turn = self.turn.get_or_insert(Turn { from: self.word.from, end: 0, sound_ms: 0 });
        turn.end = self.now;
        turn.sound_ms += sound_ms;
    }

    fn conclude(&mut self, params: &Params) -> Option<Decision> {
        let Some(Turn { from, end, .. }) = self.turn else {
            if self.now >= milliseconds(params.initial_silence) && self.word.silence_ms > 0 {
                return Some(self.settled(Class::NoSpeech, Cause::InitialSilence, self.now, params));
            }
            return self.out_of_time(params);
        };
        let (spoke, silence) = (end - from, self.now - end);
        if spoke >= milliseconds(params.greeting) {
            return Some(self.settled(Class::Machine, Cause::LongGreeting, spoke, params));
        }
        if params.maximum_number_of_words > 0 && self.talk.words > u32::from(params.maximum_number_of_words) {
            return Some(self.settled(Class::Machine, Cause::TooManyWords, self.talk.words, params));
        }
        if !params.maximum_word_length.is_zero()
            && self.word.sound_ms > milliseconds(params.maximum_word_length)
        {
            return Some(self.settled(Class::Machine, Cause::LongWord, self.word.sound_ms, params));
        }
        let longest = milliseconds(params.after_greeting_silence);
        let wait = (spoke * WAIT_PERCENT / 100).clamp(longest / 2, longest);
        if silence >= wait {
            self.state = State::Human(self.now);
            self.turn = None;
            let confidence = 0.97 - 0.3 * spoke as f32 / milliseconds(params.greeting).max(1) as f32;
            let (class, cause) = (Class::Human, Cause::AfterGreetingSilence);
            return Some(Decision { class, cause, measured: silence, threshold: wait, confidence });
        }
        self.out_of_time(params)
    }

    fn out_of_time(&mut self, params: &Params) -> Option<Decision> {
        let passed = self.now + self.stood;
        let over = passed >= milliseconds(params.total_analysis_time);
        over.then(|| self.settled(Class::Unknown, Cause::TotalAnalysisTime, passed, params))
    }

    /// After a human verdict: a person waits for our word now; a machine goes on with its second sentence.
    fn reconsider(&mut self, params: &Params, since: u32) -> Option<Decision> {
        if self.now - since > milliseconds(params.flip_within) {
            self.state = State::Settled;
            return None;
        }
        let Turn { from, end, sound_ms } = self.turn?;
        if self.now - end > milliseconds(params.after_greeting_silence) {
            self.turn = None;
            return None;
        }
        let talks_on = from.saturating_sub(since) <= TALK_ON_WITHIN_MS && sound_ms >= TALK_ON_MS;
        talks_on.then(|| self.settled(Class::Machine, Cause::TalkedOn, sound_ms, params))
    }

    fn settled(&mut self, class: Class, cause: Cause, measured: u32, params: &Params) -> Decision {
        self.state = State::Settled;
        Decision::new(class, cause, measured, params)
    }
}

impl Decision {
    pub(super) fn new(class: Class, cause: Cause, measured: u32, params: &Params) -> Self {
        let threshold = match cause {
            Cause::InitialSilence => milliseconds(params.initial_silence),
            Cause::AfterGreetingSilence => milliseconds(params.after_greeting_silence),
            Cause::LongGreeting => milliseconds(params.greeting),
            Cause::TooManyWords => u32::from(params.maximum_number_of_words),
            Cause::LongWord => milliseconds(params.maximum_word_length),
            Cause::TotalAnalysisTime => milliseconds(params.total_analysis_time),
            Cause::TalkedOn => TALK_ON_MS,
            Cause::Tone(_) => 0,
        };
        let confidence = match cause {
            Cause::Tone(_) => 0.98,
            Cause::InitialSilence if class == Class::NoSpeech => 0.95,
            Cause::TotalAnalysisTime | Cause::InitialSilence => 0.5,
            _ => 0.85,
        };
        Self { class, cause, measured, threshold, confidence }
    }
}

/// What is missing for so long is silence.
const MISSING_MS_MAX: u32 = 1000;
/// How long the silence after a turn must be, in percent of the turn.
const WAIT_PERCENT: u32 = 80;
/// What had looked like a person resumes within this time,
const TALK_ON_WITHIN_MS: u32 = 1500;
/// and adds up this much sound without a pause of `after_greeting_silence`.
const TALK_ON_MS: u32 = 2000;
