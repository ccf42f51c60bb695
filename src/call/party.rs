//! One SIP leg's life, and the offer that it made (RFC 3264). Knows nothing of who talks on it or why it is ended.

use std::time::Instant;

use bytes::Bytes;
use trunkline_media::{Capabilities, Negotiated, Offer, PendingOffer, SdpError};
use trunkline_sip::{Body, InviteId, Reason, UserAgent};

/// A leg that we called.
pub struct Party {
    invite: InviteId,
    offer: OfferState,
    /// Our description, which a re-INVITE that asks for an offer gets again.
    local: std::net::SocketAddr,
    origin: u64,
    /// Of the last SDP that we sent, as its `o=` line has it.
    version: u64,
}

enum OfferState {
    /// Sent; early answers may have been previewed, the latest is kept.
    Pending { pending: PendingOffer, preview: Option<Negotiated> },
    /// Answered.
    Settled,
}

impl Party {
    /// A leg whose INVITE, with the offer that `pending` awaits the answer of, has just left.
    pub fn new(invite: InviteId, pending: PendingOffer, local: std::net::SocketAddr, origin: u64) -> Self {
        Self { invite, offer: OfferState::Pending { pending, preview: None }, local, origin, version: 1 }
    }

    /// The leg's name in the user agent.
    pub fn invite(&self) -> InviteId {
        self.invite
    }

    /// Early media: an unreliable 18x with an answer in it (RFC 3261 §13.2.1). What cannot be read is ignored, the 2xx
    /// decides.
    pub fn preview(&mut self, body: Option<&Body>) -> Option<Negotiated> {
        let OfferState::Pending { pending, preview } = &mut self.offer else { return None };
        let negotiated = pending.fork().preview(sdp(body)?).ok()?;
        *preview = Some(negotiated.clone());
        Some(negotiated)
    }

    /// The 2xx, or the ACK of one that carried our offer. Without a body the last early answer holds: some gateways describe themselves in the 183 alone.
    pub fn accept(&mut self, body: Option<&Body>) -> Result<Negotiated, SdpError> {
        match std::mem::replace(&mut self.offer, OfferState::Settled) {
            OfferState::Pending { pending, preview } => match (sdp(body), preview) {
                (Some(answer), _) => pending.accept(answer),
                (None, Some(early)) => Ok(early),
                (None, None) => Err(SdpError::NoAudio),
            },
            OfferState::Settled => Err(SdpError::Rejected),
        }
    }

    /// The callee's new offer within the dialog, and our answer to it (RFC 3264 §8).
    pub fn renegotiate(&mut self, offer: &Body) -> Result<(Body, Negotiated), SdpError> {
        let capabilities = Capabilities::default();
        let (answer, negotiated) = trunkline_media::sdp::answer_versioned(
            &offer.bytes,
            self.local,
            self.origin,
            self.version + 1,
            &capabilities,
        )?;
        // Only what is sent has a number.
        self.version += 1;
        Ok((Body::sdp(answer), negotiated))
    }

    /// The callee asks for an offer within the dialog: the one we began with (RFC 3261 §14.2). The ACK brings its answer to
    /// [`Party::accept`].
    pub fn reoffer(&mut self) -> Body {
        self.version += 1;
        let (offer, pending) =
            Offer::versioned(self.local, self.origin, self.version, &Capabilities::default());
        self.offer = OfferState::Pending { pending, preview: None };
        Body::sdp(offer.to_bytes())
    }

    /// Ends the leg as its state asks: CANCEL or BYE.
    pub fn hangup(&self, now: Instant, agent: &mut UserAgent, reason: Option<Reason>) {
        agent.hangup(now, self.invite, reason);
    }
}

/// Our offer for a leg whose RTP comes in at `local`.
pub fn offer(local: std::net::SocketAddr, origin: u64) -> (Body, PendingOffer) {
    let (offer, pending): (Offer, PendingOffer) = Offer::new(local, origin, &Capabilities::default());
    let bytes: Bytes = offer.to_bytes();
    (Body::sdp(bytes), pending)
}

fn sdp(body: Option<&Body>) -> Option<&[u8]> {
    let body = body?;
    let kind = body.content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/sdp").then_some(&body.bytes[..])
}
