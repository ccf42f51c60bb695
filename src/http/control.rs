//! `POST /v1/calls/{id}/hangup` and `/transfer`: what may be done to a call that lives, for any key of its tenant.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::calls::{PathText, find, within_limit};
use super::error::{ApiError, json};
use super::limits::Kind;
use super::{Api, auth, body};
use crate::dialer::Dialer;
use crate::face::Problem;
use crate::model::{CallId, CallState, Key, PhoneNumber, Refusal, StoredResponse, Untransferable};

/// What is done.
enum Order {
    Hangup(CallId),
    Transfer(CallId, PhoneNumber),
}

type Give = dyn Fn(Order) -> BoxFuture<'static, Result<(), Untransferable>> + Send + Sync;

/// How the API has its will of calls that live. Cheap to clone.
#[derive(Clone)]
pub struct Control(Arc<Give>);

impl Control {
    fn new<F, P>(give: F) -> Self
    where
        F: Fn(Order) -> P + Send + Sync + 'static,
        P: Future<Output = Result<(), Untransferable>> + Send + 'static,
    {
        Self(Arc::new(move |order| Box::pin(give(order))))
    }

    /// Ends a call, which cannot fail: it may only end by itself meanwhile.
    pub async fn hangup(&self, call: CallId) {
        let _ = (self.0)(Order::Hangup(call)).await;
    }

    /// Over calls that are not there.
    #[cfg(test)]
    pub fn nobody() -> Self {
        Self::new(async |_| Err(Untransferable::NotTalking))
    }
}

impl From<Dialer> for Control {
    fn from(dialer: Dialer) -> Self {
        Self::new(move |order| {
            let dialer = dialer.clone();
            async move {
                match order {
                    Order::Hangup(call) => {
                        dialer.hangup(call).await;
                        Ok(())
                    }
                    Order::Transfer(call, to) => dialer.transfer(call, to).await,
                }
            }
        })
    }
}

/// A transfer's document.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = native::Transfer)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Where to: E.164.
    #[schema(required, nullable = false, pattern = r"^\+[1-9][0-9]{1,14}$")]
    to: Option<String>,
}

/// `POST /v1/calls/{id}/hangup`
pub async fn hangup(State(api): State<Api>, id: PathText, headers: HeaderMap) -> Response {
    as_writer(&api, &headers, async |key| {
        let record = find(&api, key, id.text()).await?;
        if record.state == CallState::Ended {
            return Err(Problem::CallNotLive(Untransferable::NotTalking));
        }
        api.control.hangup(record.call).await;
        Ok(accepted(record.call))
    })
    .await
}

/// `POST /v1/calls/{id}/transfer`
pub async fn transfer(State(api): State<Api>, id: PathText, headers: HeaderMap, body: Body) -> Response {
    as_writer(&api, &headers, async |key| {
        let record = find(&api, key, id.text()).await?;
        let body = body::read(&headers, body, api.body_max, api.body_timeout).await?;
        let to = number(&body)?;
        if record.state != CallState::Answered {
            return Err(Problem::CallNotLive(Untransferable::NotTalking));
        }
        match (api.control.0)(Order::Transfer(record.call, to)).await {
            Ok(()) => Ok(accepted(record.call)),
            Err(Untransferable::Forbidden(reason)) => Err(Refusal::DestinationForbidden { reason }.into()),
            Err(reason) => Err(Problem::CallNotLive(reason)),
        }
    })
    .await
}

async fn as_writer(
    api: &Api,
    headers: &HeaderMap,
    work: impl AsyncFnOnce(&Key) -> Result<Response, Problem>,
) -> Response {
    match auth::authenticate(headers, &api.directory.snapshot()) {
        Ok(key) => within_limit(api, &key, Kind::Write, work).await,
        Err(problem) => ApiError::shared(problem).into_response(),
    }
}

fn number(body: &[u8]) -> Result<PhoneNumber, Refusal> {
    let asked: Asked = serde_json::from_slice(body).map_err(|error| Refusal::InvalidField {
        field: "body".to_owned(),
        reason: format!("is not understood: {error}"),
    })?;
    let to = asked.to.ok_or(Refusal::MissingField("to"))?;
    to.parse().map_err(|_| Refusal::InvalidPhone { field: "to" })
}

/// It is on its way; how it ends is told as every end is.
fn accepted(call: CallId) -> Response {
    let body = serde_json::json!({ "call_id": call.ca(), "status": "accepted" }).to_string();
    json(StoredResponse { status: 202, body })
}
