//! `/v1/native/webhook-deliveries` and `/v1/native/webhook-endpoints/{id}/replay`: what receivers were sent, what they said to
//! it, and once more. For keys of the whole tenant.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::Api;
use super::calls::{PathText, shown, unreadable};
use super::error::json as answer;
use super::keyed::{as_reader, as_writer};
use super::scope::{find, of_tenant};
use crate::clock::wall_now;
use crate::face::native::delivery::{Attempt, Shown, brief, full};
use crate::face::native::query::{self, DELIVERY_STATES};
use crate::face::{Problem, last_of_full};
use crate::model::{ObjectKind, ObjectProblem, StoredResponse, WebhookEndpointId};
use crate::store::{DeliveryFilter, DeliveryRecord, DeliveryState, REPLAY_MAX, Replayed};
use crate::webhook::message_id_of;

/// `GET /v1/native/webhook-deliveries`
pub async fn list(State(api): State<Api>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    as_reader(&api, &headers, async |key| {
        let query = query::deliveries(query.as_deref().unwrap_or_default())?;
        of_tenant(key)?;
        let endpoint = match &query.endpoint {
            None => None,
            Some(text) => {
                let snapshot = api.directory.snapshot();
                let object =
                    snapshot.object(key.tenant, ObjectKind::WebhookEndpoint, text).map(|found| found.id);
                // One that was removed has a log yet.
                let id = object.or_else(|| text.parse().ok());
                let missing = ObjectProblem::NotFound(ObjectKind::WebhookEndpoint);
                Some(WebhookEndpointId(id.filter(|id| *id > 0).ok_or(missing)?))
            }
        };
        let state = query.state.map(|word| match DELIVERY_STATES.iter().position(|state| *state == word) {
            Some(0) => DeliveryState::Pending,
            Some(1) => DeliveryState::Delivered,
            _ => DeliveryState::Dead,
        });
        let filter = DeliveryFilter { endpoint, call: query.call, state };
        let found = api.store.deliveries_before(key.tenant, filter, query.after, query.limit).await;
        let found = found.map_err(unreadable)?;
        let next = last_of_full(&found, query.limit).map(|last| last.id.to_string());
        let data: Vec<_> = found.iter().map(|record| brief(&show(record))).collect();
        Ok(shown(json!({ "data": data, "next_cursor": next }).to_string()))
    })
    .await
}

/// `GET /v1/native/webhook-deliveries/{id}`
pub async fn read(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_reader(&api, &headers, async |key| {
        of_tenant(key)?;
        let found = api.store.delivery(key.tenant, number(&id)?).await.map_err(unreadable)?;
        let (record, tries) = found.ok_or(ObjectProblem::DeliveryNotFound)?;
        let attempts: Vec<_> = tries
            .iter()
            .map(|(number, tried)| Attempt {
                number: *number,
                started_at: tried.started_at,
                duration: tried.duration,
                status: tried.status,
                error: tried.error.as_deref(),
                response: tried.response.as_deref(),
            })
            .collect();
        Ok(shown(full(&show(&record), record.body.as_deref(), &attempts).to_string()))
    })
    .await
}

/// `POST /v1/native/webhook-deliveries/{id}/replay`
pub async fn replay(State(api): State<Api>, headers: HeaderMap, id: PathText) -> Response {
    as_writer(&api, &headers, async |key| {
        of_tenant(key)?;
        let id = number(&id)?;
        match api.store.replay(key.tenant, id, wall_now()).await.map_err(unreadable)? {
            Replayed::Again => api.wake.wake(),
            Replayed::StillOwed => return Err(ObjectProblem::DeliveryPending.into()),
            Replayed::Unknown => return Err(ObjectProblem::DeliveryNotFound.into()),
        }
        let body = json!({ "id": id, "state": "pending" }).to_string();
        Ok(answer(StoredResponse { status: 202, body }))
    })
    .await
}

/// `POST /v1/native/webhook-endpoints/{id}/replay?since=`
pub async fn replay_failed(
    State(api): State<Api>,
    headers: HeaderMap,
    id: PathText,
    RawQuery(query): RawQuery,
) -> Response {
    as_writer(&api, &headers, async |key| {
        of_tenant(key)?;
        let endpoint = find(&api.directory.snapshot(), key, ObjectKind::WebhookEndpoint, &id)?.id;
        let since = query::since(query.as_deref().unwrap_or_default())?;
        let endpoint = WebhookEndpointId(endpoint);
        let replayed =
            api.store.replay_dead(key.tenant, endpoint, since, wall_now()).await.map_err(unreadable)?;
        if replayed > 0 {
            api.wake.wake();
        }
        let more = replayed >= u64::from(REPLAY_MAX);
        let body = json!({ "replayed": replayed, "more": more }).to_string();
        Ok(answer(StoredResponse { status: 202, body }))
    })
    .await
}

fn number(id: &PathText) -> Result<u64, Problem> {
    let id = id.text().parse().ok().filter(|id: &u64| i64::try_from(*id).is_ok());
    id.ok_or(Problem::Object(ObjectProblem::DeliveryNotFound))
}

fn show(record: &DeliveryRecord) -> Shown<'_> {
    let (state, is_pending) = match record.state {
        DeliveryState::Pending => (DELIVERY_STATES[0], true),
        DeliveryState::Delivered => (DELIVERY_STATES[1], false),
        DeliveryState::Dead => (DELIVERY_STATES[2], false),
    };
    Shown {
        id: record.id,
        message_id: message_id_of(record.call, record.event_id.unwrap_or(record.id)),
        event: record.event,
        call: record.call,
        endpoint: record.endpoint,
        receiver: &record.receiver,
        state,
        created_at: record.created_at,
        next_attempt_at: is_pending.then_some(record.due_at),
        settled_at: record.settled_at,
        replayed_at: record.replayed_at,
        attempts: record.attempts,
        error: record.reason.as_deref(),
    }
}
