//! What waits before the port, its marks, and how much of it may wait.

use super::*;

#[test]
fn marks_come_back_when_what_they_follow_is_heard() {
    let mut stage = Stage::twilio();
    stage.say(&[1; 160 * 2]);
    stage.mark("a");
    stage.say(&[2; 160]);
    stage.mark("b");
    stage.mark("c");
    let mut told = vec![];
    for _ in 0..4 {
        stage.pulled();
        stage.tick();
        told.push(stage.marks());
    }
    assert_eq!(told, [vec![], vec!["a".to_owned()], vec!["b".into(), "c".into()], vec![]]);
}

#[test]
fn clearing_silences_at_once_and_gives_back_every_mark_in_order() {
    let mut stage = Stage::twilio();
    for name in 0..10 {
        stage.say(&[1; 160 * 10]);
        stage.mark(&name.to_string());
    }
    assert_eq!(stage.pulled(), Some(1));
    stage.clear();
    stage.say(&[2; 160]);
    stage.mark("after");
    stage.tick();
    assert_eq!(stage.pulled(), Some(2), "the next that is heard is what came after");
    stage.tick();
    assert_eq!(stage.pulled(), None);
    stage.tick();
    let told = stage.marks();
    assert_eq!(told, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "after"]);
    assert_eq!(stage.life.counters().clears, 1);
}

#[test]
fn five_minutes_that_wait_close_the_ears_until_there_is_room() {
    let mut stage = Stage::twilio();
    let second = [1; 8_000];
    for _ in 0..300 {
        assert!(!stage.life.is_full());
        stage.say(&second);
    }
    // The port took its share.
    stage.say(&second);
    assert!(stage.life.is_full());
    let mut heard = 0;
    while stage.life.is_full() {
        heard += usize::from(stage.pulled().is_some());
        stage.tick();
    }
    assert!(heard > 0 && heard < 60, "{heard}");
    assert_eq!(stage.life.counters().frames_in, (301 * 8_000 / 160) as u64);
    const { assert!(FULL == 300 * 8_000 && MARKS_MAX * FRAME as usize >= FULL) };
}

#[test]
fn marks_without_end_close_the_ears_too() {
    let mut stage = Stage::twilio();
    stage.say(&[1; 160 * 20]);
    for name in 0..MARKS_MAX {
        assert!(!stage.life.is_full());
        stage.mark(&name.to_string());
    }
    assert!(stage.life.is_full());
    let mut told = 0;
    for _ in 0..20 + MARKS_MAX / WORDS_MAX + 2 {
        stage.pulled();
        stage.tick();
        told += stage.marks().len();
    }
    assert!(!stage.life.is_full());
    assert_eq!(told, MARKS_MAX);
}

#[test]
fn a_bot_that_marks_every_20_ms_is_heard_when_it_clears_two_minutes_ahead() {
    let mut stage = Stage::twilio();
    for name in 0..120 * 50 {
        stage.say(&[1; 160]);
        stage.mark(&name.to_string());
    }
    assert!(!stage.life.is_full());
    stage.clear();
    assert_eq!(stage.pulled(), None);
    let mut told = vec![];
    for _ in 0..10 {
        let marks = stage.marks();
        assert!(marks.len() <= WAITING_MAX, "no more at once than one reads");
        told.extend(marks);
        stage.tick();
    }
    let all: Vec<_> = (0..120 * 50).map(|name| name.to_string()).collect();
    assert!(told == all, "{} were told of", told.len());
}

#[test]
fn answers_that_nobody_reads_close_the_ears_too() {
    let mut stage = Stage::new(Dialect::Jambonz, None);
    stage.life.handle_connected(stage.now);
    let mut asked = 0;
    while !stage.life.is_full() {
        stage.text(&json!({ "type": "mark", "data": { "name": "m" } }));
        stage.text(&json!({ "type": "clearMarks" }));
        asked += 1;
        assert!(asked <= WAITING_MAX, "answers pile up");
    }
    stage.sent();
    assert!(!stage.life.is_full());
}
