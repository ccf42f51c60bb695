//! A callee that sipp cannot play: it speaks or echoes, reports by RTCP what it hears or that it hears nothing, and lets itself
//! be put on hold or not.
#![expect(clippy::disallowed_methods, reason = "a callee of its own is a thread of its own, with a clock")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use trunkline_sip::{Message, Method, Name};

use super::fake::{Fake, listener};

/// How it behaves.
#[derive(Clone, Copy)]
pub struct Manner {
    /// What is heard of it.
    pub sends: Sends,
    /// What its RTCP says.
    pub reports: Reports,
    /// What it says to a re-INVITE.
    pub reinvite: Reinvite,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Sends {
    /// Nothing at all.
    Nothing,
    /// PCMU of its own, a packet each 20 ms.
    Noise,
    /// One packet of PCMU, and then nothing.
    OneFrame,
    /// One packet of comfort noise (RFC 3389), and then nothing.
    ComfortNoise,
    /// Every packet that comes, back to where it came from.
    Echo,
    /// The same, but telephone events are swallowed.
    EchoWithoutEvents,
    /// The same, but of events the first digit alone.
    EchoOfOneDigit,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Reports {
    None,
    /// Sender reports without a block, as of somebody who hears nobody.
    OfNobody,
    /// Receiver reports of whoever sends to it, nothing lost.
    OfUs,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Reinvite {
    /// The other way round, as RFC 3264 §6.1 asks.
    Mirrored,
    /// `a=sendrecv`, whatever was offered.
    Ignored,
    /// 488.
    Refused,
}

/// Nothing special: it speaks, says nothing by RTCP, can be held.
pub const PLAIN: Manner =
    Manner { sends: Sends::Noise, reports: Reports::None, reinvite: Reinvite::Mirrored };

/// The payload type of telephone events, in our offers and its answers.
const EVENTS: u8 = 101;
const FRAME: Duration = Duration::from_millis(20);
const REPORT: Duration = Duration::from_millis(700);

impl Fake {
    /// A callee at this SIP address; its media is at ports 40000 and 40001 of the same.
    pub fn callee(at: SocketAddrV4, manner: Manner) -> Self {
        let sip = UdpSocket::bind(at).expect("a free port");
        sip.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
        let mut line = Line::at(*at.ip(), manner);
        let mut datagram = [0; 8_192];
        Self::start(move || {
            if let Ok((length, from)) = sip.recv_from(&mut datagram)
                && let Ok(message) = Message::parse(datagram[..length].to_vec().into())
                && let Some(answer) = answer(&message, at, manner, &mut line)
            {
                let _ = sip.send_to(answer.as_bytes(), from);
            }
            line.turn();
        })
    }
}

impl Fake {
    /// The same behind TLS, over one connection at a time. What it is asked is told.
    pub fn callee_over_tls(
        at: SocketAddrV4,
        manner: Manner,
        tls: Arc<rustls::ServerConfig>,
        told: mpsc::Sender<Message>,
    ) -> Self {
        let listener = listener(at, TURN);
        let mut line = Line::at(*at.ip(), manner);
        let mut link: Option<Link> = None;
        Self::start(move || {
            link = match link.take() {
                None => listener.accept().ok().map(|(stream, _)| Link::new(stream, &tls)),
                Some(mut open) => open
                    .turn(|message| {
                        let answer = answer(&message, at, manner, &mut line);
                        let _ = told.send(message);
                        answer
                    })
                    .then_some(open),
            };
            line.turn();
        })
    }
}

/// How long a turn waits for a word.
const TURN: Duration = Duration::from_millis(5);

/// A connection with TLS on it.
struct Link {
    tls: rustls::StreamOwned<rustls::ServerConnection, TcpStream>,
    heard: Vec<u8>,
}

impl Link {
    fn new(stream: TcpStream, tls: &Arc<rustls::ServerConfig>) -> Self {
        stream.set_read_timeout(Some(TURN)).expect("a timeout");
        let session = rustls::ServerConnection::new(Arc::clone(tls)).expect("a session");
        Self { tls: rustls::StreamOwned::new(session, stream), heard: Vec::new() }
    }

    /// Hears and answers. Gives whether the connection still stands.
    fn turn(&mut self, mut answer: impl FnMut(Message) -> Option<String>) -> bool {
        let mut part = [0; 4_096];
        match self.tls.read(&mut part) {
            Ok(0) => return false,
            Ok(length) => self.heard.extend_from_slice(&part[..length]),
            Err(error) => return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
        while let Some(message) = self.next() {
            if let Some(answer) = answer(message)
                && self.tls.write_all(answer.as_bytes()).is_err()
            {
                return false;
            }
        }
        true
    }

    /// The next message that is whole (RFC 3261 §18.3).
    fn next(&mut self) -> Option<Message> {
        let body = self.heard.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.heard[..body]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length:"));
        let end = body + length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        if self.heard.len() < end {
            return None;
        }
        let message: Vec<u8> = self.heard.drain(..end).collect();
        Message::parse(message.into()).ok()
    }
}

/// What is said to a request.
fn answer(message: &Message, at: SocketAddrV4, manner: Manner, line: &mut Line) -> Option<String> {
    let header = |name: Name| message.header(name).unwrap_or_default();
    let to = header(Name::To);
    let is_first = !to.contains("tag=");
    let (status, body) = match message.method()? {
        Method::Ack => return None,
        Method::Invite if !is_first && manner.reinvite == Reinvite::Refused => {
            ("488 Not Acceptable Here", String::new())
        }
        Method::Invite => {
            let offer = String::from_utf8_lossy(message.body()).into_owned();
            if is_first {
                line.peer = media_of(&offer);
            }
            let is_mirrored = offer.contains("a=sendonly") && manner.reinvite == Reinvite::Mirrored;
            let (noise, map) = match offer.contains("CN/8000") || offer.contains(" 13 ") {
                true => (" 13", "a=rtpmap:13 CN/8000\r\n"),
                false => ("", ""),
            };
            let direction = if is_mirrored { "recvonly" } else { "sendrecv" };
            let ip = at.ip();
            (
                "200 OK",
                format!(
                    "v=0\r\no=callee 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0{noise} {EVENTS}\r\n\
                 a=rtpmap:0 PCMU/8000\r\n{map}a=rtpmap:{EVENTS} telephone-event/8000\r\na=ptime:20\r\na={direction}\r\n"
                ),
            )
        }
        Method::Bye => {
            line.peer = None;
            ("200 OK", String::new())
        }
        _ => ("200 OK", String::new()),
    };
    // RFC 3261 §12.1.1: who is asked securely is reached securely.
    let scheme = if message.request_uri()?.starts_with("sips:") { "sips" } else { "sip" };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    Some(format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <{scheme}:callee@{at}>\r\n\
         {kind}Content-Length: {}\r\n\r\n{body}",
        header(Name::Via),
        header(Name::From),
        if is_first { ";tag=callee" } else { "" },
        header(Name::CallId),
        header(Name::CSeq),
        body.len()
    ))
}

/// Where an offer wants its audio.
fn media_of(offer: &str) -> Option<SocketAddr> {
    let line = |start: &str| offer.lines().find_map(|line| line.strip_prefix(start));
    let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(line("c=IN IP4 ")?.trim().parse().ok()?, port))
}

/// Its audio.
struct Line {
    manner: Manner,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    peer: Option<SocketAddr>,
    sequence: u16,
    /// The peer's source and its last number, once it was heard.
    heard: Option<(u32, u16)>,
    next: Instant,
    report: Instant,
}

impl Line {
    fn at(ip: Ipv4Addr, manner: Manner) -> Self {
        let media = |port| {
            let socket = UdpSocket::bind(SocketAddrV4::new(ip, port)).expect("a free port");
            socket.set_nonblocking(true).expect("not blocking");
            socket
        };
        let (now, rtp, rtcp) = (Instant::now(), media(40_000), media(40_001));
        Self { manner, rtp, rtcp, peer: None, sequence: 0, heard: None, next: now, report: now + REPORT }
    }

    fn turn(&mut self) {
        let mut packet = [0; 2_048];
        while let Ok((length @ 12.., from)) = self.rtp.recv_from(&mut packet) {
            let packet = &mut packet[..length];
            let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four bytes"));
            self.heard = Some((word(8), word(0) as u16));
            let event = (packet[1] & 0x7f == EVENTS).then(|| packet[12]);
            let is_sent_back = match (self.manner.sends, event) {
                (Sends::Nothing | Sends::Noise | Sends::OneFrame | Sends::ComfortNoise, _)
                | (Sends::EchoWithoutEvents, Some(_)) => false,
                (Sends::EchoOfOneDigit, Some(digit)) => digit == 1,
                _ => true,
            };
            if is_sent_back {
                // What is swallowed leaves no gap: numbers are its own, as a gateway's are.
                self.sequence = self.sequence.wrapping_add(1);
                packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
                let _ = self.rtp.send_to(packet, from);
            }
        }
        let Some(peer) = self.peer else { return };
        let now = Instant::now();
        let is_speaking = match self.manner.sends {
            Sends::Noise => true,
            Sends::OneFrame | Sends::ComfortNoise => self.sequence == 0,
            _ => false,
        };
        let is_noise = self.manner.sends == Sends::ComfortNoise;
        if is_speaking && now >= self.next {
            self.next += FRAME;
            self.sequence = self.sequence.wrapping_add(1);
            let mut packet = vec![0x80, if is_noise { 13 } else { 0 }];
            packet.extend(self.sequence.to_be_bytes());
            packet.extend((u32::from(self.sequence) * 160).to_be_bytes());
            packet.extend(SSRC.to_be_bytes());
            match is_noise {
                // A level of -60 dBov.
                true => packet.push(60),
                false => packet.extend((0..160_u8).map(|at| if at % 8 < 4 { 0x20 } else { 0xa0 })),
            }
            let _ = self.rtp.send_to(&packet, peer);
        }
        if self.manner.reports != Reports::None && now >= self.report {
            self.report = now + REPORT;
            let _ = self.rtcp.send_to(&self.compound(), SocketAddr::new(peer.ip(), peer.port() + 1));
        }
    }

    /// A sender report, with a block on whoever is heard if it is to be told, and the name (RFC 3550 §6.4, §6.5).
    fn compound(&self) -> Vec<u8> {
        let block = self.heard.filter(|_| self.manner.reports == Reports::OfUs);
        let mut bytes = vec![0x80 | u8::from(block.is_some()), 200, 0, if block.is_some() { 12 } else { 6 }];
        bytes.extend(SSRC.to_be_bytes());
        // NTP and RTP time, packets, octets.
        for word in [1_u32, 0, 0, u32::from(self.sequence), u32::from(self.sequence) * 160] {
            bytes.extend(word.to_be_bytes());
        }
        if let Some((source, highest)) = block {
            for word in [source, 0, u32::from(highest), 0, 0, 0] {
                bytes.extend(word.to_be_bytes());
            }
        }
        bytes.extend([0x81, 202, 0, 3]);
        bytes.extend(SSRC.to_be_bytes());
        // CNAME "abc", and the end.
        bytes.extend([1, 3, b'a', b'b', b'c', 0, 0, 0]);
        bytes
    }
}

const SSRC: u32 = 0x0a0b_0c0d;
