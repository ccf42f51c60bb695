//! Carriers whose audio goes astray.

use super::callee::{Manner, PLAIN, Reinvite, Reports, Sends};
use super::fake::Fake;
use super::{Diagnosis, diagnose, examine_with};
use crate::switch::{Place, Setup, TO};

/// What the doctor says of a callee of this manner, asked for this besides.
fn callee(manner: Manner, arguments: &[&str]) -> Diagnosis {
    let place = Place::claim();
    let _callee = Fake::callee(place.trunk_sip(), manner);
    examine_with(Setup::new(), &place, &[&["--call", TO], arguments].concat())
}

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

#[test]
fn every_codec_is_told_taken_or_not() {
    let place = Place::claim();
    let _callee = Fake::callee(place.trunk_sip(), PLAIN);
    let setup = Setup::new().trunk("codecs = [\"g722\", \"pcma\", \"pcmu\"]");
    let diagnosis = examine_with(setup, &place, &["--call", TO]);
    diagnosis.sound();
    let said = diagnosis.came_back("codecs");
    for words in [
        "PCMU at 127.",
        "G722/8000 not taken, PCMA/8000 not taken, PCMU/8000 taken",
        "packets of 20 ms",
        "SRTP: no",
        "telephone-event: yes",
    ] {
        assert!(said.contains(words), "`{words}` is not in: {said}");
    }
    assert!(!said.contains("says nothing"), "{said}");
}

#[test]
fn digits_come_back() {
    let diagnosis = callee(Manner { sends: Sends::Echo, ..PLAIN }, &["--echo"]);
    diagnosis.sound();
    assert!(diagnosis.came_back("dtmf").contains("159 came back"), "{}", diagnosis.said);
}

#[test]
fn digits_are_swallowed() {
    let diagnosis = callee(Manner { sends: Sends::EchoWithoutEvents, ..PLAIN }, &["--echo"]);
    diagnosis.only_warning("dtmf-not-echoed", &["telephone-event", "`dtmf = \"inband\"`"]);
    assert!(diagnosis.came_back("dtmf").contains("nothing came back"), "{}", diagnosis.said);
}

#[test]
fn some_digits_are_lost_whoever_answers() {
    let diagnosis = callee(Manner { sends: Sends::EchoOfOneDigit, ..PLAIN }, &[]);
    diagnosis.only_warning("dtmf-not-echoed", &["lost on the way"]);
    assert!(diagnosis.came_back("dtmf").contains("1 came back"), "{}", diagnosis.said);
}

#[test]
fn a_person_sends_no_digits_back_and_need_not() {
    let diagnosis = callee(PLAIN, &[]);
    diagnosis.sound();
    assert!(diagnosis.came_back("dtmf").contains("as only an echo service"), "{}", diagnosis.said);
}

#[test]
fn they_do_not_hear_us_by_their_own_reports() {
    let diagnosis = callee(Manner { reports: Reports::OfNobody, ..PLAIN }, &[]);
    diagnosis.only_fault("one-way-audio", &["does not hear us", "out through every firewall"]);
    assert!(diagnosis.came_back("rtp").contains("tell of none of ours"), "{}", diagnosis.said);
}

#[test]
fn they_hear_us_by_their_own_reports() {
    let diagnosis = callee(Manner { reports: Reports::OfUs, ..PLAIN }, &[]);
    diagnosis.sound();
    assert!(diagnosis.came_back("rtp").contains("0 of them lost"), "{}", diagnosis.said);
}

#[test]
fn we_do_not_hear_them_though_they_hear_us() {
    let diagnosis = callee(Manner { sends: Sends::Nothing, reports: Reports::OfUs, ..PLAIN }, &[]);
    diagnosis.only_fault("no-rtp", &["ports 20000 to 29999"]);
    assert!(diagnosis.came_back("rtp").contains("it hears us"), "{}", diagnosis.said);
}

#[test]
fn nobody_hears_anybody() {
    let diagnosis = callee(Manner { sends: Sends::Nothing, reports: Reports::OfNobody, ..PLAIN }, &[]);
    diagnosis.only_fault("no-rtp", &["ports 20000 to 29999"]);
    assert!(diagnosis.came_back("rtp").contains("nobody hears anybody"), "{}", diagnosis.said);
}

#[test]
fn a_callee_is_held_and_taken_back() {
    let diagnosis = callee(PLAIN, &["--hold"]);
    diagnosis.sound();
    assert!(
        diagnosis.came_back("hold").contains("both taken; on hold it answers recvonly"),
        "{}",
        diagnosis.said
    );
}

#[test]
fn a_callee_that_goes_on_sending_on_hold() {
    let diagnosis = callee(Manner { reinvite: Reinvite::Ignored, ..PLAIN }, &["--hold"]);
    diagnosis.only_warning("hold-ignored", &["a=recvonly"]);
}

#[test]
fn a_carrier_that_refuses_hold() {
    let diagnosis = callee(Manner { reinvite: Reinvite::Refused, ..PLAIN }, &["--hold"]);
    diagnosis.only_warning("hold-refused", &["re-INVITE"]);
    assert!(diagnosis.came_back("hold").contains("488"), "{}", diagnosis.said);
}

#[test]
fn digits_as_tones_come_back() {
    let place = Place::claim();
    let _callee = Fake::callee(place.trunk_sip(), Manner { sends: Sends::Echo, ..PLAIN });
    let setup = Setup::new().trunk("dtmf = \"inband\"");
    let diagnosis = examine_with(setup, &place, &["--call", TO, "--echo"]);
    diagnosis.sound();
    assert!(diagnosis.came_back("dtmf").contains("159 came back"), "{}", diagnosis.said);
}
