//! The only place that knows which HTTP status and headers a problem has.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::face::{self, Problem};
use crate::model::{Face, Refusal, StoredResponse};

/// A problem on its way to a client.
#[derive(Debug)]
pub struct ApiError {
    problem: Problem,
    audience: Audience,
}

/// Who reads it.
#[derive(Clone, Copy, Debug)]
enum Audience {
    /// A client of this face.
    Face(Face),
    /// Nobody knows whose client.
    Shared,
}

impl Audience {
    /// The scheme that it takes (RFC 7617, RFC 6750).
    const fn challenge(self) -> &'static str {
        match self {
            Self::Face(Face::Twilio) => "Basic realm=\"Twilio API\"",
            Self::Face(_) | Self::Shared => "Bearer",
        }
    }
}

/// A client may try again after so many seconds when the switch has no room.
const RETRY_AFTER_SECONDS: u64 = 1;

impl ApiError {
    /// For a client of this face.
    pub fn new(face: Face, problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), audience: Audience::Face(face) }
    }

    /// For a client whose face is not known.
    pub fn shared(problem: Problem) -> Self {
        Self { problem, audience: Audience::Shared }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let rendered = match self.audience {
            Audience::Face(face) => face::error(face, &self.problem),
            Audience::Shared => face::shared_error(&self.problem),
        };
        let mut response = json(rendered);
        let retry_after = match &self.problem {
            Problem::Refused(Refusal::Limited { retry_after, .. }) => {
                Some(retry_after.as_secs_f64().ceil() as u64)
            }
            Problem::Refused(Refusal::Overloaded(_) | Refusal::Draining) => Some(RETRY_AFTER_SECONDS),
            _ => None,
        };
        // How to show a key (RFC 9110 §15.5.2).
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(self.audience.challenge());
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A rendered answer as it goes out.
pub fn json(rendered: StoredResponse) -> Response {
    let status = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], rendered.body).into_response()
}
