//! What carries bytes under a connection, what a connection gives, and what becomes of it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

/// What is read at once: some messages of 20 ms.
pub(super) const READ_BUFFER: usize = 4 * 1024;

/// What carries bytes: TCP, TLS over it, or a connection that a server has upgraded.
pub(super) type Wire = Box<dyn Io>;

/// Anything that bytes go through both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What a connection gives.
#[derive(Debug)]
pub(super) enum Came {
    /// The connection has it, until it is polled again.
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

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Lost(error.to_string())
    }
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
