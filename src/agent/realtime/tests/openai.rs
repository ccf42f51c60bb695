//! OpenAI's Realtime API.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{Pair, briefed, sound};
use crate::agent::line::{Core as _, Event, Why};
use crate::agent::realtime::life::Input;
use crate::model::{Briefed, Provider, Speaker, Step};

mod tools;

fn openai() -> Briefed {
    briefed(Provider::OpenAi)
}

fn ready(briefed: Briefed) -> Pair {
    let mut pair = Pair::new(briefed);
    pair.says(&json!({ "type": "session.created", "event_id": "e", "session": { "type": "realtime" } }));
    pair.says(&json!({ "type": "session.updated", "event_id": "e", "session": { "type": "realtime" } }));
    pair
}

fn delta(item: &str, ms: usize) -> Value {
    json!({
        "type": "response.output_audio.delta", "event_id": "e", "response_id": "r", "item_id": item,
        "output_index": 0, "content_index": 0, "delta": sound(ms),
    })
}

fn speech_started() -> Value {
    json!({ "type": "input_audio_buffer.speech_started", "event_id": "e", "audio_start_ms": 5, "item_id": "u" })
}

fn done(output: &Value) -> Value {
    json!({ "type": "response.done", "event_id": "e", "response": { "status": "completed", "output": output } })
}

fn calls(calls: &[(&str, &str, &str)]) -> Value {
    let call = |(id, name, arguments): &(&str, &str, &str)| json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments });
    done(&calls.iter().map(call).collect::<Vec<_>>().into())
}

fn kinds(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["type"].as_str()).collect()
}

#[test]
fn the_session_is_told_what_it_is_and_its_first_words_are_asked_for_at_once() {
    let mut pair = Pair::new(openai());
    let told = pair.told();
    assert_eq!(kinds(&told), ["session.update", "response.create"]);
    let session = &told[0]["session"];
    assert_eq!((&session["type"], &session["instructions"]), (&json!("realtime"), &json!("You are Sarah.")));
    let pcmu = json!({ "type": "audio/pcmu" });
    assert_eq!(session["audio"]["input"]["format"], pcmu);
    assert_eq!(session["audio"]["output"], json!({ "format": pcmu, "voice": "a-voice" }));
    let names: Vec<_> =
        session["tools"].as_array().expect("tools").iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["end_call", "send_dtmf", "transfer", "book"]);
}

#[test]
fn who_is_to_listen_first_is_not_asked_for_words() {
    let mut pair = ready(Briefed { speaks_first: false, ..openai() });
    assert_eq!(kinds(&pair.told()), ["session.update"]);
    assert_eq!(pair.events, [Event::Connected]);
    pair.answer();
    pair.tick(1);
    assert_eq!(pair.spoken(), 1, "it hears the callee from the answer on");
}

#[test]
fn first_words_wait_behind_the_gate_and_the_callees_greeting_does_not_take_them_back() {
    let mut pair = ready(openai());
    assert_eq!(pair.events, [], "nothing was said yet");
    pair.says(&delta("a", 100));
    assert_eq!(pair.events, [Event::Connected]);
    pair.told();
    pair.life.handle_input(pair.now, Input::Answered);
    pair.tick(50);
    assert_eq!((pair.spoken(), pair.heard.len()), (0, 0));
    pair.is_open = true;
    pair.tick(5);
    assert_eq!(pair.heard.len(), 5);
    assert!(pair.spoken() > 0, "from its first word on it hears the callee");
}

#[test]
fn a_model_that_is_silent_is_given_the_callee_to_hear_at_last() {
    let mut pair = ready(openai());
    pair.answer();
    pair.tick(249);
    assert_eq!(pair.spoken(), 0);
    pair.tick(10);
    assert!(pair.spoken() > 0);
}

#[test]
fn an_interruption_is_silence_within_the_tick_and_the_model_is_told_what_was_heard() {
    let mut pair = ready(openai());
    pair.answer();
    pair.says(&delta("a", 300));
    pair.says(&delta("a", 2_000));
    pair.tick(25);
    assert_eq!(pair.heard.len(), 25);
    pair.told();
    pair.says(&speech_started());
    let truncate = json!({
        "type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 500,
    });
    assert_eq!(pair.told(), [truncate]);
    // What was under way belongs to what was thrown away.
    pair.says(&delta("a", 500));
    pair.tick(30);
    assert_eq!(pair.heard.len(), 25);
    pair.says(&delta("b", 100));
    pair.tick(6);
    assert_eq!(pair.heard.len(), 30, "the next item is heard");
    assert_eq!(pair.life.counters().clears, 1);
}

