//! Where a message came from and where it goes. Knows nothing of sockets: a shell maps a [`Path`] to a socket or a connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::tls::ClientTls;
use crate::transport_error::TransportError;

/// A transport protocol, as a Via header names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Protocol {
    /// Datagrams (RFC 3261 §18).
    Udp,
    /// A connection.
    Tcp,
    /// A connection with TLS on it.
    Tls,
}

impl Protocol {
    /// Its token in a Via header: `UDP`, `TCP` or `TLS`.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The port where no other is named (RFC 3261 §19.1.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// Whether it sees to it by itself that what is sent arrives (§17).
    #[must_use]
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }
}

/// Two ends that messages travel between. Over TCP and TLS it names a connection: the same path, the same connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// The transport.
    pub protocol: Protocol,
    /// Our end: the address a socket is bound to.
    pub local: SocketAddr,
    /// The far end, as the socket sees it.
    pub remote: SocketAddr,
    /// Which of the connections between them.
    pub flow: Flow,
}

impl Path {
    /// A path of datagrams.
    #[must_use]
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, local, remote, flow: Flow::Datagrams }
    }

    /// Whether both are the same connection.
    #[must_use]
    pub fn is_same_flow(&self, other: &Self) -> bool {
        self.protocol.is_reliable()
            && (self.protocol, self.remote, self.flow) == (other.protocol, other.remote, other.flow)
    }

    /// Whether what was lost with this connection may get through by another one to the same place: it stood, and was ours to open.
    pub(crate) fn may_stand_again(&self, error: &TransportError) -> bool {
        matches!(self.flow, Flow::Opened(_)) && error.was_connected()
    }
}

/// Which connection a path stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Flow {
    /// None: UDP.
    Datagrams,
    /// One that we open, and open again when it was lost. The number, the user agent's own, tells apart whom we expect at the
    /// other end and how we speak TLS to him: 0 over TCP.
    Opened(u32),
    /// One that the far end opened, by the endpoint's number. Once lost it never comes back.
    Accepted(u64),
}

/// A message that wants to leave. Its Debug has no bytes of it: they hold keys and answers to challenges.
#[derive(Clone)]
pub struct Transmit {
    /// Where it goes.
    pub path: Path,
    /// The bytes of one message.
    pub payload: Bytes,
    /// What opening the path needs, if it is TLS and ours to open.
    pub tls: Option<TlsPeer>,
    /// It goes by a connection because it is long, where datagrams would do as well (RFC 3261 §18.1.1): a connection that does not
    /// come about soon is not waited for.
    pub is_grown: bool,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit")
            .field("path", &self.path)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("tls", &self.tls)
            .field("is_grown", &self.is_grown)
            .finish()
    }
}

/// Who must be at the other end of a TLS connection that we open, and how we speak to him.
#[derive(Clone, Debug)]
pub struct TlsPeer {
    /// The host of the URI that led there: the certificate must be his (RFC 5922 §4).
    pub host: Arc<str>,
    /// Whom to believe and what to show; none: the system's authorities and nothing.
    pub tls: Option<Arc<ClientTls>>,
}

/// One place to try (RFC 3263 §4.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// By which transport.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddr,
}

impl Target {
    /// An address reached by datagrams.
    #[must_use]
    pub fn udp(address: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, address }
    }
}

/// An address to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Listen {
    /// By which transport.
    pub protocol: Protocol,
    /// Where; port 0 takes any.
    pub address: SocketAddr,
}

impl Listen {
    /// An address for datagrams.
    #[must_use]
    pub fn udp(address: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, address }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
            Protocol::Tls => "tls",
        };
        write!(f, "{transport}:{}", self.address)
    }
}

/// An address we are at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Local {
    /// By which transport.
    pub protocol: Protocol,
    /// What the socket is bound to: the local end of paths.
    pub bound: SocketAddr,
    /// What Via and Contact say.
    pub advertised: SocketAddr,
}

impl Local {
    /// An address that is bound and advertised alike.
    #[must_use]
    pub fn new(protocol: Protocol, address: SocketAddr) -> Self {
        Self { protocol, bound: address, advertised: address }
    }
}

/// A connection was lost, or could not be made: what was to be sent on it is gone. Or an ICMP error says that datagrams do not
/// arrive (RFC 3261 §18.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowLost {
    /// Which one; of datagrams, whom they do not reach.
    pub path: Path,
    /// Why.
    pub error: TransportError,
}
