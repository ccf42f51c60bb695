//! The sockets of one shard, one for each listen address, and its connections. A shell: whoever owns the [`crate::UserAgent`] reads from here, feeds
//! it, and queues what it wants to send. Knows nothing of messages.
//!
//! ```no_run
//! # async fn turn(endpoint: &mut trunkline_sip::Endpoint, user_agent: &mut trunkline_sip::UserAgent) -> std::io::Result<()> {
//! endpoint.readable().await?;
//! let now = std::time::Instant::now();
//! endpoint.receive(|path, datagram| user_agent.handle_message(now, path, datagram))?;
//! while let Some(transmit) = user_agent.poll_transmit() {
//!     endpoint.queue(transmit);
//! }
//! endpoint.flush()?;
//! # Ok(()) }
//! ```

use std::{future::poll_fn, io, net::SocketAddr, sync::Arc, task::Poll};

use bytes::Bytes;

use crate::{
    path::{FlowLost, Listen, Path, Protocol, Transmit},
    tls::ServerTls,
    transport::{Flows, StreamCounters, StreamLimits, UdpCounters, UdpSocket},
};

/// Listening sockets and connections.
#[derive(Debug)]
pub struct Endpoint {
    sockets: Vec<UdpSocket>,
    flows: Flows,
    listening: Vec<Listen>,
    /// How many of them were asked for.
    asked: usize,
    /// UDP addresses without TCP beside them, and why.
    alone: Vec<(SocketAddr, io::Error)>,
    /// Whose turn it is to be read first.
    turn: usize,
    unroutable: u64,
}

impl Endpoint {
    /// Binds every address, within a tokio runtime. TLS addresses need a certificate to show. TCP is listened to beside UDP, at
    /// the same port (RFC 3261 §18.2.1), where nobody else does.
    ///
    /// # Errors
    /// The system's, for an address that cannot be bound, which it names; `InvalidInput` for none, or for TLS without a certificate.
    pub fn bind(listen: &[Listen], tls: Option<Arc<ServerTls>>) -> io::Result<Self> {
        Self::bind_with(listen, tls, StreamLimits::default())
    }

