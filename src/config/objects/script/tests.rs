//! Scripts as the file has them and as the API does: what they become, and every fault by its place.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::Config;
use crate::model::{Agent, AgentId, Menu, Prompt, TenantId};

/// The agent of a file whose script is this, or the faults.
fn file(script: &str) -> Result<Agent, Vec<String>> {
    let text = format!("[webhooks]\nallow_http = true\n[[agent]]\nid = \"a\"\n{script}");
    match Config::parse("t.toml", &text, []) {
        Ok(config) => Ok(config.objects.agents[0].clone()),
        Err(error) => Err(error.to_string().lines().map(str::to_owned).collect()),
    }
}

fn flow(script: &str) -> Arc<Flow> {
    file(script).unwrap_or_else(|faults| panic!("{faults:?}")).flow.expect("a script")
}

/// The faults of an agent of the API's whose script is this.
fn stored(script: serde_json::Value) -> Vec<String> {
    let document = json!({ "script": script }).as_object().expect("an object").clone();
    let rules = crate::config::Rules::default();
    let known = crate::config::Known::new(TenantId(1), Vec::new(), Vec::new(), Vec::new(), &rules);
    match crate::config::agent(AgentId(1), "a", document, &known) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| format!("{}: {}", fault.key, fault.reason)).collect(),
    }
}

const MENU: &str = r#"
[[agent.script]]
say = "Hello {name}."
barge_in = false
[[agent.script]]
label = "menu"
[agent.script.gather]
prompt = "Press 1 for sales, or 22 to hear this again."
invalid = [{ say = "Sorry." }, { pause_ms = 300 }, { play = "http://a.example/b.wav" }]
choices = { "1" = "sales", "22" = "menu" }
speech = true
on_speech = "sales"
otherwise = "bye"
[[agent.script]]
label = "sales"
transfer = "+15551230002"
[[agent.script]]
record = true
[[agent.script]]
listen = { prompt = "Leave a message.", timeout_seconds = 9, silence_ms = 1500, repeats = 0 }
[[agent.script]]
label = "bye"
hangup = true
"#;

#[test]
fn a_script_of_the_file_becomes_steps() {
    let flow = flow(MENU);
    assert_eq!(flow.steps().len(), 6);
    assert_eq!(flow.steps()[0].barge_in, Some(false));
    let FlowAct::Menu(menu) = &flow.steps()[1].act else { panic!("a menu") };
    let Menu { prompt, invalid, keys, turn, timeout, repeats, on_speech, otherwise, .. } = &**menu;
    assert_eq!(prompt, &[Prompt::Text("Press 1 for sales, or 22 to hear this again.".into())]);
    assert_eq!(invalid.len(), 3);
    assert_eq!(invalid[1], Prompt::Pause(Duration::from_millis(300)));
    let keys = keys.as_ref().expect("keys");
    assert_eq!((keys.digits_min, keys.digits_max, keys.finish_on), (1, 2, Some('#')));
    assert_eq!((&*keys.into, keys.choices.len()), ("digits", 2));
    assert_eq!((timeout.as_secs(), *repeats, *on_speech, *otherwise), (5, 1, Some(2), Some(5)));
    assert!(turn.is_some() && flow.steps()[1].barge_in.is_none(), "speech counts, and interrupts");
    let FlowAct::Menu(listen) = &flow.steps()[4].act else { panic!("a turn") };
    assert!(listen.keys.is_none());
    let turn = listen.turn.expect("a turn");
    assert_eq!((turn.silence.as_millis(), turn.longest.as_secs(), listen.repeats), (1_500, 60, 0));
}

#[test]
fn one_key_needs_no_key_to_end_it_and_words_stop_no_menu_of_keys() {
    let one = flow(
        "[[agent.script]]\ngather = { choices = { 1 = \"end\" }, otherwise = \"end\" }\n\
                    [[agent.script]]\nlabel = \"end\"\nhangup = true",
    );
    let FlowAct::Menu(menu) = &one.steps()[0].act else { panic!("a menu") };
    assert_eq!(menu.keys.as_ref().map(|keys| (keys.digits_max, keys.finish_on)), Some((1, None)));
    assert_eq!(one.steps()[0].barge_in, Some(false));
    let pound = flow("[[agent.script]]\ngather = { accept = [\"4xX\", \"#\"], digits_max = 3 }");
    let FlowAct::Menu(menu) = &pound.steps()[0].act else { panic!("a menu") };
    assert_eq!(menu.keys.as_ref().map(|keys| keys.finish_on), Some(None), "a key that counts ends nothing");
}

