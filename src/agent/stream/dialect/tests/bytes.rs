//! Dialects whose audio is bytes: Vonage's, jambonz', AudioSocket's.

use super::*;

#[test]
fn vonage_hears_bytes_and_is_told_the_rest_in_json() {
    let mut vonage = speaks(Dialect::Vonage, None, "s");
    assert_eq!(
        said(&mut *vonage, r#"{"key":"v"}"#),
        [
            json!({
                "event": "websocket:connected", "content-type": "audio/l16;rate=16000",
                "customer": "a \"b\"", "lang": "en",
            }),
            json!("ff7f00"),
            json!("0102"),
            json!({ "event": "websocket:dtmf", "digit": "#", "duration": 260 }),
            json!({ "event": "websocket:notify", "payload": { "key": "v" } }),
            json!({ "event": "websocket:cleared" }),
        ]
    );
}

#[test]
fn vonage_bots_say_bytes_and_name_their_notifications_by_any_value() {
    let mut vonage = speaks(Dialect::Vonage, Some(Encoding::L16(Rate::Hz24000)), "s");
    assert_eq!(
        vonage.read(Incoming::Binary(&[1, 2])),
        Ok(Asked::Say(Sound { bytes: Payload::Raw(&[1, 2]), encoding: Encoding::L16(Rate::Hz24000) }))
    );
    reads(
        &mut *vonage,
        &[
            (r#"{"action":"clear"}"#, Some(Asked::Clear)),
            (r#"{"action":"notify","payload":{"a": [1]}}"#, Some(Asked::Mark(r#"{"a": [1]}"#.into()))),
            (r#"{"action":"notify"}"#, Some(Asked::Mark("{}".into()))),
            (r#"{"action":"dance"}"#, Some(Asked::Nothing)),
            (r#"{"action":7}"#, None),
            ("{", None),
        ],
    );
}

#[test]
fn jambonz_is_told_the_calls_attributes_that_no_parameter_overrides() {
    let mut told = call("s1");
    told.parameters.push(("sampleRate".into(), "1".into()));
    let mut jambonz = jambonz::Jambonz::new(told, Encoding::L16(Rate::Hz16000));
    assert_eq!(
        said(&mut jambonz, "mone"),
        [
            json!({
                "callSid": "CA1", "accountSid": "AC1", "callId": "s1", "direction": "outbound",
                "from": "+13122010094", "to": "+13122123456", "sampleRate": 16000, "mixType": "mono",
                "customer": "a \"b\"", "lang": "en",
            }),
            json!("ff7f00"),
            json!("0102"),
            json!({ "event": "dtmf", "dtmf": "#", "duration": "2080" }),
            json!({ "type": "mark", "data": { "name": "one", "event": "playout" } }),
            json!({ "type": "mark", "data": { "name": "one", "event": "cleared" } }),
        ]
    );
}

#[test]
fn jambonz_bots_stream_bytes_or_hand_over_clips() {
    let mut jambonz = speaks(Dialect::Jambonz, None, "s1");
    let linear = Encoding::L16(Rate::Hz8000);
    assert_eq!(
        jambonz.read(Incoming::Binary(&[1, 2])),
        Ok(Asked::Say(Sound { bytes: Payload::Raw(&[1, 2]), encoding: linear }))
    );
    let clip = |bytes, encoding, mark: &'static str, at_once| {
        Some(Asked::Play { sound: Sound { bytes, encoding }, mark: mark.into(), at_once })
    };
    reads(
        &mut *jambonz,
        &[
            (
                r#"{"type":"playAudio","data":{"audioContent":"AQI=","audioContentType":"raw","sampleRate":16000,"id":"g","queuePlay":true}}"#,
                clip(Payload::Base64("AQI=".into()), Encoding::L16(Rate::Hz16000), "cg", false),
            ),
            (
                r#"{"type":"playAudio","data":{"audioContent":"UklGRg==","audioContentType":"wav"}}"#,
                clip(Payload::Wav("UklGRg==".into()), linear, "c", true),
            ),
            (r#"{"type":"playAudio","data":{"audioContent":"AQI=","sampleRate":11025}}"#, None),
            (r#"{"type":"playAudio","data":{"audioContent":"AQI=","audioContentType":"mp3"}}"#, None),
            (r#"{"type":"playAudio"}"#, None),
            (r#"{"type":"mark","data":{"name":"one"}}"#, Some(Asked::Mark("mone".into()))),
            (r#"{"type":"mark","data":{}}"#, None),
            (r#"{"type":"killAudio"}"#, Some(Asked::Clear)),
            (r#"{"type":"clearMarks"}"#, Some(Asked::ForgetMarks)),
            (r#"{"type":"disconnect"}"#, Some(Asked::HangUp)),
            (r#"{"type":"transcription","data":{}}"#, Some(Asked::Nothing)),
            ("{", None),
        ],
    );
}

#[test]
fn jambonz_is_told_that_a_clip_is_done_whether_it_has_an_id_and_however_it_ends() {
    let mut jambonz = speaks(Dialect::Jambonz, None, "s1");
    let mut out = Outbox::default();
    jambonz.marked("cgreeting", false, &mut out);
    jambonz.marked("cgreeting", true, &mut out);
    jambonz.marked("c", false, &mut out);
    let done = json!({ "type": "playDone", "data": { "id": "greeting" } });
    assert_eq!(sent(&mut out), [done.clone(), done, json!({ "type": "playDone", "data": {} })]);
}

#[test]
fn jambonz_clips_name_their_rate_in_a_string_or_a_number_or_not_at_all() {
    let mut jambonz = speaks(Dialect::Jambonz, None, "s1");
    let play = |bytes, rate| {
        let sound = Sound { bytes, encoding: Encoding::L16(rate) };
        Some(Asked::Play { sound, mark: "c".into(), at_once: true })
    };
    let short = |rate| play(Payload::Base64("AQI=".into()), rate);
    let wide = |hz| play(Payload::Linear("AQI=".into(), hz), Rate::Hz8000);
    for (rate, expected) in [
        (r#""8000""#, short(Rate::Hz8000)),
        (r#""16000""#, short(Rate::Hz16000)),
        ("24000", short(Rate::Hz24000)),
        ("null", short(Rate::Hz8000)),
        (r#""32000""#, wide(32_000)),
        ("48000", wide(48_000)),
        (r#""64000""#, wide(64_000)),
        (r#""fast""#, None),
        ("true", None),
    ] {
        let text = format!(
            r#"{{"type":"playAudio","data":{{"audioContent":"AQI=","audioContentType":"raw","sampleRate":{rate},"id":null,"queuePlay":null}}}}"#
        );
        reads(&mut *jambonz, &[(&text, expected)]);
    }
    let wav = r#"{"type":"playAudio","data":{"audioContent":"UklGRg==","audioContentType":"wav","sampleRate":"44100"}}"#;
    reads(&mut *jambonz, &[(wav, play(Payload::Wav("UklGRg==".into()), Rate::Hz8000))]);
}

#[test]
fn audiosocket_is_packets_of_type_length_and_payload() {
    let stream = "40325ec2-5efd-4bd3-805f-53576e581d13";
    for (rate, kind) in [(Rate::Hz8000, "10"), (Rate::Hz16000, "12"), (Rate::Hz24000, "13")] {
        let mut socket = speaks(Dialect::AudioSocket, Some(Encoding::L16(rate)), stream);
        assert_eq!(
            said(&mut *socket, "m"),
            [
                json!("01001040325ec25efd4bd3805f53576e581d13"),
                json!(format!("{kind}0003ff7f00")),
                json!(format!("{kind}00020102")),
                json!("03000123"),
                json!("000000"),
            ]
        );
    }
}

#[test]
fn audiosocket_servers_speak_press_keys_hang_up_and_fail() {
    let mut socket = speaks(Dialect::AudioSocket, None, "40325ec2-5efd-4bd3-805f-53576e581d13");
    let say =
        |bytes, rate| Ok(Asked::Say(Sound { bytes: Payload::Raw(bytes), encoding: Encoding::L16(rate) }));
    for (packet, expected) in [
        (&b"\x10\x00\x02ab"[..], say(b"ab", Rate::Hz8000)),
        (b"\x12\x00\x02ab", say(b"ab", Rate::Hz16000)),
        (b"\x13\x00\x02ab", say(b"ab", Rate::Hz24000)),
        (b"\x00\x00\x00", Ok(Asked::HangUp)),
        (b"\x01\x00\x00", Ok(Asked::Nothing)),
        (b"\x03\x00\x015", Ok(Asked::Digits("5".into()))),
        (b"\x03\x00\x01\xff", Err(Malformed)),
        (b"\xff\x00\x01\x04", Ok(Asked::Failed("code 4".into()))),
        (b"\xff\x00\x00", Ok(Asked::Failed("without a code".into()))),
        (b"\x18\x00\x00", Err(Malformed)),
        (b"\x10\x00", Err(Malformed)),
        (b"", Err(Malformed)),
    ] {
        assert_eq!(socket.read(Incoming::Binary(packet)), expected, "{packet:?}");
    }
    assert_eq!(socket.read(Incoming::Text("{}")), Err(Malformed));
}
