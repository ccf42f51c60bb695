//! Parties that are called beside a call's far end, in virtual time: dialled by a document, the agent itself, or to take its
//! place. Whoever hangs up, whenever: every call ends once, on both sides.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use trunkline::agent::Place;
use trunkline::model::{
    Attended, CallAt, CallFact, CallId, CallPlan, Destination, Dial, Disposition, EndedBy, Face, Guide,
    Handover, Meanwhile, NotDone, SipAgent, Speak, Step, Whisper,
};
use trunkline::simulator::Persona;

use super::{Deed, Weather, World};

const SECOND: Duration = Duration::from_secs(1);
/// When the agent has said its first words, and a person is about to answer.
const MOMENT: Duration = Duration::from_millis(6_600);
const URL: &str = "https://bot.example/answer";

pub(super) fn number(persona: Persona) -> Destination {
    format!("+1555010000{}", persona.digit()).parse().expect("E.164")
}

fn dial(persona: Persona) -> Dial {
    Dial { ring_timeout: 10 * SECOND, ..Dial::new(vec![number(persona)]) }
}

fn dials(persona: Persona) -> Step {
    Step::Dial(Arc::new(dial(persona)))
}

pub(super) fn guided(plan: &mut CallPlan) {
    plan.guide = Some(Guide { link: URL.into(), face: Face::Twilio, key: None, first: Vec::new() });
}

fn endpoint(persona: Persona) -> impl Fn(&mut CallPlan) {
    move |plan| {
        let dial = Arc::new(dial(persona));
        plan.sip = Some(Arc::new(SipAgent { dial, variables: Vec::new(), call_at: CallAt::Ringing }));
        plan.script = Vec::new();
    }
}

pub(super) fn hand_over(persona: Persona) -> Handover {
    let whisper = Some(Whisper::Say("A caller for you.".into()));
    Handover { dial: Arc::new(dial(persona)), consult: false, whisper, agent_stays: false }
}

/// What was said of parties: their statuses, and whether it was the last word.
fn told(world: &World, call: CallId) -> Vec<(u16, bool)> {
    let one = |fact: &CallFact| match fact {
        CallFact::Transfer { status, is_final, .. } => Some((*status, *is_final)),
        _ => None,
    };
    world.facts(call).iter().filter_map(one).collect()
}

#[test]
fn who_is_dialled_talks_with_the_callee_and_the_next_step_follows() {
    let mut world = World::new(1, Weather::CALM);
    world.guide([Ok(vec![dials(Persona::HangsUp), Step::Say("Goodbye.".into())])]);
    let call = world.call_with(Persona::Person, guided);
    world.run_out();
    let [second] = world.seconds(call)[..] else { panic!("one party was called") };
    assert_eq!(told(&world, call), [(100, false), (180, false), (200, true)]);
    assert_eq!(world.end(second), (Disposition::CalleeHangup, EndedBy::Callee));
    assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Agent));
    world.assert_quiet();
}

#[test]
fn two_people_hear_each_other_out() {
    let mut world = World::new(1, Weather::CALM);
    let step = Step::Dial(Arc::new(Dial { meanwhile: Meanwhile::Silence, ..dial(Persona::Person) }));
    world.guide([Ok(vec![step, Step::Pause(600 * SECOND)])]);
    let call = world.call_with(Persona::Person, guided);
    world.run_out();
    // Each waits for the other's word before its own next one, and goes when it has heard two.
    let ends = [world.end(call), world.end(world.seconds(call)[0])];
    assert!(ends.contains(&(Disposition::CalleeHangup, EndedBy::Callee)), "{ends:?}");
    world.assert_quiet();
}

#[test]
fn who_speaks_over_what_is_heard_meanwhile_goes_on_hearing_it() {
    let mut world = World::new(1, Weather::CALM);
    let call = world.call(Persona::Person);
    world.advance(MOMENT);
    // The agent has spoken, and the callee is about to answer.
    let handover = Handover { whisper: None, ..hand_over(Persona::NoAnswer) };
    assert_eq!(world.control(call, Step::HandOver(Arc::new(handover))), Ok(()));
    world.advance(9 * SECOND);
    assert_eq!(world.thrown_away(), 0, "the music goes on");
    world.run_out();
    world.assert_quiet();
}

