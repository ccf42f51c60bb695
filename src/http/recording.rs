//! Recordings over HTTP: the WAV file, whole or one range of it (RFC 9110 §14), and its end. Which bytes go out and under which
//! validators is `tower-http`'s business; here is whose recording it is, and `If-Range` (§13.1.5).

use std::convert::Infallible;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use tokio::time::timeout;
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::calls::{PathText, find, unreadable};
use super::error::ApiError;
use super::keyed::{as_writer, with_key};
use super::limits::Kind;
use super::{Api, scope};
use crate::clock::wall_now;
use crate::face::Problem;
use crate::face::link::{self, Shown};
use crate::model::{CallId, CallRecord, CallState, Face, Key};
use crate::store::Store;

/// `GET`: the recording of a call that has ended, for a key of its tenant, or of this face alone, or by a link that an event has
/// brought.
pub fn reader(face: Option<Face>) -> MethodRouter<Api> {
    get(
        move |State(api): State<Api>, headers: HeaderMap, id: PathText, RawQuery(query): RawQuery| async move {
            if let Some(link) = linked(&api, id.text(), query.as_deref()).await {
                return by_link(&api, &headers, link).await;
            }
            let send =
                async |key: &Key| whole_or_part(&api, &headers, find(&api, key, id.text()).await?).await;
            with_key(&api, face, Kind::Read, &headers, send).await
        },
    )
}

/// `DELETE /v1/native/calls/{id}/recording`, for keys of the whole tenant: the file goes first, so that a recording that is said
/// to be gone is gone.
pub async fn remove(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_writer(&api, &headers, async |key| erase(&api, key, id.text()).await).await
}

/// For so long a removal waits for the end of its call.
const WRITING_MAX: Duration = Duration::from_secs(5);

/// Takes the recording of this call away.
pub async fn erase(api: &Api, key: &Key, id: &str) -> Result<Response, Problem> {
    scope::of_tenant(key)?;
    let id: CallId = id.parse().map_err(|()| Problem::CallNotFound)?;
    // The store's own row: what the journal has yet to write would name the recording again. Who was shown a call's end before it is
    // on disk waits for that a little.
    let _ = timeout(WRITING_MAX, api.journal.written(id)).await;
    let record = api.store.call(key.tenant, id).await.map_err(unreadable)?;
    let path = path(api, &record.ok_or(Problem::CallNotFound)?)?;
    // Both, even if nobody waits for the answer any more.
    let gone = tokio::spawn(forget(api.store.clone(), id, path)).await;
    gone.map_err(|_| Problem::Internal)??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn forget(store: Store, id: CallId, path: PathBuf) -> Result<(), Problem> {
    match tokio::fs::remove_file(&path).await {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::error!(call = %id, path = %path.display(), %error, "a recording cannot be removed");
            return Err(Problem::Internal);
        }
        Ok(()) | Err(_) => {}
    }
    store.forget_recordings(vec![id]).await.map_err(unreadable)?;
    Ok(())
}

fn path(api: &Api, record: &CallRecord) -> Result<PathBuf, Problem> {
    let path = record.recording.as_ref().filter(|_| record.state == CallState::Ended);
    Ok(api.data_dir.join(path.ok_or(Problem::RecordingNotFound)?))
}

/// The call that a valid link names. Who has none, or one that is over, is asked for a key like everybody.
async fn linked(api: &Api, id: &str, query: Option<&str>) -> Option<Result<CallRecord, Problem>> {
    let (tenant, expires, signature) = link::shown(query?)?;
    let call: CallId = id.parse().ok()?;
    let shown = Shown { tenant, expires, signature: &signature };
    if !api.links.as_ref()?.is_valid(call, shown, wall_now()) {
        return None;
    }
    if let Some(record) = api.journal.find(call).filter(|record| record.tenant == tenant) {
        return Some(Ok(record));
    }
    let found = api.store.call(tenant, call).await.map_err(unreadable);
    Some(found.and_then(|record| record.ok_or(Problem::CallNotFound)))
}

async fn by_link(api: &Api, headers: &HeaderMap, found: Result<CallRecord, Problem>) -> Response {
    let sent = match found {
        Ok(record) => whole_or_part(api, headers, record).await,
        Err(problem) => Err(problem),
    };
    sent.unwrap_or_else(|problem| ApiError::shared(problem).into_response())
}

/// The file of this call, or the range of it that these headers ask for.
pub async fn whole_or_part(api: &Api, headers: &HeaderMap, record: CallRecord) -> Result<Response, Problem> {
    let path = path(api, &record)?;
    let mut asked = headers.clone();
    if !is_range_wanted(&asked, &path).await {
        asked.remove(RANGE);
    }
    let mut response = serve(&path, Method::GET, asked).await;
    if response.status() == StatusCode::NOT_FOUND || response.status().is_server_error() {
        tracing::warn!(call = %record.call, path = %path.display(), "a recording cannot be read");
        return Err(Problem::RecordingNotFound);
    }
    let headers = response.headers_mut();
    if headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/wav"));
    }
    // What people said is nobody else's to keep.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

async fn serve(path: &PathBuf, method: Method, headers: HeaderMap) -> Response {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    // Several ranges may be ignored (§14.2).
    let served: Result<_, Infallible> =
        ServeFile::new(path).ignore_multi_range_requests(true).oneshot(request).await;
    match served {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}

/// A unit that we don't know is ignored (§14.2), and so is a range of what is no longer the same: `If-Range` is a strong
/// validator or the exact date (§13.1.5).
async fn is_range_wanted(headers: &HeaderMap, path: &PathBuf) -> bool {
    let in_bytes = |value: &HeaderValue| {
        value.as_bytes().get(..6).is_some_and(|unit| unit.eq_ignore_ascii_case(b"bytes="))
    };
    if !headers.get(RANGE).is_some_and(in_bytes) {
        return false;
    }
    let Some(validator) = headers.get(IF_RANGE) else { return true };
    let now = serve(path, Method::HEAD, HeaderMap::new()).await;
    let is_date = !validator.as_bytes().starts_with(b"\"") && !validator.as_bytes().starts_with(b"W/");
    now.headers().get(if is_date { LAST_MODIFIED } else { ETAG }) == Some(validator)
}
