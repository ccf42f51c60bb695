//! Two bridges over SRTP, and with RTCP on RTP's port.

use super::*;
use crate::{
    sdp::{Local, PendingOffer, Srtp},
    srtp::{MasterKey, Secret, Security, Suite},
};

fn secured(srtp: Srtp, rtcp_mux: bool) -> Capabilities {
    Capabilities { srtp, rtcp_mux, ..Capabilities::default() }
}

/// Both sides of a dialog.
struct Dialog {
    near: Local,
    far: Local,
}

impl Dialog {
    fn new(near: Capabilities, far: Capabilities) -> Self {
        Self {
            near: Local::new(address(NEAR), 1, near, Secret::new([1; 32])),
            far: Local::new(address(FAR), 2, far, Secret::new([2; 32])),
        }
    }

    /// Offer and answer; what each side comes to, the near one's first.
    fn agree(&mut self) -> (Negotiated, Negotiated) {
        let (offer, pending): (Offer, PendingOffer) = self.near.offer();
        let (answer, theirs, _) = self.far.answer(&offer.to_bytes()).expect("an answer");
        (pending.accept(&answer).expect("agreement"), theirs)
    }

    fn connect(&mut self, seed: u64, wire: Wire) -> Pair {
        let mut pair = Pair::new(seed, wire, deaf(), deaf());
        let (ours, theirs) = self.agree();
        pair.near(Command::Remote(ours));
        pair.far(Command::Remote(theirs));
        for command in [|| Command::Answered, || Command::OpenGate] {
            pair.near(command());
            pair.far(command());
        }
        pair
    }
}

/// In how many samples somebody was heard speaking.
fn heard(side: &Side) -> usize {
    side.callee_side().iter().filter(|sample| sample.unsigned_abs() > 5_000).count()
}

/// A key of the same suite that nobody has.
fn other_key(key: &MasterKey) -> MasterKey {
    let bytes = [9; 46];
    let length = if key.suite() == Suite::AesCm256HmacSha1_80 { 46 } else { 30 };
    MasterKey::new(key.suite(), &bytes[..length]).expect("a key")
}

#[test]
fn a_call_over_srtp_is_heard_through_loss_repetition_and_reordering() {
    for (seed, rtcp_mux) in [(1, false), (2, true), (3, true)] {
        let mut dialog = Dialog::new(secured(Srtp::Required, rtcp_mux), secured(Srtp::Offered, rtcp_mux));
        let mut pair = dialog.connect(seed, BAD);
        pair.near(play(&clip(8_000, 10_000), 1));
        pair.far(play(&clip(8_000, -10_000), 2));
        pair.near(Command::SendDtmf { digits: "12#".parse().expect("digits") });
        pair.advance(12 * SECOND);
        for side in [&pair.near, &pair.far] {
            let stats = side.bridge.stats();
            // 8 s less the loss, which concealment partly makes up for.
            assert!(heard(side) > 52_000, "{} {stats:?}", heard(side));
            assert_eq!((stats.unauthentic, stats.malformed, stats.unknown), (0, 0, 0));
            assert!(stats.replayed > 10 && stats.duplicates == 0, "repetitions end at the window: {stats:?}");
            assert!(stats.round_trip.is_some(), "SRTCP went there and back");
        }
        assert_eq!(pair.far.digits(), "12#");
    }
}

#[test]
fn nothing_of_a_secured_call_can_be_read_on_the_wire() {
    let mut pair = Dialog::new(secured(Srtp::Offered, false), secured(Srtp::Required, false))
        .connect(4, Wire::default());
    pair.near(play(&clip(500, 10_000), 1));
    pair.advance(10 * SECOND);
    let loud = Clip::from_samples(&[10_000]).pcmu()[0];
    for (channel, packet) in &pair.near.sent {
        match channel {
            Channel::Rtp => {
                assert_eq!(packet.len(), 12 + FRAME + 10);
                assert!(packet.iter().filter(|byte| **byte == loud).count() < 20);
            }
            Channel::Rtcp => assert_eq!(packet[packet.len() - 14] & 0x80, 0x80, "the E flag"),
        }
    }
    assert!(pair.near.sent.iter().any(|(channel, _)| *channel == Channel::Rtcp));
}

#[test]
fn under_the_wrong_key_nothing_is_heard_and_everything_is_counted() {
    let mut dialog = Dialog::new(secured(Srtp::Required, false), secured(Srtp::Required, false));
    let mut pair = dialog.connect(5, Wire::default());
    let (_, theirs) = dialog.agree();
    let keys = theirs.security.clone().expect("keys");
    let wrong = Box::new(Security { receive: other_key(&keys.receive), ..*keys });
    // Before anything was heard, so that no key before is left to try.
    let mut pair_wrong = Pair::new(5, Wire::default(), deaf(), deaf());
    pair_wrong.near(Command::Remote(dialog.agree().0));
    pair_wrong.far(Command::Remote(Negotiated { security: Some(wrong), ..theirs }));
    for pair in [&mut pair, &mut pair_wrong] {
        for command in [Command::Answered, Command::OpenGate, play(&clip(1_000, 10_000), 1)] {
            pair.near(command);
        }
        pair.far(Command::Answered);
        pair.advance(2 * SECOND);
    }
    assert!(heard(&pair.far) >= 7_900);
    let stats = pair_wrong.far.bridge.stats();
    assert_eq!((heard(&pair_wrong.far), stats.packets_in), (0, 0));
    assert!(stats.unauthentic >= 50, "{stats:?}");
    assert_eq!(pair_wrong.far.count(|event| matches!(event, Event::Started)), 0);
    assert_eq!(pair_wrong.far.bridge.peer(), None, "nobody without the key is locked on to");
}

