//! A connection that stands: messages in and out. A WebSocket, whichever side asked for it, or AudioSocket's packets over TCP.
//! Knows sizes and closing, and nothing of what the messages say.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;

use super::frames::Side;
use super::message::{Incoming, Message};
use super::packets::Packets;
use super::websocket::WebSocket;
use super::wire::{Broken, Came, Io, Wire};

/// For taking leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection that stands.
pub struct Link(Kind);

enum Kind {
    WebSocket(Box<WebSocket>),
    Packets(Box<Packets>),
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
