//! One call, from its ring to its wrap-up.

use std::net::SocketAddrV4;

use serde_json::{Value, json};

use super::callee::{CALLEE_HZ, Callees};
use super::person::Person;
use super::{COLLEAGUE_HZ, PERSON_HZ, call_of, counted, hired, staffed};
use crate::callees;
use crate::switch::{Place, Setup, Sipp, Switch, eventually, spoken_ms};
use crate::tone;
use trunkline::simulator::Persona;

#[test]
fn a_person_takes_calls_in_chromium() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let setup =
        Setup::new().number("inbound = true").agent("amd = {}").extra("[people]\nreturn_seconds = 60");
    let setup = staffed(setup, "wrap_up_seconds = 60");
    let switch = setup.at(place).start();
    let (secret, microphone) = (hired(&switch, "Ada"), tone::pulses(PERSON_HZ));
    let path = microphone.path().display().to_string();
    let mut person = Person::start("console.py", &switch.place, &[&secret, &path]);
    person.says("available");

    // Somebody calls in: it rings, and the person takes it.
    let trunk = SocketAddrV4::new(switch.place.trunk, 5081);
    let caller = Sipp::run(trunk, "inbound-answered", &["-m", "1", &switch.place.sip().to_string()]);
    let rang = person.says("rang");
    assert_eq!((&rang["about"], &rang["width"]), (&json!("+15550102030"), &json!(360)));
    caller.succeed(1);
    person.go_on();
    person.says("ready");

    // Somebody whom we have called is on at once.
    let call = switch.call_with(json!({ "prompt": "Ask {name} about {day}.",
        "dynamic_vars": { "name": "Ann", "day": "Tuesday", "last_order": "7 <b>boats</b>" } }));
    let talking = person.says("talking");
    assert_eq!((&talking["about"], &talking["brief"]), (&json!("Ann"), &json!("Ask Ann about Tuesday.")));
    assert_eq!(talking["details"], json!(["day", "Tuesday", "last order", "7 <b>boats</b>"]));
    hears_the_callee(&talking);
    callees.await_tone(0, PERSON_HZ);
    person.go_on();
    person.says("pressed");
    callees.await_keys("5#");
    person.go_on();
    person.says("muted");
    callees.await_silence(0);
    person.go_on();
    person.says("held");
    callees.await_hold(true);
    person.go_on();
    person.says("taken back");
    callees.await_hold(false);
    person.go_on();
    hears_the_callee(&person.says("back"));
    callees.await_tone(0, PERSON_HZ);
    person.go_on();
    person.says("objected");
    person.go_on();
    person.says("hung up");
    callees.await_over(1);
    let record = switch.call_until_ended(&call);
    assert_eq!(record["ended_reason"], "completed", "{record}");
    let number = record["to"].as_str().expect("a number");
    assert_eq!(switch.get(&format!("/v1/native/do-not-call/{number}")).json["reason"], "asked");
    person.go_on();
    assert_eq!(person.says("reloaded")["state"], "Offline");
    person.go_on();
    assert_eq!(person.says("signed out")["complaints"], json!([]));
    person.ends();
    assert_eq!((counted(&switch, "assigned"), counted(&switch, "lost")), (2.0, 0.0));
    assert_eq!(counted(&switch, "returned"), 1.0, "by the page that was loaded again");
    assert_eq!(switch.complaints(), [""; 0]);
}

fn hears_the_callee(said: &Value) {
    let heard = &said["heard"];
    assert!((heard["hz"].as_f64().expect("a frequency") - f64::from(CALLEE_HZ)).abs() < 15.0, "{said}");
    assert!(heard["level_db"].as_f64().expect("a level") > -50.0, "{said}");
}

