//! Requests and errors as Nixflex's clients write and read them, for the API's description. What the renderers build from types
//! of their own is described by those: see [`super::record`] and [`super::campaign`].
#![expect(dead_code, reason = "these types are described, not built: the parsers read bodies field by field")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use crate::face::schema::Scalar;
use crate::model::VoicemailAction;

pub use super::campaign::{Created as CampaignCreated, Page as CampaignPage};
pub use super::campaign::{RecipientPage, Report as Campaign, Standing as CampaignStanding};
pub use super::record::{Full as Call, Page as CallPage};

/// `POST /v1/calls/outbound`
#[derive(ToSchema)]
#[schema(as = nixflex::OutboundRequest)]
pub struct OutboundRequest {
    /// The agent that will handle this call; it must be the key's tenant's.
    #[schema(min_length = 1, max_length = 255)]
    agent_id: String,
    /// Whom to call, in E.164.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    to_number: String,
    /// The call's purpose: what the agent should say and why it is calling. Kept nowhere. Not blank.
    #[schema(min_length = 1, max_length = 65536, pattern = r"\S")]
    prompt: String,
    /// What stands in the prompt's `{places}`.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    dynamic_vars: Option<BTreeMap<String, Scalar>>,
    /// Which number to dial from: an outbound-enabled one of this agent. Without it the agent's first, or the one that its `caller_ids` gives
    /// this callee.
    #[schema(max_length = 255)]
    from_number: Option<String>,
    /// The campaign in whose report this call counts.
    #[schema(max_length = 255)]
    campaign_id: Option<String>,
    voicemail_action: Option<VoicemailAction>,
    /// What is left on a voicemail with `leave_message`.
    #[schema(max_length = 65536)]
    voicemail_message: Option<String>,
    /// The client's own object, shown again by reads.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// As the header `Idempotency-Key`.
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// The answer to an accepted call.
#[derive(ToSchema)]
#[schema(as = nixflex::CallCreated)]
pub struct CallCreated {
    #[schema(pattern = "^CA[0-9a-f]{32}$")]
    call_id: String,
    status: Initiated,
    to: String,
    from: String,
}

#[derive(ToSchema)]
#[schema(as = nixflex::Initiated)]
#[serde(rename_all = "lowercase")]
pub enum Initiated {
    Initiated,
}

/// `POST /v1/calls/batch`
#[derive(ToSchema)]
#[schema(as = nixflex::BatchRequest)]
pub struct BatchRequest {
    /// The agent of all calls in this batch.
    #[schema(min_length = 1, max_length = 255)]
    agent_id: String,
    /// The purpose of every call in the campaign. A recipient's `prompt_override` replaces it for that recipient.
    #[schema(min_length = 1, max_length = 65536, pattern = r"\S")]
    prompt: String,
    /// For display.
    #[schema(max_length = 255)]
    name: Option<String>,
    /// The number to dial from. It may be left out where the agent has exactly one that may call, or where its `caller_ids` gives each
    /// callee one.
    #[schema(max_length = 255)]
    from_number: Option<String>,
    #[schema(min_items = 1, max_items = 1000000)]
    recipients: Vec<Recipient>,
    /// `true` dials the valid numbers and lists the others; `false` refuses the request if one is invalid.
    skip_invalid: Option<bool>,
    schedule_type: Option<ScheduleType>,
    /// The day on which the campaign becomes due, if it is scheduled.
    #[schema(value_type = Option<String>, format = "date")]
    scheduled_date: Option<String>,
    /// Minutes since midnight; goes together with `window_end_minutes`.
    #[schema(minimum = 0, maximum = 1439)]
    window_start_minutes: Option<i64>,
    /// Minutes since midnight, exclusive; less than the start is the day after.
    #[schema(minimum = 0, maximum = 1440)]
    window_end_minutes: Option<i64>,
    #[schema(min_items = 1)]
    window_days: Option<Vec<Weekday>>,
    /// When a callee may be called by its own clock, in minutes since midnight; within the campaign's window.
    #[schema(minimum = 0, maximum = 1439)]
    callee_window_start_minutes: Option<i64>,
    /// Minutes since midnight, exclusive; less than the start is the day after.
    #[schema(minimum = 0, maximum = 1440)]
    callee_window_end_minutes: Option<i64>,
    #[schema(min_items = 1)]
    callee_window_days: Option<Vec<Weekday>>,
    /// The IANA time zone of window and date.
    #[schema(max_length = 255)]
    timezone: Option<String>,
    /// Who stands there twice is called once.
    deduplicate: Option<bool>,
    /// Who was not reached is called again.
    retry: Option<Retry>,
    /// The campaign pauses after so many failures in a row.
    #[schema(minimum = 1, maximum = 1000)]
    pause_after_failures: Option<u32>,
    /// As the header `Idempotency-Key`.
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// When somebody is called again. Another field than these is refused.
#[derive(ToSchema)]
#[schema(as = nixflex::RetryRequest)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Calls to one recipient in all.
    #[schema(minimum = 2, maximum = 10)]
    max_attempts: u32,
    /// From the end of one to the beginning of the next.
    #[schema(minimum = 1, maximum = 604800)]
    wait_seconds: Option<u64>,
    #[schema(min_items = 1)]
    on: Option<Vec<RetryReason>>,
}

#[derive(ToSchema)]
#[schema(as = nixflex::RetryReason)]
#[serde(rename_all = "snake_case")]
pub enum RetryReason {
    Busy,
    NoAnswer,
    Rejected,
    Failed,
    Voicemail,
}

/// Who is called.
#[derive(ToSchema)]
#[schema(as = nixflex::Recipient)]
pub struct Recipient {
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    phone: String,
    variables: Option<BTreeMap<String, Scalar>>,
    /// Replaces the campaign's prompt for this recipient alone.
    #[schema(max_length = 65536)]
    prompt_override: Option<String>,
    /// The IANA time zone of its clock, if its number does not tell it.
    #[schema(max_length = 255)]
    timezone: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = nixflex::ScheduleType)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleType {
    Now,
    Schedule,
}

#[derive(ToSchema)]
#[schema(as = nixflex::Weekday)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Where a number's events go.
#[derive(ToSchema)]
#[schema(as = nixflex::NumberWebhook)]
pub struct NumberWebhook {
    /// `null` takes it away.
    #[schema(required, format = "uri")]
    webhook_url: Option<String>,
}

/// Every problem.
#[derive(ToSchema)]
#[schema(as = nixflex::Error)]
pub struct Error {
    error: ErrorBody,
}

/// The same for whoever asked without a valid key on a path that several vendors document.
#[derive(ToSchema)]
#[schema(as = SharedError)]
pub struct ErrorWithDetail {
    error: ErrorBody,
    /// As `error.message`.
    detail: String,
}

#[derive(ToSchema)]
#[schema(as = nixflex::ErrorBody)]
pub struct ErrorBody {
    r#type: String,
    /// For programs.
    code: String,
    /// For people.
    message: String,
    doc_url: String,
    /// What more there is to say, by code.
    #[schema(value_type = Object)]
    details: Value,
}
