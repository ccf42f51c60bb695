//! People in calls, in virtual time: the switch's shard and the tenant's desk, with audio that comes and goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use trunkline::agent::desk::{Act, Desk, Event, Quit, State};
use trunkline::agent::fate::{Errand, Fate};
use trunkline::call::Command;
use trunkline::model::{
    Bot, CallFact, CallId, CallPlan, Dialect, Disposition, EndedBy, Handover, Music, NotDone, Notice, Pacing,
    PersonId, Staff, Step, Whom,
};
use trunkline::simulator::Persona;
use trunkline_media::Clip;
use trunkline_media::port::{Pace, Port, pair};

use super::pairs::hand_over;
use super::transfers::{NO_ANSWER, PERSON, allowing};
use super::{Deed, Weather, World};

const SECOND: Duration = Duration::from_secs(1);
/// What people have to come back.
const RETURN: Duration = Duration::from_secs(10);

/// One tenant's floor without browsers: who is heard is what a test says.
#[derive(Default)]
pub struct Floor {
    desk: Desk,
    /// Who has audio, and the call's end of it.
    ports: BTreeMap<PersonId, Port>,
    /// What calls are told next.
    fates: Vec<(CallId, Fate)>,
    /// What became of calls, in their order.
    events: Vec<Event>,
    /// What was not done for people, and whether the far end is on hold then, if it was a hold.
    failed: Vec<(String, Option<bool>)>,
}

impl Floor {
    pub fn run(&mut self, now: Instant, errand: Errand) {
        match errand {
            Errand::Want { call, wanted, .. } => self.desk.want(now, call, wanted),
            Errand::End(call) => self.desk.end(now, call),
            Errand::Failed { why, held, .. } => self.failed.push((why, held)),
        }
        self.settle();
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.desk.poll_timeout()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.desk.handle_timeout(now);
        self.settle();
    }

    /// What the next call is told.
    pub fn poll_command(&mut self) -> Option<Command> {
        (!self.fates.is_empty()).then(|| {
            let (call, fate) = self.fates.remove(0);
            Command::Person { call, fate }
        })
    }

    fn settle(&mut self) {
        while let Some(event) = self.desk.poll_event() {
            let told = match event {
                Event::Ring { person, call } => Some((call, Fate::Ringing(person))),
                Event::Assigned { person, call } | Event::Passed { to: person, call, .. } => {
                    let (port, seat) = pair(Pace::Live);
                    self.ports.insert(person, port);
                    Some((call, Fate::Assigned { person, seat: Box::new(seat) }))
                }
                Event::Lost { person, call } => {
                    self.ports.remove(&person);
                    Some((call, Fate::Lost))
                }
                Event::Returned { person, call } => {
                    let (port, seat) = pair(Pace::Live);
                    self.ports.insert(person, port);
                    Some((call, Fate::Returned(Box::new(seat))))
                }
                Event::Abandoned(call) => Some((call, Fate::Nobody)),
                Event::Released { person, call, why } => {
                    self.ports.remove(&person);
                    (why != Quit::Ended).then_some((call, Fate::Left(why)))
                }
                Event::Changed(_) | Event::Unring { .. } | Event::Kept { .. } | Event::Withdrawn(_) => None,
            };
            self.fates.extend(told);
            self.events.push(event);
        }
    }
}

impl World {
    /// Somebody takes calls from now on.
    fn hire(&mut self, number: u64) -> PersonId {
        let (now, person) = (self.now, PersonId(number));
        self.people.desk.arrive(now, person, format!("Person {number}"), Vec::new()).expect("room");
        self.does(person, Act::Available);
        person
    }

    /// Somebody calls in, and this person takes the call.
    fn takes_a_call(&mut self, person: PersonId, deed: Deed) -> CallId {
        self.answer_by_people(staff(None));
        self.phone_calls(deed);
        self.advance(SECOND);
        let State::Ringing { call, .. } = self.stands(person) else { panic!("it rings") };
        self.does(person, Act::Accept(call));
        call
    }

    fn does(&mut self, person: PersonId, act: Act) {
        self.people.desk.handle_act(self.now, person, act);
        self.tell();
    }

    /// The person in this call wants something done with it.
    fn asks(&mut self, call: CallId, wish: Fate) {
        self.people.fates.push((call, wish));
        self.tell();
    }

    fn loses_audio(&mut self, person: PersonId, within: Duration) {
        self.people.desk.lose(self.now, person, within);
        self.tell();
    }

    fn is_back(&mut self, person: PersonId) {
        self.people.desk.regain(self.now, person);
        self.tell();
    }

    fn tell(&mut self) {
        self.people.settle();
        self.drain();
    }

    fn stands(&self, person: PersonId) -> State {
        self.people.desk.state(person).expect("is here").0
    }

