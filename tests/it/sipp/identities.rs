//! Who calls whom, as each trunk wants it written: the number called, the number that calls, and the customer's own headers.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Told, play_with, usual};
use crate::switch::{FROM, TO};

/// A call by a trunk with these lines, which finds the callee busy after its INVITE was looked at.
fn written(scenario: &str, trunk: &str) -> Told {
    play_with(usual().trunk(trunk), scenario, json!({}), ("busy", "busy"))
}

#[test]
fn a_tech_prefix_goes_before_the_number() {
    written("number-tech-prefix", "prefix = \"7001#\"\nnumber_format = \"plain\"");
}

#[test]
fn a_local_carrier_is_dialled_as_at_home() {
    written(
        "number-national",
        "number_format = \"national\"\ncaller_format = \"national\"\ncountry = \"GB\"",
    );
}

#[test]
fn a_carrier_may_want_00() {
    written("number-international", "number_format = \"international\"\ncountry = \"GB\"");
}

#[test]
fn a_carrier_may_want_user_phone() {
    written("number-user-phone", "user_phone = true\ncaller_id_headers = [\"pai\"]");
}

#[test]
fn nothing_more_is_told_than_is_asked_for() {
    written("caller-in-from", "caller_id_headers = []");
}

#[test]
fn the_account_may_be_in_from_and_the_number_asserted() {
    written(
        "caller-asserted",
        "from_user = \"acc7\"\nfrom_domain = \"acme.pstn.example\"\ndisplay_name = \"Acme Ltd\"\n\
         caller_id_headers = [\"pai\"]",
    );
}

#[test]
fn the_number_may_be_preferred_and_in_the_header_of_old() {
    let setup =
        usual().trunk("caller_id_headers = [\"ppi\", \"rpid\"]").number("right_to_use = \"verified\"");
    play_with(setup, "caller-preferred", json!({}), ("busy", "busy"));
}

#[test]
fn a_number_withheld_is_told_to_the_carrier_alone() {
    written("caller-withheld", "privacy = true\ndiversion = \"+442071111111\"");
}

#[test]
fn on_whose_behalf_and_at_whose_cost_is_told() {
    written("caller-diverted", "diversion = \"+442071111111\"\ncharge = \"caller\"");
}

#[test]
fn headers_of_ones_own_carry_the_calls_values() {
    let headers = "headers = { X-Order = \"{order}\", X-Call = \"{from} to {to} by {trunk}\", X-Id = \"{call_id}\", \
                   X-None = \"{nothing}\" }";
    let fields = json!({ "dynamic_vars": { "name": "Ann", "order": "7\r\nVia: SIP/2.0/UDP evil" } });
    play_with(usual().trunk(headers), "custom-headers", fields, ("busy", "busy"));
}

#[test]
fn the_signature_over_the_caller_is_good_by_openssl() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    openssl(
        folder.path(),
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"],
    );
    let subject = ["-subj", "/CN=SHAKEN 1234", "-days", "30"];
    openssl(
        folder.path(),
        &[&["req", "-new", "-x509", "-key", "key.pem", "-out", "cert.pem"][..], &subject].concat(),
    );
    openssl(folder.path(), &["x509", "-in", "cert.pem", "-pubkey", "-noout", "-out", "public.pem"]);
    for (right_to_use, attestation) in [("verified", "A"), ("customer", "B"), ("unknown", "C")] {
        let path = |name: &str| folder.path().join(name).display().to_string();
        let stir = format!(
            "stir = {{ key = \"{}\", certificate = \"{}\", certificate_url = \"https://cert.example.org/passport.pem\" }}",
            path("key.pem"),
            path("cert.pem")
        );
        let setup = usual().trunk(&stir).number(&format!("right_to_use = \"{right_to_use}\""));
        let told = play_with(setup, "signed", json!({}), ("busy", "busy"));
        let invite = told.report.requests("INVITE")[0];
        let line = |name: &str| {
            let line = invite.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in:\n{invite}"))
        };
        let passport = line("Identity: ").split(';').next().expect("a token");
        let claims = verified(folder.path(), passport);
        assert_eq!(claims["attest"], attestation, "{claims}");
        assert_eq!(claims["orig"]["tn"], FROM[1..], "{claims}");
        assert_eq!(claims["dest"]["tn"], json!([TO[1..]]), "{claims}");
        // RFC 8224 §4.1: the header's date is the one that is signed.
        let date = jiff::fmt::rfc2822::parse(line("Date: ")).expect("a date").timestamp();
        assert_eq!(claims["iat"], date.as_second(), "{claims}");
    }
}

/// The claims of a PASSporT (RFC 8225), once openssl has found its signature to be of `cert.pem`'s key, and that it is not if a
/// single claim is another.
fn verified(folder: &Path, passport: &str) -> Value {
    let (signed, signature) = passport.rsplit_once('.').expect("a signature");
    let (header, claims) = signed.split_once('.').expect("a header");
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let header: Value = serde_json::from_slice(&decoded(header)).expect("JSON");
    assert_eq!(
        header,
        json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://cert.example.org/passport.pem" })
    );
    let der = der(&decoded(signature));
    let is_good = |text: &str| {
        for (name, bytes) in [("signed", text.as_bytes()), ("signature", &der)] {
            std::fs::write(folder.join(name), bytes).expect("written");
        }
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed"]);
        openssl.current_dir(folder).output().expect("openssl is installed").status.success()
    };
    assert!(is_good(signed), "{passport}");
    let swapped =
        if let Some(rest) = signed.strip_suffix('A') { format!("{rest}B") } else { format!("{signed}A") };
    assert!(!is_good(&swapped));
    serde_json::from_slice(&decoded(claims)).expect("JSON")
}

/// An ES256 signature (RFC 7518 §3.4: two numbers of 32 bytes) as openssl wants it: a SEQUENCE of two INTEGERs.
fn der(signature: &[u8]) -> Vec<u8> {
    assert_eq!(signature.len(), 64);
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count().min(31);
        let number = &number[zeros..];
        let sign = if number[0] >= 0x80 { &[0][..] } else { &[] };
        [&[2, (number.len() + sign.len()) as u8][..], sign, number].concat()
    };
    let numbers = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, numbers.len() as u8][..], &numbers].concat()
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("openssl is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
