//! The offers and answers of one SIP leg (RFC 3264): ours, whose answer is due; theirs; and what was agreed on last, which is repeated to
//! refresh the session.

use trunkline_media::{Negotiated, PendingOffer, SdpError, sdp::Local};
use trunkline_sip::{Body, Fork};

/// What was offered and answered on a leg.
pub struct Offers {
    /// Ours, whose answer is due.
    offered: Option<Offered>,
    /// Reads the answer when what we said last, offer or answer, is repeated to refresh the session (RFC 4028 §7.4).
    settled: Option<PendingOffer>,
    /// Our description, which a re-INVITE that asks for an offer gets again.
    local: Local,
}

struct Offered {
    pending: PendingOffer,
    /// Early answers, the latest of each early dialog.
    early: Vec<(Fork, Negotiated)>,
}

impl Offered {
    fn new(pending: PendingOffer) -> Self {
        Self { pending, early: Vec::new() }
    }

    /// The latest early dialog stands last.
    fn keep_early(&mut self, fork: Fork, negotiated: &Negotiated) {
        self.early.retain(|(known, _)| *known != fork);
        if self.early.len() < EARLY_MAX {
            self.early.push((fork, negotiated.clone()));
        }
    }
}

/// Of how many early dialogs the answers are kept: a user agent tells of no more.
const EARLY_MAX: usize = 16;

impl Offers {
    /// Of a leg to which our offer has just left: `pending` awaits the answer.
    pub fn ours(pending: PendingOffer, local: Local) -> Self {
        Self { offered: Some(Offered::new(pending)), settled: None, local }
    }

    /// Of a leg that called us.
    pub fn theirs(local: Local) -> Self {
        Self { offered: None, settled: None, local }
    }

    /// Early media: an 18x with an answer in it. An unreliable one is a preview (RFC 3261 §13.2.1); a reliable one is the answer of
    /// its early dialog (RFC 3262 §5), whose 2xx need not repeat it. What cannot be read is ignored, the 2xx decides.
    pub fn hear_early(&mut self, fork: Fork, body: Option<&Body>) -> Option<Negotiated> {
        let offered = self.offered.as_mut()?;
        let negotiated = offered.pending.preview(sdp(body)?).ok()?;
        offered.keep_early(fork, &negotiated);
        Some(negotiated)
    }

    /// The 2xx. Without a body the early answer of its own dialog holds, or else the latest: some gateways describe themselves in
    /// the 183 alone.
    pub fn accept(&mut self, fork: Fork, body: Option<&Body>) -> Result<Negotiated, SdpError> {
        let Offered { pending, early } = self.offered.take().ok_or(SdpError::NoOffer)?;
        let own = early.iter().find(|(known, _)| *known == fork).or(early.last());
        match (sdp(body), own) {
            (Some(answer), _) => {
                let negotiated = pending.preview(answer);
                self.settled = Some(pending);
                negotiated
            }
            (None, Some((_, negotiated))) => {
                self.settled.get_or_insert(pending);
                Ok(negotiated.clone())
            }
            (None, None) => Err(SdpError::NoAudio { offered: Vec::new() }),
        }
    }

    /// The ACK of a 2xx that carried our offer, or the answer to one of ours within the dialog, or to what we repeated.
    pub fn reaccept(&mut self, body: Option<&Body>) -> Option<Negotiated> {
        if let Some(Offered { pending, .. }) = self.offered.take() {
            self.settled = Some(pending);
        }
        let negotiated = self.settled.as_ref()?.preview(sdp(body)?).ok()?;
        // Who is held is not heard, whatever it answers.
        Some(Negotiated { receive: negotiated.receive && !self.local.holds(), ..negotiated })
    }

