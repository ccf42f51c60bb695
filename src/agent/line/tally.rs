//! What lines did, all of them together. A line is counted when it ends.

use super::event::{Counters, Ended, Why};

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    ends: [u64; Why::WORDS.len()],
    counters: Counters,
}

impl Tally {
    /// One more has ended.
    pub fn add(&mut self, ended: &Ended) {
        let word = ended.why.word();
        if let Some(place) = Why::WORDS.iter().position(|known| *known == word) {
            self.ends[place] += 1;
        }
        self.counters = self.counters.and(ended.counters);
    }

    /// How many ended for each reason.
    pub fn ends(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Why::WORDS.into_iter().zip(self.ends)
    }

    /// What those that have ended did.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_counted_under_a_word_of_its_own() {
        let text = String::new;
        let all = [
            Why::CallOver,
            Why::Closed { code: Some(1000) },
            Why::HungUp,
            Why::Failed(text()),
            Why::Lost(text()),
            Why::Unreachable(text()),
            Why::Refused(401),
            Why::Protocol(text()),
            Why::TooLong,
            Why::Gibberish,
            Why::Unresponsive,
            Why::NotReading,
        ];
        let mut tally = Tally::default();
        for why in all {
            tally.add(&Ended {
                why,
                counters: Counters { frames_in: 2, reconnections: 1, ..Counters::default() },
            });
        }
        assert!(tally.ends().all(|(_, count)| count == 1), "{tally:?}");
        assert_eq!((tally.counters().frames_in, tally.counters().reconnections), (24, 12));
    }
}
