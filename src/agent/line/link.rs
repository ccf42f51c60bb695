//! A connection that stands: messages in and out. A WebSocket, whichever side asked for it, or AudioSocket's packets over TCP.
//! Knows sizes and closing, and nothing of what the messages say.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink as _, Stream as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};

use super::message::Message;
use super::packets::Packets;

/// A message of a bot's, in bytes: more than a minute and a half of PCMU in base64.
pub(super) const MESSAGE_MAX: usize = 1024 * 1024;
/// What is read at once: some messages of 20 ms. It is made anew for every look, so more would cost more.
pub(super) const READ_BUFFER: usize = 4 * 1024;
/// What is written at once, and what may wait to be: a stream speaks only when what it said before has left.
const WRITE_BUFFER: usize = 16 * 1024;
const WRITE_BUFFER_MAX: usize = 2 * 1024 * 1024;
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
    WebSocket(Box<WebSocketStream<Wire>>),
    Packets(Box<Packets>),
}

/// What a connection gives.
#[derive(Debug)]
pub(super) enum Came {
    Text(Utf8Bytes),
    Binary(Bytes),
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

/// A WebSocket's bounds.
pub(super) fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(WRITE_BUFFER_MAX)
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
}

impl Link {
    /// A WebSocket that whoever it is asked us for: `io` has been upgraded, and of what comes after it this was `read`.
    pub async fn accepted(io: impl Io + 'static, read: Vec<u8>) -> Self {
        let io: Wire = Box::new(io);
        Self::websocket(WebSocketStream::from_partially_read(io, read, Role::Server, Some(limits())).await)
    }

    pub(super) fn websocket(socket: WebSocketStream<Wire>) -> Self {
        Self(Kind::WebSocket(Box::new(socket)))
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
        if sending && let Poll::Ready(sent) = self.poll_flush(cx) {
            return Poll::Ready(sent.map(|()| Came::Sent));
        }
        if !read {
            return Poll::Pending;
        }
        match &mut self.0 {
            Kind::WebSocket(socket) => loop {
                let Some(message) = ready!(Pin::new(&mut **socket).poll_next(cx)) else {
                    return Poll::Ready(Ok(Came::Closed(None)));
                };
                if let Some(came) = came(message.map_err(broken)?) {
                    return Poll::Ready(Ok(came));
                }
            },
            Kind::Packets(packets) => packets.poll_read(cx),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match &mut self.0 {
            Kind::WebSocket(socket) => Pin::new(&mut **socket).poll_flush(cx).map_err(broken),
            Kind::Packets(packets) => packets.poll_flush(cx),
        }
    }

    /// Takes a message; it leaves when the connection is polled.
    pub(super) fn send(&mut self, message: Message) -> Result<(), Broken> {
        match &mut self.0 {
            Kind::WebSocket(socket) => {
                let message = match message {
                    Message::Text(text) => tungstenite::Message::Text(
                        Utf8Bytes::try_from(text).expect("interpreters write UTF-8"),
                    ),
                    Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
                };
                Pin::new(&mut **socket).start_send(message).map_err(broken)
            }
            Kind::Packets(packets) => {
                let (Message::Text(bytes) | Message::Binary(bytes)) = message;
                packets.send(&bytes);
                Ok(())
            }
        }
    }

    /// Asks whether the bot is there. False: this connection has no such question.
    pub(super) fn ping(&mut self) -> Result<bool, Broken> {
        match &mut self.0 {
            Kind::WebSocket(socket) => {
                let ping = tungstenite::Message::Ping(Bytes::new());
                Pin::new(&mut **socket).start_send(ping).map_err(broken).map(|()| true)
            }
            Kind::Packets(_) => Ok(false),
        }
    }

    /// Sends what is left, says why, and leaves.
    pub async fn close(self, code: u16, reason: &'static str) {
        let farewell = async {
            match self.0 {
                Kind::WebSocket(mut socket) => {
                    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                    if socket.close(Some(frame)).await.is_ok() {
                        while let Some(Ok(_)) = socket.next().await {}
                    }
                }
                Kind::Packets(packets) => packets.close().await,
            }
        };
        // A bot that does not take leave is left.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

fn came(message: tungstenite::Message) -> Option<Came> {
    match message {
        tungstenite::Message::Text(text) => Some(Came::Text(text)),
        tungstenite::Message::Binary(bytes) => Some(Came::Binary(bytes)),
        tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_) => Some(Came::Pong),
        tungstenite::Message::Close(frame) => Some(Came::Closed(frame.map(|frame| frame.code.into()))),
        tungstenite::Message::Frame(_) => None,
    }
}

fn broken(error: tungstenite::Error) -> Broken {
    use tungstenite::Error::{AlreadyClosed, Capacity, ConnectionClosed, Io, Protocol, Tls};
    match error {
        Capacity(_) => Broken::TooLong,
        Io(_) | Tls(_) | ConnectionClosed | AlreadyClosed => Broken::Lost(error.to_string()),
        Protocol(ProtocolError::ResetWithoutClosingHandshake) => Broken::Lost(error.to_string()),
        other => Broken::Protocol(other.to_string()),
    }
}
