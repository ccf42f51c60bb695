//! A voice bot at the other end of a WebSocket, written for Twilio's media streams: it is heard, it hears, it is told of keys, and
//! it ends the call; and what becomes of a call whose bot does not.
#![expect(clippy::disallowed_methods, reason = "a bot is a server of its own, which starts tasks")]

mod guest;
mod guests;
mod pipecat;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use trunkline::simulator::Persona;
use trunkline_media::g711::Law;

use crate::callees::{Callees, number};
use crate::ledger;
use crate::switch::{Place, Recording, Setup, Switch, eventually, spoken_ms};

type Socket = WebSocketStream<TcpStream>;

/// A bot that takes one call after another, and tells what it was told.
pub struct BotServer {
    /// Where it is.
    pub address: SocketAddr,
    told: Receiver<Value>,
    signatures: Receiver<String>,
    _runtime: Runtime,
}

/// What the bot does once it was told of the call.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Says a second of a tone, waits until it was heard and the callee has spoken, and hangs up.
    Talks,
    /// The same, and takes back what was not heard yet when it hears the callee.
    Yields,
    /// Closes at once, with this code.
    Leaves(u16),
    /// Says something all the time, and listens until it is told that it is over.
    Listens,
}

impl BotServer {
    /// One that is there.
    pub fn start(place: &Place, manner: Manner) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let at = SocketAddr::from((*place.http().ip(), 0));
        let listener = runtime.block_on(TcpListener::bind(at)).expect("a port of our own");
        let address = listener.local_addr().expect("an address");
        let (tell, told) = channel();
        let (show, signatures) = channel();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let show = show.clone();
                #[expect(clippy::result_large_err, reason = "the answer's type is tungstenite's")]
                let look = move |request: &Request, response: Response| {
                    let signature = request.headers().get("x-twilio-signature");
                    let signature = signature.and_then(|value| value.to_str().ok()).unwrap_or_default();
                    let _ = show.send(signature.to_owned());
                    Ok(response)
                };
                let Ok(socket) = accept_hdr_async(stream, look).await else { continue };
                tokio::spawn(serve(socket, manner, tell.clone()));
            }
        });
        Self { address, told, signatures, _runtime: runtime }
    }

    /// What it is told next that matters.
    pub fn next(&self) -> Value {
        self.told.recv_timeout(Duration::from_secs(30)).expect("the bot is told something")
    }

    /// How the next handshake was signed; empty: not at all.
    pub fn signature(&self) -> String {
        self.signatures.recv_timeout(Duration::from_secs(30)).expect("a handshake")
    }
}

async fn serve(mut socket: Socket, manner: Manner, tell: Sender<Value>) {
    let (mut heard, mut marked) = (0, false);
    let mut tracks = BTreeSet::new();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).expect("the switch sends JSON");
        match event["event"].as_str() {
            Some("start") => {
                let _ = tell.send(event.clone());
                match manner {
                    Manner::Talks | Manner::Yields => talk(&mut socket, &event["streamSid"]).await,
                    Manner::Listens => talk(&mut socket, &event["streamSid"]).await,
                    Manner::Leaves(code) => {
                        let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
                            code: code.into(),
                            reason: "".into(),
                        };
                        let _ = socket.close(Some(frame)).await;
                    }
                }
            }
            Some("media") => {
                let loud = is_loud(&event);
                heard += usize::from(loud);
                tracks.extend(event["media"]["track"].as_str().map(str::to_owned));
                if matches!(manner, Manner::Yields) && heard == 3 && !marked {
                    let clear = json!({ "event": "clear", "streamSid": event["streamSid"] });
                    socket.send(Message::text(clear.to_string())).await.expect("the switch reads");
                    let _ = tell.send(json!({ "event": "interrupted" }));
                }
                // Once: what is silent counts nothing.
                if matches!(manner, Manner::Listens) && loud && heard == 10 {
                    let _ = tell.send(json!({ "event": "loud", "tracks": tracks }));
                }
            }
            Some("mark" | "dtmf" | "stop") => {
                marked |= event["event"] == "mark";
                let _ = tell.send(event);
            }
            _ => {}
        }
        if marked && heard >= 10 {
            let _ = tell.send(json!({ "event": "heard" }));
            let _ = socket.close(None).await;
            return;
        }
    }
    let _ = tell.send(json!({ "event": "gone" }));
}

/// A second of 500 Hz in pieces that fit no frame, faster than time goes, and a mark behind it.
async fn talk(socket: &mut Socket, stream: &Value) {
    for piece in tone().chunks(1_111) {
        let media =
            json!({ "event": "media", "streamSid": stream, "media": { "payload": BASE64.encode(piece) } });
        socket.send(Message::text(media.to_string())).await.expect("the switch reads");
    }
    let mark = json!({ "event": "mark", "streamSid": stream, "mark": { "name": "said" } });
    socket.send(Message::text(mark.to_string())).await.expect("the switch reads");
}

