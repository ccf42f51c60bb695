//! Sockets and connections. A shell: no decision is made here about what is said.

mod failure;
mod flows;
mod framing;
mod stream;
mod tcp;
mod tls;
mod udp;
mod undelivered;

pub(crate) use flows::Flows;
pub use flows::StreamCounters;
pub use stream::StreamLimits;
pub use udp::{UdpCounters, UdpSocket};
