//! Stored agents keep in `settings` what their vendor's client said and the switch had no use for. What it has a use for by now is
//! taken out of there as they are read, as far as it holds: what does not stays where nobody minds it.

use serde_json::{Map, Value};

use crate::config;
use crate::model::{ObjectKind, Zone};
use crate::store::StoredObject;

/// A field that was kept once, and whether what was kept would be taken today.
type Field = (&'static str, fn(&str) -> bool);

const FIELDS: [Field; 3] = [
    ("prompt", config::is_prompt),
    ("timezone", |text| text.parse::<Zone>().is_ok()),
    ("voice", config::is_voice),
];

/// Where an agent's table has what is kept.
const KEPT: &str = "settings";

/// The rows, each agent's fields in their places.
pub fn lifted(mut rows: Vec<StoredObject>) -> Vec<StoredObject> {
    for row in rows.iter_mut().filter(|row| row.kind == ObjectKind::Agent) {
        let Ok(Value::Object(mut document)) = serde_json::from_str(&row.document) else { continue };
        if lift(&mut document) {
            row.document = Value::Object(document).to_string();
        }
    }
    rows
}

/// Was there anything?
fn lift(document: &mut Map<String, Value>) -> bool {
    let Some(Value::Object(kept)) = document.get_mut(KEPT) else { return false };
    let (before, mut kept) = (kept.len(), std::mem::take(kept));
    for (field, holds) in FIELDS {
        let is_said = document.get(field).is_some_and(|value| !value.is_null());
        if !is_said && kept.get(field).and_then(Value::as_str).is_some_and(holds) {
            document.extend(kept.remove(field).map(|value| (field.to_owned(), value)));
        }
    }
    let is_changed = kept.len() < before;
    document.insert(KEPT.to_owned(), Value::Object(kept));
    is_changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(document: Value) -> Value {
        let Value::Object(mut document) = document else { unreachable!() };
        lift(&mut document);
        Value::Object(document)
    }

    #[test]
    fn what_was_kept_and_is_a_field_now_is_in_its_place() {
        let kept = json!({ "settings": { "timezone": "Asia/Dubai", "voice": "amy", "prompt": "P", "name": "Sarah" } });
        let expected = json!({ "timezone": "Asia/Dubai", "voice": "amy", "prompt": "P", "settings": { "name": "Sarah" } });
        assert_eq!(after(kept), expected);
    }

    #[test]
    fn what_would_be_refused_today_breaks_no_agent() {
        for kept in [
            json!({ "settings": { "timezone": "Mars/Olympus", "voice": { "provider": "x" } } }),
            json!({ "timezone": "UTC", "settings": { "timezone": "Asia/Dubai" } }),
            json!({ "settings": null }),
            json!({ "greeting": "Hello" }),
        ] {
            assert_eq!(after(kept.clone()), kept);
        }
    }
}