#[test]
fn what_came_of_a_dial_is_told_to_who_asked_for_it() {
    for (persona, word) in [
        (Persona::HangsUp, "completed"),
        (Persona::Busy, "busy"),
        (Persona::Declines, "busy"),
        (Persona::NoAnswer, "no-answer"),
    ] {
        let mut world = World::new(2, Weather::CALM);
        let action = Some("https://bot.example/dialled".to_owned());
        let dial = Dial { action, ..dial(persona) };
        world
            .guide([Ok(vec![Step::Dial(Arc::new(dial)), Step::Say("never".into())]), Ok(vec![Step::Hangup])]);
        let call = world.call_with(Persona::Silent, guided);
        world.run_out();
        assert_eq!(world.asked(), ["answered".to_owned(), format!("https://bot.example/dialled {word}")]);
        assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Agent), "{persona:?}");
        world.assert_quiet();
    }
}

#[test]
fn who_may_not_be_dialled_is_not_and_the_next_step_follows() {
    let mut world = World::new(3, Weather::CALM);
    let forbidden = Dial::new(vec!["+9995550100".parse().expect("E.164")]);
    let action = Some("https://bot.example/dialled".to_owned());
    let forbidden = Step::Dial(Arc::new(Dial { action, ..forbidden }));
    world.guide([Ok(vec![forbidden]), Ok(vec![Step::Hangup])]);
    let call = world.call_with(Persona::Silent, guided);
    world.run_out();
    assert_eq!(world.asked()[1], "https://bot.example/dialled failed");
    assert!(world.seconds(call).is_empty());
    world.outcome(call);
    world.assert_quiet();
}

#[test]
fn of_several_who_ring_the_first_to_answer_is_the_one() {
    let mut world = World::new(4, Weather::CALM);
    let to = [Persona::NoAnswer, Persona::Busy, Persona::HangsUp].map(number).to_vec();
    let all = Dial { to, ..dial(Persona::Busy) };
    world.guide([Ok(vec![Step::Dial(Arc::new(all)), Step::Hangup])]);
    let call = world.call_with(Persona::Silent, guided);
    world.run_out();
    let ends: Vec<_> = world.seconds(call).iter().map(|second| world.end(*second).0).collect();
    assert_eq!(ends, [Disposition::Cancelled, Disposition::Busy, Disposition::CalleeHangup]);
    world.assert_quiet();
}

