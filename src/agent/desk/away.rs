//! Who is cut off in the middle of a call: its seat waits a while for it to come back, and nobody else is given it meanwhile.

use std::time::{Duration, Instant};

use super::{Desk, Event, Quit, State};
use crate::model::{CallId, PersonId};

impl Desk {
    /// A person's audio is gone. A call that is on is kept for it so long; whatever else it did is over, and it takes no more
    /// calls until it says so.
    pub fn lose(&mut self, now: Instant, person: PersonId, within: Duration) {
        let Some(present) = self.people.get(&person) else { return };
        match present.state {
            State::Talking { call } if !within.is_zero() => {
                self.set(now, person, State::Away { call, until: now + within });
                self.events.push_back(Event::Lost { person, call });
            }
            // What was to take its place came to nothing too. It has no more time for that.
            State::Away { .. } => self.events.push_back(Event::Changed(person)),
            state => {
                self.part(now, person, state);
                self.set(now, person, State::Offline);
            }
        }
        self.serve(now);
    }

    /// A person's audio is there. It goes on in the call that was kept for it.
    pub fn regain(&mut self, now: Instant, person: PersonId) {
        if let Some(State::Away { call, .. }) = self.people.get(&person).map(|present| present.state) {
            self.set(now, person, State::Talking { call });
            self.events.push_back(Event::Returned { person, call });
        }
    }

    /// It did not come back in time.
    pub(super) fn away_over(&mut self, now: Instant, person: PersonId, call: CallId) {
        let colleague = self.passing.get(&call).and_then(|colleague| self.people.get(colleague));
        match colleague.and_then(|colleague| colleague.state.until()).filter(|until| *until > now) {
            // A colleague may take the call yet.
            Some(until) => self.set(now, person, State::Away { call, until }),
            None => self.release(now, person, call, Quit::Gone),
        }
    }
}
