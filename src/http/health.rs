//! `/livez`, `/readyz`, `/metrics`: for the operator's machines, without a key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Api, error};
use crate::model::StoredResponse;

/// Says whether new calls are welcome, and if not, why (`draining`, `the database takes no writes at present`).
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

impl Readiness {
    /// Asked at every request, so it must be quick and must not block.
    pub fn new(ask: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

/// The process answers.
pub async fn live() -> Response {
    error::json(StoredResponse { status: 200, body: json!({ "status": "live" }).to_string() })
}

/// New calls are welcome, or 503 and why not.
pub async fn ready(State(api): State<Api>) -> Response {
    let (status, body) = match (api.readiness.0)() {
        Ok(()) => (200, json!({ "status": "ready" })),
        Err(reason) => (503, json!({ "status": "unavailable", "reason": reason })),
    };
    error::json(StoredResponse { status, body: body.to_string() })
}

/// Everything that is counted.
pub async fn metrics(State(api): State<Api>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.metrics.render()).into_response()
}
