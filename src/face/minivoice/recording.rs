//! `POST /v1/calls/{id}/recordings`: `{"action":"start"}`, which is also what an empty body means, or `{"action":"stop"}`. A call has
//! one recording; what is heard while it rests is not in it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::record::{id, json, recording_id};
use crate::model::{CallRecord, Refusal, Step, StoredResponse};

/// `start` or `stop`; whoever says neither starts.
#[derive(Deserialize, ToSchema)]
#[schema(as = minivoice::RecordingRequest)]
pub struct Body {
    #[schema(pattern = "^(start|stop)$")]
    action: Option<String>,
}

/// A call's recording, as it goes on or rests.
#[derive(Serialize, ToSchema)]
#[schema(as = minivoice::RecordingState)]
pub struct Shown {
    id: String,
    call_id: String,
    #[schema(pattern = "^(recording|stopped)$")]
    status: &'static str,
}

/// What is to be done.
pub fn parse_recording(body: &[u8]) -> Result<Step, Refusal> {
    let wrong =
        |field: &str, reason: &str| Refusal::InvalidField { field: field.into(), reason: reason.into() };
    if body.trim_ascii().is_empty() {
        return Ok(Step::StartRecording);
    }
    crate::face::must_be_object(body)?;
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
    let (status, word) = match step {
        Step::StartRecording => (201, "recording"),
        _ => (200, "stopped"),
    };
    let body = json(&Shown { id: recording_id(record), call_id: id(record), status: word });
    StoredResponse { status, body }
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
