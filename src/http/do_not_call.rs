//! `/v1/native/do-not-call`: numbers that the tenant calls no more, for keys of the whole tenant.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::calls::{PathText, shown, unreadable};
use super::keyed::{as_reader, as_writer};
use super::scope::of_tenant;
use super::{Api, body};
use crate::clock::wall_now;
use crate::face::Problem;
use crate::face::native::{do_not_call, query};
use crate::model::{DoNotCall, Key, ObjectProblem, Objection, PhoneNumber, Refusal};
use crate::store::Write;

/// `GET /v1/native/do-not-call`
pub async fn list(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    as_reader(&api, &headers, async |key| {
        let (limit, after) = query::do_not_call(query.as_deref().unwrap_or_default())?;
        of_tenant(key)?;
        let found = api.store.do_not_call_after(key.tenant, after.as_ref(), limit).await;
        Ok(shown(do_not_call::page(&found.map_err(unreadable)?, limit).to_string()))
    })
    .await
}

/// `POST /v1/native/do-not-call`: all of them, or none; from the answer on none of them is called. Those that are on the list stay as
/// they are.
pub async fn add(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    as_writer(&api, &headers, async |key| {
        of_tenant(key)?;
        let body = body::read(&headers, body, api.body_max, api.body_timeout).await?;
        let (numbers, note) = do_not_call::parse(&body)?;
        let (count, at) = (numbers.len(), wall_now());
        let entry = |number| DoNotCall {
            tenant: key.tenant,
            number,
            reason: Objection::Listed,
            note: note.clone(),
            call: None,
            at,
        };
        let writes: Arc<[Write]> = numbers.into_iter().map(entry).map(Write::DoNotCall).collect();
        api.store.write(writes).await.map_err(unreadable)?;
        Ok(shown(json!({ "count": count }).to_string()))
    })
    .await
}

/// `GET /v1/native/do-not-call/{number}`
pub async fn read(State(api): State<Api>, headers: HeaderMap, number: PathText) -> Response {
    as_reader(&api, &headers, async |key| {
        of_tenant(key)?;
        let found = api.store.do_not_call(key.tenant, &listed(&number)?).await.map_err(unreadable)?;
        Ok(shown(do_not_call::show(&found.ok_or(ObjectProblem::NotListed)?).to_string()))
    })
    .await
}

/// `DELETE /v1/native/do-not-call/{number}`
pub async fn remove(State(api): State<Api>, headers: HeaderMap, number: PathText) -> Response {
    as_writer(&api, &headers, async |key| {
        of_tenant(key)?;
        match api.store.may_call_again(key.tenant, listed(&number)?).await.map_err(unreadable)? {
            true => Ok(StatusCode::NO_CONTENT.into_response()),
            false => Err(ObjectProblem::NotListed.into()),
        }
    })
    .await
}

/// Refuses where this number is on the tenant's list: for calls that no intent is committed for.
pub async fn forbid(api: &Api, key: &Key, number: &PhoneNumber) -> Result<(), Problem> {
    match api.store.do_not_call(key.tenant, number).await.map_err(unreadable)? {
        Some(_) => Err(Refusal::DoNotCall.into()),
        None => Ok(()),
    }
}

/// What is no number is on no list.
fn listed(number: &PathText) -> Result<PhoneNumber, Problem> {
    number.text().parse().map_err(|_| ObjectProblem::NotListed.into())
}
