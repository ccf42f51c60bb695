//! A trunk behind which everybody answers at once: one socket for SIP, four for everybody's RTP. One thread answers, one talks
//! and listens in slots of 1 ms. The switch gives each leg a port of its own, so a packet's source tells whose it is.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use trunkline_media::g711::is_faint;

use crate::mark::{Arrival, FRAME, Mark};

const TICK: Duration = Duration::from_millis(20);
const SLOTS: usize = 20;
const SOURCES: usize = 4;
const HEADER: usize = 12;
/// After a stall so much is made up for, and the rest left out: callees do not speak in bursts.
const STALL_MAX: Duration = Duration::from_millis(40);
/// Packets that may wait in a socket: 500 legs' of half a second.
const SOCKET_BYTES: usize = 8 * 1024 * 1024;

/// What every callee says.
#[derive(Clone)]
pub enum Says {
    /// This, after so long, and then nothing.
    Greeting(Arc<[u8]>, Duration),
    /// Marked frames, for ever.
    Marks,
}

/// What the callees heard since this was last asked.
#[derive(Default)]
pub struct Heard {
    pub arrivals: Vec<Arrival>,
    pub packets: u64,
    /// For each callee that has: from the end of its greeting to the first sound.
    pub waits: Vec<Duration>,
}

pub struct Callees {
    pub address: SocketAddr,
    answered: Arc<AtomicUsize>,
    heard: Arc<Mutex<Heard>>,
    hang_up: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Callees {
    pub fn start(says: Says) -> Self {
        let sip = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        sip.set_read_timeout(Some(TICK)).expect("set");
        let _ = socket2::SockRef::from(&sip).set_recv_buffer_size(SOCKET_BYTES);
        let address = sip.local_addr().expect("bound");
        let sockets: Vec<UdpSocket> = (0..SOURCES).map(|_| rtp_socket()).collect();
        let ports = sockets.iter().map(|socket| socket.local_addr().expect("bound").port()).collect();
        let (legs, coming) = channel();
        let (answered, heard) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Heard>>::default());
        let (hang_up, over) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let trunk = Trunk {
            sip,
            ports,
            legs,
            dialogs: HashMap::new(),
            answered: Arc::clone(&answered),
            hang_up: Arc::clone(&hang_up),
        };
        let line =
            Line { sockets, coming, legs: vec![], places: HashMap::new(), says, heard: Arc::clone(&heard) };
        let (sip_over, rtp_over) = (Arc::clone(&over), Arc::clone(&over));
        let threads =
            vec![thread::spawn(move || trunk.run(&sip_over)), thread::spawn(move || line.run(&rtp_over))];
        Self { address, answered, heard, hang_up, over, threads }
    }

    /// Calls answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    pub fn take_heard(&self) -> Heard {
        std::mem::take(&mut self.heard.lock().expect("never poisoned"))
    }

    /// Everybody hangs up.
    pub fn hang_up(&self) {
        self.hang_up.store(true, Ordering::Relaxed);
    }
}

impl Drop for Callees {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Whoever answers.
struct Trunk {
    sip: UdpSocket,
    ports: Vec<u16>,
    legs: Sender<(usize, SocketAddr)>,
    /// By Call-ID: where the answer goes again if it is asked for again, and what ends the call.
    dialogs: HashMap<String, (String, String, SocketAddr)>,
    answered: Arc<AtomicUsize>,
    hang_up: Arc<AtomicBool>,
}

impl Trunk {
    fn run(mut self, over: &AtomicBool) {
        let mut buffer = vec![0; 65_536];
        while !over.load(Ordering::Relaxed) {
            if self.hang_up.swap(false, Ordering::Relaxed) {
                for (_, (_, bye, to)) in self.dialogs.drain() {
                    let _ = self.sip.send_to(bye.as_bytes(), to);
                }
            }
            let Ok((length, from)) = self.sip.recv_from(&mut buffer) else { continue };
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if request.starts_with("INVITE ") {
                self.answer(&request, from);
            } else if !request.starts_with("ACK ") && !request.starts_with("SIP/2.0 ") {
                let _ = self.sip.send_to(response(&request, "", "").as_bytes(), from);
            }
        }
    }

    fn answer(&mut self, invite: &str, from: SocketAddr) {
        let call = header(invite, "call-id").to_owned();
        if !self.dialogs.contains_key(&call) {
            let index = self.answered.load(Ordering::Relaxed);
            let own = self.sip.local_addr().expect("bound");
            let media = format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0 101\r\n\
                 a=rtpmap:101 telephone-event/8000\r\n",
                self.ports[index % SOURCES]
            );
            let contact = format!("Contact: <sip:bench@{own}>\r\nContent-Type: application/sdp\r\n");
            let answer = response(invite, &contact, &media);
            self.dialogs.insert(call.clone(), (answer, bye(invite, own), from));
            self.legs.send((index, remote(invite))).expect("the line outlives the trunk");
            self.answered.store(index + 1, Ordering::Relaxed);
        }
        let _ = self.sip.send_to(self.dialogs[&call].0.as_bytes(), from);
    }
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let named = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
    message.lines().find(named).and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}

