//! Every problem in ThunderPhone's words: `{"detail","code"}`, or the field's messages and `code`.

use serde_json::{Value, json};

use crate::face::{Problem, object_problem};
use crate::model::{Refusal, StoredResponse};

/// The answer to a request that came to nothing.
pub fn error(problem: &Problem) -> StoredResponse {
    let (status, body) = match problem {
        Problem::Refused(refusal) => refused(refusal),
        _ => {
            let (status, code) = classify(problem);
            (status, detail(code, problem.to_string()))
        }
    };
    StoredResponse { status, body: body.to_string() }
}

fn classify(problem: &Problem) -> (u16, &'static str) {
    match problem {
        Problem::InvalidApiKey | Problem::KeySecretRequired => (401, "not_authenticated"),
        Problem::CallNotLive(_) => (409, "call_not_active"),
        Problem::Object(problem) => object_problem(problem),
        Problem::MethodNotAllowed => (405, "method_not_allowed"),
        Problem::UpgradeRequired => (426, "upgrade_required"),
        Problem::BodyTooLarge { .. } => (413, "request_too_large"),
        Problem::BodyTimeout => (408, "request_timeout"),
        Problem::Billing(problem) => (problem.status(), problem.code()),
        // Campaigns are another vendor's.
        Problem::Batch(_) => (404, "not_found"),
        Problem::ExaminationRunning => (409, "examination_running"),
        Problem::CallNotFound | Problem::RecordingNotFound | Problem::NoSuchPath => (404, "not_found"),
        Problem::Refused(_) | Problem::Internal => (500, "internal_error"),
    }
}

fn refused(refusal: &Refusal) -> (u16, Value) {
    let (status, code) = match refusal {
        Refusal::MissingField(name) => return (400, field(name, "This field is required.", "required")),
        Refusal::InvalidPhone { field: name } => {
            return (400, field(name, "Enter a number in E.164 form.", "invalid_phone_number"));
        }
        Refusal::InvalidField { field: name, reason } if name != "body" => {
            return (400, field(name, &format!("This field {reason}."), "invalid"));
        }
        Refusal::InvalidField { .. } => (400, "parse_error"),
        Refusal::AgentNotFound => (400, "agent_not_found"),
        Refusal::NoAgent => (400, "agent_required"),
        Refusal::RateNotFound => (400, "rate_not_found"),
        Refusal::InsufficientBalance | Refusal::SpendControl => (402, "insufficient_balance"),
        Refusal::DemoNumber => (403, "demo_number"),
        Refusal::UnverifiedVoip => (403, "unverified_voip"),
        Refusal::OutboundDisabled => (403, "outbound_disabled"),
        Refusal::DestinationForbidden { .. } => (403, "destination_forbidden"),
        Refusal::DoNotCall => (403, "do_not_call"),
        Refusal::NumberNotRegistered | Refusal::FromNumberNotFound | Refusal::AgentMissingPhoneNumber => {
            (404, "number_not_registered")
        }
        Refusal::IdempotencyConflict | Refusal::Superseded => (409, "idempotency_conflict"),
        Refusal::Limited { .. } => (429, "throttled"),
        Refusal::NumberHasNoTrunk | Refusal::TrunkDown { .. } => (502, "sip_failure"),
        Refusal::Overloaded(_) => (503, "overloaded"),
        Refusal::Draining => (503, "draining"),
        Refusal::Storage => (500, "storage_failed"),
    };
    (status, detail(code, refusal.to_string()))
}

fn detail(code: &str, message: String) -> Value {
    json!({ "detail": message, "code": code })
}

/// The field's messages. A field may be called `code` only by a client, whose own word then gives way.
fn field(name: &str, message: &str, code: &str) -> Value {
    let mut body = json!({ name: [message] });
    body["code"] = code.into();
    body
}
