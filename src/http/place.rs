//! The requests that place a call: auth, limit, body, parse, dialer, in this order; the first failure answers. Each path is one
//! face's.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::calls::PathText;
use super::error::json;
use super::keyed::as_writer_of;
use super::{Api, body, control, idempotency};
use crate::face::{self, Outbound, Problem, minivoice, nixflex, thunderphone, twilio, voiceflow};
use crate::model::{Face, Key, KeyScope, Placed, Refusal};

/// `POST /v1/calls/outbound`
pub async fn nixflex(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    place(&api, Face::Nixflex, &headers, body, |key, body| Ok(nixflex::parse_outbound(key, body)?)).await
}

/// `POST /v1/call`
pub async fn thunderphone(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    place(&api, Face::ThunderPhone, &headers, body, |key, body| Ok(thunderphone::parse(key, body)?)).await
}

/// `POST /v1/calls`
pub async fn minivoice(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    place(&api, Face::MiniVoice, &headers, body, |key, body| Ok(minivoice::parse(key, body)?)).await
}

/// `POST /v1alpha1/phone-number/{id}/outbound`, where the id is the agent's, or that of one of its numbers.
pub async fn voiceflow(State(api): State<Api>, headers: HeaderMap, id: PathText, body: Body) -> Response {
    let parse = |key: &Key, body: &Bytes| {
        let KeyScope::Agent(own) = key.scope else { return Err(Problem::InvalidApiKey) };
        let (id, snapshot) = (id.text(), api.directory.snapshot());
        if snapshot.agent(key.tenant, id).is_some_and(|agent| agent.id == own) {
            return Ok(voiceflow::parse(key, own, None, body)?);
        }
        let number = snapshot.number(key.tenant, id).filter(|number| number.agent == Some(own));
        let number = number.ok_or(Refusal::AgentNotFound)?;
        Ok(voiceflow::parse(key, own, Some(number.e164.clone()), body)?)
    };
    place(&api, Face::Voiceflow, &headers, body, parse).await
}

/// `POST /2010-04-01/Accounts/{account}/Calls.json`
pub async fn twilio(State(api): State<Api>, headers: HeaderMap, account: PathText, body: Body) -> Response {
    let parse = |key: &Key, body: &Bytes| {
        if account.text() != key.public {
            return Err(Problem::InvalidApiKey);
        }
        let outbound = twilio::parse(key, body)?;
        if let Some(guide) = &outbound.request.guide {
            control::may_follow(&api, guide)?;
        }
        Ok(outbound)
    };
    place(&api, Face::Twilio, &headers, body, parse).await
}

async fn place(
    api: &Api,
    face: Face,
    headers: &HeaderMap,
    body: Body,
    parse: impl FnOnce(&Key, &Bytes) -> Result<Outbound, Problem>,
) -> Response {
    let work = async |key: &Key| {
        let body = body::read(headers, body, api.body_max, api.body_timeout).await?;
        let outbound = counted(api, parse(key, &body))?;
        dial(api, key, headers, &body, outbound).await
    };
    as_writer_of(api, face, headers, work).await
}

async fn dial(
    api: &Api,
    key: &Key,
    headers: &HeaderMap,
    body: &[u8],
    outbound: Outbound,
) -> Result<Response, Problem> {
    let Outbound { mut request, idempotency_key, from_unusable } = outbound;
    let promise = idempotency::promise(headers, idempotency_key, body, &api.body_hash_key);
    request.idempotency = refused(api, promise)?;
    if from_unusable {
        // Nobody's number, once the agent is known.
        request.from = None;
        let known = api.directory.snapshot().resolve(&request).err() != Some(Refusal::AgentNotFound);
        return refused(api, Err(if known { Refusal::FromNumberNotFound } else { Refusal::AgentNotFound }));
    }
    let face = key.face;
    let placed = api.originate.call(request, move |accepted| face::created(face, accepted)).await;
    Ok(answer(refused(api, placed.ok_or(Problem::Internal)?)?))
}

/// The stored answer, and whether it is one that was given before.
pub fn answer(placed: Placed) -> Response {
    match placed {
        Placed::New(stored) => json(stored),
        Placed::Replayed(stored) => idempotency::replayed(json(stored)),
    }
}

/// Counts a refusal on its way out.
pub fn refused<T>(api: &Api, result: Result<T, Refusal>) -> Result<T, Problem> {
    counted(api, result.map_err(Problem::Refused))
}

pub fn counted<T>(api: &Api, result: Result<T, Problem>) -> Result<T, Problem> {
    result.inspect_err(|problem| {
        if let Problem::Refused(refusal) = problem {
            api.metrics.call_refused(refusal);
        }
    })
}
