//! Our side of one dialog's descriptions.

use std::{fmt, net::SocketAddr};

use bytes::Bytes;

use super::{
    answer::draft as draft_answer,
    capabilities::Capabilities,
    direction::Direction,
    draft::Draft,
    error::SdpError,
    negotiated::Negotiated,
    offer::{Lines, Offer, PendingOffer, draft as draft_offer},
    syntax::{self, Identity, Stream},
};
use crate::srtp::Secret;

/// Our side of one dialog's descriptions: what all offers and answers that we send in it have in common, with the version
/// of the last one and the secret that our SRTP keys are made of.
#[derive(Debug)]
pub struct Local {
    address: SocketAddr,
    origin: u64,
    capabilities: Capabilities,
    secret: Secret,
    /// We hold the other side: it is to send nothing.
    holds: bool,
    lines: Lines,
    last: Option<Sent>,
}

/// The last description that we sent.
struct Sent {
    version: u64,
    bytes: Bytes,
}

impl fmt::Debug for Sent {
    /// Without the description, which may have keys in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sent(version {})", self.version)
    }
}

impl Local {
    /// RTP comes in at `address`, RTCP at the next port; `origin` is the session id of the `o=` line.
    /// A codec that this build has not ([`Codec::is_available`](crate::codec::Codec::is_available)) is neither offered nor taken.
    #[must_use]
    pub fn new(address: SocketAddr, origin: u64, mut capabilities: Capabilities, secret: Secret) -> Self {
        capabilities.codecs.retain(|codec| codec.is_available());
        Self::of_any_codec(address, origin, capabilities, secret)
    }

    /// As [`Local::new`], with codecs that can be agreed upon though not spoken.
    pub(super) fn of_any_codec(
        address: SocketAddr,
        origin: u64,
        capabilities: Capabilities,
        secret: Secret,
    ) -> Self {
        Self { address, origin, capabilities, secret, holds: false, lines: Lines::default(), last: None }
    }

    /// Whether every description from now on holds the other side (RFC 3264 §8.4).
    pub fn hold(&mut self, holds: bool) {
        self.holds = holds;
    }

    /// Is the other side held?
    #[must_use]
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// An offer.
    pub fn offer(&mut self) -> (Offer, PendingOffer) {
        self.offer_as(if self.holds { Direction::SendOnly } else { Direction::SendRecv })
    }

    /// An offer that says who is to send: [`Direction::SendOnly`] puts the other side on hold (RFC 3264 §8.4).
    pub fn offer_as(&mut self, direction: Direction) -> (Offer, PendingOffer) {
        let draft = draft_offer(self.address, &self.capabilities, &self.secret, direction, &self.lines);
        self.lines.offered(&draft);
        let pending = self.token(draft.ours, &draft.streams[draft.ours]);
        (Offer::new_sent(self.write(&draft)), pending)
    }

    fn token(&self, ours: usize, stream: &Stream) -> PendingOffer {
        PendingOffer::new(self.capabilities.clone(), self.secret.clone(), ours, stream)
    }

    /// The answer to an offer of theirs, with the token of what it is once it is repeated to refresh the session (RFC 4028 §7.4): an
    /// offer. An error sends nothing and changes nothing.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(Bytes, Negotiated, PendingOffer), SdpError> {
        self.answer_if(offer, Ok)
    }

    /// As [`Local::answer`], if what would be agreed upon is wanted.
    pub fn answer_if(
        &mut self,
        offer: &[u8],
        wanted: impl FnOnce(Negotiated) -> Result<Negotiated, SdpError>,
    ) -> Result<(Bytes, Negotiated, PendingOffer), SdpError> {
        let (draft, negotiated) =
            draft_answer(offer, self.address, &self.capabilities, &self.secret, self.holds)?;
        let negotiated = wanted(negotiated)?;
        self.lines.answered(&draft);
        let repeated = self.token(draft.ours, &draft.streams[draft.ours]);
        Ok((self.write(&draft), negotiated, repeated))
    }

    /// The version grows by one with each description that differs from the one before, and only then (RFC 3264 §8).
    fn write(&mut self, draft: &Draft) -> Bytes {
        let encode = |version| {
            let identity = Identity { address: self.address, origin: self.origin, version };
            syntax::encode(identity, &draft.times, &draft.streams)
        };
        let version = match &self.last {
            None => 1,
            Some(last) if encode(last.version) == last.bytes => return last.bytes.clone(),
            Some(last) => last.version + 1,
        };
        let bytes = encode(version);
        self.last = Some(Sent { version, bytes: bytes.clone() });
        bytes
    }
}

impl Offer {
    /// The first and only offer of a session, with SRTP keys from the system's randomness. A dialog that goes on has a
    /// [`Local`].
    #[must_use]
    pub fn new(address: SocketAddr, origin: u64, capabilities: &Capabilities) -> (Offer, PendingOffer) {
        Local::new(address, origin, capabilities.clone(), Secret::random()).offer()
    }
}

/// Answers the only offer of a session, with SRTP keys from the system's randomness. A dialog that goes on has a [`Local`].
pub fn answer(
    offer: &[u8],
    address: SocketAddr,
    origin: u64,
    capabilities: &Capabilities,
) -> Result<(Bytes, Negotiated), SdpError> {
    let mut local = Local::new(address, origin, capabilities.clone(), Secret::random());
    local.answer(offer).map(|(answer, negotiated, _)| (answer, negotiated))
}
