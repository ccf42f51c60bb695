//! People in a browser: the console page, and what it asks for. The words are [`wire`]'s; who is free is the desk's to know.

pub mod page;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRef, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::de::DeserializeOwned;

use super::calls::PathText;
use super::{Api, body};
use crate::agent::browser::{OFFER_MAX, OpenError};
use crate::agent::desk::Act;
use crate::agent::desk::wire::{self, Availability, SignIn, Told, Transfer, Wrong};
use crate::agent::floor::{Floor, Refused};
use crate::face::Problem;
use crate::model::CallId;

/// The longest JSON body, in bytes.
const BODY_MAX: usize = 4 << 10;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer destinations are no number and no URI, in bytes.
const DESTINATION_MAX: usize = 256;
/// A silent stream says that it lives this often, so that nothing between takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// SDP's media type (RFC 8866 §8.1).
const SDP: &str = "application/sdp";
/// What a WHIP resource takes (RFC 9725 §4.2).
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
/// A page may try again after so many seconds when there is no room.
const RETRY_AFTER_SECONDS: &str = "2";

impl FromRef<Api> for Floor {
    fn from_ref(api: &Api) -> Self {
        api.floor.clone()
    }
}

/// `POST /v1/people/session`: a person's token for a session.
pub async fn sign_in(
    State(floor): State<Floor>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let SignIn { token } = json(&headers, body).await?;
    let entered = floor.enter(&token).await?;
    let session = wire::Session {
        session: entered.session,
        name: entered.name,
        ice_servers: floor.ice_servers().to_vec(),
    };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], axum::Json(session)).into_response())
}

