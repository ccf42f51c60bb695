//! What is on a call's recording: from when on, and when it rested. Its times are the call's, since the answer.

use std::time::Duration;

use crate::model::Takes;

/// A recording under way.
#[derive(Default)]
pub struct Tape {
    takes: Takes,
    /// What it holds of the parts that are over.
    length: Duration,
    /// When the part began that it takes now.
    since: Option<Duration>,
}

impl Tape {
    /// It is taken from now on.
    pub fn roll(&mut self, at: Duration) {
        if self.since.is_none() {
            self.takes.push(millis(self.length), millis(at));
            self.since = Some(at);
        }
    }

    /// It rests.
    pub fn rest(&mut self, at: Duration) {
        if let Some(since) = self.since.take() {
            self.length += at.saturating_sub(since);
        }
    }

    /// What was heard when.
    pub fn takes(&self) -> Takes {
        self.takes.clone()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_it_rests_for_is_not_on_it() {
        let mut tape = Tape::default();
        tape.roll(3 * SECOND);
        tape.rest(5 * SECOND);
        tape.rest(6 * SECOND);
        tape.roll(9 * SECOND);
        tape.roll(10 * SECOND);
        let times = [0, 1_500, 2_000, 4_000].map(|ms| tape.takes().since_answer_ms(ms));
        assert_eq!(times, [3_000, 4_500, 9_000, 11_000]);
    }
}
