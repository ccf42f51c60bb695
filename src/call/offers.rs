//! The offers and answers of one SIP leg (RFC 3264): ours, whose answer is due; theirs; and what was agreed on last, which is repeated to
//! refresh the session.

use std::net::SocketAddr;
use std::sync::Arc;

use trunkline_media::{Negotiated, PendingOffer, SdpError, sdp::Local};
use trunkline_sip::{Body, Fork};

use crate::model::Trunk;
use crate::trunk::reach::{Reachable, may_stream};

/// Where a leg's media may go: where the signalling of its trunk's calls may.
#[derive(Clone)]
pub struct Reach {
    /// The leg's.
    pub trunk: Arc<Trunk>,
    /// Whose calls may go where.
    pub reachable: Reachable,
}

impl Reach {
    /// What was agreed upon, unless the far end would have our packets sent to where they may not go. Of reports it is told less.
    fn checked(&self, negotiated: Negotiated) -> Result<Negotiated, SdpError> {
        let may_go = |place: &SocketAddr| may_stream(&self.trunk, place.ip().to_canonical(), &self.reachable);
        match negotiated.remote.filter(|place| !may_go(place)) {
            Some(place) => Err(SdpError::NoAddress { found: Some(place.ip().to_string()) }),
            None => Ok(Negotiated { remote_rtcp: negotiated.remote_rtcp.filter(may_go), ..negotiated }),
        }
    }
}

/// What was offered and answered on a leg.
pub struct Offers {
    /// Ours, whose answer is due.
    offered: Option<Offered>,
    /// Reads the answer when what we said last, offer or answer, is repeated to refresh the session (RFC 4028 §7.4).
    settled: Option<PendingOffer>,
    /// Our description, which a re-INVITE that asks for an offer gets again.
    local: Local,
    reach: Reach,
}

struct Offered {
    pending: PendingOffer,
    /// It began the dialog: whatever is agreed on before its answer comes, that comes.
    is_first: bool,
    /// Early answers, the latest of each early dialog.
    early: Vec<(Fork, Negotiated)>,
}

