//! Shell: the port pool and the two sockets of a leg. Nonblocking; connected once the leg has locked on to its peer, so
//! that the kernel drops what others send. Knows nothing of what the datagrams mean.
#![expect(unsafe_code, reason = "dissolving a connection has no safe wrapper")]

use std::{
    io::{self, ErrorKind},
    mem,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    os::fd::AsRawFd,
};

use crossbeam_queue::ArrayQueue;
use socket2::{Domain, Protocol, Socket, Type};

use crate::datagram::{Channel, DATAGRAM_MAX, Transmit};

/// Free port pairs, first in, first out: a pair just given back is the last to be used again, so that stragglers of the
/// call before don't reach the next one. No lock: media threads give back, callers take.
#[derive(Debug)]
pub(crate) struct PortPool {
    address: IpAddr,
    free: ArrayQueue<u16>,
}

impl PortPool {
    /// Pairs of an even port and the next (RFC 3550 §11). None: the range holds no pair.
    pub(crate) fn new(address: IpAddr, ports: &RangeInclusive<u16>) -> Option<Self> {
        let evens = || ports.clone().filter(|port| *port > 0 && port % 2 == 0 && ports.contains(&(port + 1)));
        let free = ArrayQueue::new(evens().count().max(1));
        evens().for_each(|port| free.force_push(port).into_iter().for_each(drop));
        (!free.is_empty()).then_some(Self { address, free })
    }

    /// Pairs, free or not.
    pub(crate) fn pairs(&self) -> usize {
        self.free.capacity()
    }

