//! `GET /v1/stream/{call}`: a bot that connects to the switch, for a call that waits for it (RFC 6455 §4.2). Who it is shows as
//! everywhere else, or by a ticket; what it says then is its dialect's business.

mod ticket;

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::calls::{PathText, find, home};
use super::error::ApiError;
use super::limits::Kind;
use super::tls::Secured;
use super::{Api, auth};
use crate::agent::line::Link;
use crate::agent::stream::reception::{Place, Unwelcome};
use crate::clock::wall_now;
use crate::egress;
use crate::face::Problem;
use crate::model::{CallId, CallRecord, CallState, Dialect, EventKind, NotDone, Refusal};

pub use ticket::Tickets;

/// How long a bot may stand at the door before its call waits for it.
const EARLY: Duration = Duration::from_secs(10);
/// How long a client may take to read that it may speak.
const UPGRADE_MAX: Duration = Duration::from_secs(5);
/// The version of the protocol (RFC 6455 §4.1).
const VERSION: &str = "13";
/// Bytes of a handshake's key (RFC 6455 §4.1).
const KEY_BYTES: usize = 16;

/// `GET /v1/stream/{call}`
pub async fn connect(State(api): State<Api>, id: PathText, mut request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let headers = request.headers();
    let is_http_11 = request.version() == Version::HTTP_11;
    let welcomed = welcome(&api, id.text(), &query, headers, is_http_11 && upgrade.is_some()).await;
    match welcomed.map(|(accept, place)| (accept, place, upgrade)) {
        Ok((accept, place, Some(upgrade))) => {
            let protocol = subprotocol(headers, place.dialect);
            tokio::spawn(bring_in(upgrade, place));
            let mut response = (StatusCode::SWITCHING_PROTOCOLS, Body::empty()).into_response();
            let switched = [
                (CONNECTION, HeaderValue::from_static("upgrade")),
                (UPGRADE, HeaderValue::from_static("websocket")),
                (SEC_WEBSOCKET_ACCEPT, accept),
            ];
            let protocol = protocol.map(|named| (SEC_WEBSOCKET_PROTOCOL, named));
            response.headers_mut().extend(switched.into_iter().chain(protocol));
            response
        }
        Ok((_, _, None)) => refused(Problem::UpgradeRequired),
        Err(problem) => refused(problem),
    }
}

/// In words for everybody: the path is no vendor's.
fn refused(problem: Problem) -> Response {
    let wants_upgrade = matches!(problem, Problem::UpgradeRequired);
    let mut response = ApiError::shared(problem).into_response();
    if wants_upgrade {
        // RFC 9110 §15.5.22, RFC 6455 §4.4.
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
    }
    response
}

/// Who is it, is the call its own, does it speak the protocol, and does the call wait? In this order, so that nobody learns of
/// another's calls.
async fn welcome(
    api: &Api,
    id: &str,
    query: &str,
    headers: &HeaderMap,
    can_upgrade: bool,
) -> Result<(HeaderValue, Place), Problem> {
    let (record, ticket) = match shown(query) {
        Some(shown) => by_ticket(api, id, &shown)?,
        None => (by_key(api, id, headers).await?, None),
    };
    let accept = handshake(headers).filter(|_| can_upgrade).ok_or(Problem::UpgradeRequired)?;
    // Before it is answered a call may still come to wait for its bot.
    let may_wait = matches!(record.state, CallState::Accepted | CallState::Dialing) && record.awaits_bot;
    let patience = if may_wait { EARLY } else { Duration::ZERO };
    let place = api.reception.knock(record.call, ticket, patience).await;
    let place = place.map_err(|unwelcome| match unwelcome {
        Unwelcome::NotAwaited => Problem::CallNotLive(NotDone::NotAwaited),
        Unwelcome::Present => Problem::CallNotLive(NotDone::BotPresent),
        Unwelcome::Spent => Problem::InvalidApiKey,
        Unwelcome::Full => Problem::Refused(Refusal::Overloaded("too many bots wait for their calls")),
    })?;
    Ok((accept, place))
}

