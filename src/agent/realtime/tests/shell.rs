//! Sessions over loopback, with servers that behave and servers that do not.
#![expect(clippy::result_large_err, reason = "a handshake's callbacks are tungstenite's")]
#![expect(clippy::disallowed_methods, reason = "servers are tasks of their own")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::interval;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use trunkline_media::Seat;
use trunkline_media::port::{Pace, pair};

use super::pair::{briefed, sound};
use crate::agent::line::Lanes;
use crate::agent::realtime::{self, Handle, Spec};
use crate::agent::stream::{Event, Why};
use crate::egress::{Egress, Policy};
use crate::model::{Briefed, CallId, Provider};
use crate::patience::patiently;

type Socket = WebSocketStream<TcpStream>;

struct Side {
    handle: Option<Handle>,
    seat: Seat,
    events: mpsc::Receiver<Event>,
}

impl Side {
    fn open(briefed: Briefed) -> Self {
        let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
        let egress = Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client");
        let (port, seat) = pair(Pace::Queued);
        let (told, events) = mpsc::channel(64);
        let sink = move |event| told.try_send(event).map_err(|error| error.into_inner());
        let call = CallId::new(7).expect("an id");
        let [from, to] = ["+15550001", "+15550002"].map(|number| number.parse().expect("a number"));
        let handle =
            realtime::open(Spec { briefed, call, from, to }, &egress, port, Box::new(sink), Lanes::shared());
        Self { handle: Some(handle), seat, events }
    }

    fn answered(&self) {
        assert!(self.handle.as_ref().is_some_and(Handle::answered));
    }

    /// Ticks until the session ends, and tells why.
    async fn ended(&mut self) -> Why {
        let mut ticks = interval(Duration::from_millis(20));
        let ending = async {
            loop {
                tokio::select! {
                    _ = ticks.tick() => {
                        self.seat.offer(&[0x21; 160]);
                        self.seat.pull(&mut [0; 160]);
                    }
                    event = self.events.recv() => {
                        if let Event::Ended(ended) = event.expect("a session tells its end") {
                            break ended.why;
                        }
                    }
                }
            }
        };
        patiently(ending).await
    }

    /// Ticks until so many frames were heard.
    async fn hears(&mut self, frames: usize) {
        let mut ticks = interval(Duration::from_millis(20));
        let mut heard = 0;
        let hearing = async {
            while heard < frames {
                ticks.tick().await;
                self.seat.offer(&[0x21; 160]);
                heard += usize::from(self.seat.pull(&mut [0; 160]));
            }
        };
        patiently(hearing).await;
    }
}

/// A provider's port, and a model that is there.
async fn provider() -> (TcpListener, Briefed) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut briefed = briefed(Provider::OpenAi);
    let url = format!("ws://{}/v1/realtime", listener.local_addr().expect("bound"));
    Arc::make_mut(&mut briefed.model).url = url.parse().expect("a URL");
    (listener, briefed)
}

async fn accept_with(
    listener: &TcpListener,
    answer: impl FnOnce(&Request, Response) -> Result<Response, ErrorResponse> + Unpin,
) -> Option<Socket> {
    let (stream, _) = patiently(listener.accept()).await.expect("a connection");
    patiently(accept_hdr_async(stream, answer)).await.ok()
}

/// A session that is as it was wanted; gives what it was told.
async fn session(listener: &TcpListener) -> (Socket, Value) {
    let mut socket = accept_with(listener, |_, response| Ok(response)).await.expect("a handshake");
    let update = until(&mut socket, "session.update").await;
    say(&mut socket, &json!({ "type": "session.updated", "session": {} })).await;
    (socket, update)
}

/// The next message of this type.
async fn until(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = patiently(socket.next()).await.expect("a message").expect("a good one");
        let Message::Text(text) = message else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["type"] == kind {
            return message;
        }
    }
}

async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

fn delta(item: &str, ms: usize) -> Value {
    json!({
        "type": "response.output_audio.delta", "item_id": item, "content_index": 0, "delta": sound(ms),
    })
}

