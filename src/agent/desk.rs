//! Who is free: one tenant's people, the calls that wait for one of them, and who is rung next.
//!
//! Sans-IO: it takes `now` and gives events. Knows nothing of browsers, SIP, audio or HTTP. Whoever has been idle longest
//! is rung first, and the call that has waited longest is served first. Whoever is cut off while it talks may come back for a while.
//! Two promises, kept by a property test: nobody ever has two calls, and every call that was wanted comes to exactly one end:
//! assigned, abandoned or withdrawn.

mod away;
mod event;
mod outlook;
mod person;
#[cfg(test)]
mod tests;
mod waiting;
pub mod wire;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::model::{CallId, PersonId};

pub use event::{Act, Event};
use person::Present;
pub use person::{Quit, State};
use waiting::Waiting;
pub use waiting::{Manner, Wanted};

/// How long things take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// How long one person is rung before the next one is.
    pub ring: Duration,
    /// What a person has to write down what was said, after each call. Zero: nothing.
    pub wrap_up: Duration,
    /// How long a call may wait at most, also while people let it ring.
    pub wait_max: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            ring: Duration::from_secs(15),
            wrap_up: Duration::from_secs(10),
            wait_max: Duration::from_secs(60),
        }
    }
}

/// People of one tenant who are present at once; more are refused.
pub const PEOPLE_MAX: usize = 1_000;
/// Calls of one tenant that wait at once; more are abandoned at once.
pub const WAITING_MAX: usize = 1_000;

/// One tenant's desk.
pub struct Desk {
    people: HashMap<PersonId, Present>,
    /// Who is available, longest idle first.
    idle: BTreeSet<(Instant, PersonId)>,
    /// Calls nobody talks to yet.
    waiting: HashMap<CallId, Waiting>,
    /// Those of them that ring nowhere, longest waiting first. The number tells apart what came at the same instant.
    queue: BTreeSet<(Instant, u64, CallId)>,
    wanted: u64,
    /// Whose call is whose while they talk, or are kept from it, and how long everything takes.
    talking: HashMap<CallId, (PersonId, Times)>,
    /// Calls that somebody talks in and that ring at a colleague.
    passing: HashMap<CallId, PersonId>,
    timers: BTreeSet<(Instant, Timer)>,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    /// A call's patience, and later all its time, is over. Comes first: what is over need not ring once more.
    Call(CallId),
    /// A ring or a wrap-up is over, or the time to come back.
    Person(PersonId),
}

