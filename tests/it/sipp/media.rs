//! Calls in which somebody, or something, speaks.

use serde_json::json;

use super::{COMPLETED, Told, play_with, usual};
use crate::switch::{Setup, spoken_bursts, spoken_ms};

/// The detector as it is unless an agent says otherwise.
fn patient() -> Setup {
    usual().agent("amd = {}")
}

/// For how many milliseconds the callee and the agent speak on the recording.
fn spoken(told: &Told) -> (usize, usize) {
    let recording = told.recording.as_ref().expect("an answered call is recorded");
    (spoken_ms(&recording.callee), spoken_ms(&recording.agent))
}

fn verdicts(told: &Told, class: &str) -> f64 {
    told.metrics.sum("trunkline_amd_verdicts_total", &[("class", class)])
}

#[test]
fn a_person_hears_the_agent() {
    let told = play_with(patient(), "human", json!({}), COMPLETED);
    assert_eq!(verdicts(&told, "human"), 1.0);
    assert_eq!(told.metrics.sum("trunkline_call_dead_air_seconds_count", &[]), 1.0);
    assert_eq!(told.record["voicemail_detected"], false);
    let (callee, agent) = spoken(&told);
    assert!(callee >= 200 && agent >= 200, "{callee} ms, {agent} ms");
}

#[test]
fn the_agent_waits_for_its_turn() {
    let setup = patient().agent("steps = [\"Goodbye [END_CALL]\"]");
    let told = play_with(setup, "conversation", json!({ "prompt": "Hello" }), COMPLETED);
    let recording = told.recording.as_ref().expect("an answered call is recorded");
    assert_eq!(spoken_bursts(&recording.agent), 2, "two lines");
    assert_eq!(spoken_bursts(&recording.callee), 2, "a hello and a reply");
}

#[test]
fn a_voicemail_is_hung_up_on() {
    let told = play_with(patient(), "voicemail", json!({}), ("completed", "voicemail_detected"));
    assert_eq!(told.record["voicemail_detected"], true);
    let (callee, agent) = spoken(&told);
    assert!(callee >= 500, "{callee} ms");
    assert_eq!(agent, 0, "the prompt is for people");
}

#[test]
fn what_the_agent_says_goes_out_and_comes_back() {
    let told = play_with(usual().agent("barge_in = false"), "echo", json!({}), COMPLETED);
    let (callee, agent) = spoken(&told);
    assert!(agent >= 200, "{agent} ms");
    assert!(callee >= agent / 2, "of {agent} ms only {callee} ms came back");
}

#[test]
fn speech_before_the_answer_is_nobodys_greeting() {
    let told = play_with(usual(), "early-media-speech", json!({}), COMPLETED);
    assert_eq!(verdicts(&told, "no_speech"), 1.0, "{}", told.metrics);
    let (callee, _) = spoken(&told);
    assert_eq!(callee, 0, "the recording begins with the answer");
}

#[test]
fn media_follows_the_fork_that_answers() {
    let setup = usual().agent("barge_in = false");
    let told = play_with(setup, "forked-early-media", json!({}), COMPLETED);
    let (callee, agent) = spoken(&told);
    assert!(callee >= agent / 2, "of {agent} ms only {callee} ms came back");
}

#[test]
fn the_later_of_two_answers_holds() {
    let setup = usual().agent("barge_in = false");
    let told = play_with(setup, "answer-changes-sdp", json!({}), COMPLETED);
    let (callee, agent) = spoken(&told);
    assert!(callee >= agent / 2, "of {agent} ms only {callee} ms came back");
}

#[test]
fn media_moves_with_a_reinvite() {
    let setup = usual().agent("barge_in = false");
    let told = play_with(setup, "reinvite-moves-media", json!({}), COMPLETED);
    let (callee, agent) = spoken(&told);
    assert!(callee >= agent / 2, "of {agent} ms only {callee} ms came back");
}

#[test]
fn a_reinvite_that_asks_for_an_offer_gets_one() {
    let setup = usual().agent("barge_in = false").says("agent-goodbye");
    let told = play_with(setup, "reinvite-without-sdp", json!({}), COMPLETED);
    let (callee, agent) = spoken(&told);
    assert!(callee >= agent / 2, "of {agent} ms only {callee} ms came back");
}

#[test]
fn on_hold_nobody_is_missed() {
    let setup = usual().agent("barge_in = false").says("agent-prompt").media("rtp_timeout_seconds = 2");
    play_with(setup, "reinvite-inactive", json!({}), COMPLETED);
}

#[test]
fn who_speaks_up_is_let_speak() {
    let told = play_with(patient().says("agent-prompt"), "barge-in", json!({}), COMPLETED);
    let (callee, agent) = spoken(&told);
    assert!(callee >= 1_000, "{callee} ms");
    assert!((500..4_500).contains(&agent), "7.5 s of prompt were cut to {agent} ms");
}

#[test]
fn a_callee_without_media_is_left() {
    let setup = patient().media("rtp_timeout_seconds = 1");
    play_with(setup, "mute", json!({}), ("failed", "media_lost"));
}

#[test]
fn nobody_waits_for_ever_for_a_word() {
    let setup = usual().agent("silence_hangup_seconds = 5");
    let told = play_with(setup, "answer", json!({ "prompt": "Hello" }), ("completed", "silence_timeout"));
    assert!(told.record["duration_seconds"].as_u64() >= Some(5), "{}", told.record);
}

#[test]
fn no_call_lasts_longer_than_its_trunk_allows() {
    let setup = usual().trunk("max_call_seconds = 10").agent("silence_hangup_seconds = 45");
    let told = play_with(setup, "answer", json!({ "prompt": "Hello" }), ("completed", "max_duration"));
    let lasted = told.record["duration_seconds"].as_u64();
    assert!((Some(10)..=Some(11)).contains(&lasted), "{}", told.record);
}

#[test]
fn an_agent_that_cannot_speak_does_not_let_it_ring() {
    let setup = usual().tts("[\"false\", \"{wav_file}\", \"{text_file}\"]");
    play_with(setup, "cancel-trying", json!({}), ("failed", "agent_failed"));
}
