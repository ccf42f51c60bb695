//! Every problem in Voiceflow's words: `{"message","code"}`.

use serde_json::json;

use crate::face::{Problem, object_problem};
use crate::model::{Refusal, StoredResponse};

/// The answer to a request that came to nothing.
pub fn error(problem: &Problem) -> StoredResponse {
    let (status, code) = classify(problem);
    StoredResponse { status, body: json!({ "message": problem.to_string(), "code": code }).to_string() }
}

fn classify(problem: &Problem) -> (u16, &'static str) {
    match problem {
        Problem::Refused(refusal) => refused(refusal),
        Problem::InvalidApiKey | Problem::KeySecretRequired => (401, "unauthorized"),
        Problem::CallNotFound | Problem::RecordingNotFound | Problem::NoSuchPath => (404, "not_found"),
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
        Refusal::MissingField(_) => (400, "missing_field"),
        Refusal::InvalidField { .. } => (400, "invalid_request"),
        Refusal::InvalidPhone { .. } => (400, "invalid_phone_number"),
        Refusal::AgentNotFound | Refusal::NoAgent => (404, "agent_not_found"),
        Refusal::FromNumberNotFound
        | Refusal::AgentMissingPhoneNumber
        | Refusal::NumberNotRegistered
        | Refusal::OutboundDisabled
        | Refusal::DemoNumber
        | Refusal::UnverifiedVoip => (400, "phone_number_not_found"),
        Refusal::NumberHasNoTrunk => (400, "phone_number_has_no_trunk"),
        Refusal::RateNotFound => (400, "rate_not_found"),
        Refusal::InsufficientBalance => (402, "insufficient_balance"),
        Refusal::SpendControl => (402, "spend_limit_reached"),
        // Seed 003: "If you're seeing a 500 error, your Twilio number may not have outbound permissions for the region."
        Refusal::DestinationForbidden { .. } => (500, "destination_forbidden"),
        Refusal::DoNotCall => (403, "do_not_call"),
        Refusal::IdempotencyConflict | Refusal::Superseded => (409, "idempotency_conflict"),
        Refusal::Limited { .. } => (429, "too_many_requests"),
        Refusal::TrunkDown { .. } => (502, "trunk_unavailable"),
        Refusal::Overloaded(_) => (503, "overloaded"),
        Refusal::Draining => (503, "draining"),
        Refusal::Storage => (500, "storage_failed"),
    }
}