    /// Binds the next pair that nobody else holds. `Ok(None)`: there is none.
    pub(crate) fn bind(&self) -> io::Result<Option<Pair>> {
        for _ in 0..self.free.capacity() {
            let Some(port) = self.free.pop() else { return Ok(None) };
            match Pair::bind(self.address, port) {
                Ok(pair) => return Ok(Some(pair)),
                Err(error) => {
                    self.give_back(port);
                    if error.kind() != ErrorKind::AddrInUse {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Takes back the port of a pair that was closed.
    pub(crate) fn give_back(&self, port: u16) {
        // The queue has room for every port of the range, and each is out at most once.
        self.free.force_push(port);
    }
}

/// The sockets of a leg.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) local: SocketAddr,
    connected: Option<SocketAddr>,
}

impl Pair {
    fn bind(address: IpAddr, port: u16) -> io::Result<Self> {
        let local = SocketAddr::new(address, port);
        let rtcp = SocketAddr::new(address, port + 1);
        Ok(Self { rtp: socket(local)?, rtcp: socket(rtcp)?, local, connected: None })
    }

    /// Connects the RTP socket to the peer, or dissolves that. What cannot be done changes nothing: the bridge looks at
    /// every sender anyway. A socket that listens on every address would hear from now on what comes to one of them alone, and not
    /// always to the one that our description names.
    pub(crate) fn follow(&mut self, peer: Option<SocketAddr>) {
        if self.connected == peer || self.local.ip().is_unspecified() {
            return;
        }
        self.connected = match peer {
            Some(peer) => self.rtp.connect(peer).ok().map(|()| peer),
            None => {
                disconnect(&self.rtp);
                None
            }
        };
    }

    /// Sends, and says whether the kernel took it. A full buffer or an unreachable peer is loss, as anywhere on the way.
    pub(crate) fn send(&self, transmit: &Transmit<'_>) -> bool {
        let sent = match transmit.channel {
            Channel::Rtp if self.connected == Some(transmit.to) => self.rtp.send(transmit.payload),
            Channel::Rtp => self.rtp.send_to(transmit.payload, transmit.to),
            Channel::Rtcp => self.rtcp.send_to(transmit.payload, transmit.to),
        };
        sent.is_ok()
    }
}

/// Expedited forwarding (RFC 3246), as it stands in IPv4's type of service and in IPv6's traffic class.
const EXPEDITED: u32 = 0xb8;

fn socket(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // A host that forbids it still carries voice.
    let _ = match local {
        SocketAddr::V4(_) => socket.set_tos_v4(EXPEDITED),
        SocketAddr::V6(_) => socket.set_tclass_v6(EXPEDITED),
    };
    socket.bind(&local.into())?;
    Ok(socket.into())
}

fn disconnect(socket: &UdpSocket) {
    let nobody = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the address lives through the call.
    unsafe {
        libc::connect(
            socket.as_raw_fd(),
            &raw const nobody,
            mem::size_of::<libc::sockaddr>() as libc::socklen_t,
        )
    };
}

/// How eagerly a leg's socket is read. A telephone sends one packet a tick, and asking for a second one that isn't there
/// costs a system call: so after exactly one came last time, one is read, and only now and then all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appetite {
    /// Last time brought nothing, or more than one: read until nothing is left.
    hungry: bool,
    until_thorough: u8,
}

impl Appetite {
    /// That of a leg of which nothing is known.
    pub(crate) fn new() -> Self {
        Self { hungry: true, until_thorough: THOROUGH }
    }

    /// Datagrams to read at most in this tick.
    fn bite(&mut self) -> usize {
        self.until_thorough -= 1;
        if self.until_thorough == 0 {
            self.until_thorough = THOROUGH;
            self.hungry = true;
        }
        if self.hungry { DATAGRAMS_MAX } else { 1 }
    }
}

/// Ticks between two thorough reads: what a fast clock or a late burst left behind waits no longer than 320 ms.
const THOROUGH: u8 = 16;
/// Datagrams of a socket that are read in one tick: sixteen times what a telephone sends. The rest waits in the kernel,
/// whose buffer is bounded.
const DATAGRAMS_MAX: usize = 16;
/// Reads what the appetite asks for. An error of the socket (ICMP, mostly) is not the peer's last word: it is passed over.
pub(crate) fn receive(
    socket: &UdpSocket,
    appetite: &mut Appetite,
    buffer: &mut [u8; DATAGRAM_MAX],
    mut take: impl FnMut(SocketAddr, &[u8]),
) {
    let bite = appetite.bite();
    let mut count = 0;
    for _ in 0..bite {
        match socket.recv_from(buffer) {
            Ok((length, from)) => {
                count += 1;
                take(from, &buffer[..length]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(_) => {}
        }
    }
    appetite.hungry = count != 1;
}

/// Room for the last datagrams of a socket that nobody has read for long.
pub(crate) struct Recent(Box<[Kept; RECENT]>);

#[derive(Clone, Copy)]
struct Kept {
    from: Option<SocketAddr>,
    length: usize,
    bytes: [u8; DATAGRAM_MAX],
}

/// 200 ms of a telephone's.
const RECENT: usize = 10;
/// More than a socket's buffer holds.
const STALE_MAX: usize = 2_048;

impl Recent {
    pub(crate) fn new() -> Self {
        Self(Box::new([Kept { from: None, length: 0, bytes: [0; DATAGRAM_MAX] }; RECENT]))
    }

    /// Reads the socket empty; gives the last datagrams, in order.
    pub(crate) fn receive(&mut self, socket: &UdpSocket, mut take: impl FnMut(SocketAddr, &[u8])) {
        self.0.iter_mut().for_each(|kept| kept.from = None);
        let mut next = 0;
        for _ in 0..STALE_MAX {
            let kept = &mut self.0[next % RECENT];
            match socket.recv_from(&mut kept.bytes) {
                Ok((length, from)) => {
                    (kept.from, kept.length) = (Some(from), length);
                    next += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {}
            }
        }
        let (newer, older) = self.0.split_at(next % RECENT);
        for kept in older.iter().chain(newer) {
            if let Some(from) = kept.from {
                take(from, &kept.bytes[..kept.length]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address of this process's own, so that two runs at a time don't take each other's ports.
    fn loopback() -> IpAddr {
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        [127, 64 | high & 63, middle, low.clamp(1, 254)].into()
    }

    /// Below the ports that the kernel gives out by itself; another range in each test.
    fn pool(first: u16, last: u16) -> PortPool {
        PortPool::new(loopback(), &(first..=last)).expect("a pair")
    }

    #[test]
    fn pairs_begin_even_and_stay_in_the_range() {
        assert!(PortPool::new(loopback(), &(21_001..=21_002)).is_none());
        let pool = pool(21_011, 21_016);
        let pairs: Vec<Pair> = std::iter::from_fn(|| pool.bind().expect("sockets")).collect();
        let mut ports: Vec<u16> = pairs.iter().map(|pair| pair.local.port()).collect();
        ports.sort_unstable();
        assert_eq!(ports, [21_012, 21_014]);
        assert_eq!(pairs[0].rtcp.local_addr().expect("an address").port(), pairs[0].local.port() + 1);
    }

    #[test]
    fn a_port_given_back_is_the_last_to_be_used_again() {
        let pool = pool(21_020, 21_025);
        let first = pool.bind().expect("sockets").expect("a pair");
        let port = first.local.port();
        drop(first);
        pool.give_back(port);
        let next: Vec<Pair> = std::iter::from_fn(|| pool.bind().expect("sockets")).collect();
        assert_eq!(next.len(), 3);
        assert_eq!(next[2].local.port(), port);
    }

    #[test]
    fn ports_of_others_are_skipped() {
        let _held = UdpSocket::bind((loopback(), 21_033)).expect("a port for the test");
        let pool = pool(21_030, 21_035);
        let pairs: Vec<Pair> = std::iter::from_fn(|| pool.bind().expect("sockets")).collect();
        assert_eq!(pairs.iter().map(|pair| pair.local.port()).collect::<Vec<_>>(), [21_030, 21_034]);
    }

    #[test]
    fn a_connected_pair_hears_its_peer_alone_until_it_lets_go() {
        let pool = pool(21_040, 21_041);
        let mut pair = pool.bind().expect("sockets").expect("a pair");
        let (peer, stranger) = (
            UdpSocket::bind((loopback(), 0)).expect("a socket"),
            UdpSocket::bind((loopback(), 0)).expect("a socket"),
        );
        let hear = |pair: &Pair| {
            let mut heard = Vec::new();
            let mut buffer = [0; DATAGRAM_MAX];
            receive(&pair.rtp, &mut Appetite::new(), &mut buffer, |from, bytes| {
                heard.push((from, bytes.to_vec()))
            });
            heard
        };
        pair.follow(Some(peer.local_addr().expect("an address")));
        stranger.send_to(b"x", pair.local).expect("sent");
        for _ in 0..6 {
            peer.send_to(b"abc", pair.local).expect("sent");
        }
        assert_eq!(hear(&pair), vec![(peer.local_addr().expect("an address"), b"abc".to_vec()); 6]);
        pair.follow(None);
        stranger.send_to(b"y", pair.local).expect("sent");
        assert_eq!(hear(&pair), [(stranger.local_addr().expect("an address"), b"y".to_vec())]);
    }

    #[test]
    fn who_listens_everywhere_is_reached_at_whichever_address_was_named() {
        let pool = PortPool::new([0, 0, 0, 0].into(), &(21_100..=21_139)).expect("a pair");
        let mut pair = pool.bind().expect("sockets").expect("a pair");
        let peer = UdpSocket::bind((loopback(), 0)).expect("a socket");
        pair.follow(Some(peer.local_addr().expect("an address")));
        let named = ([127, 0, 0, 1], pair.local.port());
        peer.send_to(b"x", SocketAddr::from(named)).expect("sent");
        let mut heard = 0;
        receive(&pair.rtp, &mut Appetite::new(), &mut [0; DATAGRAM_MAX], |_, _| heard += 1);
        assert_eq!(heard, 1, "not at the address by which its packets would leave alone");
    }

    #[test]
    fn voice_is_marked_in_both_families() {
        for address in [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])] {
            // A machine without the family has nothing to mark.
            let Ok(socket) = socket(SocketAddr::new(address, 0)) else { continue };
            let socket = socket2::SockRef::from(&socket);
            let mark = if address.is_ipv4() { socket.tos_v4() } else { socket.tclass_v6() };
            assert_eq!(mark.expect("readable"), EXPEDITED);
        }
    }

    #[test]
    fn one_packet_a_tick_is_read_at_one_call_and_what_gathers_is_found() {
        let pool = pool(21_050, 21_051);
        let pair = pool.bind().expect("sockets").expect("a pair");
        let peer = UdpSocket::bind((loopback(), 0)).expect("a socket");
        let mut appetite = Appetite::new();
        let mut buffer = [0; DATAGRAM_MAX];
        let mut counts = Vec::new();
        // One a tick, two at the third tick, and nothing at the twentieth.
        for tick in 0..22 {
            for _ in 0..[1, 2, 0][usize::from(tick == 2) + 2 * usize::from(tick == 20)] {
                peer.send_to(b"x", pair.local).expect("sent");
            }
            let mut count = 0;
            receive(&pair.rtp, &mut appetite, &mut buffer, |_, _| count += 1);
            counts.push(count);
        }
        assert_eq!(counts, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 0, 1]);
    }
}
