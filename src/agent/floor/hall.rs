//! Who is on the floor. What the floor's task owns, without the task: every method takes `now` and waits for nothing.

mod audio;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{Config, Entered, Fate, Figures, Refused, STREAM};
use crate::agent::browser::Leg;
use crate::agent::desk::wire::{About, StateName, Told, Why};
use crate::agent::desk::{Act, Desk, Event, Quit, State, Wanted};
use crate::model::{CallId, Outlook, Person, PersonId, Staff, TenantId, Whom};

/// A session whose page does not listen for so long is over.
const AWAY_MAX: Duration = Duration::from_secs(10 * 60);

/// A session's token is kept as its hash.
type SessionKey = [u8; 32];

/// Everything on the floor.
pub(super) struct Hall {
    config: Config,
    tell: Box<dyn Fn(CallId, Fate) -> bool + Send>,
    desks: HashMap<TenantId, Desk>,
    people: HashMap<PersonId, Present>,
    sessions: HashMap<SessionKey, PersonId>,
    calls: HashMap<CallId, Call>,
    legs: u64,
    figures: Figures,
}

/// Somebody who is signed in.
struct Present {
    person: Person,
    session: SessionKey,
    expires: Instant,
    stream: Option<mpsc::Sender<Told>>,
    /// When the page was last listening, if it is not.
    away_since: Option<Instant>,
    /// It takes no more calls after this one because the page was away, not because its person said so.
    leaves_as_away: bool,
    leg: Option<Audio>,
    /// The audio that ended last: its page may say so still.
    ended_leg: Option<u64>,
}

struct Audio {
    number: u64,
    leg: Leg,
    connected: bool,
    /// Calls that it was attached to so far: the number of the last.
    attached: u64,
}

struct Call {
    tenant: TenantId,
    about: About,
    /// Who talks.
    with: Option<PersonId>,
    /// The person has put the far end on hold.
    held: bool,
}

impl Hall {
    pub(super) fn new(config: Config, tell: Box<dyn Fn(CallId, Fate) -> bool + Send>) -> Self {
        Self {
            config,
            tell,
            desks: HashMap::new(),
            people: HashMap::new(),
            sessions: HashMap::new(),
            calls: HashMap::new(),
            legs: 0,
            figures: Figures::default(),
        }
    }

    pub(super) fn who(&self, session: &str) -> Option<PersonId> {
        self.sessions.get(&key_of(session)).copied()
    }

    pub(super) fn figures(&self) -> Figures {
        let sum = |count: fn(&Desk) -> usize| self.desks.values().map(count).sum();
        Figures {
            signed_in: self.people.len(),
            free: sum(|desk| desk.free(&Whom::Anybody)),
            waiting: sum(Desk::waiting),
            ..self.figures
        }
    }

    pub(super) fn look(&self, tenant: TenantId, whom: &Whom, calls: &[(CallId, Arc<Staff>)]) -> Outlook {
        let Some(desk) = self.desks.get(&tenant) else { return Outlook::default() };
        let is_attended = |call: &CallId| self.calls.get(call).is_some_and(|known| known.with.is_some());
        let alone = calls.iter().filter(|(call, _)| !is_attended(call));
        desk.outlook(whom, alone.map(|(call, staff)| (*call, &staff.whom)))
    }

    /// Everybody who is signed in.
    pub(super) fn people(&self) -> Vec<PersonId> {
        self.people.keys().copied().collect()
    }

    /// A person as it is declared by now. With another secret it has to show that.
    pub(super) fn know(&mut self, now: Instant, known: Person) {
        let Some(present) = self.people.get_mut(&known.id).filter(|present| present.person != known) else {
            return;
        };
        let is_same =
            present.person.secret_hash == known.secret_hash && present.person.tenant == known.tenant;
        if !is_same {
            return self.turn_out(now, known.id);
        }
        if let Some(desk) = self.desks.get_mut(&known.tenant) {
            desk.know(now, known.id, known.name.clone(), known.queues.clone());
        }
        present.person = known;
    }

    /// Somebody may not be here any more.
    pub(super) fn turn_out(&mut self, now: Instant, person: PersonId) {
        // The last word that its page hears, whatever its leaving brings about.
        if let Some(stream) = self.people.get_mut(&person).and_then(|present| present.stream.take()) {
            let _ = stream.try_send(Told::SignedOut);
        }
        self.exit(now, person);
    }

