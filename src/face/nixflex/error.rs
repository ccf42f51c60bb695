//! Every problem in Nixflex's envelope: `{"error":{"type","code","message","doc_url","details"}}`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::face::{Problem, object_problem};
use crate::model::{BatchRefusal, ObjectProblem, Refusal, StoredResponse};

/// Where the codes are described.
const DOC_URL: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "#errors");

/// The answer to a request that came to nothing.
pub fn error(problem: &Problem) -> StoredResponse {
    let (status, body) = envelope(problem);
    StoredResponse { status, body: json!({ "error": body }).to_string() }
}

/// The same for a path that several vendors document, asked without a valid key: whose client it is can't be told, so the
/// answer also has the `detail` that others read.
pub fn error_with_detail(problem: &Problem) -> StoredResponse {
    let (status, body) = envelope(problem);
    let detail = body["message"].clone();
    StoredResponse { status, body: json!({ "error": body, "detail": detail }).to_string() }
}

fn envelope(problem: &Problem) -> (u16, Value) {
    let (status, code, details) = classify(problem);
    let kind = match status {
        401 => "authentication_error",
        402 => "payment_required",
        403 => "permission_error",
        404 => "not_found",
        409 => "conflict",
        429 => "rate_limit_error",
        502 => "provider_error",
        500..=599 => "server_error",
        _ => "invalid_request",
    };
    let message = message(problem);
    let body =
        json!({ "type": kind, "code": code, "message": message, "doc_url": DOC_URL, "details": details });
    (status, body)
}

/// HTTP status, code, details.
fn classify(problem: &Problem) -> (u16, &'static str, Value) {
    let none = || json!({});
    match problem {
        Problem::Refused(refusal) => classify_refusal(refusal),
        Problem::Batch(refusal) => classify_batch(refusal),
        Problem::InvalidApiKey => (401, "invalid_api_key", none()),
        Problem::KeySecretRequired => (401, "key_secret_required", none()),
        Problem::CallNotFound => (404, "call_not_found", none()),
        Problem::CallNotLive(_) => (409, "call_not_active", none()),
        Problem::RecordingNotFound => (404, "recording_not_found", none()),
        Problem::ExaminationRunning => (409, "examination_running", none()),
        Problem::Object(problem) => {
            let (status, code) = object_problem(problem);
            let details = match problem {
                ObjectProblem::Missing(field) => json!({ "field": field }),
                _ => none(),
            };
            (status, code, details)
        }
        Problem::NoSuchPath => (404, "not_found", none()),
        Problem::MethodNotAllowed => (405, "method_not_allowed", none()),
        Problem::UpgradeRequired => (426, "upgrade_required", none()),
        Problem::BodyTooLarge { limit } => (413, "request_too_large", json!({ "max_bytes": limit })),
        Problem::BodyTimeout => (408, "request_timeout", none()),
        Problem::Billing(problem) => (problem.status(), problem.code(), none()),
        Problem::Internal => (500, "internal_error", none()),
    }
}

fn classify_refusal(refusal: &Refusal) -> (u16, &'static str, Value) {
    let none = || json!({});
    match refusal {
        Refusal::MissingField(field) => (400, "missing_field", json!({ "field": field })),
        Refusal::InvalidField { field, .. } => (400, "invalid_request", json!({ "field": field })),
        Refusal::InvalidPhone { field } => (400, "invalid_phone_format", json!({ "field": field })),
        Refusal::AgentNotFound => (400, "agent_not_found", none()),
        Refusal::FromNumberNotFound => (400, "from_number_not_found", none()),
        Refusal::AgentMissingPhoneNumber => (400, "agent_missing_phone_number", none()),
        Refusal::NumberHasNoTrunk | Refusal::DemoNumber | Refusal::UnverifiedVoip => {
            (400, "agent_missing_twilio_credentials", none())
        }
        Refusal::NumberNotRegistered | Refusal::OutboundDisabled => (400, "from_number_not_found", none()),
        Refusal::NoAgent => (400, "agent_not_found", none()),
        Refusal::DestinationForbidden { reason } => (502, "outbound_failed", provider(reason, None)),
        Refusal::DoNotCall => (403, "do_not_call", none()),
        Refusal::RateNotFound => (400, "rate_not_found", none()),
        Refusal::SpendControl => (402, "spend_limit_reached", none()),
        Refusal::InsufficientBalance => (402, "insufficient_balance", none()),
        Refusal::TrunkDown { reason, sip_code } => (502, "outbound_failed", provider(reason, *sip_code)),
        Refusal::Limited { retry_after, .. } => {
            (429, "rate_limit_exceeded", json!({ "retry_after": whole_seconds(*retry_after) }))
        }
        Refusal::Overloaded(_) => (503, "overloaded", none()),
        Refusal::Draining => (503, "draining", none()),
        Refusal::IdempotencyConflict => (409, "idempotency_conflict", none()),
        Refusal::Superseded => (409, "recipient_superseded", none()),
        Refusal::Storage => (500, "storage_failed", none()),
    }
}

