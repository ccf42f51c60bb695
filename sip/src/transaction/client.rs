//! Non-INVITE client transaction (RFC 3261 §17.1.2): its states and times. Knows nothing of messages or sockets.

use std::time::{Duration, Instant};

use super::Fired;
use crate::config::Timers;

/// The state of one request, not an INVITE, that we sent.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    /// Over a reliable transport nothing is sent twice, so nothing needs absorbing: no timer E, and timer K is zero.
    is_reliable: bool,
}

#[derive(Debug)]
enum State {
    /// Sent. Timers E and F.
    Trying {
        resend_at: Instant,
        interval: Duration,
        give_up_at: Instant,
    },
    /// A provisional response came: timer E goes on at T2.
    Proceeding {
        resend_at: Instant,
        give_up_at: Instant,
    },
    /// A final response came; repetitions of it are absorbed. Timer K.
    Completed {
        until: Instant,
    },
    Terminated,
}

/// What a response is to this transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// Wait on.
    Provisional,
    /// The first final response: tell the transaction user.
    Final,
    /// Of no meaning any more.
    Nothing,
}

impl Client {
    /// The request was sent just now.
    pub fn new(now: Instant, timers: &Timers, is_reliable: bool) -> Self {
        let give_up_at = now + timers.give_up();
        // Timer F comes first.
        let resend_at = if is_reliable { give_up_at } else { now + timers.t1 };
        Self { state: State::Trying { resend_at, interval: timers.t1, give_up_at }, is_reliable }
    }

    pub fn handle_response(&mut self, now: Instant, status: u16, timers: &Timers) -> Heard {
        match (&self.state, status) {
            (State::Trying { give_up_at, .. }, 100..=199) => {
                let give_up_at = *give_up_at;
                let resend_at = if self.is_reliable { give_up_at } else { now + timers.t2 };
                self.state = State::Proceeding { resend_at, give_up_at };
                Heard::Provisional
            }
            (State::Proceeding { .. }, 100..=199) => Heard::Provisional,
            (State::Trying { .. } | State::Proceeding { .. }, 200..=699) => {
                let until = if self.is_reliable { now } else { now + timers.t4 };
                self.state = State::Completed { until };
                Heard::Final
            }
            _ => Heard::Nothing,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, timers: &Timers) -> Fired {
        match &mut self.state {
            State::Trying { give_up_at, .. } | State::Proceeding { give_up_at, .. } if now >= *give_up_at => {
                self.state = State::Terminated;
                Fired::TimedOut
            }
            State::Trying { resend_at, interval, .. } if now >= *resend_at => {
                *interval = (*interval * 2).min(timers.t2);
                *resend_at = now + *interval;
                Fired::Retransmit
            }
            State::Proceeding { resend_at, .. } if now >= *resend_at => {
                *resend_at = now + timers.t2;
                Fired::Retransmit
            }
            State::Completed { until } if now >= *until => {
                self.state = State::Terminated;
                Fired::Done
            }
            _ => Fired::Nothing,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Trying { resend_at, give_up_at, .. } | State::Proceeding { resend_at, give_up_at } => {
                Some(resend_at.min(give_up_at))
            }
            State::Completed { until } => Some(until),
            State::Terminated => None,
        }
    }

    /// Nothing at all was heard yet.
    pub fn is_trying(&self) -> bool {
        matches!(self.state, State::Trying { .. })
    }

    /// No final response was heard yet.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying { .. } | State::Proceeding { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Clock, T1, T2, T4, timers};
    use super::*;

    #[test]
    fn timer_e_doubles_to_t2_until_timer_f_ends_it() {
        let mut clock = Clock::new();
        let mut client = Client::new(clock.now(), &timers(), false);
        let mut sent = 1;
        loop {
            let due = client.poll_timeout().expect("trying");
            clock.set(due);
            match client.handle_timeout(due, &timers()) {
                Fired::Retransmit => sent += 1,
                fired => {
                    assert_eq!(fired, Fired::TimedOut);
                    break;
                }
            }
        }
        // §17.1.2.1: 500 ms, 1 s, 2 s, 4 s, 4 s, … = 11 sendings within 32 s.
        assert_eq!((sent, clock.elapsed()), (11, T1 * 64));
    }

    #[test]
    fn a_provisional_slows_retransmission_to_t2_and_timer_f_stands() {
        let mut clock = Clock::new();
        let mut client = Client::new(clock.now(), &timers(), false);
        assert_eq!(client.handle_response(clock.now(), 100, &timers()), Heard::Provisional);
        assert_eq!(client.poll_timeout(), Some(clock.now() + T2));
        clock.advance(T1 * 64);
        assert_eq!(client.handle_timeout(clock.now(), &timers()), Fired::TimedOut);
    }

    #[test]
    fn a_reliable_transport_is_trusted_until_timer_f_and_timer_k_is_zero() {
        let mut clock = Clock::new();
        let mut client = Client::new(clock.now(), &timers(), true);
        assert_eq!(client.handle_response(clock.now(), 100, &timers()), Heard::Provisional);
        assert_eq!(client.poll_timeout(), Some(clock.now() + T1 * 64));
        assert_eq!(client.handle_response(clock.now(), 200, &timers()), Heard::Final);
        assert_eq!(client.handle_timeout(clock.now(), &timers()), Fired::Done);
        let mut silent = Client::new(clock.now(), &timers(), true);
        clock.advance(T1 * 64);
        assert_eq!(silent.handle_timeout(clock.now(), &timers()), Fired::TimedOut);
    }

    #[test]
    fn timer_k_absorbs_repetitions_of_the_final() {
        let mut clock = Clock::new();
        let mut client = Client::new(clock.now(), &timers(), false);
        assert_eq!(client.handle_response(clock.now(), 200, &timers()), Heard::Final);
        assert_eq!(client.handle_response(clock.now(), 200, &timers()), Heard::Nothing);
        clock.advance(T4);
        assert_eq!(client.handle_timeout(clock.now(), &timers()), Fired::Done);
    }
}
