//! Which of a model's utterances stands where in what it said: by what was heard of the whole, what was heard of each. Positions
//! are bytes of PCMU since the session began.

use std::collections::VecDeque;

/// Utterances that are not over yet.
const UTTERANCES_MAX: usize = 64;
/// Bytes of PCMU in a millisecond.
const MS: u64 = 8;

/// What a model said and what was heard of it.
#[derive(Debug, Default)]
pub(super) struct Speech {
    utterances: VecDeque<Utterance>,
}

/// How much of an utterance was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub ms: u64,
    /// Of so many.
    pub of_ms: u64,
}

impl Heard {
    /// The same share of its words, as far as that can be told: a word that was cut in two was not heard.
    pub fn of(self, words: &str) -> String {
        let all = words.chars().count() as u64;
        let share = all * self.ms.min(self.of_ms) / self.of_ms.max(1);
        let end = words.char_indices().nth(share as usize).map_or(words.len(), |(at, _)| at);
        let (heard, rest) = words.split_at(end);
        let is_between = rest.is_empty() || rest.starts_with(char::is_whitespace);
        // Not every language parts its words.
        let end = match words.contains(char::is_whitespace) {
            true if !is_between => heard.rfind(char::is_whitespace).unwrap_or(0),
            _ => end,
        };
        words[..end].trim_end().to_owned()
    }
}

#[derive(Clone, Copy, Debug)]
struct Utterance {
    number: u64,
    start: u64,
    end: u64,
}

impl Speech {
    /// More of this utterance, from here to there.
    pub fn said(&mut self, number: u64, start: u64, end: u64) {
        match self.utterances.back_mut() {
            Some(last) if last.number == number => last.end = end,
            _ => {
                if self.utterances.len() == UTTERANCES_MAX {
                    self.utterances.pop_front();
                }
                self.utterances.push_back(Utterance { number, start, end });
            }
        }
    }

    /// All up to here was heard: of what is over nothing more needs to be known. The last one may go on.
    pub fn heard(&mut self, position: u64) {
        while self.utterances.len() > 1 && self.utterances.front().is_some_and(|first| first.end <= position)
        {
            self.utterances.pop_front();
        }
    }

    /// What is not heard yet will not be: how much was heard of each utterance that is cut short.
    pub fn cut(&mut self, position: u64) -> impl Iterator<Item = (u64, Heard)> {
        let all = std::mem::take(&mut self.utterances);
        all.into_iter()
            .filter(move |one| one.end > position)
            .map(move |one| (one.number, one.heard(position)))
    }
}

impl Utterance {
    fn heard(self, position: u64) -> Heard {
        Heard { ms: position.saturating_sub(self.start) / MS, of_ms: (self.end - self.start) / MS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_of_each_utterance_is_counted_from_its_own_beginning() {
        let mut speech = Speech::default();
        speech.said(1, 0, 800);
        speech.said(1, 800, 1_600);
        speech.said(2, 1_600, 4_000);
        speech.said(3, 4_000, 8_000);
        speech.heard(1_600);
        let cut: Vec<_> = speech.cut(2_400).collect();
        assert_eq!(cut, [(2, Heard { ms: 100, of_ms: 300 }), (3, Heard { ms: 0, of_ms: 500 })]);
        assert_eq!(speech.cut(0).count(), 0);
    }

    #[test]
    fn of_words_the_whole_ones_were_heard() {
        let of = |ms, words| Heard { ms, of_ms: 1_000 }.of(words);
        let words = "We are open from nine to five.";
        assert_eq!(of(0, words), "");
        assert_eq!(of(500, words), "We are open");
        assert_eq!(of(560, words), "We are open from");
        assert_eq!(of(1_000, words), words);
        assert_eq!(of(900, "Yes."), "Yes");
        assert_eq!(of(500, "ありがとう。"), "ありが");
        assert_eq!(of(200, "Hello there"), "");
        assert_eq!(Heard { ms: 0, of_ms: 0 }.of(words), "");
    }

    #[test]
    fn what_was_heard_to_its_end_is_not_cut() {
        let mut speech = Speech::default();
        speech.said(1, 0, 800);
        assert_eq!(speech.cut(800).count(), 0);
    }

    #[test]
    fn it_is_bounded() {
        let mut speech = Speech::default();
        for number in 0..1_000 {
            speech.said(number, number * 10, number * 10 + 10);
        }
        assert_eq!(speech.utterances.len(), UTTERANCES_MAX);
    }
}
