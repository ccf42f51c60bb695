//! Objects over HTTP: the same five verbs for every kind and every vendor. The face says how they look, the registry whether they hold.

use std::iter;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::calls::{PathText, unreadable};
use super::error::json;
use super::keyed::{as_writer, as_writer_of, with_key};
use super::limits::Kind;
use super::scope::{self, find, tenant_of, visible};
use super::{Api, body, idempotency, trunks};
use crate::clock::wall_now;
use crate::config::StoredKey;
use crate::directory::{
    Change, Expect, Idempotent, Issued, NewObject, ObjectError, Outcome, issue, person_secret, signing_secret,
};
use crate::face::collection::{self, Collection};
use crate::face::resource::{Part, Shape};
use crate::face::{self, Problem};
use crate::model::{
    AgentId, Draft, Face, Key, Object, ObjectKind, ObjectProblem, Refusal, Secret, StoredResponse, Timestamp,
    TrunkId,
};

/// Objects a page if the client does not say, and its vendor has pages.
const LIMIT_DEFAULT: usize = 50;
/// Objects a page at most; who asks for more gets so many.
const LIMIT_MAX: usize = 200;
/// So often a patch is read anew when its object was changed meanwhile.
const TRIES_MAX: usize = 8;
/// What a client may not say of a key or a receiver: the switch makes it.
const OURS: [&str; 5] =
    [StoredKey::SIGNING, StoredKey::HASH, StoredKey::REVOKED, "previous_secret", "previous_secret_until"];
/// For so long a rotated secret signs beside the new one.
const BESIDE_MS: i64 = 24 * 3_600_000;

/// `GET` of a collection.
pub async fn list(api: Api, headers: HeaderMap, query: Option<String>, what: Collection) -> Response {
    with_key(&api, what.only(), Kind::Read, &headers, async |key| {
        let shape = scope::shape(what, key)?;
        let snapshot = api.directory.snapshot();
        let all = visible(&snapshot, key, shape.kind);
        let page = Page::parse(query.as_deref().unwrap_or_default())?;
        let limit = page.limit.unwrap_or(if what.is_whole() { all.len() } else { LIMIT_DEFAULT });
        let rest = all.get(page.start(&all)..).unwrap_or_default();
        let taken = &rest[..limit.min(rest.len())];
        let shown: Vec<Value> = taken.iter().map(|object| show(&api, key, what, object)).collect();
        let next = taken.last().filter(|_| taken.len() < rest.len()).map(|object| object.id);
        let page = collection::page(
            key.face,
            what,
            shown,
            &Part { limit, offset: page.offset, total: all.len(), next },
        );
        Ok(answer(200, &page))
    })
    .await
}

/// `GET` of one.
pub async fn read(api: Api, headers: HeaderMap, id: PathText, what: Collection) -> Response {
    with_key(&api, what.only(), Kind::Read, &headers, async |key| {
        let shape = scope::shape(what, key)?;
        let snapshot = api.directory.snapshot();
        let object = find(&snapshot, key, shape.kind, &id)?;
        Ok(tagged(answer(200, &show(&api, key, what, object)), object))
    })
    .await
}

/// `POST` of a collection.
pub async fn create(api: Api, headers: HeaderMap, sent: Body, what: Collection) -> Response {
    with_key(&api, what.only(), Kind::Write, &headers, async |key| {
        let shape = scope::shape_to_change(what, key)?;
        let sent = body::read(&headers, sent, api.body_max, api.body_timeout).await?;
        let mut fields = face::resource::body(&sent)?;
        let in_body = idempotency::take(&mut fields)?;
        // The same words for another collection are another request.
        let hashed = [format!("{what:?}\0").as_bytes(), &sent].concat();
        let promise = idempotency::promise(&headers, in_body, &hashed, &api.body_hash_key)?;
        let promise = promise.map(|idempotency| Idempotent { key: key.id, idempotency });
        let tenant = tenant_of(&api.directory.snapshot(), key, shape.kind, &mut fields)?;
        let (draft, secrets) = prepare(key, what, &shape, fields)?;
        let new = NewObject {
            tenant,
            kind: shape.kind,
            name: draft.name,
            document: draft.document,
            at: wall_now(),
        };
        let render = |object: &Object| {
            let mut shown = show(&api, key, what, object);
            for (field, secret) in &secrets {
                shown[*field] = Value::String(secret.reveal().clone());
            }
            StoredResponse { status: 201, body: shown.to_string() }
        };
        let made = api.registry.create(new, promise, render).await;
        Ok(idempotency::answer(made.map_err(|error| refused(&shape, error))?))
    })
    .await
}

