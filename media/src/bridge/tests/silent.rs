//! Who is silent, and for how long it may be.

use super::*;

#[test]
fn who_holds_us_may_be_silent_for_long() {
    let (ours, _) = agreement(&Capabilities::default());
    let told = |pair: &Pair| pair.near.count(|event| matches!(event, Event::RtpTimeout));
    let sendonly = Negotiated { send: false, ..ours.clone() };
    let unspecified = Negotiated { send: false, remote: None, remote_rtcp: None, ..ours.clone() };
    for hold in [sendonly, unspecified] {
        let spec = BridgeSpec { rtp_timeout: 2 * SECOND, ..deaf() };
        let mut pair = Pair::connected(15, Wire::default(), spec, deaf());
        pair.advance(SECOND);
        pair.wire.loss = 100;
        pair.near(Command::Remote(hold));
        pair.advance(35 * SECOND);
        assert_eq!(told(&pair), 0);
        pair.near(Command::Remote(ours.clone()));
        pair.advance(3 * SECOND);
        assert_eq!(told(&pair), 1, "who has taken us back is to be heard");
    }
}

#[test]
fn who_reports_is_there_though_it_says_nothing() {
    let spec = BridgeSpec { rtp_timeout: 8 * SECOND, ..deaf() };
    let mut pair = Pair::connected(16, Wire::default(), spec, deaf());
    let told = |pair: &Pair| pair.near.count(|event| matches!(event, Event::RtpTimeout));
    pair.advance(SECOND);
    // Reports every five seconds or so (RFC 3550 §6.2), and no RTP.
    let (_, theirs) = agreement(&Capabilities::default());
    pair.far(Command::Remote(Negotiated { send: false, ..theirs }));
    pair.advance(25 * SECOND);
    assert_eq!(told(&pair), 0);
    pair.advance(10 * SECOND);
    assert_eq!(told(&pair), 1, "but not for ever");
}
