//! A callee with an ear: it answers a trunk's calls, says hello, and keeps what it heard and how it was spoken to. Its audio is the
//! media plane's own, since sipp has neither SRTP nor G.722.
#![expect(clippy::disallowed_methods, reason = "a callee of its own is a thread of its own, with a clock")]

use std::net::{SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trunkline_media::{
    BridgeSpec, Capabilities, Clip, Command, Event, LegId, Media, MediaConfig, Negotiated, Stats, sdp,
};
use trunkline_sip::{Message, Method, Name};

use crate::switch::{Place, eventually};

/// Running until it is dropped.
pub struct Listener {
    told: Arc<Mutex<Option<Told>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Of one call that is over.
#[derive(Clone, Debug)]
pub struct Told {
    /// The offer, as text.
    pub offer: String,
    /// What was agreed, as the callee sees it.
    pub negotiated: Negotiated,
    /// How long it was talked.
    pub talked: Duration,
    /// How often the caller began to speak.
    pub heard: usize,
    pub stats: Stats,
}

/// How a callee answers.
#[derive(Clone)]
pub struct Manner {
    pub capabilities: Capabilities,
    /// Digits that it presses after its hello, as tones.
    pub presses: Option<&'static str>,
    /// Digits that it presses when it is spoken to for the first time, as its leg sends them: telephone events, if they were agreed.
    pub replies: Option<&'static str>,
}

struct Call {
    leg: LegId,
    offer: String,
    negotiated: Negotiated,
    answered: Instant,
    heard: usize,
}

impl Listener {
    /// At the trunk's address of this place.
    pub fn at(place: &Place, manner: Manner) -> Self {
        let (at, stop) = (place.trunk_sip(), Arc::new(AtomicBool::new(false)));
        let told: Arc<Mutex<Option<Told>>> = Arc::default();
        let sip = UdpSocket::bind(at).expect("a free port");
        sip.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
        let (reporter, reports) = mpsc::sync_channel(1_024);
        let address = (*at.ip()).into();
        let config = MediaConfig { address, ports: 30_000..=30_099, workers: 1, seed: [7; 32] };
        let media =
            Media::start(config, move |report| reporter.try_send(report).is_ok()).expect("a media plane");
        let (stopped, kept) = (Arc::clone(&stop), Arc::clone(&told));
        let thread = thread::spawn(move || {
            let (mut call, mut datagram): (Option<Call>, _) = (None, [0; 8_192]);
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((length, from)) = sip.recv_from(&mut datagram)
                    && let Ok(message) = Message::parse(datagram[..length].to_vec().into())
                    && let Some(answer) = answer(&message, at, &manner, &media, &mut call)
                {
                    let _ = sip.send_to(answer.as_bytes(), from);
                }
                for report in reports.try_iter() {
                    match (report.event, &mut call) {
                        (Event::SpeechStarted, Some(call)) => {
                            call.heard += 1;
                            if let Some(digits) = manner.replies.filter(|_| call.heard == 1) {
                                let digits = digits.parse().expect("digits");
                                media.send(call.leg, Command::SendDtmf { digits }).expect("room");
                            }
                        }
                        (Event::Closed(stats), Some(Call { offer, negotiated, answered, heard, .. })) => {
                            let (offer, negotiated) = (offer.clone(), negotiated.clone());
                            let told =
                                Told { offer, negotiated, talked: answered.elapsed(), heard: *heard, stats };
                            *kept.lock().expect("unpoisoned") = Some(told);
                        }
                        _ => {}
                    }
                }
            }
        });
        Self { told, stop, thread: Some(thread) }
    }

    /// What it has to tell, once its call is over.
    pub fn told(&self) -> Told {
        eventually("the end of the call at the callee", || self.told.lock().expect("unpoisoned").clone())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is said to a request. What comes again is answered again.
fn answer(
    message: &Message,
    at: SocketAddrV4,
    manner: &Manner,
    media: &Media,
    call: &mut Option<Call>,
) -> Option<String> {
    let mut body = String::new();
    let mut status = "200 OK";
    match message.method()? {
        Method::Ack => return None,
        Method::Invite if call.is_none() => match pick_up(message, manner, media) {
            Ok((answer, begun)) => (body, *call) = (answer, Some(begun)),
            Err(error) => {
                eprintln!("the callee refuses: {error}");
                status = "488 Not Acceptable Here";
            }
        },
        Method::Bye => {
            if let Some(call) = call {
                let _ = media.send(call.leg, Command::Close);
            }
        }
        _ => {}
    }
    let header = |name: Name| message.header(name).unwrap_or_default();
    let tag = if header(Name::To).contains("tag=") { "" } else { ";tag=listener" };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    Some(format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:listener@{at}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        header(Name::Via),
        header(Name::From),
        header(Name::To),
        header(Name::CallId),
        header(Name::CSeq),
        body.len()
    ))
}

fn pick_up(message: &Message, manner: &Manner, media: &Media) -> Result<(String, Call), sdp::SdpError> {
    let opened = media.open(BridgeSpec::default(), 1, None).expect("a free leg");
    let (answer, negotiated) = sdp::answer(message.body(), opened.local, 1, &manner.capabilities)?;
    let hello = include_bytes!("../../../src/simulator/audio/hello.wav");
    let clip = Arc::new(Clip::from_wav(hello).expect("a WAV file"));
    let mut commands =
        vec![Command::Remote(negotiated.clone()), Command::Answered, Command::Play { clip, mark: None }];
    if let Some(digits) = manner.presses {
        commands.push(Command::Play { clip: tones(digits), mark: None });
    }
    commands.push(Command::OpenGate);
    commands.into_iter().for_each(|command| media.send(opened.leg, command).expect("room"));
    let offer = String::from_utf8_lossy(message.body()).into_owned();
    let call = Call { leg: opened.leg, offer, negotiated, answered: Instant::now(), heard: 0 };
    Ok((String::from_utf8_lossy(&answer).into_owned(), call))
}

/// Digits as a telephone makes them (ITU-T Q.23): 100 ms of two tones each, and 100 ms of nothing.
fn tones(digits: &str) -> Arc<Clip> {
    const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMNS: [f64; 3] = [1_209.0, 1_336.0, 1_477.0];
    let mut samples = vec![0_i16; 2_400];
    for digit in digits.chars() {
        let at = "123456789*0#".find(digit).expect("a key of a telephone");
        let wave = |hz: f64, n: usize| (std::f64::consts::TAU * hz * n as f64 / 8_000.0).sin() * 6_000.0;
        samples.extend((0..800).map(|n| (wave(ROWS[at / 3], n) + wave(COLUMNS[at % 3], n)) as i16));
        samples.extend([0; 800]);
    }
    Arc::new(Clip::from_samples(&samples))
}
