//! What a callee may offer in the middle of a call and not get.

use serde_json::json;

use super::{COMPLETED, play_with, usual};

#[test]
fn a_fax_by_t38_is_refused_and_the_call_goes_on() {
    let told = play_with(usual().says("agent-goodbye"), "reinvite-t38", json!({}), COMPLETED);
    // The whole of what the agent had to say: 2.4 s.
    assert!(told.record["duration_seconds"].as_u64() >= Some(2), "{}", told.record);
}
