//! Deepgram's Voice Agent.

use serde_json::{Value, json};

use super::pair::{Pair, briefed};
use crate::agent::line::Core as _;
use crate::agent::stream::{Event, Why};
use crate::model::{Briefed, Provider, Speaker};

fn deepgram() -> Briefed {
    briefed(Provider::Deepgram)
}

fn ready(briefed: Briefed) -> Pair {
    let mut pair = Pair::new(briefed);
    pair.says(&json!({ "type": "Welcome", "request_id": "r" }));
    pair.says(&json!({ "type": "SettingsApplied" }));
    pair
}

#[test]
fn settings_come_first_and_first_words_are_asked_for_once_they_are_applied() {
    let mut pair = Pair::new(deepgram());
    let told = pair.told();
    assert_eq!(told.len(), 1);
    let (audio, agent) = (&told[0]["audio"], &told[0]["agent"]);
    assert_eq!(audio["input"], json!({ "encoding": "mulaw", "sample_rate": 8000 }));
    assert_eq!(audio["output"]["encoding"], "mulaw");
    assert_eq!(agent["think"]["provider"], json!({ "type": "open_ai", "model": "the-model" }));
    assert_eq!(agent["think"]["prompt"], "You are Sarah.");
    assert_eq!(agent["speak"]["provider"]["model"], "a-voice");
    assert!(agent.get("greeting").is_none());
    pair.says(&json!({ "type": "SettingsApplied" }));
    assert_eq!(pair.told()[0]["type"], "InjectUserMessage");
}

#[test]
fn a_greeting_is_the_settings_and_nothing_else_is_asked_for() {
    let mut pair = ready(Briefed { greeting: Some("Hello.".into()), ..deepgram() });
    let told = pair.told();
    assert_eq!((told.len(), &told[0]["agent"]["greeting"]), (1, &json!("Hello.")));
    let mut silent = ready(Briefed { greeting: Some("Hello.".into()), speaks_first: false, ..deepgram() });
    assert!(silent.told()[0]["agent"].get("greeting").is_none(), "the callee speaks first");
}

#[test]
fn audio_is_bytes_both_ways_and_a_silent_line_is_kept_alive() {
    let mut pair = ready(deepgram());
    pair.told();
    pair.tick(200);
    assert_eq!(pair.told(), [json!({ "type": "KeepAlive" })]);
    pair.binary(&[0x10; 800]);
    pair.answer();
    pair.tick(10);
    assert_eq!(pair.heard.len(), 5);
    assert!(pair.sent.contains(&json!(160)));
}

#[test]
fn an_interruption_throws_away_what_waits_and_what_comes_next_is_heard() {
    let mut pair = ready(deepgram());
    pair.answer();
    pair.binary(&[0x10; 16_000]);
    pair.tick(10);
    pair.says(&json!({ "type": "UserStartedSpeaking" }));
    pair.tick(10);
    assert_eq!(pair.heard.len(), 10);
    pair.binary(&[0x11; 160]);
    pair.tick(3);
    assert_eq!(pair.heard.len(), 11);
}

#[test]
fn what_the_call_threw_away_is_not_heard_later() {
    let mut pair = ready(deepgram());
    pair.answer();
    pair.binary(&[0x10; 1_600]);
    pair.tick(5);
    pair.seat.flush();
    pair.tick(1);
    pair.binary(&[0x10; 1_600]);
    pair.tick(10);
    assert_eq!(pair.heard.len(), 5);
    pair.says(&json!({ "type": "AgentAudioDone" }));
    pair.binary(&[0x11; 160]);
    pair.tick(3);
    assert_eq!(pair.heard.len(), 6);
}

#[test]
fn what_comes_after_a_turn_that_was_over_is_heard() {
    let mut pair = ready(deepgram());
    pair.answer();
    pair.binary(&[0x10; 1_600]);
    pair.says(&json!({ "type": "AgentAudioDone" }));
    pair.tick(5);
    pair.seat.flush();
    pair.tick(1);
    pair.binary(&[0x11; 1_600]);
    pair.tick(12);
    assert_eq!(pair.heard.len(), 15);
}

#[test]
fn tools_that_are_ours_are_used_and_answered() {
    let mut pair = ready(deepgram());
    pair.told();
    let function = |id: &str, name: &str, client_side: bool| json!({ "id": id, "name": name, "arguments": "{\"digits\":\"5\"}", "client_side": client_side });
    let functions = json!([function("f1", "send_dtmf", true), function("f2", "elsewhere", false)]);
    pair.says(&json!({ "type": "FunctionCallRequest", "functions": functions }));
    let told: Vec<Value> = pair.told();
    let answer = json!({
        "type": "FunctionCallResponse", "id": "f1", "name": "send_dtmf", "content": "{\"ok\":true}",
    });
    assert_eq!(told, [answer]);
    assert!(matches!(pair.events.last(), Some(Event::Asked(_))));
}

