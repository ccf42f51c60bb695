//! Streams over loopback, with bots that behave and bots that do not. The bots are tungstenite's servers and bare sockets.
#![expect(clippy::result_large_err, reason = "a handshake's callbacks are tungstenite's")]

mod handed;
mod hostile;
mod lost;
mod packets;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use trunkline_media::Seat;
use trunkline_media::port::{Frame, Pace, pair};

use super::*;
use crate::agent::line::Lanes;
use crate::egress::{Egress, Policy};
use crate::model::{HearsFrom, Secret};
use crate::patience::patiently;

type Socket = WebSocketStream<TcpStream>;

/// The call's side of a stream, with its bridge.
struct Side {
    handle: Option<Handle>,
    seat: Seat,
    events: mpsc::Receiver<Event>,
}

impl Side {
    fn open(spec: Spec) -> Self {
        Self::open_by(spec, &egress())
    }

    fn open_by(spec: Spec, egress: &Egress) -> Self {
        let (port, seat) = pair(Pace::Queued);
        let (told, events) = mpsc::channel(16);
        let sink = move |event| told.try_send(event).map_err(|error| error.into_inner());
        let handle = super::open(spec, egress, port, Box::new(sink), Lanes::shared()).expect("it can be");
        Self { handle: Some(handle), seat, events }
    }

    fn answered(&self) {
        assert!(self.handle.as_ref().is_some_and(Handle::answered));
    }

    fn over(&mut self) {
        self.handle = None;
    }

    async fn event(&mut self) -> Event {
        patiently(self.events.recv()).await.expect("an event")
    }

    /// The bridge ticks, and lets the bot hear `sound`, until the bot has said `frames`.
    async fn talk(&mut self, sound: u8, frames: usize) -> Vec<u8> {
        let mut ticks = interval(Duration::from_millis(20));
        let mut heard = vec![];
        let talking = async {
            while heard.len() < frames {
                ticks.tick().await;
                self.seat.offer(&[sound; 160]);
                let mut frame: Frame = [0; 160];
                if self.seat.pull(&mut frame) {
                    heard.push(frame[80]);
                }
            }
        };
        patiently(talking).await;
        heard
    }

    /// Ticks until the stream ends, and tells why.
    async fn ended(&mut self) -> Ended {
        let mut ticks = interval(Duration::from_millis(20));
        let ending = async {
            loop {
                tokio::select! {
                    _ = ticks.tick() => {
                        self.seat.offer(&[0xff; 160]);
                        self.seat.pull(&mut [0; 160]);
                    }
                    event = self.events.recv() => {
                        if let Event::Ended(ended) = event.expect("a stream tells its end") {
                            break ended;
                        }
                    }
                }
            }
        };
        patiently(ending).await
    }
}

fn egress() -> Egress {
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client")
}

fn spec(dialect: Dialect, url: &str) -> Spec {
    let call = Call {
        account: "AC1".into(),
        call: "CA1".into(),
        stream: dialect.stream_id(0x1234),
        from: "+13122010094".into(),
        to: "+13122123456".into(),
        parameters: vec![("lead".into(), "42".into())],
        listens: None,
    };
    Spec {
        url: Some(url.parse().expect("a URL")),
        dialect,
        encoding: None,
        headers: vec![],
        call,
        hears_from: HearsFrom::Answer,
        connect_within: Duration::from_secs(10),
        reconnect_within: None,
    }
}

/// A port where a bot listens, and the URL of it.
async fn listener(scheme: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("{scheme}://{}", listener.local_addr().expect("bound"));
    (listener, url)
}

async fn accept(listener: &TcpListener) -> Socket {
    accept_with(listener, |_, response| Ok(response)).await
}

async fn accept_with(
    listener: &TcpListener,
    answer: impl FnOnce(&Request, Response) -> Result<Response, ErrorResponse> + Unpin,
) -> Socket {
    let (stream, _) = patiently(listener.accept()).await.expect("a connection");
    patiently(accept_hdr_async(stream, answer)).await.expect("a handshake")
}

