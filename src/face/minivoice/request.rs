//! The body of `POST /v1/calls`. Checks go in the document's order: JSON, then the fields; rate, trunk and money come after.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::face::Outbound;
use crate::face::body::{Body, TEXT_BYTES_MAX, wrong};
use crate::model::{
    AgentChoice, FromPolicy, Key, OutboundRequest, PhoneNumber, Refusal, VoicemailAction, WhenFull,
};

/// Parses and checks a body. `application_id` in it is ignored: the key's application counts.
pub fn parse(key: &Key, body: &[u8]) -> Result<Outbound, Refusal> {
    let body = Body::parse(body)?;
    for field in ["from", "to"] {
        if body.is_blank(field) {
            return Err(Refusal::MissingField(field));
        }
    }
    let record: Option<bool> = body.typed("record", "must be true or false")?;
    let record = record.unwrap_or(false);
    let metadata = metadata(body.object("metadata")?, record)?;
    let idempotency_key = body.text("idempotency_key", TEXT_BYTES_MAX)?;
    let from = number(&body, "from")?;
    let to = number(&body, "to")?;
    let agent = key.application().map_or(AgentChoice::OfNumber, AgentChoice::OfApplication);
    Ok(Outbound {
        idempotency_key,
        from_unusable: false,
        request: OutboundRequest {
            from: Some(from),
            from_policy: FromPolicy::OfTrunk,
            voicemail: Some(VoicemailAction::Ignore),
            metadata,
            record: Some(record),
            when_full: WhenFull::Refuse,
            ..OutboundRequest::new(key.tenant, key.id, agent, to)
        },
    })
}

fn number(body: &Body<'_>, field: &'static str) -> Result<PhoneNumber, Refusal> {
    let text = body.text(field, TEXT_BYTES_MAX)?.unwrap_or_default();
    text.parse().map_err(|_| Refusal::InvalidPhone { field })
}

/// `record=true stores metadata.record=true` (seed 004), and leaves the client's own keys as they are.
fn metadata(own: Option<String>, record: bool) -> Result<Option<String>, Refusal> {
    if !record {
        return Ok(own);
    }
    let Some(own) = own else { return Ok(Some(r#"{"record":true}"#.to_owned())) };
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(&own).map_err(|_| wrong("metadata", "must be an object"))?;
    let yes: &RawValue = serde_json::from_str("true").expect("a constant");
    fields.insert("record".to_owned(), yes);
    Ok(Some(serde_json::to_string(&fields).expect("names and JSON")))
}
