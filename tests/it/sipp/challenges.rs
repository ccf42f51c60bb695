//! Digest challenges (RFC 3261 §22, RFC 7616).

use std::collections::BTreeMap;

use md5::{Digest, Md5};

use super::{COMPLETED, TRUNK_FAILED, play};

#[test]
fn a_401_is_answered() {
    let told = play("challenge-401", COMPLETED);
    assert_eq!(told.metrics.sip("challenges_answered_total"), 1.0);
}

#[test]
fn a_407_is_answered() {
    let told = play("challenge-407", COMPLETED);
    let invites = told.report.requests("INVITE");
    assert_authentic(invites[1], "Proxy-Authorization", "trunkpass");
}

#[test]
fn proxy_and_callee_may_both_ask() {
    let told = play("challenge-407-then-401", COMPLETED);
    let invites = told.report.requests("INVITE");
    assert_eq!(invites.len(), 3);
    for header in ["Proxy-Authorization", "Authorization"] {
        assert_authentic(invites[2], header, "trunkpass");
    }
}

#[test]
fn a_stale_nonce_is_replaced() {
    let told = play("stale-nonce", COMPLETED);
    assert_eq!(told.metrics.sip("challenges_answered_total"), 2.0);
}

#[test]
fn the_stronger_of_two_challenges_is_answered() {
    play("challenge-sha256", COMPLETED);
}

#[test]
fn a_challenge_without_qop_is_answered() {
    play("challenge-without-qop", COMPLETED);
}

#[test]
fn a_bye_is_challenged_too() {
    let told = play("bye-challenged", COMPLETED);
    assert_authentic(told.report.requests("BYE")[1], "Proxy-Authorization", "trunkpass");
}

#[test]
fn a_challenge_beyond_us_is_not_answered() {
    let told = play("challenge-unknown", TRUNK_FAILED);
    assert_eq!(told.report.requests("INVITE").len(), 1);
}

#[test]
fn a_password_that_is_refused_is_not_tried_again() {
    let told = play("wrong-password", TRUNK_FAILED);
    assert_eq!(told.metrics.sip("challenges_answered_total"), 1.0);
}

/// The header's response is what RFC 7616 §3.4.1 computes of its own fields, for `qop=auth` and MD5.
fn assert_authentic(request: &str, header: &str, password: &str) {
    let start = format!("{header}: Digest ");
    let line = request.lines().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("no {header} in:\n{request}"));
    let field = |field: &str| {
        let (name, value) = field.trim().split_once('=').unwrap_or_else(|| panic!("{field} in {line}"));
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    let fields: BTreeMap<String, String> = line.split(',').map(field).collect();
    let of = |name: &str| fields[name].as_str();
    let (method, _) = request.split_once(' ').expect("a request line");
    let a1 = md5(&format!("{}:{}:{password}", of("username"), of("realm")));
    let a2 = md5(&format!("{method}:{}", of("uri")));
    let middle = [of("nonce"), of("nc"), of("cnonce"), of("qop")].join(":");
    assert_eq!(of("response"), md5(&format!("{a1}:{middle}:{a2}")), "{line}");
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text))
}
