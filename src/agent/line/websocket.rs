//! A WebSocket that stands, over whatever carries bytes: reads into [frames](super::frames), answers what the protocol asks by itself,
//! and writes all that was sent in one go.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::frames::{self, Fault, Got, Inward, Opcode, Side};
use super::message::{Incoming, Message};
use super::wire::{Broken, Came, READ_BUFFER, Wire, drain};

/// Bytes that may wait to be written: a stream speaks only when what it said before has left.
const UNSENT_MAX: usize = 2 * 1024 * 1024;
/// Pings are answered while fewer wait: whoever asks faster than it reads knows anyway that somebody is there.
const PONG_MAX: usize = 16 * 1024;

/// The connection.
pub(super) struct WebSocket {
    wire: Wire,
    side: Side,
    inward: Inward,
    outward: BytesMut,
    /// The other side has said that it closes, and was answered.
    closed: bool,
}

impl WebSocket {
    /// After the handshake, behind which this was `read`.
    pub fn new(wire: Wire, side: Side, read: &[u8]) -> Self {
        Self { wire, side, inward: Inward::new(side, read), outward: BytesMut::new(), closed: false }
    }

    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, Broken>> {
        loop {
            match self.inward.next()? {
                Some(Got::Message) => return Poll::Ready(Ok(Came::Message)),
                Some(Got::Pong) => return Poll::Ready(Ok(Came::Pong)),
                Some(Got::Ping) => {
                    self.answer_ping();
                    self.write_some(cx)?;
                    return Poll::Ready(Ok(Came::Pong));
                }
                Some(Got::Close(code)) => {
                    self.answer_close();
                    self.write_some(cx)?;
                    return Poll::Ready(Ok(Came::Closed(code)));
                }
                None => {}
            }
            let buffer = self.inward.buffer();
            // The messages before have gone: their room is used again.
            buffer.reserve(READ_BUFFER);
            let read = pin!(self.wire.read_buf(buffer));
            if ready!(read.poll(cx))? == 0 {
                return Poll::Ready(Err(Broken::Lost("it ended without a close frame".to_owned())));
            }
        }
    }

    /// The message that came last.
    pub fn message(&self) -> Result<Incoming<'_>, Broken> {
        Ok(self.inward.message()?)
    }

    /// Takes a message; it leaves when it is flushed.
    pub fn send(&mut self, message: &Message) -> Result<(), Broken> {
        let (opcode, bytes) = match message {
            Message::Text(bytes) => (Opcode::Text, bytes),
            Message::Binary(bytes) => (Opcode::Binary, bytes),
        };
        if self.outward.len() + bytes.len() > UNSENT_MAX {
            return Err(Broken::Lost("too much waits to be written".to_owned()));
        }
        frames::write(&mut self.outward, self.side, opcode, bytes);
        Ok(())
    }

    pub fn ping(&mut self) {
        frames::write(&mut self.outward, self.side, Opcode::Ping, &[]);
    }

    /// Nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.outward.is_empty()
    }

    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        drain(&mut self.wire, &mut self.outward, cx)
    }

    /// Says why, waits until the other side has said so too, and leaves (RFC 6455 §7.1.1). What still comes is for nobody.
    pub async fn close(mut self, code: u16, reason: &str) {
        if !self.closed {
            let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
            frames::write(&mut self.outward, self.side, Opcode::Close, &payload);
        }
        let mut flushed = std::future::poll_fn(|cx| self.poll_flush(cx)).await;
        while flushed.is_ok() && !self.closed {
            flushed = std::future::poll_fn(|cx| self.poll_read(cx)).await.map(drop);
        }
        let _ = self.wire.shutdown().await;
    }

    /// As it came (RFC 6455 §5.5.3).
    fn answer_ping(&mut self) {
        if self.outward.len() < PONG_MAX {
            frames::write(&mut self.outward, self.side, Opcode::Pong, self.inward.payload());
        }
    }

    /// With the code that came (RFC 6455 §5.5.1).
    fn answer_close(&mut self) {
        let code = self.inward.payload().first_chunk::<2>();
        frames::write(&mut self.outward, self.side, Opcode::Close, code.map_or(&[][..], |code| code));
        self.closed = true;
    }

    /// Whatever leaves at once; the rest with what is sent next.
    fn write_some(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        match self.poll_flush(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLong => Self::TooLong,
            fault => Self::Protocol(fault.to_string()),
        }
    }
}
