//! Agents who follow a script of steps, on the real switch: what the callee does decides what it hears. Every text of the agent's has
//! a tone of its own here, so that the recording says what was said.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use trunkline::simulator::Persona;
use trunkline_media::g711::Law;
use trunkline_media::{Capabilities, Clip, Codec};

use crate::callees::{number, ring};
use crate::sound::listener::{Listener, Manner};
use crate::switch::{Place, Setup, Sipp, Switch};
use crate::tone;

/// What is said, and its tone. None is a multiple of another's.
const TEXTS: [(&str, u32); 6] = [
    ("menu", 440),
    ("wrong", 610),
    ("nothing", 790),
    ("question", 1_010),
    ("thanks", 1_270),
    ("sales", 1_530),
];

/// A second of each tone, in a folder of its own.
fn tones() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Whether there is a voice is tried with a word of the switch's own.
    for (text, frequency_hz) in TEXTS.into_iter().chain([("ready", 300)]) {
        let samples: Vec<i16> = (0..8_000).map(|at| tone::sample(frequency_hz, at)).collect();
        std::fs::write(folder.path().join(text).with_extension("wav"), tone::wav(&samples)).expect("written");
    }
    folder
}

/// "Hello?"
fn hello() -> Vec<i16> {
    let clip = Clip::from_wav(include_bytes!("../../src/simulator/audio/hello.wav")).expect("a WAV file");
    let mut samples = vec![0; clip.pcmu().len()];
    Law::Mu.decode(clip.pcmu(), &mut samples);
    samples
}

/// A speech program that makes a tone of each text.
fn speaks(folder: &Path) -> String {
    let copy = format!("cat '{}/'$(cat \\\"$2\\\")'.wav' > \\\"$1\\\"", folder.display());
    format!("[\"sh\", \"-c\", \"{copy}\", \"sh\", \"{{wav_file}}\", \"{{text_file}}\"]")
}

/// What the agent has said by its recording: each text once, however often it follows itself.
fn said(agent: &[i16]) -> Vec<&'static str> {
    let mut said: Vec<&str> = Vec::new();
    for part in agent.chunks_exact(800) {
        let is_loud = part.iter().filter(|sample| sample.unsigned_abs() > 2_000).count() > 400;
        let heard = TEXTS.iter().filter(|_| is_loud).find(|(_, hz)| tone::strength(part, *hz) > 0.8);
        said.extend(heard.map(|(text, _)| *text));
    }
    said.dedup();
    said
}

const MENU: &str = r#"
[[agent.script]]
label = "menu"
[agent.script.gather]
prompt = "menu"
invalid = "wrong"
nothing = "nothing"
choices = { 1 = "sales", 2 = "ask" }
timeout_seconds = 2
otherwise = "end"
[[agent.script]]
label = "ask"
listen = { prompt = "question", timeout_seconds = 10, otherwise = "end" }
[[agent.script]]
say = "thanks"
[[agent.script]]
hangup = true
[[agent.script]]
label = "sales"
say = "sales"
[[agent.script]]
label = "end"
hangup = true
"#;

fn setup(folder: &TempDir) -> Setup {
    Setup::new().tts(&speaks(folder.path())).agent("amd = {}").agent(MENU)
}

/// A call with no words of its own, to its end; what the agent said in it.
fn call(switch: &Switch) -> (Value, Vec<&'static str>) {
    let call = switch.call_with(json!({ "prompt": "menu" }));
    let record = switch.call_until_ended(&call);
    let recording = switch.recording(&record).expect("an answered call is recorded");
    let said = said(&recording.agent);
    (record, said)
}

#[test]
fn telephone_events_choose_what_is_said() {
    let tones = tones();
    // The callee presses its key when it hears somebody speak, and a tone is nobody.
    let voice = hello().into_iter().chain((0..8_000).map(|at| tone::sample(440, at))).collect::<Vec<_>>();
    std::fs::write(tones.path().join("menu.wav"), tone::wav(&voice)).expect("written");
    let place = Place::claim();
    let capabilities = Capabilities { codecs: vec![Codec::Pcmu], ..Capabilities::default() };
    let _callee = Listener::at(&place, Manner { capabilities, presses: None, replies: Some("1") });
    let switch = setup(&tones).at(place).start();
    let (record, said) = call(&switch);
    assert_eq!(record["ended_reason"], "completed", "{record}");
    assert_eq!(said, ["sales"], "the key came with the first words, and ended all before its answer");
    assert!(record["dead_air_ms"].is_number(), "{record}");
    assert_eq!(switch.complaints(), [""; 0]);
    assert!(!switch.whole_log().contains("sales"), "what is said is in no log");
}