    /// Until this person talks.
    fn until_talking(&mut self, person: PersonId) -> CallId {
        for _ in 0..600 {
            if let State::Talking { call } = self.stands(person) {
                return call;
            }
            self.advance(SECOND / 10);
        }
        panic!("nobody talks")
    }
}

/// A person who talks with a silent callee.
fn talking(seed: u64) -> (World, PersonId, CallId) {
    let mut world = World::new(seed, Weather::CALM);
    let person = world.hire(1);
    let call = world.call_with(Persona::Silent, staffed);
    world.until_talking(person);
    (world, person, call)
}

/// An agent whose calls are people's.
fn staffed(plan: &mut CallPlan) {
    plan.script.clear();
    plan.staff = Some(Arc::new(staff(None)));
}

pub(super) fn staff(music: Option<Music>) -> Staff {
    Staff {
        whom: Whom::Anybody,
        ring: 15 * SECOND,
        wrap_up: SECOND,
        patience: 2 * SECOND,
        wait: 60 * SECOND,
        music,
        notice: None,
        pacing: Pacing::ONE_EACH,
        brief: None,
    }
}

#[test]
fn who_is_cut_off_and_comes_back_in_time_goes_on_and_the_callee_hears_music_meanwhile() {
    for music in [None, Some(Music::Own), Some(Music::Url("https://acme.example/music.wav".to_owned()))] {
        let mut world = World::new(1, Weather::CALM);
        let person = world.hire(1);
        let call = world.call_with(Persona::Silent, |plan| {
            staffed(plan);
            plan.staff = Some(Arc::new(staff(music)));
        });
        assert_eq!(world.until_talking(person), call);
        assert_eq!(world.thrown_away(), 0);
        world.loses_audio(person, RETURN);
        world.advance(RETURN - SECOND);
        assert!(world.lives(call) && world.thrown_away() == 0);
        world.is_back(person);
        assert_eq!(world.thrown_away(), 1, "what it heard meanwhile is over");
        world.advance(20 * SECOND);
        assert!(world.lives(call), "a silence between people ends nothing");
        world.does(person, Act::HangUp(call));
        world.run_out();
        let outcome = world.outcome(call);
        assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Completed, EndedBy::Agent));
        assert_eq!(outcome.people, [person], "it talked once, with a break");
        world.assert_quiet();
    }
}

#[test]
fn a_call_whose_person_does_not_come_back_ends_when_its_time_is_over() {
    for within in [RETURN, Duration::ZERO] {
        let (mut world, person, call) = talking(2);
        let lost_at = world.now;
        world.loses_audio(person, within);
        world.run_for_an_end(call);
        let outcome = world.outcome(call);
        assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::AgentFailed, EndedBy::Switch));
        assert_eq!(outcome.detail.as_deref(), Some("the audio of whoever talked was lost"));
        let took = outcome.ended_at.saturating_duration_since(lost_at);
        assert!(took >= within && took < within + SECOND, "{took:?}");
        world.run_out();
        assert_eq!(world.stands(person), State::Offline);
        world.assert_quiet();
    }
}

#[test]
fn a_callee_that_hangs_up_on_the_music_frees_the_person_that_was_waited_for() {
    let mut world = World::new(3, Weather::CALM).with_phone(3, |_| {});
    let person = world.hire(1);
    let call = world.takes_a_call(person, Deed::HangsUp);
    world.advance(SECOND);
    world.loses_audio(person, 60 * SECOND);
    world.run_for_an_end(call);
    assert_eq!(world.outcome(call).disposition, Disposition::CalleeHangup);
    assert_eq!(world.stands(person), State::Offline);
    world.is_back(person);
    world.run_out();
    world.assert_quiet();
}

#[test]
fn who_is_cut_off_with_the_callee_on_hold_finds_it_on_hold() {
    let (mut world, person, call) = talking(4);
    assert_eq!(world.control(call, Step::Hold), Ok(()));
    world.advance(SECOND);
    world.loses_audio(person, RETURN);
    world.advance(5 * SECOND);
    world.is_back(person);
    world.advance(SECOND);
    assert_eq!((world.exchange_held(), world.thrown_away()), (1, 0), "no music was played to it");
    assert_eq!(world.control(call, Step::Resume), Ok(()));
    world.advance(SECOND);
    world.does(person, Act::HangUp(call));
    world.run_out();
    assert_eq!(world.outcome(call).disposition, Disposition::Completed);
    world.assert_quiet();
}

/// Somebody is called who says nothing, and is told nothing.
fn transfer_warm(agent_stays: bool) -> Step {
    Step::HandOver(Arc::new(Handover { whisper: None, agent_stays, ..hand_over(Persona::Silent) }))
}

