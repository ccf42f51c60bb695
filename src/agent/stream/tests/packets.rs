//! AudioSocket's servers.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use trunkline_media::g711::Law;

use super::*;

/// What nobody takes for silence.
const WORD: i16 = 8_000;

async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 3];
    patiently(stream.read_exact(&mut header)).await.expect("a header");
    let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
    patiently(stream.read_exact(&mut payload)).await.expect("a payload");
    (header[0], payload)
}

/// 20 ms of a sample, over and over.
fn linear(sample: i16) -> Vec<u8> {
    let mut packet = vec![0x10, 0x01, 0x40];
    packet.extend(std::iter::repeat_n(sample.to_le_bytes(), 160).flatten());
    packet
}

#[tokio::test]
async fn an_audiosocket_server_hears_and_is_heard_whatever_the_pieces() {
    let (listener, url) = listener("tcp").await;
    let mut side = Side::open(spec(Dialect::AudioSocket, &url));
    let (mut bot, _) = patiently(listener.accept()).await.expect("a connection");
    let uuid = uuid::Uuid::parse_str(&Dialect::AudioSocket.stream_id(0x1234)).expect("a UUID");
    assert_eq!(packet(&mut bot).await, (0x01, uuid.as_bytes().to_vec()));
    assert_eq!(side.event().await, Event::Connected);
    side.answered();
    bot.set_nodelay(true).expect("set");
    for byte in linear(WORD) {
        bot.write_all(&[byte]).await.expect("sent");
    }
    bot.write_all(&[linear(WORD), linear(WORD), vec![0x03, 0x00, 0x01, b'5']].concat()).await.expect("sent");
    let mut word = [0];
    Law::Mu.encode(&[WORD], &mut word);
    assert_eq!(side.talk(0x21, 3).await, word.repeat(3));
    let (kind, sound) = packet(&mut bot).await;
    assert_eq!((kind, sound.len()), (0x10, 320));
    assert_eq!(side.event().await, Event::Digits(Box::new("5".parse().expect("a digit"))));
    side.handle.as_ref().expect("a handle").digit('#', Duration::from_millis(80));
    while packet(&mut bot).await != (0x03, vec![b'#']) {}
    bot.write_all(&[linear(WORD), vec![0, 0, 0]].concat()).await.expect("sent");
    let ended = side.ended().await;
    assert_eq!((ended.why, ended.counters.frames_in), (Why::HungUp, 4));
}

#[tokio::test]
async fn a_server_that_goes_within_a_packet_is_lost_and_one_that_goes_between_has_closed() {
    for (rest, lost) in [(&[0x10, 0x01, 0x40, 1, 2, 3][..], true), (&[], false)] {
        let (listener, url) = listener("tcp").await;
        let mut side = Side::open(spec(Dialect::AudioSocket, &url));
        let (mut bot, _) = patiently(listener.accept()).await.expect("a connection");
        packet(&mut bot).await;
        side.answered();
        bot.write_all(&linear(WORD)).await.expect("sent");
        side.talk(0xff, 1).await;
        bot.write_all(rest).await.expect("sent");
        bot.shutdown().await.expect("closed");
        let why = side.ended().await.why;
        assert_eq!(matches!(why, Why::Lost(_)), lost, "{why:?}");
        assert_eq!(why == Why::Closed { code: None }, !lost, "{why:?}");
    }
}

#[tokio::test]
async fn a_server_that_fails_says_so_and_a_call_that_is_over_says_goodbye() {
    let (listener, url) = listener("tcp").await;
    let mut side = Side::open(spec(Dialect::AudioSocket, &url));
    let (mut bot, _) = patiently(listener.accept()).await.expect("a connection");
    bot.write_all(&[0xff, 0, 1, 4]).await.expect("sent");
    assert_eq!(side.ended().await.why, Why::Failed("code 4".into()));

    let mut side = Side::open(spec(Dialect::AudioSocket, &url));
    let (mut bot, _) = patiently(listener.accept()).await.expect("a connection");
    assert_eq!(side.event().await, Event::Connected);
    side.over();
    assert_eq!(packet(&mut bot).await.0, 0x01);
    while packet(&mut bot).await != (0x00, vec![]) {}
    assert_eq!(patiently(bot.read(&mut [0; 1])).await.expect("read"), 0);
}

#[tokio::test]
async fn a_server_that_is_still_talking_when_the_call_ends_hears_of_the_end() {
    let (listener, url) = listener("tcp").await;
    let mut side = Side::open(spec(Dialect::AudioSocket, &url));
    let (mut bot, _) = patiently(listener.accept()).await.expect("a connection");
    assert_eq!(side.event().await, Event::Connected);
    side.over();
    assert_eq!(side.ended().await.why, Why::CallOver);
    bot.write_all(&linear(WORD)).await.expect("sent");
    assert_eq!(packet(&mut bot).await.0, 0x01);
    while packet(&mut bot).await != (0x00, vec![]) {}
    assert_eq!(patiently(bot.read(&mut [0; 1])).await.expect("read"), 0);
    for _ in 0..2 {
        bot.write_all(&linear(WORD)).await.expect("whoever leaves waits for the end of our side");
    }
    drop(bot);
}
