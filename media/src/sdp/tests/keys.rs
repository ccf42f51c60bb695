//! SRTP by SDP: who keys, who refuses, and what survives a re-INVITE.

use super::*;
use crate::srtp::Suite;

fn secured(srtp: Srtp) -> Capabilities {
    Capabilities { srtp, ..Capabilities::default() }
}

const KEY: &str = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20";

fn line(tag: u32, suite: &str) -> String {
    format!("a=crypto:{tag} {suite} {KEY}\n")
}

fn offered(srtp: Srtp) -> String {
    String::from_utf8(ours(&secured(srtp)).offer().0.to_bytes().to_vec()).expect("text")
}

#[test]
fn an_offer_has_a_line_for_each_suite_by_the_profile_that_is_asked_for() {
    assert!(!offered(Srtp::Off).contains("crypto"));
    for (srtp, protocol) in [(Srtp::Offered, "RTP/AVP"), (Srtp::Required, "RTP/SAVP")] {
        let text = offered(srtp);
        assert!(text.contains(&format!("m=audio 20000 {protocol} 0 8 101")), "{text}");
        let lines = lines(&text, "a=crypto:");
        let suites: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(
            suites,
            [
                "AES_CM_128_HMAC_SHA1_80",
                "AES_256_CM_HMAC_SHA1_80",
                "AEAD_AES_128_GCM",
                "AES_CM_128_HMAC_SHA1_32"
            ]
        );
        let keys: std::collections::HashSet<&str> =
            lines.iter().filter_map(|line| line.split("inline:").nth(1)).collect();
        assert_eq!(keys.len(), 4, "another key for each");
        assert!(text.len() < 900, "with headers it still has room in one datagram: {}", text.len());
    }
    let other = Offer::new(local(), 7, &secured(Srtp::Offered)).0.to_bytes();
    assert_ne!(other, Offer::new(local(), 7, &secured(Srtp::Offered)).0.to_bytes(), "other keys each time");
}

#[test]
fn the_answer_s_line_decides() {
    let plain = "m=audio 4000 RTP/AVP 0\n";
    let secure = "m=audio 4000 RTP/SAVP 0\n";
    let good = line(1, "AES_CM_128_HMAC_SHA1_80");
    let with_key = |stream: &str| format!("{stream}{good}");
    for (srtp, answer, keyed) in [
        (Srtp::Off, plain.to_owned(), false),
        (Srtp::Off, with_key(plain), false),
        (Srtp::Offered, plain.to_owned(), false),
        (Srtp::Offered, with_key(plain), true),
        (Srtp::Offered, with_key(secure), true),
        (Srtp::Required, with_key(secure), true),
        (Srtp::Required, with_key(plain), true),
    ] {
        let negotiated = accept_with(&secured(srtp), &answer).expect("agreement");
        assert_eq!(negotiated.security.is_some(), keyed, "{srtp:?} {answer}");
    }
    let protocol = || "RTP/AVP".to_owned();
    assert_eq!(accept_with(&secured(Srtp::Required), plain), Err(SdpError::NoSrtp { protocol: protocol() }));
    let words = |srtp, answer: &str| accept_with(&secured(srtp), answer).expect_err(answer).to_string();
    assert_eq!(words(Srtp::Required, secure), "no usable SRTP key: nothing");
    let (unoffered, other_tag) = (line(9, "AES_CM_128_HMAC_SHA1_80"), line(4, "AES_CM_128_HMAC_SHA1_80"));
    for wrong in [unoffered, other_tag] {
        assert_eq!(
            words(Srtp::Offered, &format!("{plain}{wrong}")),
            "no usable SRTP key: AES_CM_128_HMAC_SHA1_80 has a tag that was not offered"
        );
    }
    assert_eq!(
        words(Srtp::Required, &format!("{secure}{}", line(1, "F8_128_HMAC_SHA1_80"))),
        "no usable SRTP key: F8_128_HMAC_SHA1_80 is not supported"
    );
}

#[test]
fn we_answer_the_first_line_that_we_can_with_its_tag() {
    let offer = format!(
        "m=audio 4000 RTP/SAVP 0\n{}{}{}",
        line(1, "F8_128_HMAC_SHA1_80"),
        line(7, "AES_CM_128_HMAC_SHA1_32"),
        line(8, "AES_CM_128_HMAC_SHA1_80"),
    );
    for srtp in [Srtp::Offered, Srtp::Required] {
        let (text, negotiated) = answer_with(&secured(srtp), &offer).expect("an answer");
        let lines = lines(&text, "a=crypto:");
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:"), "{text}");
        assert!(!lines[0].contains("d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"), "a key of our own");
        assert_eq!(negotiated.security.expect("keys").send.suite(), Suite::AesCm128HmacSha1_32);
        assert!(text.contains("m=audio 20000 RTP/SAVP 0"), "{text}");
    }
    assert!(matches!(answer_with(&secured(Srtp::Off), &offer), Err(SdpError::NeedsSrtp { .. })));
}