/// A second of 500 Hz.
fn tone() -> Vec<u8> {
    let tone: Vec<i16> = (0..8_000)
        .map(|at| (8_000.0 * (f64::from(at) * 500.0 * std::f64::consts::TAU / 8_000.0).sin()) as i16)
        .collect();
    let mut pcmu = vec![0; tone.len()];
    Law::Mu.encode(&tone, &mut pcmu);
    pcmu
}

fn is_loud(event: &Value) -> bool {
    let payload = BASE64.decode(event["media"]["payload"].as_str().expect("audio")).expect("base64");
    assert_eq!(payload.len(), 160, "20 ms");
    let mut samples = [0; 160];
    Law::Mu.decode(&payload, &mut samples);
    samples.iter().any(|sample| sample.unsigned_abs() > 1_000)
}

/// A switch whose agent is this bot.
fn engaged(manner: Manner) -> (Switch, Callees, BotServer) {
    engaged_so(manner, "parameters = { plan = \"gold\" }")
}

/// The same, with these lines of its table.
fn engaged_so(manner: Manner, lines: &str) -> (Switch, Callees, BotServer) {
    let place = Place::claim();
    let (callees, bot) = (Callees::at(&place), BotServer::start(&place, manner));
    let stream = format!("[agent.stream]\nurl = \"ws://{}/bot\"\ndialect = \"twilio\"\n{lines}", bot.address);
    let switch = Setup::new().agent("amd = {}").agent(&stream).at(place).start();
    (switch, callees, bot)
}

#[test]
fn a_bot_is_heard_hears_the_callee_and_hangs_up() {
    let (switch, _callees, bot) = engaged(Manner::Talks);
    let call = switch.call_with(json!({
        "to_number": number(Persona::Person), "prompt": "Sell {name} a boat.", "dynamic_vars": { "name": "Ann" }
    }));
    let start = bot.next();
    assert_eq!(bot.signature(), "", "whose key is no Twilio's does not sign as Twilio does");
    let told = &start["start"];
    assert_eq!(told["callSid"], json!(call));
    assert_eq!(
        told["customParameters"],
        json!({ "plan": "gold", "prompt": "Sell Ann a boat.", "name": "Ann" })
    );
    assert_eq!(
        told["mediaFormat"],
        json!({ "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 })
    );
    assert_eq!(bot.next()["mark"]["name"], "said");
    assert_eq!(bot.next()["event"], "heard");
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    let recording = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes);
    let spoken = spoken_ms(&recording.agent);
    assert!((980..=1_040).contains(&spoken), "{spoken} ms of a second");
    let crossings = recording.agent.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    assert!((980..=1_020).contains(&crossings), "{crossings} crossings of 500 Hz");
    assert!(spoken_ms(&recording.callee) > 200);
    let metrics = switch.metrics_until("what it said is counted", |metrics| {
        metrics.sum("trunkline_agent_frames_received_total", &[]) == 50.0
    });
    assert_eq!(metrics.sum("trunkline_agent_lines_ended_total", &[("reason", "closed")]), 1.0);
    assert!(metrics.sum("trunkline_agent_frames_sent_total", &[]) > 10.0);
}

#[test]
fn a_bot_that_is_called_at_the_verdict_meets_no_voicemail_and_talks_to_people() {
    let (switch, _callees, bot) = engaged_so(Manner::Talks, "call_at = \"verdict\"");
    let machine = switch.call_with(json!({ "to_number": number(Persona::Voicemail) }));
    assert_eq!(switch.call_until_ended(&machine)["ended_reason"], "voicemail_detected");
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    let mut told = bot.next();
    if told["start"]["callSid"] == json!(machine) {
        // A starved machine's greeting has holes, as a person pauses: then it was taken for one at first.
        let record = switch.get(&format!("/v1/native/calls/{machine}")).json;
        assert_eq!(record["verdict"]["evidence"]["cause"], "talked_on", "{record}");
        told = std::iter::repeat_with(|| bot.next()).find(|told| told["event"] == "start").expect("endless");
    }
    assert_eq!(told["start"]["callSid"], json!(call), "the first that it is told of");
    assert_eq!(bot.next()["mark"]["name"], "said");
    assert_eq!(switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({})).status, 202);
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "cancelled");
}

