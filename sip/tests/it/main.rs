//! The message layer against what the world sends: the RFCs' torture corpora, another parser, and noise.
#![warn(missing_docs)]

mod differential;
mod hostile;
mod names;
mod reading;
mod sockets;
mod torture;
