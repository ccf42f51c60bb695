//! Reads of `/v1/calls…`: auth, limit, then the store; the key says whose face answers, and what it may see.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::{HOST, HeaderName};
use axum::http::request::Parts;
use axum::response::Response;

use super::Api;
use super::error::json;
use super::keyed::{as_reader, as_reader_of};
use super::server::FORWARDED_PROTO;
use crate::face::{self, Problem, Reader, thunderphone};
use crate::model::{CallId, CallRecord, CallState, Direction, Face, Key, KeyScope, Refusal, StoredResponse};
use crate::store::{CallFilter, CallPage};

/// `GET /v1/calls`
pub async fn list(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.as_deref().unwrap_or_default();
    let work = async |key: &Key| {
        let list = face::parse_list(query)?;
        let page = page(&api, key, &list).await?;
        Ok(reading(&api, key, &headers, |reader| shown(face::calls(reader, &page.calls, page.count, &list))))
    };
    as_reader(&api, &headers, work).await
}

async fn page(api: &Api, key: &Key, list: &face::List) -> Result<CallPage, Problem> {
    let asked = match &list.agent {
        None => None,
        Some(text) => match api.directory.snapshot().agent(key.tenant, text) {
            Some(agent) => Some(agent.id),
            // Nobody's agent has no calls.
            None => return Ok(CallPage::default()),
        },
    };
    let agent = match (key.scope, asked) {
        (KeyScope::Agent(own), Some(asked)) if own != asked => return Ok(CallPage::default()),
        (KeyScope::Agent(own), _) => Some(own),
        (_, asked) => asked,
    };
    let direction = |inbound| if inbound { Direction::Inbound } else { Direction::Outbound };
    let filter = CallFilter {
        agent,
        application: key.application(),
        direction: list.inbound.map(direction),
        since: list.since,
        until: list.until,
        voicemail_detected: list.voicemail_detected,
        ..CallFilter::default()
    };
    let mut page = api.store.calls(key.tenant, &filter, list.limit, list.offset).await.map_err(unreadable)?;
    // The journal knows more of a call that lives than its row does.
    for record in page.calls.iter_mut().filter(|record| record.state != CallState::Ended) {
        if let Some(fresher) = api.journal.find(record.call) {
            *record = fresher;
        }
    }
    Ok(page)
}

/// `GET /v1/calls/{id}`
pub async fn read(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    let work = async |key: &Key| {
        let record = find(&api, key, id.text()).await?;
        Ok(reading(&api, key, &headers, |reader| shown(face::call(reader, &record))))
    };
    as_reader(&api, &headers, work).await
}

/// `GET /v1/calls/{id}/transcript`, of ThunderPhone alone.
pub async fn transcript(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    let work = async |key: &Key| {
        let record = find(&api, key, id.text()).await?;
        Ok(shown(thunderphone::transcript(&record)))
    };
    as_reader_of(&api, Face::ThunderPhone, &headers, work).await
}

/// A JSON answer.
pub fn shown(body: String) -> Response {
    json(StoredResponse { status: 200, body })
}

/// Shows something to whoever holds this key.
pub fn reading(
    api: &Api,
    key: &Key,
    headers: &HeaderMap,
    show: impl FnOnce(Reader<'_>) -> Response,
) -> Response {
    let snapshot = api.directory.snapshot();
    let application = key.application().and_then(|id| snapshot.application_by_id(id));
    let base = home(api, headers);
    show(Reader { key, application: application.map(|application| &**application), base: &base })
}

/// What stands in a path. What is not even UTF-8 names nothing.
pub struct PathText(Option<String>);

impl PathText {
    /// The text; empty if there is none.
    pub fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        Ok(Self(path.ok().map(|Path(text)| text)))
    }
}

/// Two texts in a path.
pub struct PathTexts(Option<(String, String)>);

impl PathTexts {
    /// Both; empty if there are none.
    pub fn two(&self) -> (&str, &str) {
        self.0.as_ref().map_or(("", ""), |(first, second)| (first, second))
    }
}

impl FromRequestParts<Api> for PathTexts {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let path: Result<Path<(String, String)>, PathRejection> = Path::from_request_parts(parts, api).await;
        Ok(Self(path.ok().map(|Path(texts)| texts)))
    }
}

/// A call that this key may see, in any rendering of its id: from the journal while its end is not on disk, else from the store.
pub async fn find(api: &Api, key: &Key, id: &str) -> Result<CallRecord, Problem> {
    let id: CallId = id.parse().map_err(|()| Problem::CallNotFound)?;
    let record = match api.journal.find(id) {
        Some(record) => Some(record),
        None => api.store.call(key.tenant, id).await.map_err(unreadable)?,
    };
    record.filter(|record| may_see(key, record)).ok_or(Problem::CallNotFound)
}

pub fn may_see(key: &Key, record: &CallRecord) -> bool {
    let in_scope = match key.scope {
        KeyScope::Tenant => true,
        KeyScope::Agent(agent) => record.agent == agent,
        KeyScope::Application(application) => record.application == Some(application),
    };
    record.tenant == key.tenant && in_scope
}

pub fn unreadable(error: crate::store::StoreError) -> Problem {
    tracing::error!(%error, "a read failed");
    Problem::Refused(Refusal::Storage)
}

/// Where the world reaches the API: as the configuration says, else as the client did.
pub fn home(api: &Api, headers: &HeaderMap) -> String {
    api.public_url.clone().unwrap_or_else(|| base(headers))
}

/// Scheme and host as the client used them; a proxy says by `X-Forwarded-Proto` whether it was https. Only the client's
/// own answer depends on it.
fn base(headers: &HeaderMap) -> String {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(&HOST).filter(|host| host.bytes().all(is_authority)) else { return String::new() };
    let scheme = match text(&FORWARDED_PROTO) {
        Some("https") => "https",
        _ => "http",
    };
    format!("{scheme}://{host}")
}

fn is_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)
}
