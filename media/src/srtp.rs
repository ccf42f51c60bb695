//! SRTP (RFC 3711) with keys that stand in the SDP (RFC 4568). Knows nothing of SDP's lines, of codecs or of sockets.

mod keys;

pub use self::keys::{MasterKey, Secret, Security, Suite};
