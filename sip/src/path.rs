//! Where a message came from and where it goes. Knows nothing of sockets: a shell maps a [`Path`] to one.

use std::net::SocketAddr;

use bytes::Bytes;

/// A transport protocol, as a Via header names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Protocol {
    /// Datagrams (RFC 3261 §18).
    Udp,
}

/// A pair of addresses messages travel between.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// The transport.
    pub protocol: Protocol,
    /// Our end: the address a socket is bound to.
    pub local: SocketAddr,
    /// The far end, as the socket sees it.
    pub remote: SocketAddr,
}

/// A message that wants to leave.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// Where it goes.
    pub path: Path,
    /// The bytes of one message.
    pub payload: Bytes,
}