fn classify_batch(refusal: &BatchRefusal) -> (u16, &'static str, Value) {
    match refusal {
        BatchRefusal::Refused(refusal) => classify_refusal(refusal),
        BatchRefusal::InvalidRecipients(invalid) => {
            (400, "invalid_phone_format", json!({ "field": "recipients", "invalid": invalid }))
        }
        BatchRefusal::Creation(fault) => {
            (400, "campaign_creation_failed", json!({ "reason": fault.reason() }))
        }
        BatchRefusal::NotFound => (404, "campaign_not_found", json!({})),
        BatchRefusal::Over(status) => (400, "campaign_already_completed", json!({ "status": status })),
        BatchRefusal::NoRecipients => (400, "campaign_no_recipients", json!({})),
        BatchRefusal::KeyRevoked => (400, "campaign_key_revoked", json!({})),
    }
}

fn provider(reason: &str, sip_code: Option<u16>) -> Value {
    json!({ "twilio_error": reason, "sip_code": sip_code })
}

fn message(problem: &Problem) -> String {
    let text = match problem {
        Problem::InvalidApiKey => "no valid API key: send `Authorization: Bearer KEY_ID:KEY_SECRET`",
        Problem::KeySecretRequired => {
            "the key's secret is missing: send `Authorization: Bearer KEY_ID:KEY_SECRET`"
        }
        problem => return problem.to_string(),
    };
    text.to_owned()
}