#[test]
fn a_secured_stream_is_taken_before_a_plain_one() {
    let offer =
        format!("m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/SAVP 0\n{}", line(1, "AES_CM_128_HMAC_SHA1_80"));
    let port =
        |srtp| answer_with(&secured(srtp), &offer).expect("an answer").1.remote.expect("an address").port();
    assert_eq!((port(Srtp::Off), port(Srtp::Offered), port(Srtp::Required)), (4_000, 4_002, 4_002));
}

#[test]
fn plain_offers_are_taken_unless_srtp_is_required() {
    let plain = "m=audio 4000 RTP/AVP 0\n";
    assert_eq!(answer_with(&secured(Srtp::Offered), plain).expect("an answer").1.security, None);
    let error = answer_with(&secured(Srtp::Required), plain).expect_err("plain");
    assert_eq!(error.to_string(), "SRTP is required for this trunk, and they have plain RTP/AVP");
    let mki = format!("{plain}a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}|1:4\n");
    assert_eq!(
        answer_with(&secured(Srtp::Offered), &mki).expect("an answer").1.security,
        None,
        "as if without"
    );
    let error = answer_with(&secured(Srtp::Required), &mki).expect_err("an MKI");
    assert_eq!(error.to_string(), "no usable SRTP key: AES_CM_128_HMAC_SHA1_80 has an MKI");
}

#[test]
fn our_key_stays_over_a_reinvite_and_theirs_may_change() {
    let mut local = ours(&secured(Srtp::Offered));
    let first = local.offer().0.to_bytes();
    assert_eq!(local.offer().0.to_bytes(), first);
    let offer =
        |key: &str| wire(&format!("m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {key}\n"));
    let (text, before, _) = local.answer(&offer(KEY)).expect("an answer");
    let (again, same, _) = local.answer(&offer(KEY)).expect("an answer");
    assert_eq!((again, same), (text.clone(), before.clone()));
    let other = "inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (text_after, after, _) = local.answer(&offer(other)).expect("an answer");
    assert_eq!(text_after, text, "nothing of ours changed");
    let (before, after) = (before.security.expect("keys"), after.security.expect("keys"));
    assert_eq!(before.send, after.send);
    assert_ne!(before.receive, after.receive);
}

#[test]
fn what_they_secured_is_offered_again_as_they_did() {
    let key = line(1, "AES_CM_128_HMAC_SHA1_80");
    for (protocol, ours_is) in [("RTP/SAVP", "RTP/SAVP"), ("RTP/SAVPF", "RTP/SAVPF"), ("RTP/AVP", "RTP/AVP")]
    {
        let mut local = ours(&secured(Srtp::Offered));
        let offer = format!("m=audio 4000 {protocol} 0\n{key}");
        local.answer(&wire(&offer)).expect("an answer");
        let again = String::from_utf8(local.offer().0.to_bytes().to_vec()).expect("text");
        let begin = format!("m=audio 20000 {ours_is} ");
        assert!(lines(&again, "m=")[0].starts_with(&begin), "{again}");
        assert!(!lines(&again, "a=crypto:").is_empty());
    }
}

#[test]
fn each_early_dialog_has_its_own_key() {
    let (_, pending) = ours(&secured(Srtp::Offered)).offer();
    let answer =
        |key: &str| wire(&format!("m=audio 4000 RTP/AVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {key}\n"));
    let one = pending.preview(&answer(KEY)).expect("agreement").security.expect("keys");
    let two = answer("inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let two = pending.preview(&two).expect("agreement").security.expect("keys");
    assert_ne!(one.receive, two.receive);
    assert_eq!(one.send, two.send);
}

#[test]
fn no_key_is_shown() {
    let answer = format!("m=audio 4000 RTP/AVP 0\n{}", line(1, "AES_CM_128_HMAC_SHA1_80"));
    let capabilities = secured(Srtp::Offered);
    let mut local = ours(&capabilities);
    let (offer, pending) = local.offer();
    let before = format!("{offer:?} {pending:?} {local:?}");
    let negotiated = pending.accept(&wire(&answer)).expect("agreement");
    let shown = format!("{before} {negotiated:?}");
    assert!(
        !shown.contains("inline") && !shown.contains("119, 68") && shown.contains("MasterKey(AES"),
        "{shown}"
    );
}
