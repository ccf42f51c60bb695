//! One connection, once it stands: bytes to messages and back, keep-alives, and the times after which it is given up. Knows
//! nothing of who opened it, of TLS, or of what the messages say, but that they are SIP.
#![expect(clippy::disallowed_methods, reason = "a shell: it waits")]

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};

use super::failure;
use super::framing::{Frame, Framer};
use crate::message::Message;
use crate::path::Path;
use crate::transport_error::TransportError;

/// What connections may cost, and how long they may take.
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// Connections at once, both ways. Those that were opened to us get half: strangers leave room for our own.
    pub connections_max: usize,
    /// Connections that one address may have opened to us at once; of IPv6, one /64.
    pub per_address_max: usize,
    /// Bytes that may wait to be sent on one connection. Beyond this it is lost.
    pub queued_bytes_max: usize,
    /// How long connecting may take.
    pub connect: Duration,
    /// How long connecting may take for a message that would leave as a datagram if it were shorter: a firewall that drops what it
    /// does not like must not delay a call.
    pub connect_grown: Duration,
    /// How long the TLS handshake may take.
    pub handshake: Duration,
    /// How long the rest of a message may let itself be waited for.
    pub half_message: Duration,
    /// How long the far end may take nothing of what we send.
    pub write: Duration,
    /// How long who connected to us may take to send a SIP message, whatever else he sends.
    pub greeting: Duration,
    /// How long a connection may carry nothing before it is closed. A call's BYE may come after hours: it opens another.
    pub idle: Duration,
    /// How often a connection that we opened is pinged: at random between 80 % of this and all of it (RFC 5626 §4.4.1).
    pub ping: Duration,
    /// How long a pong may take, from who has sent one before.
    pub pong: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            per_address_max: 64,
            queued_bytes_max: 1024 * 1024,
            connect: Duration::from_secs(4),
            connect_grown: Duration::from_secs(1),
            handshake: Duration::from_secs(5),
            half_message: Duration::from_secs(10),
            write: Duration::from_secs(10),
            greeting: Duration::from_secs(30),
            idle: Duration::from_secs(2 * 3_600),
            ping: Duration::from_secs(120),
            pong: Duration::from_secs(10),
        }
    }
}

/// What connections tell their endpoint.
pub(super) enum Happening {
    /// A message came in.
    Message(Path, Bytes),
    /// A connection is gone: its path, its number, and why.
    Lost(Path, u64, TransportError),
    /// Somebody connected, to the listener of this index.
    Accepted(tokio::net::TcpStream, std::net::SocketAddr, usize),
}

/// The way to the endpoint: a bounded queue, and a bell. A connection that finds it full waits, and so does its far end.
#[derive(Clone)]
pub(super) struct Inbox {
    pub sender: mpsc::Sender<Happening>,
    pub bell: Arc<Notify>,
}

impl Inbox {
    pub async fn put(&self, happening: Happening) {
        // A closed inbox means that the endpoint is gone, and soon this connection.
        if self.sender.send(happening).await.is_ok() {
            self.bell.notify_one();
        }
    }
}

/// What waits to be sent on one connection.
pub(super) struct Outbox {
    pub messages: mpsc::Receiver<Bytes>,
    pub queued_bytes: Arc<AtomicUsize>,
}

/// What both halves of a connection know of each other.
struct Pulse {
    begun: Instant,
    /// When a message or a ping of theirs was carried last, in milliseconds since the beginning.
    active_ms: AtomicU64,
    /// A SIP message came.
    is_greeted: AtomicBool,
    /// A ping of ours waits for its pong.
    asked: AtomicBool,
    /// Something came since that ping.
    heard: AtomicBool,
    /// The far end has answered a ping before. Not everybody does, and a ping to who does not is still a sign of life to every NAT
    /// between.
    answers: AtomicBool,
    /// The far end pinged: a pong is due.
    owes: AtomicBool,
    bell: Notify,
}

impl Pulse {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            active_ms: AtomicU64::new(0),
            is_greeted: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            answers: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            bell: Notify::new(),
        }
    }

    fn beat(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active_ms.store(now, Ordering::Relaxed);
    }

    /// Until when it may carry nothing. Who connected to us is as good as nobody until he has said something in SIP.
    fn idle_until(&self, is_ours: bool, limits: &StreamLimits) -> Instant {
        if !is_ours && !self.is_greeted.load(Ordering::Relaxed) {
            return self.begun + limits.greeting;
        }
        self.begun + Duration::from_millis(self.active_ms.load(Ordering::Relaxed)) + limits.idle
    }

    /// A message came.
    fn hear(&self, message: &Bytes) {
        if !self.is_greeted.load(Ordering::Relaxed) && Message::parse(message.clone()).is_ok() {
            self.is_greeted.store(true, Ordering::Relaxed);
        }
        self.beat();
    }

    /// A ping leaves.
    fn ask(&self) {
        self.heard.store(false, Ordering::Relaxed);
        self.asked.store(true, Ordering::Relaxed);
    }

    /// The time for a pong is over. Gives whether its absence means something.
    fn is_silent(&self) -> bool {
        let asked = self.asked.swap(false, Ordering::Relaxed);
        asked && !self.heard.load(Ordering::Relaxed) && self.answers.load(Ordering::Relaxed)
    }

    /// An empty line between messages. One answers our ping; two that answer nothing are a ping (RFC 5626 §3.5.1).
    fn hear_blank(&self, blanks: &mut u8) {
        if self.asked.swap(false, Ordering::Relaxed) {
            self.answers.store(true, Ordering::Relaxed);
            return;
        }
        *blanks += 1;
        if *blanks == 2 {
            *blanks = 0;
            // Whoever keeps it alive wants it.
            self.beat();
            self.owes.store(true, Ordering::Relaxed);
            self.bell.notify_one();
        }
    }
}