    pub(super) fn enter(&mut self, now: Instant, person: Person) -> Result<Entered, Refused> {
        self.make_way(now, &person);
        let leaves_as_away = self.people.get(&person.id).is_some_and(|present| present.leaves_as_away);
        let desk = self.desks.entry(person.tenant).or_default();
        desk.arrive(now, person.id, person.name.clone(), person.queues.clone()).map_err(|_| Refused::Full)?;
        desk.know(now, person.id, person.name.clone(), person.queues.clone());
        let session = hex::encode(rand::random::<[u8; 32]>());
        let (key, name) = (key_of(&session), person.name.clone());
        self.sessions.insert(key, person.id);
        let present = Present {
            session: key,
            expires: now + self.config.session_max,
            stream: None,
            away_since: Some(now),
            leaves_as_away,
            leg: None,
            ended_leg: None,
            person,
        };
        self.people.insert(present.person.id, present);
        Ok(Entered { session, name })
    }

    /// An earlier session of somebody who signs in ends, but not its call: a browser that broke down has kept no session.
    fn make_way(&mut self, now: Instant, person: &Person) {
        let Some(present) = self.people.get_mut(&person.id) else { return };
        if present.person.tenant != person.tenant {
            return self.turn_out(now, person.id);
        }
        let session = present.session;
        if let Some(stream) = present.stream.take() {
            let _ = stream.try_send(Told::SignedOut);
        }
        self.sessions.remove(&session);
        self.silence(now, person.id);
        self.settle_desk(now, person.tenant);
    }

    pub(super) fn exit(&mut self, now: Instant, person: PersonId) {
        let Some(present) = self.people.get(&person) else { return };
        let (session, tenant) = (present.session, present.person.tenant);
        self.do_act(now, person, Act::Leave);
        // What the leaving brought about is still told by the leaver's own name.
        self.settle_desk(now, tenant);
        self.people.remove(&person);
        self.sessions.remove(&session);
    }

    pub(super) fn listen(&mut self, now: Instant, person: PersonId) -> mpsc::Receiver<Told> {
        let (stream, told) = mpsc::channel(STREAM);
        let is_on = self.is_on(person);
        if let Some(present) = self.people.get_mut(&person) {
            present.away_since = None;
            let stays = std::mem::take(&mut present.leaves_as_away) && is_on;
            // Else two pages of one session would take it from each other for ever. Of one that was loaded anew nobody reads this.
            if let Some(before) = present.stream.replace(stream) {
                let _ = before.try_send(Told::Replaced);
            }
            if stays {
                self.do_act(now, person, Act::Available);
            }
            self.show(now, person);
        }
        told
    }

    pub(super) fn act(&mut self, now: Instant, person: PersonId, act: Act) -> Result<(), Refused> {
        let present = self.people.get_mut(&person);
        let audio = present.as_ref().and_then(|present| present.leg.as_ref());
        if act == Act::Available && !audio.is_some_and(|audio| audio.connected) {
            return Err(Refused::NoAudio);
        }
        // Its own word holds, whatever its page being away had meant.
        if let Some(present) = present {
            present.leaves_as_away = false;
        }
        self.do_act(now, person, act);
        Ok(())
    }

    /// To a colleague, by name, or elsewhere.
    pub(super) fn transfer(
        &mut self,
        now: Instant,
        person: PersonId,
        call: CallId,
        to: String,
    ) -> Result<(), Refused> {
        let tenant =
            self.calls.get(&call).filter(|known| known.with == Some(person)).map(|known| known.tenant);
        let tenant = tenant.ok_or(Refused::Call)?;
        let is_it = |present: &&Present| present.person.tenant == tenant && present.person.name == to;
        if let Some(colleague) = self.people.values().find(is_it).map(|present| present.person.id) {
            let desk = self.desks.get_mut(&tenant).ok_or(Refused::Call)?;
            return if desk.pass(now, call, colleague) { Ok(()) } else { Err(Refused::Busy) };
        }
        if (self.tell)(call, Fate::Transfer(to)) { Ok(()) } else { Err(Refused::Call) }
    }

