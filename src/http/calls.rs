//! `/v1/calls…`: auth, limit, body, parse, dialer, in this order; the first failure answers.

use std::time::Instant;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{HOST, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::error::{ApiError, json};
use super::limits::Kind;
use super::{Api, auth, body, idempotency};
use crate::face::{Problem, nixflex};
use crate::model::Direction;
use crate::model::{CallId, CallRecord, CallState, Face, Key, Placed, Refusal, StoredResponse};
use crate::store::CallFilter;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// `POST /v1/calls/outbound`
pub async fn outbound(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    let key = match auth::authenticate(&headers, &api.directory.snapshot()) {
        Ok(key) if key.face == Face::Nixflex => key,
        Ok(_) => return ApiError::new(Face::Nixflex, Problem::InvalidApiKey).into_response(),
        Err(problem) => return ApiError::new(Face::Nixflex, problem).into_response(),
    };
    within_limit(&api, &key, Kind::Write, async |key| place(&api, key, &headers, body).await).await
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
    Ok(answer_placed(refused(api, placed)?))
}

/// The stored answer, and whether it is one that was given before.
pub fn answer_placed(placed: Placed) -> Response {
    match placed {
        Placed::New(stored) => json(stored),
        Placed::Replayed(stored) => {
            ([(REPLAYED, HeaderValue::from_static("true"))], json(stored)).into_response()
        }
    }
}

/// Counts a refusal on its way out.
pub fn refused<T>(api: &Api, result: Result<T, Refusal>) -> Result<T, Problem> {
    result.map_err(|refusal| {
        api.metrics.call_refused(&refusal);
        Problem::Refused(refusal)
    })
}

/// `GET /v1/calls`
pub async fn list(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.as_deref().unwrap_or_default();
    as_reader(&api, &headers, async |key| Ok(shown(page(&api, key, query).await?))).await
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
    let mut page = api.store.calls(key.tenant, &filter, list.limit, list.offset).await.map_err(unreadable)?;
    // The journal knows more of a call that lives than its row does.
    for record in page.calls.iter_mut().filter(|record| record.state != CallState::Ended) {
        if let Some(fresher) = api.journal.find(record.call) {
            *record = fresher;
        }
    }
    Ok(nixflex::calls(&page.calls, page.count, list.limit, list.offset))
}

/// `GET /v1/calls/{id}`
pub async fn read(State(api): State<Api>, headers: HeaderMap, id: CallPath) -> Response {
    let show = async |key: &Key| {
        let record = find(&api, key, id).await?;
        Ok(shown(nixflex::call(&record, &base(&headers))))
    };
    as_reader(&api, &headers, show).await
}

fn shown(body: String) -> Response {
    json(StoredResponse { status: 200, body })
}

/// What stands in a path for a call's id. What is not even UTF-8 is no id either.
pub type CallPath = Result<Path<String>, PathRejection>;

/// A tenant's call, from the journal while its end is not on disk, else from the store.
pub async fn find(api: &Api, key: &Key, id: CallPath) -> Result<CallRecord, Problem> {
    let id: Option<CallId> = id.ok().and_then(|Path(text)| text.parse().ok());
    let id = id.ok_or(Problem::CallNotFound)?;
    let record = match api.journal.find(id) {
        Some(record) => Some(record),
        None => api.store.call(key.tenant, id).await.map_err(unreadable)?,
    };
    record.filter(|record| record.tenant == key.tenant).ok_or(Problem::CallNotFound)
}

/// Does a reader's work on a path that several vendors document: the key says whose face answers.
pub async fn as_reader(
    api: &Api,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    match auth::authenticate(headers, &api.directory.snapshot()) {
        Ok(key) => within_limit(api, &key, Kind::Read, work).await,
        Err(problem) => ApiError::shared(problem).into_response(),
    }
}

/// Does the work if the key has requests left, and answers in its face.
pub async fn within_limit(
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
