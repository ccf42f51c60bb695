//! The body of `POST /v1alpha1/phone-number/{AGENT_ID}/outbound`. Who talks stands in the path, and who it is for in the key.

use crate::face::Outbound;
use crate::face::body::{Body, TEXT_BYTES_MAX};
use crate::model::{
    AgentChoice, AgentId, Key, OutboundRequest, PhoneNumber, Refusal, VoicemailAction, WhenFull,
};

/// Parses and checks a body for this agent, from this number if the path named one.
pub fn parse(key: &Key, agent: AgentId, from: Option<PhoneNumber>, body: &[u8]) -> Result<Outbound, Refusal> {
    let body = Body::parse(body)?;
    if body.is_blank("to") {
        return Err(Refusal::MissingField("to"));
    }
    let to = body.text("to", TEXT_BYTES_MAX)?.unwrap_or_default();
    let variables = body.any_variables("variables")?;
    let amd: Option<bool> = body.typed("amd", "must be true or false")?;
    let idempotency_key = body.text("idempotency_key", TEXT_BYTES_MAX)?;
    let to = to.parse().map_err(|_| Refusal::InvalidPhone { field: "to" })?;
    let voicemail = if amd == Some(true) { VoicemailAction::Hangup } else { VoicemailAction::Ignore };
    Ok(Outbound {
        idempotency_key,
        from_unusable: false,
        request: OutboundRequest {
            from,
            variables,
            voicemail: Some(voicemail),
            when_full: WhenFull::Refuse,
            ..OutboundRequest::new(key.tenant, key.id, AgentChoice::Own(agent), to)
        },
    })
}
