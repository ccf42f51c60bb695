//! Whose words come first: a bot's greeting behind the gate, or the callee's "Hello?".

use super::*;

const HELLO: [u8; 160] = [9; 160];

/// A bot that is connected while it rings.
fn ringing() -> Stage {
    let mut stage = Stage::new(Dialect::Twilio, None);
    stage.life.handle_connected(stage.now);
    assert_eq!(stage.events(), [Event::Connected]);
    assert_eq!(stage.sent().len(), 2, "connected and start");
    stage
}

fn answer(stage: &mut Stage) {
    stage.life.handle_input(stage.now, Input::Answered);
}

/// For so many ticks the callee says "Hello?". What the bot was sent, and whether it heard him.
fn told(stage: &mut Stage, ticks: usize) -> Vec<(Value, bool)> {
    let said = [json!(BASE64.encode(HELLO)), json!(BASE64.encode([0xff; 160]))];
    let mut told = vec![];
    for _ in 0..ticks {
        stage.seat.offer(&HELLO);
        stage.tick();
        for message in stage.sent() {
            let payload = &message["media"]["payload"];
            assert!(said.contains(payload), "{message}");
            told.push((message["media"]["timestamp"].clone(), *payload == said[0]));
        }
    }
    told
}

fn hears(stage: &mut Stage, ticks: usize) -> Vec<bool> {
    told(stage, ticks).into_iter().map(|(_, hears)| hears).collect()
}

#[test]
fn who_has_greeted_hears_the_callee_once_its_greeting_is_heard() {
    let mut stage = ringing();
    stage.say(&[0x11; 160 * 30]);
    assert_eq!(hears(&mut stage, 100), [false; 100], "what is heard while it rings is not the callee");
    answer(&mut stage);
    assert_eq!(hears(&mut stage, 100), [false; 100], "his own words would make it take its greeting back");
    assert_eq!((stage.pulled(), stage.life.counters().frames_out), (Some(0x11), 0));
    assert_eq!(told(&mut stage, 1), [(json!("4000"), true)], "not one frame is missing between them");
    for _ in 1..30 {
        assert_eq!(stage.pulled(), Some(0x11), "not one frame too late");
        stage.tick();
    }
    assert_eq!((stage.pulled(), stage.life.counters().frames_in), (None, 30));
}

#[test]
fn a_greeting_that_is_not_let_through_keeps_the_callee_from_it_for_five_seconds() {
    let mut stage = ringing();
    stage.say(&[0x11; 160 * 30]);
    answer(&mut stage);
    let heard = hears(&mut stage, 250);
    assert_eq!((&heard[..249], heard[249]), (&[false; 249][..], true));
}

#[test]
fn who_takes_its_greeting_back_hears_the_callee_and_is_not_cut_off_from_him_in_mid_word() {
    let mut stage = ringing();
    stage.say(&[0x11; 160 * 30]);
    answer(&mut stage);
    assert_eq!(hears(&mut stage, 3), [false; 3]);
    stage.clear();
    assert_eq!(hears(&mut stage, 3), [true; 3]);
    stage.say(&[0x11; 160]);
    assert_eq!(hears(&mut stage, 3), [true; 3], "it answers him while he speaks");
}

#[test]
fn a_greeting_that_comes_late_is_first_still_if_the_callee_is_silent() {
    let mut stage = ringing();
    answer(&mut stage);
    for _ in 0..50 {
        stage.seat.offer(&[0xf8; 160]);
        stage.tick();
    }
    assert_eq!((stage.sent().len(), stage.life.counters().frames_out), (50, 50), "his line's own noise");
    stage.say(&[0x11; 160 * 30]);
    assert_eq!(hears(&mut stage, 10), [false; 10]);
}

#[test]
fn who_has_said_nothing_or_only_silence_hears_from_the_answer_on() {
    for silence in [0, 100] {
        let mut stage = ringing();
        for _ in 0..silence {
            stage.say(&[0xff; 160]);
            stage.tick();
        }
        stage.sent();
        answer(&mut stage);
        assert_eq!(hears(&mut stage, 3), [true; 3]);
    }
}
