//! Requests and answers as Voiceflow's clients write and read them, for the API's description.
#![expect(
    dead_code,
    reason = "these types are described, not built: bodies are read field by field and shown as JSON"
)]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// `POST …/outbound`
#[derive(ToSchema)]
#[schema(as = voiceflow::OutboundRequest)]
pub struct OutboundRequest {
    /// The phone number to call, in E.164.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    to: String,
    /// Any variables to inject at launch.
    variables: Option<BTreeMap<String, Value>>,
    /// Whether a voicemail ends the call.
    amd: Option<bool>,
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// The answer to an accepted call.
#[derive(ToSchema)]
#[schema(as = voiceflow::CallCreated)]
pub struct CallCreated {
    #[serde(rename = "callId")]
    #[schema(pattern = "^call_[0-9]+$")]
    call_id: String,
    #[schema(pattern = "^initiated$")]
    status: String,
}

/// One call, in the switch's own words.
#[derive(ToSchema)]
#[schema(as = voiceflow::Call)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    call_id: String,
    agent_id: u64,
    direction: String,
    from: String,
    to: String,
    status: String,
    end_reason: Option<String>,
    ended_by: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    ringing_at: Option<String>,
    #[schema(format = "date-time")]
    answered_at: Option<String>,
    #[schema(format = "date-time")]
    ended_at: Option<String>,
    duration_seconds: Option<u64>,
    answered_by: Option<String>,
    verdict_reason: Option<String>,
    /// The detector's evidence.
    #[schema(value_type = Option<Object>)]
    verdict: Option<Value>,
    sip_status: Option<u16>,
    q850: Option<u16>,
    detail: Option<String>,
    /// What was said, where the agent has it kept.
    transcript: Vec<Line>,
    /// `none` (not configured, not wanted, or nothing was said), `pending`, `done` or `failed`.
    analysis_status: String,
    /// What post-call analysis found; null without one, and until it is done.
    summary: Option<String>,
    /// How the callee felt: `positive`, `neutral` or `negative`.
    sentiment: Option<String>,
    /// By the agent's own criterion; null without one, and where that cannot be told.
    successful: Option<bool>,
    /// The agent's fields; null in them is what nobody said.
    #[schema(value_type = Option<Object>)]
    extracted: Option<Value>,
    recording_url: Option<String>,
}

/// What somebody said.
#[derive(ToSchema)]
#[schema(as = voiceflow::Line)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// `agent` or `user`.
    role: String,
    text: String,
    /// Since the answer.
    at_ms: u64,
}

/// A page of calls.
#[derive(ToSchema)]
#[schema(as = voiceflow::CallPage)]
pub struct CallPage {
    calls: Vec<Call>,
    count: u64,
    limit: u32,
    offset: u64,
}

/// Every problem.
#[derive(ToSchema)]
#[schema(as = voiceflow::Error)]
pub struct Error {
    message: String,
    /// For programs.
    code: String,
}
