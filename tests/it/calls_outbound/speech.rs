//! What the agent is given to say.

use std::path::Path;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use crate::callees::{number, ring};
use crate::control::answerer::Answerer;
use crate::switch::{Setup, spoken_ms};

/// A speech program that notes what it is given, each text in a file of its own, and says goodbye.
fn noting(notes: &Path) -> String {
    let wav = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/agent-goodbye.wav");
    let script = format!("cat \\\"$2\\\" > '{}/'$$; cat '{wav}' > \\\"$1\\\"", notes.display());
    format!("[\"sh\", \"-c\", \"{script}\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\"]")
}

/// The lines that were rendered for a call with these fields, in the alphabet's order, and its record.
fn spoken(fields: Value) -> (Vec<String>, Value) {
    let notes = tempfile::tempdir().expect("a temporary folder");
    let (switch, _callees) =
        ring(Setup::new().tts(&noting(notes.path())).agent("steps = [\"Thank you, {name}.\"]"));
    let mut body = json!({ "to_number": number(Persona::HangsUp) });
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let call = switch.call_with(body);
    let end = switch.call_until_ended(&call);
    let mut lines: Vec<_> =
        walk(notes.path()).iter().map(|note| std::fs::read_to_string(note).expect("a note")).collect();
    // The word that the switch tries its program with.
    lines.retain(|line| line != "ready");
    lines.sort_unstable();
    (lines, end)
}

#[test]
fn an_agent_speaks_with_the_voice_of_an_endpoint() {
    let voices = Answerer::start([].into());
    let (switch, _callees) = ring(Setup::new().speech_endpoint(&voices.url("/tone.wav")));
    let call =
        switch.call_with(json!({ "to_number": number(Persona::Person), "prompt": "Hello. [END_CALL]" }));
    let end = switch.call_until_ended(&call);
    assert_eq!(end["ended_reason"], "completed", "{end}");
    let recording = switch.recording(&end).expect("it was recorded");
    assert!(spoken_ms(&recording.agent) > 200, "the agent was heard");
}

#[test]
fn variables_are_filled_in_once_and_unknown_ones_are_left_and_told() {
    let (lines, end) = spoken(json!({
        "prompt": "Hi {name} {{name}} {n} {yes} {trick} {who} {who} { {}",
        "dynamic_vars": { "name": "Ann", "n": 1.50, "yes": true, "trick": "{name}" },
    }));
    assert_eq!(lines, ["Hi Ann Ann 1.5 true {name} {who} {who} { {}", "Thank you, Ann."]);
    assert_eq!(end["warnings"], json!(["the prompt uses {who}, which dynamic_vars does not have"]));
}

#[test]
fn end_call_is_never_spoken_and_nothing_after_it() {
    let (lines, end) = spoken(json!({
        "prompt": "Goodbye {name}. [END_CALL] This is never said.", "dynamic_vars": { "name": "[END_CALL]" }
    }));
    assert_eq!(lines, ["Goodbye [END_CALL]."]);
    assert_eq!(end["warnings"], json!([]));
}

#[test]
fn the_prompt_is_stored_nowhere() {
    let (switch, _callees) = ring(Setup::new());
    let call = switch.call_with(json!({
        "to_number": number(Persona::Busy), "prompt": "Zanzibar {place} {\"sea\": \"Zanzibar\"} {Speak of Zanzibar}",
        "dynamic_vars": { "place": "Timbuktu" },
        "idempotency_key": "k", "voicemail_message": "Ouagadougou",
    }));
    assert_eq!(switch.call_until_ended(&call)["warnings"], json!([]));
    switch.metrics_until("everything is written", |metrics| metrics.is_idle());
    for entry in walk(switch.folder()) {
        let bytes = std::fs::read(&entry).expect("a file of the switch");
        for word in ["Zanzibar", "Timbuktu", "Ouagadougou"] {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word} stands in {}", entry.display());
        }
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
