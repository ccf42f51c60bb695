//! Agents, phone numbers, VoIP connections and webhook endpoints as ThunderPhone writes them.

use serde_json::{Map, Value, json};

use crate::face::resource::{Others, Shape, integer};
use crate::model::{Draft, Object, ObjectKind, Refusal};

/// `/v1/agents`
pub const AGENT: Shape = Shape {
    kind: ObjectKind::Agent,
    id: ("id", integer),
    name: None,
    fields: &[
        ("max_call_duration_seconds", "max_call_duration_seconds"),
        ("silence_hangup_seconds", "silence_hangup_seconds"),
        ("ring_timeout_seconds", "ring_timeout_seconds"),
        ("outbound_speak_order", "outbound_speak_order"),
        ("prompt", "prompt"),
        ("voice", "voice"),
        ("steps", "steps"),
        ("webhook_url", "webhook_url"),
        ("webhook_events", "webhook_events"),
    ],
    defaults: &[],
    refers: [integer, integer],
    others: Others::Named(&[
        "name",
        "product",
        "thinking_level",
        "background_track",
        "acknowledgement_prompt_mode",
        "acknowledgement_prompt",
        "tools",
    ]),
};

/// `/v1/phone-numbers`
pub const NUMBER: Shape = Shape {
    kind: ObjectKind::Number,
    id: ("id", integer),
    name: Some("number"),
    fields: &[
        ("agent_id", "agent"),
        ("outbound_agent_id", "agent"),
        ("inbound_enabled", "inbound"),
        ("outbound_enabled", "outbound"),
        ("webhook_url", "webhook_url"),
        ("voip_connection_id", "trunk"),
    ],
    // Numbers that one brings are for calling with.
    defaults: &[("outbound", true), ("verified", false)],
    refers: [integer, integer],
    others: Others::Named(&["label"]),
};

/// `/v1/voip-connections`
pub const CONNECTION: Shape = Shape {
    kind: ObjectKind::Trunk,
    id: ("id", integer),
    name: Some("name"),
    fields: &[("sip_uri", "uri")],
    defaults: &[],
    refers: [integer, integer],
    others: Others::Ours,
};

/// `/v1/developer/webhook-endpoints`
pub const ENDPOINT: Shape = Shape {
    kind: ObjectKind::WebhookEndpoint,
    id: ("id", integer),
    name: None,
    fields: &[("url", "url"), ("events", "events"), ("enabled", "enabled")],
    defaults: &[],
    refers: [integer, integer],
    others: Others::Named(&[]),
};

/// What a body says of an agent. Its prompt stands for whatever it was to say before: this vendor has no word for a greeting.
pub fn agent(shape: &Shape, body: Map<String, Value>) -> Result<Draft, Refusal> {
    let mut draft = shape.parse(body)?;
    if draft.document.get("prompt").is_some_and(|prompt| !prompt.is_null()) {
        draft.document.insert("greeting".to_owned(), Value::Null);
    }
    Ok(draft)
}

/// An agent. What a script says first is its prompt; a model has one of its own, and may greet besides.
pub fn show_agent(shape: &Shape, object: &Object) -> Value {
    let mut shown = shape.render(object);
    let field = |name: &str| object.document.get(name).cloned().unwrap_or_default();
    if field("prompt").is_null() && field("model").is_null() {
        shown.insert("prompt".to_owned(), field("greeting"));
    }
    Value::Object(shown)
}

/// What a body says of a number. Another connection is not verified yet; what is shown is not for a client to say.
pub fn number(shape: &Shape, mut body: Map<String, Value>) -> Result<Draft, Refusal> {
    for shown in ["verified", "source"] {
        body.remove(shown);
    }
    let mut draft = shape.parse(body)?;
    if draft.document.contains_key("trunk") {
        draft.document.insert("verified".to_owned(), Value::Bool(false));
    }
    Ok(draft)
}

/// A number: one without a connection only takes calls, and is for demonstration.
pub fn show_number(shape: &Shape, object: &Object) -> Value {
    let mut shown = shape.render(object);
    let source = if object.trunk.is_some() { "voip" } else { "demo" };
    let verified = object.trunk.is_some() && object.document.get("verified") == Some(&Value::Bool(true));
    shown.insert("source".to_owned(), source.into());
    shown.insert("verified".to_owned(), verified.into());
    Value::Object(shown)
}

/// A page of them.
pub fn page(shown: Vec<Value>, total: usize) -> Value {
    json!({ "total": total, "results": shown })
}