#[tokio::test]
async fn the_door_is_opened_by_the_key_and_the_model_is_named() {
    let (listener, briefed) = provider().await;
    let _side = Side::open(briefed);
    let mut asked = None;
    let _socket = accept_with(&listener, |request, response| {
        asked = Some((request.uri().to_string(), request.headers()["authorization"].clone()));
        Ok(response)
    })
    .await;
    let (uri, key) = asked.expect("asked");
    assert_eq!((uri.as_str(), key.as_bytes()), ("/v1/realtime?model=the-model", &b"Bearer sk-hunter2"[..]));
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_a_refusal_at_once() {
    let (listener, briefed) = provider().await;
    let mut side = Side::open(briefed);
    let refused = accept_with(&listener, |_, _| {
        let mut response = ErrorResponse::new(None);
        *response.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::UNAUTHORIZED;
        Err(response)
    });
    assert!(refused.await.is_none());
    assert_eq!(side.ended().await, Why::Refused(401));
}

#[tokio::test]
async fn who_closes_before_the_session_is_ready_has_failed() {
    let (listener, briefed) = provider().await;
    let mut side = Side::open(briefed);
    let mut socket = accept_with(&listener, |_, response| Ok(response)).await.expect("a handshake");
    socket.close(None).await.expect("closed");
    assert!(matches!(side.ended().await, Why::Failed(why) if why.contains("before the session was ready")));
}

#[tokio::test]
async fn a_message_of_ten_megabytes_is_not_read() {
    let (listener, briefed) = provider().await;
    let mut side = Side::open(briefed);
    let (mut socket, _) = session(&listener).await;
    let _ = socket.send(Message::text("x".repeat(10 << 20))).await;
    assert_eq!(side.ended().await, Why::TooLong);
}

#[tokio::test]
async fn a_model_that_drops_dead_in_mid_word_ends_the_session_with_its_reason() {
    let (listener, briefed) = provider().await;
    let mut side = Side::open(briefed);
    let (mut socket, _) = session(&listener).await;
    side.answered();
    say(&mut socket, &delta("a", 400)).await;
    side.hears(5).await;
    drop(socket);
    assert!(matches!(side.ended().await, Why::Lost(_)));
}

#[tokio::test]
async fn where_it_is_allowed_a_lost_session_is_opened_again_and_told_what_was_said() {
    let (listener, mut briefed) = provider().await;
    Arc::make_mut(&mut briefed.model).reconnect_within = Some(Duration::from_secs(5));
    let mut side = Side::open(briefed);
    let (mut socket, _) = session(&listener).await;
    side.answered();
    say(&mut socket, &delta("a", 200)).await;
    let said =
        json!({ "type": "response.output_audio_transcript.done", "item_id": "a", "transcript": "Hi." });
    say(&mut socket, &said).await;
    side.hears(5).await;
    drop(socket);
    let (mut socket, update) = patiently(session(&listener)).await;
    let instructions = update["session"]["instructions"].as_str().expect("text");
    assert!(instructions.ends_with("agent: Hi.\n"), "{instructions}");
    say(&mut socket, &delta("b", 100)).await;
    side.hears(10).await;
    side.handle = None;
    assert_eq!(side.ended().await, Why::CallOver);
}

#[tokio::test]
async fn who_was_to_hang_up_does_so_whatever_becomes_of_its_connection() {
    for fate in ["dropped", "will be back", "expired"] {
        let (listener, mut briefed) = provider().await;
        Arc::make_mut(&mut briefed.model).reconnect_within = Some(Duration::from_secs(5));
        let mut side = Side::open(briefed);
        let (mut socket, _) = session(&listener).await;
        side.answered();
        say(&mut socket, &delta("a", 1_000)).await;
        let call = json!({ "type": "function_call", "call_id": "c1", "name": "end_call", "arguments": "{}" });
        let done =
            json!({ "type": "response.done", "response": { "status": "completed", "output": [call] } });
        say(&mut socket, &done).await;
        side.hears(5).await;
        match fate {
            "will be back" => {
                let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
                socket.close(Some(frame)).await.expect("closed");
            }
            "expired" => {
                let error = json!({ "type": "invalid_request_error", "code": "session_expired", "message": "60 minutes" });
                say(&mut socket, &json!({ "type": "error", "error": error })).await;
            }
            _ => drop(socket),
        }
        side.hears(45).await;
        assert_eq!(side.ended().await, Why::HungUp, "{fate}");
        assert!(listener.accept().now_or_never().is_none(), "nobody calls again: {fate}");
    }
}

#[tokio::test]
async fn an_expired_session_is_opened_again() {
    let (listener, mut briefed) = provider().await;
    Arc::make_mut(&mut briefed.model).reconnect_within = Some(Duration::from_secs(5));
    let mut side = Side::open(briefed);
    let (mut socket, _) = session(&listener).await;
    side.answered();
    say(&mut socket, &delta("a", 100)).await;
    side.hears(5).await;
    let error =
        json!({ "type": "invalid_request_error", "code": "session_expired", "message": "60 minutes" });
    say(&mut socket, &json!({ "type": "error", "error": error })).await;
    let (_socket, update) = patiently(session(&listener)).await;
    assert_eq!(update["type"], "session.update");
}

/// What a webhook tool's server does, and what the model is told of it.
async fn told_of(server: Router) -> String {
    let desk = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/book", desk.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(desk, server).await });
    let (listener, mut briefed) = provider().await;
    let tool = &mut Arc::make_mut(&mut briefed.model).tools.webhooks[0];
    (tool.url, tool.deadline) = (url, Duration::from_secs(1));
    let mut side = Side::open(briefed);
    let (mut socket, _) = session(&listener).await;
    let call =
        json!({ "type": "function_call", "call_id": "c1", "name": "book", "arguments": "{\"people\":2}" });
    say(
        &mut socket,
        &json!({ "type": "response.done", "response": { "status": "completed", "output": [call] } }),
    )
    .await;
    let told = until(&mut socket, "conversation.item.create").await;
    side.handle = None;
    assert_eq!(side.ended().await, Why::CallOver);
    told["item"]["output"].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_tool_that_was_used_with_the_hang_up_is_called_to_its_end() {
    let desk = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/book", desk.local_addr().expect("bound"));
    let (booked, mut bookings) = mpsc::channel(1);
    let over = Arc::new(Notify::new());
    let book = {
        let over = Arc::clone(&over);
        async move |body: String| {
            // It takes until the session is over.
            over.notified().await;
            booked.send(body).await.expect("somebody waits");
        }
    };
    let server = Router::new().route("/book", post(book));
    tokio::spawn(async move { axum::serve(desk, server).await });
    let (listener, mut briefed) = provider().await;
    let tool = &mut Arc::make_mut(&mut briefed.model).tools.webhooks[0];
    (tool.url, tool.deadline) = (url, Duration::from_secs(30));
    let mut side = Side::open(briefed);
    let (mut socket, _) = session(&listener).await;
    side.answered();
    let call = |id: &str, name: &str| json!({ "type": "function_call", "call_id": id, "name": name, "arguments": "{}" });
    let output = [call("c1", "end_call"), call("c2", "book")];
    say(
        &mut socket,
        &json!({ "type": "response.done", "response": { "status": "completed", "output": output } }),
    )
    .await;
    assert_eq!(side.ended().await, Why::HungUp);
    over.notify_one();
    let body: Value =
        serde_json::from_str(&patiently(bookings.recv()).await.expect("it came")).expect("JSON");
    assert_eq!(body["tool"], "book");
}

#[tokio::test]
async fn what_a_tools_server_answers_is_what_the_model_is_told() {
    let server = Router::new().route(
        "/book",
        post(async |headers: HeaderMap, body: String| {
            let body: Value = serde_json::from_str(&body).expect("JSON");
            format!("{} for {}", headers["content-type"].to_str().expect("text"), body["arguments"]["people"])
        }),
    );
    assert_eq!(told_of(server).await, "application/json for 2");
}

#[tokio::test]
async fn a_tools_server_that_fails_hangs_or_says_too_much_is_an_error_that_the_model_hears_of() {
    let fails = Router::new().route("/book", post(async || StatusCode::INTERNAL_SERVER_ERROR));
    let hangs = Router::new().route("/book", post(async || std::future::pending::<String>().await));
    let shouts = Router::new().route("/book", post(async || "x".repeat(100_000)));
    let mumbles = Router::new().route("/book", post(async || vec![0xff_u8; 10]));
    for (server, why) in
        [(fails, "HTTP 500"), (hangs, "no answer"), (shouts, "too long"), (mumbles, "no text")]
    {
        let told: Value = serde_json::from_str(&told_of(server).await).expect("JSON");
        assert!(told["error"].as_str().is_some_and(|error| error.contains(why)), "{told}");
    }
}

#[tokio::test]
async fn a_tools_url_that_leads_inside_is_not_called() {
    let (listener, mut briefed) = provider().await;
    Arc::make_mut(&mut briefed.model).tools.webhooks[0].url = "http://10.0.0.1/book".into();
    let _side = Side::open(briefed);
    let (mut socket, _) = session(&listener).await;
    let call = json!({ "type": "function_call", "call_id": "c1", "name": "book", "arguments": "{}" });
    say(
        &mut socket,
        &json!({ "type": "response.done", "response": { "status": "completed", "output": [call] } }),
    )
    .await;
    let told = until(&mut socket, "conversation.item.create").await;
    assert!(told["item"]["output"].as_str().expect("text").contains("not allowed"), "{told}");
}