#[test]
fn keys_pressed_on_either_side_are_pressed_on_the_other() {
    let mut world = World::new(5, Weather::CALM);
    world.guide([Ok(vec![dials(Persona::Silent)])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(15 * SECOND);
    world.press("5");
    world.advance(2 * SECOND);
    assert_eq!(world.exchange_keys(), "55", "each heard the other's, and none its own again");
    world.hangup(call);
    world.run_out();
    world.assert_quiet();
}

#[test]
fn a_star_hangs_up_who_was_dialled_where_that_was_asked_for() {
    let mut world = World::new(6, Weather::CALM);
    let step = Step::Dial(Arc::new(Dial { hangup_on_star: true, ..dial(Persona::Silent) }));
    world.guide([Ok(vec![step, Step::Hangup])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(15 * SECOND);
    world.press("*");
    world.run_out();
    let second = world.seconds(call)[0];
    assert_eq!(world.end(second), (Disposition::Completed, EndedBy::Agent));
    assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Agent));
    world.assert_quiet();
}

#[test]
fn a_wish_that_comes_too_late_calls_nobody() {
    let mut world = World::new(7, Weather::CALM);
    world.hold_dials();
    world.guide([Ok(vec![dials(Persona::Person)])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(12 * SECOND);
    world.hangup(call);
    world.advance(SECOND);
    world.release_dials();
    world.run_out();
    let second = world.seconds(call)[0];
    assert_eq!(world.end(second), (Disposition::Cancelled, EndedBy::Switch));
    assert_eq!(world.exchange_rung(), 1, "no INVITE left");
    world.assert_quiet();
}

#[test]
fn whoever_hangs_up_at_whatever_moment_both_end_once() {
    for tenths in (0..160).step_by(3) {
        for first in [true, false] {
            let mut world = World::new(tenths, Weather::CALM);
            world.guide([Ok(vec![dials(Persona::Silent)])]);
            let call = world.call_with(Persona::Silent, guided);
            world.advance(tenths as u32 * SECOND / 10);
            let second = world.seconds(call).first().copied();
            world.hangup(if first { call } else { second.unwrap_or(call) });
            // Without another word from anybody it goes on to its longest.
            world.run_out();
            world.outcome(call);
            for second in world.seconds(call) {
                world.outcome(second);
            }
            world.assert_quiet();
        }
    }
}

#[test]
fn an_agent_by_sip_is_there_when_the_callee_answers() {
    let mut world = World::new(8, Weather::CALM);
    let call = world.call_with(Persona::Person, endpoint(Persona::Person));
    world.run_out();
    let second = world.seconds(call)[0];
    let dead_air = world.outcome(call).dead_air.expect("the agent was heard");
    assert!(dead_air < 3 * SECOND, "it had to be spoken to first: {dead_air:?}");
    assert!(world.outcome(second).answered_at < world.outcome(call).answered_at.map(|at| at + SECOND));
    world.assert_quiet();
}

#[test]
fn an_agent_by_sip_that_is_called_at_the_verdict_is_heard_from_its_first_word_and_meets_no_machine() {
    let later = |persona| {
        move |plan: &mut CallPlan| {
            endpoint(persona)(plan);
            let sip = plan.sip.as_deref().expect("it is one");
            let (dial, variables) = (Arc::clone(&sip.dial), Vec::new());
            plan.sip = Some(Arc::new(SipAgent { dial, variables, call_at: CallAt::Verdict }));
        }
    };
    let mut world = World::new(8, Weather::CALM);
    let call = world.call_with(Persona::Silent, later(Persona::Person));
    world.run_out();
    let place = |is_it: fn(&CallFact) -> bool| world.facts(call).iter().position(is_it);
    let judged = place(|fact| matches!(fact, CallFact::Verdict(_)));
    let called = place(|fact| matches!(fact, CallFact::Transfer { status: 100, .. }));
    assert!(judged.is_some() && judged < called, "{:?}", world.facts(call));
    // It says one word by itself, and the callee none: had that been lost, nobody would have been heard.
    assert!(world.outcome(call).dead_air.is_some());
    world.assert_quiet();

    let mut world = World::new(9, Weather::CALM);
    let call = world.call_with(Persona::Voicemail, later(Persona::Person));
    world.run_out();
    assert_eq!(world.end(call).0, Disposition::VoicemailDetected);
    assert_eq!(world.seconds(call), [], "no voicemail costs a call to it");
    world.assert_quiet();
}

#[test]
fn an_agent_by_sip_who_cannot_be_had_ends_the_call() {
    for persona in [Persona::Busy, Persona::Declines] {
        let mut world = World::new(9, Weather::CALM);
        let call = world.call_with(Persona::Person, endpoint(persona));
        world.run_out();
        assert_eq!(world.end(call), (Disposition::AgentFailed, EndedBy::Switch));
        world.assert_quiet();
    }
    let mut world = World::new(9, Weather::CALM);
    let call = world.call_with(Persona::NoAnswer, endpoint(Persona::Silent));
    world.run_out();
    assert_eq!(world.end(call), (Disposition::NoAnswer, EndedBy::Switch));
    assert_eq!(world.outcome(world.seconds(call)[0]).ended_by, EndedBy::Agent, "it waited in vain");
    world.assert_quiet();
}

#[test]
fn nothing_that_is_for_the_callee_is_said_to_whoever_is_called_beside_it() {
    let mut world = World::new(15, Weather::CALM);
    let call = world.call_with(Persona::Silent, |plan| {
        endpoint(Persona::Silent)(plan);
        (plan.speak, plan.opener) = (Speak::Opener, Some("Hello, one moment.".into()));
    });
    world.advance(5 * SECOND);
    let [agent] = world.seconds(call)[..] else { panic!("one party was called") };
    assert_eq!(world.openers(), [call]);
    world.hangup(call);
    world.run_out();
    assert_eq!(world.end(agent), (Disposition::Completed, EndedBy::Agent));
    world.assert_quiet();
}

#[test]
fn a_warm_transfer_whispers_and_lets_the_agent_go() {
    let mut world = World::new(10, Weather::CALM);
    let call = world.call_with(Persona::Silent, endpoint(Persona::Silent));
    world.advance(10 * SECOND);
    assert_eq!(world.control(call, Step::HandOver(Arc::new(hand_over(Persona::Voicemail)))), Ok(()));
    let again = world.control(call, Step::HandOver(Arc::new(hand_over(Persona::Voicemail))));
    assert_eq!(again, Err(NotDone::UnderWay));
    world.run_out();
    let [agent, newcomer] = world.seconds(call)[..] else { panic!("two parties were called") };
    assert_eq!(world.end(agent), (Disposition::Completed, EndedBy::Agent));
    assert_eq!(world.end(newcomer).1, EndedBy::Callee);
    assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Agent));
    world.assert_quiet();
}

#[test]
fn a_whisper_that_comes_late_is_not_whispered_to_the_next() {
    let mut world = World::new(12, Weather::CALM);
    let call = world.call_with(Persona::Silent, endpoint(Persona::Silent));
    world.advance(10 * SECOND);
    assert_eq!(world.control(call, Step::HandOver(Arc::new(hand_over(Persona::NoAnswer)))), Ok(()));
    assert_eq!(world.control(call, Step::CancelTransfer), Ok(()));
    let told_nothing = Handover { whisper: None, ..hand_over(Persona::Silent) };
    assert_eq!(world.control(call, Step::HandOver(Arc::new(told_nothing))), Ok(()));
    // The agent was the first party, and the one who was to hear it the second.
    world.whisper(call, Place { at: 1, party: 2 });
    let [.., newcomer] = world.seconds(call)[..] else { panic!("somebody was called") };
    while !world.facts(newcomer).iter().any(|fact| matches!(fact, CallFact::Answered { .. })) {
        world.advance(SECOND / 10);
    }
    world.advance(SECOND / 10);
    assert_eq!(told(&world, call).last(), Some(&(200, true)), "it talks with the callee at once");
    world.hangup(call);
    world.run_out();
    world.assert_quiet();
}

#[test]
fn an_attended_transfer_is_completed_or_comes_back() {
    for completes in [true, false] {
        let mut world = World::new(11, Weather::CALM);
        let call = world.call_with(Persona::Silent, endpoint(Persona::Silent));
        world.advance(10 * SECOND);
        assert!(matches!(world.control(call, Step::CompleteTransfer), Err(NotDone::NoTransfer(_))));
        let handover = Handover { consult: true, whisper: None, ..hand_over(Persona::Silent) };
        assert_eq!(world.control(call, Step::HandOver(Arc::new(handover))), Ok(()));
        assert!(matches!(world.control(call, Step::CompleteTransfer), Err(NotDone::NoTransfer(_))));
        world.advance(10 * SECOND);
        let [agent, newcomer] = world.seconds(call)[..] else { panic!("two parties were called") };
        let step = if completes { Step::CompleteTransfer } else { Step::CancelTransfer };
        assert_eq!(world.control(call, step), Ok(()));
        world.advance(SECOND);
        assert_eq!((world.is_over(agent), world.is_over(newcomer)), (completes, !completes));
        assert_eq!(told(&world, call).last(), Some(&(if completes { 200 } else { 487 }, true)));
        world.hangup(call);
        world.run_out();
        world.assert_quiet();
    }
}

#[test]
fn an_attended_transfer_within_one_trunk_is_completed_there_where_it_wants_that() {
    let mut world = World::new(13, Weather::CALM).with_phone(13, |trunk| trunk.attended = Attended::Refer);
    let agent = Arc::new(dial(Persona::Silent));
    world.answer_by(SipAgent { dial: agent, variables: Vec::new(), call_at: CallAt::Ringing });
    world.phone_calls(Deed::Stays);
    world.advance(4 * SECOND);
    let call = world.calls()[0];
    let handover = Handover { consult: true, whisper: None, ..hand_over(Persona::Silent) };
    assert_eq!(world.control(call, Step::HandOver(Arc::new(handover))), Ok(()));
    world.advance(4 * SECOND);
    let newcomer = world.seconds(call)[1];
    assert_eq!(world.control(call, Step::CompleteTransfer), Ok(()));
    world.run_out();
    let [(uri, call_id)] = world.phone().replaced() else { panic!("it was asked once") };
    assert!(uri.contains("192.0.2.2"), "{uri}");
    assert_eq!(*call_id, format!("{newcomer}@world"), "the dialog that we had with the party");
    assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Operator));
    assert_eq!(world.end(newcomer).0, Disposition::Completed);
    world.assert_quiet();
}

