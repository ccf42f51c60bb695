//! Ways through scripts: what is said, asked and done for each answer.

use std::time::Duration;

use super::*;
use crate::model::{FlowStep, Line, MenuKeys, Turn};

fn text(words: &str) -> Prompt {
    Prompt::Text(words.into())
}

fn step(act: FlowAct<Arc<str>>) -> FlowStep<Arc<str>> {
    FlowStep::new(act)
}

fn say(words: &str) -> FlowStep<Arc<str>> {
    step(FlowAct::Heard(text(words)))
}

fn at(label: &str, step: FlowStep<Arc<str>>) -> FlowStep<Arc<str>> {
    FlowStep { label: Some(label.into()), ..step }
}

fn goto(label: &str) -> FlowStep<Arc<str>> {
    step(FlowAct::Goto(label.into()))
}

fn hangup() -> FlowStep<Arc<str>> {
    step(FlowAct::Hangup)
}

fn branch(on: &str, cases: &[(&str, &str)]) -> FlowStep<Arc<str>> {
    let cases = cases.iter().map(|(value, to)| ((*value).to_owned(), Arc::from(*to))).collect();
    step(FlowAct::Branch(crate::model::Branch { on: on.into(), cases, otherwise: None }))
}

fn turn() -> Turn {
    Turn { silence: Duration::from_millis(600), longest: Duration::from_secs(60) }
}

/// Asks for keys, and says so when they are wrong or missing.
fn menu(choices: &[(&str, &str)], change: impl FnOnce(&mut Menu<Arc<str>>)) -> FlowStep<Arc<str>> {
    let mut menu = Menu {
        prompt: vec![text("Press a key.")],
        nothing: vec![text("Hello?")],
        invalid: vec![text("Not that one.")],
        keys: Some(MenuKeys {
            into: "digits".into(),
            digits_min: 1,
            digits_max: 4,
            finish_on: Some('#'),
            accept: Vec::new(),
            choices: choices.iter().map(|(keys, to)| ((*keys).to_owned(), Arc::from(*to))).collect(),
        }),
        turn: None,
        timeout: Duration::from_secs(5),
        repeats: 1,
        on_speech: None,
        otherwise: None,
    };
    change(&mut menu);
    step(FlowAct::Menu(Box::new(menu)))
}

fn listen(prompt: &str) -> FlowStep<Arc<str>> {
    menu(&[], |menu| {
        (menu.keys, menu.turn, menu.prompt) = (None, Some(turn()), vec![text(prompt)]);
    })
}

fn walk_with(steps: Vec<FlowStep<Arc<str>>>, prompt: Option<(&str, LineEnd)>) -> Walk {
    let flow = Arc::new(Flow::new(steps).unwrap_or_else(|faults| panic!("{faults:?}")));
    let prompt = prompt.map(|(words, then)| Line { said: Said::Text(words.into()), then });
    let variables = [Variable { name: "name".into(), value: "Ann".into() }];
    Walk::new(&Scripted { flow, prompt }, &variables, true)
}

fn walk(steps: Vec<FlowStep<Arc<str>>>) -> Walk {
    walk_with(steps, None)
}

fn told(steps: &[Step]) -> Vec<String> {
    steps
        .iter()
        .map(|step| match step {
            Step::Say(text) => format!("say {text}"),
            Step::BargeIn(on) => format!("barge_in {on}"),
            Step::Gather(gather) => {
                let prompt = told(&gather.prompt).join(", ");
                format!("gather {} [{prompt}]", gather.digits_max)
            }
            step => step.name().to_owned(),
        })
        .collect()
}

fn next(walk: &mut Walk) -> Vec<String> {
    told(&walk.go_on().expect("the script is not over"))
}

fn answer(walk: &mut Walk, digits: &str, end: GatherEnd) -> (String, &'static str, Vec<String>) {
    let (step, came, steps) = walk.answer(digits, end).expect("something was asked");
    (step.to_string(), came, told(&steps))
}

