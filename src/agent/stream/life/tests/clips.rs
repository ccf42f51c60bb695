//! Clips that are handed over whole, as jambonz's bots do.

use super::*;

#[test]
fn marks_that_the_bot_does_not_wait_for_any_more_are_in_nobodys_way() {
    let mut stage = Stage::new(Dialect::Jambonz, None);
    stage.life.handle_connected(stage.now);
    stage.life.handle_input(stage.now, Input::Answered);
    stage.sent();
    let clip = BASE64.encode([0x10; 320 * 20]);
    stage.text(&json!({ "type": "playAudio", "data": { "audioContent": clip, "id": "clip" } }));
    let cleared = json!({ "type": "mark", "data": { "name": "m", "event": "cleared" } });
    for _ in 0..1_000 {
        stage.text(&json!({ "type": "mark", "data": { "name": "m" } }));
        stage.text(&json!({ "type": "clearMarks" }));
        assert_eq!(stage.sent(), std::slice::from_ref(&cleared), "the clip is not over");
    }
    stage.life.handle_message(stage.now, Incoming::Binary(&[0x10; 320]));
    for _ in 0..21 {
        assert!(stage.pulled().is_some(), "what is said next is heard without a gap");
        stage.tick();
    }
    assert_eq!(stage.sent(), [json!({ "type": "playDone", "data": { "id": "clip" } })]);
}

#[test]
fn a_clip_in_a_riff_file_is_heard_and_told_when_it_is_over() {
    let mut wav = b"RIFF\x64\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x40\x01\x00\x00".to_vec();
    wav.extend([0x10; 320]);
    let mut stage = Stage::new(Dialect::Jambonz, None);
    stage.life.handle_connected(stage.now);
    stage.life.handle_input(stage.now, Input::Answered);
    stage.sent();
    let clip = BASE64.encode(&wav);
    stage.text(&json!({
        "type": "playAudio", "data": { "audioContent": clip, "audioContentType": "wav", "id": "hello" },
    }));
    assert!(stage.pulled().is_some());
    stage.tick();
    assert_eq!(stage.sent(), [json!({ "type": "playDone", "data": { "id": "hello" } })]);
}

#[test]
fn a_clip_that_is_killed_is_done_too() {
    let mut stage = Stage::new(Dialect::Jambonz, None);
    stage.life.handle_connected(stage.now);
    stage.life.handle_input(stage.now, Input::Answered);
    stage.sent();
    for id in [json!("long"), json!(null)] {
        let clip = BASE64.encode([0x10; 320 * 100]);
        let data = json!({ "audioContent": clip, "audioContentType": "raw", "id": id, "queuePlay": true });
        stage.text(&json!({ "type": "playAudio", "data": data }));
    }
    assert!(stage.pulled().is_some());
    stage.tick();
    assert_eq!(stage.sent(), Vec::<Value>::new());
    stage.text(&json!({ "type": "killAudio" }));
    assert_eq!(stage.pulled(), None);
    stage.tick();
    let done = |data| json!({ "type": "playDone", "data": data });
    assert_eq!(stage.sent(), [done(json!({ "id": "long" })), done(json!({}))]);
}

#[test]
fn a_raw_clip_at_a_rate_that_no_stream_has_is_heard_as_long_as_it_is() {
    for (hz, bytes) in [("32000", 1_280), ("48000", 1_920), ("64000", 2_560)] {
        let mut stage = Stage::new(Dialect::Jambonz, None);
        stage.life.handle_connected(stage.now);
        stage.text(&json!({
            "type": "playAudio", "data": { "audioContent": BASE64.encode(vec![0x10; bytes * 3]), "sampleRate": hz },
        }));
        let heard = std::iter::from_fn(|| stage.pulled()).count();
        assert_eq!((heard, stage.life.counters().malformed), (3, 0), "{hz}");
    }
}
