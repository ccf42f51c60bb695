//! Calls over two trunks, in virtual time: which one is tried, and which is not.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use trunkline::model::{Attempt, CallFact, Disposition, EndedBy};
use trunkline::simulator::Persona;
use trunkline::trunk::health::State;

use super::{Carrier, Weather, World};

fn statuses(attempts: &[Attempt]) -> Vec<(&str, Option<u16>)> {
    attempts.iter().map(|attempt| (attempt.trunk.as_str(), attempt.sip_status)).collect()
}

#[test]
fn a_trunk_that_says_503_is_followed_by_the_next_and_the_call_is_the_same() {
    let mut world = World::new(1, Weather::CALM).with_carrier(Carrier::Says(503));
    let call = world.call(Persona::Person);
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!(outcome.disposition, Disposition::Completed);
    assert_eq!(statuses(&outcome.attempts), [("carrier", Some(503)), ("world", Some(200))]);
    let [first, second] = &outcome.attempts[..] else { panic!("two attempts") };
    assert_eq!(second.sip_call_id, format!("{}-2", first.sip_call_id), "each INVITE has its own Call-ID");
    let diverted = world.facts(call).iter().filter(|fact| matches!(fact, CallFact::Diverted { .. })).count();
    assert_eq!(diverted, 1);
    assert_eq!(world.channels(), (0, 0));
    world.assert_quiet();
}

#[test]
fn a_callee_that_is_busy_on_the_first_trunk_is_not_rung_by_the_second() {
    for status in [486, 600, 603, 404, 480, 607] {
        let mut world = World::new(2, Weather::CALM).with_carrier(Carrier::Says(status));
        let call = world.call(Persona::Person);
        world.run_out();
        assert_eq!(world.exchange_rung(), 0, "{status}: the second trunk was never rung");
        assert!(world.outcome(call).attempts.is_empty());
        world.assert_quiet();
    }
}

#[test]
fn the_name_that_a_redirection_leads_to_is_asked_for_by_the_trunk_that_led_there() {
    let led = Carrier::Redirects("sip:+15550100001@inner.example");
    let mut world = World::new(2, Weather::CALM).with_carrier(led);
    let call = world.call(Persona::Person);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.names_asked(), [("inner.example".to_owned(), Some("carrier".to_owned()))]);
    world.hangup(call);
    world.run_out();
    assert_eq!(world.end(call), (Disposition::Cancelled, EndedBy::Operator));
    world.assert_quiet();
}

#[test]
fn a_trunk_that_fails_after_it_rang_is_not_followed() {
    let mut world = World::new(3, Weather::CALM).with_carrier(Carrier::RingsThenSays(503));
    let call = world.call(Persona::Person);
    world.run_out();
    assert_eq!((world.outcome(call).disposition, world.exchange_rung()), (Disposition::TrunkFailed, 0));
    world.assert_quiet();
}

#[test]
fn a_trunk_that_says_nothing_is_left_after_four_seconds() {
    let mut world = World::new(4, Weather::CALM).with_carrier(Carrier::Silent);
    let call = world.call(Persona::Person);
    world.advance(Duration::from_millis(3_900));
    assert_eq!(world.exchange_rung(), 0);
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!(outcome.disposition, Disposition::Completed);
    assert_eq!(statuses(&outcome.attempts), [("carrier", None), ("world", Some(200))]);
    assert_eq!(outcome.attempts[0].why.as_deref(), Some("the trunk did not answer"));
    world.assert_quiet();
}

#[test]
fn a_trunk_that_is_trying_is_waited_for() {
    let mut world = World::new(5, Weather::CALM).with_carrier(Carrier::TriesForEver);
    let call = world.call(Persona::Person);
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::NoAnswer, EndedBy::Switch));
    assert_eq!(world.exchange_rung(), 0);
    world.assert_quiet();
}

