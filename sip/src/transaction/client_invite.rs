//! INVITE client transaction (RFC 3261 §17.1.1, RFC 6026): its states and times. Knows nothing of messages, sockets,
//! dialogs or SDP.

use std::time::{Duration, Instant};

use super::Fired;
use crate::config::Timers;

/// The state of one INVITE that we sent.
#[derive(Debug)]
pub(crate) struct ClientInvite {
    state: State,
    /// Over a reliable transport nothing is sent twice: no timer A, and timer D is zero. Timer M stands, for the sake of forks.
    is_reliable: bool,
}

#[derive(Debug)]
enum State {
    /// Sent, nothing heard. Timers A and B.
    Calling {
        resend_at: Instant,
        interval: Duration,
        give_up_at: Instant,
    },
    /// Something provisional was heard; we wait as long as timer C lets us (§16.6).
    Proceeding {
        give_up_at: Instant,
    },
    /// A CANCEL is on its way; a final response is due within 64·T1 (§9.1).
    Cancelling {
        give_up_at: Instant,
    },
    /// A non-2xx final was heard and ACKed. Timer D.
    Completed {
        until: Instant,
    },
    /// A 2xx was heard, and more may come (RFC 6026 §7.2). Timer M.
    Accepted {
        until: Instant,
    },
    Terminated,
}

/// What a response is to this transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// Tell the transaction user.
    Provisional,
    /// A 2xx, the first or a further one: the transaction user ACKs each.
    Answer,
    /// The first non-2xx final: ACK it and tell the transaction user.
    Refusal,
    /// That final again: ACK it again and tell nobody.
    RefusalAgain,
    /// Of no meaning any more.
    Nothing,
}

impl ClientInvite {
    /// The request was sent just now.
    pub fn new(now: Instant, timers: &Timers, is_reliable: bool) -> Self {
        let give_up_at = now + timers.give_up();
        // Timer B comes first.
        let resend_at = if is_reliable { give_up_at } else { now + timers.t1 };
        Self { state: State::Calling { resend_at, interval: timers.t1, give_up_at }, is_reliable }
    }

