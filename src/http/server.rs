//! Accepts connections and serves them, each within bounds; stops when told, by a deadline.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;

/// A request's head, in bytes: its line and all its headers.
const HEAD_MAX: usize = 64 << 10;
/// The wait after `accept` failed, which it does when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server's bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections open at once; more wait in the kernel's backlog.
    pub connections_max: usize,
    /// How long a client may take to send a request's head, and how long a connection may idle before one.
    pub header_timeout: Duration,
    /// How long requests under way may take once the server is told to stop.
    pub drain: Duration,
}

/// Serves until `stop` is cancelled: then idle connections close, requests under way are finished within
/// [`Bounds::drain`], and the rest is cut off.
pub async fn serve(
    listener: TcpListener,
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
        connections.spawn(async move {
            metrics.http_connected();
            tokio::select! {
                () = cut.cancelled() => {}
                () = connection(stream, router, bounds.header_timeout, stop) => {}
            }
            metrics.http_disconnected();
            drop(room);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(bounds.drain, connections.wait()).await.is_err() {
        cut.cancel();
        connections.wait().await;
    }
}

async fn connection(stream: TcpStream, router: Router, header_timeout: Duration, stop: CancellationToken) {
    // Answers are short and awaited; a socket that refuses this only waits longer.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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
