//! `/openapi.json` and `/docs`: the document, and a page of it whose every part stands in this binary.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::Config;

use super::super::error::ApiError;
use crate::face::Problem;

/// Made once: it is the same for every reader.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| super::text().into());

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trunkline API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;

const START: &str = r##"SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
});
"##;

/// `GET /openapi.json`
pub async fn document_json() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

/// `GET /docs`
pub async fn page() -> Response {
    served("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()))
}

/// `GET /docs/{file}`: what the page names, and nothing else of what its maker ships.
pub async fn file(name: Result<Path<String>, axum::extract::rejection::PathRejection>) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    let kind = match name.as_str() {
        "start.js" => return served(JAVASCRIPT, Bytes::from_static(START.as_bytes())),
        "swagger-ui.css" => "text/css; charset=utf-8",
        "swagger-ui-bundle.js" => JAVASCRIPT,
        _ => return ApiError::shared(Problem::NoSuchPath).into_response(),
    };
    match utoipa_swagger_ui::serve(&name, Arc::new(Config::from("/openapi.json"))) {
        Ok(Some(file)) => served(kind, Bytes::from(file.bytes.into_owned())),
        Ok(None) => ApiError::shared(Problem::NoSuchPath).into_response(),
        Err(error) => {
            tracing::error!(%error, file = name, "a file of the reference page cannot be served");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

fn served(kind: &'static str, bytes: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("max-age=3600")),
    ];
    (headers, bytes).into_response()
}
