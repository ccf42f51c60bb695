//! Which part of a recording was heard when: it may begin in the midst of a call, and rest for a while.

use serde::{Deserialize, Serialize};

/// Parts of one recording that are told apart; those after belong to the last one.
pub const TAKES_MAX: usize = 100;

/// A part of a recording, until the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
struct Take {
    /// Milliseconds since the recording's beginning.
    from_ms: u64,
    /// Milliseconds since the answer.
    at_ms: u64,
}

/// All parts of a recording in their order. None: it runs from the answer on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Takes(Vec<Take>);

impl Takes {
    /// What comes in the recording from there on is heard from then on.
    pub fn push(&mut self, from_ms: u64, at_ms: u64) {
        let is_known = from_ms == at_ms && self.0.is_empty();
        if self.0.len() < TAKES_MAX && !is_known {
            self.0.push(Take { from_ms, at_ms });
        }
    }

    /// Does it run from the answer on?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When a moment of the recording was, in milliseconds since the answer.
    pub fn since_answer_ms(&self, recorded_ms: u64) -> u64 {
        let after = self.0.partition_point(|take| take.from_ms <= recorded_ms);
        match after.checked_sub(1) {
            Some(place) => {
                let take = self.0[place];
                take.at_ms.saturating_add(recorded_ms - take.from_ms)
            }
            None => recorded_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_from_the_answer_on_needs_no_telling() {
        let mut takes = Takes::default();
        takes.push(0, 0);
        assert!(takes.is_empty());
        assert_eq!(takes.since_answer_ms(1_234), 1_234);
    }

    #[test]
    fn each_moment_belongs_to_the_part_that_it_is_in() {
        let mut takes = Takes::default();
        takes.push(0, 5_000);
        takes.push(2_000, 10_000);
        let times = [0, 1_999, 2_000, 3_500].map(|ms| takes.since_answer_ms(ms));
        assert_eq!(times, [5_000, 6_999, 10_000, 11_500]);
        let text = serde_json::to_string(&takes).expect("JSON");
        assert_eq!(serde_json::from_str::<Takes>(&text).expect("its own"), takes);
    }

    #[test]
    fn one_that_rests_after_the_answer_is_counted_on() {
        let mut takes = Takes::default();
        takes.push(0, 0);
        takes.push(2_000, 7_000);
        assert_eq!([1_999, 2_000].map(|ms| takes.since_answer_ms(ms)), [1_999, 7_000]);
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut takes = Takes::default();
        (0..1_000).for_each(|number| takes.push(number, number + 1));
        assert_eq!((takes.0.len(), takes.since_answer_ms(999)), (TAKES_MAX, 1_000));
    }
}
