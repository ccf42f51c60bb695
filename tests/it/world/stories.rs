//! What happens to calls, told in virtual time.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use trunkline::model::{
    Agent, CallFact, CallId, CallPlan, Disposition, EndedBy, Line, LineEnd, Said, Speak, SpeakOrder,
    VoicemailAction,
};
use trunkline::simulator::{Persona, agent_goodbye, agent_prompt};
use trunkline_media::Clip;

use super::{Weather, World, agent, word};

fn disposition(persona: Persona) -> (Disposition, &'static str) {
    match persona {
        Persona::Person => (Disposition::Completed, "human"),
        Persona::Voicemail | Persona::Ivr => (Disposition::VoicemailDetected, "machine"),
        Persona::Busy => (Disposition::Busy, ""),
        Persona::NoAnswer => (Disposition::NoAnswer, ""),
        Persona::Declines => (Disposition::Rejected, ""),
        Persona::Fax => (Disposition::Unreachable, "fax"),
        Persona::Silent => (Disposition::SilenceTimeout, "no_speech"),
        Persona::HangsUp => (Disposition::CalleeHangup, ""),
    }
}

#[test]
fn every_persona_ends_as_it_is_meant_to() {
    for persona in Persona::ALL {
        let mut world = World::new(7, Weather::CALM);
        let call = world.call(persona);
        world.run_out();
        let (expected, class) = disposition(persona);
        let outcome = world.outcome(call);
        let heard = outcome.heard.as_ref().map_or("", |heard| heard.class);
        assert_eq!((outcome.disposition, heard), (expected, class), "{persona:?}: {outcome:#?}");
        world.assert_quiet();
    }
}

#[test]
fn a_person_hears_the_agent_within_the_tick_of_the_verdict() {
    let mut world = World::new(11, Weather::CALM);
    let call = world.call(Persona::Person);
    world.run_out();
    let dead_air = world.outcome(call).dead_air.expect("the agent spoke");
    assert!(dead_air <= Duration::from_millis(20), "{dead_air:?}");
}

#[test]
fn in_rough_weather_every_call_still_ends_once_on_both_sides() {
    for seed in 0..40 {
        storm(seed, Weather::ROUGH);
    }
}

#[test]
fn in_a_storm_every_call_still_ends_once_on_both_sides() {
    for seed in 100..140 {
        storm(seed, Weather::STORM);
    }
}

const MANNERS: [Speak; 3] = [Speak::Verdict, Speak::Opener, Speak::Answer];

fn speaks(plan: &mut CallPlan, manner: Speak) {
    plan.speak = manner;
    plan.opener = (manner == Speak::Opener).then(|| "Hello, one moment.".into());
}

#[test]
fn who_speaks_at_the_answer_is_heard_before_the_verdict_and_ends_as_everybody_does() {
    for manner in [Speak::Opener, Speak::Answer] {
        for persona in Persona::ALL {
            let mut world = World::new(17, Weather::CALM);
            let call = world.call_with(persona, |plan| speaks(plan, manner));
            world.run_out();
            let outcome = world.outcome(call);
            let (expected, class) = disposition(persona);
            let heard = outcome.heard.as_ref().map_or("", |heard| heard.class);
            assert_eq!(
                (outcome.disposition, heard),
                (expected, class),
                "{manner:?} {persona:?}: {outcome:#?}"
            );
            let at = |wanted: fn(&CallFact) -> bool| world.facts(call).iter().position(wanted);
            let spoke = at(|fact| matches!(fact, CallFact::AgentSpoke { .. }));
            let judged = at(|fact| matches!(fact, CallFact::Verdict(_)));
            if let (Some(spoke), Some(judged)) = (spoke, judged) {
                assert!(spoke < judged, "{manner:?} {persona:?}");
            }
            assert_eq!(spoke.is_some(), outcome.answered_at.is_some(), "{manner:?} {persona:?}");
            world.assert_quiet();
        }
    }
}

/// A dozen calls to anybody, some of them hung up by an operator at any moment.
fn storm(seed: u64, weather: Weather) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut world = World::new(seed, weather);
    let mut calls = Vec::new();
    for _ in 0..12 {
        let persona = *Persona::ALL.choose(&mut dice).expect("there are personas");
        let manner = *MANNERS.choose(&mut dice).expect("there are manners");
        calls.push(world.call_with(persona, |plan| speaks(plan, manner)));
        world.advance(Duration::from_millis(dice.random_range(0..900)));
        if dice.random_bool(0.3) {
            let call = *calls.choose(&mut dice).expect("there is a call");
            world.hangup(call);
        }
    }
    world.run_out();
    for call in calls {
        world.outcome(call);
    }
    world.assert_quiet();
    println!("seed {seed} held");
}

