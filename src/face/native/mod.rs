//! The switch's own words: objects by the configuration's keys, calls with everything that is known of them.

pub mod cdr;
pub mod delivery;
pub mod do_not_call;
pub mod query;
pub mod record;
pub mod review;
pub mod stream;

pub mod control;

use serde_json::{Value, json};

use crate::face::resource::{Others, Shape, integer};
use crate::model::{Object, ObjectKind};

/// A kind of object in the configuration's words.
pub const fn shape(kind: ObjectKind) -> Shape {
    let name = match kind {
        ObjectKind::Number => Some("e164"),
        ObjectKind::Key => Some("public"),
        ObjectKind::WebhookEndpoint => None,
        ObjectKind::Tenant
        | ObjectKind::Agent
        | ObjectKind::Trunk
        | ObjectKind::Application
        | ObjectKind::Person => Some("name"),
    };
    Shape {
        kind,
        id: ("id", integer),
        name,
        fields: &[],
        defaults: &[],
        refers: [integer, integer],
        others: Others::Ours,
    }
}

/// An object, and what is not its owner's to say.
pub fn show(object: &Object) -> Value {
    let mut shown = shape(object.kind).render(object);
    shown.insert("tenant".to_owned(), object.tenant.0.into());
    shown.insert("revision".to_owned(), object.revision.into());
    shown.insert("managed_by_file".to_owned(), object.is_managed_by_file().into());
    Value::Object(shown)
}

/// A page; the cursor of the next one if there is one.
pub fn page(shown: Vec<Value>, next: Option<u64>) -> Value {
    json!({ "data": shown, "next_cursor": next.map(|id| id.to_string()) })
}
