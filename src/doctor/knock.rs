//! Shell: whether anything listens at an address.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::observation::{Hop, Knocked};

/// A port that nobody listens on is refused by ICMP within a round trip; who listens says nothing to a keep-alive.
const UDP_WAIT: Duration = Duration::from_millis(300);
/// An empty line twice: every SIP stack passes over it (RFC 3261 §7.5, RFC 5626 §3.5.1).
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

/// Knocks from any port of this address.
pub async fn knock(from: SocketAddr, hop: Hop) -> Knocked {
    let refused = udp(SocketAddr::new(from.ip(), 0), hop.address).await.err().map(|error| error.to_string());
    Knocked { hop, refused }
}

async fn udp(from: SocketAddr, to: SocketAddr) -> io::Result<()> {
    let socket = UdpSocket::bind(from).await?;
    // Connected: only so does the system tell of ICMP.
    socket.connect(to).await?;
    socket.send(KEEP_ALIVE).await?;
    match timeout(UDP_WAIT, socket.recv(&mut [0; 64])).await {
        Ok(received) => received.map(drop),
        Err(_) => Ok(()),
    }
}