fn response(request: &str, headers: &str, body: &str) -> String {
    let vias: String = request
        .lines()
        .filter(|line| line.to_ascii_lowercase().starts_with("via:"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let [from, to, call, cseq] = ["from", "to", "call-id", "cseq"].map(|name| header(request, name));
    let tag = if to.contains("tag=") { "" } else { ";tag=bench" };
    format!(
        "SIP/2.0 200 OK\r\n{vias}From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call}\r\nCSeq: {cseq}\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn bye(invite: &str, own: SocketAddr) -> String {
    let [from, to, call, contact] = ["from", "to", "call-id", "contact"].map(|name| header(invite, name));
    let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
    format!(
        "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{call}\r\nFrom: {to};tag=bench\r\nTo: {from}\r\n\
         Call-ID: {call}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Where an offer's audio goes.
fn remote(invite: &str) -> SocketAddr {
    let media = invite.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("an offer of audio");
    let port = media.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Everybody's mouth and ears.
struct Line {
    sockets: Vec<UdpSocket>,
    coming: Receiver<(usize, SocketAddr)>,
    legs: Vec<Leg>,
    places: HashMap<u16, usize>,
    says: Says,
    heard: Arc<Mutex<Heard>>,
}

struct Leg {
    index: usize,
    to: SocketAddr,
    sent: u32,
    greeted: Option<Instant>,
    has_waited: bool,
}

impl Line {
    fn run(mut self, over: &AtomicBool) {
        let mut next = Instant::now();
        let mut buffer = [0; 2_048];
        while !over.load(Ordering::Relaxed) {
            for slot in 0..SLOTS {
                next =
                    (next + TICK / SLOTS as u32).max(Instant::now().checked_sub(STALL_MAX).unwrap_or(next));
                thread::sleep(next.saturating_duration_since(Instant::now()));
                while let Ok((index, to)) = self.coming.try_recv() {
                    self.places.insert(to.port(), self.legs.len());
                    self.legs.push(Leg { index, to, sent: 0, greeted: None, has_waited: false });
                }
                for place in (slot..self.legs.len()).step_by(SLOTS) {
                    self.talk(place);
                }
                self.listen(&mut buffer);
            }
        }
    }

    fn talk(&mut self, place: usize) {
        let leg = &mut self.legs[place];
        let now = Instant::now();
        let frame = match &self.says {
            Says::Marks => Mark { source: leg.index as u16, number: leg.sent, sent: now }.frame(),
            Says::Greeting(greeting, after) => {
                let silent = after.as_millis() as usize / 20;
                let mut frame = [0xff; FRAME];
                let at = (leg.sent as usize).checked_sub(silent).map(|spoken| spoken * FRAME);
                let rest = at.and_then(|at| greeting.get(at..)).filter(|rest| !rest.is_empty());
                if let Some(rest) = rest {
                    let length = rest.len().min(FRAME);
                    frame[..length].copy_from_slice(&rest[..length]);
                    leg.greeted = Some(now);
                }
                frame
            }
        };
        let mut packet = [0; HEADER + FRAME];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&(leg.sent as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&leg.sent.wrapping_mul(FRAME as u32).to_be_bytes());
        packet[8..HEADER].copy_from_slice(&(leg.index as u32 + 1).to_be_bytes());
        packet[HEADER..].copy_from_slice(&frame);
        leg.sent += 1;
        let _ = self.sockets[leg.index % SOURCES].send_to(&packet, leg.to);
    }

    fn listen(&mut self, buffer: &mut [u8]) {
        let mut heard = self.heard.lock().expect("never poisoned");
        for socket in &self.sockets {
            while let Ok((length, from)) = socket.recv_from(buffer) {
                let at = Instant::now();
                let Some(payload) = buffer.get(HEADER..length) else { continue };
                heard.packets += 1;
                if let Some(mark) = Mark::read(payload) {
                    heard.arrivals.push(Arrival { mark, at });
                }
                let Some(leg) = self.places.get(&from.port()).and_then(|place| self.legs.get_mut(*place))
                else {
                    continue;
                };
                let is_sound = payload.iter().any(|byte| !is_faint(*byte));
                if is_sound
                    && !leg.has_waited
                    && let Some(greeted) = leg.greeted
                {
                    leg.has_waited = true;
                    heard.waits.push(at.saturating_duration_since(greeted + TICK));
                }
            }
        }
    }
}

fn rtp_socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("set");
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(SOCKET_BYTES);
    socket
}
