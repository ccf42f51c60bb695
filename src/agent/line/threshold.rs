//! A connection as a handshake sees it: up to the end of the answer's head. What comes behind is no HTTP any more, and is kept for
//! whoever speaks next.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Wire;

/// The end of a head (RFC 9112 §2.1).
const END: &[u8; 4] = b"\r\n\r\n";
/// Read at once.
const CHUNK: usize = 4 * 1024;

/// The connection, during the handshake.
pub(super) struct Threshold {
    wire: Wire,
    /// Bytes of [`END`] that came last.
    matched: usize,
    /// What came behind it.
    behind: Vec<u8>,
}

impl Threshold {
    pub fn new(wire: Wire) -> Self {
        Self { wire, matched: 0, behind: Vec::new() }
    }

    /// The connection, and what was read behind the head.
    pub fn pass(self) -> (Wire, Vec<u8>) {
        (self.wire, self.behind)
    }

    /// How many of these bytes are the head's.
    fn of_head(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            self.matched = match (*byte, self.matched) {
                (byte, matched) if byte == END[matched] => matched + 1,
                (b'\r', _) => 1,
                _ => 0,
            };
            if self.matched == END.len() {
                return index + 1;
            }
        }
        bytes.len()
    }
}

impl AsyncRead for Threshold {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.matched == END.len() {
            // Whoever shakes hands has got all there is for it.
            return Poll::Ready(Ok(()));
        }
        let mut bytes = [0; CHUNK];
        let room = into.remaining().min(CHUNK);
        let mut read = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.wire).poll_read(cx, &mut read))?;
        let head = self.of_head(read.filled());
        into.put_slice(&read.filled()[..head]);
        self.behind.extend_from_slice(&read.filled()[head..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Threshold {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_comes_behind_the_head_is_kept_wherever_it_was_cut() {
        let came = b"HTTP/1.1 101 Switching\r\nA: \r\r\n\r\n\x81\x02hi\r\n\r\n";
        for cut in 0..=came.len() {
            let (mut theirs, ours) = tokio::io::duplex(1_024);
            let mut threshold = Threshold::new(Box::new(ours));
            let reading = async {
                let mut head = vec![];
                threshold.read_to_end(&mut head).await.expect("read");
                head
            };
            let writing = async {
                theirs.write_all(&came[..cut]).await.expect("written");
                tokio::task::yield_now().await;
                theirs.write_all(&came[cut..]).await.expect("written");
            };
            let (head, ()) = tokio::join!(reading, writing);
            drop(theirs);
            assert_eq!(head, &came[..32], "cut at {cut}");
            let (mut wire, mut behind) = threshold.pass();
            wire.read_to_end(&mut behind).await.expect("read");
            assert_eq!(behind, &came[32..], "cut at {cut}");
        }
    }
}