/// `DELETE /v1/people/session`
pub async fn sign_out(State(floor): State<Floor>, headers: HeaderMap) -> Result<StatusCode, Failure> {
    floor.exit(bearer(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/people/events`: server-sent events, each a [`Told`].
pub async fn events(State(floor): State<Floor>, headers: HeaderMap) -> Result<Response, Failure> {
    let told = floor.listen(bearer(&headers)?).await?;
    let events = stream::unfold(told, async |mut told| {
        let event = event(&told.recv().await?);
        Some((Ok::<_, Infallible>(event), told))
    });
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // Proxies that gather answers before they pass them on would hold up a ring.
    Ok(([("x-accel-buffering", "no"), ("cache-control", "no-store")], sse).into_response())
}

fn event(told: &Told) -> Event {
    Event::default().json_data(told).expect("its fields are strings, numbers and flags")
}

/// `POST /v1/people/availability`
pub async fn availability(
    State(floor): State<Floor>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Failure> {
    let session = session(&floor, &headers).await?;
    let Availability { available } = json(&headers, body).await?;
    floor.act(&session, if available { Act::Available } else { Act::Offline }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/people/calls/{call}/accept`
pub async fn accept(floor: State<Floor>, headers: HeaderMap, call: PathText) -> Result<StatusCode, Failure> {
    act(floor, headers, call, Act::Accept).await
}

/// `POST /v1/people/calls/{call}/decline`
pub async fn decline(floor: State<Floor>, headers: HeaderMap, call: PathText) -> Result<StatusCode, Failure> {
    act(floor, headers, call, Act::Decline).await
}

/// `POST /v1/people/calls/{call}/hangup`
pub async fn hang_up(floor: State<Floor>, headers: HeaderMap, call: PathText) -> Result<StatusCode, Failure> {
    act(floor, headers, call, Act::HangUp).await
}

async fn act(
    State(floor): State<Floor>,
    headers: HeaderMap,
    call: PathText,
    act: fn(CallId) -> Act,
) -> Result<StatusCode, Failure> {
    let session = session(&floor, &headers).await?;
    let call = call.text().parse().map_err(|()| Refused::Call)?;
    floor.act(&session, act(call)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/people/calls/{call}/hold`
pub async fn hold(floor: State<Floor>, headers: HeaderMap, call: PathText) -> Result<StatusCode, Failure> {
    set_hold(floor, headers, call, true).await
}

/// `POST /v1/people/calls/{call}/resume`
pub async fn resume(floor: State<Floor>, headers: HeaderMap, call: PathText) -> Result<StatusCode, Failure> {
    set_hold(floor, headers, call, false).await
}

async fn set_hold(
    State(floor): State<Floor>,
    headers: HeaderMap,
    call: PathText,
    on: bool,
) -> Result<StatusCode, Failure> {
    let session = session(&floor, &headers).await?;
    let call = call.text().parse().map_err(|()| Refused::Call)?;
    floor.hold(&session, call, on).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/people/calls/{call}/do-not-call`
pub async fn object(
    State(floor): State<Floor>,
    headers: HeaderMap,
    call: PathText,
) -> Result<StatusCode, Failure> {
    let session = session(&floor, &headers).await?;
    let call = call.text().parse().map_err(|()| Refused::Call)?;
    floor.object(&session, call).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/people/calls/{call}/transfer`
pub async fn transfer(
    State(floor): State<Floor>,
    headers: HeaderMap,
    call: PathText,
    body: Body,
) -> Result<StatusCode, Failure> {
    let session = session(&floor, &headers).await?;
    let call = call.text().parse().map_err(|()| Refused::Call)?;
    let Transfer { to } = json(&headers, body).await?;
    let to = to.trim();
    if to.is_empty() || to.len() > DESTINATION_MAX || to.chars().any(char::is_control) {
        return Err(Failure::bad("to must be a telephone number or a SIP URI"));
    }
    floor.transfer(&session, call, to.to_owned()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/people/whip`: an SDP offer for an SDP answer (RFC 9725 §4.2). All candidates are in both: there is no trickling.
pub async fn whip(State(floor): State<Floor>, headers: HeaderMap, body: Body) -> Result<Response, Failure> {
    let session = session(&floor, &headers).await?;
    if !is_sdp(&headers) {
        return Err(Failure::NotSdp);
    }
    let offer = read(&headers, body, OFFER_MAX).await?;
    let offer = std::str::from_utf8(&offer).map_err(|_| Refused::Open(OpenError::Offer))?;
    let (answer, number) = floor.speak(&session, offer).await?;
    let location = format!("/v1/people/whip/{number}");
    let headers = [(CONTENT_TYPE, SDP), (LOCATION, location.as_str())];
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

/// `OPTIONS /v1/people/whip`
pub async fn whip_options() -> Response {
    (StatusCode::NO_CONTENT, [(ACCEPT_POST, SDP)]).into_response()
}

/// `DELETE /v1/people/whip/{number}`: hangs up the audio.
pub async fn whip_end(
    State(floor): State<Floor>,
    headers: HeaderMap,
    number: PathText,
) -> Result<StatusCode, Failure> {
    let session = session(&floor, &headers).await?;
    let number = number.text().parse().map_err(|_| Refused::Leg)?;
    floor.mute(&session, number).await?;
    Ok(StatusCode::OK)
}

fn is_sdp(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.and_then(|kind| kind.split(';').next()).is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SDP))
}

/// The session that a request shows, if it is one: asked before anything of the request is read.
async fn session(floor: &Floor, headers: &HeaderMap) -> Result<String, Failure> {
    let session = bearer(headers)?;
    floor.check(session).await?;
    Ok(session.to_owned())
}

/// What a request shows (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = shown.and_then(|shown| shown.split_once(' ')).ok_or(Refused::Session)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Refused::Session.into()) }
}

async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Failure> {
    let body = read(headers, body, BODY_MAX).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Failure::bad(format!("the body is not as documented: {error}")))
}

async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, Failure> {
    body::read(headers, body, max, BODY_TIMEOUT).await.map_err(|problem| match problem {
        Problem::BodyTooLarge { limit } => Failure::TooLarge(limit),
        Problem::BodyTimeout => Failure::TooSlow,
        _ => Failure::bad("the body was cut off"),
    })
}

/// Why a request failed.
pub enum Failure {
    Refused(Refused),
    Bad(String),
    TooLarge(usize),
    TooSlow,
    NotSdp,
}

impl Failure {
    fn bad(message: impl Into<String>) -> Self {
        Self::Bad(message.into())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error) = match &self {
            Self::Refused(Refused::Token) => (StatusCode::UNAUTHORIZED, "unknown_token"),
            Self::Refused(Refused::Session) => (StatusCode::UNAUTHORIZED, "no_session"),
            Self::Refused(Refused::NoAudio) => (StatusCode::CONFLICT, "no_audio"),
            Self::Refused(Refused::Busy) => (StatusCode::CONFLICT, "colleague_busy"),
            Self::Refused(Refused::Call) => (StatusCode::NOT_FOUND, "no_such_call"),
            Self::Refused(Refused::Leg) => (StatusCode::NOT_FOUND, "no_such_audio"),
            Self::Refused(Refused::Open(OpenError::Offer)) => (StatusCode::BAD_REQUEST, "bad_offer"),
            Self::Refused(
                Refused::Full | Refused::Closed | Refused::Open(OpenError::Full | OpenError::Failed),
            ) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Bad(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::NotSdp => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_sdp"),
        };
        let message = match self {
            Self::Refused(refused) => refused.to_string(),
            Self::Bad(message) => message,
            Self::TooLarge(limit) => format!("the body may have {limit} bytes"),
            Self::TooSlow => "the body took too long".to_owned(),
            Self::NotSdp => format!("the body must be {SDP}"),
        };
        let mut response = (status, axum::Json(Wrong { error, message })).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP));
            }
            _ => {}
        }
        response
    }
}
