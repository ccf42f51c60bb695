//! Calls in which somebody, or something, speaks.

use serde_json::json;

use super::{COMPLETED, play_with};
use crate::switch::Setup;

#[test]
fn a_person_hears_the_agent() {
    let setup = Setup::new().agent("amd = {}");
    let told = play_with(setup, "human", json!({}), COMPLETED);
    assert_eq!(told.metrics.sum("trunkline_amd_verdicts_total", &[("class", "human")]), 1.0);
    assert_eq!(told.metrics.sum("trunkline_call_dead_air_seconds_count", &[]), 1.0);
    assert_eq!(told.record["voicemail_detected"], false);
    assert!(told.record["recording_url"].is_string(), "{}", told.record);
}

#[test]
fn a_voicemail_is_hung_up_on() {
    let setup = Setup::new().agent("amd = {}");
    let told = play_with(setup, "voicemail", json!({}), ("completed", "voicemail_detected"));
    assert_eq!(told.record["voicemail_detected"], true);
}