fn pressed(walk: &mut Walk, digits: &str) -> (String, &'static str, Vec<String>) {
    answer(walk, digits, GatherEnd::Complete)
}

#[test]
fn the_steps_follow_each_other_to_the_end() {
    let mut walk = walk(vec![
        say("Hello {name}, {who}."),
        step(FlowAct::Record(true)),
        step(FlowAct::Heard(Prompt::Pause(Duration::from_secs(1)))),
        step(FlowAct::SendDigits("5".into())),
        step(FlowAct::Transfer("+15551230002".parse().expect("E.164"))),
        say("Sorry."),
    ]);
    let expected = [
        "barge_in true",
        "say Hello Ann, {who}.",
        "start_recording",
        "pause",
        "dtmf",
        "transfer",
        "say Sorry.",
    ];
    assert_eq!(next(&mut walk), expected);
    assert!(walk.go_on().is_none());
    assert!(walk.answer("1", GatherEnd::Complete).is_none(), "nothing was asked");
}

#[test]
fn the_requests_prompt_is_said_first_or_where_the_script_says() {
    let hello = Some(("Your order is ready.", LineEnd::Listen));
    let bye = Some(("Goodbye.", LineEnd::EndCall));
    let first = |steps, prompt| next(&mut walk_with(steps, prompt));
    assert_eq!(first(vec![say("a")], hello), ["barge_in true", "say Your order is ready.", "say a"]);
    assert_eq!(first(vec![say("a")], bye), ["barge_in true", "say Goodbye.", "hangup"]);
    let placed = || vec![say("Hi {name}. {prompt} Thank you."), say("b")];
    assert_eq!(first(placed(), hello)[1], "say Hi Ann. Your order is ready. Thank you.");
    assert_eq!(first(placed(), bye), ["barge_in true", "say Hi Ann. Goodbye.", "hangup"]);
    assert_eq!(first(placed(), None)[1], "say Hi Ann.  Thank you.");
    let asked = menu(&[], |menu| menu.prompt = vec![text("{prompt}")]);
    assert_eq!(first(vec![asked.clone()], hello), ["barge_in true", "gather 4 [say Your order is ready.]"]);
    assert_eq!(first(vec![asked], bye), ["barge_in true", "say Goodbye.", "hangup"]);
    assert_eq!(first(vec![say("{prompt}"), hangup()], None), ["hangup"], "nothing is not spoken");
}

#[test]
fn keys_lead_where_they_are_chosen_and_stand_in_a_variable() {
    let script = || {
        vec![
            menu(&[("1", "sales"), ("22", "bye")], |_| {}),
            at("sales", say("You pressed {digits}, {heard}.")),
            at("bye", hangup()),
        ]
    };
    let mut one = walk(script());
    assert_eq!(next(&mut one), ["barge_in true", "gather 4 [say Press a key.]"]);
    let expected = vec!["say You pressed 1, digits.".to_owned(), "hangup".to_owned()];
    assert_eq!(pressed(&mut one, "1"), ("script[0]".to_owned(), "digits", expected));
    assert!(one.go_on().is_none());
    let mut other = walk(script());
    next(&mut other);
    assert_eq!(pressed(&mut other, "22").2, ["hangup"]);
}

#[test]
fn what_does_not_count_is_asked_again_and_leads_on_in_the_end() {
    let script = vec![
        at("menu", menu(&[("1", "end")], |menu| (menu.repeats, menu.otherwise) = (2, Some("late".into())))),
        at("end", hangup()),
        at("late", say("[{digits}] {heard}")),
    ];
    let mut walk = walk(script);
    next(&mut walk);
    let again = |words: &str| vec![format!("gather 4 [say {words}, say Press a key.]")];
    assert_eq!(pressed(&mut walk, "9"), ("menu".to_owned(), "invalid", again("Not that one.")));
    let silent = answer(&mut walk, "", GatherEnd::Timeout);
    assert_eq!(silent, ("menu".to_owned(), "nothing", again("Hello?")));
    let last = vec!["say [] nothing".to_owned()];
    assert_eq!(pressed(&mut walk, "12"), ("menu".to_owned(), "invalid", last));
}

