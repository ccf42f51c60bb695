//! Agents who follow a script of their own, in virtual time: what is said, asked and done, whoever answers and whatever it does.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use trunkline::config::Config;
use trunkline::model::{
    Agent, CallFact, CallId, CallPlan, Disposition, EndedBy, Face, Guide, Line, LineEnd, Said, Scripted,
    Speak, SpeakOrder, Step, VoicemailAction,
};
use trunkline::simulator::Persona;

use super::{Deed, Weather, World, word};

const SECOND: Duration = Duration::from_secs(1);

/// A script as the configuration has it.
fn script(steps: &str) -> Scripted {
    let text = format!("[webhooks]\nallow_http = true\n[[agent]]\nid = \"a\"\n{steps}");
    let config = Config::parse("script.toml", &text, []).unwrap_or_else(|error| panic!("{error}"));
    Scripted { flow: config.objects.agents[0].flow.clone().expect("a script"), prompt: None }
}

const MENU: &str = r#"
[[agent.script]]
label = "menu"
gather = { prompt = "Press 1.", nothing = "Hello?", invalid = "No.", choices = { 1 = "one" }, otherwise = "bye" }
[[agent.script]]
label = "one"
say = "You pressed {digits}."
[[agent.script]]
label = "bye"
say = "Bye."
"#;

/// Somebody is asked, hears a little more, and is put through.
const LISTENS: &str = r#"
[[agent.script]]
say = "One."
[[agent.script]]
say = "Two."
[[agent.script]]
label = "order"
listen = { prompt = "Three.", nothing = "Hello?", otherwise = "bye" }
[[agent.script]]
say = "Thank you."
barge_in = false
[[agent.script]]
label = "bye"
hangup = true
"#;

fn follows(steps: &str) -> impl FnOnce(&mut CallPlan) {
    let script = script(steps);
    move |plan| {
        plan.script.clear();
        plan.flow = Some(script);
    }
}

/// What every question came to.
fn answers(world: &World, call: CallId) -> Vec<String> {
    let told = |fact: &CallFact| match fact {
        CallFact::Answer { step, came } => Some(format!("{step} {came}")),
        _ => None,
    };
    world.facts(call).iter().filter_map(told).collect()
}

fn has(world: &World, call: CallId, wanted: impl Fn(&CallFact) -> bool) -> bool {
    world.facts(call).iter().any(wanted)
}

fn completed(world: &World, call: CallId) {
    let outcome = world.outcome(call);
    assert_eq!(
        (outcome.disposition, outcome.ended_by),
        (Disposition::Completed, EndedBy::Agent),
        "{outcome:?}"
    );
    world.assert_quiet();
}

fn run_until(world: &mut World, what: &str, is_so: impl Fn(&World) -> bool) {
    for _ in 0..1_200 {
        if is_so(world) {
            return;
        }
        world.advance(Duration::from_millis(50));
    }
    panic!("a minute is over, and not: {what}");
}

/// Words of about half a second.
#[test]
fn its_first_words_wait_behind_the_gate_and_leave_in_the_packet_after_the_verdict() {
    for persona in [Persona::Person, Persona::Silent] {
        let mut world = World::new(1, Weather::CALM);
        let call = world.call_with(persona, follows(MENU));
        world.advance(Duration::from_millis(500));
        assert_eq!(world.said(call), ["Press 1."], "it is queued");
        assert!(!has(&world, call, |fact| matches!(fact, CallFact::Answered { .. })), "while it rings");
        world.run_out();
        let dead_air = world.outcome(call).dead_air.expect("it spoke");
        assert!(dead_air <= Duration::from_millis(20), "{dead_air:?}");
    }
}

#[test]
fn a_key_leads_where_the_menu_says_and_stops_its_prompt() {
    let mut world = World::new(2, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(MENU));
    run_until(&mut world, "it speaks", |world| {
        has(world, call, |fact| matches!(fact, CallFact::AgentSpoke { .. }))
    });
    world.press("1");
    world.run_out();
    assert_eq!(world.said(call), ["Press 1.", "You pressed 1.", "Bye."]);
    assert_eq!(answers(&world, call), ["menu digits"]);
    completed(&world, call);
}

