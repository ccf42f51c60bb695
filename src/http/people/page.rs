//! The console's files, as they were when the switch was built. They load nothing from elsewhere, and the browser is told to
//! see to that.

use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Redirect, Response};

use crate::http::calls::PathText;

/// Nothing but what the switch itself serves, no inline script, and nobody frames the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file's name, what it is, and its content.
type File = (&'static str, &'static str, &'static str);

const SCRIPT: &str = "text/javascript; charset=utf-8";

const INDEX: File = ("", "text/html; charset=utf-8", include_str!("../../../console/index.html"));
const FILES: &[File] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("../../../console/style.css")),
    ("main.js", SCRIPT, include_str!("../../../console/main.js")),
    ("wire.js", SCRIPT, include_str!("../../../console/wire.js")),
    ("audio.js", SCRIPT, include_str!("../../../console/audio.js")),
    ("view.js", SCRIPT, include_str!("../../../console/view.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../../console/icon.svg")),
];

/// `GET /console`: the page's own paths are relative.
pub async fn redirect() -> Redirect {
    Redirect::permanent("/console/")
}

/// `GET /console/`
pub async fn index() -> Response {
    served(&INDEX)
}

/// `GET /console/{file}`
pub async fn file(name: PathText) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name.text()) {
        Some(file) => served(file),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn served((_, kind, content): &File) -> Response {
    let headers = [
        (CONTENT_TYPE, *kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // A new version of the switch is a new version of its page.
        (CACHE_CONTROL, "no-cache"),
    ];
    let microphone = [("permissions-policy", "microphone=(self), camera=(), geolocation=()")];
    (headers, microphone, *content).into_response()
}