#[test]
fn speech_is_an_answer_where_a_turn_is_awaited() {
    let script = vec![
        menu(&[("1", "end")], |menu| (menu.turn, menu.on_speech) = (Some(turn()), Some("heard".into()))),
        at("heard", listen("And then?")),
        branch("heard", &[("speech", "end"), ("nothing", "silent")]),
        at("silent", say("Nobody there.")),
        at("end", hangup()),
    ];
    let mut walk = walk(script);
    next(&mut walk);
    assert_eq!(answer(&mut walk, "", GatherEnd::Speech).2, ["gather 0 [say And then?]"]);
    assert_eq!(answer(&mut walk, "", GatherEnd::Timeout).1, "nothing");
    assert_eq!(answer(&mut walk, "", GatherEnd::Timeout).2, ["say Nobody there.", "hangup"]);
}

#[test]
fn a_branch_goes_by_a_variable_and_an_unset_one_is_empty() {
    let script = |on| {
        vec![
            branch(on, &[("Ann", "ann"), ("", "empty")]),
            say("other"),
            hangup(),
            at("ann", say("ann")),
            hangup(),
            at("empty", say("empty")),
        ]
    };
    for (on, said) in [("name", "say ann"), ("nobody", "say empty")] {
        assert_eq!(next(&mut walk(script(on)))[1], said);
    }
    let case = branch("name", &[("Bob", "bob")]);
    let steps = vec![case, say("not Bob"), hangup(), at("bob", hangup())];
    assert_eq!(next(&mut walk(steps))[1], "say not Bob");
}

#[test]
fn a_loop_is_gone_round_once_at_a_time() {
    let pause = step(FlowAct::Heard(Prompt::Pause(Duration::from_secs(1))));
    let mut walk = walk(vec![say("in"), at("top", say("a")), pause, goto("top")]);
    assert_eq!(next(&mut walk), ["barge_in true", "say in", "say a", "pause"]);
    for _ in 0..3 {
        assert_eq!(next(&mut walk), ["say a", "pause"]);
    }
}

#[test]
fn who_may_interrupt_is_said_when_it_changes() {
    let own = |may, step| FlowStep { barge_in: Some(may), ..step };
    let mut walk = walk(vec![say("a"), own(false, say("b")), own(false, say("c")), menu(&[], |_| {})]);
    let expected = [
        "barge_in true",
        "say a",
        "barge_in false",
        "say b",
        "say c",
        "barge_in true",
        "gather 4 [say Press a key.]",
    ];
    assert_eq!(next(&mut walk), expected);
}

#[test]
fn what_may_follow_an_answer_is_known_beforehand_unless_it_depends_on_it() {
    let script = vec![
        menu(&[("1", "one"), ("2", "two"), ("3", "three")], |_| {}),
        at("one", say("Hello {name}.")),
        hangup(),
        at("two", say("You pressed {digits}.")),
        hangup(),
        at("three", branch("digits", &[("9", "four")])),
        listen("Speak."),
        hangup(),
        at("four", goto("one")),
    ];
    let mut walk = walk(script);
    assert!(walk.take_ahead().is_empty(), "nothing is asked yet");
    next(&mut walk);
    let ahead: Vec<_> = walk.take_ahead().iter().map(ToString::to_string).collect();
    assert_eq!(ahead, ["Hello?", "Not that one.", "Hello Ann.", "Speak."]);
    assert!(walk.take_ahead().is_empty(), "once");
    pressed(&mut walk, "9");
    assert_eq!(walk.take_ahead().len(), 4, "and again when it is asked again");
}