#[test]
fn silence_and_wrong_keys_are_answered_and_lead_on_in_the_end() {
    let mut world = World::new(3, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(MENU));
    world.run_out();
    assert_eq!(world.said(call), ["Press 1.", "Hello?", "Press 1.", "Bye."]);
    assert_eq!(answers(&world, call), ["menu nothing", "menu nothing"]);
    completed(&world, call);

    let mut world = World::new(3, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(MENU));
    run_until(&mut world, "it speaks", |world| {
        has(world, call, |fact| matches!(fact, CallFact::AgentSpoke { .. }))
    });
    world.press("7");
    run_until(&mut world, "it says so", |world| world.said(call).contains(&"No."));
    world.advance(SECOND);
    world.press("1");
    world.run_out();
    assert_eq!(world.said(call), ["Press 1.", "No.", "You pressed 1.", "Bye."]);
    assert_eq!(answers(&world, call), ["menu invalid", "menu digits"]);
    completed(&world, call);
}

#[test]
fn who_speaks_when_asked_is_heard_to_the_end_of_its_turn() {
    let mut world = World::new(4, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(LISTENS));
    run_until(&mut world, "it has asked", |world| world.said(call).contains(&"Three."));
    world.advance(3 * SECOND);
    world.speak(&word());
    world.advance(SECOND);
    assert_eq!(answers(&world, call), [""; 0], "its turn may not be over");
    world.run_out();
    assert_eq!(answers(&world, call), ["order speech"]);
    assert_eq!(world.said(call), ["One.", "Two.", "Three.", "Thank you."]);
    assert!(!has(&world, call, |fact| matches!(fact, CallFact::BargeIn)), "nobody was interrupted");
    completed(&world, call);
}

#[test]
fn who_interrupts_stops_the_rest_of_what_is_said_and_is_heard_out() {
    let mut world = World::new(5, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(LISTENS));
    run_until(&mut world, "it speaks", |world| {
        has(world, call, |fact| matches!(fact, CallFact::AgentSpoke { .. }))
    });
    world.advance(Duration::from_millis(500));
    world.speak(&word());
    run_until(&mut world, "it is thanked", |world| world.said(call).contains(&"Thank you."));
    assert!(has(&world, call, |fact| matches!(fact, CallFact::BargeIn)));
    world.speak(&word());
    world.run_out();
    assert_eq!(world.said(call), ["One.", "Thank you."]);
    assert_eq!(answers(&world, call), ["order speech"]);
    let interruptions = world.facts(call).iter().filter(|fact| matches!(fact, CallFact::BargeIn)).count();
    assert_eq!(interruptions, 1, "what must be heard is said to its end");
    completed(&world, call);
}

#[test]
fn an_agent_that_is_not_to_be_interrupted_is_not() {
    let mut world = World::new(6, Weather::CALM);
    let call = world.call_with(Persona::Silent, |plan| {
        follows(LISTENS)(plan);
        plan.agent = Arc::new(Agent { barge_in: false, ..Agent::clone(&plan.agent) });
    });
    run_until(&mut world, "it speaks", |world| {
        has(world, call, |fact| matches!(fact, CallFact::AgentSpoke { .. }))
    });
    world.speak(&word());
    world.run_out();
    assert!(!has(&world, call, |fact| matches!(fact, CallFact::BargeIn)));
    assert_eq!(answers(&world, call), ["order nothing", "order nothing"]);
    completed(&world, call);
}

