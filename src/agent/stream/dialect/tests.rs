//! What each service's documentation shows, in and out, word by word.

use serde_json::{Value, json};
use trunkline_media::Rate;

use super::*;
use crate::agent::line::Message;
use crate::agent::stream::spec::{Call, HearsFrom};

const AT: Moment = Moment { stream_ms: 1_240, unix_ms: 1_705_312_200_000 };
const HELD: Duration = Duration::from_millis(260);

fn call(stream: &str) -> Call {
    Call {
        account: "AC1".into(),
        call: "CA1".into(),
        stream: stream.into(),
        from: "+13122010094".into(),
        to: "+13122123456".into(),
        parameters: vec![("customer".into(), "a \"b\"".into()), ("lang".into(), "en".into())],
        listens: None,
    }
}

fn speaks(dialect: Dialect, encoding: Option<Encoding>, stream: &str) -> Box<dyn Interpreter> {
    interpreter(&Spec {
        url: Some("wss://bot.example/".parse().expect("a URL")),
        dialect,
        encoding,
        headers: vec![],
        call: call(stream),
        hears_from: HearsFrom::Answer,
        connect_within: Duration::from_secs(1),
        reconnect_within: None,
    })
}

/// Texts as JSON, bytes as a string of hex.
fn sent(out: &mut Outbox) -> Vec<Value> {
    let json = |message| match message {
        Message::Text(text) => serde_json::from_slice(&text).expect("every text is JSON"),
        Message::Binary(bytes) => hex::encode(bytes).into(),
    };
    std::iter::from_fn(|| out.pop()).map(json).collect()
}

/// What is said in one call: opened, two frames, a digit, a mark heard, a mark cleared, a clearing answered, the end.
fn said(interpreter: &mut dyn Interpreter, mark: &str) -> Vec<Value> {
    let mut out = Outbox::default();
    interpreter.open(&mut out);
    interpreter.voice(AT, &[0xff, 0x7f, 0x00], &mut out);
    interpreter.voice(Moment { stream_ms: 1_260, unix_ms: AT.unix_ms + 20 }, &[1, 2], &mut out);
    interpreter.digit(AT, '#', HELD, &mut out);
    interpreter.marked(mark, false, &mut out);
    interpreter.marked(mark, true, &mut out);
    interpreter.cleared(&mut out);
    interpreter.stop(&mut out);
    sent(&mut out)
}

fn base64(text: &str, encoding: Encoding) -> Asked<'_> {
    Asked::Say(Sound { bytes: Payload::Base64(text.into()), encoding })
}

/// Reads each text and compares. Nothing expected: it is malformed.
fn reads(interpreter: &mut dyn Interpreter, table: &[(&str, Option<Asked<'_>>)]) {
    for (text, expected) in table {
        let asked = interpreter.read(Incoming::Text(text)).ok();
        assert_eq!(asked.as_ref(), expected.as_ref(), "{text}");
    }
}

const NOT_JSON: [(&str, Option<Asked<'_>>); 6] =
    [("", None), ("{", None), ("[]", None), ("null", None), ("\"media\"", None), ("{\"event\":7}", None)];

#[test]
fn twilio_is_told_in_strings_and_its_dtmf_track_has_another_name() {
    let mut twilio = speaks(Dialect::Twilio, None, "MZ1");
    assert_eq!(
        said(&mut *twilio, "m1"),
        [
            json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }),
            json!({
                "event": "start", "sequenceNumber": "1",
                "start": {
                    "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"],
                    "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                    "customParameters": { "customer": "a \"b\"", "lang": "en" },
                },
                "streamSid": "MZ1",
            }),
            json!({
                "event": "media", "sequenceNumber": "2",
                "media": { "track": "inbound", "chunk": "1", "timestamp": "1240", "payload": "/38A" },
                "streamSid": "MZ1",
            }),
            json!({
                "event": "media", "sequenceNumber": "3",
                "media": { "track": "inbound", "chunk": "2", "timestamp": "1260", "payload": "AQI=" },
                "streamSid": "MZ1",
            }),
            json!({
                "event": "dtmf", "streamSid": "MZ1", "sequenceNumber": "4",
                "dtmf": { "track": "inbound_track", "digit": "#" },
            }),
            json!({ "event": "mark", "sequenceNumber": "5", "streamSid": "MZ1", "mark": { "name": "m1" } }),
            json!({ "event": "mark", "sequenceNumber": "6", "streamSid": "MZ1", "mark": { "name": "m1" } }),
            json!({
                "event": "stop", "sequenceNumber": "7",
                "stop": { "accountSid": "AC1", "callSid": "CA1" }, "streamSid": "MZ1",
            }),
        ]
    );
}

