//! The receiver of the calls' webhooks. It runs in this process: its CPU time is not the switch's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use tokio::net::TcpListener;

/// Counts webhooks.
pub struct Receiver {
    pub address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    /// Those whose callee hung up, as all here do.
    answered: AtomicU64,
}

impl Receiver {
    pub async fn start() -> Self {
        let counts = Arc::new(Counts::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&counts));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, counts }
    }

    /// Waits for so many deliveries, or until the deadline; says how many came.
    pub async fn wait(&self, wanted: u64, deadline: Duration) -> u64 {
        let until = Instant::now() + deadline;
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while self.counts.delivered.load(Ordering::Relaxed) < wanted && Instant::now() < until {
            look.tick().await;
        }
        self.counts.delivered.load(Ordering::Relaxed)
    }

    pub fn answered(&self) -> u64 {
        self.counts.answered.load(Ordering::Relaxed)
    }
}

async fn take(State(counts): State<Arc<Counts>>, body: String) {
    counts.delivered.fetch_add(1, Ordering::Relaxed);
    if body.contains(r#""ended_reason":"caller_hangup""#) {
        counts.answered.fetch_add(1, Ordering::Relaxed);
    }
}
