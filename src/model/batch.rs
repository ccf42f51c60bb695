//! A request for a batch campaign as the switch understands it, and why one comes to nothing.

use super::{Idempotency, KeyId, NewRecipient, PhoneNumber, Refusal, Retry, TenantId, Window, Zone};

/// A body whose fields and recipients are valid. What depends on agent, number and calendar is judged by the campaign room, in
/// the document's order, and so stands here as it was found (no `Debug`: it holds prompts).
pub struct BatchRequest {
    /// Whose campaign it is.
    pub tenant: TenantId,
    /// The key that asked.
    pub key: KeyId,
    /// The agent's id or alias, not yet looked up.
    pub agent: String,
    /// The caller's number, if the client chose one; `Err` is nobody's number.
    pub from: Option<Result<PhoneNumber, ()>>,
    /// For display.
    pub name: Option<String>,
    /// What every call is about.
    pub prompt: String,
    /// Who is called; at least one.
    pub recipients: Vec<NewRecipient>,
    /// Who is not, and why.
    pub invalid: Vec<InvalidRecipient>,
    /// The day on which it becomes due; `None` is now.
    pub date: Result<Option<jiff::civil::Date>, &'static str>,
    /// The campaign's own zone.
    pub zone: Result<Option<Zone>, ()>,
    /// When it may dial.
    pub window: Result<Window, &'static str>,
    /// When a callee may be called, by its own clock.
    pub callee_window: Result<Window, &'static str>,
    /// Who is called again.
    pub retry: Option<Retry>,
    /// After how many calls in succession that could not be carried it pauses itself.
    pub breaker: Option<u32>,
    /// How many recipients were left out since their number had been named before; `None`: all were to be called.
    pub duplicates: Option<u64>,
    /// Present when the client may repeat itself.
    pub idempotency: Option<Idempotency>,
}

/// A recipient who has no number.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct InvalidRecipient {
    /// Its place in the request.
    pub index: usize,
    /// What stood there.
    pub phone: Option<String>,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Why a campaign was not made, or does not do what it was told.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum BatchRefusal {
    /// As for a single call.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Recipients without a valid number, all of them.
    #[error("{} of the recipients have no valid E.164 number", .0.len())]
    InvalidRecipients(Vec<InvalidRecipient>),
    /// The request is well formed, and there can be no such campaign.
    #[error("{0}")]
    Creation(CreationFault),
    /// No such campaign, or another tenant's, which looks exactly the same.
    #[error("the campaign does not exist or does not belong to this key")]
    NotFound,
    /// It is completed or cancelled.
    #[error("the campaign is {0} already")]
    Over(&'static str),
    /// It has nobody to call.
    #[error("the campaign has no recipients")]
    NoRecipients,
    /// It calls with the limits and the signature of a key that is gone.
    #[error(
        "the key that the campaign was made with is revoked or gone: cancel it, and make another one for whoever is left"
    )]
    KeyRevoked,
}

/// Why there can be no such campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CreationFault {
    /// No such agent, or another tenant's.
    #[error("agent_not_found: the agent does not exist or does not belong to this key")]
    AgentNotFound,
    /// Several numbers could call, and none was chosen.
    #[error(
        "from_number_required: the agent has several outbound-enabled numbers; say which by from_number, or set its caller_ids"
    )]
    FromNumberRequired,
    /// No number could call.
    #[error("agent_missing_phone_number: the agent has no outbound-enabled phone number")]
    AgentMissingPhoneNumber,
    /// The chosen number is none of the agent's.
    #[error("from_number_not_found: the from number is not an outbound-enabled number on this agent")]
    FromNumberNotFound,
    /// The number has no usable trunk.
    #[error("agent_missing_twilio_credentials: the from number has no usable trunk")]
    NumberHasNoTrunk,
    /// The date, or the kind of schedule, makes no sense.
    #[error("invalid_schedule: {0}")]
    InvalidSchedule(&'static str),
    /// Not a zone of the IANA database.
    #[error("invalid_timezone: timezone is not an IANA time zone, such as Europe/London")]
    InvalidTimezone,
    /// The window makes no sense.
    #[error("invalid_window: {0}")]
    InvalidWindow(&'static str),
}

impl CreationFault {
    /// The word for programs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AgentNotFound => "agent_not_found",
            Self::FromNumberRequired => "from_number_required",
            Self::AgentMissingPhoneNumber => "agent_missing_phone_number",
            Self::FromNumberNotFound => "from_number_not_found",
            Self::NumberHasNoTrunk => "agent_missing_twilio_credentials",
            Self::InvalidSchedule(_) => "invalid_schedule",
            Self::InvalidTimezone => "invalid_timezone",
            Self::InvalidWindow(_) => "invalid_window",
        }
    }
}
