//! The faces: one a vendor, each pure. A face parses a request, renders an answer, an error and an event, and signs;
//! it knows the model and nothing else, neither HTTP's types nor another face. What they have in common to the rest of the
//! house stands here: one function a thing, one arm a face.

mod body;
pub mod collection;
pub mod link;
mod list;
pub mod minivoice;
pub mod money;
pub mod native;
pub mod nixflex;
pub mod resource;
mod schema;
pub mod thunderphone;
pub mod twilio;
pub mod voiceflow;

use crate::model::{
    Accepted, Application, BatchRefusal, CallRecord, EventKind, Face, Key, NotDone, ObjectKind,
    ObjectProblem, Occasion, OutboundRequest, Refusal, Step, StoredResponse, Timestamp,
};

pub use body::must_be_object;
pub use list::{List, last_of_full, parse_list};
pub(crate) use nixflex::schema::ErrorWithDetail;

/// A valid body of a request for one call.
pub struct Outbound {
    /// The request, for the key that asked. Its idempotency is not set: the header has a say in it.
    pub request: OutboundRequest,
    /// `idempotency_key` of the body.
    pub idempotency_key: Option<String>,
    /// The caller's number was given and is no number. Then it is nobody's number, and is refused as such (seed 000:
    /// `from_number_not_found`), but only once the agent is known to exist.
    pub from_unusable: bool,
}

/// What reads are shown with.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Who reads: its face answers.
    pub key: &'a Key,
    /// What its key belongs to.
    pub application: Option<&'a Application>,
    /// The scheme and host that the client used; empty leaves paths alone.
    pub base: &'a str,
}

/// The answer to an accepted call.
pub fn created(face: Face, accepted: &Accepted) -> StoredResponse {
    match face {
        Face::Nixflex => nixflex::created(accepted),
        Face::ThunderPhone => thunderphone::created(accepted),
        Face::Voiceflow => voiceflow::created(accepted),
        Face::MiniVoice => minivoice::created(accepted),
        Face::Twilio => twilio::created(accepted),
    }
}

/// The answer to a request that came to nothing.
pub fn error(face: Face, problem: &Problem) -> StoredResponse {
    match face {
        Face::Nixflex => nixflex::error(problem),
        Face::ThunderPhone => thunderphone::error(problem),
        Face::Voiceflow => voiceflow::error(problem),
        Face::MiniVoice => minivoice::error(problem),
        Face::Twilio => twilio::error(problem),
    }
}

/// The same for a path that several vendors document, asked without a valid key: whose client it is can't be told, so it
/// has the `error` that some read and the `detail` that others do.
pub fn shared_error(problem: &Problem) -> StoredResponse {
    nixflex::error_with_detail(problem)
}

/// One call, as a read shows it.
pub fn call(reader: Reader<'_>, record: &CallRecord) -> String {
    match reader.key.face {
        Face::Nixflex => nixflex::call(record, reader.base),
        Face::ThunderPhone => thunderphone::call(record, reader.base),
        Face::Voiceflow => voiceflow::call(record, reader.base),
        Face::MiniVoice => minivoice::call(record, reader.application, reader.base),
        Face::Twilio => twilio::call(record, &reader.key.public),
    }
}

/// A page of calls, of so many.
pub fn calls(reader: Reader<'_>, records: &[CallRecord], count: u64, list: &List) -> String {
    let (limit, offset) = (list.limit, list.offset);
    match reader.key.face {
        Face::Nixflex => nixflex::calls(records, count, limit, offset),
        Face::ThunderPhone => thunderphone::calls(records, count, reader.base),
        Face::Voiceflow => voiceflow::calls(records, count, limit, offset, reader.base),
        Face::MiniVoice => minivoice::calls(records, reader.application, (count, limit, offset), reader.base),
        Face::Twilio => twilio::calls(records, &reader.key.public),
    }
}

/// The body of an event of this call that happened then, for the receiver of this key.
pub fn event(key: &Key, kind: EventKind, at: Timestamp, record: &CallRecord) -> String {
    let record = &record.at(kind);
    match key.face {
        Face::Nixflex => nixflex::event(kind, record),
        Face::ThunderPhone => thunderphone::completed(record),
        Face::Voiceflow => voiceflow::event(kind, at, record),
        Face::MiniVoice => minivoice::event(kind, at, record),
        Face::Twilio => twilio::event(kind, at, record, &key.public),
    }
}

/// The body of an event that is about no call: it tries the receiver with this id.
pub fn test_event(key: &Key, endpoint: u64, at: Timestamp) -> String {
    match key.face {
        Face::Nixflex => nixflex::test_event(endpoint),
        Face::ThunderPhone => thunderphone::test_event(endpoint),
        Face::Voiceflow => voiceflow::test_event(endpoint, at),
        Face::MiniVoice => minivoice::test_event(endpoint, at),
        Face::Twilio => twilio::test_event(endpoint, at, &key.public),
    }
}

/// The body of the request that asks a call's guide what to do; `None` for a vendor without one.
pub fn question(
    (face, key): (Face, &Key),
    occasion: &Occasion,
    at: Timestamp,
    record: &CallRecord,
) -> Option<String> {
    match face {
        Face::MiniVoice => Some(minivoice::question(occasion, at, record)),
        Face::Twilio => Some(twilio::question(occasion, record, &key.public)),
        Face::Nixflex | Face::ThunderPhone | Face::Voiceflow => None,
    }
}