#[test]
fn an_item_that_nobody_heard_any_of_is_told_so_and_one_that_was_heard_whole_is_not() {
    let mut pair = ready(openai());
    pair.answer();
    pair.says(&delta("a", 100));
    pair.tick(6);
    pair.says(&delta("b", 200));
    pair.says(&delta("c", 200));
    pair.tick(5);
    pair.told();
    pair.says(&speech_started());
    let told: Vec<_> =
        pair.told().iter().map(|one| (one["item_id"].clone(), one["audio_end_ms"].clone())).collect();
    assert_eq!(told, [(json!("b"), json!(100)), (json!("c"), json!(0))]);
}

fn worded(item: &str, words: &str) -> Value {
    json!({
        "type": "response.output_audio_transcript.done", "event_id": "e", "response_id": "r", "item_id": item,
        "output_index": 0, "content_index": 0, "transcript": words,
    })
}

#[test]
fn of_what_is_cut_short_the_words_that_nobody_heard_are_taken_back() {
    let mut pair = ready(reconnecting());
    pair.answer();
    pair.says(&delta("a", 600));
    pair.says(&worded("a", "We are open from nine to five."));
    pair.says(&delta("b", 400));
    pair.says(&worded("b", "And on Sundays?"));
    pair.says(&delta("laughs", 100));
    pair.says(&worded("laughs", ""));
    pair.says(&delta("c", 400));
    pair.tick(17);
    pair.says(&speech_started());
    // Its words come when it was cut short already.
    pair.says(&worded("c", "I will see."));
    let lines: Vec<_> = pair
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Said(line) => Some(("said", line.text.as_str())),
            Event::Corrected(line) => Some(("corrected", line.text.as_str())),
            _ => None,
        })
        .collect();
    let told = [
        ("said", "We are open from nine to five."),
        ("said", "And on Sundays?"),
        ("corrected", ""),
        ("corrected", "We are open from"),
    ];
    assert_eq!(lines, told, "the last line goes, and then the one before is the last");
    pair.told();
    pair.life.handle_lost();
    pair.life.handle_connected(pair.now);
    pair.drain();
    let told = pair.told();
    let instructions = told[0]["session"]["instructions"].as_str().expect("text");
    assert!(instructions.ends_with(":\nagent: We are open from\n"), "{instructions}");
}

#[test]
fn who_may_not_be_interrupted_says_so_to_the_session_and_is_not() {
    let mut pair = ready(Briefed { barge_in: false, ..openai() });
    let session = &pair.told()[0]["session"];
    assert_eq!(session["audio"]["input"]["turn_detection"]["interrupt_response"], false);
    pair.answer();
    pair.says(&delta("a", 200));
    pair.tick(5);
    pair.says(&speech_started());
    pair.tick(10);
    assert_eq!(pair.heard.len(), 10);
}

#[test]
fn what_the_call_throws_away_is_cancelled_and_truncated() {
    let mut pair = ready(openai());
    pair.says(&json!({ "type": "response.created", "event_id": "e", "response": {} }));
    pair.answer();
    pair.says(&delta("a", 1_000));
    pair.tick(10);
    pair.told();
    pair.seat.flush();
    pair.tick(1);
    let told = pair.told();
    assert_eq!(kinds(&told), ["conversation.item.truncate", "response.cancel"]);
    assert_eq!(told[0]["audio_end_ms"], 200, "what the port had taken was not heard");
    pair.says(&delta("b", 1_000));
    pair.tick(10);
    pair.says(&speech_started());
    assert_eq!(pair.told()[0]["audio_end_ms"], 200, "the next is counted from its own beginning");
}