impl Offered {
    fn new(pending: PendingOffer, is_first: bool) -> Self {
        Self { pending, is_first, early: Vec::new() }
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
    pub fn ours(pending: PendingOffer, local: Local, reach: Reach) -> Self {
        Self { offered: Some(Offered::new(pending, true)), settled: None, local, reach }
    }

    /// Of a leg that called us.
    pub fn theirs(local: Local, reach: Reach) -> Self {
        Self { offered: None, settled: None, local, reach }
    }

    /// Early media: an 18x with an answer in it. An unreliable one is a preview (RFC 3261 §13.2.1); a reliable one is the answer of
    /// its early dialog (RFC 3262 §5), whose 2xx need not repeat it. What cannot be read is ignored, the 2xx decides.
    pub fn hear_early(&mut self, fork: Fork, body: Option<&Body>) -> Option<Negotiated> {
        let offered = self.offered.as_mut()?;
        let negotiated = offered.pending.preview(sdp(body)?).ok()?;
        let negotiated = self.reach.checked(negotiated).ok()?;
        offered.keep_early(fork, &negotiated);
        Some(negotiated)
    }

    /// The 2xx. Without a body the early answer of its own dialog holds, or else the latest: some gateways describe themselves in
    /// the 183 alone.
    pub fn accept(&mut self, fork: Fork, body: Option<&Body>) -> Result<Negotiated, SdpError> {
        let Offered { pending, early, .. } = self.offered.take().ok_or(SdpError::NoOffer)?;
        let own = early.iter().find(|(known, _)| *known == fork).or(early.last());
        match (sdp(body), own) {
            (Some(answer), _) => {
                let negotiated = pending.preview(answer);
                // Where they have offered since, it is our answer to that which is repeated.
                self.settled.get_or_insert(pending);
                self.reach.checked(negotiated?)
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
        let offered = self.offered.take();
        let answer = sdp(body)?;
        self.settled = offered.map(|offered| offered.pending).or(self.settled.take());
        let negotiated = self.settled.as_ref()?.preview(answer).ok()?;
        let negotiated = self.reach.checked(negotiated).ok()?;
        // Who is held is not heard, whatever it answers.
        Some(Negotiated { receive: negotiated.receive && !self.local.holds(), ..negotiated })
    }

    /// The callee's new offer within the dialog, and our answer to it (RFC 3264 §8).
    pub fn renegotiate(&mut self, offer: &Body) -> Result<(Body, Negotiated), SdpError> {
        let offer = offer.session().ok_or(SdpError::NoAudio { offered: Vec::new() })?;
        let Self { local, reach, .. } = self;
        let (answer, negotiated, repeated) =
            local.answer_if(offer, |negotiated| reach.checked(negotiated))?;
        self.settled = Some(repeated);
        // Theirs has overtaken an offer of ours within the dialog, whose answer does not come any more.
        self.offered.take_if(|offered| !offered.is_first);
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
        self.offered = Some(Offered::new(pending, false));
        Body::sdp(offer.to_bytes())
    }

    /// Every description from now on holds the other side, or takes it back (RFC 3264 §8.4), if the offer that says so may `leave`. Gives
    /// whether it may.
    pub fn hold(&mut self, holds: bool, leave: impl FnOnce(Body) -> bool) -> bool {
        self.local.hold(holds);
        let before = self.offered.take();
        let leaves = leave(self.reoffer());
        if !leaves {
            self.local.hold(!holds);
            self.offered = before;
        }
        leaves
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
    use crate::model::{TenantId, TrunkId, is_reachable};

    /// Their description, with RTP at this port.
    fn theirs(port: u16, formats: &str) -> Body {
        let text = format!(
            "v=0\r\no=- 1 {port} IN IP4 8.8.8.8\r\ns=-\r\nc=IN IP4 8.8.8.8\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n\
             a=rtpmap:96 telephone-event/8000\r\na=rtpmap:97 telephone-event/8000\r\n"
        );
        Body::sdp(text)
    }

    /// The same from there, or with this besides.
    fn within(line: &str) -> Body {
        let theirs = theirs(30_000, "8 96").bytes;
        Body::sdp(String::from_utf8(theirs.to_vec()).expect("text").replace("c=IN IP4 8.8.8.8", line))
    }

    /// Of a tenant's trunk, whose calls go to public addresses.
    fn reach() -> Reach {
        let trunk = Trunk::new(TrunkId(1), TenantId(7), "t".to_owned(), "sip:carrier.example");
        Reach { trunk: Arc::new(trunk), reachable: Arc::new(|_, _, address| is_reachable(address, &[])) }
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
        let mut offers = Offers::theirs(local(), reach());
        offers.renegotiate(&theirs(30_000, "8 96")).expect("an answer");
        for port in [30_000, 30_002, 30_004] {
            assert_eq!(moved_to(&refreshed(&mut offers, port)), port);
        }
    }

    #[test]
    fn and_after_they_have_offered_anew_or_refused_what_we_offered() {
        let mut local = local();
        let (_, pending) = local.offer();
        let mut offers = Offers::ours(pending, local, reach());
        offers.accept(Fork(0), Some(&theirs(30_000, "8 96"))).expect("an answer");
        assert_eq!(moved_to(&refreshed(&mut offers, 30_002)), 30_002);
        offers.renegotiate(&theirs(30_004, "8 96")).expect("an answer");
        assert_eq!(moved_to(&refreshed(&mut offers, 30_006)), 30_006);
        assert!(!offers.hold(true, |_| false) && offers.hold(true, |_| true));
        offers.hold_refused(true);
        let refreshed = refreshed(&mut offers, 30_008);
        assert_eq!((moved_to(&refreshed), refreshed.receive), (30_008, true));
    }

    #[test]
    fn nobody_has_packets_sent_to_what_stands_within() {
        let mut offers = Offers::theirs(local(), reach());
        let (_, before) = offers.renegotiate(&theirs(30_000, "8 96")).expect("an answer");
        for address in ["IP4 127.0.0.1", "IP4 169.254.169.254", "IP6 ::ffff:10.0.0.1", "IP6 ::1"] {
            let body = within(&format!("c=IN {address}"));
            let refused = offers.renegotiate(&body).err();
            assert!(
                matches!(refused, Some(SdpError::NoAddress { found: Some(_) })),
                "{address}: {refused:?}"
            );
            assert!(offers.reaccept(Some(&body)).is_none());
            let mut local = local();
            let (_, pending) = local.offer();
            let mut called = Offers::ours(pending, local, reach());
            assert!(called.hear_early(Fork(0), Some(&body)).is_none());
            assert!(matches!(called.accept(Fork(0), Some(&body)), Err(SdpError::NoAddress { .. })));
        }
        let reports = [&theirs(30_000, "8 96").bytes[..], b"a=rtcp:9 IN IP4 10.0.0.1\r\n"].concat();
        let (_, unreported) = offers.renegotiate(&Body::sdp(reports)).expect("an answer");
        assert_eq!((unreported.remote, unreported.remote_rtcp), (before.remote, None), "nor reports");
        assert_eq!(refreshed(&mut offers, 30_000).remote, before.remote, "all is as it was");
        assert!(offers.renegotiate(&within("c=IN IP4 0.0.0.0")).is_ok(), "a hold is no place");
    }

    #[test]
    fn what_is_repeated_is_what_was_said_last_whoever_offered() {
        let mut local = local();
        let (_, pending) = local.offer();
        let mut offers = Offers::ours(pending, local, reach());
        // By UPDATE before the 2xx, which says again what was agreed on before.
        offers.hear_early(Fork(0), Some(&theirs(30_000, "8 96"))).expect("a preview");
        offers.renegotiate(&theirs(30_002, "8 97")).expect("an answer");
        offers.accept(Fork(0), Some(&theirs(30_000, "8 96"))).expect("an answer");
        let repeated = |offers: &mut Offers| {
            let negotiated = offers.reaccept(Some(&theirs(30_004, "8 97"))).expect("understood");
            negotiated.incoming.of(101).is_none()
        };
        assert!(repeated(&mut offers));
        // Our offer meets theirs: 491, theirs goes first, and ours is not made again.
        assert!(offers.hold(true, |_| true));
        offers.renegotiate(&theirs(30_006, "8 97")).expect("an answer");
        assert!(offers.reaccept(None).is_none());
        assert!(repeated(&mut offers));
    }

    #[test]
    fn who_was_given_the_operators_own_host_is_heard_there() {
        let theirs = within("c=IN IP4 10.0.0.1");
        let named = |uri: &str| {
            let trunk = Trunk::new(TrunkId(1), TenantId(7), "t".to_owned(), uri);
            let reachable: Reachable =
                Arc::new(|_, host, address| host == "sbc.operator.example" || is_reachable(address, &[]));
            Offers::theirs(local(), Reach { trunk: Arc::new(trunk), reachable })
        };
        assert!(named("sip:sbc.operator.example").renegotiate(&theirs).is_ok());
        assert!(named("sip:carrier.example").renegotiate(&theirs).is_err());
    }
}
