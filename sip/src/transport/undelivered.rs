//! Datagrams that came to nothing: the ICMP errors that Linux queues for a socket, each with the address it is about
//! (IP_RECVERR, ip(7)), and which of them matter (RFC 3261 §18.4). Knows nothing of what was in the datagrams.

use std::{
    io, mem,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    ptr,
    task::{Context, Poll},
};

use socket2::{SockAddr, SockAddrStorage, Socket};
use tokio::io::{Interest, unix::AsyncFd};

use super::failure;
use crate::transport_error::TransportError;

/// The error queue of one UDP socket.
pub(super) struct Undelivered {
    /// The same socket by a descriptor of its own: the runtime wakes a reader for what there is to read, and not for errors.
    /// The kernel calls a waiting error urgent (SO_SELECT_ERR_QUEUE), and this one waits for nothing else.
    socket: AsyncFd<OwnedFd>,
}

impl Undelivered {
    /// Asks the kernel to tell. Within a tokio runtime.
    pub fn of(socket: &Socket) -> io::Result<Self> {
        let is_ipv4 = socket.local_addr()?.is_ipv4();
        let (level, name) = match is_ipv4 {
            true => (libc::IPPROTO_IP, libc::IP_RECVERR),
            false => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
        };
        set(socket, level, name, ON)?;
        set(socket, libc::SOL_SOCKET, libc::SO_SELECT_ERR_QUEUE, ON)?;
        let twin = socket.as_fd().try_clone_to_owned()?;
        // SAFETY: the descriptor is owned, and stays open until it is dropped with its registration.
        let socket = unsafe { AsyncFd::register_with_interest(twin, Interest::PRIORITY)? };
        Ok(Self { socket })
    }

    /// Ready when there may be something to hear.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(context).map_ok(|_| ())
    }

    /// Hears what waits, at most `max` errors; the rest keeps it ready. Gives how many there were; `f` is told of those that
    /// matter, and of whom they are about.
    pub fn hear(&self, max: usize, mut f: impl FnMut(SocketAddr, TransportError)) -> usize {
        let mut heard = 0;
        // It ends with WouldBlock, unless more waits.
        let _ = self.socket.try_io(Interest::READABLE, |socket| {
            while heard < max {
                let told = receive_error(socket.as_raw_fd())?;
                heard += 1;
                if let Some((remote, error)) = told {
                    f(remote, error);
                }
            }
            Ok(())
        });
        heard
    }
}

/// Forgets the error that waits to be told of by the next call, whatever that is. The queue still has it.
pub(super) fn forget_pending(socket: &impl AsRawFd) {
    let mut error: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into `error`, which lives until this returns.
    unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            ptr::from_mut(&mut error).cast(),
            &raw mut length,
        );
    }
}

/// Whether an error of a call may be an ICMP error of some datagram before, rather than its own.
pub(super) fn may_be_pending(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| PENDING.contains(&code))
}

/// What Linux makes of ICMP and ICMPv6 errors.
const PENDING: [i32; 10] = [
    libc::ECONNREFUSED,
    libc::EHOSTUNREACH,
    libc::ENETUNREACH,
    libc::ENOPROTOOPT,
    libc::EOPNOTSUPP,
    libc::EHOSTDOWN,
    libc::ENONET,
    libc::EPROTO,
    libc::EACCES,
    libc::EMSGSIZE,
];

/// Lets datagrams be fragmented on their way. By itself Linux forbids that (DF), and where a router's word that one was too long is
/// lost, which is often, so is every long datagram.
pub(super) fn allow_fragments(socket: &Socket) -> io::Result<()> {
    match socket.local_addr()?.is_ipv4() {
        true => set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        // Only the sender fragments here: by what he knows of the path, instead of refusing to send.
        false => set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT),
    }
}

const ON: libc::c_int = 1;

fn set(socket: &Socket, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of `value`, which lives until this returns.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&value).cast(), length) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Room for the control messages of one error: it, and the address of who sent it. Aligned as they must be.
#[repr(C, align(8))]
struct Control([u8; 256]);

