//! What is asked, and which answers are believed.

use serde_json::{Value, json};

use super::*;
use crate::model::Speaker;

/// Five seconds of the callee's, from 10 s on, who speaks from 1 s to 2 s of it.
fn piece() -> Piece {
    let speech = (0..250).map(|frame| (50..100).contains(&frame)).collect();
    Piece { by: Speaker::Callee, frames: 500..750, speech }
}

fn lines(answer: &Value) -> Vec<(u64, String)> {
    let said = read(answer.to_string().as_bytes(), &piece()).expect("an answer");
    said.into_iter().map(|line| (line.at_ms, line.text)).collect()
}

fn segment(start: f64, end: f64, text: &str) -> Value {
    json!({ "id": 0, "seek": 0, "start": start, "end": end, "text": text, "tokens": [1], "temperature": 0.0,
        "avg_logprob": -0.3, "compression_ratio": 1.2, "no_speech_prob": 0.01 })
}

#[test]
fn a_request_is_a_form_of_the_documented_fields() {
    let service = Service {
        url: "https://a.example/v1/audio/transcriptions".parse().expect("a URL"),
        model: "whisper-1".into(),
        api_key: None,
    };
    let (kind, body) = request(&service, Some("de"), TranscriptFormat::VerboseJson, b"RIFF\r\n--x", "b0");
    assert_eq!(kind, "multipart/form-data; boundary=b0");
    let text = String::from_utf8(body).expect("text");
    let part = |name: &str, value: &str| {
        format!("--b0\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    for (name, value) in [
        ("model", "whisper-1"),
        ("response_format", "verbose_json"),
        ("timestamp_granularities[]", "segment"),
        ("language", "de"),
    ] {
        assert!(text.contains(&part(name, value)), "{text}");
    }
    let file =
        "name=\"file\"; filename=\"call.wav\"\r\ncontent-type: audio/wav\r\n\r\nRIFF\r\n--x\r\n--b0--\r\n";
    assert!(text.ends_with(file), "{text}");
    let (_, plain) = request(&service, None, TranscriptFormat::Json, b"", "b0");
    let plain = String::from_utf8(plain).expect("text");
    assert!(plain.contains(&part("response_format", "json")));
    assert!(!plain.contains("granularities") && !plain.contains("language"), "{plain}");
}

#[test]
fn segments_become_lines_at_their_times() {
    let answer = json!({ "task": "transcribe", "language": "english", "duration": 5.0, "text": "Hello? Yes.",
        "segments": [segment(1.0, 1.4, " Hello?"), segment(1.5, 2.0, " Yes. "), segment(1.9, 2.0, "  ")] });
    assert_eq!(lines(&answer), [(11_000, "Hello?".to_owned()), (11_500, "Yes.".to_owned())]);
}

#[test]
fn what_is_heard_in_silence_was_made_up() {
    let mut unsure = segment(1.0, 2.0, "Thank you for watching!");
    (unsure["avg_logprob"], unsure["no_speech_prob"]) = (json!(-1.4), json!(0.9));
    let answer = json!({ "text": "x", "segments":
        [segment(0.0, 0.5, "Subtitles by the community"), unsure, segment(3.0, 5.0, "Bye."), segment(1.2, 1.8, "Yes.")] });
    assert_eq!(lines(&answer), [(11_200, "Yes.".to_owned())]);
}

#[test]
fn text_without_times_is_said_where_speech_begins() {
    for answer in [
        json!({ "text": " Yes. " }),
        json!({ "text": "Yes.", "segments": [] }),
        json!({ "text": "Yes.", "segments": null, "usage": { "type": "tokens" } }),
    ] {
        assert_eq!(lines(&answer), [(11_000, "Yes.".to_owned())], "{answer}");
    }
    assert_eq!(lines(&json!({ "text": " " })), []);
}

#[test]
fn times_beyond_the_piece_are_its_ends() {
    let answer = json!({ "text": "x", "segments": [segment(-7.0, 2.0, "a"), segment(1.5, 1e300, "b"),
        segment(6.0, 7.0, "c"), segment(1e300, 1e301, "d")] });
    assert_eq!(lines(&answer), [(10_000, "a".to_owned()), (11_500, "b".to_owned())]);
}

#[test]
fn whatever_else_comes_is_no_transcription() {
    for body in [
        &b""[..],
        b"Hello?",
        b"[]",
        b"null",
        b"{}",
        b"{\"text\":7}",
        b"{\"text\":\"a\",\"segments\":{}}",
        b"{\"text\":\"a\",\"segments\":[{\"text\":\"a\"}]}",
        b"{\"text\":\"a\",\"segments\":[{\"text\":\"a\",\"start\":\"0\",\"end\":1}]}",
        b"\xff\xfe",
        b"{\"error\":{\"message\":\"no\"}}",
    ] {
        assert!(read(body, &piece()).is_err(), "{:?}", String::from_utf8_lossy(body));
    }
}

#[test]
fn lines_of_both_sides_are_in_order_and_no_more_than_are_kept() {
    let said = |by, at_ms, text: &str| Said { by, at_ms, text: text.to_owned() };
    let both = vec![
        said(Speaker::Callee, 500, "c"),
        said(Speaker::Callee, 2_000, "d"),
        said(Speaker::Agent, 0, "a"),
        said(Speaker::Agent, 500, "b"),
    ];
    let texts: Vec<_> = merged(both).into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["a", "c", "b", "d"]);
    let many = (0..2 * LINES_MAX as u64).map(|at_ms| said(Speaker::Agent, at_ms, "x")).collect();
    assert_eq!(merged(many).len(), LINES_MAX);
    let long = (0..3).map(|at_ms| said(Speaker::Agent, at_ms, &"x".repeat(TEXT_BYTES_MAX / 2))).collect();
    assert_eq!(merged(long).len(), 2);
}
