//! Accepts connections and serves them, each within bounds; stops when told, by a deadline.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::http::header::HeaderName;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use super::tls::{Tls, secure};
use crate::metrics::Metrics;

/// A request's head, in bytes: its line and all its headers.
const HEAD_MAX: usize = 64 << 10;
/// The wait after `accept` failed, which it does when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is read to know how a client reached us.
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A server's bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections open at once; more wait in the kernel's backlog.
    pub connections_max: usize,
    /// How long a client may take to shake hands, how long to send a request's head, and how long a connection may idle before one.
    pub header_timeout: Duration,
    /// A client that takes nothing of an answer for so long is gone, though its machine may say that it is there (RFC 5482; Linux
    /// counts the probes of a closed window in it).
    pub unread_max: Duration,
    /// How long requests under way may take once the server is told to stop.
    pub drain: Duration,
}

/// Serves until `stop` is cancelled: then idle connections close, requests under way are finished within
/// [`Bounds::drain`], and the rest is cut off.
pub async fn serve(
    listener: TcpListener,
    tls: Tls,
    router: Router,
    metrics: Metrics,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let rooms = std::sync::Arc::new(Semaphore::new(bounds.connections_max.min(Semaphore::MAX_PERMITS)));
    let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
    loop {
        let room = tokio::select! {
            () = stop.cancelled() => break,
            room = std::sync::Arc::clone(&rooms).acquire_owned() => room.expect("never closed"),
        };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (router, metrics, stop, cut) = (router.clone(), metrics.clone(), stop.clone(), cut.clone());
        let tls = tls.clone();
        let counted = Counted::new(metrics);
        connections.spawn(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = connection(stream, tls, router, bounds, stop) => {}
            }
            drop((counted, room));
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(bounds.drain, connections.wait()).await.is_err() {
        cut.cancel();
        connections.wait().await;
    }
}

async fn connection(
    stream: TcpStream,
    tls: Tls,
    router: Router,
    Bounds { header_timeout, unread_max, .. }: Bounds,
    stop: CancellationToken,
) {
    // Answers are short and awaited; a socket that refuses this only waits longer.
    let _ = stream.set_nodelay(true);
    if let Err(error) = SockRef::from(&stream).set_tcp_user_timeout(Some(unread_max)) {
        return tracing::debug!(%error, "a connection failed");
    }
    let Some(acceptor) = tls.acceptor() else { return speak(stream, router, header_timeout, stop).await };
    let secured = tokio::select! {
        () = stop.cancelled() => return,
        secured = secure(stream, &acceptor, header_timeout) => secured,
    };
    match secured {
        Ok(stream) => speak(stream, router.map_request(by_https), header_timeout, stop).await,
        Err(error) => tracing::debug!(%error, "a handshake failed"),
    }
}

/// What a proxy would say of a request that came to it by HTTPS.
fn by_https(mut request: Request<Incoming>) -> Request<Incoming> {
    request.headers_mut().insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
    request
}

async fn speak<S>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S,
    header_timeout: Duration,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = axum::response::Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        // What a connection has become by then is not this room's any more: its call bounds it.
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection failed");
    }
}

/// A connection in the metrics, also if its task panics.
struct Counted(Metrics);