#[test]
fn an_operator_can_end_a_call_while_it_rings_and_while_it_talks() {
    for wait_ms in [0, 100, 950, 3_000] {
        let mut world = World::new(wait_ms, Weather::CALM);
        let call = world.call(Persona::Silent);
        world.advance(Duration::from_millis(wait_ms));
        world.hangup(call);
        world.run_out();
        assert_eq!(world.end(call), (Disposition::Cancelled, EndedBy::Operator));
        world.assert_quiet();
    }
}

#[test]
fn who_says_nothing_is_judged_and_hears_the_agent_however_short_silence_may_be() {
    let mut world = World::new(5, Weather::CALM);
    let call = world.call_with(Persona::Silent, |plan| {
        let silence_hangup = Duration::from_secs(4);
        plan.agent = Arc::new(Agent { silence_hangup, ..Agent::clone(&plan.agent) });
    });
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!(outcome.disposition, Disposition::SilenceTimeout);
    assert_eq!(outcome.heard.as_ref().map(|heard| heard.class), Some("no_speech"));
    assert!(outcome.dead_air.is_some(), "the agent spoke");
    world.assert_quiet();
}

#[test]
fn who_is_spoken_to_may_listen_for_longer_than_silence_may_last() {
    let long = Arc::new(Clip::from_pcmu(agent_goodbye().pcmu().repeat(8)));
    assert!(long.duration() > Duration::from_secs(18));
    let mut world = World::new(5, Weather::CALM).with_voice(long);
    let call = world.call_with(Persona::Silent, |plan| {
        let silence_hangup = Duration::from_secs(4);
        plan.agent = Arc::new(Agent { silence_hangup, barge_in: false, ..Agent::clone(&plan.agent) });
    });
    world.advance(Duration::from_secs(10));
    world.speak(&word());
    world.advance(Duration::from_secs(10));
    assert!(world.lives(call), "the agent speaks, and the callee's last word is seconds ago");
    world.run_out();
    assert_eq!(
        world.outcome(call).disposition,
        Disposition::SilenceTimeout,
        "once all is said, silence counts"
    );
    world.assert_quiet();
}

#[test]
fn a_message_is_left_after_the_beep() {
    let mut world = World::new(3, Weather::CALM);
    let call = world.call_with(Persona::Voicemail, |plan| {
        plan.voicemail = VoicemailAction::LeaveMessage;
        plan.voicemail_message = Some("please call back".into());
    });
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::VoicemailDetected, EndedBy::Agent));
    let heard = outcome.heard.as_ref().expect("a verdict");
    assert_eq!(heard.class, "voicemail", "the beep was heard: {}", heard.reason);
    world.assert_quiet();
}

/// What was found out about whoever answered, and when it was spoken to.
fn verdicts_and_words(world: &World, call: CallId) -> Vec<&'static str> {
    let told = |fact: &CallFact| match fact {
        CallFact::Verdict(heard) => Some(heard.class),
        CallFact::Judged => Some("judged"),
        CallFact::AgentSpoke { .. } => Some("spoke"),
        _ => None,
    };
    world.facts(call).iter().filter_map(told).collect()
}

#[test]
fn an_agent_that_is_to_speak_after_the_beep_does_and_to_a_person_at_once() {
    for (persona, expected) in [
        (Persona::Voicemail, vec!["machine", "voicemail", "judged", "spoke"]),
        (Persona::Ivr, vec!["machine", "machine_end", "judged", "spoke"]),
        (Persona::Person, vec!["human", "judged", "spoke"]),
    ] {
        let mut world = World::new(3, Weather::CALM);
        let call = world.call_with(persona, |plan| {
            plan.voicemail = VoicemailAction::SpeakAfterBeep;
            plan.script = vec![Line { said: Said::Text("please call back".into()), then: LineEnd::EndCall }];
        });
        world.run_out();
        let outcome = world.outcome(call);
        assert_eq!(
            (outcome.disposition, outcome.ended_by),
            (Disposition::Completed, EndedBy::Agent),
            "{persona:?}: {outcome:#?}"
        );
        assert_eq!(verdicts_and_words(&world, call), expected, "{persona:?}");
        world.assert_quiet();
    }
}