#[test]
fn a_machine_hears_what_the_agents_policy_says_and_no_step_is_done() {
    const TRANSFERS: &str = "[[agent.script]]\ntransfer = \"+15550100001\"";
    for (voicemail, steps, end) in [
        (VoicemailAction::Hangup, TRANSFERS, Disposition::VoicemailDetected),
        (VoicemailAction::LeaveMessage, MENU, Disposition::VoicemailDetected),
        (VoicemailAction::Ignore, MENU, Disposition::Completed),
    ] {
        let mut world = World::new(7, Weather::CALM);
        let call = world.call_with(Persona::Voicemail, |plan| {
            follows(steps)(plan);
            plan.voicemail = voicemail;
            plan.voicemail_message = Some("Call us back.".into());
        });
        world.run_out();
        assert_eq!(world.outcome(call).disposition, end, "{voicemail:?}");
        assert!(!has(&world, call, |fact| matches!(fact, CallFact::Transfer { .. })), "{voicemail:?}");
        assert_eq!(answers(&world, call).is_empty(), voicemail != VoicemailAction::Ignore, "{voicemail:?}");
        world.assert_quiet();
    }
}

#[test]
fn who_is_to_speak_first_is_waited_for_and_no_longer_than_silence_may_last() {
    let second = |plan: &mut CallPlan| {
        follows(MENU)(plan);
        plan.speak_order = SpeakOrder::CalleeFirst;
    };
    let mut world = World::new(8, Weather::CALM);
    let call = world.call_with(Persona::Silent, second);
    world.run_out();
    assert_eq!(world.outcome(call).disposition, Disposition::SilenceTimeout);
    assert_eq!((answers(&world, call).len(), world.outcome(call).dead_air), (0, None), "it never began");
    world.assert_quiet();

    let mut world = World::new(8, Weather::CALM);
    let call = world.call_with(Persona::Silent, second);
    world.advance(8 * SECOND);
    world.speak(&word());
    world.run_out();
    assert_eq!(answers(&world, call), ["menu nothing", "menu nothing"]);
    completed(&world, call);
}

#[test]
fn it_begins_at_the_answer_or_after_an_opener_where_the_agent_says_so() {
    for speak in [Speak::Answer, Speak::Opener] {
        let mut world = World::new(9, Weather::CALM);
        let call = world.call_with(Persona::Silent, |plan| {
            follows(MENU)(plan);
            plan.speak = speak;
            plan.opener = (speak == Speak::Opener).then(|| "Hello.".into());
        });
        world.advance(4 * SECOND);
        assert!(has(&world, call, |fact| matches!(fact, CallFact::AgentSpoke { .. })), "{speak:?}");
        assert!(
            !has(&world, call, |fact| matches!(fact, CallFact::Verdict(_))),
            "it is not known who is there"
        );
        let own = world.said(call).len();
        assert_eq!(own, usize::from(speak == Speak::Answer), "its own words wait behind an opener");
        world.run_out();
        assert_eq!(answers(&world, call), ["menu nothing", "menu nothing"], "{speak:?}");
        completed(&world, call);
    }
}

#[test]
fn a_script_that_begins_with_a_question_without_words_begins_at_the_verdict() {
    const ASKS: &str =
        "[[agent.script]]\nlisten = { timeout_seconds = 2, repeats = 0 }\n[[agent.script]]\nsay = \"Bye.\"";
    let mut world = World::new(10, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(ASKS));
    world.run_out();
    assert_eq!(answers(&world, call), ["script[0] nothing"]);
    assert_eq!(world.said(call), ["Bye."]);
    completed(&world, call);
}

#[test]
fn a_requests_prompt_is_said_and_ends_the_call_where_it_says_so() {
    let mut world = World::new(11, Weather::CALM);
    let call = world.call_with(Persona::Silent, |plan| {
        follows(MENU)(plan);
        let line = Line { said: Said::Text("Your order is here.".into()), then: LineEnd::EndCall };
        plan.flow.as_mut().expect("a script").prompt = Some(line);
    });
    world.run_out();
    assert_eq!(world.said(call), ["Your order is here."]);
    completed(&world, call);
}

