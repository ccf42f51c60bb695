//! Digits that come by two roads: as telephone events (RFC 4733) and in INFO. Some gateways send each key by both.

use std::time::{Duration, Instant};

/// How a digit came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Road {
    /// In the media.
    Media,
    /// In an INFO.
    Signalling,
}

/// The last digit that may come once more by the other road.
#[derive(Default)]
pub struct Keys {
    last: Option<(Instant, Road, char)>,
}

/// The same digit by the other road within this time is the same key: an INFO may be sent again twice (RFC 3261 §17.1.2.1), and
/// nobody presses a key twice for a gateway to tell each time by another road.
const DOUBLE_MAX: Duration = Duration::from_millis(1_500);

impl Keys {
    /// Is this a key of its own? Each one excuses at most one double.
    pub fn is_new(&mut self, now: Instant, road: Road, digit: char) -> bool {
        let is_double = self.last.is_some_and(|(at, by, last)| {
            by != road && last == digit && now.saturating_duration_since(at) < DOUBLE_MAX
        });
        self.last = (!is_double).then_some((now, road, digit));
        !is_double
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn a_key_that_came_by_both_roads_is_one_key() {
        let (mut keys, now) = (Keys::default(), Instant::now());
        let mut press =
            |after: u64, road, digit| keys.is_new(now + Duration::from_millis(after), road, digit);
        assert!(press(0, Road::Media, '5'));
        assert!(!press(300, Road::Signalling, '5'));
        assert!(press(600, Road::Signalling, '5'), "pressed again");
        assert!(!press(900, Road::Media, '5'));
        assert!(press(1_000, Road::Media, '6'));
        assert!(press(1_100, Road::Media, '6'), "the same road tells each key once");
        assert!(press(4_000, Road::Signalling, '6'), "too late for a double");
    }
}