#[test]
fn a_bot_that_is_called_at_the_answer_is_told_of_nobody_who_does_not_answer_and_hears_the_rest() {
    let (switch, _callees, bot) = engaged_so(Manner::Talks, "call_at = \"answer\"");
    let call = switch.call_with(json!({ "to_number": number(Persona::Declines) }));
    assert_eq!(switch.call_until_ended(&call)["status"], "rejected");
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    assert_eq!(bot.next()["start"]["callSid"], json!(call), "the first that it is told of");
    assert_eq!(bot.next()["mark"]["name"], "said");
    assert_eq!(bot.next()["event"], "heard");
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "completed");
}

/// Pipecat's pipelines do so.
#[test]
fn a_bot_that_yields_to_whoever_speaks_keeps_its_greeting_if_it_hears_from_its_first_words_on() {
    let (switch, _callees, bot) = engaged_so(Manner::Yields, "hears_from = \"first_words\"");
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    assert_eq!(bot.next()["start"]["callSid"], json!(call));
    assert_eq!(bot.next()["mark"]["name"], "said", "the callee's first word did not interrupt it");
    assert_eq!(switch.client().post(&format!("/v1/native/calls/{call}/hangup"), &json!({})).status, 202);
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "cancelled");
    let recording = Recording::parse(&switch.get(&format!("/v1/calls/{call}/recording")).bytes);
    let spoken = spoken_ms(&recording.agent);
    assert!((980..=1_040).contains(&spoken), "{spoken} ms of a second");
}

#[test]
fn without_its_bot_a_call_ends_and_says_why() {
    let (switch, _callees, bot) = engaged(Manner::Leaves(4000));
    let call = switch.call_with(json!({ "to_number": number(Persona::Person) }));
    assert_eq!(bot.next()["event"], "start");
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "agent_failed", "{end}");
    switch.metrics_until("the line to it is counted", |metrics| {
        metrics.sum("trunkline_agent_lines_ended_total", &[("reason", "closed")]) == 1.0
    });
    let detail = switch.get(&format!("/v1/native/calls/{call}")).json["sip"]["detail"].clone();
    assert_eq!(
        detail, "the bot closed the connection with code 4000",
        "and not what is answered to our CANCEL"
    );
    switch.log_until("why=\"the bot closed the connection with code 4000\"");
}

#[test]
fn a_bot_listens_in_is_sent_away_and_another_takes_the_call_over() {
    let place = Place::claim();
    let (_callees, listener, talker) = (
        Callees::at(&place),
        BotServer::start(&place, Manner::Listens),
        BotServer::start(&place, Manner::Talks),
    );
    let switch = Setup::new().agent("amd = {}\nsilence_hangup_seconds = 45").at(place).start();
    let prompt = "Please stay on the line, somebody will be with you soon. ".repeat(6);
    let call = switch.call_with(json!({ "to_number": number(Persona::Person), "prompt": prompt }));
    eventually("the answer", || (ledger::row(&switch, &call)["state"] == "answered").then_some(()));
    let order = |verb: &str, body: Value| {
        switch.client().post(&format!("/v1/native/calls/{call}/{verb}"), &body).status
    };
    let at = |bot: &BotServer| json!(format!("ws://{}/bot", bot.address));
    assert_eq!(order("stream/start", json!({ "url": at(&listener), "track": "agent" })), 202);
    assert_eq!(order("stream/start", json!({ "url": at(&listener) })), 409, "one at a time");
    let start = listener.next();
    assert_eq!((&start["event"], &start["start"]["tracks"]), (&json!("start"), &json!(["outbound"])));
    assert_eq!(listener.next(), json!({ "event": "loud", "tracks": ["outbound"] }), "it hears the agent");
    assert_eq!(order("stream/stop", json!({})), 202);
    assert_eq!(listener.next()["event"], "stop");
    assert_eq!(order("stream/stop", json!({})), 409);
    assert_eq!(listener.next()["event"], "gone");
    assert_eq!(order("stream/start", json!({ "url": at(&listener), "track": "both" })), 202);
    assert_eq!(listener.next()["start"]["tracks"], json!(["inbound", "outbound"]));
    assert_eq!(listener.next()["tracks"], json!(["inbound", "outbound"]), "each for itself");
    assert_eq!(order("stream/stop", json!({})), 202);
    assert_eq!(listener.next()["event"], "stop");
    assert_eq!(order("connect", json!({ "url": at(&talker), "parameters": { "desk": "7" } })), 202);
    assert_eq!(talker.next()["start"]["customParameters"]["desk"], "7");
    assert_eq!(talker.next()["mark"]["name"], "said", "what it says is heard");
    assert_eq!(order("hangup", json!({})), 202);
    assert_eq!(switch.call_until_ended(&call)["ended_reason"], "cancelled");
}
