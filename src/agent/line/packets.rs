//! AudioSocket's packets in a stream of bytes: a type, a length of two bytes, the higher first, and a payload.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};

use super::link::{Broken, Came, READ_BUFFER, Wire};

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
}

impl Packets {
    pub(super) fn new(connection: Wire) -> Self {
        Self { connection, inward: BytesMut::new(), outward: BytesMut::new() }
    }

    /// Takes a packet; it leaves when it is flushed.
    pub(super) fn send(&mut self, packet: &[u8]) {
        self.outward.extend_from_slice(packet);
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, Broken>> {
        loop {
            if let Some(header) = self.inward.first_chunk::<HEADER>() {
                let length = packet_length(*header);
                if self.inward.len() >= length {
                    return Poll::Ready(Ok(Came::Binary(self.inward.split_to(length).freeze())));
                }
            }
            // The packets before have gone: their room is used again.
            self.inward.reserve(READ_BUFFER);
            let read = pin!(self.connection.read_buf(&mut self.inward));
            if ready!(read.poll(cx)).map_err(lost)? == 0 {
                let whole = self.inward.is_empty();
                let cut = || Broken::Lost("it ended within a packet".into());
                return Poll::Ready(if whole { Ok(Came::Closed(None)) } else { Err(cut()) });
            }
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while !self.outward.is_empty() {
            let sent = ready!(Pin::new(&mut self.connection).poll_write(cx, &self.outward)).map_err(lost)?;
            if sent == 0 {
                return Poll::Ready(Err(Broken::Lost("it takes nothing more".into())));
            }
            self.outward.advance(sent);
        }
        Pin::new(&mut self.connection).poll_flush(cx).map_err(lost)
    }

    pub(super) async fn close(mut self) {
        let _ = std::future::poll_fn(|cx| self.poll_flush(cx)).await;
        let _ = self.connection.shutdown().await;
    }
}

fn lost(error: std::io::Error) -> Broken {
    Broken::Lost(error.to_string())
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
