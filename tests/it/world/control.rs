//! What is done to calls while they talk, by hand and by a guide, in virtual time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use trunkline::model::{
    Bot, CallFact, CallId, CallPlan, Dial, Dialect, Disposition, DtmfMode, EndedBy, Face, Gather, Guide,
    LineEnd, NotDone, RecordingResult, Side, Sound, Step, Trunk,
};
use trunkline::simulator::Persona;

use super::{Deed, Weather, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// How everything that was done to the call went.
fn controlled(world: &World, call: CallId) -> Vec<String> {
    let told = |fact: &CallFact| match fact {
        CallFact::Controlled { what, failed: None } => Some((*what).to_owned()),
        CallFact::Controlled { what, failed: Some(why) } => Some(format!("{what}: {why}")),
        _ => None,
    };
    world.facts(call).iter().filter_map(told).collect()
}

/// A person who is called by an agent with this to say.
fn guided(plan: &mut CallPlan) {
    plan.guide = Some(guide());
}

fn guide() -> Guide {
    let link = "https://bot.example/answer".into();
    Guide { link, face: Face::MiniVoice, key: None, first: Vec::new() }
}

fn say(text: &str) -> Step {
    Step::Say(text.into())
}

#[test]
fn who_is_on_hold_is_told_so_and_missed_by_nobody() {
    let mut world = World::new(1, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(8 * SECOND);
    assert_eq!(world.control(call, Step::Hold), Ok(()));
    assert_eq!(world.control(call, Step::Resume), Err(NotDone::HoldUnderWay), "the offer has no answer yet");
    world.advance(MINUTE);
    assert!(world.lives(call), "neither silence nor missing RTP ends who is on hold");
    assert_eq!(world.control(call, Step::Hold), Ok(()), "it is so already");
    assert_eq!(world.exchange_held(), 1, "one offer said a=sendonly");
    assert_eq!(world.control(call, Step::Resume), Ok(()));
    world.run_out();
    assert_eq!(controlled(&world, call), ["hold", "resume"]);
    assert_eq!(world.exchange_held(), 0, "and the next one took it back");
    assert_eq!(world.outcome(call).disposition, Disposition::SilenceTimeout);
    world.assert_quiet();
}

#[test]
fn who_is_on_hold_hears_neither_bot_nor_endpoint() {
    let bot = Bot::at("wss://bot.example/audio".parse().expect("a URL"), Dialect::Twilio);
    let to = format!("+1555010000{}", Persona::Silent.digit()).parse().expect("E.164");
    let endpoint = Dial { ring_timeout: 10 * SECOND, ..Dial::new(vec![to]) };
    for step in [Step::Connect(Arc::new(bot)), Step::Dial(Arc::new(endpoint))] {
        let mut world = World::new(18, Weather::CALM);
        let call = world.call(Persona::Silent);
        world.advance(8 * SECOND);
        assert_eq!(world.control(call, step.clone()), Ok(()));
        world.advance(8 * SECOND);
        for on in [true, false, true] {
            assert_eq!(world.control(call, if on { Step::Hold } else { Step::Resume }), Ok(()));
            world.advance(SECOND);
            assert_eq!(world.is_apart(call), on, "{}", step.name());
        }
        world.hangup(call);
        world.run_out();
        world.assert_quiet();
    }
}

#[test]
fn what_the_agent_would_say_waits_while_the_callee_is_on_hold() {
    let mut world = World::new(2, Weather::CALM);
    let call = world.call(Persona::Person);
    // The person has said hello, and is about to answer what the agent said.
    world.advance(3 * SECOND);
    assert_eq!(world.control(call, Step::Hold), Ok(()));
    world.advance(30 * SECOND);
    assert!(world.lives(call));
    assert_eq!(world.control(call, Step::Resume), Ok(()));
    world.run_out();
    assert_eq!(controlled(&world, call), ["hold", "resume"]);
    world.assert_quiet();
}

#[test]
fn what_a_hold_cuts_short_is_said_again() {
    for is_guided in [false, true] {
        let mut world = World::new(2, Weather::CALM);
        world.guide([Ok(vec![say("Goodbye.")])]);
        let call = world.call_with(Persona::Silent, |plan| match is_guided {
            true => guided(plan),
            false => plan.script[0].then = LineEnd::EndCall,
        });
        let spoke = |world: &World| {
            let is_so = |fact: &CallFact| matches!(fact, CallFact::AgentSpoke { .. });
            world.facts(call).iter().any(is_so)
        };
        while !spoke(&world) {
            world.advance(Duration::from_millis(100));
        }
        assert_eq!(world.control(call, Step::Hold), Ok(()));
        world.advance(30 * SECOND);
        assert!(world.lives(call), "it has not said goodbye yet");
        assert_eq!(world.control(call, Step::Resume), Ok(()));
        world.run_out();
        let outcome = world.outcome(call);
        assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Completed, EndedBy::Agent));
        assert!(
            !world.facts(call).iter().any(|fact| matches!(fact, CallFact::BargeIn)),
            "nobody interrupted it"
        );
        world.assert_quiet();
    }
}

