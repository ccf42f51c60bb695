//! One outbound request as the switch understands it, whatever vendor's JSON it came in.

use std::collections::HashSet;
use std::time::Duration;

use super::{
    AgentId, ApplicationId, Detection, EventSet, Guide, KeyId, Line, PhoneNumber, RecipientId, TenantId,
};

/// What happens once a machine has answered.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailAction {
    /// End the call (`voicemail_detected`).
    #[default]
    Hangup,
    /// Wait for the beep, leave the message, end the call.
    LeaveMessage,
    /// Speak as if a human had answered.
    Ignore,
    /// Speak as if a human had answered, once its beep was heard or its greeting is over.
    SpeakAfterBeep,
}

impl VoicemailAction {
    /// Is a machine talked to as a human is, at once or in the end?
    pub const fn talks(self) -> bool {
        matches!(self, Self::Ignore | Self::SpeakAfterBeep)
    }
}

/// One `{name}` and what stands in its place. Numbers and booleans were rendered as JSON writes them.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Without braces.
    pub name: String,
    /// The text itself.
    pub value: String,
}

/// A client's promise that a repeated request is the same request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Idempotency {
    /// As the client chose it, at most 255 bytes.
    pub key: String,
    /// A keyed hash of the body; the body itself is not kept.
    pub body_hash: [u8; 32],
}

/// Who talks, as the request says.
#[derive(Clone)]
pub enum AgentChoice {
    /// By its alias or any rendering of its id, not yet looked up.
    Named(String),
    /// The one that the key belongs to.
    Own(AgentId),
    /// The agent of the number that calls.
    OfNumber,
    /// The agent of the application that the key belongs to.
    OfApplication(ApplicationId),
    /// One that exists for this call alone.
    Inline(Box<InlineAgent>),
    /// Nobody but these lines.
    Script(Vec<Line>),
}

/// An agent that a request describes instead of naming one.
#[derive(Clone)]
pub struct InlineAgent {
    /// What it is to say; not blank.
    pub prompt: String,
    /// Whose voice.
    pub voice: String,
    /// Everything else that it says of itself, a JSON object. Never logged, never stored.
    pub settings: String,
}

/// Which numbers may call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FromPolicy {
    /// The agent's outbound-enabled numbers; without a choice its first, or the callee's by [`CallerIds`](super::CallerIds).
    #[default]
    OfAgent,
    /// Any number of the tenant's; one must be chosen.
    OfTenant,
    /// Whatever the trunk may show; one must be chosen.
    OfTrunk,
}

/// What happens to a call while a limit is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WhenFull {
    /// It is accepted and waits for room.
    #[default]
    Wait,
    /// It is refused.
    Refuse,
}

/// Who speaks first on an outbound call.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SpeakOrder {
    /// The agent, as soon as somebody answered.
    #[default]
    AgentFirst,
    /// The callee: the agent waits until it has spoken.
    CalleeFirst,
}

/// When the agent of an outbound call begins to speak.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Speak {
    /// Once it is known who answered.
    #[default]
    Verdict,
    /// With a neutral opener at the answer, while the detector listens; with its own words once it is known who answered.
    Opener,
    /// At the answer, whoever it is.
    Answer,
}

/// Where one call's events go, chosen by its request.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// The receiver.
    pub url: String,
    /// Which of them.
    pub events: EventSet,
}

