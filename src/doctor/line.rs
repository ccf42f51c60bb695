//! Shell: the audio of a probe call. A bridge of the media crate's own over two sockets of the doctor's, so that what is heard
//! is what the switch would hear, and besides who sent it.
#![expect(clippy::disallowed_methods, reason = "a shell: it reads the clock")]

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use trunkline_media::{Bridge, BridgeSpec, Channel, Clip, Command, Event, Negotiated, Stats, rtp};

use super::observation::{Audio, Source};
use super::patient::Patient;

/// Senders that are told apart; more are not counted.
const SOURCES_MAX: usize = 8;
/// Digits that are kept.
const DIGITS_MAX: usize = 32;
/// The longest datagram that is read.
const DATAGRAM_MAX: usize = 2_048;
/// What we say: a second of a soft 440 Hz.
const TONE: Duration = Duration::from_secs(1);

/// One leg.
pub struct Line {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    bridge: Bridge,
    local: SocketAddr,
    began: Option<Instant>,
    sources: Vec<Source>,
    is_refused: bool,
    digits_sent: Option<bool>,
    digits_heard: String,
    stats: Option<Stats>,
}

impl Line {
    /// Takes a pair of ports out of the switch's range, from its end: a running switch begins at its start.
    pub async fn bind(patient: &Patient, spec: BridgeSpec) -> io::Result<Self> {
        let (first, last) = (*patient.ports.start(), *patient.ports.end());
        for port in (first..last).rev().filter(|port| port % 2 == 0 && *port > 0) {
            let address = SocketAddr::new(patient.media, port);
            let rtcp = SocketAddr::new(patient.media, port + 1);
            match (UdpSocket::bind(address).await, UdpSocket::bind(rtcp).await) {
                (Ok(rtp), Ok(rtcp)) => return Ok(Self::over(patient, spec, rtp, rtcp, address)),
                (Err(error), _) | (_, Err(error)) if error.kind() != io::ErrorKind::AddrInUse => {
                    return Err(error);
                }
                _ => {}
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no free pair of media ports"))
    }

    fn over(patient: &Patient, spec: BridgeSpec, rtp: UdpSocket, rtcp: UdpSocket, bound: SocketAddr) -> Self {
        Self {
            rtp,
            rtcp,
            bridge: Bridge::new(spec, rand::random()),
            local: SocketAddr::new(patient.media_advertise.unwrap_or(bound.ip()), bound.port()),
            began: None,
            sources: Vec::new(),
            is_refused: false,
            digits_sent: None,
            digits_heard: String::new(),
            stats: None,
        }
    }

    /// What our SDP says.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes what an early answer agreed to.
    pub fn preview(&mut self, negotiated: Negotiated) {
        self.bridge.handle_command(Instant::now(), Command::Remote(negotiated));
    }

    /// The call was answered: we speak.
    pub fn answered(&mut self, negotiated: Negotiated) {
        let now = Instant::now();
        self.began = Some(now);
        for command in [Command::Remote(negotiated), Command::Answered, Command::OpenGate] {
            self.bridge.handle_command(now, command);
        }
        self.speak();
        self.bridge.handle_timeout(now);
    }

    fn speak(&mut self) {
        let clip = Clip::from_samples(&tone()).into();
        self.bridge.handle_command(Instant::now(), Command::Play { clip, mark: None });
    }

    /// Whether nobody was heard so far.
    pub fn is_deaf(&self) -> bool {
        self.sources.is_empty()
    }

    /// From now on nobody but this address is heard: only so does the system tell whether it refuses what we send. From our own
    /// port, since whoever has latched on to it takes nothing from another.
    pub async fn narrow(&mut self, remote: SocketAddr) {
        self.speak();
        // What cannot be connected is an address that nothing was heard from either.
        let _ = self.rtp.connect(remote).await;
    }

    /// Presses keys.
    pub fn press(&mut self, digits: &str) {
        if let Ok(digits) = digits.parse() {
            self.bridge.handle_command(Instant::now(), Command::SendDtmf { digits });
        }
    }

    /// When [`Line::tick`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        self.bridge.poll_timeout()
    }

    /// Waits until something may be read. Cancel-safe. Exclusive, since a codec may be owned by any thread and shared by none.
    pub async fn readable(&mut self) {
        // What fails to be waited for fails to be read as well, and is counted as nothing.
        let _ = tokio::select! {
            ready = self.rtp.readable() => ready,
            ready = self.rtcp.readable() => ready,
        };
    }

    /// Reads all that came, speaks if it is time, and sends.
    pub fn tick(&mut self) {
        let mut datagram = [0; DATAGRAM_MAX];
        loop {
            let (length, from) = match self.rtp.try_recv_from(&mut datagram) {
                Ok(received) => received,
                Err(error) => {
                    self.is_refused |= error.kind() == io::ErrorKind::ConnectionRefused;
                    break;
                }
            };
            let datagram = &datagram[..length];
            if !rtp::is_rtcp(datagram) && rtp::read(datagram).is_some() {
                self.count(from);
            }
            self.bridge.handle_message(Instant::now(), Channel::Rtp, from, datagram);
        }
        while let Ok((length, from)) = self.rtcp.try_recv_from(&mut datagram) {
            self.bridge.handle_message(Instant::now(), Channel::Rtcp, from, &datagram[..length]);
        }
        let now = Instant::now();
        while self.bridge.poll_timeout().is_some_and(|due| due <= now) {
            self.bridge.handle_timeout(now);
        }
        while let Some(transmit) = self.bridge.poll_transmit() {
            let socket = match transmit.channel {
                Channel::Rtp => &self.rtp,
                Channel::Rtcp => &self.rtcp,
            };
            // An address that nothing can be sent to is told of by what does not come back.
            let sent = socket.try_send_to(transmit.payload, transmit.to);
            let is_refused = sent.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
            self.is_refused |= is_refused && transmit.channel == Channel::Rtp;
        }
        while self.bridge.poll_spent().is_some() {}
        while let Some(event) = self.bridge.poll_event() {
            match event {
                Event::Dtmf { digit, .. } if self.digits_heard.len() < DIGITS_MAX => {
                    self.digits_heard.push(digit)
                }
                Event::DtmfSent { sent } => self.digits_sent = Some(sent),
                Event::Closed(stats) => self.stats = Some(stats),
                _ => {}
            }
        }
    }

    /// The end: what was heard.
    pub fn close(mut self) -> Audio {
        self.bridge.handle_command(Instant::now(), Command::Close);
        self.tick();
        Audio {
            listened: self.began.map_or(Duration::ZERO, |began| began.elapsed()),
            sources: self.sources,
            stats: self.stats.unwrap_or_default(),
            is_refused: self.is_refused,
            digits_sent: self.digits_sent,
            digits_heard: self.digits_heard,
        }
    }

    fn count(&mut self, from: SocketAddr) {
        let known = self.sources.iter_mut().find(|source| source.address == from);
        if let Some(source) = known {
            source.packets = source.packets.saturating_add(1);
        } else if self.sources.len() < SOURCES_MAX {
            self.sources.push(Source { address: from, packets: 1 });
        }
    }
}

fn tone() -> Vec<i16> {
    let samples = TONE.as_millis() as usize * 8;
    let step = std::f64::consts::TAU * 440.0 / 8_000.0;
    (0..samples).map(|at| ((at as f64 * step).sin() * 4_000.0) as i16).collect()
}
