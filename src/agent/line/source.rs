//! Where a connection comes from: we dial whoever it is, or wait until it has dialled us and its connection is handed in.
#![expect(clippy::disallowed_methods, reason = "a shell pauses between two tries")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use url::Url;

use super::connect::{Failed, connect};
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
    pub subprotocols: Option<&'static str>,
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
                    Ok(Err(_)) | Err(_) => {
                        Err(Failed::Unreachable(format!("nobody came within {:?}", pause + within)))
                    }
                },
            }
        }
    }
}

/// Where a connection is handed in to a shell that waits for one. Cheap to clone: whoever serves connections has one end, the
/// shell's [`Source`] the other.
#[derive(Clone, Default)]
pub struct Hatch(Arc<Mutex<Option<oneshot::Sender<Link>>>>);

impl Hatch {
    /// Hands one in. It is given back if nobody waits for it: not yet, not any more, or because somebody is connected already.
    pub fn give(&self, link: Link) -> Result<(), Link> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match waiting {
            Some(waiting) => waiting.send(link),
            None => Err(link),
        }
    }

    /// Does somebody wait? Worth asking before a handshake; [`Hatch::give`] tells for certain.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.as_ref().is_some_and(|waiting| !waiting.is_closed())
    }

    fn open(&self) -> oneshot::Receiver<Link> {
        let (waiting, coming) = oneshot::channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
        coming
    }
}
