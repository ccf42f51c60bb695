//! One SIP leg's life, and the offers that it made (RFC 3264). Knows nothing of who talks on it or why it is ended.

use std::time::Instant;

use sha2::{Digest, Sha256};
use trunkline_media::{Capabilities, Negotiated, PendingOffer, SdpError, sdp::Local, srtp::Secret};
use trunkline_sip::{Body, Fork, InviteId, Reason, UserAgent};

/// A leg that we called, or that called us.
pub struct Party {
    invite: InviteId,
    offer: OfferState,
    /// Our description, which a re-INVITE that asks for an offer gets again.
    local: Local,
}

enum OfferState {
    /// None was sent: they offered.
    Theirs,
    /// Sent; early answers may have been heard, the latest of each early dialog is kept.
    Pending { pending: PendingOffer, early: Vec<(Fork, Negotiated)> },
    /// Answered. The token reads the answer when the offer is repeated to refresh the session (RFC 4028 §7.4).
    Settled(PendingOffer),
}

/// Of how many early dialogs the answers are kept: a user agent tells of no more.
const EARLY_MAX: usize = 16;

impl Party {
    /// A leg whose INVITE, with the offer that `pending` awaits the answer of, has just left.
    pub fn new(invite: InviteId, pending: PendingOffer, local: Local) -> Self {
        Self { invite, offer: OfferState::Pending { pending, early: Vec::new() }, local }
    }

    /// A leg that called us.
    pub fn called(invite: InviteId, local: Local) -> Self {
        Self { invite, offer: OfferState::Theirs, local }
    }

    /// The leg's name in the user agent.
    pub fn invite(&self) -> InviteId {
        self.invite
    }

    /// Early media: an 18x with an answer in it. An unreliable one is a preview (RFC 3261 §13.2.1); a reliable one is the answer of
    /// its early dialog (RFC 3262 §5), whose 2xx need not repeat it. What cannot be read is ignored, the 2xx decides.
    pub fn hear_early(&mut self, fork: Fork, body: Option<&Body>) -> Option<Negotiated> {
        let OfferState::Pending { pending, .. } = &self.offer else { return None };
        let negotiated = pending.fork().preview(sdp(body)?).ok()?;
        self.keep_early(fork, &negotiated);
        Some(negotiated)
    }

    /// The latest early dialog stands last.
    fn keep_early(&mut self, fork: Fork, negotiated: &Negotiated) {
        let OfferState::Pending { early, .. } = &mut self.offer else { return };
        early.retain(|(known, _)| *known != fork);
        if early.len() < EARLY_MAX {
            early.push((fork, negotiated.clone()));
        }
    }

    /// The 2xx. Without a body the early answer of its own dialog holds, or else the latest: some gateways describe themselves in
    /// the 183 alone.
    pub fn accept(&mut self, fork: Fork, body: Option<&Body>) -> Result<Negotiated, SdpError> {
        let OfferState::Pending { pending, early } = &mut self.offer else { return Err(SdpError::NoOffer) };
        let (pending, early) = (pending.fork(), std::mem::take(early));
        self.offer = OfferState::Settled(pending.fork());
        let own = early.iter().find(|(known, _)| *known == fork).or(early.last());
        match (sdp(body), own) {
            (Some(answer), _) => pending.accept(answer),
            (None, Some((_, negotiated))) => Ok(negotiated.clone()),
            (None, None) => Err(SdpError::NoAudio { offered: Vec::new() }),
        }
    }

    /// The ACK of a 2xx that carried our offer, or the answer to one that we repeated.
    pub fn reaccept(&mut self, body: Option<&Body>) -> Option<Negotiated> {
        let (OfferState::Pending { pending, .. } | OfferState::Settled(pending)) = &self.offer else {
            return None;
        };
        let (answer, pending) = (pending.fork().accept(sdp(body)?), pending.fork());
        self.offer = OfferState::Settled(pending);
        // Who is held is not heard, whatever it answers.
        let holds = self.local.holds();
        answer.ok().map(|negotiated| Negotiated { receive: negotiated.receive && !holds, ..negotiated })
    }

