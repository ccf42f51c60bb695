//! ElevenLabs' Agents.

use serde_json::{Value, json};

use super::pair::{Pair, briefed, sound};
use crate::agent::line::Core as _;
use crate::agent::stream::{Event, Why};
use crate::model::{Briefed, Provider, Speaker};

fn elevenlabs() -> Briefed {
    briefed(Provider::ElevenLabs)
}

fn metadata(speaks: &str, hears: &str) -> Value {
    json!({
        "type": "conversation_initiation_metadata",
        "conversation_initiation_metadata_event": {
            "conversation_id": "c", "agent_output_audio_format": speaks, "user_input_audio_format": hears,
        },
    })
}

fn ready(briefed: Briefed) -> Pair {
    let mut pair = Pair::new(briefed);
    pair.says(&metadata("ulaw_8000", "ulaw_8000"));
    pair
}

fn audio(event: i64, ms: usize) -> Value {
    json!({ "type": "audio", "audio_event": { "audio_base_64": sound(ms), "event_id": event } })
}

#[test]
fn the_call_goes_over_what_the_agent_says_and_nothing_else_does() {
    let mut pair = Pair::new(elevenlabs());
    let told = pair.told();
    assert_eq!(told[0]["type"], "conversation_initiation_client_data");
    let over =
        json!({ "agent": { "prompt": { "prompt": "You are Sarah." } }, "tts": { "voice_id": "a-voice" } });
    assert_eq!(told[0]["conversation_config_override"], over);
    assert_eq!(told[0]["dynamic_variables"], json!({ "name": "Ann" }));
    let mut waits = Pair::new(Briefed { speaks_first: false, ..elevenlabs() });
    let over = &waits.told()[0]["conversation_config_override"];
    assert_eq!(over["agent"]["first_message"], "", "the callee speaks first");
}

#[test]
fn audio_is_as_its_first_answer_says() {
    let mut pair = Pair::new(Briefed { speaks_first: false, ..elevenlabs() });
    pair.says(&metadata("pcm_16000", "pcm_16000"));
    pair.answer();
    pair.says(&audio(1, 400));
    pair.tick(10);
    assert_eq!(pair.heard.len(), 5, "3,200 bytes of 16 bits at 16 kHz");
    let chunk = pair.sent.iter().find_map(|sent| sent["user_audio_chunk"].as_str()).expect("audio");
    assert_eq!(chunk.len(), 640_usize.div_ceil(3) * 4);
    let mut foreign = Pair::new(elevenlabs());
    foreign.says(&metadata("pcm_44100", "ulaw_8000"));
    assert!(matches!(foreign.why(), Some(Why::Failed(why)) if why.contains("pcm_44100")));
}

#[test]
fn pings_are_answered_and_a_silent_line_is_kept_alive() {
    let mut pair = ready(elevenlabs());
    pair.told();
    pair.says(&json!({ "type": "ping", "ping_event": { "event_id": 9, "ping_ms": 50 } }));
    assert_eq!(pair.told(), [json!({ "type": "pong", "event_id": 9 })]);
    pair.tick(200);
    assert_eq!(pair.told(), [json!({ "type": "user_activity" })]);
}

#[test]
fn an_interruption_throws_away_what_waits_and_what_is_older_than_it() {
    let mut pair = ready(elevenlabs());
    pair.answer();
    pair.says(&audio(1, 1_000));
    pair.tick(10);
    pair.says(&json!({ "type": "interruption", "interruption_event": { "event_id": 2 } }));
    pair.says(&audio(2, 1_000));
    pair.tick(10);
    assert_eq!(pair.heard.len(), 10);
    pair.says(&audio(3, 20));
    pair.tick(3);
    assert_eq!(pair.heard.len(), 11);
}

#[test]
fn what_the_call_threw_away_is_not_heard_later_and_the_next_turn_is() {
    let response = json!({ "type": "agent_response", "agent_response_event": { "agent_response": "Yes." } });
    let mut pair = ready(elevenlabs());
    pair.answer();
    pair.says(&response);
    pair.seat.flush();
    pair.tick(1);
    pair.says(&audio(1, 200));
    pair.tick(5);
    assert_eq!(pair.heard.len(), 5, "nothing of it had come when it was cleared");
    pair.seat.flush();
    pair.tick(1);
    pair.says(&audio(2, 200));
    pair.tick(5);
    assert_eq!(pair.heard.len(), 5);
    pair.says(&response);
    pair.says(&audio(3, 100));
    pair.tick(6);
    assert_eq!(pair.heard.len(), 10);
}

#[test]
fn tools_are_used_and_answered_with_their_fate() {
    let mut pair = ready(elevenlabs());
    pair.told();
    for (id, name, parameters) in
        [("t1", "send_dtmf", json!({ "digits": "5" })), ("t2", "transfer", json!({ "to": "+1900" }))]
    {
        let call = json!({ "tool_name": name, "tool_call_id": id, "parameters": parameters });
        pair.says(&json!({ "type": "client_tool_call", "client_tool_call": call }));
    }
    let told = pair.told();
    assert_eq!((&told[0]["tool_call_id"], &told[0]["is_error"]), (&json!("t1"), &json!(false)));
    assert_eq!((&told[1]["tool_call_id"], &told[1]["is_error"]), (&json!("t2"), &json!(true)));
    let wanted = pair.events.iter().filter(|event| matches!(event, Event::Asked(_))).count();
    assert_eq!(wanted, 1);
}

#[test]
fn a_second_session_answers_what_the_callee_said_last() {
    let said = json!({ "type": "user_transcript", "user_transcription_event": { "user_transcript": "Hm?" } });
    for (before, is_its_turn) in [(vec![said.clone()], true), (vec![said, audio(2, 100)], false)] {
        let mut pair = ready(elevenlabs());
        pair.answer();
        pair.says(&audio(1, 100));
        pair.tick(10);
        before.iter().for_each(|message| pair.says(message));
        pair.life.handle_lost();
        pair.told();
        pair.life.handle_connected(pair.now);
        pair.says(&metadata("ulaw_8000", "ulaw_8000"));
        let told = pair.told();
        assert_eq!(told.iter().filter(|message| message["type"] == "user_message").count() == 1, is_its_turn);
    }
}

#[test]
fn what_it_did_not_get_to_say_is_corrected() {
    let mut pair = ready(elevenlabs());
    pair.says(&json!({
        "type": "agent_response", "agent_response_event": { "agent_response": " I will tell you everything. " },
    }));
    pair.says(&json!({
        "type": "agent_response_correction",
        "agent_response_correction_event": {
            "original_agent_response": "I will tell you everything.", "corrected_agent_response": "I will tell",
        },
    }));
    pair.says(&json!({
        "type": "user_transcript", "user_transcription_event": { "user_transcript": "Wait!" },
    }));
    let lines: Vec<_> = pair
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Said(line) => Some(("said", line.by, line.text.as_str())),
            Event::Corrected(line) => Some(("corrected", line.by, line.text.as_str())),
            _ => None,
        })
        .collect();
    let expected = [
        ("said", Speaker::Agent, "I will tell you everything."),
        ("corrected", Speaker::Agent, "I will tell"),
        ("said", Speaker::Callee, "Wait!"),
    ];
    assert_eq!(lines, expected);
}
