use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn mufasa() -> Credentials {
    Credentials::new("Mufasa", "Circle of Life")
}

fn challenge(line: &str) -> Challenge {
    Challenge::parse_line(line).pop().expect("an answerable challenge")
}

fn response(status: u16, challenges: &[&str]) -> Message {
    let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    let lines: String = challenges.iter().map(|line| format!("{name}: {line}\r\n")).collect();
    let text = format!(
        "SIP/2.0 {status} Unauthorized\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\
         Call-ID: x\r\nCSeq: 1 INVITE\r\n{lines}\r\n"
    );
    Message::parse(Bytes::from(text)).expect("a readable response")
}

/// The `response` parameters of what is sent next, with their headers.
fn answers(authenticator: &mut Authenticator) -> Vec<(Name, String)> {
    authenticator.authorizations(&mufasa(), "INVITE", "sip:c@d")
}

const RFC_7616: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

#[test]
fn rfc_7616_section_3_9_1_sha_256() {
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let answer = challenge(RFC_7616).answer(&mufasa(), "GET", "/dir/index.html", cnonce, 1);
    assert!(
        answer.contains(r#"response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1""#),
        "{answer}"
    );
    assert!(answer.contains("qop=auth, nc=00000001"), "{answer}");
    assert!(answer.contains(r#"opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#), "{answer}");
}

#[test]
fn rfc_7616_section_3_9_1_md5() {
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let line = RFC_7616.replace("SHA-256", "MD5");
    let answer = challenge(&line).answer(&mufasa(), "GET", "/dir/index.html", cnonce, 1);
    assert!(answer.contains(r#"response="8ca523f5e9506fed4657c9700eebdbec""#), "{answer}");
}

#[test]
fn rfc_2617_section_3_5() {
    let line = r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let credentials = Credentials::new("Mufasa", "Circle Of Life");
    let answer = challenge(line).answer(&credentials, "GET", "/dir/index.html", "0a4f113b", 1);
    assert!(answer.contains(r#"response="6629fae49393a05397450978507c4ef1""#), "{answer}");
}

#[test]
fn without_qop_the_answer_is_that_of_rfc_2069() {
    let line = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#;
    let credentials = Credentials::new("Mufasa", "CircleOfLife");
    let answer = challenge(line).answer(&credentials, "GET", "/dir/index.html", "unused", 1);
    // RFC 2069 erratum 749.
    assert!(answer.contains(r#"response="1949323746fe6a43ef61f9606e7febea""#), "{answer}");
    assert!(!answer.contains("cnonce") && !answer.contains("nc=") && !answer.contains("qop"), "{answer}");
}

#[test]
fn several_challenges_on_one_line_come_apart() {
    let line = r#"Basic realm="a, b", Digest realm="x",nonce="1,2",qop="auth",algorithm=SHA-256 , Negotiate, digest realm = y, nonce=3, qop=auth"#;
    let found = Challenge::parse_line(line);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((&*found[0].realm, &*found[0].nonce, found[0].algorithm), ("x", "1,2", Algorithm::SHA_256));
    assert_eq!((&*found[1].realm, &*found[1].nonce, found[1].algorithm), ("y", "3", Algorithm::MD5));
}

#[test]
fn what_we_do_not_speak_is_unsupported() {
    for line in [
        r#"Digest realm="x", nonce="1", algorithm=TOKEN"#,
        r#"Digest realm="x", nonce="1", qop="auth-int""#,
        r#"Digest realm="x""#,
        r#"Basic realm="x""#,
        "",
    ] {
        let outcome = Authenticator::new().handle_response(&response(401, &[line]), "c");
        assert_eq!(outcome, Challenged::Unsupported, "{line}");
    }
}

#[test]
fn the_strongest_algorithm_of_a_realm_is_answered() {
    let mut authenticator = Authenticator::new();
    let offered = [
        r#"Digest realm="x", nonce="1", algorithm=MD5, qop="auth""#,
        r#"Digest realm="x", nonce="2", algorithm=SHA-256, qop="auth""#,
        r#"Digest realm="x", nonce="3", algorithm=AKAv1-MD5, qop="auth""#,
    ];
    assert_eq!(authenticator.handle_response(&response(401, &offered), "c"), Challenged::Retry);
    let answers = answers(&mut authenticator);
    assert_eq!(answers.len(), 1);
    assert!(
        answers[0].1.contains(r#"nonce="2""#) && answers[0].1.contains("algorithm=SHA-256"),
        "{answers:?}"
    );
}

#[test]
fn a_proxy_and_a_server_are_both_answered() {
    let mut authenticator = Authenticator::new();
    let proxy = response(407, &[r#"Digest realm="p", nonce="1", qop="auth""#]);
    let server =
        response(401, &[r#"Digest realm="s", nonce="2", qop="auth""#, r#"Digest realm="t", nonce="3""#]);
    assert_eq!(authenticator.handle_response(&proxy, "c"), Challenged::Retry);
    assert_eq!(authenticator.handle_response(&server, "c"), Challenged::Retry);
    let names: Vec<_> = answers(&mut authenticator).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [Name::ProxyAuthorization, Name::Authorization, Name::Authorization]);
}

#[test]
fn a_realm_that_asks_again_has_refused_us() {
    let mut authenticator = Authenticator::new();
    let asked = response(401, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    let again = response(401, &[r#"Digest realm="x", nonce="2", qop="auth""#]);
    assert_eq!(authenticator.handle_response(&asked, "c"), Challenged::Retry);
    assert_eq!(authenticator.handle_response(&again, "c"), Challenged::Refused);
}

#[test]
fn a_stale_nonce_is_replaced_once() {
    let mut authenticator = Authenticator::new();
    let asked = response(401, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    let stale = response(401, &[r#"Digest realm="x", nonce="2", stale=TRUE, qop="auth""#]);
    assert_eq!(authenticator.handle_response(&asked, "c"), Challenged::Retry);
    assert_eq!(authenticator.handle_response(&stale, "d"), Challenged::Retry);
    let answer = &answers(&mut authenticator)[0].1;
    assert!(
        answer.contains(r#"nonce="2""#) && answer.contains(r#"cnonce="d""#) && answer.contains("nc=00000001")
    );
    assert_eq!(authenticator.handle_response(&stale, "e"), Challenged::Refused);
}

#[test]
fn a_later_request_counts_on_and_may_be_challenged_afresh() {
    let mut authenticator = Authenticator::new();
    let asked = response(407, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    authenticator.handle_response(&asked, "c");
    for count in ["nc=00000001", "nc=00000002", "nc=00000003"] {
        assert!(answers(&mut authenticator)[0].1.contains(count));
    }
    assert_eq!(authenticator.handle_response(&asked, "d"), Challenged::Refused);
    authenticator.begin_request();
    assert_eq!(authenticator.handle_response(&asked, "d"), Challenged::Retry);
}

#[test]
fn realms_are_bounded() {
    let mut authenticator = Authenticator::new();
    let lines: Vec<_> = (0..100).map(|n| format!(r#"Digest realm="{n}", nonce="1""#)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(authenticator.handle_response(&response(401, &lines), "c"), Challenged::Refused);
    assert_eq!(answers(&mut authenticator).len(), REALMS_MAX);
}

#[test]
fn the_password_is_not_for_logs() {
    assert_eq!(format!("{:?}", mufasa()), "Credentials { .. }");
}

proptest! {
    #[test]
    fn every_answer_verifies_and_another_password_does_not(
        username in r#"[ -~]{1,12}"#, password in ".{0,12}", realm in r#"[ -~]{1,12}"#, nonce in "[a-zA-Z0-9+/=]{1,20}",
        algorithm in prop::sample::select(vec!["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"]),
        qop_auth: bool, count in 1u32..,
    ) {
        let algorithm = Algorithm::from_token(algorithm).expect("a known token");
        let challenge = Challenge { realm, nonce, opaque: Some("o".into()), algorithm, qop_auth, stale: false };
        prop_assert_eq!(&Challenge::parse_line(&challenge.issue()), std::slice::from_ref(&challenge));
        let credentials = Credentials::new(username, password);
        let value = challenge.answer(&credentials, "BYE", "sip:a@b", "cnonce", count);
        let answer = Answer::parse(&value).expect("a readable answer");
        prop_assert!(answer.verify(&challenge, &credentials, "BYE"));
        prop_assert!(!answer.verify(&challenge, &credentials, "INVITE"));
        let other = Credentials { password: credentials.password.clone() + "x", ..credentials };
        prop_assert!(!answer.verify(&challenge, &other, "BYE"));
    }

    #[test]
    fn no_challenge_line_panics(line in r#"([ -~]{0,8}(Digest |realm=|nonce=|qop=|"|,|\\|;|<|\()){0,20}"#) {
        for challenge in Challenge::parse_line(&line) {
            challenge.answer(&mufasa(), "INVITE", "sip:a@b", "c", 1);
        }
        Answer::parse(&line);
    }
}
