//! `/v1/native/calls`, `/cdr` and `/recordings`: the switch's own reads of calls, for any key of the tenant, in pages that cost
//! no more the further they are.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::Api;
use super::bots::invite;
use super::calls::{PathText, find, home, shown, unreadable};
use super::keyed::as_reader;
use crate::clock::wall_now;
use crate::face::native::cdr::CdrFormat;
use crate::face::native::query::{self, CallQuery};
use crate::face::native::record;
use crate::face::{Problem, last_of_full};
use crate::model::{CallCursor, CallRecord, CallState, Key, KeyScope};
use crate::store::{CallFilter, Order, Store};

/// Calls that an export reads at once.
const EXPORT_PAGE: u32 = 500;

/// `GET /v1/native/calls`
pub async fn list(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    as_reader(&api, &headers, async |key| {
        let query = query::calls(query.as_deref().unwrap_or_default(), false)?;
        let (calls, next) = page(&api, key, &query, false).await?;
        Ok(shown(record::calls(&calls, next, &home(&api, &headers))))
    })
    .await
}

/// `GET /v1/native/recordings`
pub async fn recordings(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    as_reader(&api, &headers, async |key| {
        let query = query::calls(query.as_deref().unwrap_or_default(), false)?;
        let (calls, next) = page(&api, key, &query, true).await?;
        Ok(shown(record::recordings(&calls, next, &home(&api, &headers)).to_string()))
    })
    .await
}

/// `GET /v1/native/calls/{id}`
pub async fn read(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_reader(&api, &headers, async |key| {
        let mut call = find(&api, key, id.text()).await?;
        invite(&api, &headers, &mut call);
        Ok(shown(record::call(&call, &home(&api, &headers))))
    })
    .await
}

/// `GET /v1/native/cdr`: every call that the filters leave, oldest first, as it stands when it is read.
pub async fn export(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    as_reader(&api, &headers, async |key| {
        let mut query = query::calls(query.as_deref().unwrap_or_default(), true)?;
        let now = wall_now();
        // Calls that begin meanwhile are the next export's, so that this one ends.
        query.until = Some(query.until.map_or(now, |until| until.min(now)));
        let format = query.format.unwrap_or(CdrFormat::Csv);
        let filter = filter(&api, key, &query, false);
        let body = Export {
            store: api.store.clone(),
            key: key.clone(),
            filter,
            format,
            base: home(&api, &headers),
            at: Place::Head,
        };
        let day = now.to_string();
        let name = format!("trunkline-cdr-{}.{}", day.get(..10).unwrap_or_default(), format.extension());
        let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
            (CONTENT_DISPOSITION, disposition.map_err(|_| Problem::Internal)?),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        Ok((headers, Body::from_stream(stream::try_unfold(body, Export::next))).into_response())
    })
    .await
}

/// One page, and the cursor of the next. Calls that live are shown as the journal knows them.
async fn page(
    api: &Api,
    key: &Key,
    query: &CallQuery,
    recorded: bool,
) -> Result<(Vec<CallRecord>, Option<String>), Problem> {
    let Some(filter) = filter(api, key, query, recorded) else { return Ok((Vec::new(), None)) };
    let calls = api.store.calls_after(key.tenant, &filter, Order::NewestFirst, query.after, query.limit);
    let mut calls = calls.await.map_err(unreadable)?;
    let next = last_of_full(&calls, query.limit).map(|call| call.cursor().to_string());
    for call in calls.iter_mut().filter(|call| call.state != CallState::Ended) {
        if let Some(fresher) = api.journal.find(call.call) {
            *call = fresher;
        }
    }
    Ok((calls, next))
}

/// What the query leaves of what this key may see; `None`: nothing.
fn filter(api: &Api, key: &Key, query: &CallQuery, recorded: bool) -> Option<CallFilter> {
    let asked = match &query.agent {
        None => None,
        // Nobody's agent has no calls.
        Some(text) => Some(api.directory.snapshot().agent(key.tenant, text)?.id),
    };
    let agent = match (key.scope, asked) {
        (KeyScope::Agent(own), Some(asked)) if own != asked => return None,
        (KeyScope::Agent(own), _) => Some(own),
        (_, asked) => asked,
    };
    Some(CallFilter {
        agent,
        application: key.application(),
        direction: query.direction,
        since: query.since,
        until: query.until,
        voicemail_detected: None,
        state: query.state,
        disposition: query.disposition,
        number: query.number.clone(),
        campaign: query.campaign.clone(),
        batch: query.batch,
        recorded,
    })
}

/// An export under way: one page in memory at a time.
struct Export {
    store: Store,
    key: Key,
    /// `None`: nothing fits.
    filter: Option<CallFilter>,
    format: CdrFormat,
    base: String,
    at: Place,
}

enum Place {
    Head,
    After(Option<CallCursor>),
    End,
}

impl Export {
    /// The next piece. A read that fails breaks the answer off, which a client can tell from its end.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, std::io::Error> {
        let after = match self.at {
            Place::Head => {
                self.at = Place::After(None);
                let head = self.format.head();
                return Ok(Some((head.into(), self)));
            }
            Place::After(after) => after,
            Place::End => return Ok(None),
        };
        let Some(filter) = &self.filter else { return Ok(None) };
        let calls =
            self.store.calls_after(self.key.tenant, filter, Order::OldestFirst, after, EXPORT_PAGE).await;
        let calls = calls.map_err(|error| {
            tracing::error!(%error, "an export broke off");
            std::io::Error::other("the store could not be read")
        })?;
        if calls.is_empty() {
            return Ok(None);
        }
        let next = last_of_full(&calls, EXPORT_PAGE).map(CallRecord::cursor);
        self.at = next.map_or(Place::End, |next| Place::After(Some(next)));
        let rows = self.format.calls(&calls, &self.base);
        Ok(Some((rows.into(), self)))
    }
}
