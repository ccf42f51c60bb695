//! Why a request was not accepted, in the switch's own words. Faces project it; `ApiError` alone knows HTTP.

use std::time::Duration;

/// Why a call did not do what it was told.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotDone {
    /// Nobody talks: not yet, or not any more.
    #[error("the call is not answered, or over")]
    NotTalking,
    /// It is being transferred.
    #[error("the call is being transferred already")]
    UnderWay,
    /// The trunk's policy forbids this destination.
    #[error("this destination is not allowed: {0}")]
    Forbidden(String),
    /// Nobody is there who could consult, or who is consulted.
    #[error("{0}")]
    NoTransfer(&'static str),
    /// It is being put on hold, or taken back.
    #[error("the call is being put on hold, or taken back, already")]
    HoldUnderWay,
    /// Recordings are switched off.
    #[error("this switch records nothing")]
    NotRecordable,
    /// It is recorded.
    #[error("the call is being recorded already")]
    Recording,
    /// It is not recorded.
    #[error("the call is not being recorded")]
    NotRecording,
    /// Somebody listens in.
    #[error("the call is being streamed already")]
    Streaming,
    /// No bot is to connect: none at all, not yet, or not any more.
    #[error("no bot is awaited on this call")]
    NotAwaited,
    /// The bot is there.
    #[error("a bot is connected to this call already")]
    BotPresent,
    /// Nobody listens in.
    #[error("the call is not being streamed")]
    NotStreaming,
    /// A caller who withholds it, a SIP endpoint, or whoever the call was transferred to.
    #[error("the number of whoever is at the other end is not known")]
    NoNumber,
    /// Nobody reads what it is told as fast as it is told.
    #[error("too much waits to be heard on this call")]
    Full,
}

/// A request that started nothing.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Refusal {
    /// A required field is absent or blank.
    #[error("`{0}` is missing or empty")]
    MissingField(&'static str),
    /// A field has the wrong type or an impossible value.
    #[error("`{field}` {reason}")]
    InvalidField {
        /// Its name in the face's own document.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not E.164.
    #[error("`{field}` is not a valid E.164 number")]
    InvalidPhone {
        /// Its name in the face's own document.
        field: &'static str,
    },
    /// No such agent, or another tenant's, which looks exactly the same.
    #[error("the agent does not exist or does not belong to this key")]
    AgentNotFound,
    /// `from_number` is not an outbound-enabled number of this agent.
    #[error("the from number is not an outbound-enabled number on this agent")]
    FromNumberNotFound,
    /// The agent has no outbound-enabled number.
    #[error("the agent has no outbound-enabled phone number")]
    AgentMissingPhoneNumber,
    /// The chosen number has no usable trunk.
    #[error("the chosen number has no usable trunk")]
    NumberHasNoTrunk,
    /// The number that is to call is none of the tenant's.
    #[error("from_number is not registered to this organization")]
    NumberNotRegistered,
    /// The number that is to call has no trunk behind it, and only takes calls.
    #[error("outbound blocked (demo number)")]
    DemoNumber,
    /// Nobody has shown yet that the trunk behind the number that is to call carries calls.
    #[error("outbound blocked (unverified VoIP)")]
    UnverifiedVoip,
    /// The number that is to call may not.
    #[error("outbound blocked (disabled on this number)")]
    OutboundDisabled,
    /// No agent was named, and the number that is to call has none.
    #[error("no agent: name one, describe one, or give the from number an outbound agent")]
    NoAgent,
    /// No rate covers this destination.
    #[error("no rate covers this destination")]
    RateNotFound,
    /// The balance does not cover the call.
    #[error("balance is too low to create call")]
    InsufficientBalance,
    /// A spend limit of the tenant's is reached.
    #[error("a spend limit is reached")]
    SpendControl,
    /// The trunk's policy forbids this destination.
    #[error("this destination is not allowed: {reason}")]
    DestinationForbidden {
        /// Which rule.
        reason: String,
    },
    /// The number stands on the tenant's do-not-call list.
    #[error("the number is on the do-not-call list")]
    DoNotCall,
    /// No INVITE could leave.
    #[error("the trunk cannot place this call: {reason}")]
    TrunkDown {
        /// Why.
        reason: String,
        /// What OPTIONS or REGISTER last answered, if they did.
        sip_code: Option<u16>,
    },
    /// A limit is reached.
    #[error("{name} limit reached")]
    Limited {
        /// Of which kind.
        limit: Limit,
        /// Which, in words.
        name: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// The switch has no room: its store, its ports or its queues are full.
    #[error("the switch is overloaded: {0}")]
    Overloaded(&'static str),
    /// The switch is shutting down.
    #[error("the switch is draining")]
    Draining,
    /// The same idempotency key came with another body.
    #[error("this idempotency key was used with another request")]
    IdempotencyConflict,
    /// It was for a campaign's recipient who is not to be dialled any more. No client asked for this call.
    #[error("the campaign's recipient is not to be dialled any more")]
    Superseded,
    /// The store failed; nothing was started.
    #[error("the call could not be stored")]
    Storage,
}

/// What a limit counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Calls at once: of the switch, a key or a trunk.
    ConcurrentCalls,
    /// New calls a second, or none for a while because the trunk asked for it.
    CallsPerSecond,
    /// HTTP requests a minute.
    Requests,
}
