//! Trunks, applications and numbers as MiniVoice writes them.

use serde_json::{Value, json};

use crate::face::resource::{Others, Part, Shape};
use crate::model::{Object, ObjectKind};

fn trunk_id(id: u64) -> Value {
    format!("trunk_{id}").into()
}

fn application_id(id: u64) -> Value {
    format!("app_{id}").into()
}

fn did_id(id: u64) -> Value {
    format!("did_{id}").into()
}

fn agent_id(id: u64) -> Value {
    crate::model::AgentId(id).render().into()
}

/// `/v1/trunks`
pub const TRUNK: Shape = Shape {
    kind: ObjectKind::Trunk,
    id: ("id", trunk_id),
    name: Some("name"),
    fields: &[("sip_uri", "uri"), ("uri", "uri"), ("concurrent_limit", "channels"), ("cps_limit", "cps")],
    defaults: &[],
    refers: [agent_id, trunk_id],
    others: Others::Ours,
};

/// `/v1/applications`
pub const APPLICATION: Shape = Shape {
    kind: ObjectKind::Application,
    id: ("id", application_id),
    name: Some("name"),
    fields: &[
        ("answer_url", "answer_url"),
        ("webhook_url", "webhook_url"),
        ("agent_id", "agent"),
        ("trunk_id", "trunk"),
        ("spend_per_day", "spend_per_day"),
        ("spend_per_call", "spend_per_call"),
    ],
    defaults: &[],
    refers: [agent_id, trunk_id],
    others: Others::Named(&[]),
};

/// `/v1/dids`
pub const DID: Shape = Shape {
    kind: ObjectKind::Number,
    id: ("id", did_id),
    name: Some("number"),
    fields: &[
        ("agent_id", "agent"),
        ("application_id", "application"),
        ("trunk_id", "trunk"),
        ("inbound", "inbound"),
        ("outbound", "outbound"),
        ("webhook_url", "webhook_url"),
    ],
    defaults: &[],
    refers: [agent_id, trunk_id],
    others: Others::Named(&["label"]),
};

/// A number, and whose calls those to it are.
pub fn show_did(object: &Object) -> Value {
    let mut shown = DID.render(object);
    let application = object.application.map_or(Value::Null, |id| id.render().into());
    shown.insert("application_id".to_owned(), application);
    Value::Object(shown)
}

/// All of them, or the part that was asked for, and where in the whole that is, as a page of calls says it.
pub fn page(name: &'static str, shown: Vec<Value>, part: &Part) -> Value {
    json!({ name: shown, "count": part.total, "limit": part.limit, "offset": part.offset })
}
