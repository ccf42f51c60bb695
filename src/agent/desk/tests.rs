#![expect(clippy::disallowed_methods, reason = "a test's clock begins somewhere")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;
use crate::model::PATIENCE;

const SECOND: Duration = Duration::from_secs(1);

/// A desk and its clock.
struct Place {
    desk: Desk,
    now: Instant,
}

impl Place {
    fn new() -> Self {
        Self { desk: Desk::new(), now: Instant::now() }
    }

    fn after(&mut self, time: Duration) -> Vec<Event> {
        let until = self.now + time;
        let mut events = Vec::new();
        while let Some(at) = self.desk.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.desk.handle_timeout(self.now);
            events.extend(self.told());
        }
        self.now = until;
        events
    }

    /// What happened, without the changes of states.
    fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.desk.poll_event())
            .filter(|event| !matches!(event, Event::Changed(_)))
            .collect()
    }

    fn available(&mut self, number: u64) -> PersonId {
        self.serving(number, &[])
    }

    fn serving(&mut self, number: u64, queues: &[&str]) -> PersonId {
        let person = PersonId(number);
        let queues = queues.iter().map(ToString::to_string).collect();
        self.desk.arrive(self.now, person, format!("Person {number}"), queues).expect("room");
        self.act(person, Act::Available);
        person
    }

    fn act(&mut self, person: PersonId, act: Act) {
        self.desk.handle_act(self.now, person, act);
    }

    fn want(&mut self, number: u64, manner: Manner) -> CallId {
        self.want_of(number, manner, None)
    }

    fn want_of(&mut self, number: u64, manner: Manner, queue: Option<&str>) -> CallId {
        let call = CallId::new(number).expect("an id");
        let whom = queue.map_or(Whom::Anybody, |queue| Whom::Queue(queue.to_owned()));
        let wanted = Wanted { whom, manner, patience: PATIENCE, times: Times::default() };
        self.desk.want(self.now, call, wanted);
        call
    }

    fn state(&self, person: PersonId) -> State {
        self.desk.state(person).expect("is here").0
    }
}

#[test]
fn who_has_been_idle_longest_gets_the_call_at_once() {
    let mut place = Place::new();
    let first = place.available(1);
    place.after(SECOND);
    let second = place.available(2);
    let call = place.want(10, Manner::AtOnce);
    assert_eq!(place.told(), [Event::Assigned { person: first, call }]);
    let next = place.want(11, Manner::AtOnce);
    assert_eq!(place.told(), [Event::Assigned { person: second, call: next }]);
    assert_eq!(place.state(first), State::Talking { call });
}

#[test]
fn who_lets_it_ring_goes_offline_and_the_next_one_is_rung() {
    let mut place = Place::new();
    let first = place.available(1);
    place.after(SECOND);
    let second = place.available(2);
    let call = place.want(10, Manner::Ring);
    assert_eq!(place.told(), [Event::Ring { person: first, call }]);
    assert_eq!(
        place.after(15 * SECOND),
        [Event::Unring { person: first, call, why: Quit::Missed }, Event::Ring { person: second, call }]
    );
    assert_eq!(place.state(first), State::Offline);
    place.act(second, Act::Accept(call));
    assert_eq!(place.told(), [Event::Assigned { person: second, call }]);
}

#[test]
fn who_declines_stays_available_and_is_not_asked_again_for_it() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::Ring);
    place.act(person, Act::Decline(call));
    assert_eq!(
        place.told(),
        [Event::Ring { person, call }, Event::Unring { person, call, why: Quit::Declined }]
    );
    assert_eq!(place.state(person), State::Available);
    assert_eq!(place.after(PATIENCE), [Event::Abandoned(call)]);
    let next = place.want(11, Manner::Ring);
    assert_eq!(place.told(), [Event::Ring { person, call: next }]);
}

#[test]
fn nobody_free_within_two_seconds_abandons_and_not_before() {
    let mut place = Place::new();
    let call = place.want(10, Manner::AtOnce);
    assert_eq!(place.after(PATIENCE - Duration::from_millis(1)), []);
    assert_eq!(place.after(Duration::from_millis(1)), [Event::Abandoned(call)]);
    place.available(1);
    assert_eq!((place.told(), place.desk.waiting()), (vec![], 0));
}

