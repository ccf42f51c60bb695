//! Whom a call's events go to, in its row: its own receiver in columns of their own; the receivers that its request named for some
//! of them, and its tenant's endpoints, as one JSON array. The outbox knows each by a number: 0 is the call's own, then come those
//! of the request in their order, and above [`CALLBACKS_MAX`] an endpoint's number is its id (they begin at 1001).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StoreError;
use super::row::{Columns, id, json, required, word};
use crate::model::{
    CALLBACKS_MAX, CallRecord, EventKind, EventSet, Face, KeyId, WebhookEndpointId, WebhookTarget,
};

/// One of them in the column `webhook_endpoints`.
#[derive(Serialize, Deserialize)]
struct EndpointRow {
    /// Its number.
    endpoint: u64,
    /// Who signs, of those that the request named; an endpoint does so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<u64>,
    url: String,
    face: Face,
    events: String,
    receiver: String,
}

/// The column's text; `None` if there are none.
pub(super) fn others(record: &CallRecord) -> Option<String> {
    let row = |endpoint: u64, key: Option<u64>, target: &WebhookTarget| EndpointRow {
        endpoint,
        key,
        url: target.url.clone(),
        face: target.face,
        events: target.events.words(),
        receiver: receiver(&target.url),
    };
    let named = record.callbacks.iter().take(CALLBACKS_MAX).zip(1..);
    let named = named.map(|(target, number)| row(number, Some(target.key.0), target));
    let endpoints = record.endpoints.iter().map(|target| row(target.key.0, None, target));
    let rows: Vec<_> = named.chain(endpoints).collect();
    (!rows.is_empty()).then(|| json(&rows))
}

/// What stands in it: the receivers that the request named, and the endpoints.
pub(super) fn read_others(
    row: &impl Columns,
) -> Result<(Vec<WebhookTarget>, Vec<WebhookTarget>), StoreError> {
    const COLUMN: &str = "webhook_endpoints";
    let (mut named, mut endpoints) = (Vec::new(), Vec::new());
    let Some(text) = row.text(COLUMN)? else { return Ok((named, endpoints)) };
    let rows: Vec<EndpointRow> = serde_json::from_str(&text).map_err(|_| StoreError::Corrupt(COLUMN))?;
    for row in rows {
        let events = EventSet::from_words(&row.events).ok_or(StoreError::Corrupt(COLUMN))?;
        let key = KeyId(row.key.unwrap_or(row.endpoint));
        let target = WebhookTarget { url: row.url, face: row.face, key, events };
        if row.key.is_some() { &mut named } else { &mut endpoints }.push(target);
    }
    Ok((named, endpoints))
}

/// Whom the outbox knows by this number.
pub(super) fn numbered(record: &CallRecord, number: u64) -> Option<&WebhookTarget> {
    match usize::try_from(number).ok()? {
        0 => record.webhook.as_ref(),
        place @ 1..=CALLBACKS_MAX => record.callbacks.get(place - 1),
        _ => record.endpoints.iter().find(|target| target.key.0 == number),
    }
}

/// The endpoint with this number; `None`: it is the call's own receiver, or one that its request named.
pub(super) fn endpoint(number: u64) -> Option<WebhookEndpointId> {
    (number > CALLBACKS_MAX as u64).then_some(WebhookEndpointId(number))
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

/// Whose rooms a delivery takes: scheme, host and port, and which of the [`PARTS`] of that host's paths. Many receivers share a
/// host that others run for them, and one that hangs there is nobody's fault but its own. Who has a path for every call still has
/// no more receivers than there are parts: a claim goes over each that is owed something. A URL that cannot be read is its own
/// receiver, and rows of earlier releases have no part: they are delivered as they are.
pub(super) fn receiver(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if parsed.has_host() => {
            format!("{}{PART}{:03x}", parsed.origin().ascii_serialization(), part(parsed.path()))
        }
        _ => url.to_owned(),
    }
}

/// Scheme, host and port of a receiver, for those who look on.
pub(super) fn origin(receiver: &str) -> &str {
    receiver.split_once(PART).map_or(receiver, |(origin, _)| origin)
}

/// Of a host's paths.
const PARTS: u16 = 1024;
/// What stands before the part: no origin has it.
const PART: char = '#';

/// The path may be a secret, so that no more of it is told than this.
fn part(path: &str) -> u16 {
    let digest = Sha256::digest(path);
    u16::from_be_bytes([digest[0], digest[1]]) % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_scheme_host_and_port_and_a_part_of_its_paths() {
        let of_hook = receiver("https://example.com/hook");
        assert_eq!(receiver("https://user:pw@Example.com/hook?token=1#there"), of_hook);
        assert_eq!(origin(&of_hook), "https://example.com");
        assert_ne!(receiver("https://example.com/other"), of_hook);
        assert_ne!(receiver("https://example.com:8443/hook"), of_hook);
        assert_eq!(origin(&receiver("http://127.0.0.1:9000/hook")), "http://127.0.0.1:9000");
        assert_eq!(receiver("no url"), "no url");
        assert_eq!(origin("https://example.com"), "https://example.com", "of an earlier release");
    }

    #[test]
    fn a_host_has_so_many_receivers_and_no_more() {
        let parts = (0..20_000).map(|call| receiver(&format!("https://example.com/calls/{call}")));
        let parts: std::collections::HashSet<_> = parts.collect();
        assert_eq!(parts.len(), usize::from(PARTS));
    }
}
