//! Recordings over HTTP: the WAV file, whole or one range of it (RFC 9110 §14), and its end. Which bytes go out and under which
//! validators is `tower-http`'s business; here is whose recording it is, and `If-Range` (§13.1.5).

use std::convert::Infallible;
use std::io::ErrorKind;
use std::path::PathBuf;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::Api;
use super::calls::{PathText, as_reader, as_reader_of, as_writer, find, may_see, unreadable};
use crate::face::Problem;
use crate::model::{CallId, CallRecord, CallState, Face, Key};

/// The recording of a call that has ended.
pub async fn read(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_reader(&api, &headers, async |key| whole_or_part(&api, key, &headers, id.text()).await).await
}

/// `GET /v1/calls/{id}/audio`: the same in ThunderPhone's words.
pub async fn audio(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    let send = async |key: &Key| whole_or_part(&api, key, &headers, id.text()).await;
    as_reader_of(&api, Face::ThunderPhone, &headers, send).await
}

/// `DELETE /v1/native/calls/{id}/recording`: the file goes first, so that a recording that is said to be gone is gone.
pub async fn remove(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_writer(&api, &headers, async |key| {
        let id: CallId = id.text().parse().map_err(|()| Problem::CallNotFound)?;
        // The store's own row: what the journal has yet to write would name the recording again.
        let record = api.store.call(key.tenant, id).await.map_err(unreadable)?;
        let record = record.filter(|record| may_see(key, record)).ok_or(Problem::CallNotFound)?;
        let path = path(&api, &record)?;
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::error!(call = %id, path = %path.display(), %error, "a recording cannot be removed");
                return Err(Problem::Internal);
            }
            Ok(()) | Err(_) => {}
        }
        api.store.forget_recording(key.tenant, id).await.map_err(unreadable)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

fn path(api: &Api, record: &CallRecord) -> Result<PathBuf, Problem> {
    let path = record.recording.as_ref().filter(|_| record.state == CallState::Ended);
    Ok(api.data_dir.join(path.ok_or(Problem::RecordingNotFound)?))
}

async fn whole_or_part(api: &Api, key: &Key, headers: &HeaderMap, id: &str) -> Result<Response, Problem> {
    let record = find(api, key, id).await?;
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
