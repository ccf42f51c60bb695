//! HTTPS: what connections are secured with, which may change while the server runs.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Https;

/// A connection that is secured.
pub type Secured = TlsStream<TcpStream>;

/// What connections are secured with; without anything they are plain. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tls(Arc<RwLock<Option<Https>>>);

impl Tls {
    /// With this certificate, if any.
    pub fn new(https: Option<Https>) -> Self {
        Self(Arc::new(RwLock::new(https)))
    }

    /// Other ones for those who connect from now on.
    pub fn replace(&self, https: Option<Https>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = https;
    }

    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        let https = self.0.read().unwrap_or_else(PoisonError::into_inner);
        https.as_ref().map(|https| TlsAcceptor::from(https.config()))
    }
}

/// Shakes hands, within its time.
pub(super) async fn secure(stream: TcpStream, acceptor: &TlsAcceptor, time: Duration) -> io::Result<Secured> {
    tokio::time::timeout(time, acceptor.accept(stream))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
