//! Carriers that refuse: credentials, numbers, From, extensions; and what happens within the call.

use super::diagnose;

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
    diagnose("refuses-100rel").only_fault("100rel-refused", &["`prack = \"off\"`"]);
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
