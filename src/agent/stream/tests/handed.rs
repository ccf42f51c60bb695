//! Bots that dial us: their connections are handed in.

use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::agent::line::{Hatch, Link, Source};

/// Bytes that a connection holds back.
const PIPE: usize = 64 * 1024;

/// A stream whose bot is waited for.
fn waiting(spec: &Spec) -> (Side, Hatch) {
    let (port, seat) = pair(Pace::Queued);
    let (told, events) = mpsc::channel(16);
    let sink = move |event| told.try_send(event).map_err(|error| error.into_inner());
    let hatch = Hatch::default();
    let handle = open_from(Source::Wait(hatch.clone()), spec, port, Box::new(sink), Lanes::shared());
    (Side { handle: Some(handle), seat, events }, hatch)
}

/// A bot that has asked us for a WebSocket, and our end of it.
async fn dialled() -> (WebSocketStream<DuplexStream>, Link) {
    let (theirs, ours) = tokio::io::duplex(PIPE);
    (WebSocketStream::from_raw_socket(theirs, Role::Client, None).await, Link::accepted(ours, &[]))
}

/// Hands in a connection as soon as somebody waits for one.
async fn give(hatch: &Hatch, mut link: Link) {
    let giving = async {
        while let Err(back) = hatch.give(link) {
            link = back;
            tokio::task::yield_now().await;
        }
    };
    patiently(giving).await;
}

async fn event_of(bot: &mut WebSocketStream<DuplexStream>) -> Value {
    let message = patiently(bot.next()).await.expect("a message").expect("whole");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

#[tokio::test]
async fn a_bot_that_dials_us_is_told_of_the_call_and_heard() {
    let (mut side, hatch) = waiting(&spec(Dialect::Twilio, "wss://bot.example/"));
    let (mut bot, link) = dialled().await;
    give(&hatch, link).await;
    assert_eq!(event_of(&mut bot).await["event"], "connected");
    assert_eq!(event_of(&mut bot).await["start"]["callSid"], "CA1");
    assert_eq!(side.event().await, Event::Connected);
    side.answered();
    bot.send(Message::text(media(0x21, 320).to_string())).await.expect("sent");
    assert_eq!(side.talk(0xff, 2).await, [0x21; 2]);
}

#[tokio::test]
async fn while_one_is_there_a_second_is_given_back() {
    let (mut side, hatch) = waiting(&spec(Dialect::Twilio, "wss://bot.example/"));
    let (mut bot, link) = dialled().await;
    give(&hatch, link).await;
    assert_eq!(side.event().await, Event::Connected);
    assert!(!hatch.is_open());
    assert!(hatch.give(dialled().await.1).is_err());
    assert_eq!(event_of(&mut bot).await["event"], "connected");
}

#[tokio::test]
async fn one_that_was_lost_before_a_word_may_dial_again() {
    let (mut side, hatch) = waiting(&spec(Dialect::Twilio, "wss://bot.example/"));
    let (bot, link) = dialled().await;
    give(&hatch, link).await;
    drop(bot);
    let (mut bot, link) = dialled().await;
    give(&hatch, link).await;
    assert_eq!(event_of(&mut bot).await["event"], "connected");
    side.over();
    assert_eq!(side.ended().await.counters.reconnections, 1);
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_spec_says() {
    let mut impatient = spec(Dialect::Twilio, "wss://bot.example/");
    impatient.connect_within = Duration::from_millis(50);
    let (mut side, hatch) = waiting(&impatient);
    let Why::Unreachable(why) = side.ended().await.why else { panic!("somebody came") };
    assert!(why.contains("nobody came"), "{why}");
    assert!(!hatch.is_open());
    assert!(hatch.give(dialled().await.1).is_err());
}