#[test]
fn whoever_becomes_free_in_time_takes_the_call_that_waited_longest() {
    let mut place = Place::new();
    let (older, younger) = (place.want(11, Manner::AtOnce), place.want(10, Manner::AtOnce));
    place.after(SECOND);
    let person = place.available(1);
    assert_eq!(place.told(), [Event::Assigned { person, call: older }]);
    assert_eq!(place.after(SECOND), [Event::Abandoned(younger)]);
}

#[test]
fn a_ring_may_outlast_the_patience_but_not_the_longest_wait() {
    let mut place = Place::new();
    let people: Vec<_> = (1..=5).map(|number| place.available(number)).collect();
    let call = place.want(10, Manner::Ring);
    let events = place.after(60 * SECOND);
    let rings = events.iter().filter(|event| matches!(event, Event::Ring { .. })).count();
    assert_eq!(rings, 4, "each for fifteen seconds: {events:?}");
    assert!(events.contains(&Event::Abandoned(call)));
    assert_eq!(place.desk.state(people[4]).map(|(state, _)| state), Some(State::Available));
}

#[test]
fn after_a_call_the_wrap_up_ends_by_itself_or_early() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    place.desk.end(place.now, call);
    assert_eq!(place.told().last(), Some(&Event::Released { person, call, why: Quit::Ended }));
    assert!(matches!(place.state(person), State::WrapUp { .. }));
    assert_eq!(place.desk.free(&Whom::Anybody), 0);
    place.after(10 * SECOND);
    assert_eq!((place.state(person), place.desk.free(&Whom::Anybody)), (State::Available, 1));
    let next = place.want(11, Manner::AtOnce);
    place.act(person, Act::HangUp(next));
    place.act(person, Act::Available);
    assert_eq!(place.state(person), State::Available);
}

#[test]
fn who_goes_offline_while_talking_keeps_the_call_and_gets_no_other() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    place.act(person, Act::Offline);
    assert_eq!(place.state(person), State::Talking { call });
    place.desk.end(place.now, call);
    assert_eq!(place.state(person), State::Offline);
}

#[test]
fn who_vanishes_leaves_its_ringing_call_to_the_next_one() {
    let mut place = Place::new();
    let first = place.available(1);
    place.after(SECOND);
    let second = place.available(2);
    let call = place.want(10, Manner::Ring);
    place.told();
    place.act(first, Act::Leave);
    assert_eq!(
        place.told(),
        [Event::Unring { person: first, call, why: Quit::Gone }, Event::Ring { person: second, call }]
    );
    place.act(second, Act::Accept(call));
    place.act(second, Act::Leave);
    assert_eq!(place.told().last(), Some(&Event::Released { person: second, call, why: Quit::Gone }));
    assert!(place.desk.is_empty());
}

#[test]
fn a_callee_that_hangs_up_stops_the_ringing() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::Ring);
    place.told();
    place.desk.end(place.now, call);
    assert_eq!(place.told(), [Event::Withdrawn(call), Event::Unring { person, call, why: Quit::Ended }]);
    assert_eq!(place.state(person), State::Available);
    place.act(person, Act::Accept(call));
    assert_eq!(place.state(person), State::Available, "a late click does nothing");
}

#[test]
fn only_who_serves_the_queue_is_asked() {
    let mut place = Place::new();
    place.serving(1, &["billing"]);
    place.after(SECOND);
    let sales = place.serving(2, &["sales", "billing"]);
    let call = place.want_of(10, Manner::AtOnce, Some("sales"));
    let free = |place: &Place, queue: &str| place.desk.free(&Whom::Queue(queue.to_owned()));
    assert_eq!(place.told(), [Event::Assigned { person: sales, call }]);
    assert_eq!((free(&place, "sales"), free(&place, "billing")), (0, 1));
}

#[test]
fn a_full_desk_refuses_people_and_abandons_calls() {
    let mut place = Place::new();
    for number in 1..=PEOPLE_MAX as u64 {
        place.desk.arrive(place.now, PersonId(number), String::new(), vec![]).expect("room");
    }
    assert_eq!(place.desk.arrive(place.now, PersonId(5_000), String::new(), vec![]), Err(Full));
    assert_eq!(place.desk.arrive(place.now, PersonId(1), String::new(), vec![]), Ok(()));
    for number in 1..=WAITING_MAX as u64 {
        place.want(number, Manner::AtOnce);
    }
    place.told();
    let call = place.want(5_000, Manner::AtOnce);
    assert_eq!(place.told(), [Event::Abandoned(call)]);
}