#[test]
fn a_goodbye_that_comes_after_the_wish_to_hang_up_is_heard() {
    let mut pair = ready(deepgram());
    pair.answer();
    let functions = json!([{ "id": "f1", "name": "end_call", "arguments": "{}", "client_side": true }]);
    pair.says(&json!({ "type": "FunctionCallRequest", "functions": functions }));
    pair.tick(20);
    pair.binary(&[0x10; 8_000]);
    pair.tick(49);
    assert_eq!(pair.why(), None);
    pair.tick(31);
    assert_eq!((pair.heard.len(), pair.why()), (50, Some(&Why::HungUp)));
}

#[test]
fn a_long_goodbye_is_kept_alive_and_heard_whatever_becomes_of_the_session() {
    let error = json!({ "type": "Error", "code": "INTERNAL_SERVER_ERROR", "description": "It broke." });
    let fates: [fn(&mut Pair, &Value); 4] = [
        |pair, error| pair.says(error),
        |pair, _| pair.life.handle_closed(Some(1000)),
        |pair, _| pair.life.handle_gone(Why::Closed { code: Some(1005) }, true),
        |pair, _| pair.life.handle_gone(Why::Lost("reset".into()), false),
    ];
    for fate in fates {
        let mut pair = ready(deepgram());
        pair.answer();
        pair.binary(&[0x10; 80_000]);
        let functions = json!([{ "id": "f1", "name": "end_call", "arguments": "{}", "client_side": true }]);
        pair.says(&json!({ "type": "FunctionCallRequest", "functions": functions }));
        pair.told();
        pair.tick(250);
        assert_eq!(pair.told(), [json!({ "type": "KeepAlive" })]);
        fate(&mut pair, &error);
        assert!(pair.life.is_leaving(), "the connection has no purpose any more");
        pair.binary(&[0x11; 160]);
        pair.tick(249);
        assert_eq!((pair.told(), pair.why()), (vec![], None));
        pair.tick(2);
        assert_eq!((pair.heard.len(), pair.why()), (500, Some(&Why::HungUp)));
    }
}

#[test]
fn words_are_told_but_not_those_that_we_put_into_its_mouth() {
    let mut pair = ready(deepgram());
    let begin = pair.told()[1]["content"].clone();
    for (role, content) in [("user", begin), ("assistant", json!("Hello.")), ("user", json!("Who?"))] {
        pair.says(&json!({ "type": "ConversationText", "role": role, "content": content }));
    }
    let said: Vec<_> = pair
        .events
        .iter()
        .filter_map(
            |event| if let Event::Said(line) = event { Some((line.by, line.text.as_str())) } else { None },
        )
        .collect();
    assert_eq!(said, [(Speaker::Agent, "Hello."), (Speaker::Callee, "Who?")]);
}

#[test]
fn a_second_session_goes_on_where_it_is_its_turn() {
    let (spoke, over) = (json!({ "type": "UserStartedSpeaking" }), json!({ "type": "AgentAudioDone" }));
    for (before, is_its_turn) in [(vec![], true), (vec![&over], false), (vec![&over, &spoke], true)] {
        let mut pair = ready(deepgram());
        pair.answer();
        pair.binary(&[0x10; 800]);
        pair.tick(10);
        before.into_iter().for_each(|message| pair.says(message));
        pair.told();
        pair.life.handle_lost();
        pair.life.handle_connected(pair.now);
        pair.says(&json!({ "type": "SettingsApplied" }));
        let told = pair.told();
        assert_eq!(told.len(), 1 + usize::from(is_its_turn), "{told:?}");
        let Some(asked) = told.get(1) else { continue };
        assert_eq!(asked["type"], "InjectUserMessage");
        pair.events.clear();
        pair.says(&json!({ "type": "ConversationText", "role": "user", "content": asked["content"] }));
        assert_eq!(pair.events, [], "the callee has said nothing of the kind");
    }
}

#[test]
fn an_error_is_the_sessions_end_with_its_words() {
    let mut pair = ready(deepgram());
    pair.says(&json!({ "type": "Warning", "code": "W", "description": "Slow." }));
    assert_eq!(pair.why(), None);
    pair.says(&json!({ "type": "Error", "code": "CLIENT_MESSAGE_TIMEOUT", "description": "Nothing came." }));
    assert_eq!(pair.why(), Some(&Why::Failed("CLIENT_MESSAGE_TIMEOUT: Nothing came.".into())));
}