    /// The same with other bounds.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn bind_with(
        listen: &[Listen],
        tls: Option<Arc<ServerTls>>,
        limits: StreamLimits,
    ) -> io::Result<Self> {
        let mut endpoint = Self {
            sockets: Vec::new(),
            flows: Flows::new(tls, limits),
            listening: Vec::new(),
            asked: listen.len(),
            alone: Vec::new(),
            turn: 0,
            unroutable: 0,
        };
        let mut beside = Vec::new();
        for listen in listen {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{listen}: {error}"));
            let address = endpoint.open(*listen, &mut beside).map_err(named)?;
            endpoint.listening.push(Listen { address, ..*listen });
        }
        endpoint.listening.extend(beside);
        endpoint.accompany();
        match endpoint.listening.is_empty() {
            true => Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on")),
            false => Ok(endpoint),
        }
    }

    fn open(&mut self, listen: Listen, beside: &mut Vec<Listen>) -> io::Result<SocketAddr> {
        match listen.protocol {
            Protocol::Udp if listen.address.port() == 0 => {
                let (socket, tcp) = self.bind_any(listen.address)?;
                beside.extend(tcp);
                Ok(self.keep(socket))
            }
            Protocol::Udp => UdpSocket::bind(listen.address).map(|socket| self.keep(socket)),
            Protocol::Tcp | Protocol::Tls => self.flows.listen(listen),
        }
    }

    /// Any port that is free for both UDP and TCP; at worst one that is free for UDP.
    fn bind_any(&mut self, address: SocketAddr) -> io::Result<(UdpSocket, Option<Listen>)> {
        for _ in 0..ANY_TRIES {
            let socket = UdpSocket::bind(address)?;
            let tcp = Listen { protocol: Protocol::Tcp, address: socket.local_addr() };
            if self.flows.listen(tcp).is_ok() {
                return Ok((socket, Some(tcp)));
            }
        }
        Ok((UdpSocket::bind(address)?, None))
    }

    fn keep(&mut self, socket: UdpSocket) -> SocketAddr {
        let address = socket.local_addr();
        self.sockets.push(socket);
        address
    }

    /// Listens to TCP beside every UDP address that has none yet. Whoever asked for TCP at that port said where.
    fn accompany(&mut self) {
        let alone = |listen: &Listen| {
            let is_beside = |other: &Listen| {
                other.protocol == Protocol::Tcp
                    && other.address.port() == listen.address.port()
                    && other.address.is_ipv4() == listen.address.is_ipv4()
            };
            listen.protocol == Protocol::Udp && !self.listening.iter().any(is_beside)
        };
        let alone: Vec<Listen> = self.listening.iter().filter(|listen| alone(listen)).copied().collect();
        for Listen { address, .. } in alone {
            let tcp = Listen { protocol: Protocol::Tcp, address };
            match self.flows.listen(tcp) {
                Ok(_) => self.listening.push(tcp),
                Err(error) => self.alone.push((address, error)),
            }
        }
    }

    /// The addresses that are bound, in the order of [`Self::bind`].
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listening.iter().take(self.asked).map(|listen| listen.address).collect()
    }

    /// What is listened on, in the order of [`Self::bind`], the ports that the kernel chose included; then the TCP that is listened
    /// to beside UDP.
    pub fn listening(&self) -> Vec<Listen> {
        self.listening.clone()
    }

    /// UDP addresses beside which TCP could not be listened to, and why not: whoever answers by TCP what is too long for a datagram
    /// finds nobody there.
    pub fn alone(&self) -> &[(SocketAddr, io::Error)] {
        &self.alone
    }

    /// The next connection that was lost, or address that datagrams do not reach: for
    /// [`crate::UserAgent::handle_flow_lost`]. Drained to `None` after each receiving and each flush.
    pub fn poll_lost(&mut self) -> Option<FlowLost> {
        self.flows.poll_lost().or_else(|| {
            self.sockets.iter_mut().find_map(|socket| {
                let (remote, error) = socket.poll_unreached()?;
                Some(FlowLost { path: Path::udp(socket.local_addr(), remote), error })
            })
        })
    }

    /// Waits until there may be something to read, or something was lost. Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        tokio::select! {
            biased;
            readable = poll_fn(|context| self.any(|socket| socket.poll_readable(context))) => readable,
            () = self.flows.bell().notified() => Ok(()),
        }
    }

    /// Waits until what stayed behind may leave; for ever while nothing did. Cancel-safe.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.any(|socket| socket.poll_writable(context))).await
    }

    /// Reads one batch, at most 64 datagrams of all sockets together and as many messages of connections; the sockets take turns at
    /// being first.
    pub fn receive(&mut self, mut f: impl FnMut(Path, Bytes)) -> io::Result<usize> {
        let mut total = 0;
        let count = self.sockets.len();
        for step in 0..count {
            let socket = &mut self.sockets[(self.turn + step) % count];
            let local = socket.local_addr();
            total += socket.receive(BATCH - total, |remote, datagram| {
                f(Path::udp(local, remote), datagram);
            })?;
            if total == BATCH {
                break;
            }
        }
        self.turn = (self.turn + 1) % count.max(1);
        Ok(total + self.flows.receive(BATCH, f))
    }

    /// Lets a message wait for the next flush, on the socket bound to its local address. For an address that no socket is bound to
    /// (one advertised behind a NAT, or where a wildcard is bound) the first socket of its family is taken. What goes by a
    /// connection leaves by its own task.
    pub fn queue(&mut self, transmit: Transmit) {
        if transmit.path.protocol.is_reliable() {
            return self.flows.send(transmit);
        }
        let Transmit { path, payload, .. } = transmit;
        let exact = self.sockets.iter().position(|socket| socket.local_addr() == path.local);
        let family =
            || self.sockets.iter().position(|socket| socket.local_addr().is_ipv4() == path.remote.is_ipv4());
        match exact.or_else(family) {
            Some(at) => self.sockets[at].queue(path.remote, payload),
            None => self.unroutable += 1,
        }
    }

    /// Sends what waits, as far as the kernel takes it. What stays leaves with a later flush, after [`Self::writable`].
    pub fn flush(&mut self) -> io::Result<usize> {
        let mut total = 0;
        for socket in &mut self.sockets {
            let unreached = socket.unreached();
            total += socket.flush()?;
            if socket.unreached() > unreached {
                self.flows.bell().notify_one();
            }
        }
        Ok(total)
    }

    /// Whether something stayed behind.
    pub fn is_blocked(&self) -> bool {
        self.sockets.iter().any(UdpSocket::is_blocked)
    }

    /// What all sockets did; a message that no socket could carry counts as a send error.
    pub fn counters(&self) -> UdpCounters {
        let mut sum = UdpCounters { send_errors: self.unroutable, ..UdpCounters::default() };
        for counters in self.sockets.iter().map(UdpSocket::counters) {
            sum.received += counters.received;
            sum.sent += counters.sent;
            sum.send_errors += counters.send_errors;
            sum.receive_errors += counters.receive_errors;
            sum.queue_full += counters.queue_full;
        }
        sum
    }

    /// What all connections did.
    pub fn stream_counters(&self) -> StreamCounters {
        self.flows.counters()
    }

    fn any(&self, mut poll: impl FnMut(&UdpSocket) -> Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        // Every socket is asked, so that each knows whom to wake.
        self.sockets
            .iter()
            .map(&mut poll)
            .fold(Poll::Pending, |all, one| if all.is_ready() { all } else { one })
    }
}