#[test]
fn twilio_bots_say_media_mark_and_clear() {
    let mut twilio = speaks(Dialect::Twilio, None, "MZ1");
    reads(
        &mut *twilio,
        &[
            (
                r#"{"event":"media","streamSid":"MZ1","media":{"payload":"/38A"}}"#,
                Some(base64("/38A", Encoding::Pcmu)),
            ),
            (
                r#"{"event":"media","media":{"payload":"\/38A","track":"x"}}"#,
                Some(base64("/38A", Encoding::Pcmu)),
            ),
            (
                r#"{ "event": "mark", "streamSid": "MZ1", "mark": { "name": "my label" } }"#,
                Some(Asked::Mark("my label".into())),
            ),
            (r#"{"event":"clear","streamSid":"MZ1"}"#, Some(Asked::Clear)),
            (r#"{"event":"clear","streamSid":null}"#, Some(Asked::Clear)),
            (r#"{"event":"toast","streamSid":5}"#, None),
            (r#"{"event":"toast"}"#, Some(Asked::Nothing)),
            (r#"{"event":"clear","streamSid":"MZ2"}"#, None),
            (r#"{"event":"media","streamSid":"MZ1"}"#, None),
            (r#"{"event":"media","streamSid":"MZ1","media":{}}"#, None),
            (r#"{"event":"media","streamSid":"MZ1","media":{"payload":[]}}"#, None),
            (r#"{"event":"mark","streamSid":"MZ1","mark":{"name":""}}"#, None),
        ],
    );
    reads(&mut *twilio, &NOT_JSON);
    assert_eq!(twilio.read(Incoming::Binary(&[0xff; 160])), Err(Malformed));
    let long = format!(r#"{{"event":"mark","mark":{{"name":"{}"}}}}"#, "x".repeat(MARK_MAX + 1));
    assert_eq!(twilio.read(Incoming::Text(&long)), Err(Malformed));
}

#[test]
fn telnyx_is_told_whose_call_it_is_and_when_a_digit_came() {
    let mut telnyx = speaks(Dialect::Telnyx, Some(Encoding::Pcma), "32DE0DEA");
    let said = said(&mut *telnyx, "m1");
    assert_eq!(
        said[..4],
        [
            json!({ "event": "connected", "version": "1.0.0" }),
            json!({
                "event": "start", "sequence_number": "1",
                "start": {
                    "user_id": "AC1", "call_control_id": "CA1", "call_session_id": "CA1",
                    "from": "+13122010094", "to": "+13122123456", "tags": [],
                    "custom_parameters": { "customer": "a \"b\"", "lang": "en" },
                    "media_format": { "encoding": "PCMA", "sample_rate": 8000, "channels": 1 },
                },
                "stream_id": "32DE0DEA",
            }),
            json!({
                "event": "media", "sequence_number": "2",
                "media": { "track": "inbound", "chunk": "1", "timestamp": "1240", "payload": "/38A" },
                "stream_id": "32DE0DEA",
            }),
            json!({
                "event": "media", "sequence_number": "3",
                "media": { "track": "inbound", "chunk": "2", "timestamp": "1260", "payload": "AQI=" },
                "stream_id": "32DE0DEA",
            }),
        ]
    );
    assert_eq!(
        said[4..],
        [
            json!({
                "event": "dtmf", "stream_id": "32DE0DEA", "occurred_at": "2024-01-15T09:50:00.000000Z",
                "sequence_number": "4", "dtmf": { "digit": "#" },
            }),
            json!({ "event": "mark", "sequence_number": "5", "stream_id": "32DE0DEA", "mark": { "name": "m1" } }),
            json!({ "event": "mark", "sequence_number": "6", "stream_id": "32DE0DEA", "mark": { "name": "m1" } }),
            json!({
                "event": "stop", "sequence_number": "7", "stream_id": "32DE0DEA",
                "stop": { "user_id": "AC1", "call_control_id": "CA1" },
            }),
        ]
    );
}

#[test]
fn telnyx_keeps_the_clients_state_apart_from_the_parameters() {
    let mut told = call("s");
    told.parameters.push(("client_state".into(), "aGF2ZQ==".into()));
    let mut out = Outbox::default();
    telnyx::Telnyx::new(told, Encoding::Pcmu).open(&mut out);
    let start = &sent(&mut out)[1]["start"];
    assert_eq!(start["client_state"], "aGF2ZQ==");
    assert_eq!(start["custom_parameters"].as_object().map(serde_json::Map::len), Some(2));
}

#[test]
fn telnyx_bots_name_no_stream() {
    let mut telnyx = speaks(Dialect::Telnyx, None, "s");
    reads(
        &mut *telnyx,
        &[
            (r#"{"event":"media","media":{"payload":"/38A"}}"#, Some(base64("/38A", Encoding::Pcmu))),
            (r#"{"event":"clear"}"#, Some(Asked::Clear)),
            (r#"{"event":"mark","mark":{"name":"m"}}"#, Some(Asked::Mark("m".into()))),
            (r#"{"event":"other"}"#, Some(Asked::Nothing)),
            (r#"{"event":"media","media":{"payload":null}}"#, None),
        ],
    );
    reads(&mut *telnyx, &NOT_JSON);
}

#[test]
fn plivo_is_told_in_numbers_and_hears_nothing_of_checkpoints_that_were_cleared() {
    let mut plivo = speaks(Dialect::Plivo, None, "20170ada");
    let headers = "customer=a \"b\";lang=en";
    assert_eq!(
        said(&mut *plivo, "c1"),
        [
            json!({
                "event": "start", "sequenceNumber": 1,
                "start": {
                    "callId": "CA1", "streamId": "20170ada", "accountId": "AC1", "tracks": ["inbound"],
                    "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000 },
                },
                "extra_headers": headers,
            }),
            json!({
                "event": "media", "sequenceNumber": 2, "streamId": "20170ada",
                "media": { "track": "inbound", "timestamp": "1705312200000", "chunk": 1, "payload": "/38A" },
                "extra_headers": headers,
            }),
            json!({
                "event": "media", "sequenceNumber": 3, "streamId": "20170ada",
                "media": { "track": "inbound", "timestamp": "1705312200020", "chunk": 2, "payload": "AQI=" },
                "extra_headers": headers,
            }),
            json!({
                "event": "dtmf", "sequenceNumber": 4, "streamId": "20170ada",
                "dtmf": { "track": "inbound", "digit": "#", "timestamp": "1705312200000" },
            }),
            json!({ "event": "playedStream", "sequenceNumber": 5, "streamId": "20170ada", "name": "c1" }),
            json!({ "event": "clearedAudio", "sequenceNumber": 6, "streamId": "20170ada" }),
        ]
    );
}

#[test]
fn plivo_bots_name_the_encoding_of_what_they_say() {
    let wide = Encoding::L16(Rate::Hz16000);
    let mut plivo = speaks(Dialect::Plivo, Some(wide), "20170ada");
    let play = |content_type: &str, rate: &str| {
        format!(
            r#"{{"event":"playAudio","media":{{"contentType":"{content_type}","sampleRate":{rate},"payload":"AQI="}}}}"#
        )
    };
    for (content_type, rate, expected) in [
        ("audio/x-mulaw", "8000", Some(Encoding::Pcmu)),
        ("audio/x-l16", "8000", Some(Encoding::L16(Rate::Hz8000))),
        ("audio/x-l16", "16000", Some(wide)),
        ("audio/x-l16", "44100", None),
        ("audio/x-mulaw", "16000", None),
        ("audio/mpeg", "8000", None),
    ] {
        let text = play(content_type, rate);
        reads(&mut *plivo, &[(&text, expected.map(|encoding| base64("AQI=", encoding)))]);
    }
    reads(
        &mut *plivo,
        &[
            (r#"{"event":"playAudio","media":{"payload":"AQI="}}"#, Some(base64("AQI=", wide))),
            (
                r#"{"event":"checkpoint","streamId":"20170ada","name":"customer greeting audio"}"#,
                Some(Asked::Mark("customer greeting audio".into())),
            ),
            (r#"{"event":"clearAudio","streamId":"20170ada"}"#, Some(Asked::Clear)),
            (r#"{"event":"clearAudio","streamId":null}"#, Some(Asked::Clear)),
            (r#"{"event":"sendDTMF","dtmf":"1*9"}"#, Some(Asked::Digits("1*9".into()))),
            (r#"{"event":"clearAudio","streamId":"other"}"#, None),
            (r#"{"event":"checkpoint","streamId":"20170ada"}"#, None),
        ],
    );
    reads(&mut *plivo, &NOT_JSON);
}

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
fn exotel_is_told_in_snake_case_and_strings() {
    let mut exotel = speaks(Dialect::Exotel, None, "MZ1");
    assert_eq!(
        said(&mut *exotel, "m1"),
        [
            json!({ "event": "connected" }),
            json!({
                "event": "start", "sequence_number": "1", "stream_sid": "MZ1",
                "start": {
                    "stream_sid": "MZ1", "call_sid": "CA1", "account_sid": "AC1",
                    "from": "+13122010094", "to": "+13122123456",
                    "custom_parameters": { "customer": "a \"b\"", "lang": "en" },
                    "media_format": { "encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16" },
                },
            }),
            json!({
                "event": "media", "sequence_number": "2", "stream_sid": "MZ1",
                "media": { "chunk": "1", "timestamp": "1240", "payload": "/38A" },
            }),
            json!({
                "event": "media", "sequence_number": "3", "stream_sid": "MZ1",
                "media": { "chunk": "2", "timestamp": "1260", "payload": "AQI=" },
            }),
            json!({
                "event": "dtmf", "sequence_number": "4", "stream_sid": "MZ1",
                "dtmf": { "digit": "#", "duration": "260" },
            }),
            json!({ "event": "mark", "sequence_number": "5", "stream_sid": "MZ1", "mark": { "name": "m1" } }),
            json!({ "event": "mark", "sequence_number": "6", "stream_sid": "MZ1", "mark": { "name": "m1" } }),
            json!({
                "event": "stop", "sequence_number": "7", "stream_sid": "MZ1",
                "stop": { "call_sid": "CA1", "account_sid": "AC1", "reason": "callended" },
            }),
        ]
    );
    let linear = Encoding::L16(Rate::Hz8000);
    reads(
        &mut *exotel,
        &[
            (
                r#"{"event":"media","stream_sid":"MZ1","media":{"payload":"AQI="}}"#,
                Some(base64("AQI=", linear)),
            ),
            (r#"{"event":"mark","stream_sid":"MZ1","mark":{"name":"m"}}"#, Some(Asked::Mark("m".into()))),
            (r#"{"event":"clear","stream_sid":"MZ1"}"#, Some(Asked::Clear)),
            (r#"{"event":"clear","stream_sid":null}"#, Some(Asked::Clear)),
            (r#"{"event":"clear","stream_sid":"MZ2"}"#, None),
        ],
    );
    reads(&mut *exotel, &NOT_JSON);
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

#[test]
fn numbering_begins_anew_with_every_connection() {
    for (dialect, place) in [
        (Dialect::Twilio, "sequenceNumber"),
        (Dialect::Telnyx, "sequence_number"),
        (Dialect::Plivo, "sequenceNumber"),
        (Dialect::Exotel, "sequence_number"),
    ] {
        let mut interpreter = speaks(dialect, None, "MZ1");
        let first = said(&mut *interpreter, "m");
        assert_eq!(said(&mut *interpreter, "m"), first, "{dialect:?}");
        let numbers: Vec<_> = first.iter().filter_map(|message| message.get(place)).collect();
        assert!(numbers.len() >= 5, "{dialect:?}: {numbers:?}");
    }
}