#[test]
fn a_far_end_that_refuses_to_be_held_is_not_held() {
    let mut world = World::new(3, Weather::CALM).with_phone(3, |_| {});
    world.phone_calls(Deed::Stays);
    world.advance(5 * SECOND);
    let call = world.calls()[0];
    assert_eq!(world.control(call, Step::Hold), Ok(()));
    world.run_out();
    assert_eq!(controlled(&world, call), ["hold: the far end answered 488"]);
    assert_eq!(world.outcome(call).disposition, Disposition::SilenceTimeout, "silence counts again");
    world.assert_quiet();
}

#[test]
fn digits_leave_as_the_trunk_wants_them() {
    for (mode, after) in [(DtmfMode::Rfc4733, 2), (DtmfMode::Info, 2), (DtmfMode::Inband, 3)] {
        let mut world = World::new(4, Weather::CALM);
        let call = world.call_with(Persona::Silent, |plan| {
            let mut trunk = Trunk::clone(&plan.trunk);
            trunk.media.dtmf = mode;
            plan.trunk = Arc::new(trunk);
            plan.trunks = vec![Arc::clone(&plan.trunk)];
        });
        world.advance(6 * SECOND);
        assert_eq!(world.control(call, Step::SendDigits("1,2#D".into())), Ok(()));
        world.advance(after * SECOND);
        assert_eq!(controlled(&world, call), ["dtmf"], "{mode:?}");
        world.run_out();
        assert_eq!(world.exchange_keys(), if mode == DtmfMode::Inband { "" } else { "12#D" }, "{mode:?}");
    }
}

#[test]
fn a_callee_who_is_not_heard_has_no_turn() {
    let end = |muted: Option<Side>| {
        let mut world = World::new(5, Weather::CALM);
        let call = world.call(Persona::Person);
        world.advance(3 * SECOND);
        if let Some(side) = muted {
            assert_eq!(world.control(call, Step::Mute(side)), Ok(()));
        }
        world.run_out();
        world.assert_quiet();
        world.outcome(call).disposition
    };
    assert_eq!(end(None), Disposition::Completed);
    assert_eq!(end(Some(Side::Callee)), Disposition::SilenceTimeout);
}

