//! One SIP leg's life. Knows nothing of who talks on it or why it is ended.

use std::time::Instant;

use sha2::{Digest, Sha256};
use trunkline_media::{Capabilities, PendingOffer, sdp::Local, srtp::Secret};
use trunkline_sip::{Body, InviteId, Reason, UserAgent};

use super::offers::{Offers, Reach};

/// A leg that we called, or that called us.
pub struct Party {
    invite: InviteId,
    /// What was offered and answered on it.
    pub offers: Offers,
}

impl Party {
    /// A leg whose INVITE, with the offer that `pending` awaits the answer of, has just left.
    pub fn new(invite: InviteId, pending: PendingOffer, local: Local, reach: Reach) -> Self {
        Self { invite, offers: Offers::ours(pending, local, reach) }
    }

    /// A leg that called us.
    pub fn called(invite: InviteId, local: Local, reach: Reach) -> Self {
        Self { invite, offers: Offers::theirs(local, reach) }
    }

    /// The leg's name in the user agent.
    pub fn invite(&self) -> InviteId {
        self.invite
    }

    /// Offers to hold the other side, or to take it back. Gives whether the offer may leave.
    pub fn hold(&mut self, now: Instant, agent: &mut UserAgent, holds: bool) -> bool {
        let invite = self.invite;
        self.offers.hold(holds, |offer| agent.offer(now, invite, offer))
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
