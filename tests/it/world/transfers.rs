//! Calls that come in, and calls that move from one party to another.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use trunkline::model::{
    CallFact, CallId, Disposition, EndedBy, NotDone, Objection, ReferPolicy, Step, Trunk,
};
use trunkline::simulator::Persona;

use super::phone::NUMBER;
use super::{Deed, Weather, World};

/// Callees of the exchange, by their last digit.
pub(super) const PERSON: &str = "+15550100001";
const HANGS_UP: &str = "+15550100009";
const BUSY: &str = "+15550100003";
pub(super) const NO_ANSWER: &str = "+15550100004";

pub(super) fn allowing(trunk: &mut Trunk) {
    trunk.refer = ReferPolicy::Allow;
}

fn open(seed: u64, weather: Weather) -> World {
    World::new(seed, weather).with_phone(seed, allowing)
}

/// How the transfers of a call went: the final words, and whether it moved.
fn transfers(world: &World, call: CallId) -> (Vec<u16>, usize) {
    let facts = world.facts(call);
    let last = facts.iter().filter_map(|fact| match fact {
        CallFact::Transfer { status, is_final: true, .. } => Some(*status),
        _ => None,
    });
    (last.collect(), facts.iter().filter(|fact| matches!(fact, CallFact::Moved { .. })).count())
}

/// One call from the phone, that does this with it, until all is over.
fn after(deed: Deed, change: impl FnOnce(&mut Trunk)) -> (World, CallId) {
    let mut world = World::new(5, Weather::CALM).with_phone(5, change);
    world.phone_calls(deed);
    world.run_out();
    world.assert_quiet();
    let call = world.calls()[0];
    (world, call)
}

#[test]
fn a_call_that_comes_in_is_answered_and_ends_once() {
    for (deed, disposition) in
        [(Deed::HangsUp, Disposition::CalleeHangup), (Deed::Stays, Disposition::SilenceTimeout)]
    {
        let (world, call) = after(deed, |_| {});
        let outcome = world.outcome(call);
        assert_eq!(outcome.disposition, disposition, "{deed:?}: {outcome:#?}");
        assert!(
            outcome.dead_air.is_some_and(|dead_air| dead_air <= Duration::from_millis(20)),
            "{outcome:#?}"
        );
    }
}

#[test]
fn a_call_that_comes_in_lasts_no_longer_than_its_trunk_allows() {
    let most = Duration::from_secs(5);
    let (world, call) = after(Deed::Stays, |trunk| trunk.destinations.call_max = Some(most));
    let outcome = world.outcome(call);
    assert_eq!(outcome.disposition, Disposition::MaxDuration, "{outcome:#?}");
    let answered_at = outcome.answered_at.expect("it was answered");
    assert_eq!(outcome.ended_at.saturating_duration_since(answered_at).as_secs(), most.as_secs());
}

#[test]
fn a_refer_moves_the_call_and_the_old_party_hears_that_it_did() {
    let (world, call) = after(Deed::Refers(HANGS_UP), allowing);
    assert_eq!(transfers(&world, call), (vec![], 1));
    assert_eq!(world.phone().told(), [202, 100, 180, 200]);
    assert_eq!(world.exchange_rung(), 1);
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::CalleeHangup, EndedBy::Callee));
    let invites: Vec<_> =
        outcome.attempts.iter().map(|attempt| (attempt.transfer.as_deref(), attempt.sip_status)).collect();
    assert_eq!(invites, [(None, None), (Some(HANGS_UP), Some(200))]);
}

#[test]
fn a_transfer_that_finds_nobody_leaves_the_call_where_it_was() {
    // This phone sends no audio: while the other one rings it is not missed, but nor is that forgotten.
    for (number, status, disposition) in
        [(BUSY, 486, Disposition::SilenceTimeout), (NO_ANSWER, 408, Disposition::MediaLost)]
    {
        let (world, call) = after(Deed::Refers(number), allowing);
        assert_eq!(transfers(&world, call), (vec![status], 0), "{number}");
        assert_eq!(world.phone().told().last(), Some(&status), "{number}");
        assert_eq!(world.outcome(call).disposition, disposition, "{number}");
    }
}

#[test]
fn who_refers_and_leaves_has_still_put_the_call_through() {
    let (world, call) = after(Deed::RefersAndLeaves(PERSON), allowing);
    assert_eq!(transfers(&world, call), (vec![], 1));
    assert_eq!(world.outcome(call).disposition, Disposition::Completed);
    let (world, call) = after(Deed::RefersAndLeaves(NO_ANSWER), allowing);
    assert_eq!(transfers(&world, call), (vec![408], 0));
    assert_eq!(world.outcome(call).disposition, Disposition::CalleeHangup);
}

#[test]
fn what_the_trunk_may_not_dial_nobody_is_transferred_to() {
    let forbidding = |trunk: &mut Trunk| {
        allowing(trunk);
        trunk.destinations.deny = vec!["+1555".into()];
    };
    for (change, number, status) in [
        (Box::new(forbidding) as Box<dyn FnOnce(&mut Trunk)>, PERSON, 403),
        (Box::new(allowing), "+19005551234", 403),
        (Box::new(allowing), "desk", 404),
        (Box::new(|_| {}), PERSON, 603),
    ] {
        let (world, call) = after(Deed::Refers(number), change);
        assert_eq!(transfers(&world, call), (vec![status], 0), "{number}");
        assert_eq!((world.phone().told(), world.exchange_rung()), (&[status][..], 0), "{number}");
        assert_eq!(world.outcome(call).disposition, Disposition::SilenceTimeout, "{number}");
    }
}