#[test]
fn whoever_will_not_be_put_through_there_is_bridged_here() {
    let mut world = World::new(14, Weather::CALM).with_phone(14, |trunk| trunk.attended = Attended::Refer);
    let call = world.call_with(Persona::Silent, endpoint(Persona::Silent));
    world.advance(5 * SECOND);
    let handover = Handover { consult: true, whisper: None, ..hand_over(Persona::Silent) };
    assert_eq!(world.control(call, Step::HandOver(Arc::new(handover))), Ok(()));
    world.advance(4 * SECOND);
    let [agent, newcomer] = world.seconds(call)[..] else { panic!("two parties were called") };
    // The callee answers our REFER with 603, once it has thought about it.
    assert_eq!(world.control(call, Step::CompleteTransfer), Ok(()));
    world.advance(40 * SECOND);
    assert_eq!(world.end(agent).0, Disposition::Completed, "it is not needed any more");
    assert_eq!(told(&world, call).last(), Some(&(200, true)));
    world.press("7");
    world.advance(2 * SECOND);
    assert_eq!(world.exchange_keys(), "77", "both talk here");
    world.hangup(newcomer);
    world.run_out();
    assert_eq!(world.end(call), (Disposition::Completed, EndedBy::Agent));
    world.assert_quiet();
}