    pub fn handle_response(&mut self, now: Instant, status: u16, timers: &Timers) -> Heard {
        match (&self.state, status) {
            (State::Calling { .. }, 100..=199) => {
                self.state = State::Proceeding { give_up_at: now + timers.c };
                Heard::Provisional
            }
            (State::Proceeding { .. }, 100..=199) => {
                if status > 100 {
                    self.state = State::Proceeding { give_up_at: now + timers.c };
                }
                Heard::Provisional
            }
            (State::Cancelling { .. }, 100..=199) => Heard::Provisional,
            (State::Calling { .. } | State::Proceeding { .. } | State::Cancelling { .. }, 200..=299) => {
                self.state = State::Accepted { until: now + timers.give_up() };
                Heard::Answer
            }
            (State::Accepted { .. }, 200..=299) => Heard::Answer,
            (State::Calling { .. } | State::Proceeding { .. } | State::Cancelling { .. }, 300..=699) => {
                let until = if self.is_reliable { now } else { now + timers.give_up() };
                self.state = State::Completed { until };
                Heard::Refusal
            }
            (State::Completed { .. }, 300..=699) => Heard::RefusalAgain,
            _ => Heard::Nothing,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Fired {
        match &mut self.state {
            State::Calling { give_up_at, .. } | State::Cancelling { give_up_at } if now >= *give_up_at => {
                self.state = State::Terminated;
                Fired::TimedOut
            }
            State::Proceeding { give_up_at } if now >= *give_up_at => {
                self.state = State::Cancelling { give_up_at: now };
                Fired::Stalled
            }
            State::Calling { resend_at, interval, .. } if now >= *resend_at => {
                *interval *= 2;
                *resend_at = now + *interval;
                Fired::Retransmit
            }
            State::Completed { until } | State::Accepted { until } if now >= *until => {
                self.state = State::Terminated;
                Fired::Done
            }
            _ => Fired::Nothing,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Calling { resend_at, give_up_at, .. } => Some(resend_at.min(give_up_at)),
            State::Proceeding { give_up_at } | State::Cancelling { give_up_at } => Some(give_up_at),
            State::Completed { until } | State::Accepted { until } => Some(until),
            State::Terminated => None,
        }
    }

    /// A CANCEL leaves now. Only something that has answered provisionally can be cancelled (§9.1).
    pub fn cancel(&mut self, now: Instant, timers: &Timers) {
        if self.is_proceeding() {
            self.state = State::Cancelling { give_up_at: now + timers.give_up() };
        }
    }

    /// Nothing at all was heard yet.
    pub fn is_calling(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    /// Something provisional was heard, and nothing final.
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. } | State::Cancelling { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Clock, T1, T4, timers};
    use super::*;

    fn new(clock: &Clock) -> ClientInvite {
        ClientInvite::new(clock.now(), &timers(), false)
    }

    #[test]
    fn timer_a_doubles_until_timer_b_ends_it() {
        let mut clock = Clock::new();
        let mut invite = new(&clock);
        for doubling in 0..6 {
            let due = invite.poll_timeout().expect("calling");
            assert_eq!(due, clock.now() + T1 * (1 << doubling));
            clock.set(due);
            assert_eq!(invite.handle_timeout(due), Fired::Retransmit);
        }
        clock.set(invite.poll_timeout().expect("timer B"));
        assert_eq!(clock.elapsed(), T1 * 64);
        assert_eq!(invite.handle_timeout(clock.now()), Fired::TimedOut);
        assert_eq!(invite.poll_timeout(), None);
    }

    #[test]
    fn a_provisional_stops_retransmission_and_a_late_one_after_the_final_means_nothing() {
        let clock = Clock::new();
        let mut invite = new(&clock);
        assert_eq!(invite.handle_response(clock.now(), 100, &timers()), Heard::Provisional);
        assert_eq!(invite.poll_timeout(), Some(clock.now() + timers().c));
        assert_eq!(invite.handle_response(clock.now(), 486, &timers()), Heard::Refusal);
        assert_eq!(invite.handle_response(clock.now(), 180, &timers()), Heard::Nothing);
        assert_eq!(invite.handle_response(clock.now(), 200, &timers()), Heard::Nothing);
    }

    #[test]
    fn timer_d_acks_repeated_finals_and_then_ends() {
        let mut clock = Clock::new();
        let mut invite = new(&clock);
        assert_eq!(invite.handle_response(clock.now(), 603, &timers()), Heard::Refusal);
        clock.advance(T4);
        assert_eq!(invite.handle_response(clock.now(), 603, &timers()), Heard::RefusalAgain);
        clock.advance(T1 * 64 - T4);
        assert_eq!(invite.handle_timeout(clock.now()), Fired::Done);
    }

    #[test]
    fn timer_m_passes_every_answer_up_and_drops_refusals() {
        let mut clock = Clock::new();
        let mut invite = new(&clock);
        assert_eq!(invite.handle_response(clock.now(), 200, &timers()), Heard::Answer);
        clock.advance(T1);
        assert_eq!(invite.handle_response(clock.now(), 200, &timers()), Heard::Answer);
        assert_eq!(invite.handle_response(clock.now(), 486, &timers()), Heard::Nothing);
        clock.advance(T1 * 63);
        assert_eq!(invite.handle_timeout(clock.now()), Fired::Done);
    }

    #[test]
    fn a_reliable_transport_is_trusted_until_timer_b_and_timer_d_is_zero() {
        let mut clock = Clock::new();
        let mut invite = ClientInvite::new(clock.now(), &timers(), true);
        assert_eq!(invite.handle_response(clock.now(), 486, &timers()), Heard::Refusal);
        assert_eq!(invite.handle_timeout(clock.now()), Fired::Done);
        let mut answered = ClientInvite::new(clock.now(), &timers(), true);
        assert_eq!(answered.handle_response(clock.now(), 200, &timers()), Heard::Answer);
        assert_eq!(answered.poll_timeout(), Some(clock.now() + T1 * 64), "timer M is for forks");
        let mut silent = ClientInvite::new(clock.now(), &timers(), true);
        assert_eq!(silent.poll_timeout(), Some(clock.now() + T1 * 64));
        clock.advance(T1 * 64);
        assert_eq!(silent.handle_timeout(clock.now()), Fired::TimedOut);
    }

    #[test]
    fn timer_c_stalls_and_provisionals_put_it_off() {
        let mut clock = Clock::new();
        let mut invite = new(&clock);
        invite.handle_response(clock.now(), 180, &timers());
        clock.advance(timers().c / 2);
        invite.handle_response(clock.now(), 180, &timers());
        clock.advance(timers().c / 2);
        assert_eq!(invite.handle_timeout(clock.now()), Fired::Nothing);
        clock.advance(timers().c / 2);
        assert_eq!(invite.handle_timeout(clock.now()), Fired::Stalled);
    }

    #[test]
    fn a_cancelled_invite_waits_64_t1_for_its_final() {
        let mut clock = Clock::new();
        let mut invite = new(&clock);
        invite.cancel(clock.now(), &timers());
        assert!(invite.is_calling(), "nothing heard: the CANCEL has to wait");
        invite.handle_response(clock.now(), 180, &timers());
        invite.cancel(clock.now(), &timers());
        clock.advance(T1 * 32);
        invite.handle_response(clock.now(), 183, &timers());
        clock.advance(T1 * 32);
        assert_eq!(invite.handle_timeout(clock.now()), Fired::TimedOut);
    }
}
