//! The body of `POST /v1/call`. Checks go in the document's order: what is required, what excludes each other, E.164; number,
//! agent and trunk are the directory's.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::face::Outbound;
use crate::face::body::{Body, PROMPT_BYTES_MAX, TEXT_BYTES_MAX, bound_interpolated, wrong};
use crate::model::{
    AgentChoice, FromPolicy, InlineAgent, Key, OutboundRequest, PhoneNumber, Refusal, VoicemailAction,
    WhenFull,
};

/// What `config` may say; anything else is a mistake that would otherwise pass for a default.
const CONFIG: [&str; 9] = [
    "prompt",
    "voice",
    "voice_name",
    "product",
    "thinking_level",
    "background_track",
    "acknowledgement_prompt_mode",
    "acknowledgement_prompt",
    "tools",
];
/// The longest that a client may hold for, in seconds: a day in a queue is nobody's wish.
const HOLD_SECONDS_MAX: u64 = 86_400;

/// Parses and checks a body.
pub fn parse(key: &Key, body: &[u8]) -> Result<Outbound, Refusal> {
    let body = Body::parse(body)?;
    for field in ["from_number", "to_number"] {
        if body.is_blank(field) {
            return Err(Refusal::MissingField(field));
        }
    }
    let agent = agent(&body)?;
    let max_hold = max_hold(&body)?;
    let variables = body.variables("variables")?;
    let idempotency_key = body.text("idempotency_key", TEXT_BYTES_MAX)?;
    if let AgentChoice::Inline(inline) = &agent {
        bound_interpolated("variables", &inline.prompt, &variables)?;
    }
    let from = number(&body, "from_number")?;
    let to = number(&body, "to_number")?;
    Ok(Outbound {
        idempotency_key,
        from_unusable: false,
        request: OutboundRequest {
            from: Some(from),
            from_policy: FromPolicy::OfTenant,
            variables,
            voicemail: Some(VoicemailAction::Ignore),
            record: Some(true),
            when_full: WhenFull::Refuse,
            max_hold,
            ..OutboundRequest::new(key.tenant, key.id, agent, to)
        },
    })
}

fn number(body: &Body<'_>, field: &'static str) -> Result<PhoneNumber, Refusal> {
    let text = body.text(field, TEXT_BYTES_MAX)?.unwrap_or_default();
    text.parse().map_err(|_| Refusal::InvalidPhone { field })
}

/// `agent_id` or `config`, not both; neither is the number's own.
pub(super) fn agent(body: &Body<'_>) -> Result<AgentChoice, Refusal> {
    match (body.field("agent_id"), body.field("config")) {
        (Some(_), Some(_)) => Err(wrong("config", "excludes agent_id: send one of them")),
        (Some(raw), None) => agent_id(raw).map(AgentChoice::Named),
        (None, Some(raw)) => config(raw).map(|inline| AgentChoice::Inline(Box::new(inline))),
        (None, None) => Ok(AgentChoice::OfNumber),
    }
}

/// An integer; a name of the configuration's is taken too.
fn agent_id(raw: &RawValue) -> Result<String, Refusal> {
    let text = raw.get();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let name: Result<String, _> = serde_json::from_str(text);
    let name = name.ok().filter(|name| !name.is_empty() && name.len() <= TEXT_BYTES_MAX);
    name.ok_or_else(|| wrong("agent_id", "must be an agent's id"))
}

pub(super) fn config(raw: &RawValue) -> Result<InlineAgent, Refusal> {
    if !raw.get().starts_with('{') {
        return Err(wrong("config", "must be an object"));
    }
    let config = Body::parse(raw.get().as_bytes())?;
    if let Some(unknown) = config.names().find(|name| !CONFIG.contains(name)) {
        return Err(wrong(&format!("config.{unknown}"), "is not a field of config"));
    }
    // Its older name is taken too.
    let voice = if config.is_blank("voice") { "voice_name" } else { "voice" };
    for (name, path) in [("prompt", "config.prompt"), (voice, "config.voice")] {
        if config.is_blank(name) {
            return Err(Refusal::MissingField(path));
        }
    }
    let within = |refusal| match refusal {
        Refusal::InvalidField { field, reason } => wrong(&format!("config.{field}"), reason),
        other => other,
    };
    let text = |name, bytes_max| config.text(name, bytes_max).map_err(within);
    for name in ["product", "thinking_level", "background_track"] {
        text(name, TEXT_BYTES_MAX)?;
    }
    text("acknowledgement_prompt", PROMPT_BYTES_MAX)?;
    match text("acknowledgement_prompt_mode", TEXT_BYTES_MAX)?.as_deref() {
        None | Some("auto") => {}
        Some("manual") if config.is_blank("acknowledgement_prompt") => {
            return Err(Refusal::MissingField("config.acknowledgement_prompt"));
        }
        Some("manual") => {}
        Some(_) => return Err(wrong("config.acknowledgement_prompt_mode", "must be auto or manual")),
    }
    if config.field("tools").is_some_and(|tools| !tools.get().starts_with('[')) {
        return Err(wrong("config.tools", "must be a list"));
    }
    Ok(InlineAgent {
        prompt: text("prompt", PROMPT_BYTES_MAX)?.unwrap_or_default(),
        voice: text(voice, TEXT_BYTES_MAX)?.unwrap_or_default(),
        settings: raw.get().to_owned(),
    })
}

fn max_hold(body: &Body<'_>) -> Result<Option<Duration>, Refusal> {
    let reason = format!("must be a whole number of seconds, 1 to {HOLD_SECONDS_MAX}");
    let seconds: Option<u64> = body.typed("max_hold_seconds", &reason)?;
    match seconds {
        Some(seconds) if !(1..=HOLD_SECONDS_MAX).contains(&seconds) => Err(wrong("max_hold_seconds", reason)),
        seconds => Ok(seconds.map(Duration::from_secs)),
    }
}