#[test]
fn a_call_is_passed_only_to_who_is_free_and_rings_at_one_colleague() {
    let mut place = Place::new();
    let ada = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    let (grace, joan) = (place.available(2), place.available(3));
    place.told();
    assert!(!place.desk.pass(place.now, call, ada), "she talks herself");
    assert!(place.desk.pass(place.now, call, grace) && !place.desk.pass(place.now, call, joan));
    assert_eq!(place.told(), [Event::Ring { person: grace, call }]);
    place.act(grace, Act::Accept(call));
    assert_eq!(place.told(), [Event::Passed { from: ada, to: grace, call }]);
    assert!(matches!(place.state(ada), State::WrapUp { .. }));
    assert!(place.desk.pass(place.now, call, joan));
    place.act(grace, Act::HangUp(call));
    assert_eq!(
        place.told()[1..],
        [
            Event::Unring { person: joan, call, why: Quit::Ended },
            Event::Released { person: grace, call, why: Quit::HungUp }
        ]
    );
    assert_eq!(place.state(joan), State::Available);
}

#[test]
fn only_who_is_named_is_asked() {
    let mut place = Place::new();
    place.available(1);
    let (call, whom) = (CallId::new(10).expect("an id"), Whom::Named(vec!["Person 2".to_owned()]));
    let wanted = Wanted { whom, manner: Manner::AtOnce, patience: PATIENCE, times: Times::default() };
    place.desk.want(place.now, call, wanted);
    assert_eq!(place.told(), []);
    let named = place.available(2);
    assert_eq!(place.told(), [Event::Assigned { person: named, call }]);
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(u64, bool),
    Do(u64, u8, u64),
    Want(u64, bool, bool),
    Pass(u64, u64),
    End(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..6u64, any::<bool>()).prop_map(|(person, picky)| Step::Arrive(person, picky)),
        (1..6u64, 0..6u8, 1..30u64).prop_map(|(person, act, call)| Step::Do(person, act, call)),
        (1..30u64, any::<bool>(), any::<bool>())
            .prop_map(|(call, rings, queue)| Step::Want(call, rings, queue)),
        (1..30u64, 1..6u64).prop_map(|(call, to)| Step::Pass(call, to)),
        (1..30u64).prop_map(Step::End),
        (0..20_000u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the events say, checked as they come.
#[derive(Default)]
struct Ledger {
    wanted: BTreeSet<CallId>,
    /// Who is rung or talks, by call.
    rings: BTreeMap<CallId, PersonId>,
    talks: BTreeMap<CallId, PersonId>,
    ends: HashMap<CallId, Event>,
}

impl Ledger {
    fn take(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Changed(_) => {}
            Event::Ring { person, call } => {
                let is_on = self.talks.contains_key(&call) || !self.ends.contains_key(&call);
                prop_assert!(self.wanted.contains(&call) && is_on);
                prop_assert!(self.is_free(person), "{person} has two calls");
                prop_assert_eq!(self.rings.insert(call, person), None, "a call rings at two");
            }
            Event::Unring { person, call, .. } => prop_assert_eq!(self.rings.remove(&call), Some(person)),
            Event::Assigned { person, call } => {
                prop_assert_eq!(self.rings.remove(&call).unwrap_or(person), person);
                prop_assert!(self.is_free(person), "{person} has two calls");
                self.talks.insert(call, person);
                self.finish(call, event)?;
            }
            Event::Passed { from, to, call } => {
                prop_assert_eq!(self.rings.remove(&call), Some(to));
                prop_assert_eq!(self.talks.insert(call, to), Some(from));
            }
            Event::Kept { person, call } => prop_assert_eq!(self.talks.get(&call), Some(&person)),
            Event::Abandoned(call) | Event::Withdrawn(call) => self.finish(call, event)?,
            Event::Released { person, call, .. } => prop_assert_eq!(self.talks.remove(&call), Some(person)),
        }
        Ok(())
    }

    fn finish(&mut self, call: CallId, event: Event) -> Result<(), TestCaseError> {
        prop_assert!(self.wanted.contains(&call));
        prop_assert_eq!(self.ends.insert(call, event), None, "{} ends twice", call);
        Ok(())
    }

    fn is_free(&self, person: PersonId) -> bool {
        !self.rings.values().chain(self.talks.values()).any(|taken| *taken == person)
    }
}

proptest! {
    #[test]
    fn nobody_has_two_calls_and_every_call_comes_to_one_end(steps in steps()) {
        let mut place = Place::new();
        let mut ledger = Ledger::default();
        for step in steps {
            perform(&mut place, &mut ledger, step);
            while let Some(event) = place.desk.poll_event() {
                ledger.take(event)?;
            }
            agrees(&place.desk, &ledger)?;
        }
        // Time alone ends all that waits.
        while let Some(at) = place.desk.poll_timeout() {
            place.now = place.now.max(at);
            place.desk.handle_timeout(place.now);
            while let Some(event) = place.desk.poll_event() {
                ledger.take(event)?;
            }
        }
        prop_assert_eq!(ledger.ends.keys().copied().collect::<BTreeSet<_>>(), ledger.wanted);
        prop_assert!(ledger.rings.is_empty());
        prop_assert_eq!(place.desk.waiting(), 0);
    }
}

fn perform(place: &mut Place, ledger: &mut Ledger, step: Step) {
    let now = place.now;
    match step {
        Step::Arrive(person, picky) => {
            let queues = if picky { vec!["sales".to_owned()] } else { vec![] };
            place.desk.arrive(now, PersonId(person), String::new(), queues).expect("room");
            place.desk.handle_act(now, PersonId(person), Act::Available);
        }
        Step::Do(person, act, call) => {
            let call = CallId::new(call).expect("an id");
            let acts = [
                Act::Available,
                Act::Offline,
                Act::Accept(call),
                Act::Decline(call),
                Act::HangUp(call),
                Act::Leave,
            ];
            // A click mostly concerns the call that is there.
            let on = place.desk.people.get(&PersonId(person)).and_then(|present| match present.state {
                State::Ringing { call, .. } | State::Talking { call } => Some(call),
                State::Offline | State::Available | State::WrapUp { .. } => None,
            });
            let act = match (acts[usize::from(act)], on) {
                (Act::Accept(_), Some(call)) => Act::Accept(call),
                (Act::Decline(_), Some(call)) => Act::Decline(call),
                (act, _) => act,
            };
            place.desk.handle_act(now, PersonId(person), act);
        }
        Step::Want(call, rings, queue) => {
            let call = CallId::new(call).expect("an id");
            if !ledger.wanted.insert(call) {
                return;
            }
            let manner = if rings { Manner::Ring } else { Manner::AtOnce };
            let whom = if queue { Whom::Queue("sales".to_owned()) } else { Whom::Anybody };
            place.desk.want(now, call, Wanted { whom, manner, patience: PATIENCE, times: Times::default() });
        }
        Step::Pass(call, to) => {
            // Mostly one that is on.
            let on = place.desk.talking.keys().min().copied();
            let call = on.unwrap_or(CallId::new(call).expect("an id"));
            let _ = place.desk.pass(now, call, PersonId(to));
        }
        Step::End(call) => place.desk.end(now, CallId::new(call).expect("an id")),
        Step::Wait(ms) => {
            place.now += Duration::from_millis(ms);
            place.desk.handle_timeout(place.now);
        }
    }
}

/// The desk's own books say what its events said, and nobody idles while a call waits that it could take.
fn agrees(desk: &Desk, ledger: &Ledger) -> Result<(), TestCaseError> {
    for (person, present) in &desk.people {
        let (rings, talks) = match present.state {
            State::Ringing { call, .. } => (Some(call), None),
            State::Talking { call } => (None, Some(call)),
            State::Offline | State::Available | State::WrapUp { .. } => (None, None),
        };
        let of = |calls: &BTreeMap<CallId, PersonId>| {
            calls.iter().find(|(_, taken)| *taken == person).map(|(call, _)| *call)
        };
        prop_assert_eq!((rings, talks), (of(&ledger.rings), of(&ledger.talks)));
    }
    for waiting in desk.waiting.values().filter(|waiting| waiting.rings.is_none()) {
        let taker = desk.idle.iter().find(|(_, person)| {
            desk.people[person].takes(&waiting.wanted.whom) && !waiting.tried.contains(person)
        });
        prop_assert_eq!(taker, None, "somebody idles while a call waits");
    }
    Ok(())
}