#[test]
fn plain_packets_on_a_secured_leg_are_dropped_and_counted() {
    let mut dialog = Dialog::new(secured(Srtp::Offered, false), secured(Srtp::Offered, false));
    let mut pair = Pair::new(6, Wire::default(), deaf(), deaf());
    let (ours, theirs) = dialog.agree();
    pair.near(Command::Remote(Negotiated { security: None, ..ours }));
    pair.far(Command::Remote(theirs));
    for command in [Command::Answered, Command::OpenGate, play(&clip(1_000, 10_000), 1)] {
        pair.near(command);
    }
    pair.far(Command::Answered);
    pair.advance(2 * SECOND);
    let stats = pair.far.bridge.stats();
    assert_eq!((heard(&pair.far), stats.packets_in), (0, 0));
    assert!(stats.unauthentic >= 50, "{stats:?}");
}

#[test]
fn a_new_key_in_a_reinvite_takes_over_without_a_gap_and_an_old_one_goes_on() {
    let mut dialog = Dialog::new(secured(Srtp::Required, false), secured(Srtp::Required, false));
    let mut pair = dialog.connect(7, Wire { loss: 0, repeat: 0, jitter_ms: 30 });
    pair.near(play(&clip(9_000, 10_000), 1));
    pair.advance(3 * SECOND);
    let (ours, theirs) = dialog.agree();
    pair.near(Command::Remote(ours.clone()));
    pair.far(Command::Remote(theirs.clone()));
    pair.advance(3 * SECOND);
    let new = other_key(&ours.security.as_ref().expect("keys").send);
    let ours_keys = ours.security.clone().map(|keys| Box::new(Security { send: new.clone(), ..*keys }));
    let their_keys = theirs.security.clone().map(|keys| Box::new(Security { receive: new, ..*keys }));
    pair.far(Command::Remote(Negotiated { security: their_keys, ..theirs }));
    // The offerer knows a moment later; what it sends meanwhile is under the key before.
    pair.advance(Duration::from_millis(100));
    pair.near(Command::Remote(Negotiated { security: ours_keys, ..ours }));
    pair.advance(4 * SECOND);
    let stats = pair.far.bridge.stats();
    assert_eq!((stats.unauthentic, stats.lost), (0, 0), "{stats:?}");
    assert!(heard(&pair.far) >= 71_000, "{}", heard(&pair.far));
}

#[test]
fn a_fork_that_answers_is_heard_under_its_own_key() {
    let capabilities = secured(Srtp::Offered, false);
    let mut caller = Local::new(address(NEAR), 1, capabilities.clone(), Secret::new([1; 32]));
    let (offer, pending) = caller.offer();
    let fork = |secret: u8| {
        let mut callee = Local::new(address(FAR), 2, capabilities.clone(), Secret::new([secret; 32]));
        callee.answer(&offer.to_bytes()).expect("an answer")
    };
    let ((early, ..), (answer, theirs, _)) = (fork(2), fork(3));
    let mut pair = Pair::new(8, Wire::default(), deaf(), deaf());
    pair.near(Command::Remote(pending.preview(&early).expect("a preview")));
    pair.advance(SECOND);
    pair.near(Command::Remote(pending.accept(&answer).expect("agreement")));
    pair.far(Command::Remote(theirs));
    for command in [|| Command::Answered, || Command::OpenGate, || play(&clip(1_000, 10_000), 1)] {
        pair.near(command());
        pair.far(command());
    }
    pair.advance(2 * SECOND);
    assert!(heard(&pair.near) >= 7_900 && heard(&pair.far) >= 7_900);
}

#[test]
fn multiplexed_rtcp_leaves_by_rtp_s_port_and_a_refused_one_by_its_own() {
    for (theirs, channel) in [(true, Channel::Rtp), (false, Channel::Rtcp)] {
        let mut pair =
            Dialog::new(secured(Srtp::Off, true), secured(Srtp::Off, theirs)).connect(9, Wire::default());
        pair.near(play(&clip(1_000, 10_000), 1));
        pair.far(play(&clip(1_000, 10_000), 1));
        pair.advance(12 * SECOND);
        for side in [&mut pair.near, &mut pair.far] {
            let reports: Vec<Channel> = side
                .sent
                .iter()
                .filter(|(_, packet)| crate::rtp::is_rtcp(packet))
                .map(|(by, _)| *by)
                .collect();
            assert!(reports.len() >= 2 && reports.iter().all(|by| *by == channel), "{reports:?}");
            let stats = side.bridge.stats();
            assert!(stats.round_trip.is_some() && stats.malformed == 0 && stats.strangers == 0, "{stats:?}");
        }
        pair.near(Command::Close);
        let (by, farewell) = pair.near.sent.last().expect("a farewell");
        assert_eq!((*by, crate::rtp::is_rtcp(farewell)), (channel, true));
    }
}
