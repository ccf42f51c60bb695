//! What the call is to be told, in order, and the end of all.

use std::collections::VecDeque;

use super::event::{Counters, Ended, Event, Why};

/// Events that may wait for the call.
pub(in crate::agent) const EVENTS_MAX: usize = 64;
/// Messages in a row that may say nothing.
pub(in crate::agent) const GIBBERISH_MAX: u32 = 100;

/// Events on their way to the call.
#[derive(Debug)]
pub(in crate::agent) struct Told {
    events: VecDeque<Event>,
    ended: Option<Why>,
    gibberish: u32,
}

impl Told {
    pub fn new() -> Self {
        Self { events: VecDeque::with_capacity(EVENTS_MAX), ended: None, gibberish: 0 }
    }

    /// Is it time not to be asked anything more?
    pub fn is_full(&self) -> bool {
        self.events.len() >= EVENTS_MAX
    }

    /// Tells this, if there are fewer than `max`. False: it was dropped.
    pub fn tell(&mut self, event: Event, max: usize) -> bool {
        let room = self.events.len() < max;
        if room {
            self.events.push_back(event);
        }
        room
    }

    /// Tells of the end, once. It finds room whatever waits.
    pub fn end(&mut self, why: Why, counters: Counters) {
        if self.ended.is_none() {
            self.ended = Some(why.clone());
            self.events.push_back(Event::Ended(Ended { why, counters }));
        }
    }

    /// Why it has ended, if it has.
    pub fn ended(&self) -> Option<&Why> {
        self.ended.as_ref()
    }

    /// A message could be read, or not. False: too many in a row could not.
    pub fn understood(&mut self, understood: bool) -> bool {
        self.gibberish = if understood { 0 } else { self.gibberish + 1 };
        self.gibberish <= GIBBERISH_MAX
    }

    pub fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
