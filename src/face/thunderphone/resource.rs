//! Agents, phone numbers, VoIP connections and webhook endpoints as ThunderPhone writes them.

use serde_json::{Value, json};

use crate::face::resource::{Others, Shape, integer};
use crate::model::ObjectKind;

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
        ("greeting", "greeting"),
        ("steps", "steps"),
        ("webhook_url", "webhook_url"),
    ],
    defaults: &[],
    refers: [integer, integer],
    others: Others::Named(&[
        "name",
        "prompt",
        "voice",
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
        ("verified", "verified"),
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

/// A page of them.
pub fn page(shown: Vec<Value>, total: usize) -> Value {
    json!({ "total": total, "results": shown })
}
