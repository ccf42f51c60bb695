//! Once a bot or a model talks in a call, 20 ms cost no allocation, either way: neither in what it says, nor on the lane that carries it
//! over its WebSocket. A binary of its own, since the allocator counts for the whole process.
#![expect(unsafe_code, reason = "an allocator has no safe form")]
#![expect(clippy::disallowed_methods, reason = "the test takes one instant to count from")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message as Sent;
use trunkline::agent::line::{Core, Incoming, Lanes};
use trunkline::agent::{realtime, stream};
use trunkline::egress::{Egress, Policy};
use trunkline::model::{Briefed, CallId, Dialect, Encoding, HearsFrom, Model, Provider, Tools};
use trunkline_media::Seat;
use trunkline_media::port::{Pace, pair};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Is this the thread that is looked at from others?
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// What the watched thread has allocated since it is.
static WATCHED_COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: all is left to the system's allocator; the count is a thread's own and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        if WATCHED.get() {
            WATCHED_COUNT.fetch_add(1, Ordering::Relaxed);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TICK: Duration = Duration::from_millis(20);
const FRAME: usize = 160;
/// Ticks after which every buffer has grown to its size.
const WARM: usize = 100;
/// Ticks that are counted: 6 s.
const COUNTED: usize = 300;

/// A message that brings 20 ms.
enum Message {
    Text(String),
    Binary(Vec<u8>),
}

impl Message {
    fn text(value: serde_json::Value) -> Self {
        Self::Text(value.to_string())
    }

    fn incoming(&self) -> Incoming<'_> {
        match self {
            Self::Text(text) => Incoming::Text(text),
            Self::Binary(bytes) => Incoming::Binary(bytes),
        }
    }
}

/// So many ticks, in each of which whoever it is says these, and the callee says 20 ms: the allocations, and the messages that left.
fn run<C: Core>(
    core: &mut C,
    seat: &mut Seat,
    now: &mut Instant,
    said: &[Message],
    ticks: usize,
) -> (u64, usize) {
    let (before, mut sent) = (COUNT.get(), 0);
    for _ in 0..ticks {
        *now += TICK;
        for message in said {
            core.handle_message(*now, message.incoming());
            sent += std::iter::from_fn(|| core.poll_transmit()).count();
        }
        seat.pull(&mut [0; FRAME]);
        seat.offer(&[0x21; FRAME]);
        core.handle_timeout(*now, true);
        sent += std::iter::from_fn(|| core.poll_transmit()).count();
        while core.poll_event().is_some() {}
    }
    assert!(core.ended().is_none(), "it goes on");
    (COUNT.get() - before, sent)
}

/// 20 ms as this dialect's bots say them.
fn says(dialect: Dialect, encoding: Encoding) -> Message {
    let bytes = match encoding {
        Encoding::Pcmu | Encoding::Pcma => vec![0x31; FRAME],
        Encoding::L16(rate) => vec![0x31; 2 * FRAME * rate.times()],
    };
    let payload = STANDARD.encode(&bytes);
    match dialect {
        Dialect::Twilio => {
            Message::text(json!({ "event": "media", "streamSid": "MZ1", "media": { "payload": payload } }))
        }
        Dialect::Telnyx => Message::text(json!({ "event": "media", "media": { "payload": payload } })),
        Dialect::Plivo => Message::text(json!({ "event": "playAudio", "media": { "payload": payload } })),
        Dialect::Exotel => {
            Message::text(json!({ "event": "media", "stream_sid": "MZ1", "media": { "payload": payload } }))
        }
        Dialect::Vonage | Dialect::Jambonz => Message::Binary(bytes),
        Dialect::AudioSocket => {
            let kind = match bytes.len() {
                320 => 0x10,
                640 => 0x12,
                _ => 0x13,
            };
            let [high, low] = (bytes.len() as u16).to_be_bytes();
            Message::Binary([&[kind, high, low], &bytes[..]].concat())
        }
    }
}

fn stream_of(dialect: Dialect, encoding: Encoding) -> (stream::life::Life, Seat, Instant) {
    let (port, seat) = pair(Pace::Queued);
    let spec = spec_of(dialect, encoding, "wss://bot.example/");
    let now = Instant::now();
    (stream::life::Life::new(&spec, port, now, Duration::from_secs(1_705_312_200)), seat, now)
}

fn spec_of(dialect: Dialect, encoding: Encoding, url: &str) -> stream::Spec {
    let stream = match dialect {
        Dialect::Twilio | Dialect::Exotel => "MZ1".into(),
        _ => dialect.stream_id(7),
    };
    stream::Spec {
        url: Some(url.parse().expect("a URL")),
        dialect,
        encoding: Some(encoding),
        headers: vec![],
        call: stream::Call { stream, ..stream::Call::default() },
        hears_from: HearsFrom::Answer,
        connect_within: Duration::from_secs(10),
        reconnect_within: None,
    }
}

#[test]
fn a_streams_audio_costs_no_allocation_in_any_dialect_and_encoding() {
    for dialect in Dialect::ALL {
        for encoding in Encoding::ALL.into_iter().filter(|encoding| dialect.carries(*encoding)) {
            let (mut life, mut seat, mut now) = stream_of(dialect, encoding);
            life.handle_connected(now);
            life.handle_input(now, stream::life::Input::Answered);
            let said = [says(dialect, encoding)];
            let (growing, _) = run(&mut life, &mut seat, &mut now, &said, WARM);
            assert!(growing > 0, "whoever counts sees buffers grow");
            let heard = life.counters();
            let (allocations, sent) = run(&mut life, &mut seat, &mut now, &said, COUNTED);
            let counters = life.counters();
            assert_eq!(allocations, 0, "{dialect:?} {encoding:?}");
            assert_eq!(sent, COUNTED, "{dialect:?} {encoding:?}");
            assert_eq!(counters.frames_in - heard.frames_in, COUNTED as u64, "{dialect:?} {encoding:?}");
        }
    }
}

