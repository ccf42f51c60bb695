//! Agents and phone numbers as Nixflex writes them.

use serde_json::{Value, json};

use crate::face::resource::{Others, Part, Shape};
use crate::model::{AgentId, ObjectKind};

fn agent_id(id: u64) -> Value {
    AgentId(id).render().into()
}

fn number_id(id: u64) -> Value {
    format!("num_{id}").into()
}

fn trunk_id(id: u64) -> Value {
    format!("trunk_{id}").into()
}

/// `/v1/agents`. What an engine of another make would need (its model, its knowledge) is kept as it is.
pub const AGENT: Shape = Shape {
    kind: ObjectKind::Agent,
    id: ("agent_id", agent_id),
    name: None,
    fields: &[
        ("webhook_url", "webhook_url"),
        ("webhook_events", "webhook_events"),
        ("greeting", "greeting"),
        ("prompt", "prompt"),
        ("voice", "voice"),
        ("steps", "steps"),
        ("voicemail_action", "voicemail"),
        ("voicemail_message", "voicemail_message"),
        ("max_call_duration_seconds", "max_call_duration_seconds"),
        ("silence_hangup_seconds", "silence_hangup_seconds"),
        ("ring_timeout_seconds", "ring_timeout_seconds"),
        ("timezone", "timezone"),
        ("barge_in", "barge_in"),
        ("phone_number", "phone_number"),
        ("trunk_id", "trunk"),
        ("trunk", "trunk"),
    ],
    defaults: &[],
    refers: [agent_id, trunk_id],
    others: Others::Kept,
};

/// `/v1/phone-numbers`: inbound and outbound are switches of their own.
pub const NUMBER: Shape = Shape {
    kind: ObjectKind::Number,
    id: ("id", number_id),
    name: Some("phone_number"),
    fields: &[
        ("agent_id", "agent"),
        ("inbound_enabled", "inbound"),
        ("outbound_enabled", "outbound"),
        ("webhook_url", "webhook_url"),
        ("trunk_id", "trunk"),
        ("trunk", "trunk"),
    ],
    defaults: &[],
    refers: [agent_id, trunk_id],
    others: Others::Named(&["label"]),
};

/// A page of them.
pub fn page(is_agents: bool, shown: Vec<Value>, part: &Part) -> Value {
    let name = if is_agents { "agents" } else { "phone_numbers" };
    json!({ name: shown, "count": part.total, "limit": part.limit, "offset": part.offset })
}