#[test]
fn keys_are_told_together_once_the_callee_pauses() {
    let mut pair = ready(openai());
    pair.says(&done(&json!([])));
    pair.answer();
    pair.told();
    for digit in ['1', '2'] {
        pair.life.handle_input(pair.now, Input::Digit(digit));
        pair.tick(50);
    }
    assert_eq!(pair.told(), [] as [Value; 0]);
    pair.tick(26);
    let told = pair.told();
    assert_eq!(kinds(&told), ["conversation.item.create", "response.create"]);
    assert!(told[0]["item"]["content"][0]["text"].as_str().expect("text").contains("12"));
}

#[test]
fn what_was_said_is_told_with_the_time_at_which_it_began() {
    let mut pair = ready(openai());
    pair.answer();
    let began = pair.now;
    pair.says(&speech_started());
    pair.tick(50);
    let understood = json!({
        "type": "conversation.item.input_audio_transcription.completed", "event_id": "e", "item_id": "u",
        "content_index": 0, "transcript": "Who is there?", "usage": { "type": "duration", "seconds": 1 },
    });
    pair.says(&understood);
    let Some(Event::Said(line)) = pair.events.last() else { panic!("{:?}", pair.events) };
    assert_eq!((line.by, line.at, line.text.as_str()), (Speaker::Callee, began, "Who is there?"));
}

#[test]
fn the_word_that_ends_a_script_ends_the_call_and_is_in_no_transcript() {
    let mut pair = ready(openai());
    pair.answer();
    pair.says(&json!({
        "type": "response.output_audio_transcript.done", "event_id": "e", "response_id": "r", "item_id": "a",
        "output_index": 0, "content_index": 0, "transcript": "Goodbye. [END_CALL]",
    }));
    let Some(Event::Said(line)) = pair.events.first() else { panic!("{:?}", pair.events) };
    assert_eq!(line.text, "Goodbye.");
    pair.tick(31);
    assert_eq!(pair.why(), Some(&Why::HungUp));
}

#[test]
fn a_session_that_is_refused_says_why_but_not_the_key() {
    let mut pair = Pair::new(openai());
    let message = "Incorrect API key provided: sk-hunter2";
    let error = json!({ "type": "invalid_request_error", "code": "invalid_api_key", "message": message });
    pair.says(&json!({ "type": "error", "event_id": "e", "error": error }));
    assert_eq!(pair.why(), Some(&Why::Failed("invalid_api_key".into())));
}

#[test]
fn a_response_that_fails_is_asked_for_again_once() {
    let mut pair = ready(openai());
    pair.told();
    let error = json!({ "type": "server_error", "code": "insufficient_quota", "message": "Pay." });
    let failed = json!({
        "type": "response.done", "event_id": "e",
        "response": { "status": "failed", "status_details": { "type": "failed", "error": error } },
    });
    pair.says(&failed);
    assert_eq!((kinds(&pair.told()), pair.why()), (vec!["response.create"], None));
    pair.says(&failed);
    assert_eq!(pair.why(), Some(&Why::Failed("insufficient_quota: Pay.".into())));
}

#[test]
fn answers_to_what_came_too_late_end_nothing() {
    let mut pair = ready(openai());
    let error = json!({
        "type": "invalid_request_error", "code": "response_cancel_not_active", "message": "None.", "param": null,
    });
    pair.says(&json!({ "type": "error", "event_id": "e", "error": error }));
    assert_eq!(pair.why(), None);
}

#[test]
fn a_session_that_reached_its_longest_time_is_known_as_such() {
    let mut pair = ready(openai());
    let error =
        json!({ "type": "invalid_request_error", "code": "session_expired", "message": "60 minutes." });
    pair.says(&json!({ "type": "error", "event_id": "e", "error": error }));
    assert!(pair.life.is_expired() && pair.why().is_none());
}

#[test]
fn a_second_session_is_told_what_was_said_and_speaks_only_if_nothing_was() {
    let mut pair = ready(reconnecting());
    pair.answer();
    pair.says(&delta("a", 100));
    pair.says(&json!({
        "type": "response.output_audio_transcript.done", "event_id": "e", "response_id": "r", "item_id": "a",
        "output_index": 0, "content_index": 0, "transcript": "Hello, Ann.",
    }));
    pair.says(&done(&json!([])));
    pair.tick(10);
    pair.told();
    pair.life.handle_lost();
    pair.life.handle_connected(pair.now);
    pair.drain();
    let told = pair.told();
    assert_eq!(kinds(&told), ["session.update"]);
    let instructions = told[0]["session"]["instructions"].as_str().expect("text");
    assert!(instructions.contains("agent: Hello, Ann."), "{instructions}");
    pair.says(&json!({ "type": "session.updated", "event_id": "e", "session": {} }));
    pair.says(&delta("b", 100));
    pair.tick(6);
    assert_eq!(pair.heard.len(), 10);
    assert_eq!(pair.life.counters().reconnections, 1);
}

