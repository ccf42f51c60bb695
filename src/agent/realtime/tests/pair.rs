//! A session and the two who talk through it: a model, whose messages a test writes, and a callee at a bridge's seat.
#![expect(clippy::disallowed_methods, reason = "the first moment may be any; the others follow from it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use trunkline_media::Seat;
use trunkline_media::port::{Frame, Pace, pair};

use crate::agent::line::{Core as _, Event, Incoming, Message, Why};
use crate::agent::realtime::Spec;
use crate::agent::realtime::life::{Errand, Input, Life};
use crate::model::{Briefed, CallId, Model, Provider, Secret, Tools, WebhookTool};

pub const TICK: Duration = Duration::from_millis(20);
const FRAME: usize = 160;

pub fn briefed(provider: Provider) -> Briefed {
    let webhook = WebhookTool {
        name: "book".into(),
        description: "Books a table".into(),
        parameters: serde_json::from_value(json!({ "type": "object", "properties": {} })).expect("an object"),
        url: "https://example.com/book".into(),
        deadline: Duration::from_secs(8),
    };
    let model = Model {
        provider,
        model: "the-model".into(),
        url: provider.url().parse().expect("a URL"),
        api_key: Some(Secret::new("sk-hunter2".into())),
        voice: Some("a-voice".into()),
        prompt: None,
        language: None,
        temperature: None,
        speed: None,
        listener: None,
        thinker: None,
        tools: Tools {
            end_call: true,
            send_dtmf: true,
            do_not_call: false,
            transfer: vec!["+15550100".parse().expect("a number")],
            webhooks: vec![webhook],
        },
        connect_within: Duration::from_secs(10),
        reconnect_within: None,
    };
    Briefed {
        model: Arc::new(model),
        instructions: "You are Sarah.".into(),
        greeting: None,
        variables: vec![("name".into(), "Ann".into())],
        speaks_first: true,
        barge_in: true,
        transcript: true,
        key: None,
    }
}

pub struct Pair {
    pub life: Life,
    pub seat: Seat,
    pub now: Instant,
    /// JSON as it is; binary as its bytes' number.
    pub sent: Vec<Value>,
    pub events: Vec<Event>,
    pub errands: Vec<Errand>,
    /// Does the bridge take what is said?
    pub is_open: bool,
    pub heard: Vec<Frame>,
}

impl Pair {
    pub fn new(briefed: Briefed) -> Self {
        let (port, seat) = pair(Pace::Queued);
        let now = Instant::now();
        let call = CallId::new(7).expect("an id");
        let [from, to] = ["+15550001", "+15550002"].map(|number| number.parse().expect("a number"));
        let life = Life::new(Spec { briefed, call, from, to }, port, now);
        let mut pair = Self {
            life,
            seat,
            now,
            sent: vec![],
            events: vec![],
            errands: vec![],
            is_open: false,
            heard: vec![],
        };
        pair.life.handle_connected(pair.now);
        pair.drain();
        pair
    }

    /// The callee has answered, and the gate is open.
    pub fn answer(&mut self) {
        self.life.handle_input(self.now, Input::Answered);
        self.is_open = true;
    }

    pub fn says(&mut self, message: &Value) {
        self.life.handle_message(self.now, Incoming::Text(&message.to_string()));
        self.drain();
    }

    pub fn binary(&mut self, bytes: &[u8]) {
        self.life.handle_message(self.now, Incoming::Binary(bytes));
        self.drain();
    }

    /// So many ticks, in each of which the callee says 20 ms.
    pub fn tick(&mut self, count: usize) {
        for _ in 0..count {
            self.now += TICK;
            let mut frame = [0; FRAME];
            if self.is_open && self.seat.pull(&mut frame) {
                self.heard.push(frame);
            }
            self.seat.offer(&[0x21; FRAME]);
            self.life.handle_timeout(self.now, true);
            self.drain();
        }
    }

    pub fn drain(&mut self) {
        while let Some(message) = self.life.poll_transmit() {
            self.sent.push(match message {
                Message::Text(text) => serde_json::from_slice(&text).expect("drivers write JSON"),
                Message::Binary(bytes) => bytes.len().into(),
            });
        }
        self.events.extend(std::iter::from_fn(|| self.life.poll_event()));
        self.errands.extend(std::iter::from_fn(|| self.life.poll_errand()));
    }

    /// What was sent since this was last asked, without audio.
    pub fn told(&mut self) -> Vec<Value> {
        let sent = std::mem::take(&mut self.sent);
        let is_audio = |message: &Value| {
            message.is_number()
                || message["type"] == "input_audio_buffer.append"
                || message.get("user_audio_chunk").is_some()
        };
        sent.into_iter().filter(|message| !is_audio(message)).collect()
    }

    /// How many of the callee's 20 ms were sent since this was last asked; forgets everything else.
    pub fn spoken(&mut self) -> usize {
        let sent = self.sent.len();
        sent - self.told().len()
    }

    pub fn why(&self) -> Option<&Why> {
        self.life.ended()
    }
}

/// So many milliseconds of a sound that is not silence, in base64.
pub fn sound(ms: usize) -> String {
    STANDARD.encode(vec![0x10; 8 * ms])
}
