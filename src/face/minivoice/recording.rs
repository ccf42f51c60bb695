//! `POST /v1/calls/{id}/recordings`: `{"action":"start"}`, which is also what an empty body means, or `{"action":"stop"}`. A call has
//! one recording; what is heard while it rests is not in it.

use serde::{Deserialize, Serialize};

use super::record::{id, json};
use crate::model::{CallRecord, Refusal, Step, StoredResponse};

/// What is to be done.
pub fn parse_recording(body: &[u8]) -> Result<Step, Refusal> {
    #[derive(Deserialize)]
    struct Body {
        action: Option<String>,
    }
    let wrong =
        |field: &str, reason: &str| Refusal::InvalidField { field: field.into(), reason: reason.into() };
    if body.trim_ascii().is_empty() {
        return Ok(Step::StartRecording);
    }
    // serde would take an array for an object whose names are left out.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(wrong("body", "must be a JSON object"));
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| wrong("body", &format!("is not understood: {error}")))?;
    match body.action.as_deref() {
        None | Some("start") => Ok(Step::StartRecording),
        Some("stop") => Ok(Step::StopRecording),
        Some(_) => Err(wrong("action", "must be start or stop")),
    }
}

/// 201 once it begins, or goes on; 200 once it rests.
pub fn recording(record: &CallRecord, step: &Step) -> StoredResponse {
    #[derive(Serialize)]
    struct Shown {
        id: String,
        call_id: String,
        status: &'static str,
    }
    let (status, word) = match step {
        Step::StartRecording => (201, "recording"),
        _ => (200, "stopped"),
    };
    let body = json(&Shown { id: recording_id(record), call_id: id(record), status: word });
    StoredResponse { status, body }
}

/// The id of a call's recording.
pub(super) fn recording_id(record: &CallRecord) -> String {
    format!("rec_{}", record.call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_started_unless_it_is_to_be_stopped() {
        for (body, step) in [
            ("", Step::StartRecording),
            ("{}", Step::StartRecording),
            (r#"{"action":"start"}"#, Step::StartRecording),
            (r#"{"action":"stop","note":"kept out"}"#, Step::StopRecording),
        ] {
            assert_eq!(parse_recording(body.as_bytes()).map(|read| read == step), Ok(true), "{body}");
        }
        for body in [r#"{"action":"pause"}"#, r#"{"action":1}"#, "[]", r#"["stop"]"#, "start"] {
            assert!(parse_recording(body.as_bytes()).is_err(), "{body}");
        }
    }
}
