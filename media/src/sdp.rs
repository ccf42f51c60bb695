//! SDP offer and answer.

use std::net::SocketAddr;

use bytes::Bytes;

pub use crate::g711::Codec;

/// What we offer and accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// In order of preference.
    pub codecs: Vec<Codec>,
    /// Whether telephone events (RFC 4733) are offered, as payload type 101.
    pub telephone_event: bool,
    /// Packet length in milliseconds.
    pub ptime_ms: u16,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { codecs: vec![Codec::Pcmu, Codec::Pcma], telephone_event: true, ptime_ms: 20 }
    }
}

/// An offer that was or will be sent.
#[derive(Clone, Debug)]
pub struct Offer(Bytes);

impl Offer {
    /// The first offer of a session: its `o=` line has version 1. `origin` is the session id.
    #[must_use]
    pub fn new(local: SocketAddr, origin: u64, capabilities: &Capabilities) -> (Offer, PendingOffer) {
        Self::versioned(local, origin, 1, capabilities)
    }

    /// A later offer of the session, with the next `version` of its `o=` line (RFC 3264 §8).
    #[must_use]
    pub fn versioned(
        _local: SocketAddr,
        _origin: u64,
        _version: u64,
        _capabilities: &Capabilities,
    ) -> (Offer, PendingOffer) {
        todo!()
    }

    /// The SDP.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

/// The token of an offer whose answer is due. Not `Clone`: [`PendingOffer::fork`] it for each early dialog, spend it once.
#[derive(Debug)]
pub struct PendingOffer(());

impl PendingOffer {
    /// Another token, for another early dialog of the same INVITE.
    #[must_use]
    pub fn fork(&self) -> PendingOffer {
        todo!()
    }

    /// Reads an answer that doesn't bind yet (an unreliable 18x, RFC 3261 §13.2.1).
    pub fn preview(&self, _answer: &[u8]) -> Result<Negotiated, SdpError> {
        todo!()
    }

    /// Reads the answer and spends the token.
    pub fn accept(self, answer: &[u8]) -> Result<Negotiated, SdpError> {
        self.preview(answer)
    }
}

/// Answers the first offer of a session that the other side began: version 1.
pub fn answer(
    offer: &[u8],
    local: SocketAddr,
    origin: u64,
    capabilities: &Capabilities,
) -> Result<(Bytes, Negotiated), SdpError> {
    answer_versioned(offer, local, origin, 1, capabilities)
}

/// Answers a later offer (re-INVITE, UPDATE); `version` is one more than that of the last SDP we sent (RFC 3264 §8).
pub fn answer_versioned(
    _offer: &[u8],
    _local: SocketAddr,
    _origin: u64,
    _version: u64,
    _capabilities: &Capabilities,
) -> Result<(Bytes, Negotiated), SdpError> {
    todo!()
}

/// What offer and answer agreed upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where RTP goes. None: on hold by 0.0.0.0.
    pub remote: Option<SocketAddr>,
    /// Where RTCP goes (RFC 3605, or the next port).
    pub remote_rtcp: Option<SocketAddr>,
    /// The codec of both directions.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of telephone events, if agreed.
    pub telephone_event: Option<u8>,
    /// Whether we may send.
    pub send: bool,
    /// Whether they may send.
    pub receive: bool,
    /// The packet length they ask for, in milliseconds.
    pub ptime_ms: u16,
}

/// Why an offer or answer came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It could not be read.
    #[error("malformed SDP")]
    Malformed,
    /// No `m=audio` over RTP/AVP.
    #[error("no audio over RTP")]
    NoAudio,
    /// The audio stream was refused (port 0).
    #[error("the audio stream was refused")]
    Rejected,
    /// No codec in common.
    #[error("no codec in common")]
    NoCodec,
    /// No usable `c=` line.
    #[error("no usable connection address")]
    NoAddress,
}
