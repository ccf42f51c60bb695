//! Connections that break, bots that come back, and calls that do not listen.

use super::*;

#[tokio::test]
async fn a_bot_that_comes_late_is_tried_again_until_it_is_there() {
    let (first, url) = listener("ws").await;
    let address = first.local_addr().expect("bound");
    drop(first);
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let late = TcpListener::bind(address).await.expect("the port is free again");
    let mut bot = accept(&late).await;
    assert_eq!(json_of(&mut bot).await["event"], "connected");
    assert_eq!(side.event().await, Event::Connected);
}

#[tokio::test]
async fn a_bot_that_never_comes_ends_the_stream_at_its_deadline() {
    let (gone, url) = listener("ws").await;
    drop(gone);
    let mut spec = spec(Dialect::Twilio, &url);
    spec.connect_within = Duration::from_millis(500);
    let Why::Unreachable(why) = Side::open(spec).ended().await.why else { panic!("somebody was there") };
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn a_call_that_ends_while_its_bot_is_dialled_ends_its_stream() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let (_silent, _) = patiently(listener.accept()).await.expect("a connection");
    side.over();
    assert_eq!(side.ended().await.why, Why::CallOver);
}

#[tokio::test]
async fn before_anybody_was_heard_a_broken_connection_is_made_again() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    drop(accept(&listener).await);
    let mut bot = accept(&listener).await;
    bot.close(Some(close_frame(1012))).await.expect("sent");
    let mut bot = accept(&listener).await;
    assert_eq!(json_of(&mut bot).await["event"], "connected");
    say(&mut bot, media(0x21, 320)).await;
    side.answered();
    assert_eq!(side.talk(0xff, 2).await, [0x21; 2]);
    side.over();
    assert_eq!(side.ended().await.counters.reconnections, 2);
}

#[tokio::test]
async fn a_bot_that_drops_dead_within_a_word_ends_the_stream_truly() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let mut bot = accept(&listener).await;
    side.answered();
    say(&mut bot, media(0x21, 8_000)).await;
    side.talk(0xff, 3).await;
    socket2::SockRef::from(bot.get_ref()).set_linger(Some(Duration::ZERO)).expect("set");
    drop(bot);
    let why = side.ended().await.why;
    assert!(matches!(why, Why::Lost(_)), "{why:?}");
}

#[tokio::test]
async fn a_tenant_may_want_a_lost_bot_back_and_it_is_told_anew() {
    let (listener, url) = listener("ws").await;
    let mut spec = spec(Dialect::Telnyx, &url);
    spec.reconnect_within = Some(Duration::from_secs(5));
    let mut side = Side::open(spec);
    let mut bot = accept(&listener).await;
    side.answered();
    say(&mut bot, media(0x21, 160 * 30)).await;
    side.talk(0xff, 3).await;
    drop(bot);
    let mut bot = accept(&listener).await;
    assert_eq!(json_of(&mut bot).await["event"], "connected");
    assert_eq!(json_of(&mut bot).await["start"]["call_control_id"], "CA1");
    assert_eq!(side.talk(0xff, 27).await, [0x21; 27], "what it had said is heard to its end");
    say(&mut bot, media(0x22, 160)).await;
    assert_eq!(side.talk(0xff, 1).await, [0x22]);
    assert_eq!(json_of(&mut bot).await["media"]["chunk"], "1");
}

#[tokio::test]
async fn a_bot_that_closes_in_good_order_is_heard_to_its_end() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let mut bot = accept(&listener).await;
    side.answered();
    say(&mut bot, media(0x21, 160 * 40)).await;
    bot.close(Some(close_frame(1000))).await.expect("sent");
    assert_eq!(side.talk(0xff, 40).await, [0x21; 40]);
    let ended = side.ended().await;
    assert_eq!(ended.why, Why::Closed { code: Some(1000) });
}

#[tokio::test]
async fn a_bot_that_closes_with_a_fault_ends_the_stream_with_its_code() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let mut bot = accept(&listener).await;
    bot.close(Some(close_frame(4_001))).await.expect("sent");
    assert_eq!(side.ended().await.why, Why::Closed { code: Some(4_001) });
}

#[tokio::test]
async fn a_call_that_has_no_room_for_the_end_hears_of_it_later() {
    let (listener, url) = listener("ws").await;
    let (port, _seat) = pair(Pace::Queued);
    let (told, mut events) = mpsc::channel(1);
    let sink = move |event| told.try_send(event).map_err(|error| error.into_inner());
    let handle =
        super::super::open(spec(Dialect::Twilio, &url), &egress(), port, Box::new(sink), Lanes::shared())
            .expect("open");
    let mut bot = accept(&listener).await;
    assert_eq!(json_of(&mut bot).await["event"], "connected");
    drop(handle);
    assert_eq!(patiently(events.recv()).await, Some(Event::Connected));
    let Some(Event::Ended(ended)) = patiently(events.recv()).await else { panic!("no end") };
    assert_eq!(ended.why, Why::CallOver);
    assert_eq!(close_code(&mut bot).await, Some(1000));
}

fn close_frame(code: u16) -> tokio_tungstenite::tungstenite::protocol::CloseFrame {
    tokio_tungstenite::tungstenite::protocol::CloseFrame { code: code.into(), reason: "".into() }
}
