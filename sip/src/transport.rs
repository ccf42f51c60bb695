//! Sockets. A shell: no decision is made here. TCP and TLS join UDP here.

mod udp;

pub use udp::{UdpCounters, UdpSocket};
