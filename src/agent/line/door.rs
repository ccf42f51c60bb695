//! Where to dial, and what is said at the door.

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use url::Url;

use crate::model::Secret;

/// Where to dial.
#[derive(Clone, Debug)]
pub struct Door {
    /// `wss`, `ws`, or `tcp` for AudioSocket's packets. User and password become basic authorization.
    pub url: Url,
    /// For the handshake, besides what a WebSocket needs.
    pub headers: Vec<Header>,
    /// The subprotocols that the handshake offers.
    pub subprotocols: Option<String>,
}

/// A header field of the WebSocket's handshake.
#[derive(Clone, Debug)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value: most often a credential.
    pub value: Secret<String>,
}

impl Header {
    /// As the handshake wants it; none if it cannot be sent, or is the handshake's own.
    pub(in crate::agent) fn parse(&self) -> Option<(HeaderName, HeaderValue)> {
        let name = HeaderName::from_bytes(self.name.as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(self.value.reveal()).ok()?;
        value.set_sensitive(true);
        let own = ["host", "connection", "upgrade", "content-length", "transfer-encoding"];
        let taken = own.contains(&name.as_str()) || name.as_str().starts_with("sec-websocket-");
        (!taken).then_some((name, value))
    }
}