/// Rounded up, so that who waits as told does not come too early.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limit;

    fn shown(problem: impl Into<Problem>) -> (u16, String, String, Value) {
        let answer = error(&problem.into());
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        let error = body["error"].as_object().expect("an object");
        assert_eq!(error.len(), 5);
        assert!(error["message"].is_string() && error["doc_url"].is_string());
        let text = |key: &str| error[key].as_str().expect("a string").to_owned();
        (answer.status, text("type"), text("code"), error["details"].clone())
    }

    #[test]
    fn every_refusal_has_its_status_type_code_and_details() {
        let reason = || "policy".to_owned();
        let retry_after = Duration::from_millis(1_200);
        let none = || json!({});
        for (refusal, status, kind, code, details) in [
            (
                Refusal::MissingField("prompt"),
                400,
                "invalid_request",
                "missing_field",
                json!({"field": "prompt"}),
            ),
            (
                Refusal::InvalidField { field: "x".into(), reason: reason() },
                400,
                "invalid_request",
                "invalid_request",
                json!({"field": "x"}),
            ),
            (
                Refusal::InvalidPhone { field: "to_number" },
                400,
                "invalid_request",
                "invalid_phone_format",
                json!({"field": "to_number"}),
            ),
            (Refusal::AgentNotFound, 400, "invalid_request", "agent_not_found", none()),
            (Refusal::FromNumberNotFound, 400, "invalid_request", "from_number_not_found", none()),
            (Refusal::AgentMissingPhoneNumber, 400, "invalid_request", "agent_missing_phone_number", none()),
            (Refusal::NumberHasNoTrunk, 400, "invalid_request", "agent_missing_twilio_credentials", none()),
            (
                Refusal::DestinationForbidden { reason: reason() },
                502,
                "provider_error",
                "outbound_failed",
                json!({"twilio_error": "policy", "sip_code": null}),
            ),
            (
                Refusal::TrunkDown { reason: reason(), sip_code: Some(503) },
                502,
                "provider_error",
                "outbound_failed",
                json!({"twilio_error": "policy", "sip_code": 503}),
            ),
            (
                Refusal::Limited { limit: Limit::Requests, name: "requests per minute", retry_after },
                429,
                "rate_limit_error",
                "rate_limit_exceeded",
                json!({"retry_after": 2}),
            ),
            (Refusal::DoNotCall, 403, "permission_error", "do_not_call", none()),
            (Refusal::RateNotFound, 400, "invalid_request", "rate_not_found", none()),
            (Refusal::SpendControl, 402, "payment_required", "spend_limit_reached", none()),
            (Refusal::InsufficientBalance, 402, "payment_required", "insufficient_balance", none()),
            (Refusal::Overloaded("ports"), 503, "server_error", "overloaded", none()),
            (Refusal::Draining, 503, "server_error", "draining", none()),
            (Refusal::IdempotencyConflict, 409, "conflict", "idempotency_conflict", none()),
            (Refusal::Superseded, 409, "conflict", "recipient_superseded", none()),
            (Refusal::Storage, 500, "server_error", "storage_failed", none()),
        ] {
            assert_eq!(shown(refusal), (status, kind.into(), code.into(), details));
        }
    }

    #[test]
    fn every_problem_has_its_status_type_and_code() {
        for (problem, status, kind, code) in [
            (Problem::InvalidApiKey, 401, "authentication_error", "invalid_api_key"),
            (Problem::KeySecretRequired, 401, "authentication_error", "key_secret_required"),
            (Problem::CallNotFound, 404, "not_found", "call_not_found"),
            (Problem::RecordingNotFound, 404, "not_found", "recording_not_found"),
            (Problem::NoSuchPath, 404, "not_found", "not_found"),
            (Problem::MethodNotAllowed, 405, "invalid_request", "method_not_allowed"),
            (Problem::BodyTooLarge { limit: 9 }, 413, "invalid_request", "request_too_large"),
            (Problem::BodyTimeout, 408, "invalid_request", "request_timeout"),
            (Problem::Internal, 500, "server_error", "internal_error"),
        ] {
            let (got, kind_got, code_got, _) = shown(problem);
            assert_eq!((got, kind_got.as_str(), code_got.as_str()), (status, kind, code));
        }
    }

    #[test]
    fn every_campaigns_problem_has_its_status_type_code_and_details() {
        use crate::model::{CreationFault, InvalidRecipient};
        let invalid =
            vec![InvalidRecipient { index: 3, phone: Some("07".into()), reason: "not a valid E.164 number" }];
        let listed = json!([{ "index": 3, "phone": "07", "reason": "not a valid E.164 number" }]);
        let zone = BatchRefusal::Creation(CreationFault::InvalidTimezone);
        assert!(zone.to_string().contains("invalid_timezone"), "the message states the exact reason");
        for (refusal, status, kind, code, details) in [
            (
                BatchRefusal::InvalidRecipients(invalid),
                400,
                "invalid_request",
                "invalid_phone_format",
                json!({ "field": "recipients", "invalid": listed }),
            ),
            (
                zone,
                400,
                "invalid_request",
                "campaign_creation_failed",
                json!({ "reason": "invalid_timezone" }),
            ),
            (BatchRefusal::NotFound, 404, "not_found", "campaign_not_found", json!({})),
            (
                BatchRefusal::Over("cancelled"),
                400,
                "invalid_request",
                "campaign_already_completed",
                json!({ "status": "cancelled" }),
            ),
            (BatchRefusal::NoRecipients, 400, "invalid_request", "campaign_no_recipients", json!({})),
            (BatchRefusal::KeyRevoked, 400, "invalid_request", "campaign_key_revoked", json!({})),
            (Refusal::IdempotencyConflict.into(), 409, "conflict", "idempotency_conflict", json!({})),
        ] {
            assert_eq!(shown(refusal), (status, kind.into(), code.into(), details));
        }
    }

    #[test]
    fn a_shared_path_also_says_it_in_detail() {
        let answer = error_with_detail(&Problem::InvalidApiKey);
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["detail"], body["error"]["message"]);
    }
}