impl Counted {
    fn new(metrics: Metrics) -> Self {
        metrics.http_connected();
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.http_disconnected();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::patience::eventually;

    const PATIENT: Duration = Duration::from_secs(60);

    async fn started(
        router: Router,
        header_timeout: Duration,
        drain: Duration,
    ) -> (SocketAddr, CancellationToken, JoinHandle<()>, Metrics) {
        serving(Tls::default(), router, header_timeout, drain).await
    }

    async fn serving(
        tls: Tls,
        router: Router,
        header_timeout: Duration,
        drain: Duration,
    ) -> (SocketAddr, CancellationToken, JoinHandle<()>, Metrics) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, stop, metrics) =
            (listener.local_addr().expect("bound"), CancellationToken::new(), Metrics::new());
        let unread_max = Duration::from_millis(200);
        let bounds = Bounds { connections_max: 2, header_timeout, unread_max, drain };
        let server = tokio::spawn(serve(listener, tls, router, metrics.clone(), bounds, stop.clone()));
        (address, stop, server, metrics)
    }

    /// What a client gets that sends this and then only listens, until the server closes.
    async fn exchange(address: SocketAddr, send: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("accepted");
        stream.write_all(send.as_bytes()).await.expect("sent");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.expect("closed in order");
        String::from_utf8(got).expect("text")
    }

    #[tokio::test]
    async fn who_sends_no_head_is_closed_and_so_is_who_idles() {
        let router = Router::new().route("/", get(async || "hello"));
        let (address, _stop, _server, _) = started(router, Duration::from_millis(50), PATIENT).await;
        assert_eq!(exchange(address, "").await, "");
        assert!(!exchange(address, "GET / HTTP/1.1\r\nHos").await.contains("hello"));
        assert!(exchange(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.ends_with("hello"));
    }

    #[tokio::test]
    async fn who_does_not_read_makes_way_for_who_does() {
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/long", get(async || vec![b'x'; 16 << 20]));
        let (address, _stop, _server, _) = started(router, PATIENT, PATIENT).await;
        let mut silent = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.expect("accepted");
            stream.write_all(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
            silent.push(stream);
        }
        let short = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        assert!(exchange(address, short).await.ends_with("hello"), "both places were taken");
    }

    /// A certificate of nobody's.
    fn https() -> crate::config::Https {
        let folder = tempfile::tempdir().expect("a folder");
        let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
        let write = |name: &str, pem: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem).expect("written");
            path.display().to_string()
        };
        let (certificate, key) =
            (write("c.pem", issued.cert.pem()), write("k.pem", issued.signing_key.serialize_pem()));
        let text = format!("[http]\ntls_cert = {certificate:?}\ntls_key = {key:?}\n");
        crate::config::Config::parse("t", &text, []).expect("valid").http.tls.expect("it is there")
    }

    #[tokio::test]
    async fn who_does_not_shake_hands_is_closed_and_plain_words_are_not_answered() {
        let router = Router::new().route("/", get(async || "hello"));
        let tls = Tls::new(Some(https()));
        let (address, _stop, _server, _) = serving(tls, router, Duration::from_millis(50), PATIENT).await;
        assert_eq!(exchange(address, "").await, "");
        let mut plain = TcpStream::connect(address).await.expect("accepted");
        plain.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        let mut got = Vec::new();
        // An alert, and an end in order or not.
        let _ = plain.read_to_end(&mut got).await;
        assert!(!String::from_utf8_lossy(&got).contains("hello"));
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_wait_for_room() {
        let router = Router::new().route("/", get(async || "hello"));
        let (address, _stop, _server, metrics) = started(router, PATIENT, PATIENT).await;
        let ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.expect("accepted");
            stream.write_all(ask.as_bytes()).await.expect("sent");
            stream.read_u8().await.expect("an answer begins");
            held.push(stream);
        }
        assert!(metrics.render().contains("trunkline_http_connections 2"));
        let third = tokio::spawn(exchange(address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        drop(held);
        assert!(third.await.expect("no panic").ends_with("hello"));
    }

    #[tokio::test]
    async fn stopping_finishes_what_is_under_way_and_closes_what_idles() {
        let (begun, go) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
        let slow = {
            let (begun, go) = (begun.clone(), go.clone());
            async move || {
                begun.notify_one();
                go.notified().await;
                "finished"
            }
        };
        let (address, stop, server, _) = started(Router::new().route("/", get(slow)), PATIENT, PATIENT).await;
        let busy = tokio::spawn(exchange(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        begun.notified().await;
        let idle = tokio::spawn(exchange(address, ""));
        stop.cancel();
        go.notify_one();
        assert!(busy.await.expect("no panic").ends_with("finished"));
        server.await.expect("stopped");
        // It was accepted or it was not: either way it is over.
        let _ = idle.await;
    }

    #[tokio::test]
    async fn what_is_not_finished_by_the_deadline_is_cut_off() {
        let never = async || std::future::pending::<&'static str>().await;
        let router = Router::new().route("/", get(never));
        let (address, stop, server, metrics) = started(router, PATIENT, Duration::ZERO).await;
        let mut stream = TcpStream::connect(address).await.expect("accepted");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        let is_there = async || metrics.render().contains("trunkline_http_connections 1");
        eventually("the connection is counted", is_there).await;
        stop.cancel();
        server.await.expect("stopped");
        assert!(metrics.render().contains("trunkline_http_connections 0"));
    }
}
