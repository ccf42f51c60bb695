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
        self.ends[ended.why.place()] += 1;
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
            (Why::CallOver, "call_over"),
            (Why::Closed { code: Some(1000) }, "closed"),
            (Why::HungUp, "hung_up"),
            (Why::Failed(text()), "failed"),
            (Why::Lost(text()), "lost"),
            (Why::Unreachable(text()), "unreachable"),
            (Why::Refused(401), "refused"),
            (Why::Protocol(text()), "protocol"),
            (Why::TooLong, "too_long"),
            (Why::Gibberish, "gibberish"),
            (Why::Unresponsive, "unresponsive"),
            (Why::NotReading, "not_reading"),
        ];
        let mut tally = Tally::default();
        for (why, word) in all {
            assert_eq!(Why::WORDS[why.place()], word);
            tally.add(&Ended {
                why,
                counters: Counters { frames_in: 2, reconnections: 1, ..Counters::default() },
            });
        }
        assert!(tally.ends().all(|(_, count)| count == 1), "{tally:?}");
        assert_eq!((tally.counters().frames_in, tally.counters().reconnections), (24, 12));
    }
}
