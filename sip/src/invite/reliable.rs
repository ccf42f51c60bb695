//! Reliable provisional responses (RFC 3262): which of theirs comes next, and ours until its PRACK comes. Two machines; they know
//! nothing of messages that leave, transactions or SDP.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::extensions::{REL100, lists};
use crate::config::{Body, Timers};
use crate::message::{Message, Name};

/// The reliable provisional responses of one early dialog, as the caller hears them (§4).
#[derive(Default, Debug)]
pub(crate) struct Heard {
    last: Option<u32>,
}

/// What a reliable provisional response is to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// The next one: it wants its PRACK.
    Next,
    /// Heard before: its PRACK is on the way.
    Again,
    /// One before it is missing: it is neither acknowledged nor processed.
    Ahead,
}

impl Heard {
    pub fn hear(&mut self, rseq: u32) -> Order {
        match self.last {
            Some(last) if rseq <= last => Order::Again,
            Some(last) if rseq - last > 1 => Order::Ahead,
            Some(_) | None => {
                self.last = Some(rseq);
                Order::Next
            }
        }
    }
}

/// The RSeq of a provisional response that is sent reliably. Zero is none (§7.1).
pub(crate) fn rseq(response: &Message) -> Option<u32> {
    let is_reliable = lists(response, Name::Require, REL100);
    response.header(Name::RSeq).filter(|_| is_reliable)?.trim().parse().ok().filter(|rseq| *rseq > 0)
}

/// What a PRACK acknowledges: the RSeq of a response, and the CSeq of its INVITE (§7.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rack {
    pub rseq: u32,
    pub cseq: u32,
}

impl Rack {
    pub fn of(prack: &Message) -> Option<Self> {
        let mut words = prack.header(Name::RAck)?.split_ascii_whitespace();
        let (rseq, cseq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        words.next().filter(|method| *method == "INVITE").map(|_| Self { rseq, cseq })
    }
}

/// Our reliable provisional responses to one INVITE (§3): one at a time, the rest in a queue.
pub(crate) struct Reliably {
    /// The INVITE's.
    cseq: u32,
    next: u32,
    unacked: Option<Unacked>,
    queue: VecDeque<(u16, Option<Body>)>,
}

struct Unacked {
    rseq: u32,
    status: u16,
    payload: Bytes,
    has_body: bool,
    interval: Duration,
    resend_at: Instant,
    give_up_at: Instant,
}

/// What the passing of time asks for.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Due {
    Nothing,
    /// Send this, with its status, again.
    Resend(u16, Bytes),
    /// No PRACK came within 64·T1: the INVITE is refused.
    GiveUp,
}

/// How many reliable responses wait for the one before them; further ones are not sent.
const QUEUE_MAX: usize = 4;

impl Reliably {
    /// `first` is random, so that a PRACK cannot be guessed (§3).
    pub fn new(cseq: u32, first: u32) -> Self {
        Self { cseq, next: first.clamp(1, i32::MAX as u32), unacked: None, queue: VecDeque::new() }
    }

    /// The number of the next response, if none is under way.
    pub fn free(&self) -> Option<u32> {
        self.unacked.is_none().then_some(self.next)
    }

    /// Puts a response off until the one before it is acknowledged.
    pub fn queue(&mut self, status: u16, body: Option<Body>) {
        if self.queue.len() < QUEUE_MAX {
            self.queue.push_back((status, body));
        }
    }

    /// The next response that was put off.
    pub fn unqueue(&mut self) -> Option<(u16, Option<Body>)> {
        self.queue.pop_front().filter(|_| self.unacked.is_none())
    }

    /// A response left, with the number that `free` gave.
    pub fn sent(&mut self, now: Instant, status: u16, payload: Bytes, has_body: bool, timers: &Timers) {
        self.unacked = Some(Unacked {
            rseq: self.next,
            status,
            payload,
            has_body,
            interval: timers.t1,
            resend_at: now + timers.t1,
            give_up_at: now + timers.give_up(),
        });
        self.next = self.next.saturating_add(1);
    }

    /// A PRACK came. Gives whether the response that it acknowledges had a body; `None` if there is no such response.
    pub fn acknowledge(&mut self, rack: Rack) -> Option<bool> {
        self.unacked
            .take_if(|unacked| rack == Rack { rseq: unacked.rseq, cseq: self.cseq })
            .map(|it| it.has_body)
    }

    /// What still waits for its PRACK.
    pub fn awaited(&self) -> Option<Rack> {
        self.unacked.as_ref().map(|unacked| Rack { rseq: unacked.rseq, cseq: self.cseq })
    }

    /// Whether a 2xx has to wait (§3): a description that is not acknowledged.
    pub fn holds_answer(&self) -> bool {
        self.unacked.as_ref().is_some_and(|unacked| unacked.has_body)
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Due {
        let Some(unacked) = &mut self.unacked else { return Due::Nothing };
        if now >= unacked.give_up_at {
            self.unacked = None;
            return Due::GiveUp;
        }
        if now < unacked.resend_at {
            return Due::Nothing;
        }
        // §3: it doubles without the bound of T2.
        unacked.interval *= 2;
        unacked.resend_at = now + unacked.interval;
        Due::Resend(unacked.status, unacked.payload.clone())
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.unacked.as_ref().map(|unacked| unacked.resend_at.min(unacked.give_up_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: Duration = Duration::from_millis(500);

    fn sent(now: Instant) -> Reliably {
        let mut reliably = Reliably::new(1, 100);
        assert_eq!(reliably.free(), Some(100));
        reliably.sent(now, 183, Bytes::from_static(b"183"), true, &Timers::default());
        reliably
    }

    #[test]
    fn only_the_next_in_order_is_acknowledged() {
        let mut heard = Heard::default();
        let order = [7, 7, 9, 8, 9, 3, u32::MAX].map(|rseq| heard.hear(rseq));
        use Order::{Again, Ahead, Next};
        assert_eq!(order, [Next, Again, Ahead, Next, Next, Again, Ahead]);
    }

    #[test]
    fn what_is_not_acknowledged_doubles_until_64_t1() {
        let start = crate::testing::start();
        let (mut reliably, mut times) = (sent(start), Vec::new());
        let end = loop {
            let at = reliably.poll_timeout().expect("it waits for its PRACK");
            match reliably.handle_timeout(at) {
                Due::Resend(183, payload) => {
                    assert_eq!(payload, "183");
                    times.push((at - start).as_millis());
                }
                due => {
                    assert_eq!(due, Due::GiveUp);
                    break at;
                }
            }
        };
        assert_eq!(times, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!((end - start, reliably.poll_timeout()), (T1 * 64, None));
    }

    #[test]
    fn only_its_own_prack_frees_the_next() {
        let start = crate::testing::start();
        let mut reliably = sent(start);
        reliably.queue(180, None);
        assert_eq!((reliably.free(), reliably.holds_answer()), (None, true));
        for wrong in [Rack { rseq: 101, cseq: 1 }, Rack { rseq: 100, cseq: 2 }] {
            assert_eq!(reliably.acknowledge(wrong), None);
        }
        let rack = Rack { rseq: 100, cseq: 1 };
        assert_eq!(reliably.awaited(), Some(rack));
        assert_eq!(reliably.acknowledge(rack), Some(true));
        assert_eq!(reliably.acknowledge(rack), None, "once");
        assert_eq!((reliably.unqueue(), reliably.free()), (Some((180, None)), Some(101)));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut reliably = sent(crate::testing::start());
        for _ in 0..100 {
            reliably.queue(183, None);
        }
        assert_eq!(reliably.queue.len(), QUEUE_MAX);
    }
}