/// Datagrams a call of [`Endpoint::receive`]: small enough that timers and the mailbox get their turn.
const BATCH: usize = 64;
/// Ports that are tried for one that both UDP and TCP have free.
const ANY_TRIES: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bind(count: usize) -> Endpoint {
        let any = Listen::udp("127.0.0.1:0".parse().expect("an address"));
        Endpoint::bind(&vec![any; count], None).expect("free ports")
    }

    async fn read(endpoint: &mut Endpoint, wanted: usize) -> Vec<(Path, Bytes)> {
        let mut got = Vec::new();
        while got.len() < wanted {
            let readable = tokio::time::timeout(Duration::from_secs(5), endpoint.readable()).await;
            readable.expect("in time").expect("readable");
            let read = endpoint.receive(|path, datagram| got.push((path, datagram))).expect("read");
            assert!(read <= BATCH);
        }
        got
    }

    #[tokio::test]
    async fn messages_leave_and_arrive_by_the_socket_of_their_path() {
        let (mut near, mut far) = (bind(2), bind(2));
        let (locals, remotes) = (near.local_addrs(), far.local_addrs());
        for (local, remote) in [(0, 1), (1, 0), (1, 1)] {
            let path = Path::udp(locals[local], remotes[remote]);
            near.queue(Transmit {
                path,
                payload: Bytes::from(format!("{local}{remote}")),
                tls: None,
                is_grown: false,
            });
        }
        assert_eq!(near.flush().expect("sent"), 3);
        for (path, datagram) in read(&mut far, 3).await {
            let (local, remote) = match &datagram[..] {
                b"01" => (1, 0),
                b"10" => (0, 1),
                _ => (1, 1),
            };
            assert_eq!((path.local, path.remote), (remotes[local], locals[remote]));
        }
    }

    #[tokio::test]
    async fn tcp_is_listened_to_beside_udp_where_nobody_else_does() {
        let udp = |port| Listen::udp(SocketAddr::from(([127, 0, 0, 1], port)));
        let endpoint = bind(1);
        let address = endpoint.local_addrs()[0];
        let tcp = Listen { protocol: Protocol::Tcp, address };
        assert_eq!(endpoint.listening(), [Listen::udp(address), tcp]);
        std::net::TcpStream::connect(address).expect("somebody listens");
        drop(endpoint);

        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("bound");
        let endpoint = Endpoint::bind(&[udp(address.port())], None).expect("UDP has it free");
        assert_eq!(endpoint.listening(), [Listen::udp(address)]);
        assert_eq!(endpoint.alone().iter().map(|(alone, _)| *alone).collect::<Vec<_>>(), [address]);

        let both = [udp(0), Listen { protocol: Protocol::Tcp, ..udp(0) }];
        let endpoint = Endpoint::bind(&both, None).expect("free ports");
        assert_eq!((endpoint.local_addrs().len(), endpoint.listening().len()), (2, 3));
        assert_eq!(endpoint.listening()[2].address, endpoint.local_addrs()[0]);
    }

    #[tokio::test]
    async fn a_flooded_socket_does_not_starve_the_other() {
        let (mut near, mut far) = (bind(1), bind(2));
        let remotes = far.local_addrs();
        let path = |remote| Path::udp(near.local_addrs()[0], remote);
        let (flood, lone) = (path(remotes[0]), path(remotes[1]));
        for _ in 0..200 {
            near.queue(Transmit {
                path: flood,
                payload: Bytes::from_static(b"flood"),
                tls: None,
                is_grown: false,
            });
        }
        near.queue(Transmit { path: lone, payload: Bytes::from_static(b"lone"), tls: None, is_grown: false });
        near.flush().expect("sent");
        let got = read(&mut far, 65).await;
        assert!(got.iter().any(|(_, datagram)| datagram == "lone"));
    }

    #[tokio::test]
    async fn an_address_without_a_socket_goes_by_its_family_or_is_counted() {
        let (mut near, mut far) = (bind(1), bind(1));
        let remote = far.local_addrs()[0];
        let local = "192.0.2.1:5060".parse().expect("an address");
        let payload = Bytes::from_static(b"x");
        near.queue(Transmit {
            path: Path::udp(local, remote),
            payload: payload.clone(),
            tls: None,
            is_grown: false,
        });
        let remote = "[::1]:5060".parse().expect("an address");
        near.queue(Transmit { path: Path::udp(local, remote), payload, tls: None, is_grown: false });
        near.flush().expect("sent");
        assert_eq!(read(&mut far, 1).await.len(), 1);
        assert_eq!(near.counters().send_errors, 1);
    }
}
