//! Carriers whose audio goes astray.

use super::diagnose;

#[test]
fn a_private_address_in_sdp() {
    diagnose("private-address").only_fault("private-address-in-sdp", &["10.11.12.13"]);
}

#[test]
fn audio_one_way() {
    diagnose("one-way-audio").only_fault("one-way-audio", &["a=sendonly", "does not hear us"]);
}

#[test]
fn no_audio_at_all() {
    diagnose("no-rtp").only_fault("no-rtp", &["ports 20000 to 29999"]);
}

#[test]
fn audio_from_another_address() {
    diagnose("rtp-from-elsewhere").only_fault("rtp-from-elsewhere", &["comes from 127."]);
}

#[test]
fn no_telephone_event() {
    diagnose("no-telephone-event").only_warning("no-telephone-event", &["`dtmf = \"info\"`"]);
}

#[test]
fn audio_that_is_refused() {
    diagnose("rtp-refused").only_fault("rtp-refused", &["listen where its SDP says", ":39998"]);
}
