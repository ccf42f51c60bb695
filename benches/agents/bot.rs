//! Voice bots, as many as call: a server of Twilio's media streams, whose bots do one thing. Its CPU time is this process's, not the
//! switch's.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use crate::mark::{Arrival, BYTES, FRAME, Mark};

const TICK: Duration = Duration::from_millis(20);
/// Frames in what is interrupted: four seconds.
const SPEECH: u32 = 200;
/// Messages of 40 ms in a turn.
const BEATS: u32 = 125;
/// Numbers of one such speech's frames, and the next one's, are so far apart.
pub const SPEECHES: u32 = 1_000;

/// What every bot does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Says two seconds at once, before anybody has answered.
    Greets,
    /// Says 20 ms every 20 ms, from when it first hears the callee.
    Talks,
    /// Speaks and listens by turns of five seconds each, in messages of 40 ms, which is how Pipecat cuts them.
    Converses,
    /// Says single frames, at moments that have nothing to do with anybody's clock.
    Marks,
    /// Says four seconds at once, and takes them back a second later; again and again.
    Interrupts,
}

/// What the bots heard and did since this was last asked.
#[derive(Default)]
pub struct Told {
    pub arrivals: Vec<Arrival>,
    /// Who took back which speech when.
    pub clears: Vec<(u16, u32, Instant)>,
    /// Frames said.
    pub said: u64,
}

pub struct Bots {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    there: AtomicUsize,
    counts: AtomicBool,
    told: Mutex<Told>,
}

impl Bots {
    pub async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, does, Arc::clone(&serving)));
            }
        });
        Self { address, shared }
    }

    /// Bots that were told of their call.
    pub fn there(&self) -> usize {
        self.shared.there.load(Ordering::Relaxed)
    }

    /// Is what happens from now on kept?
    pub fn count(&self, counts: bool) {
        self.shared.counts.store(counts, Ordering::Relaxed);
    }

    pub fn take_told(&self) -> Told {
        std::mem::take(&mut self.shared.told.lock().expect("never poisoned"))
    }
}

async fn serve(stream: TcpStream, does: Does, shared: Arc<Shared>) {
    stream.set_nodelay(true).expect("set");
    let Ok(mut socket) = accept_async(stream).await else { return };
    let stream = loop {
        let Some(Ok(Message::Text(text))) = socket.next().await else { return };
        if text.contains(r#""event":"start""#) {
            break between(&text, r#""streamSid":""#, "\"").unwrap_or_default().to_owned();
        }
    };
    let source = shared.there.fetch_add(1, Ordering::Relaxed) as u16;
    let mut bot = Bot {
        socket,
        does,
        stream,
        source,
        said: 0,
        speech: 0,
        beats: u32::from(source) * 7,
        has_heard: false,
        shared,
    };
    if does == Does::Greets && bot.speak(SPEECH / 2).await.is_none() {
        return;
    }
    if matches!(does, Does::Talks | Does::Converses) {
        while !bot.has_heard {
            let message = bot.socket.next().await;
            if bot.hear(message).is_none() {
                return;
            }
        }
    }
    let mut clock = bot.clock();
    loop {
        let alive = tokio::select! {
            message = bot.socket.next() => bot.hear(message),
            _ = clock.tick(), if does != Does::Greets => bot.act(&mut clock).await,
        };
        if alive.is_none() {
            return;
        }
    }
}

struct Bot {
    socket: WebSocketStream<TcpStream>,
    does: Does,
    stream: String,
    source: u16,
    said: u32,
    speech: u32,
    /// Messages of 40 ms that fell into this call so far, said or not.
    beats: u32,
    /// The callee was heard.
    has_heard: bool,
    shared: Arc<Shared>,
}

impl Bot {
    fn clock(&self) -> Interval {
        let period = match self.does {
            Does::Interrupts => Duration::from_millis(1_000 + u64::from(self.source) % 97),
            Does::Converses => 2 * TICK,
            _ => TICK,
        };
        let mut clock = interval(period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        clock
    }

    /// None: the connection is gone.
    async fn act(&mut self, clock: &mut Interval) -> Option<()> {
        match self.does {
            Does::Greets => Some(()),
            Does::Talks => self.speak(1).await,
            Does::Converses => {
                self.beats += 1;
                if (self.beats / BEATS).is_multiple_of(2) { self.speak(2).await } else { Some(()) }
            }
            Does::Marks => {
                clock.reset_after(Duration::from_micros(rand::random_range(90_000..190_000)));
                self.speak(1).await
            }
            Does::Interrupts if self.said.is_multiple_of(SPEECHES) => self.speak(SPEECH).await,
            Does::Interrupts => {
                let clear = format!(r#"{{"event":"clear","streamSid":"{}"}}"#, self.stream);
                let at = Instant::now();
                self.socket.send(Message::text(clear)).await.ok()?;
                if self.shared.counts.load(Ordering::Relaxed) {
                    let mut told = self.shared.told.lock().expect("never poisoned");
                    told.clears.push((self.source, self.speech, at));
                }
                self.speech += 1;
                self.said = self.speech * SPEECHES;
                Some(())
            }
        }
    }

    async fn speak(&mut self, frames: u32) -> Option<()> {
        let mut sound = Vec::with_capacity(frames as usize * FRAME);
        for _ in 0..frames {
            let mark = Mark { source: self.source, number: self.said, sent: Instant::now() };
            sound.extend_from_slice(&mark.frame());
            self.said += 1;
        }
        if self.shared.counts.load(Ordering::Relaxed) {
            self.shared.told.lock().expect("never poisoned").said += u64::from(frames);
        }
        let payload = STANDARD.encode(sound);
        let stream = &self.stream;
        let media =
            format!(r#"{{"event":"media","streamSid":"{stream}","media":{{"payload":"{payload}"}}}}"#);
        self.socket.send(Message::text(media)).await.ok()
    }

    fn hear(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Option<()> {
        let message = message?.ok()?;
        let counts = self.shared.counts.load(Ordering::Relaxed);
        if (counts || !self.has_heard)
            && let Message::Text(text) = message
            && let Some(payload) = between(&text, r#""payload":""#, "\"")
            && let Some(beginning) = payload.get(..BYTES / 3 * 4)
            && let Ok(bytes) = STANDARD.decode(beginning)
            && let Some(mark) = Mark::read(&bytes)
        {
            self.has_heard = true;
            let at = Instant::now();
            if counts {
                self.shared.told.lock().expect("never poisoned").arrivals.push(Arrival { mark, at });
            }
        }
        Some(())
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}