/// The next text or binary message.
async fn next(socket: &mut Socket) -> Message {
    loop {
        match patiently(socket.next()).await.expect("a message").expect("a good one") {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

async fn json_of(socket: &mut Socket) -> Value {
    let message = next(socket).await;
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

/// The close code that the stream takes leave with.
async fn close_code(socket: &mut Socket) -> Option<u16> {
    loop {
        match patiently(socket.next()).await {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

fn media(sound: u8, bytes: usize) -> Value {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::STANDARD.encode(vec![sound; bytes]);
    json!({ "event": "media", "streamSid": Dialect::Twilio.stream_id(0x1234), "media": { "payload": payload } })
}

#[tokio::test]
async fn a_bot_is_there_before_the_answer_and_both_hear_each_other_after_it() {
    let (listener, url) = listener("ws").await;
    let seen = Arc::new(Mutex::new((String::new(), HeaderMap::new())));
    let mut spec = spec(Dialect::Twilio, &format!("{url}/media?x=1").replace("://", "://key:token@"));
    let signature = Header { name: "X-Twilio-Signature".into(), value: Secret::new("c2ln".into()) };
    spec.headers.push(signature);
    let mut side = Side::open(spec);
    let sight = Arc::clone(&seen);
    let mut bot = accept_with(&listener, move |request, response| {
        *sight.lock().expect("whole") = (request.uri().to_string(), request.headers().clone());
        Ok(response)
    })
    .await;
    {
        let (uri, headers) = &*seen.lock().expect("whole");
        assert_eq!(uri, "/media?x=1");
        assert_eq!(headers["authorization"], "Basic a2V5OnRva2Vu");
        assert_eq!(headers["x-twilio-signature"], "c2ln");
        assert!(headers["user-agent"].to_str().is_ok_and(|agent| agent.starts_with("trunkline/")));
    }
    assert_eq!(json_of(&mut bot).await["event"], "connected");
    let start = json_of(&mut bot).await;
    assert_eq!(start["start"]["customParameters"], json!({ "lead": "42" }));
    assert_eq!(side.event().await, Event::Connected);

    say(&mut bot, media(0x21, 160 * 3 + 40)).await;
    say(&mut bot, media(0x21, 120)).await;
    say(&mut bot, json!({ "event": "mark", "mark": { "name": "greeting" } })).await;
    side.answered();
    assert_eq!(side.talk(0x43, 4).await, [0x21; 4]);
    let mut heard = 0;
    let mark = loop {
        let message = json_of(&mut bot).await;
        match message["event"].as_str() {
            Some("media") => heard += 1,
            _ => break message,
        }
    };
    assert!(heard > 0, "the bot hears the callee");
    assert_eq!(mark["mark"]["name"], "greeting");

    side.handle.as_ref().expect("a handle").digit('7', Duration::from_millis(100));
    let digit = loop {
        let message = json_of(&mut bot).await;
        if message["event"] == "dtmf" {
            break message;
        }
    };
    assert_eq!(digit["dtmf"]["digit"], "7");
    side.over();
    let stop = loop {
        let message = json_of(&mut bot).await;
        if message["event"] != "media" {
            break message;
        }
    };
    assert_eq!(stop["event"], "stop");
    assert_eq!(close_code(&mut bot).await, Some(1000));
    let ended = side.ended().await;
    assert_eq!((ended.why, ended.counters.frames_in, ended.counters.marks), (Why::CallOver, 4, 1));
}

#[tokio::test]
async fn a_clear_is_silence_as_soon_as_it_is_read() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    let mut bot = accept(&listener).await;
    side.answered();
    say(&mut bot, media(0x21, 8_000 * 5)).await;
    side.talk(0xff, 10).await;
    say(&mut bot, json!({ "event": "clear", "streamSid": Dialect::Twilio.stream_id(0x1234) })).await;
    say(&mut bot, media(0x22, 160)).await;
    let mut before = 0;
    while side.talk(0xff, 1).await != [0x22] {
        before += 1;
    }
    assert!(before < 100, "of five seconds what was heard until it was read: {before} frames");
}

#[tokio::test]
async fn an_encrypted_bot_is_believed_by_its_authority_alone() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".into()])
        .and_then(|params| params.self_signed(&key))
        .expect("a certificate");
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.clone(), key)
        .expect("a server");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, url) = listener("wss").await;
    let trusting = egress().trusting(chain[0].clone());
    let mut side = Side::open_by(spec(Dialect::Telnyx, &url), &trusting);
    let (stream, _) = patiently(listener.accept()).await.expect("a connection");
    let stream = patiently(acceptor.accept(stream)).await.expect("an encrypted one");
    let mut bot = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
    let first = patiently(bot.next()).await.expect("a message").expect("a good one");
    assert_eq!(first.to_text().expect("text"), r#"{"event":"connected","version":"1.0.0"}"#);
    assert_eq!(side.event().await, Event::Connected);

    let mut stranger = Side::open(spec(Dialect::Telnyx, &url));
    let (stream, _) = patiently(listener.accept()).await.expect("a connection");
    assert!(patiently(acceptor.accept(stream)).await.is_err());
    let Why::Unreachable(why) = stranger.ended().await.why else { panic!("it was believed") };
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_private_address_is_never_dialled() {
    let (listener, url) = listener("ws").await;
    let strict = Egress::new(Policy { allow_http: true, allow_addresses: vec![] }).expect("a client");
    let mut side = Side::open_by(spec(Dialect::Twilio, &url), &strict);
    assert_eq!(side.ended().await.why, Why::Unreachable("the address is not allowed".into()));
    let knocked = timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(knocked.is_err(), "nobody knocked");
}

#[tokio::test]
async fn jambonz_servers_may_pick_a_subprotocol_or_none() {
    for picked in [Some("audio.jambonz.org"), Some("audio.drachtio.org"), None] {
        let (listener, url) = listener("ws").await;
        let mut side = Side::open(spec(Dialect::Jambonz, &url));
        let pick = move |request: &Request, mut response: Response| {
            let offered = request.headers().get("sec-websocket-protocol").cloned();
            if let (Some(picked), Some(_)) = (picked, offered) {
                response.headers_mut().insert("sec-websocket-protocol", picked.parse().expect("a value"));
            }
            Ok(response)
        };
        let mut bot = accept_with(&listener, pick).await;
        assert_eq!(json_of(&mut bot).await["mixType"], "mono", "{picked:?}");
        assert_eq!(side.event().await, Event::Connected);
    }
}

#[tokio::test]
async fn a_server_that_forbids_is_not_asked_twice_and_one_that_is_busy_is() {
    let (listener, url) = listener("ws").await;
    let mut side = Side::open(spec(Dialect::Twilio, &url));
    refuse(&listener, StatusCode::UNAUTHORIZED).await;
    assert_eq!(side.ended().await.why, Why::Refused(401));

    let mut side = Side::open(spec(Dialect::Twilio, &url));
    refuse(&listener, StatusCode::SERVICE_UNAVAILABLE).await;
    let mut bot = accept(&listener).await;
    assert_eq!(json_of(&mut bot).await["event"], "connected");
    assert_eq!(side.event().await, Event::Connected);
}

async fn refuse(listener: &TcpListener, status: StatusCode) {
    let (stream, _) = patiently(listener.accept()).await.expect("a connection");
    let refusal = |_: &Request, _: Response| {
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = status;
        Err(refusal)
    };
    assert!(accept_hdr_async(stream, refusal).await.is_err());
}