async fn by_key(api: &Api, id: &str, headers: &HeaderMap) -> Result<CallRecord, Problem> {
    let key = auth::authenticate(headers, &api.directory.snapshot())?;
    if let Some(standing) = api.limits.take(Instant::now(), &key, Kind::Write) {
        standing.check()?;
    }
    find(api, &key, id).await
}

/// A ticket's call lives, or the ticket is nothing.
fn by_ticket(api: &Api, id: &str, shown: &str) -> Result<(CallRecord, Option<u64>), Problem> {
    let call: CallId = id.parse().map_err(|()| Problem::InvalidApiKey)?;
    let record = api.journal.find(call).ok_or(Problem::InvalidApiKey)?;
    let number = api.tickets.check(call, record.tenant, shown, wall_now()).ok_or(Problem::InvalidApiKey)?;
    Ok((record, Some(number)))
}

fn shown(query: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(name, value)| (name == "ticket").then(|| value.into_owned()))
}

/// What proves that a handshake was understood (RFC 6455 §4.2.2), if it is one.
fn handshake(headers: &HeaderMap) -> Option<HeaderValue> {
    let says = |name: HeaderName, word: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    let is_key = STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES);
    let is_handshake = says(CONNECTION, "upgrade")
        && says(UPGRADE, "websocket")
        && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == VERSION)
        && is_key;
    let accept = is_handshake.then(|| derive_accept_key(key.as_bytes()))?;
    HeaderValue::try_from(accept).ok()
}

/// The one of those that a client offers by which this dialect goes; its service names none otherwise.
fn subprotocol(headers: &HeaderMap, dialect: Dialect) -> Option<HeaderValue> {
    let named = dialect.subprotocols();
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let mut offered = offered.flat_map(|value| value.split(',')).map(str::trim);
    let chosen = offered.find(|word| named.contains(word))?;
    HeaderValue::from_str(chosen).ok()
}

/// The client has been told that it may speak: its connection is the call's.
async fn bring_in(upgrade: OnUpgrade, place: Place) {
    let link = match timeout(UPGRADE_MAX, upgrade).await {
        Ok(Ok(upgraded)) => link(upgraded).await,
        Ok(Err(error)) => return tracing::debug!(%error, "a bot was gone before it was let in"),
        Err(_) => return tracing::debug!("a bot did not read that it may come in"),
    };
    if let Err(link) = place.gap.fill(link) {
        link.close(1001, "the call is over").await;
    }
}

async fn link(upgraded: Upgraded) -> Link {
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => {
            let stream = parts.io.into_inner();
            // A socket that refuses this only keeps what goes stale for longer.
            let _ = egress::as_line(&stream);
            Link::accepted(stream, &parts.read_buf)
        }
        Err(upgraded) => match upgraded.downcast::<TokioIo<Secured>>() {
            Ok(parts) => {
                let stream = parts.io.into_inner();
                let _ = egress::as_line(stream.get_ref().0);
                Link::accepted(stream, &parts.read_buf)
            }
            Err(upgraded) => Link::accepted(TokioIo::new(upgraded), &[]),
        },
    }
}

/// Says where this call's bot may connect, if it is one that does, and the call may still wait for it.
pub fn invite(api: &Api, headers: &HeaderMap, record: &mut CallRecord) {
    if !record.awaits_bot || record.state == CallState::Ended {
        return;
    }
    let base = home(api, headers);
    // `http` becomes `ws`, and `https` `wss`.
    let Some(rest) = base.strip_prefix("http") else { return };
    let ticket = api.tickets.issue(record.call, record.tenant, rand::random(), wall_now());
    record.stream_link = Some(format!("ws{rest}/v1/stream/{}?ticket={ticket}", record.call.ca()));
}

/// The same for an event of a call that lives: those from which a bot has time to come.
pub fn invited(api: &Api, headers: &HeaderMap, kind: EventKind, record: &CallRecord) -> Option<CallRecord> {
    if !matches!(kind, EventKind::Created | EventKind::Started | EventKind::Ringing) {
        return None;
    }
    let live =
        api.journal.find(record.call).filter(|live| live.awaits_bot && live.state != CallState::Ended)?;
    let mut record = CallRecord { awaits_bot: live.awaits_bot, ..record.clone() };
    invite(api, headers, &mut record);
    Some(record)
}