#[test]
fn wrong_keys_are_told_so_and_who_is_asked_is_heard_to_the_end_of_its_turn() {
    let tones = tones();
    let switch = setup(&tones).sip("t1_ms = 1000").start();
    let sipp = Sipp::at(&switch.place, "menu");
    let (record, said) = call(&switch);
    sipp.succeed(1);
    assert_eq!(record["ended_reason"], "completed", "{record}");
    assert_eq!(said, ["menu", "wrong", "menu", "question", "thanks"], "{record}");
    let recording = switch.recording(&record).expect("an answered call is recorded");
    let (callee, agent) = (loud(&recording.callee), loud(&recording.agent));
    assert!(callee < agent, "the callee had done when the agent thanked it: {callee} and {agent}");
    assert_eq!(switch.complaints(), [""; 0]);
    switch.await_no_media_ports();
}

/// The last sample that is loud.
fn loud(side: &[i16]) -> usize {
    side.iter().rposition(|sample| sample.unsigned_abs() > 1_000).unwrap_or_default()
}

#[test]
fn an_agent_of_the_api_follows_its_script_and_keeps_it_whatever_else_is_changed() {
    let script = json!([
        { "listen": { "prompt": "{greet} there", "timeout_seconds": 1, "repeats": 0 } },
        { "branch": { "on": "heard", "cases": { "speech": "end" }, "otherwise": "end" } },
        { "label": "end", "hangup": true },
    ]);
    let (switch, _callees) =
        ring(Setup::new().extra("[[application]]\nname = \"x\"\nagent = \"agent_demo\""));
    let api = switch.client();
    let body = json!({ "name": "menu", "phone_number": "+15550000077", "trunk": "t1", "script": script });
    let made = api.post("/v1/native/agents", &body);
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/v1/native/agents/{}", made.json["id"]);
    let shown = &made.json["script"];
    assert_eq!((&shown[1], &shown[2]), (&script[1], &script[2]), "{made:?}");
    assert_eq!(shown[0]["listen"]["silence_ms"], 600, "with the defaults: {made:?}");

    for (bad, field, reason) in [
        (
            json!([{ "say": "a" }, { "gather": { "digits_max": 1, "otherwise": "x" } }]),
            "script[1].gather.otherwise",
            "no step labelled `x`",
        ),
        (json!([{ "say": "a", "label": "a" }, { "goto": "a" }]), "script[0]", "goes round for ever"),
        (json!([{ "say": "a" }, { "gather": { "digits": 1 } }]), "script[1].gather.digits", "unknown field"),
        (json!([{ "say": 7 }]), "script[0].say", "expected a string"),
        (json!({ "say": "a" }), "script", "expected a sequence"),
    ] {
        for reply in [
            api.post("/v1/native/agents", &json!({ "name": "bad", "script": bad })),
            api.patch(&path, &json!({ "script": bad }), &[]),
        ] {
            assert_eq!(reply.status, 400, "{reply:?}");
            assert_eq!(reply.json["error"]["details"]["field"], field, "{reply:?}");
            assert!(
                reply.json["error"]["message"].as_str().is_some_and(|text| text.contains(reason)),
                "{reply:?}"
            );
        }
    }
    let both = api.patch(&path, &json!({ "steps": ["a"] }), &[]);
    assert_eq!((both.status, &both.json["error"]["details"]["field"]), (400, &json!("script")), "{both:?}");

    // A vendor's client that knows nothing of scripts.
    let id = format!("/v1/agents/agent_{:016x}", made.json["id"].as_u64().expect("an id"));
    assert_eq!(api.patch(&id, &json!({ "silence_hangup_seconds": 20 }), &[]).status, 200);
    assert_eq!(api.get(&path).json["script"], *shown);

    let fields = json!({ "agent_id": "menu", "to_number": number(Persona::Person), "prompt": "Hello.", "dynamic_vars": { "greet": "Hi" } });
    let placed = api.post("/v1/calls/outbound", &fields);
    assert_eq!(placed.status, 201, "{placed:?}");
    let record = switch.call_until_ended(placed.json["call_id"].as_str().expect("an id"));
    assert_eq!(record["ended_reason"], "completed", "{record}");
    let unknown = json!({ "agent_id": "menu", "to_number": number(Persona::Person), "prompt": "Hello." });
    let placed = api.post("/v1/calls/outbound", &unknown);
    let record = switch.call_until_ended(placed.json["call_id"].as_str().expect("an id"));
    assert_eq!(
        record["warnings"],
        json!(["the prompt uses {greet}, which dynamic_vars does not have"]),
        "{record}"
    );
    assert_eq!(switch.complaints(), [""; 0]);
}

#[test]
fn a_file_with_a_script_that_does_not_hold_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut text = Setup::new().config(&Place::claim());
    let _ = write!(
        text,
        "[[agent]]\nid = \"b\"\n[[agent.script]]\nsay = \"a\"\n[[agent.script]]\ngoto = \"nowhere\"\n"
    );
    let line = text.lines().position(|line| line.starts_with("goto")).expect("it is there") + 1;
    std::fs::write(folder.path().join("trunkline.toml"), text).expect("written");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .arg("check")
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    let expected =
        format!("trunkline.toml:{line}: agent[1].script[1].goto: there is no step labelled `nowhere`");
    assert!(said.contains(&expected), "{said}");
}
