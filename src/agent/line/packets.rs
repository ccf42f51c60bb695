//! AudioSocket's packets in a stream of bytes: a type, a length of two bytes, the higher first, and a payload.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::message::Incoming;
use super::wire::{Broken, Came, READ_BUFFER, Wire, drain};

/// Bytes of a packet before its payload.
pub(in crate::agent) const HEADER: usize = 3;

/// Bytes of a packet whose header begins like this.
fn packet_length(header: [u8; HEADER]) -> usize {
    HEADER + usize::from(u16::from_be_bytes([header[1], header[2]]))
}

/// A connection that carries packets.
pub struct Packets {
    connection: Wire,
    inward: BytesMut,
    outward: BytesMut,
    /// Bytes of the packet that was given last.
    given: usize,
}

impl Packets {
    pub(super) fn new(connection: Wire) -> Self {
        Self { connection, inward: BytesMut::new(), outward: BytesMut::new(), given: 0 }
    }

    /// Takes a packet; it leaves when it is flushed.
    pub(super) fn send(&mut self, packet: &[u8]) {
        self.outward.extend_from_slice(packet);
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, Broken>> {
        self.inward.advance(std::mem::take(&mut self.given));
        loop {
            if let Some(header) = self.inward.first_chunk::<HEADER>() {
                let length = packet_length(*header);
                if self.inward.len() >= length {
                    self.given = length;
                    return Poll::Ready(Ok(Came::Message));
                }
            }
            // The packets before have gone: their room is used again.
            self.inward.reserve(READ_BUFFER);
            let read = pin!(self.connection.read_buf(&mut self.inward));
            if ready!(read.poll(cx))? == 0 {
                let whole = self.inward.is_empty();
                let cut = || Broken::Lost("it ended within a packet".into());
                return Poll::Ready(if whole { Ok(Came::Closed(None)) } else { Err(cut()) });
            }
        }
    }

    /// The packet that was given last.
    pub(super) fn message(&self) -> Incoming<'_> {
        Incoming::Binary(&self.inward[..self.given])
    }

    /// Nothing waits to be written.
    pub(super) fn is_flushed(&self) -> bool {
        self.outward.is_empty()
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        drain(&mut self.connection, &mut self.outward, cx)
    }

    /// Sends what is left, ends our side, and waits for the end of theirs. A connection that is closed over what still comes is
    /// reset (RFC 9293 §3.10.4, RFC 1122 §4.2.2.13), and with that the server may lose what was sent last: that the call is over.
    pub(super) async fn close(mut self) {
        let _ = std::future::poll_fn(|cx| self.poll_flush(cx)).await;
        let _ = self.connection.shutdown().await;
        while let Ok(1..) = self.connection.read_buf(&mut self.inward).await {
            self.inward.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packets_length_counts_its_header() {
        assert_eq!(packet_length([0x10, 0x01, 0x40]), 323);
        assert_eq!(packet_length([0x00, 0x00, 0x00]), 3);
    }
}
