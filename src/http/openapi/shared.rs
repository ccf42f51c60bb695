//! Reads that every vendor has, each in its own words: what the route is, without what it shows.

use super::entry::{Entry, Speaker};
use super::problems::{keyed, stored, wrong};
use super::schema::{from, text, word};
use crate::face::Problem;
use crate::model::Face;

/// `GET /v1/calls`
pub fn list_calls(speaker: Speaker) -> Entry {
    Entry::new(speaker, ("GET", "/v1/calls"), "listCalls", "List calls")
        .shared()
        .query("limit", "Calls a page; who asks for more than 100 gets 100.", from(1))
        .query("offset", "Calls before it.", from(0))
        .query("agent_id", "Only this agent's.", text(None))
        .query("direction", "Only these.", word(&["inbound", "outbound"]))
        .query("since", "Started at this time or later: RFC 3339, or a date.", text(Some("date-time")))
        .query("until", "Started before this time: RFC 3339, or a date.", text(Some("date-time")))
        .query(
            "voicemail_detected",
            "Only those that a voicemail ended, or that none did.",
            word(&["true", "false"]),
        )
        .fails(keyed())
        .fails(stored())
        .fails([wrong("limit", "must be a number from 1")])
}

/// `GET /v1/calls/{id}`
pub fn read_call(speaker: Speaker) -> Entry {
    Entry::new(speaker, ("GET", "/v1/calls/{id}"), "readCall", "Read a call")
        .shared()
        .path("id", CALL_ID, example_id(speaker))
        .fails(keyed())
        .fails(stored())
        .fails([Problem::CallNotFound])
}

/// `GET /v1/calls/{id}/recording`
pub fn recording(speaker: Speaker) -> Entry {
    let entry = Entry::new(speaker, ("GET", "/v1/calls/{id}/recording"), "readRecording", "Listen to a call");
    audio(entry.shared(), speaker)
}

/// The WAV file, whole or one range of it.
pub fn audio(entry: Entry, speaker: Speaker) -> Entry {
    ranged(entry.path("id", CALL_ID, example_id(speaker)))
        .fails(keyed())
        .fails(stored())
        .fails([Problem::CallNotFound, Problem::RecordingNotFound])
}

/// A WAV file, of which a part may be asked for.
pub fn ranged(entry: Entry) -> Entry {
    entry
        .header("Range", "One range of the file's bytes (RFC 9110).", text(None))
        .gives_raw(200, "A WAV file: the callee left, the agent right.", "audio/wav", true)
        .gives_raw(206, "That range of it.", "audio/wav", true)
        .gives_nothing(416, "It is not so long.")
}

const CALL_ID: &str = "The call's id, in any rendering.";

fn example_id(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Face(Face::ThunderPhone) => "1234567890",
        Speaker::Face(Face::MiniVoice | Face::Voiceflow) => "call_1234567890",
        _ => "CA00000000000000000000001234567890",
    }
}
