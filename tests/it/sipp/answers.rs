//! Answers: plain, late, repeated, forked, oddly written, or useless.

use super::{COMPLETED, TRUNK_FAILED, play, usual};
use crate::switch::{Place, Sipp};

#[test]
fn an_answered_call_is_acknowledged_and_hung_up_by_us() {
    let told = play("answer", COMPLETED);
    assert!(!told.record["answered_at"].is_null(), "{}", told.record);
    assert_eq!(told.metrics.sip("answers_total"), 1.0);
}

#[test]
fn early_media_comes_before_the_answer() {
    play("early-media", COMPLETED);
}

#[test]
fn the_answer_of_a_183_holds_when_the_200_has_none() {
    play("early-media-only-sdp", COMPLETED);
}

#[test]
fn an_answer_beside_isup_is_an_answer() {
    play("answer-multipart", COMPLETED);
}

#[test]
fn a_200_that_comes_again_is_acknowledged_again() {
    let told = play("lost-ack", COMPLETED);
    assert!(told.metrics.sip("acks_repeated_total") >= 1.0);
}

#[test]
fn the_answer_of_a_second_fork_is_acknowledged_and_ended() {
    let told = play("forked", COMPLETED);
    assert_eq!(told.metrics.sip("forks_ended_total"), 1.0);
}

#[test]
fn routes_of_the_answer_are_followed() {
    play("record-route", COMPLETED);
}

#[test]
fn odd_spelling_is_read() {
    play("compact-and-folded", COMPLETED);
}

#[test]
fn an_answer_without_contact_is_still_ended() {
    play("answer-without-contact", COMPLETED);
}

#[test]
fn an_answer_whose_sdp_is_none_is_acknowledged_and_ended() {
    play("answer-garbage-sdp", TRUNK_FAILED);
}

#[test]
fn an_answer_without_audio_is_acknowledged_and_ended() {
    play("answer-no-audio", TRUNK_FAILED);
}

#[test]
fn an_answer_with_a_codec_of_its_own_is_acknowledged_and_ended() {
    play("answer-other-codec", TRUNK_FAILED);
}

#[test]
fn a_ringing_without_tag_is_no_dialog() {
    play("ringing-without-tag", COMPLETED);
}

#[test]
fn whoever_answers_is_the_call() {
    play("answer-of-another-tag", COMPLETED);
}

#[test]
fn strict_routers_get_their_way() {
    play("strict-route", COMPLETED);
}

#[test]
fn a_contact_that_wants_tcp_and_takes_none_is_reached_by_udp() {
    let switch = usual().start();
    let sipp = Sipp::at(&switch.place, "contact-tcp");
    let record = switch.call_until_ended(&switch.call());
    // What was meant for TCP never arrives: there is nothing to compare counts with.
    sipp.succeed(1);
    assert_eq!(
        (record["status"].as_str(), record["ended_reason"].as_str()),
        (Some(COMPLETED.0), Some(COMPLETED.1))
    );
}

#[test]
fn a_call_by_tcp_goes_by_one_connection_and_is_sent_once() {
    let place = Place::claim();
    let uri = format!("sip:{};transport=tcp", place.trunk_sip());
    let switch = usual().trunk_uri(&uri).at(place).start();
    let sipp = Sipp::at(&switch.place, "answer-tcp");
    let record = switch.call_until_ended(&switch.call());
    let report = sipp.succeed(1);
    assert_eq!(
        (record["status"].as_str(), record["ended_reason"].as_str()),
        (Some(COMPLETED.0), Some(COMPLETED.1))
    );
    let received = ["INVITE", "ACK", "BYE"].map(|method| report.requests(method).len());
    assert_eq!(received, [1, 1, 1]);
}

#[test]
fn a_contact_that_is_nowhere_is_reached_where_the_invite_went() {
    play("contact-nowhere", COMPLETED);
}

#[test]
fn an_answer_in_fragments_is_read() {
    play("long-answer", COMPLETED);
}
