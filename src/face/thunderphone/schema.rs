//! Requests and answers as ThunderPhone's clients write and read them, for the API's description.
#![expect(
    dead_code,
    reason = "these types are described, not built: bodies are read field by field and shown as JSON"
)]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use crate::face::schema::Scalar;

/// `POST /v1/call`: `agent_id` or `config` or neither, which is the number's own agent.
#[derive(ToSchema)]
#[schema(as = thunderphone::CallRequest)]
pub struct CallRequest {
    /// One of the tenant's numbers, with a verified connection.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    from_number: String,
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    to_number: String,
    /// A saved agent's.
    agent_id: Option<AgentId>,
    /// An agent for this call alone.
    config: Option<Config>,
    /// The total time in ringing, queue, music or IVR before anyone talks.
    #[schema(minimum = 1, maximum = 86400)]
    max_hold_seconds: Option<u64>,
    variables: Option<BTreeMap<String, Scalar>>,
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// An integer, or a name of the configuration's.
#[derive(ToSchema)]
#[schema(as = thunderphone::AgentId)]
#[serde(untagged)]
pub enum AgentId {
    Id(u64),
    Name(AgentName),
}

#[derive(ToSchema)]
#[schema(as = thunderphone::AgentName, min_length = 1, max_length = 255)]
pub struct AgentName(String);

/// An agent for one call. Another field than these is refused.
#[derive(ToSchema)]
#[schema(as = thunderphone::Config)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[schema(min_length = 1, max_length = 65536, pattern = r"\S")]
    prompt: String,
    /// Whose voice, among those that `[tts.voices]` names; any other one is the usual voice.
    #[schema(min_length = 1, max_length = 255, pattern = r"\S")]
    voice: String,
    #[schema(max_length = 255)]
    product: Option<String>,
    #[schema(max_length = 255)]
    thinking_level: Option<String>,
    #[schema(max_length = 255)]
    background_track: Option<String>,
    acknowledgement_prompt_mode: Option<AcknowledgementMode>,
    /// Required with `manual`.
    #[schema(max_length = 65536)]
    acknowledgement_prompt: Option<String>,
    #[schema(value_type = Option<Vec<Value>>)]
    tools: Option<Vec<Value>>,
}

#[derive(ToSchema)]
#[schema(as = thunderphone::AcknowledgementMode)]
#[serde(rename_all = "lowercase")]
pub enum AcknowledgementMode {
    Auto,
    Manual,
}

/// The answer to an accepted call.
#[derive(ToSchema)]
#[schema(as = thunderphone::CallCreated)]
pub struct CallCreated {
    #[schema(minimum = 1)]
    call_id: u64,
    #[schema(pattern = "^initiated$")]
    status: String,
}

/// One call.
#[derive(ToSchema)]
#[schema(as = thunderphone::Call)]
pub struct Call {
    id: u64,
    call_id: u64,
    agent_id: u64,
    direction: Direction,
    from_number: String,
    to_number: String,
    status: Status,
    end_reason: Option<EndReason>,
    #[schema(format = "date-time")]
    started_at: String,
    #[schema(format = "date-time")]
    answered_at: Option<String>,
    #[schema(format = "date-time")]
    ended_at: Option<String>,
    duration_seconds: Option<u64>,
    answered_by: Option<String>,
    /// Once it ended, if it was recorded.
    recording_url: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = thunderphone::Direction)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Inbound,
    Outbound,
}

#[derive(ToSchema)]
#[schema(as = thunderphone::Status)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Queued,
    Initiated,
    Ringing,
    InProgress,
    Completed,
    Failed,
}

#[derive(ToSchema)]
#[schema(as = thunderphone::EndReason)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    CallerHangup,
    AgentEnd,
    Transfer,
    Timeout,
    Error,
}

/// A page of calls.
#[derive(ToSchema)]
#[schema(as = thunderphone::CallPage)]
pub struct CallPage {
    total: u64,
    results: Vec<Call>,
}

/// What was said.
#[derive(ToSchema)]
#[schema(as = thunderphone::Transcript)]
pub struct Transcript {
    call_id: u64,
    #[schema(value_type = Vec<Object>)]
    transcript: Vec<Value>,
}

/// The account.
#[derive(ToSchema)]
#[schema(as = thunderphone::Account)]
pub struct Account {
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    /// All of the tenant's money, in units.
    #[schema(pattern = r"^-?[0-9]+\.[0-9]{2,6}$")]
    balance: String,
    balance_micros: i64,
    /// What is held for calls that live.
    held_micros: i64,
    /// The balance less what is held.
    available: String,
    available_micros: i64,
    auto_reload: AutoReload,
    /// Whether a payment hook is there to confirm one.
    top_up_available: bool,
}

