use proptest::prelude::*;
use rtc_srtp::{context::Context, crypto, option, protection_profile::ProtectionProfile};

use super::*;

fn master(suite: Suite, byte: u8) -> MasterKey {
    Secret::new([byte; 32]).master_key(suite)
}

/// Both ends of a leg.
fn pair(suite: Suite) -> (Protection, Protection) {
    let (ours, theirs) = (master(suite, 1), master(suite, 2));
    (
        Protection::new(&Security { send: ours.clone(), receive: theirs.clone() }),
        Protection::new(&Security { send: theirs, receive: ours }),
    )
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x80, 203, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet
}

impl Protection {
    fn wrap(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = packet.to_vec();
        out.resize(packet.len() + TRAILER_MAX, 0);
        let length = self.protect_rtp(&mut out, packet.len());
        out.truncate(length);
        out
    }

    fn wrap_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut out = packet.to_vec();
        out.resize(packet.len() + TRAILER_MAX, 0);
        let length = self.protect_rtcp(&mut out, packet.len());
        out.truncate(length);
        out
    }

    fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
        let mut clear = vec![0; 1_500];
        let length = self.unprotect_rtp(packet, &mut clear)?;
        clear.truncate(length);
        Ok(clear)
    }

    fn open_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
        let mut clear = vec![0; 1_500];
        let length = self.unprotect_rtcp(packet, &mut clear)?;
        clear.truncate(length);
        Ok(clear)
    }
}

/// The independent implementation's end of a leg.
fn reference(key: &MasterKey) -> Context {
    let profile = match key.suite() {
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    let provider = crypto::default_provider().expect("a provider");
    let (rtp, rtcp) = (option::srtp_replay_protection(64), option::srtcp_replay_protection(64));
    Context::new(key.key(), key.salt(), profile, Some(rtp), Some(rtcp), provider.crypto()).expect("a context")
}

#[test]
fn a_packet_is_protected_as_libsrtp_does_it() {
    let key = [
        0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39, 0x0e,
        0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6,
    ];
    let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &key).expect("a key");
    let mut protection = Protection::new(&Security { send: key.clone(), receive: key });
    let mut plain = vec![0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe];
    plain.extend([0xab; 16]);
    let expected = [
        0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 0x4e, 0x55, 0xdc, 0x4c, 0xe7,
        0x99, 0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d, 0x24, 0x02, 0xb7, 0x8d, 0x6a, 0xcc, 0x99, 0xea,
        0x17, 0x9b, 0x8d, 0xbb,
    ];
    assert_eq!(protection.wrap(&plain), expected);
    assert_eq!(protection.open(&expected), Ok(plain));
}

#[test]
fn another_implementation_understands_every_suite_both_ways_and_over_the_wrap() {
    for suite in Suite::ALL {
        let (mut near, mut far) = pair(suite);
        let (mut theirs, mut ours) = (reference(&master(suite, 2)), reference(&master(suite, 1)));
        for number in 0..70_000u32 {
            let sequence = (number as u16).wrapping_add(30_000);
            let plain = rtp(sequence, 77, &number.to_be_bytes());
            // All around the two wraps, and now and then between them.
            if (sequence > 100 && sequence < 65_400) && number % 997 != 0 {
                near.wrap(&plain);
                continue;
            }
            let wire = near.wrap(&plain);
            assert_eq!(ours.decrypt_rtp(&wire).expect("authentic").as_ref(), plain, "{suite:?} {number}");
            assert_eq!(far.open(&wire).as_ref(), Ok(&plain));
            let wire = theirs.encrypt_rtp(&plain).expect("protected");
            assert_eq!(near.open(&wire), Ok(plain), "{suite:?} {number}");
        }
        let plain = rtcp(77);
        for _ in 0..3 {
            let wire = near.wrap_rtcp(&plain);
            assert_eq!(ours.decrypt_rtcp(&wire).expect("authentic").as_ref(), plain, "{suite:?}");
            let wire = theirs.encrypt_rtcp(&plain).expect("protected");
            assert_eq!(near.open_rtcp(&wire).as_ref(), Ok(&plain), "{suite:?}");
            assert_eq!(near.open_rtcp(&wire), Err(Rejected::Replayed));
        }
    }
}

#[test]
fn loss_reordering_and_replay_are_told_apart() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_32);
    let wire: Vec<Vec<u8>> = (0..300u16).map(|number| near.wrap(&rtp(number, 5, b"hello"))).collect();
    for number in [0, 3, 1, 2, 250, 249] {
        assert!(far.open(&wire[number]).is_ok(), "{number}");
    }
    for number in [0, 1, 3, 250] {
        assert_eq!(far.open(&wire[number]), Err(Rejected::Replayed), "{number}");
    }
    assert!(far.open(&wire[251]).is_ok());
}

#[test]
fn what_is_not_under_their_key_is_rejected_and_remembered_by_nobody() {
    for suite in Suite::ALL {
        let (mut near, mut far) = pair(suite);
        let plain = rtp(7, 5, &[1; 160]);
        assert_eq!(far.open(&plain), Err(Rejected::Unauthentic), "not encrypted at all");
        let wire = near.wrap(&plain);
        for position in [1, 2, 9, 12, 100, wire.len() - 1] {
            let mut damaged = wire.clone();
            damaged[position] ^= 1;
            assert_eq!(far.open(&damaged), Err(Rejected::Unauthentic), "{suite:?} {position}");
        }
        assert_eq!(pair(suite).0.open(&wire), Err(Rejected::Unauthentic), "our own, reflected");
        for length in 0..wire.len() {
            assert!(far.open(&wire[..length]).is_err());
        }
        assert!(far.inbound.is_unheard());
        assert_eq!(far.open(&wire), Ok(plain), "{suite:?}");
    }
}

