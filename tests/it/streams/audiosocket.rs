//! AudioSocket with servers that nobody here wrote: what the callee says comes back as it was said, and either side may hang up.

use std::process::Command;

use serde_json::{Value, json};
use trunkline::agent::stream::{Dialect, Ended, Event, Why};

use super::{Bot, FOLDER, LOUD, Side, TONE_HZ, amplitude, line, patiently};
use crate::printer::Printer;
use crate::switch::{Place, Recording, Setup, Sipp, eventually};

#[test]
fn the_callee_of_the_real_switch_hears_what_a_server_of_asterisks_kind_says() {
    talks_to_the_switch("asterisk");
}

#[test]
fn the_callee_of_the_real_switch_hears_what_fonosters_server_says() {
    talks_to_the_switch("fonoster");
}

/// A call through sipp: what the callee says comes back from the server.
fn talks_to_the_switch(kind: &str) {
    let place = Place::claim();
    let callee = Sipp::at(&place, "barge-in");
    let server = Printer::start(
        Command::new("node")
            .args([&format!("{FOLDER}/tests/it/streams/audiosocket_bot.cjs"), kind])
            .env("NODE_PATH", format!("{FOLDER}/target/peers/node_modules")),
    );
    let port = server.next("port");
    let stream = format!("[agent.stream]\nurl = \"tcp://127.0.0.1:{port}\"\ndialect = \"audiosocket\"");
    let switch = Setup::new()
        .agent("amd = {}\nbarge_in = false\nsilence_hangup_seconds = 5")
        .agent(&stream)
        .at(place)
        .start();
    let call = switch.call_with(json!({}));
    assert_eq!(server.next("kind"), kind);
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "silence_timeout", "{end}");
    // A server may be about to say something when the end comes, and complain that it cannot.
    let heard = eventually("the server is told of the end", || {
        server.printed().find_map(|line| line["ended"].as_u64())
    });
    assert!(heard >= 200, "it has heard {heard} packets");
    callee.succeed(1);
    assert_eq!(switch.complaints(), [""; 0]);
    let echo = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes).echo();
    assert!(echo > 0.9, "{echo} alike");
}

#[tokio::test]
async fn a_server_of_asterisks_kind_hears_and_is_heard_and_either_side_hangs_up() {
    talks("asterisk").await;
}

#[tokio::test]
async fn fonosters_server_hears_and_is_heard_and_either_side_hangs_up() {
    talks("fonoster").await;
}

async fn talks(kind: &str) {
    let mut bot = Bot::audiosocket(kind).await;
    let (echoes, leaves) = (bot.port, bot.first["leaves"].as_u64().expect("another port"));

    let mut side = open(echoes).await;
    assert_eq!(line(&mut bot.lines).await, json!({ "kind": kind, "id": ID }));
    assert!(side.handle.answered());
    let heard = side.talk(100).await;
    let said = amplitude(&heard[30 * 160..90 * 160], TONE_HZ);
    assert!((0.8 * LOUD..1.2 * LOUD).contains(&said), "{kind}: {said} at {TONE_HZ} Hz");
    let Side { handle, mut events, seat, .. } = side;
    drop(handle);
    let ended = end(patiently(events.recv()).await);
    drop(seat);
    assert_eq!((ended.why, ended.counters.malformed), (Why::CallOver, 0), "{kind}");
    let last = told(&mut bot).await;
    assert!(last["ended"].as_u64() >= Some(80), "{kind} is told of the end: {last}");

    let mut side = open(leaves).await;
    assert_eq!(told(&mut bot).await["id"], ID);
    assert!(side.handle.answered());
    let waiting = async {
        loop {
            side.talk(1).await;
            if let Ok(event) = side.events.try_recv() {
                break end(Some(event));
            }
        }
    };
    let ended = patiently(waiting).await;
    assert_eq!((ended.why, ended.counters.malformed), (Why::HungUp, 0), "{kind}");
    assert_eq!(ended.counters.frames_in, 0, "{kind} has said nothing");
    assert!(told(&mut bot).await["ended"].as_u64() >= Some(100), "{kind}");
}

/// What a server tells next, but for this: it may be about to say something when the end comes, and complain that it cannot.
async fn told(bot: &mut Bot) -> Value {
    loop {
        let told = line(&mut bot.lines).await;
        if told.get("invalid").is_none() {
            break told;
        }
    }
}

/// What both sides call this stream.
const ID: &str = "00000000-0000-4000-8000-000000001234";

async fn open(port: u64) -> Side {
    let mut side = Side::open(Dialect::AudioSocket, None, &format!("tcp://127.0.0.1:{port}"));
    assert_eq!(side.event().await, Event::Connected);
    side
}

fn end(event: Option<Event>) -> Ended {
    let Some(Event::Ended(ended)) = event else { panic!("{event:?} instead of the end") };
    ended
}