/// A valid request to place one call. The prompt and the variables live in memory alone (no `Debug`).
pub struct OutboundRequest {
    /// Whose call it is.
    pub tenant: TenantId,
    /// The key that asked; its face renders the call's events.
    pub key: KeyId,
    /// Who talks.
    pub agent: AgentChoice,
    /// Who is called.
    pub to: PhoneNumber,
    /// The caller's number, if the client chose one.
    pub from: Option<PhoneNumber>,
    /// Which numbers may be chosen.
    pub from_policy: FromPolicy,
    /// What the agent is to say, not blank and not yet interpolated; `None`: what it says anyway.
    pub prompt: Option<String>,
    /// What the prompt's `{names}` stand for.
    pub variables: Vec<Variable>,
    /// A campaign this call counts in; may be unknown to us.
    pub campaign: Option<String>,
    /// The recipient of a campaign whom this call is for.
    pub recipient: Option<RecipientId>,
    /// What to do with a machine, if the client said so.
    pub voicemail: Option<VoicemailAction>,
    /// What to leave after the beep.
    pub voicemail_message: Option<String>,
    /// The client's own JSON object, returned in reads and events.
    pub metadata: Option<String>,
    /// Is it recorded? `None`: as the agent says.
    pub record: Option<bool>,
    /// What happens while a limit is reached.
    pub when_full: WhenFull,
    /// How long nobody may talk: ringing, queue, music and menus together.
    pub max_hold: Option<Duration>,
    /// How long it rings before it is given up; `None`: as the agent says.
    pub ring_timeout: Option<Duration>,
    /// How long it may last from its answer; `None`: as the agent says.
    pub call_duration_max: Option<Duration>,
    /// Who speaks first; `None`: as the agent says.
    pub speak_order: Option<SpeakOrder>,
    /// When it begins to speak; `None`: as the agent says.
    pub speak: Option<Speak>,
    /// How the answer is judged, where it differs from the agent's way.
    pub detection: Option<Detection>,
    /// Who says what is done once somebody answered, before the application's.
    pub guide: Option<Guide>,
    /// Where its events go, before number, agent and application.
    pub callback: Option<Callback>,
    /// Where some of them go besides: at most [`CALLBACKS_MAX`](super::CALLBACKS_MAX).
    pub callbacks: Vec<Callback>,
    /// Present when the client may repeat itself.
    pub idempotency: Option<Idempotency>,
}

impl OutboundRequest {
    /// A request that says nothing but who calls whom.
    pub fn new(tenant: TenantId, key: KeyId, agent: AgentChoice, to: PhoneNumber) -> Self {
        Self {
            tenant,
            key,
            agent,
            to,
            from: None,
            from_policy: FromPolicy::default(),
            prompt: None,
            variables: Vec::new(),
            campaign: None,
            recipient: None,
            voicemail: None,
            voicemail_message: None,
            metadata: None,
            record: None,
            when_full: WhenFull::default(),
            max_hold: None,
            ring_timeout: None,
            call_duration_max: None,
            speak_order: None,
            speak: None,
            detection: None,
            guide: None,
            callback: None,
            callbacks: Vec::new(),
            idempotency: None,
        }
    }
}

/// Puts the variables into a text in one pass: `{{name}}` before `{name}`, values are never expanded again, and an
/// unknown name stays as it is and is reported (seed: "left as-is"), whatever it is that stands there: it may be the text's own.
pub fn interpolate(text: &str, variables: &[Variable]) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len() + 64);
    let (mut unknown, mut seen) = (Vec::new(), HashSet::new());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some((name, length)) = placeholder(rest) else {
            out.push('{');
            rest = &rest[1..];
            continue;
        };
        match variables.iter().find(|variable| variable.name == name) {
            Some(variable) => out.push_str(&variable.value),
            None => {
                out.push_str(&rest[..length]);
                if seen.insert(name) {
                    unknown.push(name.to_owned());
                }
            }
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    (out, unknown)
}

/// A placeholder at the head of `text` and how many bytes it takes.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let (open, close) = if text.starts_with("{{") { ("{{", "}}") } else { ("{", "}") };
    let inner = &text[open.len()..];
    let end = inner.find(['{', '}'])?;
    let name = inner[..end].trim();
    if name.is_empty() || !inner[end..].starts_with(close) {
        return None;
    }
    Some((name, open.len() + end + close.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> (String, Vec<String>) {
        let pair = |name: &str, value: &str| Variable { name: name.into(), value: value.into() };
        interpolate(text, &[pair("name", "Ann"), pair("trick", "{name}"), pair("n", "3")])
    }

    #[test]
    fn one_pass_and_values_are_not_expanded_again() {
        assert_eq!(with("{name} {{name}} {trick} {n}"), ("Ann Ann {name} 3".into(), vec![]));
    }

    #[test]
    fn unknown_names_stay_and_are_reported_once() {
        assert_eq!(with("{who} {{who}} {}"), ("{who} {{who}} {}".into(), vec!["who".into()]));
    }

    #[test]
    fn loose_braces_are_text() {
        assert_eq!(with("{ {name {name} } {{name}"), ("{ {name Ann } {Ann".into(), vec![]));
    }
}