#[test]
fn a_transfer_takes_a_channel_of_its_trunk_or_does_not_begin() {
    let full = |trunk: &mut Trunk| {
        allowing(trunk);
        trunk.channels = Some(1);
    };
    let (world, call) = after(Deed::Refers(PERSON), full);
    assert_eq!((transfers(&world, call), world.exchange_rung()), ((vec![486], 0), 0));
}

#[test]
fn without_its_intent_on_disk_no_invite_leaves_and_the_call_goes_on() {
    for is_on_disk in [false, true] {
        let mut world = open(5, Weather::CALM);
        world.hold_intents();
        world.phone_calls(Deed::Refers(PERSON));
        world.advance(Duration::from_secs(3));
        // What was written down before this INVITE says nothing of it.
        let call = world.calls()[0];
        world.intended(call, 1);
        assert_eq!(world.exchange_rung(), 0);
        world.release_intents(is_on_disk);
        world.run_out();
        world.assert_quiet();
        let expected = if is_on_disk { (vec![], 1) } else { (vec![503], 0) };
        assert_eq!(transfers(&world, call), expected);
        assert_eq!(world.exchange_rung(), u64::from(is_on_disk));
    }
}

#[test]
fn an_invite_with_replaces_takes_the_call_over() {
    let (world, call) = after(Deed::Replaces, allowing);
    assert_eq!(world.phone().tally(), (2, 2));
    assert_eq!((transfers(&world, call), world.calls().len()), ((vec![], 1), 1));
    assert_eq!(world.outcome(call).disposition, Disposition::CalleeHangup);
    // Not without leave: the second call is declined, and the first goes on.
    let (world, call) = after(Deed::Replaces, |_| {});
    assert_eq!(transfers(&world, call), (vec![], 0));
    assert_eq!(world.outcome(call).disposition, Disposition::SilenceTimeout);
}

#[test]
fn whoever_objects_is_known_by_number_until_the_call_moves() {
    let mut world = open(5, Weather::CALM);
    world.phone_calls(Deed::Replaces);
    let mut answers = Vec::new();
    for _ in 0..600 {
        world.advance(Duration::from_millis(100));
        let living = world.calls().first().copied().filter(|call| world.lives(*call));
        answers.extend(living.map(|call| world.control(call, Step::DoNotCall)));
    }
    world.run_out();
    answers.retain(|answer| *answer != Err(NotDone::NotTalking));
    answers.dedup();
    assert_eq!(answers, [Ok(()), Err(NotDone::NoNumber)]);
    let call = world.calls()[0];
    let objected = world.facts(call).iter().any(|fact| {
        matches!(fact, CallFact::Objected { number, reason: Objection::Asked } if number.as_str() == NUMBER)
    });
    assert!(objected);
}

#[test]
fn the_far_end_is_put_through_where_we_ask() {
    let mut world = open(5, Weather::CALM);
    world.phone_calls(Deed::Stays);
    world.advance(Duration::from_millis(400));
    let call = world.calls()[0];
    assert!(matches!(world.transfer(call, "+19005551234"), Err(NotDone::Forbidden(_))));
    assert_eq!(world.transfer(call, PERSON), Ok(()));
    assert_eq!(world.transfer(call, PERSON), Err(NotDone::UnderWay));
    world.run_out();
    world.assert_quiet();
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Completed, EndedBy::Operator));
    assert_eq!(outcome.detail.as_deref(), Some("transferred to +15550100001"));
    assert_eq!(world.transfer(call, PERSON), Err(NotDone::NotTalking));
}

#[test]
fn a_far_end_that_refuses_to_go_stays() {
    let mut world = World::new(5, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(Duration::from_secs(4));
    assert_eq!(world.transfer(call, PERSON), Ok(()));
    world.run_out();
    assert_eq!(transfers(&world, call), (vec![603], 0));
    assert_eq!(world.outcome(call).disposition, Disposition::SilenceTimeout);
    world.assert_quiet();
}

#[test]
fn in_rough_weather_calls_that_come_in_and_move_end_once_on_every_side() {
    for seed in 0..30 {
        storm(seed, Weather::ROUGH);
    }
}

#[test]
fn in_a_storm_calls_that_come_in_and_move_end_once_on_every_side() {
    for seed in 100..130 {
        storm(seed, Weather::STORM);
    }
}

/// Ten calls from the phone, with whatever it may do, some hung up by an operator at any moment.
fn storm(seed: u64, weather: Weather) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut world = open(seed, weather);
    let deeds = [
        Deed::Stays,
        Deed::HangsUp,
        Deed::Refers(PERSON),
        Deed::Refers(BUSY),
        Deed::Refers(HANGS_UP),
        Deed::Refers(NO_ANSWER),
        Deed::RefersAndLeaves(PERSON),
        Deed::RefersAndLeaves(BUSY),
        Deed::Replaces,
    ];
    for _ in 0..10 {
        world.phone_calls(*deeds.choose(&mut dice).expect("there are deeds"));
        world.advance(Duration::from_millis(dice.random_range(0..3_000)));
        if dice.random_bool(0.2)
            && let Some(call) = world.calls().choose(&mut dice)
        {
            match dice.random_bool(0.5) {
                true => world.hangup(*call),
                // Whether it may be done now is chance.
                false => drop(world.transfer(*call, PERSON)),
            }
        }
    }
    world.run_out();
    for call in world.calls() {
        world.outcome(call);
    }
    world.assert_quiet();
}
