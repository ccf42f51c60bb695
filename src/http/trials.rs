//! What is proven by doing it: that a number's trunk carries calls, that a receiver of events takes one.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::calls::PathText;
use super::control::once;
use super::keyed::{as_writer, as_writer_of};
use super::objects::{answer, refused, show};
use super::scope::{find, shape_to_change};
use super::{Api, body, do_not_call, doctor};
use crate::clock::wall_now;
use crate::directory::{Change, Expect};
use crate::doctor::{Probe, Verdict};
use crate::face::collection::Collection;
use crate::face::resource::Shape;
use crate::face::thunderphone::{self, TestBody};
use crate::face::{self, Problem};
use crate::model::{
    Agent, AgentChoice, Face, Key, Object, ObjectKind, ObjectProblem, PhoneNumber, Refusal, StoredResponse,
    TestCall, TestReport, Trunk, TrunkId,
};
use crate::webhook;

/// `POST /v1/phone-numbers/{id}/verify-voip`, of ThunderPhone alone: OPTIONS, REGISTER, and a call by the number's trunk, to `to`
/// or, if the body says nothing, to the number itself. Only when no step found a fault is the number verified.
pub async fn verify_voip(State(api): State<Api>, headers: HeaderMap, id: PathText, sent: Body) -> Response {
    as_writer_of(&api, Face::ThunderPhone, &headers, async |key| {
        let shape = shape_to_change(Collection::Numbers, key)?;
        let sent = body::read(&headers, sent, api.body_max, api.body_timeout).await?;
        let fields = face::resource::body(&sent)?;
        let snapshot = api.directory.snapshot();
        let number = find(&snapshot, key, ObjectKind::Number, &id)?.clone();
        if number.is_managed_by_file() {
            return Err(ObjectProblem::ManagedByFile.into());
        }
        let trunk =
            number.trunk.and_then(|id: TrunkId| snapshot.trunk_by_id(id)).ok_or(Refusal::DemoNumber)?;
        let to = probed(&fields, &number.name)?;
        do_not_call::forbid(&api, key, &to).await?;
        // What a call has proven is kept, even if nobody waits for the answer any more.
        let proof = prove(api.clone(), key.clone(), (shape, number), Arc::clone(trunk), to);
        tokio::spawn(proof).await.map_err(|_| Problem::Internal)?
    })
    .await
}

async fn prove(
    api: Api,
    key: Key,
    (shape, number): (Shape, Arc<Object>),
    trunk: Arc<Trunk>,
    to: PhoneNumber,
) -> Result<Response, Problem> {
    let what = Collection::Numbers;
    let probe = Probe::default();
    let findings = api.practice.examine(&key, &trunk, Some(to), probe).await.map_err(doctor::refused)?;
    if let Some(fault) = findings.iter().find(|finding| finding.verdict == Verdict::Fault) {
        let mut shown = show(&api, &key, what, &number);
        shown["status"] = json!("failed");
        shown["detail"] = json!(fault.to_string());
        shown["findings"] = json!(findings);
        return Ok(answer(200, &shown));
    }
    // What was proven is that this trunk carries calls: not whatever it has become or the number has been given meanwhile.
    let leads_there = |now: &Arc<Trunk>| now.uri == trunk.uri && now.outbound_proxy == trunk.outbound_proxy;
    if !api.directory.snapshot().trunk_by_id(trunk.id).is_some_and(leads_there) {
        return Err(ObjectProblem::Changed.into());
    }
    let document = Map::from_iter([("verified".to_owned(), Value::Bool(true))]);
    let change = Change::patch(document, Expect::Revision(number.revision), wall_now());
    let changed = api.registry.update(key.tenant, ObjectKind::Number, number.id, change).await;
    let changed = changed.map_err(|error| refused(&shape, error))?;
    let mut shown = show(&api, &key, what, &changed);
    shown["status"] = json!("verified");
    Ok(answer(200, &shown))
}

