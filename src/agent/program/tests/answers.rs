//! Questions and what answers them: keys, words, silence, interruptions.

use super::*;

/// Asks for keys, or for the callee's turn where `turn` says so; whoever made it is told.
fn question(prompt: Vec<Step>, digits_max: usize, turn: bool) -> Step {
    let Step::Gather(mut asked) = gather(prompt, digits_max) else { panic!("it is a gather") };
    asked.action = Some(Action::Tell);
    asked.turn =
        turn.then_some(Turn { silence: Duration::from_millis(900), longest: Duration::from_secs(60) });
    Step::Gather(asked)
}

/// One whose first steps wait behind the gate.
fn gated(steps: Vec<Step>) -> Program {
    let mut program = Program::default();
    program.gate(steps);
    program
}

#[test]
fn the_first_words_are_queued_before_the_answer_and_nothing_else_is_done() {
    let mut program = gated(vec![Step::BargeIn(true), question(vec![say("a"), say("b")], 1, false)]);
    assert_eq!(orders(&mut program), ["barge in true", "render 0 a"]);
    assert!(!program.is_busy(), "nobody has answered: silence still ends the call");
    program.ready(0, clip());
    assert_eq!(orders(&mut program), ["play 0", "render 1 b"]);
    assert!(program.is_about_to_speak());
    program.pressed('1');
    assert!(orders(&mut program).is_empty(), "what was not asked yet has no answer");
    program.begin();
    assert!(program.is_busy() && orders(&mut program).is_empty(), "it is queued already");
    program.pressed('1');
    assert_eq!(orders(&mut program), ["clear", "tell 1 num_digits"]);
}

#[test]
fn what_does_not_speak_waits_for_the_answer() {
    for first in [Step::Hangup, Step::Pause(Duration::from_secs(3)), question(Vec::new(), 1, false)] {
        let mut program = gated(vec![first]);
        assert!(orders(&mut program).is_empty() && !program.is_about_to_speak());
        program.begin();
        assert_eq!(orders(&mut program).len(), 1);
    }
    let mut program = gated(Vec::new());
    assert!(orders(&mut program).is_empty());
    program.begin();
    assert_eq!(orders(&mut program), ["done"]);
}

#[test]
fn while_something_else_is_said_nothing_is_done_but_made_ready() {
    let mut program = gated(vec![Step::BargeIn(false), say("a"), say("b")]);
    let beforehand = |program: &mut Program| {
        std::iter::from_fn(|| program.poll_beforehand()).map(told).collect::<Vec<_>>()
    };
    assert_eq!(beforehand(&mut program), ["barge in false", "render 0 a"]);
    program.ready(0, clip());
    assert!(beforehand(&mut program).is_empty());
    assert_eq!(orders(&mut program), ["play 0", "render 1 b"]);
}

#[test]
fn the_callees_turn_is_an_answer_when_it_is_over() {
    let mut program = running(vec![question(Vec::new(), 0, true)]);
    assert_eq!(program.turn_silence(), Some(Duration::from_millis(900)));
    program.turn_ended();
    assert_eq!(orders(&mut program), ["wait 5"], "nobody has spoken since it was asked");
    program.callee_speaks();
    assert_eq!(orders(&mut program), ["wait 60"]);
    program.callee_pauses();
    program.pressed('1');
    assert!(orders(&mut program).is_empty(), "keys are no answer");
    program.turn_ended();
    assert_eq!(orders(&mut program), ["tell  speech"]);
    program.turn_ended();
    assert!(orders(&mut program).is_empty());
}

#[test]
fn silence_and_speech_without_end_are_answers_in_their_time() {
    let mut silent = running(vec![question(Vec::new(), 1, true)]);
    silent.timed_out();
    assert_eq!(orders(&mut silent), ["wait 5", "tell  timeout"]);
    let mut endless = running(vec![question(Vec::new(), 1, true)]);
    endless.callee_speaks();
    endless.timed_out();
    assert_eq!(orders(&mut endless), ["wait 5", "wait 60", "tell  speech"]);
}

#[test]
fn a_key_counts_for_more_than_a_word() {
    let mut program = running(vec![question(Vec::new(), 2, true)]);
    program.callee_speaks();
    program.pressed('1');
    assert_eq!(orders(&mut program), ["wait 5", "wait 60", "wait 5"]);
    program.turn_ended();
    assert_eq!(program.turn_silence(), None);
    assert!(orders(&mut program).is_empty(), "the second key is awaited");
    program.timed_out();
    assert_eq!(orders(&mut program), ["tell 1 timeout"]);
}

