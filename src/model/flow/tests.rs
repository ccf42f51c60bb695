//! What becomes a script, and what does not: each fault by its step and field.

use super::*;

fn say(text: &str) -> FlowStep<Arc<str>> {
    FlowStep::new(FlowAct::Heard(Prompt::Text(text.into())))
}

fn goto(label: &str) -> FlowStep<Arc<str>> {
    FlowStep::new(FlowAct::Goto(label.into()))
}

fn hangup() -> FlowStep<Arc<str>> {
    FlowStep::new(FlowAct::Hangup)
}

fn pause() -> FlowStep<Arc<str>> {
    FlowStep::new(FlowAct::Heard(Prompt::Pause(Duration::from_secs(1))))
}

fn labelled(label: &str, step: FlowStep<Arc<str>>) -> FlowStep<Arc<str>> {
    FlowStep { label: Some(label.into()), ..step }
}

fn menu(choices: &[(&str, &str)], otherwise: Option<&str>) -> FlowStep<Arc<str>> {
    let choices = choices.iter().map(|(digits, label)| ((*digits).to_owned(), Arc::from(*label))).collect();
    FlowStep::new(FlowAct::Menu(Box::new(Menu {
        prompt: vec![Prompt::Text("Press a key.".into())],
        nothing: Vec::new(),
        invalid: Vec::new(),
        keys: Some(MenuKeys {
            into: "digits".into(),
            digits_min: 1,
            digits_max: 2,
            finish_on: None,
            accept: Vec::new(),
            choices,
        }),
        turn: None,
        timeout: Duration::from_secs(5),
        repeats: 1,
        on_speech: None,
        otherwise: otherwise.map(Into::into),
    })))
}

fn branch(cases: &[(&str, &str)], otherwise: Option<&str>) -> FlowStep<Arc<str>> {
    FlowStep::new(FlowAct::Branch(Branch {
        on: "digits".into(),
        cases: cases.iter().map(|(value, label)| ((*value).to_owned(), Arc::from(*label))).collect(),
        otherwise: otherwise.map(Into::into),
    }))
}

/// Every fault as `step field: reason`.
fn faults(steps: Vec<FlowStep<Arc<str>>>) -> Vec<String> {
    let faults = Flow::new(steps).expect_err("it does not hold");
    let told = |fault: FlowFault| {
        let place = fault.step.map_or_else(|| "-".to_owned(), |step| step.to_string());
        format!("{place} {}: {}", fault.field, fault.reason)
    };
    faults.into_iter().map(told).collect()
}

#[test]
fn labels_become_places() {
    let flow = Flow::new(vec![
        say("Hello {name}."),
        labelled("menu", menu(&[("1", "sales"), ("2", "menu")], Some("bye"))),
        labelled("sales", say("{prompt}")),
        branch(&[("7", "menu")], None),
        labelled("bye", hangup()),
    ])
    .expect("it holds");
    let FlowAct::Menu(menu) = &flow.steps()[1].act else { panic!("it is a menu") };
    let keys = menu.keys.as_ref().expect("it takes keys");
    assert_eq!(keys.choices, [("1".to_owned(), 2), ("2".to_owned(), 1)]);
    assert_eq!(menu.otherwise, Some(4));
    assert!(flow.places_prompt());
    assert_eq!(flow.sets().collect::<Vec<_>>(), ["digits", "prompt", "heard"]);
    assert_eq!((&*flow.name(1), &*flow.name(3)), ("menu", "script[3]"));
    assert!(!Flow::new(vec![say("{name}")]).expect("it holds").places_prompt());
}

#[test]
fn a_script_has_steps_and_not_too_many() {
    assert_eq!(faults(Vec::new()), ["- : must be 1 to 100 steps, not 0"]);
    assert_eq!(faults(vec![say("a"); 101]), ["- : must be 1 to 100 steps, not 101"]);
}

#[test]
fn a_label_is_a_name_and_one_steps_alone() {
    let steps = vec![labelled("a", say("a")), labelled("a", say("b")), labelled("b c", say("c"))];
    let expected =
        ["1 label: `a` is script[0] already", "2 label: must be 1 to 64 letters, digits, `.`, `_` or `-`"];
    assert_eq!(faults(steps), expected);
}

#[test]
fn a_target_that_is_not_there_is_named_where_it_stands() {
    let steps = vec![menu(&[("1", "x")], Some("y")), branch(&[("7", "z")], Some("q")), goto("w")];
    let expected = [
        "0 gather.choices.1: there is no step labelled `x`",
        "0 gather.otherwise: there is no step labelled `y`",
        "1 branch.cases.7: there is no step labelled `z`",
        "1 branch.otherwise: there is no step labelled `q`",
        "2 goto: there is no step labelled `w`",
    ];
    assert_eq!(faults(steps), expected);
}

#[test]
fn a_step_that_nothing_leads_to_is_refused() {
    let lost = |place| format!("{place} : is never reached: no step leads there");
    assert_eq!(faults(vec![hangup(), say("late"), goto("x"), labelled("x", pause())]), [1, 2, 3].map(lost));
    // Digits that count lead elsewhere, and so does everything else.
    let steps = vec![menu(&[("1", "end")], Some("end")), say("late"), labelled("end", hangup())];
    assert_eq!(faults(steps), [lost(1)]);
}

#[test]
fn a_loop_that_waits_for_nobody_is_refused_and_one_that_does_is_not() {
    let round =
        |place| format!("{place} : goes round for ever: put a gather, a listen or a pause into the loop");
    assert_eq!(faults(vec![labelled("a", goto("a"))]), [round(0)]);
    let steps = vec![
        say("in"),
        labelled("a", say("a")),
        branch(&[("1", "end")], Some("a")),
        labelled("end", hangup()),
    ];
    assert_eq!(faults(steps), [round(1)], "the first step of the loop, not what leads into it");
    for waits in [pause(), menu(&[], None)] {
        let steps = vec![labelled("a", say("a")), waits, goto("a")];
        assert!(Flow::new(steps).is_ok());
    }
}

#[test]
fn digits_count_by_choice_by_pattern_or_by_their_number() {
    let keys = |accept: &[&str], choices: &[&str]| MenuKeys {
        into: "digits".into(),
        digits_min: 2,
        digits_max: 4,
        finish_on: None,
        accept: accept.iter().map(|one| (*one).to_owned()).collect(),
        choices: choices.iter().map(|one| ((*one).to_owned(), 0)).collect(),
    };
    let taken = |keys: &MenuKeys<usize>| {
        ["", "1", "12", "4321", "12345"].into_iter().filter(|digits| keys.take(digits)).collect::<Vec<_>>()
    };
    assert_eq!(taken(&keys(&[], &[])), ["12", "4321"]);
    assert_eq!(taken(&keys(&["1", "4xx1"], &[])), ["1", "4321"]);
    assert_eq!(taken(&keys(&[], &["1"])), ["1"]);
}
