//! A call as the store keeps it, and as reads and webhooks render it.

use std::time::Duration;

use super::transcript::Said;
use super::{
    AgentId, ApplicationId, Attempt, CallId, Disposition, EventKind, EventSet, Face, Hold, KeyId,
    MediaCounters, Micros, PersonId, RecipientId, Review, TenantId, Timestamp,
};

/// Who called whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Somebody called us.
    Inbound,
    /// We called somebody.
    Outbound,
}

impl Direction {
    /// The word in the store and in every face.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Inbound, Self::Outbound].into_iter().find(|direction| direction.as_str() == word)
    }
}

/// Where an attempt stands (see the store).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallState {
    /// Accepted, waiting for room; no INVITE has left.
    Accepted,
    /// The intent is on disk; the INVITE may have left.
    Dialing,
    /// The callee answered.
    Answered,
    /// Over.
    Ended,
}

impl CallState {
    /// The word in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Dialing => "dialing",
            Self::Answered => "answered",
            Self::Ended => "ended",
        }
    }

    /// The value of a word; `None` if it is none of ours.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Dialing, Self::Answered, Self::Ended]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// What a BYE needs after a crash (RFC 3261 §12). Kept as JSON beside the attempt while the call lives.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct DialogRecord {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// Theirs.
    pub remote_tag: String,
    /// Our URI (From).
    pub local_uri: String,
    /// Theirs (To).
    pub remote_uri: String,
    /// Where requests go: the Contact of the 2xx.
    pub remote_target: String,
    /// The route set, in order.
    pub route_set: Vec<String>,
    /// Our last CSeq.
    pub local_cseq: u32,
    /// The address the 2xx came from.
    pub remote: std::net::SocketAddr,
    /// The transport it came by, as a Via names it: datagrams if none is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// Whose certificate was shown, over TLS: the addresses above do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_host: Option<String>,
    /// Whose credentials answer a challenge.
    pub trunk: String,
    /// The dialog that this one took the place of, if it is not known to be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<DialogRecord>>,
}

/// A place in a list of calls by time: the last one that was shown. Opaque to clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallCursor {
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Which one.
    pub call: CallId,
}

impl std::fmt::Display for CallCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.created_at.0, self.call)
    }
}

impl std::str::FromStr for CallCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (created_at, call) = text.split_once('.').ok_or(())?;
        let created_at = Timestamp(created_at.parse().map_err(|_| ())?);
        let call = call.parse().ok().and_then(CallId::new).ok_or(())?;
        Ok(Self { created_at, call })
    }
}

/// How many receivers a request may name beside the one of all its call's events.
pub const CALLBACKS_MAX: usize = 4;

/// Where a call's events go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookTarget {
    /// The receiver.
    pub url: String,
    /// Who renders and signs.
    pub face: Face,
    /// Whose secret signs.
    pub key: KeyId,
    /// Which events it gets.
    pub events: EventSet,
}