/// Carries messages both ways until the connection is lost, or until nobody wants to send on it any more.
pub(super) async fn carry<S: AsyncRead + AsyncWrite>(
    stream: S,
    path: Path,
    inbox: &Inbox,
    outbox: &mut Outbox,
    pings: bool,
    limits: &StreamLimits,
) -> TransportError {
    let (reading, writing) = tokio::io::split(stream);
    let pulse = Pulse::new();
    tokio::select! {
        error = read(reading, path, inbox, &pulse, pings, limits) => error,
        error = write(writing, outbox, &pulse, pings, limits) => error,
    }
}

async fn read<S: AsyncRead>(
    mut stream: ReadHalf<S>,
    path: Path,
    inbox: &Inbox,
    pulse: &Pulse,
    is_ours: bool,
    limits: &StreamLimits,
) -> TransportError {
    let (mut framer, mut buffer) = (Framer::default(), BytesMut::with_capacity(READ_BYTES));
    let (mut blanks, mut begun) = (0u8, None);
    loop {
        buffer.clear();
        let deadline =
            begun.map_or_else(|| pulse.idle_until(is_ours, limits), |begun| begun + limits.half_message);
        match tokio::time::timeout_at(deadline, stream.read_buf(&mut buffer)).await {
            Err(_) if begun.is_some() => return TransportError::Framing("half a message"),
            // Somebody else may have been active meanwhile.
            Err(_) if pulse.idle_until(is_ours, limits) > Instant::now() => continue,
            Err(_) => return TransportError::Idle,
            Ok(Err(error)) => return failure::of(&error),
            Ok(Ok(0)) => return TransportError::Closed,
            Ok(Ok(_)) => {}
        }
        pulse.heard.store(true, Ordering::Relaxed);
        framer.push(&buffer);
        loop {
            match framer.next() {
                Ok(None) => break,
                Ok(Some(Frame::Message(message))) => {
                    (blanks, begun) = (0, None);
                    pulse.hear(&message);
                    inbox.put(Happening::Message(path, message)).await;
                }
                Ok(Some(Frame::Blank)) => pulse.hear_blank(&mut blanks),
                Err(broken) => return TransportError::Framing(broken.0),
            }
        }
        begun = framer.is_amid().then(|| begun.unwrap_or_else(Instant::now));
    }
}

async fn write<S: AsyncWrite>(
    mut stream: WriteHalf<S>,
    outbox: &mut Outbox,
    pulse: &Pulse,
    pings: bool,
    limits: &StreamLimits,
) -> TransportError {
    let (mut ping_at, mut pong_by) = (Instant::now() + ping_after(limits), None);
    loop {
        let mut given_back = 0;
        let bytes = tokio::select! {
            message = outbox.messages.recv() => {
                let Some(message) = message else {
                    // The endpoint is gone; what it gave us has left.
                    let _ = timeout(limits.write, stream.shutdown()).await;
                    return TransportError::Closed;
                };
                pulse.beat();
                given_back = message.len();
                message
            }
            () = pulse.bell.notified() => {
                if !pulse.owes.swap(false, Ordering::Relaxed) {
                    continue;
                }
                Bytes::from_static(b"\r\n")
            }
            () = tokio::time::sleep_until(pong_by.unwrap_or(ping_at)), if pings => {
                if pong_by.take().is_some() {
                    if pulse.is_silent() {
                        return TransportError::Silent;
                    }
                    continue;
                }
                pulse.ask();
                pong_by = Some(Instant::now() + limits.pong);
                Bytes::from_static(b"\r\n\r\n")
            }
        };
        let written = timeout(limits.write, async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        });
        match written.await {
            Err(_) => return TransportError::TimedOut,
            Ok(Err(error)) => return failure::of(&error),
            Ok(Ok(())) => {}
        }
        outbox.queued_bytes.fetch_sub(given_back, Ordering::Relaxed);
        ping_at = Instant::now() + ping_after(limits);
    }
}

fn ping_after(limits: &StreamLimits) -> Duration {
    // Each `RandomState` has keys of its own, which is random enough to keep connections from pinging in step.
    let random = RandomState::new().hash_one(()) % 1_000;
    limits.ping.mul_f64(0.8 + 0.2 * random as f64 / 1_000.0)
}

/// What is read at once.
const READ_BYTES: usize = 16 * 1024;