/// Whether a field says that something is not so, which may be stored as if it were: what does not hold any more (a claim that another
/// has, a name of what is gone) is shown as not said, and is taken back only by saying so.
fn mends(shape: &Shape, field: &str, value: &Value) -> bool {
    let ours = shape.fields.iter().find(|(theirs, _)| *theirs == field).map_or(field, |(_, ours)| ours);
    match ours {
        "inbound" => true,
        "agent" | "trunk" | "application" => value.is_null(),
        _ => false,
    }
}

/// `PATCH` and `PUT` of one: what is said anew, or everything that its vendor has words for.
pub async fn update(
    api: Api,
    headers: HeaderMap,
    id: PathText,
    sent: Body,
    (what, is_whole): (Collection, bool),
) -> Response {
    with_key(&api, what.only(), Kind::Write, &headers, async |key| {
        let shape = scope::shape_to_change(what, key)?;
        let sent = body::read(&headers, sent, api.body_max, api.body_timeout).await?;
        let fields = face::resource::body(&sent)?;
        let expected = expect(&headers)?;
        let mut tries = TRIES_MAX;
        let changed = loop {
            let object = find(&api.directory.snapshot(), key, shape.kind, &id)?.clone();
            let mut fields = fields.clone();
            let sent = fields.len();
            if !is_whole {
                // What is sent back as it was read says nothing.
                let read = show(&api, key, what, &object);
                fields.retain(|name, value| mends(&shape, name, value) || read.get(name) != Some(value));
            }
            // That it says nothing holds of what was read just now.
            let holds = match expected {
                Expect::Any if fields.len() < sent => Expect::Revision(object.revision),
                expected => expected,
            };
            forbid_ours(shape.kind, &fields)?;
            let draft = collection::parse(key.face, what, fields)?;
            // A key is known by what its owner sends, which does not change.
            let name = draft.name.filter(|_| shape.kind != ObjectKind::Key);
            let forgets = if is_whole { shape.own().collect() } else { Vec::new() };
            let change = Change { name, forgets, ..Change::patch(draft.document, holds, wall_now()) };
            tries -= 1;
            match api.registry.update(object.tenant, shape.kind, object.id, change).await {
                Err(ObjectError::Refused(ObjectProblem::Changed)) if holds != expected && tries > 0 => {}
                changed => break changed.map_err(|error| refused(&shape, error))?,
            }
        };
        Ok(tagged(answer(200, &show(&api, key, what, &changed)), &changed))
    })
    .await
}

/// `POST /v1/native/webhook-endpoints/{id}/rotate-secret`: a new secret, shown once; for a day the old one signs beside it.
pub async fn rotate(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    const WHAT: Collection = Collection::Native(ObjectKind::WebhookEndpoint);
    as_writer(&api, &headers, async |key| {
        let shape = scope::shape_to_change(WHAT, key)?;
        let snapshot = api.directory.snapshot();
        let object = find(&snapshot, key, shape.kind, &id)?;
        let endpoint = snapshot.endpoints(key.tenant).find(|endpoint| endpoint.id.0 == object.id);
        let endpoint = endpoint.ok_or(ObjectProblem::NotFound(shape.kind))?;
        let (secret, at) = (signing_secret(), wall_now());
        let document = Map::from_iter([
            ("secret".to_owned(), Value::String(secret.reveal().clone())),
            ("previous_secret".to_owned(), Value::String(endpoint.signing.reveal().clone())),
            ("previous_secret_until".to_owned(), (at.0 + BESIDE_MS).into()),
        ]);
        // Of two at once one is told to look again: otherwise it would be the other's new secret that is forgotten.
        let expect = Expect::Revision(object.revision);
        let change = Change::patch(document, expect, at);
        let until = Timestamp(at.0 + BESIDE_MS).to_string();
        let shown = [("secret", secret.reveal().clone()), ("previous_secret_until", until)];
        renew(&api, key, &headers, (WHAT, object), change, &shown).await
    })
    .await
}

/// `POST /v1/native/people/{id}/rotate-secret`: a new secret, shown once; whoever signed in with the old one is signed out.
pub async fn rotate_person(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    const WHAT: Collection = Collection::Native(ObjectKind::Person);
    as_writer(&api, &headers, async |key| {
        let shape = scope::shape_to_change(WHAT, key)?;
        let object = find(&api.directory.snapshot(), key, shape.kind, &id)?.clone();
        let (secret, hash) = person_secret();
        let document = Map::from_iter([(StoredKey::HASH.to_owned(), Value::String(hash))]);
        let expect = Expect::Revision(object.revision);
        let change = Change::patch(document, expect, wall_now());
        renew(&api, key, &headers, (WHAT, &object), change, &[("secret", secret.reveal().clone())]).await
    })
    .await
}

