//! The connection to a bot: messages in and out. A WebSocket, or AudioSocket's packets over TCP. Knows sizes and closing, and
//! nothing of what the messages say.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::{Sink as _, Stream as _, StreamExt as _};
use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};

use super::dialect::packets::{HEADER, packet_length};
use super::outbox::Message;
use crate::egress::Connection;

/// A message of a bot's, in bytes: more than a minute and a half of PCMU in base64.
pub(super) const MESSAGE_MAX: usize = 1024 * 1024;
/// What is read at once.
const READ_BUFFER: usize = 8 * 1024;
/// What is written at once, and what may wait to be: a stream speaks only when what it said before has left.
const WRITE_BUFFER: usize = 16 * 1024;
const WRITE_BUFFER_MAX: usize = 2 * 1024 * 1024;
/// For taking leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection that stands.
#[derive(Debug)]
pub(in crate::agent) enum Link {
    WebSocket(Box<WebSocketStream<Connection>>),
    Packets(Box<Packets>),
}

/// What a connection gives.
#[derive(Debug)]
pub(in crate::agent) enum Came {
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
pub(in crate::agent) enum Broken {
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
    /// Goes on sending if there is something to send, and reading if that is wanted.
    pub fn poll(&mut self, cx: &mut Context<'_>, read: bool, sending: bool) -> Poll<Result<Came, Broken>> {
        if sending && let Poll::Ready(sent) = self.poll_flush(cx) {
            return Poll::Ready(sent.map(|()| Came::Sent));
        }
        if !read {
            return Poll::Pending;
        }
        match self {
            Self::WebSocket(socket) => loop {
                let Some(message) = ready!(Pin::new(&mut **socket).poll_next(cx)) else {
                    return Poll::Ready(Ok(Came::Closed(None)));
                };
                if let Some(came) = came(message.map_err(broken)?) {
                    return Poll::Ready(Ok(came));
                }
            },
            Self::Packets(packets) => packets.poll_read(cx),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self {
            Self::WebSocket(socket) => Pin::new(&mut **socket).poll_flush(cx).map_err(broken),
            Self::Packets(packets) => packets.poll_flush(cx),
        }
    }

    /// Takes a message; it leaves when the connection is polled.
    pub fn send(&mut self, message: Message) -> Result<(), Broken> {
        match self {
            Self::WebSocket(socket) => {
                let message = match message {
                    Message::Text(text) => tungstenite::Message::Text(
                        Utf8Bytes::try_from(text).expect("interpreters write UTF-8"),
                    ),
                    Message::Binary(bytes) => tungstenite::Message::Binary(bytes),
                };
                Pin::new(&mut **socket).start_send(message).map_err(broken)
            }
            Self::Packets(packets) => {
                let (Message::Text(bytes) | Message::Binary(bytes)) = message;
                packets.outward.extend_from_slice(&bytes);
                Ok(())
            }
        }
    }

    /// Asks whether the bot is there. False: this connection has no such question.
    pub fn ping(&mut self) -> Result<bool, Broken> {
        match self {
            Self::WebSocket(socket) => {
                let ping = tungstenite::Message::Ping(Bytes::new());
                Pin::new(&mut **socket).start_send(ping).map_err(broken).map(|()| true)
            }
            Self::Packets(_) => Ok(false),
        }
    }

    /// Sends what is left, says why, and leaves.
    pub async fn close(self, code: u16, reason: &'static str) {
        let farewell = async {
            match self {
                Self::WebSocket(mut socket) => {
                    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
                    if socket.close(Some(frame)).await.is_ok() {
                        while let Some(Ok(_)) = socket.next().await {}
                    }
                }
                Self::Packets(mut packets) => {
                    let _ = std::future::poll_fn(|cx| packets.poll_flush(cx)).await;
                    let _ = packets.connection.shutdown().await;
                }
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

/// AudioSocket's packets.
#[derive(Debug)]
pub(in crate::agent) struct Packets {
    connection: Connection,
    inward: BytesMut,
    outward: BytesMut,
}

impl Packets {
    pub fn new(connection: Connection) -> Self {
        Self { connection, inward: BytesMut::new(), outward: BytesMut::new() }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, Broken>> {
        loop {
            if let Some(header) = self.inward.first_chunk::<HEADER>() {
                let length = packet_length(*header);
                if self.inward.len() >= length {
                    return Poll::Ready(Ok(Came::Binary(self.inward.split_to(length).freeze())));
                }
            }
            let mut space = [0; READ_BUFFER];
            let mut into = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.connection).poll_read(cx, &mut into)).map_err(lost)?;
            if into.filled().is_empty() {
                let whole = self.inward.is_empty();
                let cut = || Broken::Lost("it ended within a packet".into());
                return Poll::Ready(if whole { Ok(Came::Closed(None)) } else { Err(cut()) });
            }
            self.inward.extend_from_slice(into.filled());
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while !self.outward.is_empty() {
            let sent = ready!(Pin::new(&mut self.connection).poll_write(cx, &self.outward)).map_err(lost)?;
            if sent == 0 {
                return Poll::Ready(Err(Broken::Lost("it takes nothing more".into())));
            }
            self.outward.advance(sent);
        }
        Pin::new(&mut self.connection).poll_flush(cx).map_err(lost)
    }
}

fn lost(error: std::io::Error) -> Broken {
    Broken::Lost(error.to_string())
}
