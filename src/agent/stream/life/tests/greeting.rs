//! A bot that hears the callee from its own first words on: his "Hello?" does not make it take its greeting back.

use super::*;

const HELLO: [u8; 160] = [9; 160];

/// A bot that is connected while it rings.
fn ringing() -> Stage {
    let mut stage = Stage::new(Dialect::Twilio, None);
    stage.life.hears_from = HearsFrom::FirstWords;
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
fn the_callee_is_heard_once_the_greeting_is() {
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
fn first_words_that_do_not_come_keep_the_callee_from_it_for_five_seconds() {
    for greets in [true, false] {
        let mut stage = ringing();
        if greets {
            stage.say(&[0x11; 160 * 30]);
        }
        answer(&mut stage);
        let heard = hears(&mut stage, 250);
        assert_eq!((&heard[..249], heard[249]), (&[false; 249][..], true));
    }
}
