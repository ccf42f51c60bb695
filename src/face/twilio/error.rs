//! Every problem in Twilio's words: `{"code","message","more_info","status"}`, the code being one of Twilio's dictionary.

use serde_json::json;

use crate::face::{Problem, object_problem};
use crate::model::{Refusal, StoredResponse};

/// The answer to a request that came to nothing.
pub fn error(problem: &Problem) -> StoredResponse {
    let (status, code) = classify(problem);
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    let message = problem.to_string();
    let body = json!({ "code": code, "message": message, "more_info": more_info, "status": status });
    StoredResponse { status, body: body.to_string() }
}

/// HTTP status, and Twilio's code.
fn classify(problem: &Problem) -> (u16, u32) {
    match problem {
        Problem::Refused(refusal) => refused(refusal),
        Problem::InvalidApiKey | Problem::KeySecretRequired => (401, 20003),
        Problem::CallNotFound | Problem::RecordingNotFound | Problem::NoSuchPath => (404, 20404),
        Problem::Billing(problem) => (problem.status(), 20404),
        // Campaigns are another vendor's.
        Problem::Batch(_) => (404, 20404),
        Problem::ExaminationRunning => (409, 20409),
        Problem::CallNotLive(_) => (400, 21220),
        // Its dictionary's general codes are 20 and the status.
        Problem::Object(problem) => {
            let (status, _) = object_problem(problem);
            (status, 20_000 + u32::from(status))
        }
        Problem::MethodNotAllowed => (405, 20004),
        Problem::UpgradeRequired => (426, 20426),
        Problem::BodyTooLarge { .. } => (413, 20413),
        Problem::BodyTimeout => (408, 20408),
        Problem::Internal => (500, 20500),
    }
}

fn refused(refusal: &Refusal) -> (u16, u32) {
    match refusal {
        Refusal::MissingField("To") => (400, 21201),
        Refusal::MissingField("From") => (400, 21213),
        Refusal::MissingField("Url") => (400, 21205),
        Refusal::MissingField(_) | Refusal::InvalidField { .. } => (400, 20001),
        Refusal::InvalidPhone { field: "From" } => (400, 21212),
        Refusal::InvalidPhone { .. } => (400, 21211),
        Refusal::NumberNotRegistered
        | Refusal::FromNumberNotFound
        | Refusal::AgentMissingPhoneNumber
        | Refusal::DemoNumber
        | Refusal::OutboundDisabled
        | Refusal::UnverifiedVoip
        | Refusal::NumberHasNoTrunk => (400, 21210),
        Refusal::AgentNotFound | Refusal::NoAgent => (400, 21205),
        Refusal::DestinationForbidden { .. } | Refusal::RateNotFound => (400, 21215),
        Refusal::DoNotCall => (400, 21216),
        Refusal::InsufficientBalance | Refusal::SpendControl => (402, 20402),
        Refusal::IdempotencyConflict | Refusal::Superseded => (409, 20409),
        Refusal::Limited { .. } => (429, 20429),
        Refusal::TrunkDown { .. } => (502, 20502),
        Refusal::Overloaded(_) | Refusal::Draining => (503, 20503),
        Refusal::Storage => (500, 20500),
    }
}
