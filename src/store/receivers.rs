//! Whom a call's events go to, in its row: its own receiver in columns of their own, its tenant's endpoints as one JSON array.

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::row::{Columns, id, json, required, word};
use crate::model::{EventKind, EventSet, Face, KeyId, WebhookTarget};

/// One of a tenant's endpoints in the column `webhook_endpoints`.
#[derive(Serialize, Deserialize)]
struct EndpointRow {
    endpoint: u64,
    url: String,
    face: Face,
    events: String,
    receiver: String,
}

/// The column's text; `None` if there are none.
pub(super) fn endpoints(targets: &[WebhookTarget]) -> Option<String> {
    let row = |target: &WebhookTarget| EndpointRow {
        endpoint: target.key.0,
        url: target.url.clone(),
        face: target.face,
        events: target.events.words(),
        receiver: receiver(&target.url),
    };
    (!targets.is_empty()).then(|| json(&targets.iter().map(row).collect::<Vec<_>>()))
}

/// What stands in it.
pub(super) fn read_endpoints(row: &impl Columns) -> Result<Vec<WebhookTarget>, StoreError> {
    const COLUMN: &str = "webhook_endpoints";
    let Some(text) = row.text(COLUMN)? else { return Ok(Vec::new()) };
    let rows: Vec<EndpointRow> = serde_json::from_str(&text).map_err(|_| StoreError::Corrupt(COLUMN))?;
    let target = |row: EndpointRow| {
        let events = EventSet::from_words(&row.events).ok_or(StoreError::Corrupt(COLUMN))?;
        Ok(WebhookTarget { url: row.url, face: row.face, key: KeyId(row.endpoint), events })
    };
    rows.into_iter().map(target).collect()
}

/// The call's own receiver.
pub(super) fn read_target(row: &impl Columns) -> Result<Option<WebhookTarget>, StoreError> {
    let Some(url) = row.text("webhook_url")? else { return Ok(None) };
    let face = word(row.text("webhook_face")?, Face::from_word)?;
    let events = word(row.text("webhook_events")?, EventSet::from_words)?;
    Ok(Some(WebhookTarget {
        url,
        face: required(face, "webhook_face")?,
        key: KeyId(required(id(row, "webhook_key")?, "webhook_key")?),
        // What there was before there were others.
        events: events.unwrap_or_else(|| [EventKind::Completed].into_iter().collect()),
    }))
}

/// Scheme, host and port: whose rooms a delivery takes. A URL that cannot be read is its own receiver.
pub(super) fn receiver(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if parsed.has_host() => parsed.origin().ascii_serialization(),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_scheme_host_and_port() {
        assert_eq!(receiver("https://user:pw@Example.com/hook?token=1"), "https://example.com");
        assert_eq!(receiver("http://127.0.0.1:9000/hook"), "http://127.0.0.1:9000");
        assert_eq!(receiver("no url"), "no url");
    }
}