#[test]
fn a_second_session_goes_on_where_it_is_its_turn() {
    let created = json!({ "type": "response.created", "event_id": "e", "response": {} });
    let (started, done) = (speech_started(), done(&json!([])));
    for (before, is_its_turn) in [
        (vec![], true),
        (vec![&done], false),
        (vec![&done, &started], true),
        (vec![&done, &started, &created], true),
        (vec![&done, &started, &created, &done], false),
    ] {
        let mut pair = ready(reconnecting());
        pair.answer();
        pair.says(&delta("a", 100));
        pair.tick(10);
        before.into_iter().for_each(|message| pair.says(message));
        lose(&mut pair);
        let told = pair.told();
        assert_eq!(kinds(&told)[1..] == ["response.create"], is_its_turn, "{told:?}");
        lose(&mut pair);
        assert_eq!(kinds(&pair.told()).len(), 1 + usize::from(is_its_turn), "it has not done so yet");
    }
}

/// The session is lost, and another one opened.
fn lose(pair: &mut Pair) {
    pair.told();
    pair.life.handle_lost();
    pair.life.handle_connected(pair.now);
    pair.drain();
}

#[test]
fn a_second_session_is_told_what_the_callee_said_without_a_transcript_and_in_its_place() {
    let mut plain = Pair::new(Briefed { transcript: false, ..openai() });
    let asked = |told: &[Value]| told[0]["session"]["audio"]["input"].get("transcription").is_some();
    assert!(!asked(&plain.told()), "nobody would read it");
    let mut pair = ready(Briefed { transcript: false, ..reconnecting() });
    assert!(asked(&pair.told()));
    pair.answer();
    pair.says(&delta("a", 100));
    pair.tick(5);
    pair.says(&speech_started());
    pair.tick(50);
    pair.says(&json!({
        "type": "response.output_audio_transcript.done", "item_id": "b", "transcript": "I am Sarah.",
    }));
    pair.says(&json!({
        "type": "conversation.item.input_audio_transcription.completed", "item_id": "u", "transcript": "Who is there?",
    }));
    assert!(!pair.events.iter().any(|event| matches!(event, Event::Said(_))), "it is told nobody else");
    pair.told();
    pair.life.handle_lost();
    pair.life.handle_connected(pair.now);
    pair.drain();
    let told = pair.told();
    let instructions = told[0]["session"]["instructions"].as_str().expect("text");
    assert!(instructions.ends_with("callee: Who is there?\nagent: I am Sarah.\n"), "{instructions}");
}

fn reconnecting() -> Briefed {
    let mut briefed = openai();
    std::sync::Arc::make_mut(&mut briefed.model).reconnect_within = Some(Duration::from_secs(5));
    briefed
}

#[test]
fn greetings_are_said_word_for_word() {
    let mut pair = Pair::new(Briefed { greeting: Some("Hello, Ann.".into()), ..openai() });
    let told = pair.told();
    let instructions = told[0]["session"]["instructions"].as_str().expect("text");
    assert!(instructions.ends_with("Begin by saying, word for word: Hello, Ann."), "{instructions}");
}

#[test]
fn whoever_calls_in_is_answered_with_the_first_words_or_when_there_are_none() {
    let mut pair = ready(openai());
    pair.tick(140);
    assert_eq!(pair.events, []);
    pair.tick(10);
    assert_eq!(pair.events, [Event::Connected]);
    let mut silent = ready(openai());
    silent.says(&calls(&[("c1", "end_call", "{}")]));
    assert_eq!(silent.events, [Event::Connected], "it is answered, and left");
    silent.answer();
    silent.tick(31);
    assert_eq!(silent.why(), Some(&Why::HungUp));
}
