#![expect(clippy::disallowed_methods, reason = "a test's clock begins somewhere")]

mod storm;

use super::*;
use crate::model::{PATIENCE, Whom};

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
fn who_missed_a_call_and_comes_back_is_rung_for_it_while_it_waits() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = CallId::new(10).expect("an id");
    let (whom, times) = (Whom::Anybody, Times::default());
    let patience = times.wait_max;
    place.desk.want(place.now, call, Wanted { whom, manner: Manner::Ring, patience, times });
    place.after(15 * SECOND);
    assert_eq!(place.state(person), State::Offline);
    place.told();
    place.act(person, Act::Available);
    assert_eq!(place.told(), [Event::Ring { person, call }]);
    // Who declines stays where it is, and is asked again once it has been away.
    place.act(person, Act::Decline(call));
    assert_eq!(place.told(), [Event::Unring { person, call, why: Quit::Declined }]);
    place.act(person, Act::Available);
    assert_eq!(place.told(), []);
    place.act(person, Act::Offline);
    place.act(person, Act::Available);
    assert_eq!(place.told(), [Event::Ring { person, call }]);
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
    assert_eq!((place.state(person), place.desk.leaves_after(person)), (State::Talking { call }, true));
    place.desk.end(place.now, call);
    assert_eq!((place.state(person), place.desk.leaves_after(person)), (State::Offline, false));
}

#[test]
fn that_no_more_calls_are_taken_is_told_once_and_can_be_taken_back() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    place.told();
    let mut does = |act| {
        place.act(person, act);
        std::iter::from_fn(|| place.desk.poll_event()).collect::<Vec<_>>()
    };
    assert_eq!(does(Act::Offline), [Event::Changed(person)]);
    assert_eq!(does(Act::Offline), []);
    assert_eq!(does(Act::Available), [Event::Changed(person)]);
    place.desk.end(place.now, call);
    assert!(matches!(place.state(person), State::WrapUp { .. }));
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

const BACK: Duration = Duration::from_secs(10);

#[test]
fn who_is_cut_off_and_comes_back_in_time_goes_on_in_its_call() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    place.told();
    place.desk.lose(place.now, person, BACK);
    let other = place.want(11, Manner::AtOnce);
    assert_eq!(place.told(), [Event::Lost { person, call }]);
    assert_eq!(place.after(BACK - SECOND), [Event::Abandoned(other)], "it is given no other call meanwhile");
    // What was to take its place broke at once, which gives it no more time.
    place.desk.lose(place.now, person, BACK);
    assert_eq!(place.after(SECOND - Duration::from_millis(1)), []);
    place.desk.regain(place.now, person);
    assert_eq!(place.told(), [Event::Returned { person, call }]);
    assert_eq!((place.state(person), place.after(60 * SECOND)), (State::Talking { call }, vec![]));
    place.act(person, Act::HangUp(call));
    assert!(matches!(place.state(person), State::WrapUp { .. }));
}

#[test]
fn who_does_not_come_back_in_time_has_lost_its_call_and_takes_no_more() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    place.told();
    place.desk.lose(place.now, person, BACK);
    assert_eq!(place.told(), [Event::Lost { person, call }]);
    assert_eq!(place.after(BACK - Duration::from_millis(1)), []);
    assert_eq!(place.after(SECOND), [Event::Released { person, call, why: Quit::Gone }]);
    place.desk.regain(place.now, person);
    assert_eq!((place.told(), place.state(person)), (vec![], State::Offline), "too late is too late");
}

#[test]
fn with_no_time_to_come_back_the_call_is_lost_at_once() {
    let mut place = Place::new();
    let person = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    place.told();
    place.desk.lose(place.now, person, Duration::ZERO);
    assert_eq!(place.told(), [Event::Released { person, call, why: Quit::Gone }]);
    assert_eq!(place.state(person), State::Offline);
}

