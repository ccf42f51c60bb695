//! Programs on no clock at all: whoever runs one says when time is up.

mod answers;

use super::*;
use crate::model::{Bot, Dial, Dialect, Gather, Listener, Side, Track, Turn};

fn say(text: &str) -> Step {
    Step::Say(text.into())
}

fn clip() -> Result<Arc<Clip>, String> {
    Ok(Arc::new(Clip::from_pcmu(vec![0xff; 160])))
}

fn gather(prompt: Vec<Step>, digits_max: usize) -> Step {
    Step::Gather(Box::new(Gather {
        prompt,
        digits_max,
        finish_on: Some('#'),
        turn: None,
        timeout: Duration::from_secs(5),
        action: Some("https://bot.example/pin".to_owned().into()),
        ask_if_empty: true,
    }))
}

fn told(order: Order) -> String {
    match order {
        Order::Render { sound, text } => format!("render {sound} {text}"),
        Order::Fetch { sound, .. } => format!("fetch {sound}"),
        Order::Play { mark, .. } => format!("play {mark}"),
        Order::Clear => "clear".to_owned(),
        Order::Wait(time) => format!("wait {}", time.as_secs()),
        Order::SendDigits(digits) => format!("digits {digits}"),
        Order::Hold(on) => format!("hold {on}"),
        Order::Mute(side, on) => format!("mute {side:?} {on}"),
        Order::Record(on) => format!("record {on}"),
        Order::Transfer(to) => format!("transfer {}", to.as_str()),
        Order::Dial(dial) => format!("dial {}", dial.to[0].as_str()),
        Order::Ask { link, occasion } => {
            let why = match occasion {
                Occasion::Answered => "answered".to_owned(),
                Occasion::Redirected => "redirected".to_owned(),
                Occasion::Dialled(dialled) => dialled.status.as_str().to_owned(),
                Occasion::Gathered { digits, end } => format!("{digits} {}", end.as_str()),
            };
            format!("ask {} {why}", link.unwrap_or_default().url)
        }
        Order::Tell(Occasion::Gathered { digits, end }) => format!("tell {digits} {}", end.as_str()),
        Order::Tell(_) => "tell".to_owned(),
        Order::BargeIn(on) => format!("barge in {on}"),
        Order::Summon(bot) => format!("summon {}", place(&bot)),
        Order::Connect(bot) => format!("connect {}", place(&bot)),
        Order::StartStream(listener) => format!("stream {}", place(&listener.bot)),
        Order::StopStream => "unstream".to_owned(),
        Order::DoNotCall => "do not call".to_owned(),
        Order::Hangup => "hangup".to_owned(),
        Order::Done => "done".to_owned(),
        Order::Fail(why) => format!("fail {why}"),
    }
}

fn place(bot: &Bot) -> &str {
    bot.url.as_ref().map_or("nowhere", |url| url.as_str())
}

fn orders(program: &mut Program) -> Vec<String> {
    std::iter::from_fn(|| program.poll_order()).map(told).collect()
}

fn running(steps: Vec<Step>) -> Program {
    let mut program = Program::default();
    program.push(steps);
    program
}

#[test]
fn sounds_follow_each_other_and_the_next_is_asked_for_beforehand() {
    let mut program = running(vec![say("a"), Step::Play(Sound::Url("b".to_owned())), say("c")]);
    assert_eq!(orders(&mut program), ["render 0 a"]);
    program.ready(0, clip());
    assert_eq!(orders(&mut program), ["play 0", "fetch 1"]);
    program.ready(1, clip());
    assert!(orders(&mut program).is_empty(), "the first is still heard");
    program.marked(0);
    assert_eq!(orders(&mut program), ["play 1", "render 2 c"]);
    program.marked(1);
    assert!(orders(&mut program).is_empty(), "the last is not ready");
    program.ready(2, clip());
    assert_eq!(orders(&mut program), ["play 2"]);
    program.marked(0);
    assert!(program.is_busy(), "another sound's mark ends nothing");
    program.marked(2);
    assert_eq!(orders(&mut program), ["done"]);
    assert!(!program.is_busy());
}

