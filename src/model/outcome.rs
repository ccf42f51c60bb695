//! How a call ended, in the switch's own words; each face projects them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Attempt, PersonId, Takes, Transcript};

/// People of one call that are kept.
pub const PEOPLE_MAX: usize = 32;

/// The canonical end of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Disposition {
    /// The agent said all it had to say, or `[END_CALL]`.
    Completed,
    /// The callee hung up.
    CalleeHangup,
    /// Nobody spoke for the agent's `silence_hangup`.
    SilenceTimeout,
    /// The call reached its longest duration.
    MaxDuration,
    /// Nobody talked for as long as the request would wait: ringing, queue, music and menus together.
    HoldTimeout,
    /// Somebody answered, or called in, and none of our people was free in time.
    Abandoned,
    /// A machine answered, and was dealt with as the request asked.
    VoicemailDetected,
    /// Somebody asked us to end it (API, command line).
    Cancelled,
    /// The callee is busy.
    Busy,
    /// It rang and nobody answered.
    NoAnswer,
    /// The callee, or its network for it, declined.
    Rejected,
    /// The number cannot be reached now, or only what cannot listen answers there.
    Unreachable,
    /// There is no such number, or not any more.
    InvalidNumber,
    /// The network blocked the call as unwanted (603+, 607, 608).
    NetworkBlocked,
    /// The trunk would not or could not carry the call.
    TrunkFailed,
    /// The media stopped or never came.
    MediaLost,
    /// The agent could not speak, or was lost.
    AgentFailed,
    /// The switch had no room for this call.
    Overloaded,
    /// The switch stopped before the call could start or finish.
    Interrupted,
    /// The switch died between writing its intent and learning the fate: it may or may not have rung.
    Indeterminate,
}

impl Disposition {
    /// Every value, for tables and tests.
    pub const ALL: [Self; 20] = [
        Self::Completed,
        Self::CalleeHangup,
        Self::SilenceTimeout,
        Self::MaxDuration,
        Self::HoldTimeout,
        Self::Abandoned,
        Self::VoicemailDetected,
        Self::Cancelled,
        Self::Busy,
        Self::NoAnswer,
        Self::Rejected,
        Self::Unreachable,
        Self::InvalidNumber,
        Self::NetworkBlocked,
        Self::TrunkFailed,
        Self::MediaLost,
        Self::AgentFailed,
        Self::Overloaded,
        Self::Interrupted,
        Self::Indeterminate,
    ];

    /// The word in the store, the metrics and the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::CalleeHangup => "callee_hangup",
            Self::SilenceTimeout => "silence_timeout",
            Self::MaxDuration => "max_duration",
            Self::HoldTimeout => "hold_timeout",
            Self::Abandoned => "abandoned",
            Self::VoicemailDetected => "voicemail_detected",
            Self::Cancelled => "cancelled",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::InvalidNumber => "invalid_number",
            Self::NetworkBlocked => "network_blocked",
            Self::TrunkFailed => "trunk_failed",
            Self::MediaLost => "media_lost",
            Self::AgentFailed => "agent_failed",
            Self::Overloaded => "overloaded",
            Self::Interrupted => "interrupted",
            Self::Indeterminate => "indeterminate",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disposition| disposition.as_str() == word)
    }
}

/// Who ended it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndedBy {
    /// The far end, or the network for it.
    Callee,
    /// The agent.
    Agent,
    /// A limit, a verdict or a failure on our side.
    Switch,
    /// A person or program through the API or the command line.
    Operator,
}

impl EndedBy {
    /// The word in the store and the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Callee => "callee",
            Self::Agent => "agent",
            Self::Switch => "switch",
            Self::Operator => "operator",
        }
    }
}

/// What the detector heard.
#[derive(Clone, PartialEq, Debug)]
pub struct Heard {
    /// `human`, `machine`, `voicemail`, `fax`, …
    pub class: &'static str,
    /// One human sentence: what was heard and which threshold decided.
    pub reason: String,
    /// From 0 to 1.
    pub confidence: f32,
    /// When it fell, since the answer.
    pub at: Duration,
    /// The detector's own account, a JSON object.
    pub evidence: String,
}

/// What became of the recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingResult {
    /// The file is complete.
    Saved {
        /// Where.
        path: PathBuf,
        /// How much audio it holds.
        duration: Duration,
        /// When it was taken.
        takes: Takes,
    },
    /// Not all of it is on disk, or nobody knows whether it is. What there is can be played, and the file is the call's as any other.
    Cut {
        /// Where.
        path: PathBuf,
        /// When it was taken.
        takes: Takes,
        /// Why, in the system's words.
        reason: String,
    },
    /// The disk took nothing; the call went on without.
    Failed {
        /// Why, in the system's words.
        reason: String,
    },
}

/// What a call's audio met with. Kept as JSON beside the call.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct MediaCounters {
    /// RTP packets that came.
    pub packets_in: u64,
    /// RTP packets that went out.
    pub packets_out: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be heard.
    pub late: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Frames of 20 ms that were made up for loss or delay.
    pub concealed: u64,
    /// Interarrival jitter at the end.
    pub jitter_ms: u64,
    /// What the jitter buffer waited before it played, at the end.
    pub playout_delay_ms: u64,
    /// Our packets that never reached the far end, as it reported.
    pub remote_lost: u32,
    /// The jitter that it saw.
    pub remote_jitter_ms: u64,
    /// There and back, by RTCP.
    pub round_trip_ms: Option<u64>,
}

/// How one call ended, told exactly once.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The canonical end.
    pub disposition: Disposition,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The final SIP status of the INVITE, if one came.
    pub sip_status: Option<u16>,
    /// The Q.850 cause of a Reason header (RFC 3326), if one came.
    pub q850: Option<u16>,
    /// The phrase, Warning or Reason text that came with it.
    pub detail: Option<String>,
    /// How long the callee, or the network for it, asks not to be called again (RFC 3261 §20.33).
    pub callee_hold: Option<Duration>,
    /// Every INVITE, if there was more than one.
    pub attempts: Vec<Attempt>,
    /// The last verdict.
    pub heard: Option<Heard>,
    /// From the verdict to the agent's first packet.
    pub dead_air: Option<Duration>,
    /// The recording, if one was asked for and the call was answered.
    pub recording: Option<RecordingResult>,
    /// What its audio met with, if that was told before the end.
    pub media: Option<MediaCounters>,
    /// What was said, where somebody told it and the agent has it kept.
    pub transcript: Transcript,
    /// Who talked, of the people who take calls in a browser, at most [`PEOPLE_MAX`]: in their order.
    pub people: Vec<PersonId>,
    /// When the callee was first known to ring.
    pub ringing_at: Option<Instant>,
    /// When the call was answered.
    pub answered_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Instant,
}

impl Outcome {
    /// An outcome that the switch itself decides, with nothing to tell of the far end.
    pub fn by_switch(disposition: Disposition, now: Instant, why: &str) -> Self {
        Self {
            disposition,
            ended_by: EndedBy::Switch,
            sip_status: None,
            q850: None,
            detail: Some(why.into()),
            callee_hold: None,
            attempts: Vec::new(),
            heard: None,
            dead_air: None,
            recording: None,
            media: None,
            transcript: Transcript::default(),
            people: Vec::new(),
            ringing_at: None,
            answered_at: None,
            ended_at: now,
        }
    }
}
