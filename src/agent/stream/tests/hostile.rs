//! Bots that send garbage, nothing, too much, or read nothing.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

#[tokio::test]
async fn a_message_of_ten_megabytes_ends_the_stream_and_says_so() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let mut bot = accept(&listener).await;
    // It may be cut off while it is still sending.
    let _ = bot.send(Message::text("x".repeat(10_000_000))).await;
    assert_eq!(side.ended().await.why, Why::TooLong);
    drop(bot);

    // A bot that only announces them is told why.
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let mut bot = accept(&listener).await;
    let header = [0x82, 127, 0, 0, 0, 0, 0, 0x98, 0x96, 0x80];
    bot.get_mut().write_all(&header).await.expect("sent");
    assert_eq!(side.ended().await.why, Why::TooLong);
    assert_eq!(close_code(&mut bot).await, Some(1009));
}

#[tokio::test]
async fn a_bot_that_talks_gibberish_is_left_after_a_while() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Exotel, &url));
    let mut bot = accept(&listener).await;
    for n in 0..101 {
        let _ = bot.send(Message::text(format!("what? {n}"))).await;
    }
    let ended = side.ended().await;
    assert_eq!((ended.why, ended.counters.malformed), (Why::Gibberish, 101));
    assert_eq!(close_code(&mut bot).await, Some(1007));
}

#[tokio::test]
async fn a_bot_that_does_not_speak_websocket_is_left_at_once() {
    for (bytes, expected) in [
        // A reserved opcode; text that is not UTF-8; a masked frame.
        (&b"\x83\x01a"[..], 1002),
        (b"\x81\x02\xff\xfe", 1002),
        (b"\x81\x81aaaaa", 1002),
    ] {
        let (listener, url) = listener("ws").await;
        let mut side = Side::open(spec(Dialect::Twilio, &url));
        let mut bot = accept(&listener).await;
        bot.get_mut().write_all(bytes).await.expect("sent");
        let why = side.ended().await.why;
        assert!(matches!(why, Why::Protocol(_)), "{bytes:?}: {why:?}");
        assert_eq!(close_code(&mut bot).await, Some(expected), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_flood_is_taken_for_five_minutes_and_then_the_socket_is_not_read() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let mut bot = accept(&listener).await;
    side.answered();
    let second = media(0x21, 8_000);
    let mut taken = 0;
    // Half an hour of audio, as fast as it is taken. When nothing is for a second, nothing more will be.
    while taken < 1_800
        && timeout(Duration::from_secs(1), bot.send(Message::text(second.to_string()))).await.is_ok()
    {
        taken += 1;
    }
    assert!((300..1_200).contains(&taken), "{taken} s were taken: five minutes, and what the kernel holds");
    assert_eq!(side.talk(0xff, 20).await, [0x21; 20], "the call goes on");
    side.over();
    let ended = side.ended().await;
    assert_eq!(ended.why, Why::CallOver);
    assert!(ended.counters.frames_in < 304 * 50, "{} frames", ended.counters.frames_in);
}

#[tokio::test]
async fn a_bot_that_sends_nothing_leaves_the_call_alone() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Vonage, &url));
    let mut bot = accept(&listener).await;
    side.answered();
    let mut ticks = interval(Duration::from_millis(20));
    for _ in 0..20 {
        ticks.tick().await;
        side.seat.offer(&[0xff; 160]);
        assert!(!side.seat.pull(&mut [0; 160]));
    }
    assert_eq!(json_of(&mut bot).await["event"], "websocket:connected");
    assert_eq!(next(&mut bot).await.into_data().len(), 640);
    side.over();
    assert_eq!(side.ended().await.why, Why::CallOver);
}

#[tokio::test]
async fn a_bot_that_never_reads_is_heard_until_too_much_is_unread() {
    let (listener, url) = listener("ws").await;
    // So that it is full soon.
    socket2::SockRef::from(&listener).set_recv_buffer_size(2_048).expect("set");
    let mut spec = spec(Dialect::Vonage, &url);
    spec.encoding = Some(Encoding::L16(trunkline_media::Rate::Hz24000));
    let mut side = Side::open(spec);
    let mut bot = accept(&listener).await;
    side.answered();
    bot.send(Message::binary(vec![0; 960 * 10])).await.expect("sent");
    assert_eq!(side.talk(0x43, 10).await.len(), 10);
    let ended = side.ended().await;
    assert_eq!(ended.why, Why::NotReading);
    assert!(ended.counters.passed_over > 0, "what it did not take was passed over, not kept");
}

#[tokio::test]
async fn a_server_that_answers_anything_but_a_handshake_is_unreachable() {
    for answer in [&b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..], b"SIP/2.0 200 OK\r\n\r\n", b""] {
        let (listener, url) = listener("ws").await;
        let mut spec = spec(Dialect::Twilio, &url);
        spec.connect_within = Duration::from_millis(200);
        let mut side = Side::open(spec);
        let (mut stream, _) = patiently(listener.accept()).await.expect("a connection");
        let mut request = [0; 4_096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(answer).await;
        drop(stream);
        drop(listener);
        let why = side.ended().await.why;
        assert!(matches!(why, Why::Unreachable(_) | Why::Refused(200)), "{why:?}");
    }
}
