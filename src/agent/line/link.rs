//! A connection that stands: messages in and out. A WebSocket, whichever side asked for it, or AudioSocket's packets over TCP.
//! Knows sizes and closing, and nothing of what the messages say.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::frames::Side;
use super::message::{Incoming, Message};
use super::packets::Packets;
use super::websocket::WebSocket;

/// What is read at once: some messages of 20 ms.
pub(super) const READ_BUFFER: usize = 4 * 1024;
/// For taking leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// What carries bytes: TCP, TLS over it, or a connection that a server has upgraded.
pub(super) type Wire = Box<dyn Io>;

/// Anything that bytes go through both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that stands.
pub struct Link(Kind);

enum Kind {
    WebSocket(Box<WebSocket>),
    Packets(Box<Packets>),
}

/// What a connection gives.
#[derive(Debug)]
pub(super) enum Came {
    /// [`Link::message`] has it, until the connection is polled again.
    Message,
    /// The bot is alive.
    Pong,
    /// The bot has closed in good order.
    Closed(Option<u16>),
    /// All that was sent has left.
    Sent,
}

/// A connection that is of no use any more.
#[derive(Debug)]
pub(super) enum Broken {
    TooLong,
    Protocol(String),
    Lost(String),
}

/// Writes what waits, and has it leave.
pub(super) fn drain(
    wire: &mut Wire,
    outward: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    while !outward.is_empty() {
        let sent = ready!(Pin::new(&mut *wire).poll_write(cx, outward))?;
        if sent == 0 {
            return Poll::Ready(Err(Broken::Lost("it takes nothing more".to_owned())));
        }
        outward.advance(sent);
    }
    Poll::Ready(Ok(ready!(Pin::new(wire).poll_flush(cx))?))
}

impl Link {
    /// A WebSocket that whoever it is asked us for: `io` has been upgraded, and of what comes after it this was `read`.
    #[must_use]
    pub fn accepted(io: impl Io + 'static, read: &[u8]) -> Self {
        Self(Kind::WebSocket(Box::new(WebSocket::new(Box::new(io), Side::Server, read))))
    }

    /// One that we asked for.
    pub(super) fn asked_for(wire: Wire, read: &[u8]) -> Self {
        Self(Kind::WebSocket(Box::new(WebSocket::new(wire, Side::Client, read))))
    }

    pub(super) fn packets(wire: Wire) -> Self {
        Self(Kind::Packets(Box::new(Packets::new(wire))))
    }

    /// Goes on sending if there is something to send, and reading if that is wanted.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        read: bool,
        sending: bool,
    ) -> Poll<Result<Came, Broken>> {
        if (sending || !self.is_flushed())
            && let Poll::Ready(sent) = self.poll_flush(cx)
        {
            sent?;
            if sending {
                return Poll::Ready(Ok(Came::Sent));
            }
        }
        match &mut self.0 {
            _ if !read => Poll::Pending,
            Kind::WebSocket(socket) => socket.poll_read(cx),
            Kind::Packets(packets) => packets.poll_read(cx),
        }
    }

    /// The message that came last.
    pub(super) fn message(&self) -> Result<Incoming<'_>, Broken> {
        match &self.0 {
            Kind::WebSocket(socket) => socket.message(),
            Kind::Packets(packets) => Ok(packets.message()),
        }
    }

    fn is_flushed(&self) -> bool {
        match &self.0 {
            Kind::WebSocket(socket) => socket.is_flushed(),
            Kind::Packets(packets) => packets.is_flushed(),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match &mut self.0 {
            Kind::WebSocket(socket) => socket.poll_flush(cx),
            Kind::Packets(packets) => packets.poll_flush(cx),
        }
    }

    /// Takes a message; it leaves when the connection is polled.
    pub(super) fn send(&mut self, message: &Message) -> Result<(), Broken> {
        match &mut self.0 {
            Kind::WebSocket(socket) => socket.send(message),
            Kind::Packets(packets) => {
                let (Message::Text(bytes) | Message::Binary(bytes)) = message;
                packets.send(bytes);
                Ok(())
            }
        }
    }

    /// Asks whether the bot is there. False: this connection has no such question.
    pub(super) fn ping(&mut self) -> bool {
        match &mut self.0 {
            Kind::WebSocket(socket) => {
                socket.ping();
                true
            }
            Kind::Packets(_) => false,
        }
    }

    /// Sends what is left, says why, and leaves.
    pub async fn close(self, code: u16, reason: &'static str) {
        let farewell = async {
            match self.0 {
                Kind::WebSocket(socket) => socket.close(code, reason).await,
                Kind::Packets(packets) => packets.close().await,
            }
        };
        // A bot that does not take leave is left.
        let _ = timeout(FAREWELL, farewell).await;
    }
}