/// Gives an object a new secret, and shows it and what else there is to show this once. The same request again is answered as the
/// first time: whoever lost that answer has no other way to the secret.
async fn renew(
    api: &Api,
    key: &Key,
    headers: &HeaderMap,
    (what, object): (Collection, &Object),
    change: Change,
    shown_once: &[(&'static str, String)],
) -> Result<Response, Problem> {
    let shape = scope::shape_to_change(what, key)?;
    // The same words for another object are another request.
    let hashed = format!("rotate\0{what:?}\0{}", object.id);
    let promise = idempotency::promise(headers, None, hashed.as_bytes(), &api.body_hash_key)?;
    let promise = promise.map(|idempotency| Idempotent { key: key.id, idempotency });
    let render = |object: &Object| {
        let mut shown = show(api, key, what, object);
        for (field, value) in shown_once {
            shown[*field] = Value::String(value.clone());
        }
        StoredResponse { status: 200, body: shown.to_string() }
    };
    let whose = (object.tenant, shape.kind, object.id);
    let done = api.registry.update_once(whose, change, promise, render).await;
    let outcome = done.map_err(|error| refused(&shape, error))?;
    let (Outcome::New(made) | Outcome::Replayed(made)) = &outcome;
    Ok(tagged_as(revision_of(made), idempotency::answer(outcome)))
}

/// Which revision an answer shows.
fn revision_of(answer: &StoredResponse) -> u64 {
    let shown: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    shown["revision"].as_u64().unwrap_or_default()
}

/// `DELETE` of one. A key is revoked: it goes on signing what its calls still owe.
pub async fn remove(api: Api, headers: HeaderMap, id: PathText, what: Collection) -> Response {
    with_key(&api, what.only(), Kind::Write, &headers, async |key| {
        let shape = scope::shape_to_change(what, key)?;
        let object = find(&api.directory.snapshot(), key, shape.kind, &id)?.clone();
        let (tenant, kind, id) = (object.tenant, shape.kind, object.id);
        if kind == ObjectKind::Agent && api.journal.lives_with(AgentId(object.id)) {
            return Err(ObjectProblem::InUse("the agent has live calls".to_owned()).into());
        }
        let expect = expect(&headers)?;
        let gone = if kind == ObjectKind::Key {
            let document = Map::from_iter([(StoredKey::REVOKED.to_owned(), Value::Bool(true))]);
            let change = Change::patch(document, expect, wall_now());
            api.registry.update(tenant, kind, id, change).await.map(drop)
        } else {
            api.registry.remove(tenant, kind, id, expect).await
        };
        gone.map_err(|error| refused(&shape, error))?;
        Ok(axum::http::StatusCode::NO_CONTENT.into_response())
    })
    .await
}

/// The draft of a new object, and the secrets that are shown this once, with their names.
type Prepared = (Draft, Vec<(&'static str, Secret<String>)>);

fn prepare(
    key: &Key,
    what: Collection,
    shape: &Shape,
    fields: Map<String, Value>,
) -> Result<Prepared, Problem> {
    forbid_ours(shape.kind, &fields)?;
    let mut draft = collection::parse(key.face, what, fields)?;
    if let (ObjectKind::Number, Some(own)) = (shape.kind, key.application()) {
        draft.document.entry("application").or_insert_with(|| Value::String(own.to_string()));
    }
    for (name, value) in shape.defaults {
        draft.document.entry(*name).or_insert(Value::Bool(*value));
    }
    match shape.kind {
        ObjectKind::Key => {
            let face = draft.document.remove("face").ok_or_else(|| missing("face"))?;
            let face: Face = serde_json::from_value(face)
                .map_err(|error| Refusal::InvalidField { field: "face".into(), reason: error.to_string() })?;
            let Issued { public, credentials, webhook_secret, document } = issue(face);
            draft.document.extend(document);
            draft.name = Some(public);
            let signs = webhook_secret.map(|secret| ("webhook_secret", secret));
            Ok((draft, iter::once(("key", credentials)).chain(signs).collect()))
        }
        ObjectKind::WebhookEndpoint => {
            let secret = signing_secret();
            draft.document.insert(StoredKey::SIGNING.to_owned(), Value::String(secret.reveal().clone()));
            Ok((draft, vec![("secret", secret)]))
        }
        ObjectKind::Person if draft.name.is_none() => Err(missing(shape.name_field())),
        ObjectKind::Person => {
            let (secret, hash) = person_secret();
            draft.document.insert(StoredKey::HASH.to_owned(), Value::String(hash));
            Ok((draft, vec![("secret", secret)]))
        }
        ObjectKind::Number | ObjectKind::Tenant if draft.name.is_none() => Err(missing(shape.name_field())),
        _ => Ok((draft, Vec::new())),
    }
}

fn forbid_ours(kind: ObjectKind, fields: &Map<String, Value>) -> Result<(), Problem> {
    if !matches!(kind, ObjectKind::Key | ObjectKind::WebhookEndpoint | ObjectKind::Person) {
        return Ok(());
    }
    match OURS.into_iter().find(|name| fields.contains_key(*name)) {
        Some(name) => Err(Refusal::InvalidField {
            field: name.to_owned(),
            reason: "is not for a request to say".to_owned(),
        }
        .into()),
        None => Ok(()),
    }
}

fn missing(field: &str) -> Problem {
    ObjectProblem::Missing(field.to_owned()).into()
}

/// An object's problem in the words of whoever asked.
pub fn refused(shape: &Shape, error: ObjectError) -> Problem {
    match error {
        ObjectError::Refused(ObjectProblem::Missing(field)) => missing(&shape.their_field(&field)),
        ObjectError::Refused(problem) => problem.into(),
        ObjectError::Invalid { field, reason } => {
            Refusal::InvalidField { field: shape.their_field(&field), reason }.into()
        }
        ObjectError::IdempotencyConflict => Refusal::IdempotencyConflict.into(),
        ObjectError::Sealing(error) => {
            tracing::error!(%error, "secrets cannot be sealed");
            Problem::Internal
        }
        ObjectError::Store(error) => unreadable(error),
    }
}

pub fn show(api: &Api, key: &Key, what: Collection, object: &Object) -> Value {
    let mut shown = collection::show(key.face, what, object);
    let is_trunk = what == Collection::Native(ObjectKind::Trunk);
    let snapshot = api.directory.snapshot();
    if let Some(trunk) = snapshot.trunk_by_id(TrunkId(object.id)).filter(|_| is_trunk) {
        shown["health"] = trunks::health(api, trunk);
    }
    shown
}

pub fn answer(status: u16, body: &Value) -> Response {
    json(StoredResponse { status, body: body.to_string() })
}

/// The revision, for `If-Match` (RFC 9110 §13.1.1).
fn tagged(response: Response, object: &Object) -> Response {
    tagged_as(object.revision, response)
}

fn tagged_as(revision: u64, mut response: Response) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Which revision a change is meant for.
fn expect(headers: &HeaderMap) -> Result<Expect, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(Expect::Any) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Expect::Any);
    }
    let revision = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match revision.and_then(|text| text.parse().ok()) {
        Some(revision) => Ok(Expect::Revision(revision)),
        // A tag that we never gave out matches nothing.
        None => Err(ObjectProblem::Changed.into()),
    }
}

/// Which part of a list: by cursor (native), or by offset (the vendors).
struct Page {
    limit: Option<usize>,
    offset: usize,
    /// After this object.
    cursor: Option<u64>,
}

impl Page {
    fn parse(query: &str) -> Result<Self, Refusal> {
        let mut page = Self { limit: None, offset: 0, cursor: None };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let wrong =
                |reason: &str| Refusal::InvalidField { field: name.to_string(), reason: reason.to_owned() };
            match &*name {
                "limit" => match value.parse::<usize>() {
                    Ok(limit) if limit > 0 => page.limit = Some(limit.min(LIMIT_MAX)),
                    _ => return Err(wrong("must be a number from 1")),
                },
                "offset" => page.offset = value.parse().map_err(|_| wrong("must be a number from 0"))?,
                "cursor" => {
                    page.cursor = Some(value.parse().map_err(|_| wrong("must be a next_cursor of a page"))?);
                }
                _ => {}
            }
        }
        Ok(page)
    }

    /// Where it begins. An object that is gone leaves its place by age.
    fn start(&self, all: &[&std::sync::Arc<Object>]) -> usize {
        let Some(cursor) = self.cursor else { return self.offset.min(all.len()) };
        match all.iter().position(|object| object.id == cursor) {
            Some(place) => place + 1,
            None => all
                .iter()
                .position(|object| !object.is_managed_by_file() && object.id > cursor)
                .unwrap_or(all.len()),
        }
    }
}

/// `PUT /v1/integrations/webhook/number/{n}`: where a number's events go, as Nixflex writes it.
pub async fn number_webhook(
    State(api): State<Api>,
    headers: HeaderMap,
    id: PathText,
    sent: Body,
) -> Response {
    as_writer_of(&api, Face::Nixflex, &headers, async |key| {
        let shape = scope::shape_to_change(Collection::Numbers, key)?;
        let sent = body::read(&headers, sent, api.body_max, api.body_timeout).await?;
        let mut fields = face::resource::body(&sent)?;
        let url = fields.remove("webhook_url").ok_or_else(|| missing("webhook_url"))?;
        let object = find(&api.directory.snapshot(), key, shape.kind, &id)?.clone();
        let document = Map::from_iter([("webhook_url".to_owned(), url)]);
        let change = Change::patch(document, Expect::Any, wall_now());
        let changed = api.registry.update(object.tenant, shape.kind, object.id, change).await;
        let changed = changed.map_err(|error| refused(&shape, error))?;
        Ok(answer(200, &show(&api, key, Collection::Numbers, &changed)))
    })
    .await
}
