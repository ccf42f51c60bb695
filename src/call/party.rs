//! One SIP leg's life, and the offer that it made (RFC 3264). Knows nothing of who talks on it or why it is ended.

use std::time::Instant;

use trunkline_media::{Capabilities, Negotiated, PendingOffer, SdpError, sdp::Local, srtp::Secret};
use trunkline_sip::{Body, InviteId, Reason, UserAgent};

/// A leg that we called.
pub struct Party {
    invite: InviteId,
    offer: OfferState,
    /// Our description, which a re-INVITE that asks for an offer gets again.
    local: Local,
}

enum OfferState {
    /// Sent; early answers may have been previewed, the latest is kept.
    Pending { pending: PendingOffer, preview: Option<Negotiated> },
    /// Answered.
    Settled,
}

impl Party {
    /// A leg whose INVITE, with the offer that `pending` awaits the answer of, has just left.
    pub fn new(invite: InviteId, pending: PendingOffer, local: Local) -> Self {
        Self { invite, offer: OfferState::Pending { pending, preview: None }, local }
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
                (None, None) => Err(SdpError::NoAudio { offered: Vec::new() }),
            },
            OfferState::Settled => Err(SdpError::NoOffer),
        }
    }

    /// The callee's new offer within the dialog, and our answer to it (RFC 3264 §8).
    pub fn renegotiate(&mut self, offer: &Body) -> Result<(Body, Negotiated), SdpError> {
        let (answer, negotiated) = self.local.answer(&offer.bytes)?;
        Ok((Body::sdp(answer), negotiated))
    }

    /// The callee asks for an offer within the dialog: the one we began with (RFC 3261 §14.2). The ACK brings its answer to
    /// [`Party::accept`].
    pub fn reoffer(&mut self) -> Body {
        let (offer, pending) = self.local.offer();
        self.offer = OfferState::Pending { pending, preview: None };
        Body::sdp(offer.to_bytes())
    }

    /// Ends the leg as its state asks: CANCEL or BYE.
    pub fn hangup(&self, now: Instant, agent: &mut UserAgent, reason: Option<Reason>) {
        agent.hangup(now, self.invite, reason);
    }
}

/// Our offer for a leg whose RTP comes in at `local`, and our side of its descriptions.
pub fn offer(
    address: std::net::SocketAddr,
    origin: u64,
    capabilities: Capabilities,
) -> (Body, PendingOffer, Local) {
    let mut local = Local::new(address, origin, capabilities, Secret::random());
    let (offer, pending) = local.offer();
    (Body::sdp(offer.to_bytes()), pending, local)
}

fn sdp(body: Option<&Body>) -> Option<&[u8]> {
    let body = body?;
    let kind = body.content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/sdp").then_some(&body.bytes[..])
}
