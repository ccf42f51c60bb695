//! Callees with ears: they answer a trunk's calls, say hello, and a tone once somebody speaks to them; they keep what they hear and
//! which keys are pressed.
//! Their audio is the media plane's own; what they say and hear goes by a seat at their own bridge.

#![expect(clippy::disallowed_methods, reason = "callees of their own are threads of their own, with clocks")]

use std::collections::HashMap;
use std::net::{SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trunkline_media::g711::Law;
use trunkline_media::port::{Frame, Pace, Port, pair};
use trunkline_media::{BridgeSpec, Capabilities, Clip, Command, Event, LegId, Media, MediaConfig, sdp};
use trunkline_sip::{Message, Method, Name};

use crate::switch::{Place, eventually};
use crate::tone;

/// What a callee says.
pub const CALLEE_HZ: u32 = 1_000;
/// What is kept of what is heard: a second.
const KEPT: usize = tone::RATE_HZ as usize;
/// The pace of frames.
const TICK: Duration = Duration::from_millis(20);
/// A sample of this size is somebody speaking. Until then a callee says no more than hello, however long it takes: a tone too early
/// could be an answering machine's.
const SPEECH: u16 = 1_000;
/// A tone that has this much of the loudest moment is the tone, in spite of codecs and echo cancellers.
const MOST: f64 = 0.7;

/// Running until dropped.
pub struct Callees {
    known: Arc<Mutex<Known>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What is known of all calls together.
#[derive(Default)]
struct Known {
    /// The last second that each heard, by the order in which they were called.
    heard: Vec<Vec<i16>>,
    keys: String,
    held: bool,
    over: usize,
}

struct Call {
    leg: LegId,
    /// What it answered last, for an INVITE that comes again.
    answer: String,
    cseq: String,
}

impl Callees {
    /// At the trunk's address of this place.
    pub fn at(place: &Place) -> Self {
        let at = place.trunk_sip();
        let sip = UdpSocket::bind(at).expect("a free port");
        sip.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        let (reporter, reports) = mpsc::sync_channel(1_024);
        let config =
            MediaConfig { address: (*at.ip()).into(), ports: 30_000..=30_099, workers: 1, seed: [7; 32] };
        let media =
            Media::start(config, move |report| reporter.try_send(report).is_ok()).expect("a media plane");
        let (known, stop) = (Arc::<Mutex<Known>>::default(), Arc::<AtomicBool>::default());
        let (ports, seated) = mpsc::channel();
        let exchange = Exchange { at, sip, media, calls: HashMap::new(), ports, known: Arc::clone(&known) };
        let threads = vec![
            thread::spawn({
                let stop = Arc::clone(&stop);
                move || exchange.run(&reports, &stop)
            }),
            thread::spawn({
                let (known, stop) = (Arc::clone(&known), Arc::clone(&stop));
                move || talk(&seated, &known, &stop)
            }),
        ];
        Self { known, stop, threads }
    }

    fn known<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the callee that was called as this one, from 0, hears this tone.
    pub fn await_tone(&self, which: usize, hz: u32) {
        eventually("the person's tone", || {
            self.known(|known| tone::strength(known.heard.get(which)?, hz).ge(&MOST).then_some(()))
        });
    }

    /// Waits until it has heard nothing for a second.
    pub fn await_silence(&self, which: usize) {
        let is_quiet = |samples: &Vec<i16>| {
            samples.len() == KEPT && samples.iter().all(|sample| sample.unsigned_abs() < 200)
        };
        eventually("silence", || {
            self.known(|known| known.heard.get(which).is_some_and(is_quiet).then_some(()))
        });
    }

    /// Waits until these keys were pressed, in all.
    pub fn await_keys(&self, keys: &str) {
        eventually("the keys", || self.known(|known| (known.keys == keys).then_some(())));
    }

    /// Waits until the last one that was called is on hold, or is not.
    pub fn await_hold(&self, on: bool) {
        eventually("the hold", || self.known(|known| (known.held == on).then_some(())));
    }

    /// How many were called.
    pub fn called(&self) -> usize {
        self.known(|known| known.heard.len())
    }

    /// Waits until so many have heard BYE.
    pub fn await_over(&self, count: usize) {
        eventually("the end of calls", || self.known(|known| (known.over >= count).then_some(())));
    }
}

impl Drop for Callees {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Exchange {
    at: SocketAddrV4,
    sip: UdpSocket,
    media: Media,
    calls: HashMap<String, Call>,
    ports: mpsc::Sender<Port>,
    known: Arc<Mutex<Known>>,
}

impl Exchange {
    fn run(mut self, reports: &mpsc::Receiver<trunkline_media::Report>, stop: &AtomicBool) {
        let mut datagram = [0; 8_192];
        while !stop.load(Ordering::Relaxed) {
            if let Ok((length, from)) = self.sip.recv_from(&mut datagram)
                && let Ok(message) = Message::parse(datagram[..length].to_vec().into())
                && let Some(answer) = self.answer(&message)
            {
                let _ = self.sip.send_to(answer.as_bytes(), from);
            }
            for report in reports.try_iter() {
                if let Event::Dtmf { digit, .. } = report.event {
                    self.note(|known| known.keys.push(digit));
                }
            }
        }
    }

    fn note(&self, write: impl FnOnce(&mut Known)) {
        write(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is said to a request. What comes again is answered again.
    fn answer(&mut self, message: &Message) -> Option<String> {
        let header = |name: Name| message.header(name).unwrap_or_default();
        let mut body = String::new();
        match message.method()? {
            Method::Ack => return None,
            Method::Invite => body = self.invited(message),
            Method::Bye => {
                if let Some(call) = self.calls.remove(header(Name::CallId)) {
                    let _ = self.media.send(call.leg, Command::Close);
                    self.note(|known| known.over += 1);
                }
            }
            _ => {}
        }
        let tag = if header(Name::To).contains("tag=") { "" } else { ";tag=callee" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        Some(format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:callee@{}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            header(Name::Via),
            header(Name::From),
            header(Name::To),
            header(Name::CallId),
            header(Name::CSeq),
            self.at,
            body.len()
        ))
    }

    fn invited(&mut self, message: &Message) -> String {
        let id = message.header(Name::CallId).unwrap_or_default().to_string();
        let cseq = message.header(Name::CSeq).unwrap_or_default().to_string();
        if let Some(call) = self.calls.get(&id).filter(|call| call.cseq == cseq) {
            return call.answer.clone();
        }
        let local = |leg: &trunkline_media::Opened| leg.local;
        if let Some(call) = self.calls.get_mut(&id) {
            // The caller holds us, or takes us back. Our side of the session stays what it was.
            let is_held = ["a=sendonly", "a=inactive"]
                .iter()
                .any(|word| String::from_utf8_lossy(message.body()).contains(word));
            let direction = if is_held { "a=recvonly" } else { "a=sendrecv" };
            call.answer = directed(&call.answer, direction);
            call.cseq = cseq;
            let answer = call.answer.clone();
            self.note(|known| known.held = is_held);
            return answer;
        }
        let opened = self.media.open(BridgeSpec::default(), 1, None).expect("a free leg");
        let (answer, negotiated) = sdp::answer(message.body(), local(&opened), 1, &Capabilities::default())
            .expect("an offer of ours");
        let hello = include_bytes!("../../../src/simulator/audio/hello.wav");
        let clip = Arc::new(Clip::from_wav(hello).expect("a WAV file"));
        let (port, seat) = pair(Pace::Live);
        let commands = [
            Command::Remote(negotiated),
            Command::Answered,
            Command::Play { clip, mark: None },
            Command::Join { place: 0, seat: Box::new(seat) },
            Command::OpenGate,
        ];
        commands.into_iter().for_each(|command| self.media.send(opened.leg, command).expect("room"));
        self.note(|known| known.heard.push(Vec::new()));
        let _ = self.ports.send(port);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        self.calls.insert(id, Call { leg: opened.leg, answer: answer.clone(), cseq });
        answer
    }
}

/// A description with another direction, and a version of its own (RFC 3264 §8).
fn directed(answer: &str, direction: &str) -> String {
    let directions = ["a=sendrecv", "a=recvonly", "a=sendonly", "a=inactive"];
    let mut lines: Vec<String> =
        answer.lines().filter(|line| !directions.contains(line)).map(str::to_owned).collect();
    lines.push(direction.to_owned());
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

/// Everybody's mouths and ears, 20 ms at a time.
fn talk(seated: &mpsc::Receiver<Port>, known: &Mutex<Known>, stop: &AtomicBool) {
    let mut ports: Vec<(Port, bool)> = Vec::new();
    let (mut at, mut next) = (0, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        ports.extend(seated.try_iter().map(|port| (port, false)));
        let samples: [i16; 160] = std::array::from_fn(|offset| tone::sample(CALLEE_HZ, at + offset));
        at += samples.len();
        let mut frame: Frame = [Law::Mu.silence(); 160];
        Law::Mu.encode(&samples, &mut frame);
        for (which, (port, is_spoken_to)) in ports.iter_mut().enumerate() {
            if *is_spoken_to {
                port.say(&frame);
            }
            while let Some(said) = port.hear() {
                let mut samples = [0; 160];
                Law::Mu.decode(&said, &mut samples);
                *is_spoken_to |= samples.iter().any(|sample: &i16| sample.unsigned_abs() > SPEECH);
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let heard = &mut known.heard[which];
                heard.extend(samples);
                let surplus = heard.len().saturating_sub(KEPT);
                heard.drain(..surplus);
            }
        }
        next += TICK;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
