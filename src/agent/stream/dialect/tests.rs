//! What each service's documentation shows, in and out, word by word.

use serde_json::{Value, json};
use trunkline_media::Rate;

mod bytes;
mod text;

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
    interpreter.voice(Side::Callee, AT, &[0xff, 0x7f, 0x00], &mut out);
    interpreter.voice(Side::Callee, Moment { stream_ms: 1_260, unix_ms: AT.unix_ms + 20 }, &[1, 2], &mut out);
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
