//! One UDP socket, read and written in batches (recvmmsg, sendmmsg): a system call carries up to 64 datagrams. Knows nothing of
//! what is in them.
//!
//! Every slot of the receive buffer holds the longest datagram there is, since SIP over UDP may be fragmented (RFC 3261 §18.1.1)
//! and a truncated INVITE is a lost call. That is 4 MB of addresses a socket, but the kernel gives memory only to pages that
//! datagrams touched: with usual messages one page a slot, 256 KB.

use std::{
    array,
    collections::VecDeque,
    fmt, io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd},
    ptr,
    task::{Context, Poll},
};

use bytes::Bytes;
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};
use tokio::io::Interest;

use super::{
    failure,
    undelivered::{Undelivered, allow_fragments, forget_pending, may_be_pending},
};
use crate::transport_error::TransportError;

/// What one socket did since it was bound.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct UdpCounters {
    /// Datagrams read.
    pub received: u64,
    /// Datagrams handed to the kernel.
    pub sent: u64,
    /// Datagrams the kernel refused: no route, too long, no buffers. SIP's timers repeat what mattered.
    pub send_errors: u64,
    /// ICMP errors the kernel reported, such as a port unreachable.
    pub receive_errors: u64,
    /// Datagrams dropped because 4,096 were waiting.
    pub queue_full: u64,
}

/// A nonblocking socket with what waits to leave it.
pub struct UdpSocket {
    socket: tokio::net::UdpSocket,
    local: SocketAddr,
    slots: Vec<u8>,
    queue: VecDeque<(SockAddr, Bytes)>,
    /// None where the kernel does not tell.
    undelivered: Option<Undelivered>,
    /// Who could not be reached, once each, until somebody asks.
    unreached: VecDeque<(SocketAddr, TransportError)>,
    /// Whether the runtime takes an error for the end of all writing, and no longer knows when the socket may be written.
    is_marked: bool,
    counters: UdpCounters,
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket")
            .field("local", &self.local)
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl UdpSocket {
    /// Binds, within a tokio runtime. An IPv6 socket carries IPv6 alone.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // The kernel caps these at its own maxima, which is no reason not to start.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER_BYTES);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        // Without it long messages are lost on some paths, and the others arrive.
        let _ = allow_fragments(&socket);
        // Without it a dead host is known by its silence, as ever.
        let undelivered = Undelivered::of(&socket).ok();
        let socket = tokio::net::UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        let slots = vec![0; BATCH * SLOT_BYTES];
        Ok(Self {
            socket,
            local,
            slots,
            queue: VecDeque::new(),
            undelivered,
            unreached: VecDeque::new(),
            is_marked: false,
            counters: UdpCounters::default(),
        })
    }

    /// The address it is bound to, the port the kernel chose included.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What it did.
    pub fn counters(&self) -> UdpCounters {
        self.counters
    }

