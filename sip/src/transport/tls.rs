//! TLS on a connection (RFC 3261 §26.2): the handshake of either side, within its time.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::{StreamLimits, failure};
use crate::tls::{ClientTls, ServerTls};
use crate::transport_error::TransportError;

/// Shakes hands as a client. The certificate must be that of the URI's host (RFC 5922 §4), or of whom the configuration names.
pub(super) async fn connect(
    stream: TcpStream,
    tls: &ClientTls,
    host: &str,
    limits: &StreamLimits,
) -> Result<client::TlsStream<TcpStream>, TransportError> {
    let name = tls.server_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.trim_matches(['[', ']']).trim_end_matches('.').to_owned())
        .map_err(|_| TransportError::Tls(format!("{name} is no name that a certificate can bear")))?;
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    match timeout(limits.handshake, connector.connect(name, stream)).await {
        Err(_) => Err(TransportError::HandshakeTimedOut),
        Ok(result) => result.map_err(|error| failure::of(&error)),
    }
}

/// Shakes hands as a server.
pub(super) async fn accept(
    stream: TcpStream,
    tls: &ServerTls,
    limits: &StreamLimits,
) -> Result<server::TlsStream<TcpStream>, TransportError> {
    let acceptor = TlsAcceptor::from(tls.current());
    match timeout(limits.handshake, acceptor.accept(stream)).await {
        Err(_) => Err(TransportError::HandshakeTimedOut),
        Ok(result) => result.map_err(|error| failure::of(&error)),
    }
}