/// One call. Everything but the prompt and the variables, which live in memory alone.
#[derive(Clone, PartialEq, Debug)]
pub struct CallRecord {
    /// Its id.
    pub call: CallId,
    /// The call that it was made for, if it is that one's second party.
    pub parent: Option<CallId>,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who called whom.
    pub direction: Direction,
    /// The key that asked; `None` for the command line and for calls that came in.
    pub key: Option<KeyId>,
    /// The application that it counts to.
    pub application: Option<ApplicationId>,
    /// Who talks.
    pub agent: AgentId,
    /// The caller's number, E.164; of a call that came in, what the trunk said of it, or `anonymous`.
    pub from: String,
    /// The number called, E.164.
    pub to: String,
    /// The name of the trunk that the last INVITE went by, or came by.
    pub trunk: String,
    /// The SIP Call-ID, of the last INVITE.
    pub sip_call_id: String,
    /// Every INVITE, if there was more than one.
    pub attempts: Vec<Attempt>,
    /// A campaign this call counts in.
    pub campaign: Option<String>,
    /// The campaign's recipient that it is made for: their states move together.
    pub recipient: Option<RecipientId>,
    /// The client's own JSON object.
    pub metadata: Option<String>,
    /// Names that the prompt used and nobody gave.
    pub unknown_variables: Vec<String>,
    /// Where its events go, frozen at creation.
    pub webhook: Option<WebhookTarget>,
    /// Its tenant's endpoints, which get its events too, frozen likewise; each one's key is itself.
    pub endpoints: Vec<WebhookTarget>,
    /// Receivers that its request named for some of its events, beside `webhook`: at most [`CALLBACKS_MAX`].
    pub callbacks: Vec<WebhookTarget>,
    /// What is kept back for it, and at which price; `None` while billing is off.
    pub hold: Option<Hold>,
    /// What it cost, once it ended; `None` if nothing was kept back for it.
    pub charge: Option<Micros>,
    /// Where it stands.
    pub state: CallState,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When the callee was first known to ring.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub disposition: Option<Disposition>,
    /// Who ended it (`callee`, `agent`, `switch`, `operator`).
    pub ended_by: Option<String>,
    /// The INVITE's final status.
    pub sip_status: Option<u16>,
    /// The Q.850 cause.
    pub q850: Option<u16>,
    /// What was said with it.
    pub detail: Option<String>,
    /// The last verdict's class, sentence and evidence (JSON).
    pub verdict: Option<String>,
    /// One sentence.
    pub verdict_reason: Option<String>,
    /// A JSON object.
    pub verdict_evidence: Option<String>,
    /// From the verdict to the agent's first packet.
    pub dead_air: Option<Duration>,
    /// What its audio met with.
    pub media: Option<MediaCounters>,
    /// The recording's path below the data directory.
    pub recording: Option<String>,
    /// Why there is none, if one was asked for, or not all of it.
    pub recording_error: Option<String>,
    /// What was said, where somebody told it and the agent has it kept.
    pub transcript: Vec<Said>,
    /// Who talked, of the people who take calls in a browser: in their order.
    pub people: Vec<PersonId>,
    /// What is made of its words once it is over, as far as that is.
    pub review: Option<Review>,
    /// Where whoever hears of it can fetch it without a key. Stored nowhere: made when an event is rendered.
    pub recording_link: Option<String>,
    /// Its callee asks not to be called again before. Stored nowhere: its recipient's next call is put off until then.
    pub not_again_before: Option<Timestamp>,
    /// Does its bot connect to us? Stored nowhere: known while it lives.
    pub awaits_bot: bool,
    /// Where its bot may connect, once, without a key. Stored nowhere: made when it is shown.
    pub stream_link: Option<String>,
}

impl CallRecord {
    /// Its place in a list by time.
    pub const fn cursor(&self) -> CallCursor {
        CallCursor { created_at: self.created_at, call: self.call }
    }

    /// What was known of it when this happened: an event tells of its own moment, however late it is delivered.
    pub fn at(&self, kind: EventKind) -> Self {
        let mut then = self.clone();
        match kind {
            EventKind::Created | EventKind::Started | EventKind::Ringing => {
                then.state = CallState::Dialing;
                then.answered_at = None;
                if kind != EventKind::Ringing {
                    then.ringing_at = None;
                }
            }
            EventKind::Answered | EventKind::RecordingStarted => then.state = CallState::Answered,
            EventKind::Judged => then.state = CallState::Answered,
            EventKind::RecordingCompleted
            | EventKind::RecordingFailed
            | EventKind::Failed
            | EventKind::Completed => return then,
        }
        (then.ended_at, then.disposition, then.ended_by) = (None, None, None);
        (then.sip_status, then.q850, then.detail) = (None, None, None);
        if kind != EventKind::Judged {
            (then.verdict, then.verdict_reason, then.verdict_evidence) = (None, None, None);
        }
        (then.recording, then.recording_error, then.dead_air) = (None, None, None);
        then.media = None;
        then.transcript = Vec::new();
        then.people = Vec::new();
        then.review = None;
        then
    }

    /// From the answer to the end; zero for a call that nobody answered, `None` while it lives.
    pub fn duration(&self) -> Option<Duration> {
        let ended = self.ended_at?;
        let talked = self.answered_at.map_or(0, |answered| (ended.0 - answered.0).max(0));
        Some(Duration::from_millis(talked.unsigned_abs()))
    }

    /// Minutes of talk begun, once it ended: what an invoice counts.
    pub fn billable_minutes(&self) -> Option<u64> {
        Some(u64::try_from(self.duration()?.as_millis().div_ceil(60_000)).unwrap_or(u64::MAX))
    }
}
