//! A webhook receiver that remembers what it got, and can be told to refuse, to hang, or to be gone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::eventually;

/// A server on loopback, as long as it lives.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    runtime: Runtime,
    server: Option<JoinHandle<()>>,
}

/// What it does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Answers this status.
    Answer(u16),
    /// Takes the request and never answers.
    Hang,
}

/// One request that came in, answered or not.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub path: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
    pub json: Value,
    /// What the receiver did with it.
    pub manner: Manner,
}

struct Shared {
    manner: Manner,
    deliveries: Vec<Delivery>,
}

impl Receiver {
    /// Listens on a free port, and answers 200.
    pub fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let shared = Arc::new(Mutex::new(Shared { manner: Manner::Answer(200), deliveries: Vec::new() }));
        let address = "127.0.0.1:0".parse().expect("an address");
        let mut receiver = Self { address, shared, runtime, server: None };
        receiver.resume();
        receiver
    }

    /// What to configure.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on.
    pub fn set(&self, manner: Manner) {
        self.shared().manner = manner;
    }

    /// Closes the port: whoever comes is refused.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            // Resolves when the listener is closed; its error says only that we aborted it.
            let _ = self.runtime.block_on(server);
        }
    }

    /// Listens again, on the same port.
    pub fn resume(&mut self) {
        let listener =
            self.runtime.block_on(TcpListener::bind(self.address)).expect("the port is still free");
        self.address = listener.local_addr().expect("a bound listener has an address");
        let app = Router::new().fallback(receive).with_state(Arc::clone(&self.shared));
        self.server = Some(self.runtime.spawn(async move {
            axum::serve(listener, app).await.expect("axum::serve does not end");
        }));
    }

    /// Everything so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared().deliveries.clone()
    }

    /// What came so far about this call.
    pub fn deliveries_of(&self, call_id: &str) -> Vec<Delivery> {
        self.deliveries().into_iter().filter(|delivery| delivery.json["call_id"] == call_id).collect()
    }

    /// Everything, once there are at least so many.
    pub fn await_deliveries(&self, count: usize) -> Vec<Delivery> {
        eventually(&format!("{count} webhooks"), || {
            Some(self.deliveries()).filter(|deliveries| deliveries.len() >= count)
        })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(
    State(shared): State<Arc<Mutex<Shared>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let manner = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let manner = shared.manner;
        shared.deliveries.push(Delivery {
            path: uri.path().to_owned(),
            headers,
            bytes: body.to_vec(),
            json,
            manner,
        });
        manner
    };
    match manner {
        Manner::Answer(status) => StatusCode::from_u16(status).expect("a valid status"),
        Manner::Hang => std::future::pending().await,
    }
}