#[test]
fn whoever_calls_in_is_answered_with_the_first_words_or_at_once() {
    const ASKS: &str = "[[agent.script]]\nlisten = { timeout_seconds = 2, repeats = 0 }";
    for (steps, came) in [(MENU, ["menu nothing"; 2].as_slice()), (ASKS, &["script[0] nothing"])] {
        let mut world = World::new(12, Weather::CALM).with_phone(12, |_| {});
        world.answer_by_script(script(steps));
        world.phone_calls(Deed::Stays);
        world.advance(Duration::from_millis(500));
        let call = world.calls()[0];
        assert!(has(&world, call, |fact| matches!(fact, CallFact::Answered { .. })), "{steps}");
        world.run_out();
        assert_eq!(answers(&world, call), came);
        completed(&world, call);
    }
}

#[test]
fn it_takes_over_from_a_guide_that_is_of_no_help() {
    let mut world = World::new(13, Weather::CALM);
    world.guide([Err("HTTP 500".to_owned())]);
    let call = world.call_with(Persona::Silent, |plan| {
        follows(MENU)(plan);
        let link = "https://bot.example/answer".into();
        plan.guide = Some(Guide { link, face: Face::MiniVoice, key: None, first: Vec::new() });
    });
    world.run_out();
    assert_eq!(world.said(call), ["Press 1.", "Hello?", "Press 1.", "Bye."]);
    completed(&world, call);
}

#[test]
fn a_script_that_never_ends_is_left_after_so_many_rounds() {
    const ROUND: &str = "[[agent.script]]\nlabel = \"a\"\npause_ms = 100\n[[agent.script]]\ngoto = \"a\"";
    let mut world = World::new(14, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(ROUND));
    world.run_out();
    let outcome = world.outcome(call);
    assert_eq!(outcome.disposition, Disposition::AgentFailed);
    assert_eq!(outcome.detail.as_deref(), Some("asked what to do more than 200 times"));
    world.assert_quiet();
}

#[test]
fn what_a_hold_by_hand_cuts_short_is_said_again_and_nothing_is_skipped() {
    let mut world = World::new(15, Weather::CALM);
    let call = world.call_with(Persona::Silent, follows(LISTENS));
    run_until(&mut world, "it speaks", |world| {
        has(world, call, |fact| matches!(fact, CallFact::AgentSpoke { .. }))
    });
    assert_eq!(world.control(call, Step::Hold), Ok(()));
    world.advance(30 * SECOND);
    assert_eq!(world.control(call, Step::Resume), Ok(()));
    world.run_out();
    assert_eq!(world.said(call)[..4], ["One.", "One.", "Two.", "Three."]);
    assert!(!has(&world, call, |fact| matches!(fact, CallFact::BargeIn)));
    completed(&world, call);
}

/// Whoever presses, speaks, holds or hangs up at whatever moment, in whatever weather: every call ends once, on both sides.
#[test]
fn menus_in_a_storm_end_once_each() {
    for seed in 0..16 {
        storm(seed, if seed % 2 == 0 { Weather::ROUGH } else { Weather::STORM });
    }
}

fn storm(seed: u64, weather: Weather) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut world = World::new(seed, weather);
    let mut calls = Vec::new();
    for _ in 0..6 {
        let persona = *Persona::ALL.choose(&mut dice).expect("there are personas");
        let steps = if dice.random_bool(0.5) { MENU } else { LISTENS };
        let speak = *[Speak::Verdict, Speak::Answer].choose(&mut dice).expect("two");
        calls.push(world.call_with(persona, |plan| {
            follows(steps)(plan);
            plan.speak = speak;
        }));
    }
    for _ in 0..60 {
        world.advance(Duration::from_millis(dice.random_range(0..600)));
        let call = *calls.choose(&mut dice).expect("there is a call");
        let step = match dice.random_range(0..9) {
            0 => Step::Hold,
            1 | 2 => Step::Resume,
            3 => Step::Transfer("+15550100001".parse().expect("E.164")),
            4 => Step::Say("more".into()),
            5 if dice.random_bool(0.3) => {
                world.hangup(call);
                continue;
            }
            5 | 6 => {
                world.press(["1", "7", "#"].choose(&mut dice).expect("three"));
                continue;
            }
            _ => {
                world.speak(&word());
                continue;
            }
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
