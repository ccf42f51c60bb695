//! Whatever people and calls do, in whatever order: the desk keeps its promises.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Arrive(u64, bool),
    Do(u64, u8, u64),
    Want(u64, bool, bool),
    Pass(u64, u64),
    Lose(u64, u64),
    Regain(u64),
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
        (1..6u64, 0..12_000u64).prop_map(|(person, ms)| Step::Lose(person, ms)),
        (1..6u64).prop_map(Step::Regain),
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
    /// Who is cut off.
    away: BTreeSet<PersonId>,
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
                self.away.remove(&from);
            }
            Event::Lost { person, call } => {
                prop_assert_eq!(self.talks.get(&call), Some(&person));
                prop_assert!(self.away.insert(person), "is cut off already");
            }
            Event::Returned { person, call } => {
                prop_assert_eq!(self.talks.get(&call), Some(&person));
                prop_assert!(self.away.remove(&person), "was never cut off");
            }
            Event::Kept { person, call } => prop_assert_eq!(self.talks.get(&call), Some(&person)),
            Event::Abandoned(call) | Event::Withdrawn(call) => self.finish(call, event)?,
            Event::Released { person, call, .. } => {
                prop_assert_eq!(self.talks.remove(&call), Some(person));
                self.away.remove(&person);
            }
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
        prop_assert!(ledger.away.is_empty(), "nobody is waited for for ever");
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
                State::Ringing { call, .. } | State::Talking { call } | State::Away { call, .. } => {
                    Some(call)
                }
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
        Step::Lose(person, ms) => {
            // Half of them have no time to come back.
            let within = Duration::from_millis(ms.saturating_sub(6_000));
            place.desk.lose(now, PersonId(person), within);
        }
        Step::Regain(person) => place.desk.regain(now, PersonId(person)),
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
            State::Talking { call } | State::Away { call, .. } => (None, Some(call)),
            State::Offline | State::Available | State::WrapUp { .. } => (None, None),
        };
        let of = |calls: &BTreeMap<CallId, PersonId>| {
            calls.iter().find(|(_, taken)| *taken == person).map(|(call, _)| *call)
        };
        prop_assert_eq!((rings, talks), (of(&ledger.rings), of(&ledger.talks)));
        let is_away = matches!(present.state, State::Away { .. });
        prop_assert_eq!(is_away, ledger.away.contains(person));
    }
    for waiting in desk.waiting.values().filter(|waiting| waiting.rings.is_none()) {
        let taker = desk.idle.iter().find(|(_, person)| {
            desk.people[person].takes(&waiting.wanted.whom) && !waiting.tried.contains(person)
        });
        prop_assert_eq!(taker, None, "somebody idles while a call waits");
    }
    Ok(())
}