/// Tries an agent. All that the API knows of it is this one function.
#[derive(Clone)]
pub struct Rehearse(Arc<dyn Fn(TestCall) -> BoxFuture<'static, Result<TestReport, Refusal>> + Send + Sync>);

impl Rehearse {
    /// By this function.
    pub fn new<F, P>(run: F) -> Self
    where
        F: Fn(TestCall) -> P + Send + Sync + 'static,
        P: Future<Output = Result<TestReport, Refusal>> + Send + 'static,
    {
        Self(Arc::new(move |test| Box::pin(run(test))))
    }

    /// Where nobody is tried.
    pub fn nobody() -> Self {
        Self::new(async |_| Err(Refusal::Overloaded("agents are not tried here")))
    }
}

/// `POST /v1/test-calls`, of ThunderPhone alone: a dry run of an agent, answered once it is over.
pub async fn test_call(State(api): State<Api>, headers: HeaderMap, sent: Body) -> Response {
    let work = async |key: &Key| {
        let sent = body::read(&headers, sent, api.body_max, api.body_timeout).await?;
        let TestBody { agent, variables, callee } = thunderphone::parse_test_call(&sent)?;
        let (agent, inline) = match agent {
            AgentChoice::Inline(inline) => (Arc::new(Agent::plain(key.tenant)), Some(*inline)),
            AgentChoice::Named(text) => {
                let snapshot = api.directory.snapshot();
                (snapshot.agent(key.tenant, &text).cloned().ok_or(Refusal::AgentNotFound)?, None)
            }
            _ => return Err(Refusal::AgentNotFound.into()),
        };
        let test = TestCall { agent, inline, variables, callee };
        // It is played to its end even if nobody waits for the answer any more: what it has opened is closed.
        let rehearse = api.rehearse.clone();
        let work = async move {
            let report = (rehearse.0)(test).await?;
            let id = format!("test_{:016x}", rand::random::<u64>());
            let body = thunderphone::test_call(&id, callee, &report).to_string();
            Ok(StoredResponse { status: 201, body })
        };
        once(&api, key, &headers, &sent, &[b"test-call"], work).await
    };
    as_writer_of(&api, Face::ThunderPhone, &headers, work).await
}

/// Whom to call.
fn probed(fields: &Map<String, Value>, own: &str) -> Result<PhoneNumber, Refusal> {
    let text = match fields.get("to") {
        None | Some(Value::Null) => own,
        Some(Value::String(text)) => text.as_str(),
        Some(_) => return Err(Refusal::InvalidPhone { field: "to" }),
    };
    text.parse().map_err(|_| Refusal::InvalidPhone { field: "to" })
}

/// `POST /v1/developer/webhook-endpoints/{id}/test`, of ThunderPhone alone.
pub async fn endpoint(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_writer_of(&api, Face::ThunderPhone, &headers, async |key| send(&api, key, &id).await).await
}

/// The same at the native path, for keys of the whole tenant.
pub async fn native_endpoint(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_writer(&api, &headers, async |key| {
        shape_to_change(Collection::Native(ObjectKind::WebhookEndpoint), key)?;
        send(&api, key, &id).await
    })
    .await
}

/// Sends `webhook.test` once, in the words of the key's vendor and signed as its events are, and says what came of it.
async fn send(api: &Api, key: &Key, id: &PathText) -> Result<Response, Problem> {
    let snapshot = api.directory.snapshot();
    let object = find(&snapshot, key, ObjectKind::WebhookEndpoint, id)?;
    let endpoint = snapshot.endpoints(key.tenant).find(|endpoint| endpoint.id.0 == object.id);
    let endpoint = endpoint.ok_or(ObjectProblem::NotFound(ObjectKind::WebhookEndpoint))?;
    let now = wall_now();
    let body = face::test_event(key, object.id, now);
    let message = format!("evt_test_{:016x}", rand::random::<u64>());
    let seconds = now.0.div_euclid(1_000);
    let secret = endpoint.signing.reveal();
    let headers = webhook::signed(key.face, secret, &endpoint.url, message, seconds, body.as_bytes());
    let shown = match api.egress.post(&endpoint.url, &headers, Bytes::from(body)).await {
        Ok(answer) => {
            let delivered = (200..300).contains(&answer.status);
            json!({ "delivered": delivered, "status": answer.status, "error": null })
        }
        Err(error) => json!({ "delivered": false, "status": null, "error": error.to_string() }),
    };
    Ok(answer(200, &shown))
}
