//! Carriers that refuse: credentials, numbers, From, extensions; and what happens within the call.

use super::{Diagnosis, carrier, diagnose, examine};
use crate::switch::Setup;

#[test]
fn wrong_password() {
    diagnose("wrong-password")
        .only_fault("credentials-refused", &["`password`", "`username`", "\"carrier.example\""]);
}

#[test]
fn a_loop_of_stale_nonces() {
    diagnose("stale-nonce-loop").only_fault("nonce-loop", &["share their nonces"]);
}

#[test]
fn a_challenge_that_nobody_can_answer() {
    diagnose("challenge-unknown").only_fault("challenge-unsupported", &["digest"]);
}

#[test]
fn an_address_that_is_not_allowed() {
    diagnose("not-allowed-403").only_fault("address-not-allowed", &["allow the address"]);
}

#[test]
fn needs_user_phone() {
    diagnose("needs-user-phone").only_fault("needs-user-phone", &["`user_phone = true`", "[[trunk]] `t1`"]);
}

#[test]
fn needs_numbers_without_plus() {
    diagnose("needs-plain-number").only_fault("number-format", &["`number_format = \"plain\"`"]);
}

#[test]
fn needs_a_from_domain() {
    diagnose("needs-from-domain").only_fault("needs-from-domain", &["`from_domain = \"carrier.example\"`"]);
}

#[test]
fn refuses_100rel() {
    diagnose("refuses-100rel").only_warning("100rel-refused", &["`prack = \"off\"`"]);
}

#[test]
fn takes_one_codec_alone() {
    diagnose("pcma-only-488").only_fault("codec-refused", &["`codecs = [\"pcma\"]`"]);
}

#[test]
fn is_overloaded() {
    diagnose("overloaded-503").only_fault("overloaded", &["120", "`cps`"]);
}

#[test]
fn knows_no_such_number() {
    diagnose("number-unknown-404").only_fault("number-refused", &["`number_format`"]);
}

#[test]
fn never_hears_our_ack() {
    diagnose("never-hears-ack").only_fault("ack-unheard", &["ACK", "Contact"]);
}

#[test]
fn never_answers_our_bye() {
    diagnose("never-answers-bye").only_fault("bye-unanswered", &["BYE"]);
}

#[test]
fn has_a_contact_that_leads_nowhere() {
    diagnose("contact-nowhere").only_fault("contact-unreachable", &["Contact", ":5099"]);
}

#[test]
fn wrong_realm() {
    let (place, _sipp) = carrier("wrong-realm");
    let diagnosis = examine(Setup::new().trunk("auth_realm = \"carrier.example\""), &place);
    diagnosis.only_fault("realm-mismatch", &["`auth_realm = \"sbc7.carrier.example\"`"]);
}

#[test]
fn needs_the_account_in_from() {
    diagnose("needs-from-user").only_fault("needs-from-user", &["`from_user = \"username\"`"]);
}

#[test]
fn requires_100rel() {
    diagnose("requires-100rel").only_fault("100rel-required", &["`prack = \"required\"`"]);
}

#[test]
fn wants_longer_sessions() {
    diagnose("session-422").only_warning("session-too-brief", &["`session_expires_seconds = 3600`"]);
}

#[test]
fn requires_srtp() {
    diagnose("srtp-required").only_fault("srtp-required", &["`srtp = \"required\"`"]);
}

#[test]
fn is_blocked_by_the_network() {
    diagnose("network-blocked-603").only_fault("call-refused", &["blocks calls", "number"]);
}

#[test]
fn routes_strictly() {
    diagnose("strict-route").only_warning("strict-route", &["`;lr`", "Record-Route"]);
}

#[test]
fn swallows_invites() {
    diagnose("swallows-invite").only_fault("invite-unanswered", &["SIP ALG"]);
}

#[test]
fn ignores_options() {
    diagnose("ignores-options").only_warning("options-unanswered", &["`options_interval_seconds = 0`"]);
}

/// A carrier that wants us to register first.
fn registering(scenario: &str) -> Diagnosis {
    let (place, sipp) = carrier(scenario);
    let setup = Setup::new().trunk("register = true\nregister_expires_seconds = 60");
    Diagnosis { _carrier: Some(sipp), ..examine(setup, &place) }
}

#[test]
fn registrations_too_brief() {
    let diagnosis = registering("register-423");
    diagnosis.only_warning("registration-too-brief", &["`register_expires_seconds = 1800`"]);
}

#[test]
fn a_registrar_that_does_not_take_our_password() {
    registering("register-wrong-password").only_fault("credentials-refused", &["`password`"]);
}

#[test]
fn a_registrar_that_does_not_know_us() {
    registering("register-unknown-user")
        .only_fault("register-refused", &["`register_user`", "not the password"]);
}

#[test]
fn a_user_that_may_not_register_is_no_wrong_password() {
    registering("register-user-403")
        .only_fault("register-refused", &["`username`", "rather than asking again"]);
}
