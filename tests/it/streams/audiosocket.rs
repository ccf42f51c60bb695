//! AudioSocket with servers that nobody here wrote: what the callee says comes back as it was said, and either side may hang up.

use std::process::Command;

use serde_json::json;
use trunkline::agent::stream::{Dialect, Ended, Event, Why};

use super::{Bot, FOLDER, LOUD, Side, TONE_HZ, amplitude, line, patiently};
use crate::printer::Printer;
use crate::switch::{Place, Recording, Setup, Sipp};

/// Milliseconds of a recording.
const MS: usize = 8;

#[test]
fn the_callee_of_the_real_switch_hears_what_such_a_server_says() {
    let place = Place::claim();
    let _callee = Sipp::at(&place, "barge-in");
    let server = Printer::start(
        Command::new("node")
            .args([&format!("{FOLDER}/tests/it/streams/audiosocket_bot.cjs"), "asterisk"])
            .env("NODE_PATH", format!("{FOLDER}/target/peers/node_modules")),
    );
    let port = server.next("port");
    let stream = format!("[agent.stream]\nurl = \"tcp://127.0.0.1:{}\"\ndialect = \"audiosocket\"", port);
    let switch = Setup::new()
        .agent("amd = {}\nbarge_in = false\nsilence_hangup_seconds = 5")
        .agent(&stream)
        .at(place)
        .start();
    let call = switch.call_with(json!({}));
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "silence_timeout", "{end}");
    assert_eq!(switch.complaints(), [""; 0]);
    let heard = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes);
    // What came back before the verdict was heard after it, and nothing is left out: the echo is late by as much. It is so by whole
    // packets, of 20 ms.
    let last = heard.callee.iter().rposition(|sample| sample.unsigned_abs() > 2_000).expect("words");
    let words = &heard.callee[last - 500 * MS..last];
    let likeness = |lag: usize| {
        let echo = &heard.agent[last - 500 * MS + lag..last + lag];
        let dot =
            |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        dot(words, echo) / (dot(words, words) * dot(echo, echo)).sqrt().max(1.0)
    };
    let best = (0..4_000 * MS).step_by(20 * MS).map(likeness).fold(0.0, f64::max);
    assert!(best > 0.95, "at best {best} alike");
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
    let told = line(&mut bot.lines).await;
    assert!(told["ended"].as_u64() >= Some(80), "{kind} is told of the end: {told}");

    let mut side = open(leaves).await;
    assert_eq!(line(&mut bot.lines).await["id"], ID);
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
    assert!(line(&mut bot.lines).await["ended"].as_u64() >= Some(100), "{kind}");
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
