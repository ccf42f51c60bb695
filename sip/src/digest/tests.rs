use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn mufasa() -> Credentials {
    Credentials::new("Mufasa", "Circle of Life")
}

fn signed<'a>(method: &'a str, uri: &'a str) -> Signed<'a> {
    Signed { method, uri, body: b"" }
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
    authenticator.authorizations(&mufasa(), &signed("INVITE", "sip:c@d"))
}

const RFC_7616: &str = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

#[test]
fn rfc_7616_section_3_9_1_sha_256() {
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let answer = challenge(RFC_7616).answer(&mufasa(), &signed("GET", "/dir/index.html"), cnonce, 1);
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
    let answer = challenge(&line).answer(&mufasa(), &signed("GET", "/dir/index.html"), cnonce, 1);
    assert!(answer.contains(r#"response="8ca523f5e9506fed4657c9700eebdbec""#), "{answer}");
}

/// RFC 7616 §3.9.2 with the userhash and response of its erratum 4897: the RFC's are no SHA-512/256.
#[test]
fn rfc_7616_section_3_9_2_sha_512_256_with_a_utf_8_user_and_userhash() {
    let line = r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#;
    let jason = Credentials::new("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
    let answer = challenge(line).answer(&jason, &signed("GET", "/doe.json"), cnonce, 1);
    let userhash = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b";
    let response = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5";
    assert!(answer.contains(&format!("username=\"{userhash}\"")), "{answer}");
    assert!(
        answer.contains(&format!("response=\"{response}\"")) && answer.contains("userhash=true"),
        "{answer}"
    );
}

/// RFC 8760 §2.4: each hash of its own length.
#[test]
fn rfc_8760_responses_are_as_long_as_their_hash() {
    for (algorithm, digits) in [("MD5", 32), ("SHA-256", 64), ("SHA-512-256", 64), ("SHA-256-sess", 64)] {
        let line = format!(r#"Digest realm="x", nonce="1", qop="auth", algorithm={algorithm}"#);
        let value = challenge(&line).answer(&mufasa(), &signed("REGISTER", "sip:x"), "c", 1);
        let answer = Answer::parse(&value).expect("readable");
        assert_eq!((answer.response.len(), answer.algorithm.as_str()), (digits, algorithm));
    }
}

#[test]
fn auth_int_is_used_only_where_auth_is_not_offered() {
    let qop = |offered: &str| challenge(&format!(r#"Digest realm="x", nonce="1", qop="{offered}""#)).qop;
    assert_eq!(qop("auth-int, auth"), Some(Qop::Auth));
    assert_eq!(qop("AUTH-INT"), Some(Qop::AuthInt));
    let line = r#"Digest realm="x", nonce="1", qop="auth-int""#;
    let with =
        |body| challenge(line).answer(&mufasa(), &Signed { body, ..signed("INVITE", "sip:a@b") }, "c", 1);
    assert!(with(b"v=0").contains("qop=auth-int"));
    assert_ne!(with(b"v=0"), with(b"v=1"));
}

#[test]
fn credentials_for_one_realm_are_shown_to_no_other() {
    let ours = Credentials { realm: Some(String::from("carrier")), ..mufasa() };
    let mut authenticator = Authenticator::new();
    let other = response(401, &[r#"Digest realm="phisher", nonce="1", qop="auth""#]);
    assert_eq!(authenticator.handle_response(&ours, &other, "c"), Challenged::Unsupported);
    let both = response(401, &[r#"Digest realm="phisher", nonce="1", Digest realm="carrier", nonce="2""#]);
    assert_eq!(authenticator.handle_response(&ours, &both, "c"), Challenged::Retry);
    let shown = authenticator.authorizations(&ours, &signed("INVITE", "sip:c@d"));
    assert!(shown.len() == 1 && shown[0].1.contains("realm=\"carrier\""), "{shown:?}");
}

#[test]
fn a_nonce_that_is_offered_again_is_counted_on() {
    let mut authenticator = Authenticator::new();
    let asked = response(401, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    authenticator.handle_response(&mufasa(), &asked, "c");
    assert!(answers(&mut authenticator)[0].1.contains("nc=00000001"));
    authenticator.begin_request();
    assert_eq!(authenticator.handle_response(&mufasa(), &asked, "d"), Challenged::Retry);
    assert!(answers(&mut authenticator)[0].1.contains("cnonce=\"c\", qop=auth, nc=00000002"));
}

#[test]
fn requests_at_the_same_time_share_a_nonce_but_no_count() {
    let mut authenticator = Authenticator::new();
    let asked = response(401, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    authenticator.handle_response(&mufasa(), &asked, "c");
    assert!(answers(&mut authenticator)[0].1.contains("nc=00000001"));
    let (mut info, mut bye) = (authenticator.lend(), authenticator.lend());
    assert!(answers(&mut info)[0].1.contains("nc=00000002"));
    assert!(answers(&mut bye)[0].1.contains("nc=00000003"));
    let anew = response(401, &[r#"Digest realm="x", nonce="2", qop="auth""#]);
    assert_eq!(bye.handle_response(&mufasa(), &anew, "d"), Challenged::Retry);
    answers(&mut bye);
    authenticator.learn(bye);
    authenticator.learn(info.clone());
    assert!(answers(&mut authenticator)[0].1.contains("nonce=\"1\""), "the last to learn is believed");
}

#[test]
fn the_next_nonce_a_server_names_is_used() {
    let mut authenticator = Authenticator::new();
    let asked = response(401, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    authenticator.handle_response(&mufasa(), &asked, "c");
    answers(&mut authenticator);
    let text = String::from_utf8_lossy(response(401, &[]).as_bytes())
        .replace("\r\n\r\n", "\r\nAuthentication-Info: qop=auth, nextnonce=\"2\"\r\n\r\n");
    authenticator.handle_success(&Message::parse(Bytes::from(text)).expect("readable"));
    let answer = &answers(&mut authenticator)[0].1;
    assert!(answer.contains("nonce=\"2\"") && answer.contains("nc=00000001"), "{answer}");
}

#[test]
fn odd_user_names_are_quoted() {
    let line = r#"Digest realm="a \"b\"", nonce="1""#;
    let odd = Credentials::new(r#"do"main\user"#, "p");
    let value = challenge(line).answer(&odd, &signed("INVITE", "sip:a@b"), "c", 1);
    assert!(value.starts_with(r#"Digest username="do\"main\\user", realm="a \"b\"","#), "{value}");
    let answer = Answer::parse(&value).expect("readable");
    assert!(answer.verify(&challenge(line), &odd, "INVITE", b""));
}

#[test]
fn rfc_2617_section_3_5() {
    let line = r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let credentials = Credentials::new("Mufasa", "Circle Of Life");
    let answer = challenge(line).answer(&credentials, &signed("GET", "/dir/index.html"), "0a4f113b", 1);
    assert!(answer.contains(r#"response="6629fae49393a05397450978507c4ef1""#), "{answer}");
}

#[test]
fn without_qop_the_answer_is_that_of_rfc_2069() {
    let line = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#;
    let credentials = Credentials::new("Mufasa", "CircleOfLife");
    let answer = challenge(line).answer(&credentials, &signed("GET", "/dir/index.html"), "unused", 1);
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
        r#"Digest realm="x", nonce="1", qop="auth-conf""#,
        r#"Digest realm="x""#,
        // A quote within: it would end the one we write.
        r#"Digest realm="x", nonce="1"2"3""#,
        r#"Digest realm="x", nonce="1", opaque="o"p""#,
        r#"Basic realm="x""#,
        "",
    ] {
        let outcome = Authenticator::new().handle_response(&mufasa(), &response(401, &[line]), "c");
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
    assert_eq!(authenticator.handle_response(&mufasa(), &response(401, &offered), "c"), Challenged::Retry);
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
    assert_eq!(authenticator.handle_response(&mufasa(), &proxy, "c"), Challenged::Retry);
    assert_eq!(authenticator.handle_response(&mufasa(), &server, "c"), Challenged::Retry);
    let names: Vec<_> = answers(&mut authenticator).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [Name::ProxyAuthorization, Name::Authorization, Name::Authorization]);
}

#[test]
fn a_realm_that_asks_again_has_refused_us() {
    let mut authenticator = Authenticator::new();
    let asked = response(401, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    let again = response(401, &[r#"Digest realm="x", nonce="2", qop="auth""#]);
    assert_eq!(authenticator.handle_response(&mufasa(), &asked, "c"), Challenged::Retry);
    assert_eq!(authenticator.handle_response(&mufasa(), &again, "c"), Challenged::Refused);
}

#[test]
fn a_stale_nonce_is_replaced_twice_and_no_more() {
    let mut authenticator = Authenticator::new();
    let asked = response(401, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    let stale = response(401, &[r#"Digest realm="x", nonce="2", stale=TRUE, qop="auth""#]);
    assert_eq!(authenticator.handle_response(&mufasa(), &asked, "c"), Challenged::Retry);
    assert_eq!(authenticator.handle_response(&mufasa(), &stale, "d"), Challenged::Retry);
    let answer = &answers(&mut authenticator)[0].1;
    assert!(
        answer.contains(r#"nonce="2""#) && answer.contains(r#"cnonce="d""#) && answer.contains("nc=00000001")
    );
    assert_eq!(authenticator.handle_response(&mufasa(), &stale, "e"), Challenged::Retry);
    assert_eq!(authenticator.handle_response(&mufasa(), &stale, "e"), Challenged::Refused);
}

#[test]
fn a_later_request_counts_on_and_may_be_challenged_afresh() {
    let mut authenticator = Authenticator::new();
    let asked = response(407, &[r#"Digest realm="x", nonce="1", qop="auth""#]);
    authenticator.handle_response(&mufasa(), &asked, "c");
    for count in ["nc=00000001", "nc=00000002", "nc=00000003"] {
        assert!(answers(&mut authenticator)[0].1.contains(count));
    }
    assert_eq!(authenticator.handle_response(&mufasa(), &asked, "d"), Challenged::Refused);
    authenticator.begin_request();
    assert_eq!(authenticator.handle_response(&mufasa(), &asked, "d"), Challenged::Retry);
}

#[test]
fn realms_are_bounded() {
    let mut authenticator = Authenticator::new();
    let lines: Vec<_> = (0..100).map(|n| format!(r#"Digest realm="{n}", nonce="1""#)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(authenticator.handle_response(&mufasa(), &response(401, &lines), "c"), Challenged::Refused);
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
        qop in prop::sample::select(vec![None, Some(Qop::Auth), Some(Qop::AuthInt)]), userhash: bool, count in 1u32.., body in ".{0,20}",
    ) {
        let algorithm = Algorithm::from_token(algorithm).expect("a known token");
        let opaque = Some("o".into());
        let challenge = Challenge { realm, nonce, opaque, algorithm, qop, userhash, stale: false };
        prop_assert_eq!(&Challenge::parse_line(&challenge.issue()), std::slice::from_ref(&challenge));
        let credentials = Credentials::new(username, password);
        let signed = Signed { method: "BYE", uri: "sip:a@b", body: body.as_bytes() };
        let value = challenge.answer(&credentials, &signed, "cnonce", count);
        let answer = Answer::parse(&value).expect("a readable answer");
        prop_assert_eq!((answer.algorithm, answer.userhash), (algorithm, userhash));
        prop_assert!(answer.verify(&challenge, &credentials, "BYE", signed.body));
        prop_assert!(!answer.verify(&challenge, &credentials, "INVITE", signed.body));
        prop_assert_eq!(answer.verify(&challenge, &credentials, "BYE", b"another body"), qop != Some(Qop::AuthInt));
        let other = Credentials { password: credentials.password.clone() + "x", ..credentials };
        prop_assert!(!answer.verify(&challenge, &other, "BYE", signed.body));
    }

    #[test]
    fn no_challenge_line_panics(line in r#"([ -~]{0,8}(Digest |realm=|nonce=|qop=|"|,|\\|;|<|\()){0,20}"#) {
        for challenge in Challenge::parse_line(&line) {
            challenge.answer(&mufasa(), &signed("INVITE", "sip:a@b"), "c", 1);
        }
        Answer::parse(&line);
    }
}
