//! Getting a connection: dialled through the guard, encrypted if its URL says so, with a WebSocket's handshake or none.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use url::Url;

use super::door::{Door, Header};
use super::link::Link;
use super::threshold::Threshold;
use crate::egress::{Egress, EgressError};

/// For one try: look-up, connection, encryption and handshake.
pub(super) const TRY: Duration = Duration::from_secs(5);

/// A try that came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// The bot's server says no, and will say so again.
    Refused(u16),
    /// It may never go there.
    Forbidden(EgressError),
    /// Perhaps later.
    Unreachable(String),
}

/// Connects within `deadline`.
pub(super) async fn connect(egress: &Egress, door: &Door, deadline: Duration) -> Result<Link, Failed> {
    let deadline = deadline.min(TRY);
    match timeout(deadline, connect_now(egress, door, deadline)).await {
        Ok(connected) => connected,
        Err(_) => Err(Failed::Unreachable(format!("no answer within {deadline:?}"))),
    }
}

async fn connect_now(egress: &Egress, door: &Door, deadline: Duration) -> Result<Link, Failed> {
    if door.url.scheme() == "tcp" {
        let connection = egress.dial(&door.url, deadline).await.map_err(dialled)?;
        return Ok(Link::packets(Box::new(connection)));
    }
    let request = request(&door.url, &door.headers, door.subprotocols.as_deref())?;
    let connection = egress.dial(&door.url, deadline).await.map_err(dialled)?;
    let mut threshold = Threshold::new(Box::new(connection));
    let shaken = client_async(request, &mut threshold).await.map(drop);
    if let Err(error) = shaken
        && !is_without_subprotocol(&error)
    {
        return Err(match error {
            Error::Http(response) => refused(response.status()),
            error => Failed::Unreachable(error.to_string()),
        });
    }
    let (wire, read) = threshold.pass();
    Ok(Link::asked_for(wire, &read))
}

/// A server that names no subprotocol is a good one (RFC 6455 §4.1). The library takes that for a refusal, and looks at it last: all else
/// of the handshake was right.
fn is_without_subprotocol(error: &Error) -> bool {
    matches!(
        error,
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol))
    )
}

/// A server that is busy or broken may be well soon; one that finds fault with the request will find it again.
fn refused(status: StatusCode) -> Failed {
    let again = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
    if again {
        Failed::Unreachable(format!("status {}", status.as_u16()))
    } else {
        Failed::Refused(status.as_u16())
    }
}

fn dialled(error: EgressError) -> Failed {
    match error {
        EgressError::Url(_) | EgressError::Address | EgressError::Certificate(_) => Failed::Forbidden(error),
        error => Failed::Unreachable(error.to_string()),
    }
}

fn request(url: &Url, added: &[Header], subprotocols: Option<&str>) -> Result<Request, Failed> {
    let (url, authorization) = without_credentials(url);
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|_| Failed::Forbidden(EgressError::Url("it cannot be requested")))?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("trunkline/", env!("CARGO_PKG_VERSION"))));
    if let Some(value) = authorization {
        headers.insert(AUTHORIZATION, value);
    }
    if let Some(offered) = subprotocols.and_then(|offered| HeaderValue::from_str(offered).ok()) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }
    for (name, value) in added.iter().filter_map(Header::parse) {
        headers.insert(name, value);
    }
    Ok(request)
}

/// User and password of a URL go into a header (RFC 7617), not over the wire as they are.
fn without_credentials(url: &Url) -> (Url, Option<HeaderValue>) {
    let mut bare = url.clone();
    bare.set_fragment(None);
    if url.username().is_empty() && url.password().is_none() {
        return (bare, None);
    }
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
    // A URL with a host, as this has, lets itself be changed so.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok();
    if let Some(value) = &mut value {
        value.set_sensitive(true);
    }
    (bare, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_the_url_become_basic_authorization() {
        let url = "wss://key:t%40ken@bot.example/media?a=1#x".parse().expect("a URL");
        let (bare, header) = without_credentials(&url);
        assert_eq!(bare.as_str(), "wss://bot.example/media?a=1");
        assert_eq!(header.expect("a header"), "Basic a2V5OnRAa2Vu");
        let (_, header) = without_credentials(&"wss://bot.example/".parse().expect("a URL"));
        assert_eq!(header, None);
    }

    #[test]
    fn a_server_that_is_busy_is_asked_again_and_one_that_forbids_is_not() {
        for (status, again) in
            [(500, true), (503, true), (429, true), (401, false), (404, false), (302, false)]
        {
            let failed = refused(StatusCode::from_u16(status).expect("a status"));
            assert_eq!(matches!(failed, Failed::Unreachable(_)), again, "{status}");
        }
    }
}
