//! Connections that stay: for a WebSocket or a plain stream of bytes to somebody's voice bot. Guarded as requests are: the
//! addresses that a name resolves to are checked, and only those are connected to.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use super::failure::{chain, kind};
use super::{Egress, EgressError};

/// What a kernel may hold back of what we send, in bytes: enough for the widest audio over the longest way, and little of the
/// narrow kind, which goes stale there where nobody can drop it.
const SEND_BUFFER: usize = 32 * 1024;
/// Addresses of one name that are tried, one after another.
const ADDRESSES_MAX: usize = 4;
/// A peer that has vanished is found out after this much silence, and some probes more.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// A connection, encrypted or not.
#[derive(Debug)]
pub enum Connection {
    /// TCP.
    Plain(TcpStream),
    /// TLS over it.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Egress {
    /// Connects to the host of a `ws`, `wss` or `tcp` URL within `deadline`, its name's look-up and the TLS handshake of `wss`
    /// included. `ws` and `tcp` are refused where `http` is.
    pub async fn dial(&self, url: &Url, deadline: Duration) -> Result<Connection, EgressError> {
        match timeout(deadline, self.dial_now(url)).await {
            Ok(dialled) => dialled,
            Err(_) => Err(EgressError::Timeout(deadline)),
        }
    }

    /// May a connection go there, as far as the URL itself tells? For validation when a URL is configured.
    pub fn check_dial(&self, url: &str) -> Result<Url, EgressError> {
        let url = Url::parse(url).map_err(|_| EgressError::Url("it cannot be read"))?;
        self.secured(&url)?;
        let (host, _) = place(&url)?;
        match host.parse() {
            Ok(address) if !self.guard.allows(address) => Err(EgressError::Address),
            _ => Ok(url),
        }
    }

    async fn dial_now(&self, url: &Url) -> Result<Connection, EgressError> {
        let secured = self.secured(url)?;
        let (host, port) = place(url)?;
        let found = tokio::net::lookup_host((host.as_str(), port)).await.map_err(failed)?;
        let mut last = EgressError::Address;
        for address in found.filter(|address| self.guard.allows(address.ip())).take(ADDRESSES_MAX) {
            match connect(address).await {
                Ok(stream) if secured => return self.encrypt(&host, stream).await,
                Ok(stream) => return Ok(Connection::Plain(stream)),
                Err(error) => last = failed(error),
            }
        }
        Err(last)
    }

    /// Is the scheme an encrypted one? An error if it is none of ours, or not allowed.
    fn secured(&self, url: &Url) -> Result<bool, EgressError> {
        match url.scheme() {
            "wss" => Ok(true),
            "ws" | "tcp" if self.allow_http => Ok(false),
            "ws" | "tcp" => Err(EgressError::Url("its scheme must be wss")),
            _ => Err(EgressError::Url("its scheme is neither wss, ws nor tcp")),
        }
    }

    async fn encrypt(&self, host: &str, stream: TcpStream) -> Result<Connection, EgressError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| EgressError::Url("its host has no name"))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(failed)?;
        Ok(Connection::Tls(Box::new(stream)))
    }
}

/// Host without brackets, and port. The hosts of schemes that the URL standard does not know are not read as addresses by it.
fn place(url: &Url) -> Result<(String, u16), EgressError> {
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => return Err(EgressError::Url("it has no host")),
    };
    let port = url.port_or_known_default().ok_or(EgressError::Url("it has no port"))?;
    Ok((host, port))
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let stream = socket.connect(address).await?;
    as_line(&stream)?;
    Ok(stream)
}

/// Makes of a connection one that stays, for audio: what goes stale does not wait in the kernel, and who has vanished is found out.
pub fn as_line(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)
}

fn failed(error: io::Error) -> EgressError {
    kind(&error)
}

/// TLS as a client that believes the system's authorities.
pub(super) fn tls() -> Result<Arc<rustls::ClientConfig>, EgressError> {
    let mut roots = rustls::RootCertStore::empty();
    // One unreadable certificate among a hundred is no reason not to start; none at all fails where one is needed.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    trusting(roots)
}

/// TLS as a client that believes these authorities.
pub(super) fn trusting(roots: rustls::RootCertStore) -> Result<Arc<rustls::ClientConfig>, EgressError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EgressError::Client(chain(&error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
