//! The console page and what it asks for.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Request};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::agent::browser::OFFER_MAX;

/// The longest JSON body that is taken.
const JSON_MAX: usize = 4 << 10;
/// The longest destination.
const DESTINATION_MAX: usize = 256;
const SDP: &str = "application/sdp";
const SECRET: &str = "the-right-secret-of-ada";

async fn console() -> Router {
    let file = format!(
        r#"{FILE}
        [[people.ice_servers]]
        urls = ["stun:192.0.2.1"]
        [[person]]
        name = "Ada"
        secret = "{SECRET}"
    "#
    );
    House::of(&file, Ok(()), (BODY_MAX, BATCH_BODY_MAX)).await.router
}

async fn send(console: &Router, request: Request<Body>) -> Answer {
    let response = console.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body").to_vec();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

fn request(method: &str, path: &str, session: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = match session {
        Some(session) => request.header("authorization", format!("Bearer {session}")),
        None => request,
    };
    request.body(body.into()).expect("a request")
}

async fn signed_in(console: &Router) -> String {
    let body = json!({ "token": SECRET }).to_string();
    let answer = send(console, request("POST", "/v1/people/session", None, body)).await;
    assert_eq!(answer.status, 201);
    let session = answer.json();
    assert_eq!(
        (&session["name"], &session["ice_servers"]),
        (&json!("Ada"), &json!([{ "urls": ["stun:192.0.2.1"] }]))
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    session["session"].as_str().expect("a session").to_owned()
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let console = console().await;
    let page = send(&console, request("GET", "/console/", None, Body::empty())).await;
    let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let html = String::from_utf8(page.body).expect("UTF-8");
    assert!(!html.contains("://") && !html.contains("style=") && !html.contains(" on"), "nothing inline");
    let files = html
        .split(['"'])
        .filter(|word| word.ends_with(".js") || word.ends_with(".css") || word.ends_with(".svg"));
    for file in files {
        let answer = send(&console, request("GET", &format!("/console/{file}"), None, Body::empty())).await;
        assert_eq!(
            (answer.status, &answer.headers["x-content-type-options"]),
            (200, &HeaderValue::from_static("nosniff"))
        );
    }
    let redirect = send(&console, request("GET", "/console", None, Body::empty())).await;
    assert_eq!(
        (redirect.status, &redirect.headers["location"]),
        (308, &HeaderValue::from_static("/console/"))
    );
    assert_eq!(send(&console, request("GET", "/console/x.js", None, Body::empty())).await.status, 404);
}

#[tokio::test]
async fn who_has_no_session_gets_nowhere() {
    let console = console().await;
    let wrong = send(&console, request("POST", "/v1/people/session", None, r#"{"token":"wrong"}"#)).await;
    assert_eq!((wrong.status, &wrong.json()["error"]), (401, &json!("unknown_token")));
    let session = signed_in(&console).await;
    let requests = [
        ("DELETE", "/v1/people/session", ""),
        ("GET", "/v1/people/events", ""),
        ("POST", "/v1/people/availability", r#"{"available":true}"#),
        ("POST", "/v1/people/calls/1/accept", ""),
        ("POST", "/v1/people/calls/%ff/accept", ""),
        ("POST", "/v1/people/calls/1/decline", ""),
        ("POST", "/v1/people/calls/1/hangup", ""),
        ("POST", "/v1/people/calls/1/transfer", r#"{"to":"+15550100"}"#),
        ("POST", "/v1/people/whip", "v=0"),
        ("DELETE", "/v1/people/whip/1", ""),
    ];
    for (method, path, body) in requests {
        for shown in [None, Some("x"), Some(SECRET)] {
            let mut request = request(method, path, shown, body);
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(SDP));
            let answer = send(&console, request).await;
            assert_eq!(
                (answer.status, &answer.json()["error"]),
                (401, &json!("no_session")),
                "{method} {path}"
            );
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    let out = send(&console, request("DELETE", "/v1/people/session", Some(&session), "")).await;
    assert_eq!(out.status, 204);
    let again = send(&console, request("DELETE", "/v1/people/session", Some(&session), "")).await;
    assert_eq!(again.status, 401);
}

#[tokio::test]
async fn the_first_event_is_where_the_person_stands() {
    let console = console().await;
    let session = signed_in(&console).await;
    let response = console
        .clone()
        .oneshot(request("GET", "/v1/people/events", Some(&session), ""))
        .await
        .expect("infallible");
    assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    let first = stream.next().await.expect("an event").expect("its bytes");
    let text = std::str::from_utf8(&first).expect("UTF-8");
    let data: Value =
        serde_json::from_str(text.trim_end().strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!(
        (&data["type"], &data["state"], &data["audio"]),
        (&json!("state"), &json!("offline"), &json!(false))
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_said_to_be() {
    let console = console().await;
    let session = signed_in(&console).await;
    let to = |path: &str, body: &str| request("POST", path, Some(&session), body.to_owned());
    let long = format!(r#"{{"to":"{}"}}"#, "1".repeat(DESTINATION_MAX + 1));
    let huge = "x".repeat(JSON_MAX + 1);
    for (path, body, status, error) in [
        ("/v1/people/availability", r#"{"available":true}"#, 409, "no_audio"),
        ("/v1/people/availability", r#"{"available":"yes"}"#, 400, "bad_request"),
        ("/v1/people/availability", huge.as_str(), 413, "too_large"),
        ("/v1/people/calls/x/accept", "", 404, "no_such_call"),
        ("/v1/people/calls/7/transfer", r#"{"to":"+15550100"}"#, 404, "no_such_call"),
        ("/v1/people/calls/7/transfer", r#"{"to":"  "}"#, 400, "bad_request"),
        ("/v1/people/calls/7/transfer", long.as_str(), 400, "bad_request"),
        ("/v1/people/whip", "v=0", 415, "not_sdp"),
    ] {
        let answer = send(&console, to(path, body)).await;
        assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)), "{path} {body:.40}");
    }
    assert_eq!(send(&console, to("/v1/people/availability", r#"{"available":false}"#)).await.status, 204);
    assert_eq!(
        send(&console, to("/v1/people/calls/7/accept", "")).await.status,
        204,
        "a late click does nothing"
    );
}

#[tokio::test]
async fn bad_offers_get_400_and_unknown_audio_404() {
    let console = console().await;
    let session = signed_in(&console).await;
    for (body, status) in
        [("hello".to_owned(), 400), ("v=0\r\n".to_owned(), 400), ("v".repeat(OFFER_MAX + 1), 413)]
    {
        let mut offer = request("POST", "/v1/people/whip", Some(&session), body);
        offer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/sdp; charset=utf-8"));
        assert_eq!(send(&console, offer).await.status, status);
    }
    for path in ["/v1/people/whip/7", "/v1/people/whip/x"] {
        assert_eq!(send(&console, request("DELETE", path, Some(&session), "")).await.status, 404);
    }
    let options = send(&console, request("OPTIONS", "/v1/people/whip", None, "")).await;
    assert_eq!((options.status, &options.headers["accept-post"]), (204, &HeaderValue::from_static(SDP)));
}
