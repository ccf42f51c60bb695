//! What the callee does within a call.

use super::{CALLEE_HANGUP, COMPLETED, play, play_with};
use crate::switch::Setup;

#[test]
fn the_callee_hangs_up() {
    play("callee-bye", CALLEE_HANGUP);
}

#[test]
fn the_callees_network_says_why_it_hung_up() {
    play("callee-bye-reason", CALLEE_HANGUP);
}

#[test]
fn both_hang_up_at_once() {
    play("crossing-bye", COMPLETED);
}

#[test]
fn the_callee_holds_and_comes_back() {
    play_with(talking(), "reinvite-hold", serde_json::json!({}), COMPLETED);
}

#[test]
fn a_reinvite_that_asks_for_an_offer_is_refused() {
    play("reinvite-without-sdp", COMPLETED);
}

#[test]
fn a_number_out_of_order_is_refused() {
    play("cseq-out-of-order", COMPLETED);
}

#[test]
fn an_info_is_answered() {
    play("info-dtmf", COMPLETED);
}

/// An agent that has more to say than the scenario takes.
fn talking() -> Setup {
    let wav = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/agent-goodbye.wav");
    Setup::new().tts(&format!(
        "[\"sh\", \"-c\", \"cat '{wav}' > \\\"$1\\\"\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\"]"
    ))
}