#[test]
fn a_warm_transfer_lets_the_person_go_and_the_two_talk_on() {
    let (mut world, person, call) = talking(5);
    assert_eq!(world.control(call, transfer_warm(false)), Ok(()));
    assert_eq!(world.stands(person), State::Talking { call }, "nobody has answered yet");
    world.advance(10 * SECOND);
    let [party] = world.seconds(call)[..] else { panic!("one party was called") };
    assert_eq!(world.stands(person), State::Available);
    assert!(world.people.ports.is_empty(), "its seat is gone");
    world.does(person, Act::HangUp(call));
    world.advance(5 * SECOND);
    assert!(world.lives(call) && world.lives(party));
    world.hangup(party);
    world.run_out();
    assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Agent));
    world.assert_quiet();
}

#[test]
fn a_person_who_stays_with_the_party_may_be_cut_off_and_leave_before_it() {
    for leaves in [Act::HangUp, |_| Act::Leave] {
        let (mut world, person, call) = talking(6);
        assert_eq!(world.control(call, transfer_warm(true)), Ok(()));
        world.advance(10 * SECOND);
        let [party] = world.seconds(call)[..] else { panic!("one party was called") };
        assert_eq!(world.stands(person), State::Talking { call });
        let thrown_away = world.thrown_away();
        world.loses_audio(person, RETURN);
        world.advance(SECOND);
        world.is_back(person);
        assert_eq!(world.thrown_away(), thrown_away, "the two heard each other, and no music");
        world.does(person, leaves(call));
        world.advance(5 * SECOND);
        assert!(world.lives(call) && world.lives(party));
        world.hangup(party);
        world.run_out();
        assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Agent));
        world.assert_quiet();
    }
}

#[test]
fn who_hangs_up_on_a_callee_that_asks_for_a_transfer_leaves_it_with_nobody_and_the_call_is_over() {
    let mut world = World::new(7, Weather::CALM).with_phone(7, allowing);
    let person = world.hire(1);
    let call = world.takes_a_call(person, Deed::Refers(NO_ANSWER));
    world.advance(4 * SECOND);
    assert_eq!((world.exchange_rung(), world.lives(call)), (1, true), "somebody else rings");
    let hung_up_at = world.now;
    world.does(person, Act::HangUp(call));
    world.run_for_an_end(call);
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Completed, EndedBy::Agent));
    assert!(outcome.ended_at.saturating_duration_since(hung_up_at) < SECOND);
    world.run_out();
    world.assert_quiet();
}

#[test]
fn who_puts_a_callee_through_and_leaves_has_still_put_it_through() {
    for leaves in [Act::HangUp, |_| Act::Leave] {
        let mut world = World::new(8, Weather::CALM).with_phone(8, |_| {});
        let person = world.hire(1);
        let call = world.takes_a_call(person, Deed::Stays);
        world.advance(SECOND);
        assert_eq!(world.transfer(call, PERSON), Ok(()));
        world.does(person, leaves(call));
        world.run_for_an_end(call);
        let outcome = world.outcome(call);
        assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Completed, EndedBy::Operator));
        assert_eq!(outcome.detail.as_deref(), Some("transferred to +15550100001"));
        world.run_out();
        world.assert_quiet();
    }
}

#[test]
fn a_callee_on_hold_does_not_hear_the_person_who_holds_it() {
    let (mut world, person, call) = talking(12);
    assert!(world.hears_talker(call));
    world.asks(call, Fate::Hold(true));
    assert!(!world.hears_talker(call), "whatever it answers");
    world.advance(SECOND);
    world.loses_audio(person, RETURN);
    world.is_back(person);
    assert_eq!((world.exchange_held(), world.hears_talker(call)), (1, false), "nor when it has come back");
    world.asks(call, Fate::Hold(false));
    world.advance(SECOND);
    assert!(world.hears_talker(call));
    world.does(person, Act::HangUp(call));
    world.run_out();
    world.assert_quiet();
}

#[test]
fn a_person_is_told_of_a_hold_that_the_far_end_refuses() {
    let mut world = World::new(11, Weather::CALM).with_phone(11, |_| {});
    let person = world.hire(1);
    let call = world.takes_a_call(person, Deed::Stays);
    world.advance(SECOND);
    world.asks(call, Fate::Hold(true));
    world.asks(call, Fate::Hold(false));
    world.asks(call, Fate::Transfer("somebody".to_owned()));
    world.advance(SECOND);
    let under_way = NotDone::HoldUnderWay.to_string();
    let nowhere = "that is neither a number nor a colleague who is here".to_owned();
    let refused = "the far end answered 488".to_owned();
    assert_eq!(
        world.people.failed,
        [(under_way, Some(true)), (nowhere, None), (refused, Some(false))],
        "the page shows what is so"
    );
    world.does(person, Act::HangUp(call));
    world.run_out();
    world.assert_quiet();
}