#[test]
fn every_fault_is_told_with_its_line() {
    let said = file(
        r#"
[[agent.script]]
say = " "
[[agent.script]]
say = "Bye. [END_CALL]"
[[agent.script]]
say = "a"
play = "http://a.example/b.wav"
[[agent.script]]
label = "a"
[[agent.script]]
play = "ftp://a.example/"
[[agent.script]]
pause_ms = 0
barge_in = true
[[agent.script]]
send_digits = "12x"
[[agent.script]]
transfer = "desk"
[[agent.script]]
hangup = false
"#,
    );
    let expected = [
        "t.toml:7: agent[0].script[0].say: must be words, of at most 8192 bytes",
        "t.toml:9: agent[0].script[1].say: holds [END_CALL]: in a script a step with hangup = true ends the call",
        "t.toml:12: agent[0].script[2].play: say and play: one of them must go",
        "t.toml:13: agent[0].script[3]: does nothing: name one of say, play, pause_ms, gather, listen, record, \
         do_not_call, send_digits, transfer, branch, goto, hangup",
        "t.toml:16: agent[0].script[4].play: `ftp://a.example/` must begin with https://",
        "t.toml:18: agent[0].script[5].pause_ms: must be 1 to 60000 ms, not 0",
        "t.toml:19: agent[0].script[5].barge_in: goes with say, play, gather and listen",
        "t.toml:21: agent[0].script[6].send_digits: must be 1 to 64 of 0-9 * # A-D , w",
        "t.toml:23: agent[0].script[7].transfer: `desk` is not a number in E.164 form: `+`, then 2 to 15 digits \
         of which the first is not 0",
        "t.toml:25: agent[0].script[8].hangup: must be true, or not be there",
    ];
    assert_eq!(said.expect_err("it does not hold"), expected);
}

#[test]
fn a_gathers_faults_are_told_by_their_fields() {
    for (gather, field, reason) in [
        (json!({}), "digits_max", "is missing: how many keys, unless choices or accept say so"),
        (
            json!({ "digits_max": 65 }),
            "digits_max",
            "must be 1 to 64, and no less than digits_min or the longest",
        ),
        (json!({ "digits_max": 2, "digits_min": 3 }), "digits_max", "must be 1 to 64"),
        (json!({ "accept": ["123"], "digits_max": 2 }), "digits_max", "must be 1 to 64"),
        (json!({ "accept": ["1"], "digits_min": 1 }), "digits_min", "goes without choices and accept"),
        (json!({ "accept": ["1", "1y"] }), "accept[1]", "`1y` must be 1 to 64 of 0-9"),
        (
            json!({ "accept": ["1"], "choices": { "1": "s" } }),
            "accept",
            "choices and accept: one of them must go",
        ),
        (json!({ "choices": { "x": "s" } }), "choices.x", "`x` must be 1 to 64 of 0-9 * # A-D"),
        (json!({ "choices": { "1": "nowhere" } }), "choices.1", "there is no step labelled `nowhere`"),
        (json!({ "digits_max": 2, "finish_on": "12" }), "finish_on", "must be one key"),
        (
            json!({ "accept": ["1*"], "finish_on": "*" }),
            "finish_on",
            "must be one key of 0-9 * # A-D, and none of",
        ),
        (json!({ "digits_max": 1, "into": "prompt" }), "into", "must be a variable's name"),
        (json!({ "digits_max": 1, "into": "a b" }), "into", "must be a variable's name"),
        (
            json!({ "digits_max": 1, "timeout_seconds": 0 }),
            "timeout_seconds",
            "must be 1 to 60 seconds, not 0",
        ),
        (json!({ "digits_max": 1, "repeats": 11 }), "repeats", "must be at most 10, not 11"),
        (json!({ "digits_max": 1, "silence_ms": 100 }), "silence_ms", "must be 200 to 5000 ms, not 100"),
        (json!({ "digits_max": 1, "longest_seconds": 601 }), "longest_seconds", "must be 1 to 600 seconds"),
        (json!({ "digits_max": 1, "on_speech": "s" }), "on_speech", "goes with speech = true"),
        (json!({ "digits_max": 1, "otherwise": "nowhere" }), "otherwise", "there is no step labelled"),
        (json!({ "digits_max": 1, "prompt": "" }), "prompt[0].say", "must be words"),
        (
            json!({ "digits_max": 1, "nothing": [{ "say": "a", "pause_ms": 5 }] }),
            "nothing[0]",
            "must be one of",
        ),
        (json!({ "digits_max": 1, "invalid": [{ "play": "x" }] }), "invalid[0].play", "`x` is not a URL"),
        (json!({ "digits_max": 1, "prompt": [{ "sing": "a" }] }), "prompt[0].sing", "unknown field `sing`"),
        (json!({ "digits_max": 1, "prompt": 7 }), "prompt", "words, or a list of say, play and pause_ms"),
        (json!([1]), "", "must be an object"),
        (json!({ "digits_max": 1, "prompt": [["a"]] }), "prompt[0]", "must be an object"),
    ] {
        let said = stored(json!([{ "say": "Hi.", "label": "s" }, { "gather": gather }]));
        let dot = if field.is_empty() { "" } else { "." };
        let expected = format!("script[1].gather{dot}{field}: ");
        assert_eq!(said.len(), 1, "{gather}: {said:?}");
        assert!(said[0].starts_with(&expected) && said[0].contains(reason), "{gather}: {said:?}");
    }
}

