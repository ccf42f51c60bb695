//! People's audio: which connection is whose, and what it is in a call.

use std::time::Instant;

use trunkline_media::Port;
use trunkline_media::port::{self, Pace};

use super::super::Fate;
use super::{Audio, Hall, Refused};
use crate::agent::browser::{self, Leg};
use crate::model::{CallId, PersonId};

impl Hall {
    pub(in super::super) fn speak(&mut self, now: Instant, person: PersonId, leg: Leg) -> u64 {
        self.legs += 1;
        let number = self.legs;
        if self.people.get(&person).is_some_and(|present| present.leg.is_some()) {
            self.silence(now, person);
        }
        if let Some(present) = self.people.get_mut(&person) {
            present.leg = Some(Audio { number, leg, connected: false, attached: 0 });
        }
        number
    }

    /// A page ends its audio. That has often ended already: the connection says goodbye by a way of its own.
    pub(in super::super) fn mute(
        &mut self,
        now: Instant,
        person: PersonId,
        number: u64,
    ) -> Result<(), Refused> {
        let present = self.people.get(&person).ok_or(Refused::Leg)?;
        if present.leg.as_ref().is_some_and(|audio| audio.number == number) {
            self.silence(now, person);
        } else if present.ended_leg != Some(number) {
            return Err(Refused::Leg);
        }
        Ok(())
    }

    pub(in super::super) fn leg_told(
        &mut self,
        now: Instant,
        person: PersonId,
        number: u64,
        event: browser::Event,
    ) {
        let Some(present) = self.people.get_mut(&person) else { return };
        let Some(audio) = present.leg.as_mut().filter(|audio| audio.number == number) else { return };
        match event {
            browser::Event::Connected => {
                audio.connected = true;
                let tenant = present.person.tenant;
                if let Some(desk) = self.desks.get_mut(&tenant) {
                    desk.regain(now, person);
                }
                self.show(now, person);
            }
            // A connection tells in its own time: the call that this is of may be over, and the next one on.
            browser::Event::Digit(of, _) | browser::Event::Parted(of) if of != audio.attached => {}
            browser::Event::Digit(_, digit) => {
                if let Some(call) = self.call_of(person) {
                    let _ = (self.tell)(call, Fate::Digit(digit));
                }
            }
            browser::Event::Parted(_) => {
                if let Some(call) = self.call_of(person) {
                    self.end(now, call);
                }
            }
            browser::Event::Gone(why, stats) => {
                tracing::info!(%person, ?why, ?stats, "a person's audio ended");
                self.silence(now, person);
            }
        }
    }

    pub(super) fn detach(&self, person: PersonId) {
        if let Some(audio) = self.people.get(&person).and_then(|present| present.leg.as_ref()) {
            audio.leg.detach();
        }
    }

    pub(super) fn assigned(&mut self, now: Instant, person: PersonId, call: CallId) {
        self.figures.assigned += 1;
        if let Some(known) = self.calls.get_mut(&call) {
            known.with = Some(person);
        }
        let (port, seat) = port::pair(Pace::Live);
        let is_heard = self.attach(person, port);
        if !(self.tell)(call, Fate::Assigned { person, seat: Box::new(seat) }) {
            self.end(now, call);
        } else if !is_heard {
            self.silence(now, person);
        }
    }

    /// A person is back in the call that was kept for it.
    pub(super) fn returned(&mut self, now: Instant, person: PersonId, call: CallId) {
        self.figures.returned += 1;
        tracing::info!(%person, %call, "a person's audio is back");
        let (port, seat) = port::pair(Pace::Live);
        let is_heard = self.attach(person, port);
        if !(self.tell)(call, Fate::Returned(Box::new(seat))) {
            self.end(now, call);
        } else if !is_heard {
            self.silence(now, person);
        }
    }

    /// False: its audio is gone, or held up.
    fn attach(&mut self, person: PersonId, port: Port) -> bool {
        let audio = self.people.get_mut(&person).and_then(|present| present.leg.as_mut());
        audio.is_some_and(|audio| {
            audio.attached += 1;
            audio.leg.attach(audio.attached, port)
        })
    }

    /// A person's audio is gone, or is to go: it cannot take calls any more, and has a while to come back into one that is on.
    pub(super) fn silence(&mut self, now: Instant, person: PersonId) {
        let Some(present) = self.people.get_mut(&person) else { return };
        let tenant = present.person.tenant;
        if let Some(audio) = present.leg.take() {
            present.ended_leg = Some(audio.number);
            audio.leg.close();
        }
        if let Some(desk) = self.desks.get_mut(&tenant) {
            desk.lose(now, person, self.config.return_within);
        }
    }
}