    /// Ready when there may be something to read, or to hear of what was sent.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Both are asked, so that each knows whom to wake.
        let errors = self.undelivered.as_ref().map(|undelivered| undelivered.poll_ready(context));
        match (self.socket.poll_recv_ready(context), errors) {
            (Poll::Pending, Some(errors)) => errors,
            (readable, _) => readable,
        }
    }

    /// The next address that could not be reached. At most 64 wait to be asked for, each once.
    pub fn poll_unreached(&mut self) -> Option<(SocketAddr, TransportError)> {
        self.unreached.pop_front()
    }

    /// How many of them wait to be asked for.
    pub fn unreached(&self) -> usize {
        self.unreached.len()
    }

    /// Ready when something waits and may leave. Pending while nothing waits.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.queue.is_empty() {
            true => Poll::Pending,
            false => self.socket.poll_send_ready(context),
        }
    }

    /// Reads what is there, at most `max` and at most 64 datagrams.
    pub fn receive(&mut self, max: usize, mut f: impl FnMut(SocketAddr, Bytes)) -> io::Result<usize> {
        self.hear_undelivered();
        let Self { socket, slots, counters, .. } = self;
        let (descriptor, max) = (socket.as_raw_fd(), max.min(BATCH));
        let mut read = 0;
        let mut tries = 0;
        let tried = loop {
            let tried = socket.try_io(Interest::READABLE, || {
                read = receive_batch(descriptor, slots, max, |from, datagram| {
                    f(from, Bytes::copy_from_slice(datagram))
                })?;
                // A batch that is not full emptied the socket: saying so spares the call that would find nothing.
                if read < max { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            // An ICMP error says that some earlier datagram of ours was not wanted: no reason to stop reading.
            match &tried {
                Err(error) if is_passing(error) && tries < TRIES_MAX => tries += 1,
                _ => break tried,
            }
        };
        counters.received += read as u64;
        match tried {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_passing(&error) => Ok(read),
            tried => tried.map(|()| read),
        }
    }

    fn hear_undelivered(&mut self) {
        let Self { undelivered: Some(undelivered), unreached, .. } = self else { return };
        let heard = undelivered.hear(ERRORS_MAX, |remote, error| note(unreached, remote, error));
        self.counters.receive_errors += heard as u64;
        self.is_marked |= heard > 0;
    }

    /// Lets a datagram wait for the next flush; with 4,096 waiting it is dropped.
    pub fn queue(&mut self, to: SocketAddr, datagram: Bytes) {
        if self.queue.len() == QUEUE_MAX {
            self.counters.queue_full += 1;
            return;
        }
        self.queue.push_back((to.into(), datagram));
    }

    /// Sends what waits until the kernel takes no more. What it refuses is dropped and counted; the rest stays.
    pub fn flush(&mut self) -> io::Result<usize> {
        let mut total = 0;
        let mut tries = 0;
        while !self.queue.is_empty() {
            match self.send_batch() {
                Ok(sent) => {
                    self.queue.drain(..sent);
                    self.counters.sent += sent as u64;
                    total += sent;
                    tries = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It may be about a datagram that left before, and not about this one.
                Err(error) if may_be_pending(&error) && tries < TRIES_MAX => {
                    tries += 1;
                    forget_pending(&self.socket);
                }
                Err(error) => {
                    self.refuse(&error);
                    tries = 0;
                }
            }
        }
        Ok(total)
    }

    fn send_batch(&mut self) -> io::Result<usize> {
        match send_batch(self.socket.as_raw_fd(), &self.queue) {
            // Again, so that the runtime sees it and knows to wait.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.unmark();
                let (descriptor, queue) = (self.socket.as_raw_fd(), &self.queue);
                self.socket.try_io(Interest::WRITABLE, || send_batch(descriptor, queue))
            }
            sent => sent,
        }
    }

    /// The kernel will not have the first datagram: sendmmsg fails for that one only. No buffers (ENOBUFS) is dropped too: the
    /// socket stays writable, so waiting would be spinning.
    fn refuse(&mut self, error: &io::Error) {
        use io::ErrorKind as Kind;
        self.counters.send_errors += 1;
        let Some((to, _)) = self.queue.pop_front() else { return };
        let has_no_route =
            matches!(error.kind(), Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown);
        if let (true, Some(to)) = (has_no_route, to.as_socket()) {
            note(&mut self.unreached, to, failure::of(error));
        }
    }

    /// Makes the runtime forget that there was an error: to it, a socket with an error is closed for writing, and always ready.
    fn unmark(&mut self) {
        if !std::mem::take(&mut self.is_marked) {
            return;
        }
        let twin = self.socket.as_fd().try_clone_to_owned();
        // Without descriptors to spare it is asked more often than it need be.
        if let Ok(socket) = twin.and_then(|twin| tokio::net::UdpSocket::from_std(twin.into())) {
            self.socket = socket;
        }
    }

    /// Whether something waits that the kernel did not take.
    pub fn is_blocked(&self) -> bool {
        !self.queue.is_empty()
    }
}

fn receive_batch(
    descriptor: libc::c_int,
    slots: &mut [u8],
    max: usize,
    mut f: impl FnMut(SocketAddr, &[u8]),
) -> io::Result<usize> {
    let mut names: [SockAddrStorage; BATCH] = array::from_fn(|_| SockAddrStorage::zeroed());
    let mut vectors = [EMPTY_VECTOR; BATCH];
    // SAFETY: an mmsghdr of zeros is a valid one: null pointers and no lengths.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    let parts = slots.chunks_exact_mut(SLOT_BYTES).zip(&mut names).zip(&mut vectors).zip(&mut headers);
    for (((slot, name), vector), header) in parts.take(max) {
        *vector = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
        header.msg_hdr.msg_iov = ptr::from_mut(vector);
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = ptr::from_mut(name).cast();
        header.msg_hdr.msg_namelen = size_of::<SockAddrStorage>() as libc::socklen_t;
    }
    // SAFETY: the first `max` headers point to names, vectors and slots that live, unmoved, until this returns, and whose
    // lengths are the ones given; the kernel writes within them.
    let read = unsafe {
        libc::recvmmsg(
            descriptor,
            headers.as_mut_ptr(),
            max as libc::c_uint,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
        )
    };
    let read = usize::try_from(read).map_err(|_| io::Error::last_os_error())?;
    for ((slot, name), header) in slots.chunks_exact(SLOT_BYTES).zip(names).zip(&headers).take(read) {
        // SAFETY: the storage was zeroed, which is valid, and the kernel wrote `msg_namelen` bytes of an address into it.
        let from = unsafe { SockAddr::new(name, header.msg_hdr.msg_namelen) };
        let length = (header.msg_len as usize).min(slot.len());
        if let Some(from) = from.as_socket() {
            f(from, &slot[..length]);
        }
    }
    Ok(read)
}

fn send_batch(descriptor: libc::c_int, queue: &VecDeque<(SockAddr, Bytes)>) -> io::Result<usize> {
    let mut vectors = [EMPTY_VECTOR; BATCH];
    // SAFETY: as above.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
    let mut count = 0;
    for (((to, datagram), vector), header) in queue.iter().zip(&mut vectors).zip(&mut headers) {
        *vector = libc::iovec { iov_base: datagram.as_ptr().cast_mut().cast(), iov_len: datagram.len() };
        header.msg_hdr.msg_iov = ptr::from_mut(vector);
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = to.len();
        count += 1;
    }
    // SAFETY: the first `count` headers point to addresses and datagrams that the borrowed queue keeps alive and unmoved; sending
    // only reads them, whatever the pointers' types say.
    let sent = unsafe { libc::sendmmsg(descriptor, headers.as_mut_ptr(), count, libc::MSG_DONTWAIT) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Errors that are about a datagram or a peer, not about this socket.
fn is_passing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted || may_be_pending(error)
}

/// Remembers who was not reached; one more than there is room for is found out by his silence.
fn note(unreached: &mut VecDeque<(SocketAddr, TransportError)>, remote: SocketAddr, error: TransportError) {
    if unreached.len() < ERRORS_MAX && unreached.iter().all(|(known, _)| *known != remote) {
        unreached.push_back((remote, error));
    }
}

const EMPTY_VECTOR: libc::iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
/// Datagrams a system call; beyond this the call's cost no longer shows.
const BATCH: usize = 64;
/// Room for any datagram.
const SLOT_BYTES: usize = 65_536;
/// Datagrams that wait when the kernel is full; about two seconds of a busy trunk.
const QUEUE_MAX: usize = 4_096;
/// ICMP errors that are heard at one waking, and addresses that wait to be asked for.
const ERRORS_MAX: usize = 64;
/// How often a call is made again that failed, it may be, for the sake of an earlier datagram.
const TRIES_MAX: usize = 3;
/// What the kernel may hold for us, where its own maximum allows.
const KERNEL_BUFFER_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