/// The steps of a document that a guide answered at `base`.
pub fn steps(face: Face, base: &str, body: &[u8]) -> Result<Vec<Step>, UnreadableSteps> {
    match face {
        Face::MiniVoice => minivoice::steps(base, body),
        Face::Twilio => twilio::steps(base, body),
        Face::Nixflex | Face::ThunderPhone | Face::Voiceflow => {
            Err(UnreadableSteps("this vendor has no such documents".to_owned()))
        }
    }
}

/// A document that says what to do cannot be understood, in one clause that quotes nothing of it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableSteps(pub String);

/// An event as a stream tells it to the holder of this key: its name and its JSON document. What its vendor documents is told in
/// that vendor's words; everything else, and all that is no JSON there, in the switch's own.
pub fn told(
    key: &Key,
    id: u64,
    kind: EventKind,
    at: Timestamp,
    record: &CallRecord,
) -> (&'static str, String) {
    let documented = |kind: EventKind| key.face.events().contains(&kind).then_some(kind);
    // Who doesn't tell a call that failed from one that is over hears that it is over.
    let over = || (kind == EventKind::Failed).then_some(EventKind::Completed).and_then(documented);
    match documented(kind).or_else(over) {
        Some(kind) if key.face != Face::Twilio => (event_name(key.face, kind), event(key, kind, at, record)),
        _ => (kind.as_str(), native::record::event(id, kind, at, record)),
    }
}

/// What a vendor calls an event.
const fn event_name(face: Face, kind: EventKind) -> &'static str {
    match (face, kind) {
        (Face::ThunderPhone, EventKind::Completed) => "telephony.complete",
        (Face::Voiceflow, EventKind::Started) => "runtime.call.start",
        (Face::Voiceflow, EventKind::Completed) => "runtime.call.end",
        (_, kind) => kind.as_str(),
    }
}

/// What an event's body is.
pub const fn content_type(face: Face) -> &'static str {
    match face {
        Face::Twilio => "application/x-www-form-urlencoded",
        Face::Nixflex | Face::ThunderPhone | Face::Voiceflow | Face::MiniVoice => "application/json",
    }
}

/// The headers that show whose event it is. Voiceflow documents none. Who is asked never sees what stands behind a `#` in the URL
/// (RFC 9110 §7.1), and could not check a signature over it.
pub fn sign(
    face: Face,
    secret: &str,
    url: &str,
    unix_seconds: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    match face {
        Face::Nixflex => vec![(nixflex::SIGNATURE_HEADER, nixflex::sign(secret, unix_seconds, body))],
        Face::ThunderPhone => thunderphone::sign(secret, body),
        Face::Voiceflow => Vec::new(),
        Face::MiniVoice => minivoice::sign(secret, unix_seconds, body),
        Face::Twilio => twilio::sign(secret, url, body),
    }
}

/// Why a request gets no answer of its own. Neutral: each face has its own words for it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Problem {
    /// The request was understood, and nothing was started.
    #[error(transparent)]
    Refused(Refusal),
    /// A campaign was not made, or does not do what it was told. Never [`BatchRefusal::Refused`], which is the one above.
    #[error(transparent)]
    Batch(BatchRefusal),
    /// No key, an unknown key, a wrong secret, or another face's key.
    #[error("no valid API key")]
    InvalidApiKey,
    /// The public half of a key came alone.
    #[error("the key's secret is missing")]
    KeySecretRequired,
    /// No such call, or another tenant's.
    #[error("there is no such call")]
    CallNotFound,
    /// What was asked of the call cannot be done as it stands.
    #[error(transparent)]
    CallNotLive(NotDone),
    /// The call has no recording, or not yet.
    #[error("this call has no recording, or not yet")]
    RecordingNotFound,
    /// This trunk is being examined already.
    #[error("this trunk is being examined already; ask again when that is over")]
    ExaminationRunning,
    /// An object is not shown or not changed.
    #[error("{0}")]
    Object(ObjectProblem),
    /// No such path.
    #[error("there is no such path")]
    NoSuchPath,
    /// The path is there, the method is not.
    #[error("this path does not take this method")]
    MethodNotAllowed,
    /// What is there is spoken to over a WebSocket.
    #[error("this path is for WebSockets, of version 13")]
    UpgradeRequired,
    /// The body is longer than is taken.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge {
        /// What is taken, in bytes.
        limit: usize,
    },
    /// The body did not come in time.
    #[error("the body did not come in time")]
    BodyTimeout,
    /// Money is asked for in vain.
    #[error(transparent)]
    Billing(money::BillingProblem),
    /// The switch failed in a way that nobody foresaw.
    #[error("the switch failed; nothing is known to have been started")]
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
        ObjectProblem::NotFound(ObjectKind::Person) => (404, "person_not_found"),
        ObjectProblem::ManagedByFile => (409, "managed_by_file"),
        ObjectProblem::Missing(_) => (400, "missing_field"),
        ObjectProblem::NameTaken(_) => (409, "already_exists"),
        ObjectProblem::TooMany(_) => (409, "too_many_objects"),
        ObjectProblem::InUse(_) => (409, "in_use"),
        ObjectProblem::Changed => (412, "changed_meanwhile"),
        ObjectProblem::Forbidden => (403, "forbidden"),
        ObjectProblem::DeliveryNotFound => (404, "delivery_not_found"),
        ObjectProblem::NotListed => (404, "not_listed"),
        ObjectProblem::DeliveryPending => (409, "delivery_pending"),
    }
}

impl From<BatchRefusal> for Problem {
    fn from(refusal: BatchRefusal) -> Self {
        match refusal {
            BatchRefusal::Refused(refusal) => Self::Refused(refusal),
            refusal => Self::Batch(refusal),
        }
    }
}
