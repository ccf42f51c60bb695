//! Which parts of a document are secrets, and how they go in and out of it.

use serde_json::{Map, Value};

use crate::config::StoredKey;
use crate::keyfile::Sealer;
use crate::model::ObjectKind;
use crate::store::StoredObject;

/// Where an object of this kind has secrets that must be read again.
const fn places(kind: ObjectKind) -> &'static [&'static [&'static str]] {
    match kind {
        ObjectKind::Trunk => &[&["password"], &["inbound", "password"], &["tls", "key"], &["stir", "key"]],
        ObjectKind::Key => &[&[StoredKey::SIGNING]],
        ObjectKind::WebhookEndpoint => &[&["secret"], &["previous_secret"]],
        ObjectKind::Application => &[&["secret"]],
        ObjectKind::Agent => &[
            &["stream", "authorization"],
            &["model", "api_key"],
            &["transcription", "api_key"],
            &["analysis", "api_key"],
        ],
        // A person's secret is never read again: its hash is enough.
        ObjectKind::Tenant | ObjectKind::Number | ObjectKind::Person => &[],
    }
}

/// What a sealed text belongs to.
fn context(id: u64) -> String {
    format!("object:{id}")
}

/// Takes the secrets out of a document and seals them, all in one text; `None` if there are none.
pub fn seal(
    sealer: &Sealer,
    id: u64,
    kind: ObjectKind,
    document: &mut Map<String, Value>,
) -> std::io::Result<Option<String>> {
    let mut secrets = Map::new();
    for place in places(kind) {
        let (key, above) = place.split_last().expect("a place has a key");
        let table = above.iter().try_fold(&mut *document, |table, name| match table.get_mut(*name) {
            Some(Value::Object(inner)) => Some(inner),
            _ => None,
        });
        if let Some(secret) = table.and_then(|table| table.remove(*key)) {
            secrets.insert(place.join("."), secret);
        }
    }
    if secrets.is_empty() {
        return Ok(None);
    }
    sealer.seal(&context(id), &Value::Object(secrets).to_string()).map(Some)
}

/// The whole document, secrets and all; `None` if they were sealed under another key, or the row is damaged.
pub fn open(sealer: &Sealer, row: &StoredObject) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut document)) = serde_json::from_str(&row.document) else { return None };
    let Some(sealed) = &row.sealed else { return Some(document) };
    let opened = sealer.open(&context(row.id), sealed)?;
    let Ok(Value::Object(secrets)) = serde_json::from_str(opened.reveal()) else { return None };
    for place in places(row.kind) {
        let Some(secret) = secrets.get(&place.join(".")) else { continue };
        let (key, above) = place.split_last().expect("a place has a key");
        let table = above.iter().try_fold(&mut document, |table, name| {
            match table.entry(*name).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(inner) => Some(inner),
                _ => None,
            }
        });
        table?.insert((*key).to_owned(), secret.clone());
    }
    Some(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TenantId, Timestamp};

    #[test]
    fn a_row_holds_no_secret_in_clear_and_gives_the_whole_back() {
        let sealer = Sealer::new(&[3; 32]);
        let whole = serde_json::json!({
            "uri": "sip:a.example", "username": "u", "password": "hidden-1",
            "inbound": { "username": "v", "password": "hidden-2" }, "tls": { "key": "hidden-3" },
        });
        let Value::Object(whole) = whole else { unreachable!() };
        let mut document = whole.clone();
        let sealed = seal(&sealer, 7, ObjectKind::Trunk, &mut document).expect("sealed");
        let row = StoredObject {
            id: 7,
            kind: ObjectKind::Trunk,
            tenant: TenantId(1),
            name: "t".into(),
            document: Value::Object(document).to_string(),
            sealed,
            revision: 1,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        assert!(!format!("{row:?}").contains("hidden"), "{row:?}");
        assert_eq!(open(&sealer, &row), Some(whole));
        assert_eq!(open(&Sealer::new(&[4; 32]), &row), None);
        assert_eq!(open(&sealer, &StoredObject { id: 8, ..row }), None, "another object's secrets");
    }
}
