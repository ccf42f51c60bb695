//! Where a connection comes from: we dial whoever it is, or wait until it has dialled us and its connection is handed in.
#![expect(clippy::disallowed_methods, reason = "a shell pauses between two tries")]

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use url::Url;

use super::connect::{Failed, connect};
use super::hatch::Hatch;
use super::link::Link;
use crate::egress::Egress;
use crate::model::Secret;

/// Where connections come from: the first, and those after one that was lost.
pub enum Source {
    /// We dial.
    Dial(Egress, Arc<Door>),
    /// Somebody hands them in.
    Wait(Hatch),
}

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

impl Source {
    /// Dials.
    #[must_use]
    pub fn dial(egress: &Egress, door: Door) -> Self {
        Self::Dial(egress.clone(), Arc::new(door))
    }

    /// A connection after this pause, and `within` so long after it. Whoever is waited for needs no pause.
    pub(super) fn link(
        &self,
        pause: Duration,
        within: Duration,
    ) -> impl Future<Output = Result<Link, Failed>> + Send + use<> {
        let from = match self {
            Self::Dial(egress, door) => Ok((egress.clone(), Arc::clone(door))),
            Self::Wait(hatch) => Err(hatch.open()),
        };
        async move {
            match from {
                Ok((egress, door)) => {
                    sleep(pause).await;
                    connect(&egress, &door, within).await
                }
                Err(coming) => match timeout(pause + within, coming).await {
                    Ok(Ok(link)) => Ok(link),
                    Ok(Err(_)) | Err(_) => Err(Failed::Unreachable("nobody came in time".to_owned())),
                },
            }
        }
    }
}
