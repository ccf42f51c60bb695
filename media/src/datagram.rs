//! A datagram: from which of a leg's sockets, to whom, and what is in it.

use std::net::SocketAddr;

/// Bytes that are looked at.
pub(crate) const DATAGRAM_MAX: usize = 1_500;

/// Which socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// A datagram to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// From which socket.
    pub channel: Channel,
    /// To whom.
    pub to: SocketAddr,
    /// What.
    pub payload: &'a [u8],
}