#[test]
fn who_speaks_before_it_is_asked_is_not_asked_to_begin_again() {
    let mut program = running(vec![question(vec![say("Yes?")], 0, true)]);
    program.ready(0, clip());
    program.callee_speaks();
    orders(&mut program);
    program.marked(0);
    assert_eq!(orders(&mut program), ["wait 5", "wait 60"]);
    program.turn_ended();
    assert_eq!(orders(&mut program), ["tell  speech"]);
}

#[test]
fn who_interrupts_a_question_has_begun_to_answer_it() {
    let mut program =
        running(vec![question(vec![say("a"), Step::Pause(Duration::from_secs(9)), say("b")], 1, true)]);
    program.ready(0, clip());
    orders(&mut program);
    program.callee_speaks();
    assert!(program.barged(0));
    assert_eq!(orders(&mut program), ["wait 60"], "the rest of the prompt goes with what was cut short");
    program.turn_ended();
    assert_eq!(orders(&mut program), ["tell  speech"]);
    assert!(!program.barged(0), "nothing is heard any more");
}

#[test]
fn who_interrupts_what_comes_before_a_question_answers_it_too() {
    let mut program = running(vec![
        say("a"),
        say("b"),
        Step::BargeIn(true),
        question(vec![say("c")], 0, true),
        Step::Hangup,
    ]);
    program.ready(0, clip());
    orders(&mut program);
    assert!(program.barged(0));
    assert_eq!(orders(&mut program), ["barge in true", "wait 60"]);
    program.turn_ended();
    assert_eq!(orders(&mut program), ["tell  speech"]);
}

#[test]
fn who_interrupts_is_heard_out_and_what_must_be_heard_follows() {
    let mut program = running(vec![say("a"), say("b"), Step::BargeIn(false), say("c"), Step::Hangup]);
    program.ready(0, clip());
    orders(&mut program);
    assert!(program.barged(0));
    assert_eq!(orders(&mut program), ["wait 60", "render 2 c"]);
    program.turn_ended();
    program.ready(2, clip());
    assert_eq!(orders(&mut program), ["barge in false", "play 2"]);
    program.marked(2);
    assert_eq!(orders(&mut program), ["hangup"]);

    // Whoever never falls silent is not waited for for ever.
    let mut program = running(vec![say("a"), Step::Hangup]);
    program.ready(0, clip());
    program.barged(0);
    orders(&mut program);
    program.timed_out();
    assert_eq!(orders(&mut program), ["hangup"]);
}

#[test]
fn a_word_in_a_question_for_keys_leaves_it_awaiting_them() {
    let mut program = running(vec![question(vec![say("a"), say("b")], 1, false)]);
    program.ready(0, clip());
    orders(&mut program);
    assert!(program.barged(0));
    assert_eq!(orders(&mut program), ["wait 60"]);
    program.turn_ended();
    assert_eq!(orders(&mut program), ["wait 5"]);
    program.pressed('1');
    assert_eq!(orders(&mut program), ["tell 1 num_digits"]);
}

#[test]
fn whoever_knows_the_menu_presses_its_key_before_it_is_read_out() {
    let begun = |steps: Vec<Step>| {
        let mut program = running(steps);
        program.ready(0, clip());
        orders(&mut program);
        program.pressed('1');
        program
    };
    let menu = || question(vec![say("c")], 1, false);
    let mut known = begun(vec![Step::BargeIn(true), say("a"), say("b"), Step::BargeIn(false), menu()]);
    assert_eq!(orders(&mut known), ["barge in false", "clear", "tell 1 num_digits"]);
    known.load(vec![say("d")]);
    assert_eq!(orders(&mut known), ["render 3 d"]);

    let own = vec![Step::BargeIn(false), say("a"), Step::BargeIn(true), menu()];
    assert!(orders(&mut begun(own)).is_empty(), "what must be heard is heard");
    let later = vec![Step::BargeIn(true), say("a"), Step::BargeIn(false), say("b"), menu()];
    assert!(
        orders(&mut begun(later)).is_empty(),
        "up to what must be heard it would be, and is not the menu's"
    );
    let none = vec![Step::BargeIn(true), say("a"), question(Vec::new(), 0, true)];
    assert!(orders(&mut begun(none)).is_empty(), "no key is asked for");
    assert!(orders(&mut begun(vec![say("a"), menu()])).is_empty(), "a document says when keys count");
}
