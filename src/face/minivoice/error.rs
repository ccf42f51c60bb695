//! Every problem in MiniVoice's words: `{"error":{"code","message"}}`.

use serde_json::json;

use crate::face::{Problem, object_problem};
use crate::model::{Limit, Refusal, StoredResponse};

/// The answer to a request that came to nothing.
pub fn error(problem: &Problem) -> StoredResponse {
    let (status, code) = classify(problem);
    let body = json!({ "error": { "code": code, "message": problem.to_string() } });
    StoredResponse { status, body: body.to_string() }
}

fn classify(problem: &Problem) -> (u16, &'static str) {
    match problem {
        Problem::Refused(refusal) => refused(refusal),
        Problem::InvalidApiKey | Problem::KeySecretRequired => (401, "unauthorized"),
        Problem::CallNotFound => (404, "call_not_found"),
        Problem::RecordingNotFound => (404, "recording_not_found"),
        Problem::NoSuchPath => (404, "not_found"),
        Problem::Billing(problem) => (problem.status(), problem.code()),
        // Campaigns are another vendor's.
        Problem::Batch(_) => (404, "not_found"),
        Problem::ExaminationRunning => (409, "examination_running"),
        Problem::CallNotLive(_) => (409, "call_not_active"),
        Problem::Object(problem) => object_problem(problem),
        Problem::MethodNotAllowed => (405, "method_not_allowed"),
        Problem::UpgradeRequired => (426, "upgrade_required"),
        Problem::BodyTooLarge { .. } => (413, "request_too_large"),
        Problem::BodyTimeout => (408, "request_timeout"),
        Problem::Internal => (500, "internal_error"),
    }
}

fn refused(refusal: &Refusal) -> (u16, &'static str) {
    match refusal {
        Refusal::InvalidField { field, .. } if field == "body" => (400, "invalid_json"),
        Refusal::MissingField(_) | Refusal::InvalidField { .. } | Refusal::InvalidPhone { .. } => {
            (400, "invalid_request")
        }
        Refusal::RateNotFound => (400, "rate_not_found"),
        Refusal::NumberHasNoTrunk => (400, "no_active_trunk"),
        Refusal::InsufficientBalance => (402, "insufficient_balance"),
        Refusal::SpendControl => (403, "spend_control_exceeded"),
        Refusal::DestinationForbidden { .. } => (403, "destination_forbidden"),
        Refusal::DoNotCall => (403, "do_not_call"),
        Refusal::Limited { limit: Limit::ConcurrentCalls, .. } => (429, "concurrent_call_limit_reached"),
        Refusal::Limited { limit: Limit::CallsPerSecond, .. } => (429, "cps_limit_reached"),
        Refusal::Limited { limit: Limit::Requests, .. } => (429, "rate_limit_exceeded"),
        Refusal::IdempotencyConflict | Refusal::Superseded => (409, "idempotency_conflict"),
        Refusal::Storage => (500, "reservation_failed"),
        Refusal::AgentNotFound
        | Refusal::NoAgent
        | Refusal::FromNumberNotFound
        | Refusal::AgentMissingPhoneNumber
        | Refusal::NumberNotRegistered
        | Refusal::DemoNumber
        | Refusal::OutboundDisabled
        | Refusal::UnverifiedVoip => (500, "trunk_error"),
        Refusal::TrunkDown { .. } => (502, "originate_failed"),
        Refusal::Overloaded(_) => (503, "overloaded"),
        Refusal::Draining => (503, "draining"),
    }
}
