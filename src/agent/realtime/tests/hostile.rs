//! Models that send garbage, nothing, too much or half of it: the session goes on, or ends with a true reason.

use std::time::Duration;

use serde_json::json;

use super::pair::{Pair, briefed, sound};
use crate::agent::line::{Core as _, Event, Incoming, Why};
use crate::agent::realtime::driver::words;
use crate::agent::realtime::provider::door;
use crate::model::Provider;

#[test]
fn a_session_that_never_agrees_ends_within_its_time() {
    for provider in Provider::ALL {
        let mut pair = Pair::new(briefed(provider));
        pair.tick(499);
        assert_eq!(pair.why(), None, "{provider:?}");
        pair.tick(2);
        assert!(matches!(pair.why(), Some(Why::Failed(why)) if why.contains("not ready")), "{provider:?}");
        assert!(matches!(pair.events.last(), Some(Event::Ended(_))));
    }
}

#[test]
fn garbage_ends_the_session_only_if_nothing_else_comes() {
    let garbage =
        ["", "{", "[]", "null", "{}", "{\"type\":7}", "{\"type\":\"\"}", "\u{0}", "{\"type\":\"audio\"}"];
    for provider in Provider::ALL {
        let mut pair = Pair::new(briefed(provider));
        for text in garbage.iter().cycle().take(90) {
            pair.life.handle_message(pair.now, Incoming::Text(text));
        }
        assert_eq!(pair.why(), None, "{provider:?}");
        let mut lost = Pair::new(briefed(provider));
        for text in ["{", "[]", "{}"].iter().cycle().take(101) {
            lost.life.handle_message(lost.now, Incoming::Text(text));
        }
        assert_eq!(lost.why(), Some(&Why::Gibberish), "{provider:?}");
    }
}

#[test]
fn fields_of_the_wrong_kind_are_told_from_events_of_the_future() {
    let mut pair = Pair::new(briefed(Provider::OpenAi));
    pair.says(&json!({ "type": "response.output_audio.delta", "item_id": 4, "delta": {} }));
    assert_eq!(pair.life.counters().malformed, 1);
    pair.says(&json!({ "type": "response.output_smell.delta", "item_id": 4, "delta": {} }));
    assert_eq!(pair.life.counters().malformed, 1);
}

#[test]
fn audio_that_is_no_base64_is_not_heard() {
    let mut pair = Pair::new(briefed(Provider::OpenAi));
    let delta = json!({ "type": "response.output_audio.delta", "item_id": "a", "delta": "!!!" });
    pair.says(&delta);
    assert_eq!((pair.life.counters().malformed, pair.life.counters().frames_in), (1, 0));
}

#[test]
fn five_minutes_that_nobody_has_heard_are_enough() {
    let mut pair = Pair::new(briefed(Provider::OpenAi));
    let delta = json!({ "type": "response.output_audio.delta", "item_id": "a", "content_index": 0, "delta": sound(10_000) });
    let mut count = 0;
    while !pair.life.is_full() {
        pair.says(&delta);
        count += 1;
    }
    assert!((30..=32).contains(&count), "{count} times ten seconds");
}

#[test]
fn a_model_that_only_uses_its_tools_is_stopped() {
    let mut pair = Pair::new(briefed(Provider::Deepgram));
    pair.says(&json!({ "type": "SettingsApplied" }));
    for id in 0..201 {
        let id = format!("f{id}");
        let function = json!({ "id": id, "name": "nothing", "arguments": "{}", "client_side": true });
        pair.says(&json!({ "type": "FunctionCallRequest", "functions": [function] }));
    }
    assert!(matches!(pair.why(), Some(Why::Failed(why)) if why.contains("tools")), "{:?}", pair.why());
}

#[test]
fn more_tools_at_once_than_are_run_are_refused_and_the_others_run() {
    let mut pair = Pair::new(briefed(Provider::Deepgram));
    pair.says(&json!({ "type": "SettingsApplied" }));
    pair.told();
    for id in 0..12 {
        let id = format!("f{id}");
        let function = json!({ "id": id, "name": "book", "arguments": "{}", "client_side": true });
        pair.says(&json!({ "type": "FunctionCallRequest", "functions": [function] }));
    }
    assert_eq!((pair.errands.len(), pair.told().len()), (8, 4));
}

#[test]
fn the_key_is_in_a_header_and_in_nothing_that_is_shown() {
    let header = |provider| door(&briefed(provider)).1.expect("a header");
    assert_eq!(header(Provider::OpenAi), ("Authorization", "Bearer sk-hunter2".to_owned()));
    assert_eq!(header(Provider::Deepgram), ("Authorization", "Token sk-hunter2".to_owned()));
    assert_eq!(header(Provider::ElevenLabs), ("xi-api-key", "sk-hunter2".to_owned()));
    for provider in Provider::ALL {
        let briefed = briefed(provider);
        assert!(!door(&briefed).0.as_str().contains("hunter2"));
        assert!(!format!("{briefed:?} {:?}", briefed.model).contains("hunter2"));
        assert!(!words(&briefed, "c", "you said sk-hunter2").contains("hunter2"));
        assert!(words(&briefed, "c", &"ä".repeat(1_000)).chars().count() <= 200);
    }
}

#[test]
fn the_model_is_named_in_the_url_once() {
    assert_eq!(door(&briefed(Provider::OpenAi)).0.query(), Some("model=the-model"));
    assert_eq!(door(&briefed(Provider::ElevenLabs)).0.query(), Some("agent_id=the-model"));
    let mut briefed = briefed(Provider::OpenAi);
    std::sync::Arc::make_mut(&mut briefed.model).url = "wss://a.example/?model=b".parse().expect("a URL");
    assert_eq!(door(&briefed).0.query(), Some("model=b"));
}

#[test]
fn a_call_that_is_over_ends_the_session_and_a_bridge_that_is_gone_does_too() {
    let mut pair = Pair::new(briefed(Provider::OpenAi));
    pair.life.handle_over();
    assert_eq!(pair.why(), Some(&Why::CallOver));
    let mut pair = Pair::new(briefed(Provider::OpenAi));
    drop(pair.seat);
    pair.life.handle_timeout(pair.now + Duration::from_millis(20), true);
    assert_eq!(pair.life.ended(), Some(&Why::CallOver));
}
