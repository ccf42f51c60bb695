//! Non-INVITE server transaction (RFC 3261 §17.2.2): its states and times. Knows nothing of messages or sockets.

use std::time::Instant;

use super::Fired;
use crate::config::Timers;

/// The state of one request, not an INVITE, that came in.
#[derive(Debug)]
pub(crate) struct Server {
    state: State,
    /// Over a reliable transport nothing comes twice: timer J is zero.
    is_reliable: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing was sent yet. A repetition of the request is dropped.
    Trying,
    /// The final response was sent, and is sent again for every repetition. Timer J.
    Completed {
        until: Instant,
    },
    Terminated,
}

impl Server {
    pub fn new(is_reliable: bool) -> Self {
        Self { state: State::Trying, is_reliable }
    }

    /// A final response leaves. Gives whether it may.
    pub fn respond(&mut self, now: Instant, timers: &Timers) -> bool {
        let State::Trying = self.state else { return false };
        let until = if self.is_reliable { now } else { now + timers.give_up() };
        self.state = State::Completed { until };
        true
    }

    /// The request came again. Gives whether the response is sent again.
    pub fn handle_repetition(&self) -> bool {
        matches!(self.state, State::Completed { .. })
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Fired {
        match self.state {
            State::Completed { until } if now >= until => {
                self.state = State::Terminated;
                Fired::Done
            }
            _ => Fired::Nothing,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Completed { until } => Some(until),
            State::Trying | State::Terminated => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Clock, T1, timers};
    use super::*;

    #[test]
    fn timer_j_answers_repetitions_with_the_same_response() {
        let mut clock = Clock::new();
        let mut server = Server::new(false);
        assert!(!server.handle_repetition(), "nothing to say yet");
        assert!(server.respond(clock.now(), &timers()));
        assert!(!server.respond(clock.now(), &timers()), "one final response, and no more");
        assert!(server.handle_repetition());
        clock.advance(T1 * 64);
        assert_eq!(server.handle_timeout(clock.now()), Fired::Done);
        assert!(!server.handle_repetition());
    }
}