#[test]
fn a_sound_that_is_recalled_is_heard_again() {
    let mut program = running(vec![say("a")]);
    program.ready(0, clip());
    program.recall(0);
    assert_eq!(orders(&mut program), ["render 0 a", "play 0", "play 0"]);
    program.marked(0);
    program.recall(0);
    assert_eq!(orders(&mut program), ["done"]);
}

#[test]
fn what_takes_no_time_is_done_at_once_and_what_does_is_waited_for() {
    let mut program = running(vec![
        Step::Mute(Side::Agent),
        Step::StartRecording,
        Step::Hold,
        Step::Pause(Duration::from_secs(3)),
        Step::Resume,
        Step::SendDigits("12#".to_owned()),
        Step::Unmute(Side::Agent),
        Step::StopRecording,
        Step::Hangup,
        say("never"),
    ]);
    assert_eq!(orders(&mut program), ["mute Agent true", "record true", "hold true", "render 0 never"]);
    program.timed_out();
    assert!(orders(&mut program).is_empty(), "nobody asked for time");
    program.hold_over();
    assert_eq!(orders(&mut program), ["wait 3"]);
    program.timed_out();
    assert_eq!(orders(&mut program), ["hold false"]);
    program.hold_over();
    assert_eq!(orders(&mut program), ["digits 12#"]);
    program.digits_sent();
    assert_eq!(orders(&mut program), ["mute Agent false", "record false", "hangup"]);
    program.push(vec![say("late")]);
    assert!(orders(&mut program).is_empty(), "who hangs up says nothing more");
}

#[test]
fn digits_are_gathered_until_there_are_enough_or_the_key_or_the_time_ends_it() {
    let mut program = running(vec![gather(vec![say("Your code?")], 4), say("then")]);
    assert_eq!(orders(&mut program), ["render 0 Your code?"]);
    program.ready(0, clip());
    assert_eq!(orders(&mut program), ["play 0", "render 1 then"]);
    program.marked(0);
    assert_eq!(orders(&mut program), ["wait 5"]);
    for digit in "123".chars() {
        program.pressed(digit);
        assert_eq!(orders(&mut program), ["wait 5"], "each digit gives as much time again");
    }
    program.pressed('4');
    assert_eq!(orders(&mut program), ["ask https://bot.example/pin 1234 num_digits"]);
    program.pressed('5');
    program.timed_out();
    assert!(orders(&mut program).is_empty(), "nothing is gathered any more");
    program.load(vec![say("thanks")]);
    assert_eq!(orders(&mut program), ["render 2 thanks"], "what was left is replaced");

    let mut program = running(vec![gather(Vec::new(), 4)]);
    program.pressed('7');
    program.pressed('#');
    assert_eq!(orders(&mut program), ["wait 5", "wait 5", "ask https://bot.example/pin 7 finish_on_key"]);

    let mut program = running(vec![gather(Vec::new(), 4)]);
    program.timed_out();
    assert_eq!(orders(&mut program), ["wait 5", "ask https://bot.example/pin  timeout"]);
}

#[test]
fn the_first_digit_stops_the_prompt() {
    let mut program =
        running(vec![gather(vec![say("a"), Step::Pause(Duration::from_secs(9)), say("b")], 2), say("c")]);
    program.ready(0, clip());
    assert_eq!(orders(&mut program), ["render 0 a", "play 0", "render 1 b"]);
    program.pressed('1');
    assert_eq!(orders(&mut program), ["clear", "wait 5"]);
    program.marked(0);
    program.ready(1, clip());
    assert!(orders(&mut program).is_empty(), "the prompt is over, whatever is told of it");
    program.pressed('2');
    assert_eq!(orders(&mut program), ["ask https://bot.example/pin 12 num_digits"]);
}