    /// The callee's new offer within the dialog, and our answer to it (RFC 3264 §8).
    pub fn renegotiate(&mut self, offer: &Body) -> Result<(Body, Negotiated), SdpError> {
        let offer = offer.session().ok_or(SdpError::NoAudio { offered: Vec::new() })?;
        let (answer, negotiated) = self.local.answer(offer)?;
        if let OfferState::Pending { early, .. } = &self.offer
            && let Some((fork, _)) = early.last()
        {
            // By UPDATE before the answer (RFC 3311 §5.2): what was agreed on early is this now.
            self.keep_early(*fork, &negotiated);
        }
        Ok((Body::sdp(answer), negotiated))
    }

    /// The callee asks for an offer within the dialog: the one we began with (RFC 3261 §14.2). The ACK brings its answer to
    /// [`Party::reaccept`].
    pub fn reoffer(&mut self) -> Body {
        let (offer, pending) = self.local.offer();
        self.offer = OfferState::Pending { pending, early: Vec::new() };
        Body::sdp(offer.to_bytes())
    }

    /// Offers to hold the other side, or to take it back (RFC 3264 §8.4), and every description from now on says so. Gives whether
    /// the offer may leave.
    pub fn hold(&mut self, now: Instant, agent: &mut UserAgent, holds: bool) -> bool {
        self.local.hold(holds);
        let offer = self.reoffer();
        let leaves = agent.offer(now, self.invite, offer);
        if !leaves {
            self.local.hold(!holds);
        }
        leaves
    }

    /// The offer to hold it, or to take it back, was refused: what was agreed on before holds.
    pub fn hold_refused(&mut self, holds: bool) {
        self.local.hold(!holds);
    }

    /// Ends the leg as its state asks: CANCEL or BYE.
    pub fn hangup(&self, now: Instant, agent: &mut UserAgent, reason: Option<Reason>) {
        agent.hangup(now, self.invite, reason);
    }
}

/// What a call's SRTP keys are made of: 256 bits that nobody can guess, given from outside, since a core draws no lots.
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// From the shell's randomness.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The Call-ID of one of the call's INVITEs, by its number (RFC 3261 §8.1.1.4): unique, and nobody can guess it.
    pub fn call_id(&self, invite: usize) -> String {
        let mut digest = Sha256::new();
        digest.update(b"Call-ID");
        digest.update(self.0);
        digest.update((invite as u64).to_be_bytes());
        digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the keys of one of the call's legs are made of, by the number of its INVITE: no two legs share a key.
    fn secret(&self, leg: u32) -> Secret {
        let mut digest = Sha256::new();
        digest.update(self.0);
        digest.update(leg.to_be_bytes());
        Secret::new(digest.finalize().into())
    }
}

/// Where a call's legs are described from.
pub struct Origin<'a> {
    /// Where RTP comes in.
    pub address: std::net::SocketAddr,
    /// The session id of the `o=` line.
    pub id: u64,
    /// What keys are made of.
    pub seed: &'a Seed,
    /// Which INVITE of the call it is.
    pub leg: u32,
    /// What the trunk speaks.
    pub capabilities: Capabilities,
}

impl Origin<'_> {
    /// Our side of the leg's descriptions.
    pub fn local(&self) -> Local {
        Local::new(self.address, self.id, self.capabilities.clone(), self.seed.secret(self.leg))
    }

    /// Our offer, and our side of the descriptions that follow it.
    pub fn offer(&self) -> (Body, PendingOffer, Local) {
        let mut local = self.local();
        let (offer, pending) = local.offer();
        (Body::sdp(offer.to_bytes()), pending, local)
    }
}

/// The SDP of a body, if there is any.
pub fn sdp(body: Option<&Body>) -> Option<&[u8]> {
    body?.session()
}