#[test]
fn a_branchs_and_a_listens_faults_are_told_by_their_fields() {
    for (step, field, reason) in [
        (
            json!({ "branch": { "on": "a b", "cases": { "1": "s" } } }),
            "branch.on",
            "must be a variable's name",
        ),
        (json!({ "branch": { "on": "a", "cases": {} } }), "branch.cases", "must be 1 to 64 values"),
        (json!({ "branch": { "on": "a", "cases": { "1": "t" } } }), "branch.cases.1", "there is no step"),
        (json!({ "listen": { "timeout_seconds": 61 } }), "listen.timeout_seconds", "must be 1 to 60"),
        (json!({ "listen": { "otherwise": "t" } }), "listen.otherwise", "there is no step labelled `t`"),
        (json!({ "goto": "t" }), "goto", "there is no step labelled `t`"),
        (json!({ "label": "s t", "pause_ms": 5 }), "label", "must be 1 to 64 letters"),
    ] {
        let said = stored(json!([{ "say": "Hi." }, step, { "label": "s", "hangup": true }]));
        assert_eq!(said.len(), 1, "{step}: {said:?}");
        assert!(said[0].starts_with(&format!("script[1].{field}: ")), "{step}: {said:?}");
        assert!(said[0].contains(reason), "{step}: {said:?}");
    }
    assert_eq!(stored(json!([["a"]])), ["script[0]: must be an object"]);
    let round = stored(json!([{ "say": "Hi.", "label": "s" }, { "goto": "s" }]));
    assert_eq!(round, ["script[0]: goes round for ever: put a gather, a listen or a pause into the loop"]);
}

#[test]
fn an_agent_has_lines_or_a_script_and_nobody_else_talks() {
    let script = "[[agent.script]]\nsay = \"a\"";
    assert_eq!(
        file(&format!("steps = [\"b\"]\n{script}")).expect_err("both"),
        ["t.toml:6: agent[0].script: steps and script: one of them must go"]
    );
    let people = file(&format!("[agent.people]\n{script}")).expect_err("both");
    assert_eq!(
        people,
        ["t.toml:6: agent[0].script: people and script: one of them talks, the other must go"]
    );
    assert!(
        file("greeting = \"Hello.\"\n[[agent.script]]\nhangup = true").is_ok(),
        "a greeting is said first"
    );
}

#[test]
fn what_was_saved_is_shown_as_it_was_written() {
    let script = json!([
        { "label": "m", "gather": { "prompt": [{ "say": "Your code?" }, { "pause_ms": 5 }], "digits_max": 4 } },
        { "branch": { "on": "digits", "cases": { "1234": "m" } } },
        { "hangup": true },
    ]);
    let document = json!({ "script": script }).as_object().expect("an object").clone();
    let shown = crate::config::filled(crate::model::ObjectKind::Agent, "a", document).expect("a table");
    let gather = &shown["script"][0]["gather"];
    assert_eq!(gather["prompt"], script[0]["gather"]["prompt"]);
    assert_eq!((&gather["repeats"], &gather["into"]), (&json!(1), &json!("digits")), "with the defaults");
    assert_eq!(shown["script"][2], json!({ "hangup": true }));
}

#[test]
fn the_manuals_example_holds() {
    let manual = include_str!("../../../../README.md");
    let example =
        manual.split("```toml").skip(1).find(|block| block.contains("[[agent.script]]")).expect("an example");
    let example = example.split("```").next().expect("its end");
    let config = Config::parse("README.md", example, []).unwrap_or_else(|error| panic!("{error}"));
    assert!(config.objects.agents[0].flow.is_some());
}