#[test]
fn without_anybody_to_tell_the_next_step_follows() {
    let silent = |ask_if_empty, action: Option<&str>| {
        let Step::Gather(mut asked) = gather(Vec::new(), 1) else { panic!("it is a gather") };
        (asked.ask_if_empty, asked.action) = (ask_if_empty, action.map(|url| url.to_owned().into()));
        running(vec![Step::Gather(asked), Step::Hangup])
    };
    for mut program in [silent(true, None), silent(false, Some("https://bot.example/pin"))] {
        program.timed_out();
        assert_eq!(orders(&mut program), ["wait 5", "hangup"]);
    }
}

#[test]
fn a_transfer_that_comes_to_nothing_goes_on_with_the_next_step() {
    let to = "+15551230002".parse().expect("E.164");
    let mut program = running(vec![Step::Transfer(to), say("Sorry.")]);
    assert_eq!(orders(&mut program), ["transfer +15551230002", "render 0 Sorry."]);
    program.ready(0, clip());
    assert!(orders(&mut program).is_empty());
    program.untransferred();
    assert_eq!(orders(&mut program), ["play 0"]);
}

#[test]
fn whoever_is_dialled_is_awaited_and_what_came_of_it_is_told_or_the_next_step_follows() {
    let dial = |action: Option<&str>| {
        let to = vec!["sip:desk@pbx.example".parse().expect("a URI")];
        Step::Dial(Arc::new(Dial { action: action.map(str::to_owned), ..Dial::new(to) }))
    };
    let mut program = running(vec![dial(None), Step::Hangup]);
    assert_eq!(orders(&mut program), ["dial sip:desk@pbx.example"]);
    program.pressed('5');
    program.untransferred();
    assert!(orders(&mut program).is_empty(), "it is awaited");
    program.dialled(Dialled::FAILED);
    assert_eq!(orders(&mut program), ["hangup"]);
    let mut program = running(vec![dial(Some("https://bot.example/done")), say("never")]);
    orders(&mut program);
    program.dialled(Dialled::FAILED);
    assert_eq!(orders(&mut program), ["ask https://bot.example/done failed"]);
}

fn asking() -> Program {
    let mut program = Program::default();
    program.inquire();
    program
}

#[test]
fn a_guide_is_asked_first_and_again_where_it_sends_us() {
    let mut program = asking();
    assert_eq!(orders(&mut program), ["ask  answered"]);
    program.load(vec![Step::Redirect("https://bot.example/b".to_owned().into()), say("never")]);
    assert_eq!(orders(&mut program), ["ask https://bot.example/b redirected", "render 0 never"]);
    program.load(Vec::new());
    assert_eq!(orders(&mut program), ["done"], "nothing to do is something to say");
}

#[test]
fn a_document_takes_the_place_of_what_is_left() {
    let mut program = running(vec![Step::Pause(Duration::from_secs(9)), say("never")]);
    assert_eq!(orders(&mut program), ["wait 9", "render 0 never"]);
    program.load(vec![say("a"), Step::Hangup]);
    assert_eq!(orders(&mut program), ["render 1 a"]);
    program.timed_out();
    program.ready(0, clip());
    assert!(orders(&mut program).is_empty(), "nobody waits for these any more");
    program.ready(1, clip());
    program.marked(1);
    assert_eq!(orders(&mut program), ["play 1", "hangup"]);
}

#[test]
fn what_comes_of_a_sound_that_was_given_up_is_not_the_next_ones() {
    let mut program = running(vec![say("never")]);
    assert_eq!(orders(&mut program), ["render 0 never"]);
    program.renew();
    program.push(vec![say("a")]);
    program.ready(0, clip());
    assert_eq!(orders(&mut program), ["render 1 a"]);
    program.ready(1, clip());
    program.marked(0);
    assert_eq!(orders(&mut program), ["play 1"], "it is heard still");
    program.marked(1);
    assert_eq!(orders(&mut program), ["done"]);
}