#[test]
fn a_call_whose_person_is_cut_off_may_end_be_hung_up_or_be_taken_by_a_colleague() {
    for how in 0..4 {
        let mut place = Place::new();
        let ada = place.available(1);
        let call = place.want(10, Manner::AtOnce);
        let grace = place.available(2);
        place.told();
        place.desk.lose(place.now, ada, BACK);
        place.told();
        let over = match how {
            0 => {
                place.desk.end(place.now, call);
                Event::Released { person: ada, call, why: Quit::Ended }
            }
            1 => {
                place.act(ada, Act::HangUp(call));
                Event::Released { person: ada, call, why: Quit::HungUp }
            }
            2 => {
                place.act(ada, Act::Leave);
                assert_eq!(place.desk.state(ada), None);
                Event::Released { person: ada, call, why: Quit::Gone }
            }
            _ => {
                // It rings for longer than she has to come back.
                assert!(place.desk.pass(place.now, call, grace));
                assert_eq!(place.after(BACK + SECOND), [Event::Ring { person: grace, call }]);
                place.act(grace, Act::Accept(call));
                Event::Passed { from: ada, to: grace, call }
            }
        };
        assert_eq!(place.told(), [over]);
        assert!(matches!(place.desk.state(ada), None | Some((State::Offline, _))));
    }
}

#[test]
fn a_call_that_no_colleague_takes_ends_with_the_time_to_come_back() {
    let mut place = Place::new();
    let ada = place.available(1);
    let call = place.want(10, Manner::AtOnce);
    let grace = place.available(2);
    place.desk.lose(place.now, ada, BACK);
    assert!(place.desk.pass(place.now, call, grace));
    place.told();
    let told = place.after(60 * SECOND);
    assert!(told.contains(&Event::Released { person: ada, call, why: Quit::Gone }), "{told:?}");
    assert!(place.desk.talking.is_empty() && place.desk.passing.is_empty());
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

#[test]
fn calls_of_others_for_the_same_people_are_calls_for_them() {
    let mut place = Place::new();
    let queue = |name: &str| Whom::Queue(name.to_owned());
    let (sales, support) = (queue("sales"), queue("support"));
    place.serving(1, &["sales"]);
    place.serving(2, &["support"]);
    let looks = |place: &Place, whom: &Whom, under_way: &[&Whom]| {
        let calls = (100..).map(|call| CallId::new(call).expect("an id"));
        let outlook = place.desk.outlook(whom, calls.zip(under_way.iter().copied()));
        (outlook.free, outlook.needed.len())
    };
    // Each queue has its own.
    assert_eq!(looks(&place, &sales, &[]), (1, 0));
    assert_eq!(looks(&place, &sales, &[&support, &support]), (1, 0));
    assert_eq!(looks(&place, &sales, &[&sales, &sales]), (1, 2));
    // Whoever anybody may talk to is talked to by the one who could not take ours, as far as that goes.
    assert_eq!(looks(&place, &sales, &[&Whom::Anybody]), (1, 0));
    assert_eq!(looks(&place, &sales, &[&Whom::Anybody, &Whom::Anybody]), (1, 1));
    assert_eq!(looks(&place, &Whom::Anybody, &[&sales, &support]), (2, 2));
    // In whatever order they are told of, whoever can be had for one alone is kept for that one.
    assert_eq!(looks(&place, &sales, &[&Whom::Anybody, &support]), (1, 1));
    assert_eq!(looks(&place, &sales, &[&support, &Whom::Anybody]), (1, 1));
    // Who serves both is needed by both.
    place.serving(3, &["sales", "support"]);
    assert_eq!(looks(&place, &sales, &[&support]), (2, 0));
    assert_eq!(looks(&place, &sales, &[&support, &support, &sales]), (2, 2));
    // By name or by queue, it is the same person.
    let named = Whom::Named(vec!["Person 1".to_owned()]);
    assert_eq!(looks(&place, &named, &[&sales]), (1, 0));
    assert_eq!(looks(&place, &named, &[&sales, &sales]), (1, 1));
}
