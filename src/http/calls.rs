//! `/v1/calls…`: auth, limit, body, parse, dialer, in this order; the first failure answers.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{HOST, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::error::{ApiError, json};
use super::limits::{Kind, Standing};
use super::{Api, auth, body, idempotency};
use crate::face::{Problem, nixflex};
use crate::model::{CallId, CallRecord, Face, Key, Placed, Refusal, StoredResponse};
use crate::store::{CallFilter, Direction};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// `POST /v1/calls/outbound`
pub async fn outbound(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    let snapshot = api.directory.snapshot();
    let key = match auth::authenticate(&headers, &snapshot) {
        Ok(key) if key.face == Face::Nixflex => key,
        Ok(_) => return ApiError::new(Face::Nixflex, Problem::InvalidApiKey).into_response(),
        Err(problem) => return ApiError::new(Face::Nixflex, problem).into_response(),
    };
    let standing = api.limits.take(Instant::now(), &key, Kind::Write);
    let result = async {
        standing.as_ref().map_or(Ok(()), Standing::check)?;
        place(&api, &key, &headers, body).await
    };
    answer(&key, standing, result.await)
}

async fn place(api: &Api, key: &Key, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let body = body::read(headers, body, api.body_max, api.body_timeout).await?;
    let parsed = nixflex::parse_outbound(key, &body);
    let nixflex::Outbound { mut request, idempotency_key, from_unusable } = refused(api, parsed)?;
    let promise = idempotency::promise(headers, idempotency_key, &body, &api.body_hash_key);
    request.idempotency = refused(api, promise)?;
    if from_unusable {
        let agent = api.directory.snapshot().agent(request.tenant, &request.agent).is_some();
        return refused(api, Err(if agent { Refusal::FromNumberNotFound } else { Refusal::AgentNotFound }));
    }
    let placed = api.originate.call(request, nixflex::created).await.ok_or(Problem::Internal)?;
    Ok(match refused(api, placed)? {
        Placed::New(stored) => json(stored),
        Placed::Replayed(stored) => {
            ([(REPLAYED, HeaderValue::from_static("true"))], json(stored)).into_response()
        }
    })
}

/// Counts a refusal on its way out.
fn refused<T>(api: &Api, result: Result<T, Refusal>) -> Result<T, Problem> {
    result.map_err(|refusal| {
        api.metrics.call_refused(&refusal);
        Problem::Refused(refusal)
    })
}

/// `GET /v1/calls`
pub async fn list(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let reader = match Reader::admit(&api, &headers) {
        Ok(reader) => reader,
        Err(response) => return response,
    };
    let page = page(&api, &reader.key, query.as_deref().unwrap_or_default());
    let page = match reader.allowed() {
        Ok(()) => page.await,
        Err(problem) => Err(problem),
    };
    reader.answer(page.map(|body| json(StoredResponse { status: 200, body })))
}

async fn page(api: &Api, key: &Key, query: &str) -> Result<String, Problem> {
    let list = nixflex::parse_list(query)?;
    let agent = match &list.agent {
        None => None,
        Some(text) => match api.directory.snapshot().agent(key.tenant, text) {
            Some(agent) => Some(agent.id),
            // Nobody's agent has no calls.
            None => return Ok(nixflex::calls(&[], 0, list.limit, list.offset)),
        },
    };
    let direction = |inbound| if inbound { Direction::Inbound } else { Direction::Outbound };
    let filter = CallFilter {
        agent,
        direction: list.inbound.map(direction),
        since: list.since,
        until: list.until,
        voicemail_detected: list.voicemail_detected,
    };
    let page = api.store.calls(key.tenant, &filter, list.limit, list.offset).await.map_err(unreadable)?;
    Ok(nixflex::calls(&page.calls, page.count, list.limit, list.offset))
}

/// `GET /v1/calls/{id}`
pub async fn read(State(api): State<Api>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let reader = match Reader::admit(&api, &headers) {
        Ok(reader) => reader,
        Err(response) => return response,
    };
    let found = match reader.allowed() {
        Ok(()) => find(&api, &reader.key, &id).await,
        Err(problem) => Err(problem),
    };
    let shown = found.map(|record| nixflex::call(&record, &base(&headers)));
    reader.answer(shown.map(|body| json(StoredResponse { status: 200, body })))
}

/// A tenant's call, from the journal while its end is not on disk, else from the store.
pub async fn find(api: &Api, key: &Key, id: &str) -> Result<CallRecord, Problem> {
    let id: CallId = id.parse().map_err(|()| Problem::CallNotFound)?;
    let record = match api.journal.find(id) {
        Some(record) => Some(record),
        None => api.store.call(key.tenant, id).await.map_err(unreadable)?,
    };
    record.filter(|record| record.tenant == key.tenant).ok_or(Problem::CallNotFound)
}

/// Who reads a path that several vendors document.
pub struct Reader {
    /// The key it shows.
    pub key: Arc<Key>,
    standing: Option<Standing>,
}

impl Reader {
    /// Knows the key, or has the answer for who shows none.
    pub fn admit(api: &Api, headers: &HeaderMap) -> Result<Self, Response> {
        let key = auth::authenticate(headers, &api.directory.snapshot())
            .map_err(|problem| ApiError::shared(problem).into_response())?;
        let standing = api.limits.take(Instant::now(), &key, Kind::Read);
        Ok(Self { key, standing })
    }

    /// Has it requests left?
    pub fn allowed(&self) -> Result<(), Problem> {
        Ok(self.standing.as_ref().map_or(Ok(()), Standing::check)?)
    }

    /// The answer, in the key's face and with its standing.
    pub fn answer(&self, result: Result<Response, Problem>) -> Response {
        answer(&self.key, self.standing, result)
    }
}

fn answer(key: &Key, standing: Option<Standing>, result: Result<Response, Problem>) -> Response {
    let mut response = result.unwrap_or_else(|problem| ApiError::new(key.face, problem).into_response());
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}

fn unreadable(error: crate::store::StoreError) -> Problem {
    tracing::error!(%error, "a read failed");
    Problem::Refused(Refusal::Storage)
}

/// Scheme and host as the client used them; a proxy says by `X-Forwarded-Proto` whether it was https. Only the client's
/// own answer depends on it.
fn base(headers: &HeaderMap) -> String {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(&HOST).filter(|host| host.bytes().all(is_authority)) else { return String::new() };
    let scheme = match text(&HeaderName::from_static("x-forwarded-proto")) {
        Some("https") => "https",
        _ => "http",
    };
    format!("{scheme}://{host}")
}

fn is_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)
}
