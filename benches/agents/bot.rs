//! Voice bots, as many as call: a server of Twilio's media streams, whose bots do one thing. Their CPU time is this process's, not the
//! switch's. One thread is all of them, in slots of 1 ms, and sleeps in between: on loopback whoever sends is charged with waking up
//! whoever waits for it, and bots that are somewhere else are woken by another machine.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpStream;

use crate::mark::{Arrival, BYTES, FRAME, Mark};
use crate::socket::{Over, Socket};

const TICK: Duration = Duration::from_millis(20);
const SLOT: Duration = Duration::from_millis(1);
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
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    there: AtomicUsize,
    counts: AtomicBool,
    over: AtomicBool,
    told: Mutex<Told>,
}

impl Bots {
    pub fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("set");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let room = Room { listener, does, bots: vec![], shared: Arc::clone(&shared) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let thread = Some(thread::spawn(move || runtime.block_on(room.run())));
        Self { address, shared, thread }
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

impl Drop for Bots {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the bots broke off");
        }
    }
}

/// Where all bots are.
struct Room {
    listener: TcpListener,
    does: Does,
    bots: Vec<Bot>,
    shared: Arc<Shared>,
}

impl Room {
    async fn run(mut self) {
        let mut next = Instant::now();
        while !self.shared.over.load(Ordering::Relaxed) {
            next += SLOT;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            // What has come in the meantime is looked for here, and nowhere waited for.
            tokio::task::yield_now().await;
            while let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(true).expect("set");
                self.bots.push(Bot::new(TcpStream::from_std(stream).expect("a socket"), self.does));
            }
            let (now, shared) = (Instant::now(), &self.shared);
            self.bots.retain_mut(|bot| bot.live(now, shared).is_ok());
        }
    }
}

struct Bot {
    socket: Socket,
    does: Does,
    call: Option<Call>,
}

/// What a bot knows once it was told of its call.
struct Call {
    stream: String,
    source: u16,
    said: u32,
    speech: u32,
    /// Messages of 40 ms that fell into this call so far, said or not.
    beats: u32,
    /// It says nothing until it has heard the callee.
    waits: bool,
    /// When it acts next, if it does.
    next: Option<Instant>,
}

impl Bot {
    fn new(stream: TcpStream, does: Does) -> Self {
        Self { socket: Socket::new(stream), does, call: None }
    }

    /// Hears what has come, and does what is due.
    fn live(&mut self, now: Instant, shared: &Shared) -> Result<(), Over> {
        let Self { socket, does, call } = self;
        let counts = shared.counts.load(Ordering::Relaxed);
        socket.hear(|text| match call {
            None => *call = Call::told(text, *does, now, shared),
            Some(call) => call.hear(text, now, counts, shared),
        })?;
        if let Some(call) = call {
            while call.next.is_some_and(|next| next <= now) {
                call.act(*does, socket, shared);
            }
        }
        socket.write()
    }
}

impl Call {
    fn told(text: &str, does: Does, now: Instant, shared: &Shared) -> Option<Self> {
        if !text.contains(r#""event":"start""#) {
            return None;
        }
        let stream = between(text, r#""streamSid":""#, "\"")?.to_owned();
        let source = shared.there.fetch_add(1, Ordering::Relaxed) as u16;
        let waits = matches!(does, Does::Talks | Does::Converses);
        let next = (!waits).then_some(now);
        Some(Self { stream, source, said: 0, speech: 0, beats: u32::from(source) * 7, waits, next })
    }

    fn hear(&mut self, text: &str, now: Instant, counts: bool, shared: &Shared) {
        if (counts || self.waits)
            && let Some(payload) = between(text, r#""payload":""#, "\"")
            && let Some(beginning) = payload.get(..BYTES / 3 * 4)
            && let Ok(bytes) = STANDARD.decode(beginning)
            && let Some(mark) = Mark::read(&bytes)
        {
            if std::mem::replace(&mut self.waits, false) {
                self.next = Some(now);
            }
            if counts {
                let mut told = shared.told.lock().expect("never poisoned");
                told.arrivals.push(Arrival { mark, at: Instant::now() });
            }
        }
    }

    fn act(&mut self, does: Does, socket: &mut Socket, shared: &Shared) {
        match does {
            Does::Greets => self.speak(SPEECH / 2, socket, shared),
            Does::Talks | Does::Marks => self.speak(1, socket, shared),
            Does::Converses => {
                self.beats += 1;
                if (self.beats / BEATS).is_multiple_of(2) {
                    self.speak(2, socket, shared);
                }
            }
            Does::Interrupts if self.said.is_multiple_of(SPEECHES) => self.speak(SPEECH, socket, shared),
            Does::Interrupts => self.take_back(socket, shared),
        }
        let pause = match does {
            Does::Greets => None,
            Does::Talks => Some(TICK),
            Does::Converses => Some(2 * TICK),
            Does::Marks => Some(Duration::from_micros(rand::random_range(90_000..190_000))),
            Does::Interrupts => Some(Duration::from_millis(1_000 + u64::from(self.source) % 97)),
        };
        self.next = self.next.zip(pause).map(|(due, pause)| due + pause);
    }

    fn take_back(&mut self, socket: &mut Socket, shared: &Shared) {
        let at = Instant::now();
        socket.say(&format!(r#"{{"event":"clear","streamSid":"{}"}}"#, self.stream));
        if shared.counts.load(Ordering::Relaxed) {
            let mut told = shared.told.lock().expect("never poisoned");
            told.clears.push((self.source, self.speech, at));
        }
        self.speech += 1;
        self.said = self.speech * SPEECHES;
    }

    fn speak(&mut self, frames: u32, socket: &mut Socket, shared: &Shared) {
        let mut sound = Vec::with_capacity(frames as usize * FRAME);
        for _ in 0..frames {
            let mark = Mark { source: self.source, number: self.said, sent: Instant::now() };
            sound.extend_from_slice(&mark.frame());
            self.said += 1;
        }
        if shared.counts.load(Ordering::Relaxed) {
            shared.told.lock().expect("never poisoned").said += u64::from(frames);
        }
        let payload = STANDARD.encode(sound);
        let stream = &self.stream;
        socket
            .say(&format!(r#"{{"event":"media","streamSid":"{stream}","media":{{"payload":"{payload}"}}}}"#));
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}