#[test]
fn who_speaks_at_the_answer_is_told_who_it_was_and_how_a_greeting_ended() {
    let heard = |persona: Persona, voicemail: VoicemailAction| {
        let mut world = World::new(3, Weather::CALM);
        let call = world.call_with(persona, |plan| {
            (plan.voicemail, plan.speak) = (voicemail, Speak::Answer);
            plan.script = vec![Line { said: Said::Text("hello".into()), then: LineEnd::Listen }; 40];
        });
        world.run_out();
        world.assert_quiet();
        verdicts_and_words(&world, call)
    };
    for (persona, expected) in [
        (Persona::Voicemail, vec!["spoke", "machine", "voicemail", "judged"]),
        (Persona::Ivr, vec!["spoke", "machine", "machine_end", "judged"]),
        (Persona::Person, vec!["spoke", "human", "judged"]),
    ] {
        assert_eq!(heard(persona, VoicemailAction::SpeakAfterBeep), expected, "{persona:?}");
    }
    assert_eq!(heard(Persona::Ivr, VoicemailAction::Ignore), ["spoke", "machine", "judged"]);
}

#[test]
fn end_call_ends_the_call_after_the_words_before_it() {
    let mut world = World::new(5, Weather::CALM);
    let call = world.call_with(Persona::Person, |plan| {
        plan.script = vec![Line { said: Said::Text("goodbye".into()), then: LineEnd::EndCall }];
    });
    world.run_out();
    assert_eq!(world.outcome(call).ended_by, EndedBy::Agent);
    let told = world.facts(call);
    assert!(told.iter().any(|fact| matches!(fact, CallFact::AgentSpoke { .. })), "{told:?}");
}

#[test]
fn an_agent_that_speaks_second_waits_for_the_first_word() {
    let spoke = |persona: Persona, speak_order: SpeakOrder| {
        let mut world = World::new(13, Weather::CALM);
        let call = world.call_with(persona, |plan| plan.speak_order = speak_order);
        world.run_out();
        world.assert_quiet();
        (world.outcome(call).disposition, world.outcome(call).dead_air.is_some())
    };
    assert_eq!(spoke(Persona::Person, SpeakOrder::CalleeFirst), (Disposition::Completed, true));
    assert_eq!(spoke(Persona::Silent, SpeakOrder::CalleeFirst), (Disposition::SilenceTimeout, false));
    assert_eq!(spoke(Persona::Silent, SpeakOrder::AgentFirst), (Disposition::SilenceTimeout, true));
}

#[test]
fn nobody_is_held_longer_than_was_asked() {
    for (persona, max_hold_s, held) in [
        (Persona::NoAnswer, 5, true),
        (Persona::Ivr, 8, true),
        (Persona::Person, 8, false),
        (Persona::Silent, 8, false),
    ] {
        let mut world = World::new(17, Weather::CALM);
        let (max_hold, begun) = (Duration::from_secs(max_hold_s), world.now);
        let call = world.call_with(persona, |plan| {
            plan.max_hold = Some(max_hold);
            plan.voicemail = VoicemailAction::Ignore;
            plan.script = vec![Line { said: Said::Text("hello".into()), then: LineEnd::Listen }; 40];
        });
        world.run_out();
        let outcome = world.outcome(call);
        assert_eq!(outcome.disposition == Disposition::HoldTimeout, held, "{persona:?}: {outcome:#?}");
        let lasted = outcome.ended_at - begun;
        assert!(!held || (lasted >= max_hold && lasted <= max_hold + Duration::from_secs(1)), "{lasted:?}");
        world.assert_quiet();
    }
}

#[test]
fn a_call_that_nobody_ends_is_ended_by_its_longest_duration() {
    let mut world = World::new(9, Weather::CALM);
    let call = world.call_with(Persona::Ivr, |plan| {
        let mut patient = agent();
        patient.call_duration_max = Duration::from_secs(20);
        plan.agent = Arc::new(patient);
        plan.voicemail = VoicemailAction::Ignore;
        plan.script = vec![Line { said: Said::Text("hello".into()), then: LineEnd::Listen }; 40];
    });
    world.run_out();
    let outcome = world.outcome(call);
    let lasted = outcome.ended_at - outcome.answered_at.expect("it was answered");
    assert!(lasted <= Duration::from_secs(21), "{lasted:?} {:?}", agent_prompt().duration());
    world.assert_quiet();
}