#[test]
fn a_bot_that_took_the_call_keeps_a_callee_who_was_not_put_through() {
    let (mut world, _, call) = talking(10);
    // The callee answers our REFER with 603, once it has thought about it.
    assert_eq!(world.transfer(call, PERSON), Ok(()));
    let bot = Bot::at("wss://bot.example/audio".parse().expect("a URL"), Dialect::Twilio);
    assert_eq!(world.control(call, Step::Connect(Arc::new(bot))), Ok(()));
    let is_refused = |fact: &CallFact| matches!(fact, CallFact::Transfer { is_final: true, .. });
    let refused = (0..60).any(|_| {
        world.advance(SECOND);
        world.facts(call).iter().any(is_refused)
    });
    assert!(refused);
    world.advance(SECOND);
    assert!(world.lives(call), "it talks with the bot");
    world.hangup(call);
    world.run_out();
    assert_eq!(world.outcome(call).ended_by, EndedBy::Operator);
    world.assert_quiet();
}

#[test]
fn who_does_not_hear_the_notice_to_its_end_is_abandoned_no_less() {
    let notice = Some(Notice::Text("We called too soon.".into()));
    let staff = Staff { notice, wait: SECOND, ..staff(None) };
    let minutes = Arc::new(Clip::from_samples(&vec![1_000; 8_000 * 120]));
    for (deed, by) in [(Deed::HangsUp, EndedBy::Callee), (Deed::Stays, EndedBy::Switch)] {
        let mut world = World::new(9, Weather::CALM).with_phone(9, |_| {}).with_voice(Arc::clone(&minutes));
        world.answer_by_people(staff.clone());
        world.phone_calls(deed);
        world.run_out();
        let outcome = world.outcome(world.calls()[0]);
        // The phone that stays sends no audio, and is missed before the notice is over.
        assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Abandoned, by), "{deed:?}");
        world.assert_quiet();
    }
}

#[test]
fn storms_of_people_whose_audio_comes_and_goes_leave_every_call_with_one_true_end() {
    let (mut over, mut back) = (0, 0);
    for seed in 0..40 {
        let weather = if seed % 2 == 0 { Weather::CALM } else { Weather::STORM };
        let mut world = World::new(seed, weather);
        let mut rng = StdRng::seed_from_u64(seed);
        let people: Vec<PersonId> = (1..=3).map(|number| world.hire(number)).collect();
        let callees = [Persona::Silent, Persona::Person, Persona::HangsUp];
        let calls: Vec<CallId> = (0..4)
            .map(|_| {
                world.advance(Duration::from_millis(rng.random_range(0..4_000)));
                world.call_with(*callees.choose(&mut rng).expect("some"), staffed)
            })
            .collect();
        for _ in 0..60 {
            world.advance(Duration::from_millis(rng.random_range(0..1_500)));
            let person = *people.choose(&mut rng).expect("some");
            let call = match world.stands(person) {
                State::Ringing { call, .. } | State::Talking { call } | State::Away { call, .. } => {
                    Some(call)
                }
                _ => None,
            };
            match (rng.random_range(0..8), call) {
                (0..3, _) => world.loses_audio(person, RETURN * rng.random_range(0..3)),
                (3..5, _) => world.is_back(person),
                (5, Some(call)) => world.does(person, Act::HangUp(call)),
                (6, Some(call)) => drop(world.control(call, Step::Hold)),
                (7, Some(call)) => drop(world.control(call, Step::Resume)),
                _ => world.does(person, Act::Available),
            }
        }
        world.run_out();
        let lost = |call: &CallId| {
            let is_its = |event: &&Event| matches!(event, Event::Released { call: of, why: Quit::Gone, .. } if of == call);
            world.people.events.iter().any(|event| is_its(&event))
        };
        for call in &calls {
            let outcome = world.outcome(*call);
            let is_lost = outcome.disposition == Disposition::AgentFailed;
            assert_eq!(is_lost, lost(call), "seed {seed}, {call}: {outcome:?}");
        }
        over += calls.iter().filter(|call| lost(call)).count();
        back += world.people.events.iter().filter(|event| matches!(event, Event::Returned { .. })).count();
        let busy = |person: &&PersonId| {
            matches!(
                world.stands(**person),
                State::Talking { .. } | State::Away { .. } | State::Ringing { .. }
            )
        };
        assert_eq!(people.iter().filter(busy).count(), 0, "seed {seed}: somebody is in a call that is over");
        assert!(world.people.ports.is_empty(), "seed {seed}: audio of nobody's");
        world.assert_quiet();
    }
    assert!(over > 5 && back > 5, "{over} calls were lost, and people came back {back} times");
}
