//! SRTP and SRTCP (RFC 3711, 6188, 7714) with keys that stand in the SDP (RFC 4568): one leg's two directions, each with
//! its own key. Sans-IO; nothing here allocates once the keys are set. Knows nothing of SDP's lines, of codecs or of
//! sockets.
//!
//! `rtc-srtp` is the second opinion in the tests, not the machinery: it allocates for each packet, keeps state for every
//! SSRC that an unauthenticated packet names, and takes SRTCP whose E flag is clear without looking at its tag.

use arrayvec::ArrayVec;

mod cipher;
mod inbound;
mod keys;
mod outbound;
mod secret;
mod window;

pub(crate) use self::inbound::Rejected;
pub use self::keys::{MasterKey, Security, Suite};
pub use self::secret::Secret;
use self::{inbound::Inbound, outbound::Outbound};

/// Bytes that a packet grows by at most: a tag of 128 bits and SRTCP's index (RFC 7714 §9.2).
pub(crate) const TRAILER_MAX: usize = 20;

/// A dialog has one key of ours a suite.
const RETIRED_MAX: usize = Suite::ALL.len();

/// One leg's protection.
#[derive(Debug)]
pub(crate) struct Protection {
    security: Box<Security>,
    outbound: Outbound,
    /// Those of our keys before. A key that comes back goes on counting where it was, since the same index twice under one
    /// key would show both packets (RFC 3711 §9.1).
    retired: ArrayVec<(MasterKey, Outbound), RETIRED_MAX>,
    inbound: Inbound,
    /// That of their key before, for what is still on its way; until the first packet under the new one.
    previous: Option<Inbound>,
}

impl Protection {
    pub(crate) fn new(security: &Security) -> Self {
        Self {
            outbound: Outbound::new(&security.send),
            retired: ArrayVec::new(),
            inbound: Inbound::new(&security.receive),
            previous: None,
            security: Box::new(security.clone()),
        }
    }

    /// Takes the keys of a later description. A key that stays the same stays in use, with its rollover counter and its
    /// replay window (RFC 4568 §7.1.4).
    pub(crate) fn update(&mut self, security: &Security) {
        if self.security.send != security.send {
            let known = self.retired.iter().position(|(key, _)| *key == security.send);
            let next = match known {
                Some(position) => self.retired.remove(position).1,
                None => Outbound::new(&security.send),
            };
            let before = (self.security.send.clone(), std::mem::replace(&mut self.outbound, next));
            if self.retired.is_full() {
                self.retired.remove(0);
            }
            self.retired.push(before);
        }
        if self.security.receive != security.receive {
            let inbound = Inbound::after(&self.inbound, &security.receive);
            self.previous = Some(std::mem::replace(&mut self.inbound, inbound));
        }
        *self.security = security.clone();
    }

    /// Protects the RTP packet of `length` bytes that `packet` begins with, and gives its new length. `packet` has
    /// [`TRAILER_MAX`] bytes more.
    pub(crate) fn protect_rtp(&mut self, packet: &mut [u8], length: usize) -> usize {
        self.outbound.protect_rtp(packet, length)
    }

    /// The same for an RTCP compound.
    pub(crate) fn protect_rtcp(&mut self, packet: &mut [u8], length: usize) -> usize {
        self.outbound.protect_rtcp(packet, length)
    }

    /// Writes the RTP packet that `packet` protects into `clear`, and gives its length.
    pub(crate) fn unprotect_rtp(&mut self, packet: &[u8], clear: &mut [u8]) -> Result<usize, Rejected> {
        let result = self.inbound.unprotect_rtp(packet, clear);
        match (&result, &mut self.previous) {
            (Err(Rejected::Unauthentic), Some(previous)) => previous.unprotect_rtp(packet, clear),
            (Ok(_), previous) => {
                *previous = None;
                result
            }
            _ => result,
        }
    }

    /// The same for an RTCP compound.
    pub(crate) fn unprotect_rtcp(&mut self, packet: &[u8], clear: &mut [u8]) -> Result<usize, Rejected> {
        let result = self.inbound.unprotect_rtcp(packet, clear);
        match (&result, &mut self.previous) {
            (Err(Rejected::Unauthentic), Some(previous)) => previous.unprotect_rtcp(packet, clear),
            _ => result,
        }
    }
}

#[cfg(test)]
mod tests;