#[test]
fn of_two_bots_the_second_is_called_when_the_first_has_gone() {
    let mut program = running(vec![connect(), say("One more."), connect()]);
    assert_eq!(orders(&mut program), ["connect wss://bot.example/", "render 0 One more."]);
    program.ready(0, clip());
    program.bot_left(None);
    assert_eq!(orders(&mut program), ["play 0", "summon wss://bot.example/"]);
    program.marked(0);
    assert_eq!(orders(&mut program), ["connect wss://bot.example/"]);
}

#[test]
fn what_cannot_be_had_fails_once_and_what_follows_is_not_done() {
    let mut program = running(vec![say("a"), Step::Hangup]);
    program.ready(0, Err("no voice".to_owned()));
    assert_eq!(orders(&mut program), ["render 0 a", "fail no voice"]);
    assert!(!program.is_busy());
    program.push(vec![Step::Hold]);
    assert_eq!(orders(&mut program), ["hold true"], "an operator may go on");

    let mut program = asking();
    program.fail("HTTP 500".to_owned());
    program.stop();
    program.load(vec![say("late")]);
    assert!(orders(&mut program).is_empty(), "who was told to stop does nothing more");
}

#[test]
fn what_is_wanted_for_itself_is_done_though_what_was_wanted_before_it_cannot_be() {
    let mut program = Program::piecemeal();
    program.push(vec![say("a")]);
    program.push(vec![say("b")]);
    program.ready(0, Err("HTTP 404".to_owned()));
    assert_eq!(orders(&mut program), ["render 0 a", "fail HTTP 404", "render 1 b"]);
    program.ready(1, clip());
    assert_eq!(orders(&mut program), ["play 1"]);
}

#[test]
fn an_interruption_forgets_what_is_heard_and_what_is_left() {
    let mut program = running(vec![say("a"), say("b")]);
    program.ready(0, clip());
    orders(&mut program);
    program.interrupt();
    program.push(vec![say("c")]);
    assert_eq!(orders(&mut program), ["clear", "render 2 c"]);
    program.marked(0);
    program.ready(1, clip());
    assert!(orders(&mut program).is_empty());
    program.ready(2, clip());
    assert_eq!(orders(&mut program), ["play 2"]);
}

fn connect() -> Step {
    let url = "wss://bot.example/".parse().expect("a URL");
    Step::Connect(Arc::new(Bot::at(url, Dialect::Twilio)))
}

#[test]
fn what_is_known_before_the_answer_is_made_ready_and_not_done() {
    let mut program = Program::default();
    program.prepare(vec![say("hello"), connect(), Step::Hangup]);
    assert_eq!(orders(&mut program), ["summon wss://bot.example/", "render 0 hello"]);
    program.ready(0, clip());
    assert!(orders(&mut program).is_empty(), "nobody has answered");
    program.begin();
    assert_eq!(orders(&mut program), ["play 0"]);
    program.marked(0);
    assert_eq!(orders(&mut program), ["connect wss://bot.example/"]);
    program.bot_left(None);
    assert_eq!(orders(&mut program), ["hangup"]);
}

#[test]
fn a_bot_that_is_lost_fails_its_program_before_its_turn_or_in_it() {
    for heard in [false, true] {
        let mut program = running(vec![say("hello"), connect()]);
        program.ready(0, clip());
        if heard {
            program.marked(0);
        }
        orders(&mut program);
        program.bot_left(Some("nobody there".into()));
        assert_eq!(orders(&mut program), ["fail nobody there"]);
    }
}

#[test]
fn a_bot_behind_a_question_is_not_called_before_the_answer() {
    let mut program = running(vec![gather(vec![say("press 1")], 1), connect()]);
    assert_eq!(orders(&mut program), ["render 0 press 1"]);
}

#[test]
fn whoever_listens_in_delays_nothing() {
    let bot = Bot::at("wss://bot.example/".parse().expect("a URL"), Dialect::Twilio);
    let listener = Arc::new(Listener { bot, track: Track::Both });
    let mut program = running(vec![Step::StartStream(listener), Step::StopStream, Step::Hangup]);
    assert_eq!(orders(&mut program), ["stream wss://bot.example/", "unstream", "hangup"]);
}
