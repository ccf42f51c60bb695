//! Whether whoever talks from afar is still there, and takes what he is sent. What leaves is no sign of him: the kernel takes minutes of
//! audio for one who has died. Knows times alone.

use std::time::Instant;

use super::manners::{PING_EVERY, SILENT_MAX, UNREAD_MAX};

/// The watch over one connection.
#[derive(Debug)]
pub(super) struct Vigil {
    /// When anything was last heard, and when he is asked again.
    heard: Instant,
    ask: Instant,
    /// Since when something is on its way.
    sending: Option<Instant>,
}

/// What the watch comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// All is well.
    Well,
    /// It is time to ask whether he is there.
    Ask,
    /// He says nothing, not even that he is there.
    Unresponsive,
    /// He does not take what he is sent.
    NotReading,
}

impl Vigil {
    /// Over a connection that stands since now.
    pub fn new(now: Instant) -> Self {
        Self { heard: now, ask: now + PING_EVERY, sending: None }
    }

    /// Something came.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Something is on its way.
    pub fn sends(&mut self, now: Instant) {
        self.sending.get_or_insert(now);
    }

    /// All has left.
    pub fn sent(&mut self) {
        self.sending = None;
    }

    /// Is anything on its way?
    pub fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// To be asked every 20 ms. `reads`: what comes from him is taken.
    pub fn look(&mut self, now: Instant, reads: bool) -> Sign {
        if self.sending.is_some_and(|since| now.duration_since(since) > UNREAD_MAX) {
            return Sign::NotReading;
        }
        if !reads {
            // His answers are not read either.
            self.heard = now;
        }
        if now.duration_since(self.heard) > SILENT_MAX {
            return Sign::Unresponsive;
        }
        if now >= self.ask && self.sending.is_none() {
            self.ask = now + PING_EVERY;
            return Sign::Ask;
        }
        Sign::Well
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests take one instant to count from")]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A minute of ticks, in each of which 20 ms leave; when he was asked, and how it ended.
    fn minute(
        mut tick: impl FnMut(&mut Vigil, Instant, Sign) -> bool,
    ) -> (Vec<Duration>, Option<(Sign, Duration)>) {
        let start = Instant::now();
        let (mut vigil, mut asked) = (Vigil::new(start), vec![]);
        for number in 0..3_000 {
            let now = start + SECOND / 50 * number;
            vigil.sends(now);
            vigil.sent();
            let reads = tick(&mut vigil, now, Sign::Well);
            match vigil.look(now, reads) {
                Sign::Well => {}
                Sign::Ask => {
                    asked.push(now - start);
                    tick(&mut vigil, now, Sign::Ask);
                }
                sign => return (asked, Some((sign, now - start))),
            }
        }
        (asked, None)
    }

    #[test]
    fn one_who_is_sent_audio_and_says_nothing_is_given_up() {
        let (asked, ended) = minute(|_, _, _| true);
        assert_eq!(asked, [15 * SECOND, 30 * SECOND, 45 * SECOND]);
        let (sign, at) = ended.expect("it is noticed");
        assert_eq!(sign, Sign::Unresponsive);
        assert!(at > SILENT_MAX && at < SILENT_MAX + SECOND, "{at:?}");
    }

    #[test]
    fn one_who_answers_is_there() {
        let (asked, ended) = minute(|vigil, now, sign| {
            if sign == Sign::Ask {
                vigil.heard(now);
            }
            true
        });
        assert_eq!((asked.len(), ended), (3, None));
    }

    #[test]
    fn one_whose_answers_are_not_read_is_not_missed() {
        assert_eq!(minute(|_, _, _| false).1, None);
    }

    #[test]
    fn one_who_takes_nothing_is_given_up_sooner_and_not_asked() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        vigil.sends(start + 14 * SECOND);
        vigil.sends(start + 20 * SECOND);
        assert_eq!(vigil.look(start + 24 * SECOND, true), Sign::Well);
        assert_eq!(vigil.look(start + 25 * SECOND, true), Sign::NotReading);
        vigil.sent();
        assert!(!vigil.is_sending());
        assert_eq!(vigil.look(start + 25 * SECOND, true), Sign::Ask);
    }
}
