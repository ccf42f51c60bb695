//! Whose voice speaks: an inline config's, a saved agent's, a config's that answers a call; one that the switch does not know is the
//! usual one.

use std::path::Path;

use serde_json::{Value, json};
use trunkline::simulator::Persona;

use super::{House, OURS, THUNDERPHONE};
use crate::callees::number;

/// A speech program that notes its voice and its text, each in a file of its own, and says hello. `nova` is its `deep`.
fn noting(notes: &Path) -> String {
    let wav = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/audio/hello.wav");
    let script =
        format!("(echo \\\"$3\\\"; cat \\\"$2\\\") > '{}/'$$; cat '{wav}' > \\\"$1\\\"", notes.display());
    format!(
        "[\"sh\", \"-c\", \"{script}\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\", \"{{voice}}\"]\n\
         voice = \"plain\"\nvoices = {{ nova = \"deep\" }}"
    )
}

#[test]
fn a_configs_voice_and_an_agents_reach_the_speech_program() {
    let notes = tempfile::tempdir().expect("a folder");
    let house = House::with(|setup, _| setup.tts(&noting(notes.path())));
    let agent = json!({ "name": "Front desk", "prompt": "I am saved. [END_CALL]", "voice": "nova" });
    let saved = house.post("/v1/agents", THUNDERPHONE, &agent);
    assert_eq!((saved.status, &saved.json["voice"]), (201, &json!("nova")), "{saved:?}");
    let config = |prompt: &str, voice: &str| json!({ "config": { "prompt": prompt, "voice": voice } });
    let asked = [
        config("I am deep. [END_CALL]", "nova"),
        config("I am unknown. [END_CALL]", "-voice $(reboot) {text_file}"),
        json!({ "config": { "prompt": "I am old. [END_CALL]", "voice_name": "nova" } }),
        json!({ "agent_id": saved.json["id"] }),
        json!({}),
    ];
    for fields in asked {
        let mut body = json!({ "from_number": OURS, "to_number": number(Persona::Person) });
        body.as_object_mut().expect("fields").extend(fields.as_object().expect("fields").clone());
        let reply = house.post("/v1/call", THUNDERPHONE, &body);
        assert_eq!(reply.status, 201, "{reply:?}");
        house.until(&format!("/v1/calls/{}", reply.json["call_id"]), THUNDERPHONE, "ended_at");
    }
    let read = |note: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(note.expect("a note").path()).expect("a text")
    };
    let mut spoken: Vec<String> = std::fs::read_dir(notes.path()).expect("the folder").map(read).collect();
    spoken.sort();
    let expected = [
        "deep\nI am deep.",
        "deep\nI am old.",
        "deep\nI am saved.",
        "plain\nHello, this is Acme.",
        "plain\nI am unknown.",
        "plain\nready",
    ];
    assert_eq!(spoken, expected);
}

#[test]
fn an_acknowledgement_of_ones_own_needs_its_words() {
    let house = House::start();
    for (mode, words, status) in [
        ("auto", Value::Null, 201),
        ("manual", json!("One moment."), 201),
        ("manual", Value::Null, 400),
        ("manual", json!(" "), 400),
        ("sometimes", json!("One moment."), 400),
    ] {
        let config = json!({ "prompt": "Hi. [END_CALL]", "voice": "nova", "acknowledgement_prompt_mode": mode,
            "acknowledgement_prompt": words });
        let body = json!({ "from_number": OURS, "to_number": number(Persona::Person), "config": config });
        let reply = house.post("/v1/call", THUNDERPHONE, &body);
        assert_eq!(reply.status, status, "{mode} {words}: {reply:?}");
    }
}
