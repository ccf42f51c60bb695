//! Dialects whose audio is Base64 in JSON: Twilio's, Telnyx', Plivo's, Exotel's.

use super::*;

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
