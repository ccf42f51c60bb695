//! Bots that send audio from when they are connected, words or none.

use super::*;

const SILENCE: [u8; 160] = [0xff; 160];
const WORD: [u8; 160] = [0x11; 160];

/// A bot that is connected, before anybody answers.
fn ringing() -> Stage {
    let mut stage = Stage::new(Dialect::Twilio, None);
    stage.life.handle_connected(stage.now);
    stage
}

/// For so many ticks the bot sends 20 ms of this, each in its time.
fn streams(stage: &mut Stage, frame: [u8; 160], ticks: usize) {
    for _ in 0..ticks {
        stage.say(&frame);
        stage.tick();
        stage.sent();
    }
}

fn heard(stage: &mut Stage) -> Vec<u8> {
    let mut all = vec![];
    while let Some(byte) = stage.pulled() {
        all.push(byte);
        stage.tick();
    }
    all
}

#[test]
fn what_a_bot_was_silent_while_it_rang_does_not_hold_up_its_first_word() {
    let mut stage = ringing();
    streams(&mut stage, SILENCE, 750);
    stage.life.handle_input(stage.now, Input::Answered);
    assert_eq!(stage.pulled(), None, "silence is sent without it");
    stage.say(&WORD);
    assert_eq!(stage.pulled(), Some(0x11));
}

#[test]
fn nor_does_the_silence_after_a_greeting_hold_up_the_first_answer() {
    let mut stage = ringing();
    streams(&mut stage, WORD, 100);
    streams(&mut stage, SILENCE, 650);
    stage.life.handle_input(stage.now, Input::Answered);
    assert_eq!(heard(&mut stage), [0x11; 100]);
    stage.say(&[0x22; 160]);
    assert_eq!(stage.pulled(), Some(0x22));
}

#[test]
fn a_pause_in_a_greeting_that_came_at_once_is_heard() {
    let mut stage = ringing();
    for frame in [&[WORD; 10][..], &[SILENCE; 50], &[WORD; 10]].concat() {
        stage.say(&frame);
    }
    for _ in 0..300 {
        stage.tick();
    }
    let heard = heard(&mut stage);
    let pause = heard.iter().filter(|byte| **byte == 0xff).count();
    assert!(heard.starts_with(&[0x11; 10]) && heard.ends_with(&[0x11; 10]));
    assert!((45..=50).contains(&pause), "{pause} frames of a second");
}

#[test]
fn a_pause_in_a_greeting_that_came_as_it_is_spoken_is_heard() {
    let mut stage = ringing();
    streams(&mut stage, SILENCE, 50);
    streams(&mut stage, WORD, 10);
    streams(&mut stage, SILENCE, 20);
    streams(&mut stage, WORD, 10);
    streams(&mut stage, SILENCE, 400);
    streams(&mut stage, WORD, 10);
    streams(&mut stage, SILENCE, 400);
    stage.life.handle_input(stage.now, Input::Answered);
    let pause = |frames| vec![0xff; frames];
    let words = vec![0x11; 10];
    let greeting = [words.clone(), pause(20), words.clone(), pause(30), words].concat();
    assert_eq!(
        heard(&mut stage),
        greeting,
        "eight seconds are no pause, but for as much as there is between sentences"
    );
}

#[test]
fn once_it_is_heard_every_silence_is() {
    let mut stage = ringing();
    stage.say(&WORD);
    assert_eq!(stage.pulled(), Some(0x11));
    for _ in 0..50 {
        stage.say(&SILENCE);
        stage.tick();
        assert_eq!(stage.pulled(), Some(0xff));
    }
    stage.mark("after a second of nothing");
    stage.tick();
    stage.sent();
    assert_eq!(stage.pulled(), None);
    stage.life.handle_input(stage.now, Input::Answered);
    stage.tick();
    assert_eq!(stage.marks(), ["after a second of nothing"]);
}