#[test]
fn three_silent_calls_make_a_trunk_down_and_the_fourth_does_not_wait_for_it() {
    let mut world = World::new(6, Weather::CALM).with_carrier(Carrier::Silent);
    for _ in 0..3 {
        let call = world.call(Persona::Busy);
        world.run_for_an_end(call);
        assert_eq!(world.outcome(call).attempts.len(), 2);
    }
    assert_eq!(world.carrier_state(), State::Down);
    let call = world.call(Persona::Busy);
    world.run_for_an_end(call);
    assert!(world.outcome(call).attempts.is_empty(), "straight to the one that works");
    world.run_out();
    world.assert_quiet();
}

#[test]
fn a_trunk_that_asked_to_be_left_alone_is_left_alone() {
    let mut world = World::new(7, Weather::CALM).with_carrier(Carrier::Holds { seconds: 30 });
    let first = world.call(Persona::Busy);
    world.run_for_an_end(first);
    assert_eq!(world.carrier_asked(), 1);
    for _ in 0..3 {
        let call = world.call(Persona::Busy);
        world.run_for_an_end(call);
    }
    assert_eq!(world.carrier_asked(), 1);
    world.advance(Duration::from_secs(30));
    let last = world.call(Persona::Busy);
    world.run_out();
    assert_eq!((world.outcome(last).attempts.len(), world.carrier_asked()), (2, 2));
    world.assert_quiet();
}

#[test]
fn a_call_hung_up_while_its_next_intent_is_written_never_leaves() {
    let mut world = World::new(8, Weather::CALM).with_carrier(Carrier::Says(503));
    world.hold_intents();
    let call = world.call(Persona::Person);
    world.advance(Duration::from_millis(100));
    world.hangup(call);
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Cancelled, EndedBy::Operator));
    world.release_intents(true);
    world.run_out();
    assert_eq!(world.exchange_rung(), 0);
    world.assert_quiet();
}

#[test]
fn an_intent_that_cannot_be_written_ends_the_call_as_the_last_attempt_did() {
    let mut world = World::new(9, Weather::CALM).with_carrier(Carrier::Says(503));
    world.hold_intents();
    let call = world.call(Persona::Person);
    world.advance(Duration::from_millis(100));
    world.release_intents(false);
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.sip_status), (Disposition::TrunkFailed, Some(503)));
    assert_eq!(world.exchange_rung(), 0);
    world.assert_quiet();
}

#[test]
fn the_ring_timeout_holds_over_all_attempts() {
    let mut world = World::new(10, Weather::CALM).with_carrier(Carrier::Silent);
    let call = world.call(Persona::NoAnswer);
    let began = world.now;
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.attempts.len()), (Disposition::NoAnswer, 2));
    let lasted = outcome.ended_at - began;
    assert!(lasted <= Duration::from_millis(20_100), "{lasted:?}");
    world.assert_quiet();
}

#[test]
fn whatever_the_weather_no_callee_is_rung_by_two_trunks_after_it_spoke() {
    for seed in 0..30 {
        let mut dice = StdRng::seed_from_u64(seed);
        let carrier = [Carrier::Says(503), Carrier::Says(486), Carrier::Silent, Carrier::RingsThenSays(500)]
            [dice.random_range(0..4)];
        let mut world = World::new(seed, Weather::ROUGH).with_carrier(carrier);
        let calls: Vec<_> = (0..6)
            .map(|_| {
                let call = world.call(Persona::ALL[dice.random_range(0..Persona::ALL.len())]);
                world.advance(Duration::from_millis(dice.random_range(0..400)));
                if dice.random_bool(0.2) {
                    world.hangup(call);
                }
                call
            })
            .collect();
        world.run_out();
        for call in calls {
            let outcome = world.outcome(call);
            assert!(outcome.attempts.len() <= 2, "seed {seed}: {outcome:?}");
            if matches!(carrier, Carrier::Says(486)) {
                let second = outcome.attempts.get(1);
                // Where the carrier's words are lost, it was silent as far as anybody can know.
                let heard = outcome.attempts.first().is_some_and(|first| first.sip_status.is_some());
                assert!(second.is_none() || !heard, "seed {seed}: {outcome:?}");
            }
        }
        world.assert_quiet();
    }
}
