//! A table as a document: what is shown of an object, and under which key its name stands in the table.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::ObjectKind;

/// The field of a key that is no longer taken.
pub const REVOKED: &str = "revoked";

/// The key under which a table of this kind has its name.
pub const fn name_key(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Agent | ObjectKind::Key => "id",
        ObjectKind::Number => "e164",
        ObjectKind::Tenant
        | ObjectKind::Trunk
        | ObjectKind::Application
        | ObjectKind::WebhookEndpoint
        | ObjectKind::Person => "name",
    }
}

/// A table as its owner sees it: without the name, which stands beside it.
pub fn document(kind: ObjectKind, table: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(table) {
        Ok(Value::Object(mut map)) => {
            map.remove(name_key(kind));
            if kind == ObjectKind::Key {
                // The file's keys have neither, and are shown like the others.
                map.entry("name").or_insert(Value::Null);
                map.entry(REVOKED).or_insert(Value::Bool(false));
            }
            map
        }
        _ => Map::new(),
    }
}
