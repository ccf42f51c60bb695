//! TCP sockets: listening and connecting, with what both want of the kernel.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{StreamLimits, failure};
use crate::transport_error::TransportError;

/// Listens. An IPv6 socket takes IPv6 alone.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the connections of the last run.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connects from one of our addresses; any port of it.
pub(super) async fn connect(
    local: SocketAddr,
    remote: SocketAddr,
    within: Duration,
    limits: &StreamLimits,
) -> Result<TcpStream, TransportError> {
    let connecting = async {
        let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if !local.ip().is_unspecified() && local.is_ipv4() == remote.is_ipv4() {
            socket.bind(SocketAddr::new(local.ip(), 0))?;
        }
        let stream = socket.connect(remote).await?;
        tune(&stream, limits)?;
        Ok(stream)
    };
    match timeout(within, connecting).await {
        Err(_) => Err(TransportError::TimedOut),
        Ok(result) => result.map_err(|error: io::Error| failure::of(&error)),
    }
}

/// What is sent is sent at once, and a far end that vanished is noticed.
pub(super) fn tune(stream: &TcpStream, limits: &StreamLimits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE))?;
    socket.set_tcp_user_timeout(Some(limits.write * 2))
}

/// Connections that the kernel holds for us until we take them.
const BACKLOG: i32 = 1_024;
/// How often the kernel asks an idle far end whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