#[derive(ToSchema)]
#[schema(as = thunderphone::AutoReload)]
pub struct AutoReload {
    enabled: bool,
    threshold: Option<String>,
    amount: Option<String>,
}

/// `PATCH /v1/billing`: what is left out stays as it was.
#[derive(ToSchema)]
#[schema(as = thunderphone::AccountChange)]
pub struct AccountChange {
    auto_reload: Option<AutoReloadChange>,
}

#[derive(ToSchema)]
#[schema(as = thunderphone::AutoReloadChange)]
pub struct AutoReloadChange {
    enabled: Option<bool>,
    threshold: Option<Amount>,
    amount: Option<Amount>,
}

/// Units of the currency, as text or as a number, with at most six places.
#[derive(ToSchema)]
#[schema(as = thunderphone::Amount)]
#[serde(untagged)]
pub enum Amount {
    Text(AmountText),
    #[schema(title = "number")]
    Number(f64),
}

#[derive(ToSchema)]
#[schema(as = thunderphone::AmountText, pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
pub struct AmountText(String);

/// `POST /v1/billing/top-up`
#[derive(ToSchema)]
#[schema(as = thunderphone::TopUpRequest)]
pub struct TopUpRequest {
    amount: Amount,
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// A payment: 201 once it is credited, 202 while the hook has not said.
#[derive(ToSchema)]
#[schema(as = thunderphone::TopUp)]
pub struct TopUp {
    id: String,
    status: String,
    amount: String,
    amount_micros: i64,
    currency: String,
    available_micros: i64,
    #[schema(format = "date-time")]
    created_at: String,
}

/// A page of the ledger.
#[derive(ToSchema)]
#[schema(as = thunderphone::TransactionPage)]
pub struct TransactionPage {
    total: u64,
    results: Vec<Transaction>,
}

/// A line of the ledger.
#[derive(ToSchema)]
#[schema(as = thunderphone::Transaction)]
pub struct Transaction {
    id: i64,
    r#type: String,
    amount: String,
    amount_micros: i64,
    call_id: Option<u64>,
    reference: Option<String>,
    #[schema(format = "date-time")]
    created_at: String,
}

/// `POST …/verify-voip`: whom to call; without it the number itself.
#[derive(ToSchema)]
#[schema(as = thunderphone::VerifyRequest)]
pub struct VerifyRequest {
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    to: Option<String>,
}

/// `POST /v1/test-calls`: `agent_id` or `config`.
#[derive(ToSchema)]
#[schema(as = thunderphone::TestCallRequest)]
pub struct TestCallRequest {
    agent_id: Option<AgentId>,
    /// An agent for this dry run alone.
    config: Option<Config>,
    variables: Option<BTreeMap<String, Scalar>>,
    callee: Option<TestCallee>,
    /// As the header.
    idempotency_key: Option<String>,
}

/// Who answers a dry run: without a word, a person.
#[derive(ToSchema)]
#[schema(as = thunderphone::TestCallee)]
#[serde(rename_all = "snake_case")]
pub enum TestCallee {
    Person,
    Voicemail,
    Busy,
    NoAnswer,
    Ivr,
    Declines,
    Silent,
    HangsUp,
}

/// What came of a dry run.
#[derive(ToSchema)]
#[schema(as = thunderphone::TestCall)]
pub struct TestCall {
    /// No call's: nothing of a dry run is kept.
    #[schema(pattern = "^test_[0-9a-f]{16}$")]
    call_id: String,
    #[schema(pattern = "^(completed|failed)$")]
    status: String,
    end_reason: EndReason,
    callee: TestCallee,
    answered_by: Option<String>,
    duration_seconds: u64,
    dead_air_ms: Option<u64>,
    #[schema(value_type = Vec<Object>)]
    transcripts: Vec<Value>,
    events: Vec<TestEvent>,
}

/// What happened, and how long after the request.
#[derive(ToSchema)]
#[schema(as = thunderphone::TestEvent)]
pub struct TestEvent {
    at_ms: u64,
    event: String,
}

/// What came of a test event.
#[derive(ToSchema)]
#[schema(as = TestDelivery)]
pub struct TestDelivery {
    delivered: bool,
    /// The receiver's HTTP status.
    status: Option<u16>,
    error: Option<String>,
}

/// Every problem: `detail`, or messages by field; and `code`.
#[derive(ToSchema)]
#[schema(as = thunderphone::Error)]
pub struct Error {
    detail: Option<String>,
    /// For programs.
    code: String,
}
