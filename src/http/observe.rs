//! Every request gets an id, is counted by route and status, and its failure is logged once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use super::Api;

/// Numbers requests, from a start that no other process shares.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The outermost layer, and the only one.
pub async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status();
    let id = request_id();
    api.metrics.http_request(route, status.as_u16(), started.elapsed());
    if status.is_server_error() {
        tracing::warn!(request_id = %id, route, status = status.as_u16(), "a request failed");
    } else {
        tracing::debug!(request_id = %id, route, status = status.as_u16(), "answered");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

fn request_id() -> String {
    static START: std::sync::LazyLock<u64> = std::sync::LazyLock::new(rand::random);
    format!("req_{:016x}", START.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)))
}
