//! The faces: one a vendor, each pure. A face parses a request, renders an answer, an error and an event, and signs;
//! it knows the model and nothing else, neither HTTP's types nor another face.

pub mod collection;
pub mod native;
pub mod nixflex;
pub mod resource;

use crate::model::{ObjectKind, ObjectProblem, Refusal, Untransferable};

/// Why a request gets no answer of its own. Neutral: each face has its own words for it.
#[derive(Clone, PartialEq, Debug)]
pub enum Problem {
    /// The request was understood, and nothing was started.
    Refused(Refusal),
    /// No key, an unknown key, a wrong secret, or another face's key.
    InvalidApiKey,
    /// The public half of a key came alone.
    KeySecretRequired,
    /// No such call, or another tenant's.
    CallNotFound,
    /// What was asked of the call cannot be done as it stands.
    CallNotLive(Untransferable),
    /// The call has no recording, or not yet.
    RecordingNotFound,
    /// This trunk is being examined already.
    ExaminationRunning,
    /// An object is not shown or not changed.
    Object(ObjectProblem),
    /// No such path.
    NoSuchPath,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The body is longer than is taken.
    BodyTooLarge {
        /// What is taken, in bytes.
        limit: usize,
    },
    /// The body did not come in time.
    BodyTimeout,
    /// The switch failed in a way that nobody foresaw.
    Internal,
}

impl From<ObjectProblem> for Problem {
    fn from(problem: ObjectProblem) -> Self {
        Self::Object(problem)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// An object's problem as every face has it: its HTTP status and its code.
pub fn object_problem(problem: &ObjectProblem) -> (u16, &'static str) {
    match problem {
        ObjectProblem::NotFound(ObjectKind::Tenant) => (404, "tenant_not_found"),
        ObjectProblem::NotFound(ObjectKind::Key) => (404, "key_not_found"),
        ObjectProblem::NotFound(ObjectKind::Agent) => (404, "agent_not_found"),
        ObjectProblem::NotFound(ObjectKind::Number) => (404, "phone_number_not_found"),
        ObjectProblem::NotFound(ObjectKind::Trunk) => (404, "trunk_not_found"),
        ObjectProblem::NotFound(ObjectKind::Application) => (404, "application_not_found"),
        ObjectProblem::NotFound(ObjectKind::WebhookEndpoint) => (404, "webhook_endpoint_not_found"),
        ObjectProblem::ManagedByFile => (409, "managed_by_file"),
        ObjectProblem::Missing(_) => (400, "missing_field"),
        ObjectProblem::NameTaken(_) => (409, "already_exists"),
        ObjectProblem::InUse(_) => (409, "in_use"),
        ObjectProblem::Changed => (412, "changed_meanwhile"),
        ObjectProblem::Forbidden => (403, "forbidden"),
    }
}