    /// The callee's new offer within the dialog, and our answer to it (RFC 3264 §8).
    pub fn renegotiate(&mut self, offer: &Body) -> Result<(Body, Negotiated), SdpError> {
        let offer = offer.session().ok_or(SdpError::NoAudio { offered: Vec::new() })?;
        let (answer, negotiated, repeated) = self.local.answer(offer)?;
        self.settled = Some(repeated);
        if let Some(offered) = &mut self.offered
            && let Some((fork, _)) = offered.early.last()
        {
            // By UPDATE before the answer (RFC 3311 §5.2): what was agreed on early is this now.
            offered.keep_early(*fork, &negotiated);
        }
        Ok((Body::sdp(answer), negotiated))
    }

    /// The callee asks for an offer within the dialog: the one we began with (RFC 3261 §14.2). The ACK brings its answer to
    /// [`Offers::reaccept`].
    pub fn reoffer(&mut self) -> Body {
        let (offer, pending) = self.local.offer();
        self.offered = Some(Offered::new(pending));
        Body::sdp(offer.to_bytes())
    }

    /// Every description from now on holds the other side, or takes it back (RFC 3264 §8.4); the next is this offer. None: another one
    /// has no answer yet (§4).
    pub fn hold(&mut self, holds: bool) -> Option<Body> {
        if self.offered.is_some() {
            return None;
        }
        self.local.hold(holds);
        Some(self.reoffer())
    }

    /// The offer to hold it, or to take it back, was refused: what was agreed on before holds.
    pub fn hold_refused(&mut self, holds: bool) {
        self.offered = None;
        self.local.hold(!holds);
    }
}

/// The SDP of a body, if there is any.
pub fn sdp(body: Option<&Body>) -> Option<&[u8]> {
    body?.session()
}

#[cfg(test)]
mod tests {
    use trunkline_media::Capabilities;
    use trunkline_media::srtp::Secret;

    use super::*;

    /// Their description, with RTP at this port.
    fn theirs(port: u16, formats: &str) -> Body {
        let text = format!(
            "v=0\r\no=- 1 {port} IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n\
             a=rtpmap:96 telephone-event/8000\r\n"
        );
        Body::sdp(text)
    }

    fn local() -> Local {
        let address = "192.0.2.1:20000".parse().expect("an address");
        Local::new(address, 1, Capabilities::default(), Secret::new([1; 32]))
    }

    /// What the answer to a description of ours that is repeated means.
    fn refreshed(offers: &mut Offers, port: u16) -> Negotiated {
        offers.reaccept(Some(&theirs(port, "8 96"))).expect("an answer that is understood")
    }

    fn moved_to(negotiated: &Negotiated) -> u16 {
        // What we said ourselves is what they send under, their numbers are what we send under.
        assert_eq!((negotiated.payload_type, negotiated.telephone_event), (8, Some(96)));
        negotiated.remote.expect("not held").port()
    }

    #[test]
    fn the_answer_to_a_refresh_moves_the_media_of_a_call_that_came_in() {
        let mut offers = Offers::theirs(local());
        offers.renegotiate(&theirs(30_000, "8 96")).expect("an answer");
        for port in [30_000, 30_002, 30_004] {
            assert_eq!(moved_to(&refreshed(&mut offers, port)), port);
        }
    }

    #[test]
    fn and_after_they_have_offered_anew_or_refused_what_we_offered() {
        let mut local = local();
        let (_, pending) = local.offer();
        let mut offers = Offers::ours(pending, local);
        offers.accept(Fork(0), Some(&theirs(30_000, "8 96"))).expect("an answer");
        assert_eq!(moved_to(&refreshed(&mut offers, 30_002)), 30_002);
        offers.renegotiate(&theirs(30_004, "8 96")).expect("an answer");
        assert_eq!(moved_to(&refreshed(&mut offers, 30_006)), 30_006);
        assert!(offers.hold(true).is_some());
        assert!(offers.hold(false).is_none(), "one after the other");
        offers.hold_refused(true);
        let refreshed = refreshed(&mut offers, 30_008);
        assert_eq!((moved_to(&refreshed), refreshed.receive), (30_008, true));
    }
}