#[test]
fn a_person_whose_audio_breaks_comes_back_into_its_call_and_the_callee_hears_music_meanwhile() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let setup = Setup::new().agent("amd = {}").extra("[people]\nreturn_seconds = 60");
    let switch = staffed(setup, "").at(place).start();
    let mut person = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let id = switch.call();
    let call = call_of(&person.is("talking"));
    callees.await_tone(0, PERSON_HZ);
    person.does("close");
    let away = person.is("away");
    assert_eq!((&away["call"], &away["audio"]), (&json!(call), &json!(false)));
    assert!(away["ends_ms"].as_u64().is_some_and(|ms| ms > 50_000), "{away}");
    callees.await_tone(0, MUSIC_HZ);
    person.does("reconnect");
    assert_eq!(call_of(&person.is("talking")), call);
    callees.await_tone(0, PERSON_HZ);
    person.hears(CALLEE_HZ);
    assert_eq!(person.does(&format!("calls/{call}/hangup"))["status"], 204);
    assert_eq!(switch.call_until_ended(&id)["ended_reason"], "completed");
    assert_eq!((counted(&switch, "returned"), counted(&switch, "lost")), (1.0, 0.0));
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn what_aiortc_says_comes_back_from_the_carrier_and_a_page_that_stays_closed_ends_the_call() {
    let switch = staffed(Setup::new().extra("[people]\nreturn_seconds = 1"), "").start();
    let sipp = Sipp::at(&switch.place, "echo");
    let mut person = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let call = switch.call();
    person.is("talking");
    person.hears(PERSON_HZ);
    person.does("close");
    let over = person.until("the end", |said| said["event"] == "over");
    assert_eq!(over["why"], "audio_lost");
    let record = switch.call_until_ended(&call);
    assert_eq!(record["ended_reason"], "agent_failed", "{record}");
    sipp.succeed(1);
    assert_eq!(counted(&switch, "lost"), 1.0);
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn whom_nobody_is_free_for_hears_why_it_was_called_and_is_counted() {
    let place = Place::claim();
    let _callees = callees::Callees::at(&place);
    let people = "patience_ms = 200\nnotice = \"{name}, we called too soon.\"";
    let setup = staffed(Setup::new().agent("amd = {}").says("agent-goodbye"), people);
    let switch = setup.at(place).start();
    let call = switch.call_with(json!({ "to_number": callees::number(Persona::Person) }));
    let record = switch.call_until_ended(&call);
    assert_eq!((&record["status"], &record["ended_reason"]), (&json!("completed"), &json!("abandoned")));
    let recording = switch.recording(&record).expect("it was answered");
    assert!(spoken_ms(&recording.agent) > 500, "{}", spoken_ms(&recording.agent));
    let native = switch.get(&format!("/v1/native/calls/{call}")).json;
    assert_eq!(
        (&native["disposition"], &native["sip"]["detail"]),
        (&json!("abandoned"), &json!("nobody was free in time"))
    );
    assert_eq!(counted(&switch, "abandoned"), 1.0);
    assert_eq!(switch.metrics().ended("abandoned"), 1.0);
}

#[test]
fn who_calls_in_hears_music_until_somebody_takes_the_call() {
    let setup = staffed(Setup::new().number("inbound = true"), "music = true");
    let switch = setup.anonymous().start();
    let mut person = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let caller = Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered");
    let call = call_of(&person.is("ringing"));
    // It is answered while it rings here, and half a second of music has left.
    eventually("the answer", || (state(&switch, &call) == "answered").then_some(()));
    switch.metrics_until("music", |metrics| metrics.sum("trunkline_rtp_packets_sent_total", &[]) >= 25.0);
    assert_eq!(person.does(&format!("calls/{call}/accept"))["status"], 204);
    person.is("talking");
    // A second of what it says.
    person.does("hear");
    assert_eq!(person.does(&format!("calls/{call}/hangup"))["status"], 204);
    caller.succeed(1);
    let heard = heard_in(&switch, &call);
    let (music, voice) = (first_of(&heard, MUSIC_HZ), first_of(&heard, PERSON_HZ));
    assert!(music.is_some() && music < voice, "music at {music:?}, the person at {voice:?}");
    let voice = voice.expect("the person is heard");
    assert_eq!(
        heard[voice..].iter().filter(|part| tone::strength(part, MUSIC_HZ) > 0.7).count(),
        0,
        "over is over"
    );
    assert_eq!(switch.complaints(), [""; 0]);
}

/// Whoever called in has heard music at once, and was then abandoned: for how many tenths of a second he heard what is louder.
fn loud_after_music(switch: &Switch, call: &str) -> usize {
    let record = switch.call_until_ended(call);
    assert_eq!(record["ended_reason"], "abandoned", "{record}");
    let heard = heard_in(switch, call);
    assert!(first_of(&heard, MUSIC_HZ).is_some_and(|at| at < 5), "music at once");
    heard.iter().filter(|part| part.iter().any(|sample| sample.unsigned_abs() > 4_000)).count()
}

#[test]
fn who_calls_in_and_is_served_by_nobody_hears_why_after_the_music() {
    let people = "music = true\nwait_seconds = 1\nring_seconds = 3\nnotice = \"Nobody is here.\"";
    let setup = staffed(Setup::new().number("inbound = true").says("agent-goodbye"), people);
    let switch = setup.anonymous().start();
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered").succeed(1);
    let call = the_call(&switch);
    let loud = loud_after_music(&switch, &call);
    assert!(loud >= 5, "{loud} tenths of a second of the notice, which is louder than the music");
}

#[test]
fn who_calls_in_and_is_served_by_nobody_is_not_answered_where_there_is_nothing_to_say() {
    let setup = staffed(Setup::new().number("inbound = true"), "wait_seconds = 1\nring_seconds = 3");
    let switch = setup.anonymous().start();
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-unattended").succeed(1);
    let record = switch.call_until_ended(&the_call(&switch));
    assert_eq!(record["ended_reason"], "abandoned", "{record}");
    assert_eq!((counted(&switch, "abandoned"), switch.metrics().ended("abandoned")), (1.0, 1.0));
}

#[test]
fn who_calls_in_and_rings_where_nobody_takes_the_call_is_not_answered_where_there_is_nothing_to_say() {
    let setup = staffed(Setup::new().number("inbound = true"), "wait_seconds = 1\nring_seconds = 3");
    let switch = setup.anonymous().start();
    let mut person = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    for (acts, why) in [("decline", "declined"), ("nothing", "missed")] {
        let caller = Sipp::towards(&switch.place, switch.place.trunk, "inbound-unattended");
        let call = call_of(&person.is("ringing"));
        if acts == "decline" {
            assert_eq!(person.does(&format!("calls/{call}/decline"))["status"], 204);
        }
        let over = person.until("the end", |said| said["event"] == "over");
        assert_eq!(over["why"], why, "{over}");
        caller.succeed(1);
        let record = switch.call_until_ended(&the_call(&switch));
        assert_eq!((&record["ended_reason"], &record["recording_url"]), (&json!("abandoned"), &json!(null)));
    }
    assert_eq!((counted(&switch, "abandoned"), switch.metrics().ended("abandoned")), (2.0, 2.0));
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn who_calls_in_and_hears_music_in_vain_is_hung_up_where_there_is_nothing_to_say() {
    let people = "music = true\nwait_seconds = 1\nring_seconds = 3";
    let switch = staffed(Setup::new().number("inbound = true"), people).anonymous().start();
    Sipp::towards(&switch.place, switch.place.trunk, "inbound-answered").succeed(1);
    let call = the_call(&switch);
    let loud = loud_after_music(&switch, &call);
    assert_eq!(loud, 0, "and no words: they are louder than the music");
    assert_eq!(switch.metrics().ended("abandoned"), 1.0);
}

/// The first note of the switch's own music.
const MUSIC_HZ: u32 = 262;

fn state(switch: &Switch, call: &str) -> String {
    switch.get(&format!("/v1/native/calls/{call}")).json["state"].as_str().unwrap_or_default().to_owned()
}

/// The only call there is.
fn the_call(switch: &Switch) -> String {
    let all = switch.get("/v1/native/calls").json;
    all["data"][0]["call_id"].as_str().expect("a call").to_owned()
}

/// What the far end of a call heard, in tenths of a second.
fn heard_in(switch: &Switch, call: &str) -> Vec<Vec<i16>> {
    let record = switch.call_until_ended(call);
    let recording = switch.recording(&record).expect("it was answered");
    recording.agent.chunks_exact(800).map(<[i16]>::to_vec).collect()
}

/// The first tenth of a second that is mostly this tone.
fn first_of(heard: &[Vec<i16>], hertz: u32) -> Option<usize> {
    heard.iter().position(|part| tone::strength(part, hertz) > 0.7)
}

#[test]
fn a_call_goes_to_a_colleague_who_takes_it_and_then_to_a_number() {
    let place = Place::claim();
    let callees = Callees::at(&place);
    let switch = staffed(Setup::new().agent("amd = {}"), "ring_seconds = 30").at(place).start();
    let mut ada = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let mut grace = Person::free(&switch.place, &hired(&switch, "Grace"), COLLEAGUE_HZ);
    let id = switch.call();
    let call = call_of(&ada.is("talking"));
    let transfer = |to: &str| format!("calls/{call}/transfer {}", json!({ "to": to }));

    assert_eq!(ada.does(&transfer("nobody we know"))["status"], 204);
    let failed = ada.until("word of it", |said| said["event"] == "failed");
    assert_eq!(failed["why"], "that is neither a number nor a colleague who is here");
    assert_eq!(ada.does(&transfer("Grace"))["status"], 204);
    grace.is("ringing");
    assert_eq!(ada.does(&transfer("Grace"))["error"], "colleague_busy");
    assert_eq!(grace.does(&format!("calls/{call}/accept"))["status"], 204);
    grace.is("talking");
    ada.is("wrap_up");
    callees.await_tone(0, COLLEAGUE_HZ);
    grace.hears(CALLEE_HZ);
    assert_eq!(ada.does(&format!("calls/{call}/transfer {}", json!({ "to": "+15550100" })))["status"], 404);
    assert_eq!(counted(&switch, "passed"), 1.0);
    assert_eq!(grace.does(&format!("calls/{call}/hangup"))["status"], 204);
    callees.await_over(1);
    // The record says who talked, in their order.
    switch.call_until_ended(&id);
    let people = switch.get("/v1/native/people").json["data"].take();
    let named = |name: &str| {
        people.as_array()?.iter().find(|one| one["name"] == name).map(|one| one["id"].to_string())
    };
    let talked = switch.get(&format!("/v1/native/calls/{id}")).json["people"].take();
    let talked: Vec<_> = talked.as_array().expect("a list").iter().map(Value::to_string).collect();
    assert_eq!(
        talked.join(" "),
        [named("Ada"), named("Grace")].map(Option::unwrap_or_default).join(" ").replace('"', "")
    );
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn a_person_puts_the_callee_through_to_a_number() {
    let switch = staffed(Setup::new(), "").start();
    let sipp = Sipp::at(&switch.place, "referred");
    let mut person = Person::free(&switch.place, &hired(&switch, "Ada"), PERSON_HZ);
    let id = switch.call();
    let call = call_of(&person.is("talking"));
    assert_eq!(
        person.does(&format!("calls/{call}/transfer {}", json!({ "to": "+15551234567" })))["status"],
        204
    );
    person.is("wrap_up");
    sipp.succeed(1);
    assert_eq!(switch.call_until_ended(&id)["ended_reason"], "completed");
}