fn session_of(provider: Provider) -> (realtime::life::Life, Seat, Instant) {
    let (port, seat) = pair(Pace::Queued);
    let model = Model {
        provider,
        model: "the-model".into(),
        url: provider.url().parse().expect("a URL"),
        api_key: None,
        voice: None,
        prompt: None,
        language: None,
        temperature: None,
        speed: None,
        listener: None,
        thinker: None,
        tools: Tools { end_call: true, ..Tools::default() },
        connect_within: Duration::from_secs(10),
        reconnect_within: None,
    };
    let briefed = Briefed {
        model: Arc::new(model),
        instructions: "You are Sarah.".into(),
        greeting: None,
        variables: vec![],
        speaks_first: true,
        barge_in: true,
        transcript: true,
        key: None,
    };
    let [from, to] = ["+15550001", "+15550002"].map(|number| number.parse().expect("a number"));
    let spec = realtime::Spec { briefed, call: CallId::new(7).expect("an id"), from, to };
    let now = Instant::now();
    (realtime::life::Life::new(spec, port, now), seat, now)
}

/// What makes a provider's session ready, and its 20 ms.
fn speaks(provider: Provider) -> (Message, Message) {
    let payload = STANDARD.encode([0x31; FRAME]);
    match provider {
        Provider::OpenAi => (
            Message::text(json!({ "type": "session.updated", "session": {} })),
            Message::text(json!({
                "type": "response.output_audio.delta", "event_id": "event_1", "response_id": "resp_1",
                "item_id": "item_1", "output_index": 0, "content_index": 0, "delta": payload,
            })),
        ),
        Provider::Deepgram => {
            (Message::text(json!({ "type": "SettingsApplied" })), Message::Binary(vec![0x31; FRAME]))
        }
        Provider::ElevenLabs => (
            Message::text(json!({
                "type": "conversation_initiation_metadata",
                "conversation_initiation_metadata_event": {
                    "conversation_id": "c", "agent_output_audio_format": "ulaw_8000",
                    "user_input_audio_format": "ulaw_8000",
                },
            })),
            Message::text(json!({
                "type": "audio", "audio_event": { "audio_base_64": payload, "event_id": 1 },
            })),
        ),
    }
}

#[test]
fn a_models_audio_costs_no_allocation_whoever_provides_it() {
    for provider in Provider::ALL {
        let (mut life, mut seat, mut now) = session_of(provider);
        let (ready, says) = speaks(provider);
        life.handle_connected(now);
        life.handle_input(now, realtime::life::Input::Answered);
        life.handle_message(now, ready.incoming());
        let said = [says];
        run(&mut life, &mut seat, &mut now, &said, WARM);
        let (allocations, sent) = run(&mut life, &mut seat, &mut now, &said, COUNTED);
        assert_eq!(allocations, 0, "{provider:?}");
        assert_eq!(sent, COUNTED, "{provider:?}");
    }
}

/// A machine that stalls lets more than a frame come at once, and a buffer may grow once more for it.
const GROWTH_MAX: u64 = 10;
/// For anything that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_lane_carries_a_streams_audio_over_its_websocket_without_an_allocation() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let allow_addresses = vec!["127.0.0.0/8".parse().expect("a network")];
    let egress = Egress::new(Policy { allow_http: true, allow_addresses }).expect("a client");
    let lanes = Lanes::start(1).expect("a thread");
    let (port, mut seat) = pair(Pace::Queued);
    // The first thing that is told is that the bot is there: told on the lane, with the warming up still to come.
    let sink = |_| {
        WATCHED.set(true);
        Ok(())
    };
    let spec = spec_of(Dialect::Twilio, Encoding::Pcmu, &url);
    let stream = stream::open(spec, &egress, port, Box::new(sink), &lanes).expect("it can be");
    let (connection, _) = timeout(PATIENCE, listener.accept()).await.expect("in time").expect("a connection");
    let mut bot = accept_async(connection).await.expect("a handshake");
    assert!(stream.answered());
    let Message::Text(says) = says(Dialect::Twilio, Encoding::Pcmu) else { panic!("Twilio's are text") };
    let mut ticks = interval(TICK);
    let (mut said, mut heard, mut before) = (0, 0, 0);
    let talking = async {
        // Whatever the machine does: so many frames each way.
        while said < WARM + COUNTED || heard < WARM + COUNTED {
            tokio::select! {
                _ = ticks.tick() => {
                    bot.send(Sent::text(says.clone())).await.expect("sent");
                    seat.offer(&[0x21; FRAME]);
                    said += usize::from(seat.pull(&mut [0; FRAME]));
                }
                message = bot.next() => {
                    let message = message.expect("it goes on").expect("a message");
                    heard += usize::from(message.to_text().is_ok_and(|text| text.contains("media")));
                }
            }
            if said.min(heard) < WARM {
                before = WATCHED_COUNT.load(Ordering::Relaxed);
            }
        }
    };
    timeout(PATIENCE, talking).await.expect("in time");
    assert!(before > 0, "whoever counts sees buffers grow");
    let counted = WATCHED_COUNT.load(Ordering::Relaxed) - before;
    assert!(counted < GROWTH_MAX, "{counted} allocations in {COUNTED} frames each way");
}