#[test]
fn nobody_consults_where_no_agent_sits_and_who_finds_nobody_comes_back() {
    let mut world = World::new(12, Weather::CALM);
    let call = world.call(Persona::Person);
    world.advance(3 * SECOND);
    let attended = Handover { consult: true, ..hand_over(Persona::Silent) };
    let refused = world.control(call, Step::HandOver(Arc::new(attended)));
    assert!(matches!(refused, Err(NotDone::NoTransfer(_))), "{refused:?}");
    assert_eq!(world.control(call, Step::HandOver(Arc::new(hand_over(Persona::Busy)))), Ok(()));
    world.run_out();
    assert_eq!(told(&world, call).last(), Some(&(486, true)));
    assert_eq!(world.end(call).0, Disposition::Completed, "the script went on to its end");
    world.assert_quiet();
}

#[test]
fn in_any_weather_and_whatever_is_done_every_party_ends_once() {
    for seed in 0..16 {
        storm(seed, if seed % 2 == 0 { Weather::ROUGH } else { Weather::STORM });
    }
}

fn storm(seed: u64, weather: Weather) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut world = World::new(seed, weather);
    let mut calls = Vec::new();
    for round in 0..4 {
        let persona = *Persona::ALL.choose(&mut dice).expect("there are personas");
        let other = *Persona::ALL.choose(&mut dice).expect("there are personas");
        world.guide([Ok(vec![dials(other), Step::Say("b".into()), dials(Persona::HangsUp)])]);
        calls.push(match round % 2 {
            0 => world.call_with(persona, guided),
            _ => world.call_with(persona, endpoint(other)),
        });
    }
    for _ in 0..60 {
        world.advance(Duration::from_millis(dice.random_range(0..400)));
        let first = *calls.choose(&mut dice).expect("there is a call");
        let second = world.seconds(first).choose(&mut dice).copied();
        let call = second.filter(|_| dice.random_bool(0.3)).unwrap_or(first);
        let other = *Persona::ALL.choose(&mut dice).expect("there are personas");
        let step = match dice.random_range(0..9) {
            0 => Step::Hold,
            1 => Step::Resume,
            2 => Step::SendDigits("1*".into()),
            3 => Step::HandOver(Arc::new(Handover { consult: dice.random_bool(0.5), ..hand_over(other) })),
            4 => Step::CompleteTransfer,
            5 => Step::CancelTransfer,
            6 => dials(other),
            7 if dice.random_bool(0.3) => {
                world.hangup(call);
                continue;
            }
            _ => Step::Say("more".into()),
        };
        // What is not possible now is refused, which is as good.
        let _ = world.control(call, step);
    }
    world.run_out();
    for call in calls {
        world.outcome(call);
        for second in world.seconds(call) {
            world.outcome(second);
        }
    }
    world.assert_quiet();
}
