//! People in a browser, with browsers that nobody here wrote: aiortc, and headless Chromium at the console page with a tone for
//! a microphone. What is said is heard, both ways, and whoever vanishes is missed within a second or so.

mod callee;
mod person;
mod tone;

use std::time::Duration;

use serde_json::json;
use trunkline::agent::desk::{Manner, Quit};
use trunkline::agent::floor::Fate;

use crate::switch::eventually;
use callee::{CALLEE_HZ, Callees};
use person::Person;
use tone::strength;

/// What the person says.
const PERSON_HZ: u32 = 700;
/// A tone that has this much of the loudest moment is the tone, in spite of codecs and echo cancellers.
const MOST: f64 = 0.7;

#[test]
fn aiortc_hears_and_is_heard_and_is_missed_when_it_vanishes() {
    let callees = Callees::start();
    let tone = PERSON_HZ.to_string();
    let mut person = Person::start("peer.py", &[&callees.url(), callees.token(), &tone]);
    callees.await_free();
    let call = callees.ring(1, Manner::Ring);
    assert_eq!(person.says("ringing")["about"]["number"], "+1555•••0100");
    assert!(matches!(callees.fate(), (of, Fate::Ringing(_)) if of == call));
    let callee = callees.assigned(call);

    let heard = person.says("heard");
    assert!((heard["hz"].as_i64().expect("a frequency") - i64::from(CALLEE_HZ)).abs() <= 5, "{heard}");
    assert!(heard["rms"].as_f64().expect("a level") > 2_000.0, "{heard}");
    eventually("the person's tone", || (strength(&callee.heard(), PERSON_HZ) > MOST).then_some(()));

    person.go_on();
    person.says("closed");
    callee.await_parting(Duration::from_secs(2));
    assert!(matches!(callees.fate(), (of, Fate::Left(Quit::Gone)) if of == call));
    person.go_on();
    let over = person.says("over");
    assert_eq!((&over["whip"], &over["told"]["why"]), (&json!(404), &json!("audio_lost")));
    person.ends();
    eventually("the room of the audio", || (callees.room() == callee::LEGS_MAX).then_some(()));
}

#[test]
fn a_person_takes_calls_in_chromium() {
    let callees = Callees::start();
    let microphone = tone::pulses(PERSON_HZ);
    let path = microphone.path().display().to_string();
    let mut person = Person::start("console.py", &[&callees.url(), callees.token(), &path]);
    person.says("available");
    assert_eq!(callees.free(), 1);
    let call = callees.ring(1, Manner::Ring);
    assert!(matches!(callees.fate(), (_, Fate::Ringing(_))));
    person.go_on();
    let callee = callees.assigned(call);

    let talking = person.says("talking");
    assert_eq!((&talking["about"], &talking["width"]), (&json!("+1555•••0100"), &json!(360)));
    let heard = &talking["heard"];
    assert!((heard["hz"].as_f64().expect("a frequency") - f64::from(CALLEE_HZ)).abs() < 15.0, "{talking}");
    assert!(heard["level_db"].as_f64().expect("a level") > -50.0, "{talking}");
    eventually("the microphone's tone", || (strength(&callee.heard(), PERSON_HZ) > MOST).then_some(()));

    person.go_on();
    person.says("pressed");
    let digits = [callees.fate(), callees.fate()].map(|(_, fate)| match fate {
        Fate::Digit(digit) => digit,
        other => panic!("a digit: {other:?}"),
    });
    assert_eq!(digits, ['5', '#']);
    person.go_on();
    person.says("muted");
    eventually("silence", || callee.is_silent().then_some(()));
    person.go_on();
    person.says("transferred");
    assert!(matches!(callees.fate(), (of, Fate::Transfer(to)) if of == call && to == "+15550123"));
    person.go_on();
    person.says("ready");
    assert!(matches!(callees.fate(), (of, Fate::Left(Quit::HungUp)) if of == call));
    callee.await_parting(Duration::from_secs(1));

    let call = callees.ring(2, Manner::AtOnce);
    let callee = callees.assigned(call);
    person.go_on();
    person.says("at-once");
    eventually("the tone again", || (strength(&callee.heard(), PERSON_HZ) > MOST).then_some(()));
    callee.hang_up();
    person.go_on();
    assert_eq!(person.says("reloaded")["state"], "Offline");
    person.go_on();
    assert_eq!(person.says("signed out")["complaints"], json!([]));
    person.ends();
}
