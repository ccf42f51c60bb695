//! What a bridge hears: a verdict, silence, an interruption.

use super::*;

fn at(side: &Side, wanted: impl Fn(&Event) -> bool) -> Option<Instant> {
    side.events.iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at)
}

#[test]
fn a_person_says_hello_and_the_agent_s_first_packet_leaves_in_the_verdict_s_tick() {
    let mut pair = Pair::connected(20, Wire { loss: 2, repeat: 2, jitter_ms: 15 }, listening(), deaf());
    for command in [
        Command::Arm(Rule { when: When::Human, then: Then::OpenGate, once: true }),
        play(&clip(500, 9_000), 1),
    ] {
        pair.near(command);
    }
    pair.far(Command::OpenGate);
    pair.far(play(&greeting(700), 1));
    pair.advance(4 * SECOND);
    let verdict = at(
        &pair.near,
        |event| matches!(event, Event::Verdict(verdict) if verdict.class == amd::Class::Human),
    );
    let opened = at(&pair.near, |event| matches!(event, Event::Opened { dead_air } if dead_air.is_zero()));
    assert!(verdict.is_some() && verdict == opened, "{:#?}", pair.near.events);
    let said = pair.near.agent_side().iter().position(|sample| *sample > 8_000).expect("said") / FRAME;
    let first = pair.near.events.iter().position(|(_, event)| matches!(event, Event::Opened { .. }));
    assert!(first.is_some());
    let tick = (opened.expect("opened") - pair.near.events[0].0).as_millis() / 20;
    assert!((tick as i64 - said as i64).abs() <= 2, "said in frame {said}, opened in tick {tick}");
}

#[test]
fn without_a_single_packet_the_detector_s_clock_runs_from_the_answer() {
    let mut pair = Pair::new(21, Wire::default(), listening(), deaf());
    pair.near(Command::Remote(agreement(&Capabilities::default()).0));
    pair.near(play(&clip(500, 9_000), 1));
    pair.near(Command::Arm(Rule { when: When::NoSpeech, then: Then::OpenGate, once: true }));
    pair.advance(10 * SECOND);
    assert_eq!(pair.near.count(|event| matches!(event, Event::Verdict(_))), 0, "nobody answered");
    let answered = pair.now;
    pair.near(Command::Answered);
    pair.advance(10 * SECOND);
    let verdict = pair.near.events.iter().find_map(|(at, event)| match event {
        Event::Verdict(verdict) => Some((*at, verdict.class, verdict.at_ms)),
        _ => None,
    });
    let (told, class, at_ms) = verdict.expect("a verdict");
    assert_eq!(class, amd::Class::NoSpeech);
    let elapsed = (told - answered).as_millis() as i64;
    assert!((elapsed - i64::from(at_ms)).abs() <= 20, "told after {elapsed} ms, said {at_ms}");
    assert_eq!(pair.near.marks(), [(1, false)]);
}

#[test]
fn a_callee_who_speaks_up_silences_the_agent() {
    let mut pair = Pair::connected(22, Wire::default(), listening(), deaf());
    let min = Duration::from_millis(200);
    pair.near(Command::Arm(Rule { when: When::Speech { min }, then: Then::Clear, once: false }));
    pair.near(Command::OpenGate);
    pair.near(play(&clip(9_000, 9_000), 1));
    pair.far(Command::OpenGate);
    pair.advance(SECOND);
    pair.far(play(&greeting(1_000), 1));
    pair.advance(4 * SECOND);
    assert_eq!(pair.near.marks(), [(1, true)]);
    let began = at(&pair.near, |event| matches!(event, Event::SpeechStarted)).expect("speech");
    let cleared =
        at(&pair.near, |event| matches!(event, Event::Marked { cleared: true, .. })).expect("cleared");
    assert!((180..=220).contains(&(cleared - began).as_millis()), "{:?}", cleared - began);
    let spoke = pair.near.events.iter().find_map(|(_, event)| match event {
        Event::SpeechEnded { spoke } => Some(*spoke),
        _ => None,
    });
    assert!(spoke.is_some_and(|spoke| (800..1_800).contains(&spoke.as_millis())), "{spoke:?}");
}

fn classes(side: &Side) -> Vec<amd::Class> {
    let class = |event: &Event| match event {
        Event::Verdict(verdict) => Some(verdict.class),
        _ => None,
    };
    side.events.iter().filter_map(|(_, event)| class(event)).collect()
}

/// Hello, a pause of 1.3 s, and three seconds of talk; meanwhile the agent says something from the verdict on, or nothing.
fn hello_and_then_talk(seed: u64, agent: Option<&Arc<Clip>>) -> Vec<amd::Class> {
    let mut pair = Pair::connected(seed, Wire::default(), listening(), deaf());
    pair.near(Command::Arm(Rule { when: When::Human, then: Then::OpenGate, once: true }));
    if let Some(clip) = agent {
        pair.near(play(clip, 1));
    }
    pair.far(Command::OpenGate);
    pair.far(play(&greeting(700), 1));
    pair.advance(2 * SECOND);
    pair.far(play(&greeting(3_000), 2));
    pair.advance(5 * SECOND);
    classes(&pair.near)
}

#[test]
fn a_person_who_answers_the_agent_at_length_stays_a_person() {
    use amd::Class::{Human, Machine};
    assert_eq!(hello_and_then_talk(23, None), [Human, Machine], "nobody had said anything");
    assert_eq!(hello_and_then_talk(24, Some(&clip(900, 9_000))), [Human]);
    assert_eq!(hello_and_then_talk(25, Some(&clip(5_000, 9_000))), [Human], "the agent's own echo");
}
