//! INVITE server transaction (RFC 3261 §17.2.1, RFC 6026): its states and times. Knows nothing of messages or sockets.

use std::time::{Duration, Instant};

use super::Fired;
use crate::config::Timers;

/// The state of one INVITE that came in.
#[derive(Debug)]
pub(crate) struct ServerInvite {
    state: State,
    /// Over a reliable transport nothing is sent twice: no timer G, and timer I is zero. H and L stand.
    is_reliable: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing final was sent. A 100 was, at once, so that nobody waits for the 200 ms of §17.2.1; not to a caller who is in doubt.
    Proceeding,
    /// A non-2xx final was sent. Timers G and H.
    Completed {
        resend_at: Instant,
        interval: Duration,
        give_up_at: Instant,
    },
    /// The ACK for it came; further ACKs are absorbed. Timer I.
    Confirmed {
        until: Instant,
    },
    /// A 2xx was sent: the transaction user sends it again, and repeated INVITEs are absorbed (RFC 6026 §7.1). Timer L.
    Accepted {
        until: Instant,
    },
    Terminated,
}

impl ServerInvite {
    pub fn new(is_reliable: bool) -> Self {
        Self { state: State::Proceeding, is_reliable }
    }

    /// A response leaves. Gives whether it may.
    pub fn respond(&mut self, now: Instant, status: u16, timers: &Timers) -> bool {
        let State::Proceeding = self.state else { return false };
        self.state = match status {
            ..200 => State::Proceeding,
            200..300 => State::Accepted { until: now + timers.give_up() },
            _ => {
                let give_up_at = now + timers.give_up();
                // Timer H comes first.
                let resend_at = if self.is_reliable { give_up_at } else { now + timers.t1 };
                State::Completed { resend_at, interval: timers.t1, give_up_at }
            }
        };
        true
    }

    /// The INVITE came again. Gives whether the last response is sent again.
    pub fn handle_repetition(&self) -> bool {
        matches!(self.state, State::Proceeding | State::Completed { .. })
    }

    /// An ACK came. Gives whether it was for a non-2xx final, the ACK of a 2xx being none of ours.
    pub fn handle_ack(&mut self, now: Instant, timers: &Timers) -> bool {
        match self.state {
            State::Completed { .. } => {
                let until = if self.is_reliable { now } else { now + timers.t4 };
                self.state = State::Confirmed { until };
                true
            }
            State::Confirmed { .. } => true,
            State::Proceeding | State::Accepted { .. } | State::Terminated => false,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant, timers: &Timers) -> Fired {
        match &mut self.state {
            State::Completed { give_up_at, .. } if now >= *give_up_at => {
                // Timer H: no ACK ever came. The refusal stands, so there is nothing to tell.
                self.state = State::Terminated;
                Fired::Done
            }
            State::Completed { resend_at, interval, .. } if now >= *resend_at => {
                *interval = (*interval * 2).min(timers.t2);
                *resend_at = now + *interval;
                Fired::Retransmit
            }
            State::Confirmed { until } | State::Accepted { until } if now >= *until => {
                self.state = State::Terminated;
                Fired::Done
            }
            _ => Fired::Nothing,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Completed { resend_at, give_up_at, .. } => Some(resend_at.min(give_up_at)),
            State::Confirmed { until } | State::Accepted { until } => Some(until),
            State::Proceeding | State::Terminated => None,
        }
    }

    /// Nothing final was sent yet.
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Clock, T1, T2, T4, timers};
    use super::*;

    #[test]
    fn timer_g_doubles_to_t2_until_timer_h() {
        let mut clock = Clock::new();
        let mut invite = ServerInvite::new(false);
        assert!(invite.respond(clock.now(), 486, &timers()));
        assert!(!invite.respond(clock.now(), 200, &timers()), "one final response, and no more");
        let (mut resent, mut longest) = (0, Duration::ZERO);
        loop {
            let due = invite.poll_timeout().expect("completed");
            longest = longest.max(due - clock.now());
            clock.set(due);
            match invite.handle_timeout(due, &timers()) {
                Fired::Retransmit => resent += 1,
                fired => {
                    assert_eq!(fired, Fired::Done);
                    break;
                }
            }
        }
        assert_eq!((resent, longest, clock.elapsed()), (10, T2, T1 * 64));
    }

    #[test]
    fn timer_i_absorbs_further_acks() {
        let mut clock = Clock::new();
        let mut invite = ServerInvite::new(false);
        invite.respond(clock.now(), 486, &timers());
        assert!(invite.handle_repetition());
        invite.handle_ack(clock.now(), &timers());
        assert!(!invite.handle_repetition());
        invite.handle_ack(clock.now(), &timers());
        clock.advance(T4);
        assert_eq!(invite.handle_timeout(clock.now(), &timers()), Fired::Done);
    }

    #[test]
    fn a_reliable_transport_is_trusted_until_timer_h_and_timer_i_is_zero() {
        let clock = Clock::new();
        let mut invite = ServerInvite::new(true);
        invite.respond(clock.now(), 486, &timers());
        assert_eq!(invite.poll_timeout(), Some(clock.now() + T1 * 64));
        assert!(invite.handle_ack(clock.now(), &timers()));
        assert_eq!(invite.handle_timeout(clock.now(), &timers()), Fired::Done);
    }

    #[test]
    fn timer_l_absorbs_repeated_invites_after_a_2xx() {
        let mut clock = Clock::new();
        let mut invite = ServerInvite::new(false);
        invite.respond(clock.now(), 200, &timers());
        assert!(!invite.handle_repetition());
        clock.advance(T1 * 64);
        assert_eq!(invite.handle_timeout(clock.now(), &timers()), Fired::Done);
    }
}
