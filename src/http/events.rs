//! `GET /v1/events` and `/v1/native/events`: a tenant's events as they happen, as server-sent events (WHATWG HTML §9.2). An
//! event's id is the event log's, so a client that names the last one that it saw misses nothing and hears nothing twice, also
//! over restarts of the switch. Who reads too slowly is cut off, and comes back the same way.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::bots::invited;
use super::calls::{may_see, unreadable};
use super::keyed::as_reader;
use super::{Api, auth};
use crate::face::native::query::{self, EventQuery};
use crate::face::{self, Problem};
use crate::model::{Key, Limit, Refusal, TenantId};
use crate::store::StoredEvent;

/// Streams that a tenant may have open at once.
const STREAMS_MAX: usize = 16;
/// Who is refused a stream may ask again after so long.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Events that are read at once, and that wait for a slow reader.
const PAGE: u32 = 64;
/// Who takes nothing for so long is cut off.
const PATIENCE: Duration = Duration::from_secs(30);
/// However often something is told, a stream looks no more often.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A comment keeps proxies from closing what is quiet; and the key is looked at again.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How soon a client comes back by itself.
const RECONNECT: Duration = Duration::from_secs(2);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Who listens. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
    closing: CancellationToken,
    /// Who takes nothing for so long is cut off.
    patience: Duration,
}

impl Default for Streams {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

impl Streams {
    /// Whoever takes nothing for so long is cut off.
    pub fn new(patience: Duration) -> Self {
        Self { open: Arc::default(), closing: CancellationToken::new(), patience }
    }

    /// How many listen.
    #[cfg(test)]
    pub fn listening(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Ends every stream, and every one to come: the switch stops.
    pub fn close(&self) {
        self.closing.cancel();
    }

    fn enter(&self, tenant: TenantId) -> Result<Listening, Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(tenant).or_default();
        if *count >= STREAMS_MAX {
            let name = "open event streams";
            return Err(Refusal::Limited { limit: Limit::Requests, name, retry_after: RETRY_AFTER });
        }
        *count += 1;
        Ok(Listening { streams: self.clone(), tenant })
    }
}

/// One stream's place.
struct Listening {
    streams: Streams,
    tenant: TenantId,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.tenant);
            }
        }
    }
}

/// `GET /v1/events`: in the words of the key's vendor, where it documents an event.
pub async fn of_face(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    listen(api, headers, query, Words::Face).await
}

/// `GET /v1/native/events`: in the switch's own words.
pub async fn native(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    listen(api, headers, query, Words::Native).await
}

#[derive(Clone, Copy)]
enum Words {
    Face,
    Native,
}

async fn listen(api: Api, headers: HeaderMap, query: Option<String>, words: Words) -> Response {
    as_reader(&api, &headers, async |key| {
        let asked = query::events(query.as_deref().unwrap_or_default())?;
        let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?").to_owned());
        let seen = header.or_else(|| asked.last_event_id.clone()).filter(|text| !text.is_empty());
        let seen = seen.map(|text| query::event_id(&text)).transpose()?;
        let listening = api.streams.enter(key.tenant)?;
        // From here on nothing is missed: whatever is told later wakes.
        let told = api.store.events_told();
        let (position, gap) = begin(&api, key, seen).await?;
        let (give, mut take) = mpsc::channel(PAGE as usize);
        let reader = Reader {
            api: api.clone(),
            key: key.clone(),
            headers: headers.clone(),
            asked,
            words,
            position,
            give,
        };
        tokio::spawn(reader.run(gap, told, listening));
        let events = stream::poll_fn(move |context| take.poll_recv(context));
        let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive"));
        // A proxy that buffers would keep events until there are many.
        let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        Ok(([unbuffered], stream).into_response())
    })
    .await
}

/// Where a stream begins, and what is to be told of a gap before. Without an event that it has seen, a client hears what
/// happens from now on.
async fn begin(api: &Api, key: &Key, seen: Option<u64>) -> Result<(u64, Option<Event>), Problem> {
    let newest = api.store.newest_event().await.map_err(unreadable)?;
    let Some(seen) = seen else { return Ok((newest, None)) };
    let forgotten = api.store.events_forgotten(key.tenant).await.map_err(unreadable)?;
    // An id that was never given is of another database, as after a backup was restored.
    let from = match seen {
        seen if seen > newest => newest,
        seen if seen < forgotten => forgotten,
        seen => return Ok((seen, None)),
    };
    let told = json!({ "last_event_id": seen, "resumes_after": from }).to_string();
    Ok((from, Some(Event::default().id(from.to_string()).event("gap").data(told))))
}

/// Reads the log for one client.
struct Reader {
    api: Api,
    key: Key,
    headers: HeaderMap,
    asked: EventQuery,
    words: Words,
    position: u64,
    give: mpsc::Sender<Result<Event, Infallible>>,
}

impl Reader {
    /// Until the client is gone or too slow, the key is revoked, or the switch stops.
    async fn run(mut self, gap: Option<Event>, mut told: watch::Receiver<u64>, _listening: Listening) {
        let closing = self.api.streams.closing.clone();
        // Also who hears of nothing knows from now on where it stands.
        let hello = Event::default().id(self.position.to_string()).retry(RECONNECT).comment("listening");
        for event in [Some(hello), gap].into_iter().flatten() {
            if !self.send(event).await {
                return;
            }
        }
        let mut looked = tokio::time::interval(KEEP_ALIVE);
        loop {
            let gone = self.give.clone();
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                () = gone.closed() => return,
                more = self.catch_up(&mut told) => if !more { return },
            }
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                () = gone.closed() => return,
                changed = told.changed() => if changed.is_err() { return },
                // Nothing to tell; whether it may still listen is asked all the same.
                _ = looked.tick() => {}
            }
        }
    }

    /// Tells everything up to now, page by page. Is there anybody left who may be told?
    async fn catch_up(&mut self, told: &mut watch::Receiver<u64>) -> bool {
        loop {
            if !self.is_welcome() {
                return false;
            }
            told.mark_unchanged();
            let events = match self.api.store.events_after(Some(self.key.tenant), self.position, PAGE).await {
                Ok(events) => events,
                Err(error) => {
                    tracing::warn!(%error, "an event stream is ended: the event log cannot be read");
                    return false;
                }
            };
            let is_last = events.len() < PAGE as usize;
            for event in events {
                self.position = event.id;
                if self.asked.wants(event.kind) && may_see(&self.key, &event.record) {
                    let event = self.render(&event);
                    if !self.send(event).await {
                        return false;
                    }
                }
            }
            if is_last {
                tokio::time::sleep(LOOK_EVERY).await;
                return true;
            }
        }
    }

    fn render(&self, event: &StoredEvent) -> Event {
        let StoredEvent { id, kind, at, record } = event;
        let invited = invited(&self.api, &self.headers, *kind, record);
        let record = invited.as_ref().unwrap_or(record);
        let (name, data) = match self.words {
            Words::Face => face::told(&self.key, *id, *kind, *at, record),
            Words::Native => (kind.as_str(), face::native::record::event(*id, *kind, *at, record)),
        };
        Event::default().id(id.to_string()).event(name).data(data)
    }

    /// Gives it to the connection; not if that has taken nothing for too long.
    async fn send(&self, event: Event) -> bool {
        let given = tokio::time::timeout(self.api.streams.patience, self.give.send(Ok(event)));
        matches!(given.await, Ok(Ok(())))
    }

    /// Is the key still one?
    fn is_welcome(&self) -> bool {
        auth::authenticate(&self.headers, &self.api.directory.snapshot()).is_ok()
    }
}