    pub(super) fn hold(&mut self, person: PersonId, call: CallId, on: bool) -> Result<(), Refused> {
        let known = self.calls.get_mut(&call).filter(|known| known.with == Some(person));
        let known = known.ok_or(Refused::Call)?;
        if !(self.tell)(call, Fate::Hold(on)) {
            return Err(Refused::Call);
        }
        known.held = on;
        Ok(())
    }

    pub(super) fn object(&self, person: PersonId, call: CallId) -> Result<(), Refused> {
        let is_its = self.calls.get(&call).is_some_and(|known| known.with == Some(person));
        if is_its && (self.tell)(call, Fate::Objected) { Ok(()) } else { Err(Refused::Call) }
    }

    /// What a person wanted done with its call was not done. If that was a hold, or its end, so it is `held` now.
    pub(super) fn failed(&mut self, call: CallId, why: String, held: Option<bool>) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.held = held.unwrap_or(known.held);
        let held = known.held;
        if let Some(person) = known.with {
            self.say(person, Told::Failed { call: call.to_string(), why, held });
        }
    }

    pub(super) fn want(
        &mut self,
        now: Instant,
        call: CallId,
        tenant: TenantId,
        wanted: Wanted,
        about: About,
    ) {
        if self.calls.contains_key(&call) {
            return;
        }
        self.calls.insert(call, Call { tenant, about, with: None, held: false });
        let desk = self.desks.entry(tenant).or_default();
        desk.want(now, call, wanted);
    }

    pub(super) fn end(&mut self, now: Instant, call: CallId) {
        let Some(tenant) = self.calls.get(&call).map(|call| call.tenant) else { return };
        if let Some(desk) = self.desks.get_mut(&tenant) {
            desk.end(now, call);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.desks.values().filter_map(Desk::poll_timeout).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.desks.values_mut().for_each(|desk| desk.handle_timeout(now));
    }

    /// Who is away for too long takes no more calls, and in the end is signed out.
    pub(super) fn look_round(&mut self, now: Instant) {
        let (mut away, grace) = (Vec::new(), self.config.grace);
        for (id, present) in &mut self.people {
            if present.stream.as_ref().is_none_or(mpsc::Sender::is_closed) {
                present.stream = None;
                let since = *present.away_since.get_or_insert(now);
                away.push((*id, now.saturating_duration_since(since)));
            } else if present.expires <= now {
                away.push((*id, AWAY_MAX));
            }
        }
        for (person, away) in away.into_iter().filter(|(_, away)| *away >= grace) {
            if self.is_on(person) {
                // Its audio may outlive its page; that it is heard is worth more than what it sees.
                self.let_leave(now, person);
            } else if away >= AWAY_MAX {
                self.turn_out(now, person);
            } else if self.people.get(&person).is_some_and(|present| present.leg.is_some()) {
                self.silence(now, person);
            }
        }
    }

    /// Does what the desks decided.
    pub(super) fn settle(&mut self, now: Instant) {
        let tenants: Vec<_> = self.desks.keys().copied().collect();
        for tenant in tenants {
            self.settle_desk(now, tenant);
            if self.desks.get(&tenant).is_some_and(Desk::is_empty) {
                self.desks.remove(&tenant);
            }
        }
    }

    fn settle_desk(&mut self, now: Instant, tenant: TenantId) {
        while let Some(event) = self.desks.get_mut(&tenant).and_then(Desk::poll_event) {
            self.happened(now, event);
        }
    }

    fn happened(&mut self, now: Instant, event: Event) {
        match event {
            Event::Changed(person) => self.show(now, person),
            Event::Ring { person, call } => {
                if !(self.tell)(call, Fate::Ringing(person)) {
                    self.end(now, call);
                }
            }
            Event::Unring { person, call, why } => self.over(person, call, why),
            Event::Assigned { person, call } => self.assigned(now, person, call),
            Event::Passed { from, to, call } => {
                self.figures.passed += 1;
                self.detach(from);
                if let Some(known) = self.calls.get_mut(&call) {
                    known.held = false;
                }
                self.over(from, call, Quit::Passed);
                self.assigned(now, to, call);
            }
            Event::Kept { person, call } => {
                let held = self.calls.get(&call).is_some_and(|known| known.held);
                let why = "nobody took it".to_owned();
                self.say(person, Told::Failed { call: call.to_string(), why, held });
            }
            Event::Lost { person, call } => {
                self.detach(person);
                if !(self.tell)(call, Fate::Lost) {
                    self.end(now, call);
                }
            }
            Event::Returned { person, call } => self.returned(now, person, call),
            Event::Abandoned(call) => {
                self.figures.abandoned += 1;
                self.calls.remove(&call);
                let _ = (self.tell)(call, Fate::Nobody);
            }
            Event::Withdrawn(call) => {
                self.figures.withdrawn += 1;
                self.calls.remove(&call);
            }
            Event::Released { person, call, why } => {
                self.figures.lost += u64::from(why == Quit::Gone);
                self.detach(person);
                self.over(person, call, why);
                self.calls.remove(&call);
                if why != Quit::Ended {
                    let _ = (self.tell)(call, Fate::Left(why));
                }
            }
        }
    }

    /// Takes no more calls after this one, until its page is back.
    fn let_leave(&mut self, now: Instant, person: PersonId) {
        let Some(present) = self.people.get_mut(&person) else { return };
        let desk = self.desks.get(&present.person.tenant);
        if !desk.is_some_and(|desk| desk.leaves_after(person)) {
            present.leaves_as_away = true;
            self.do_act(now, person, Act::Offline);
        }
    }

    fn do_act(&mut self, now: Instant, person: PersonId, act: Act) {
        let Some(tenant) = self.people.get(&person).map(|present| present.person.tenant) else { return };
        if let Some(desk) = self.desks.get_mut(&tenant) {
            desk.handle_act(now, person, act);
        }
    }

    fn state(&self, person: PersonId) -> Option<(State, Instant)> {
        let tenant = self.people.get(&person)?.person.tenant;
        self.desks.get(&tenant)?.state(person)
    }

    /// Is a call on, heard or not?
    fn is_on(&self, person: PersonId) -> bool {
        matches!(self.state(person), Some((State::Talking { .. } | State::Away { .. }, _)))
    }

    /// The call in which a person talks.
    fn call_of(&self, person: PersonId) -> Option<CallId> {
        match self.state(person)? {
            (State::Talking { call }, _) => Some(call),
            _ => None,
        }
    }

    fn over(&mut self, person: PersonId, call: CallId, why: Quit) {
        let why = match why {
            Quit::Declined => Why::Declined,
            Quit::Missed => Why::Missed,
            Quit::Gone => Why::AudioLost,
            Quit::HungUp => Why::HungUp,
            Quit::Ended => Why::Ended,
            Quit::Passed => Why::Passed,
        };
        self.say(person, Told::Over { call: call.to_string(), why });
    }

    /// Tells a page where its person stands.
    fn show(&mut self, now: Instant, person: PersonId) {
        let (state, since) = self.state(person).unwrap_or((State::Offline, now));
        let (name, call, until) = match state {
            State::Offline => (StateName::Offline, None, None),
            State::Available => (StateName::Available, None, None),
            State::Ringing { call, until } => (StateName::Ringing, Some(call), Some(until)),
            State::Talking { call } => (StateName::Talking, Some(call), None),
            State::Away { call, until } => (StateName::Away, Some(call), Some(until)),
            State::WrapUp { until } => (StateName::WrapUp, None, Some(until)),
        };
        let present = self.people.get(&person);
        let audio = present.and_then(|present| present.leg.as_ref());
        let desk = present.and_then(|present| self.desks.get(&present.person.tenant));
        let leaves = desk.is_some_and(|desk| desk.leaves_after(person));
        let told = Told::State {
            state: name,
            since_ms: millis(now.saturating_duration_since(since)),
            ends_ms: until.map(|until| millis(until.saturating_duration_since(now))),
            call: call.map(|call| call.to_string()),
            about: call.and_then(|call| self.calls.get(&call)).map(|call| call.about.clone()),
            audio: audio.is_some_and(|audio| audio.connected),
            held: call.and_then(|call| self.calls.get(&call)).is_some_and(|call| call.held),
            leaves,
        };
        self.say(person, told);
    }

    fn say(&mut self, person: PersonId, told: Told) {
        let Some(present) = self.people.get_mut(&person) else { return };
        if present.stream.as_ref().is_some_and(|stream| stream.try_send(told).is_err()) {
            // It comes back, and is told how things stand then.
            present.stream = None;
        }
    }
}

fn key_of(session: &str) -> SessionKey {
    Sha256::digest(session.as_bytes()).into()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
