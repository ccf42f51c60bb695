//! Requests and answers as MiniVoice's clients write and read them, for the API's description. A call is described by what renders
//! it: see [`super::record`].
#![expect(
    dead_code,
    reason = "these types are described, not built: bodies are read field by field and shown as JSON"
)]

use serde_json::Value;
use utoipa::ToSchema;

pub use super::record::{Page as CallPage, Shown as Call};
pub use super::recording::{Body as RecordingRequest, Shown as RecordingState};

/// `POST /v1/calls`
#[derive(ToSchema)]
#[schema(as = minivoice::CallRequest)]
pub struct CallRequest {
    /// The caller, in E.164.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    from: String,
    /// Whom to call, in E.164.
    #[schema(pattern = r"^\+[1-9][0-9]{1,14}$")]
    to: String,
    /// The client's own object.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Records the call, and stores `metadata.record`.
    record: Option<bool>,
    /// Ignored: the key's application counts.
    #[schema(required = false)]
    application_id: Option<Value>,
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// `POST /v1/rates`
#[derive(ToSchema)]
#[schema(as = minivoice::RateRequest)]
pub struct RateRequest {
    /// The beginning of an E.164 number.
    #[schema(pattern = r"^\+?([1-9][0-9]{0,14})?$")]
    prefix: String,
    #[schema(minimum = 0, maximum = 1000000000)]
    per_minute_micros: i64,
    /// Seconds.
    #[schema(minimum = 1, maximum = 3600)]
    first_interval: Option<u32>,
    /// Seconds.
    #[schema(minimum = 1, maximum = 3600)]
    next_interval: Option<u32>,
    #[schema(minimum = 0, maximum = 1000000000)]
    minimum_micros: Option<i64>,
    #[schema(minimum = 0, maximum = 1000000000)]
    connection_fee_micros: Option<i64>,
    #[schema(format = "date-time")]
    valid_from: Option<String>,
    #[schema(format = "date-time")]
    valid_until: Option<String>,
    /// As the header.
    idempotency_key: Option<String>,
}

/// What a minute costs.
#[derive(ToSchema)]
#[schema(as = minivoice::Rate)]
pub struct Rate {
    /// `null` for a rate of the configuration file.
    id: Option<String>,
    prefix: String,
    per_minute_micros: i64,
    first_interval: u32,
    next_interval: u32,
    minimum_micros: i64,
    connection_fee_micros: i64,
    #[schema(format = "date-time")]
    valid_from: Option<String>,
    #[schema(format = "date-time")]
    valid_until: Option<String>,
}

/// All rates.
#[derive(ToSchema)]
#[schema(as = minivoice::Rates)]
pub struct Rates {
    rates: Vec<Rate>,
    count: u64,
}

/// What a span of time has cost, and what is left.
#[derive(ToSchema)]
#[schema(as = minivoice::Usage)]
pub struct Usage {
    #[schema(format = "date-time")]
    since: String,
    #[schema(format = "date-time")]
    until: String,
    calls: u64,
    answered_calls: u64,
    duration_seconds: u64,
    billable_minutes: u64,
    charged_micros: i64,
    currency: String,
    balance_micros: i64,
    held_micros: i64,
    available_micros: i64,
}

/// Every problem.
#[derive(ToSchema)]
#[schema(as = minivoice::Error)]
pub struct Error {
    error: ErrorBody,
}

#[derive(ToSchema)]
#[schema(as = minivoice::ErrorBody)]
pub struct ErrorBody {
    /// For programs.
    code: String,
    /// For people.
    message: String,
}