#[test]
fn what_is_said_by_hand_is_heard_in_its_order() {
    let mut world = World::new(6, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(8 * SECOND);
    assert_eq!(world.control(call, say("One.")), Ok(()));
    assert_eq!(world.control(call, Step::Play(Sound::Url("https://a.example/b.wav".into()))), Ok(()));
    world.run_out();
    assert_eq!(world.outcome(call).disposition, Disposition::SilenceTimeout);
    world.assert_quiet();
}

#[test]
fn nothing_is_done_to_a_call_that_does_not_talk() {
    let mut world = World::new(7, Weather::CALM);
    let call = world.call(Persona::NoAnswer);
    world.advance(3 * SECOND);
    for step in
        [say("One."), Step::Hold, Step::Mute(Side::Agent), Step::SendDigits("1".into()), Step::StartRecording]
    {
        assert_eq!(world.control(call, step), Err(NotDone::NotTalking));
    }
    world.hangup(call);
    world.run_out();
    assert_eq!(world.control(call, Step::Hold), Err(NotDone::NotTalking));
    world.assert_quiet();
}

#[test]
fn a_recording_begins_once_and_rests_when_it_is_told_to() {
    let mut world = World::new(8, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(6 * SECOND);
    assert_eq!(world.control(call, Step::StopRecording), Err(NotDone::NotRecording));
    assert_eq!(world.control(call, Step::StartRecording), Ok(()));
    let began = world.now;
    assert_eq!(world.control(call, Step::StartRecording), Err(NotDone::Recording));
    world.advance(2 * SECOND);
    assert_eq!(world.control(call, Step::StopRecording), Ok(()));
    world.advance(3 * SECOND);
    assert_eq!(world.control(call, Step::StartRecording), Ok(()));
    let again = world.now;
    world.hangup(call);
    world.recorded(call, 3 * SECOND);
    world.run_out();
    let outcome = world.outcome(call);
    let Some(RecordingResult::Saved { takes, .. }) = &outcome.recording else { panic!("{outcome:?}") };
    let since = |at: Instant| {
        let answered = outcome.answered_at.expect("it was answered");
        u64::try_from(at.saturating_duration_since(answered).as_millis()).expect("short")
    };
    let times = [0, 1_000, 2_000, 2_500].map(|ms| takes.since_answer_ms(ms));
    let (first, second) = (since(began), since(again));
    assert_eq!(times, [first, first + 1_000, second, second + 500]);
    let begun = world.facts(call).iter().filter(|fact| matches!(fact, CallFact::RecordingStarted)).count();
    assert_eq!(begun, 1, "one recording a call");
    assert_eq!(controlled(&world, call), ["start_recording", "stop_recording", "start_recording"]);
    world.assert_quiet();
}

#[test]
fn a_recording_whose_recorder_says_nothing_in_time_is_the_calls_no_less() {
    let mut world = World::new(8, Weather::CALM);
    let call = world.call(Persona::Silent);
    world.advance(6 * SECOND);
    assert_eq!(world.control(call, Step::StartRecording), Ok(()));
    world.advance(2 * SECOND);
    world.hangup(call);
    world.run_out();
    let outcome = world.outcome(call);
    assert!(matches!(&outcome.recording, Some(RecordingResult::Cut { .. })), "{outcome:?}");
    world.assert_quiet();
}

#[test]
fn a_guide_is_asked_after_the_verdict_and_its_steps_are_done() {
    let gather = Gather {
        prompt: vec![say("Your code?")],
        digits_max: 2,
        finish_on: None,
        turn: None,
        timeout: 5 * SECOND,
        action: Some("https://bot.example/code".into()),
        ask_if_empty: true,
    };
    let mut world = World::new(9, Weather::CALM);
    world.guide([Ok(vec![say("Hi."), Step::Gather(Box::new(gather)), Step::Hangup]), Ok(vec![say("Bye.")])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(7 * SECOND);
    assert_eq!(world.asked(), ["answered"], "once, whatever else is heard");
    world.advance(4 * SECOND);
    world.press("42");
    world.run_out();
    assert_eq!(world.asked(), ["answered", "https://bot.example/code 42 num_digits"]);
    let outcome = world.outcome(call);
    assert_eq!((outcome.disposition, outcome.ended_by), (Disposition::Completed, EndedBy::Agent));
    assert!(outcome.dead_air.is_some_and(|dead_air| dead_air <= Duration::from_millis(20)), "{outcome:?}");
    world.assert_quiet();
}

#[test]
fn a_guide_that_is_of_no_help_leaves_the_call_to_the_agent_or_to_nobody() {
    let mut world = World::new(10, Weather::CALM);
    world.guide([Err("HTTP 500".to_owned())]);
    let call = world.call_with(Persona::Person, guided);
    world.run_out();
    assert_eq!(world.outcome(call).disposition, Disposition::Completed, "the agent has talked");
    world.assert_quiet();

    let mut world = World::new(10, Weather::CALM);
    world.guide([Err("HTTP 500".to_owned())]);
    let call = world.call_with(Persona::Person, |plan| {
        guided(plan);
        plan.script.clear();
    });
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!(
        (outcome.disposition, outcome.detail.as_deref()),
        (Disposition::AgentFailed, Some("HTTP 500"))
    );
    assert_eq!(controlled(&world, call), ["guide: HTTP 500"]);
    world.assert_quiet();
}

#[test]
fn a_guide_that_sends_us_round_in_circles_is_left() {
    let mut world = World::new(11, Weather::CALM);
    let round = || Ok(vec![Step::Redirect("https://bot.example/round".into())]);
    world.guide((0..1_000).map(|_| round()));
    let call = world.call_with(Persona::Person, |plan| {
        guided(plan);
        plan.script.clear();
    });
    world.run_out();
    assert_eq!(world.asked().len(), 200);
    assert_eq!(world.outcome(call).disposition, Disposition::AgentFailed);
    world.assert_quiet();
}

#[test]
fn a_guide_holds_and_takes_back_and_puts_through() {
    let mut world = World::new(12, Weather::CALM);
    let to = "+15550100001".parse().expect("E.164");
    world.guide([Ok(vec![
        Step::Hold,
        say("Please wait."),
        Step::Pause(20 * SECOND),
        Step::Resume,
        Step::SendDigits("5".into()),
        Step::Transfer(to),
        say("That did not work."),
    ])]);
    let call = world.call_with(Persona::Silent, guided);
    world.advance(10 * SECOND);
    assert_eq!(world.exchange_held(), 1);
    world.run_out();
    assert_eq!(controlled(&world, call), ["hold", "resume", "dtmf"]);
    assert_eq!(world.outcome(call).disposition, Disposition::Completed);
    world.assert_quiet();
}

/// Whatever is done at whatever moment, in whatever weather: every call ends once, on both sides.
#[test]
fn orders_race_with_hang_ups_and_every_call_ends_once() {
    for seed in 0..20 {
        storm(seed, if seed % 2 == 0 { Weather::ROUGH } else { Weather::STORM });
    }
}

fn storm(seed: u64, weather: Weather) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut world = World::new(seed, weather);
    let mut calls = Vec::new();
    for _ in 0..6 {
        let persona = *Persona::ALL.choose(&mut dice).expect("there are personas");
        let is_guided = dice.random_bool(0.4);
        calls.push(world.call_with(persona, |plan| {
            if is_guided {
                guided(plan);
            }
        }));
        world.guide([Ok(vec![say("a"), Step::Hold, Step::Pause(SECOND), Step::Resume, say("b")])]);
    }
    for _ in 0..60 {
        world.advance(Duration::from_millis(dice.random_range(0..400)));
        let call = *calls.choose(&mut dice).expect("there is a call");
        let step = match dice.random_range(0..14) {
            0 => Step::Hold,
            1 => Step::Resume,
            2 => Step::Mute(Side::Callee),
            3 => Step::Unmute(Side::Callee),
            4 => Step::SendDigits("12".into()),
            5 => Step::StartRecording,
            6 => Step::StopRecording,
            7 => Step::Transfer("+15550100001".parse().expect("E.164")),
            8 => Step::Follow(Arc::new(guide())),
            9 => {
                world.hangup(call);
                continue;
            }
            _ => say("more"),
        };
        // What is not possible now is refused, which is as good.
        let _ = world.control(call, step);
    }
    world.run_out();
    for call in calls {
        world.outcome(call);
    }
    world.assert_quiet();
}
