//! Whose work a request is: the key first, then whether it has requests left, then the work, and an answer in the key's face.

use std::time::Instant;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::limits::Kind;
use super::{Api, auth};
use crate::face::Problem;
use crate::model::{Face, Key};

/// Does a reader's work on a path that several vendors document: the key says whose face answers.
pub async fn as_reader(
    api: &Api,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    with_key(api, None, Kind::Read, headers, work).await
}

/// The same for who changes something.
pub async fn as_writer(
    api: &Api,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    with_key(api, None, Kind::Write, headers, work).await
}

/// As [`as_reader`], on a path of one face.
pub async fn as_reader_of(
    api: &Api,
    face: Face,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    with_key(api, Some(face), Kind::Read, headers, work).await
}

/// As [`as_writer`], on a path of one face.
pub async fn as_writer_of(
    api: &Api,
    face: Face,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    with_key(api, Some(face), Kind::Write, headers, work).await
}

/// Does the work of a key: on a path that one vendor alone documents, of that vendor's.
pub async fn with_key(
    api: &Api,
    only: Option<Face>,
    kind: Kind,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    let directory = api.directory.snapshot();
    let key = match only {
        None => auth::authenticate(headers, &directory).map_err(ApiError::shared),
        Some(face) => {
            auth::authenticate_as(face, headers, &directory).map_err(|problem| ApiError::new(face, problem))
        }
    };
    match key {
        Ok(key) => within_limit(api, &key, kind, work).await,
        Err(refused) => refused.into_response(),
    }
}

/// Does the work if the key has requests left, and answers in its face.
async fn within_limit(
    api: &Api,
    key: &Key,
    kind: Kind,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    let standing = api.limits.take(Instant::now(), key, kind);
    let result = match standing.map_or(Ok(()), |standing| standing.check()) {
        Ok(()) => work(key).await,
        Err(refusal) => Err(refusal.into()),
    };
    let mut response = result.unwrap_or_else(|problem| ApiError::new(key.face, problem).into_response());
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}