/// Why a person could not come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{PEOPLE_MAX} people are signed in already")]
pub struct Full;

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// Nobody is there, and nothing waits.
    pub fn new() -> Self {
        Self {
            people: HashMap::new(),
            idle: BTreeSet::new(),
            waiting: HashMap::new(),
            queue: BTreeSet::new(),
            wanted: 0,
            talking: HashMap::new(),
            passing: HashMap::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
        }
    }

    /// Somebody comes in, offline at first. Who is here already stays as it is.
    ///
    /// # Errors
    /// There are [`PEOPLE_MAX`].
    pub fn arrive(
        &mut self,
        now: Instant,
        person: PersonId,
        name: String,
        queues: Vec<String>,
    ) -> Result<(), Full> {
        if self.people.len() >= PEOPLE_MAX && !self.people.contains_key(&person) {
            return Err(Full);
        }
        self.people.entry(person).or_insert_with(|| {
            self.events.push_back(Event::Changed(person));
            Present { state: State::Offline, since: now, name, queues, leaves_after: false }
        });
        Ok(())
    }

    /// A person does something. What does not fit its state is without effect: the page lags behind what happens.
    pub fn handle_act(&mut self, now: Instant, person: PersonId, act: Act) {
        let Some(present) = self.people.get(&person) else { return };
        match (act, present.state) {
            (Act::Available, State::Offline) => {
                // Whoever comes back takes what it missed, too, if that still waits.
                for waiting in self.waiting.values_mut() {
                    waiting.tried.remove(&person);
                }
                self.set(now, person, State::Available);
            }
            (Act::Available, State::WrapUp { .. }) => self.set(now, person, State::Available),
            (Act::Available, State::Talking { .. } | State::Away { .. }) => self.leaves(person, false),
            (Act::Offline, State::Available | State::WrapUp { .. }) => self.set(now, person, State::Offline),
            (Act::Offline, State::Talking { .. } | State::Away { .. }) => self.leaves(person, true),
            (Act::Offline, State::Ringing { call, .. }) => {
                self.unring(now, person, call, Quit::Declined, State::Offline);
            }
            (Act::Accept(call), State::Ringing { call: rung, .. }) if call == rung => {
                self.talk(now, person, call);
            }
            (Act::Decline(call), State::Ringing { call: rung, .. }) if call == rung => {
                self.unring(now, person, call, Quit::Declined, State::Available);
            }
            (Act::HangUp(call), State::Talking { call: on } | State::Away { call: on, .. }) if call == on => {
                self.release(now, person, call, Quit::HungUp);
            }
            (Act::Leave, state) => self.leave(now, person, state),
            (
                Act::Available | Act::Offline | Act::Accept(_) | Act::Decline(_) | Act::HangUp(_),
                State::Offline
                | State::Available
                | State::Ringing { .. }
                | State::Talking { .. }
                | State::Away { .. }
                | State::WrapUp { .. },
            ) => {}
        }
        self.serve(now);
    }

    /// A call wants somebody. One that is known already is not wanted twice.
    pub fn want(&mut self, now: Instant, call: CallId, wanted: Wanted) {
        if self.waiting.contains_key(&call) || self.talking.contains_key(&call) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.events.push_back(Event::Abandoned(call));
            return;
        }
        self.wanted += 1;
        let waiting = Waiting::new(now, self.wanted, wanted);
        self.timers.insert((waiting.deadline(), Timer::Call(call)));
        self.queue.insert((now, waiting.number, call));
        self.waiting.insert(call, waiting);
        self.serve(now);
    }

    /// The person who talks in a call wants this colleague to take it: it rings there. False: the colleague has no time, or it
    /// rings at somebody already.
    pub fn pass(&mut self, now: Instant, call: CallId, to: PersonId) -> bool {
        let Some((_, times)) = self.talking.get(&call).copied() else { return false };
        let is_free = matches!(self.people.get(&to).map(|present| present.state), Some(State::Available));
        if !is_free || self.passing.contains_key(&call) {
            return false;
        }
        self.passing.insert(call, to);
        self.set(now, to, State::Ringing { call, until: now + times.ring });
        self.events.push_back(Event::Ring { person: to, call });
        true
    }

    /// A person is declared otherwise by now.
    pub fn know(&mut self, now: Instant, person: PersonId, name: String, queues: Vec<String>) {
        if let Some(present) = self.people.get_mut(&person) {
            (present.name, present.queues) = (name, queues);
        }
        self.serve(now);
    }

    /// A call is over, or wants nobody any more.
    pub fn end(&mut self, now: Instant, call: CallId) {
        if let Some((person, _)) = self.talking.get(&call).copied() {
            self.release(now, person, call, Quit::Ended);
        } else if let Some(rings) = self.forget(call) {
            self.events.push_back(Event::Withdrawn(call));
            if let Some(person) = rings {
                self.quiet(now, person, call, Quit::Ended, State::Available);
            }
        }
        self.serve(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.pop_first();
            match timer {
                Timer::Person(person) => self.person_timed_out(now, person),
                Timer::Call(call) => self.call_timed_out(now, call),
            }
        }
        self.serve(now);
    }

    /// What was decided; drain to `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Desk::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Where a person stands, and since when. `None`: not here.
    pub fn state(&self, person: PersonId) -> Option<(State, Instant)> {
        self.people.get(&person).map(|present| (present.state, present.since))
    }

    /// Does a person take no more calls once the one that is on is over?
    pub fn leaves_after(&self, person: PersonId) -> bool {
        self.people.get(&person).is_some_and(|present| present.leaves_after)
    }

    /// How many calls nobody talks to yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Is nobody here, and nothing waits?
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.waiting.is_empty()
    }

    /// Gives waiting calls to idle people, as far as they go together.
    fn serve(&mut self, now: Instant) {
        if self.idle.is_empty() {
            return;
        }
        let mut calls = self.queue.iter().map(|(_, _, call)| *call).collect::<VecDeque<_>>();
        while let Some(call) = calls.pop_front().filter(|_| !self.idle.is_empty()) {
            let waiting = &self.waiting[&call];
            let takes = |(_, person): &&(Instant, PersonId)| {
                self.people[person].takes(&waiting.wanted.whom) && !waiting.tried.contains(person)
            };
            let Some((_, person)) = self.idle.iter().find(takes).copied() else { continue };
            match waiting.wanted.manner {
                Manner::AtOnce => self.talk(now, person, call),
                Manner::Ring => self.ring(now, person, call),
            }
        }
    }

    fn ring(&mut self, now: Instant, person: PersonId, call: CallId) {
        let waiting = self.waiting.get_mut(&call).expect("only what waits is rung for");
        let until = now + waiting.wanted.times.ring;
        waiting.rings = Some(person);
        self.queue.remove(&(waiting.since, waiting.number, call));
        self.set(now, person, State::Ringing { call, until });
        self.events.push_back(Event::Ring { person, call });
    }

    fn talk(&mut self, now: Instant, person: PersonId, call: CallId) {
        if let Some(to) = self.passing.remove(&call) {
            return self.take_over(now, to, call);
        }
        let times = self.waiting.get(&call).map(|waiting| waiting.wanted.times).unwrap_or_default();
        self.forget(call);
        self.talking.insert(call, (person, times));
        self.set(now, person, State::Talking { call });
        self.events.push_back(Event::Assigned { person, call });
    }

    fn take_over(&mut self, now: Instant, to: PersonId, call: CallId) {
        let (from, times) = self.talking.get(&call).copied().expect("what is passed is talked in");
        self.talking.insert(call, (to, times));
        self.events.push_back(Event::Passed { from, to, call });
        self.wrap_up(now, from, times.wrap_up);
        self.set(now, to, State::Talking { call });
    }

    /// The call goes on to somebody else, or has waited enough.
    fn unring(&mut self, now: Instant, person: PersonId, call: CallId, why: Quit, then: State) {
        self.quiet(now, person, call, why, then);
        if self.passing.remove(&call).is_some() {
            let (person, _) = self.talking[&call];
            return self.events.push_back(Event::Kept { person, call });
        }
        let waiting = self.waiting.get_mut(&call).expect("what rings waits");
        waiting.rings = None;
        waiting.tried.insert(person);
        self.queue.insert((waiting.since, waiting.number, call));
        self.serve(now);
        if self.waiting.get(&call).is_some_and(|waiting| waiting.rings.is_none() && waiting.is_impatient(now))
        {
            self.abandon(call);
        }
    }

    fn quiet(&mut self, now: Instant, person: PersonId, call: CallId, why: Quit, then: State) {
        self.set(now, person, then);
        self.events.push_back(Event::Unring { person, call, why });
    }

    fn release(&mut self, now: Instant, person: PersonId, call: CallId, why: Quit) {
        let (_, times) = self.talking.remove(&call).expect("only who talks is released");
        if let Some(to) = self.passing.remove(&call) {
            self.quiet(now, to, call, Quit::Ended, State::Available);
        }
        self.events.push_back(Event::Released { person, call, why });
        self.wrap_up(now, person, times.wrap_up);
    }

    fn wrap_up(&mut self, now: Instant, person: PersonId, wrap_up: Duration) {
        let present = self.people.get_mut(&person).expect("who talks is here");
        // Who is cut off takes no calls either.
        let is_away = matches!(present.state, State::Away { .. });
        let leaves = std::mem::take(&mut present.leaves_after);
        let then = match leaves || is_away {
            true => State::Offline,
            false if wrap_up.is_zero() => State::Available,
            false => State::WrapUp { until: now + wrap_up },
        };
        self.set(now, person, then);
    }

    fn leaves(&mut self, person: PersonId, after: bool) {
        let present = self.people.get_mut(&person).expect("who acts is here");
        if std::mem::replace(&mut present.leaves_after, after) != after {
            self.events.push_back(Event::Changed(person));
        }
    }

    fn leave(&mut self, now: Instant, person: PersonId, state: State) {
        self.part(now, person, state);
        self.set(now, person, State::Offline);
        self.people.remove(&person);
    }

    /// Whatever it does with a call is over.
    fn part(&mut self, now: Instant, person: PersonId, state: State) {
        match state {
            State::Ringing { call, .. } => self.unring(now, person, call, Quit::Gone, State::Offline),
            State::Talking { call } | State::Away { call, .. } => self.release(now, person, call, Quit::Gone),
            State::Offline | State::Available | State::WrapUp { .. } => {}
        }
    }

    fn person_timed_out(&mut self, now: Instant, person: PersonId) {
        match self.people.get(&person).map(|present| present.state) {
            // Who lets it ring is not there: the next call would wait in vain too.
            Some(State::Ringing { call, .. }) => self.unring(now, person, call, Quit::Missed, State::Offline),
            Some(State::WrapUp { .. }) => self.set(now, person, State::Available),
            Some(State::Away { call, .. }) => self.away_over(now, person, call),
            Some(State::Offline | State::Available | State::Talking { .. }) | None => {}
        }
    }

    fn call_timed_out(&mut self, now: Instant, call: CallId) {
        let Some(waiting) = self.waiting.get_mut(&call) else { return };
        if waiting.is_over(now) || waiting.rings.is_none() {
            return self.abandon_ringing(now, call);
        }
        // Somebody is being rung: it may go on as long as any call may wait.
        let over = waiting.over;
        self.timers.insert((over, Timer::Call(call)));
    }

    fn abandon_ringing(&mut self, now: Instant, call: CallId) {
        let rings = self.waiting.get(&call).and_then(|waiting| waiting.rings);
        self.abandon(call);
        if let Some(person) = rings {
            self.quiet(now, person, call, Quit::Missed, State::Available);
        }
    }

    fn abandon(&mut self, call: CallId) {
        self.forget(call);
        self.events.push_back(Event::Abandoned(call));
    }

    /// Waits no more. Gives who is being rung for it, if it waited.
    fn forget(&mut self, call: CallId) -> Option<Option<PersonId>> {
        let waiting = self.waiting.remove(&call)?;
        self.queue.remove(&(waiting.since, waiting.number, call));
        self.timers.remove(&(waiting.patient_until, Timer::Call(call)));
        self.timers.remove(&(waiting.over, Timer::Call(call)));
        Some(waiting.rings)
    }

    /// The only place where a state changes, so that the idle and the timers agree with it.
    fn set(&mut self, now: Instant, person: PersonId, state: State) {
        let present = self.people.get_mut(&person).expect("states are those of people who are here");
        self.idle.remove(&(present.since, person));
        if let Some(until) = present.state.until() {
            self.timers.remove(&(until, Timer::Person(person)));
        }
        (present.state, present.since) = (state, now);
        if state == State::Available {
            self.idle.insert((now, person));
        }
        if let Some(until) = state.until() {
            self.timers.insert((until, Timer::Person(person)));
        }
        self.events.push_back(Event::Changed(person));
    }
}