#[test]
fn rtcp_without_encryption_or_with_damage_is_rejected() {
    for suite in Suite::ALL {
        let (mut near, mut far) = pair(suite);
        let plain = rtcp(5);
        let wire = near.wrap_rtcp(&plain);
        for position in 0..wire.len() {
            let mut damaged = wire.clone();
            damaged[position] ^= 0x80;
            assert_eq!(far.open_rtcp(&damaged), Err(Rejected::Unauthentic), "{suite:?} {position}");
        }
        for length in 0..wire.len() {
            assert!(far.open_rtcp(&wire[..length]).is_err());
        }
        assert_eq!(far.open_rtcp(&wire), Ok(plain), "{suite:?}");
    }
}

#[test]
fn unchanged_keys_go_on_and_a_new_one_takes_over_without_a_gap() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut near, mut far) = pair(suite);
    for number in 0..70_000u32 {
        let wire = near.wrap(&rtp(number as u16, 5, b"before"));
        assert!(far.open(&wire).is_ok());
    }
    let late = near.wrap(&rtp(70_000u32 as u16, 5, b"late"));
    let same = Security::clone(&far.security);
    far.update(&same);
    let wire = near.wrap(&rtp(70_001u32 as u16, 5, b"same"));
    assert!(far.open(&wire).is_ok(), "the rollover counter went on");

    near.update(&Security { send: master(suite, 9), receive: near.security.receive.clone() });
    far.update(&Security { receive: master(suite, 9), ..same });
    assert!(far.open(&late).is_ok(), "the old key's last packet, under way meanwhile");
    let wire = near.wrap(&rtp(70_002u32 as u16, 5, b"new"));
    assert!(far.open(&wire).is_ok());
    assert!(far.previous.is_none());
    assert_eq!(far.open(&late), Err(Rejected::Unauthentic));
}

#[test]
fn a_source_that_keeps_its_rollover_counter_over_a_new_key_is_found() {
    let suite = Suite::AeadAes128Gcm;
    let (mut near, mut far) = pair(suite);
    for number in 0..150_000u32 {
        let wire = near.wrap(&rtp(number as u16, 5, b"a"));
        if number % 100 == 0 {
            assert!(far.open(&wire).is_ok());
        }
    }
    let mut kept = Outbound::new(&master(suite, 9));
    std::mem::swap(&mut kept, &mut near.outbound);
    near.outbound.follow(&kept);
    far.update(&Security { receive: master(suite, 9), ..Security::clone(&far.security) });
    let wire = near.wrap(&rtp(150_000u32 as u16, 5, b"a"));
    assert!(far.open(&wire).is_ok());
}

#[test]
fn a_key_that_comes_back_goes_on_counting() {
    let suite = Suite::AesCm128HmacSha1_80;
    let (mut near, _) = pair(suite);
    let first = Security::clone(&near.security);
    let once = near.wrap(&rtp(9, 5, b"one"));
    for number in 10..=65_535u16 {
        near.wrap(&rtp(number, 5, b"x"));
    }
    near.update(&Security { send: master(Suite::AeadAes128Gcm, 1), ..first.clone() });
    near.wrap(&rtp(0, 5, b"x"));
    near.update(&first);
    let again = near.wrap(&rtp(9, 5, b"one"));
    assert_ne!(once, again, "one keystream was used twice");
}

#[test]
fn sources_are_bounded_and_a_long_forgotten_one_may_come_back() {
    let (mut near, mut far) = pair(Suite::AesCm128HmacSha1_80);
    for ssrc in 0..100 {
        near.outbound = Outbound::new(&near.security.send);
        assert!(far.open(&near.wrap(&rtp(1, ssrc, b"a"))).is_ok());
    }
    assert!(far.open(&near.wrap(&rtp(2, 0, b"a"))).is_ok());
}

#[test]
fn keys_are_not_shown() {
    let (near, _) = pair(Suite::AesCm128HmacSha1_80);
    let shown = format!("{near:?} {:?} {:?}", near.security, Secret::new([7; 32]));
    let key = near.security.send.key();
    assert!(!shown.contains(&format!("{:?}", &key[..4])[1..10]), "{shown}");
    assert!(shown.contains("MasterKey(AES_CM_128_HMAC_SHA1_80)"), "{shown}");
}

proptest! {
    #[test]
    fn hostile_packets_never_panic(packet in proptest::collection::vec(any::<u8>(), 0..300), suite in 0usize..5, shaped in any::<bool>()) {
        let (_, mut far) = pair(Suite::ALL[suite]);
        let mut packet = packet;
        if shaped && !packet.is_empty() {
            packet[0] = packet[0] & 0x3f | 0x80;
        }
        prop_assert!(far.open(&packet).is_err());
        prop_assert!(far.open_rtcp(&packet).is_err());
    }

    #[test]
    fn any_payload_comes_out_as_it_went_in(payload in proptest::collection::vec(any::<u8>(), 0..1_300), sequence: u16, suite in 0usize..5) {
        let (mut near, mut far) = pair(Suite::ALL[suite]);
        let plain = rtp(sequence, 9, &payload);
        prop_assert_eq!(far.open(&near.wrap(&plain)), Ok(plain));
    }
}
