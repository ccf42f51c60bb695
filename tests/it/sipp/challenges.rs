//! Digest challenges (RFC 3261 §22, RFC 7616).

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde_json::json;
use sha2::{Sha256, Sha512_256};

use super::{COMPLETED, TRUNK_FAILED, play, play_with, usual};

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
fn sha_512_256_is_spoken() {
    let told = play("challenge-sha512-256", COMPLETED);
    assert_authentic(told.report.requests("INVITE")[1], "Authorization", "trunkpass");
}

#[test]
fn the_body_is_vouched_for_where_that_is_asked() {
    let told = play("challenge-auth-int", COMPLETED);
    assert_authentic(told.report.requests("INVITE")[1], "Authorization", "trunkpass");
}

#[test]
fn of_several_challenges_the_strongest_that_is_known_is_answered() {
    let told = play("challenge-of-a-kind", COMPLETED);
    assert_authentic(told.report.requests("INVITE")[1], "Authorization", "trunkpass");
}

#[test]
fn a_nonce_is_counted_through_the_dialog() {
    let told = play("nonce-count", COMPLETED);
    let report = &told.report;
    for request in [report.requests("INVITE")[1], report.requests("PRACK")[0], report.requests("BYE")[0]] {
        assert_authentic(request, "Proxy-Authorization", "trunkpass");
    }
    assert_eq!(told.metrics.sip("challenges_answered_total"), 1.0);
}

#[test]
fn a_trunk_that_should_know_our_address_is_told_nothing() {
    let told = play_with(usual().anonymous(), "challenge-nobody", json!({}), TRUNK_FAILED);
    assert_eq!(told.report.requests("INVITE").len(), 1);
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

/// The header's response is what RFC 7616 §3.4.1 computes of its own fields, by the algorithm and the qop that it names.
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
    let hash = |text: &str| match of("algorithm") {
        "MD5" => hex::encode(Md5::digest(text)),
        "SHA-256" => hex::encode(Sha256::digest(text)),
        "SHA-512-256" => hex::encode(Sha512_256::digest(text)),
        other => panic!("{other} in {line}"),
    };
    let (method, _) = request.split_once(' ').expect("a request line");
    let a1 = hash(&format!("{}:{}:{password}", of("username"), of("realm")));
    let a2 = match of("qop") {
        "auth-int" => format!("{method}:{}:{}", of("uri"), hash(body(request))),
        _ => format!("{method}:{}", of("uri")),
    };
    let middle = [of("nonce"), of("nc"), of("cnonce"), of("qop")].join(":");
    assert_eq!(of("response"), hash(&format!("{a1}:{middle}:{}", hash(&a2))), "{line}");
}

/// A request's body, to the byte: sipp's log goes on behind it.
fn body(request: &str) -> &str {
    let (head, rest) = request.split_once("\r\n\r\n").expect("a head");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
    &rest[..length.parse().expect("a number")]
}