/// Takes one error out of the queue: where its datagram went, and what it means if it matters.
fn receive_error(descriptor: libc::c_int) -> io::Result<Option<(SocketAddr, TransportError)>> {
    let mut name = SockAddrStorage::zeroed();
    let mut control = Control([0; 256]);
    // SAFETY: a msghdr of zeros is a valid one: null pointers and no lengths.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_name = ptr::from_mut(&mut name).cast();
    header.msg_namelen = size_of::<SockAddrStorage>() as libc::socklen_t;
    header.msg_control = ptr::from_mut(&mut control).cast();
    header.msg_controllen = size_of::<Control>() as _;
    // SAFETY: the header points to a name and a control buffer that live, unmoved, until this function returns, and has their
    // lengths; there is no room for the datagram, and the kernel leaves it out.
    let read = unsafe { libc::recvmsg(descriptor, &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the storage was zeroed, which is valid, and the kernel wrote `msg_namelen` bytes of an address into it.
    let to = unsafe { SockAddr::new(name, header.msg_namelen) };
    let error = extended_error(&header).and_then(|error| meaning(&error));
    Ok(to.as_socket().zip(error))
}

fn extended_error(header: &libc::msghdr) -> Option<libc::sock_extended_err> {
    // SAFETY: the header is one the kernel filled, and its control buffer still lives.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !at.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give null or a control message that lies whole within the buffer.
        let message = unsafe { *at };
        let is_error = matches!(
            (message.cmsg_level, message.cmsg_type),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        );
        // SAFETY: it only counts.
        let needed = unsafe { libc::CMSG_LEN(size_of::<libc::sock_extended_err>() as libc::c_uint) };
        if is_error && message.cmsg_len as usize >= needed as usize {
            // SAFETY: the message is long enough to hold one, which may lie at any address.
            return Some(unsafe { libc::CMSG_DATA(at).cast::<libc::sock_extended_err>().read_unaligned() });
        }
        // SAFETY: as for the first.
        at = unsafe { libc::CMSG_NXTHDR(header, at) };
    }
    None
}

/// What an error means: host, network, port or protocol unreachable and a parameter problem are failures, all else is not (RFC
/// 3261 §18.4). What is too long for the path is sent in fragments the next time.
fn meaning(error: &libc::sock_extended_err) -> Option<TransportError> {
    let is_failure = match (error.ee_origin, error.ee_type) {
        (libc::SO_EE_ORIGIN_ICMP, ICMP_UNREACHABLE) => error.ee_code != ICMP_FRAGMENTATION_NEEDED,
        (libc::SO_EE_ORIGIN_ICMP, ICMP_PARAMETER_PROBLEM) => true,
        (libc::SO_EE_ORIGIN_ICMP6, ICMP6_UNREACHABLE | ICMP6_PARAMETER_PROBLEM) => true,
        _ => false,
    };
    let code = i32::try_from(error.ee_errno).ok()?;
    is_failure.then(|| failure::of(&io::Error::from_raw_os_error(code)))
}

/// RFC 792.
const ICMP_UNREACHABLE: u8 = 3;
const ICMP_FRAGMENTATION_NEEDED: u8 = 4;
const ICMP_PARAMETER_PROBLEM: u8 = 12;
/// RFC 4443.
const ICMP6_UNREACHABLE: u8 = 1;
const ICMP6_PARAMETER_PROBLEM: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn error(origin: u8, kind: u8, code: u8, errno: i32) -> Option<TransportError> {
        meaning(&libc::sock_extended_err {
            ee_errno: errno.unsigned_abs(),
            ee_origin: origin,
            ee_type: kind,
            ee_code: code,
            ee_pad: 0,
            ee_info: 0,
            ee_data: 0,
        })
    }

    #[test]
    fn datagrams_may_be_fragmented_on_their_way() {
        for (address, level, name, value) in [
            ("127.0.0.1:0", libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
            ("[::1]:0", libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT),
        ] {
            let address: SocketAddr = address.parse().expect("an address");
            let socket = Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None);
            let socket = socket.expect("a socket");
            socket.bind(&address.into()).expect("a free port");
            allow_fragments(&socket).expect("Linux knows how");
            let (mut found, mut length) = (-1, size_of::<libc::c_int>() as libc::socklen_t);
            let into: *mut libc::c_int = &raw mut found;
            // SAFETY: the kernel writes at most `length` bytes into `found`, which lives until this returns.
            unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, into.cast(), &raw mut length) };
            assert_eq!(found, value, "{address}");
        }
    }

    #[test]
    fn unreachable_is_a_failure_and_a_hop_too_many_is_not() {
        use libc::{
            ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, SO_EE_ORIGIN_ICMP as V4,
            SO_EE_ORIGIN_ICMP6 as V6, SO_EE_ORIGIN_LOCAL as LOCAL,
        };
        let (refused, unreachable) = (Some(TransportError::Refused), Some(TransportError::Unreachable));
        assert_eq!(error(V4, 3, 0, ENETUNREACH), unreachable);
        assert_eq!(error(V4, 3, 1, EHOSTUNREACH), unreachable);
        assert_eq!(error(V4, 3, 3, ECONNREFUSED), refused);
        assert_eq!(error(V6, 1, 4, ECONNREFUSED), refused);
        assert!(error(V4, 12, 0, libc::EPROTO).is_some(), "a parameter problem");
        assert_eq!(error(V4, 3, 4, EMSGSIZE), None, "fragmentation needed");
        assert_eq!(error(V6, 2, 0, EMSGSIZE), None, "too big");
        assert_eq!(error(V4, 11, 0, EHOSTUNREACH), None, "time exceeded");
        assert_eq!(error(V6, 3, 0, EHOSTUNREACH), None, "time exceeded");
        assert_eq!(error(V4, 4, 0, 0), None, "source quench");
        assert_eq!(error(LOCAL, 0, 0, EMSGSIZE), None, "the call itself told of it");
    }
}
