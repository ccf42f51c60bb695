//! Shell: whether anything listens at an address.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;
use trunkline_sip::{Protocol, Target};

use super::observation::Knocked;

/// A port that nobody listens on is refused by ICMP within a round trip; who listens says nothing to a keep-alive.
const UDP_WAIT: Duration = Duration::from_millis(300);
/// An empty line twice: every SIP stack passes over it (RFC 3261 §7.5, RFC 5626 §3.5.1).
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

/// How long a connection may take to be made.
const TCP_WAIT: Duration = Duration::from_secs(5);

/// Knocks from any port of this address.
pub async fn knock(from: SocketAddr, hop: Target) -> Knocked {
    let from = SocketAddr::new(from.ip(), 0);
    let knocked = match hop.protocol {
        Protocol::Udp => udp(from, hop.address).await,
        Protocol::Tcp | Protocol::Tls => tcp(from, hop.address).await,
    };
    Knocked { hop, refused: knocked.err().map(|error| error.to_string()) }
}

/// Whether a UDP port is not refused.
pub async fn udp(from: SocketAddr, to: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(from).await?;
    // Connected: only so does the system tell of ICMP.
    socket.connect(to).await?;
    socket.send(KEEP_ALIVE).await?;
    match timeout(UDP_WAIT, socket.recv(&mut [0; 64])).await {
        Ok(received) => received.map(drop),
        Err(_) => Ok(()),
    }
}

async fn tcp(from: SocketAddr, to: SocketAddr) -> io::Result<()> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(from)?;
    match timeout(TCP_WAIT, socket.connect(to)).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
